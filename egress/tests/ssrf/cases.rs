//! The list of attempts.

use crate::attempts::{Attempt, Attempts};
use crate::raw::{connect, greeting};
use crate::world::{PORTS, World};

/// Addresses that attempts are after, and at which a connection can be made in the namespace.
pub const TARGETS: [&str; 24] = [
    "169.254.169.254",
    "10.0.0.5",
    "10.96.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "172.17.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "192.0.2.1",
    "240.0.0.1",
    "127.0.0.1",
    "198.41.0.9",
    "::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fc00::1",
    "fec0::1",
    "64:ff9b::a00:5",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "2606:4700:9::9",
];

/// Hosts, some with a port, as an attacker writes them.
const AUTHORITIES: &[&str] = &[
    // Loopback in every notation.
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f.1",
    "0X7F000001",
    "2130706433",
    "017700000001",
    "127.0.0.1.",
    "127.000.000.001",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "①②⑦.⓪.⓪.①",
    "１２７.０.０.１",
    "127。0。0。1",
    "127.0.0.1:8080",
    "localhost",
    "LOCALHOST.",
    "ｌｏｃａｌｈｏｓｔ",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "a.localhost",
    "0",
    "0x0",
    "0.0.0.0",
    "0.1.2.3",
    // Private and shared networks.
    "10.0.0.5",
    "10.5",
    "10.0x5",
    "0xa000005",
    "167772165",
    "012.0.0.5",
    "192.168.1.1",
    "192.168.257",
    "0xc0a80101",
    "3232235777",
    "172.16.0.1",
    "172.31.255.254",
    "2886729729",
    "100.64.0.1",
    "10.0.0.5:2375",
    "10.0.0.5:9200",
    // Metadata.
    "169.254.169.254",
    "169.254.169.254.",
    "169.254.43518",
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "2852039166",
    "0251.0376.0251.0376",
    "169。254。169。254",
    "169.254.169.254:8080",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    // Other special ranges.
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    // IPv6, and IPv4 inside it.
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::1]:8443",
    "[::]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:169.254.169.254]",
    "[::ffff:0:10.0.0.5]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::10.0.0.5]",
    "[64:ff9b:1::a00:5]",
    "[2002:a9fe:a9fe::1]",
    "[2002:7f00:1::]",
    "[2001:0:a9fe:a9fe::1]",
    "[2001:0:5350:4b::5601:5601]",
    "[fd00:ec2::254]",
    "[FD00:EC2:0::254]",
    "[fd20:ce::254]",
    "[fc00::1]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[100::1]",
    "[5f00::1]",
    "[4000::1]",
    // This machine.
    "198.41.0.9",
    "[2606:4700:9::9]",
    "[::ffff:198.41.0.9]",
    // Names that lead there.
    "intranet.example",
    "intranet.example.",
    "router.example",
    "loopback.example",
    "loopback6.example",
    "unspecified.example",
    "metadata.example",
    "metadata6.example",
    "metadata.google.internal",
    "METADATA.google.internal.",
    "metadata｡google｡internal",
    "metadata.goog",
    "metadata",
    "instance-data",
    "instance-data.ec2.internal",
    "wireserver.example",
    "alibaba.example",
    "169.254.169.254.nip.io",
    "10-0-0-5.sslip.io",
    "localtest.me",
    "kubernetes.default.svc",
    "host.docker.internal",
    "mapped.example",
    "compatible.example",
    "nat64.example",
    "sixtofour.example",
    "teredo.example",
    "own.example",
    "own6.example",
    "mixed.example",
    "mixed-first.example",
    "mixed6.example",
    "empty.example",
    "intranet.example:8080",
    // Userinfo that looks like a host.
    "public.example@127.0.0.1",
    "public.example:80@10.0.0.5",
    "93.184.215.14@169.254.169.254",
    "public.example%40127.0.0.1",
    ":@127.0.0.1",
    "127.0.0.1#@public.example",
    "127.0.0.1?@public.example",
    "127.0.0.1\\@public.example",
    // Not quite hosts.
    "127.0.0.1%00",
    "127.0.0.1%00.public.example",
    "127.0.0.1%0d%0a",
    "127.0.0.1%20.public.example",
    "1.2.3.4.5",
    "127..1",
    "[127.0.0.1]",
    "[::80",
    "*",
    // Public, but not for the web.
    "93.184.215.14:22",
    "93.184.215.14:8080",
    "public.example:25",
    "public.example:6379",
    "[2606:4700::1111]:5432",
];

/// Every attempt: each host in each way, what permits must not cover, and what only a program that speaks in bytes can ask for.
pub fn all(world: &World) -> Vec<Attempt> {
    let strict = Attempts::permitting(&[]);
    let mut attempts = Vec::new();
    for authority in AUTHORITIES {
        let port = authority
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        // Elsewhere nobody would see it arrive.
        assert!(port.is_none_or(|port| PORTS.contains(&port)), "{authority}");
        // A list opens its ports for public hosts, which is what it is for.
        let is_for_public = authority.starts_with("93.")
            || authority.starts_with("public.example:")
            || authority.starts_with("[2606:4700::1111]:");
        let listed = |attempt: &Attempt| attempt.to_string().contains("proxy listed");
        let ways = strict.of(authority, world).into_iter();
        attempts.extend(ways.filter(|attempt| !is_for_public || !listed(attempt)));
        attempts.push(strict.over_tls(authority));
    }
    attempts.extend(beside_permits(world));
    attempts.extend(in_bytes());
    attempts
}

/// What lies next to what the operator permits.
fn beside_permits(world: &World) -> Vec<Attempt> {
    let some = Attempts::permitting(&[
        "10.0.0.5:8080",
        "intranet.example:8443",
        "metadata.example:8000",
    ]);
    let authorities = [
        "10.0.0.5",
        "10.0.0.5:8443",
        "10.0.0.6:8080",
        "192.168.1.1:8080",
        "127.0.0.1:8080",
        "intranet.example",
        "router.example:8443",
        "loopback.example:8080",
        "a.intranet.example:8443",
        // A name does not permit metadata.
        "metadata.example:8000",
        "169.254.169.254:8000",
        "mixed-first.example:8080",
    ];
    let of = |authority: &&str| some.of(authority, world);
    authorities.iter().flat_map(of).collect()
}

/// Targets of requests that no parser of URLs would make.
const TARGETS_OF_GET: &[&str] = &[
    "http:127.0.0.1/",
    "http:/127.0.0.1/",
    "http:///127.0.0.1/",
    "http:\\\\127.0.0.1/",
    "http://public.example\\@127.0.0.1/",
    "http://127.0.0.1\\.public.example/",
    "//127.0.0.1/",
    "/",
    "*",
    "127.0.0.1:80",
    "http://127.0.0.1:80:80/",
    "http://127.0.0.1:080/",
    "http://127.0.0.1:/",
    "http://127.0.0.1\u{0}/",
    "http://127.0.0.1\t/",
    "http://public.example/ http://127.0.0.1/",
    "https://127.0.0.1/",
    "gopher://127.0.0.1:6379/_x",
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    "unix:///var/run/docker.sock",
];

/// The same for tunnels.
const TARGETS_OF_CONNECT: &[&str] = &[
    "public.example:443@127.0.0.1:443",
    "127.0.0.1:443@public.example:443",
    "http://127.0.0.1:443/",
    "//127.0.0.1:443",
    "127.0.0.1:443/",
    "127.0.0.1",
    "127.0.0.1:",
    "::1:443",
    "[::1]443",
    "[::1%lo]:443",
    "127.0.0.1:443:443",
    "127.0.0.1:0443",
    "127.0.0.1:+443",
    "127.0.0.1:66000",
];

/// What only a program that speaks in bytes can ask for.
fn in_bytes() -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for target in TARGETS_OF_GET {
        attempts.push(Attempt::raw(format!(
            "GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
        )));
    }
    for target in TARGETS_OF_CONNECT {
        let bytes = [connect(target), greeting(None)].concat();
        attempts.push(Attempt::raw(bytes));
    }
    let second = "GET http://127.0.0.1/ HTTP/1.1\r\n\r\n";
    for first in [
        // Two readings of where the first request ends.
        "POST http://public.example/ HTTP/1.1\r\ncontent-length: 0\r\ncontent-length: 40\r\n\r\n".to_owned(),
        "POST http://public.example/ HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "POST http://public.example/ HTTP/1.1\r\ntransfer-encoding: xchunked\r\n\r\n".to_owned(),
        "GET http://public.example/ HTTP/1.1\nhost: 127.0.0.1\n\n".to_owned(),
        "GET http://public.example/\r\nhost: 127.0.0.1\r\n\r\n".to_owned(),
        format!("CONNECT public.example:80 HTTP/1.1\r\ncontent-length: {}\r\n\r\n", second.len()),
    ] {
        attempts.push(Attempt::raw(format!("{first}{second}")));
    }
    // A tunnel to the public site, in which another one is asked for.
    for name in [
        "169.254.169.254",
        "metadata.google.internal",
        "localhost",
        "intranet.example",
        "xpublic.example",
    ] {
        attempts.push(Attempt::raw(
            [connect("public.example:443"), greeting(Some(name))].concat(),
        ));
    }
    attempts.push(Attempt::raw(
        [connect("public.example:443"), greeting(None)].concat(),
    ));
    attempts.push(Attempt::raw(
        [connect("public.example:443"), second.into()].concat(),
    ));
    attempts.push(Attempt::raw(
        [connect("public.example:80"), second.into()].concat(),
    ));
    attempts.push(Attempt::raw(
        [connect("93.184.215.14:443"), greeting(Some("metadata"))].concat(),
    ));
    attempts
}

/// A name whose first answer is public and whose later ones are not. The first attempt may arrive at the public site.
pub fn rebinding(world: &World) -> Vec<Attempt> {
    Attempts::permitting(&[]).of("rebind.example", world)
}
