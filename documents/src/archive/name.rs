//! Names of members as places in a folder: which are safe to write.

/// The longest part of a name that file systems take, in bytes.
const PART_BYTES_MAX: usize = 255;
/// The longest name in bytes that any system takes.
const NAME_BYTES_MAX: usize = 4000;

/// A member's name as a relative path with slashes, or what is wrong with it.
///
/// Refused is whatever could lead out of the folder on any system: absolute names, `..`, backslashes, drive letters,
/// and characters that are not shown.
pub fn safe_name(name: &str) -> Result<String, &'static str> {
    if name.starts_with('/') {
        return Err("the name is absolute");
    }
    if name.contains('\\') {
        return Err("the name has a backslash");
    }
    if name.as_bytes().get(1) == Some(&b':') {
        return Err("the name begins with a drive letter");
    }
    if name.chars().any(char::is_control) || crate::clean::clean(name) != name {
        return Err("the name has characters that are not shown");
    }
    if name.len() > NAME_BYTES_MAX {
        return Err("the name is too long");
    }
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("the name leads out of the folder"),
            _ if part.len() > PART_BYTES_MAX => return Err("the name is too long"),
            _ => parts.push(part),
        }
    }
    if parts.is_empty() {
        return Err("the name is empty");
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_the_folder_or_are_refused() {
        assert_eq!(safe_name("./a//b/c.txt"), Ok("a/b/c.txt".to_owned()));
        assert_eq!(safe_name("..a/b.."), Ok("..a/b..".to_owned()));
        let refused = [
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/..",
            "C:/x",
            "c:x",
            "a\\..\\x",
            "",
            ".",
            "./",
            "a\0b",
            "a\u{202E}txt.exe",
            "a\nb",
            "\u{200B}",
        ];
        for name in refused {
            assert!(safe_name(name).is_err(), "{name:?}");
        }
        assert!(safe_name(&"x".repeat(256)).is_err());
        assert!(safe_name(&"x/".repeat(3000)).is_err());
    }
}
