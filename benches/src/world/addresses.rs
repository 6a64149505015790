//! Who has which address.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use anyhow::{Error, bail};
use rand::RngExt;

use super::spec::{AddressPattern, Spec};
use super::{Rng, rng};

/// The families of addresses that the pods of a world have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Families {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// An address of each.
    Both,
}

impl Families {
    /// Whether IPv4 is among them.
    #[must_use]
    pub const fn has_v4(self) -> bool {
        matches!(self, Families::V4 | Families::Both)
    }

    /// Whether IPv6 is among them.
    #[must_use]
    pub const fn has_v6(self) -> bool {
        matches!(self, Families::V6 | Families::Both)
    }

    /// Those of two addresses that belong to the families.
    pub(crate) fn pick(self, v4: Ipv4Addr, v6: Ipv6Addr) -> Vec<IpAddr> {
        let v4 = self.has_v4().then_some(IpAddr::V4(v4));
        let v6 = self.has_v6().then_some(IpAddr::V6(v6));
        v4.into_iter().chain(v6).collect()
    }
}

impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Families::V4 => "v4",
            Families::V6 => "v6",
            Families::Both => "both",
        })
    }
}

impl FromStr for Families {
    type Err = Error;

    fn from_str(text: &str) -> Result<Families, Error> {
        match text {
            "v4" => Ok(Families::V4),
            "v6" => Ok(Families::V6),
            "both" => Ok(Families::Both),
            _ => bail!("families are v4, v6 or both, not {text}"),
        }
    }
}

/// The prefix that all pods of scattered and dense worlds share in IPv6.
const PODS_V6: u128 = 0xfd00_0010_0244 << 80;
const NODES_V4: u32 = 0xac10_0000;
const NODES_V6: u128 = 0xfd00_0010_0020 << 80;
/// No node has more pods in its block of 256 addresses.
const PODS_OF_A_NODE: u32 = 250;

/// Hands out addresses.
pub struct AddressPlan {
    kind: AddressPattern,
    families: Families,
    rng: Rng,
    /// How many pods each node has.
    filled: Vec<u32>,
    taken: HashSet<u32>,
    pods: u32,
}

impl AddressPlan {
    pub(crate) fn new(spec: &Spec) -> AddressPlan {
        AddressPlan {
            kind: spec.addresses,
            families: spec.families,
            rng: rng(1),
            filled: vec![0; spec.nodes],
            taken: HashSet::new(),
            pods: 0,
        }
    }

    /// The addresses of a node.
    pub(crate) fn of_node(&self, node: usize) -> Vec<IpAddr> {
        let number = node as u32 + 1;
        let v4 = Ipv4Addr::from(NODES_V4 + number);
        self.families
            .pick(v4, Ipv6Addr::from(NODES_V6 + u128::from(number)))
    }

    /// A node that has room for a pod, and the pod's addresses.
    pub(crate) fn place_pod(&mut self) -> (u32, Vec<IpAddr>) {
        let mut node = self.rng.random_range(0..self.filled.len());
        while self.filled[node] >= PODS_OF_A_NODE {
            node = (node + 1) % self.filled.len();
        }
        self.filled[node] += 1;
        self.pods += 1;
        let (v4, v6) = self.addresses(node as u32);
        let addresses = self.families.pick(Ipv4Addr::from(v4), Ipv6Addr::from(v6));
        (node as u32, addresses)
    }

    fn addresses(&mut self, node: u32) -> (u32, u128) {
        match self.kind {
            AddressPattern::Dense => {
                // The first addresses of a block are the node's own.
                let host = self.filled[node as usize] + 1;
                let v4 = 10 << 24 | node << 8 | host;
                (v4, PODS_V6 | u128::from(node) << 64 | u128::from(host))
            }
            AddressPattern::Scattered => {
                let v4 = loop {
                    let v4 = 10 << 24 | self.rng.random_range(1..1 << 24);
                    if self.taken.insert(v4) {
                        break v4;
                    }
                };
                let low: u64 = self.rng.random();
                (v4, PODS_V6 | u128::from(node) << 64 | u128::from(low))
            }
            AddressPattern::Adversarial => {
                // Each halves the gaps that the ones before have left.
                let high = u64::from(self.pods).reverse_bits();
                let low: u64 = self.rng.random();
                let v6 = u128::from(high) << 64 | u128::from(low);
                (self.pods.reverse_bits(), v6)
            }
        }
    }
}
