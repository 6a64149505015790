//! What an address block contains.

use std::net::IpAddr;

use super::address::parse_address;

/// Whether an address (in its own spelling, never IPv4-mapped) lies in a CIDR. Bits of the CIDR
/// behind its prefix do not count. No address lies in a CIDR of the other family.
///
/// # Panics
///
/// If `cidr` is none.
pub(super) fn contains(cidr: &str, address: IpAddr) -> bool {
    let parsed = cidr
        .split_once('/')
        .and_then(|(base, length)| Some((parse_address(base)?, base, length.parse::<u32>().ok()?)));
    let Some((base, spelled, length)) = parsed else {
        panic!("{cidr:?} is no CIDR");
    };
    match (base, address) {
        // A block that is wider than all of IPv4 is one of IPv6, wherever it begins.
        (IpAddr::V4(base), address) if spelled.contains(':') && length < 96 => match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => {
                let differing = base.to_ipv6_mapped().to_bits() ^ address.to_bits();
                differing.leading_zeros() >= length
            }
        },
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            // An IPv4 base that was spelled as IPv4-mapped IPv6 has its prefix spelled so, too.
            let length = if spelled.contains(':') {
                length - 96
            } else {
                length
            };
            let differing = base.to_bits() ^ address.to_bits();
            differing.leading_zeros() >= length
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let differing = base.to_bits() ^ address.to_bits();
            differing.leading_zeros() >= length
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn edges() {
        let inside = |cidr, address: &str| contains(cidr, address.parse().expect("address"));
        assert!(inside("10.0.0.8/29", "10.0.0.8") && inside("10.0.0.8/29", "10.0.0.15"));
        assert!(!inside("10.0.0.8/29", "10.0.0.7") && !inside("10.0.0.8/29", "10.0.0.16"));
        assert!(inside("10.0.0.13/29", "10.0.0.8"));
        assert!(inside("0.0.0.0/0", "255.255.255.255") && !inside("0.0.0.0/0", "::"));
        assert!(inside("::/0", "ffff::") && !inside("::/0", "0.0.0.0"));
        assert!(inside("fd00::a/128", "fd00::a") && !inside("fd00::a/128", "fd00::b"));
        assert!(inside("::ffff:10.0.0.0/104", "10.9.9.9"));
        assert!(!inside("::ffff:10.0.0.0/90", "10.9.9.9"));
        assert!(inside("::ffff:10.0.0.0/90", "::fff0:0:1") && !inside("::ffff:10.0.0.0/90", "::1"));
    }
}
