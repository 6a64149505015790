//! SEMANTICS "CNP, ANP, BANP", and steps 2 and 4 of "Order of decision".

use serde_json::Value;

use super::address::{End, Who, node_addresses};
use super::json::{field, list, name, needed, port, text};
use super::ports::{
    SCTP, TCP, UDP, beside_range, has_ports, in_range, named_port_matches, protocol_at,
};
use super::selector::{labels_of, selects};
use super::{Connection, Direction, Feature, Oracle, Trace, cidr, domain};

/// The three kinds of cluster-wide policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `BaselineAdminNetworkPolicy`.
    Banp,
    /// `AdminNetworkPolicy`.
    Anp,
    /// `ClusterNetworkPolicy`, of either tier.
    Cnp,
}

/// A cluster-wide policy.
#[derive(Clone, Debug)]
pub(super) struct ClusterPolicy {
    pub(super) kind: Kind,
    pub(super) object: Value,
}

/// What a rule does. Accept of CNP is Allow of ANP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Allow,
    Deny,
    Pass,
}

/// The rule that decides in a tier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decider<'a> {
    pub(super) policy: &'a ClusterPolicy,
    pub(super) action: Action,
}

impl Decider<'_> {
    /// The action as far as it makes a difference: in the baseline tier, "Pass ends as allow".
    fn effect(&self) -> Action {
        if self.policy.is_baseline() && self.action == Action::Pass {
            Action::Allow
        } else {
            self.action
        }
    }
}

impl ClusterPolicy {
    /// `spec.priority`; a BANP has none, and its tier does not ask for it.
    pub(super) fn priority(&self) -> u64 {
        field(&self.object, &["spec", "priority"])
            .and_then(Value::as_u64)
            .unwrap_or(0)
    }

    /// `spec.tier` of a CNP.
    pub(super) fn is_baseline(&self) -> bool {
        match self.kind {
            Kind::Anp => false,
            Kind::Banp => true,
            Kind::Cnp => match needed(&self.object, &["spec", "tier"]) {
                "Admin" => false,
                "Baseline" => true,
                other => panic!("unknown tier {other:?}"),
            },
        }
    }

    /// The fields of a peer that are known, for this kind of policy and direction.
    ///
    /// "Ingress peers are pods only"; `domainNames` is no field of the v1alpha1
    /// `BaselineAdminNetworkPolicy`.
    fn known_fields(&self, direction: Direction) -> &'static [&'static str] {
        match (direction, self.kind) {
            (Direction::Ingress, _) => &["namespaces", "pods"],
            (Direction::Egress, Kind::Banp) => &["namespaces", "pods", "nodes", "networks"],
            (Direction::Egress, Kind::Anp | Kind::Cnp) => {
                &["namespaces", "pods", "nodes", "networks", "domainNames"]
            }
        }
    }
}

fn action(rule: &Value) -> Action {
    match needed(rule, &["action"]) {
        "Allow" | "Accept" => Action::Allow,
        "Deny" => Action::Deny,
        "Pass" => Action::Pass,
        other => panic!("unknown action {other:?}"),
    }
}

impl Oracle {
    /// Step 2: "ANP and CNP `tier: Admin` that select the subject, by priority (lower first), then
    /// ANP before CNP, then name; rules in the order written. The first rule that matches decides".
    pub(super) fn admin_tier(
        &self,
        direction: Direction,
        subject: &Value,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> Option<Decider<'_>> {
        let mut tier: Vec<&ClusterPolicy> = self
            .cluster_policies
            .iter()
            .filter(|policy| !policy.is_baseline())
            .collect();
        tier.sort_by_key(|policy| (policy.priority(), policy.kind, name(&policy.object)));
        self.first_match(&tier, direction, subject, connection, trace)
    }

    /// Step 4: "BANP first, then CNP `tier: Baseline` by priority, then name. The first match
    /// decides".
    pub(super) fn baseline_tier(
        &self,
        direction: Direction,
        subject: &Value,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> Option<Decider<'_>> {
        let mut tier: Vec<&ClusterPolicy> = self
            .cluster_policies
            .iter()
            .filter(|policy| policy.is_baseline())
            .collect();
        tier.sort_by_key(|policy| (policy.kind, policy.priority(), name(&policy.object)));
        self.first_match(&tier, direction, subject, connection, trace)
    }

    /// The first rule that matches, in the order given; within a policy "in the order written".
    fn first_match<'a>(
        &self,
        tier: &[&'a ClusterPolicy],
        direction: Direction,
        subject: &Value,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> Option<Decider<'a>> {
        // All matches, so that the trace can tell whether the order made the verdict. What stands
        // behind the first has no other part in it.
        let unread = Trace::default();
        let mut matches: Vec<Decider<'a>> = Vec::new();
        for policy in tier.iter().copied() {
            let trace = if matches.is_empty() { trace } else { &unread };
            if !self.is_subject(policy, subject, trace) {
                continue;
            }
            // "No rules in a direction: no effect in that direction."
            let rules = list(&policy.object, &["spec", direction.rules()]);
            trace.met_if(rules.is_empty(), Feature::ClusterNoRulesInDirection);
            for rule in rules {
                let trace = if matches.is_empty() { trace } else { &unread };
                if let Some(action) = self.rule_action(policy, rule, direction, connection, trace) {
                    matches.push(Decider { policy, action });
                }
            }
        }
        let first = *matches.first()?;
        let other = |next: &&Decider<'_>| next.effect() != first.effect();
        if let Some(next) = matches.iter().find(other) {
            trace.met(order(first.policy, next.policy));
            trace.met_if(first.action == Action::Pass, Feature::PassSkipsLaterRule);
        }
        Some(first)
    }

    /// Whether a policy has a pod as its subject. That it is a pod, and so not host-networked, is
    /// known.
    fn is_subject(&self, policy: &ClusterPolicy, pod: &Value, trace: &Trace) -> bool {
        let subject = field(&policy.object, &["spec", "subject"])
            .unwrap_or_else(|| panic!("spec.subject is missing in {}", policy.object));
        let (selected, feature) = if let Some(selector) = field(subject, &["namespaces"]) {
            let selected = self.selects_namespace_of(selector, pod, trace);
            (selected, Feature::ClusterSubjectNamespaces)
        } else if let Some(pods) = field(subject, &["pods"]) {
            let selected = self.selects_namespaced_pod(pods, pod, trace);
            (selected, Feature::ClusterSubjectPods)
        } else {
            panic!("a subject without namespaces and pods is invalid: {subject}");
        };
        trace.met(if selected {
            feature
        } else {
            Feature::ClusterSubjectMissed
        });
        selected
    }

    /// `namespaceSelector` and `podSelector` together; "empty selectors match all".
    fn selects_namespaced_pod(&self, pods: &Value, pod: &Value, trace: &Trace) -> bool {
        let everything = Value::Null;
        let of_namespaces = field(pods, &["namespaceSelector"]).unwrap_or(&everything);
        let of_pods = field(pods, &["podSelector"]).unwrap_or(&everything);
        self.selects_namespace_of(of_namespaces, pod, trace)
            && Self::selects_pod(of_pods, pod, trace)
    }

    /// What a rule does to a connection; `None` if it does not match.
    fn rule_action(
        &self,
        policy: &ClusterPolicy,
        rule: &Value,
        direction: Direction,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> Option<Action> {
        let action = action(rule);
        let known = policy.known_fields(direction);
        let unknown: Vec<&Value> = list(rule, &[direction.peers()])
            .iter()
            .filter(|peer| !has_known_field(peer, known))
            .collect();
        if unknown.is_empty() {
            return self
                .rule_matches_cluster(policy.kind, rule, direction, connection, trace)
                .then_some(action);
        }

        // "A rule with a peer that has no field known here fails closed, as the API asks: under
        // Allow/Accept the whole **rule** matches nothing; under Deny and Pass it denies
        // everything, whatever its other peers and ports."
        let scratch = Trace::default();
        let would_match =
            self.rule_matches_cluster(policy.kind, rule, direction, connection, &scratch);
        for peer in unknown {
            trace.met(kind_of_unknown(peer));
        }
        trace.met(if policy.is_baseline() {
            Feature::FailClosedInBaseline
        } else {
            Feature::FailClosedInAdmin
        });
        match action {
            Action::Allow => {
                trace.met_if(would_match, Feature::FailClosedAllowMatchesNothing);
                None
            }
            Action::Deny => {
                trace.met_if(!would_match, Feature::FailClosedDenyDenies);
                Some(Action::Deny)
            }
            Action::Pass => {
                trace.met(Feature::FailClosedPassDenies);
                Some(Action::Deny)
            }
        }
    }

    /// Whether some peer of a rule matches and, where it names ports, some port.
    fn rule_matches_cluster(
        &self,
        kind: Kind,
        rule: &Value,
        direction: Direction,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> bool {
        let end = connection.peer(direction);
        let peers = list(rule, &[direction.peers()]);
        let matches: Vec<bool> = peers
            .iter()
            .map(|peer| self.cluster_peer_matches(peer, end, trace))
            .collect();
        if !matches.contains(&true) {
            trace.met_if(
                direction == Direction::Ingress && end.pod.is_none(),
                Feature::IngressLeavesExternal,
            );
            return false;
        }
        let by_networks = peers
            .iter()
            .any(|peer| field(peer, &["networks"]).is_some());

        let entries = match kind {
            Kind::Anp | Kind::Banp => list(rule, &["ports"]),
            Kind::Cnp => list(rule, &["protocols"]),
        };
        if entries.is_empty() {
            let portless = !has_ports(connection.protocol);
            trace.met(Feature::ClusterEveryPort);
            trace.met_if(portless, Feature::ClusterEveryPortIsPortlessToo);
            trace.met_if(
                portless && by_networks,
                Feature::ClusterPeerNetworksPortless,
            );
            return true;
        }
        if !has_ports(connection.protocol) {
            trace.met(Feature::ClusterPortsMeetPortless);
            return false;
        }
        let matches: Vec<bool> = entries
            .iter()
            .map(|entry| match kind {
                Kind::Anp | Kind::Banp => anp_port_matches(entry, direction, connection, trace),
                Kind::Cnp => cnp_protocol_matches(entry, direction, connection, trace),
            })
            .collect();
        let by_name = entries
            .iter()
            .zip(&matches)
            .any(|(entry, &hit)| hit && field(entry, &["destinationNamedPort"]).is_some());
        trace.met_if(by_networks && by_name, Feature::NamedPortBesideNetworks);
        matches.contains(&true)
    }

    /// One entry of `from` or `to`. In ingress only the first two fields are ever asked for a
    /// match: a rule with another has failed closed.
    fn cluster_peer_matches(&self, peer: &Value, end: End<'_>, trace: &Trace) -> bool {
        let (matches, feature) = if let Some(selector) = field(peer, &["namespaces"]) {
            // "`namespaces: {}` and empty selectors match all" – all pods, that is.
            let matches = end
                .pod
                .is_some_and(|pod| self.selects_namespace_of(selector, pod, trace));
            (matches, Feature::ClusterPeerNamespaces)
        } else if let Some(pods) = field(peer, &["pods"]) {
            let matches = end
                .pod
                .is_some_and(|pod| self.selects_namespaced_pod(pods, pod, trace));
            (matches, Feature::ClusterPeerPods)
        } else if let Some(selector) = field(peer, &["nodes"]) {
            let matches = self.nodes_peer_matches(selector, end, trace);
            (matches, Feature::ClusterPeerNodes)
        } else if field(peer, &["networks"]).is_some() {
            // "`networks` matches by address, pods and nodes too, every protocol."
            let matches = list(peer, &["networks"])
                .iter()
                .filter_map(Value::as_str)
                .any(|network| cidr::contains(network, end.address));
            trace.met_if(
                matches && end.address.is_ipv6(),
                Feature::ClusterPeerNetworksV6,
            );
            let feature = match end.who {
                Who::Pod => Feature::ClusterPeerNetworksPod,
                Who::Node => Feature::ClusterPeerNetworksNode,
                Who::External => Feature::ClusterPeerNetworksExternal,
            };
            (matches, feature)
        } else {
            let names: Vec<&str> = list(peer, &["domainNames"])
                .iter()
                .filter_map(Value::as_str)
                .collect();
            return domain::some_resolves_to(&names, &self.domains, end, trace);
        };
        trace.met_if(matches, feature);
        matches
    }

    /// "`nodes` matches the addresses in `Node.status.addresses` of the Nodes whose labels match,
    /// unless the address is a pod's."
    fn nodes_peer_matches(&self, selector: &Value, end: End<'_>, trace: &Trace) -> bool {
        let with_address: Vec<&Value> = self
            .nodes
            .iter()
            .filter(|node| node_addresses(node).contains(&end.address))
            .collect();
        let by_labels = with_address
            .iter()
            .any(|node| selects(selector, &labels_of(node), trace));
        let is_pod = end.pod.is_some();
        trace.met_if(by_labels && is_pod, Feature::ClusterPeerNodesLeavesPod);
        trace.met_if(
            !with_address.is_empty() && !by_labels,
            Feature::ClusterPeerNodesMissed,
        );
        by_labels && !is_pod
    }
}

/// The feature that stands for what put one policy before another.
fn order(first: &ClusterPolicy, next: &ClusterPolicy) -> Feature {
    let same_kind = first.kind == next.kind;
    let same_priority = first.priority() == next.priority();
    if same_kind && name(&first.object) == name(&next.object) {
        return Feature::OrderedByRule;
    }
    match (first.is_baseline(), same_kind, same_priority) {
        (false, _, false) => Feature::AdminOrderedByPriority,
        (false, false, true) => Feature::AdminOrderedByKind,
        (false, true, true) => Feature::AdminOrderedByName,
        (true, false, _) => Feature::BaselineOrderedByKind,
        (true, true, false) => Feature::BaselineOrderedByPriority,
        (true, true, true) => Feature::BaselineOrderedByName,
    }
}

/// Whether a peer has a field that is known in its place; one that is null is absent.
fn has_known_field(peer: &Value, known: &[&str]) -> bool {
    known.iter().any(|key| field(peer, &[key]).is_some())
}

/// The feature that stands for why a peer is not known.
fn kind_of_unknown(peer: &Value) -> Feature {
    let keys: Vec<&str> = peer
        .as_object()
        .map(|fields| fields.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let elsewhere = [
        "networks",
        "nodes",
        "domainNames",
        "ipBlock",
        "podSelector",
        "namespaceSelector",
    ];
    if keys.is_empty() {
        Feature::FailClosedByEmptyPeer
    } else if keys.iter().all(|key| field(peer, &[key]).is_none()) {
        Feature::FailClosedByNullField
    } else if keys.iter().any(|key| elsewhere.contains(key)) {
        Feature::FailClosedByFieldFromElsewhere
    } else {
        Feature::FailClosedByFutureField
    }
}

/// "ANP/BANP ports: exactly one of `portNumber` (protocol defaults to TCP), `portRange`,
/// `namedPort` (any protocol; the destination pod's port of that name)."
fn anp_port_matches(
    entry: &Value,
    direction: Direction,
    connection: &Connection<'_>,
    trace: &Trace,
) -> bool {
    if let Some(wanted) = text(entry, &["namedPort"]) {
        let matches = named_port_matches(wanted, None, direction, connection, trace);
        trace.met_if(matches, Feature::AnpNamedPort);
        return matches;
    }
    let (key, start, end, feature) = if field(entry, &["portNumber"]).is_some() {
        let number = port(entry, &["portNumber", "port"]);
        ("portNumber", number, number, Feature::AnpPortNumber)
    } else {
        let start = port(entry, &["portRange", "start"]);
        let end = port(entry, &["portRange", "end"]);
        ("portRange", start, end, Feature::AnpPortRange)
    };
    let (Some(start), Some(end)) = (start, end) else {
        panic!("a port needs one of portNumber, portRange, namedPort: {entry}");
    };
    if protocol_at(entry, &[key, "protocol"]) != connection.protocol {
        return false;
    }
    let matches = in_range(connection.port, start, end);
    trace.met_if(matches, feature);
    trace.met_if(
        matches && field(entry, &[key, "protocol"]).is_none(),
        Feature::AnpPortProtocolDefault,
    );
    trace.met_if(
        key == "portRange" && beside_range(connection.port, start, end),
        Feature::AnpPortRangeBeside,
    );
    matches
}

/// "CNP `protocols`: exactly one of `tcp`, `udp`, `sctp` (each with an optional `destinationPort`
/// number or range) or `destinationNamedPort`."
fn cnp_protocol_matches(
    entry: &Value,
    direction: Direction,
    connection: &Connection<'_>,
    trace: &Trace,
) -> bool {
    if let Some(wanted) = text(entry, &["destinationNamedPort"]) {
        let matches = named_port_matches(wanted, None, direction, connection, trace);
        trace.met_if(matches, Feature::CnpNamedPort);
        return matches;
    }
    let (key, protocol, feature) = [
        ("tcp", TCP, Feature::CnpTcp),
        ("udp", UDP, Feature::CnpUdp),
        ("sctp", SCTP, Feature::CnpSctp),
    ]
    .into_iter()
    .find(|(key, ..)| field(entry, &[key]).is_some())
    .unwrap_or_else(|| panic!("no protocol is named in {entry}"));
    if protocol != connection.protocol {
        return false;
    }
    let number = port(entry, &[key, "destinationPort", "number"]);
    let start = port(entry, &[key, "destinationPort", "range", "start"]);
    let end = port(entry, &[key, "destinationPort", "range", "end"]);
    let (matches, by) = match (number, start, end) {
        (None, None, None) => (true, Feature::CnpEveryPort),
        (Some(number), ..) => (connection.port == number, Feature::CnpPortNumber),
        (None, Some(start), Some(end)) => {
            trace.met_if(
                beside_range(connection.port, start, end),
                Feature::CnpPortRangeBeside,
            );
            (in_range(connection.port, start, end), Feature::CnpPortRange)
        }
        (None, ..) => panic!("half a range in {entry}"),
    };
    trace.met_if(matches, feature);
    trace.met_if(matches, by);
    matches
}
