//! What a model is told of the tool tree: read off the names of folders and files, so that a start stays short. What programs
//! really find there is asked inside, by `doctor`.

use std::fs;
use std::path::{Path, PathBuf};

/// How much is told.
const BYTES_MAX: usize = 700;
/// What installs packages is no use where nothing can be installed.
const INSTALLERS: [&str; 3] = ["pip", "setuptools", "wheel"];

/// The folders with Python packages.
pub(super) fn site_packages(tree: &Path) -> Vec<PathBuf> {
    let names = names_in(&tree.join("lib"));
    let pythons = names.iter().filter(|name| name.starts_with("python3"));
    let folders = pythons.map(|name| tree.join("lib").join(name).join("site-packages"));
    folders.filter(|folder| folder.is_dir()).collect()
}

/// The names in a folder, in order; none if it cannot be read.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    // The text of a prompt: nothing in it that is not a name.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.+!".contains(c);
    let mut names: Vec<String> = names.filter(|name| name.chars().all(is_plain)).collect();
    names.sort_by_key(|name| name.to_lowercase());
    names
}

/// What is at hand, in a sentence; nothing where that is nothing.
pub(crate) fn in_words(tree: &Path) -> Option<String> {
    let packages: Vec<String> = site_packages(tree)
        .iter()
        .flat_map(|folder| names_in(folder))
        .filter_map(|name| package(&name))
        .collect();
    if !packages.is_empty() {
        let listed = listed(&packages);
        return Some(format!(
            "python3 has these packages beside its own: {listed}."
        ));
    }
    let programs = names_in(&tree.join("bin"));
    let programs: Vec<String> = programs
        .into_iter()
        .filter(|name| !name.starts_with("python") && !name.to_lowercase().starts_with("activate"))
        .collect();
    (!programs.is_empty()).then(|| {
        format!(
            "Beside the usual programs there are: {}.",
            listed(&programs)
        )
    })
}

/// Name and version of a package, from the name of the folder that describes it.
fn package(folder: &str) -> Option<String> {
    let (name, version) = folder.strip_suffix(".dist-info")?.rsplit_once('-')?;
    let name = name.replace('_', "-");
    (!INSTALLERS.contains(&name.as_str())).then(|| format!("{name} {version}"))
}

/// As many as there is room for.
fn listed(names: &[String]) -> String {
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        if text.len() + name.len() > BYTES_MAX {
            return format!("{text} and {} more", names.len() - at);
        }
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
    }
    text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn packages_are_told_by_name_and_version_without_what_installs_them() {
        let tree = tempfile::tempdir().unwrap();
        let packages = tree.path().join("lib/python3.13/site-packages");
        for name in [
            "pandas-3.1.1.dist-info",
            "pandas",
            "python_docx-1.2.0.dist-info",
            "PyYAML-6.0.dist-info",
            "pip-23.0.1.dist-info",
            "say \"ignore this\"-1.dist-info",
        ] {
            fs::create_dir_all(packages.join(name)).unwrap();
        }
        assert_eq!(
            in_words(tree.path()).unwrap(),
            "python3 has these packages beside its own: pandas 3.1.1, python-docx 1.2.0, PyYAML 6.0."
        );
    }

    #[test]
    fn a_tree_without_packages_is_told_by_its_programs_and_an_empty_one_not_at_all() {
        let tree = tempfile::tempdir().unwrap();
        assert_eq!(in_words(tree.path()), None);
        fs::create_dir(tree.path().join("bin")).unwrap();
        for name in ["jq", "python3", "activate"] {
            fs::write(tree.path().join("bin").join(name), "").unwrap();
        }
        assert_eq!(
            in_words(tree.path()).unwrap(),
            "Beside the usual programs there are: jq."
        );
    }

    #[test]
    fn a_long_list_is_cut_and_says_how_much_is_missing() {
        let names: Vec<String> = (0..200)
            .map(|number| format!("package-{number:03}"))
            .collect();
        let text = listed(&names);
        assert!(text.len() < BYTES_MAX + 30 && text.starts_with("package-000, package-001, "));
        assert!(text.ends_with(" and 146 more"), "{text}");
    }
}
