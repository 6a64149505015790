//! Writing the image: what the earlier steps found, section by section.
//!
//! [`walk`] hands every record to a [`Sink`], twice: one sink measures the
//! sections and marks the strings that records name, the other writes.

use super::CompileError;
use super::address_map::{AddressMap, class_bits, place, place_of};
use super::arena::{Arena, List, View};
use super::classes::{Classes, Known};
use super::gates::Gates;
use super::intervals::Intervals;
use super::numbering::{FactsKey, Numbering, REQUIREMENT_PREFIX};
use super::order::pod_name;
use crate::image::record::Record;
use crate::image::tables::*;
use crate::image::{Layout, Place, Section, Shape, option_bits, scope_bit, seal};

/// What there is to write.
#[derive(Clone, Copy)]
pub(super) struct Parts<'k> {
    pub(super) known: Known<'k>,
    pub(super) classes: &'k Classes,
    pub(super) intervals: &'k Intervals,
    pub(super) gates: &'k Gates,
    pub(super) addresses: &'k AddressMap,
}

/// Takes the records of an image.
trait Sink {
    /// Takes the next record of a section.
    fn put<R: Record>(&mut self, section: Section, record: R);
    /// The number in the image of a string of `Facts`.
    fn string(&mut self, id: u32) -> u32;
    /// The number in the image of a pod's name.
    fn pod_name(&mut self, pod: u32) -> u32;
}

/// Measures sections and marks strings.
struct Measure<'s> {
    lengths: [usize; Section::ALL.len()],
    /// A word for each string; set where it is named.
    marks: &'s mut [[u8; 4]],
}

impl Sink for Measure<'_> {
    fn put<R: Record>(&mut self, section: Section, _: R) {
        if let Some(len) = self.lengths.get_mut(section as usize) {
            *len += R::WIDTH;
        }
    }

    fn string(&mut self, id: u32) -> u32 {
        if let Some(mark) = self.marks.get_mut(id as usize) {
            *mark = 1_u32.encode();
        }
        0
    }

    fn pod_name(&mut self, _: u32) -> u32 {
        0
    }
}

/// Writes sections.
struct Write<'s, 'v> {
    image: &'s mut [u8],
    /// Where the next record of each section goes.
    next: [usize; Section::ALL.len()],
    view: View<'v>,
    strings: List<u32>,
    kept_strings: u32,
}

impl Write<'_, '_> {
    /// The next `len` bytes of a section.
    fn advance(&mut self, section: Section, len: usize) -> &mut [u8] {
        let Some(at) = self.next.get_mut(section as usize) else {
            return &mut [];
        };
        let bytes = self.image.get_mut(*at..*at + len);
        debug_assert!(
            bytes.is_some(),
            "section {section:?} is longer than measured"
        );
        *at += len;
        bytes.unwrap_or(&mut [])
    }

    fn put_bytes(&mut self, section: Section, bytes: &[u8]) {
        let target = self.advance(section, bytes.len());
        if target.len() == bytes.len() {
            target.copy_from_slice(bytes);
        }
    }
}

impl Sink for Write<'_, '_> {
    fn put<R: Record>(&mut self, section: Section, record: R) {
        if let Some(cell) = R::cells_mut(self.advance(section, R::WIDTH)).first_mut() {
            *cell = record.encode();
        }
    }

    fn string(&mut self, id: u32) -> u32 {
        self.view.get(self.strings, id)
    }

    fn pod_name(&mut self, pod: u32) -> u32 {
        self.kept_strings + pod
    }
}

/// Where everything goes.
pub(super) struct Plan {
    numbering: Numbering,
    /// For each string of `Facts`, its number in the image, or [`NONE`].
    strings: List<u32>,
    /// The strings that are kept; the pods' names come behind them.
    kept_strings: u32,
    layout: Layout,
    len: usize,
}

impl Plan {
    pub(super) fn new(
        arena: &mut Arena<'_>,
        parts: Parts<'_>,
    ) -> core::result::Result<Plan, CompileError> {
        let numbering = Numbering::new(arena, parts.known, parts.gates)?;
        let Known { facts, order, .. } = parts.known;
        let strings: List<u32> = arena.list(facts.strings.len() as usize)?;
        let (view, marks) = arena.split(strings);
        let mut measure = Measure {
            lengths: [0; Section::ALL.len()],
            marks,
        };
        // The empty string is number 0, whether a record names it or not.
        measure.string(0);
        walk(view, parts, &numbering, &mut measure);
        let mut lengths = measure.lengths;

        let mut kept_strings = 0;
        let mut string_bytes = 0;
        for id in 0..strings.len {
            let number = if arena.get(strings, id) != 0 {
                kept_strings += 1;
                string_bytes += facts.strings.bytes(arena.view(), id).len();
                kept_strings - 1
            } else {
                NONE
            };
            arena.set(strings, id, number);
        }
        let view = arena.view();
        let pods = view.iter(order.pods).map(|fact| facts.pods.get(view, fact));
        string_bytes += pods.map(|pod| pod.name_len as usize).sum::<usize>();
        let string_count = (kept_strings + order.pods.len) as usize;
        for (section, len) in [
            (Section::Strings, 4 * (string_count + 1)),
            (Section::StringBytes, string_bytes),
        ] {
            if let Some(length) = lengths.get_mut(section as usize) {
                *length = len;
            }
        }
        let bits = option_bits(parts.known.options) | scope_bit(facts.is_scoped);
        let (layout, len) =
            Layout::new(bits, shape(parts), lengths).ok_or(CompileError::TooLarge {
                what: "the image, beyond 4 GiB",
            })?;
        Ok(Plan {
            numbering,
            strings,
            kept_strings,
            layout,
            len,
        })
    }

    /// The length of the image.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes of it that verdicts by addresses read.
    pub(super) fn decision_len(&self) -> usize {
        let len = |section: &Section| self.layout.extent(*section).len as usize;
        Section::ALL
            .iter()
            .filter(|section| section.is_decision())
            .map(len)
            .sum()
    }

    /// Writes the image; `image` has the length of it.
    pub(super) fn write(&self, view: View<'_>, parts: Parts<'_>, image: &mut [u8]) {
        image.fill(0);
        self.layout.write(image);
        let mut write = Write {
            next: Section::ALL.map(|section| self.layout.extent(section).offset as usize),
            image,
            view,
            strings: self.strings,
            kept_strings: self.kept_strings,
        };
        walk(view, parts, &self.numbering, &mut write);
        write_strings(&mut write, parts);
        seal(write.image);
    }
}

fn shape(parts: Parts<'_>) -> Shape {
    let Parts {
        classes,
        gates,
        addresses,
        ..
    } = parts;
    Shape {
        class_bits: class_bits(classes.all.len),
        chunks_per_row: gates.chunks_per_row,
        node_first: classes.node_first,
        node_count: classes.node_count,
        root_v4: addresses.root_v4,
        root_v6: addresses.root_v6,
        seed_v6: addresses.seed_v6,
        wide_chunks: u32::from(gates.has_wide_chunks()),
    }
}

fn write_strings(write: &mut Write<'_, '_>, parts: Parts<'_>) {
    let Known { facts, order, .. } = parts.known;
    let (view, strings) = (write.view, write.strings);
    let kept = (0..strings.len).filter(|id| view.get(strings, *id) != NONE);
    let kept = kept.map(|id| facts.strings.bytes(view, id));
    let names = view
        .iter(order.pods)
        .map(|fact| pod_name(view, &facts.pods.get(view, fact)));
    let mut end = 0;
    write.put(Section::Strings, end);
    for bytes in kept.chain(names) {
        write.put_bytes(Section::StringBytes, bytes);
        end += bytes.len() as u32;
        write.put(Section::Strings, end);
    }
}

/// Hands every record of the image to a sink, strings apart.
fn walk(view: View<'_>, parts: Parts<'_>, numbering: &Numbering, sink: &mut impl Sink) {
    walk_decision(view, parts, numbering, sink);
    walk_gates(view, parts, sink);
    walk_names(view, parts, numbering, sink);
    walk_pods(view, parts, numbering, sink);
    walk_policies(view, parts, numbering, sink);
    walk_selectors(view, parts, numbering, sink);
}

/// What a verdict reads.
fn walk_decision(view: View<'_>, parts: Parts<'_>, numbering: &Numbering, sink: &mut impl Sink) {
    let Parts {
        intervals,
        gates,
        addresses,
        ..
    } = parts;
    view.iter(addresses.trie)
        .for_each(|word| sink.put(Section::Trie, word));
    view.iter(addresses.hosts_v6)
        .for_each(|slot| sink.put(Section::HostsV6, slot));
    view.iter(addresses.runs_v6)
        .for_each(|run| sink.put(Section::RunsV6, run));
    view.iter(intervals.pages)
        .for_each(|page| sink.put(Section::PortPages, page));
    let map_len = intervals.map_len();
    let side = |gate: u32| {
        let gate = gates.all.get(view, gate);
        match gate.map {
            NONE => (NONE, 0),
            map => (map * map_len, view.get(numbering.row_lists, gate.rows)),
        }
    };
    for class in view.iter(gates.of_class) {
        let (egress_map, egress_rows) = side(class.egress);
        let (ingress_map, ingress_rows) = side(class.ingress);
        let record = ClassRecord {
            egress_map,
            egress_rows,
            ingress_map,
            ingress_rows,
        };
        sink.put(Section::Classes, record);
    }
    for map in 0..gates.maps.len() {
        let words: List<StartsRecord> = gates.maps.list(view, map);
        view.iter(words)
            .for_each(|word| sink.put(Section::PortMaps, word));
    }
    for list in 0..gates.row_lists.len() {
        let rows: List<u32> = gates.row_lists.list(view, list);
        view.iter(rows)
            .for_each(|row| sink.put(Section::Rows, row * gates.chunks_per_row));
    }
    for row in 0..gates.rows.len() {
        let chunks: List<u32> = gates.rows.list(view, row);
        for chunk in view.iter(chunks) {
            if gates.has_wide_chunks() {
                sink.put(Section::RowChunks, chunk);
            } else {
                sink.put(Section::RowChunks, chunk as u16);
            }
        }
    }
    for chunk in 0..gates.chunks.len() {
        let words: List<u32> = gates.chunks.list(view, chunk);
        view.iter(words)
            .for_each(|word| sink.put(Section::Chunks, word));
    }
}

/// The policies behind each decision, as far as the budget goes: what lists of
/// policies do not fit are searched for when they are asked about.
fn walk_gates(view: View<'_>, parts: Parts<'_>, sink: &mut impl Sink) {
    let gates = parts.gates;
    let budget = parts.known.options.table_budget / 4;
    let mut next = 0;
    for gate in 0..gates.all.len() {
        let policies = gates.policies(view, gate);
        if (next + policies.len) as usize * u32::WIDTH > budget {
            sink.put(Section::Gates, GateRecord::SEARCHED);
            continue;
        }
        let record = GateRecord {
            policies: next,
            policies_len: policies.len,
        };
        sink.put(Section::Gates, record);
        view.iter(policies)
            .for_each(|policy| sink.put(Section::GatePolicies, policy));
        next += policies.len;
    }
    view.iter(gates.of_class)
        .for_each(|class| sink.put(Section::ClassGates, class));
}

/// Labels, namespaces, nodes and resolved names.
fn walk_names(view: View<'_>, parts: Parts<'_>, numbering: &Numbering, sink: &mut impl Sink) {
    let Known {
        facts,
        order,
        projection,
        nodes,
        ..
    } = parts.known;
    for set in 0..projection.label_sets.len() {
        for label in view.iter(projection.label_sets.list::<LabelRecord>(view, set)) {
            let value = match label.value {
                UNMENTIONED => UNMENTIONED,
                value => sink.string(value),
            };
            let key = sink.string(label.key);
            sink.put(Section::Labels, LabelRecord { key, value });
        }
    }
    let labels = |raw: u32| {
        range(
            view,
            numbering.labels,
            view.get(projection.of_label_set, raw),
        )
    };
    let is_network = |policy: &PolicyRecord| policy.kind() == PolicyKind::Network;
    let policies = || {
        view.iter(order.policies)
            .map(|id| facts.policies.get(view, id))
    };
    // NetworkPolicies stand behind the Admin tier, by namespace.
    let mut next = policies().take_while(|policy| !is_network(policy)).count() as u32;
    let mut networks = policies().filter(is_network).peekable();
    for id in view.iter(order.namespaces) {
        let fact = facts.namespaces.get(view, id);
        let (labels, labels_len) = labels(fact.labels);
        let first = next;
        while networks.next_if(|policy| policy.namespace == id).is_some() {
            next += 1;
        }
        let record = NamespaceRecord {
            name: sink.string(fact.name),
            labels,
            labels_len,
            given: fact.given,
            policies: first,
            policies_len: next - first,
        };
        sink.put(Section::Namespaces, record);
    }
    for node in facts.nodes.iter(view) {
        let (labels, labels_len) = labels(node.labels);
        let name = sink.string(node.name);
        sink.put(
            Section::Nodes,
            NodeRecord {
                name,
                labels,
                labels_len,
            },
        );
    }
    view.iter(nodes.addresses)
        .for_each(|address| sink.put(Section::NodeAddresses, address));
    for set in 0..nodes.sets.len() {
        let addresses: List<AddressRecord> = nodes.sets.list(view, set);
        view.iter(addresses)
            .for_each(|address| sink.put(Section::Addresses, address));
        let (addresses, addresses_len) = range(view, numbering.own_nodes, set);
        sink.put(
            Section::OwnNodes,
            OwnNodeRecord {
                addresses,
                addresses_len,
            },
        );
    }
    let mut next = view.get(numbering.own_nodes, nodes.sets.len());
    for domain in facts.domains.iter(view) {
        for address in facts
            .addresses
            .range(view, domain.addresses, domain.addresses_len)
        {
            sink.put(Section::Addresses, address);
        }
        let name = sink.string(domain.name);
        sink.put(
            Section::Domains,
            DomainRecord {
                name,
                addresses: next,
                ..domain
            },
        );
        next += domain.addresses_len;
    }
}

/// The range of a list whose starts are known.
fn range(view: View<'_>, starts: List<u32>, id: u32) -> (u32, u32) {
    let start = view.get(starts, id);
    (start, view.get(starts, id + 1) - start)
}

/// Pods, and what they have in common.
fn walk_pods(view: View<'_>, parts: Parts<'_>, numbering: &Numbering, sink: &mut impl Sink) {
    let Known {
        facts,
        order,
        projection,
        nodes,
        claims,
        ..
    } = parts.known;
    for set in 0..projection.port_sets.len() {
        for port in view.iter(projection.port_sets.list::<NamedPortRecord>(view, set)) {
            let name = sink.string(port.name);
            sink.put(Section::NamedPorts, NamedPortRecord { name, ..port });
        }
    }
    for id in 0..numbering.facts.len() {
        let key: FactsKey = numbering.facts.record(view, id);
        let (labels, labels_len) = range(view, numbering.labels, key.labels);
        let (ports, ports_len) = range(view, numbering.ports, key.ports);
        sink.put(
            Section::Facts,
            FactsRecord {
                labels,
                labels_len,
                ports,
                ports_len,
            },
        );
    }
    for id in 0..numbering.workloads.len() {
        let record: WorkloadRecord = numbering.workloads.record(view, id);
        let (kind, name) = (sink.string(record.kind), sink.string(record.name));
        sink.put(Section::Workloads, WorkloadRecord { kind, name });
    }
    // IPv4 stands in one run among the claims, IPv6 in front of it and behind.
    let (v4_first, v4_end) = claims.v4;
    let claim_number = |claim: u32| {
        if claim < v4_first {
            claim | CLAIM_V6
        } else if claim < v4_end {
            claim - v4_first
        } else {
            (claim - (v4_end - v4_first)) | CLAIM_V6
        }
    };
    let mut next = 0;
    for pod in 0..order.pods.len {
        let fact = facts.pods.get(view, view.get(order.pods, pod));
        let own_claims = claims.of_pod.get(view, pod);
        view.iter(own_claims)
            .for_each(|claim| sink.put(Section::PodClaims, claim_number(claim)));
        let record = PodRecord {
            namespace: view.get(order.namespace_index, fact.namespace),
            name: sink.pod_name(pod),
            facts: view.get(numbering.facts_of_pod, pod),
            own_node: view.get(nodes.of_pod, pod),
            claims: next,
            claims_len: own_claims.len,
            flags: fact.flags,
            workload: view.get(numbering.workload_of_pod, pod),
            place: pod_place(view, parts, pod).0,
        };
        next += own_claims.len;
        sink.put(Section::Pods, record);
    }
    for claim in view.iter(claims.all) {
        match crate::address::unmapped(claim.address) {
            Some(address) => sink.put(
                Section::ClaimsV4,
                ClaimV4Record {
                    address,
                    pod: claim.pod,
                },
            ),
            None => {
                let record = ClaimV6Record {
                    address: claim.address,
                    pod: claim.pod,
                };
                sink.put(Section::ClaimsV6, record);
            }
        }
    }
}

/// The place of a pod: at an address that it holds, or without one.
fn pod_place(view: View<'_>, parts: Parts<'_>, pod: u32) -> Place {
    let Parts {
        known: Known { claims, nodes, .. },
        classes,
        ..
    } = parts;
    let class_bits = class_bits(classes.all.len);
    let mut own_claims = view.iter(claims.of_pod.get(view, pod));
    let held = own_claims.find(|claim| claims.is_holder(view, *claim));
    if let Some(host) =
        held.and_then(|claim| classes.host(view, view.get(claims.all, claim).address))
    {
        return place_of(&host, class_bits);
    }
    let own = view.get(nodes.own, view.get(nodes.of_pod, pod));
    place(
        view.get(classes.addressless, pod),
        own.host,
        own.overlaps != 0,
        class_bits,
    )
}

/// Policies with their rules.
fn walk_policies(view: View<'_>, parts: Parts<'_>, numbering: &Numbering, sink: &mut impl Sink) {
    let Known {
        facts,
        order,
        atoms,
        ..
    } = parts.known;
    for (index, id) in view.iter(order.policies).enumerate() {
        let policy = facts.policies.get(view, id);
        let subject = view.get(atoms.subjects, index as u32);
        let record = PolicyRecord {
            namespace: match policy.namespace {
                NONE => NONE,
                namespace => view.get(order.namespace_index, namespace),
            },
            name: sink.string(policy.name),
            file: sink.string(policy.file),
            selected: view.get(numbering.selected_subjects, subject),
            ..policy
        };
        sink.put(Section::Policies, record);
    }
    for rule in facts.rules.iter(view) {
        let name = sink.string(rule.name);
        sink.put(Section::Rules, RuleRecord { name, ..rule });
    }
    for (index, peer) in facts.peers.iter(view).enumerate() {
        let atom = view.get(atoms.peers, index as u32);
        let is_domain = PeerKind::from_code(peer.kind) == Some(PeerKind::Domain);
        let record = PeerRecord {
            a: if is_domain {
                sink.string(peer.a)
            } else {
                peer.a
            },
            selected: view.get(numbering.selected_peers, atom),
            ..peer
        };
        sink.put(Section::Peers, record);
    }
    for port in facts.rule_ports.iter(view) {
        let name = match port.name {
            NONE => NONE,
            name => sink.string(name),
        };
        sink.put(Section::RulePorts, RulePortRecord { name, ..port });
    }
}

/// CIDRs and selectors.
fn walk_selectors(view: View<'_>, parts: Parts<'_>, numbering: &Numbering, sink: &mut impl Sink) {
    let facts = parts.known.facts;
    for id in 0..facts.cidrs.len() {
        let cidr: CidrRecord = facts.cidrs.record(view, id);
        sink.put(Section::Cidrs, cidr);
    }
    facts
        .excepts
        .iter(view)
        .for_each(|cidr| sink.put(Section::Excepts, cidr));
    for id in 0..facts.requirements.len() {
        let requirement: List<u32> = facts.requirements.list(view, id);
        for value in view.iter(requirement).skip(REQUIREMENT_PREFIX as usize) {
            let value = sink.string(value);
            sink.put(Section::Values, value);
        }
    }
    for id in 0..facts.selectors.len() {
        let (requirements, requirements_len) = range(view, numbering.selectors, id);
        sink.put(
            Section::Selectors,
            SelectorRecord {
                requirements,
                requirements_len,
            },
        );
        for id in view.iter(facts.selectors.list::<u32>(view, id)) {
            let requirement: List<u32> = facts.requirements.list(view, id);
            let (values, values_len) = range(view, numbering.values, id);
            let record = RequirementRecord {
                key: sink.string(view.get(requirement, 0)),
                operator: view.get(requirement, 1),
                values,
                values_len,
            };
            sink.put(Section::Requirements, record);
        }
    }
}
