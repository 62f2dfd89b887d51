//! The keyboard: text into fields, and keys.
//!
//! Text goes in as a whole, as from an input method, which is much faster than keys and knows every script. Key by key only
//! where the page listens to keys.

use serde::Deserialize;
use serde_json::json;

use super::aim::read;
use super::keys::{self, Chord, Key, Modifier};
use super::{ActError, Acted};
use crate::driver::{Argument, CallError, Frames, NodeHandle};
use crate::tab::Tab;

const FOCUS: &str = include_str!("focus.js");

/// How to type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Typing {
    /// Whether what is in the field goes first.
    pub clear: bool,
    /// Whether Enter is pressed after it.
    pub enter: bool,
    /// Whether each letter is a key that is pressed.
    pub by_key: bool,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum Focused {
    Ready {
        empty: bool,
    },
    /// The field takes a value and no letters, and has it now.
    Done,
    Unfit {
        is: String,
    },
    Form {
        wants: String,
    },
    Disabled,
    Away,
    Gone,
}

impl Tab {
    /// Types into a field.
    pub async fn type_text(
        &self,
        node: &NodeHandle,
        text: &str,
        typing: Typing,
    ) -> Result<Acted, ActError> {
        let focused = self.focus(node, text, typing.clear).await?;
        let mut dialog = false;
        if let Some(is_empty) = focused {
            dialog = match (text, typing) {
                ("", Typing { clear: true, .. }) if !is_empty => {
                    self.press(&keyed("Delete")?).await?
                }
                ("", _) => false,
                (text, Typing { by_key: true, .. }) => self.type_keys(text).await?,
                (text, _) => {
                    self.input("Input.insertText", json!({ "text": text }))
                        .await?
                }
            };
        }
        if typing.enter && !dialog {
            dialog = self.press(&keyed("Enter")?).await?;
        }
        Ok(Acted {
            place: None,
            dialog,
        })
    }

    /// Puts the cursor into a field. `None` if the field took the text as its value already, otherwise whether it is empty.
    async fn focus(
        &self,
        node: &NodeHandle,
        text: &str,
        clear: bool,
    ) -> Result<Option<bool>, ActError> {
        let element = self.resolve(node).await?;
        let arguments = || vec![Argument::Value(json!(clear)), Argument::Value(json!(text))];
        let mut focused = read(self.call_function(&element, FOCUS, arguments()).await?)?;
        if matches!(focused, Focused::Away) {
            self.bring_to_front().await?;
            focused = read(self.call_function(&element, FOCUS, arguments()).await?)?;
        }
        self.let_go(node, &element).await;
        match focused {
            Focused::Ready { empty } => Ok(Some(empty)),
            Focused::Done => Ok(None),
            Focused::Unfit { is } => Err(ActError::NotEditable(is)),
            Focused::Form { wants } => Err(ActError::WrongForm(wants)),
            Focused::Disabled => Err(ActError::Disabled),
            Focused::Away => Err(ActError::Invisible),
            Focused::Gone => Err(CallError::Gone("the element").into()),
        }
    }

    async fn type_keys(&self, text: &str) -> Result<bool, ActError> {
        for letter in text.chars() {
            let key = keys::single(letter.encode_utf8(&mut [0; 4]))
                .ok_or_else(|| ActError::NoKey(letter.to_string()))?;
            if self
                .press(&Chord {
                    held: Vec::new(),
                    key,
                })
                .await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Presses a key or a chord such as `Control+a`, wherever the cursor is.
    pub async fn key(&self, chord: &str) -> Result<Acted, ActError> {
        let chord = keyed(chord)?;
        self.bring_to_front().await?;
        let dialog = self.press(&chord).await?;
        Ok(Acted {
            place: None,
            dialog,
        })
    }

    async fn press(&self, chord: &Chord) -> Result<bool, ActError> {
        let mut held = 0;
        for modifier in &chord.held {
            held |= modifier.bit();
            if self.key_event("rawKeyDown", &modifier.key(), held).await? {
                return Ok(true);
            }
        }
        let down = if chord.key.text.is_empty() {
            "rawKeyDown"
        } else {
            "keyDown"
        };
        if self.key_event(down, &chord.key, held).await? {
            return Ok(true);
        }
        let mut dialog = self.key_event("keyUp", &chord.key, held).await?;
        for modifier in chord.held.iter().rev() {
            held &= !modifier.bit();
            dialog = dialog || self.key_event("keyUp", &modifier.key(), held).await?;
        }
        Ok(dialog)
    }

    async fn key_event(&self, kind: &str, key: &Key, held: u8) -> Result<bool, ActError> {
        let is_shifted = held & Modifier::Shift.bit() != 0;
        let mut event = json!({
            "type": kind, "modifiers": held, "key": key.key, "code": key.code, "windowsVirtualKeyCode": key.number,
        });
        if kind == "keyDown" {
            event["text"] = key.text.as_str().into();
            let plain = if is_shifted {
                key.text.to_lowercase()
            } else {
                key.text.clone()
            };
            event["unmodifiedText"] = plain.into();
        }
        self.input("Input.dispatchKeyEvent", event).await
    }
}

fn keyed(text: &str) -> Result<Chord, ActError> {
    keys::chord(text).ok_or_else(|| ActError::NoKey(text.to_owned()))
}
