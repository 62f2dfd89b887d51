//! What the scripts say about a frame, decoded. Unknown fields are ignored, absent ones are empty.

use serde::Deserialize;

/// What every answer says of its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    /// Another for every document.
    pub document: String,
    pub title: String,
    pub url: String,
    /// How far it is scrolled, across and down, in px.
    pub scroll: [i64; 2],
    /// Its whole width and height, in px.
    pub page: [i64; 2],
    /// Width and height of its window, in px.
    pub window: [i64; 2],
}

/// An answer about lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    #[serde(flatten)]
    pub facts: Facts,
    /// The node that was asked about is gone.
    pub dead: bool,
    pub lines: Vec<Line>,
    /// Actions outside the window: above, below, beside.
    pub outside: [u64; 3],
    /// Lines and actions that had no room.
    pub cut: [u64; 2],
    /// Whether a dialog keeps the rest from being used.
    pub modal: bool,
    /// Whether the time sufficed for all of it.
    pub complete: bool,
    /// The number that the next node will get.
    pub next: u64,
    /// How long the script took.
    pub milliseconds: u64,
    /// Of a search: hits, lines with a hit, lines in all.
    pub hits: u64,
    #[serde(rename = "hitLines")]
    pub hit_lines: u64,
    #[serde(rename = "lineCount")]
    pub line_count: u64,
    /// Of a search: the place of each told line among all, and of those that match.
    pub numbers: Vec<u64>,
    pub matching: Vec<u64>,
}

/// What stands in one row on the page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Line {
    pub kind: Kind,
    #[serde(default)]
    pub depth: usize,
    /// Of a heading, 1 to 6.
    #[serde(default)]
    pub level: u8,
    /// Whether it is part of a dialog that keeps the rest from being used.
    #[serde(default)]
    pub modal: bool,
    /// The group that begins here, or what a whole row is.
    #[serde(default)]
    pub head: Option<Thing>,
    #[serde(default)]
    pub items: Vec<Item>,
    #[serde(default)]
    pub cells: Vec<Vec<Item>>,
    /// Items of a row that had no room.
    #[serde(default)]
    pub more: u64,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Text and small things side by side.
    Run,
    /// A heading.
    Heading,
    /// A row of a table.
    Row,
    /// A row of a table's column names.
    Head,
    /// The beginning of something that holds the deeper lines below it.
    Group,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Item {
    /// Words of the page.
    Text {
        /// On one line.
        text: String,
    },
    /// Something with a role.
    Thing(Box<Thing>),
}

/// Something with a role. It can be acted on if it has a number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Thing {
    pub role: String,
    #[serde(rename = "ref")]
    pub number: Option<u64>,
    pub name: String,
    /// What its makers call it, where it has no name.
    pub hint: String,
    pub states: Vec<String>,
    /// Absent also where it must not be told.
    pub value: Option<String>,
    /// All choices, if there are few.
    pub options: Option<Vec<String>>,
    /// The number of choices, if there are many.
    pub more: Option<u64>,
    /// Of a drawing: width and height in px.
    pub size: Option<[i64; 2]>,
    /// Of what scrolls: px above and below, actions above and below.
    pub scroll: Option<[i64; 4]>,
    /// Of a frame: where its document is from.
    pub url: String,
    /// Of a frame: left, top, width and height of what is seen of it, in its own px.
    pub seen: Option<[i64; 4]>,
}

impl Line {
    /// All things on the line, in order.
    pub(super) fn things(&self) -> impl Iterator<Item = &Thing> {
        let items = self.items.iter().chain(self.cells.iter().flatten());
        let things = items.filter_map(|item| match item {
            Item::Thing(thing) => Some(&**thing),
            Item::Text { .. } => None,
        });
        self.head.iter().chain(things)
    }
}

/// An answer with readable text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct SaidText {
    #[serde(flatten)]
    pub facts: Facts,
    pub dead: bool,
    pub text: String,
    pub from: u64,
    pub end: u64,
    pub total: u64,
    pub complete: bool,
    #[serde(rename = "leftOut")]
    pub left_out: Vec<(String, u64)>,
    pub frames: Vec<Thing>,
    pub next: u64,
    pub milliseconds: u64,
}
