//! `errand secret`: store, list and delete secrets. A value comes from standard input or is typed unseen; it is never an argument,
//! which other users of the machine could read, and never printed.

use std::io::{IsTerminal, Read};

use agent_core::credential::{VALUE_BYTES_MAX, check_value};
use agent_core::secret::Secret;
use anyhow::{Context, Result, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::{Value, json};

use crate::args::{SecretAction, SetSecret};
use crate::client::{Client, printable_line};

/// What a terminal gives of one line at most, its end included. The rest is lost without a word.
const TYPED_BYTES_MAX: usize = 4095;

/// Runs one action.
pub async fn run(client: &Client, action: &SecretAction) -> Result<()> {
    match action {
        SecretAction::Set(asked) => set(client, asked, &value(asked.name.as_str())?).await,
        SecretAction::List { target } => list(client, target.json).await,
        SecretAction::Delete { name, .. } => {
            client.delete(&format!("/v1/secrets/{name}")).await?;
            println!("deleted {name}");
            Ok(())
        }
    }
}

async fn set(client: &Client, asked: &SetSecret, value: &Secret) -> Result<()> {
    let mut body = json!({ "value": value.expose(), "hosts": asked.hosts });
    for (name, given) in [("header", &asked.header), ("format", &asked.format)] {
        if let Some(text) = given {
            body[name] = Value::from(text.as_str());
        }
    }
    let path = format!("/v1/secrets/{}", asked.name);
    let stored = client.put(&path, &body).await?;
    if asked.target.json {
        println!("{stored}");
    } else {
        println!("{}", line(&stored));
    }
    Ok(())
}

async fn list(client: &Client, as_json: bool) -> Result<()> {
    let page = client.get("/v1/secrets").await?;
    if as_json {
        println!("{page}");
        return Ok(());
    }
    let rows = page.get("data").and_then(Value::as_array);
    for row in rows.into_iter().flatten() {
        println!("{}", line(row));
    }
    if rows.is_none_or(Vec::is_empty) {
        println!("no secrets");
    }
    Ok(())
}

/// One secret on one line: what it is called, when it was last set, for whom it is, and how it is sent.
fn line(secret: &Value) -> String {
    let text = |name: &str| secret.get(name).and_then(Value::as_str).unwrap_or_default();
    let hosts = secret.get("hosts").and_then(Value::as_array);
    let hosts: Vec<&str> = hosts
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    printable_line(&format!(
        "{}  {}  {}  {}: {}",
        text("name"),
        text("updated_at"),
        hosts.join(" "),
        text("header"),
        text("format")
    ))
}

/// The value, typed unseen where somebody sits at a terminal, and all of the standard input otherwise.
fn value(name: &str) -> Result<Secret> {
    let mut text = if std::io::stdin().is_terminal() {
        typed(name)?
    } else {
        piped()?
    };
    // The end of a line, which `echo` adds.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    let value = Secret::new(text);
    if let Err(error) = check_value(&value) {
        bail!("the value {error}");
    }
    Ok(value)
}

fn piped() -> Result<String> {
    // One byte too many, and the end of a line, are enough to tell that it is too long.
    let at_most = VALUE_BYTES_MAX + 3;
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(at_most as u64)
        .read_to_end(&mut bytes)
        .context("could not read the value from standard input")?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        // The error would carry the bytes.
        Err(_) => bail!("the value is not text in UTF-8"),
    }
}

fn typed(name: &str) -> Result<String> {
    let mut text = String::new();
    // Before the question: whoever answers at once is not seen either.
    let unseen = Unseen::begin()?;
    eprint!("value of {name} (it is not shown): ");
    let read = std::io::stdin().read_line(&mut text);
    drop(unseen);
    eprintln!();
    read.context("could not read the value from the terminal")?;
    if text.len() >= TYPED_BYTES_MAX {
        bail!("a terminal cannot take so long a line; give the value on standard input");
    }
    Ok(text)
}

/// While it lives, the terminal does not show what is typed.
struct Unseen(Termios);

impl Unseen {
    fn begin() -> Result<Self> {
        let before = tcgetattr(std::io::stdin()).context("could not ask the terminal")?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet)
            .context("could not hide what is typed")?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // Nothing more can be done where that fails.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_with_its_terms_and_nothing_can_leave_its_line() {
        let shown = line(&json!({
            "name": "github", "hosts": ["api.github.com", "*.example.com:8443"], "header": "Authorization",
            "format": "Bearer {secret}", "updated_at": "2026-11-30T14:00:00Z\nx",
        }));
        assert_eq!(
            shown,
            printable_line(
                "github  2026-11-30T14:00:00Z\nx  api.github.com *.example.com:8443  Authorization: Bearer {secret}"
            )
        );
        assert!(!shown.contains('\n'), "{shown}");
    }
}
