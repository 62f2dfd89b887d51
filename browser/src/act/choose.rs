//! Choices in forms: entries of lists, boxes to tick, files.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use super::aim::{Disabled, read};
use super::{ActError, Acted, Click};
use crate::driver::{Argument, CallError, Frames, NodeHandle, Object};
use crate::tab::Tab;

const SELECT: &str = include_str!("select.js");

/// Whether a thing is checked; null where it cannot be.
const CHECKED: &str = "function () {
    const role = this.getAttribute?.('role');
    if (this.localName === 'input' && this.type === 'radio') return { radio: true, on: this.checked };
    if (this.localName === 'input' && this.type === 'checkbox') return { radio: false, on: this.checked };
    if (['checkbox', 'switch', 'menuitemcheckbox', 'option'].includes(role)) {
        return { radio: false, on: (this.getAttribute('aria-checked') ?? this.getAttribute('aria-selected')) === 'true' };
    }
    if (role === 'radio' || role === 'menuitemradio') return { radio: true, on: this.getAttribute('aria-checked') === 'true' };
    return null;
}";

/// Whether a field takes so many files.
const TAKES_FILES: &str = "function (count) {
    return this.localName === 'input' && this.type === 'file' && !this.disabled && (this.multiple || count <= 1);
}";

#[derive(Debug, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum Selected {
    Done,
    Missing { wanted: String, offered: String },
    Unfit,
    Disabled,
    Gone,
}

#[derive(Debug, Deserialize)]
struct Checked {
    radio: bool,
    on: bool,
}

impl Tab {
    /// Chooses entries of a list by their text or value, and no others.
    pub async fn select(&self, node: &NodeHandle, values: &[String]) -> Result<Acted, ActError> {
        let list = self.resolve(node).await?;
        let selected = self
            .call_function(&list, SELECT, vec![Argument::Value(json!(values))])
            .await;
        let dialog = match selected {
            // The page's own answer to the choice.
            Err(CallError::DialogOpen) if self.dialog()?.is_some() => true,
            Err(error) => return Err(error.into()),
            Ok(selected) => match read(selected)? {
                Selected::Done => false,
                Selected::Missing { wanted, offered } => {
                    return Err(ActError::NoOption { wanted, offered });
                }
                Selected::Unfit => return Err(ActError::NotSelect),
                Selected::Disabled => return Err(ActError::Disabled),
                Selected::Gone => return Err(CallError::Gone("the element").into()),
            },
        };
        Ok(Acted {
            place: None,
            dialog,
        })
    }

    /// Checks or unchecks a box, by a click if it is not so already.
    pub async fn check(&self, node: &NodeHandle, on: bool) -> Result<Acted, ActError> {
        let element = self.resolve(node).await?;
        let Some(before) = self.checked(&element).await? else {
            return Err(ActError::NotCheckable(
                "it is no box, switch or radio button",
            ));
        };
        if before.on == on {
            return Ok(Acted {
                place: None,
                dialog: false,
            });
        }
        if before.radio && !on {
            return Err(ActError::NotCheckable(
                "a radio button goes off when another one of its group goes on",
            ));
        }
        let place = self.aim(node, Disabled::Refused).await?;
        let acted = self.click_place(place, Click::default()).await?;
        if acted.dialog {
            return Ok(acted);
        }
        // A page that went elsewhere by the click has taken it.
        match self.checked(&element).await {
            Ok(Some(after)) if after.on != on => Err(ActError::Unchanged),
            Ok(_) | Err(_) => Ok(acted),
        }
    }

    async fn checked(&self, element: &Object) -> Result<Option<Checked>, CallError> {
        read(self.call_function(element, CHECKED, Vec::new()).await?)
    }

    /// Puts files into a field for files. The paths are as the browser's process sees them.
    pub async fn set_files(&self, node: &NodeHandle, paths: &[PathBuf]) -> Result<Acted, ActError> {
        let field = self.resolve(node).await?;
        let count = Argument::Value(json!(paths.len()));
        if self.call_function(&field, TAKES_FILES, vec![count]).await? != Value::Bool(true) {
            return Err(ActError::NotFiles);
        }
        let wanted = json!({ "files": paths, "objectId": field.id });
        let set = self
            .inner
            .call_session(&field.session, "DOM.setFileInputFiles", wanted)
            .await;
        let dialog = match set {
            Ok(_) => false,
            Err(CallError::DialogOpen) if self.dialog()?.is_some() => true,
            Err(error) => return Err(error.into()),
        };
        Ok(Acted {
            place: None,
            dialog,
        })
    }
}
