//! A cluster in owned memory: objects by name, and compiling without a thought
//! for memory.

use alloc::vec;
use alloc::vec::Vec;

use hashbrown::HashTable;

use crate::compile::{CompileError, CompileReport, Compiled, Compiler};
#[cfg(feature = "std")]
use crate::compile::{Retained, into_parts};
use crate::image::ImageBuf;
use crate::model::{
    ClusterPolicy, ClusterPolicyApi, DomainName, Namespace, NetworkPolicy, Node, Options, Pod,
};

/// The objects of a cluster.
///
/// An object that is inserted under a name that is taken replaces the one that
/// was there, as `kubectl apply` does.
///
/// ```
/// use netpolicy::{Cluster, Protocol};
/// use netpolicy::model::{Options, Pod};
///
/// let mut cluster = Cluster::default();
/// cluster.insert_pod(Pod {
///     namespace: "web".into(),
///     name: "frontend".into(),
///     addresses: vec!["10.0.0.1".parse().unwrap()].into(),
///     ..Pod::default()
/// });
/// let (image, _) = cluster.compile(&Options::default())?;
/// let image = image.image();
/// let outside = "192.0.2.1".parse().unwrap();
/// let inside = "10.0.0.1".parse().unwrap();
/// assert!(image.verdict(outside, inside, Protocol::TCP, 80).is_allowed());
/// # Ok::<(), netpolicy::CompileError>(())
/// ```
#[derive(Clone, Default)]
pub struct Cluster {
    namespaces: Objects<Namespace<'static>>,
    nodes: Objects<Node<'static>>,
    pods: Objects<Pod<'static>>,
    network_policies: Objects<NetworkPolicy<'static>>,
    cluster_policies: Objects<ClusterPolicy<'static>>,
    domain_names: Objects<DomainName<'static>>,
}

/// What an object is known by.
trait Identity {
    /// Kind where the type has several, namespace where it has one, and name.
    fn identity(&self) -> (&str, &str, &str);
}

macro_rules! identity {
    ($($type:ident: |$object:ident| $identity:expr;)+) => {
        $(impl Identity for $type<'_> {
            fn identity(&self) -> (&str, &str, &str) {
                let $object = self;
                $identity
            }
        })+
    };
}

identity! {
    Namespace: |object| ("", "", &object.name);
    Node: |object| ("", "", &object.name);
    Pod: |object| ("", &object.namespace, &object.name);
    NetworkPolicy: |object| ("", &object.namespace, &object.name);
    ClusterPolicy: |object| (object.api.kind(), "", &object.name);
    DomainName: |object| ("", "", &object.name);
}

/// Objects in no order, found by what they are known by.
#[derive(Clone)]
struct Objects<T> {
    all: Vec<T>,
    index: HashTable<u32>,
    hasher: ahash::RandomState,
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Objects {
            all: Vec::new(),
            index: HashTable::new(),
            // Fixed seeds: without `std` there are no others, and nothing but the
            // speed of loading depends on them.
            hasher: ahash::RandomState::with_seeds(1, 2, 3, 4),
        }
    }
}

impl<T: Identity> Objects<T> {
    fn insert(&mut self, object: T) -> Option<T> {
        self.insert_at(object).1
    }

    /// Inserts an object; returns its index, and the object that it replaces.
    fn insert_at(&mut self, object: T) -> (u32, Option<T>) {
        let hash = self.hasher.hash_one(object.identity());
        let known = self.index.find(hash, |index| {
            self.all
                .get(*index as usize)
                .is_some_and(|other| other.identity() == object.identity())
        });
        if let Some((index, known)) =
            known.and_then(|index| Some((*index, self.all.get_mut(*index as usize)?)))
        {
            return (index, Some(core::mem::replace(known, object)));
        }
        let index = self.all.len() as u32;
        self.all.push(object);
        let Objects {
            all,
            index: table,
            hasher,
        } = self;
        table.insert_unique(hash, index, |index| {
            all.get(*index as usize)
                .map_or(0, |object| hasher.hash_one(object.identity()))
        });
        (index, None)
    }

    /// Where the object of an identity stands.
    fn position(&self, identity: (&str, &str, &str)) -> Option<u32> {
        let is_it = |index: &u32| {
            let object = self.all.get(*index as usize);
            object.is_some_and(|object| object.identity() == identity)
        };
        self.index
            .find(self.hasher.hash_one(identity), is_it)
            .copied()
    }

    fn get(&self, identity: (&str, &str, &str)) -> Option<&T> {
        self.all.get(self.position(identity)? as usize)
    }

    /// Takes an object out; the last one takes its place.
    fn remove(&mut self, identity: (&str, &str, &str)) -> Option<T> {
        Some(self.remove_at(identity)?.1)
    }

    /// Takes an object out; returns the index that it had, and that the last object
    /// has now.
    fn remove_at(&mut self, identity: (&str, &str, &str)) -> Option<(u32, T)> {
        let at = self.position(identity)?;
        let hash = self.hasher.hash_one(identity);
        if let Ok(entry) = self.index.find_entry(hash, |index| *index == at) {
            entry.remove();
        }
        let removed = self.all.swap_remove(at as usize);
        if let Some(moved) = self.all.get(at as usize) {
            let (hash, was_at) = (
                self.hasher.hash_one(moved.identity()),
                self.all.len() as u32,
            );
            if let Some(index) = self.index.find_mut(hash, |index| *index == was_at) {
                *index = at;
            }
        }
        Some((at, removed))
    }

    fn append(&mut self, other: Objects<T>) {
        if self.all.is_empty() {
            *self = other;
        } else {
            for object in other.all {
                self.insert(object);
            }
        }
    }
}

impl Cluster {
    /// Adds a namespace; returns the one it replaces.
    pub fn insert_namespace(
        &mut self,
        namespace: Namespace<'static>,
    ) -> Option<Namespace<'static>> {
        self.namespaces.insert(namespace)
    }

    /// Adds a node; returns the one it replaces.
    pub fn insert_node(&mut self, node: Node<'static>) -> Option<Node<'static>> {
        self.nodes.insert(node)
    }

    /// Adds a pod; returns the one it replaces.
    pub fn insert_pod(&mut self, pod: Pod<'static>) -> Option<Pod<'static>> {
        self.pods.insert(pod)
    }

    /// Adds a NetworkPolicy; returns the one it replaces.
    pub fn insert_network_policy(
        &mut self,
        policy: NetworkPolicy<'static>,
    ) -> Option<NetworkPolicy<'static>> {
        self.network_policies.insert(policy)
    }

    /// Adds a cluster-scoped policy; returns the one it replaces.
    ///
    /// # Errors
    /// [`CompileError::Invalid`] if its API would refuse it; it is not added.
    pub fn insert_cluster_policy(
        &mut self,
        policy: ClusterPolicy<'static>,
    ) -> Result<Option<ClusterPolicy<'static>>, CompileError> {
        policy.check()?;
        Ok(self.cluster_policies.insert(policy))
    }

    /// Tells what a domain name resolves to; returns what it resolved to before.
    ///
    /// The name is kept in its [normal form](DomainName::normal_name), so that it
    /// replaces the same name in another spelling.
    pub fn insert_domain_name(
        &mut self,
        mut domain: DomainName<'static>,
    ) -> Option<DomainName<'static>> {
        domain.name = domain.normal_name().into();
        self.domain_names.insert(domain)
    }

    /// Adds every object of another cluster; those of a name that is taken replace
    /// the ones that were there.
    pub fn append(&mut self, other: Cluster) {
        self.namespaces.append(other.namespaces);
        self.nodes.append(other.nodes);
        self.pods.append(other.pods);
        self.network_policies.append(other.network_policies);
        self.cluster_policies.append(other.cluster_policies);
        self.domain_names.append(other.domain_names);
    }

    /// The namespace of that name, if it was given.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&Namespace<'static>> {
        self.namespaces.get(("", "", name))
    }

    /// The node of that name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node<'static>> {
        self.nodes.get(("", "", name))
    }

    /// The pod of that name.
    #[must_use]
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Pod<'static>> {
        self.pods.get(("", namespace, name))
    }

    /// The NetworkPolicy of that name.
    #[must_use]
    pub fn network_policy(&self, namespace: &str, name: &str) -> Option<&NetworkPolicy<'static>> {
        self.network_policies.get(("", namespace, name))
    }

    /// The cluster-scoped policy of that kind and name. All of kind
    /// ClusterNetworkPolicy have one space of names, whatever their tier.
    #[must_use]
    pub fn cluster_policy(
        &self,
        api: ClusterPolicyApi,
        name: &str,
    ) -> Option<&ClusterPolicy<'static>> {
        self.cluster_policies.get((api.kind(), "", name))
    }

    /// What a domain name resolves to.
    #[must_use]
    pub fn domain_name(&self, name: &str) -> Option<&DomainName<'static>> {
        self.domain_names.get(("", "", &DomainName::normal(name)))
    }

    /// Takes out a namespace.
    pub fn remove_namespace(&mut self, name: &str) -> Option<Namespace<'static>> {
        self.namespaces.remove(("", "", name))
    }

    /// Takes out a node.
    pub fn remove_node(&mut self, name: &str) -> Option<Node<'static>> {
        self.nodes.remove(("", "", name))
    }

    /// Takes out a pod.
    pub fn remove_pod(&mut self, namespace: &str, name: &str) -> Option<Pod<'static>> {
        self.pods.remove(("", namespace, name))
    }

    /// As [`Cluster::insert_pod`]; returns the pod's index besides.
    #[cfg(feature = "std")]
    pub(crate) fn insert_pod_at(&mut self, pod: Pod<'static>) -> (u32, Option<Pod<'static>>) {
        self.pods.insert_at(pod)
    }

    /// As [`Cluster::remove_pod`]; returns the index besides that the pod had, and
    /// that the last pod has now.
    #[cfg(feature = "std")]
    pub(crate) fn remove_pod_at(
        &mut self,
        namespace: &str,
        name: &str,
    ) -> Option<(u32, Pod<'static>)> {
        self.pods.remove_at(("", namespace, name))
    }

    /// Takes out a NetworkPolicy.
    pub fn remove_network_policy(
        &mut self,
        namespace: &str,
        name: &str,
    ) -> Option<NetworkPolicy<'static>> {
        self.network_policies.remove(("", namespace, name))
    }

    /// Takes out a cluster-scoped policy.
    pub fn remove_cluster_policy(
        &mut self,
        api: ClusterPolicyApi,
        name: &str,
    ) -> Option<ClusterPolicy<'static>> {
        self.cluster_policies.remove((api.kind(), "", name))
    }

    /// Forgets what a domain name resolves to.
    pub fn remove_domain_name(&mut self, name: &str) -> Option<DomainName<'static>> {
        self.domain_names
            .remove(("", "", &DomainName::normal(name)))
    }

    /// The namespaces that were given, in no order.
    #[must_use]
    pub fn namespaces(&self) -> &[Namespace<'static>] {
        &self.namespaces.all
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node<'static>] {
        &self.nodes.all
    }

    /// The pods.
    #[must_use]
    pub fn pods(&self) -> &[Pod<'static>] {
        &self.pods.all
    }

    /// The NetworkPolicies.
    #[must_use]
    pub fn network_policies(&self) -> &[NetworkPolicy<'static>] {
        &self.network_policies.all
    }

    /// The cluster-scoped policies.
    #[must_use]
    pub fn cluster_policies(&self) -> &[ClusterPolicy<'static>] {
        &self.cluster_policies.all
    }

    /// What domain names resolve to.
    #[must_use]
    pub fn domain_names(&self) -> &[DomainName<'static>] {
        &self.domain_names.all
    }

    /// Hands every object to a compiler.
    fn feed(&self, compiler: &mut Compiler<'_>) -> Result<(), CompileError> {
        self.namespaces
            .all
            .iter()
            .try_for_each(|object| compiler.namespace(object))?;
        self.nodes
            .all
            .iter()
            .try_for_each(|object| compiler.node(object))?;
        self.pods
            .all
            .iter()
            .try_for_each(|object| compiler.pod(object))?;
        self.network_policies
            .all
            .iter()
            .try_for_each(|object| compiler.network_policy(object))?;
        self.cluster_policies
            .all
            .iter()
            .try_for_each(|object| compiler.cluster_policy(object))?;
        self.domain_names
            .all
            .iter()
            .try_for_each(|object| compiler.domain_name(object))
    }

    /// Compiles the cluster, in memory that grows as it needs.
    ///
    /// # Errors
    /// [`CompileError::Invalid`] for a pod or NetworkPolicy that its API would refuse;
    /// [`CompileError::TooLarge`]; [`CompileError::OutOfMemory`] beyond 4 GiB of
    /// working memory.
    pub fn compile(&self, options: &Options) -> Result<(ImageBuf, CompileReport), CompileError> {
        self.compile_for_nodes(options, &[])
    }

    /// Compiles what an enforcer on some nodes needs: only pods of the nodes of these
    /// names are subjects, see [`Compiler::scope_to_node`]. Without a name all pods of
    /// all nodes are.
    ///
    /// # Errors
    /// Those of [`Cluster::compile`].
    pub fn compile_for_nodes(
        &self,
        options: &Options,
        nodes: &[&str],
    ) -> Result<(ImageBuf, CompileReport), CompileError> {
        let scope = |compiler: &mut Compiler<'_>| {
            let mut nodes = nodes.iter();
            nodes.try_for_each(|node| compiler.scope_to_node(node))
        };
        let (image, report, ..) = self.compile_with(options, scope, |_| ())?;
        Ok((image, report))
    }

    /// As [`Cluster::compile`]; keeps what the compiler found.
    #[cfg(feature = "std")]
    pub(crate) fn compile_retained(
        &self,
        options: &Options,
    ) -> Result<(ImageBuf, Retained), CompileError> {
        let prepare = |compiler: &mut Compiler<'_>| {
            compiler.prepare_for_patches();
            Ok(())
        };
        let (image, _, memory, (parts, front)) = self.compile_with(options, prepare, into_parts)?;
        Ok((image, Retained::new(memory, front, parts)))
    }

    /// Compiles the cluster: `prepare` sees the compiler before the objects do, and
    /// `finish` takes what is left when the image is written. Returns the working
    /// memory besides.
    fn compile_with<T>(
        &self,
        options: &Options,
        prepare: impl Fn(&mut Compiler<'_>) -> Result<(), CompileError>,
        finish: impl Fn(Compiled<'_>) -> T,
    ) -> Result<(ImageBuf, CompileReport, Vec<u8>, T), CompileError> {
        // A vector has at most `isize::MAX` bytes.
        const LIMIT: usize = if isize::MAX as usize > u32::MAX as usize {
            u32::MAX as usize
        } else {
            isize::MAX as usize
        };
        // Where addresses are plenty, memory that stays untouched costs nothing, for the
        // system hands out pages as they are written; and too little costs the time until
        // it is found out.
        const IS_LAVISH: bool = cfg!(target_pointer_width = "64");
        const POLICY_BYTES: usize = if IS_LAVISH { 16 << 10 } else { 4 << 10 };
        const GROWTH: usize = if IS_LAVISH { 4 } else { 2 };
        let policies = self.network_policies.all.len() + self.cluster_policies.all.len();
        // What most clusters need, or more.
        let of_pods = self.pods.all.len().saturating_mul(1024);
        let of_policies = policies.saturating_mul(POLICY_BYTES);
        let mut working = of_pods.saturating_add(of_policies).saturating_add(1 << 20);
        loop {
            working = working.min(LIMIT);
            let mut memory = vec![0; working];
            match self.prepared(&mut memory, options, &prepare) {
                Err(CompileError::OutOfMemory { needed }) if working < LIMIT => {
                    working = needed.max(working.saturating_mul(GROWTH));
                }
                Err(error) => return Err(error),
                Ok(compiled) => {
                    let mut bytes = vec![0; compiled.report().image_bytes];
                    compiled.write(&mut bytes)?;
                    let report = *compiled.report();
                    let rest = finish(compiled);
                    return Ok((ImageBuf::written(bytes), report, memory, rest));
                }
            }
        }
    }

    /// Compiles the cluster in memory that the caller lends.
    ///
    /// # Errors
    /// [`CompileError::OutOfMemory`], and the cluster can be compiled again with
    /// more; [`CompileError::TooLarge`].
    pub fn compile_in<'m>(
        &self,
        memory: &'m mut [u8],
        options: &Options,
    ) -> Result<Compiled<'m>, CompileError> {
        self.prepared(memory, options, |_| Ok(()))
    }

    /// As [`Cluster::compile_in`]; `prepare` sees the compiler before the objects do.
    fn prepared<'m>(
        &self,
        memory: &'m mut [u8],
        options: &Options,
        prepare: impl Fn(&mut Compiler<'_>) -> Result<(), CompileError>,
    ) -> Result<Compiled<'m>, CompileError> {
        let mut compiler = Compiler::new(memory, *options)?;
        prepare(&mut compiler)?;
        self.feed(&mut compiler)?;
        compiler.compile()
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn objects_come_and_go_by_name() {
        let mut cluster = Cluster::default();
        let pod = |index: u32| Pod {
            namespace: "web".into(),
            name: format!("pod-{index}").into(),
            ..Pod::default()
        };
        for index in 0..100 {
            assert!(cluster.insert_pod(pod(index)).is_none());
        }
        for index in (0..100).step_by(3) {
            let name = format!("pod-{index}");
            assert_eq!(cluster.remove_pod("web", &name), Some(pod(index)));
            assert_eq!(cluster.remove_pod("web", &name), None);
        }
        for index in 0..100 {
            let known = cluster.insert_pod(pod(index));
            assert_eq!(known.is_some(), index % 3 != 0, "pod-{index}");
        }
        assert_eq!(cluster.pods().len(), 100);
        assert_eq!(cluster.remove_pod("db", "pod-1"), None);
    }

    #[test]
    fn a_domain_name_is_one_in_all_spellings() {
        let mut cluster = Cluster::default();
        cluster.insert_domain_name(DomainName {
            name: "Example.COM.".into(),
            ..DomainName::default()
        });
        assert!(cluster.domain_name("example.com").is_some());
        assert!(cluster.remove_domain_name("EXAMPLE.com.").is_some());
        assert!(cluster.domain_names().is_empty());
    }
}
