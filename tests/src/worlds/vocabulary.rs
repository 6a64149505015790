//! The few words that worlds are made of, so that what one object names another one has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Namespaces. Any of them may have no Namespace object.
pub(super) const NAMESPACES: &[&str] = &["alpha", "beta", "default", "void"];

/// Label keys of pods, namespaces and nodes.
pub(super) const KEYS: &[&str] = &["app", "tier", "example.com/zone"];

/// Label values. The empty one is a value like any other.
pub(super) const VALUES: &[&str] = &["web", "db", ""];

/// Addresses of pods: pod `n` has the `n`th of each family, or now and then one of another pod.
/// They lie at the edges of [`CIDRS`].
pub(super) const POD_V4: &[&str] = &[
    "10.0.0.1",
    "10.0.0.7",
    "10.0.0.8",
    "10.0.0.10",
    "10.0.0.15",
    "10.0.0.16",
    "10.0.1.0",
    "10.0.1.255",
    "10.1.0.0",
];

/// See [`POD_V4`].
pub(super) const POD_V6: &[&str] = &[
    "fd00:10::1",
    "fd00:10::3",
    "fd00:10::4",
    "fd00:10::a",
    "fd00:10::f",
    "fd00:10::10",
    "fd00:10:0:1::",
    "fd00:10:0:1:ffff:ffff:ffff:ffff",
    "fd00:11::",
];

/// How many nodes there can be; node `n` is `node-n`.
pub(super) const NODES: usize = 3;

/// Addresses of the nodes, of type `InternalIP`, v4 and v6.
pub(super) const NODE_V4: [&str; NODES] = ["192.168.0.1", "192.168.0.2", "192.168.0.3"];

/// See [`NODE_V4`].
pub(super) const NODE_V6: [&str; NODES] = ["fd00:20::1", "fd00:20::2", "fd00:20::3"];

/// Networks that overlap and lie in each other, as one would write them.
pub(super) const CIDRS: &[&str] = &[
    "0.0.0.0/0",
    "0.0.0.0/1",
    "10.0.0.0/8",
    "10.0.0.0/15",
    "10.0.0.0/16",
    "10.0.0.0/24",
    "10.0.0.0/28",
    "10.0.0.8/29",
    "10.0.0.10/32",
    "10.0.1.0/24",
    "10.0.1.255/32",
    "192.168.0.0/16",
    "192.168.0.0/30",
    "192.168.0.2/32",
    "203.0.113.0/24",
    "203.0.113.128/25",
    "203.0.113.200/32",
    "::/0",
    "fc00::/7",
    "fd00:10::/31",
    "fd00:10::/48",
    "fd00:10::/64",
    "FD00:0010::/124",
    "fd00:10::/126",
    "fd00:10::a/128",
    "fd00:10:0:1::/64",
    "fd00:20::/64",
    "fd00:20::2/127",
    "2001:db8::/32",
    "2001:db8::/64",
    "2001:db8::ff/128",
    // With host bits, which the API server admits and masks.
    "10.0.0.13/29",
    "fd00:10::9/124",
];

/// Addresses that nobody in the cluster has.
pub(super) const EXTERNAL: &[&str] = &[
    "203.0.113.1",
    "203.0.113.129",
    "203.0.113.200",
    "198.51.100.7",
    "8.8.8.8",
    "2001:db8::1",
    "2001:db8::ff",
    "2001:db8:0:1::1",
    "2606:4700::1111",
];

/// Numbers that rules and containers name.
pub(super) const PORTS: &[u16] = &[80, 81, 53, 443, 8080, 65535, 1];

/// Ranges that rules name; they overlap, and hold some of [`PORTS`].
pub(super) const RANGES: &[(u16, u16)] = &[
    (80, 81),
    (50, 90),
    (81, 443),
    (443, 8080),
    (1, 79),
    (1, 65535),
    (8080, 65535),
    (60000, 65534),
];

/// Names that containers have.
pub(super) const PORT_NAMES: &[&str] = &["web", "dns", "adm"];

/// A name that no container has.
pub(super) const UNKNOWN_PORT_NAME: &str = "nobody";

/// The protocols that rules can name.
pub(super) const PROTOCOLS: &[&str] = &["TCP", "UDP", "SCTP"];

/// Names of policies: prefixes of one another, and unlike in bytes and in natural order.
pub(super) const POLICY_NAMES: &[&str] = &["a", "a-1", "a.1", "a10", "a2", "b", "z"];

/// Names of pods; the same in several namespaces.
pub(super) const POD_NAMES: &[&str] = &["web", "web-10", "web-2"];

/// Times of creation; the last two are the same instant.
pub(super) const TIMES: &[&str] = &[
    "2023-12-31T23:59:59Z",
    "2024-02-29T12:00:00Z",
    "2024-03-01T00:00:00Z",
    "2024-03-01T02:00:00+02:00",
];

/// Names that the caller may resolve, each in the ways it may be spelled.
pub(super) const DOMAINS: &[&[&str]] = &[
    &["example.com", "Example.COM", "example.com."],
    &["www.example.com", "WWW.example.com."],
    &["a.b.example.com", "A.b.Example.com"],
    &["api.example.org", "api.example.org."],
    &["my-example.com", "My-Example.com"],
];

/// Names and wildcards that policies may list.
pub(super) const PATTERNS: &[&str] = &[
    "example.com",
    "*.example.com",
    "www.example.com",
    "WWW.Example.Com.",
    "*.EXAMPLE.com.",
    "*.b.example.com",
    "*.example.org",
    "nowhere.test",
    "*.nowhere.test",
];

/// A CIDR as the address written and the length of its prefix.
///
/// # Panics
///
/// If it is none.
fn parse(cidr: &str) -> (IpAddr, u32) {
    cidr.split_once('/')
        .and_then(|(base, length)| Some((base.parse().ok()?, length.parse().ok()?)))
        .unwrap_or_else(|| panic!("{cidr:?} is no CIDR"))
}

/// The first and the last address of a CIDR.
pub(super) fn ends(cidr: &str) -> (IpAddr, IpAddr) {
    match parse(cidr) {
        (IpAddr::V4(base), length) => {
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            (
                Ipv4Addr::from_bits(base.to_bits() & !host).into(),
                Ipv4Addr::from_bits(base.to_bits() | host).into(),
            )
        }
        (IpAddr::V6(base), length) => {
            let host = u128::MAX.checked_shr(length).unwrap_or(0);
            (
                Ipv6Addr::from_bits(base.to_bits() & !host).into(),
                Ipv6Addr::from_bits(base.to_bits() | host).into(),
            )
        }
    }
}

/// Whether a CIDR is written without host bits.
pub(super) fn is_masked(cidr: &str) -> bool {
    parse(cidr).0 == ends(cidr).0
}

/// Those of [`CIDRS`] that lie strictly inside one of them: what may stand in its `except`.
pub(super) fn inside(outer: &str) -> Vec<&'static str> {
    let (_, length) = parse(outer);
    let (first, last) = ends(outer);
    CIDRS
        .iter()
        .copied()
        .filter(|inner| {
            let (inner_first, inner_last) = ends(inner);
            inner_first.is_ipv4() == first.is_ipv4()
                && parse(inner).1 > length
                && first <= inner_first
                && inner_last <= last
        })
        .collect()
}

/// Both ends of a CIDR, and the addresses next to them (at the end of a family, its other end).
pub(super) fn edges(cidr: &str) -> [IpAddr; 4] {
    let (first, last) = ends(cidr);
    let (before, behind) = match (first, last) {
        (IpAddr::V6(first), IpAddr::V6(last)) => (
            Ipv6Addr::from_bits(first.to_bits().wrapping_sub(1)).into(),
            Ipv6Addr::from_bits(last.to_bits().wrapping_add(1)).into(),
        ),
        (IpAddr::V4(first), IpAddr::V4(last)) => (
            Ipv4Addr::from_bits(first.to_bits().wrapping_sub(1)).into(),
            Ipv4Addr::from_bits(last.to_bits().wrapping_add(1)).into(),
        ),
        _ => (first, last),
    };
    [before, first, last, behind]
}

#[cfg(test)]
mod tests {
    use super::{edges, inside};

    #[test]
    fn excepts_lie_strictly_inside() {
        assert_eq!(
            inside("10.0.0.0/28"),
            ["10.0.0.8/29", "10.0.0.10/32", "10.0.0.13/29"]
        );
        assert!(inside("10.0.0.10/32").is_empty());
        assert!(inside("::/0").iter().all(|inner| inner.contains(':')));
    }

    #[test]
    fn edges_of_networks() {
        let of = |cidr| edges(cidr).map(|address| address.to_string());
        assert_eq!(
            of("10.0.0.13/29"),
            ["10.0.0.7", "10.0.0.8", "10.0.0.15", "10.0.0.16"]
        );
        assert_eq!(
            of("fd00:10::a/128"),
            ["fd00:10::9", "fd00:10::a", "fd00:10::a", "fd00:10::b"]
        );
        assert_eq!(of("0.0.0.0/0")[..2], ["255.255.255.255", "0.0.0.0"]);
    }
}
