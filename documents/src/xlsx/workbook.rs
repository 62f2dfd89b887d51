//! The workbook: which sheets it has, and where their parts are.

use std::io::{Read, Seek};

use crate::clean::one_line;
use crate::error::Error;
use crate::format::Format;
use crate::package::Package;
use crate::sheets::Sheet;

/// What a workbook is made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Workbook {
    pub sheets: Vec<Sheet>,
    /// The part of each sheet.
    pub parts: Vec<String>,
    pub strings: Option<String>,
    pub styles: Option<String>,
    /// Whether days are counted from 1904, as old Macs did.
    pub is_1904: bool,
}

impl Workbook {
    pub fn read<R: Read + Seek>(package: &mut Package<'_, '_, R>) -> Result<Self, Error> {
        let part = "xl/workbook.xml";
        let relations = package.relations(part)?;
        let of_kind = |kind: &str| {
            let mut own = relations.values().filter(|relation| relation.kind == kind);
            own.next().map(|relation| relation.target.clone())
        };
        let mut workbook = Self {
            sheets: Vec::new(),
            parts: Vec::new(),
            strings: of_kind("sharedStrings"),
            styles: of_kind("styles"),
            is_1904: false,
        };
        let mut reader = package.must_part(part)?;
        while let Some(element) = reader.open_within(0)? {
            match element.name.as_str() {
                "workbookPr" => {
                    workbook.is_1904 =
                        element.attribute("date1904").is_some() && element.is_on("date1904");
                }
                "sheet" => {
                    let id = element.attribute("id").unwrap_or_default();
                    let Some(relation) = relations.get(id).filter(|one| one.kind == "worksheet")
                    else {
                        continue;
                    };
                    let state = element.attribute("state").unwrap_or("visible");
                    workbook.sheets.push(Sheet {
                        name: one_line(element.attribute("name").unwrap_or_default()),
                        is_hidden: state != "visible",
                    });
                    workbook.parts.push(relation.target.clone());
                }
                _ => {}
            }
        }
        if workbook.sheets.is_empty() {
            return Err(Error::malformed(Format::Xlsx, "it has no sheet with cells"));
        }
        Ok(workbook)
    }
}
