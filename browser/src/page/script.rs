//! The scripts that run in our isolated world of a document, and the expressions that ask them.

use serde::Serialize;

/// Installs the scripts in a document; does nothing where they are. Best run before the document's own scripts, so that no switch of
/// a password field is missed, else before the first question.
pub const INSTALL: &str = concat!(
    "(() => {\n'use strict';\nif (Object.hasOwn(globalThis, 'errandPage')) return;\n",
    include_str!("script/dom.js"),
    include_str!("script/secrets.js"),
    include_str!("script/refs.js"),
    include_str!("script/roles.js"),
    include_str!("script/names.js"),
    include_str!("script/walk.js"),
    include_str!("script/shadows.js"),
    include_str!("script/things.js"),
    include_str!("script/answers.js"),
    include_str!("script/look.js"),
    include_str!("script/read.js"),
    include_str!("script/install.js"),
    "})()"
);

/// A function for a closed shadow root, as `this` in our isolated world: from then on what is in it is seen.
pub(super) const ADOPT: &str = "function () { return globalThis.errandPage.adopt(this); }";

/// An expression whose value is a list of the elements that may have such a root, as they were noted since it was asked for last.
pub(super) const HOSTS: &str = "globalThis.errandPage.takeHosts()";

/// An expression that makes a secret of the field that has the cursor, in our isolated world.
pub const HIDE_FOCUSED: &str =
    "Object.hasOwn(globalThis, 'errandPage') ? globalThis.errandPage.hideFocused() : false";

/// An expression whose value is what is in the fields of which [`HIDE_FOCUSED`] made secrets: a list of texts.
pub const PERSON_VALUES: &str =
    "Object.hasOwn(globalThis, 'errandPage') ? globalThis.errandPage.personValues() : []";

/// How the page is asked. Every answer is JSON as one string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "question", rename_all = "lowercase")]
pub(super) enum Question {
    /// What can be seen.
    Look {
        /// The least number that a node may get.
        first: u64,
        /// The most time for the walk.
        milliseconds: u64,
        /// The most bytes of lines.
        bytes: usize,
        /// Also what is outside the window.
        everything: bool,
        /// Only what is inside this node.
        #[serde(rename = "ref")]
        number: Option<u64>,
        /// Of a frame: the part of its window that is seen.
        seen: Option<[i64; 4]>,
    },
    /// Where a text is.
    Find {
        /// As of a look.
        first: u64,
        /// As of a look.
        milliseconds: u64,
        /// As of a look.
        bytes: usize,
        /// Compared without regard to case and runs of blanks.
        text: String,
        /// Lines to tell before and after each line with a hit.
        around: u64,
        /// The most lines with a hit to tell.
        hits: u64,
    },
    /// Readable text.
    Read {
        /// As of a look.
        first: u64,
        /// As of a look.
        milliseconds: u64,
        /// As of a look.
        bytes: usize,
        /// Only what is inside this node.
        #[serde(rename = "ref")]
        number: Option<u64>,
        /// Where to begin, as told by the page before.
        from: u64,
        /// The most letters.
        letters: u64,
        /// Also navigation, headers and footers.
        whole: bool,
    },
}

impl Question {
    /// An expression whose value is the answer, or null where the scripts are not installed.
    pub(super) fn expression(&self) -> Result<String, serde_json::Error> {
        Ok(asked(&format!("answer({})", serde_json::to_string(self)?)))
    }
}

/// An expression whose value is the node of that number, or null.
pub(super) fn node(number: u64) -> String {
    asked(&format!("node({number})"))
}

/// An expression whose value is what a person fills or switches through the node of that number, or null. It is another
/// node only where a label stands for a box that the page hides.
pub(super) fn field(number: u64) -> String {
    asked(&format!("field({number})"))
}

fn asked(what: &str) -> String {
    format!("Object.hasOwn(globalThis, 'errandPage') ? globalThis.errandPage.{what} : null")
}
