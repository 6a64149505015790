//! What can reach what: every connection that an image lets through, exactly.
//!
//! An image is a finite partition of all connections, so the answer is not a sample:
//! [`Reachability::new`] gives rows of (source, destination, protocols and ports),
//! grouped by workload, that together are all connections that pass, and no other.
//! [`Difference::between`] does the same for what two images answer differently.
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use netpolicy::manifest::Loader;
//! use netpolicy::model::Options;
//! use netpolicy::reach::Reachability;
//!
//! let mut loader = Loader::default();
//! loader.read_text("web.yaml", "
//! apiVersion: v1
//! kind: Pod
//! metadata: {name: db, namespace: web, labels: {app: db}}
//! spec: {containers: []}
//! ---
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: {name: db, namespace: web}
//! spec:
//!   podSelector: {matchLabels: {app: db}}
//!   policyTypes: [Egress, Ingress]
//!   ingress:
//!   - from: [{ipBlock: {cidr: 10.0.0.0/8}}]
//!     ports: [{port: 5432}]
//! ");
//! let (image, _) = loader.finish().cluster.compile(&Options::default())?;
//! let image = image.image();
//! let reach = Reachability::new(&image);
//! let rows: Vec<_> = reach.rows().map(|row| row.to_string()).collect();
//! assert_eq!(rows, ["10.0.0.0/8 -> web/db[Pod]: TCP 5432"]);
//! let decisions = reach.rows().next().unwrap().decisions(&image);
//! assert_eq!(
//!     decisions[0].to_string(),
//!     "TCP 5432: egress allowed: 10.0.0.0 (external) is no pod, so no policy governs it; \
//!      ingress allowed by NetworkPolicy web/db ingress[0]",
//! );
//! # Ok::<(), netpolicy::CompileError>(())
//! ```
//!
//! Rows say what policies allow. What they leave out: a pod with itself, which is
//! always allowed, and pairs of which no policy governs either end (an external
//! address with a node, say). Pairs are of one address family; an end without an
//! address, as the pods of a Deployment have that was never deployed, goes with both.

pub(crate) mod address_range;
mod cover;
mod deciders;
mod decision;
mod difference;
mod exposure;
mod joint;
mod network;
mod pairing;
mod partition;
mod peer;
mod places;
mod port_set;
mod potential_ports;
mod rows;
mod selected;
mod silence;

pub use address_range::AddressRange;
pub use decision::Decision;
pub use difference::{Change, Difference, WorkloadName};
pub(crate) use exposure::with_potential_ends;
pub use exposure::{POTENTIAL, with_potential_pods};
pub use peer::{NodePeer, OnNode, Peer, PodAt, WorkloadPeer};
pub use port_set::{PortSet, Ports};
pub use potential_ports::{PortName, PotentialPorts};
pub use rows::{Reachability, Row};

pub(crate) use deciders::{add_starts, sorted_starts};
pub(crate) use places::{GroupKey, Places};
pub(crate) use selected::{ANY_VALUE, written};

/// Fixed seeds: nothing but speed depends on them.
fn hasher() -> ahash::RandomState {
    ahash::RandomState::with_seeds(1, 2, 3, 4)
}
