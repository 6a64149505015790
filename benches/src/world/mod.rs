//! Clusters of any size, the same in every run.

mod addresses;
mod admin_policies;
mod adversarial;
mod blocks;
pub mod manifests;
mod network_policies;
mod spec;
mod workloads;

pub use addresses::{AddressPlan, Families};
pub use adversarial::Adversary;
pub use spec::{AddressPattern, Spec};

use std::net::IpAddr;

use netpolicy::Cluster;
use netpolicy::model::{Label, Selector};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Where all randomness of the worlds comes from.
pub(crate) type Rng = ChaCha8Rng;

const SEED: u64 = 0x6e65_7470_6f6c;

/// A generator for one purpose. Purposes do not disturb one another, so worlds that
/// differ in one number are alike in the rest.
pub(crate) fn rng(purpose: u64) -> Rng {
    Rng::seed_from_u64(SEED ^ purpose << 48)
}

/// A cluster, and what traffic needs to know of it.
pub struct World {
    /// What figures call it.
    pub name: String,
    /// Its objects.
    pub cluster: Cluster,
    /// For each node, its addresses, one for each family.
    pub nodes: Vec<Vec<IpAddr>>,
    /// For each pod of `cluster`, the index of its node.
    pub pod_nodes: Vec<u32>,
    /// Addresses outside of the cluster, inside of the blocks that policies name
    /// and beside them.
    pub external: Vec<IpAddr>,
}

impl World {
    /// Makes the world that `spec` describes.
    #[must_use]
    pub fn new(spec: Spec) -> World {
        let mut cluster = Cluster::default();
        let mut plan = AddressPlan::new(&spec);
        let places = workloads::fill(&spec, &mut plan, &mut cluster);
        let blocks = blocks::Blocks::new(&spec);
        network_policies::fill(&spec, &places, &blocks, &mut cluster);
        admin_policies::fill(&spec, &mut cluster);
        World {
            nodes: (0..spec.nodes).map(|node| plan.of_node(node)).collect(),
            pod_nodes: places.pod_nodes,
            external: blocks.samples(),
            name: spec.to_string(),
            cluster,
        }
    }
}

/// `key=value`, owned.
fn label(key: &'static str, value: impl Into<String>) -> Label<'static> {
    Label::new(key, value.into())
}

/// The selector that asks for one label.
fn with_label(key: &'static str, value: impl Into<String>) -> Selector<'static> {
    Selector::labels(vec![label(key, value)])
}
