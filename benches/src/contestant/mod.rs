//! Who answers: netpolicy, and its rivals.

mod cache;
mod identity;
mod plain;

pub use cache::Cached;
pub use identity::IdentityMaps;
pub use plain::Plain;

use ahash::AHashSet;
use netpolicy::model::{ClusterPolicyPeer, Direction, NetworkPolicyPeer};
use netpolicy::{Cidr, Cluster, Connection, Image};

/// Whoever answers connections one by one.
pub trait Contestant {
    /// Whether a connection may pass.
    fn allows(&self, connection: &Connection) -> bool;
}

impl Contestant for Image<'_> {
    #[inline]
    fn allows(&self, connection: &Connection) -> bool {
        let Connection {
            source,
            destination,
            protocol,
            port,
        } = *connection;
        self.verdict(source, destination, protocol, port)
            .is_allowed()
    }
}

/// Every block that a policy names, exceptions among them.
pub(crate) fn blocks(cluster: &Cluster) -> AHashSet<Cidr> {
    let mut blocks = AHashSet::new();
    let policies = cluster.network_policies().iter();
    let rules = policies.flat_map(|p| Direction::BOTH.map(|d| p.rules(d)));
    for peer in rules.flatten().flat_map(|rule| &*rule.peers) {
        if let NetworkPolicyPeer::IpBlock(block) = peer {
            blocks.insert(block.cidr());
            blocks.extend(block.except());
        }
    }
    let policies = cluster.cluster_policies().iter();
    let rules = policies.flat_map(|p| Direction::BOTH.map(|d| p.rules(d)));
    for peer in rules.flatten().flat_map(|rule| &*rule.peers) {
        if let ClusterPolicyPeer::Networks(networks) = peer {
            blocks.extend(networks.iter());
        }
    }
    blocks
}
