//! Ranges of addresses.

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use crate::address::{MAPPED_FIRST, MAPPED_LAST, from_bits, to_bits};
use crate::{Cidr, Family};

/// A range of addresses of one family, both ends included. `{}` writes a CIDR where
/// the range is one, or else `first-last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AddressRange {
    /// The lowest address.
    pub first: IpAddr,
    /// The highest address.
    pub last: IpAddr,
}

impl AddressRange {
    /// Every IPv4 address.
    pub const EVERY_V4: AddressRange = AddressRange {
        first: IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED),
        last: IpAddr::V4(core::net::Ipv4Addr::BROADCAST),
    };

    /// Every IPv6 address.
    pub const EVERY_V6: AddressRange = AddressRange {
        first: IpAddr::V6(core::net::Ipv6Addr::UNSPECIFIED),
        last: IpAddr::V6(core::net::Ipv6Addr::from_bits(u128::MAX)),
    };

    /// The family of both ends.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.first)
    }

    /// Whether an address lies in it; one of the other family never does.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        Family::of(address) == self.family() && (self.first..=self.last).contains(&address)
    }

    /// What lies in both.
    #[must_use]
    pub fn intersection(&self, other: &AddressRange) -> Option<AddressRange> {
        let first = self.first.max(other.first);
        let last = self.last.min(other.last);
        (self.family() == other.family() && first <= last).then_some(AddressRange { first, last })
    }

    /// The block that is exactly this range, if there is one.
    #[must_use]
    pub fn cidr(&self) -> Option<Cidr> {
        let bits = self.family().bits();
        let (first, last) = self.offsets();
        let size = last - first;
        // A block of 2ⁿ addresses begins at a multiple of 2ⁿ.
        let host_bits = 128 - size.leading_zeros();
        let is_block = size & size.wrapping_add(1) == 0 && first & size == 0;
        let prefix = u32::from(bits).checked_sub(host_bits)?;
        Cidr::new(self.first, u8::try_from(prefix).ok().filter(|_| is_block)?).ok()
    }

    /// The fewest blocks that make up the range, in order.
    #[must_use]
    pub fn cidrs(&self) -> Vec<Cidr> {
        let bits = u32::from(self.family().bits());
        let (mut first, last) = self.offsets();
        let mut cidrs = Vec::new();
        loop {
            // The longest block that begins here and does not go beyond the end.
            let aligned = first.trailing_zeros().min(bits);
            let fitting = match (last - first).checked_add(1) {
                Some(count) => 127 - count.leading_zeros(),
                None => 128,
            };
            let host_bits = aligned.min(fitting);
            let address = self.address(first);
            cidrs.extend(Cidr::new(address, (bits - host_bits) as u8));
            let next = 1_u128
                .checked_shl(host_bits)
                .and_then(|size| first.checked_add(size));
            match next {
                Some(next) if next <= last => first = next,
                _ => return cidrs,
            }
        }
    }

    /// Both ends as numbers within their family.
    fn offsets(&self) -> (u128, u128) {
        let offset = |address| match address {
            IpAddr::V4(v4) => u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6),
        };
        (offset(self.first), offset(self.last))
    }

    fn address(&self, offset: u128) -> IpAddr {
        match self.first {
            IpAddr::V4(_) => IpAddr::V4((offset as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(offset.into()),
        }
    }
}

impl From<Cidr> for AddressRange {
    fn from(cidr: Cidr) -> AddressRange {
        let host_bits = cidr.family().bits() - cidr.prefix();
        let hosts = 1_u128
            .checked_shl(u32::from(host_bits))
            .map_or(u128::MAX, |size| size - 1);
        let last = match cidr.network() {
            IpAddr::V4(v4) => IpAddr::V4((u32::from(v4) | hosts as u32).into()),
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) | hosts).into()),
        };
        AddressRange {
            first: cidr.network(),
            last,
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cidr() {
            Some(cidr) => cidr.fmt(f),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// A range of addresses as the image numbers them: IPv4 as IPv4-mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bits {
    pub(super) first: u128,
    pub(super) last: u128,
}

impl Bits {
    /// The whole of both families, in the order of the numbers.
    pub(super) const EVERY: [Bits; 3] = [
        Bits {
            first: 0,
            last: MAPPED_FIRST - 1,
        },
        Bits {
            first: MAPPED_FIRST,
            last: MAPPED_LAST,
        },
        Bits {
            first: MAPPED_LAST + 1,
            last: u128::MAX,
        },
    ];

    pub(super) fn host(address: IpAddr) -> Bits {
        let bits = to_bits(address);
        Bits {
            first: bits,
            last: bits,
        }
    }

    pub(super) fn family(&self) -> Family {
        Family::of(from_bits(self.first))
    }

    pub(super) fn addresses(self) -> AddressRange {
        AddressRange {
            first: from_bits(self.first),
            last: from_bits(self.last),
        }
    }
}

impl From<AddressRange> for Bits {
    fn from(range: AddressRange) -> Bits {
        Bits {
            first: to_bits(range.first),
            last: to_bits(range.last),
        }
    }
}

/// The ranges that some numbers make up, neighbours joined; IPv4 first.
pub(crate) fn joined(mut ranges: Vec<Bits>) -> Vec<AddressRange> {
    // IPv4 stands amid the numbers of IPv6, which go on behind it.
    ranges.sort_unstable_by_key(|range| (range.family(), range.first));
    let mut joined: Vec<Bits> = Vec::new();
    for range in ranges {
        if let Some(before) = joined.last_mut()
            && before.family() == range.family()
            && (before.last >= range.last
                || before.last + 1 >= range.first
                || (before.last + 1 == MAPPED_FIRST && range.first == MAPPED_LAST + 1))
        {
            before.last = before.last.max(range.last);
        } else {
            joined.push(range);
        }
    }
    joined.into_iter().map(Bits::addresses).collect()
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};
    use std::vec;

    use super::*;

    fn range(first: &str, last: &str) -> AddressRange {
        AddressRange {
            first: first.parse().unwrap(),
            last: last.parse().unwrap(),
        }
    }

    #[test]
    fn ranges_and_blocks() {
        assert_eq!(
            range("10.0.0.0", "10.255.255.255").to_string(),
            "10.0.0.0/8"
        );
        assert_eq!(AddressRange::EVERY_V4.to_string(), "0.0.0.0/0");
        assert_eq!(AddressRange::EVERY_V6.to_string(), "::/0");
        assert_eq!(range("10.0.0.1", "10.0.0.1").to_string(), "10.0.0.1/32");
        assert_eq!(
            range("10.0.0.1", "10.0.0.2").to_string(),
            "10.0.0.1-10.0.0.2"
        );
        let text = |range: AddressRange| {
            let cidrs = range.cidrs();
            let texts: Vec<String> = cidrs.iter().map(ToString::to_string).collect();
            texts.join(" ")
        };
        assert_eq!(
            text(range("10.0.0.1", "10.0.0.6")),
            "10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32"
        );
        assert_eq!(text(AddressRange::EVERY_V4), "0.0.0.0/0");
        assert_eq!(text(AddressRange::EVERY_V6), "::/0");
        for block in ["0.0.0.0/0", "10.0.0.0/9", "::/0", "fd00::/8", "1.2.3.4/32"] {
            let cidr: Cidr = block.parse().unwrap();
            assert_eq!(AddressRange::from(cidr).cidr(), Some(cidr));
        }
    }

    #[test]
    fn neighbours_are_joined() {
        let bits = |first: &str, last: &str| Bits::from(range(first, last));
        let [low, v4, high] = Bits::EVERY;
        assert_eq!(
            joined(vec![high, low, v4]),
            [AddressRange::EVERY_V4, AddressRange::EVERY_V6]
        );
        assert_eq!(
            joined(vec![
                bits("10.0.0.3", "10.0.0.9"),
                bits("10.0.0.1", "10.0.0.2")
            ]),
            [range("10.0.0.1", "10.0.0.9")]
        );
        assert_eq!(
            joined(vec![
                bits("10.0.0.1", "10.0.0.2"),
                bits("10.0.0.4", "10.0.0.4")
            ])
            .len(),
            2
        );
    }
}
