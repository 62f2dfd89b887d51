//! What happened in a browser during a call, in words for a model.

use agent_core::id::StepId;
use browser::{Dialog, DownloadState, Notice};

use super::tabs::Tabs;

/// What a page says in a dialog is cut here.
const MESSAGE_CHARS_MAX: usize = 1_000;
/// Lines about what happened; a page can make any number of things happen.
const LINES_MAX: usize = 20;

/// A line for each notice that concerns these tabs. Tabs that were opened are named already.
pub(super) fn lines(notices: &[Notice], tabs: &Tabs, step: &StepId) -> Vec<String> {
    let mut lines: Vec<String> = notices
        .iter()
        .filter(|notice| concerns(notice, tabs, step))
        .filter_map(|notice| line(notice, tabs))
        .collect();
    let beyond = lines.len().saturating_sub(LINES_MAX);
    if beyond > 0 {
        lines.truncate(LINES_MAX);
        lines.push(format!("and {beyond} things more"));
    }
    lines
}

/// Whether it is of a tab of this step, or of nobody's.
fn concerns(notice: &Notice, tabs: &Tabs, step: &StepId) -> bool {
    let tab = match notice {
        Notice::TabOpened { tab, .. }
        | Notice::TabClosed { tab }
        | Notice::DialogOpened { tab, .. }
        | Notice::Crashed { tab }
        | Notice::AddressRefused { tab, .. }
        | Notice::FilesAsked { tab, .. } => Some(tab),
        Notice::TabRefused { opener } => opener.as_ref(),
        Notice::DownloadBegun { .. } | Notice::DownloadEnded { .. } => None,
    };
    tab.and_then(|tab| tabs.step(tab))
        .is_none_or(|of| of == step)
}

/// What a page, or an error that quotes it, says: one line, not too long.
pub(crate) fn one_line(text: &str) -> String {
    let line = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    cut(&line.collect::<String>())
}

fn line(notice: &Notice, tabs: &Tabs) -> Option<String> {
    match notice {
        Notice::TabOpened { tab, opener } => {
            let (tab, opener) = (tabs.name(tab)?, tabs.name(opener.as_ref()?)?);
            Some(format!(
                "the page of {opener} opened {tab}; switch to it with browser_tab"
            ))
        }
        Notice::TabRefused { .. } => {
            Some("a page wanted one more tab than there may be; close one first".to_owned())
        }
        Notice::DialogOpened { tab, dialog } => {
            Some(format!("{} shows {}", tabs.name(tab)?, shown(dialog)))
        }
        Notice::Crashed { tab } => Some(format!("the page of {} crashed", tabs.name(tab)?)),
        Notice::AddressRefused { tab, url } => Some(format!(
            "{} was to show {:?}, which is not of the web, and shows an empty page instead",
            tabs.name(tab)?,
            cut(url)
        )),
        Notice::FilesAsked { tab, .. } => Some(format!(
            "the page of {} asks for files: give them with browser_file, upload",
            tabs.name(tab)?
        )),
        Notice::DownloadBegun { .. } => {
            Some("a download began; browser_file, downloads, tells how it stands".to_owned())
        }
        // Told by the answer that it belongs to, or with the list of downloads.
        Notice::TabClosed { .. } | Notice::DownloadEnded { .. } => None,
    }
}

/// A dialog, and what to do about it.
pub(super) fn shown(dialog: &Dialog) -> String {
    let proposed = if dialog.proposed.is_empty() {
        String::new()
    } else {
        format!(", with {:?} filled in", cut(&dialog.proposed))
    };
    format!(
        "a dialog ({}): {:?}{proposed}. Nothing else of the page goes on before browser_dialog answers it",
        dialog.kind,
        cut(&dialog.message)
    )
}

/// How a download stands.
pub(crate) fn state(state: DownloadState) -> &'static str {
    match state {
        DownloadState::Coming => "is coming",
        DownloadState::Done => "is there",
        DownloadState::Cancelled => "was cut off",
        DownloadState::TooLarge => "was cancelled, because it is larger than downloads may be",
    }
}

fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use agent_core::ports::entropy::Seeded;
    use browser::TargetId;

    use super::*;

    #[test]
    fn what_happened_is_told_with_what_to_do_and_what_concerns_nobody_is_left_out() {
        let (mut tabs, step) = (Tabs::default(), StepId::new(&Seeded::new(1)));
        let [own, popup, strange] = ["a", "b", "c"].map(TargetId::from);
        tabs.add(&own, &step);
        tabs.add(&popup, &step);
        let dialog = Dialog {
            kind: "prompt".to_owned(),
            message: "Your name?\n[e1] button".to_owned(),
            proposed: "Ann".to_owned(),
            url: String::new(),
        };
        let notices = [
            Notice::TabOpened {
                tab: popup,
                opener: Some(own.clone()),
            },
            Notice::TabOpened {
                tab: own.clone(),
                opener: None,
            },
            Notice::Crashed { tab: strange },
            Notice::DialogOpened { tab: own, dialog },
        ];
        assert_eq!(
            lines(&notices, &tabs, &step),
            [
                "the page of t1 opened t2; switch to it with browser_tab",
                "t1 shows a dialog (prompt): \"Your name?\\n[e1] button\", with \"Ann\" filled in. Nothing else of the page \
                 goes on before browser_dialog answers it"
            ]
        );
        let many = vec![Notice::TabRefused { opener: None }; LINES_MAX + 3];
        let lines = lines(&many, &tabs, &step);
        assert_eq!(lines.last().map(String::as_str), Some("and 3 things more"));
    }
}
