//! One paragraph: what its runs say, and what kind it is.

use std::io::BufRead;

use super::body::Body;
use super::styles::{self, Listed, value};
use crate::error::Error;
use crate::xml::{Element, Event, Reader};

/// A paragraph as it is gathered.
#[derive(Debug, Default)]
pub(crate) struct Paragraph {
    pub text: String,
    pub style: String,
    pub outline: Option<usize>,
    pub listed: Option<Listed>,
    /// Boxes of text that hang on the paragraph.
    pub aside: String,
}

impl Body<'_> {
    /// Reads the paragraph that was just opened.
    pub(super) fn paragraph<B: BufRead>(
        &mut self,
        reader: &mut Reader<B>,
    ) -> Result<Paragraph, Error> {
        let depth = reader.depth();
        let mut paragraph = Paragraph::default();
        // Where each open link began, and where it leads.
        let mut links: Vec<(u64, usize, Option<String>)> = Vec::new();
        while reader.depth() >= depth {
            let Some(event) = reader.next()? else {
                break;
            };
            match event {
                Event::Open(element) if element.name == "hyperlink" => {
                    let target = element.attribute("id").and_then(|id| self.target(id));
                    links.push((reader.depth(), paragraph.text.len(), target));
                }
                Event::Open(element) => self.piece(reader, &element, &mut paragraph)?,
                Event::Close(_) => {
                    if let Some((_, start, target)) =
                        links.pop_if(|(own, ..)| *own > reader.depth())
                    {
                        link(&mut paragraph.text, start, target.as_deref());
                    }
                }
                Event::Text(_) => {}
            }
        }
        Ok(paragraph)
    }

    fn piece<B: BufRead>(
        &mut self,
        reader: &mut Reader<B>,
        element: &Element,
        paragraph: &mut Paragraph,
    ) -> Result<(), Error> {
        let text = &mut paragraph.text;
        match element.name.as_str() {
            // Deleted text, the text of field codes, and what is there twice for older programs.
            "del" | "moveFrom" | "Fallback" | "instrText" | "delText" => {
                self.deleted += u64::from(matches!(element.name.as_str(), "del" | "moveFrom"));
                reader.skip()?;
            }
            "pStyle" => value(element)
                .unwrap_or_default()
                .clone_into(&mut paragraph.style),
            "outlineLvl" => paragraph.outline = styles::outline(element),
            "numId" => {
                let listed = paragraph.listed.get_or_insert_default();
                value(element)
                    .unwrap_or_default()
                    .clone_into(&mut listed.list);
            }
            "ilvl" => paragraph.listed.get_or_insert_default().level = styles::level(element),
            "r" => self.run(reader, paragraph)?,
            "t" => text.push_str(&reader.text()?),
            "txbxContent" => {
                let inner = self.blocks(reader, reader.depth())?;
                paragraph.aside.push_str(&inner);
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads the run that was just opened: text of one look.
    fn run<B: BufRead>(&mut self, reader: &mut Reader<B>, to: &mut Paragraph) -> Result<(), Error> {
        let depth = reader.depth();
        while let Some(element) = reader.open_within(depth)? {
            match element.name.as_str() {
                "vanish" | "webHidden" if element.is_on("val") => {
                    // The rest of the run is not shown.
                    while reader.depth() >= depth && reader.next()?.is_some() {}
                    self.hidden += u64::from(element.name == "vanish");
                }
                "tab" => to.text.push(' '),
                "br" | "cr" => to.text.push('\n'),
                "noBreakHyphen" => to.text.push('-'),
                "sym" => {
                    let code = element
                        .attribute("char")
                        .and_then(|code| u32::from_str_radix(code, 16).ok());
                    to.text.extend(
                        code.and_then(char::from_u32)
                            .filter(|&char| char < '\u{E000}'),
                    );
                }
                "footnoteReference" | "endnoteReference" => {
                    let mark = if element.name.starts_with('e') {
                        "e"
                    } else {
                        ""
                    };
                    let id = element.attribute("id").unwrap_or_default();
                    to.text.push_str(&["[^", mark, id, "]"].concat());
                }
                "docPr" => {
                    let told = element
                        .attribute("descr")
                        .filter(|told| !told.trim().is_empty());
                    let told = told.map(|told| ["[image: ", told.trim(), "]"].concat());
                    to.text.extend(told);
                }
                _ => self.piece(reader, &element, to)?,
            }
        }
        Ok(())
    }
}

fn link(text: &mut String, start: usize, target: Option<&str>) {
    let Some(target) = target.filter(|_| start < text.len()) else {
        return;
    };
    let label = text.split_off(start);
    if label.trim() == target {
        text.push_str(&label);
        return;
    }
    text.push_str(&["[", label.trim(), "](", target, ")"].concat());
}
