//! Opening an image from bytes that nobody vouches for.
//!
//! The checks stand in the order of the sections. After them every index that
//! one record holds of another is inside its table, every string is UTF-8, and
//! the trie's edges point one way. Ranges of which each record belongs to one owner
//! stand in order and apart, as the compiler writes them, so that walking all of
//! them costs no more than the bytes there are.

use core::fmt;

use super::record::{Record, Table};
use super::tables::*;
use super::trie::{self, HalvesBase, NodeKind, TrieEntry};
use super::{CHUNK_WORDS, Decision, Image, Place};
use crate::protocol::PortKey;

/// Why bytes are no image that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The bytes do not begin with the label.
    NotAnImage,
    /// The major version is another one.
    Version {
        /// The image's major version.
        major: u16,
        /// The image's minor version.
        minor: u16,
    },
    /// There are fewer (or more) bytes than the header says.
    Truncated {
        /// The bytes there are.
        len: u64,
        /// The bytes there should be.
        needed: u64,
    },
    /// A record holds what no compiler writes.
    Damaged {
        /// The section, by its name in FORMAT.md.
        section: &'static str,
        /// The index of the record: of a byte in the header, of a word in `Trie`.
        index: u32,
    },
    /// It has no names and no rules: it is for [`StrippedImage`](crate::StrippedImage).
    Stripped,
    /// It has names and rules: it is for [`Image`].
    NotStripped,
    /// The checksum does not fit the bytes ([`Image::verify_checksum`] only).
    Checksum {
        /// What the header says.
        stated: u32,
        /// What the bytes give.
        found: u32,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            OpenError::NotAnImage => {
                f.write_str("not a netpolicy image: make one with `netpolicy compile`")
            }
            OpenError::Version { major, minor } => write!(
                f,
                "the image has format version {major}.{minor}, this reader takes {}.x: compile it again",
                super::layout::MAJOR
            ),
            OpenError::Truncated { len, needed } => {
                write!(
                    f,
                    "the image has {len} bytes and should have {needed}: copy it again, or make it anew with `netpolicy compile`"
                )
            }
            OpenError::Damaged { section, index } => {
                write!(f, "the image is damaged: section {section}, record {index}")
            }
            OpenError::Stripped => f.write_str(
                "the image is stripped: it has verdicts by addresses, no names and no rules. Compile without `--strip` for everything else",
            ),
            OpenError::NotStripped => {
                f.write_str("the image is not stripped: open it as one that has names and rules")
            }
            OpenError::Checksum { stated, found } => write!(
                f,
                "the image is damaged: its checksum is {found:08x}, its header says {stated:08x}"
            ),
        }
    }
}

impl core::error::Error for OpenError {}

/// A check of one section.
struct Checked<'a, R: Record> {
    section: &'static str,
    table: Table<'a, R>,
}

impl<R: Record> Checked<'_, R> {
    /// Every record must satisfy `is_sound`.
    fn all(&self, mut is_sound: impl FnMut(R) -> bool) -> Result<(), OpenError> {
        for (index, record) in self.table.iter().enumerate() {
            if !is_sound(record) {
                return Err(OpenError::Damaged {
                    section: self.section,
                    index: index as u32,
                });
            }
        }
        Ok(())
    }
}

fn within<R: Record>(table: Table<'_, R>, first: u32, len: u32) -> bool {
    u64::from(first) + u64::from(len) <= table.len() as u64
}

/// Ranges of one table that stand in order and apart.
struct InOrder<'a, R: Record> {
    table: Table<'a, R>,
    next: u32,
}

impl<'a, R: Record> InOrder<'a, R> {
    fn new(table: Table<'a, R>) -> Self {
        InOrder { table, next: 0 }
    }

    /// Whether the next range is inside the table, and behind those before it.
    fn is_next(&mut self, first: u32, len: u32) -> bool {
        let sound = within(self.table, first, len) && self.next <= first;
        self.next = first.saturating_add(len);
        sound
    }

    /// The same for a range whose length may be [`NONE`]: there is none then.
    fn is_next_or_none(&mut self, first: u32, len: u32) -> bool {
        len == NONE || self.is_next(first, len)
    }
}

fn index<R: Record>(table: Table<'_, R>, index: u32) -> bool {
    (index as usize) < table.len()
}

fn index_or_none<R: Record>(table: Table<'_, R>, at: u32) -> bool {
    at == NONE || index(table, at)
}

macro_rules! check {
    ($section:literal, $table:expr, $is_sound:expr) => {
        Checked {
            section: $section,
            table: $table,
        }
        .all($is_sound)?
    };
}

/// Checks everything behind the frame.
pub(super) fn validate(image: &Image<'_>) -> Result<(), OpenError> {
    validate_tables(&image.decision)?;
    validate_names(image)?;
    validate_rules(image)
}

/// Checks what verdicts by addresses read.
pub(crate) fn validate_tables(decision: &Decision<'_>) -> Result<(), OpenError> {
    validate_shape(decision)?;
    validate_decision(decision)
}

fn validate_shape(decision: &Decision<'_>) -> Result<(), OpenError> {
    let shape = &decision.shape;
    let classes = decision.classes.len() as u64;
    let nodes_end = u64::from(shape.node_first) + 2 * u64::from(shape.node_count);
    let sound = (1..=30).contains(&shape.class_bits)
        && classes >= 1
        && classes <= 1 << shape.class_bits
        && nodes_end <= classes
        && classes <= u64::from(shape.chunks_per_row) * 512
        && shape.wide_chunks <= 1
        && (decision.hosts_v6.len() == 0 || decision.hosts_v6.len().is_power_of_two());
    if sound {
        Ok(())
    } else {
        Err(OpenError::Damaged {
            section: "header",
            index: 36,
        })
    }
}

fn validate_decision(decision: &Decision<'_>) -> Result<(), OpenError> {
    let shape = &decision.shape;
    let place = |word: u32| word >> 31 == 0 && index(decision.classes, decision.class(Place(word)));
    let roots = [shape.root_v4, shape.root_v6];
    let hosts_v6 = decision.hosts_v6.iter().map(|slot| slot.entry);
    trie::validate(
        decision.trie,
        roots.into_iter().chain(hosts_v6),
        |entry| match entry {
            TrieEntry::Leaf(word) => place(word),
            TrieEntry::Runs(run) => index(decision.runs_v6, run),
            TrieEntry::Node(kind, _) => {
                kind != NodeKind::Halves || shape.class_bits <= HalvesBase::CLASS_BITS
            }
        },
    )
    .map_err(|index| OpenError::Damaged {
        section: "Trie",
        index,
    })?;
    check!("RunsV6", decision.runs_v6, |run| place(run.place));

    let pages = PortKey::END.div_ceil(StartsRecord::POSITIONS);
    if decision.port_pages.len() != pages as usize {
        return Err(OpenError::Damaged {
            section: "PortPages",
            index: 0,
        });
    }
    let mut intervals = 0;
    check!("PortPages", decision.port_pages, |page| {
        let sound = page.rank == intervals;
        intervals = page.rank_behind();
        sound
    });

    let map_len = intervals.div_ceil(StartsRecord::POSITIONS);
    let side = |map: u32, rows: u32| {
        // The last word of a map tells how many rows it leads to.
        map == NONE
            || within(decision.port_maps, map, map_len) && {
                let last = decision
                    .port_maps
                    .get(map.wrapping_add(map_len.wrapping_sub(1)));
                let count = u64::from(last.rank_behind());
                u64::from(rows) + count <= decision.rows.len() as u64
            }
    };
    check!("Classes", decision.classes, |class| {
        side(class.egress_map, class.egress_rows) && side(class.ingress_map, class.ingress_rows)
    });
    let row_chunks = decision.row_chunks.len() as u64;
    check!("Rows", decision.rows, |row| {
        u64::from(row) + u64::from(shape.chunks_per_row) <= row_chunks
    });
    let chunks = decision.chunk_words.len() as u32 / CHUNK_WORDS;
    match decision.row_chunks.iter().position(|chunk| chunk >= chunks) {
        Some(index) => Err(OpenError::Damaged {
            section: "RowChunks",
            index: index as u32,
        }),
        None => Ok(()),
    }
}

fn validate_names(image: &Image<'_>) -> Result<(), OpenError> {
    let cold = &image.cold;
    let strings = cold.strings.len().saturating_sub(1);
    let string = |at: u32| (at as usize) < strings;
    let label_set = |first, len| within(cold.labels, first, len);

    let mut gate_policies = InOrder::new(cold.gate_policies);
    check!("Gates", cold.gates, |gate| {
        let policies = cold.gate_policies.range(gate.policies, gate.policies_len);
        gate == GateRecord::SEARCHED
            || gate_policies.is_next(gate.policies, gate.policies_len)
                // In the order of decision, and none twice.
                && policies.clone().zip(policies.skip(1)).all(|(a, b)| a < b)
    });
    check!("GatePolicies", cold.gate_policies, |policy| index(
        cold.policies,
        policy
    ));
    if cold.class_gates.len() != image.decision.classes.len() {
        return Err(OpenError::Damaged {
            section: "ClassGates",
            index: 0,
        });
    }
    check!("ClassGates", cold.class_gates, |class| {
        index(cold.gates, class.egress) && index(cold.gates, class.ingress)
    });
    let mut at = 0;
    check!("Strings", cold.strings, |offset| {
        let text = cold.string_bytes.get(at as usize..offset as usize);
        at = offset;
        text.is_some_and(|bytes| core::str::from_utf8(bytes).is_ok())
    });
    check!("Labels", cold.labels, |label| {
        string(label.key) && (label.value == UNMENTIONED || string(label.value))
    });
    let mut policies = InOrder::new(cold.policies);
    check!("Namespaces", cold.namespaces, |namespace| {
        string(namespace.name)
            && label_set(namespace.labels, namespace.labels_len)
            && policies.is_next(namespace.policies, namespace.policies_len)
    });
    check!("Nodes", cold.nodes, |node| string(node.name)
        && label_set(node.labels, node.labels_len));
    check!("NodeAddresses", cold.node_addresses, |address| {
        index_or_none(cold.nodes, address.node)
    });
    check!("Facts", cold.facts, |facts| {
        label_set(facts.labels, facts.labels_len)
            && within(cold.named_ports, facts.ports, facts.ports_len)
    });
    check!("NamedPorts", cold.named_ports, |port| string(port.name));
    let mut claims = InOrder::new(cold.pod_claims);
    check!("Pods", cold.pods, |pod| {
        index(cold.namespaces, pod.namespace)
            && string(pod.name)
            && index(cold.facts, pod.facts)
            && index(cold.own_nodes, pod.own_node)
            && claims.is_next(pod.claims, pod.claims_len)
            && index_or_none(cold.workloads, pod.workload)
            && index(
                image.decision.classes,
                image.decision.class(Place(pod.place)),
            )
    });
    check!("Workloads", cold.workloads, |workload| string(
        workload.kind
    ) && string(
        workload.name
    ));
    check!("ClaimsV4", cold.claims_v4, |claim| index(
        cold.pods,
        claim.pod & !VOID_CLAIM
    ));
    check!("ClaimsV6", cold.claims_v6, |claim| index(
        cold.pods,
        claim.pod & !VOID_CLAIM
    ));
    check!(
        "PodClaims",
        cold.pod_claims,
        |claim| match claim & CLAIM_V6 {
            0 => index(cold.claims_v4, claim),
            _ => index(cold.claims_v6, claim & !CLAIM_V6),
        }
    );
    let mut addresses = InOrder::new(cold.addresses);
    check!("OwnNodes", cold.own_nodes, |own| addresses
        .is_next(own.addresses, own.addresses_len));
    check!("Domains", cold.domains, |domain| {
        string(domain.name) && addresses.is_next(domain.addresses, domain.addresses_len)
    });
    Ok(())
}

fn validate_rules(image: &Image<'_>) -> Result<(), OpenError> {
    let cold = &image.cold;
    let strings = cold.strings.len().saturating_sub(1);
    let string = |at: u32| (at as usize) < strings;

    // Policies stand in the order of decision, their rules in the order in which they
    // were given: together they have no more than there are.
    let mut rules_left = cold.rules.len() as u64;
    let mut takes = |len: u32| {
        let left = rules_left.checked_sub(u64::from(len));
        rules_left = left.unwrap_or(0);
        left.is_some()
    };
    check!("Policies", cold.policies, |policy| {
        let own_namespace = policy.namespace != NONE;
        PolicyKind::from_code(policy.kind).is_some()
            && index_or_none(cold.namespaces, policy.namespace)
            && string(policy.name)
            && index_or_none(cold.selectors, policy.subject_namespaces)
            && (policy.subject_namespaces != NONE || own_namespace)
            && index(cold.selectors, policy.subject_pods)
            && within(cold.rules, policy.egress, policy.egress_len)
            && within(cold.rules, policy.ingress, policy.ingress_len)
            && takes(policy.egress_len)
            && takes(policy.ingress_len)
            && string(policy.file)
    });
    let mut peers = InOrder::new(cold.peers);
    let mut ports = InOrder::new(cold.rule_ports);
    check!("Rules", cold.rules, |rule| {
        RuleEffect::decode(rule.action).is_some()
            && string(rule.name)
            && peers.is_next_or_none(rule.peers, rule.peers_len)
            && ports.is_next_or_none(rule.ports, rule.ports_len)
    });
    let mut excepts = InOrder::new(cold.excepts);
    check!(
        "Peers",
        cold.peers,
        |peer| match PeerKind::from_code(peer.kind) {
            Some(PeerKind::Pods) => {
                index_or_none(cold.selectors, peer.a) && index(cold.selectors, peer.b)
            }
            Some(PeerKind::IpBlock) => index(cold.cidrs, peer.a) && excepts.is_next(peer.b, peer.c),
            Some(PeerKind::Nodes) => index(cold.selectors, peer.a),
            Some(PeerKind::Network) => index(cold.cidrs, peer.a),
            Some(PeerKind::Domain) => string(peer.a),
            None => false,
        }
    );
    check!("RulePorts", cold.rule_ports, |port| {
        if port.name == NONE {
            port.first <= port.last && port.last < PortKey::END
        } else {
            string(port.name)
        }
    });
    check!("Cidrs", cold.cidrs, |cidr| cidr.decode_cidr().is_some());
    check!("Excepts", cold.excepts, |except| index(cold.cidrs, except));
    let mut requirements = InOrder::new(cold.requirements);
    check!("Selectors", cold.selectors, |selector| {
        // Selectors share the values of requirements, but none has the same twice.
        let mut values = InOrder::new(cold.values);
        let mut own = cold
            .requirements
            .range(selector.requirements, selector.requirements_len);
        requirements.is_next(selector.requirements, selector.requirements_len)
            && own.all(|requirement| values.is_next(requirement.values, requirement.values_len))
    });
    check!("Requirements", cold.requirements, |requirement| {
        operator_from_code(requirement.operator).is_some()
            && string(requirement.key)
            && within(cold.values, requirement.values, requirement.values_len)
    });
    check!("Values", cold.values, string);
    Ok(())
}
