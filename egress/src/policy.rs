//! Which addresses are public and which are special, and why.
//!
//! This is the pure heart of the guard: no lookup, no configuration, no exception. Exceptions are made in
//! `rules`, from what the operator wrote. The lists follow the registries of special-purpose addresses; where a
//! registry would let a protocol's own block through (translation and tunnel prefixes), it is refused here,
//! because such an address carries another address inside it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not a public one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    /// 0.0.0.0/8 and `::`: this host, or none.
    Unspecified,
    /// 127.0.0.0/8 and `::1`.
    Loopback,
    /// 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, `fc00::/7`.
    Private,
    /// 100.64.0.0/10: addresses shared behind a provider's translation; some clouds serve metadata there.
    Shared,
    /// 169.254.0.0/16 and `fe80::/10`; clouds serve metadata there.
    LinkLocal,
    /// An address at which a cloud serves credentials or control, outside the ranges above.
    Metadata,
    /// Documentation and benchmarking blocks.
    Documentation,
    /// Multicast and broadcast.
    Multicast,
    /// Reserved by the registries, or withdrawn.
    Reserved,
    /// NAT64, 6to4, Teredo and the like: another address is carried inside.
    Translated,
    /// An address of this machine. [`judge`] cannot know it; the guard adds it.
    OwnAddress,
}

impl Special {
    /// Whether naming a host lifts this. Nobody means metadata, link-local or multicast addresses when they
    /// name a host, so those must be named as addresses.
    pub(crate) fn is_lifted_by_name(self) -> bool {
        match self {
            Self::Loopback | Self::Private | Self::Shared | Self::OwnAddress => true,
            Self::Unspecified
            | Self::LinkLocal
            | Self::Metadata
            | Self::Documentation
            | Self::Multicast
            | Self::Reserved
            | Self::Translated => false,
        }
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "an unspecified address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::Shared => "a shared address (carrier-grade NAT)",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata address",
            Self::Documentation => "a documentation or benchmarking address",
            Self::Multicast => "a multicast or broadcast address",
            Self::Reserved => "a reserved address",
            Self::Translated => "a translated or tunnelled address",
            Self::OwnAddress => "an address of this machine",
        })
    }
}

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Anybody on the internet may have it.
    Public,
    /// It is not for the internet.
    Special(Special),
}

/// Judges an address by itself.
pub fn judge(ip: IpAddr) -> Verdict {
    let special = match ip {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    };
    special.map_or(Verdict::Public, Verdict::Special)
}

/// A block of addresses: its first address, the length of its prefix, and what it is.
type BlockV4 = ([u8; 4], u32, Special);
type BlockV6 = ([u16; 8], u32, Special);

/// The first match counts, so single addresses stand before the blocks around them.
const BLOCKS_V4: &[BlockV4] = &[
    // Azure's wire server is a public address that answers only from inside.
    ([168, 63, 129, 16], 32, Special::Metadata),
    ([169, 254, 169, 254], 32, Special::Metadata),
    ([100, 100, 100, 200], 32, Special::Metadata),
    ([192, 0, 0, 192], 32, Special::Metadata),
    ([0, 0, 0, 0], 8, Special::Unspecified),
    ([10, 0, 0, 0], 8, Special::Private),
    ([100, 64, 0, 0], 10, Special::Shared),
    ([127, 0, 0, 0], 8, Special::Loopback),
    ([169, 254, 0, 0], 16, Special::LinkLocal),
    ([172, 16, 0, 0], 12, Special::Private),
    ([192, 0, 0, 0], 24, Special::Reserved),
    ([192, 0, 2, 0], 24, Special::Documentation),
    ([192, 88, 99, 0], 24, Special::Translated),
    ([192, 168, 0, 0], 16, Special::Private),
    ([198, 18, 0, 0], 15, Special::Documentation),
    ([198, 51, 100, 0], 24, Special::Documentation),
    ([203, 0, 113, 0], 24, Special::Documentation),
    ([224, 0, 0, 0], 4, Special::Multicast),
    ([255, 255, 255, 255], 32, Special::Multicast),
    ([240, 0, 0, 0], 4, Special::Reserved),
];

const BLOCKS_V6: &[BlockV6] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Special::Unspecified),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Special::Loopback),
    (
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
        128,
        Special::Metadata,
    ),
    ([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, Special::Metadata),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, Special::Translated),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, Special::Translated),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, Special::Reserved),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Special::Translated),
    (
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0],
        32,
        Special::Documentation,
    ),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Special::Reserved),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Special::Translated),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Special::Documentation),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, Special::Reserved),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Special::Private),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Special::LinkLocal),
    // Site-local is withdrawn, but routers that still carry it carry it inwards.
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Special::Private),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Special::Multicast),
];

fn special_v4(ip: Ipv4Addr) -> Option<Special> {
    BLOCKS_V4.iter().find_map(|(first, prefix, special)| {
        let mask = u32::MAX << (32 - prefix);
        (ip.to_bits() & mask == Ipv4Addr::from(*first).to_bits()).then_some(*special)
    })
}

fn special_v6(ip: Ipv6Addr) -> Option<Special> {
    let listed = BLOCKS_V6.iter().find_map(|(first, prefix, special)| {
        let mask = u128::MAX << (128 - prefix);
        (ip.to_bits() & mask == Ipv6Addr::from(*first).to_bits()).then_some(*special)
    });
    if listed.is_some() {
        return listed;
    }
    // Mapped and compatible addresses, and the older translated form, are connected to as the IPv4 address
    // that they carry, or not at all: a public one inside does not make them public.
    let segments = ip.segments();
    let inner = match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
        }
        // Only 2000::/3 has been given out for public use.
        [first, ..] if first & 0xe000 != 0x2000 => return Some(Special::Reserved),
        _ => return None,
    };
    // A mapped public address is the ordinary form of an IPv4 peer on a dual-stack socket.
    if segments[5] == 0xffff && segments[4] == 0 {
        return special_v4(inner);
    }
    Some(special_v4(inner).unwrap_or(Special::Translated))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn special(ip: &str) -> Option<Special> {
        match judge(ip.parse().unwrap()) {
            Verdict::Public => None,
            Verdict::Special(special) => Some(special),
        }
    }

    #[test]
    fn every_special_block_is_known_from_its_first_to_its_last_address() {
        use Special as S;
        let blocks = [
            ("0.0.0.0", "0.255.255.255", S::Unspecified),
            ("10.0.0.0", "10.255.255.255", S::Private),
            ("100.64.0.0", "100.127.255.255", S::Shared),
            ("127.0.0.0", "127.255.255.255", S::Loopback),
            ("169.254.0.0", "169.254.255.255", S::LinkLocal),
            ("172.16.0.0", "172.31.255.255", S::Private),
            ("192.0.0.0", "192.0.0.255", S::Reserved),
            ("192.0.2.0", "192.0.2.255", S::Documentation),
            ("192.88.99.0", "192.88.99.255", S::Translated),
            ("192.168.0.0", "192.168.255.255", S::Private),
            ("198.18.0.0", "198.19.255.255", S::Documentation),
            ("198.51.100.0", "198.51.100.255", S::Documentation),
            ("203.0.113.0", "203.0.113.255", S::Documentation),
            ("224.0.0.0", "239.255.255.255", S::Multicast),
            ("240.0.0.0", "255.255.255.254", S::Reserved),
            ("255.255.255.255", "255.255.255.255", S::Multicast),
            ("64:ff9b::", "64:ff9b::ffff:ffff", S::Translated),
            (
                "64:ff9b:1::",
                "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
                S::Translated,
            ),
            ("100::", "100::ffff:ffff:ffff:ffff", S::Reserved),
            (
                "2001::",
                "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
                S::Translated,
            ),
            (
                "2001:db8::",
                "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                S::Documentation,
            ),
            (
                "2002::",
                "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                S::Translated,
            ),
            (
                "3fff::",
                "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
                S::Documentation,
            ),
            (
                "fc00::",
                "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                S::Private,
            ),
            (
                "fe80::",
                "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                S::LinkLocal,
            ),
            (
                "fec0::",
                "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                S::Private,
            ),
            (
                "ff00::",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                S::Multicast,
            ),
        ];
        for (first, last, wanted) in blocks {
            assert_eq!(special(first), Some(wanted), "{first}");
            assert_eq!(special(last), Some(wanted), "{last}");
        }
    }

    #[test]
    fn the_addresses_next_to_a_special_block_are_public() {
        for ip in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.15",
            "168.63.129.17",
            "2000::",
            "2001:200::1",
            "2003::1",
            "2606:4700::1111",
            "3ffe::1",
        ] {
            assert_eq!(special(ip), None, "{ip}");
        }
    }

    #[test]
    fn addresses_at_which_clouds_serve_credentials_are_known() {
        for ip in [
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
        ] {
            assert_eq!(special(ip), Some(Special::Metadata), "{ip}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_address_is_judged_too() {
        assert_eq!(special("::"), Some(Special::Unspecified));
        assert_eq!(special("::1"), Some(Special::Loopback));
        assert_eq!(special("::ffff:127.0.0.1"), Some(Special::Loopback));
        assert_eq!(special("::ffff:10.1.2.3"), Some(Special::Private));
        assert_eq!(special("::ffff:8.8.8.8"), None);
        assert_eq!(special("::127.0.0.1"), Some(Special::Loopback));
        assert_eq!(special("::8.8.8.8"), Some(Special::Translated));
        assert_eq!(special("::ffff:0:10.0.0.1"), Some(Special::Private));
        assert_eq!(special("64:ff9b::7f00:1"), Some(Special::Translated));
        assert_eq!(special("2002:7f00:1::"), Some(Special::Translated));
        assert_eq!(special("4000::1"), Some(Special::Reserved));
    }
}
