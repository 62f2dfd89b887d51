//! The texts that cells share, in one block of memory.

use std::io::{Read, Seek};

use crate::clean::{cut, one_line};
use crate::error::Error;
use crate::package::Package;
use crate::xml::Event;

/// Shared texts by their number.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    all: String,
    ends: Vec<usize>,
}

impl Strings {
    pub fn read<R: Read + Seek>(
        package: &mut Package<'_, '_, R>,
        part: Option<&str>,
    ) -> Result<Self, Error> {
        let mut strings = Self::default();
        let chars_max = package.meter().limits().value_chars;
        let Some(part) = part else {
            return Ok(strings);
        };
        let Some(mut reader) = package.part(part)? else {
            return Ok(strings);
        };
        while let Some(event) = reader.next()? {
            if matches!(&event, Event::Open(element) if element.name == "si") {
                let text = super::sheet::rich_text(&mut reader)?;
                strings.all.push_str(&cut(&one_line(&text), chars_max));
                strings.ends.push(strings.all.len());
            }
        }
        Ok(strings)
    }

    /// The text of this number.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.all.get(start..end)
    }
}
