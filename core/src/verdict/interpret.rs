//! The rules, applied one by one to one connection: what explains every verdict,
//! and decides those that the tables leave open.
//!
//! Each paragraph of SEMANTICS, "Order of decision", is a function here; the
//! compiler's `tiers` plays the same on sets of peers.

use core::net::IpAddr;

use super::labels::asks_beyond_name;
use super::party::{Identity, Party, PodParty, nodes_at};
use crate::address::to_bits;
use crate::image::Image;
use crate::image::tables::*;
use crate::model::{Action, Direction, IsolationScope, Options, OwnNode, Tier, domain_matches};
use crate::protocol::PortKey;

/// One direction of one connection.
#[derive(Clone, Copy)]
pub(crate) struct Case<'i> {
    pub(crate) image: &'i Image<'i>,
    pub(crate) direction: Direction,
    /// The end whose policies decide.
    pub(crate) subject: Party<'i>,
    /// The other end.
    pub(crate) peer: Party<'i>,
    /// Whether both ends are one and the same pod, and not two pods of which one
    /// stands for both.
    pub(crate) is_same_pod: bool,
    /// What is left out, to see what it does.
    pub(crate) without: Without<'i>,
    pub(crate) key: PortKey,
}

/// A part of an image's policies, to be left out of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without<'i> {
    Nothing,
    /// An index in `POLICIES`.
    #[cfg_attr(not(feature = "alloc"), allow(dead_code))]
    Policy(u32),
    /// A rule of a policy, by its index in the list of the case's direction.
    #[cfg_attr(not(feature = "alloc"), allow(dead_code))]
    Rule(u32, u32),
    /// Policies, and rules by policy, direction and index; both sorted.
    #[cfg_attr(not(feature = "alloc"), allow(dead_code))]
    These {
        policies: &'i [u32],
        rules: &'i [(u32, Direction, u32)],
    },
}

impl Without<'_> {
    fn has_policy(&self, policy: u32) -> bool {
        match self {
            Without::Policy(left_out) => *left_out == policy,
            Without::These { policies, .. } => policies.binary_search(&policy).is_ok(),
            Without::Nothing | Without::Rule(..) => false,
        }
    }

    fn has_rule(&self, policy: u32, direction: Direction, rule: u32) -> bool {
        match self {
            Without::Rule(of, left_out) => (*of, *left_out) == (policy, rule),
            Without::These { rules, .. } => rules.binary_search(&(policy, direction, rule)).is_ok(),
            Without::Nothing | Without::Policy(_) => false,
        }
    }
}

/// A rule that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RuleHit {
    /// An index in `Policies`.
    pub(crate) policy: u32,
    /// The index in the manifest's list.
    pub(crate) rule: u32,
    pub(crate) effect: RuleEffect,
}

/// What decides a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    /// The subject is no pod.
    NotAPod,
    /// The image does not judge the subject: its node is not in its scope.
    OutOfScope,
    /// Both ends are the same pod.
    SamePod,
    /// A rule.
    Rule(RuleHit),
    /// The peer is the subject's own node, in the NetworkPolicy tier.
    OwnNode,
    /// NetworkPolicies isolate the subject, and none allows the connection.
    Isolated,
    /// NetworkPolicies select the subject, but isolate it in the other direction
    /// only, and that is final ([`IsolationScope::EitherDirection`]).
    IsolatedElsewhere,
    /// This rule of the Admin tier passes, and nothing behind it decides.
    Passed(RuleHit),
    /// Nothing decides.
    Nothing,
}

impl Decided {
    pub(crate) fn is_allowed(self) -> bool {
        match self {
            Decided::NotAPod
            | Decided::OutOfScope
            | Decided::SamePod
            | Decided::OwnNode
            | Decided::IsolatedElsewhere
            | Decided::Passed(_)
            | Decided::Nothing => true,
            Decided::Isolated => false,
            // A Pass that decides does so in the Baseline tier, behind which is nothing.
            Decided::Rule(hit) => {
                hit.effect.action == Action::Allow
                    || hit.effect.action == Action::Pass && !hit.effect.fails_closed
            }
        }
    }
}

/// What could not be known, and was taken to be otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Assumed {
    /// A selector asked for labels of the peer's namespace, of which only the name
    /// is known.
    pub(crate) peer_namespace_unlabelled: bool,
    /// A rule asked for the address of a peer that has none.
    pub(crate) peer_without_address: bool,
    /// It mattered whether the peer is the subject's own node, and nothing is
    /// known of that node.
    pub(crate) own_node_unknown: bool,
}

/// How near a policy came to matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Miss {
    /// It has no rules in this direction.
    NoRules,
    /// This rule matches the peer, but not the port or protocol.
    Port { rule: u32 },
    /// This rule matches the port, but not the peer.
    Peer { rule: u32 },
    /// No rule matches either.
    Both,
    /// This rule fails closed, and would allow.
    FailsClosed { rule: u32 },
}

impl<'i> Case<'i> {
    /// What is known of a subject before a peer and a port are: the peer is itself, and
    /// the port key the first.
    #[cfg_attr(not(feature = "alloc"), allow(dead_code))]
    pub(crate) fn of_subject(
        image: &'i Image<'i>,
        direction: Direction,
        subject: Party<'i>,
    ) -> Case<'i> {
        Case {
            image,
            direction,
            subject,
            peer: subject,
            is_same_pod: false,
            without: Without::Nothing,
            key: PortKey(0),
        }
    }

    fn options(&self) -> Options {
        self.image.options()
    }

    /// Who decides, and how. SEMANTICS, "Order of decision, per direction".
    pub(crate) fn decide(&self, assumed: &mut Assumed) -> Decided {
        // 1.
        let Some(subject) = self.subject.pod() else {
            return Decided::NotAPod;
        };
        if self.is_same_pod {
            return Decided::SamePod;
        }
        if subject.is_out_of_scope(self.image) {
            return Decided::OutOfScope;
        }
        // 2.
        let admin = self.first_hit(subject, Tier::Admin, assumed);
        if let Some(hit) = admin
            && (hit.effect.action != Action::Pass || hit.effect.fails_closed)
        {
            return Decided::Rule(hit);
        }
        // 3.
        if let Some(decided) = self.network_policy_tier(subject, assumed) {
            return decided;
        }
        // 4.
        if let Some(hit) = self.first_hit(subject, Tier::Baseline, assumed) {
            return Decided::Rule(hit);
        }
        // 5.
        admin.map_or(Decided::Nothing, Decided::Passed)
    }

    /// The first rule of a tier that matches.
    pub(crate) fn first_hit(
        &self,
        subject: PodParty<'i>,
        tier: Tier,
        assumed: &mut Assumed,
    ) -> Option<RuleHit> {
        for policy in self.policies(subject) {
            if self.record(policy).kind().tier() == tier
                && !self.without.has_policy(policy)
                && let Ok(hit) = self.consult(policy, assumed)
            {
                return Some(hit);
            }
        }
        None
    }

    /// What the NetworkPolicy tier decides, if it is final.
    fn network_policy_tier(&self, subject: PodParty<'i>, assumed: &mut Assumed) -> Option<Decided> {
        let mut decided = None;
        for policy in self.policies(subject) {
            let record = self.record(policy);
            if record.kind() != PolicyKind::Network || self.without.has_policy(policy) {
                continue;
            }
            if !record.isolates(self.direction) {
                decided = decided.or(Some(Decided::IsolatedElsewhere));
                continue;
            }
            decided = Some(Decided::Isolated);
            if let Ok(hit) = self.consult(policy, assumed) {
                return Some(Decided::Rule(hit));
            }
        }
        if decided == Some(Decided::Isolated) && self.is_own_node(subject, assumed) {
            return Some(Decided::OwnNode);
        }
        decided
    }

    /// Whether the peer is the subject's own node, and that counts.
    fn is_own_node(&self, subject: PodParty<'i>, assumed: &mut Assumed) -> bool {
        let counts = match self.direction {
            Direction::Egress => self.options().own_node_egress,
            Direction::Ingress => self.options().own_node_ingress,
        };
        if counts == OwnNode::Evaluated {
            return false;
        }
        match self.peer.address {
            Some(address) => {
                let is_node = matches!(self.peer.identity, Identity::Node(_));
                assumed.own_node_unknown |= is_node && subject.own_node_is_unknown(self.image);
                subject.own_node_has(self.image, address)
            }
            None => {
                assumed.peer_without_address |= matches!(self.peer.identity, Identity::Node(_));
                false
            }
        }
    }

    pub(crate) fn record(&self, policy: u32) -> PolicyRecord {
        self.image.cold.policies.get(policy)
    }

    /// The policies that select the subject and matter in this direction, in
    /// their order.
    pub(crate) fn policies(&self, subject: PodParty<'i>) -> Policies<'i> {
        let cold = &self.image.cold;
        let searched = Policies::Searched {
            case: *self,
            subject,
            at: 0,
        };
        match subject {
            PodParty::Known(pod) => {
                let place = crate::image::Place(cold.pods.get(pod).place);
                let gates = cold.class_gates.get(self.image.decision.class(place));
                let gate = cold.gates.get(match self.direction {
                    Direction::Egress => gates.egress,
                    Direction::Ingress => gates.ingress,
                });
                if gate == GateRecord::SEARCHED {
                    return searched;
                }
                Policies::Stored {
                    case: *self,
                    at: gate.policies,
                    end: gate.policies + gate.policies_len,
                }
            }
            PodParty::Described(_) => searched,
        }
    }

    /// Whether some policy chooses its subject by labels of a namespace of which
    /// the subject's tells nothing but its name.
    pub(crate) fn subject_namespace_is_unlabelled(&self, subject: PodParty<'i>) -> bool {
        let mut policies = self.image.cold.policies.iter();
        subject.namespace_is_only_named(self.image)
            && policies.any(|policy| {
                self.concerns(&policy) && asks_beyond_name(self.image, policy.subject_namespaces)
            })
    }

    /// The effect of a rule, by its index in `Rules`.
    pub(crate) fn effect(&self, rule: u32) -> RuleEffect {
        let denies = RuleEffect {
            action: Action::Deny,
            fails_closed: false,
        };
        RuleEffect::decode(self.image.cold.rules.get(rule).action).unwrap_or(denies)
    }

    fn selects(&self, policy: &PolicyRecord, subject: PodParty<'i>) -> bool {
        let image = self.image;
        let in_scope = match policy.subject_namespaces {
            NONE => subject.namespace(image) == Some(policy.namespace),
            selector => subject
                .namespace_labels(image)
                .match_selector(image, selector),
        };
        in_scope
            && subject
                .labels(image)
                .match_selector(image, policy.subject_pods)
    }

    /// Whether a policy that selects the subject matters in this direction.
    fn concerns(&self, policy: &PolicyRecord) -> bool {
        match policy.kind() {
            PolicyKind::Network => {
                policy.isolates(self.direction)
                    || self.options().isolation == IsolationScope::EitherDirection
            }
            PolicyKind::Cluster(_) => policy.rules(self.direction).1 != 0,
        }
    }

    /// The first rule of a policy that matches, or how near it came.
    pub(crate) fn consult(&self, policy: u32, assumed: &mut Assumed) -> Result<RuleHit, Miss> {
        let record = self.record(policy);
        let (first, len) = record.rules(self.direction);
        let mut nearest = if len == 0 { Miss::NoRules } else { Miss::Both };
        for (index, rule) in self.image.cold.rules.range(first, len).enumerate() {
            let index = index as u32;
            let Some(effect) = RuleEffect::decode(rule.action) else {
                continue;
            };
            if self.without.has_rule(policy, self.direction, index) {
                continue;
            }
            let hit = RuleHit {
                policy,
                rule: index,
                effect,
            };
            if effect.fails_closed {
                if effect.action == Action::Allow {
                    nearest = nearest.or(Miss::FailsClosed { rule: index });
                    continue;
                }
                return Ok(hit);
            }
            let peer = self.rule_matches_peer(&record, &rule, assumed);
            let port = self.rule_matches_port(&rule);
            match (peer, port) {
                (true, true) => return Ok(hit),
                (true, false) => nearest = nearest.or(Miss::Port { rule: index }),
                (false, true) => nearest = nearest.or(Miss::Peer { rule: index }),
                (false, false) => {}
            }
        }
        Err(nearest)
    }

    /// Whether a rule matches the connection, whatever stands in front of it.
    #[cfg(feature = "alloc")]
    pub(crate) fn rule_matches(&self, policy: u32, rule: u32) -> bool {
        let record = self.record(policy);
        let (first, _) = record.rules(self.direction);
        let rule = self.image.cold.rules.get(first + rule);
        self.rule_matches_port(&rule)
            && self.rule_matches_peer(&record, &rule, &mut Assumed::default())
    }

    fn rule_matches_peer(
        &self,
        policy: &PolicyRecord,
        rule: &RuleRecord,
        assumed: &mut Assumed,
    ) -> bool {
        if rule.peers_len == NONE {
            return true;
        }
        let mut peers = rule_peers(self.image, rule);
        peers.any(|peer| self.matches_peer(policy, &peer, assumed))
    }

    pub(crate) fn matches_peer(
        &self,
        policy: &PolicyRecord,
        peer: &PeerRecord,
        assumed: &mut Assumed,
    ) -> bool {
        let image = self.image;
        match PeerKind::from_code(peer.kind) {
            Some(PeerKind::Pods) => match self.peer.pod() {
                Some(pod) => {
                    let in_scope = match peer.a {
                        NONE => pod.namespace(image) == Some(policy.namespace),
                        selector => {
                            assumed.peer_namespace_unlabelled |= asks_beyond_name(image, selector)
                                && pod.namespace_is_only_named(image);
                            pod.namespace_labels(image).match_selector(image, selector)
                        }
                    };
                    in_scope && pod.labels(image).match_selector(image, peer.b)
                }
                None => false,
            },
            Some(PeerKind::IpBlock) => {
                let reaches_peer =
                    self.peer.pod().is_none() || self.options().ip_block_selects_pods;
                reaches_peer
                    && self.has_address(assumed, |address| {
                        let mut excepts = image.cold.excepts.range(peer.b, peer.c);
                        self.is_in(peer.a, address)
                            && !excepts.any(|cidr| self.is_in(cidr, address))
                    })
            }
            Some(PeerKind::Network) => {
                self.has_address(assumed, |address| self.is_in(peer.a, address))
            }
            // SEMANTICS: `nodes` matches unless the address is a pod's.
            Some(PeerKind::Nodes) => {
                self.peer.pod().is_none()
                    && self.has_address(assumed, |address| {
                        nodes_at(image, address).any(|node| {
                            let labels = super::labels::Labels::Stored {
                                first: node.labels,
                                len: node.labels_len,
                            };
                            labels.match_selector(image, peer.a)
                        })
                    })
            }
            Some(PeerKind::Domain) => {
                let pattern = image.string(peer.a);
                self.has_address(assumed, |address| {
                    let bits = to_bits(address);
                    let mut domains = image.cold.domains.iter();
                    domains.any(|domain| {
                        let mut addresses = image
                            .cold
                            .addresses
                            .range(domain.addresses, domain.addresses_len);
                        domain_matches(pattern, image.string(domain.name))
                            && addresses.any(|record| record.address == bits)
                    })
                })
            }
            None => false,
        }
    }

    fn has_address(&self, assumed: &mut Assumed, test: impl Fn(IpAddr) -> bool) -> bool {
        assumed.peer_without_address |= self.peer.address.is_none();
        self.peer.address.is_some_and(test)
    }

    fn is_in(&self, cidr: u32, address: IpAddr) -> bool {
        let cidr = self.image.cold.cidrs.get(cidr).decode_cidr();
        cidr.is_some_and(|cidr| cidr.contains(address))
    }

    /// SEMANTICS: a name is resolved on the destination pod; a destination that is
    /// no pod never matches.
    fn rule_matches_port(&self, rule: &RuleRecord) -> bool {
        if rule.ports_len == NONE {
            return true;
        }
        let destination = match self.direction {
            Direction::Egress => self.peer,
            Direction::Ingress => self.subject,
        };
        rule_ports(self.image, rule).any(|port| {
            if port.name == NONE {
                return (port.first..=port.last).contains(&self.key.0);
            }
            let Some((protocol, number)) = self.key.parts() else {
                return false;
            };
            port.admits(u32::from(protocol.0) << 16 | u32::from(number))
                && destination
                    .pod()
                    .is_some_and(|pod| pod.names_port(self.image, port.name, self.key))
        })
    }
}

/// The listed peers of a rule; none where it matches every peer.
pub(crate) fn rule_peers<'i>(
    image: &Image<'i>,
    rule: &RuleRecord,
) -> impl ExactSizeIterator<Item = PeerRecord> + use<'i> {
    let len = if rule.peers_len == NONE {
        0
    } else {
        rule.peers_len
    };
    image.cold.peers.range(rule.peers, len)
}

/// The listed ports of a rule; none where it matches every port.
pub(crate) fn rule_ports<'i>(
    image: &Image<'i>,
    rule: &RuleRecord,
) -> impl Iterator<Item = RulePortRecord> + use<'i> {
    let len = if rule.ports_len == NONE {
        0
    } else {
        rule.ports_len
    };
    image.cold.rule_ports.range(rule.ports, len)
}

impl Miss {
    /// The nearer of two misses; the first of two that are equally near.
    fn or(self, other: Miss) -> Miss {
        let rank = |miss: &Miss| match miss {
            Miss::NoRules => 0,
            Miss::Both => 1,
            Miss::Peer { .. } => 2,
            Miss::Port { .. } => 3,
            Miss::FailsClosed { .. } => 4,
        };
        if rank(&other) > rank(&self) {
            other
        } else {
            self
        }
    }
}

/// The policies of a subject, in the order of decision.
pub(crate) enum Policies<'i> {
    /// A range in `GatePolicies`.
    Stored { case: Case<'i>, at: u32, end: u32 },
    /// All policies from an index on, of which those count that select a pod of
    /// the question.
    Searched {
        case: Case<'i>,
        subject: PodParty<'i>,
        at: u32,
    },
}

impl Iterator for Policies<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self {
            Policies::Stored { case, at, end } => {
                if at >= end {
                    return None;
                }
                *at += 1;
                Some(case.image.cold.gate_policies.get(*at - 1))
            }
            Policies::Searched { case, subject, at } => loop {
                let record = case.image.cold.policies.checked(*at)?;
                *at += 1;
                if case.concerns(&record) && case.selects(&record, *subject) {
                    return Some(*at - 1);
                }
            },
        }
    }
}
