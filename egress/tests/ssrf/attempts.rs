//! The ways in which something is asked for: by our own requests, by redirects, and through the proxy.

use std::fmt;

use egress::proxy::{Decision, Limits, Mode, Observer, Outcome, Proxy};
use egress::{Follow, Guard, Hosts, Method, Request, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::raw::{connect, greeting};
use crate::world::World;

/// One attempt to reach something.
pub struct Attempt {
    way: Way,
    what: String,
}

enum Way {
    /// A request of our own for a URL.
    Execute(Guard, String),
    /// A GET that follows redirects, for a URL.
    Follow(Guard, String),
    /// Bytes sent to a proxy.
    Raw(Proxy, Vec<u8>),
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.way {
            Way::Execute(..) => "execute",
            Way::Follow(..) => "follow",
            Way::Raw(..) => "proxy",
        };
        write!(f, "{way} {}", self.what)
    }
}

impl Attempt {
    /// Bytes for a proxy in the open mode.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self {
            what: format!("{:?}", String::from_utf8_lossy(&bytes)),
            way: Way::Raw(open(&World::guard(&[])), bytes),
        }
    }

    /// Whether it asks the public site first.
    pub fn starts_at_public(&self) -> bool {
        matches!(&self.way, Way::Follow(..))
    }

    /// Makes the attempt; an offence is said of one that was answered by a destination.
    pub async fn run(self) -> Option<String> {
        let text = self.to_string();
        let arrived = match self.way {
            Way::Execute(guard, url) => {
                // What is no URL to our parser cannot be asked for at all.
                let url = url.parse::<Url>().ok()?;
                let answer = guard.execute(Request::new(Method::GET, url)).await;
                match answer {
                    Ok(_) => true,
                    // Something answered, if not in TLS.
                    Err(error) => {
                        matches!(error, egress::Error::Tls { .. } | egress::Error::Io { .. })
                    }
                }
            }
            Way::Follow(guard, url) => {
                let how = Follow {
                    hosts: None,
                    redirects_max: 5,
                    timeout: None,
                };
                let url = url.parse().unwrap();
                let headers = egress::header::HeaderMap::new();
                match guard.follow(url, headers, &how).await.answer {
                    Ok(_) => true,
                    Err(egress::FollowError::Request(error)) => {
                        matches!(error, egress::Error::Tls { .. } | egress::Error::Io { .. })
                    }
                    Err(_) => false,
                }
            }
            Way::Raw(proxy, bytes) => ask(&proxy, &bytes).await.contains("arrived"),
        };
        arrived.then(|| format!("{text} was answered"))
    }
}

/// The ways to ask for one destination under one set of rules.
pub struct Attempts {
    guard: Guard,
}

impl Attempts {
    pub fn permitting(permits: &[&str]) -> Self {
        Self {
            guard: World::guard(permits),
        }
    }

    /// `authority` is a host as an attacker writes it, perhaps with a port.
    pub fn of(&self, authority: &str, world: &World) -> Vec<Attempt> {
        let guard = || self.guard.clone();
        let url = format!("http://{authority}/latest/meta-data/");
        let attempt = |way, what: String| Attempt { way, what };
        let mut attempts = vec![
            attempt(Way::Execute(guard(), url.clone()), url.clone()),
            attempt(
                Way::Follow(guard(), world.redirecting_to(&url)),
                format!("a redirect to {url}"),
            ),
        ];
        for (mode, proxy) in self.proxies(authority) {
            let get = format!("GET {url} HTTP/1.1\r\nhost: public.example\r\n\r\n");
            attempts.push(attempt(
                Way::Raw(proxy.clone(), get.into_bytes()),
                format!("{mode} {url}"),
            ));
            let (tunnel, host) = tunnel(authority);
            let mut bytes = connect(&tunnel);
            bytes.extend(greeting(host.as_deref()));
            attempts.push(attempt(
                Way::Raw(proxy, bytes),
                format!("{mode} CONNECT {tunnel}"),
            ));
        }
        attempts
    }

    /// The same over TLS, for which a request of our own needs another client.
    pub fn over_tls(&self, authority: &str) -> Attempt {
        let url = format!("https://{authority}/");
        Attempt {
            what: url.clone(),
            way: Way::Execute(self.guard.clone(), url),
        }
    }

    /// A proxy that admits all hosts, and where it can be put on a list one that has the host on its list: being listed
    /// must not make an address reachable.
    fn proxies(&self, authority: &str) -> Vec<(&'static str, Proxy)> {
        let mut proxies = vec![("open", open(&self.guard))];
        let pattern = authority
            .split_once('.')
            .map(|(_, parent)| format!("*.{parent}"));
        let entries = [Some(authority.to_owned()), pattern];
        let entries = entries.into_iter().flatten();
        let entries: Vec<_> = entries
            .filter(|entry| Hosts::parse(std::slice::from_ref(entry)).is_ok())
            .collect();
        if !entries.is_empty() {
            let hosts = Hosts::parse(&entries).unwrap();
            let proxy = self
                .guard
                .proxy(Mode::AllowList(hosts), Limits::default(), Vec::new());
            proxies.push(("listed", proxy));
        }
        proxies
    }
}

fn open(guard: &Guard) -> Proxy {
    guard.proxy(Mode::Open, Limits::default(), Vec::new())
}

/// Where a tunnel for an authority goes, and the name in its greeting.
fn tunnel(authority: &str) -> (String, Option<String>) {
    let url = format!("https://{authority}/").parse::<Url>();
    let name = url.as_ref().ok().and_then(Url::domain);
    let name = name.map(|name| name.trim_end_matches('.').to_owned());
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let with_port = if has_port {
        authority.to_owned()
    } else {
        format!("{authority}:443")
    };
    (with_port, name)
}

struct Nobody;

impl Observer for Nobody {
    fn decided(&self, decision: &Decision) {
        // Every attempt says what came of it in its own way; here it only has to be consistent.
        let is_refused = matches!(decision.outcome, Outcome::Refused(_));
        assert!(
            !(is_refused && decision.bytes_up > 0 && decision.method == "CONNECT"),
            "{decision:?}"
        );
    }
}

/// Sends bytes to a proxy and reads what comes back: all of it, or what a destination says through a tunnel.
async fn ask(proxy: &Proxy, bytes: &[u8]) -> String {
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let asking = async {
        client.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = client.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..length]);
        }
        drop(client);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let ((), answer) = tokio::join!(proxy.serve(server, &Nobody), asking);
    answer
}
