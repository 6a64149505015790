//! The facts: namespaces, nodes, pods, policies and resolved domain names, as
//! typed values.
//!
//! Strings and lists are [`Text`] and [`List`]: borrowed where the caller has no
//! heap, owned where it wants no lifetimes (`Pod<'static>`).
//!
//! What the API server would refuse is refused by the constructors here
//! ([`Problem`] says why), and what no single field's type can rule out by `check`
//! ([`Pod::check`], [`NetworkPolicy::check`], [`ClusterPolicy::check`]), which the
//! compiler asks of whatever it takes in. SEMANTICS, "Bad input".

mod cluster_policy;
mod invalid;
mod network_policy;
mod objects;
mod options;
mod port;
mod selector;
mod storage;

pub(crate) use cluster_policy::domain_matches;
pub use cluster_policy::{
    Action, ClusterPolicy, ClusterPolicyApi, ClusterPolicyPeer, ClusterPolicyRule, DomainPattern,
    Priority, Tier,
};
pub use invalid::InvalidEntry;
pub use network_policy::{IpBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyRule};
pub use objects::{DomainName, NamedPort, Namespace, Node, Phase, Pod, Source, Workload};
pub use options::{IsolationScope, Options, OwnNode};
pub use port::{Port, PortRange};
pub use selector::{Label, Operator, PodSelector, Requirement, Selector};
pub use storage::{List, Text};

use core::fmt;

pub use crate::problem::Problem;

/// One of the two directions in which a connection is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// At the source: may it send?
    Egress,
    /// At the destination: may it receive?
    Ingress,
}

impl Direction {
    /// Egress, then ingress: the order in which a connection meets them.
    pub const BOTH: [Direction; 2] = [Direction::Egress, Direction::Ingress];
}

impl Direction {
    /// The field with a policy's rules of the direction.
    const fn rules_field(self) -> &'static str {
        match self {
            Direction::Egress => "spec.egress",
            Direction::Ingress => "spec.ingress",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Egress => "egress",
            Direction::Ingress => "ingress",
        })
    }
}

/// The label that every namespace carries, with its own name as the value.
/// SEMANTICS, "Who an address is": also when no Namespace object was given.
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";
