//! A cluster that changes, and verdicts at all times.
//!
//! [`Live`] takes objects as a watch delivers them; [`Reader`]s, on any number of
//! threads, ask meanwhile, without waiting and without memory of their own.
//!
//! ```text
//!             ┌── patch: a few words of the tables ──┐
//!  events ──► Live                                   ├─► two copies ◄── readers
//!             └── rebuild: compile, copy the tables ─┘   of the tables
//! ```
//!
//! There are two copies of the decision tables. While readers read one, the writer
//! changes the other, and readers move to that until the first has caught up, some
//! microseconds: a reader sees all of an update or nothing, and [`Reading::epoch`] tells
//! which it saw. After every update verdicts are those of a full compile of the objects
//! that are there.
//!
//! # What is patched
//!
//! | event | patched where |
//! | --- | --- |
//! | a pod comes or changes | a pod of the last full compile has its namespace, its own node, and its labels and named ports as far as any rule looks; pods like it stood in each region of its addresses; none of these is a node's |
//! | a pod goes, or addresses are contested | no address is a node's, and no more than 64 addresses are concerned |
//! | a policy comes, changes or goes | its selectors look at labels and values that some selector looked at, and, where classes are merged because there are very many kinds of pod, tell none of a class apart; its CIDRs occurred, its port names too; it asks for no nodes or domain names that no rule asked for. Its ports may be any |
//! | a namespace or node changes | its labels change in nothing that a selector looks at, and its addresses not at all: then there is nothing to do |
//! | a domain name resolves otherwise | no rule asks for it: then there is nothing to do |
//!
//! Everything else is compiled anew beside what readers read, on the thread that
//! called [`Live::apply`], which takes as long as [`Cluster::compile`]. So hand over
//! what has queued up meanwhile in one go, to [`Live::apply_all`]: one rebuild
//! serves all. Where rules must be asked at each verdict (some pod has two
//! addresses of one family, nodes share addresses, the budget does not suffice),
//! policies are always compiled anew.
//!
//! What patches leave behind is cleared away by a rebuild when the tables have grown
//! to twice their size and some more.
//!
//! # What it costs
//!
//! The repository's benches/RESULTS.md has figures (`…/update/…`), with 100,000 pods of
//! both families and 10,000 policies: some microseconds until a pod that comes or goes
//! is visible, some ten until an edited policy is, and half a second for a rebuild. An
//! edited policy takes longer the more policies select the pods that it selects: with
//! 10,000 of them in its namespace, a third of a rebuild. A state that is held answers as
//! fast as an image does; entering one for a single verdict adds two atomic additions
//! and a fence.
//!
//! # Objects that are not valid
//!
//! A version of an object that is not valid leaves everything else in force, and of
//! the object itself the version before. [`Live::state`] tells so.
//!
//! ```
//! use netpolicy::live::{Event, Live};
//! use netpolicy::model::{NetworkPolicy, Options, Pod};
//! use netpolicy::{Cluster, CompileError, Protocol};
//!
//! let mut live = Live::new(Cluster::default(), Options::default())?;
//! let reader = live.reader();
//! let (outside, inside) = ("192.0.2.1".parse().unwrap(), "10.0.0.1".parse().unwrap());
//!
//! let pod = Pod {
//!     namespace: "web".into(),
//!     name: "frontend".into(),
//!     addresses: vec![inside].into(),
//!     ..Pod::default()
//! };
//! live.apply(Event::Added(pod.into()))?;
//! assert!(reader.verdict(outside, inside, Protocol::TCP, 80).is_allowed());
//!
//! let deny_all = NetworkPolicy {
//!     namespace: "web".into(),
//!     name: "deny-all".into(),
//!     ..NetworkPolicy::default()
//! };
//! let update = live.apply(Event::Added(deny_all.into()))?;
//! let reading = reader.enter().expect("`live` is still there");
//! assert_eq!(reading.epoch(), update.epoch);
//! assert!(!reading.verdict(outside, inside, Protocol::TCP, 80).is_allowed());
//! # Ok::<(), CompileError>(())
//! ```

mod event;
mod gates;
mod holders;
mod places;
mod pods;
mod reader;
mod state;
mod tables;

pub use event::{Event, Invalid, Object, ObjectKey, ObjectKind, ObjectState};
pub use reader::{Reader, Reading};

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use left_right::{ReadHandleFactory, WriteHandle};

use crate::compile::{AnyPolicy, CompileError, PolicyName, PolicyPatch, Retained};
use crate::image::ImageBuf;
use crate::model::{InvalidEntry, Label, List, NAMESPACE_NAME_LABEL, Options, Pod};
use crate::{Cluster, Diagnostic, Severity};
use holders::claims;
use pods::Pods;
use state::{Change, State};

/// A cluster that changes, and what its readers see of it.
///
/// There is one, and it alone writes; [`Live::reader`] makes readers.
pub struct Live {
    cluster: Cluster,
    options: Options,
    /// The objects whose last version is not valid, and why.
    invalid: BTreeMap<ObjectKey, Vec<Diagnostic>>,
    retained: Retained,
    pods: Pods,
    writer: WriteHandle<State, Change>,
    readers: ReadHandleFactory<State>,
    epoch: u64,
    /// Whether the cluster has changes that no reader sees, because it could not be
    /// compiled.
    is_behind: bool,
    /// Whether patches have left so much behind that the next change compiles
    /// everything anew.
    is_worn: bool,
    /// Whether policies have changed since the last full compile.
    rules_changed: bool,
}

/// What became of some events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Update {
    /// The state that readers see from now on.
    pub epoch: u64,
    /// How it came to be.
    pub kind: UpdateKind,
    /// How many of the events brought a version that is not valid;
    /// [`Live::state`] tells more.
    pub invalid: usize,
}

/// How a state came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateKind {
    /// Nothing has changed that a verdict could tell. The epoch is the same as before.
    Unchanged,
    /// What readers read was changed in a few places.
    Patched,
    /// Everything was compiled anew.
    Rebuilt,
}

/// How often the writer looks whether readers have left a copy: for some microseconds,
/// in which a verdict ends, and a batch of a hundred.
const MOST_TRIES: usize = 200;

impl Live {
    /// Begins with some objects. More of them in one go cost less than one by one.
    /// Those that are not valid are left out, as [`Live::state`] tells.
    ///
    /// # Errors
    /// As [`Cluster::compile`].
    pub fn new(mut cluster: Cluster, options: Options) -> Result<Live, CompileError> {
        let invalid = take_invalid(&mut cluster);
        let (image, retained) = cluster.compile_retained(&options)?;
        let (mut writer, reader) = left_right::new_from_empty(State::new(0, image));
        // The first two times it compares the copies as a whole: not at an update.
        writer.publish().publish();
        Ok(Live {
            pods: Pods::new(cluster.pods(), &retained),
            retained,
            cluster,
            options,
            invalid,
            readers: reader.factory(),
            writer,
            epoch: 0,
            is_behind: false,
            is_worn: false,
            rules_changed: false,
        })
    }

    /// A reader. It sees every update from the moment at which [`Live::apply`]
    /// returns.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(&self.readers)
    }

    /// The objects that count: valid ones only.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The state that readers see.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Takes one event, and makes it visible.
    ///
    /// # Errors
    /// As [`Live::apply_all`].
    pub fn apply(&mut self, event: Event) -> Result<Update, CompileError> {
        self.apply_all([event])
    }

    /// Takes events in order, and makes them visible all at once. Readers see none
    /// or all of them. Where one needs a rebuild, it serves all.
    ///
    /// # Errors
    /// As [`Cluster::compile`]. The events are taken in, but readers go on with the
    /// state before them until a later call succeeds, which it can without events.
    pub fn apply_all(
        &mut self,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<Update, CompileError> {
        let mut invalid = 0;
        let mut patch = Patch {
            changes: Vec::new(),
            is_enough: !self.is_behind,
            is_seen: false,
        };
        for event in events {
            match event {
                Event::Added(object) | Event::Modified(object) => {
                    if let Err(refused) = self.insert(object, &mut patch) {
                        invalid += 1;
                        self.refuse(refused);
                    }
                }
                Event::Deleted(key) => self.remove(&key, &mut patch),
                Event::Invalid(refused) => {
                    invalid += 1;
                    self.refuse(refused);
                }
            }
        }
        let is_changed = patch.is_seen || !patch.changes.is_empty();
        let kind = if !patch.is_enough || self.is_worn && is_changed {
            self.rebuild()?;
            UpdateKind::Rebuilt
        } else if is_changed {
            self.publish(patch.changes);
            UpdateKind::Patched
        } else {
            UpdateKind::Unchanged
        };
        Ok(Update {
            epoch: self.epoch,
            kind,
            invalid,
        })
    }

    /// What an object counts for.
    #[must_use]
    pub fn state(&self, object: &ObjectKey) -> ObjectState<'_> {
        let diagnostics = self.invalid.get(&*object.normal());
        match (diagnostics, self.has(object)) {
            (None, true) => ObjectState::InForce,
            (None, false) => ObjectState::Absent,
            (Some(diagnostics), true) => ObjectState::PreviousInForce(diagnostics),
            (Some(diagnostics), false) => ObjectState::Refused(diagnostics),
        }
    }

    /// The objects whose last version is not valid.
    pub fn invalid(&self) -> impl Iterator<Item = (&ObjectKey, ObjectState<'_>)> {
        self.invalid.keys().map(|key| (key, self.state(key)))
    }

    /// Compiles everything that was taken in, for names and explanations of this
    /// very state, or to send to others. Readers see no difference.
    ///
    /// # Errors
    /// As [`Cluster::compile`].
    pub fn compile(&self) -> Result<ImageBuf, CompileError> {
        Ok(self.cluster.compile(&self.options)?.0)
    }

    fn has(&self, key: &ObjectKey) -> bool {
        let ObjectKey {
            kind,
            namespace,
            name,
        } = key;
        let cluster = &self.cluster;
        match kind {
            ObjectKind::Namespace => cluster.namespace(name).is_some(),
            ObjectKind::Node => cluster.node(name).is_some(),
            ObjectKind::Pod => cluster.pod(namespace, name).is_some(),
            ObjectKind::NetworkPolicy => cluster.network_policy(namespace, name).is_some(),
            ObjectKind::AdminNetworkPolicy
            | ObjectKind::BaselineAdminNetworkPolicy
            | ObjectKind::ClusterNetworkPolicy => kind
                .cluster_policy_api()
                .is_some_and(|api| cluster.cluster_policy(api, name).is_some()),
            ObjectKind::DomainName => cluster.domain_name(name).is_some(),
        }
    }

    /// Takes an object in.
    fn insert(&mut self, object: Object, patch: &mut Patch) -> Result<(), Invalid> {
        check(&object)?;
        if !self.invalid.is_empty() {
            self.invalid.remove(&*object.key().normal());
        }
        let cluster = &mut self.cluster;
        match object {
            Object::Namespace(object) => {
                let labels = object.labels.clone();
                let old = cluster.insert_namespace(object);
                let old = old.map_or(List::EMPTY, |old| old.labels);
                patch.is_enough &= self.are_namespaces_alike(&old, &labels);
            }
            Object::Node(object) => {
                let new = object.clone();
                let old = cluster.insert_node(object).unwrap_or_default();
                patch.is_enough &= old.addresses == new.addresses
                    && self.retained.are_alike(&old.labels, &new.labels);
            }
            Object::Pod(object) => self.insert_pod(object, patch),
            Object::NetworkPolicy(object) => {
                if cluster.network_policy(&object.namespace, &object.name) != Some(&object) {
                    self.patch_policies(patch, |retained| {
                        retained.set_policy(AnyPolicy::Network(&object))
                    });
                    self.cluster.insert_network_policy(object);
                }
            }
            Object::ClusterPolicy(object) => {
                if cluster.cluster_policy(object.api, &object.name) != Some(&object) {
                    self.patch_policies(patch, |retained| {
                        retained.set_policy(AnyPolicy::Cluster(&object))
                    });
                    // It was checked above.
                    let inserted = self.cluster.insert_cluster_policy(object);
                    debug_assert!(inserted.is_ok());
                }
            }
            Object::DomainName(object) => {
                let (name, addresses) = (object.name.clone(), object.addresses.clone());
                let old = cluster.insert_domain_name(object).unwrap_or_default();
                patch.is_enough &= old.addresses == addresses || !self.retained.asks_domain(&name);
            }
        }
        Ok(())
    }

    /// Whether no policy can tell two sets of labels of a namespace apart. Its name is
    /// a label in any case.
    fn are_namespaces_alike(&mut self, a: &[Label<'_>], b: &[Label<'_>]) -> bool {
        let [a, b] = [a, b].map(|labels| {
            let own = labels
                .iter()
                .filter(|label| *label.key != *NAMESPACE_NAME_LABEL);
            own.cloned().collect::<Vec<_>>()
        });
        self.retained.are_alike(&a, &b)
    }

    fn insert_pod(&mut self, pod: Pod<'static>, patch: &mut Patch) {
        if self.cluster.pod(&pod.namespace, &pod.name) == Some(&pod) {
            return;
        }
        let mut touched = claims(&pod);
        let (index, old) = self.cluster.insert_pod_at(pod);
        if let Some(old) = old {
            self.pods.holders.remove(index, &old);
            touched.extend(claims(&old));
        }
        if let Some(pod) = self.cluster.pods().get(index as usize) {
            self.pods.holders.insert(index, pod);
        }
        self.patch_pods(&touched, patch);
    }

    fn remove_pod(&mut self, namespace: &str, name: &str, patch: &mut Patch) {
        let Some((index, old)) = self.cluster.remove_pod_at(namespace, name) else {
            return;
        };
        self.pods.holders.remove(index, &old);
        let was_at = self.cluster.pods().len() as u32;
        if let Some(moved) = self.cluster.pods().get(index as usize) {
            self.pods.holders.renumber(was_at, index, moved);
        }
        self.patch_pods(&claims(&old), patch);
    }

    fn patch_pods(&mut self, touched: &[IpAddr], patch: &mut Patch) {
        if !patch.is_enough {
            return;
        }
        let pods = self.cluster.pods();
        let retained = &mut self.retained;
        let patched = self.pods.patch(touched, pods, retained, &mut patch.changes);
        // Rules can only be asked about pods that the image knows one like, and only
        // those that it knows.
        let can_ask = !self.pods.has_unlike && !self.rules_changed;
        patch.is_enough = patched.is_some() && (can_ask || !self.pods.has_special);
    }

    /// Patches what a policy decides.
    fn patch_policies(
        &mut self,
        patch: &mut Patch,
        change: impl FnOnce(&mut Retained) -> Option<PolicyPatch>,
    ) {
        // Where rules are asked at each verdict, they must be those of the last compile.
        patch.is_enough &= !self.pods.has_special;
        if patch.is_enough {
            self.rules_changed = true;
            match change(&mut self.retained) {
                Some(policy) if policy.is_empty() => patch.is_seen = true,
                Some(policy) => patch.changes.push(Change::Gates(Box::new(policy))),
                None => patch.is_enough = false,
            }
        }
    }

    /// Takes an object out.
    fn remove(&mut self, key: &ObjectKey, patch: &mut Patch) {
        self.invalid.remove(&*key.normal());
        let ObjectKey {
            kind,
            namespace,
            name,
        } = key;
        let cluster = &mut self.cluster;
        match kind {
            ObjectKind::Namespace => {
                if let Some(old) = cluster.remove_namespace(name) {
                    patch.is_enough &= self.are_namespaces_alike(&old.labels, &[]);
                }
            }
            ObjectKind::Node => {
                if let Some(old) = cluster.remove_node(name) {
                    patch.is_enough &=
                        old.addresses.is_empty() && self.retained.are_alike(&old.labels, &[]);
                }
            }
            ObjectKind::Pod => self.remove_pod(namespace, name, patch),
            ObjectKind::NetworkPolicy => {
                if cluster.remove_network_policy(namespace, name).is_some() {
                    let name = PolicyName::Network(namespace, name);
                    self.patch_policies(patch, |retained| retained.remove_policy(name));
                }
            }
            ObjectKind::AdminNetworkPolicy
            | ObjectKind::BaselineAdminNetworkPolicy
            | ObjectKind::ClusterNetworkPolicy => {
                if let Some(api) = kind.cluster_policy_api()
                    && cluster.remove_cluster_policy(api, name).is_some()
                {
                    let name = PolicyName::Cluster(api, name);
                    self.patch_policies(patch, |retained| retained.remove_policy(name));
                }
            }
            ObjectKind::DomainName => {
                if cluster.remove_domain_name(name).is_some() {
                    patch.is_enough &= !self.retained.asks_domain(name);
                }
            }
        }
    }

    fn refuse(
        &mut self,
        Invalid {
            object,
            diagnostics,
        }: Invalid,
    ) {
        self.invalid
            .insert(object.normal().into_owned(), diagnostics);
    }

    /// Lets readers see some changes, all at once.
    fn publish(&mut self, changes: Vec<Change>) {
        self.epoch += 1;
        self.writer.extend(changes);
        self.writer.append(Change::Epoch(self.epoch));
        self.swap();
        let is_worn = self.writer.enter().is_some_and(|state| state.is_worn());
        self.is_worn = is_worn || self.retained.is_worn();
    }

    /// Compiles everything beside what readers read, and swaps.
    fn rebuild(&mut self) -> Result<(), CompileError> {
        self.is_behind = true;
        let (image, retained) = self.cluster.compile_retained(&self.options)?;
        self.retained = retained;
        self.pods.renew(&self.retained);
        self.is_behind = false;
        self.is_worn = false;
        self.rules_changed = false;
        self.epoch += 1;
        let state = State::new(self.epoch, image);
        self.writer.append(Change::Replace(Box::new(state)));
        self.swap();
        Ok(())
    }

    /// Lets readers see what was appended, in the other copy, then brings the one that
    /// they have left up to date, and them back to it: their processors' caches hold that
    /// one, and no two of them. Where a reader does not leave soon, the copies change
    /// their roles.
    fn swap(&mut self) {
        self.writer.publish();
        for _ in 0..MOST_TRIES {
            if self.writer.try_publish() {
                break;
            }
            core::hint::spin_loop();
        }
    }
}

/// What some events come to for readers.
struct Patch {
    changes: Vec<Change>,
    /// Whether the changes are all; else everything is compiled anew.
    is_enough: bool,
    /// Whether there is an update even without changes.
    is_seen: bool,
}

/// Takes out what is not valid: pods and NetworkPolicies, for a cluster takes no
/// other.
fn take_invalid(cluster: &mut Cluster) -> BTreeMap<ObjectKey, Vec<Diagnostic>> {
    let pods = cluster.pods().iter().filter(|pod| pod.check().is_err());
    let policies = cluster.network_policies().iter();
    let policies = policies.filter(|policy| policy.check().is_err());
    let objects = pods.cloned().map(Object::Pod);
    let objects: Vec<Object> = objects
        .chain(policies.cloned().map(Object::NetworkPolicy))
        .collect();
    let mut all = BTreeMap::new();
    for object in objects {
        match &object {
            Object::Pod(pod) => drop(cluster.remove_pod(&pod.namespace, &pod.name)),
            Object::NetworkPolicy(policy) => {
                drop(cluster.remove_network_policy(&policy.namespace, &policy.name));
            }
            _ => {}
        }
        if let Err(invalid) = check(&object) {
            all.insert(invalid.object, invalid.diagnostics);
        }
    }
    all
}

/// What no single field of an object can rule out.
fn check(object: &Object) -> Result<(), Invalid> {
    let (checked, source) = match object {
        Object::Pod(pod) => (pod.check(), None),
        Object::NetworkPolicy(policy) => (policy.check(), Some(&policy.source)),
        Object::ClusterPolicy(policy) => (policy.check(), Some(&policy.source)),
        Object::Namespace(_) | Object::Node(_) | Object::DomainName(_) => return Ok(()),
    };
    let Err(InvalidEntry {
        list,
        index,
        problem,
    }) = checked
    else {
        return Ok(());
    };
    let key = object.key();
    let diagnostic = Diagnostic {
        severity: Severity::Error,
        file: source.map_or_else(String::new, |source| source.file.to_string()),
        line: source.map_or(0, |source| source.line),
        column: 0,
        object: key.to_string(),
        path: format!("{list}[{index}]"),
        message: problem.to_string(),
    };
    Err(Invalid {
        object: key,
        diagnostics: vec![diagnostic],
    })
}
