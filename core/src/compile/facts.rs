//! Taking in: objects, one at a time and in any order, become records in the
//! arena, their strings, label sets, selectors and CIDRs stored once.

use core::net::IpAddr;

use super::CompileError;
use super::arena::{Arena, List, Result, View};
use super::growing::Growing;
use super::pool::Pool;
use crate::address::{canonical, to_bits};
use crate::image::record::record;
use crate::image::tables::*;
use crate::model::{
    ClusterPolicy, ClusterPolicyPeer, ClusterPolicyRule, Direction, DomainName, Label,
    NAMESPACE_NAME_LABEL, Namespace, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyRule, Node,
    Operator, Pod, PodSelector, Port, Selector, Source, Text,
};
use crate::protocol::PortKey;
use crate::{Cidr, Protocol};

record! {
    /// A namespace, given or only named.
    pub(super) struct NamespaceFact {
        name,
        /// In [`Facts::label_sets`].
        labels,
        given,
    }
}

record! {
    /// A node.
    pub(super) struct NodeFact { name, labels, addresses, addresses_len }
}

record! {
    /// A pod. The name is bytes in the arena: it would gain nothing from a pool.
    pub(super) struct PodFact {
        namespace,
        name,
        name_len,
        labels,
        /// In [`Facts::port_sets`].
        ports,
        /// Ranges in [`Facts::addresses`].
        addresses,
        addresses_len,
        hosts,
        hosts_len,
        /// In [`Facts::strings`]; the empty string if unscheduled.
        node,
        flags,
        /// Running, Pending, anything else: who holds a contested address.
        rank,
        deleting,
        created_low,
        created_high,
        workload_kind,
        workload_name,
    }
}

impl PodFact {
    /// Whether the image is to judge the pod, as far as nodes go.
    pub(super) fn is_in_scope(&self) -> bool {
        self.flags & pod_flags::OUT_OF_SCOPE == 0
    }

    pub(super) fn created(&self) -> i64 {
        (u64::from(self.created_high) << 32 | u64::from(self.created_low)) as i64
    }

    /// Whether the pod can be the subject of a policy.
    pub(super) fn is_subject(&self) -> bool {
        self.flags & (pod_flags::HOST_NETWORK | pod_flags::ENDED) == 0
    }
}

record! {
    /// A label and its place in the list that was given.
    struct GivenLabel { key, order, value }
}

/// Selector 0: everything.
pub(super) const EVERYTHING: u32 = 0;

/// All that was taken in.
pub(super) struct Facts {
    pub(super) strings: Pool,
    /// Sets of [`LabelRecord`], sorted by key. Set 0 is empty.
    pub(super) label_sets: Pool,
    /// Sets of [`NamedPortRecord`], sorted. Set 0 is empty.
    pub(super) port_sets: Pool,
    /// Namespace names (numbers of strings), in step with `namespaces`.
    namespace_names: Pool,
    pub(super) namespaces: Growing<NamespaceFact>,
    /// Node names (numbers of strings), in step with `nodes`.
    node_names: Pool,
    pub(super) nodes: Growing<NodeFact>,
    /// Names (numbers of strings) of the nodes whose pods are judged.
    scope: Growing<u32>,
    /// Whether policies will be patched in what is compiled.
    pub(super) is_to_be_patched: bool,
    /// Whether only the pods of `scope` are judged.
    pub(super) is_scoped: bool,
    pub(super) pods: Growing<PodFact>,
    pub(super) addresses: Growing<AddressRecord>,
    pub(super) domains: Growing<DomainRecord>,
    /// `namespace` is a number in `namespaces`; `selected` is not yet known.
    pub(super) policies: Growing<PolicyRecord>,
    pub(super) rules: Growing<RuleRecord>,
    pub(super) peers: Growing<PeerRecord>,
    pub(super) rule_ports: Growing<RulePortRecord>,
    pub(super) excepts: Growing<u32>,
    /// [`CidrRecord`]s.
    pub(super) cidrs: Pool,
    /// Key, operator code, then the values, sorted: numbers of strings.
    pub(super) requirements: Pool,
    /// Numbers of requirements, sorted.
    pub(super) selectors: Pool,
}

impl Facts {
    pub(super) fn new(arena: &mut Arena<'_>) -> Result<Facts> {
        let mut facts = Facts {
            strings: Pool::new(),
            label_sets: Pool::new(),
            port_sets: Pool::new(),
            namespace_names: Pool::new(),
            namespaces: Growing::new(),
            node_names: Pool::new(),
            nodes: Growing::new(),
            scope: Growing::new(),
            is_to_be_patched: false,
            is_scoped: false,
            pods: Growing::new(),
            addresses: Growing::new(),
            domains: Growing::new(),
            policies: Growing::new(),
            rules: Growing::new(),
            peers: Growing::new(),
            rule_ports: Growing::new(),
            excepts: Growing::new(),
            cidrs: Pool::new(),
            requirements: Pool::new(),
            selectors: Pool::new(),
        };
        for pool in [
            &mut facts.strings,
            &mut facts.label_sets,
            &mut facts.port_sets,
            &mut facts.selectors,
        ] {
            pool.intern(arena, &[])?;
        }
        Ok(facts)
    }

    fn string(&mut self, arena: &mut Arena<'_>, text: &str) -> Result<u32> {
        self.strings.intern(arena, text.as_bytes())
    }

    /// The number of a node that was given.
    pub(super) fn node(&self, view: View<'_>, name: u32) -> Option<u32> {
        self.node_names.find(view, &name.to_le_bytes())
    }

    /// The number of a namespace, given or only named.
    #[cfg(feature = "std")]
    pub(super) fn find_namespace(&self, view: View<'_>, name: &str) -> Option<u32> {
        let name = self.strings.find(view, name.as_bytes())?;
        self.namespace_names.find(view, &name.to_le_bytes())
    }

    pub(super) fn take_namespace(
        &mut self,
        arena: &mut Arena<'_>,
        namespace: &Namespace<'_>,
    ) -> Result<()> {
        let id = self.namespace(arena, &namespace.name)?;
        let name = self.namespaces.get(arena.view(), id).name;
        let labels = self.labels(arena, &namespace.labels, Some(name))?;
        self.namespaces.set(
            arena,
            id,
            NamespaceFact {
                name,
                labels,
                given: 1,
            },
        );
        Ok(())
    }

    /// The number of a namespace, made from its name if nobody gave it: with the
    /// one label that every namespace carries.
    fn namespace(&mut self, arena: &mut Arena<'_>, name: &str) -> Result<u32> {
        let name = self.string(arena, name)?;
        let id = self.namespace_names.intern(arena, &name.to_le_bytes())?;
        if id == self.namespaces.len() {
            let labels = self.labels(arena, &[], Some(name))?;
            self.namespaces.push(
                arena,
                NamespaceFact {
                    name,
                    labels,
                    given: 0,
                },
            )?;
        }
        Ok(id)
    }

    pub(super) fn take_node(&mut self, arena: &mut Arena<'_>, node: &Node<'_>) -> Result<()> {
        let name = self.string(arena, &node.name)?;
        let labels = self.labels(arena, &node.labels, None)?;
        let (addresses, addresses_len) = self.addresses(arena, &node.addresses)?;
        let fact = NodeFact {
            name,
            labels,
            addresses,
            addresses_len,
        };
        let id = self.node_names.intern(arena, &name.to_le_bytes())?;
        if id == self.nodes.len() {
            self.nodes.push(arena, fact)?;
        } else {
            self.nodes.set(arena, id, fact);
        }
        Ok(())
    }

    /// From now on only pods of nodes that were named so are judged.
    pub(super) fn scope_to_node(&mut self, arena: &mut Arena<'_>, name: &str) -> Result<()> {
        self.is_scoped = true;
        let name = self.string(arena, name)?;
        self.scope.push(arena, name)?;
        Ok(())
    }

    /// Marks the pods that are not judged.
    pub(super) fn apply_scope(&self, arena: &mut Arena<'_>) {
        if !self.is_scoped {
            return;
        }
        for id in 0..self.pods.len() {
            let mut pod = self.pods.get(arena.view(), id);
            if !self.scope.iter(arena.view()).any(|node| node == pod.node) {
                pod.flags |= pod_flags::OUT_OF_SCOPE;
                self.pods.set(arena, id, pod);
            }
        }
    }

    pub(super) fn take_pod(&mut self, arena: &mut Arena<'_>, pod: &Pod<'_>) -> Result<()> {
        let namespace = self.namespace(arena, &pod.namespace)?;
        let labels = self.labels(arena, &pod.labels, None)?;
        let ports = self.ports(arena, pod)?;
        let (addresses, addresses_len) = self.addresses(arena, &pod.addresses)?;
        let (hosts, hosts_len) = self.addresses(arena, &pod.host_addresses)?;
        let node = self.string(arena, &pod.node_name)?;
        let (workload_kind, workload_name) = match &pod.workload {
            Some(workload) => (
                self.string(arena, &workload.kind)?,
                self.string(arena, &workload.name)?,
            ),
            None => (0, 0),
        };
        let name = arena.front();
        arena.append(pod.name.as_bytes())?;
        let created = pod.created.unwrap_or(i64::MIN) as u64;
        let mut flags = 0;
        if pod.host_network {
            flags |= pod_flags::HOST_NETWORK;
        }
        if pod.phase.has_ended() {
            flags |= pod_flags::ENDED;
        }
        let fact = PodFact {
            namespace,
            name,
            name_len: pod.name.len() as u32,
            labels,
            ports,
            addresses,
            addresses_len,
            hosts,
            hosts_len,
            node,
            flags,
            rank: pod.phase as u32,
            deleting: u32::from(pod.deleting),
            created_low: created as u32,
            created_high: (created >> 32) as u32,
            workload_kind,
            workload_name,
        };
        self.pods.push(arena, fact)?;
        Ok(())
    }

    pub(super) fn take_domain(
        &mut self,
        arena: &mut Arena<'_>,
        domain: &DomainName<'_>,
    ) -> Result<()> {
        let name = self.string(arena, &domain.name)?;
        let (addresses, addresses_len) = self.addresses(arena, &domain.addresses)?;
        self.domains.push(
            arena,
            DomainRecord {
                name,
                addresses,
                addresses_len,
            },
        )?;
        Ok(())
    }

    pub(super) fn take_network_policy(
        &mut self,
        arena: &mut Arena<'_>,
        policy: &NetworkPolicy<'_>,
    ) -> Result<()> {
        let namespace = self.namespace(arena, &policy.namespace)?;
        let subject_pods = self.selector(arena, &policy.pod_selector)?;
        let mut isolates = 0;
        let mut ranges = [(0, 0); 2];
        for (index, (direction, range)) in Direction::BOTH.into_iter().zip(&mut ranges).enumerate()
        {
            if policy.isolates(direction) {
                isolates |= 1 << index;
                *range = self.network_rules(arena, policy.rules(direction))?;
            }
        }
        let [(egress, egress_len), (ingress, ingress_len)] = ranges;
        let record = PolicyRecord {
            kind: PolicyKind::Network.code(),
            priority: 0,
            namespace,
            name: self.string(arena, &policy.name)?,
            subject_namespaces: NONE,
            subject_pods,
            isolates,
            egress,
            egress_len,
            ingress,
            ingress_len,
            file: self.file(arena, &policy.source)?,
            line: policy.source.line,
            selected: 0,
        };
        self.policies.push(arena, record)?;
        Ok(())
    }

    fn network_rules(
        &mut self,
        arena: &mut Arena<'_>,
        rules: &[NetworkPolicyRule<'_>],
    ) -> Result<(u32, u32)> {
        // The rules of a policy stand side by side, so nothing else may push rules meanwhile.
        let first = self.rules.len();
        for rule in rules {
            let peers = self.peers.len();
            for (index, peer) in rule.peers.iter().enumerate() {
                let index = index as u32;
                match peer {
                    NetworkPolicyPeer::OwnNamespace(pods) => {
                        let b = self.selector(arena, pods)?;
                        self.peer(arena, PeerKind::Pods, [NONE, b, 0], index)?;
                    }
                    NetworkPolicyPeer::Pods(pods) => self.pods_peer(arena, pods, index)?,
                    NetworkPolicyPeer::IpBlock(block) => {
                        let a = self.cidr(arena, block.cidr())?;
                        let b = self.excepts.len();
                        for except in block.except() {
                            let except = self.cidr(arena, *except)?;
                            self.excepts.push(arena, except)?;
                        }
                        let c = self.excepts.len() - b;
                        self.peer(arena, PeerKind::IpBlock, [a, b, c], index)?;
                    }
                }
            }
            let peers_len = if rule.peers.is_empty() {
                NONE
            } else {
                self.peers.len() - peers
            };
            let (ports, ports_len) = self.rule_ports(arena, &rule.ports)?;
            let effect = RuleEffect {
                action: crate::model::Action::Allow,
                fails_closed: false,
            };
            self.rules.push(
                arena,
                RuleRecord {
                    name: 0,
                    action: effect.encode(),
                    peers,
                    peers_len,
                    ports,
                    ports_len,
                    line: rule.line,
                },
            )?;
        }
        Ok((first, self.rules.len() - first))
    }

    pub(super) fn take_cluster_policy(
        &mut self,
        arena: &mut Arena<'_>,
        policy: &ClusterPolicy<'_>,
    ) -> core::result::Result<(), CompileError> {
        policy.check()?;
        let subject_namespaces = self.selector(arena, &policy.subject.namespaces)?;
        let subject_pods = self.selector(arena, &policy.subject.pods)?;
        let (egress, egress_len) = self.cluster_rules(arena, policy, Direction::Egress)?;
        let (ingress, ingress_len) = self.cluster_rules(arena, policy, Direction::Ingress)?;
        let record = PolicyRecord {
            kind: PolicyKind::Cluster(policy.api).code(),
            priority: u32::from(policy.priority.get()),
            namespace: NONE,
            name: self.string(arena, &policy.name)?,
            subject_namespaces,
            subject_pods,
            isolates: 0,
            egress,
            egress_len,
            ingress,
            ingress_len,
            file: self.file(arena, &policy.source)?,
            line: policy.source.line,
            selected: 0,
        };
        self.policies.push(arena, record)?;
        Ok(())
    }

    fn cluster_rules(
        &mut self,
        arena: &mut Arena<'_>,
        policy: &ClusterPolicy<'_>,
        direction: Direction,
    ) -> Result<(u32, u32)> {
        let first = self.rules.len();
        for rule in policy.rules(direction) {
            let peers = self.peers.len();
            let fails_closed = self.cluster_peers(arena, rule, direction)?;
            let peers_len = self.peers.len() - peers;
            let (ports, ports_len) = self.rule_ports(arena, &rule.ports)?;
            let effect = RuleEffect {
                action: rule.action,
                fails_closed,
            };
            let record = RuleRecord {
                name: self.string(arena, &rule.name)?,
                action: effect.encode(),
                peers,
                peers_len,
                ports,
                ports_len,
                line: rule.line,
            };
            self.rules.push(arena, record)?;
        }
        Ok((first, self.rules.len() - first))
    }

    /// Takes in the peers of a rule; returns whether the rule fails closed.
    fn cluster_peers(
        &mut self,
        arena: &mut Arena<'_>,
        rule: &ClusterPolicyRule<'_>,
        direction: Direction,
    ) -> Result<bool> {
        let mut fails_closed = false;
        for (index, peer) in rule.peers.iter().enumerate() {
            let index = index as u32;
            match peer {
                ClusterPolicyPeer::Pods(pods) => self.pods_peer(arena, pods, index)?,
                // SEMANTICS: ingress peers are pods only.
                _ if direction == Direction::Ingress => fails_closed = true,
                ClusterPolicyPeer::Unknown => fails_closed = true,
                ClusterPolicyPeer::Nodes(nodes) => {
                    let a = self.selector(arena, nodes)?;
                    self.peer(arena, PeerKind::Nodes, [a, 0, 0], index)?;
                }
                ClusterPolicyPeer::Networks(networks) => {
                    for network in networks {
                        let a = self.cidr(arena, *network)?;
                        self.peer(arena, PeerKind::Network, [a, 0, 0], index)?;
                    }
                }
                ClusterPolicyPeer::DomainNames(patterns) => {
                    for pattern in patterns {
                        let a = self.string(arena, pattern.as_str())?;
                        self.peer(arena, PeerKind::Domain, [a, 0, 0], index)?;
                    }
                }
            }
        }
        Ok(fails_closed)
    }

    fn pods_peer(
        &mut self,
        arena: &mut Arena<'_>,
        pods: &PodSelector<'_>,
        index: u32,
    ) -> Result<()> {
        let a = self.selector(arena, &pods.namespaces)?;
        let b = self.selector(arena, &pods.pods)?;
        self.peer(arena, PeerKind::Pods, [a, b, 0], index)
    }

    fn peer(
        &mut self,
        arena: &mut Arena<'_>,
        kind: PeerKind,
        [a, b, c]: [u32; 3],
        index: u32,
    ) -> Result<()> {
        let record = PeerRecord {
            kind: kind.code(),
            a,
            b,
            c,
            index,
            selected: 0,
        };
        self.peers.push(arena, record)?;
        Ok(())
    }

    fn rule_ports(&mut self, arena: &mut Arena<'_>, ports: &[Port<'_>]) -> Result<(u32, u32)> {
        let first = self.rule_ports.len();
        for port in ports {
            let range = |protocol: Protocol, first: u16, last: u16| RulePortRecord {
                first: PortKey::new(protocol, first).0,
                last: PortKey::new(protocol, last).0,
                name: NONE,
            };
            let record = match port {
                Port::Every(protocol) => range(*protocol, 0, u16::MAX),
                Port::Range(protocol, ports) => range(*protocol, ports.first(), ports.last()),
                Port::Named(protocol, name) => RulePortRecord {
                    first: protocol.map_or(NONE, |protocol| u32::from(protocol.0)),
                    last: 0,
                    name: self.string(arena, name)?,
                },
            };
            self.rule_ports.push(arena, record)?;
        }
        let len = if ports.is_empty() {
            NONE
        } else {
            self.rule_ports.len() - first
        };
        Ok((first, len))
    }

    fn file(&mut self, arena: &mut Arena<'_>, source: &Source<'_>) -> Result<u32> {
        self.string(arena, &source.file)
    }

    fn cidr(&mut self, arena: &mut Arena<'_>, cidr: Cidr) -> Result<u32> {
        self.cidrs
            .intern_record(arena, CidrRecord::encode_cidr(cidr))
    }

    fn addresses(&mut self, arena: &mut Arena<'_>, addresses: &[IpAddr]) -> Result<(u32, u32)> {
        let first = self.addresses.len();
        for address in addresses {
            let address = to_bits(canonical(*address));
            self.addresses.push(arena, AddressRecord { address })?;
        }
        Ok((first, self.addresses.len() - first))
    }

    /// The number of a label set; `own_name` is the name of the namespace whose
    /// labels they are. A key given twice has its last value.
    fn labels(
        &mut self,
        arena: &mut Arena<'_>,
        labels: &[Label<'_>],
        own_name: Option<u32>,
    ) -> Result<u32> {
        let mark = arena.mark();
        let len = labels.len() + usize::from(own_name.is_some());
        let given: List<GivenLabel> = arena.scratch(len)?;
        for (index, label) in labels.iter().enumerate() {
            let key = self.string(arena, &label.key)?;
            let value = self.string(arena, &label.value)?;
            let order = index as u32;
            arena.set(given, order, GivenLabel { key, order, value });
        }
        if let Some(value) = own_name {
            let key = self.string(arena, NAMESPACE_NAME_LABEL)?;
            let order = labels.len() as u32;
            arena.set(given, order, GivenLabel { key, order, value });
        }
        arena.sort_by_key(given, |label| (label.key, label.order));
        let set: List<LabelRecord> = arena.scratch(len)?;
        let mut kept = 0;
        for index in 0..given.len {
            let GivenLabel { key, value, .. } = arena.get(given, index);
            let is_last = index + 1 == given.len || arena.get(given, index + 1).key != key;
            if is_last {
                arena.set(set, kept, LabelRecord { key, value });
                kept += 1;
            }
        }
        let id = self.label_sets.intern_list(arena, set.slice(0, kept))?;
        arena.release(mark);
        Ok(id)
    }

    fn ports(&mut self, arena: &mut Arena<'_>, pod: &Pod<'_>) -> Result<u32> {
        if pod.ports.is_empty() {
            return Ok(0);
        }
        let mark = arena.mark();
        let list: List<NamedPortRecord> = arena.scratch(pod.ports.len())?;
        for (index, port) in pod.ports.iter().enumerate() {
            let name = self.string(arena, &port.name)?;
            let protocol_port = u32::from(port.protocol.0) << 16 | u32::from(port.number);
            arena.set(
                list,
                index as u32,
                NamedPortRecord {
                    name,
                    protocol_port,
                },
            );
        }
        arena.sort_by_key(list, |port| (port.name, port.protocol_port));
        let set = arena.dedup(list);
        let id = self.port_sets.intern_list(arena, set)?;
        arena.release(mark);
        Ok(id)
    }

    fn selector(&mut self, arena: &mut Arena<'_>, selector: &Selector<'_>) -> Result<u32> {
        let len = selector.match_labels.len() + selector.match_expressions.len();
        if len == 0 {
            return Ok(EVERYTHING);
        }
        let mark = arena.mark();
        let list: List<u32> = arena.scratch(len)?;
        let mut at = 0;
        for label in &selector.match_labels {
            let values = core::slice::from_ref(&label.value);
            let id = self.requirement(arena, &label.key, Operator::In, values)?;
            arena.set(list, at, id);
            at += 1;
        }
        for expression in &selector.match_expressions {
            let (key, operator) = (expression.key(), expression.operator());
            let id = self.requirement(arena, key, operator, expression.values())?;
            arena.set(list, at, id);
            at += 1;
        }
        arena.sort_by_key(list, |id| id);
        let set = arena.dedup(list);
        let id = self.selectors.intern_list(arena, set)?;
        arena.release(mark);
        Ok(id)
    }

    fn requirement(
        &mut self,
        arena: &mut Arena<'_>,
        key: &str,
        operator: Operator,
        values: &[Text<'_>],
    ) -> Result<u32> {
        let mark = arena.mark();
        let list: List<u32> = arena.scratch(values.len() + 2)?;
        let key = self.string(arena, key)?;
        arena.set(list, 0, key);
        arena.set(list, 1, operator_code(operator));
        for (index, value) in values.iter().enumerate() {
            let value = self.string(arena, value)?;
            arena.set(list, index as u32 + 2, value);
        }
        let sorted = list.slice(2, list.len);
        arena.sort_by_key(sorted, |value| value);
        let kept = arena.dedup(sorted).len;
        let id = self
            .requirements
            .intern_list(arena, list.slice(0, kept + 2))?;
        arena.release(mark);
        Ok(id)
    }
}
