//! The name of a thing on a page, as a model says it: `e13`, or `f2e7` within a frame.

use std::fmt;
use std::str::FromStr;

/// A thing on a page. It means one node for as long as that node lives, and never another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Which frame of the tab, 0 for the one at the top.
    pub frame: u32,
    /// Which node of the frame, over all documents that it ever showed. From 1.
    pub number: u64,
}

/// The text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a reference; they look like e13 or f2e7")]
pub struct NotAReference(pub String);

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.frame > 0 {
            write!(formatter, "f{}", self.frame)?;
        }
        write!(formatter, "e{}", self.number)
    }
}

impl FromStr for Reference {
    type Err = NotAReference;

    /// Brackets around it are forgiven: that is how a snapshot shows it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.trim().trim_start_matches('[').trim_end_matches(']');
        let read = || {
            let (frame, number) = match bare.strip_prefix('f') {
                Some(rest) => {
                    let (frame, number) = rest.split_once('e')?;
                    (digits(frame)?, number)
                }
                None => (0, bare.strip_prefix('e')?),
            };
            Some(Self {
                frame: u32::try_from(frame).ok()?,
                number: digits(number)?,
            })
        };
        read().ok_or_else(|| NotAReference(text.chars().take(40).collect()))
    }
}

/// A number without sign, blanks or leading zero, so that each reference has one spelling.
fn digits(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_reference_is_read_as_it_is_shown() {
        for (text, frame, number) in [("e13", 0, 13), ("f2e7", 2, 7)] {
            let reference = Reference { frame, number };
            assert_eq!(reference.to_string(), text);
            assert_eq!(text.parse(), Ok(reference));
            assert_eq!(format!("[{text}]").parse(), Ok(reference));
        }
    }

    #[test]
    fn what_is_no_reference_is_refused_with_an_example() {
        for text in [
            "",
            "e",
            "e0",
            "e-1",
            "e+1",
            "e1 ",
            "13",
            "f2",
            "f0e1",
            "fe1",
            "E1",
            "e1e2",
            "e99999999999999999999",
        ] {
            let read = text.parse::<Reference>();
            assert!(
                read.is_err() || text.trim() != text,
                "{text:?} gave {read:?}"
            );
        }
        assert_eq!(
            "button".parse::<Reference>().unwrap_err().to_string(),
            "\"button\" is not a reference; they look like e13 or f2e7"
        );
    }
}
