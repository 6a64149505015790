//! The shape in which Cilium decides: an address leads to an *identity*, exactly by
//! hash for what has an address of its own, else by the longest prefix; and each
//! endpoint has a *policy map* from the peer's identity, protocol and port, with
//! wildcards for each, to a decision.
//!
//! Tiers have a map each, and endpoints that the same policies select share it, which
//! is kinder than a map for every endpoint. A range of ports is a few prefixes of the
//! port's bits.

mod build;
mod identities;
mod policy_map;

use std::net::IpAddr;

use ahash::AHashMap;
use netpolicy::Connection;
use netpolicy::model::{Action, Direction};

use super::Contestant;
use identities::Prefixes;
use policy_map::PolicyMap;

/// Where an address belongs.
#[derive(Debug, Clone, Copy, Default)]
struct Endpoint {
    identity: u32,
    /// The node it is or runs on, counted from 1; 0 for neither.
    node: u32,
    is_node: bool,
}

/// The maps that decide for a subject in a direction, by index.
#[derive(Debug, Clone, Copy, Default)]
struct Subject {
    admin: Option<u32>,
    /// There is one where some NetworkPolicy isolates the subject.
    network_policy: Option<u32>,
    baseline: Option<u32>,
}

/// Identities and policy maps.
pub struct IdentityMaps {
    endpoints: AHashMap<IpAddr, Endpoint>,
    prefixes: Prefixes,
    /// For each identity that is a pod's, its maps for egress and ingress.
    subjects: Vec<Option<[Subject; 2]>>,
    maps: Vec<PolicyMap>,
}

impl IdentityMaps {
    /// How many identities there are, and how many entries all maps have.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let entries = self.maps.iter().map(PolicyMap::len).sum();
        (self.subjects.len(), entries)
    }

    fn endpoint(&self, address: IpAddr) -> Endpoint {
        if let Some(endpoint) = self.endpoints.get(&address) {
            return *endpoint;
        }
        Endpoint {
            identity: self.prefixes.find(address),
            ..Endpoint::default()
        }
    }

    fn is_allowed(
        &self,
        direction: Direction,
        subject: Endpoint,
        peer: Endpoint,
        connection: &Connection,
    ) -> bool {
        let maps = self.subjects.get(subject.identity as usize);
        let Some(Some(maps)) = maps else { return true };
        let maps = maps[direction as usize];
        let find = |map: Option<u32>| {
            let map = &self.maps[map? as usize];
            map.find(peer.identity, connection.protocol, connection.port)
        };
        match find(maps.admin) {
            Some(Action::Allow) => return true,
            Some(Action::Deny) => return false,
            Some(Action::Pass) | None => {}
        }
        if maps.network_policy.is_some() {
            let is_own_node = peer.is_node && peer.node == subject.node;
            return (direction == Direction::Ingress && is_own_node)
                || find(maps.network_policy).is_some();
        }
        find(maps.baseline) != Some(Action::Deny)
    }
}

impl Contestant for IdentityMaps {
    fn allows(&self, connection: &Connection) -> bool {
        let source = self.endpoint(connection.source);
        let destination = self.endpoint(connection.destination);
        connection.source == connection.destination
            || (self.is_allowed(Direction::Egress, source, destination, connection)
                && self.is_allowed(Direction::Ingress, destination, source, connection))
    }
}
