//! Attached files: decoded, within their bounds, and at paths that can all exist beside each other.

use std::collections::BTreeSet;

use agent_core::workspace::check_path;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{Content, IncomingFile};
use crate::app::App;
use crate::request::fields::Faults;

/// Checks and decodes files. The answer is of use only when no fault was noted.
pub fn check(app: &App, incoming: Vec<IncomingFile>, faults: &mut Faults) -> Vec<(String, Bytes)> {
    let max = app.options.files_max;
    if incoming.len() > max {
        faults.add_oversize(
            "/files",
            format!(
                "has {} files; at most {max} are allowed (files_max)",
                incoming.len()
            ),
        );
        return Vec::new();
    }
    paths(&incoming, faults);
    let mut inline_bytes = 0_u64;
    let mut files = Vec::with_capacity(incoming.len());
    for file in incoming {
        let bytes = match file.content {
            Content::Bytes(bytes) => bytes,
            Content::Base64(text) => {
                let Some(bytes) = decode(&text, &file.pointer, faults) else {
                    continue;
                };
                inline_bytes = inline_bytes.saturating_add(bytes.len() as u64);
                bytes
            }
        };
        files.push((file.name, bytes));
    }
    let max = app.options.json_files_bytes_max;
    if inline_bytes > max {
        faults.add_oversize(
            "/files",
            format!(
                "hold {inline_bytes} bytes in all; at most {max} are allowed in JSON \
                 (json_files_bytes_max): use multipart"
            ),
        );
    }
    files
}

fn decode(text: &str, at: &str, faults: &mut Faults) -> Option<Bytes> {
    match STANDARD.decode(text) {
        Ok(bytes) => Some(Bytes::from(bytes)),
        Err(error) => {
            let at = format!("{at}/content_base64");
            // The decoder's text gives the place and at most one byte of the content.
            let message = error.to_string().to_lowercase();
            faults.add(
                at,
                format!("is not standard base64 with padding: {message}"),
            );
            None
        }
    }
}

fn paths(incoming: &[IncomingFile], faults: &mut Faults) {
    let mut files = BTreeSet::new();
    let mut folders = BTreeSet::new();
    for file in incoming {
        let at = format!("{}/name", file.pointer);
        if faults.has(&at) {
            continue;
        }
        if let Err(message) = check_path(&file.name) {
            faults.add(at, message);
            continue;
        }
        if !files.insert(file.name.as_str()) {
            faults.add(at, "is the name of an earlier file too");
            continue;
        }
        let ends = file.name.match_indices('/').map(|(end, _)| end);
        let above: Vec<&str> = ends.map(|end| &file.name[..end]).collect();
        let clashes = above.iter().any(|folder| files.contains(folder));
        if clashes || folders.contains(file.name.as_str()) {
            faults.add(at, "names a file where another file needs a folder");
        }
        folders.extend(above);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faulty(names: &[&str]) -> usize {
        let incoming: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(index, name)| IncomingFile {
                name: (*name).to_owned(),
                pointer: format!("/files/{index}"),
                content: Content::Bytes(Bytes::new()),
            })
            .collect();
        let mut faults = Faults::default();
        paths(&incoming, &mut faults);
        faults
            .into_result()
            .err()
            .map_or(0, |p| p.body("r").errors.len())
    }

    #[test]
    fn files_must_be_able_to_exist_beside_each_other() {
        assert_eq!(faulty(&["a", "b/c", "b/d"]), 0);
        assert_eq!(faulty(&["a", "a"]), 1);
        assert_eq!(faulty(&["a", "a/b"]), 1);
        assert_eq!(faulty(&["a/b/c", "a/b"]), 1);
        assert_eq!(faulty(&["../a", "/b", "c\\d", "."]), 4);
    }

    #[test]
    fn base64_faults_name_the_place_and_not_the_content() {
        let mut faults = Faults::default();
        assert!(decode("YQ==", "/files/0", &mut faults).is_some());
        assert!(decode("YQ", "/files/1", &mut faults).is_none());
        assert!(decode("Y!==", "/files/2", &mut faults).is_none());
        let found = faults.into_result().err().map(|p| p.body("r").errors);
        assert_eq!(found.map(|f| f.len()), Some(2));
    }
}
