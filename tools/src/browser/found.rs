//! Where Chromium is.

use std::path::{Path, PathBuf};

use crate::options::{Options, SandboxKind};

/// The program itself before the distribution's script around it, which adds flags and extensions.
const USUAL: &[&str] = &[
    "/usr/lib/chromium/chromium",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/opt/google/chrome/chrome",
];

/// What the sandbox shows of the system anyway.
const SHOWN: &str = "/usr";

/// The program, without links on the way to it.
pub fn program(options: &Options) -> Option<PathBuf> {
    let usual = || USUAL.iter().map(PathBuf::from).find(|path| path.is_file());
    let any = || headless_chrome::browser::default_executable().ok();
    let named = options.chromium.clone().or_else(usual).or_else(any)?;
    let whole = named.canonicalize().ok()?;
    whole.is_file().then_some(whole)
}

/// Whether steps are offered a browser: where there is one, and a sandbox for it.
pub(crate) fn is_offered(options: &Options) -> bool {
    options.browser.enabled && options.sandbox != SandboxKind::None && program(options).is_some()
}

/// Folders that the program needs and that the sandbox would not show.
pub(crate) fn binds(options: &Options) -> Vec<PathBuf> {
    let program = program(options);
    let folder = program.as_deref().and_then(Path::parent);
    let hidden = folder.filter(|folder| !folder.starts_with(SHOWN) && folder.parent().is_some());
    hidden.map(Path::to_path_buf).into_iter().collect()
}
