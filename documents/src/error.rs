//! Why a document gave no text.

use crate::format::Format;

/// Why a document gave no text. Each text says what the caller can do about it, where anything can be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something in the file is larger, deeper or more than a limit allows.
    #[error("{what}: over the limit `{limit}` of {allowed}")]
    Limit {
        /// The field of [`crate::Limits`].
        limit: &'static str,
        /// Its value.
        allowed: u64,
        /// What went over it.
        what: String,
    },
    /// The file is not what it says, or is cut off.
    #[error("this is no readable {format} file: {why}")]
    Malformed {
        /// What it was taken for.
        format: Format,
        /// What is wrong with it.
        why: String,
    },
    /// The file needs a password.
    #[error("this {0} file is encrypted; ask for a copy without a password")]
    Encrypted(Format),
    /// The file is of a kind that is not read.
    #[error("{what} cannot be read; {cure}")]
    Unsupported {
        /// The kind.
        what: String,
        /// What to do instead.
        cure: &'static str,
    },
    /// The document has no such page, sheet, slide or member.
    #[error("there is no {asked}; {available}")]
    NoSuchPart {
        /// What was asked for.
        asked: String,
        /// What there is.
        available: String,
    },
    /// The wanted part cannot be understood, or does not fit the kind of document.
    #[error("the part `{asked}` does not fit; {cure}")]
    BadPart {
        /// What was asked for.
        asked: String,
        /// What would fit.
        cure: String,
    },
    /// A name in an archive would lead outside the folder, or over something that exists.
    #[error("the member `{name}` is not written: {why}")]
    UnsafeName {
        /// The member's name, made printable.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Files of an archive would stand where files are already.
    #[error("{name:?} is there already{}", beside(*.others))]
    Taken {
        /// The first of them.
        name: String,
        /// How many others there are.
        others: usize,
    },
    /// A member of an archive could not be written.
    #[error("could not write {name:?}: {source}")]
    NotWritten {
        /// The member's name.
        name: String,
        /// What the file system said.
        #[source]
        source: std::io::Error,
    },
    /// Files of an archive took the places of others, a later one did not, and the others could not be put back.
    #[error(
        "{source}. What was replaced by then was put back but for these files, which are new: {}; all else is as it was",
        .new.join(", ")
    )]
    Halfway {
        /// The names of the files that are new.
        new: Vec<String>,
        /// Why not all are.
        #[source]
        source: Box<Error>,
    },
    /// The file could not be read.
    #[error("could not read a file")]
    Io(#[source] std::io::Error),
}

fn beside(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => ", and so is one other".to_owned(),
        _ => format!(", and so are {others} others"),
    }
}

impl Error {
    pub(crate) fn malformed(format: Format, why: impl Into<String>) -> Self {
        let why = why.into();
        Self::Malformed { format, why }
    }

    pub(crate) fn limit(limit: &'static str, allowed: u64, what: impl Into<String>) -> Self {
        Self::Limit {
            limit,
            allowed,
            what: what.into(),
        }
    }
}

impl From<std::io::Error> for Error {
    /// Takes an error of ours back out that a reader had to carry as one of its own.
    fn from(error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => Self::Io(error),
        }
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}
