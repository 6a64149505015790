//! The address stage alone: address → what policies can tell of it, beside tables for
//! longest prefixes.

use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Result, ensure};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netpolicy::{Cidr, Cluster, Image};
use poptrie::Poptrie;
use prefix_trie::PrefixMap;
use ts_bart::RoutingTable;

use crate::contestant::blocks;
use crate::figure::{Figure, Figures};
use crate::timing::{Budget, Work};
use crate::traffic::{Mix, draw};
use crate::verdicts::CONNECTIONS;
use crate::world::World;

/// A table from prefixes to numbers.
trait Prefixes: Default {
    const NAME: &'static str;
    fn build(prefixes: &[(Cidr, u32)]) -> Self;
    fn find(&self, address: IpAddr) -> Option<u32>;
}

#[derive(Default)]
struct PrefixTrie {
    v4: PrefixMap<Ipv4Net, u32>,
    v6: PrefixMap<Ipv6Net, u32>,
}

impl Prefixes for PrefixTrie {
    const NAME: &'static str = "prefix-trie";

    fn build(prefixes: &[(Cidr, u32)]) -> Self {
        let mut table = Self::default();
        for (cidr, number) in prefixes {
            match net(*cidr) {
                IpNet::V4(net) => table.v4.insert(net, *number),
                IpNet::V6(net) => table.v6.insert(net, *number),
            };
        }
        table
    }

    #[inline]
    fn find(&self, address: IpAddr) -> Option<u32> {
        match address {
            IpAddr::V4(v4) => self.v4.get_lpm(&Ipv4Net::from(v4)).map(|found| *found.1),
            IpAddr::V6(v6) => self.v6.get_lpm(&Ipv6Net::from(v6)).map(|found| *found.1),
        }
    }
}

impl Prefixes for ts_bart::Table<u32> {
    const NAME: &'static str = "ts_bart";

    fn build(prefixes: &[(Cidr, u32)]) -> Self {
        let mut table = Self::default();
        for (cidr, number) in prefixes {
            table.insert(net(*cidr), *number);
        }
        table
    }

    #[inline]
    fn find(&self, address: IpAddr) -> Option<u32> {
        self.lookup(address).copied()
    }
}

#[derive(Default)]
struct Pop {
    v4: Poptrie<(Ipv4Addr, u8), u32>,
    v6: Poptrie<(Ipv6Addr, u8), u32>,
}

impl Prefixes for Pop {
    const NAME: &'static str = "poptrie";

    fn build(prefixes: &[(Cidr, u32)]) -> Self {
        let v4 = prefixes
            .iter()
            .filter_map(|(cidr, number)| match cidr.network() {
                IpAddr::V4(v4) => Some(((v4, cidr.prefix()), *number)),
                IpAddr::V6(_) => None,
            });
        let v6 = prefixes
            .iter()
            .filter_map(|(cidr, number)| match cidr.network() {
                IpAddr::V6(v6) => Some(((v6, cidr.prefix()), *number)),
                IpAddr::V4(_) => None,
            });
        Pop {
            v4: v4.collect(),
            v6: v6.collect(),
        }
    }

    #[inline]
    fn find(&self, address: IpAddr) -> Option<u32> {
        match address {
            IpAddr::V4(v4) => self.v4.lookup(v4).copied(),
            IpAddr::V6(v6) => self.v6.lookup(v6).copied(),
        }
    }
}

/// Measures the address stage of one mix, for each family of the world.
///
/// # Errors
/// Where two contestants tell addresses apart differently, or figures cannot be
/// written.
pub fn measure(
    world: &World,
    image: &Image<'_>,
    mix: Mix,
    budget: Budget,
    figures: &mut Figures,
) -> Result<()> {
    let prefixes = prefixes(&world.cluster);
    let tables = (
        PrefixTrie::build(&prefixes),
        ts_bart::Table::build(&prefixes),
        Pop::build(&prefixes),
    );
    let connections = draw(world, mix, CONNECTIONS);
    let ends = connections.iter().flat_map(|c| [c.source, c.destination]);
    let (v4, v6): (Vec<_>, Vec<_>) = ends.partition(IpAddr::is_ipv4);
    for (family, addresses) in [("v4", v4), ("v6", v6)] {
        if addresses.is_empty() {
            continue;
        }
        let name = format!("{}/{mix}/address-{family}", world.name);
        agree(image, &tables.0, &addresses)?;
        agree(image, &tables.1, &addresses)?;
        agree(image, &tables.2, &addresses)?;
        let works: Vec<Work<'_>> = vec![
            Box::new(|| each(&addresses, |address| image.class_of(address).unwrap_or(0))),
            work(&addresses, &tables.0),
            work(&addresses, &tables.1),
            work(&addresses, &tables.2),
        ];
        let least = budget.least(works);
        let ours = Figure::new(name, least[0], "ns");
        figures.add(ours.clone())?;
        let names = [PrefixTrie::NAME, ts_bart::Table::<u32>::NAME, Pop::NAME];
        for (rival, value) in names.into_iter().zip(&least[1..]) {
            figures.add(ours.versus(rival, *value))?;
        }
    }
    Ok(())
}

/// Every prefix that means something: a host route for each address of a pod or node,
/// and all blocks of the policies.
fn prefixes(cluster: &Cluster) -> Vec<(Cidr, u32)> {
    let pods = cluster.pods().iter().flat_map(|pod| &pod.addresses);
    let nodes = cluster.nodes().iter().flat_map(|node| &node.addresses);
    let hosts: HashSet<Cidr> = pods
        .chain(nodes)
        .map(|address| Cidr::host(*address))
        .collect();
    let mut all: Vec<Cidr> = hosts.into_iter().chain(blocks(cluster)).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().zip(1..).collect()
}

fn net(cidr: Cidr) -> IpNet {
    cidr.try_into().expect("a CIDR is one in any crate")
}

/// Fails unless what has one prefix has one class.
fn agree(image: &Image<'_>, table: &impl Prefixes, addresses: &[IpAddr]) -> Result<()> {
    let mut classes = HashMap::new();
    for address in addresses {
        let class = image.class_of(*address);
        let known = *classes.entry(table.find(*address)).or_insert(class);
        ensure!(
            known == class,
            "{address} has the class {class:?}, and another address of its prefix {known:?}"
        );
    }
    Ok(())
}

fn work<'w, T: Prefixes>(addresses: &'w [IpAddr], table: &'w T) -> Work<'w> {
    Box::new(|| each(addresses, |address| table.find(address).unwrap_or(0)))
}

#[inline]
fn each(addresses: &[IpAddr], find: impl Fn(IpAddr) -> u32) -> usize {
    let sum = addresses
        .iter()
        .fold(0_u32, |sum, address| sum.wrapping_add(find(*address)));
    black_box(sum);
    addresses.len()
}
