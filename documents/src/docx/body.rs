//! The body of a document: paragraphs and tables in their order.

use std::collections::BTreeMap;
use std::io::BufRead;

use super::paragraph::Paragraph;
use super::styles::{Listed, Styles, value};
use crate::clean::{clean, one_line};
use crate::error::Error;
use crate::package::Relation;
use crate::table::{self, escape};
use crate::xml::Reader;

/// Characters of one cell of a table.
const CELL_CHARS: u64 = 2000;
/// Columns that one cell may claim to span.
const SPAN_MAX: usize = 60;

/// Writes blocks as Markdown, and counts what it leaves out.
pub(crate) struct Body<'d> {
    styles: &'d Styles,
    relations: &'d BTreeMap<String, Relation>,
    /// How far each level of each list has counted.
    counts: BTreeMap<String, [u64; 9]>,
    pub(super) deleted: u64,
    pub(super) hidden: u64,
    merged: bool,
}

impl<'d> Body<'d> {
    pub fn new(styles: &'d Styles, relations: &'d BTreeMap<String, Relation>) -> Self {
        Self {
            styles,
            relations,
            counts: BTreeMap::new(),
            deleted: 0,
            hidden: 0,
            merged: false,
        }
    }

    /// Where a link leads.
    pub(super) fn target(&self, id: &str) -> Option<String> {
        let relation = self.relations.get(id)?;
        (relation.kind == "hyperlink").then(|| one_line(&relation.target).replace(' ', "%20"))
    }

    /// What a reader should know of what was left out.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.deleted > 0 {
            remarks.push(format!(
                "{} deletions that are tracked in the document are left out",
                self.deleted
            ));
        }
        if self.hidden > 0 {
            remarks.push(format!("{} runs of hidden text are left out", self.hidden));
        }
        if self.merged {
            remarks.push("a table has merged cells, whose value stands in the first".to_owned());
        }
        remarks
    }

    /// The blocks up to the end of the element at `depth`; 0 for the whole part.
    pub fn blocks<B: BufRead>(
        &mut self,
        reader: &mut Reader<B>,
        depth: u64,
    ) -> Result<String, Error> {
        let mut text = String::new();
        let mut was_listed = false;
        while let Some(element) = reader.open_within(depth)? {
            match element.name.as_str() {
                "p" => {
                    let paragraph = self.paragraph(reader)?;
                    let listed = self.listed(&paragraph);
                    let block = self.block(&paragraph, listed.as_ref());
                    if block.is_empty() {
                        continue;
                    }
                    let is_listed = listed.is_some();
                    let gap = if is_listed && was_listed { "" } else { "\n" };
                    text.push_str(&[if text.is_empty() { "" } else { gap }, &block, "\n"].concat());
                    was_listed = is_listed;
                }
                "tbl" => {
                    let table = self.table(reader)?;
                    text.push_str(&["\n", &table].concat());
                    was_listed = false;
                }
                "Fallback" | "del" | "moveFrom" => reader.skip()?,
                _ => {}
            }
        }
        Ok(text)
    }

    fn listed(&self, paragraph: &Paragraph) -> Option<Listed> {
        let own = paragraph.listed.clone();
        let own = own.or_else(|| self.styles.listed(&paragraph.style));
        own.filter(|listed| listed.list != "0" && !listed.list.is_empty())
    }

    fn block(&mut self, paragraph: &Paragraph, listed: Option<&Listed>) -> String {
        let text = clean(&paragraph.text);
        let text = text.trim();
        let heading = paragraph
            .outline
            .or_else(|| self.styles.heading(&paragraph.style));
        let mut block = match (heading, listed) {
            _ if text.is_empty() => String::new(),
            (Some(level), _) => format!("{} {}", "#".repeat(level.clamp(1, 6)), one_line(text)),
            (None, Some(listed)) => {
                let mark = self.mark(listed);
                let indent = "  ".repeat(listed.level);
                format!("{indent}{mark} {}", text.replace('\n', " "))
            }
            (None, None) => text.to_owned(),
        };
        if !paragraph.aside.trim().is_empty() {
            block.push_str(if block.is_empty() { "" } else { "\n\n" });
            block.push_str(paragraph.aside.trim());
        }
        block
    }

    fn mark(&mut self, listed: &Listed) -> String {
        if !self.styles.is_numbered(listed) {
            return "-".to_owned();
        }
        let counts = self.counts.entry(listed.list.clone()).or_default();
        let level = listed.level.min(8);
        counts[level] += 1;
        counts[level + 1..].fill(0);
        format!("{}.", counts[level])
    }

    fn table<B: BufRead>(&mut self, reader: &mut Reader<B>) -> Result<String, Error> {
        let depth = reader.depth();
        let mut rows: Vec<Vec<String>> = Vec::new();
        while let Some(element) = reader.open_within(depth)? {
            match element.name.as_str() {
                "tr" => rows.push(Vec::new()),
                "tc" => {
                    let (text, span) = self.cell(reader)?;
                    if let Some(row) = rows.last_mut() {
                        row.push(text.clone());
                        row.extend(std::iter::repeat_n(String::new(), span - 1));
                    }
                }
                "Fallback" | "del" | "moveFrom" => reader.skip()?,
                _ => {}
            }
        }
        Ok(table::plain(&rows))
    }

    /// The text of a cell, and how many columns it spans.
    fn cell<B: BufRead>(&mut self, reader: &mut Reader<B>) -> Result<(String, usize), Error> {
        let depth = reader.depth();
        let (mut texts, mut span) = (Vec::new(), 1usize);
        while let Some(element) = reader.open_within(depth)? {
            match element.name.as_str() {
                "gridSpan" => {
                    let columns = value(&element).and_then(|columns| columns.parse().ok());
                    span = columns.unwrap_or(1).clamp(1, SPAN_MAX);
                    self.merged = self.merged || span > 1;
                }
                "vMerge" => self.merged = true,
                "p" => {
                    let paragraph = self.paragraph(reader)?;
                    let listed = self.listed(&paragraph);
                    let block = self.block(&paragraph, listed.as_ref());
                    texts.extend((!block.is_empty()).then_some(block));
                }
                "tbl" => texts.push(self.table(reader)?.replace("---|", "").replace('|', "/")),
                "Fallback" | "del" | "moveFrom" => reader.skip()?,
                _ => {}
            }
        }
        Ok((escape(&texts.join(" "), CELL_CHARS), span))
    }

    /// The notes of a part by their id, without those that only draw lines.
    pub fn notes<B: BufRead>(
        &mut self,
        reader: &mut Reader<B>,
    ) -> Result<Vec<(String, String)>, Error> {
        let mut notes = Vec::new();
        while let Some(element) = reader.open_within(0)? {
            let is_note = ["footnote", "endnote"].contains(&element.name.as_str());
            if is_note
                && element
                    .attribute("type")
                    .is_none_or(|kind| kind == "normal")
            {
                let id = element.attribute("id").unwrap_or_default().to_owned();
                notes.push((id, self.blocks(reader, reader.depth())?));
            }
        }
        Ok(notes)
    }
}
