//! The judgement of one call: what it would join, and what was said about that beforehand.

use crate::credential::HostPattern;
use crate::network::{Network, NetworkMode};

use super::{Approvals, Consent, FOLLOWED_MAX, Label, Outward, TaskPolicy};

/// What is asked about a call.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What can leave through it.
    pub outward: &'a Outward,
    /// Whose words its step has read so far.
    pub label: Label,
    /// Whether the task holds data that are not everybody's: attached files, stored secrets.
    pub is_private: bool,
    /// What the submit said.
    pub policy: &'a TaskPolicy,
    /// What of the network the submit named.
    pub network: Option<&'a Network>,
    /// What is done where the submit did not say.
    pub approvals: Approvals,
    /// Whether the owner approved this very call.
    pub is_approved: bool,
    /// Whether the owner did not allow a call of this step that would have sent to the same place. They are asked once.
    pub was_denied: bool,
}

/// What is to be done about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is made.
    Go(Consent),
    /// It is made if the address stands in what servers outside answered, or in the goal, or, for a fetch, leads to a host of a
    /// secret that the task was granted; otherwise as the other says.
    IfKnown(Box<Verdict>),
    /// Its owner is asked.
    Ask(String),
    /// It is not made.
    Deny(String),
}

/// Judges a call.
pub fn judge(question: &Question<'_>) -> Verdict {
    let reads = match question.outward {
        Outward::Nothing | Outward::Page => return Verdict::Go(Consent::NotNeeded),
        // There is no network to send anything to.
        Outward::Open { .. } | Outward::Program if has_none(question) => false,
        Outward::Fetch { .. } | Outward::Open { .. } | Outward::Send { .. } => {
            question.label == Label::Outside
        }
        // It can read from outside and send in one go.
        Outward::Program | Outward::Uncaged => true,
    };
    if !reads || !question.is_private {
        return Verdict::Go(Consent::NotNeeded);
    }
    if question.is_approved {
        return Verdict::Go(Consent::Approved);
    }
    if is_granted(question) {
        return Verdict::Go(Consent::Granted);
    }
    let approvals = question.policy.approvals.unwrap_or(question.approvals);
    let verdict = match approvals {
        Approvals::Grant => return Verdict::Go(Consent::Granted),
        Approvals::Ask if question.was_denied => Verdict::Deny(format!(
            "{}, and the owner did not allow such a call before",
            reason(question)
        )),
        Approvals::Ask => Verdict::Ask(reason(question)),
        Approvals::Deny => Verdict::Deny(reason(question)),
    };
    match question.outward {
        Outward::Fetch { .. } | Outward::Open { .. } => Verdict::IfKnown(Box::new(verdict)),
        Outward::Nothing
        | Outward::Page
        | Outward::Send { .. }
        | Outward::Program
        | Outward::Uncaged => verdict,
    }
}

/// Whether the submit said that the task has no network.
fn has_none(question: &Question<'_>) -> bool {
    let mode = question.network.map(|network| network.mode);
    mode == Some(NetworkMode::None)
}

/// Whether the submit named what the call reaches: for sending as such, for reading by naming the host at all.
fn is_granted(question: &Question<'_>) -> bool {
    let policy = question.policy;
    let named = question
        .network
        .filter(|network| network.mode == NetworkMode::AllowList)
        .map(|network| network.hosts.as_slice());
    let is_named = |host: &str, port: u16| {
        named.unwrap_or_default().iter().any(|entry| {
            let pattern = entry.parse::<HostPattern>();
            pattern.is_ok_and(|pattern| pattern.covers_web(host, port))
        })
    };
    match question.outward {
        Outward::Nothing | Outward::Page => true,
        Outward::Send { host, port } => may_send(policy, host, *port),
        Outward::Fetch { host, port, .. } => is_named(host, *port) || may_send(policy, host, *port),
        // A page leads on to every host that the task may reach, so all of those have to be named.
        Outward::Open { host, port, .. } => is_named(host, *port),
        Outward::Uncaged => false,
        // Every host that it may reach has to be one to send to, written in the same way.
        Outward::Program => named.is_some_and(|hosts| {
            hosts.iter().all(|entry| {
                let pattern = entry.parse::<HostPattern>();
                pattern.is_ok_and(|pattern| policy.send_to.contains(&pattern))
            })
        }),
    }
}

fn may_send(policy: &TaskPolicy, host: &str, port: u16) -> bool {
    let mut patterns = policy.send_to.iter();
    patterns.any(|pattern| pattern.covers_web(host, port))
}

fn reason(question: &Question<'_>) -> String {
    let what = match question.outward {
        Outward::Nothing | Outward::Page => "it would send nothing".to_owned(),
        Outward::Fetch { host, port, .. } | Outward::Open { host, port, .. } => {
            format!(
                "it would ask {host}:{port} for an address that the model made up, or chose after {FOLLOWED_MAX} others"
            )
        }
        Outward::Send { host, port } => format!("it would send a request to {host}:{port}"),
        Outward::Program | Outward::Uncaged => {
            "a program with the network can send anything".to_owned()
        }
    };
    let read = match question.outward {
        Outward::Program | Outward::Uncaged => "and be misled by what it reads there",
        Outward::Nothing
        | Outward::Page
        | Outward::Fetch { .. }
        | Outward::Open { .. }
        | Outward::Send { .. } => "after the step read text of strangers",
    };
    format!("{what} {read}, and the task holds private data (attached files or secrets)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch() -> Outward {
        Outward::Fetch {
            address: "https://a.example/x".to_owned(),
            host: "a.example".to_owned(),
            port: 443,
        }
    }

    fn send() -> Outward {
        Outward::Send {
            host: "a.example".to_owned(),
            port: 443,
        }
    }

    fn hosts(names: &[&str]) -> Vec<HostPattern> {
        names.iter().filter_map(|name| name.parse().ok()).collect()
    }

    fn network(mode: NetworkMode, names: &[&str]) -> Network {
        Network {
            mode,
            hosts: names.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    fn verdict(
        outward: &Outward,
        (label, is_private): (Label, bool),
        policy: &TaskPolicy,
        network: Option<&Network>,
    ) -> &'static str {
        let question = Question {
            outward,
            label,
            is_private,
            policy,
            network,
            approvals: Approvals::Ask,
            is_approved: false,
            was_denied: false,
        };
        match judge(&question) {
            Verdict::Go(Consent::NotNeeded) => "free",
            Verdict::Go(Consent::Granted) => "granted",
            Verdict::Go(Consent::Approved) => "approved",
            Verdict::IfKnown(otherwise) if matches!(*otherwise, Verdict::Ask(_)) => {
                "ask unless known"
            }
            Verdict::IfKnown(_) => "deny unless known",
            Verdict::Ask(_) => "ask",
            Verdict::Deny(_) => "deny",
        }
    }

    #[test]
    fn two_of_the_three_are_free_and_all_three_need_consent() {
        let policy = TaskPolicy::default();
        for (outward, tainted) in [
            (fetch(), "ask unless known"),
            (send(), "ask"),
            (Outward::Program, "ask"),
            (Outward::Nothing, "free"),
        ] {
            let of = |label, is_private| verdict(&outward, (label, is_private), &policy, None);
            assert_eq!(of(Label::Outside, true), tainted, "{outward:?}");
            assert_eq!(of(Label::Outside, false), "free", "{outward:?}");
            // A program with the network reads from outside by itself.
            let untainted = if outward == Outward::Program {
                "ask"
            } else {
                "free"
            };
            assert_eq!(of(Label::User, true), untainted, "{outward:?}");
            assert_eq!(of(Label::User, false), "free", "{outward:?}");
        }
    }

    #[test]
    fn naming_a_host_grants_reading_from_it_and_not_sending_to_it() {
        let policy = TaskPolicy::default();
        let listed = network(NetworkMode::AllowList, &["a.example"]);
        let of =
            |outward: &Outward| verdict(outward, (Label::Outside, true), &policy, Some(&listed));
        assert_eq!(of(&fetch()), "granted");
        assert_eq!(of(&send()), "ask");
        assert_eq!(of(&Outward::Program), "ask");
        let open = network(NetworkMode::Open, &[]);
        assert_eq!(
            verdict(&fetch(), (Label::Outside, true), &policy, Some(&open)),
            "ask unless known"
        );
    }

    #[test]
    fn a_page_is_opened_freely_where_its_host_was_named_and_leads_nowhere_else() {
        let open = Outward::Open {
            address: "https://a.example/x".to_owned(),
            host: "a.example".to_owned(),
            port: 443,
        };
        let policy = TaskPolicy {
            send_to: hosts(&["a.example"]),
            ..TaskPolicy::default()
        };
        let of =
            |network: Option<&Network>| verdict(&open, (Label::Outside, true), &policy, network);
        let listed = network(NetworkMode::AllowList, &["a.example"]);
        assert_eq!(of(Some(&listed)), "granted");
        let anywhere = network(NetworkMode::Open, &[]);
        assert_eq!(of(Some(&anywhere)), "ask unless known");
        assert_eq!(of(None), "ask unless known");
        let shown = verdict(&Outward::Page, (Label::Outside, true), &policy, None);
        assert_eq!(shown, "free");
    }

    #[test]
    fn where_the_task_was_given_no_network_nothing_can_be_sent_by_a_program() {
        let none = network(NetworkMode::None, &[]);
        let policy = TaskPolicy::default();
        let of = |outward: &Outward| verdict(outward, (Label::Outside, true), &policy, Some(&none));
        assert_eq!(of(&Outward::Program), "free");
        assert_eq!(of(&Outward::Uncaged), "ask", "nothing holds it to that");
    }

    #[test]
    fn hosts_to_send_to_grant_requests_to_them_and_programs_that_reach_no_others() {
        let policy = TaskPolicy {
            send_to: hosts(&["a.example", "*.b.example"]),
            ..TaskPolicy::default()
        };
        let of = |outward: &Outward, network: &Network| {
            verdict(outward, (Label::Outside, true), &policy, Some(network))
        };
        let both = network(NetworkMode::AllowList, &["*.b.example", "a.example"]);
        assert_eq!(of(&send(), &both), "granted");
        assert_eq!(of(&Outward::Program, &both), "granted");
        let more = network(NetworkMode::AllowList, &["a.example", "c.example"]);
        assert_eq!(of(&Outward::Program, &more), "ask");
        let open = network(NetworkMode::Open, &[]);
        assert_eq!(of(&Outward::Program, &open), "ask");
        assert_eq!(
            of(&Outward::Uncaged, &both),
            "ask",
            "nothing holds it to them"
        );
        let elsewhere = Outward::Send {
            host: "b.example".to_owned(),
            port: 443,
        };
        assert_eq!(of(&elsewhere, &open), "ask");
        let other_port = Outward::Send {
            host: "a.example".to_owned(),
            port: 8443,
        };
        assert_eq!(of(&other_port, &open), "ask");
    }

    #[test]
    fn a_submit_can_deny_or_grant_what_joins_all_three_and_an_approval_goes_before() {
        let with = |approvals| TaskPolicy {
            approvals: Some(approvals),
            ..TaskPolicy::default()
        };
        let of = |policy: &TaskPolicy, outward: &Outward| {
            verdict(outward, (Label::Outside, true), policy, None)
        };
        assert_eq!(of(&with(Approvals::Deny), &send()), "deny");
        assert_eq!(of(&with(Approvals::Deny), &fetch()), "deny unless known");
        assert_eq!(of(&with(Approvals::Grant), &send()), "granted");
        assert_eq!(of(&with(Approvals::Grant), &Outward::Program), "granted");
        let question = Question {
            outward: &send(),
            label: Label::Outside,
            is_private: true,
            policy: &with(Approvals::Deny),
            network: None,
            approvals: Approvals::Deny,
            is_approved: true,
            was_denied: false,
        };
        assert_eq!(judge(&question), Verdict::Go(Consent::Approved));
    }

    #[test]
    fn the_owner_is_asked_once_about_a_place() {
        let question = Question {
            outward: &send(),
            label: Label::Outside,
            is_private: true,
            policy: &TaskPolicy::default(),
            network: None,
            approvals: Approvals::Ask,
            is_approved: false,
            was_denied: true,
        };
        let Verdict::Deny(reason) = judge(&question) else {
            panic!("it is asked again");
        };
        assert!(
            reason.ends_with("did not allow such a call before"),
            "{reason}"
        );
        let fetched = fetch();
        let fetch = Question {
            outward: &fetched,
            ..question
        };
        let Verdict::IfKnown(otherwise) = judge(&fetch) else {
            panic!("an address that is known needs nobody's consent");
        };
        assert!(matches!(*otherwise, Verdict::Deny(_)), "{otherwise:?}");
    }

    #[test]
    fn the_reason_names_where_it_would_go() {
        let policy = TaskPolicy::default();
        let question = Question {
            outward: &send(),
            label: Label::Outside,
            is_private: true,
            policy: &policy,
            network: None,
            approvals: Approvals::Ask,
            is_approved: false,
            was_denied: false,
        };
        let Verdict::Ask(reason) = judge(&question) else {
            panic!("nobody is asked");
        };
        assert!(reason.contains("a request to a.example:443"), "{reason}");
    }
}
