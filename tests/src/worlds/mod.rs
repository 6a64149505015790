//! Random small clusters, their policies, and questions about them.
//!
//! [`world`] makes every object out of the few words of `vocabulary.rs`, so that selectors,
//! networks and ports really meet what they name. All objects are valid as `SEMANTICS.md` "Bad
//! input" has it, and written in the ways that a person or the API server writes them. A failing
//! world shrinks by its parts: fewer policies, fewer rules, fewer probes.
//!
//! [`Coverage`] says which of the [`Feature`](crate::oracle::Feature)s took part.

mod cluster;
mod cluster_policies;
mod coverage;
mod network_policies;
mod probes;
mod shapes;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

pub use self::coverage::Coverage;
use self::probes::Targets;
use crate::oracle::{Oracle, OracleOptions};

/// The most probes that a world has.
pub const MOST_PROBES: usize = 48;

/// The first packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Where it comes from. Now and then spelled IPv4-mapped.
    pub source: IpAddr,
    /// Where it goes. Now and then spelled IPv4-mapped, and of another family than the source.
    pub destination: IpAddr,
    /// The IP protocol number: 6, 17, 132, 1, 58 or 47.
    pub protocol: u8,
    /// The destination port; any number where the protocol has none.
    pub port: u16,
}

/// A cluster, its policies, and questions about it.
#[derive(Clone, Debug)]
pub struct World {
    /// Kubernetes objects, in any order.
    pub manifests: Vec<Value>,
    /// What domain names currently resolve to.
    pub domains: Vec<(String, Vec<IpAddr>)>,
    /// The choices under which the questions are asked.
    pub options: OracleOptions,
    /// The questions; at least one.
    pub probes: Vec<Probe>,
}

impl World {
    /// The oracle of this world.
    #[must_use]
    pub fn oracle(&self) -> Oracle {
        Oracle::new(&self.manifests, &self.domains, self.options)
    }
}

/// Worlds.
pub fn world() -> impl Strategy<Value = World> {
    let objects = (
        cluster::namespaces(),
        cluster::nodes(),
        cluster::pods(),
        cluster::others(),
        network_policies::network_policies(8),
        cluster_policies::admin(2),
        cluster_policies::baseline(),
        cluster_policies::cluster(7),
    );
    let manifests =
        (objects, any::<Index>(), any::<bool>()).prop_map(|(objects, turn, reversed)| {
            let (namespaces, nodes, pods, others, network, admin, baseline, cluster) = objects;
            let mut manifests = [
                namespaces, nodes, pods, others, network, admin, baseline, cluster,
            ]
            .concat();
            // The order of objects means nothing.
            let middle = turn.index(manifests.len());
            manifests.rotate_left(middle);
            if reversed {
                manifests.reverse();
            }
            manifests
        });
    let plans = prop::collection::vec(probes::plan(), 1..=MOST_PROBES);
    (manifests, probes::domains(), options(), plans).prop_map(
        |(manifests, domains, options, plans)| {
            let targets = Targets::new(&manifests, &domains);
            let probes = plans.iter().map(|plan| targets.probe(plan)).collect();
            World {
                manifests,
                domains,
                options,
                probes,
            }
        },
    )
}

/// The defaults as a rule.
fn options() -> impl Strategy<Value = OracleOptions> {
    let turned = || prop::bool::weighted(0.2);
    (turned(), turned(), turned(), turned()).prop_map(|(either, ingress, egress, block)| {
        let default = OracleOptions::default();
        OracleOptions {
            either_direction_is_final: default.either_direction_is_final ^ either,
            own_node_ingress_always_allowed: default.own_node_ingress_always_allowed ^ ingress,
            own_node_egress_always_allowed: default.own_node_egress_always_allowed ^ egress,
            ip_block_selects_pods: default.ip_block_selects_pods ^ block,
        }
    })
}
