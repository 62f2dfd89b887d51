//! Rebuilds the embedded migrations when one is added or changed; the macro alone does not notice new files.

fn main() {
    println!("cargo:rerun-if-changed=sqlite");
    println!("cargo:rerun-if-changed=postgres");
}
