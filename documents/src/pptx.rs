//! Presentations: slide after slide, with titles, lists, tables and speaker's notes.

use std::io::{BufRead, Read, Seek};

use crate::clean::{clean, one_line, start};
use crate::document::{Document, units};
use crate::error::Error;
use crate::format::Format;
use crate::lines::span;
use crate::package::Package;
use crate::request::Request;
use crate::table::{escape, plain};
use crate::xml::{Element, Reader};

/// Reads slides.
pub(crate) fn read<R: Read + Seek>(
    mut package: Package<'_, '_, R>,
    request: &Request,
) -> Result<Document, Error> {
    let limits = package.meter().limits();
    let span = span(&request.part, "slides, for example `3-7`")?;
    let slides = slides(&mut package)?;
    let all = slides.len() as u64;
    if span.first > all.max(1) {
        return Err(Error::NoSuchPart {
            asked: format!("slide {}", span.first),
            available: format!("there are {all} slides"),
        });
    }
    let end = span.last.unwrap_or(all).min(all);
    let end = end.min(span.first.saturating_add(limits.pages).saturating_sub(1));
    let (mut text, mut last, mut hidden) = (String::new(), span.first, 0);
    for (number, part) in (1u64..).zip(&slides) {
        if number < span.first || number > end {
            continue;
        }
        let slide = Slide::read(&mut package, part)?;
        let own = slide.write(number);
        let room = limits.output_bytes.saturating_sub(text.len() as u64);
        if !text.is_empty() && own.len() as u64 > room {
            break;
        }
        hidden += slide.hidden_shapes;
        text.push_str(start(
            &own,
            usize::try_from(limits.output_bytes).unwrap_or(usize::MAX),
        ));
        last = number;
    }
    let mut notes = Vec::new();
    if hidden > 0 {
        notes.push(format!("{hidden} hidden shapes are left out"));
    }
    Ok(Document {
        format: Format::Pptx,
        shown: units("slide", span.first, last, all),
        notes,
        text,
        next: (last < all).then(|| format!("{}-", last + 1)),
    })
}

/// The parts of the slides in their order.
fn slides<R: Read + Seek>(package: &mut Package<'_, '_, R>) -> Result<Vec<String>, Error> {
    let part = "ppt/presentation.xml";
    let relations = package.relations(part)?;
    let mut slides = Vec::new();
    let mut reader = package.must_part(part)?;
    while let Some(element) = reader.open_within(0)? {
        // Its own number is called `id` too, so the one that is a relation is looked for.
        if element.name == "sldId" {
            let mut ids = element.all("id").filter_map(|id| relations.get(id));
            let slide = ids.find(|relation| relation.kind == "slide");
            slides.extend(slide.map(|relation| relation.target.clone()));
        }
    }
    Ok(slides)
}

/// What a slide says.
#[derive(Debug, Default)]
struct Slide {
    title: String,
    text: String,
    notes: String,
    is_hidden: bool,
    hidden_shapes: u64,
}

/// The shape that is being read.
#[derive(Default)]
struct Shape {
    is_title: bool,
    is_left_out: bool,
}

impl Slide {
    fn read<R: Read + Seek>(package: &mut Package<'_, '_, R>, part: &str) -> Result<Self, Error> {
        let mut slide = Self::default();
        slide.shapes(&mut package.must_part(part)?)?;
        for relation in package.relations(part)?.values() {
            match relation.kind.as_str() {
                "notesSlide" => {
                    let mut notes = Self::default();
                    if let Some(mut reader) = package.part(&relation.target)? {
                        notes.shapes(&mut reader)?;
                    }
                    notes.text.trim().clone_into(&mut slide.notes);
                }
                "diagramData" => {
                    if let Some(mut reader) = package.part(&relation.target)? {
                        slide.shapes(&mut reader)?;
                    }
                }
                _ => {}
            }
        }
        Ok(slide)
    }

    fn write(&self, number: u64) -> String {
        let hidden = if self.is_hidden { " (hidden)" } else { "" };
        let title = if self.title.is_empty() { "" } else { ": " };
        let mut text = format!("## slide {number}{hidden}{title}{}\n\n", self.title);
        if !self.text.trim().is_empty() {
            text.push_str(self.text.trim());
            text.push_str("\n\n");
        }
        if !self.notes.is_empty() {
            text.push_str("notes: ");
            text.push_str(&self.notes);
            text.push_str("\n\n");
        }
        text
    }

    fn shapes<B: BufRead>(&mut self, reader: &mut Reader<B>) -> Result<(), Error> {
        let mut shape = Shape::default();
        while let Some(element) = reader.open_within(0)? {
            match element.name.as_str() {
                "sld" => self.is_hidden = !element.is_on("show"),
                "sp" | "pic" | "graphicFrame" | "cxnSp" => shape = Shape::default(),
                "cNvPr" => self.shape(&element, &mut shape),
                "ph" => {
                    let kind = element.attribute("type").unwrap_or("body");
                    shape.is_title = matches!(kind, "title" | "ctrTitle");
                    // The number, the date and the picture of the slide on its page of notes.
                    let is_frame = matches!(kind, "sldNum" | "dt" | "ftr" | "hdr" | "sldImg");
                    shape.is_left_out = shape.is_left_out || is_frame;
                }
                "txBody" | "tbl" | "t" if shape.is_left_out => reader.skip()?,
                "tbl" => {
                    let table = table(reader)?;
                    self.text.push_str(&["\n", &table, "\n"].concat());
                }
                "Fallback" => reader.skip()?,
                "p" => {
                    let (text, level) = paragraph(reader)?;
                    self.say(&text, level, &shape);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn shape(&mut self, element: &Element, shape: &mut Shape) {
        if element.attribute("hidden").is_some() && element.is_on("hidden") {
            shape.is_left_out = true;
            self.hidden_shapes += 1;
        }
        let told = element.attribute("descr").map(one_line).unwrap_or_default();
        if !told.is_empty() && !shape.is_left_out {
            self.text.push_str(&["[image: ", &told, "]\n"].concat());
        }
    }

    fn say(&mut self, text: &str, level: usize, shape: &Shape) {
        if text.is_empty() {
            return;
        }
        if shape.is_title {
            self.title
                .push_str(if self.title.is_empty() { "" } else { " " });
            self.title.push_str(text);
            return;
        }
        let mark = if level > 0 { "- " } else { "" };
        let indent = "  ".repeat(level.saturating_sub(1));
        self.text.push_str(&[&indent, mark, text, "\n"].concat());
    }
}

/// The text of the paragraph that was just opened, and how far it is set in.
fn paragraph<B: BufRead>(reader: &mut Reader<B>) -> Result<(String, usize), Error> {
    let depth = reader.depth();
    let (mut text, mut level) = (String::new(), 0);
    while let Some(element) = reader.open_within(depth)? {
        match element.name.as_str() {
            "t" => text.push_str(&reader.text()?),
            "br" => text.push(' '),
            "pPr" => {
                let own = element
                    .attribute("lvl")
                    .and_then(|level| level.parse().ok());
                level = own.unwrap_or(0usize).min(8);
            }
            "Fallback" => reader.skip()?,
            _ => {}
        }
    }
    Ok((one_line(&clean(&text)), level))
}

fn table<B: BufRead>(reader: &mut Reader<B>) -> Result<String, Error> {
    let depth = reader.depth();
    let mut rows: Vec<Vec<String>> = Vec::new();
    while let Some(element) = reader.open_within(depth)? {
        match element.name.as_str() {
            "tr" => rows.push(Vec::new()),
            "tc" => rows
                .last_mut()
                .into_iter()
                .for_each(|row| row.push(String::new())),
            "p" => {
                let (text, _) = paragraph(reader)?;
                if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
                    cell.push_str(if cell.is_empty() { "" } else { " " });
                    cell.push_str(&escape(&text, 2000));
                }
            }
            _ => {}
        }
    }
    Ok(plain(&rows))
}
