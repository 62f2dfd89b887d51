//! Which cells are dates: what the number formats of a workbook say.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use crate::error::Error;
use crate::package::Package;
use crate::xml::Event;

/// How a number is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    /// A plain number.
    #[default]
    Number,
    /// Hundredths.
    Percent,
    /// A day.
    Date,
    /// A day and a time of it.
    DateTime,
    /// A time of day.
    Time,
    /// A length of time that may pass a day.
    Elapsed,
}

/// The kinds by the number of a cell's style.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Styles {
    kinds: Vec<Kind>,
}

impl Styles {
    pub fn read<R: Read + Seek>(
        package: &mut Package<'_, '_, R>,
        part: Option<&str>,
    ) -> Result<Self, Error> {
        let mut styles = Self::default();
        let Some(part) = part else {
            return Ok(styles);
        };
        let Some(mut reader) = package.part(part)? else {
            return Ok(styles);
        };
        let mut own = BTreeMap::new();
        let mut is_in_cells = false;
        while let Some(event) = reader.next()? {
            match event {
                Event::Open(element) => match element.name.as_str() {
                    "numFmt" => {
                        let id = element.attribute("numFmtId").unwrap_or_default().to_owned();
                        let code = element.attribute("formatCode").unwrap_or_default();
                        own.insert(id, by_code(code));
                    }
                    "cellXfs" => is_in_cells = true,
                    "xf" if is_in_cells => {
                        let id = element.attribute("numFmtId").unwrap_or("0");
                        let kind = own.get(id).copied();
                        styles.kinds.push(kind.unwrap_or_else(|| by_id(id)));
                    }
                    _ => {}
                },
                Event::Close(name) if name == "cellXfs" => is_in_cells = false,
                Event::Close(_) | Event::Text(_) => {}
            }
        }
        Ok(styles)
    }

    /// The kind of a cell with this style.
    pub fn kind(&self, style: Option<&str>) -> Kind {
        let style: Option<usize> = style.and_then(|style| style.parse().ok());
        style
            .and_then(|style| self.kinds.get(style).copied())
            .unwrap_or_default()
    }
}

/// The formats that every workbook has without naming them.
pub(crate) fn by_id(id: &str) -> Kind {
    match id.parse::<u32>().unwrap_or_default() {
        9 | 10 => Kind::Percent,
        14..=17 | 27..=31 | 34..=36 | 50..=58 => Kind::Date,
        22 => Kind::DateTime,
        18..=21 | 32 | 33 | 45 | 47 => Kind::Time,
        46 => Kind::Elapsed,
        _ => Kind::Number,
    }
}

/// Reads a format such as `[$-409]d\-mmm\-yyyy;@`: letters outside of quotes and brackets count.
pub(crate) fn by_code(code: &str) -> Kind {
    let positive = code.split(';').next().unwrap_or_default();
    let mut letters = String::new();
    let mut chars = positive.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => while chars.next().is_some_and(|char| char != '"') {},
            '\\' | '_' | '*' => {
                chars.next();
            }
            '[' => {
                let inner: String = chars.by_ref().take_while(|&char| char != ']').collect();
                let is_elapsed =
                    !inner.is_empty() && inner.chars().all(|char| "hmsHMS".contains(char));
                if is_elapsed {
                    return Kind::Elapsed;
                }
            }
            _ => letters.push(char.to_ascii_lowercase()),
        }
    }
    if letters.trim() == "general" {
        return Kind::Number;
    }
    let has = |wanted: &[char]| letters.contains(wanted);
    let has_time = has(&['h', 's']);
    match (has(&['y', 'd']), has_time) {
        (true, true) => Kind::DateTime,
        (true, false) => Kind::Date,
        (false, true) => Kind::Time,
        (false, false) if has(&['%']) => Kind::Percent,
        (false, false) if has(&['m']) && !has(&['0', '#', '?']) => Kind::Date,
        (false, false) => Kind::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_the_letters_that_count() {
        let kinds = [
            ("General", Kind::Number),
            ("#,##0.00\\ \"days\"", Kind::Number),
            ("0.0%", Kind::Percent),
            ("[$-409]d\\-mmm\\-yyyy;@", Kind::Date),
            ("[Red]#,##0;[Blue]0", Kind::Number),
            ("yyyy-mm-dd hh:mm", Kind::DateTime),
            ("h:mm AM/PM", Kind::Time),
            ("[h]:mm:ss", Kind::Elapsed),
            ("mmm", Kind::Date),
            ("_-* #,##0.00 €_-", Kind::Number),
        ];
        for (code, kind) in kinds {
            assert_eq!(by_code(code), kind, "{code}");
        }
    }
}
