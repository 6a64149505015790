//! The pods as they were given. An image keeps of them what policies ask for.

use hashbrown::HashMap;

use crate::Cluster;
use crate::model::Pod;

/// The pods of a cluster, by namespace and name.
pub(super) struct GivenPods<'c> {
    pods: HashMap<(&'c str, &'c str), &'c Pod<'static>, ahash::RandomState>,
}

impl<'c> GivenPods<'c> {
    pub(super) fn new(cluster: &'c Cluster) -> GivenPods<'c> {
        let mut pods = HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
        for pod in cluster.pods() {
            pods.insert((&*pod.namespace, &*pod.name), pod);
        }
        GivenPods { pods }
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&'c Pod<'static>> {
        self.pods.get(&(namespace, name)).copied()
    }
}
