//! What is seen of real pages in a real Chromium: what is shown, what is never shown, and what it costs.
//!
//! Chromium must be installed, and `setpriv` where the tests run as root: the browser is started as an ordinary user with its own
//! sandbox on.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chromium;
mod costs;
mod frames;
mod hostile;
mod looks;
mod reading;
mod references;
mod secrets;
mod tab;

use browser::page::{Look, Part, Seen, View};

use tab::Tab;

/// A page as it is seen at first.
async fn first_look(page: &str) -> (Tab, Seen, View) {
    let tab = Tab::open(page).await;
    let mut seen = Seen::default();
    let view = seen.look(&tab, &Look::default()).await.unwrap();
    (tab, seen, view)
}

/// Everything that is on a page.
fn all() -> Look {
    Look {
        part: Part::All,
        ..Look::default()
    }
}

/// The lines of a view without the two at its head.
fn body(view: &View) -> Vec<&str> {
    view.text.lines().skip(2).collect()
}

/// The reference on the first line that contains `text`.
fn reference(view: &View, text: &str) -> browser::page::Reference {
    let line = view
        .text
        .lines()
        .find(|line| line.contains(text))
        .unwrap_or_else(|| panic!("{text} is not in\n{}", view.text));
    let before = &line[..line.find(text).unwrap()];
    let at = before
        .rfind('[')
        .unwrap_or_else(|| panic!("no reference before {text} in {line}"));
    line[at + 1..].split(']').next().unwrap().parse().unwrap()
}
