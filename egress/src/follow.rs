//! Reading a page that may have moved: a GET that follows redirects, each of which is judged like the first request.

use std::time::Duration;

use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, HeaderMap, HeaderName, LOCATION, RANGE, USER_AGENT,
};
use reqwest::{Method, Request, Response, StatusCode, Url};
use tokio::time::Instant;

use crate::error::Error;
use crate::guard::Guard;
use crate::hosts::Hosts;
use crate::target::{Origin, Target};

/// What goes along to another origin; whatever else the caller sends may be a credential.
const HARMLESS: [HeaderName; 4] = [ACCEPT, ACCEPT_LANGUAGE, RANGE, USER_AGENT];

/// How a GET follows redirects.
#[derive(Debug, Clone)]
pub struct Follow<'a> {
    /// The only hosts that may be asked, the first one included; absent where any public one may be.
    pub hosts: Option<&'a Hosts>,
    /// How many redirects are followed.
    pub redirects_max: usize,
    /// How long all of it may take together: every redirect, and the last answer up to the end of its body.
    pub timeout: Option<Duration>,
}

/// What came of a GET that follows redirects.
#[derive(Debug)]
pub struct Followed {
    /// Where it was asked, in order, each redirect included. A place that was refused is the last.
    pub asked: Vec<Url>,
    /// The answer of the last place, or why there is none.
    pub answer: Result<Response, FollowError>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// A request was not allowed, or got no answer.
    #[error(transparent)]
    Request(#[from] Error),
    /// A host is not on the list. Nothing was sent to it.
    #[error("{target} is not on the list of allowed hosts ({listed})")]
    NotListed {
        /// Where the request should have gone.
        target: Origin,
        /// What is on the list.
        listed: Hosts,
    },
    /// A redirect would have left TLS. Nothing was sent to where it leads.
    #[error("{from} redirects to {to}, which would leave TLS")]
    Downgrade {
        /// Who answered.
        from: Origin,
        /// Where it leads.
        to: Origin,
    },
    /// A redirect leads to something that is no URL.
    #[error("{from} redirects to something that is not a URL")]
    Location {
        /// Who answered.
        from: Origin,
    },
    /// There were more redirects than are followed.
    #[error("{last} redirects once more after {redirects_max} redirects")]
    TooMany {
        /// Who answered last.
        last: Origin,
        /// How many were followed.
        redirects_max: usize,
    },
}

impl FollowError {
    /// Whether the last place was refused: nothing was sent to it.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::NotListed { .. }
            | Self::Downgrade { .. }
            | Self::Request(Error::Forbidden { .. }) => true,
            Self::Request(_) | Self::Location { .. } | Self::TooMany { .. } => false,
        }
    }
}

impl Guard {
    /// Sends a GET and follows redirects. Each one is a new request: its name is resolved and its addresses are checked
    /// anew. Headers go along within one origin; once the origin changes, only a few harmless ones do, for good.
    /// The answer knows its own URL ([`Response::url`]); a redirect without a `location` is returned as it is.
    pub async fn follow(&self, url: Url, headers: HeaderMap, how: &Follow<'_>) -> Followed {
        let mut asked = Vec::new();
        let answer = self.follow_to_end(url, headers, how, &mut asked).await;
        Followed { asked, answer }
    }

    async fn follow_to_end(
        &self,
        mut url: Url,
        mut headers: HeaderMap,
        how: &Follow<'_>,
        asked: &mut Vec<Url>,
    ) -> Result<Response, FollowError> {
        let guard = match how.hosts {
            Some(hosts) => self.with_ports_of(hosts),
            None => self.clone(),
        };
        let deadline = how.timeout.map(|timeout| Instant::now() + timeout);
        for _ in 0..=how.redirects_max {
            asked.push(url.clone());
            let left = deadline.map(|deadline| deadline - Instant::now());
            let response = guard.get(url, &headers, how.hosts, left).await?;
            let Some(next) = next(&response)? else {
                return Ok(response);
            };
            headers = for_next(response.url(), &next, headers)
                .inspect_err(|_| asked.push(next.clone()))?;
            url = next;
        }
        Err(FollowError::TooMany {
            last: Origin::of(&url),
            redirects_max: how.redirects_max,
        })
    }

    async fn get(
        &self,
        mut url: Url,
        headers: &HeaderMap,
        hosts: Option<&Hosts>,
        timeout: Option<Duration>,
    ) -> Result<Response, FollowError> {
        // What is said of a URL that cannot be read at all is the guard's to say.
        if let (Some(hosts), Ok(target)) = (hosts, Target::take(&mut url))
            && !hosts.admits_named(&target.host, target.port)
        {
            return Err(FollowError::NotListed {
                target: Origin::of(&url),
                listed: hosts.clone(),
            });
        }
        let mut request = Request::new(Method::GET, url);
        *request.headers_mut() = headers.clone();
        *request.timeout_mut() = timeout;
        Ok(self.execute(request).await?)
    }
}

/// Where an answer leads, if it is a redirect.
fn next(response: &Response) -> Result<Option<Url>, FollowError> {
    let is_redirect = match response.status() {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => response.headers().get(LOCATION),
        _ => None,
    };
    let Some(location) = is_redirect else {
        return Ok(None);
    };
    // Bytes beyond ASCII are sent by many servers, and the URL's parser encodes them.
    let text = str::from_utf8(location.as_bytes()).ok();
    let next = text.and_then(|text| response.url().join(text).ok());
    next.map(Some).ok_or_else(|| FollowError::Location {
        from: Origin::of(response.url()),
    })
}

/// The headers for the next request, if it may be made.
fn for_next(from: &Url, to: &Url, headers: HeaderMap) -> Result<HeaderMap, FollowError> {
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(FollowError::Downgrade {
            from: Origin::of(from),
            to: Origin::of(to),
        });
    }
    if from.origin() == to.origin() {
        Ok(headers)
    } else {
        Ok(harmless(&headers))
    }
}

fn harmless(headers: &HeaderMap) -> HeaderMap {
    let kept = HARMLESS.into_iter().filter_map(|name| {
        let value = headers.get(&name)?.clone();
        Some((name, value))
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use reqwest::header::{AUTHORIZATION, HeaderValue};

    use super::*;

    #[test]
    fn credentials_stay_with_their_origin_and_tls_is_not_left() {
        for (from, to, wanted) in [
            ("https://a.example/x", "https://a.example/y", Some(2)),
            ("https://a.example/x", "https://a.example:443/y", Some(2)),
            ("https://a.example/x", "https://a.example:8443/y", Some(1)),
            ("https://a.example/x", "https://b.a.example/y", Some(1)),
            ("http://a.example/x", "https://a.example/y", Some(1)),
            ("https://a.example/x", "http://a.example/y", None),
            ("https://a.example/x", "http://b.example/y", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static("a"));
            headers.insert(AUTHORIZATION, HeaderValue::from_static("hidden"));
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            let kept = for_next(&from, &to, headers);
            let kept = kept.ok().map(|headers| headers.len());
            assert_eq!(kept, wanted, "{from} {to}");
        }
    }
}
