//! Text documents of `OpenDocument` as Markdown: headings, lists, tables, links and notes, without tracked deletions and remarks.

use std::collections::BTreeSet;
use std::io::{BufRead, Read, Seek};

use crate::clean::{clean, one_line};
use crate::document::Document;
use crate::error::Error;
use crate::format::Format;
use crate::lines;
use crate::package::Package;
use crate::request::Request;
use crate::table::{escape, plain};
use crate::xml::{Element, Event, Reader};

const PART: &str = "content.xml";
/// Spaces that one element may stand for.
const SPACES_MAX: usize = 100;
/// Characters of one cell of a table.
const CELL_CHARS: u64 = 2000;
/// Columns that one cell may claim to be repeated in.
const REPEATED_MAX: usize = 60;
/// What holds no text of the document itself.
const LEFT_OUT: [&str; 5] = [
    "tracked-changes",
    "annotation",
    "sequence-decls",
    "variable-decls",
    "forms",
];

/// Reads lines of a document.
pub(crate) fn read<R: Read + Seek>(
    mut package: Package<'_, '_, R>,
    request: &Request,
) -> Result<Document, Error> {
    let limits = package.meter().limits();
    let mut body = Body::default();
    let mut reader = package.must_part(PART)?;
    while let Some(element) = reader.open_within(0)? {
        match element.name.as_str() {
            "list-style" => {
                let name = element.attribute("name").unwrap_or_default();
                name.clone_into(&mut body.style);
            }
            "list-level-style-number" => {
                let level = element.attribute("level").unwrap_or("1").to_owned();
                body.numbered.insert((body.style.clone(), level));
            }
            "text" => {
                let depth = reader.depth();
                body.blocks(&mut reader, depth)?;
            }
            _ => {}
        }
    }
    let text = [body.text.trim(), &body.notes].concat();
    lines::page(Format::Odt, &text, &request.part, limits)
}

/// The text of a paragraph that was just opened, on one line.
pub(crate) fn words<B: BufRead>(reader: &mut Reader<B>) -> Result<String, Error> {
    Body::default().words(reader)
}

/// A document in the making.
#[derive(Default)]
struct Body {
    text: String,
    notes: String,
    notes_count: u64,
    /// The style whose levels are being read.
    style: String,
    /// The levels of list styles that count.
    numbered: BTreeSet<(String, String)>,
}

/// Where in lists the reader is.
#[derive(Default)]
struct Listed {
    style: String,
    level: usize,
}

impl Body {
    /// Reads the blocks up to the end of the element at `depth`.
    fn blocks<B: BufRead>(&mut self, reader: &mut Reader<B>, depth: u64) -> Result<(), Error> {
        while let Some(element) = reader.open_within(depth)? {
            match element.name.as_str() {
                "h" => {
                    let level = element.attribute("outline-level");
                    let level: usize = level.and_then(|level| level.parse().ok()).unwrap_or(1);
                    let words = self.words(reader)?;
                    self.block(&"#".repeat(level.clamp(1, 6)), &words);
                }
                "p" => {
                    let words = self.words(reader)?;
                    self.block("", &words);
                }
                "list" => {
                    self.list(reader, &element, &Listed::default())?;
                    self.text.push('\n');
                }
                "table" => {
                    let table = self.table(reader)?;
                    self.text.push_str(&[&table, "\n"].concat());
                }
                name if LEFT_OUT.contains(&name) => reader.skip()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn block(&mut self, mark: &str, words: &str) {
        if !words.is_empty() {
            let gap = if mark.is_empty() { "" } else { " " };
            self.text.push_str(&[mark, gap, words, "\n\n"].concat());
        }
    }

    /// Reads the list that was just opened.
    fn list<B: BufRead>(
        &mut self,
        reader: &mut Reader<B>,
        list: &Element,
        above: &Listed,
    ) -> Result<(), Error> {
        let depth = reader.depth();
        let named = list.attribute("style-name").map(str::to_owned);
        let listed = Listed {
            // A list within a list has its style, unless it names one.
            style: named.unwrap_or_else(|| above.style.clone()),
            level: above.level + 1,
        };
        let counts = (listed.style.clone(), listed.level.to_string());
        let is_numbered = self.numbered.contains(&counts);
        let (mut number, mut is_first) = (0u64, true);
        while let Some(element) = reader.open_within(depth)? {
            match element.name.as_str() {
                "list-item" => {
                    number += 1;
                    is_first = true;
                }
                "list-header" => is_first = false,
                "list" => self.list(reader, &element, &listed)?,
                "p" | "h" => {
                    let words = self.words(reader)?;
                    let mark = match (is_first, is_numbered) {
                        (false, _) => " ".to_owned(),
                        (true, true) => format!("{number}."),
                        (true, false) => "-".to_owned(),
                    };
                    let indent = "  ".repeat(above.level.min(8));
                    if !words.is_empty() {
                        self.text
                            .push_str(&[&indent, &mark, " ", &words, "\n"].concat());
                        is_first = false;
                    }
                }
                name if LEFT_OUT.contains(&name) => reader.skip()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn table<B: BufRead>(&mut self, reader: &mut Reader<B>) -> Result<String, Error> {
        let depth = reader.depth();
        let mut rows: Vec<Vec<String>> = Vec::new();
        while let Some(element) = reader.open_within(depth)? {
            match element.name.as_str() {
                "table-row" => rows.push(Vec::new()),
                "table-cell" | "covered-table-cell" => {
                    let repeated = element.attribute("number-columns-repeated");
                    let repeated: usize = repeated.and_then(|text| text.parse().ok()).unwrap_or(1);
                    let inner = self.inner(reader)?;
                    let cell = escape(&inner, CELL_CHARS);
                    if let Some(row) = rows.last_mut() {
                        let times = repeated.clamp(1, REPEATED_MAX);
                        row.extend(std::iter::repeat_n(cell, times));
                    }
                }
                name if LEFT_OUT.contains(&name) => reader.skip()?,
                _ => {}
            }
        }
        Ok(plain(&rows))
    }

    /// What the element that was just opened says, on one line.
    fn inner<B: BufRead>(&mut self, reader: &mut Reader<B>) -> Result<String, Error> {
        let before = std::mem::take(&mut self.text);
        let depth = reader.depth();
        let read = self.blocks(reader, depth);
        let inner = std::mem::replace(&mut self.text, before);
        read.map(|()| one_line(&inner.replace("---|", "").replace('|', "/")))
    }

    /// The text of the paragraph that was just opened, on one line, with its links and the marks of its notes.
    fn words<B: BufRead>(&mut self, reader: &mut Reader<B>) -> Result<String, Error> {
        let depth = reader.depth();
        let mut text = String::new();
        // Where each open link began, and where it leads.
        let mut links: Vec<(u64, usize, String)> = Vec::new();
        while reader.depth() >= depth {
            let Some(event) = reader.next()? else {
                break;
            };
            match event {
                Event::Text(words) => text.push_str(&words),
                Event::Open(element) => match element.name.as_str() {
                    "a" => {
                        let target = element.attribute("href").unwrap_or_default();
                        links.push((
                            reader.depth(),
                            text.len(),
                            one_line(target).replace(' ', "%20"),
                        ));
                    }
                    "s" => {
                        let count = element.attribute("c").and_then(|count| count.parse().ok());
                        text.push_str(&" ".repeat(count.unwrap_or(1usize).min(SPACES_MAX)));
                    }
                    // The last two are paragraphs of a box that hangs on this one.
                    "tab" | "line-break" | "p" | "h" => text.push(' '),
                    "note" => self.note(reader, &mut text)?,
                    "title" | "desc" => {
                        let told = one_line(&reader.text()?);
                        if !told.is_empty() {
                            text.push_str(&["[image: ", &told, "]"].concat());
                        }
                    }
                    name if LEFT_OUT.contains(&name) => reader.skip()?,
                    _ => {}
                },
                Event::Close(_) => {
                    if let Some((_, start, target)) =
                        links.pop_if(|(own, ..)| *own > reader.depth())
                    {
                        link(&mut text, start, &target);
                    }
                }
            }
        }
        Ok(one_line(&clean(&text)))
    }

    fn note<B: BufRead>(&mut self, reader: &mut Reader<B>, text: &mut String) -> Result<(), Error> {
        let depth = reader.depth();
        self.notes_count += 1;
        let mark = format!("[^{}]", self.notes_count);
        text.push_str(&mark);
        while reader.depth() >= depth {
            let Some(event) = reader.next()? else {
                break;
            };
            if matches!(&event, Event::Open(element) if element.name == "note-body") {
                let inner = self.inner(reader)?;
                self.notes.push_str(&["\n\n", &mark, ": ", &inner].concat());
            }
        }
        Ok(())
    }
}

fn link(text: &mut String, start: usize, target: &str) {
    let label = text.split_off(start);
    let is_plain = target.is_empty() || target.starts_with('#') || label.trim() == target;
    if is_plain || label.trim().is_empty() {
        text.push_str(&label);
    } else {
        text.push_str(&["[", label.trim(), "](", target, ")"].concat());
    }
}
