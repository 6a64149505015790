//! Warnings about a cluster: what is valid, and yet perhaps not meant.
//!
//! A warning states a fact about the objects that were given; where they do not
//! suffice to tell (no pods at all), nothing is said.

mod ambiguity;
mod dns;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

pub(crate) use dns::usual_servers;

use crate::Diagnostic;
use crate::Protocol;
use crate::image::Image;
use crate::image::tables::*;
use crate::lint::Code;
use crate::model::Direction;
use crate::verdict::{Labels, PodParty, asks_beyond_name, rule_peers, rule_ports};

/// Everything that may be worth a second look:
///
/// - a policy in a namespace that has neither a Namespace object nor a pod, if any
///   were given,
/// - a policy, a pod peer or a node peer that selects nothing that was given,
/// - a named port that no pod has which could be its destination,
/// - two policies of one tier and priority that match some connection differently.
#[must_use]
pub fn check(image: &Image<'_>) -> Vec<Diagnostic> {
    let (found, _) = check_coded(image);
    let found = found.into_iter();
    found.map(|(_, diagnostic)| diagnostic).collect()
}

/// The same, each with what kind of finding it is; and the policies that come second
/// where two of one priority decide differently.
pub(crate) fn check_coded(image: &Image<'_>) -> (Vec<(Code, Diagnostic)>, BTreeSet<u32>) {
    let mut diagnostics = Vec::new();
    let kinds = PodKinds::new(image);
    for policy in 0..image.cold.policies.len() as u32 {
        Checked {
            image,
            policy,
            record: image.cold.policies.get(policy),
        }
        .check(&kinds, &mut diagnostics);
    }
    let second = ambiguity::check(image, &mut diagnostics);
    (diagnostics, second)
}

/// A policy to check.
#[derive(Clone, Copy)]
struct Checked<'i> {
    image: &'i Image<'i>,
    policy: u32,
    record: PolicyRecord,
}

/// A warning about a policy, at a line of it or at its own.
pub(crate) fn warning(
    image: &Image<'_>,
    record: &PolicyRecord,
    line: u32,
    path: String,
    message: String,
) -> Diagnostic {
    let kind = record.kind().api_kind();
    let name = image.string(record.name);
    let object = match image.cold.namespaces.checked(record.namespace) {
        Some(namespace) => format!("{kind} {}/{name}", image.string(namespace.name)),
        None => format!("{kind} {name}"),
    };
    Diagnostic {
        file: image.string(record.file).to_string(),
        line: if line == 0 { record.line } else { line },
        object,
        path,
        message,
        ..Diagnostic::warning()
    }
}

impl Checked<'_> {
    fn check(&self, kinds: &PodKinds, diagnostics: &mut Vec<(Code, Diagnostic)>) {
        let Checked { image, record, .. } = self;
        let mut warn = |code, line, path: String, message: String| {
            diagnostics.push((code, warning(image, record, line, path, message)));
        };
        if kinds.namespace_is_missing(image, record.namespace) {
            warn(
                Code::MissingNamespace,
                0,
                "metadata.namespace".into(),
                "there is no such namespace, nor a pod in it".into(),
            );
        } else if record.selected == 0 && !self.is_of_empty_namespace(kinds) {
            let field = if record.namespace == NONE {
                "spec.subject"
            } else {
                "spec.podSelector"
            };
            if let Some(message) = kinds.selected_in_vain(|kind| self.is_subject(kind)) {
                warn(Code::SubjectSelectsNothing, 0, field.into(), message);
            }
        }
        for direction in Direction::BOTH {
            let (first, len) = record.rules(direction);
            for (index, rule) in image.cold.rules.range(first, len).enumerate() {
                let path = format!("spec.{direction}[{index}]");
                self.check_peers(kinds, &rule, direction, &path, &mut warn);
                self.check_names(kinds, &rule, direction, &path, &mut warn);
            }
        }
    }

    /// Whether it is for all pods of its namespace, and there are none yet: the usual
    /// default, and nothing that could be spelled otherwise.
    fn is_of_empty_namespace(&self, kinds: &PodKinds) -> bool {
        let Checked { record, .. } = self;
        let is_everything = record.subject_namespaces == NONE && record.subject_pods == 0;
        is_everything
            && self.image.cold.namespaces.get(record.namespace).given != 0
            && !kinds.with_pods.contains(&record.namespace)
    }

    /// Whether something is known of the namespaces that a selector selects: there are
    /// pods in one, or it asks for labels that none of the given namespaces has. A
    /// namespace that it names, and of which no pod was given, may have pods.
    fn knows_namespaces(&self, kinds: &PodKinds, selector: u32) -> bool {
        let mut namespaces = self.image.cold.namespaces.iter();
        let asks_known_labels = asks_beyond_name(self.image, selector)
            && namespaces.any(|namespace| namespace.given != 0);
        asks_known_labels
            || kinds.all.iter().any(|kind| {
                let labels = kind.namespace_labels(self.image);
                labels.match_selector(self.image, selector)
            })
    }

    /// Whether a peer selects the DNS servers that a cluster usually has, and no pod was
    /// given of the namespace in which these are.
    fn may_be_dns(&self, kinds: &PodKinds, peer: &PeerRecord) -> bool {
        let image = self.image;
        let namespaces = kinds.with_pods.iter();
        let mut names = namespaces.map(|of| image.string(image.cold.namespaces.get(*of).name));
        PeerKind::from_code(peer.kind) == Some(PeerKind::Pods)
            && peer.a != NONE
            && names.all(|name| name != dns::NAMESPACE)
            && usual_servers().iter().any(|server| {
                let server = PodParty::Described(server);
                let labels = server.namespace_labels(image);
                labels.match_selector(image, peer.a)
                    && server.labels(image).match_selector(image, peer.b)
            })
    }

    /// Peers that select nothing.
    fn check_peers(
        &self,
        kinds: &PodKinds,
        rule: &RuleRecord,
        direction: Direction,
        path: &str,
        warn: &mut impl FnMut(Code, u32, String, String),
    ) {
        let list = match direction {
            Direction::Egress => "to",
            Direction::Ingress => "from",
        };
        for peer in rule_peers(self.image, rule) {
            let what = match PeerKind::from_code(peer.kind) {
                Some(PeerKind::Pods) => "pods",
                Some(PeerKind::Nodes) if self.image.cold.nodes.len() != 0 => "nodes",
                _ => continue,
            };
            let is_known = peer.a == NONE || what != "pods" || self.knows_namespaces(kinds, peer.a);
            let is_known = is_known && !self.may_be_dns(kinds, &peer);
            if peer.selected != 0 || !is_known {
                continue;
            }
            let message = match what {
                "pods" => kinds.selected_in_vain(|kind| self.peer_selects(&peer, kind)),
                _ => Some(format!("selects none of the {what} that were given")),
            };
            if let Some(message) = message {
                let path = format!("{path}.{list}[{}]", peer.index);
                warn(Code::PeerSelectsNothing, rule.line, path, message);
            }
        }
    }

    /// Named ports that no destination has.
    fn check_names(
        &self,
        kinds: &PodKinds,
        rule: &RuleRecord,
        direction: Direction,
        path: &str,
        warn: &mut impl FnMut(Code, u32, String, String),
    ) {
        for (index, port) in rule_ports(self.image, rule).enumerate() {
            if port.name == NONE || kinds.all.is_empty() {
                continue;
            }
            let named = |kind: &PodKind| {
                let facts = self.image.cold.facts.get(kind.facts);
                let named_ports = self.image.cold.named_ports;
                let ports = named_ports.range(facts.ports, facts.ports_len);
                ports.filter(|named| named.name == port.name)
            };
            let has_name =
                |kind: &PodKind| named(kind).any(|named| port.admits(named.protocol_port));
            let is_destination = |kind: &PodKind| match direction {
                Direction::Ingress => kinds.is_selected(self.image, kind, self.policy),
                Direction::Egress => self.is_peer(rule, kind),
            };
            // Where there is no destination, that is what there is to say.
            let mut destinations = kinds
                .all
                .iter()
                .filter(|kind| is_destination(kind))
                .peekable();
            if destinations.peek().is_none() || destinations.any(has_name) {
                continue;
            }
            let whose = match direction {
                Direction::Ingress => "no pod that the policy selects",
                Direction::Egress => "no pod that the rule's peers select",
            };
            let name = self.image.string(port.name);
            let mut destinations = kinds.all.iter().filter(|kind| is_destination(kind));
            let has_it_otherwise = destinations.any(|kind| named(kind).next().is_some());
            let message = if has_it_otherwise {
                let protocol = Protocol(port.first as u8);
                format!(
                    "{whose} has a port named {name:?} for {protocol}, only for another protocol"
                )
            } else {
                format!("{whose} has a port named {name:?}")
            };
            warn(
                Code::UnknownPortName,
                rule.line,
                format!("{path}.{}[{index}]", self.ports_field()),
                message,
            );
        }
    }

    /// What the list of ports is called in the API of the policy.
    fn ports_field(&self) -> &'static str {
        use crate::model::ClusterPolicyApi::{
            ClusterNetworkPolicyAdmin, ClusterNetworkPolicyBaseline,
        };
        match self.record.kind() {
            PolicyKind::Cluster(ClusterNetworkPolicyAdmin | ClusterNetworkPolicyBaseline) => {
                "protocols"
            }
            PolicyKind::Cluster(_) | PolicyKind::Network => "ports",
        }
    }

    /// Whether the policy's own selectors match pods of a kind.
    fn is_subject(&self, kind: &PodKind) -> bool {
        let PolicyRecord {
            subject_namespaces,
            subject_pods,
            ..
        } = self.record;
        self.selects(subject_namespaces, subject_pods, kind)
    }

    /// Whether the selectors of a peer match pods of a kind.
    fn peer_selects(&self, peer: &PeerRecord, kind: &PodKind) -> bool {
        self.selects(peer.a, peer.b, kind)
    }

    /// Whether selectors of namespaces (or the policy's own) and of pods match pods of a
    /// kind.
    fn selects(&self, namespaces: u32, pods: u32, kind: &PodKind) -> bool {
        let image = self.image;
        let in_scope = match namespaces {
            NONE => self.record.namespace == kind.namespace,
            selector => kind.namespace_labels(image).match_selector(image, selector),
        };
        in_scope && kind.labels(image).match_selector(image, pods)
    }

    /// Whether a rule's peers select pods of a kind. A block may hold any pod.
    fn is_peer(&self, rule: &RuleRecord, kind: &PodKind) -> bool {
        if rule.peers_len == NONE {
            return true;
        }
        let image = self.image;
        let mut peers = rule_peers(image, rule);
        peers.any(|peer| match PeerKind::from_code(peer.kind) {
            Some(PeerKind::Pods) => self.peer_selects(&peer, kind),
            Some(PeerKind::IpBlock | PeerKind::Network | PeerKind::Domain) => true,
            Some(PeerKind::Nodes) | None => false,
        })
    }
}

/// The kinds of pod that can be subjects: pods of one kind answer every selector
/// alike.
struct PodKinds {
    all: Vec<PodKind>,
    /// The kinds that are no pods to policies.
    beyond: HashMap<(PodKind, Beyond), usize, ahash::RandomState>,
    /// The namespaces that have pods of any sort.
    with_pods: HashSet<u32, ahash::RandomState>,
    /// Whether Namespace objects or pods were given, so that it tells something if a
    /// namespace has neither.
    tell_namespaces: bool,
}

/// Why policies do not see a pod, though their selectors match its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Beyond {
    /// Its addresses are no longer its own.
    Ended,
    /// It is a node to policies.
    HostNetwork,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct PodKind {
    namespace: u32,
    facts: u32,
    /// The ingress gate, whose policies select them.
    ingress: u32,
}

impl PodKind {
    fn labels<'i>(&self, image: &Image<'i>) -> Labels<'i> {
        let facts = image.cold.facts.get(self.facts);
        Labels::Stored {
            first: facts.labels,
            len: facts.labels_len,
        }
    }

    fn namespace_labels<'i>(&self, image: &Image<'i>) -> Labels<'i> {
        let namespace = image.cold.namespaces.get(self.namespace);
        Labels::Stored {
            first: namespace.labels,
            len: namespace.labels_len,
        }
    }
}

impl PodKinds {
    fn new(image: &Image<'_>) -> PodKinds {
        let hasher = || ahash::RandomState::with_seeds(1, 2, 3, 4);
        let mut kinds = HashMap::with_hasher(hasher());
        let mut beyond: HashMap<(PodKind, Beyond), usize, _> = HashMap::with_hasher(hasher());
        let mut with_pods = HashSet::with_hasher(hasher());
        for pod in image.cold.pods.iter() {
            with_pods.insert(pod.namespace);
            let kind = |ingress| PodKind {
                namespace: pod.namespace,
                facts: pod.facts,
                ingress,
            };
            let why = if pod.flags & pod_flags::ENDED != 0 {
                Some(Beyond::Ended)
            } else {
                (pod.flags & pod_flags::HOST_NETWORK != 0).then_some(Beyond::HostNetwork)
            };
            if let Some(why) = why {
                *beyond.entry((kind(NONE), why)).or_default() += 1;
                continue;
            }
            let class = image.decision.class(crate::image::Place(pod.place));
            let ingress = image.cold.class_gates.get(class).ingress;
            let order = kinds.len();
            kinds.entry(kind(ingress)).or_insert(order);
        }
        let mut all: Vec<_> = kinds.into_iter().collect();
        all.sort_unstable_by_key(|(_, order)| *order);
        PodKinds {
            all: all.into_iter().map(|(kind, _)| kind).collect(),
            tell_namespaces: !with_pods.is_empty()
                || image.cold.namespaces.iter().any(|it| it.given != 0),
            with_pods,
            beyond,
        }
    }

    /// What there is to say of selectors that select no pod that policies know; nothing
    /// where there is none at all.
    fn selected_in_vain(&self, is_selected: impl Fn(&PodKind) -> bool) -> Option<String> {
        let count = |why: Beyond| -> usize {
            let beyond = self.beyond.iter();
            let selected = beyond.filter(|((kind, of), _)| *of == why && is_selected(kind));
            selected.map(|(_, count)| count).sum()
        };
        let (ended, on_node) = (count(Beyond::Ended), count(Beyond::HostNetwork));
        let on_node_says = "on the network of their node";
        match (ended, on_node) {
            (0, 0) if self.all.is_empty() => None,
            (0, 0) => Some("selects none of the pods that were given".into()),
            (ended, 0) => Some(format!("selects only pods that have ended ({ended})")),
            (0, on_node) => Some(format!(
                "selects only pods {on_node_says} ({on_node}), which are nodes to policies"
            )),
            (ended, on_node) => Some(format!(
                "selects only pods that have ended ({ended}) or are {on_node_says} ({on_node}), \
                 and so are nodes to policies"
            )),
        }
    }

    fn namespace_is_missing(&self, image: &Image<'_>, namespace: u32) -> bool {
        namespace != NONE
            && self.tell_namespaces
            && image.cold.namespaces.get(namespace).given == 0
            && !self.with_pods.contains(&namespace)
    }

    /// Whether a policy with ingress rules selects pods of a kind.
    fn is_selected(&self, image: &Image<'_>, kind: &PodKind, policy: u32) -> bool {
        let gate = image.cold.gates.get(kind.ingress);
        image
            .cold
            .gate_policies
            .range(gate.policies, gate.policies_len)
            .any(|other| other == policy)
    }
}
