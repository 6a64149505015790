//! SEMANTICS "`NetworkPolicy`", and step 3 of "Order of decision".

use serde_json::Value;

use super::address::{End, Who, host_addresses};
use super::cluster_policy::Action;
use super::json::{field, list, namespace, needed, port, text};
use super::ports::{beside_range, has_ports, in_range, named_port_matches, port_name, protocol_at};
use super::{Connection, Direction, Feature, Oracle, Trace, cidr};

/// What step 3 decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NetworkPolicyTier {
    /// No `NetworkPolicy` isolates the subject in this direction: the baseline tier is next.
    Silent,
    /// The tier is final.
    Final(bool),
}

/// Whether the policy isolates in a direction those whom it selects.
///
/// "`policyTypes` missing or empty: Ingress, and Egress if `egress` has at least one rule."
fn isolates(policy: &Value, direction: Direction, trace: &Trace) -> bool {
    let types = list(policy, &["spec", "policyTypes"]);
    let isolates = if types.is_empty() {
        let egress_rules = list(policy, &["spec", "egress"]);
        match direction {
            Direction::Ingress => {
                trace.met(Feature::PolicyTypesDefaultToIngress);
                true
            }
            Direction::Egress => {
                trace.met(if egress_rules.is_empty() {
                    Feature::PolicyTypesDefaultLeavesEgress
                } else {
                    Feature::PolicyTypesDefaultToEgress
                });
                !egress_rules.is_empty()
            }
        }
    } else {
        types
            .iter()
            .any(|named| named.as_str() == Some(direction.policy_type()))
    };
    let rules = list(policy, &["spec", direction.rules()]);
    trace.met_if(
        !isolates && !rules.is_empty(),
        Feature::RulesOutsidePolicyTypes,
    );
    trace.met_if(isolates && rules.is_empty(), Feature::IsolatesWithoutRules);
    isolates
}

impl Oracle {
    /// Step 3: "if any `NetworkPolicy` isolates the subject **in this direction**, the tier is
    /// final: allow if some rule of some such policy matches, else deny."
    pub(super) fn network_policy_tier(
        &self,
        direction: Direction,
        subject: &Value,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> NetworkPolicyTier {
        let selecting: Vec<&Value> = self
            .network_policies
            .iter()
            .filter(|policy| self.selects_subject(policy, subject, trace))
            .collect();
        let isolating: Vec<&Value> = selecting
            .iter()
            .copied()
            .filter(|policy| isolates(policy, direction, trace))
            .collect();

        if isolating.is_empty() {
            // "option: a pod selected in either direction is final in both". NetworkPolicies allow
            // what they do not isolate.
            if !selecting.is_empty() && self.options.either_direction_is_final {
                let scratch = Trace::default();
                let baseline = self.baseline_tier(direction, subject, connection, &scratch);
                let denied = baseline.is_some_and(|decider| decider.action == Action::Deny);
                trace.met_if(denied, Feature::EitherDirectionIsFinal);
                return NetworkPolicyTier::Final(true);
            }
            trace.met_if(
                !selecting.is_empty(),
                Feature::OtherDirectionLeavesToBaseline,
            );
            return NetworkPolicyTier::Silent;
        }

        let verdicts: Vec<bool> = isolating
            .iter()
            .map(|policy| self.some_rule_matches(policy, direction, connection, trace))
            .collect();
        let allowed = verdicts.contains(&true);
        trace.met_if(
            allowed && verdicts.contains(&false),
            Feature::PoliciesAreUnited,
        );
        trace.met_if(
            allowed && trace.has(Feature::ExceptExcludes),
            Feature::ExceptedIsAllowedAgain,
        );
        if !allowed && self.is_own_node_exempt(direction, subject, connection, trace) {
            return NetworkPolicyTier::Final(true);
        }
        trace.met(if allowed {
            Feature::NetworkPolicyAllows
        } else {
            Feature::NetworkPolicyDenies
        });
        NetworkPolicyTier::Final(allowed)
    }

    /// "Ingress from an address of the destination pod's own node is always allowed here (option).
    /// Egress to the own node is evaluated like any other (option)."
    fn is_own_node_exempt(
        &self,
        direction: Direction,
        subject: &Value,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> bool {
        let peer = connection.peer(direction);
        if !self.own_node_has(subject, peer.address) {
            trace.met_if(
                direction == Direction::Ingress && peer.who == Who::Node,
                Feature::OtherNodeIngressDenied,
            );
            return false;
        }
        let (exempt, feature) = match direction {
            Direction::Ingress if self.options.own_node_ingress_always_allowed => {
                (true, Feature::OwnNodeIngressAllowed)
            }
            Direction::Ingress => (false, Feature::OwnNodeIngressDenied),
            Direction::Egress if self.options.own_node_egress_always_allowed => {
                (true, Feature::OwnNodeEgressAllowed)
            }
            Direction::Egress => (false, Feature::OwnNodeEgressDenied),
        };
        trace.met(feature);
        if exempt {
            let by_name = self.named_node_has(subject, peer.address);
            let by_host_ip = host_addresses(subject).contains(&peer.address);
            trace.met_if(!by_name, Feature::OwnNodeByHostIpAlone);
            trace.met_if(!by_host_ip, Feature::OwnNodeByNodeNameAlone);
            trace.met_if(peer.who == Who::Pod, Feature::OwnNodeAddressIsAPods);
        }
        exempt
    }

    /// "`spec.podSelector` missing, null or `{}`: every pod of the namespace."
    fn selects_subject(&self, policy: &Value, subject: &Value, trace: &Trace) -> bool {
        if namespace(policy) != namespace(subject) {
            return false;
        }
        let nothing = Value::Null;
        let selector = field(policy, &["spec", "podSelector"]).unwrap_or(&nothing);
        let own = Trace::default();
        let selected = Self::selects_pod(selector, subject, &own);
        trace.met_if(own.has(Feature::SelectorEmpty), Feature::SubjectEveryPod);
        for feature in own.into_features() {
            trace.met(feature);
        }
        trace.met_if(!selected, Feature::SubjectPodMissed);
        selected
    }

    fn some_rule_matches(
        &self,
        policy: &Value,
        direction: Direction,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> bool {
        // Every rule is looked at, for the trace.
        let matches: Vec<bool> = list(policy, &["spec", direction.rules()])
            .iter()
            .map(|rule| self.rule_matches(policy, rule, direction, connection, trace))
            .collect();
        matches.contains(&true)
    }

    /// A rule matches if one of its peers and one of its ports do.
    fn rule_matches(
        &self,
        policy: &Value,
        rule: &Value,
        direction: Direction,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> bool {
        let peers = list(rule, &[direction.peers()]);
        let ports = list(rule, &["ports"]);
        let end = connection.peer(direction);

        // "`from`/`to` missing or empty: every peer, external ones too."
        if peers.is_empty() {
            trace.met(Feature::EveryPeer);
            trace.met_if(end.who != Who::Pod, Feature::EveryPeerIsExternalToo);
        } else {
            let matches: Vec<bool> = peers
                .iter()
                .map(|peer| self.peer_matches(policy, peer, end, trace))
                .collect();
            if !matches.contains(&true) {
                return false;
            }
        }

        // "`ports` missing or empty: every port and every protocol, ICMP too."
        if ports.is_empty() {
            trace.met(Feature::EveryPort);
            trace.met_if(
                !has_ports(connection.protocol),
                Feature::EveryPortIsPortlessToo,
            );
            trace.met_if(peers.is_empty(), Feature::EmptyRuleAllows);
            return true;
        }
        // "A rule with `ports` never matches a protocol without ports."
        if !has_ports(connection.protocol) {
            trace.met(Feature::PortsMeetPortless);
            return false;
        }
        // "A policy whose rules name only one protocol still isolates the others."
        trace.met_if(
            ports
                .iter()
                .all(|entry| protocol_at(entry, &["protocol"]) != connection.protocol),
            Feature::PortsOfOtherProtocol,
        );
        let matches: Vec<bool> = ports
            .iter()
            .map(|entry| port_matches(entry, direction, connection, trace))
            .collect();
        matches.contains(&true)
    }

    /// One entry of `from` or `to`.
    fn peer_matches(&self, policy: &Value, peer: &Value, end: End<'_>, trace: &Trace) -> bool {
        let of_pods = field(peer, &["podSelector"]);
        let of_namespaces = field(peer, &["namespaceSelector"]);
        if let Some(block) = field(peer, &["ipBlock"]) {
            assert!(
                of_pods.is_none() && of_namespaces.is_none(),
                "`ipBlock` excludes the others: {peer}"
            );
            return self.ip_block_matches(block, end, trace);
        }
        assert!(
            of_pods.is_some() || of_namespaces.is_some(),
            "a peer with none of the three is invalid: {peer}"
        );
        // "only they [pods] match pod and namespace selectors"
        let Some(pod) = end.pod else {
            trace.met(Feature::PeerSelectorMeetsNoPod);
            return false;
        };
        match (of_pods, of_namespaces) {
            // "`podSelector` alone: pods of the policy's own namespace."
            (Some(of_pods), None) => {
                let selected = Self::selects_pod(of_pods, pod, trace);
                let at_home = namespace(pod) == namespace(policy);
                trace.met_if(selected && !at_home, Feature::PeerPodsOtherNamespace);
                trace.met_if(selected && at_home, Feature::PeerPods);
                selected && at_home
            }
            // "`namespaceSelector` alone: all pods of those namespaces."
            (None, Some(of_namespaces)) => {
                let selected = self.selects_namespace_of(of_namespaces, pod, trace);
                trace.met(if selected {
                    Feature::PeerNamespaces
                } else {
                    Feature::PeerNamespacesMissed
                });
                selected
            }
            // "Both: pods that match in namespaces that match."
            (Some(of_pods), Some(of_namespaces)) => {
                let pod_selected = Self::selects_pod(of_pods, pod, trace);
                let namespace_selected = self.selects_namespace_of(of_namespaces, pod, trace);
                trace.met_if(pod_selected && namespace_selected, Feature::PeerBoth);
                trace.met_if(
                    pod_selected && !namespace_selected,
                    Feature::PeerBothNamespaceMissed,
                );
                trace.met_if(
                    !pod_selected && namespace_selected,
                    Feature::PeerBothPodMissed,
                );
                pod_selected && namespace_selected
            }
            (None, None) => false,
        }
    }

    /// "`ipBlock` matches by address, pods' addresses too (option: not pods). `except` entries lie
    /// strictly inside `cidr`; another peer or policy can allow again what one excepts."
    fn ip_block_matches(&self, block: &Value, end: End<'_>, trace: &Trace) -> bool {
        let whole = needed(block, &["cidr"]);
        if !cidr::contains(whole, end.address) {
            trace.met_if(whole.ends_with("/0"), Feature::WholeFamilyMeetsOther);
            return false;
        }
        if end.who == Who::Pod && !self.options.ip_block_selects_pods {
            trace.met(Feature::IpBlockLeavesPods);
            return false;
        }
        let excepted = list(block, &["except"])
            .iter()
            .filter_map(Value::as_str)
            .any(|except| cidr::contains(except, end.address));
        if excepted {
            trace.met(Feature::ExceptExcludes);
            return false;
        }
        trace.met(match end.who {
            Who::Pod => Feature::IpBlockPod,
            Who::Node => Feature::IpBlockNode,
            Who::External => Feature::IpBlockExternal,
        });
        trace.met_if(end.address.is_ipv6(), Feature::IpBlockV6);
        true
    }
}

/// One entry of `ports`.
///
/// "Port: `protocol` defaults to TCP. No `port`: every port of that protocol. A number, or
/// `port`..`endPort` inclusive […]. A name […]."
fn port_matches(
    entry: &Value,
    direction: Direction,
    connection: &Connection<'_>,
    trace: &Trace,
) -> bool {
    let protocol = protocol_at(entry, &["protocol"]);
    if let Some(wanted) = port_name(entry, &["port"]) {
        return named_port_matches(wanted, Some(protocol), direction, connection, trace);
    }
    if protocol != connection.protocol {
        return false;
    }
    let asked = connection.port;
    let matches = match (port(entry, &["port"]), port(entry, &["endPort"])) {
        (None, _) => {
            trace.met(Feature::PortProtocolAlone);
            trace.met_if(asked == 0, Feature::PortProtocolAloneZero);
            true
        }
        (Some(number), None) => {
            trace.met_if(asked == number, Feature::PortNumber);
            trace.met_if(
                beside_range(asked, number, number),
                Feature::PortNumberBeside,
            );
            asked == number
        }
        (Some(start), Some(end)) => {
            let at_end = asked == start || asked == end;
            let inside = in_range(asked, start, end);
            trace.met_if(at_end, Feature::PortRangeAtEnd);
            trace.met_if(inside && !at_end, Feature::PortRangeInside);
            trace.met_if(beside_range(asked, start, end), Feature::PortRangeBeside);
            inside
        }
    };
    trace.met_if(
        matches && text(entry, &["protocol"]).is_none(),
        Feature::PortProtocolDefault,
    );
    matches
}
