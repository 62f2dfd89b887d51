//! What lies on a page beside its content: filled fields of forms, comments, and addresses of links.

use hayro_syntax::object::{Array, Dict, Name, Object, String as Bytes};

use super::content::text_string;
use crate::clean::{cut, one_line};
use crate::limits::Limits;

/// Annotations of one page that are looked at.
const ANNOTATIONS_MAX: usize = 2000;
/// Addresses of one page that are shown.
const LINKS_MAX: usize = 50;
/// Fields within fields.
const PARENTS_MAX: usize = 10;
/// Flags of an annotation that nobody sees: hidden, or not for the screen.
const UNSEEN: i32 = 0b10_0010;

/// The lines that the annotations of a page add to its text.
pub(crate) fn lines(page: &Dict<'_>, limits: &Limits) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut addresses = 0;
    let Some(annotations) = page.get::<Array<'_>>("Annots") else {
        return lines;
    };
    for annotation in annotations.iter::<Dict<'_>>().take(ANNOTATIONS_MAX) {
        let is_unseen = annotation
            .get::<i32>("F")
            .is_some_and(|flags| flags & UNSEEN != 0);
        let kind = annotation.get::<Name<'_>>("Subtype");
        let Some(kind) = kind.filter(|_| !is_unseen) else {
            continue;
        };
        let line = match kind.as_str() {
            "Widget" => field(&annotation),
            "Link" if addresses < LINKS_MAX => {
                let action = annotation.get::<Dict<'_>>("A");
                let uri = action.and_then(|action| action.get::<Bytes<'_>>("URI"));
                addresses += 1;
                uri.map(|uri| ["link: ", &text_string(&uri)].concat())
            }
            "Text" | "FreeText" | "Highlight" | "Underline" | "StrikeOut" | "Stamp" => {
                let said = annotation
                    .get::<Bytes<'_>>("Contents")
                    .map(|said| text_string(&said));
                said.filter(|said| !said.trim().is_empty())
                    .map(|said| ["comment: ", &said].concat())
            }
            _ => None,
        };
        let line = line.map(|line| cut(&one_line(&line), limits.value_chars));
        lines.extend(line.filter(|line| !lines.contains(line)));
    }
    lines
}

/// A field of a form that has a value.
fn field(widget: &Dict<'_>) -> Option<String> {
    let mut names = Vec::new();
    let mut value = None;
    let mut own = Some(widget.clone());
    for _ in 0..PARENTS_MAX {
        let Some(field) = own else {
            break;
        };
        names.extend(field.get::<Bytes<'_>>("T").map(|name| text_string(&name)));
        value = value.or_else(|| said(&field));
        own = field.get::<Dict<'_>>("Parent");
    }
    names.reverse();
    let value = value.filter(|value| !value.trim().is_empty() && value != "Off")?;
    Some(["field ", &names.join("."), ": ", &value].concat())
}

fn said(field: &Dict<'_>) -> Option<String> {
    let value = field.get::<Object<'_>>("V")?;
    if let Object::String(text) = &value {
        return Some(text_string(text));
    }
    if let Object::Name(name) = &value {
        return Some(name.as_str().to_owned());
    }
    let list = value.into_array()?;
    let chosen: Vec<String> = list
        .iter::<Bytes<'_>>()
        .take(100)
        .map(|text| text_string(&text))
        .collect();
    Some(chosen.join(", "))
}
