//! Word's documents as Markdown: headings, lists, tables, links and footnotes, without what is deleted or hidden.

mod body;
mod paragraph;
mod styles;

use std::fmt::Write as _;
use std::io::{Read, Seek};

use crate::document::Document;
use crate::error::Error;
use crate::format::Format;
use crate::lines;
use crate::package::Package;
use crate::request::Request;
use body::Body;
use styles::Styles;

/// The parts with notes, and the mark that leads to them.
const NOTES: [(&str, &str); 2] = [("footnotes", ""), ("endnotes", "e")];

/// Reads lines of a document.
pub(crate) fn read<R: Read + Seek>(
    mut package: Package<'_, '_, R>,
    request: &Request,
) -> Result<Document, Error> {
    let limits = package.meter().limits();
    let part = main_part(&mut package)?;
    let relations = package.relations(&part)?;
    let target = |kind: &str| {
        let mut own = relations.values().filter(|relation| relation.kind == kind);
        own.next().map(|relation| relation.target.clone())
    };
    let styles = Styles::read(
        &mut package,
        target("styles").as_deref(),
        target("numbering").as_deref(),
    )?;
    let mut body = Body::new(&styles, &relations);
    let mut reader = package.must_part(&part)?;
    let mut text = body.blocks(&mut reader, 0)?;
    drop(reader);
    for (kind, mark) in NOTES {
        let Some(part) = target(kind) else {
            continue;
        };
        let relations = package.relations(&part)?;
        let Some(mut reader) = package.part(&part)? else {
            continue;
        };
        for (id, note) in Body::new(&styles, &relations).notes(&mut reader)? {
            let _ = writeln!(text, "\n[^{mark}{id}]: {}", crate::clean::one_line(&note));
        }
    }
    let mut document = lines::page(Format::Docx, text.trim(), &request.part, limits)?;
    document.notes = body.remarks();
    Ok(document)
}

/// The part that the package itself names as its document.
fn main_part<R: Read + Seek>(package: &mut Package<'_, '_, R>) -> Result<String, Error> {
    let relations = package.relations("")?;
    let mut own = relations
        .values()
        .filter(|relation| relation.kind == "officeDocument");
    let named = own.next().map(|relation| relation.target.clone());
    Ok(named.unwrap_or_else(|| "word/document.xml".to_owned()))
}
