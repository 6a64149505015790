//! What compiling found, kept: to tell what comes of a pod or policy that came
//! later, without compiling anew.
//!
//! Everything here answers with what a full compile would come to, or not at all.

use alloc::vec::Vec;

use super::OwnedParts;
use super::address_map::{class_bits, place, place_of};
use super::arena::View;
use super::atoms::AtomKind;
use super::classes::{ClassKey, ClassKind};
use super::matching::PodKindRecord;
use super::nodes::OwnNode;
use super::policy_patch::Policies;
use super::remembered::Remembered;
use crate::address::{canonical, to_bits};
use crate::image::Place;
use crate::image::record::Record;
use crate::image::tables::{AddressRecord, LabelRecord, NONE, NamedPortRecord};
use crate::model::{Label, NamedPort, Pod, domain_matches};

/// How many bytes patches may take in any case.
const SPARE_BYTES: u32 = 16 << 20;

/// The parts of a compiled cluster, with the memory that they lie in.
pub(crate) struct Retained {
    pub(super) memory: Vec<u8>,
    /// How much of the memory is taken.
    pub(super) front: u32,
    /// How much was, when all was compiled.
    first_front: u32,
    pub(super) parts: OwnedParts,
    pub(super) policies: Policies,
    /// To spell out sets that are looked for; kept to be used again.
    spelled: Spelled,
    /// Kinds of pods. What a policy that is patched asks for, others asked for when all was
    /// compiled: a kind stays what it is.
    kinds: Remembered,
    /// Sets of addresses that pods call their own node.
    own_nodes: Remembered,
}

/// Records to look for.
#[derive(Default)]
struct Spelled {
    labels: Vec<LabelRecord>,
    ports: Vec<NamedPortRecord>,
    addresses: Vec<AddressRecord>,
    bytes: Vec<u8>,
}

impl Spelled {
    /// The bytes of some records.
    fn bytes<R: Record>(bytes: &mut Vec<u8>, records: &[R]) {
        bytes.clear();
        for record in records {
            bytes.extend_from_slice(R::bytes(&record.encode()));
        }
    }
}

/// What a pod is to the policies, its addresses apart. Two pods of the same traits
/// are treated alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PodTraits {
    kind: u32,
    /// The set of addresses that it calls its own node.
    own_node: u32,
}

/// What is left of some labels as far as any selector looks, sorted by key.
fn project(
    view: View<'_>,
    parts: &OwnedParts,
    labels: &[Label<'_>],
    projected: &mut Vec<LabelRecord>,
) {
    let asked = &parts.projection.asked;
    let string = |text: &str| parts.facts.strings.find(view, text.as_bytes());
    projected.clear();
    for label in labels {
        let Some(key) = string(&label.key).filter(|key| asked.key(view, *key)) else {
            continue;
        };
        // A string that nothing has is mentioned by nothing.
        let value = string(&label.value).unwrap_or(NONE);
        // A key given twice has its last value.
        projected.retain(|known| known.key != key);
        projected.extend(asked.label(view, LabelRecord { key, value }));
    }
    projected.sort_unstable_by_key(|label| label.key);
}

fn protocol_port(port: &NamedPort<'_>) -> u32 {
    u32::from(port.protocol.0) << 16 | u32::from(port.number)
}

/// The kind of a pod, by its namespace, labels and ports.
fn kind_of(
    view: View<'_>,
    parts: &OwnedParts,
    pod: &Pod<'_>,
    spelled: &mut Spelled,
) -> Option<u32> {
    let OwnedParts {
        facts,
        projection,
        matching,
        ..
    } = parts;
    let Spelled {
        labels,
        ports,
        bytes,
        ..
    } = spelled;
    project(view, parts, &pod.labels, labels);
    Spelled::bytes(bytes, labels);
    let labels = projection.label_sets.find(view, bytes)?;

    ports.clear();
    for port in &pod.ports {
        let name = facts.strings.find(view, port.name.as_bytes());
        let name = name.filter(|name| projection.asked.port_name(view, *name));
        ports.extend(name.map(|name| NamedPortRecord {
            name,
            protocol_port: protocol_port(port),
        }));
    }
    ports.sort_unstable_by_key(|port| (port.name, port.protocol_port));
    ports.dedup();
    Spelled::bytes(bytes, ports);
    let ports = projection.port_sets.find(view, bytes)?;

    let namespace = facts.find_namespace(view, &pod.namespace)?;
    let kind = PodKindRecord {
        namespace,
        labels,
        ports,
        in_scope: 1,
    };
    matching.find_kind(view, kind)
}

/// The set of addresses that a pod calls its own node.
fn own_node_of(
    view: View<'_>,
    parts: &OwnedParts,
    pod: &Pod<'_>,
    spelled: &mut Spelled,
) -> Option<u32> {
    let OwnedParts { facts, nodes, .. } = parts;
    let Spelled {
        addresses, bytes, ..
    } = spelled;
    addresses.clear();
    let hosts = pod.host_addresses.iter();
    addresses.extend(hosts.map(|address| AddressRecord {
        address: to_bits(canonical(*address)),
    }));
    let node = (!pod.node_name.is_empty())
        .then(|| facts.strings.find(view, pod.node_name.as_bytes()))
        .flatten();
    if let Some(node) = node.and_then(|name| facts.node(view, name)) {
        let node = facts.nodes.get(view, node);
        let stated = (node.addresses, node.addresses_len);
        addresses.extend(facts.addresses.range(view, stated.0, stated.1));
    }
    addresses.sort_unstable_by_key(|address| address.address);
    addresses.dedup();
    Spelled::bytes(bytes, addresses);
    nodes.sets.find(view, bytes)
}

impl Retained {
    /// Keeps what was found in some working memory.
    pub(crate) fn new(memory: Vec<u8>, front: u32, parts: OwnedParts) -> Retained {
        let policies = Policies::new(View::of(&memory), &parts);
        Retained {
            front,
            first_front: front,
            policies,
            memory,
            parts,
            spelled: Spelled::default(),
            kinds: Remembered::default(),
            own_nodes: Remembered::default(),
        }
    }

    fn view(&self) -> View<'_> {
        View::of(&self.memory)
    }

    /// Whether no policy can tell the labels of a namespace or node from others.
    pub(crate) fn are_alike(&mut self, labels: &[Label<'_>], others: &[Label<'_>]) -> bool {
        let view = View::of(&self.memory);
        let mut projected = Vec::new();
        project(view, &self.parts, others, &mut projected);
        project(view, &self.parts, labels, &mut self.spelled.labels);
        projected == self.spelled.labels
    }

    /// Whether some rule names a domain that covers this one.
    pub(crate) fn asks_domain(&self, name: &str) -> bool {
        let view = self.view();
        let OwnedParts { facts, atoms, .. } = &self.parts;
        (0..atoms.len())
            .map(|atom| atoms.get(view, atom))
            .filter(|atom| atom.kind() == AtomKind::Domain)
            .any(|atom| {
                let pattern = core::str::from_utf8(facts.strings.bytes(view, atom.a));
                pattern.is_ok_and(|pattern| domain_matches(pattern, name))
            })
    }

    /// The traits of a pod that can be a subject, if some compiled pod has each of
    /// them.
    pub(crate) fn traits(&mut self, pod: &Pod<'_>) -> Option<PodTraits> {
        let (view, parts, spelled) = (View::of(&self.memory), &self.parts, &mut self.spelled);
        let kind = self.kinds.answer(
            |question| {
                question.text(&pod.namespace);
                question.number(pod.labels.len() as u32);
                for label in &pod.labels {
                    question.text(&label.key);
                    question.text(&label.value);
                }
                for port in &pod.ports {
                    question.text(&port.name);
                    question.number(protocol_port(port));
                }
            },
            || kind_of(view, parts, pod, spelled),
        )?;
        let own_node = self.own_nodes.answer(
            |question| {
                question.text(&pod.node_name);
                for address in &pod.host_addresses {
                    question.address(*address);
                }
            },
            || own_node_of(view, parts, pod, spelled),
        )?;
        Some(PodTraits { kind, own_node })
    }

    /// The traits of each compiled pod that is a subject, by its index in the image:
    /// not of those that have lost all their addresses to others.
    pub(crate) fn all_traits(&self) -> impl Iterator<Item = (u32, PodTraits)> + '_ {
        let view = self.view();
        let kinds = view.iter(self.parts.matching.kind_of_pod).enumerate();
        let claims = &self.parts.claims;
        let subjects = kinds.filter(move |(pod, kind)| {
            let own = claims.of_pod.get(view, *pod as u32);
            let holds = || view.iter(own).any(|claim| claims.is_holder(view, claim));
            *kind != NONE && (own.is_empty() || holds())
        });
        subjects.map(move |(pod, kind)| {
            let own_node = view.get(self.parts.nodes.of_pod, pod as u32);
            (pod as u32, PodTraits { kind, own_node })
        })
    }

    /// Whether patches have taken so much memory that everything should be compiled anew.
    pub(crate) fn is_worn(&self) -> bool {
        self.front
            > self
                .first_front
                .saturating_mul(2)
                .saturating_add(SPARE_BYTES)
    }

    /// Whether verdicts about some pods are left to the rules.
    pub(crate) fn has_special(&self) -> bool {
        let view = self.view();
        let OwnedParts {
            classes,
            gates,
            nodes,
            ..
        } = &self.parts;
        let bits = class_bits(classes.all.len);
        let is_special = |host| place_of(&host, bits).is_special();
        gates.interpreted != 0
            || view.iter(nodes.own).any(|own| own.overlaps != 0)
            || view.iter(classes.hosts).any(is_special)
    }

    /// The place of an address that a pod of some traits holds. `is_crowded`: it holds
    /// another one of the same family.
    pub(crate) fn pod_place(
        &self,
        traits: PodTraits,
        address: u128,
        is_crowded: bool,
    ) -> Option<Place> {
        let view = self.view();
        let OwnedParts { nodes, classes, .. } = &self.parts;
        let pod_class = view.get(classes.pod_class_of_kind, traits.kind);
        let class = self.class(address, ClassKind::Pod, pod_class + 1)?;
        let OwnNode { host, overlaps } = view.get(nodes.own, traits.own_node);
        let is_special = is_crowded || overlaps != 0;
        Some(place(class, host, is_special, class_bits(classes.all.len)))
    }

    /// The place of an address that no pod holds.
    pub(crate) fn ground_place(&self, address: u128) -> Option<Place> {
        let class = self.class(address, ClassKind::External, 0)?;
        let bits = class_bits(self.parts.classes.all.len);
        Some(place(class, 0, false, bits))
    }

    /// The class of an address that is no node's.
    fn class(&self, address: u128, kind: ClassKind, pod_class: u32) -> Option<u32> {
        let view = self.view();
        let OwnedParts {
            nodes,
            regions,
            classes,
            ..
        } = &self.parts;
        // Whether a pod holds it changes what its node's other addresses are.
        let at = view.partition_point(nodes.addresses, |node| node.address < address);
        if at < nodes.addresses.len && view.get(nodes.addresses, at).address == address {
            return None;
        }
        let key = ClassKey {
            kind: kind as u32,
            region: regions.of(view, address),
            pod_class,
            extra: classes.extra(view, address),
        };
        classes.find(view, key)
    }
}
