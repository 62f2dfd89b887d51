//! Files that a browser downloaded, brought into the workspace.
//!
//! What they are called is the server's choice, so only the last part of a name is used, and of that only what can do no harm. Nothing
//! in the workspace is replaced.

use std::io;

use crate::directory::{AccessError, Directory};
use crate::sandbox::disk::DiskLimits;
use crate::workspace::Entered;

/// Where they go.
pub(super) const FOLDER: &str = "downloads";
/// Names of files have at most 255, and a number may be added.
const NAME_BYTES_MAX: usize = 200;
/// Names that are tried beside one that is taken.
const TRIES_MAX: u32 = 1_000;

/// Copies one into the workspace. Gives its path and size there, or what a model is told. Blocks on the file system.
pub(super) fn bring(
    from: &Directory,
    guid: &str,
    suggested: &str,
    to: &Entered,
    limits: &DiskLimits,
) -> io::Result<Result<(String, u64), String>> {
    let (mut file, stat) = match from.open_file(guid) {
        Ok(opened) => opened,
        Err(AccessError::Io(error)) => return Err(error),
        Err(error) => return Ok(Err(format!("the download cannot be read: {error}"))),
    };
    let bytes = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    let room = limits.room(to)?;
    if room.amount().files == 0 {
        let said = room.of_files();
        return Ok(Err(format!("there is no room for one more file: {said}")));
    }
    if bytes > room.amount().bytes {
        let said = room.of_bytes();
        return Ok(Err(format!(
            "it has {bytes} bytes, and there is no room for them: {said}"
        )));
    }
    let path = match free_path(to.directory(), suggested) {
        Ok(path) => path,
        Err(AccessError::Io(error)) => return Err(error),
        Err(error) => return Ok(Err(format!("{FOLDER}/ cannot be used: {error}"))),
    };
    let kept = to.directory().begin(&path, Some(false));
    let kept = kept.and_then(|mut unfinished| {
        let copied = io::copy(&mut io::Read::take(&mut file, bytes), &mut unfinished.file)?;
        to.directory().keep(unfinished, false)?;
        Ok(copied)
    });
    match kept {
        Ok(copied) => Ok(Ok((path, copied))),
        Err(AccessError::Io(error)) => Err(error),
        Err(error) => Ok(Err(format!("{path} cannot be written: {error}"))),
    }
}

fn free_path(directory: &Directory, suggested: &str) -> Result<String, AccessError> {
    let name = safe_name(suggested);
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        Some(_) | None => (name.as_str(), String::new()),
    };
    let mut path = format!("{FOLDER}/{name}");
    for number in 2..TRIES_MAX {
        match directory.stat(&path) {
            Err(AccessError::Missing) => break,
            Err(error) => return Err(error),
            Ok(_) => path = format!("{FOLDER}/{stem}-{number}{extension}"),
        }
    }
    Ok(path)
}

/// The last part of a name, without what has a meaning elsewhere.
fn safe_name(suggested: &str) -> String {
    let last = suggested.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_plain = |letter: &char| !letter.is_control() && !"<>:\"|?*".contains(*letter);
    let plain: String = last.chars().filter(is_plain).collect();
    let plain = plain.trim().trim_start_matches('.');
    // The end of a name says what it is.
    let from = plain.len().saturating_sub(NAME_BYTES_MAX);
    let from = (from..=plain.len()).find(|at| plain.is_char_boundary(*at));
    let cut = from.and_then(|from| plain.get(from..)).unwrap_or_default();
    if cut.is_empty() {
        return "download".to_owned();
    }
    cut.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_name_for_a_file_cannot_lead_anywhere() {
        for (suggested, name) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("..\\..\\a.exe", "a.exe"),
            (".bashrc", "bashrc"),
            ("..", "download"),
            ("", "download"),
            ("a\nb\u{0}c.txt", "abc.txt"),
            ("Äpfel & Birnen.csv", "Äpfel & Birnen.csv"),
        ] {
            assert_eq!(safe_name(suggested), name, "{suggested:?}");
        }
        let long = format!("{}.csv", "x".repeat(500));
        assert!(safe_name(&long).ends_with("x.csv"));
        assert_eq!(safe_name(&long).len(), NAME_BYTES_MAX);
        let wide = safe_name(&format!("{}.csv", "\u{1f600}".repeat(100)));
        assert!(
            wide.ends_with("\u{1f600}.csv") && wide.len() <= NAME_BYTES_MAX,
            "{wide}"
        );
    }
}
