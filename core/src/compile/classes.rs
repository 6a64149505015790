//! Classes: sets of addresses that no policy can tell apart.
//!
//! A class is what the address is (external, a node's, a pod's), what its pod is
//! to the atoms, its region, and the atoms that name the very address (nodes and
//! domain names). Classes are numbered so that each kind is one run:
//!
//! ```text
//! 0  none │ external … │ node … │ node twins … │ pod …
//! ```
//!
//! The twin of a node class stands for the same addresses as seen by pods of
//! their own node.

use super::arena::{Arena, List, Result, View};
use super::atoms::{AtomKind, Atoms};
use super::claims::Claims;
use super::facts::Facts;
use super::groups::Groups;
use super::growing::Growing;
use super::matching::{Matching, PodKindRecord};
use super::nodes::Nodes;
use super::order::Order;
use super::pool::Pool;
use super::projection::Projection;
use super::regions::{NOWHERE, Regions};
use crate::image::record::record;
use crate::image::tables::*;
use crate::model::{Options, domain_matches};

record! {
    /// What pods are to the atoms: lists of `Matching::lists`, and the projected
    /// port set. `kind` is a kind plus 1 where kinds are kept apart, else 0.
    pub(super) struct PodClassRecord { subjects, peers, ports, kind }
}

record! {
    /// A list of pod classes.
    struct LaterAtom { start, len }
}

/// Whether a sorted list has an item.
pub(super) fn has_item(view: View<'_>, list: List<u32>, item: u32) -> bool {
    let at = view.partition_point(list, |other| other < item);
    at < list.len && view.get(list, at) == item
}

record! {
    /// A class. `pod_class` is 0 for what is no pod, else a pod class plus 1.
    pub(super) struct ClassKey { kind, region, pod_class, extra }
}

/// What an address is, in the order of the class numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ClassKind {
    External = 1,
    Node = 2,
    Pod = 4,
}

record! {
    /// A single address with a class of its own.
    pub(super) struct HostPlace {
        address: u128,
        /// Before numbering, the number of a key; then the class.
        class,
        host,
        /// 1 if its pod must be interpreted.
        special,
    }
}

/// All classes.
pub(super) struct Classes {
    /// [`PodClassRecord`]s.
    pod_classes: Pool,
    /// For each kind of pod, its pod class.
    #[cfg(feature = "std")]
    pub(super) pod_class_of_kind: List<u32>,
    /// The addresses that atoms name, sorted.
    #[cfg(feature = "std")]
    named: List<Named>,
    /// The classes by number; twins repeat their nodes' keys. Class 0 is zeros.
    pub(super) all: List<ClassKey>,
    pub(super) node_first: u32,
    pub(super) node_count: u32,
    pub(super) pod_first: u32,
    /// For each region, the class of its external addresses.
    pub(super) external: List<u32>,
    /// Every address that has a place of its own, sorted.
    pub(super) hosts: List<HostPlace>,
    /// For each pod of [`Order::pods`] that states no address, its class; for others
    /// that of what is nowhere.
    pub(super) addressless: List<u32>,
    /// For each pod class, its classes.
    pub(super) of_pod_class: Groups,
    /// For each atom of `Atoms` about pods, the pod classes that it matches.
    pod_classes_of_atom: Groups,
    /// The same for atoms that came later.
    later: Growing<LaterAtom>,
    /// For each atom about nodes and names, the classes that it matches.
    pub(super) classes_of_atom: Groups,
}

/// What the earlier steps found.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    pub(super) options: &'k Options,
    pub(super) facts: &'k Facts,
    pub(super) order: &'k Order,
    pub(super) claims: &'k Claims,
    pub(super) projection: &'k Projection,
    pub(super) nodes: &'k Nodes,
    pub(super) atoms: &'k Atoms,
    pub(super) matching: &'k Matching,
    pub(super) regions: &'k Regions,
}

impl Classes {
    pub(super) fn new(arena: &mut Arena<'_>, known: Known<'_>) -> Result<Classes> {
        let (mut pod_classes, mut pod_class_of_kind) =
            pod_classes(arena, known.matching, KindsAre::Merged)?;
        let kinds = known.matching.kind_count();
        if known.facts.is_to_be_patched && kinds <= pod_classes.len() * 5 / 4 + SPARE_POD_CLASSES {
            // A selector that comes later cannot tell apart what is in one class.
            (pod_classes, pod_class_of_kind) =
                self::pod_classes(arena, known.matching, KindsAre::Apart)?;
        }
        let mut keys = Keys::new(arena, known, pod_class_of_kind)?;
        let external = keys.of_regions(arena)?;
        let named = keys.named(arena)?;
        let hosts = keys.of_hosts(arena, named)?;
        let addressless = keys.of_pods(arena)?;

        let numbers = Numbers::new(arena, &keys.pool)?;
        for list in [external, addressless] {
            for index in 0..list.len {
                let key = arena.get(list, index);
                let class = arena.get(numbers.of_key, key);
                arena.set(list, index, class);
            }
        }
        for index in 0..hosts.len {
            let mut host = arena.get(hosts, index);
            host.class = arena.get(numbers.of_key, host.class);
            arena.set(hosts, index, host);
        }

        let all = numbers.all;
        let of_pod_class = Groups::build(arena, pod_classes.len(), |view, emit| {
            for (class, key) in view.iter(all).enumerate() {
                if let Some(pod_class) = key.pod_class.checked_sub(1) {
                    emit(pod_class, class as u32);
                }
            }
        })?;
        let lists = &known.matching.lists;
        let pod_classes_of_atom = Groups::build(arena, known.atoms.len(), |view, emit| {
            for pod_class in 0..pod_classes.len() {
                let record: PodClassRecord = pod_classes.record(view, pod_class);
                let peers: List<u32> = lists.list(view, record.peers);
                let subjects: List<u32> = lists.list(view, record.subjects);
                view.iter(peers).for_each(|atom| emit(atom, pod_class));
                view.iter(subjects)
                    .filter(|atom| !has_item(view, peers, *atom))
                    .for_each(|atom| emit(atom, pod_class));
                let ports = known
                    .projection
                    .port_sets
                    .list::<NamedPortRecord>(view, record.ports);
                for port in view.iter(ports) {
                    let atom =
                        known
                            .atoms
                            .find(view, AtomKind::NamedPort, port.name, port.protocol_port);
                    if let Some(atom) = atom {
                        emit(atom, pod_class);
                    }
                }
            }
        })?;
        let extras = &keys.extras;
        let classes_of_atom = Groups::build(arena, known.atoms.len(), |view, emit| {
            for (class, key) in view.iter(all).enumerate() {
                for atom in view.iter(extras.list::<u32>(view, key.extra)) {
                    emit(atom, class as u32);
                }
            }
        })?;
        Ok(Classes {
            pod_classes,
            #[cfg(feature = "std")]
            pod_class_of_kind,
            #[cfg(feature = "std")]
            named,
            all,
            node_first: numbers.node_first,
            node_count: numbers.node_count,
            pod_first: numbers.pod_first,
            external,
            hosts,
            addressless,
            of_pod_class,
            pod_classes_of_atom,
            later: Growing::new(),
            classes_of_atom,
        })
    }

    /// The pod classes that an atom about pods matches.
    pub(super) fn pod_classes(&self, view: View<'_>, atom: u32) -> List<u32> {
        match atom.checked_sub(self.pod_classes_of_atom.len()) {
            None => self.pod_classes_of_atom.get(view, atom),
            Some(later) => {
                let LaterAtom { start, len } = self.later.get(view, later);
                List::new(start, len)
            }
        }
    }

    /// Tells the pod classes of the first atom that has been told none.
    #[cfg(feature = "std")]
    pub(super) fn add_atom(&mut self, arena: &mut Arena<'_>, pod_classes: &[u32]) -> Result<()> {
        let list: List<u32> = arena.list(pod_classes.len())?;
        for (index, pod_class) in (0..).zip(pod_classes) {
            arena.set(list, index, *pod_class);
        }
        let (start, len) = (list.start, list.len);
        self.later.push(arena, LaterAtom { start, len })?;
        Ok(())
    }

    /// The place of an address that has one of its own.
    pub(super) fn host(&self, view: View<'_>, address: u128) -> Option<HostPlace> {
        let at = view.partition_point(self.hosts, |host| host.address < address);
        let host = (at < self.hosts.len).then(|| view.get(self.hosts, at))?;
        (host.address == address).then_some(host)
    }

    /// The atoms that name an address, as in [`ClassKey::extra`].
    #[cfg(feature = "std")]
    pub(super) fn extra(&self, view: View<'_>, address: u128) -> u32 {
        let at = view.partition_point(self.named, |named| named.address < address);
        let named = (at < self.named.len).then(|| view.get(self.named, at));
        let named = named.filter(|named| named.address == address);
        named.map_or(0, |named| named.extra)
    }

    /// The class of a key, if there is one.
    #[cfg(feature = "std")]
    pub(super) fn find(&self, view: View<'_>, key: ClassKey) -> Option<u32> {
        let sort_key = |key: ClassKey| (key.kind, key.region, key.pod_class, key.extra);
        let (first, end) = if key.kind == ClassKind::Pod as u32 {
            (self.pod_first, self.all.len)
        } else {
            (1, self.node_first + self.node_count)
        };
        let of_kind = self.all.slice(first, end - first);
        let at = view.partition_point(of_kind, |other| sort_key(other) < sort_key(key));
        (at < of_kind.len && view.get(of_kind, at) == key).then_some(first + at)
    }

    /// A pod class.
    pub(super) fn pod_class(&self, view: View<'_>, pod_class: u32) -> PodClassRecord {
        self.pod_classes.record(view, pod_class)
    }
}

/// How many pod classes more are no matter.
const SPARE_POD_CLASSES: u32 = 256;

/// Whether kinds that no atom can tell apart are one pod class.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KindsAre {
    Merged,
    Apart,
}

/// The distinct [`PodClassRecord`]s, and for each kind of pod its number.
fn pod_classes(
    arena: &mut Arena<'_>,
    matching: &Matching,
    kinds_are: KindsAre,
) -> Result<(Pool, List<u32>)> {
    let mut pool = Pool::new();
    let of_kind = arena.list(matching.kind_count() as usize)?;
    for kind in 0..of_kind.len {
        let PodKindRecord { ports, .. } = matching.kind(arena.view(), kind);
        let record = PodClassRecord {
            subjects: arena.get(matching.subjects, kind),
            peers: arena.get(matching.peers, kind),
            ports,
            kind: if kinds_are == KindsAre::Apart {
                kind + 1
            } else {
                0
            },
        };
        let pod_class = pool.intern_record(arena, record)?;
        arena.set(of_kind, kind, pod_class);
    }
    Ok((pool, of_kind))
}

/// The class keys, in the order of their first appearance.
struct Keys<'k> {
    known: Known<'k>,
    pod_class_of_kind: List<u32>,
    /// [`ClassKey`]s.
    pool: Pool,
    /// Sorted lists of atoms. List 0 is empty.
    extras: Pool,
}

record! {
    /// An atom that names an address.
    struct Naming { address: u128, atom }
}

record! {
    /// An address that atoms name: a list of `Keys::extras`.
    struct Named { address: u128, extra }
}

impl<'k> Keys<'k> {
    fn new(
        arena: &mut Arena<'_>,
        known: Known<'k>,
        pod_class_of_kind: List<u32>,
    ) -> Result<Keys<'k>> {
        let mut extras = Pool::new();
        extras.intern(arena, &[])?;
        Ok(Keys {
            known,
            pod_class_of_kind,
            pool: Pool::new(),
            extras,
        })
    }

    fn key(
        &mut self,
        arena: &mut Arena<'_>,
        kind: ClassKind,
        region: u32,
        pod_class: u32,
        extra: u32,
    ) -> Result<u32> {
        self.pool.intern_record(
            arena,
            ClassKey {
                kind: kind as u32,
                region,
                pod_class,
                extra,
            },
        )
    }

    /// The key of each region's external addresses.
    fn of_regions(&mut self, arena: &mut Arena<'_>) -> Result<List<u32>> {
        let keys = arena.list(self.known.regions.len() as usize)?;
        for region in 0..keys.len {
            let key = self.key(arena, ClassKind::External, region, 0, 0)?;
            arena.set(keys, region, key);
        }
        Ok(keys)
    }

    /// The key of each pod that states no address.
    fn of_pods(&mut self, arena: &mut Arena<'_>) -> Result<List<u32>> {
        let keys = arena.list(self.known.order.pods.len as usize)?;
        for pod in 0..keys.len {
            let view = arena.view();
            let has_address = !self.known.claims.of_pod.get(view, pod).is_empty();
            let (kind, pod_class) = match self.pod_class(view, pod).filter(|_| !has_address) {
                Some(pod_class) => (ClassKind::Pod, pod_class + 1),
                None => (ClassKind::External, 0),
            };
            let key = self.key(arena, kind, NOWHERE, pod_class, 0)?;
            arena.set(keys, pod, key);
        }
        Ok(keys)
    }

    /// The pod class of a pod that can be a subject.
    fn pod_class(&self, view: View<'_>, pod: u32) -> Option<u32> {
        match view.get(self.known.matching.kind_of_pod, pod) {
            NONE => None,
            kind => Some(view.get(self.pod_class_of_kind, kind)),
        }
    }

    /// Every address that is a pod's, an own node's, or named by an atom.
    fn of_hosts(&mut self, arena: &mut Arena<'_>, named: List<Named>) -> Result<List<HostPlace>> {
        let Known {
            claims,
            nodes,
            regions,
            ..
        } = self.known;
        let total = claims.all.len + nodes.hosts.len + named.len;
        let hosts: List<HostPlace> = arena.list(total as usize)?;
        let (mut claim, mut host, mut name, mut len) = (0, 0, 0, 0);
        loop {
            let view = arena.view();
            let next_claim = (claim < claims.all.len).then(|| view.get(claims.all, claim));
            let next_host = (host < nodes.hosts.len).then(|| view.get(nodes.hosts, host));
            let next_name = (name < named.len).then(|| view.get(named, name));
            let addresses = [
                next_claim.map(|claim| claim.address),
                next_host.map(|host| host.address),
                next_name.map(|name| name.address),
            ];
            let Some(address) = addresses.into_iter().flatten().min() else {
                break;
            };
            let is_here = addresses.map(|other| other == Some(address));
            let region = regions.of(view, address);
            let extra = next_name
                .filter(|_| is_here[2])
                .map_or(0, |name| name.extra);
            let holder = next_claim.filter(|_| is_here[0] && claims.is_holder(view, claim));
            let place = match holder {
                Some(holder) => {
                    Some(self.pod_place(arena, holder.pod(), address, region, extra)?)
                }
                None => {
                    let host = next_host.filter(|_| is_here[1]).map_or(0, |host| host.host);
                    let kind = if host == 0 {
                        ClassKind::External
                    } else {
                        ClassKind::Node
                    };
                    if host == 0 && extra == 0 {
                        None
                    } else {
                        let class = self.key(arena, kind, region, 0, extra)?;
                        Some(HostPlace {
                            address,
                            class,
                            host,
                            special: 0,
                        })
                    }
                }
            };
            if let Some(place) = place {
                arena.set(hosts, len, place);
                len += 1;
            }
            while claim < claims.all.len && arena.get(claims.all, claim).address == address {
                claim += 1;
            }
            host += u32::from(is_here[1]);
            name += u32::from(is_here[2]);
        }
        Ok(hosts.slice(0, len))
    }

    fn pod_place(
        &mut self,
        arena: &mut Arena<'_>,
        pod: u32,
        address: u128,
        region: u32,
        extra: u32,
    ) -> Result<HostPlace> {
        // Who claims an address is a subject, so it has a class.
        let pod_class = self
            .pod_class(arena.view(), pod)
            .map_or(0, |pod_class| pod_class + 1);
        let class = self.key(arena, ClassKind::Pod, region, pod_class, extra)?;
        let known = self.known;
        let Known { claims, nodes, .. } = known;
        let view = arena.view();
        let own = view.get(nodes.own, view.get(nodes.of_pod, pod));
        let is_v4 = |address| crate::address::unmapped(address).is_some();
        let mut of_family = view
            .iter(claims.of_pod.get(view, pod))
            .filter(|claim| claims.is_holder(view, *claim))
            .filter(|claim| is_v4(view.get(claims.all, *claim).address) == is_v4(address));
        let fact = known.facts.pods.get(view, view.get(known.order.pods, pod));
        let mut has_another = || of_family.nth(1).is_some();
        let special = fact.is_in_scope() && (own.overlaps != 0 || has_another());
        Ok(HostPlace {
            address,
            class,
            host: own.host,
            special: u32::from(special),
        })
    }

    /// The addresses that `nodes` and `domainNames` peers name, sorted.
    fn named(&mut self, arena: &mut Arena<'_>) -> Result<List<Named>> {
        let namings = self.namings(arena)?;
        let named: List<Named> = arena.list(namings.len() as usize)?;
        let mark = arena.mark();
        let sorted: List<Naming> = arena.scratch(namings.len() as usize)?;
        for index in 0..namings.len() {
            let naming = namings.get(arena.view(), index);
            arena.set(sorted, index, naming);
        }
        arena.sort_by_key(sorted, |naming| (naming.address, naming.atom));
        let sorted = arena.dedup(sorted);
        let (mut at, mut len) = (0, 0);
        while at < sorted.len {
            let address = arena.get(sorted, at).address;
            let inner = arena.mark();
            let first = at;
            while at < sorted.len && arena.get(sorted, at).address == address {
                at += 1;
            }
            let list: List<u32> = arena.scratch((at - first) as usize)?;
            for index in first..at {
                let atom = arena.get(sorted, index).atom;
                arena.set(list, index - first, atom);
            }
            let extra = self.extras.intern_list(arena, list)?;
            arena.release(inner);
            arena.set(named, len, Named { address, extra });
            len += 1;
        }
        arena.release(mark);
        Ok(named.slice(0, len))
    }

    /// Every pair of an address and an atom that names it, in no order.
    fn namings(&self, arena: &mut Arena<'_>) -> Result<Growing<Naming>> {
        let Known {
            facts,
            claims,
            nodes,
            atoms,
            matching,
            ..
        } = self.known;
        let mut namings = Growing::new();
        for index in 0..nodes.addresses.len {
            let NodeAddressRecord { address, node } = arena.get(nodes.addresses, index);
            // SEMANTICS: `nodes` matches unless the address is a pod's.
            if node == NONE || claims.is_held(arena.view(), address) {
                continue;
            }
            let matched: List<u32> = matching
                .lists
                .list(arena.view(), arena.get(matching.nodes, node));
            for index in 0..matched.len {
                let atom = arena.get(matched, index);
                namings.push(arena, Naming { address, atom })?;
            }
        }
        for atom in 0..atoms.len() {
            let record = atoms.get(arena.view(), atom);
            if record.kind() != AtomKind::Domain {
                continue;
            }
            for domain in 0..facts.domains.len() {
                let view = arena.view();
                let domain = facts.domains.get(view, domain);
                let text =
                    |string| core::str::from_utf8(facts.strings.bytes(view, string)).unwrap_or("");
                if !domain_matches(text(record.a), text(domain.name)) {
                    continue;
                }
                for index in 0..domain.addresses_len {
                    let address = facts
                        .addresses
                        .get(arena.view(), domain.addresses + index)
                        .address;
                    namings.push(arena, Naming { address, atom })?;
                }
            }
        }
        Ok(namings)
    }
}

/// The keys in the order of their classes.
struct Numbers {
    /// For each key, its class.
    of_key: List<u32>,
    all: List<ClassKey>,
    node_first: u32,
    node_count: u32,
    pod_first: u32,
}

impl Numbers {
    fn new(arena: &mut Arena<'_>, keys: &Pool) -> Result<Numbers> {
        let key = |view: View<'_>, id| keys.record::<ClassKey>(view, id);
        let of_key: List<u32> = arena.list(keys.len() as usize)?;
        let count = |arena: &Arena<'_>, kind: ClassKind| {
            let of_kind = |id: &u32| key(arena.view(), *id).kind == kind as u32;
            (0..keys.len()).filter(of_kind).count() as u32
        };
        let node_first = 1 + count(arena, ClassKind::External);
        let node_count = count(arena, ClassKind::Node);
        let pod_first = node_first + 2 * node_count;
        let all = arena.list((1 + keys.len() + node_count) as usize)?;

        let mark = arena.mark();
        let sorted: List<u32> = arena.scratch(keys.len() as usize)?;
        for id in 0..keys.len() {
            arena.set(sorted, id, id);
        }
        let sort_key = |view: View<'_>, id| {
            let ClassKey {
                kind,
                region,
                pod_class,
                extra,
            } = key(view, id);
            (kind, region, pod_class, extra)
        };
        arena.sort_by(sorted, |view, a, b| {
            sort_key(view, a).cmp(&sort_key(view, b))
        });
        for index in 0..sorted.len {
            let id = arena.get(sorted, index);
            let record = key(arena.view(), id);
            let number = index + 1;
            let class = if number < node_first + node_count {
                number
            } else {
                number + node_count
            };
            arena.set(of_key, id, class);
            arena.set(all, class, record);
            if record.kind == ClassKind::Node as u32 {
                arena.set(all, class + node_count, record);
            }
        }
        arena.release(mark);
        Ok(Numbers {
            of_key,
            all,
            node_first,
            node_count,
            pod_first,
        })
    }
}
