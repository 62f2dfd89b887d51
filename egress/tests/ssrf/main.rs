//! Requests that must not arrive, sent where every arrival would be seen.
//!
//! The test runs itself again in a network namespace in which every IPv4 and IPv6 address leads to its own listeners: cloud
//! metadata, private networks and the internet alike. So "nothing arrived" is an observation about connections, and not only the
//! word of the code that refused, and it is first shown that a connection to each of these addresses would have been seen.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attempts;
mod cases;
mod raw;
mod world;

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use attempts::Attempts;
use world::{OWN_V4, OWN_V6, PUBLIC_V4, PUBLIC_V6, World};

/// Makes the whole of both address families lead to this namespace. Two addresses belong to its interface, as a machine's
/// own public ones would.
const PREPARE: &str = r#"
PATH="$PATH:/usr/sbin:/sbin"
ip link set lo up
ip address add "$1/32" dev lo
ip -6 address add "$2/128" dev lo nodad
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
shift 2
exec "$@"
"#;

const CURE: &str = "this test needs a network namespace of its own, made by `unshare --user --map-root-user --net` and set up with `ip`, \
with IPv6. Install util-linux and iproute2 (script/setup test does), and allow user namespaces: sysctl user.max_user_namespaces \
above 0, and on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0; in a container, run it with a seccomp profile that allows them";

#[test]
fn nothing_that_is_not_public_or_permitted_is_ever_connected_to() {
    let output = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--net",
            "sh",
            "-ec",
            PREPARE,
            "prepare",
        ])
        .args([OWN_V4, OWN_V6])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "inside", "--ignored", "--nocapture"])
        .output();
    let output = output.unwrap_or_else(|error| panic!("{error}: {CURE}"));
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("running 1 test"), "{CURE}\n{said}");
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
#[ignore = "started by the other test in a namespace of its own"]
fn inside() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let all = Duration::from_secs(30);
    runtime.block_on(async { tokio::time::timeout(all, trial()).await.unwrap() });
}

async fn trial() {
    let world = World::start().await;
    every_arrival_would_be_seen(&world).await;

    let attempts = cases::all(&world);
    let count = attempts.len();
    assert!(count >= 150, "only {count} attempts");
    let mut offences = Vec::new();
    for attempt in attempts {
        if let Some(offence) = attempt.run().await {
            offences.push(offence);
        }
    }
    let mut answered = 0;
    for attempt in cases::rebinding(&world) {
        answered += usize::from(attempt.run().await.is_some());
    }
    assert_eq!(
        answered, 1,
        "a name was let through after its first, public answer"
    );
    let arrived = world.arrivals().await;
    offences.extend(
        arrived
            .iter()
            .filter(|at| !is_public(at))
            .map(|at| format!("{at} was reached")),
    );
    assert!(
        offences.is_empty(),
        "{count} attempts:\n  {}",
        offences.join("\n  ")
    );
    println!("{count} attempts, none arrived");

    controls(&world).await;
}

/// Where the attempts that begin with a permitted request begin.
fn is_public(at: &SocketAddr) -> bool {
    *at == address(PUBLIC_V4, 80) || *at == address(PUBLIC_V4, 443)
}

fn address(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

/// Without this, a namespace in which nothing arrives at all would pass.
async fn every_arrival_would_be_seen(world: &World) {
    let targets = cases::TARGETS.iter().map(|ip| address(ip, 80));
    let mut targets: Vec<SocketAddr> = targets.collect();
    for target in &targets {
        let connected = tokio::net::TcpStream::connect(target).await;
        connected.unwrap_or_else(|error| panic!("{target}: {error}: {CURE}"));
    }
    targets.sort_unstable();
    assert_eq!(sorted(world.arrivals().await), targets);
}

/// What is public or permitted does arrive, each in every way.
async fn controls(world: &World) {
    let permits = ["10.0.0.5:8080", "intranet.example:8443"];
    let mut wanted = Vec::new();
    for (host, port, ip) in [
        ("public.example", 80, PUBLIC_V4),
        ("public.example.", 443, PUBLIC_V4),
        (PUBLIC_V4, 80, PUBLIC_V4),
        ("[::ffff:93.184.215.14]", 80, PUBLIC_V4),
        ("[2606:4700::1111]", 80, PUBLIC_V6),
        ("10.0.0.5", 8080, "10.0.0.5"),
        ("0xa000005", 8080, "10.0.0.5"),
        ("intranet.example", 8443, "10.0.0.5"),
    ] {
        for attempt in Attempts::permitting(&permits).of(&format!("{host}:{port}"), world) {
            let text = attempt.to_string();
            // The client asks for the page that it was sent to.
            if attempt.starts_at_public() {
                wanted.push(address(PUBLIC_V4, 80));
            }
            assert!(attempt.run().await.is_some(), "{text} did not arrive");
            wanted.push(address(ip, port));
        }
    }
    assert_eq!(sorted(world.arrivals().await), sorted(wanted));
}

/// Listeners of different ports note what arrives in no particular order.
fn sorted(mut arrivals: Vec<SocketAddr>) -> Vec<SocketAddr> {
    arrivals.sort_unstable();
    arrivals
}
