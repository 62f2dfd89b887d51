//! Files in the repository that must equal what the code renders.

use std::path::{Path, PathBuf};

/// The path of a file of this crate.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Fails when the recorded file differs from `rendered`, and says where. With `ERRAND_BLESS` set, records it instead.
pub fn must_equal(relative: &str, rendered: &str) {
    let file = path(relative);
    if std::env::var_os("ERRAND_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, rendered).unwrap();
        return;
    }
    let recorded = std::fs::read_to_string(&file).unwrap_or_default();
    if recorded == rendered {
        return;
    }
    let same = recorded
        .lines()
        .zip(rendered.lines())
        .take_while(|(old, new)| old == new)
        .count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(end)").to_owned();
    panic!(
        "{relative} is out of date from line {}:\n  recorded: {}\n  now:      {}\nIf the change is wanted, run \
         `ERRAND_BLESS=1 cargo nextest run -p agent-core` and read the difference.",
        same + 1,
        line(&recorded),
        line(rendered),
    );
}
