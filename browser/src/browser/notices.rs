//! What happened in a browser beside the answers to calls, in order, for whoever tells a model what its action led to.

use std::collections::VecDeque;

use serde::Serialize;

use crate::driver::TargetId;

/// How many are kept.
const KEPT_MAX: usize = 1_000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A tab is there, opened by us or by a page.
    TabOpened {
        /// The tab.
        tab: TargetId,
        /// The tab whose page opened it.
        opener: Option<TargetId>,
    },
    /// A tab is gone.
    TabClosed {
        /// The tab.
        tab: TargetId,
    },
    /// A page wanted one tab more than there may be.
    TabRefused {
        /// The tab whose page wanted it.
        opener: Option<TargetId>,
    },
    /// A page shows a dialog and waits for its answer.
    DialogOpened {
        /// The tab.
        tab: TargetId,
        /// What it says.
        dialog: Dialog,
    },
    /// A page crashed.
    Crashed {
        /// The tab.
        tab: TargetId,
    },
    /// A tab got to an address that none may show, and was sent to an empty page.
    AddressRefused {
        /// The tab.
        tab: TargetId,
        /// The address.
        url: String,
    },
    /// A page asked for files. It gets them by `set_files`.
    FilesAsked {
        /// The tab.
        tab: TargetId,
        /// The number of the field that asks, in the process of its frame.
        backend_node: Option<i64>,
    },
    /// A download began.
    DownloadBegun {
        /// Its name in the folder of downloads.
        guid: String,
    },
    /// A download ended, well or not.
    DownloadEnded {
        /// Its name in the folder of downloads.
        guid: String,
    },
}

/// A dialog of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dialog {
    /// `alert`, `confirm`, `prompt` or `beforeunload`.
    pub kind: String,
    /// What the page says.
    pub message: String,
    /// What a prompt proposes.
    pub proposed: String,
    /// The address of the page.
    pub url: String,
}

#[derive(Debug, Default)]
pub struct Notices {
    kept: VecDeque<Notice>,
    /// How many there were ever.
    count: u64,
}

impl Notices {
    pub fn add(&mut self, notice: Notice) {
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(notice);
        self.count += 1;
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// Those that came after so many.
    pub fn after(&self, count: u64) -> Vec<Notice> {
        let new = usize::try_from(self.count.saturating_sub(count)).unwrap_or(usize::MAX);
        let skipped = self.kept.len().saturating_sub(new);
        self.kept.iter().skip(skipped).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    //! Which notices are kept.

    use super::{KEPT_MAX, Notice, Notices};

    fn notice(number: usize) -> Notice {
        let guid = number.to_string();
        Notice::DownloadBegun { guid }
    }

    #[test]
    fn only_what_came_after_is_told_and_the_oldest_go_first() {
        let mut notices = Notices::default();
        for number in 0..KEPT_MAX + 5 {
            notices.add(notice(number));
        }
        let count = notices.count();
        assert_eq!(notices.after(count), []);
        assert_eq!(
            notices.after(count - 2),
            [notice(KEPT_MAX + 3), notice(KEPT_MAX + 4)]
        );
        assert_eq!(notices.after(0).first(), Some(&notice(5)));
    }
}
