//! C structs to the model, with the path of the field that is refused.
//!
//! Every function here reads memory that C vouches for; its safety contract is that all
//! pointers in what it is given are as `objects` says.

use std::net::IpAddr;

use netpolicy::model::{
    Action, ClusterPolicy, ClusterPolicyApi, ClusterPolicyPeer, ClusterPolicyRule, Direction,
    DomainName, DomainPattern, IpBlock, Label, List, NamedPort, Namespace, NetworkPolicy,
    NetworkPolicyPeer, NetworkPolicyRule, Node, Operator, Phase, Pod, PodSelector, Port, PortRange,
    Priority, Problem, Requirement, Selector, Source, Text,
};
use netpolicy::{Cidr, Protocol};

use crate::address::netpolicy_address;
use crate::boundary::{optional, slice};
use crate::error::{At, Failure};
use crate::objects::*;
use crate::text::netpolicy_str;

type Converted<T> = Result<T, Failure>;

/// Converts the items of a list, each at its index.
unsafe fn list<T, U>(
    data: *const T,
    len: usize,
    field: &str,
    convert: impl Fn(&T) -> Converted<U>,
) -> Converted<List<'static, U>> {
    // SAFETY: this module's contract.
    let items = unsafe { slice(data, len, field) }?;
    let converted = items.iter().enumerate().map(|(index, item)| {
        convert(item).map_err(|failure| failure.at(&format!("{field}[{index}]")))
    });
    converted.collect()
}

unsafe fn text(text: netpolicy_str, field: &str) -> Converted<Text<'static>> {
    // SAFETY: this module's contract.
    let text = unsafe { text.read(field) }?;
    Ok(Text::from(text.to_owned()))
}

/// The name of an object, which it must have.
unsafe fn name(name: netpolicy_str) -> Converted<Text<'static>> {
    // SAFETY: this module's contract.
    let name = unsafe { text(name, "metadata.name") }?;
    if name.is_empty() {
        return Err(Failure::invalid("is required").at("metadata.name"));
    }
    Ok(name)
}

/// SEMANTICS: an object without `metadata.namespace` is in `default`.
unsafe fn namespace_name(name: netpolicy_str) -> Converted<Text<'static>> {
    // SAFETY: this module's contract.
    let name = unsafe { text(name, "metadata.namespace") }?;
    Ok(if name.is_empty() {
        "default".into()
    } else {
        name
    })
}

unsafe fn labels(
    data: *const netpolicy_label,
    len: usize,
    field: &str,
) -> Converted<List<'static, Label<'static>>> {
    let label = |label: &netpolicy_label| {
        // SAFETY: this module's contract.
        let key = unsafe { text(label.key, "key") }?;
        // SAFETY: this module's contract.
        let value = unsafe { text(label.value, "value") }?;
        Ok(Label { key, value })
    };
    // SAFETY: this module's contract.
    unsafe { list(data, len, field, label) }
}

unsafe fn addresses(
    data: *const netpolicy_address,
    len: usize,
    field: &str,
) -> Converted<List<'static, IpAddr>> {
    // SAFETY: this module's contract.
    unsafe { list(data, len, field, |address| Ok(address.get())) }
}

unsafe fn requirement(requirement: &netpolicy_requirement) -> Converted<Requirement<'static>> {
    let operator = match requirement.comparison {
        NETPOLICY_OPERATOR_IN => Operator::In,
        NETPOLICY_OPERATOR_NOT_IN => Operator::NotIn,
        NETPOLICY_OPERATOR_EXISTS => Operator::Exists,
        NETPOLICY_OPERATOR_DOES_NOT_EXIST => Operator::DoesNotExist,
        _ => return Err(Failure::from(Problem::UnknownOperator).at("operator")),
    };
    let value = |value: &netpolicy_str| {
        // SAFETY: this module's contract.
        unsafe { text(*value, "") }
    };
    // SAFETY: this module's contract.
    let values = unsafe { list(requirement.values, requirement.values_len, "values", value) }?;
    // SAFETY: this module's contract.
    let key = unsafe { text(requirement.key, "key") }?;
    Requirement::new(key, operator, values).map_err(|problem| Failure::from(problem).at("values"))
}

unsafe fn selector(selector: &netpolicy_selector) -> Converted<Selector<'static>> {
    let netpolicy_selector {
        match_labels,
        match_labels_len,
        match_expressions,
        match_expressions_len,
    } = *selector;
    // SAFETY: this module's contract.
    let match_labels = unsafe { labels(match_labels, match_labels_len, "matchLabels") }?;
    let expression = |expression: &netpolicy_requirement| {
        // SAFETY: this module's contract.
        unsafe { requirement(expression) }
    };
    let field = "matchExpressions";
    // SAFETY: this module's contract.
    let match_expressions =
        unsafe { list(match_expressions, match_expressions_len, field, expression) }?;
    Ok(Selector {
        match_labels,
        match_expressions,
    })
}

/// A selector that may be absent.
unsafe fn present(
    pointer: *const netpolicy_selector,
    field: &str,
) -> Converted<Option<Selector<'static>>> {
    // SAFETY: this module's contract.
    let found = unsafe { optional(pointer, field) }?;
    let found = found.map(|found| {
        // SAFETY: this module's contract.
        unsafe { selector(found) }
    });
    found.transpose().at(field)
}

unsafe fn pod_selector(pods: &netpolicy_pod_selector) -> Converted<PodSelector<'static>> {
    // SAFETY: this module's contract.
    let namespaces = unsafe { selector(&pods.namespace_selector) }.at("namespaceSelector")?;
    // SAFETY: this module's contract.
    let pods = unsafe { selector(&pods.pod_selector) }.at("podSelector")?;
    Ok(PodSelector { namespaces, pods })
}

unsafe fn cidr(text: netpolicy_str) -> Converted<Cidr> {
    // SAFETY: this module's contract.
    let text = unsafe { text.read("") }?;
    text.parse()
        .map_err(|problem| Failure::invalid(format!("{text:?}: {problem}")))
}

/// A protocol that policies know; `None` for 0.
fn protocol(number: u8) -> Converted<Option<Protocol>> {
    match Protocol(number) {
        Protocol(0) => Ok(None),
        protocol if protocol.has_ports() => Ok(Some(protocol)),
        _ => Err(Failure::from(Problem::UnknownProtocol).at("protocol")),
    }
}

pub(crate) unsafe fn namespace(object: &netpolicy_namespace) -> Converted<Namespace<'static>> {
    // SAFETY: this module's contract.
    let name = unsafe { name(object.name) }?;
    // SAFETY: this module's contract.
    let labels = unsafe { labels(object.labels, object.labels_len, "metadata.labels") }?;
    Ok(Namespace { name, labels })
}

pub(crate) unsafe fn node(object: &netpolicy_node) -> Converted<Node<'static>> {
    // SAFETY: this module's contract.
    let name = unsafe { name(object.name) }?;
    // SAFETY: this module's contract.
    let labels = unsafe { labels(object.labels, object.labels_len, "metadata.labels") }?;
    let (data, len) = (object.addresses, object.addresses_len);
    // SAFETY: this module's contract.
    let addresses = unsafe { addresses(data, len, "status.addresses") }?;
    Ok(Node {
        name,
        labels,
        addresses,
    })
}

unsafe fn named_port(port: &netpolicy_named_port) -> Converted<NamedPort<'static>> {
    // SAFETY: this module's contract.
    let name = unsafe { text(port.name, "name") }?;
    if name.is_empty() {
        return Err(Failure::invalid("is required: leave ports without a name out").at("name"));
    }
    let protocol = protocol(port.protocol)?.unwrap_or(Protocol::TCP);
    let number = PortRange::single(port.number.into())
        .map_err(|problem| Failure::from(problem).at("containerPort"))?
        .first();
    Ok(NamedPort {
        name,
        protocol,
        number,
    })
}

pub(crate) unsafe fn pod(object: &netpolicy_pod) -> Converted<Pod<'static>> {
    let phase = match object.phase {
        NETPOLICY_PHASE_PENDING => Phase::Pending,
        NETPOLICY_PHASE_RUNNING => Phase::Running,
        NETPOLICY_PHASE_UNKNOWN => Phase::Unknown,
        NETPOLICY_PHASE_SUCCEEDED => Phase::Succeeded,
        NETPOLICY_PHASE_FAILED => Phase::Failed,
        _ => return Err(Failure::from(Problem::UnknownPhase).at("status.phase")),
    };
    if object.flags & !(NETPOLICY_POD_HOST_NETWORK | NETPOLICY_POD_DELETING) != 0 {
        return Err(Failure::no_such("sum of NETPOLICY_POD flags", object.flags).at("flags"));
    }
    let (data, len) = (object.addresses, object.addresses_len);
    // SAFETY: this module's contract.
    let own = unsafe { addresses(data, len, "status.podIPs") }?;
    let (data, len) = (object.host_addresses, object.host_addresses_len);
    // SAFETY: this module's contract.
    let host_addresses = unsafe { addresses(data, len, "status.hostIPs") }?;
    let port = |port: &netpolicy_named_port| {
        // SAFETY: this module's contract.
        unsafe { named_port(port) }
    };
    Ok(Pod {
        // SAFETY: this module's contract.
        namespace: unsafe { namespace_name(object.namespace_name) }?,
        // SAFETY: this module's contract.
        name: unsafe { name(object.name) }?,
        // SAFETY: this module's contract.
        labels: unsafe { labels(object.labels, object.labels_len, "metadata.labels") }?,
        addresses: own,
        host_addresses,
        // SAFETY: this module's contract.
        node_name: unsafe { text(object.node_name, "spec.nodeName") }?,
        host_network: object.flags & NETPOLICY_POD_HOST_NETWORK != 0,
        phase,
        deleting: object.flags & NETPOLICY_POD_DELETING != 0,
        // SAFETY: this module's contract.
        created: unsafe { optional(object.created, "metadata.creationTimestamp") }?.copied(),
        // SAFETY: this module's contract.
        ports: unsafe { list(object.ports, object.ports_len, "ports", port) }?,
        declared_ports: List::default(),
        workload: None,
    })
}

/// Which policies a port stands in; they differ in what a name without a protocol means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PortOf {
    NetworkPolicy,
    ClusterPolicy,
}

unsafe fn port(port: &netpolicy_port, of: PortOf) -> Converted<Port<'static>> {
    let at = |field: &'static str| move |problem: Problem| Failure::from(problem).at(field);
    let stated = protocol(port.protocol)?;
    let protocol = stated.unwrap_or(Protocol::TCP);
    // SAFETY: this module's contract.
    let name = unsafe { text(port.name, "name") }?;
    if !name.is_empty() {
        if port.end_port != 0 {
            return Err(at("endPort")(Problem::EndPortWithNamedPort));
        }
        if port.port != 0 {
            return Err(Failure::invalid("a port has a number or a name, not both").at("port"));
        }
        if !name.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return Err(at("name")(Problem::NotAPortName));
        }
        return Ok(match of {
            PortOf::NetworkPolicy => Port::Named(Some(protocol), name),
            PortOf::ClusterPolicy => Port::Named(stated, name),
        });
    }
    match (port.port, port.end_port) {
        (0, 0) if of == PortOf::ClusterPolicy && stated.is_none() => Err(Failure::invalid(
            "names neither a protocol nor a port: remove the list to mean every port",
        )),
        (0, 0) => Ok(Port::Every(protocol)),
        (0, _) => Err(at("endPort")(Problem::EndPortWithoutPort)),
        (first, 0) => PortRange::single(first.into())
            .map(|range| Port::Range(protocol, range))
            .map_err(at("port")),
        (first, last) => PortRange::new(first.into(), last.into())
            .map(|range| Port::Range(protocol, range))
            .map_err(at("endPort")),
    }
}

unsafe fn ports(
    data: *const netpolicy_port,
    len: usize,
    of: PortOf,
) -> Converted<List<'static, Port<'static>>> {
    let convert = |item: &netpolicy_port| {
        // SAFETY: this module's contract.
        unsafe { port(item, of) }
    };
    // SAFETY: this module's contract.
    unsafe { list(data, len, "ports", convert) }
}

unsafe fn ip_block(block: &netpolicy_ip_block) -> Converted<IpBlock<'static>> {
    // SAFETY: this module's contract.
    let outer = unsafe { cidr(block.cidr) }.at("cidr")?;
    let exception = |text: &netpolicy_str| {
        // SAFETY: this module's contract.
        unsafe { cidr(*text) }
    };
    // SAFETY: this module's contract.
    let except = unsafe { list(block.except, block.except_len, "except", exception) }?;
    IpBlock::new(outer, except).map_err(|entry| {
        Failure::from(entry.problem).at(&format!("{}[{}]", entry.list, entry.index))
    })
}

unsafe fn network_policy_peer(
    peer: &netpolicy_network_policy_peer,
) -> Converted<NetworkPolicyPeer<'static>> {
    // SAFETY: this module's contract.
    let pods = unsafe { present(peer.pod_selector, "podSelector") }?;
    // SAFETY: this module's contract.
    let namespaces = unsafe { present(peer.namespace_selector, "namespaceSelector") }?;
    // SAFETY: this module's contract.
    let block = unsafe { optional(peer.ip_block, "ipBlock") }?;
    match (namespaces, pods, block) {
        (None, None, None) => Err(Problem::PeerWithoutField.into()),
        (None, None, Some(block)) => {
            // SAFETY: this module's contract.
            let block = unsafe { ip_block(block) };
            block.map(NetworkPolicyPeer::IpBlock).at("ipBlock")
        }
        (_, _, Some(_)) => Err(Problem::IpBlockBesideSelectors.into()),
        (None, Some(pods), None) => Ok(NetworkPolicyPeer::OwnNamespace(pods)),
        (Some(namespaces), pods, None) => Ok(NetworkPolicyPeer::Pods(PodSelector {
            namespaces,
            pods: pods.unwrap_or(Selector::EVERYTHING),
        })),
    }
}

/// The field of a rule's peers.
fn peers_field(direction: Direction) -> &'static str {
    match direction {
        Direction::Egress => "to",
        Direction::Ingress => "from",
    }
}

unsafe fn network_policy_rules(
    data: *const netpolicy_network_policy_rule,
    len: usize,
    direction: Direction,
) -> Converted<List<'static, NetworkPolicyRule<'static>>> {
    let peer = |peer: &netpolicy_network_policy_peer| {
        // SAFETY: this module's contract.
        unsafe { network_policy_peer(peer) }
    };
    let rule = |rule: &netpolicy_network_policy_rule| {
        Ok(NetworkPolicyRule {
            // SAFETY: this module's contract.
            peers: unsafe { list(rule.peers, rule.peers_len, peers_field(direction), peer) }?,
            // SAFETY: this module's contract.
            ports: unsafe { ports(rule.ports, rule.ports_len, PortOf::NetworkPolicy) }?,
            line: 0,
        })
    };
    // SAFETY: this module's contract.
    unsafe { list(data, len, &format!("spec.{direction}"), rule) }
}

pub(crate) unsafe fn network_policy(
    object: &netpolicy_network_policy,
) -> Converted<NetworkPolicy<'static>> {
    let policy_types: &[Direction] = match object.policy_types {
        0 => &[],
        NETPOLICY_DIRECTION_EGRESS => &[Direction::Egress],
        NETPOLICY_DIRECTION_INGRESS => &[Direction::Ingress],
        3 => &Direction::BOTH,
        _ => return Err(Failure::from(Problem::UnknownPolicyType).at("spec.policyTypes")),
    };
    let (ingress, ingress_len) = (object.ingress, object.ingress_len);
    let (egress, egress_len) = (object.egress, object.egress_len);
    Ok(NetworkPolicy {
        // SAFETY: this module's contract.
        namespace: unsafe { namespace_name(object.namespace_name) }?,
        // SAFETY: this module's contract.
        name: unsafe { name(object.name) }?,
        // SAFETY: this module's contract.
        pod_selector: unsafe { selector(&object.pod_selector) }.at("spec.podSelector")?,
        policy_types: policy_types.into(),
        // SAFETY: this module's contract.
        ingress: unsafe { network_policy_rules(ingress, ingress_len, Direction::Ingress) }?,
        // SAFETY: this module's contract.
        egress: unsafe { network_policy_rules(egress, egress_len, Direction::Egress) }?,
        source: Source::default(),
    })
}

unsafe fn cluster_policy_peer(
    peer: &netpolicy_cluster_policy_peer,
) -> Converted<ClusterPolicyPeer<'static>> {
    type Peer = ClusterPolicyPeer<'static>;
    // SAFETY: this module's contract.
    let namespaces = unsafe { present(peer.namespaces, "namespaces") }?;
    // SAFETY: this module's contract.
    let pods = unsafe { optional(peer.pods, "pods") }?.map(|pods| {
        // SAFETY: this module's contract.
        unsafe { pod_selector(pods) }
    });
    let pods = pods.transpose().at("pods")?;
    // SAFETY: this module's contract.
    let nodes = unsafe { present(peer.nodes, "nodes") }?;
    let network = |text: &netpolicy_str| {
        // SAFETY: this module's contract.
        unsafe { cidr(*text) }
    };
    // SAFETY: this module's contract.
    let networks = unsafe { list(peer.networks, peer.networks_len, "networks", network) }?;
    let domain = |name: &netpolicy_str| {
        // SAFETY: this module's contract.
        let name = unsafe { text(*name, "") }?;
        Ok(DomainPattern::new(name)?)
    };
    let (data, len) = (peer.domain_names, peer.domain_names_len);
    // SAFETY: this module's contract.
    let domains = unsafe { list(data, len, "domainNames", domain) }?;
    let by_namespace = |namespaces| {
        Peer::Pods(PodSelector {
            namespaces,
            pods: Selector::EVERYTHING,
        })
    };
    let mut stated = [
        namespaces.map(by_namespace),
        pods.map(Peer::Pods),
        nodes.map(Peer::Nodes),
        (!networks.is_empty()).then_some(Peer::Networks(networks)),
        (!domains.is_empty()).then_some(Peer::DomainNames(domains)),
    ]
    .into_iter()
    .flatten();
    let peer = stated.next().unwrap_or(Peer::Unknown);
    match stated.next() {
        Some(_) => Err(Failure::invalid(
            "a peer has exactly one field: make several of it",
        )),
        None => Ok(peer),
    }
}

unsafe fn cluster_policy_rules(
    data: *const netpolicy_cluster_policy_rule,
    len: usize,
    direction: Direction,
) -> Converted<List<'static, ClusterPolicyRule<'static>>> {
    let peer = |peer: &netpolicy_cluster_policy_peer| {
        // SAFETY: this module's contract.
        unsafe { cluster_policy_peer(peer) }
    };
    let rule = |rule: &netpolicy_cluster_policy_rule| {
        let action = match rule.action {
            NETPOLICY_ACTION_ALLOW => Action::Allow,
            NETPOLICY_ACTION_DENY => Action::Deny,
            NETPOLICY_ACTION_PASS => Action::Pass,
            _ => return Err(Failure::from(Problem::UnknownAdminAction).at("action")),
        };
        Ok(ClusterPolicyRule {
            // SAFETY: this module's contract.
            name: unsafe { text(rule.name, "name") }?,
            action,
            // SAFETY: this module's contract.
            peers: unsafe { list(rule.peers, rule.peers_len, peers_field(direction), peer) }?,
            // SAFETY: this module's contract.
            ports: unsafe { ports(rule.ports, rule.ports_len, PortOf::ClusterPolicy) }?,
            line: 0,
        })
    };
    // SAFETY: this module's contract.
    unsafe { list(data, len, &format!("spec.{direction}"), rule) }
}

/// Which of the APIs; `None` for a number that is none.
pub(crate) fn cluster_policy_api(number: u32) -> Option<ClusterPolicyApi> {
    Some(match number {
        NETPOLICY_API_ADMIN => ClusterPolicyApi::AdminNetworkPolicy,
        NETPOLICY_API_BASELINE_ADMIN => ClusterPolicyApi::BaselineAdminNetworkPolicy,
        NETPOLICY_API_CLUSTER_ADMIN => ClusterPolicyApi::ClusterNetworkPolicyAdmin,
        NETPOLICY_API_CLUSTER_BASELINE => ClusterPolicyApi::ClusterNetworkPolicyBaseline,
        _ => return None,
    })
}

pub(crate) unsafe fn cluster_policy(
    object: &netpolicy_cluster_policy,
) -> Converted<ClusterPolicy<'static>> {
    let api = cluster_policy_api(object.api)
        .ok_or_else(|| Failure::no_such("NETPOLICY_API", object.api).at("api"))?;
    let priority = match api {
        ClusterPolicyApi::BaselineAdminNetworkPolicy => Priority::default(),
        _ => Priority::new(object.priority.into())
            .map_err(|problem| Failure::from(problem).at("spec.priority"))?,
    };
    let (ingress, ingress_len) = (object.ingress, object.ingress_len);
    let (egress, egress_len) = (object.egress, object.egress_len);
    Ok(ClusterPolicy {
        api,
        // SAFETY: this module's contract.
        name: unsafe { name(object.name) }?,
        priority,
        // SAFETY: this module's contract.
        subject: unsafe { pod_selector(&object.subject) }.at("spec.subject")?,
        // SAFETY: this module's contract.
        ingress: unsafe { cluster_policy_rules(ingress, ingress_len, Direction::Ingress) }?,
        // SAFETY: this module's contract.
        egress: unsafe { cluster_policy_rules(egress, egress_len, Direction::Egress) }?,
        source: Source::default(),
    })
}

pub(crate) unsafe fn domain_name(object: &netpolicy_domain_name) -> Converted<DomainName<'static>> {
    // SAFETY: this module's contract.
    let name = unsafe { text(object.name, "name") }?;
    DomainPattern::new(&*name)
        .ok()
        .filter(|_| !name.starts_with('*'))
        .ok_or_else(|| Failure::from(Problem::NotADomainName).at("name"))?;
    let (data, len) = (object.addresses, object.addresses_len);
    // SAFETY: this module's contract.
    let addresses = unsafe { addresses(data, len, "addresses") }?;
    Ok(DomainName { name, addresses })
}
