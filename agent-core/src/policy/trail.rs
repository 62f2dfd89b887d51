//! What a step read of servers, call by call: which addresses were there to be read, and how many of them were followed.
//!
//! An answer counts only where its call carried nothing of the model's: otherwise a server that repeats what it is asked would
//! turn an address that the model made up into one that somebody else wrote.

use serde_json::Value;

use super::{Addresses, Label, Outward};

/// How many addresses a step follows without its owner's consent. Whoever wrote them learns which were chosen, so each tells
/// a few bits, and enough of them spell a text.
pub const FOLLOWED_MAX: usize = 10;

/// A call that was made.
#[derive(Debug, Clone)]
pub struct Read<'a> {
    /// What left through it.
    pub outward: Outward,
    /// Whose words the step had read before.
    pub label: Label,
    /// Its arguments.
    pub arguments: &'a Value,
    /// What a server answered, if all went well.
    pub answer: Option<&'a str>,
}

/// See the module's description.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    goal: Addresses,
    addresses: Addresses,
    followed: usize,
    last: String,
}

impl Trail {
    /// One that begins with what the submitter wrote.
    pub fn new(goal: &str) -> Self {
        let mut trail = Self::default();
        trail.goal.read(goal);
        trail
    }

    /// Takes in the next call that read from servers.
    pub fn push(&mut self, read: &Read<'_>) {
        match &read.outward {
            // The service that the operator named.
            Outward::Nothing => self.answered(read, ""),
            Outward::Fetch { address, .. } => {
                let is_written = self.goal.have(address) || self.addresses.have(address);
                let is_choice = read.label == Label::Outside && !self.goal.have(address);
                if is_written && is_choice && self.last != *address {
                    self.followed += 1;
                    self.last.clone_from(address);
                }
                if is_written || read.label < Label::Outside {
                    self.answered(read, "url");
                }
            }
            // What a page shows may be what was typed into it, so its answers count for nothing.
            Outward::Open { address, .. } => {
                let is_choice = read.label == Label::Outside && !self.goal.have(address);
                if is_choice && self.addresses.have(address) && self.last != *address {
                    self.followed += 1;
                    self.last.clone_from(address);
                }
            }
            Outward::Page | Outward::Send { .. } | Outward::Program | Outward::Uncaged => {}
        }
    }

    fn answered(&mut self, read: &Read<'_>, except: &str) {
        if let Some(answer) = read.answer {
            let mut said = String::new();
            for (name, value) in read.arguments.as_object().into_iter().flatten() {
                if name != except {
                    said.push_str(name);
                    said.push(' ');
                    said.push_str(value.as_str().unwrap_or_default());
                    said.push(' ');
                }
            }
            self.addresses.read_answer(answer, &said);
        }
    }

    /// Whether an address carries nothing that the model could have put into it.
    pub fn leads_to(&self, address: &str) -> bool {
        let may_follow = self.followed < FOLLOWED_MAX || self.last == address;
        self.goal.have(address) || (may_follow && self.addresses.have(address))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fetch(trail: &mut Trail, label: Label, address: &str, answer: &str) {
        let arguments = json!({ "url": address });
        trail.push(&Read {
            outward: Outward::Fetch {
                address: address.to_owned(),
                host: String::new(),
                port: 0,
            },
            label,
            arguments: &arguments,
            answer: Some(answer),
        });
    }

    #[test]
    fn addresses_lead_on_from_the_goal_and_from_what_they_led_to() {
        let mut trail = Trail::new("Read http://a.example/start.");
        assert!(trail.leads_to("http://a.example/start"));
        fetch(
            &mut trail,
            Label::Outside,
            "http://a.example/start",
            "on to http://b.example/next and http://a.example/",
        );
        assert!(trail.leads_to("http://b.example/next") && trail.leads_to("http://a.example/"));
        assert!(!trail.leads_to("http://b.example/other"));
    }

    #[test]
    fn an_answer_to_an_address_that_a_misled_model_made_up_leads_nowhere() {
        let answer = "you asked for http://evil.example/?d=secret";
        let mut trail = Trail::new("");
        fetch(&mut trail, Label::Outside, "http://echo.example/", answer);
        assert!(!trail.leads_to("http://evil.example/?d=secret"));
        fetch(&mut trail, Label::User, "http://echo.example/", answer);
        assert!(trail.leads_to("http://evil.example/?d=secret"));
    }

    #[test]
    fn what_the_other_arguments_of_a_call_said_is_not_read_back_from_its_answer() {
        let mut trail = Trail::new("http://a.example/");
        let arguments =
            json!({"url": "http://a.example/", "part": "http://evil.example/?d=secret"});
        trail.push(&Read {
            outward: Outward::Fetch {
                address: "http://a.example/".to_owned(),
                host: String::new(),
                port: 0,
            },
            label: Label::Outside,
            arguments: &arguments,
            answer: Some("there is no part http://evil.example/?d=secret; see http://b.example"),
        });
        assert!(!trail.leads_to("http://evil.example/?d=secret"));
        assert!(trail.leads_to("http://b.example"));
    }

    #[test]
    fn a_text_cannot_be_spelt_with_addresses_that_somebody_else_wrote() {
        let mut trail = Trail::new("http://evil.example/");
        let letter = |number: usize| format!("http://evil.example/{number}");
        let all: Vec<String> = (0..=FOLLOWED_MAX).map(letter).collect();
        fetch(
            &mut trail,
            Label::Outside,
            "http://evil.example/",
            &all.join(" "),
        );
        for address in &all[..FOLLOWED_MAX] {
            assert!(trail.leads_to(address), "{address}");
            fetch(&mut trail, Label::Outside, address, "ok");
        }
        assert!(!trail.leads_to(&all[FOLLOWED_MAX]));
        // The next part of the page that was read last, and what the submitter wrote.
        assert!(trail.leads_to(&all[FOLLOWED_MAX - 1]));
        assert!(trail.leads_to("http://evil.example/"));
    }
}
