//! Why: the tier, the policy and the rule behind a verdict, and what nearly
//! matched.
//!
//! An explanation is worked out from the rules when it is asked for. It
//! allocates nothing, and it costs a verdict nothing.

mod display;
mod selection;
#[cfg(feature = "serde")]
mod serialize;

use core::net::IpAddr;
pub use selection::{PeerRef, RulePortRef};

use crate::Protocol;
use crate::image::Image;
use crate::image::tables::{NONE, PolicyKind, PolicyRecord, RuleRecord};
use crate::model::{Action, Direction, Tier};
use crate::protocol::PortKey;
use crate::verdict::{
    Assumed, Case, Connection, Decided, Identity, Miss, Pair, Party, PodParty, RuleHit, Verdict,
};

/// Why a connection may pass, or may not.
///
/// `{}` writes a sentence, `{:#}` the whole chain of tiers, a line for each
/// policy that was consulted.
#[derive(Clone, Copy)]
pub struct Explanation<'i> {
    egress: DirectionExplanation<'i>,
    ingress: DirectionExplanation<'i>,
    protocol: Protocol,
    port: u16,
}

/// Why a connection may pass in one direction, or may not.
#[derive(Clone, Copy)]
pub struct DirectionExplanation<'i> {
    case: Case<'i>,
    decided: Decided,
    assumed: Assumed,
}

/// What decides a direction.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Reason<'i> {
    /// The end whose direction it is is no pod, so no policy governs it: allowed.
    NotAPod,
    /// Source and destination are the same pod: allowed.
    SamePod,
    /// The image judges the pods of some nodes only, and this is none of them:
    /// allowed here, for its own node to judge.
    OutOfScope,
    /// A rule decides; [`RuleRef::allows`] tells how.
    Rule(RuleRef<'i>),
    /// The peer is the pod's own node: allowed in the NetworkPolicy tier.
    OwnNode,
    /// NetworkPolicies isolate the pod, and none of their rules matches: denied.
    /// [`DirectionExplanation::policies`] has them all.
    Isolated,
    /// NetworkPolicies select the pod, and isolate it in the other direction
    /// only, which is final here by option: allowed.
    IsolatedElsewhere,
    /// This rule of the Admin tier passes, and nothing behind it decides: allowed.
    Passed(RuleRef<'i>),
    /// Policies with rules for this direction select the pod, but none of them
    /// decides: allowed.
    NoRuleMatches,
    /// No policy governs this direction of the pod: allowed.
    NoPolicySelects,
}

impl Reason<'_> {
    /// The reason as one word, as data has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Reason::NotAPod => "notAPod",
            Reason::SamePod => "samePod",
            Reason::OutOfScope => "outOfScope",
            Reason::Rule(_) => "rule",
            Reason::OwnNode => "ownNode",
            Reason::Isolated => "isolated",
            Reason::IsolatedElsewhere => "isolatedElsewhere",
            Reason::Passed(_) => "passed",
            Reason::NoRuleMatches => "noRuleMatches",
            Reason::NoPolicySelects => "noPolicySelects",
        }
    }
}

/// What a policy that was consulted had to say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConsultedPolicy<'i> {
    /// The policy.
    pub policy: PolicyRef<'i>,
    /// The rule that matched, or how near it came.
    pub outcome: Result<RuleRef<'i>, NearestMiss<'i>>,
}

/// How near a policy that does not match came to matching.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum NearestMiss<'i> {
    /// It has no rules in this direction.
    NoRules,
    /// This rule matches the peer, but not the port or protocol.
    Port(RuleRef<'i>),
    /// This rule matches the port, but not the peer.
    Peer(RuleRef<'i>),
    /// No rule matches the peer or the port.
    Neither,
    /// This rule has a peer that is not known here, and so allows nothing.
    FailsClosed(RuleRef<'i>),
}

/// What was not known, and what was taken to be the case instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Assumption<'i> {
    /// Selectors asked for labels of a namespace of which nothing but the name
    /// was given: taken to have no other label.
    NamespaceWithoutLabels(&'i str),
    /// Rules asked for the address of an end that has none: taken to be outside
    /// every block, network, node and domain name.
    NoAddress,
    /// It mattered whether the peer is the pod's own node, and nothing is known
    /// of that node: taken to be another.
    OwnNodeUnknown,
    /// A pod that was asked about by name states an address that another pod holds:
    /// taken to be that one.
    HeldByAnother {
        /// The address.
        address: IpAddr,
        /// Namespace and name of the pod that was asked about.
        asked: (&'i str, &'i str),
        /// Namespace and name of the pod that holds the address.
        holder: (&'i str, &'i str),
    },
}

/// A policy of an image.
#[derive(Clone, Copy)]
pub struct PolicyRef<'i> {
    image: &'i Image<'i>,
    index: u32,
}

/// A rule of an image.
#[derive(Clone, Copy)]
pub struct RuleRef<'i> {
    policy: PolicyRef<'i>,
    direction: Direction,
    hit: RuleHit,
}

impl<'i> Image<'i> {
    /// Why a connection between two addresses may pass, or may not.
    #[must_use]
    pub fn explain(&'i self, connection: &Connection) -> Explanation<'i> {
        let Connection {
            source,
            destination,
            protocol,
            port,
        } = *connection;
        Pair::of_addresses(self, source, destination).explain(protocol, port)
    }

    /// All policies, in the order of decision.
    pub fn policies(&'i self) -> impl ExactSizeIterator<Item = PolicyRef<'i>> {
        (0..self.policy_count() as u32).map(|index| PolicyRef { image: self, index })
    }
}

impl<'i> Pair<'i> {
    /// Why a connection from the source to the destination may pass, or may not.
    #[must_use]
    pub fn explain(&self, protocol: Protocol, port: u16) -> Explanation<'i> {
        Explanation::new(self.cases(PortKey::new(protocol, port)), protocol, port)
    }
}

impl<'i> Explanation<'i> {
    /// Explains both directions of a connection.
    pub(crate) fn new(cases: [Case<'i>; 2], protocol: Protocol, port: u16) -> Explanation<'i> {
        let [egress, ingress] = cases.map(|case| {
            let mut assumed = Assumed::default();
            let decided = case.decide(&mut assumed);
            DirectionExplanation {
                case,
                decided,
                assumed,
            }
        });
        Explanation {
            egress,
            ingress,
            protocol,
            port,
        }
    }

    /// The verdict that is explained.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict::new(self.egress.is_allowed(), self.ingress.is_allowed())
    }

    /// The source's side.
    #[must_use]
    pub fn egress(&self) -> &DirectionExplanation<'i> {
        &self.egress
    }

    /// The destination's side.
    #[must_use]
    pub fn ingress(&self) -> &DirectionExplanation<'i> {
        &self.ingress
    }

    /// Egress, then ingress.
    #[must_use]
    pub fn directions(&self) -> [&DirectionExplanation<'i>; 2] {
        [&self.egress, &self.ingress]
    }

    /// Who the source is.
    #[must_use]
    pub fn source(&self) -> End<'i> {
        self.egress.end(self.egress.subject())
    }

    /// Who the destination is.
    #[must_use]
    pub fn destination(&self) -> End<'i> {
        self.egress.end(self.egress.peer())
    }

    /// The protocol of the connection.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The destination port, for protocols that have ports.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.protocol.has_ports().then_some(self.port)
    }
}

impl<'i> DirectionExplanation<'i> {
    /// The direction.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.case.direction
    }

    /// Whether the connection may pass in this direction.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.decided.is_allowed()
    }

    /// What decides.
    #[must_use]
    pub fn reason(&self) -> Reason<'i> {
        match self.decided {
            Decided::NotAPod => Reason::NotAPod,
            Decided::SamePod => Reason::SamePod,
            Decided::OutOfScope => Reason::OutOfScope,
            Decided::Rule(hit) => Reason::Rule(self.rule(hit)),
            Decided::OwnNode => Reason::OwnNode,
            Decided::Isolated => Reason::Isolated,
            Decided::IsolatedElsewhere => Reason::IsolatedElsewhere,
            Decided::Passed(hit) => Reason::Passed(self.rule(hit)),
            Decided::Nothing if self.policies().next().is_some() => Reason::NoRuleMatches,
            Decided::Nothing => Reason::NoPolicySelects,
        }
    }

    /// The tier that decides; `None` where no policy does.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        match self.decided {
            Decided::Rule(hit) => Some(self.rule(hit).policy.tier()),
            Decided::OwnNode | Decided::Isolated | Decided::IsolatedElsewhere => {
                Some(Tier::NetworkPolicy)
            }
            Decided::NotAPod
            | Decided::SamePod
            | Decided::OutOfScope
            | Decided::Passed(_)
            | Decided::Nothing => None,
        }
    }

    /// The policies that were consulted, in order: those of the Admin tier up to
    /// the one that decides or passes, then every NetworkPolicy that isolates the
    /// pod in this direction, or else those of the Baseline tier.
    pub fn policies(&self) -> impl Iterator<Item = ConsultedPolicy<'i>> + use<'i> {
        Consulting::new(self.case)
    }

    /// What had to be assumed.
    pub fn assumptions(&self) -> impl Iterator<Item = Assumption<'i>> + Clone + use<'i> {
        let Case {
            image,
            subject,
            peer,
            ..
        } = self.case;
        let Assumed {
            peer_namespace_unlabelled,
            peer_without_address,
            own_node_unknown,
        } = self.assumed;
        let is_same_pod = self.decided == Decided::SamePod;
        let subject = subject
            .pod()
            .filter(|pod| !is_same_pod && self.case.subject_namespace_is_unlabelled(*pod))
            .map(|pod| pod.namespace_name(image));
        let peer = peer
            .pod()
            .filter(|_| peer_namespace_unlabelled)
            .map(|pod| pod.namespace_name(image))
            .filter(|name| Some(*name) != subject);
        let namespaces = [subject, peer].into_iter().flatten();
        let contested = [self.case.subject, self.case.peer]
            .into_iter()
            .filter_map(move |party| held_by_another(image, party));
        contested
            .chain(namespaces.map(Assumption::NamespaceWithoutLabels))
            .chain(peer_without_address.then_some(Assumption::NoAddress))
            .chain(own_node_unknown.then_some(Assumption::OwnNodeUnknown))
    }

    fn rule(&self, hit: RuleHit) -> RuleRef<'i> {
        rule_ref(&self.case, hit)
    }

    fn subject(&self) -> Party<'i> {
        self.case.subject
    }

    fn peer(&self) -> Party<'i> {
        self.case.peer
    }
}

/// Whether the address of a pod that was asked about is another one's.
fn held_by_another<'i>(image: &'i Image<'i>, party: Party<'i>) -> Option<Assumption<'i>> {
    let (asked, holder) = (party.asked?, party.pod()?);
    let name = |pod: PodParty<'i>| (pod.namespace_name(image), pod.name(image));
    match (asked, holder) {
        (PodParty::Known(a), PodParty::Known(b)) if a != b => Some(Assumption::HeldByAnother {
            address: party.address?,
            asked: name(asked),
            holder: name(holder),
        }),
        _ => None,
    }
}

fn rule_ref<'i>(case: &Case<'i>, hit: RuleHit) -> RuleRef<'i> {
    RuleRef {
        policy: PolicyRef {
            image: case.image,
            index: hit.policy,
        },
        direction: case.direction,
        hit,
    }
}

/// Walks the tiers for [`DirectionExplanation::policies`].
struct Consulting<'i> {
    case: Case<'i>,
    policies: Option<crate::verdict::Policies<'i>>,
    /// Whether the Admin tier was left by a Pass.
    passed_admin: bool,
    /// Whether a NetworkPolicy isolates the subject, so that the Baseline tier is
    /// silent.
    isolated: bool,
    done: bool,
}

impl<'i> Consulting<'i> {
    fn new(case: Case<'i>) -> Consulting<'i> {
        let pod = case.subject.pod().filter(|_| !case.is_same_pod);
        Consulting {
            case,
            policies: pod.map(|pod| case.policies(pod)),
            passed_admin: false,
            isolated: false,
            done: false,
        }
    }

    fn consult(&self, policy: u32) -> ConsultedPolicy<'i> {
        let rule = |rule| {
            let record = self.case.record(policy);
            let (first, _) = record.rules(self.case.direction);
            let effect = self.case.effect(first + rule);
            rule_ref(
                &self.case,
                RuleHit {
                    policy,
                    rule,
                    effect,
                },
            )
        };
        let outcome = match self.case.consult(policy, &mut Assumed::default()) {
            Ok(hit) => Ok(rule_ref(&self.case, hit)),
            Err(Miss::NoRules) => Err(NearestMiss::NoRules),
            Err(Miss::Both) => Err(NearestMiss::Neither),
            Err(Miss::Port { rule: index }) => Err(NearestMiss::Port(rule(index))),
            Err(Miss::Peer { rule: index }) => Err(NearestMiss::Peer(rule(index))),
            Err(Miss::FailsClosed { rule: index }) => Err(NearestMiss::FailsClosed(rule(index))),
        };
        ConsultedPolicy {
            policy: PolicyRef {
                image: self.case.image,
                index: policy,
            },
            outcome,
        }
    }
}

impl<'i> Iterator for Consulting<'i> {
    type Item = ConsultedPolicy<'i>;

    fn next(&mut self) -> Option<ConsultedPolicy<'i>> {
        while !self.done {
            let policy = self.policies.as_mut()?.next()?;
            let record = self.case.record(policy);
            match record.kind().tier() {
                Tier::Admin if self.passed_admin => continue,
                Tier::NetworkPolicy if !record.isolates(self.case.direction) => continue,
                Tier::Baseline if self.isolated => continue,
                _ => {}
            }
            let consulted = self.consult(policy);
            match (record.kind().tier(), consulted.outcome) {
                (Tier::Admin, Ok(rule))
                    if rule.action() == Action::Pass && !rule.fails_closed() =>
                {
                    self.passed_admin = true;
                }
                (Tier::NetworkPolicy, _) => self.isolated = true,
                (_, Ok(_)) => self.done = true,
                (_, Err(_)) => {}
            }
            return Some(consulted);
        }
        None
    }
}

impl<'i> PolicyRef<'i> {
    fn record(&self) -> PolicyRecord {
        self.image.cold.policies.get(self.index)
    }

    /// The `kind` of the object.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.record().kind().api_kind()
    }

    /// The tier it speaks in.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.record().kind().tier()
    }

    /// Its namespace; `None` for the cluster-scoped kinds.
    #[must_use]
    pub fn namespace(&self) -> Option<&'i str> {
        match self.record().namespace {
            NONE => None,
            namespace => Some(
                self.image
                    .string(self.image.cold.namespaces.get(namespace).name),
            ),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'i str {
        self.image.string(self.record().name)
    }

    /// Its priority; `None` for the kinds without.
    #[must_use]
    pub fn priority(&self) -> Option<u16> {
        use crate::model::ClusterPolicyApi::BaselineAdminNetworkPolicy;
        match self.record().kind() {
            PolicyKind::Network | PolicyKind::Cluster(BaselineAdminNetworkPolicy) => None,
            PolicyKind::Cluster(_) => u16::try_from(self.record().priority).ok(),
        }
    }

    /// The file it was read from, and the line it begins on; `None` if unknown.
    #[must_use]
    pub fn source(&self) -> Option<(&'i str, u32)> {
        let record = self.record();
        let file = self.image.string(record.file);
        (!file.is_empty()).then_some((file, record.line))
    }

    /// How many pods of the image it selects.
    #[must_use]
    pub fn selected_pods(&self) -> u32 {
        self.record().selected
    }
}

impl PartialEq for PolicyRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.image.as_bytes(), other.image.as_bytes()) && self.index == other.index
    }
}

impl<'i> RuleRef<'i> {
    fn record(&self) -> RuleRecord {
        let (first, _) = self.policy.record().rules(self.direction);
        self.policy.image.cold.rules.get(first + self.hit.rule)
    }

    /// The policy it stands in.
    #[must_use]
    pub fn policy(&self) -> PolicyRef<'i> {
        self.policy
    }

    /// The list it stands in: `egress` or `ingress`.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Its index in that list of the manifest, from 0.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.hit.rule
    }

    /// Its name; `None` if it has none.
    #[must_use]
    pub fn name(&self) -> Option<&'i str> {
        Some(self.policy.image.string(self.record().name)).filter(|name| !name.is_empty())
    }

    /// Its action as written; Allow for the rules of a NetworkPolicy.
    #[must_use]
    pub fn action(&self) -> Action {
        self.hit.effect.action
    }

    /// Whether it has a peer that is not known here, so that it allows nothing if
    /// its action is Allow, and denies everything if not.
    #[must_use]
    pub fn fails_closed(&self) -> bool {
        self.hit.effect.fails_closed
    }

    /// Whether a connection that the rule decides may pass.
    #[must_use]
    pub fn allows(&self) -> bool {
        Decided::Rule(self.hit).is_allowed()
    }

    /// The line it begins on, in the file of its policy; 0 if unknown.
    #[must_use]
    pub fn line(&self) -> u32 {
        // A line of no file leads nowhere.
        self.policy.source().map_or(0, |_| self.record().line)
    }
}

impl PartialEq for RuleRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.policy == other.policy && self.direction == other.direction && self.hit == other.hit
    }
}

/// An end of an explained connection. `{}` writes what people call it.
#[derive(Clone, Copy)]
pub struct End<'i> {
    image: &'i Image<'i>,
    party: Party<'i>,
}

/// What an end is. SEMANTICS, "Who an address is".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndKind {
    /// A pod, of the image or of the question.
    Pod,
    /// A node, or a pod on the host network.
    Node,
    /// Anything else; also a pod that has ended.
    External,
}

impl<'i> DirectionExplanation<'i> {
    fn end(&self, party: Party<'i>) -> End<'i> {
        End {
            image: self.case.image,
            party,
        }
    }
}

impl<'i> End<'i> {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> EndKind {
        match self.party.identity {
            Identity::Pod(_) => EndKind::Pod,
            Identity::Node(_) => EndKind::Node,
            Identity::External => EndKind::External,
        }
    }

    /// The namespace of a pod.
    #[must_use]
    pub fn namespace(&self) -> Option<&'i str> {
        let pod = self.party.pod()?;
        Some(pod.namespace_name(self.image))
    }

    /// The name of a pod or node; `None` where it has none, as a described pod may,
    /// another pod of a workload that has but one, or a node of which no Node object
    /// tells.
    #[must_use]
    pub fn name(&self) -> Option<&'i str> {
        if self.is_another() {
            return None;
        }
        let name = match self.party.identity {
            Identity::Pod(pod) => pod.name(self.image),
            Identity::Node(node) => self.image.string(self.image.cold.nodes.get(node?).name),
            Identity::External => return None,
        };
        Some(name).filter(|name| !name.is_empty())
    }

    /// Its address, if it has one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        // That of the pod that stands in for another is not the other's.
        self.party.address.filter(|_| !self.is_another())
    }

    /// Whether it is a pod that is not given, for which one of its workload stands in.
    fn is_another(&self) -> bool {
        self.party.stands_in_for != 0
    }

    fn is_pod(&self) -> bool {
        self.kind() == EndKind::Pod
    }
}
