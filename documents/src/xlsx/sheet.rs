//! One sheet as a stream: keeps the cells that are wanted and fit, and measures the rest.

use std::io::{BufRead, Read, Seek};

use super::dates;
use super::strings::Strings;
use super::styles::{Kind, Styles};
use crate::cells::{COLUMN_MAX, Cell, CellRange, ROW_MAX};
use crate::error::Error;
use crate::package::Package;
use crate::sheets::{Gatherer, Shown};
use crate::xml::{Element, Event, Reader};

/// What a sheet is read with.
pub(crate) struct Look<'w> {
    pub strings: &'w Strings,
    pub styles: &'w Styles,
    pub is_1904: bool,
    pub range: Option<CellRange>,
    pub formulas: bool,
}

/// Reads a sheet's part.
pub(crate) fn read<R: Read + Seek>(
    package: &mut Package<'_, '_, R>,
    part: &str,
    look: &Look<'_>,
) -> Result<Shown, Error> {
    let mut gatherer = Gatherer::new(look.range, package.meter().limits());
    let mut reader = package.must_part(part)?;
    let (mut row, mut column, mut is_hidden) = (0u32, 0u32, false);
    while let Some(event) = reader.next()? {
        match event {
            Event::Open(element) => match element.name.as_str() {
                "col" => hidden_columns(&element, &mut gatherer),
                "row" => {
                    let number = element.attribute("r").and_then(|row| row.parse().ok());
                    row = number.unwrap_or(row + 1).min(ROW_MAX);
                    is_hidden = element.attribute("hidden").is_some() && element.is_on("hidden");
                    column = 0;
                }
                "c" => {
                    let named = element.attribute("r").and_then(Cell::parse);
                    let next = (column + 1).min(COLUMN_MAX);
                    column = named.map_or(next, |named| named.column);
                    let text = value(&mut reader, &element, look)?;
                    gatherer.cell(Cell { row, column }, &text);
                }
                "mergeCell" => {
                    gatherer.merged(element.attribute("ref").and_then(CellRange::parse));
                }
                _ => {}
            },
            Event::Close(name) if name == "row" => gatherer.end_row(row, is_hidden),
            Event::Close(_) | Event::Text(_) => {}
        }
    }
    Ok(gatherer.end())
}

fn hidden_columns(element: &Element, gatherer: &mut Gatherer<'_>) {
    let number = |name| {
        element
            .attribute(name)
            .and_then(|text| text.parse::<u32>().ok())
    };
    let is_hidden = element.attribute("hidden").is_some() && element.is_on("hidden");
    if let (true, Some(first), Some(last)) = (is_hidden, number("min"), number("max")) {
        gatherer.hidden_columns(first, last);
    }
}

/// The text of the cell that was just opened; empty if it has none.
fn value<B: BufRead>(
    reader: &mut Reader<B>,
    cell: &Element,
    look: &Look<'_>,
) -> Result<String, Error> {
    let depth = reader.depth();
    let (mut raw, mut formula, mut inline) = (String::new(), None, None);
    while reader.depth() >= depth {
        match reader.next()? {
            Some(Event::Open(element)) => match element.name.as_str() {
                "v" => raw = reader.text()?,
                "f" => formula = Some(reader.text()?),
                "is" => inline = Some(rich_text(reader)?),
                _ => reader.skip()?,
            },
            Some(Event::Close(_) | Event::Text(_)) => {}
            None => break,
        }
    }
    let text = match cell.attribute("t").unwrap_or("n") {
        "s" => {
            let index = raw.trim().parse().unwrap_or(usize::MAX);
            look.strings.get(index).unwrap_or_default().to_owned()
        }
        "inlineStr" => inline.unwrap_or_default(),
        "b" if raw.is_empty() => raw,
        "b" => (if raw.trim() == "1" { "TRUE" } else { "FALSE" }).to_owned(),
        "str" | "e" | "d" => raw,
        _ => number(&raw, look.styles.kind(cell.attribute("s")), look.is_1904),
    };
    // A formula that is shared stands in its first cell alone. One that was never computed is all that there is.
    let formula =
        formula.filter(|formula| !formula.is_empty() && (look.formulas || text.is_empty()));
    Ok(match formula {
        Some(formula) if text.is_empty() => format!("={formula}"),
        Some(formula) => format!("{text} (={formula})"),
        None => text,
    })
}

/// The text of a number as its kind has it.
pub(crate) fn number(raw: &str, kind: Kind, is_1904: bool) -> String {
    let Ok(value) = raw.trim().parse::<f64>() else {
        return raw.to_owned();
    };
    match kind {
        Kind::Number => short(value, raw),
        Kind::Percent => format!("{}%", short(value * 100.0, "")),
        Kind::Date | Kind::DateTime | Kind::Time | Kind::Elapsed => {
            dates::text(value, kind, is_1904).unwrap_or_else(|| raw.to_owned())
        }
    }
}

/// A number in 15 digits, as a sheet shows it: 0.1 + 0.2 is stored with 17.
fn short(value: f64, raw: &str) -> String {
    let digits = raw.bytes().filter(u8::is_ascii_digit).count();
    if !raw.is_empty() && digits <= 15 && !raw.contains(['e', 'E']) {
        return raw.trim().to_owned();
    }
    let rounded: f64 = format!("{value:.14e}").parse().unwrap_or(value);
    if rounded.abs() >= 1e21 {
        return format!("{rounded:e}");
    }
    rounded.to_string()
}

/// The text of a rich string that was just opened, without the reading aids of East Asian text.
pub(crate) fn rich_text<B: BufRead>(reader: &mut Reader<B>) -> Result<String, Error> {
    let depth = reader.depth();
    let mut all = String::new();
    while reader.depth() >= depth {
        match reader.next()? {
            Some(Event::Open(element)) => match element.name.as_str() {
                "t" => all.push_str(&reader.text()?),
                "rPh" | "rPr" => reader.skip()?,
                _ => {}
            },
            Some(Event::Close(_) | Event::Text(_)) => {}
            None => break,
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_a_sheet_shows_them() {
        let cases = [
            ("0.30000000000000004", Kind::Number, "0.3"),
            ("1234.50", Kind::Number, "1234.50"),
            ("1E+20", Kind::Number, "100000000000000000000"),
            ("1.5E-3", Kind::Number, "0.0015"),
            ("0.07", Kind::Percent, "7%"),
            ("not a number", Kind::Number, "not a number"),
            ("45351", Kind::Date, "2024-02-29"),
        ];
        for (raw, kind, wanted) in cases {
            assert_eq!(number(raw, kind, false), wanted, "{raw}");
        }
    }
}
