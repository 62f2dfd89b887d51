//! Excel's workbooks: one sheet at a time as a table with cell references.

mod dates;
mod sheet;
mod strings;
mod styles;
mod workbook;

use std::io::{Read, Seek};

use crate::document::Document;
use crate::error::Error;
use crate::format::Format;
use crate::package::Package;
use crate::request::Request;
use crate::sheets;
use sheet::Look;
use strings::Strings;
use styles::Styles;
use workbook::Workbook;

pub(crate) use sheet::number;
pub(crate) use styles::{Kind, by_code, by_id};

/// Reads cells of one sheet.
pub(crate) fn read<R: Read + Seek>(
    mut package: Package<'_, '_, R>,
    request: &Request,
) -> Result<Document, Error> {
    let (name, range) = sheets::wanted(&request.part)?;
    let workbook = Workbook::read(&mut package)?;
    let index = sheets::find(&workbook.sheets, name.as_deref())?;
    let strings = Strings::read(&mut package, workbook.strings.as_deref())?;
    let styles = Styles::read(&mut package, workbook.styles.as_deref())?;
    let look = Look {
        strings: &strings,
        styles: &styles,
        is_1904: workbook.is_1904,
        range,
        formulas: request.formulas,
    };
    let shown = sheet::read(&mut package, &workbook.parts[index], &look)?;
    sheets::document(Format::Xlsx, &workbook.sheets, index, &shown, range)
}
