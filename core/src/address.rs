//! Addresses and CIDRs, with IPv4-mapped IPv6 folded into IPv4.
//!
//! SEMANTICS, "Who an address is": *an IPv4-mapped IPv6 address is the IPv4
//! address, in what is asked and in what is given*. Everything that enters this
//! crate passes [`canonical`] or [`Cidr::new`], so nothing behind them has to
//! think of it again.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use crate::problem::Problem;

/// The address itself, or the IPv4 address that an IPv4-mapped IPv6 address
/// (`::ffff:a.b.c.d`) stands for.
#[inline]
#[must_use]
pub fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}

/// The number under which an address is stored: IPv4 in its IPv4-mapped form.
#[inline]
pub(crate) fn to_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => mapped(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The canonical address that [`to_bits`] stored.
pub(crate) fn from_bits(bits: u128) -> IpAddr {
    canonical(IpAddr::V6(Ipv6Addr::from_bits(bits)))
}

/// The first number of an IPv4 address.
pub(crate) const MAPPED_FIRST: u128 = 0xffff_0000_0000;
/// The last one.
pub(crate) const MAPPED_LAST: u128 = 0xffff_ffff_ffff;

/// The number under which an IPv4 address is stored.
#[inline]
pub(crate) const fn mapped(v4: u32) -> u128 {
    MAPPED_FIRST | v4 as u128
}

/// The IPv4 address that [`to_bits`] stored, if it is one.
#[inline]
pub(crate) const fn unmapped(bits: u128) -> Option<u32> {
    // Of most addresses the upper half tells.
    if bits >> 64 == 0 && bits as u64 >> 32 == MAPPED_FIRST as u64 >> 32 {
        Some(bits as u32)
    } else {
        None
    }
}

/// One of the two address families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address; IPv4-mapped IPv6 counts as IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Family {
        match canonical(address) {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    /// The number of bits of an address: 32 or 128.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Family::V4 => 32,
            Family::V6 => 128,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        })
    }
}

/// A CIDR block: a network address and a prefix length, host bits cleared.
///
/// A block inside `::ffff:0:0/96` is the IPv4 block that it maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// The block of `prefix` leading bits of `address`. Bits behind the prefix
    /// are cleared, as the API server does.
    ///
    /// # Errors
    /// [`Problem::PrefixTooLong`] when the prefix is longer than the address.
    pub fn new(address: IpAddr, prefix: u8) -> Result<Cidr, Problem> {
        let bits = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        if prefix > bits {
            return Err(Problem::PrefixTooLong { prefix, bits });
        }
        let (address, prefix) = match (address, canonical(address)) {
            (IpAddr::V6(_), v4 @ IpAddr::V4(_)) if prefix >= 96 => (v4, prefix - 96),
            _ => (address, prefix),
        };
        let network = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
            }
        };
        Ok(Cidr { network, prefix })
    }

    /// The block that holds one address.
    #[must_use]
    pub fn host(address: IpAddr) -> Cidr {
        let network = canonical(address);
        Cidr {
            network,
            prefix: Family::of(network).bits(),
        }
    }

    /// The lowest address of the block.
    #[must_use]
    pub const fn network(&self) -> IpAddr {
        self.network
    }

    /// The number of leading bits that all addresses of the block share.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The family of the block. A block shorter than `/96` that contains the
    /// IPv4-mapped range is IPv6, and holds no IPv4 address.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self.network {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    /// Whether the block holds `address` (never, across families).
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        Family::of(address) == self.family()
            && Cidr::new(address, self.prefix).is_ok_and(|block| block == *self)
    }

    /// Whether every address of `self` is in `outer`, and `outer` has more.
    #[must_use]
    pub fn is_strictly_inside(&self, outer: &Cidr) -> bool {
        self.prefix > outer.prefix && outer.contains(self.network)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = Problem;

    /// Reads `address/prefix`.
    ///
    /// # Errors
    /// [`Problem::NotACidr`], [`Problem::CidrWithoutPrefix`] or
    /// [`Problem::PrefixTooLong`].
    fn from_str(text: &str) -> Result<Cidr, Problem> {
        let Some((address, prefix)) = text.split_once('/') else {
            return Err(match text.parse::<IpAddr>() {
                Ok(address) => Problem::CidrWithoutPrefix {
                    bits: if address.is_ipv4() { 32 } else { 128 },
                },
                Err(_) => Problem::NotACidr,
            });
        };
        let address: IpAddr = address.parse().map_err(|_| Problem::NotACidr)?;
        // `u8::from_str` takes a leading `+`; a prefix length has none, nor leading zeros.
        let plain = prefix.bytes().all(|b| b.is_ascii_digit())
            && (prefix.len() == 1 || !prefix.starts_with('0'));
        if !plain {
            return Err(Problem::NotACidr);
        }
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = prefix.parse().map_err(|_| match prefix.is_empty() {
            true => Problem::NotACidr,
            false => Problem::PrefixTooLong {
                prefix: u8::MAX,
                bits,
            },
        })?;
        Cidr::new(address, prefix)
    }
}

/// Conversions between [`Cidr`] and the crate `ipnet`.
#[cfg(feature = "alloc")]
mod with_ipnet {
    use super::Cidr;
    use crate::model::Problem;

    impl From<ipnet::IpNet> for Cidr {
        fn from(net: ipnet::IpNet) -> Cidr {
            Cidr::new(net.addr(), net.prefix_len()).unwrap_or_else(|_| Cidr::host(net.addr()))
        }
    }

    impl TryFrom<Cidr> for ipnet::IpNet {
        type Error = Problem;

        fn try_from(cidr: Cidr) -> Result<ipnet::IpNet, Problem> {
            ipnet::IpNet::new(cidr.network(), cidr.prefix()).map_err(|_| Problem::NotACidr)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        let mapped: IpAddr = "::ffff:10.1.2.3".parse().unwrap();
        assert_eq!(canonical(mapped), "10.1.2.3".parse::<IpAddr>().unwrap());
        assert_eq!(from_bits(to_bits(mapped)), canonical(mapped));
        assert_eq!(unmapped(to_bits(mapped)), Some(0x0a01_0203));
        assert_eq!(cidr("::ffff:10.0.0.0/104"), cidr("10.0.0.0/8"));
        assert_eq!(cidr("::ffff:0:0/96"), cidr("0.0.0.0/0"));
        assert!(!cidr("::/0").contains(mapped));
        assert!(!cidr("::ffff:0:0/95").contains(mapped));
        assert!(!cidr("::ffff:10.0.0.0/90").contains(mapped));
        assert!(cidr("::ffff:10.0.0.0/90").contains("::fff0:0:1".parse().unwrap()));
    }

    #[test]
    fn host_bits_are_cleared() {
        assert_eq!(cidr("10.1.2.3/8"), cidr("10.0.0.0/8"));
        assert_eq!(cidr("fd00::1/64"), cidr("fd00::/64"));
        assert_eq!(cidr("1.2.3.4/0"), cidr("0.0.0.0/0"));
    }

    #[test]
    fn containment() {
        assert!(cidr("10.0.0.0/8").contains("10.255.0.1".parse().unwrap()));
        assert!(!cidr("10.0.0.0/8").contains("11.0.0.1".parse().unwrap()));
        assert!(cidr("0.0.0.0/0").contains("255.255.255.255".parse().unwrap()));
        assert!(!cidr("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(cidr("10.1.0.0/16").is_strictly_inside(&cidr("10.0.0.0/8")));
        assert!(!cidr("10.0.0.0/8").is_strictly_inside(&cidr("10.0.0.0/8")));
        assert!(!cidr("fd00::/64").is_strictly_inside(&cidr("0.0.0.0/0")));
    }

    #[test]
    fn what_is_no_cidr() {
        assert_eq!(
            "10.0.0.0".parse::<Cidr>(),
            Err(Problem::CidrWithoutPrefix { bits: 32 })
        );
        assert_eq!(
            "fd00::1".parse::<Cidr>(),
            Err(Problem::CidrWithoutPrefix { bits: 128 })
        );
        for text in [
            "",
            "/",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "a/8",
            "10.0.0.0/-1",
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(Problem::NotACidr), "{text}");
        }
        assert_eq!(
            "10.0.0.0/33".parse::<Cidr>(),
            Err(Problem::PrefixTooLong {
                prefix: 33,
                bits: 32
            })
        );
        assert!(matches!(
            "10.0.0.0/999".parse::<Cidr>(),
            Err(Problem::PrefixTooLong { .. })
        ));
    }
}
