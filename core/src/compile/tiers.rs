//! The tiers, played through for all peers of a subject at once.
//!
//! ```text
//! undecided ──Admin rules──► allowed │ denied │ passed, undecided
//!                                                   │
//!             isolated?  NetworkPolicy rules ──► allowed │ denied
//!             else       Baseline rules      ──► allowed │ denied │ allowed
//! ```
//!
//! SEMANTICS, "Order of decision"; `verdict::interpret` does the same for one peer.

use super::arena::{Arena, List, Result, View};
use super::atoms::AtomKind;
use super::classes::{Classes, Known};
use super::growing::Growing;
use super::intervals::key_of;
use super::members::{ClassSet, Kept, Members, add, add_run};
use super::port_cover::{Filed, PortCover};
use crate::image::record::{Record, record};
use crate::image::tables::*;
use crate::model::{Action, Direction, IsolationScope, OwnNode, Tier};
use crate::protocol::PortKey;

fn every_named_port(arena: &mut Arena<'_>, known: Known<'_>) -> Result<List<NamedPortRecord>> {
    let named = |arena: &Arena<'_>, atom| {
        let atom = known.atoms.get(arena.view(), atom);
        (atom.kind() == AtomKind::NamedPort).then_some(NamedPortRecord {
            name: atom.a,
            protocol_port: atom.b,
        })
    };
    let count = (0..known.atoms.len())
        .filter_map(|atom| named(arena, atom))
        .count();
    let list = arena.list(count)?;
    let mut len = 0;
    for atom in 0..known.atoms.len() {
        if let Some(port) = named(arena, atom) {
            arena.set(list, len, port);
            len += 1;
        }
    }
    arena.sort_by_key(list, |port| (port.name, port.protocol_port));
    Ok(list)
}

/// The most records that a cover may have: 32 MiB.
const MAX_FILED: u64 = 1 << 22;

/// The sets on which the tiers are played through.
#[derive(Clone, Copy)]
struct State {
    /// Peers that no rule has decided.
    undecided: ClassSet,
    /// Peers that the Admin tier has passed on.
    passed: ClassSet,
    /// Peers that may pass.
    allowed: ClassSet,
    /// What the rule at hand matches.
    matched: ClassSet,
}

impl State {
    fn new(arena: &mut Arena<'_>, words: u32) -> Result<State> {
        let mut set = || arena.scratch(words as usize);
        Ok(State {
            undecided: set()?,
            passed: set()?,
            allowed: set()?,
            matched: set()?,
        })
    }
}

/// The peers that a rule matches.
#[derive(Clone, Copy)]
enum Peers {
    Every,
    Set(ClassSet),
}

/// What the NetworkPolicy tier does with a subject, its own rules apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NetworkPolicyTier {
    /// What no rule allows is denied.
    Isolates,
    /// The tier is final, and nothing is isolated in this direction.
    Allows,
    /// The next tier decides.
    Silent,
}

record! {
    /// A rule that may decide at a gate.
    pub(super) struct GateRule {
        /// In `Facts::rules`.
        rule,
        tier,
        /// [`Verb`].
        verb,
        /// The first word of its peers' class set; [`NONE`]: every peer.
        peers,
        /// 1 if it matches every port and protocol.
        every_port,
        /// 1 if it names a port that is the peer's to resolve.
        by_name,
    }
}

record! {
    /// Port keys, from the first to before the end.
    struct KeyRange { first, end }
}

/// What a rule does with the peers it matches.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Verb {
    Allow,
    Deny,
    Pass,
}

impl Verb {
    /// The verb of a rule. A Pass in the Baseline tier ends as allow.
    fn of(rule: &GateRule, tier: Tier) -> Verb {
        match rule.verb {
            0 => Verb::Allow,
            1 => Verb::Deny,
            _ if tier == Tier::Baseline => Verb::Allow,
            _ => Verb::Pass,
        }
    }
}

/// The subject and direction for which a gate is made.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    pub(super) direction: Direction,
    /// The projected port set of its pods, where rules resolve names on it.
    pub(super) ports: u32,
    /// Indices in `Order::policies`.
    pub(super) policies: List<u32>,
}

/// What plays the tiers through.
pub(super) struct Tiers<'k> {
    known: Known<'k>,
    members: Members<'k>,
    /// The twins of node classes.
    twins: ClassSet,
    state: State,
    /// The words of a class set.
    words: u32,
    /// Every (name, protocol, port) that some pod has, sorted.
    every_named_port: List<NamedPortRecord>,
    /// Where rules match; kept to be used again.
    found: Growing<KeyRange>,
    /// What is filed in the cover of one gate's ports; kept to be used again.
    filed: Growing<Filed>,
}

/// The rules of a gate, by how they are played.
pub(super) struct Script {
    /// All of them.
    rules: List<GateRule>,
    /// The peers that are listed, one set behind another.
    sets: List<u32>,
    /// The rules of NetworkPolicies: the union of all that match a port is what counts.
    cover: PortCover,
    /// The numbers of the others, to be played in this order.
    in_order: List<u32>,
}

/// What playing the tiers needs, and is found once.
#[derive(Clone, Copy)]
pub(super) struct Prepared {
    every_named_port: List<NamedPortRecord>,
    twins: ClassSet,
    kept: Kept,
    /// Memory of [`Tiers::found`] and [`Tiers::filed`], to be used again.
    found: Growing<KeyRange>,
    filed: Growing<Filed>,
}

impl Prepared {
    pub(super) fn new(
        arena: &mut Arena<'_>,
        known: Known<'_>,
        classes: &Classes,
        words: u32,
    ) -> Result<Prepared> {
        let every_named_port = every_named_port(arena, known)?;
        // In front of all scratch, where `decide` can read it.
        let twins = arena.list(words as usize)?;
        let twin_first = classes.node_first + classes.node_count;
        add_run(arena, twins, twin_first, classes.pod_first);
        Ok(Prepared {
            every_named_port,
            twins,
            kept: Kept::new(arena, known.atoms.len())?,
            found: Growing::new(),
            filed: Growing::new(),
        })
    }
}

impl<'k> Tiers<'k> {
    /// The sets are scratch; they must be taken before all that is read while the
    /// tiers are played.
    pub(super) fn new(
        arena: &mut Arena<'_>,
        known: Known<'k>,
        classes: &'k Classes,
        words: u32,
        prepared: Prepared,
    ) -> Result<Tiers<'k>> {
        let Prepared {
            every_named_port,
            twins,
            kept,
            found,
            filed,
        } = prepared;
        Ok(Tiers {
            known,
            members: Members::new(known, classes, words, kept),
            twins,
            state: State::new(arena, words)?,
            words,
            every_named_port,
            found,
            filed,
        })
    }

    /// What can be used again, for the same classes.
    pub(super) fn prepared(&self) -> Prepared {
        Prepared {
            every_named_port: self.every_named_port,
            twins: self.twins,
            kept: self.members.kept(),
            found: self.found,
            filed: self.filed,
        }
    }

    /// The peers that the tiers, as they were played last, allow.
    pub(super) fn allowed(&self) -> ClassSet {
        self.state.allowed
    }

    pub(super) fn policy(&self, view: View<'_>, policy: u32) -> PolicyRecord {
        let fact = view.get(self.known.order.policies, policy);
        self.known.facts.policies.get(view, fact)
    }

    /// Whether a policy that selects the subject matters in a direction.
    pub(super) fn concerns(&self, view: View<'_>, policy: u32, direction: Direction) -> bool {
        let policy = self.policy(view, policy);
        match policy.kind() {
            PolicyKind::Network => {
                policy.isolates(direction)
                    || self.known.options.isolation == IsolationScope::EitherDirection
            }
            // SEMANTICS: no rules in a direction: no effect in that direction.
            PolicyKind::Cluster(_) => policy.rules(direction).1 != 0,
        }
    }

    pub(super) fn names_ports(&self, view: View<'_>, policy: u32) -> bool {
        let (first, len) = self.policy(view, policy).rules(Direction::Ingress);
        self.known
            .facts
            .rules
            .range(view, first, len)
            .any(|rule| self.ports(view, &rule).any(|port| port.name != NONE))
    }

    /// The listed ports of a rule; none where it matches all.
    fn ports<'v>(
        &'v self,
        view: View<'v>,
        rule: &RuleRecord,
    ) -> impl Iterator<Item = RulePortRecord> + Clone + 'v {
        let len = if rule.ports_len == NONE {
            0
        } else {
            rule.ports_len
        };
        self.known.facts.rule_ports.range(view, rule.ports, len)
    }

    /// The rules that may decide for a subject, in order.
    pub(super) fn rules(&self, arena: &mut Arena<'_>, subject: Subject) -> Result<List<GateRule>> {
        let Known { facts, .. } = self.known;
        let mut total = 0;
        for index in 0..subject.policies.len {
            let policy = self.policy(arena.view(), arena.get(subject.policies, index));
            total += policy.rules(subject.direction).1;
        }
        let rules: List<GateRule> = arena.scratch(total as usize)?;
        let mut len = 0;
        for index in 0..subject.policies.len {
            let policy = self.policy(arena.view(), arena.get(subject.policies, index));
            let (first, count) = policy.rules(subject.direction);
            for rule in first..first + count {
                let record = facts.rules.get(arena.view(), rule);
                let Some(effect) = RuleEffect::decode(record.action) else {
                    continue;
                };
                let tier = policy.kind().tier() as u32;
                let gate_rule = match (effect.action, effect.fails_closed) {
                    // SEMANTICS: a rule with an unknown peer matches nothing under
                    // Allow; under Deny and Pass it denies everything.
                    (Action::Allow, true) => continue,
                    (Action::Deny | Action::Pass, true) => GateRule {
                        rule,
                        tier,
                        verb: Verb::Deny as u32,
                        peers: NONE,
                        every_port: 1,
                        by_name: 0,
                    },
                    (action, false) => {
                        let verb = match action {
                            Action::Allow => Verb::Allow,
                            Action::Deny => Verb::Deny,
                            Action::Pass => Verb::Pass,
                        };
                        let by_name = subject.direction == Direction::Egress
                            && self
                                .ports(arena.view(), &record)
                                .any(|port| port.name != NONE);
                        GateRule {
                            rule,
                            tier,
                            verb: verb as u32,
                            peers: if record.peers_len == NONE { NONE } else { 0 },
                            every_port: u32::from(record.ports_len == NONE),
                            by_name: u32::from(by_name),
                        }
                    }
                };
                arena.set(rules, len, gate_rule);
                len += 1;
            }
        }
        Ok(rules.slice(0, len))
    }

    /// The port keys at which the decision may change, sorted.
    pub(super) fn cuts(
        &mut self,
        arena: &mut Arena<'_>,
        subject: Subject,
        rules: List<GateRule>,
    ) -> Result<List<u32>> {
        self.found.clear();
        for index in 0..rules.len {
            let rule = arena.get(rules, index);
            if rule.every_port == 0 {
                self.find_ranges(arena, subject, &rule)?;
            }
        }
        let cuts: List<u32> = arena.scratch(1 + 2 * self.found.len() as usize)?;
        let mut len = 1;
        for index in 0..self.found.len() {
            let KeyRange { first, end } = self.found.get(arena.view(), index);
            for key in [first, end] {
                if key < PortKey::END {
                    arena.set(cuts, len, key);
                    len += 1;
                }
            }
        }
        let cuts = cuts.slice(0, len);
        arena.sort_by_key(cuts, |key| key);
        Ok(arena.dedup(cuts))
    }

    /// Adds the ranges of port keys on which a rule with ports may match to `found`: of a
    /// name, whatever it may resolve to.
    fn find_ranges(
        &mut self,
        arena: &mut Arena<'_>,
        subject: Subject,
        rule: &GateRule,
    ) -> Result<()> {
        let Known { facts, .. } = self.known;
        let record = facts.rules.get(arena.view(), rule.rule);
        for port in record.ports..record.ports + record.ports_len {
            let port = facts.rule_ports.get(arena.view(), port);
            if port.name == NONE {
                let (first, end) = (port.first, port.last + 1);
                self.found.push(arena, KeyRange { first, end })?;
                continue;
            }
            let named = self.named(arena.view(), subject, port);
            for index in 0..named.len {
                let named = arena.get(named, index);
                if port.admits(named.protocol_port) {
                    let first = key_of(named.protocol_port);
                    let end = first + 1;
                    self.found.push(arena, KeyRange { first, end })?;
                }
            }
        }
        Ok(())
    }

    /// What a port name may resolve to: on the subject's own pods for ingress, on
    /// any pod for egress.
    fn named(
        &self,
        view: View<'_>,
        subject: Subject,
        port: RulePortRecord,
    ) -> List<NamedPortRecord> {
        let ports: List<NamedPortRecord> = match subject.direction {
            Direction::Ingress => self.known.projection.port_sets.list(view, subject.ports),
            Direction::Egress => self.every_named_port,
        };
        let first = view.partition_point(ports, |named| named.name < port.name);
        let end = view.partition_point(ports, |named| named.name <= port.name);
        ports.slice(first, end - first)
    }

    /// Prepares to play `rules` at each of the `cuts`, and how many steps that takes, in
    /// words of class sets; `None` where it is more than `most`. Takes scratch.
    pub(super) fn script(
        &mut self,
        arena: &mut Arena<'_>,
        subject: Subject,
        rules: List<GateRule>,
        cuts: List<u32>,
        most: u64,
    ) -> Result<Option<(Script, u64)>> {
        // `cuts` found every range of these rules.
        if PortCover::most_filed(cuts.len, self.found.len()) > MAX_FILED {
            return Ok(None);
        }
        let cover = PortCover::new(arena, cuts.len, self.words)?;
        let in_order: List<u32> = arena.scratch(rules.len as usize)?;
        let mut in_order_len = 0;
        let mut ports_in_order = 0_u64;
        self.filed.clear();
        for index in 0..rules.len {
            let rule = arena.get(rules, index);
            if rule.tier == Tier::NetworkPolicy as u32 && rule.by_name == 0 {
                self.file(arena, subject, &cover, cuts, (index, &rule))?;
            } else {
                arena.set(in_order, in_order_len, index);
                in_order_len += 1;
                if rule.every_port == 0 {
                    let record = self.known.facts.rules.get(arena.view(), rule.rule);
                    ports_in_order += u64::from(record.ports_len);
                }
            }
        }
        let words = u64::from(self.words);
        let unions = u64::from(self.filed.len()) + 2 * u64::from(cuts.len);
        // Of a rule that is played, every port is looked at for every cut.
        let played = u64::from(in_order_len) * (words + 8) + ports_in_order;
        let effort = unions * words + u64::from(cuts.len) * played;
        if effort > most {
            return Ok(None);
        }
        let script = Script {
            rules,
            sets: self.peer_sets(arena, rules)?,
            cover,
            in_order: in_order.slice(0, in_order_len),
        };
        Ok(Some((script, effort)))
    }

    /// Files a rule, and its number, for the cuts that its ports cover.
    fn file(
        &mut self,
        arena: &mut Arena<'_>,
        subject: Subject,
        cover: &PortCover,
        cuts: List<u32>,
        (number, rule): (u32, &GateRule),
    ) -> Result<()> {
        if rule.every_port != 0 {
            return cover.file(arena, &mut self.filed, (0, cuts.len), number);
        }
        self.found.clear();
        self.find_ranges(arena, subject, rule)?;
        for index in 0..self.found.len() {
            let KeyRange { first, end } = self.found.get(arena.view(), index);
            let [first, end] =
                [first, end].map(|key| arena.view().partition_point(cuts, |cut| cut < key));
            cover.file(arena, &mut self.filed, (first, end), number)?;
        }
        Ok(())
    }

    /// The peers of each rule that lists some, one set behind another; the rules
    /// are told where.
    fn peer_sets(&mut self, arena: &mut Arena<'_>, rules: List<GateRule>) -> Result<List<u32>> {
        let listed = arena
            .view()
            .iter(rules)
            .filter(|rule| rule.peers != NONE)
            .count();
        let sets: List<u32> = arena.scratch(listed * self.words as usize)?;
        let mut first = 0;
        for index in 0..rules.len {
            let mut rule = arena.get(rules, index);
            if rule.peers != NONE {
                let record = self.known.facts.rules.get(arena.view(), rule.rule);
                let set = sets.slice(first, self.words);
                self.members.add_peers(arena, set, &record)?;
                rule.peers = first;
                arena.set(rules, index, rule);
                first += self.words;
            }
        }
        Ok(sets)
    }

    /// Plays the tiers through for one cut after another, each a port key; leaves the
    /// result in `state.allowed`.
    pub(super) fn play(
        &self,
        arena: &mut Arena<'_>,
        subject: Subject,
        script: &Script,
        cut: u32,
        key: u32,
    ) {
        let Script {
            rules,
            sets,
            ref cover,
            in_order,
        } = *script;
        let peers_of = |arena: &Arena<'_>, rule| arena.get(rules, rule).peers;
        let union = cover.at(arena, &self.filed, cut, sets, peers_of);
        let State {
            undecided,
            passed,
            allowed,
            ..
        } = self.state;
        arena.fill(undecided, u32::MAX);
        arena.fill(passed, 0);
        arena.fill(allowed, 0);
        let mut next = 0;
        let mut play_tier = |arena: &mut Arena<'_>, tier: Tier| {
            while next < in_order.len {
                let rule = arena.get(rules, arena.get(in_order, next));
                if rule.tier != tier as u32 {
                    break;
                }
                next += 1;
                if let Some(peers) = self.matched(arena, subject, &rule, sets, key) {
                    self.decide(arena, peers, Verb::of(&rule, tier));
                }
            }
        };
        play_tier(arena, Tier::Admin);
        add(arena, undecided, passed);
        play_tier(arena, Tier::NetworkPolicy);
        self.decide(arena, Peers::Set(union), Verb::Allow);
        match self.network_policy_tier(arena.view(), subject) {
            NetworkPolicyTier::Isolates => {
                let own_node = match subject.direction {
                    Direction::Egress => self.known.options.own_node_egress,
                    Direction::Ingress => self.known.options.own_node_ingress,
                };
                if own_node == OwnNode::Allowed {
                    self.decide(arena, Peers::Set(self.twins), Verb::Allow);
                }
            }
            NetworkPolicyTier::Allows => add(arena, allowed, undecided),
            NetworkPolicyTier::Silent => {
                play_tier(arena, Tier::Baseline);
                add(arena, allowed, undecided);
            }
        }
    }

    /// What the NetworkPolicy tier does with a subject.
    fn network_policy_tier(&self, view: View<'_>, subject: Subject) -> NetworkPolicyTier {
        let mut tier = NetworkPolicyTier::Silent;
        for policy in view.iter(subject.policies) {
            let policy = self.policy(view, policy);
            if policy.kind() == PolicyKind::Network {
                if policy.isolates(subject.direction) {
                    return NetworkPolicyTier::Isolates;
                }
                // It isolates in the other direction only, and is here because of
                // `IsolationScope::EitherDirection`.
                tier = NetworkPolicyTier::Allows;
            }
        }
        tier
    }

    /// The peers that a rule matches on a port, if it matches the port at all.
    fn matched(
        &self,
        arena: &mut Arena<'_>,
        subject: Subject,
        rule: &GateRule,
        sets: List<u32>,
        key: u32,
    ) -> Option<Peers> {
        let Known { facts, atoms, .. } = self.known;
        let peers = match rule.peers {
            NONE => Peers::Every,
            first => Peers::Set(sets.slice(first, self.words)),
        };
        if rule.every_port != 0 {
            return Some(peers);
        }
        let record = facts.rules.get(arena.view(), rule.rule);
        let by_number =
            |port: &RulePortRecord| port.name == NONE && (port.first..=port.last).contains(&key);
        if self
            .ports(arena.view(), &record)
            .any(|port| by_number(&port))
        {
            return Some(peers);
        }
        let (protocol, number) = PortKey(key).parts()?;
        let protocol_port = u32::from(protocol.0) << 16 | u32::from(number);
        let by_name = |port: &RulePortRecord| port.name != NONE && port.admits(protocol_port);
        if subject.direction == Direction::Ingress {
            let view = arena.view();
            let resolves = self.ports(view, &record).filter(by_name).any(|port| {
                let named = self.named(view, subject, port);
                view.iter(named)
                    .any(|named| named.protocol_port == protocol_port)
            });
            return resolves.then_some(peers);
        }
        if rule.by_name == 0 {
            return None;
        }
        // The peers on which one of the names is this port.
        let set = self.state.matched;
        arena.fill(set, 0);
        for port in record.ports..record.ports + record.ports_len {
            let port = facts.rule_ports.get(arena.view(), port);
            if by_name(&port)
                && let Some(atom) =
                    atoms.find(arena.view(), AtomKind::NamedPort, port.name, protocol_port)
            {
                self.members.collect(arena, set, atom);
            }
        }
        if let Peers::Set(peers) = peers {
            for index in 0..self.words {
                let word = arena.get(set, index) & arena.get(peers, index);
                arena.set(set, index, word);
            }
        }
        Some(Peers::Set(set))
    }

    /// Applies a rule to those of its peers that are undecided.
    fn decide(&self, arena: &mut Arena<'_>, peers: Peers, verb: Verb) {
        let State {
            undecided,
            passed,
            allowed,
            ..
        } = self.state;
        let target = match verb {
            Verb::Allow => allowed,
            // What is denied goes nowhere; the set of the passed is as good a
            // partner as any to leave alone.
            Verb::Deny | Verb::Pass => passed,
        };
        let gains = if verb == Verb::Deny { 0 } else { u32::MAX };
        let (view, target, undecided) = arena.split_two(target, undecided);
        let words = target.iter_mut().zip(undecided);
        let decide = |(target, undecided): (&mut [u8; 4], &mut [u8; 4]), matched: u32| {
            let open = u32::decode(undecided);
            *target = (u32::decode(target) | (open & matched & gains)).encode();
            *undecided = (open & !matched).encode();
        };
        match peers {
            Peers::Every => words.for_each(|pair| decide(pair, u32::MAX)),
            Peers::Set(set) => words
                .zip(view.cells(set))
                .for_each(|(pair, matched)| decide(pair, u32::decode(matched))),
        }
    }
}
