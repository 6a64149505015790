//! The CIDR blocks that policies name.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netpolicy::Cidr;
use netpolicy::model::IpBlock;
use rand::RngExt;

use super::spec::Spec;
use super::{Rng, rng};

/// Blocks outside of the cluster, some with exceptions.
pub(crate) struct Blocks {
    pub(crate) all: Vec<IpBlock<'static>>,
}

impl Blocks {
    /// As many distinct blocks as the world has, exceptions counted.
    pub(crate) fn new(spec: &Spec) -> Blocks {
        let mut rng = rng(3);
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        while seen.len() < spec.blocks {
            let is_v6 = spec.families.has_v6() && (!spec.families.has_v4() || all.len() % 2 == 1);
            let cidr = block(&mut rng, is_v6);
            if !seen.insert(cidr) {
                continue;
            }
            let exceptions = [0, 0, 1, 2][rng.random_range(0..4)].min(spec.blocks - seen.len());
            let except: Vec<Cidr> = (0..exceptions)
                .map(|_| inside(&mut rng, cidr))
                .filter(|inner| inner.is_strictly_inside(&cidr) && seen.insert(*inner))
                .collect();
            all.push(IpBlock::new(cidr, except).expect("exceptions lie inside"));
        }
        Blocks { all }
    }

    /// Addresses in each block, in its exceptions, and beside them.
    pub(crate) fn samples(&self) -> Vec<IpAddr> {
        let mut rng = rng(4);
        let cidrs = self
            .all
            .iter()
            .flat_map(|block| std::iter::once(block.cidr()).chain(block.except().iter().copied()));
        let mut samples: Vec<IpAddr> = cidrs.map(|cidr| inside(&mut rng, cidr).network()).collect();
        let beside = samples.len().max(256);
        let has_v4 = self
            .all
            .iter()
            .any(|block| block.cidr().network().is_ipv4());
        let has_v6 = self
            .all
            .iter()
            .any(|block| block.cidr().network().is_ipv6());
        for _ in 0..beside {
            if has_v4 || !has_v6 {
                samples.push(block(&mut rng, false).network());
            }
            if has_v6 || !has_v4 {
                samples.push(block(&mut rng, true).network());
            }
        }
        samples
    }
}

/// A block of the public address space.
fn block(rng: &mut Rng, is_v6: bool) -> Cidr {
    let (address, prefixes): (IpAddr, _) = if is_v6 {
        let address = 0x2600_u128 << 112 | rng.random::<u128>() >> 16;
        (
            Ipv6Addr::from(address).into(),
            [32, 40, 48, 48, 56, 64, 64, 128],
        )
    } else {
        // From 11.0.0.0 to 125.255.255.255 there is nobody's private range.
        let address: u32 = rng.random_range(11 << 24..100 << 24);
        (
            Ipv4Addr::from(address).into(),
            [12, 16, 16, 20, 24, 24, 28, 32],
        )
    };
    let prefix = prefixes[rng.random_range(0..prefixes.len())];
    Cidr::new(address, prefix).expect("the prefix fits the family")
}

/// A smaller block inside of one, or an address where it is one.
fn inside(rng: &mut Rng, outer: Cidr) -> Cidr {
    let bits = outer.family().bits();
    let prefix = (outer.prefix() + rng.random_range(4..=12)).min(bits);
    let address: IpAddr = match outer.network() {
        IpAddr::V4(network) => {
            let host = rng.random::<u32>().checked_shr(outer.prefix().into());
            Ipv4Addr::from(u32::from(network) | host.unwrap_or(0)).into()
        }
        IpAddr::V6(network) => {
            let host = rng.random::<u128>().checked_shr(outer.prefix().into());
            Ipv6Addr::from(u128::from(network) | host.unwrap_or(0)).into()
        }
    };
    Cidr::new(address, prefix).expect("the prefix fits the family")
}
