//! Policies of one tier and priority that match some connection differently.
//!
//! SEMANTICS, "CNP, ANP, BANP": *the order above decides, and a warning names
//! both*. A pair is reported only with a witness: two ends and a port, made up so
//! that a rule of each policy matches, on which the policies then really differ,
//! the rules in front considered.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use super::warning;
use crate::Diagnostic;
use crate::address::{from_bits, to_bits};
use crate::image::Image;
use crate::image::tables::*;
use crate::lint::Code;
use crate::model::{
    Action, Direction, Label, NAMESPACE_NAME_LABEL, Operator, Tier, domain_matches,
};
use crate::protocol::PortKey;
use crate::reach::{ANY_VALUE, written};
use crate::verdict::{Labels, nodes_at, requirements, rule_peers, rule_ports};

/// How many pairs of rules are looked at; behind, the search ends and says so.
const MAX_PAIRS: usize = 4 << 20;

/// Finds the pairs, and warns of each once. Returns which policies come second.
pub(super) fn check(image: &Image<'_>, diagnostics: &mut Vec<(Code, Diagnostic)>) -> BTreeSet<u32> {
    let mut second = BTreeSet::new();
    let mut search = Search { image, pairs: 0 };
    let policies: Vec<_> = (0..)
        .zip(image.cold.policies.iter())
        .filter(|(_, policy)| policy.namespace == NONE)
        .collect();
    for (index, (_, a)) in policies.iter().enumerate() {
        for (number, b) in policies.iter().skip(index + 1) {
            // They are sorted by tier, then by what decides before the name.
            if !same_rank(a, b) {
                break;
            }
            if let Some((witness, rules)) = search.conflict(a, b) {
                let described = describe(image, a, b, &witness, rules);
                diagnostics.push((Code::PriorityConflict, described));
                second.insert(*number);
            }
            if search.pairs > MAX_PAIRS {
                let message =
                    "too many policies of one tier and priority to compare them all".to_string();
                let unfinished = warning(image, a, 0, "spec.priority".into(), message);
                diagnostics.push((Code::PriorityConflict, unfinished));
                return second;
            }
        }
    }
    second
}

/// Whether nothing but their kinds and names puts two policies in order.
fn same_rank(a: &PolicyRecord, b: &PolicyRecord) -> bool {
    use crate::model::ClusterPolicyApi::BaselineAdminNetworkPolicy;
    // A BaselineAdminNetworkPolicy has no priority, and comes first.
    let is_banp =
        |policy: &PolicyRecord| policy.kind() == PolicyKind::Cluster(BaselineAdminNetworkPolicy);
    a.kind().tier() == b.kind().tier() && a.priority == b.priority && is_banp(a) == is_banp(b)
}

fn describe(
    image: &Image<'_>,
    a: &PolicyRecord,
    b: &PolicyRecord,
    witness: &Witness,
    rules: [u32; 2],
) -> Diagnostic {
    let direction = witness.direction;
    let rule =
        |policy: &PolicyRecord, rule: u32| image.cold.rules.get(policy.rules(direction).0 + rule);
    let does = |rule: &RuleRecord| {
        RuleEffect::decode(rule.action).map_or(String::new(), |effect| effect.action.to_string())
    };
    let [in_a, in_b] = rules;
    let (rule_a, rule_b) = (rule(a, in_a), rule(b, in_b));
    let place = match image.string(b.file) {
        "" => String::new(),
        file => format!(" ({file}:{})", b.line),
    };
    let message = format!(
        "{} {}{place} has the same tier and priority, and decides some connections otherwise: \
         {direction}[{in_a}] here {}, {direction}[{in_b}] there {}, {witness}; this one comes first",
        b.kind().api_kind(),
        image.string(b.name),
        does(&rule_a),
        does(&rule_b),
    );
    warning(
        image,
        a,
        rule_a.line,
        format!("spec.{direction}[{in_a}]"),
        message,
    )
}

struct Search<'i> {
    image: &'i Image<'i>,
    /// How many pairs of rules were looked at.
    pairs: usize,
}

impl Search<'_> {
    /// A connection, and a rule of each policy that decide it differently.
    fn conflict(&mut self, a: &PolicyRecord, b: &PolicyRecord) -> Option<(Witness, [u32; 2])> {
        for direction in Direction::BOTH {
            let (rules_a, rules_b) = (self.rules(a, direction), self.rules(b, direction));
            for rule_a in &rules_a {
                for rule_b in &rules_b {
                    self.pairs += 1;
                    if decision(a, rule_a) == decision(b, rule_b) {
                        continue;
                    }
                    let witness = Witness::new(self.image, direction, [(a, rule_a), (b, rule_b)]);
                    let decided = witness.and_then(|witness| {
                        let first = |rules| witness.first_match(self.image, rules);
                        let hits = (first(&rules_a)?, first(&rules_b)?);
                        Some((hits, witness))
                    });
                    if let Some((((in_a, hit_a), (in_b, hit_b)), witness)) = decided
                        && decision(a, &hit_a) != decision(b, &hit_b)
                    {
                        return Some((witness, [in_a, in_b]));
                    }
                }
            }
        }
        None
    }

    fn rules(&self, policy: &PolicyRecord, direction: Direction) -> Vec<RuleRecord> {
        let (first, len) = policy.rules(direction);
        self.image.cold.rules.range(first, len).collect()
    }
}

/// What a rule does with a connection it matches; `None` if it never matches.
fn decision(policy: &PolicyRecord, rule: &RuleRecord) -> Option<Action> {
    let effect = RuleEffect::decode(rule.action)?;
    match (effect.action, effect.fails_closed) {
        (Action::Allow, true) => None,
        (_, true) => Some(Action::Deny),
        (Action::Pass, false) if policy.kind().tier() == Tier::Baseline => Some(Action::Allow),
        (action, false) => Some(action),
    }
}

fn fails_closed(rule: &RuleRecord) -> bool {
    RuleEffect::decode(rule.action).is_some_and(|effect| effect.fails_closed)
}

/// A connection that two rules match.
struct Witness {
    direction: Direction,
    peer: Peer,
    key: PortKey,
    /// Port names of the destination, if it is a pod: each is `key`.
    names: Vec<u32>,
}

/// The other end.
struct Peer {
    /// Labels of namespace and pod; `None` for what is no pod.
    pod: Option<[Vec<Label<'static>>; 2]>,
    address: Option<IpAddr>,
}

/// `such as TCP 80 from a pod with app=web in a namespace with team=web`.
impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = |labels: &[Label<'_>]| {
            if labels.is_empty() {
                "without labels".to_string()
            } else {
                format!("with {}", written(labels))
            }
        };
        // Key 0 is that of every port.
        match PortKey(self.key.0.max(1)).parts() {
            Some((protocol, port)) => write!(f, "such as {protocol} {}", port.max(1))?,
            None => f.write_str("such as ICMP")?,
        }
        f.write_str(match self.direction {
            Direction::Egress => " to ",
            Direction::Ingress => " from ",
        })?;
        if let Some([namespace, pod]) = &self.peer.pod {
            write!(f, "a pod {} in a namespace {}", with(pod), with(namespace))?;
        }
        match (&self.peer.pod, self.peer.address) {
            (Some(_), Some(address)) => write!(f, " at {address}"),
            (None, Some(address)) => write!(f, "{address}"),
            (_, None) => Ok(()),
        }
    }
}

impl Witness {
    fn new(
        image: &Image<'_>,
        direction: Direction,
        rules: [(&PolicyRecord, &RuleRecord); 2],
    ) -> Option<Witness> {
        let [(a, rule_a), (b, rule_b)] = rules;
        let namespaces = [a.subject_namespaces, b.subject_namespaces];
        let pods = [a.subject_pods, b.subject_pods];
        namespace_labels(image, &namespaces)?;
        labels(image, &pods)?;
        let (key, names) = common_port(image, rule_a, rule_b)?;
        let peer = common_peer(
            image,
            rule_a,
            rule_b,
            direction == Direction::Egress && !names.is_empty(),
        )?;
        Some(Witness {
            direction,
            peer,
            key,
            names,
        })
    }

    /// The first of some rules that matches the connection, with its index.
    fn first_match(&self, image: &Image<'_>, rules: &[RuleRecord]) -> Option<(u32, RuleRecord)> {
        let matches = |rule: &RuleRecord| {
            fails_closed(rule) || (self.port_matches(image, rule) && self.peer_matches(image, rule))
        };
        let mut candidates = rules.iter().enumerate();
        candidates
            .find(|(_, rule)| {
                let allows = RuleEffect::decode(rule.action)
                    .is_some_and(|effect| effect.action == Action::Allow);
                matches(rule) && !(fails_closed(rule) && allows)
            })
            .map(|(index, rule)| (index as u32, *rule))
    }

    fn port_matches(&self, image: &Image<'_>, rule: &RuleRecord) -> bool {
        let destination_is_pod = self.direction == Direction::Ingress || self.peer.pod.is_some();
        rule.ports_len == NONE
            || rule_ports(image, rule).any(|port| match port.name {
                NONE => (port.first..=port.last).contains(&self.key.0),
                name => destination_is_pod && self.names.contains(&name) && admits(&port, self.key),
            })
    }

    fn peer_matches(&self, image: &Image<'_>, rule: &RuleRecord) -> bool {
        let mut peers = rule_peers(image, rule);
        peers.any(|peer| match PeerKind::from_code(peer.kind) {
            Some(PeerKind::Pods) => self.peer.pod.as_ref().is_some_and(|[namespace, pod]| {
                Labels::Given(namespace).match_selector(image, peer.a)
                    && Labels::Given(pod).match_selector(image, peer.b)
            }),
            Some(PeerKind::Nodes) if self.peer.pod.is_some() => false,
            _ => self
                .peer
                .address
                .is_some_and(|address| holds(image, &peer, address)),
        })
    }
}

fn admits(port: &RulePortRecord, key: PortKey) -> bool {
    key.parts().is_some_and(|(protocol, number)| {
        port.admits(u32::from(protocol.0) << 16 | u32::from(number))
    })
}

/// Whether a peer that is told by addresses holds one.
fn holds(image: &Image<'_>, peer: &PeerRecord, address: IpAddr) -> bool {
    match PeerKind::from_code(peer.kind) {
        Some(PeerKind::Network) => {
            let cidr = image.cold.cidrs.get(peer.a).decode_cidr();
            cidr.is_some_and(|cidr| cidr.contains(address))
        }
        Some(PeerKind::Nodes) => nodes_at(image, address).any(|node| {
            Labels::Stored {
                first: node.labels,
                len: node.labels_len,
            }
            .match_selector(image, peer.a)
        }),
        Some(PeerKind::Domain) => domain_addresses(image, peer).any(|other| other == address),
        _ => false,
    }
}

fn domain_addresses<'i>(
    image: &Image<'i>,
    peer: &PeerRecord,
) -> impl Iterator<Item = IpAddr> + use<'i> {
    let pattern = image.string(peer.a);
    let image = *image;
    let domains = image.cold.domains.iter();
    let domains = domains.filter(move |domain| domain_matches(pattern, image.string(domain.name)));
    domains
        .flat_map(move |domain| {
            image
                .cold
                .addresses
                .range(domain.addresses, domain.addresses_len)
        })
        .map(|record| from_bits(record.address))
}

/// A port that both rules match, and the names that the destination must give it.
fn common_port(image: &Image<'_>, a: &RuleRecord, b: &RuleRecord) -> Option<(PortKey, Vec<u32>)> {
    /// Where a rule says nothing of ports: HTTP is as good as any.
    const ANY: RulePortRecord = RulePortRecord {
        first: 0,
        last: PortKey::PORTLESS.0,
        name: NONE,
    };
    let ports = |rule: &RuleRecord| -> Vec<_> {
        let every = rule.ports_len == NONE || fails_closed(rule);
        if every {
            Vec::from([ANY])
        } else {
            rule_ports(image, rule).collect()
        }
    };
    for port_a in ports(a) {
        for port_b in ports(b) {
            let found = match (port_a.name, port_b.name) {
                (NONE, NONE) => {
                    let first = port_a.first.max(port_b.first);
                    (first <= port_a.last.min(port_b.last)).then_some((PortKey(first), Vec::new()))
                }
                (name, NONE) => named_within(&port_a, &port_b).map(|key| (key, Vec::from([name]))),
                (NONE, name) => named_within(&port_b, &port_a).map(|key| (key, Vec::from([name]))),
                (name_a, name_b) => named_within(&port_a, &ANY)
                    .filter(|key| admits(&port_b, *key))
                    .or_else(|| named_within(&port_b, &ANY).filter(|key| admits(&port_a, *key)))
                    .map(|key| (key, Vec::from([name_a, name_b]))),
            };
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

/// A key within a range that a name may resolve to.
fn named_within(named: &RulePortRecord, range: &RulePortRecord) -> Option<PortKey> {
    use crate::Protocol;
    let protocols = [Protocol::TCP, Protocol::UDP, Protocol::SCTP];
    protocols.into_iter().find_map(|protocol| {
        // Port 0 is no container port.
        let first = range.first.max(PortKey::new(protocol, 1).0);
        let key = PortKey(first);
        let is_inside = first <= range.last.min(PortKey::new(protocol, u16::MAX).0);
        (is_inside && admits(named, key)).then_some(key)
    })
}

/// A peer that both rules match; a pod if it must have named ports.
fn common_peer(
    image: &Image<'_>,
    a: &RuleRecord,
    b: &RuleRecord,
    must_be_pod: bool,
) -> Option<Peer> {
    let peers = |rule: &RuleRecord| -> Vec<Option<PeerRecord>> {
        if fails_closed(rule) {
            // It takes whatever the other rule matches.
            return Vec::from([None]);
        }
        rule_peers(image, rule).map(Some).collect()
    };
    for peer_a in peers(a) {
        for peer_b in peers(b) {
            let found = match (peer_a, peer_b) {
                (Some(a), Some(b)) => meet(image, &[a, b], must_be_pod),
                (Some(one), None) | (None, Some(one)) => meet(image, &[one], must_be_pod),
                (None, None) => meet(image, &[], must_be_pod),
            };
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

/// An end that is all of some peers at once.
fn meet(image: &Image<'_>, peers: &[PeerRecord], must_be_pod: bool) -> Option<Peer> {
    let is_pods = |peer: &&PeerRecord| PeerKind::from_code(peer.kind) == Some(PeerKind::Pods);
    let (of_pods, by_address): (Vec<_>, Vec<_>) = peers.iter().partition(is_pods);
    let is_pod = !of_pods.is_empty() || must_be_pod || peers.is_empty();
    let names_nodes = |peer: &&PeerRecord| PeerKind::from_code(peer.kind) == Some(PeerKind::Nodes);
    if is_pod && by_address.iter().any(names_nodes) {
        return None;
    }
    let pod = if is_pod {
        let selectors = |select: fn(&PeerRecord) -> u32| {
            of_pods.iter().map(|peer| select(peer)).collect::<Vec<_>>()
        };
        let namespace = namespace_labels(image, &selectors(|peer| peer.a))?;
        Some([namespace, labels(image, &selectors(|peer| peer.b))?])
    } else {
        None
    };
    let address = if by_address.is_empty() {
        None
    } else {
        let candidates = by_address.iter().flat_map(|peer| candidates(image, peer));
        let mut in_all =
            candidates.filter(|address| by_address.iter().all(|peer| holds(image, peer, *address)));
        Some(in_all.next()?)
    };
    Some(Peer { pod, address })
}

/// Addresses of a peer, among which one of its common addresses with another is.
fn candidates(image: &Image<'_>, peer: &PeerRecord) -> Vec<IpAddr> {
    match PeerKind::from_code(peer.kind) {
        // Of two networks that overlap, one begins within the other.
        Some(PeerKind::Network) => {
            let cidr = image.cold.cidrs.get(peer.a).decode_cidr();
            cidr.map(|cidr| cidr.network()).into_iter().collect()
        }
        Some(PeerKind::Nodes) => image
            .cold
            .node_addresses
            .iter()
            .filter(|record| record.node != NONE)
            .map(|record| from_bits(record.address))
            .filter(|address| to_bits(*address) != 0)
            .collect(),
        Some(PeerKind::Domain) => domain_addresses(image, peer).collect(),
        _ => Vec::new(),
    }
}

/// Labels of a namespace that some selectors match, its own name among them.
fn namespace_labels(image: &Image<'_>, selectors: &[u32]) -> Option<Vec<Label<'static>>> {
    let mut labels = labels(image, selectors)?;
    let has_name = labels
        .iter()
        .any(|label| &*label.key == NAMESPACE_NAME_LABEL);
    if !has_name {
        let is_refused = all_requirements(image, selectors).any(|demand| {
            image.string(demand.key) == NAMESPACE_NAME_LABEL
                && operator_from_code(demand.operator) == Some(Operator::DoesNotExist)
        });
        if is_refused {
            return None;
        }
        labels.push(Label::new(NAMESPACE_NAME_LABEL, ANY_VALUE));
    }
    Some(labels)
}

fn all_requirements<'i>(
    image: &'i Image<'i>,
    selectors: &'i [u32],
) -> impl Iterator<Item = RequirementRecord> + 'i {
    selectors
        .iter()
        .flat_map(|selector| requirements(image, *selector))
}

/// Labels that some selectors match together; `None` if they contradict.
fn labels(image: &Image<'_>, selectors: &[u32]) -> Option<Vec<Label<'static>>> {
    let demands: Vec<_> = all_requirements(image, selectors).collect();
    let mut keys: Vec<_> = demands.iter().map(|demand| demand.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut labels = Vec::new();
    for key in keys {
        let of_key: Vec<_> = demands
            .iter()
            .filter(|demand| demand.key == key)
            .copied()
            .collect();
        let with = |operator| {
            let of_operator = move |demand: &&RequirementRecord| {
                operator_from_code(demand.operator) == Some(operator)
            };
            of_key.iter().filter(of_operator)
        };
        let must_be_absent = with(Operator::DoesNotExist).next().is_some();
        let must_be_present = with(Operator::In)
            .chain(with(Operator::Exists))
            .next()
            .is_some();
        if !must_be_present {
            continue;
        }
        if must_be_absent {
            return None;
        }
        let lists = |demand: &RequirementRecord, value| {
            image
                .cold
                .values
                .range(demand.values, demand.values_len)
                .any(|listed| listed == value)
        };
        let value = match with(Operator::In).next() {
            None => ANY_VALUE.to_string(),
            Some(first) => {
                let mut values = image.cold.values.range(first.values, first.values_len);
                let value = values.find(|value| {
                    with(Operator::In).all(|demand| lists(demand, *value))
                        && !with(Operator::NotIn).any(|demand| lists(demand, *value))
                })?;
                image.string(value).to_string()
            }
        };
        labels.push(Label::new(image.string(key).to_string(), value));
    }
    Some(labels)
}
