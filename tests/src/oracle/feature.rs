//! What a world can have and a verdict can meet.

use std::cell::RefCell;
use std::collections::BTreeSet;

macro_rules! features {
    ($(#[doc = $text:literal] $name:ident,)*) => {
        /// One thing of the specification that a world has, or that took part in a verdict.
        ///
        /// Those whose names begin with `Has` are read off the manifests by
        /// [`Coverage`](crate::worlds::Coverage); the others are reported by
        /// [`Oracle::trace`](super::Oracle::trace), most of them only when they had an effect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Feature { $(#[doc = $text] $name,)* }

        impl Feature {
            /// Every feature, in the order of the specification.
            pub const ALL: &[Feature] = &[$(Feature::$name,)*];

            /// The name of the variant.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Feature::$name => stringify!($name),)* }
            }

            /// What it means, in a line.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Feature::$name => $text.trim_ascii(),)* }
            }
        }
    };
}

features! {
    // Who an address is.
    /// The source is a pod.
    SourceIsPod,
    /// The source is a node.
    SourceIsNode,
    /// The source is external.
    SourceIsExternal,
    /// The destination is a pod.
    DestinationIsPod,
    /// The destination is a node.
    DestinationIsNode,
    /// The destination is external.
    DestinationIsExternal,
    /// An IPv4 address was asked for as an IPv4-mapped IPv6 address.
    AskedInMappedSpelling,
    /// Source and destination are of different families.
    FamiliesMixed,
    /// A pod was known by `podIP`, having no `podIPs`.
    PodByPodIpAlone,
    /// An address that stands in `podIP` but not in `podIPs` was not the pod's.
    PodIpsOverrulePodIp,
    /// A pod was known by an address that its manifest spells IPv4-mapped.
    PodByMappedSpelling,
    /// A pod that is `Succeeded` or `Failed` did not have the address in its status.
    EndedPodLetsGo,
    /// A pod with a deletion timestamp still counted.
    DeletingPodCounts,
    /// An address of a host-networked pod was not a pod's.
    HostNetworkedPodIsNoPod,
    /// A contested address went to the Running pod.
    ContestedByPhase,
    /// A contested address went to the pod that is not being deleted.
    ContestedByDeletion,
    /// A contested address went to the newest pod.
    ContestedByCreation,
    /// A contested address went to the first name.
    ContestedByName,
    /// A contested address went to the first namespace, all else being equal.
    ContestedByNamespace,
    /// A node was known by `Node.status.addresses`.
    NodeByStatus,
    /// A node was known only by a pod's `hostIP` or `hostIPs`.
    NodeByHostIp,
    /// A node was known only by a host-networked pod's address.
    NodeByHostNetworkedPod,
    /// An address in `Node.status.addresses` was a pod's.
    NodeAddressIsAPods,

    // Order of decision.
    /// The end that a direction is about is no pod, so no policy has it as subject.
    SubjectIsNoPod,
    /// Source and destination were the same pod.
    Hairpin,
    /// They were the same pod by two different addresses.
    HairpinByOtherAddress,
    /// Policies would have denied the hairpin.
    HairpinOverrulesDeny,
    /// The admin tier allowed.
    AdminAllows,
    /// The admin tier denied.
    AdminDenies,
    /// The admin tier passed.
    AdminPasses,
    /// An `AdminNetworkPolicy` decided.
    AnpDecides,
    /// A `ClusterNetworkPolicy` with `tier: Admin` decided.
    CnpAdminDecides,
    /// The order of two rules of one policy made the verdict of its tier.
    OrderedByRule,
    /// The lower priority number made the verdict of the admin tier.
    AdminOrderedByPriority,
    /// ANP before CNP at one priority made the verdict of the admin tier.
    AdminOrderedByKind,
    /// The name at one priority and kind made the verdict of the admin tier.
    AdminOrderedByName,
    /// BANP before CNP made the verdict of the baseline tier.
    BaselineOrderedByKind,
    /// The lower priority number made the verdict of the baseline tier.
    BaselineOrderedByPriority,
    /// The name at one priority made the verdict of the baseline tier.
    BaselineOrderedByName,
    /// Pass skipped an admin rule that would have denied or allowed.
    PassSkipsLaterRule,
    /// Pass in the admin tier led to a `NetworkPolicy` that decided.
    PassLeadsToNetworkPolicy,
    /// Pass in the admin tier led to the baseline tier, which decided.
    PassLeadsToBaseline,
    /// Pass in the admin tier led to no further decision.
    PassLeadsToNothing,
    /// The `NetworkPolicy` tier allowed, by a rule.
    NetworkPolicyAllows,
    /// The `NetworkPolicy` tier denied.
    NetworkPolicyDenies,
    /// A `NetworkPolicy` of the other direction left this direction to the baseline tier.
    OtherDirectionLeavesToBaseline,
    /// Option: a `NetworkPolicy` of the other direction was final, and the baseline would have denied.
    EitherDirectionIsFinal,
    /// Ingress from the own node was allowed, and the rules would have denied.
    OwnNodeIngressAllowed,
    /// Option: ingress from the own node was denied like any other.
    OwnNodeIngressDenied,
    /// Option: egress to the own node was allowed, and the rules would have denied.
    OwnNodeEgressAllowed,
    /// Egress to the own node was denied like any other.
    OwnNodeEgressDenied,
    /// The own node was known only by `hostIP` or `hostIPs`.
    OwnNodeByHostIpAlone,
    /// The own node was known only by the Node that `nodeName` names.
    OwnNodeByNodeNameAlone,
    /// The address of the own node is at the same time a pod's, and mattered.
    OwnNodeAddressIsAPods,
    /// Another node than the own one was denied ingress.
    OtherNodeIngressDenied,
    /// The baseline tier allowed.
    BaselineAllows,
    /// The baseline tier denied.
    BaselineDenies,
    /// The baseline tier passed, which allows.
    BaselinePasses,
    /// The `BaselineAdminNetworkPolicy` decided.
    BanpDecides,
    /// A `ClusterNetworkPolicy` with `tier: Baseline` decided.
    CnpBaselineDecides,
    /// Nothing decided: allow.
    NothingDecides,

    // NetworkPolicy.
    /// `policyTypes` missing or empty isolated ingress.
    PolicyTypesDefaultToIngress,
    /// `policyTypes` missing or empty isolated egress, since there are egress rules.
    PolicyTypesDefaultToEgress,
    /// `policyTypes` missing or empty did not isolate egress, there being no egress rule.
    PolicyTypesDefaultLeavesEgress,
    /// Rules in a direction that is not in `policyTypes` did nothing.
    RulesOutsidePolicyTypes,
    /// A policy without rules isolated and allowed nothing.
    IsolatesWithoutRules,
    /// A rule `{}` allowed everything.
    EmptyRuleAllows,
    /// `from` or `to` missing or empty matched.
    EveryPeer,
    /// `from` or `to` missing or empty matched an external address or a node.
    EveryPeerIsExternalToo,
    /// `ports` missing or empty matched.
    EveryPort,
    /// `ports` missing or empty matched a protocol without ports.
    EveryPortIsPortlessToo,
    /// `spec.podSelector` missing, null or `{}` selected a pod.
    SubjectEveryPod,
    /// `spec.podSelector` left out a pod of its namespace.
    SubjectPodMissed,
    /// `podSelector` alone matched.
    PeerPods,
    /// `podSelector` alone missed a pod of another namespace with the right labels.
    PeerPodsOtherNamespace,
    /// `namespaceSelector` alone matched.
    PeerNamespaces,
    /// `namespaceSelector` alone missed.
    PeerNamespacesMissed,
    /// Both selectors matched.
    PeerBoth,
    /// Of both selectors, only that of pods matched.
    PeerBothNamespaceMissed,
    /// Of both selectors, only that of namespaces matched.
    PeerBothPodMissed,
    /// A peer with selectors met an address that is no pod.
    PeerSelectorMeetsNoPod,
    /// `ipBlock` matched a pod.
    IpBlockPod,
    /// `ipBlock` matched a node.
    IpBlockNode,
    /// `ipBlock` matched an external address.
    IpBlockExternal,
    /// `ipBlock` matched an IPv6 address.
    IpBlockV6,
    /// A `/0` met an address of the other family.
    WholeFamilyMeetsOther,
    /// Option: `ipBlock` did not match a pod.
    IpBlockLeavesPods,
    /// An `except` excluded an address.
    ExceptExcludes,
    /// What an `except` excluded was allowed by another peer or policy.
    ExceptedIsAllowedAgain,
    /// Of several isolating policies one allowed and another would have denied.
    PoliciesAreUnited,

    // Ports of NetworkPolicy.
    /// A port without `protocol` matched TCP.
    PortProtocolDefault,
    /// A port without `port` matched.
    PortProtocolAlone,
    /// A port without `port` matched port 0.
    PortProtocolAloneZero,
    /// A number matched.
    PortNumber,
    /// A number missed the port beside it.
    PortNumberBeside,
    /// A range matched between its ends.
    PortRangeInside,
    /// A range matched at an end.
    PortRangeAtEnd,
    /// A range missed the port beside its end.
    PortRangeBeside,
    /// A rule with ports met a protocol without ports.
    PortsMeetPortless,
    /// A rule whose peer matched named only other protocols.
    PortsOfOtherProtocol,

    // Named ports, of all kinds of policy.
    /// A name matched in TCP.
    NamedPortTcp,
    /// A name matched in UDP.
    NamedPortUdp,
    /// A name matched in SCTP.
    NamedPortSctp,
    /// A name matched in an ingress rule.
    NamedPortIngress,
    /// A name matched in an egress rule.
    NamedPortEgress,
    /// A name was found in an init container with `restartPolicy: Always`.
    NamedPortInSidecar,
    /// A name in an ordinary init container did not count.
    NamedPortInOrdinaryInit,
    /// The name is there, in another protocol than was asked for.
    NamedPortOtherProtocol,
    /// The name is there, with another number than was asked for.
    NamedPortOtherNumber,
    /// A name matched by the second of two ports of that name and protocol.
    NamedPortSecond,
    /// The destination pod does not have the name.
    NamedPortUnknown,
    /// The destination is no pod.
    NamedPortNoPod,

    // Selectors.
    /// `{}` matched.
    SelectorEmpty,
    /// `matchLabels` matched.
    MatchLabelsHit,
    /// `matchLabels` missed.
    MatchLabelsMiss,
    /// `matchLabels` with an empty value matched.
    EmptyValueHit,
    /// `matchLabels` with an empty value missed, the key being absent.
    EmptyValueMissesAbsentKey,
    /// `In` matched.
    InHit,
    /// `In` missed a value.
    InMiss,
    /// `In` missed an absent key.
    InAbsentKey,
    /// `NotIn` matched a value.
    NotInHit,
    /// `NotIn` missed.
    NotInMiss,
    /// `NotIn` matched an absent key.
    NotInAbsentKey,
    /// `Exists` matched.
    ExistsHit,
    /// `Exists` missed.
    ExistsMiss,
    /// `DoesNotExist` matched.
    DoesNotExistHit,
    /// `DoesNotExist` missed.
    DoesNotExistMiss,
    /// One requirement matched and another did not: all must hold.
    SelectorIsConjunction,
    /// A selector matched by `kubernetes.io/metadata.name` in an object that lacks it.
    NameLabelImplied,
    /// A namespace without a Namespace object was met by a selector that names a label.
    NamespaceWithoutObject,

    // CNP, ANP, BANP.
    /// A subject by `namespaces` was selected.
    ClusterSubjectNamespaces,
    /// A subject by `pods` was selected.
    ClusterSubjectPods,
    /// A subject was not selected.
    ClusterSubjectMissed,
    /// A policy selected the subject and has no rules in this direction.
    ClusterNoRulesInDirection,
    /// A peer by `namespaces` matched.
    ClusterPeerNamespaces,
    /// A peer by `pods` matched.
    ClusterPeerPods,
    /// A peer by `nodes` matched.
    ClusterPeerNodes,
    /// A peer by `nodes` left out a node's address that is a pod's.
    ClusterPeerNodesLeavesPod,
    /// A peer by `nodes` missed a node by its labels.
    ClusterPeerNodesMissed,
    /// A peer by `networks` matched a pod.
    ClusterPeerNetworksPod,
    /// A peer by `networks` matched a node.
    ClusterPeerNetworksNode,
    /// A peer by `networks` matched an external address.
    ClusterPeerNetworksExternal,
    /// A peer by `networks` matched a protocol without ports.
    ClusterPeerNetworksPortless,
    /// A peer by `networks` matched an IPv6 address.
    ClusterPeerNetworksV6,
    /// A plain domain name matched.
    DomainPlain,
    /// A domain name with a wildcard matched.
    DomainWildcard,
    /// A wildcard matched more than one label.
    DomainWildcardDeep,
    /// A wildcard missed the domain itself.
    DomainWildcardMissesItself,
    /// A domain name matched though written differently.
    DomainSpelling,
    /// A domain name that resolves to nothing matched nothing.
    DomainUnresolved,
    /// A domain name matched the address of a pod.
    DomainOfPod,
    /// An ingress rule left out a source that is no pod.
    IngressLeavesExternal,
    /// A rule without ports or protocols matched.
    ClusterEveryPort,
    /// A rule without ports or protocols matched a protocol without ports.
    ClusterEveryPortIsPortlessToo,
    /// A rule with ports or protocols met a protocol without ports.
    ClusterPortsMeetPortless,
    /// ANP `portNumber` matched.
    AnpPortNumber,
    /// ANP `portNumber` or `portRange` without protocol matched TCP.
    AnpPortProtocolDefault,
    /// ANP `portRange` matched.
    AnpPortRange,
    /// ANP `portRange` missed the port beside its end.
    AnpPortRangeBeside,
    /// ANP `namedPort` matched.
    AnpNamedPort,
    /// CNP `tcp` matched.
    CnpTcp,
    /// CNP `udp` matched.
    CnpUdp,
    /// CNP `sctp` matched.
    CnpSctp,
    /// CNP protocol without `destinationPort` matched.
    CnpEveryPort,
    /// CNP `destinationPort.number` matched.
    CnpPortNumber,
    /// CNP `destinationPort.range` matched.
    CnpPortRange,
    /// CNP `destinationPort.range` missed the port beside its end.
    CnpPortRangeBeside,
    /// CNP `destinationNamedPort` matched.
    CnpNamedPort,
    /// A named port matched beside a peer by `networks`.
    NamedPortBesideNetworks,
    /// Fail closed: an Allow rule that would have matched by another peer matched nothing.
    FailClosedAllowMatchesNothing,
    /// Fail closed: a Deny rule that would not have matched denied.
    FailClosedDenyDenies,
    /// Fail closed: a Pass rule denied.
    FailClosedPassDenies,
    /// Fail closed: it decided in the admin tier.
    FailClosedInAdmin,
    /// Fail closed: it decided in the baseline tier.
    FailClosedInBaseline,
    /// Fail closed by a peer `{}`.
    FailClosedByEmptyPeer,
    /// Fail closed by a peer whose known field is null.
    FailClosedByNullField,
    /// Fail closed by a peer with a field that nobody knows.
    FailClosedByFutureField,
    /// Fail closed by a peer with a field that is known in another direction or kind.
    FailClosedByFieldFromElsewhere,

    // What a world has, seen or not by a verdict.
    /// A pod in a namespace without a Namespace object.
    HasNamespaceWithoutObject,
    /// A Namespace without labels.
    HasNamespaceWithoutLabels,
    /// A Namespace whose name label says something else.
    HasWrongNameLabel,
    /// A pod without `metadata.namespace`.
    HasPodWithoutNamespace,
    /// A `NetworkPolicy` without `metadata.namespace`.
    HasPolicyWithoutNamespace,
    /// A pod without an address.
    HasPodWithoutAddress,
    /// A pod with two addresses.
    HasDualStackPod,
    /// A pod with IPv6 only.
    HasV6Pod,
    /// A host-networked pod.
    HasHostNetworkedPod,
    /// A pod whose phase is Running.
    HasPhaseRunning,
    /// A pod whose phase is Pending.
    HasPhasePending,
    /// A pod whose phase is Unknown.
    HasPhaseUnknown,
    /// A pod whose phase is Succeeded.
    HasPhaseSucceeded,
    /// A pod whose phase is Failed.
    HasPhaseFailed,
    /// A pod without a phase.
    HasPhaseMissing,
    /// A pod whose `nodeName` names no Node that was given.
    HasUnknownNodeName,
    /// A pod whose `hostIP` or `hostIPs` are not of the Node that `nodeName` names.
    HasForeignHostIp,
    /// A Node with an address that is no IP address.
    HasHostnameAddress,
    /// A Node with an IP address of type Hostname.
    HasIpOfTypeHostname,
    /// A Node with several IP addresses.
    HasNodeWithSeveralAddresses,
    /// A field of a policy that is null.
    HasNullField,
    /// `policyTypes` is an empty list.
    HasEmptyPolicyTypes,
    /// `policyTypes` is absent or null.
    HasNoPolicyTypes,
    /// `policyTypes` is Ingress alone.
    HasIngressOnly,
    /// `policyTypes` is Egress alone.
    HasEgressOnly,
    /// `policyTypes` is both.
    HasBothPolicyTypes,
    /// `from` or `to` is an empty list.
    HasEmptyPeers,
    /// `ports` is an empty list.
    HasEmptyPorts,
    /// `ipBlock` with several excepts.
    HasSeveralExcepts,
    /// A CIDR written with host bits.
    HasHostBits,
    /// A rule with several peers.
    HasSeveralPeers,
    /// A `BaselineAdminNetworkPolicy`.
    HasBanp,
    /// Policies of one tier with equal priorities.
    HasEqualPriorities,
    /// An object of a kind that does not matter.
    HasOtherKind,
    /// Option `either_direction_is_final` is on.
    HasEitherDirectionIsFinal,
    /// Option `own_node_ingress_always_allowed` is off.
    HasOwnNodeIngressEvaluated,
    /// Option `own_node_egress_always_allowed` is on.
    HasOwnNodeEgressAllowed,
    /// Option `ip_block_selects_pods` is off.
    HasIpBlockWithoutPods,
}

/// What was met on the way to a verdict.
#[derive(Debug, Default)]
pub(crate) struct Trace(RefCell<BTreeSet<Feature>>);

impl Trace {
    /// Writes a feature down. Takes `&self` so that clauses can be written as plain predicates.
    pub(crate) fn met(&self, feature: Feature) {
        self.0.borrow_mut().insert(feature);
    }

    /// Writes a feature down if it applies.
    pub(crate) fn met_if(&self, applies: bool, feature: Feature) {
        if applies {
            self.met(feature);
        }
    }

    /// Whether a feature was met so far.
    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.0.borrow().contains(&feature)
    }

    /// All that was met, each once, in the order of [`Feature::ALL`].
    pub(crate) fn into_features(self) -> Vec<Feature> {
        self.0.into_inner().into_iter().collect()
    }
}
