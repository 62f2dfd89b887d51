//! What styles and lists of a document mean: which are headings, which are numbered.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use crate::error::Error;
use crate::package::Package;
use crate::xml::Element;

/// How many styles may build on each other.
const BASES_MAX: usize = 20;

/// A list and a level of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Listed {
    pub list: String,
    pub level: usize,
}

#[derive(Debug, Default)]
struct Style {
    base: Option<String>,
    heading: Option<usize>,
    listed: Option<Listed>,
}

/// The styles and lists of a document.
#[derive(Debug, Default)]
pub(crate) struct Styles {
    by_id: BTreeMap<String, Style>,
    /// Whether each level of an abstract list is numbered.
    numbered: BTreeMap<String, BTreeMap<usize, bool>>,
    /// The abstract list of each list.
    lists: BTreeMap<String, String>,
}

impl Styles {
    pub fn read<R: Read + Seek>(
        package: &mut Package<'_, '_, R>,
        styles: Option<&str>,
        numbering: Option<&str>,
    ) -> Result<Self, Error> {
        let mut read = Self::default();
        if let Some(part) = styles {
            read.read_styles(package, part)?;
        }
        if let Some(part) = numbering {
            read.read_lists(package, part)?;
        }
        Ok(read)
    }

    fn read_styles<R: Read + Seek>(
        &mut self,
        package: &mut Package<'_, '_, R>,
        part: &str,
    ) -> Result<(), Error> {
        let Some(mut reader) = package.part(part)? else {
            return Ok(());
        };
        let mut id = String::new();
        while let Some(element) = reader.open_within(0)? {
            if element.name == "style" {
                element
                    .attribute("styleId")
                    .unwrap_or_default()
                    .clone_into(&mut id);
            }
            if id.is_empty() {
                continue;
            }
            let style = self.by_id.entry(id.clone()).or_default();
            match element.name.as_str() {
                "basedOn" => style.base = value(&element).map(str::to_owned),
                "name" => {
                    let named = value(&element).map(str::to_lowercase).unwrap_or_default();
                    let level = named
                        .strip_prefix("heading ")
                        .and_then(|level| level.trim().parse().ok());
                    let level = if named == "title" { Some(1) } else { level };
                    style.heading = level.or(style.heading);
                }
                "outlineLvl" => style.heading = style.heading.or_else(|| outline(&element)),
                "numId" => {
                    value(&element)
                        .unwrap_or_default()
                        .clone_into(&mut style.listed.get_or_insert_default().list);
                }
                "ilvl" => style.listed.get_or_insert_default().level = level(&element),
                _ => {}
            }
        }
        Ok(())
    }

    fn read_lists<R: Read + Seek>(
        &mut self,
        package: &mut Package<'_, '_, R>,
        part: &str,
    ) -> Result<(), Error> {
        let Some(mut reader) = package.part(part)? else {
            return Ok(());
        };
        let (mut abstract_id, mut list, mut at) = (String::new(), String::new(), 0);
        while let Some(element) = reader.open_within(0)? {
            match element.name.as_str() {
                "abstractNum" => {
                    element
                        .attribute("abstractNumId")
                        .unwrap_or_default()
                        .clone_into(&mut abstract_id);
                }
                "lvl" => {
                    let own = element
                        .attribute("ilvl")
                        .and_then(|level| level.parse().ok());
                    at = own.unwrap_or(0);
                }
                "numFmt" => {
                    let is_numbered = !matches!(value(&element), Some("bullet" | "none"));
                    self.numbered
                        .entry(abstract_id.clone())
                        .or_default()
                        .insert(at, is_numbered);
                }
                "num" => element
                    .attribute("numId")
                    .unwrap_or_default()
                    .clone_into(&mut list),
                "abstractNumId" => {
                    let named = value(&element).unwrap_or_default().to_owned();
                    self.lists.insert(list.clone(), named);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The level of heading that a style is, from 1.
    pub fn heading(&self, style: &str) -> Option<usize> {
        self.chain(style).find_map(|style| style.heading)
    }

    /// The list that a style puts its paragraphs in.
    pub fn listed(&self, style: &str) -> Option<Listed> {
        self.chain(style).find_map(|style| style.listed.clone())
    }

    /// Whether a level of a list counts its items.
    pub fn is_numbered(&self, listed: &Listed) -> bool {
        let levels = self
            .lists
            .get(&listed.list)
            .and_then(|list| self.numbered.get(list));
        levels
            .and_then(|levels| levels.get(&listed.level))
            .copied()
            .unwrap_or(false)
    }

    fn chain(&self, style: &str) -> impl Iterator<Item = &Style> {
        let first = self.by_id.get(style);
        let next = |style: &&Style| style.base.as_ref().and_then(|base| self.by_id.get(base));
        std::iter::successors(first, next).take(BASES_MAX)
    }
}

/// The value of an element that has only one.
pub(crate) fn value(element: &Element) -> Option<&str> {
    element.attribute("val")
}

/// A level of a list, which has nine.
pub(crate) fn level(element: &Element) -> usize {
    let level: usize = value(element)
        .and_then(|level| level.parse().ok())
        .unwrap_or_default();
    level.min(8)
}

/// The heading that an outline level makes; 9 is body text.
pub(crate) fn outline(element: &Element) -> Option<usize> {
    let level: usize = value(element)?.parse().ok()?;
    (level < 9).then_some(level + 1)
}
