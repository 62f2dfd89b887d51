//! What to do about a tab that is late, a page that crashed, a socket that closed, a browser that died. Pure: what happened in,
//! what to do next out.
//!
//! Nothing here repeats what a tool did. An action that may have had an effect is told of as unknown, whatever is mended around it.

use std::time::Duration;

/// How long the browser itself may take to answer when it is asked whether it lives.
pub const ALIVE_WITHIN: Duration = Duration::from_secs(2);

/// In this time, the second new browser is one too many.
pub const RESTARTS_WITHIN: Duration = Duration::from_mins(10);

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A call of a tab had no answer in time.
    Late,
    /// A page crashed.
    Crashed,
    /// The connection ended.
    Disconnected,
}

/// What is known when there is trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// Whether the browser's process runs.
    pub process_runs: bool,
    /// Whether the browser, asked within [`ALIVE_WITHIN`], answers.
    pub browser_answers: bool,
    /// What was done about this trouble already, and did not help.
    pub tried: Option<Remedy>,
    /// How often this page crashed before.
    pub crashes: u32,
    /// How long ago the last browser of this task was replaced, if one was.
    pub last_restart: Option<Duration>,
}

/// What to do. After each of the first four the tab is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Stop what the tab loads.
    StopLoading,
    /// End the script that the page runs.
    EndScript,
    /// Close the tab, and open its last address in a new one.
    Reopen,
    /// Connect again; tabs and what is typed in them are still there.
    Reconnect,
    /// Start a new browser, put back cookies, storage and tabs, and say that what was typed is lost.
    NewBrowser,
    /// Tell the step that it cannot go on like this.
    Fail(Why),
}

/// Why nothing more is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The page crashed, was opened again, and crashed.
    PageCrashes,
    /// The page does not answer, also in a new tab.
    PageHangs,
    /// The browser had to be replaced too often.
    BrowserDies,
}

/// What to do next.
pub fn decide(trouble: Trouble, history: History) -> Remedy {
    if !history.process_runs {
        return new_browser(history);
    }
    match trouble {
        Trouble::Disconnected if history.tried == Some(Remedy::Reconnect) => new_browser(history),
        Trouble::Disconnected => Remedy::Reconnect,
        // A browser that does not answer cannot close a tab either.
        Trouble::Late | Trouble::Crashed if !history.browser_answers => new_browser(history),
        Trouble::Crashed if history.crashes == 0 => Remedy::Reopen,
        Trouble::Crashed => Remedy::Fail(Why::PageCrashes),
        Trouble::Late => match history.tried {
            None | Some(Remedy::Reconnect | Remedy::NewBrowser) => Remedy::StopLoading,
            Some(Remedy::StopLoading) => Remedy::EndScript,
            Some(Remedy::EndScript) => Remedy::Reopen,
            Some(Remedy::Reopen | Remedy::Fail(_)) => Remedy::Fail(Why::PageHangs),
        },
    }
}

fn new_browser(history: History) -> Remedy {
    match history.last_restart {
        Some(ago) if ago < RESTARTS_WITHIN => Remedy::Fail(Why::BrowserDies),
        Some(_) | None => Remedy::NewBrowser,
    }
}

#[cfg(test)]
mod tests {
    //! The whole way that each trouble goes.

    use std::time::Duration;

    use super::Remedy::{EndScript, Fail, NewBrowser, Reconnect, Reopen, StopLoading};
    use super::{History, Remedy, Trouble, Why, decide};

    const ALIVE: History = History {
        process_runs: true,
        browser_answers: true,
        tried: None,
        crashes: 0,
        last_restart: None,
    };

    /// What is tried one after the other, as long as nothing helps.
    fn way(trouble: Trouble, mut history: History) -> Vec<Remedy> {
        let mut way = Vec::new();
        while way.len() < 10 {
            let remedy = decide(trouble, history);
            way.push(remedy);
            if matches!(remedy, Fail(_) | NewBrowser) {
                break;
            }
            history.tried = Some(remedy);
            if trouble == Trouble::Crashed {
                history.crashes += 1;
            }
        }
        way
    }

    #[test]
    fn a_late_tab_is_stopped_then_interrupted_then_replaced_and_then_given_up() {
        let expected = [StopLoading, EndScript, Reopen, Fail(Why::PageHangs)];
        assert_eq!(way(Trouble::Late, ALIVE), expected);
    }

    #[test]
    fn a_crashed_page_is_opened_again_once() {
        let expected = [Reopen, Fail(Why::PageCrashes)];
        assert_eq!(way(Trouble::Crashed, ALIVE), expected);
    }

    #[test]
    fn a_closed_socket_is_opened_again_while_the_process_runs() {
        assert_eq!(way(Trouble::Disconnected, ALIVE), [Reconnect, NewBrowser]);
        let dead = History {
            process_runs: false,
            ..ALIVE
        };
        for trouble in [Trouble::Disconnected, Trouble::Late, Trouble::Crashed] {
            assert_eq!(way(trouble, dead), [NewBrowser], "{trouble:?}");
        }
    }

    #[test]
    fn a_browser_that_answers_nothing_is_replaced() {
        let silent = History {
            browser_answers: false,
            ..ALIVE
        };
        for trouble in [Trouble::Late, Trouble::Crashed] {
            assert_eq!(way(trouble, silent), [NewBrowser], "{trouble:?}");
        }
    }

    #[test]
    fn a_second_new_browser_within_ten_minutes_is_one_too_many() {
        let after = |seconds| History {
            process_runs: false,
            last_restart: Some(Duration::from_secs(seconds)),
            ..ALIVE
        };
        assert_eq!(
            decide(Trouble::Disconnected, after(599)),
            Fail(Why::BrowserDies)
        );
        assert_eq!(decide(Trouble::Disconnected, after(600)), NewBrowser);
    }
}
