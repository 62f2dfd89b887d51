//! The namespace: listeners at every address, names that lead where an attacker wants them to, and what arrived.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use egress::{Guard, Options, Resolver, Resolving, SystemResolver};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// The address of an ordinary site.
pub const PUBLIC_V4: &str = "93.184.215.14";
pub const PUBLIC_V6: &str = "2606:4700::1111";
/// Public addresses that belong to this machine's interface.
pub const OWN_V4: &str = "198.41.0.9";
pub const OWN_V6: &str = "2606:4700:9::9";

/// The ports at which arrivals are seen; every attempt is for one of them.
pub const PORTS: [u16; 11] = [22, 25, 80, 443, 2375, 5432, 6379, 8000, 8080, 8443, 9200];

/// Where each name leads, one answer after another; the last is repeated.
const NAMES: &[(&str, &[&[&str]])] = &[
    ("public.example", &[&[PUBLIC_V4]]),
    ("intranet.example", &[&["10.0.0.5"]]),
    ("router.example", &[&["192.168.1.1"]]),
    ("loopback.example", &[&["127.0.0.1"]]),
    ("loopback6.example", &[&["::1"]]),
    ("unspecified.example", &[&["0.0.0.0"]]),
    ("metadata.example", &[&["169.254.169.254"]]),
    ("metadata6.example", &[&["fd00:ec2::254"]]),
    ("metadata.google.internal", &[&["169.254.169.254"]]),
    ("metadata.goog", &[&["169.254.169.254"]]),
    ("metadata", &[&["169.254.169.254"]]),
    ("instance-data", &[&["169.254.169.254"]]),
    ("instance-data.ec2.internal", &[&["169.254.169.254"]]),
    ("wireserver.example", &[&["168.63.129.16"]]),
    ("alibaba.example", &[&["100.100.100.200"]]),
    ("169.254.169.254.nip.io", &[&["169.254.169.254"]]),
    ("10-0-0-5.sslip.io", &[&["10.0.0.5"]]),
    ("localtest.me", &[&["127.0.0.1"]]),
    ("a.localhost", &[&["127.0.0.1"]]),
    ("kubernetes.default.svc", &[&["10.96.0.1"]]),
    ("host.docker.internal", &[&["172.17.0.1"]]),
    ("mapped.example", &[&["::ffff:10.0.0.5"]]),
    ("compatible.example", &[&["::10.0.0.5"]]),
    ("nat64.example", &[&["64:ff9b::a00:5"]]),
    ("sixtofour.example", &[&["2002:a9fe:a9fe::1"]]),
    ("teredo.example", &[&["2001:0:a9fe:a9fe::1"]]),
    ("own.example", &[&[OWN_V4]]),
    ("own6.example", &[&[OWN_V6]]),
    ("mixed.example", &[&[PUBLIC_V4, "10.0.0.5"]]),
    ("mixed-first.example", &[&["169.254.169.254", PUBLIC_V4]]),
    ("mixed6.example", &[&[PUBLIC_V6, "::1"]]),
    ("empty.example", &[&[]]),
];

/// Names that lead to a public address at first, and inwards afterwards.
const REBINDING: &str = "rebind.example";

/// The namespace.
pub struct World {
    arrived: Arc<Mutex<Vec<(SocketAddr, SocketAddr)>>>,
    locations: Arc<Mutex<Vec<String>>>,
}

impl World {
    pub async fn start() -> Self {
        let world = Self {
            arrived: Arc::default(),
            locations: Arc::default(),
        };
        for port in PORTS {
            for any in ["0.0.0.0", "::"] {
                world
                    .listen(SocketAddr::new(any.parse().unwrap(), port))
                    .await;
            }
        }
        world
    }

    async fn listen(&self, address: SocketAddr) {
        let socket = match address {
            SocketAddr::V4(_) => TcpListener::bind(address).await.unwrap(),
            SocketAddr::V6(_) => listener_v6(address),
        };
        let (arrived, locations) = (Arc::clone(&self.arrived), Arc::clone(&self.locations));
        tokio::spawn(async move {
            while let Ok((stream, peer)) = socket.accept().await {
                let local = stream.local_addr().unwrap();
                arrived.lock().unwrap().push((local, peer));
                tokio::spawn(answer(stream, Arc::clone(&locations)));
            }
        });
    }

    /// A URL of the public site that redirects to a location.
    pub fn redirecting_to(&self, location: &str) -> String {
        let mut locations = self.locations.lock().unwrap();
        locations.push(location.to_owned());
        format!("http://public.example/to/{}", locations.len() - 1)
    }

    /// Where connections have arrived since this was last asked.
    pub async fn arrivals(&self) -> Vec<SocketAddr> {
        // Listeners accept in order, so when a connection of our own has come, all before it have.
        let mut own = Vec::new();
        for port in PORTS {
            for ip in ["127.0.0.1", "::1"] {
                let address = SocketAddr::new(ip.parse().unwrap(), port);
                let socket = match address {
                    SocketAddr::V4(_) => TcpSocket::new_v4().unwrap(),
                    SocketAddr::V6(_) => TcpSocket::new_v6().unwrap(),
                };
                let mut stream = socket.connect(address).await.unwrap();
                own.push(stream.local_addr().unwrap());
                // It is answered after it has been noted.
                stream
                    .write_all(b"GET /own HTTP/1.1\r\n\r\n")
                    .await
                    .unwrap();
                stream.read_to_end(&mut Vec::new()).await.unwrap();
            }
        }
        let mut arrived = self.arrived.lock().unwrap();
        let all = arrived.drain(..);
        all.filter(|(_, peer)| !own.contains(peer))
            .map(|(local, _)| SocketAddr::new(local.ip().to_canonical(), local.port()))
            .collect()
    }

    /// A guard with these permits, and names that lead where [`NAMES`] says.
    pub fn guard(permits: &[&str]) -> Guard {
        let options = Options {
            allow_private: permits.iter().map(ToString::to_string).collect(),
            connect_timeout_ms: 2_000,
            ..Options::default()
        };
        Guard::with_resolver(options, Arc::new(Names::default())).unwrap()
    }
}

/// A listener for IPv6 alone, so that one for IPv4 fits beside it.
fn listener_v6(address: SocketAddr) -> TcpListener {
    use nix::sys::socket::{setsockopt, sockopt};
    let socket = TcpSocket::new_v6().unwrap();
    setsockopt(&socket, sockopt::Ipv6V6Only, &true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(1024).unwrap()
}

/// Answers like a site: with a redirect where it is asked for one.
async fn answer(mut stream: TcpStream, locations: Arc<Mutex<Vec<String>>>) {
    let mut buffer = vec![0; 16 * 1024];
    let length = stream.read(&mut buffer).await.unwrap_or(0);
    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let number = text
        .strip_prefix("GET /to/")
        .and_then(|rest| rest.split(' ').next());
    let location =
        number.map(|number| locations.lock().unwrap()[number.parse::<usize>().unwrap()].clone());
    let answer = match location {
        Some(location) => format!(
            "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ),
        None if text.starts_with('\u{16}') => "not TLS, but it arrived".to_owned(),
        None => {
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\narrived".to_owned()
        }
    };
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// The attacker's names.
#[derive(Default)]
struct Names {
    asked: Mutex<HashMap<String, usize>>,
    rebound: AtomicUsize,
}

impl Resolver for Names {
    fn resolve(&self, host: String) -> Resolving {
        let parse =
            |ips: &[&str]| -> Vec<IpAddr> { ips.iter().map(|ip| ip.parse().unwrap()).collect() };
        if host == REBINDING {
            let inwards = self.rebound.fetch_add(1, Ordering::SeqCst) > 0;
            let answer = parse(&[if inwards { "127.0.0.1" } else { PUBLIC_V4 }]);
            return Box::pin(async move { Ok(answer) });
        }
        if let Some((_, answers)) = NAMES.iter().find(|(name, _)| *name == host) {
            let mut asked = self.asked.lock().unwrap();
            let number = asked.entry(host).or_insert(0);
            let answer = parse(answers[(*number).min(answers.len() - 1)]);
            *number += 1;
            return Box::pin(async move { Ok(answer) });
        }
        // A machine's own resolver takes many spellings for an address.
        let is_numeric = host
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b'x' | b':'));
        if is_numeric || host == "localhost" {
            return SystemResolver.resolve(host);
        }
        Box::pin(async { Err(io::Error::new(io::ErrorKind::NotFound, "no such name")) })
    }
}
