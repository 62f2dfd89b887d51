//! XML as a stream of elements and text, by local names.
//!
//! A document type declaration is refused: it is where entities are defined, and no office document has one. So
//! nothing is expanded but the five entities of XML itself, and nothing outside of the file is ever looked at.

use std::io::BufRead;

use quick_xml::events::{BytesStart, Event as Raw};

use crate::error::Error;
use crate::format::Format;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// An element begins.
    Open(Element),
    /// The element of this name ends. Empty elements end too.
    Close(String),
    /// Text between elements.
    Text(String),
}

/// An element by its name without a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    /// The value of an attribute, by its name without a prefix.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let own = self.attributes.iter().find(|(own, _)| own == name);
        own.map(|(_, value)| value.as_str())
    }

    /// The values of all attributes of this name, whatever their prefix.
    pub fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e str> {
        let own = self.attributes.iter().filter(move |(own, _)| own == name);
        own.map(|(_, value)| value.as_str())
    }

    /// Whether an attribute says yes, as `val="1"` or by having no value at all.
    pub fn is_on(&self, name: &str) -> bool {
        !matches!(self.attribute(name), Some("0" | "false" | "none" | "off"))
    }
}

/// Reads the events of one part.
pub(crate) struct Reader<R> {
    source: quick_xml::Reader<R>,
    buffer: Vec<u8>,
    format: Format,
    depth: u64,
    depth_max: u64,
}

impl<R: BufRead> Reader<R> {
    pub fn new(source: R, format: Format, depth_max: u64) -> Self {
        let mut source = quick_xml::Reader::from_reader(source);
        source.config_mut().expand_empty_elements = true;
        Self {
            source,
            buffer: Vec::new(),
            format,
            depth: 0,
            depth_max,
        }
    }

    /// How many elements are open.
    pub fn depth(&self) -> u64 {
        self.depth
    }

    /// The next event; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            self.buffer.clear();
            let raw = self.source.read_event_into(&mut self.buffer);
            let event = match raw.map_err(|error| refused(error, self.format))? {
                Raw::Start(start) => {
                    self.depth += 1;
                    if self.depth > self.depth_max {
                        let what = "elements of XML within elements";
                        return Err(Error::limit("depth", self.depth_max, what));
                    }
                    Event::Open(element(&start, self.format)?)
                }
                Raw::End(end) => {
                    self.depth = self.depth.saturating_sub(1);
                    Event::Close(lossy(end.local_name().as_ref()))
                }
                Raw::Text(text) => Event::Text(lossy(&text)),
                Raw::CData(text) => Event::Text(lossy(&text)),
                Raw::GeneralRef(name) => {
                    let char = match name.resolve_char_ref() {
                        Ok(Some(char)) => char,
                        Ok(None) | Err(_) => {
                            predefined(&name).unwrap_or(char::REPLACEMENT_CHARACTER)
                        }
                    };
                    Event::Text(char.into())
                }
                Raw::DocType(_) => {
                    let why = "it declares a document type, which office documents never do";
                    return Err(Error::malformed(self.format, why));
                }
                Raw::Eof if self.depth > 0 => {
                    return Err(Error::malformed(self.format, "a part of it ends too early"));
                }
                Raw::Eof => return Ok(None),
                // Declarations, comments and instructions have nothing to read.
                Raw::Empty(_) | Raw::Decl(_) | Raw::PI(_) | Raw::Comment(_) => continue,
            };
            return Ok(Some(event));
        }
    }

    /// The next element that begins before the one at this depth ends; at depth 0, in all of the part.
    pub fn open_within(&mut self, depth: u64) -> Result<Option<Element>, Error> {
        while self.depth >= depth {
            match self.next()? {
                Some(Event::Open(element)) => return Ok(Some(element)),
                Some(Event::Close(_) | Event::Text(_)) => {}
                None => break,
            }
        }
        Ok(None)
    }

    /// The text up to the end of the element that was just opened.
    pub fn text(&mut self) -> Result<String, Error> {
        let depth = self.depth;
        let mut all = String::new();
        while self.depth >= depth {
            match self.next()? {
                Some(Event::Text(text)) => all.push_str(&text),
                Some(Event::Open(_) | Event::Close(_)) => {}
                None => break,
            }
        }
        Ok(all)
    }

    /// Skips the element that was just opened.
    pub fn skip(&mut self) -> Result<(), Error> {
        let depth = self.depth;
        while self.depth >= depth && self.next()?.is_some() {}
        Ok(())
    }
}

fn predefined(name: &[u8]) -> Option<char> {
    Some(match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        _ => return None,
    })
}

fn element(start: &BytesStart<'_>, format: Format) -> Result<Element, Error> {
    let mut attributes = Vec::new();
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| Error::malformed(format, error.to_string()))?;
        let raw = String::from_utf8_lossy(&attribute.value);
        let value =
            quick_xml::escape::unescape(&raw).map_or_else(|_| raw.to_string(), String::from);
        attributes.push((lossy(attribute.key.local_name().as_ref()), value));
    }
    let name = lossy(start.local_name().as_ref());
    Ok(Element { name, attributes })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Takes an error of ours back out of the parser's.
fn refused(error: quick_xml::Error, format: Format) -> Error {
    let quick_xml::Error::Io(shared) = error else {
        return Error::malformed(format, error.to_string());
    };
    match std::sync::Arc::try_unwrap(shared) {
        Ok(error) => unreadable(error, format),
        Err(shared) => Error::malformed(format, shared.to_string()),
    }
}

/// What an error while unpacking means: a limit of ours, or broken compressed data.
pub(crate) fn unreadable(error: std::io::Error, format: Format) -> Error {
    let error = Error::from(error);
    if let Error::Io(error) = &error {
        return Error::malformed(format, error.to_string());
    }
    error
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn all(text: &str) -> Result<Vec<Event>, Error> {
        let mut reader = Reader::new(text.as_bytes(), Format::Docx, 10);
        let mut events = Vec::new();
        while let Some(event) = reader.next()? {
            events.push(event);
        }
        Ok(events)
    }

    #[test]
    fn elements_are_named_without_their_prefix_and_entities_are_text() {
        let element = Element {
            name: "t".to_owned(),
            attributes: vec![("val".to_owned(), "<1>".to_owned())],
        };
        let text = |text: &str| Event::Text(text.to_owned());
        let wanted = vec![
            Event::Open(element),
            text("a "),
            text("&"),
            text(" b"),
            text("é"),
            Event::Close("t".to_owned()),
        ];
        let xml = "<?xml version='1.0'?><!-- no --><w:t w:val='&lt;1&gt;'>a &amp; b&#xE9;</w:t>";
        assert_eq!(all(xml).unwrap(), wanted);
    }

    #[test]
    fn entities_cannot_be_declared_and_unknown_ones_are_marks() {
        let bomb = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><x>&b;</x>";
        assert!(all(bomb).unwrap_err().to_string().contains("document type"));
        let unknown = all("<x>&b;</x>").unwrap();
        assert_eq!(unknown[1], Event::Text("\u{FFFD}".to_owned()));
    }

    #[test]
    fn elements_are_found_up_to_the_end_of_the_one_that_holds_them() {
        let xml = "<a><b>text<c/></b><d/></a>";
        let mut reader = Reader::new(xml.as_bytes(), Format::Docx, 10);
        let names = |depth: u64, within: &mut Reader<&[u8]>| {
            let mut names = Vec::new();
            while let Some(element) = within.open_within(depth).unwrap() {
                names.push(element.name);
            }
            names
        };
        reader.open_within(0).unwrap();
        reader.open_within(0).unwrap();
        let depth = reader.depth();
        assert_eq!(names(depth, &mut reader), ["c"]);
        assert_eq!(names(0, &mut reader), ["d"]);
    }

    #[test]
    fn depth_has_a_limit_and_an_early_end_is_told() {
        let error = all(&"<a>".repeat(11)).unwrap_err().to_string();
        assert_eq!(
            error,
            "elements of XML within elements: over the limit `depth` of 10"
        );
        assert!(
            all("<a><b></b>")
                .unwrap_err()
                .to_string()
                .contains("ends too early")
        );
        assert!(all("<a></b>").is_err());
    }
}
