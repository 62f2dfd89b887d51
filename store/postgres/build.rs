//! Checks the queries again when a migration or a query changes; the macros alone do not notice new migrations.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations/postgres");
    println!("cargo:rerun-if-changed=../queries");
    println!("cargo:rerun-if-changed=queries");
}
