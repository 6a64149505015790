//! What comes out between several endpoints, such as all pods of two workloads.

use alloc::vec::Vec;

use hashbrown::HashMap;

use super::{Endpoint, Pair, PodRef, Verdict};
use crate::image::Image;
use crate::{Family, Protocol};

impl<'i> Image<'i> {
    /// The pods of the workload of that name, of whatever kind it is.
    pub fn pods_of_workload<'q>(
        &'i self,
        namespace: &'q str,
        name: &'q str,
    ) -> impl Iterator<Item = PodRef<'i>> + use<'i, 'q> {
        self.pods().filter(move |pod| {
            pod.namespace() == namespace
                && pod.workload().is_some_and(|(_, workload)| workload == name)
        })
    }

    /// The pod of that name; where there is none, all pods of the workload of that name.
    /// Empty where there is neither.
    ///
    #[cfg_attr(feature = "std", doc = "```")]
    #[cfg_attr(not(feature = "std"), doc = "```ignore")]
    /// use netpolicy::manifest::Loader;
    /// use netpolicy::model::Options;
    ///
    /// let mut loader = Loader::default();
    /// loader.read_path("../examples/wordpress");
    /// let (image, _) = loader.finish().cluster.compile(&Options::default())?;
    /// let image = image.image();
    /// assert_eq!(image.pods_named("default", "mysql").len(), 1);
    /// assert!(image.pods_named("default", "nobody").is_empty());
    /// # Ok::<(), netpolicy::CompileError>(())
    /// ```
    #[must_use]
    pub fn pods_named(&'i self, namespace: &str, name: &str) -> Vec<PodRef<'i>> {
        match self.pod(namespace, name) {
            Some(pod) => alloc::vec![pod],
            None => self.pods_of_workload(namespace, name).collect(),
        }
    }

    /// What comes out between any of some sources and any of some destinations: for
    /// each verdict in the two directions a pair of addresses that gets it. That a pod
    /// may always reach itself counts only where there is no other pair. Empty where
    /// there is none.
    ///
    #[cfg_attr(feature = "std", doc = "```")]
    #[cfg_attr(not(feature = "std"), doc = "```ignore")]
    /// use netpolicy::manifest::Loader;
    /// use netpolicy::model::Options;
    /// use netpolicy::{Endpoint, Protocol};
    ///
    /// let mut loader = Loader::default();
    /// loader.read_path("../examples/wordpress");
    /// let (image, _) = loader.finish().cluster.compile(&Options::default())?;
    /// let image = image.image();
    /// let sources: Vec<_> = image.pods().map(Endpoint::Pod).collect();
    /// let mysql = Endpoint::Pod(image.pod("default", "mysql").unwrap());
    /// let outcomes = image.outcomes(sources, vec![mysql], Protocol::TCP, 3306);
    /// let allowed = outcomes.iter().find(|(verdict, _)| verdict.is_allowed());
    /// assert_eq!(allowed.unwrap().1.source(), Some("10.244.1.10".parse().unwrap()));
    /// # Ok::<(), netpolicy::CompileError>(())
    /// ```
    #[must_use]
    pub fn outcomes(
        &'i self,
        from: Vec<Endpoint<'i>>,
        to: Vec<Endpoint<'i>>,
        protocol: Protocol,
        port: u16,
    ) -> Vec<(Verdict, Pair<'i>)> {
        let ends = Ends::new(self, from, to);
        let found = outcomes_of(self, protocol, port, ends.apart());
        if found.is_empty() {
            outcomes_of(self, protocol, port, ends.alone())
        } else {
            found
        }
    }
}

fn outcomes_of<'i>(
    image: &'i Image<'i>,
    protocol: Protocol,
    port: u16,
    ends: impl Iterator<Item = [Endpoint<'i>; 2]>,
) -> Vec<(Verdict, Pair<'i>)> {
    let mut found: Vec<(Verdict, Pair<'i>)> = Vec::new();
    for pair in ends.flat_map(|[source, destination]| image.pairs(source, destination)) {
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

/// The pairs of endpoints that two lists of them make, as far as policies can tell
/// them apart.
struct Ends<'i> {
    from: Vec<Endpoint<'i>>,
    to: Vec<Endpoint<'i>>,
}

impl<'i> Ends<'i> {
    fn new(image: &Image<'_>, mut from: Vec<Endpoint<'i>>, mut to: Vec<Endpoint<'i>>) -> Ends<'i> {
        let mut all = from.iter().chain(&to);
        let tell_nodes = all.any(|end| end.has_node_address(image));
        keep_two_of_a_kind(&mut from, tell_nodes);
        keep_two_of_a_kind(&mut to, tell_nodes);
        Ends { from, to }
    }

    /// The pairs of which both ends are different pods, or at least may be.
    fn apart(&self) -> impl Iterator<Item = [Endpoint<'i>; 2]> {
        self.all().filter(|ends| !is_one_pod(ends))
    }

    /// The pairs of a pod with itself.
    fn alone(&self) -> impl Iterator<Item = [Endpoint<'i>; 2]> {
        self.all().filter(is_one_pod)
    }

    fn all(&self) -> impl Iterator<Item = [Endpoint<'i>; 2]> {
        let to = |from| self.to.iter().map(move |to| [from, *to]);
        self.from.iter().copied().flat_map(to)
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
    // Fixed seeds: nothing but speed depends on them.
    let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
    let mut seen: HashMap<Vec<(Option<Family>, u32)>, usize, _> = HashMap::with_hasher(hasher);
    ends.retain(|end| match end {
        Endpoint::Pod(pod) => {
            let count = seen.entry(pod.kind(tell_nodes).collect()).or_default();
            *count += 1;
            *count <= 2
        }
        Endpoint::Address(_) | Endpoint::Described(_) => true,
    });
}
