//! Asking about several pods at once: about all that a workload runs.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Endpoint, Pair, PodRef, Verdict};
use crate::image::Image;
use crate::{Family, Protocol};

impl<'i> Image<'i> {
    /// The pods of the workload of that name. Workloads of several kinds may share a
    /// name; these are the pods of all. None if there is no such workload.
    #[must_use]
    pub fn pods_of_workload(&'i self, namespace: &str, name: &str) -> Vec<PodRef<'i>> {
        let is_its = |pod: &PodRef<'_>| {
            pod.namespace() == namespace
                && pod.workload().is_some_and(|(_, workload)| workload == name)
        };
        self.pods().filter(is_its).collect()
    }

    /// What comes out between any of some sources and any of some destinations: for
    /// each verdict in the two directions, a pair of addresses that gets it. None where
    /// no two share a family of addresses.
    ///
    /// Of pods that no policy can tell apart only two are asked. A pod is not asked about
    /// itself, which is always allowed, unless there is nothing else to ask.
    ///
    /// ```
    /// use netpolicy::manifest::Loader;
    /// use netpolicy::model::Options;
    /// use netpolicy::{Endpoint, Protocol};
    ///
    /// let mut loader = Loader::default();
    /// for pod in ["a", "b"] {
    ///     loader.read_text("web.yaml", &format!("
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web-{pod}
    ///   ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u, controller: true}}]
    /// spec: {{containers: []}}
    /// "));
    /// }
    /// let (image, _) = loader.finish().cluster.compile(&Options::default())?;
    /// let image = image.image();
    /// let pods = image.pods_of_workload("default", "web");
    /// let ends: Vec<_> = pods.into_iter().map(Endpoint::Pod).collect();
    /// let outcomes = image.outcomes(ends.clone(), ends, Protocol::TCP, 80);
    /// assert_eq!(outcomes.len(), 1);
    /// assert!(outcomes[0].0.is_allowed() && !outcomes[0].1.is_same_pod());
    /// # Ok::<(), netpolicy::CompileError>(())
    /// ```
    #[must_use]
    pub fn outcomes(
        &'i self,
        mut sources: Vec<Endpoint<'i>>,
        mut destinations: Vec<Endpoint<'i>>,
        protocol: Protocol,
        port: u16,
    ) -> Vec<(Verdict, Pair<'i>)> {
        let mut all = sources.iter().chain(&destinations);
        let tell_nodes = all.any(|end| end.has_node_address(self));
        keep_two_of_a_kind(&mut sources, tell_nodes);
        keep_two_of_a_kind(&mut destinations, tell_nodes);
        let ends = || {
            let to = |from| destinations.iter().map(move |to| [from, *to]);
            sources.iter().copied().flat_map(to)
        };
        let apart = self.outcomes_of(protocol, port, ends().filter(|ends| !is_one_pod(ends)));
        if apart.is_empty() {
            self.outcomes_of(protocol, port, ends().filter(is_one_pod))
        } else {
            apart
        }
    }

    fn outcomes_of(
        &'i self,
        protocol: Protocol,
        port: u16,
        ends: impl Iterator<Item = [Endpoint<'i>; 2]>,
    ) -> Vec<(Verdict, Pair<'i>)> {
        let mut found: Vec<(Verdict, Pair<'i>)> = Vec::new();
        for pair in ends.flat_map(|[source, destination]| self.pairs(source, destination)) {
            let verdict = pair.verdict(protocol, port);
            match found.iter_mut().find(|(other, _)| *other == verdict) {
                None => found.push((verdict, pair)),
                // That a pod may always reach itself tells least.
                Some((_, other)) if other.is_same_pod() => *other = pair,
                Some(_) => {}
            }
        }
        found
    }
}

fn is_one_pod(ends: &[Endpoint<'_>; 2]) -> bool {
    match ends {
        [Endpoint::Pod(a), Endpoint::Pod(b)] => a == b && !a.stands_in(),
        _ => false,
    }
}

/// Keeps two pods of each kind. More could not get another answer, and one alone
/// would have none of its kind at the other end but itself.
fn keep_two_of_a_kind(ends: &mut Vec<Endpoint<'_>>, tell_nodes: bool) {
    let mut seen: BTreeMap<Vec<(Option<Family>, u32)>, usize> = BTreeMap::new();
    ends.retain(|end| match end {
        Endpoint::Pod(pod) => {
            let count = seen.entry(pod.kind(tell_nodes).collect()).or_default();
            *count += 1;
            *count <= 2
        }
        Endpoint::Address(_) | Endpoint::Described(_) => true,
    });
}
