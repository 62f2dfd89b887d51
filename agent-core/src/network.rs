//! What of the network a task may reach: asked for at its submission, within what the operator allows.

use serde::{Deserialize, Serialize};

use crate::id::CallId;

/// How far a task reaches.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// Nowhere.
    #[default]
    None,
    /// To the hosts that are named.
    AllowList,
    /// To every public host.
    Open,
}

impl NetworkMode {
    /// All modes, the narrowest first.
    pub const ALL: [Self; 3] = [Self::None, Self::AllowList, Self::Open];

    /// The mode's name in the API and in settings.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::AllowList => "allow_list",
            Self::Open => "open",
        }
    }

    /// The mode with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.label() == label)
    }
}

/// What of the network a task may reach.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// How far.
    pub mode: NetworkMode,
    /// The hosts of mode `allow_list`: `name`, `*.name` for its subdomains, an address, each with `:port` where it is
    /// neither 80 nor 443.
    pub hosts: Vec<String>,
}

/// One destination that a call tried to reach, and whether it was let through. Tries with the same answer are counted
/// together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkDecision {
    /// The host, as it was asked for.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Why it was refused; absent when it was let through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// How many times.
    pub times: u64,
    /// Bytes sent to it.
    pub bytes_up: u64,
    /// Bytes that came from it.
    pub bytes_down: u64,
}

/// Destinations that one call's record names; what is beyond is counted only.
pub const DECISIONS_MAX: usize = 200;

/// The decisions of one call, as they are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkDecisions {
    /// The first of them.
    pub named: Vec<NetworkDecision>,
    /// How many tries went to destinations that are not named.
    pub beyond: u64,
}

impl NetworkDecisions {
    /// Whether nothing was tried.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.beyond == 0
    }

    /// Adds one decision.
    pub fn add(&mut self, decision: NetworkDecision) {
        let is_full = self.named.len() >= DECISIONS_MAX;
        let same = self.named.iter_mut().find(|one| {
            one.host == decision.host
                && one.port == decision.port
                && one.refused == decision.refused
        });
        match same {
            Some(known) => {
                known.times += decision.times;
                known.bytes_up = known.bytes_up.saturating_add(decision.bytes_up);
                known.bytes_down = known.bytes_down.saturating_add(decision.bytes_down);
            }
            None if is_full => self.beyond += decision.times,
            None => self.named.push(decision),
        }
    }
}

/// What one call tried to reach, as an event of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkUsed {
    /// The call.
    pub call: CallId,
    /// The tool's name.
    pub tool: String,
    /// The decisions, those alike counted together. Never more of a request than its host and port.
    pub decisions: Vec<NetworkDecision>,
    /// How many tries went to further destinations.
    #[serde(default)]
    pub beyond: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(host: &str, refused: Option<&str>) -> NetworkDecision {
        NetworkDecision {
            host: host.to_owned(),
            port: 443,
            refused: refused.map(str::to_owned),
            times: 1,
            bytes_up: 10,
            bytes_down: 20,
        }
    }

    #[test]
    fn decisions_alike_are_counted_together_and_there_is_an_end_to_them() {
        let mut decisions = NetworkDecisions::default();
        decisions.add(decision("a.example", None));
        decisions.add(decision("a.example", Some("it is private")));
        decisions.add(decision("a.example", None));
        let twice = NetworkDecision {
            times: 2,
            bytes_up: 20,
            bytes_down: 40,
            ..decision("a.example", None)
        };
        let refused = decision("a.example", Some("it is private"));
        assert_eq!(decisions.named, [twice, refused]);
        for number in 0..DECISIONS_MAX {
            decisions.add(decision(&format!("{number}.example"), None));
        }
        assert_eq!(
            (decisions.named.len(), decisions.beyond),
            (DECISIONS_MAX, 2)
        );
    }
}
