//! A GET of a tool: through the guard, redirects included, each place that was asked as a decision of the record.

use std::time::Duration;

use agent_core::network::{NetworkDecision, NetworkDecisions};
use egress::header::HeaderMap;
use egress::{Follow, FollowError, Guard, Hosts, Response, Url};

use super::{decision, destination};

const REDIRECTS_MAX: usize = 10;

/// What came of it.
pub(super) struct Got {
    /// The answer, or why there is none.
    pub answer: Result<Response, FollowError>,
    /// Where it was asked.
    pub asked: Asked,
}

/// The places that were asked, in order.
pub(super) struct Asked {
    places: Vec<(String, u16)>,
    /// Why the last of them was refused.
    refused: Option<String>,
}

/// Asks for a URL within these hosts, all public ones if none are named.
pub(super) async fn get(
    guard: &Guard,
    url: Url,
    headers: HeaderMap,
    hosts: Option<&Hosts>,
    within: Duration,
) -> Got {
    let how = Follow {
        hosts,
        redirects_max: REDIRECTS_MAX,
        timeout: Some(within),
    };
    let followed = guard.follow(url, headers, &how).await;
    let refusal = followed.answer.as_ref().err();
    let refusal = refusal.filter(|error| error.is_refusal());
    Got {
        asked: Asked {
            places: followed.asked.iter().map(destination).collect(),
            refused: refusal.map(ToString::to_string),
        },
        answer: followed.answer,
    }
}

impl Asked {
    /// As they are recorded; the last place gave this many bytes.
    pub fn decisions(self, bytes_down: u64) -> NetworkDecisions {
        let mut decisions = NetworkDecisions::default();
        let mut places = self.places;
        let last = places.pop();
        for (host, port) in places {
            decisions.add(decision(host, port, None));
        }
        if let Some((host, port)) = last {
            decisions.add(NetworkDecision {
                bytes_down,
                ..decision(host, port, self.refused)
            });
        }
        decisions
    }
}

/// An error with its cause, as a sentence.
pub(super) fn sentence(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}.", cause.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_recorded_and_the_bytes_are_those_of_the_last() {
        let place = |name: &str| (format!("{name}.example"), 443);
        let asked = |refused: Option<&str>| Asked {
            places: vec![place("a"), place("a"), place("b")],
            refused: refused.map(str::to_owned),
        };
        let twice = NetworkDecision {
            times: 2,
            ..decision("a.example".to_owned(), 443, None)
        };
        let last = |bytes_down, refused: Option<&str>| NetworkDecision {
            bytes_down,
            ..decision("b.example".to_owned(), 443, refused.map(str::to_owned))
        };
        assert_eq!(
            asked(None).decisions(7).named,
            [twice.clone(), last(7, None)]
        );
        let refused = asked(Some("it is private")).decisions(0);
        assert_eq!(refused.named, [twice, last(0, Some("it is private"))]);
    }
}
