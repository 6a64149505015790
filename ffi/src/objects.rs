//! Objects as C structs, field by field the API's. Lists are a pointer and a length; zeroed
//! memory is an object with nothing in it, and what is absent is NULL, 0 or empty.

use crate::address::netpolicy_address;
use crate::text::netpolicy_str;

/// Egress: at the source.
pub const NETPOLICY_DIRECTION_EGRESS: u32 = 1;
/// Ingress: at the destination.
pub const NETPOLICY_DIRECTION_INGRESS: u32 = 2;

/// `In`
pub const NETPOLICY_OPERATOR_IN: u32 = 1;
/// `NotIn`
pub const NETPOLICY_OPERATOR_NOT_IN: u32 = 2;
/// `Exists`
pub const NETPOLICY_OPERATOR_EXISTS: u32 = 3;
/// `DoesNotExist`
pub const NETPOLICY_OPERATOR_DOES_NOT_EXIST: u32 = 4;

/// `Pending`, or no phase.
pub const NETPOLICY_PHASE_PENDING: u32 = 0;
/// `Running`
pub const NETPOLICY_PHASE_RUNNING: u32 = 1;
/// `Unknown`
pub const NETPOLICY_PHASE_UNKNOWN: u32 = 2;
/// `Succeeded`
pub const NETPOLICY_PHASE_SUCCEEDED: u32 = 3;
/// `Failed`
pub const NETPOLICY_PHASE_FAILED: u32 = 4;

/// `spec.hostNetwork`
pub const NETPOLICY_POD_HOST_NETWORK: u32 = 1;
/// `metadata.deletionTimestamp` is set.
pub const NETPOLICY_POD_DELETING: u32 = 2;

/// AdminNetworkPolicy.
pub const NETPOLICY_API_ADMIN: u32 = 1;
/// BaselineAdminNetworkPolicy.
pub const NETPOLICY_API_BASELINE_ADMIN: u32 = 2;
/// ClusterNetworkPolicy with `tier: Admin`.
pub const NETPOLICY_API_CLUSTER_ADMIN: u32 = 3;
/// ClusterNetworkPolicy with `tier: Baseline`.
pub const NETPOLICY_API_CLUSTER_BASELINE: u32 = 4;

/// `Allow` or `Accept`
pub const NETPOLICY_ACTION_ALLOW: u32 = 1;
/// `Deny`
pub const NETPOLICY_ACTION_DENY: u32 = 2;
/// `Pass`
pub const NETPOLICY_ACTION_PASS: u32 = 3;

/// A label.
#[repr(C)]
pub struct netpolicy_label {
    /// The key, with its prefix.
    pub key: netpolicy_str,
    /// The value.
    pub value: netpolicy_str,
}

/// An entry of `matchExpressions`.
#[repr(C)]
pub struct netpolicy_requirement {
    /// `key`
    pub key: netpolicy_str,
    /// `operator`: a `NETPOLICY_OPERATOR`.
    pub comparison: u32,
    /// `values`: some for `In` and `NotIn`, none for the others.
    pub values: *const netpolicy_str,
    /// The number of values.
    pub values_len: usize,
}

/// A label selector. An empty one selects everything.
#[repr(C)]
pub struct netpolicy_selector {
    /// `matchLabels`
    pub match_labels: *const netpolicy_label,
    /// The number of labels.
    pub match_labels_len: usize,
    /// `matchExpressions`
    pub match_expressions: *const netpolicy_requirement,
    /// The number of requirements.
    pub match_expressions_len: usize,
}

/// A Namespace.
#[repr(C)]
pub struct netpolicy_namespace {
    /// `metadata.name`
    pub name: netpolicy_str,
    /// `metadata.labels`; `kubernetes.io/metadata.name` is added by itself.
    pub labels: *const netpolicy_label,
    /// The number of labels.
    pub labels_len: usize,
}

/// A Node.
#[repr(C)]
pub struct netpolicy_node {
    /// `metadata.name`
    pub name: netpolicy_str,
    /// `metadata.labels`
    pub labels: *const netpolicy_label,
    /// The number of labels.
    pub labels_len: usize,
    /// The IP addresses in `status.addresses`.
    pub addresses: *const netpolicy_address,
    /// The number of addresses.
    pub addresses_len: usize,
}

/// A container port with a name.
#[repr(C)]
pub struct netpolicy_named_port {
    /// `name`
    pub name: netpolicy_str,
    /// `containerPort`, 1 to 65535.
    pub number: u16,
    /// `protocol`: 6 TCP, 17 UDP, 132 SCTP; 0 counts as TCP.
    pub protocol: u8,
}

/// A Pod.
#[repr(C)]
pub struct netpolicy_pod {
    /// `metadata.namespace`; empty counts as `default`.
    pub namespace_name: netpolicy_str,
    /// `metadata.name`
    pub name: netpolicy_str,
    /// `metadata.labels`
    pub labels: *const netpolicy_label,
    /// The number of labels.
    pub labels_len: usize,
    /// `status.podIPs`
    pub addresses: *const netpolicy_address,
    /// The number of addresses.
    pub addresses_len: usize,
    /// `status.hostIPs`
    pub host_addresses: *const netpolicy_address,
    /// The number of host addresses.
    pub host_addresses_len: usize,
    /// `spec.nodeName`
    pub node_name: netpolicy_str,
    /// The named ports of its containers.
    pub ports: *const netpolicy_named_port,
    /// The number of named ports.
    pub ports_len: usize,
    /// `metadata.creationTimestamp`, in seconds since the epoch; NULL if it has none.
    pub created: *const i64,
    /// `status.phase`: a `NETPOLICY_PHASE`. A pod that has ended holds no addresses.
    pub phase: u32,
    /// `NETPOLICY_POD_HOST_NETWORK`, `NETPOLICY_POD_DELETING`.
    pub flags: u32,
}

/// An entry of a rule's `ports` or `protocols`.
#[repr(C)]
pub struct netpolicy_port {
    /// The name of a port of the destination pod; empty if a number or nothing is given.
    pub name: netpolicy_str,
    /// The port, or the first of a range; 0: every port.
    pub port: i32,
    /// The last port of a range; 0: no range.
    pub end_port: i32,
    /// 6 TCP, 17 UDP, 132 SCTP; 0: TCP, and for the named ports of cluster-scoped policies
    /// any.
    pub protocol: u8,
}

/// `ipBlock`
#[repr(C)]
pub struct netpolicy_ip_block {
    /// `cidr`
    pub cidr: netpolicy_str,
    /// `except`: CIDRs strictly inside of `cidr`.
    pub except: *const netpolicy_str,
    /// The number of exceptions.
    pub except_len: usize,
}

/// A peer of a NetworkPolicy: one or both of the selectors, or `ip_block`.
#[repr(C)]
pub struct netpolicy_network_policy_peer {
    /// `podSelector`; NULL if absent.
    pub pod_selector: *const netpolicy_selector,
    /// `namespaceSelector`; NULL if absent.
    pub namespace_selector: *const netpolicy_selector,
    /// `ipBlock`; NULL if absent.
    pub ip_block: *const netpolicy_ip_block,
}

/// A rule of a NetworkPolicy.
#[repr(C)]
pub struct netpolicy_network_policy_rule {
    /// `from` or `to`; none: every peer.
    pub peers: *const netpolicy_network_policy_peer,
    /// The number of peers.
    pub peers_len: usize,
    /// `ports`; none: every port of every protocol.
    pub ports: *const netpolicy_port,
    /// The number of ports.
    pub ports_len: usize,
}

/// A NetworkPolicy.
#[repr(C)]
pub struct netpolicy_network_policy {
    /// `metadata.namespace`; empty counts as `default`.
    pub namespace_name: netpolicy_str,
    /// `metadata.name`
    pub name: netpolicy_str,
    /// `spec.podSelector`
    pub pod_selector: netpolicy_selector,
    /// `spec.policyTypes`: the sum of `NETPOLICY_DIRECTION`s. 0 is the API's default: ingress,
    /// and egress if there are egress rules.
    pub policy_types: u32,
    /// `spec.ingress`
    pub ingress: *const netpolicy_network_policy_rule,
    /// The number of ingress rules.
    pub ingress_len: usize,
    /// `spec.egress`
    pub egress: *const netpolicy_network_policy_rule,
    /// The number of egress rules.
    pub egress_len: usize,
}

/// Pods by the labels of their namespaces and their own.
#[repr(C)]
pub struct netpolicy_pod_selector {
    /// `namespaceSelector`
    pub namespace_selector: netpolicy_selector,
    /// `podSelector`
    pub pod_selector: netpolicy_selector,
}

/// A peer of a cluster-scoped policy: exactly one field. One with none stands for a peer that
/// is not known here, with which the whole rule fails closed.
#[repr(C)]
pub struct netpolicy_cluster_policy_peer {
    /// `namespaces`; NULL if absent.
    pub namespaces: *const netpolicy_selector,
    /// `pods`; NULL if absent.
    pub pods: *const netpolicy_pod_selector,
    /// `nodes`; NULL if absent.
    pub nodes: *const netpolicy_selector,
    /// `networks`: CIDRs.
    pub networks: *const netpolicy_str,
    /// The number of networks.
    pub networks_len: usize,
    /// `domainNames`
    pub domain_names: *const netpolicy_str,
    /// The number of domain names.
    pub domain_names_len: usize,
}

/// A rule of a cluster-scoped policy.
#[repr(C)]
pub struct netpolicy_cluster_policy_rule {
    /// `name`
    pub name: netpolicy_str,
    /// `action`: a `NETPOLICY_ACTION`.
    pub action: u32,
    /// `from` or `to`: at least one.
    pub peers: *const netpolicy_cluster_policy_peer,
    /// The number of peers.
    pub peers_len: usize,
    /// `ports` or `protocols`; none: every port of every protocol.
    pub ports: *const netpolicy_port,
    /// The number of ports.
    pub ports_len: usize,
}

/// A ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy.
#[repr(C)]
pub struct netpolicy_cluster_policy {
    /// Which of them: a `NETPOLICY_API`.
    pub api: u32,
    /// `spec.priority`, 0 to 1000; ignored for a BaselineAdminNetworkPolicy.
    pub priority: i32,
    /// `metadata.name`
    pub name: netpolicy_str,
    /// `spec.subject`
    pub subject: netpolicy_pod_selector,
    /// `spec.ingress`
    pub ingress: *const netpolicy_cluster_policy_rule,
    /// The number of ingress rules.
    pub ingress_len: usize,
    /// `spec.egress`
    pub egress: *const netpolicy_cluster_policy_rule,
    /// The number of egress rules.
    pub egress_len: usize,
}

/// What a domain name resolves to at present.
#[repr(C)]
pub struct netpolicy_domain_name {
    /// The name; case and a trailing dot do not count.
    pub name: netpolicy_str,
    /// Its addresses.
    pub addresses: *const netpolicy_address,
    /// The number of addresses.
    pub addresses_len: usize,
}
