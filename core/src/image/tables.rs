//! The records of the image: what each section holds. FORMAT.md has the same in
//! prose; the order of the fields here is the order in the bytes.

use core::net::{IpAddr, Ipv6Addr};

use super::record::record;
use crate::address::to_bits;
use crate::model::{Action, ClusterPolicyApi, Direction, Operator, Tier};
use crate::{Cidr, Family};

/// Stands for "none" where 0 is a valid index.
pub(crate) const NONE: u32 = u32::MAX;

/// A label value that no selector mentions: present, but equal to nothing.
pub(crate) const UNMENTIONED: u32 = u32::MAX;

record! {
    /// A namespace; the table is sorted by name.
    pub(crate) struct NamespaceRecord {
        name,
        /// Range in `Labels`.
        labels,
        labels_len,
        /// 1 if a Namespace object was given, else 0.
        given,
        /// Range in `Policies` of the NetworkPolicies of this namespace.
        policies,
        policies_len,
    }
}

record! {
    /// A label, as far as selectors look: the value may be [`UNMENTIONED`].
    pub(crate) struct LabelRecord { key, value }
}

record! {
    /// A node.
    pub(crate) struct NodeRecord { name, labels, labels_len }
}

record! {
    /// An address of a node; the table is sorted by address. `node` is [`NONE`]
    /// where only pods told of the address (`hostIP`, or a host-networked pod's).
    pub(crate) struct NodeAddressRecord { address: u128, node }
}

record! {
    /// What pods of one kind have in common, as far as rules look.
    pub(crate) struct FactsRecord { labels, labels_len, ports, ports_len }
}

record! {
    /// A named port: protocol number << 16 | port.
    pub(crate) struct NamedPortRecord { name, protocol_port }
}

record! {
    /// A pod; the table is sorted by namespace and name.
    pub(crate) struct PodRecord {
        namespace,
        name,
        /// Index in `Facts`.
        facts,
        /// Index in `OwnNodes`.
        own_node,
        /// Range in `PodClaims`.
        claims,
        claims_len,
        /// [`pod_flags`].
        flags,
        /// Index in `Workloads`, or [`NONE`].
        workload,
        /// Its place at the first address that it holds, or without one.
        place,
    }
}

/// Bits of [`PodRecord::flags`].
pub(crate) mod pod_flags {
    /// `spec.hostNetwork`: the pod is its node, and never a subject.
    pub(crate) const HOST_NETWORK: u32 = 1;
    /// `Succeeded` or `Failed`: its addresses are no longer its own.
    pub(crate) const ENDED: u32 = 2;
    /// The pod runs on a node that the image was not compiled for.
    pub(crate) const OUT_OF_SCOPE: u32 = 4;
}

record! {
    /// What runs some pods.
    pub(crate) struct WorkloadRecord { kind, name }
}

/// Set in an entry of `PodClaims` that leads to `ClaimsV6`, not `ClaimsV4`.
pub(crate) const CLAIM_V6: u32 = 1 << 31;

/// Set in the `pod` of a claim that gives no right to the address: the pod is
/// host-networked or has ended.
pub(crate) const VOID_CLAIM: u32 = 1 << 31;

record! {
    /// An IPv4 address that a pod states; sorted by address, the holder first,
    /// what is [`VOID_CLAIM`] last.
    pub(crate) struct ClaimV4Record { address, pod }
}

record! {
    /// The same for IPv6.
    pub(crate) struct ClaimV6Record { address: u128, pod }
}

record! {
    /// A set of addresses that some pods call their own node: a range in `Addresses`.
    pub(crate) struct OwnNodeRecord { addresses, addresses_len }
}

record! {
    /// An address, IPv4 as IPv4-mapped.
    pub(crate) struct AddressRecord { address: u128 }
}

record! {
    /// A policy, in the order of decision: Admin tier, NetworkPolicies by
    /// namespace and name, Baseline tier.
    pub(crate) struct PolicyRecord {
        /// `PolicyKind`.
        kind,
        priority,
        /// Index in `Namespaces`, or [`NONE`] for a cluster-scoped policy.
        namespace,
        name,
        /// Index in `Selectors` of the subject's namespaces, or [`NONE`] for
        /// the policy's own.
        subject_namespaces,
        subject_pods,
        /// Bit 0: isolates for egress; bit 1: for ingress.
        isolates,
        egress,
        egress_len,
        ingress,
        ingress_len,
        /// Index in `Strings`; 0 (the empty string) if unknown.
        file,
        /// From 1; 0 if unknown.
        line,
        /// How many pods it selects.
        selected,
    }
}

record! {
    /// A rule. Its index in the manifest is its place in its policy's range.
    pub(crate) struct RuleRecord {
        name,
        /// [`RuleEffect`].
        action,
        /// Range in `Peers`; `peers_len` [`NONE`]: every peer.
        peers,
        peers_len,
        /// Range in `RulePorts`; `ports_len` [`NONE`]: every port and protocol.
        ports,
        ports_len,
        line,
    }
}

record! {
    /// A peer, flattened: one record for each CIDR and domain name.
    pub(crate) struct PeerRecord {
        /// `PeerKind`.
        kind,
        a,
        b,
        c,
        /// The index of the peer in the manifest's list.
        index,
        /// How many pods (or nodes) it selects.
        selected,
    }
}

record! {
    /// A port of a rule: a range of port keys, or a name.
    pub(crate) struct RulePortRecord {
        /// For a range: the first key. For a name: protocol number, or
        /// [`NONE`] for any.
        first,
        /// For a range: the last key.
        last,
        /// The name, or [`NONE`] for a range.
        name,
    }
}

impl RulePortRecord {
    /// Whether a name may resolve to a port (protocol number << 16 | port): in
    /// its protocol, or in any if it states none.
    pub(crate) const fn admits(&self, protocol_port: u32) -> bool {
        self.first == NONE || self.first == protocol_port >> 16
    }
}

record! {
    /// A CIDR: 16 bytes of address (IPv4 as IPv4-mapped), and the prefix length
    /// within its family, plus 256 for IPv4.
    pub(crate) struct CidrRecord { address: u128, prefix }
}

record! {
    /// A selector: a range in `Requirements`. Selector 0 is everything.
    pub(crate) struct SelectorRecord { requirements, requirements_len }
}

record! {
    /// A requirement: [`operator_code`], and values as a range in `Values`.
    pub(crate) struct RequirementRecord { key, operator, values, values_len }
}

record! {
    /// A resolved domain name: a range in `Addresses`.
    pub(crate) struct DomainRecord { name, addresses, addresses_len }
}

record! {
    /// A class of addresses: how its pods' egress and ingress are decided.
    ///
    /// A map is an index in `PortMaps`, or [`NONE`]: interpret the rules. Rows
    /// are an index in `Rows`, of the row of the first interval.
    pub(crate) struct ClassRecord { egress_map, egress_rows, ingress_map, ingress_rows }
}

record! {
    /// The gates of a class: indices in `Gates`.
    pub(crate) struct ClassGatesRecord { egress, ingress }
}

record! {
    /// The policies that decide for one kind of subject in one direction, in
    /// their order: a range in `GatePolicies`; or, with `policies` [`NONE`], those
    /// that are found among all.
    pub(crate) struct GateRecord { policies, policies_len }
}

impl GateRecord {
    /// A gate whose policies must be searched for.
    pub(crate) const SEARCHED: GateRecord = GateRecord {
        policies: NONE,
        policies_len: 0,
    };
}

record! {
    /// 64 consecutive positions (port keys, or intervals), at some of which
    /// something begins (an interval, or a row): how many begin in front of them,
    /// and a bit for each position at which one begins.
    pub(crate) struct StartsRecord { rank, low, high }
}

impl StartsRecord {
    /// The positions of a record.
    pub(crate) const POSITIONS: u32 = 64;

    pub(crate) const fn bits(&self) -> u64 {
        self.low as u64 | (self.high as u64) << 32
    }

    /// A record that has these bits.
    pub(crate) const fn new(rank: u32, bits: u64) -> StartsRecord {
        StartsRecord {
            rank,
            low: bits as u32,
            high: (bits >> 32) as u32,
        }
    }

    /// Whether something begins at a position of this record.
    #[cfg(feature = "std")]
    pub(crate) const fn begins(&self, position: u32) -> bool {
        self.bits() >> (position & 63) & 1 != 0
    }

    /// Sets the bit of a position of this record.
    pub(crate) const fn begin(&mut self, position: u32) {
        *self = StartsRecord::new(self.rank, self.bits() | 1 << (position & 63));
    }

    /// How many begin in front of the next record.
    pub(crate) const fn rank_behind(&self) -> u32 {
        self.rank.wrapping_add(self.bits().count_ones())
    }

    /// Which one a position belongs to: the last that begins at or below it.
    #[inline(always)]
    pub(crate) const fn index_of(&self, position: u32) -> u32 {
        // All bits up to the position's own.
        let upto = self.bits() << (63 - (position & 63));
        self.rank.wrapping_add(upto.count_ones()).wrapping_sub(1)
    }
}

record! {
    /// The first address of a run of IPv6 addresses of one place; sorted.
    pub(crate) struct RunV6Record { address: u128, place }
}

record! {
    /// A slot of the IPv6 host table. A leaf is the place of this one address; a
    /// node leads on by the lower 8 bits, for all addresses that share the upper
    /// 120. An empty slot is all zeros.
    pub(crate) struct HostV6Record { address: u128, entry }
}

/// The kinds of policy, by [`PolicyRecord::kind`]; in the order of decision
/// within a tier and priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolicyKind {
    Cluster(ClusterPolicyApi),
    Network,
}

impl PolicyKind {
    const CODES: [PolicyKind; 5] = [
        PolicyKind::Cluster(ClusterPolicyApi::AdminNetworkPolicy),
        PolicyKind::Cluster(ClusterPolicyApi::ClusterNetworkPolicyAdmin),
        PolicyKind::Network,
        PolicyKind::Cluster(ClusterPolicyApi::BaselineAdminNetworkPolicy),
        PolicyKind::Cluster(ClusterPolicyApi::ClusterNetworkPolicyBaseline),
    ];

    pub(crate) fn code(self) -> u32 {
        Self::CODES
            .iter()
            .position(|kind| *kind == self)
            .unwrap_or(0) as u32
    }

    pub(crate) fn from_code(code: u32) -> Option<PolicyKind> {
        Self::CODES.get(code as usize).copied()
    }

    pub(crate) const fn tier(self) -> Tier {
        match self {
            PolicyKind::Cluster(api) => api.tier(),
            PolicyKind::Network => Tier::NetworkPolicy,
        }
    }
}

impl PolicyKind {
    /// The `kind` of the object.
    pub(crate) const fn api_kind(self) -> &'static str {
        match self {
            PolicyKind::Network => "NetworkPolicy",
            PolicyKind::Cluster(api) => api.kind(),
        }
    }
}

impl PolicyRecord {
    /// The kind; `Image::open` has checked that there is one.
    pub(crate) fn kind(&self) -> PolicyKind {
        PolicyKind::from_code(self.kind).unwrap_or(PolicyKind::Network)
    }

    /// Whether a NetworkPolicy isolates the pods it selects in a direction.
    pub(crate) const fn isolates(&self, direction: Direction) -> bool {
        match direction {
            Direction::Egress => self.isolates & 1 != 0,
            Direction::Ingress => self.isolates & 2 != 0,
        }
    }

    /// The rules of a direction, as a range in `Rules`.
    pub(crate) const fn rules(&self, direction: Direction) -> (u32, u32) {
        match direction {
            Direction::Egress => (self.egress, self.egress_len),
            Direction::Ingress => (self.ingress, self.ingress_len),
        }
    }
}

/// What a rule does: its action as written, and whether it fails closed because
/// of a peer that is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RuleEffect {
    pub(crate) action: Action,
    pub(crate) fails_closed: bool,
}

impl RuleEffect {
    const FAILS_CLOSED: u32 = 1 << 8;

    pub(crate) const fn encode(self) -> u32 {
        let action = match self.action {
            Action::Allow => 0,
            Action::Deny => 1,
            Action::Pass => 2,
        };
        if self.fails_closed {
            action | Self::FAILS_CLOSED
        } else {
            action
        }
    }

    pub(crate) const fn decode(code: u32) -> Option<RuleEffect> {
        let action = match code & !Self::FAILS_CLOSED {
            0 => Action::Allow,
            1 => Action::Deny,
            2 => Action::Pass,
            _ => return None,
        };
        Some(RuleEffect {
            action,
            fails_closed: code & Self::FAILS_CLOSED != 0,
        })
    }
}

/// The kinds of peer, by [`PeerRecord::kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerKind {
    /// `a`: selector of namespaces, [`NONE`] for the policy's own; `b`: of pods.
    Pods,
    /// `a`: CIDR; `b`, `c`: a range in `Excepts`.
    IpBlock,
    /// `a`: selector.
    Nodes,
    /// `a`: CIDR.
    Network,
    /// `a`: string.
    Domain,
}

impl PeerKind {
    pub(crate) const fn code(self) -> u32 {
        match self {
            PeerKind::Pods => 0,
            PeerKind::IpBlock => 1,
            PeerKind::Nodes => 2,
            PeerKind::Network => 3,
            PeerKind::Domain => 4,
        }
    }

    pub(crate) const fn from_code(code: u32) -> Option<PeerKind> {
        match code {
            0 => Some(PeerKind::Pods),
            1 => Some(PeerKind::IpBlock),
            2 => Some(PeerKind::Nodes),
            3 => Some(PeerKind::Network),
            4 => Some(PeerKind::Domain),
            _ => None,
        }
    }
}

/// The number under which an operator is stored.
pub(crate) const fn operator_code(operator: Operator) -> u32 {
    match operator {
        Operator::In => 0,
        Operator::NotIn => 1,
        Operator::Exists => 2,
        Operator::DoesNotExist => 3,
    }
}

/// The operator of a number.
pub(crate) const fn operator_from_code(code: u32) -> Option<Operator> {
    match code {
        0 => Some(Operator::In),
        1 => Some(Operator::NotIn),
        2 => Some(Operator::Exists),
        3 => Some(Operator::DoesNotExist),
        _ => None,
    }
}

impl CidrRecord {
    const V4: u32 = 256;

    pub(crate) fn encode_cidr(cidr: Cidr) -> CidrRecord {
        let family = if cidr.family() == Family::V4 {
            Self::V4
        } else {
            0
        };
        CidrRecord {
            address: to_bits(cidr.network()),
            prefix: u32::from(cidr.prefix()) | family,
        }
    }

    pub(crate) fn decode_cidr(&self) -> Option<Cidr> {
        let prefix = u8::try_from(self.prefix & !Self::V4).ok()?;
        let address = Ipv6Addr::from_bits(self.address);
        let address = if self.prefix & Self::V4 != 0 {
            IpAddr::V4(address.to_ipv4_mapped()?)
        } else {
            IpAddr::V6(address)
        };
        Cidr::new(address, prefix).ok()
    }
}
