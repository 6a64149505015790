//! Gates: what is decided for a subject in a direction, for every peer class and
//! every port, as rows of bits.
//!
//! Subjects that the same policies select share a gate. For each interval of
//! ports the tiers are played through on whole sets of peer classes at once:
//!
//! ```text
//! undecided ──Admin rules──► allowed │ denied │ passed, undecided
//!                                                   │
//!             isolated?  NetworkPolicy rules ──► allowed │ denied
//!             else       Baseline rules      ──► allowed │ denied │ allowed
//! ```
//!
//! What is left is one row: the classes that may pass. Rows are cut into chunks,
//! and equal chunks, rows and lists of rows are stored once.

use super::arena::{Arena, List, Result, View};
use super::atoms::AtomKind;
use super::classes::{Classes, Known};
use super::groups::Groups;
use super::growing::Growing;
use super::intervals::{Intervals, key_of};
use super::members::{ClassSet, add_atom, add_peers, add_run};
use super::pool::Pool;
use crate::image::record::{Record, record};
use crate::image::tables::*;
use crate::model::{Action, Direction, IsolationScope, OwnNode, Tier};
use crate::protocol::PortKey;

/// The words of a chunk.
const CHUNK_WORDS: u32 = 16;
/// The most memory that the peers of one gate's rules may take while its rows are
/// made.
const MAX_RULE_SETS: u64 = 64 << 20;
/// The most steps, in words of class sets, that making one gate's rows may take,
/// and all of them together. Beyond, a gate is interpreted.
const MAX_GATE_EFFORT: u64 = 1 << 28;
const MAX_EFFORT: u64 = 1 << 32;

/// The gate that denies everything.
pub(super) const DENY: u32 = 0;
/// The gate of what is no pod: it allows everything.
pub(super) const NO_SUBJECT: u32 = 1;

record! {
    /// A gate: numbers in `maps` and `row_lists`, or [`NONE`] if its policies
    /// must be interpreted.
    pub(super) struct GateFact { map, rows }
}

/// All gates and what they lead to.
pub(super) struct Gates {
    /// Direction, port set, then the policies: what a gate is made from.
    keys: Pool,
    pub(super) all: Growing<GateFact>,
    /// Lists of [`PortMapRecord`], all of one length.
    pub(super) maps: Pool,
    /// Lists of rows.
    pub(super) row_lists: Pool,
    /// Lists of chunks, all of one length: rows. Row 0 is all zeros.
    pub(super) rows: Pool,
    /// 16 words each. Chunk 0 is all zeros.
    pub(super) chunks: Pool,
    /// For each class, its egress and ingress gate.
    pub(super) of_class: List<ClassGatesRecord>,
    /// The number of gates that must be interpreted.
    pub(super) interpreted: u32,
    pub(super) chunks_per_row: u32,
}

impl Gates {
    pub(super) fn new(
        arena: &mut Arena<'_>,
        known: Known<'_>,
        classes: &Classes,
        intervals: &Intervals,
    ) -> Result<Gates> {
        let chunks_per_row = classes.all.len.div_ceil(32 * CHUNK_WORDS);
        let gates = Gates {
            keys: Pool::new(),
            all: Growing::new(),
            maps: Pool::new(),
            row_lists: Pool::new(),
            rows: Pool::new(),
            chunks: Pool::new(),
            of_class: arena.list(classes.all.len as usize)?,
            interpreted: 0,
            chunks_per_row,
        };
        let policies_of_atom = Groups::build(arena, known.atoms.len(), |view, emit| {
            for (policy, atom) in view.iter(known.atoms.subjects).enumerate() {
                emit(atom, policy as u32);
            }
        })?;
        let every_named_port = every_named_port(arena, known)?;
        let words = chunks_per_row * CHUNK_WORDS;
        // In front of all scratch, where `decide` can read it.
        let twins = arena.list(words as usize)?;
        let mark = arena.mark();
        let mut maker = Maker {
            known,
            classes,
            intervals,
            twins,
            state: State::new(arena, words)?,
            words,
            gates,
            every_named_port,
            found: Growing::new(),
            row_entries: 0,
            effort_left: MAX_EFFORT,
        };
        let (twin_first, pod_first) = (classes.node_first + classes.node_count, classes.pod_first);
        add_run(arena, maker.twins, twin_first, pod_first);
        maker.fixed_gates(arena)?;
        maker.class_gates(arena, &policies_of_atom)?;
        let gates = maker.gates;
        arena.release(mark);
        Ok(gates)
    }

    /// The policies of a gate.
    pub(super) fn policies(&self, view: View<'_>, gate: u32) -> List<u32> {
        let key: List<u32> = self.keys.list(view, gate);
        key.slice(2, key.len)
    }
}

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
    /// The row of a gate from a port key on.
    struct GateRow { key, row }
}

record! {
    /// A rule that may decide at a gate.
    struct GateRule {
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

/// What makes the gates.
struct Maker<'k> {
    known: Known<'k>,
    classes: &'k Classes,
    intervals: &'k Intervals,
    /// The twins of node classes.
    twins: ClassSet,
    state: State,
    /// The words of a class set.
    words: u32,
    gates: Gates,
    /// Every (name, protocol, port) that some pod has, sorted.
    every_named_port: List<NamedPortRecord>,
    /// Port keys at which a gate may change; kept to be used again.
    found: Growing<u32>,
    /// The length of all row lists together.
    row_entries: u64,
    effort_left: u64,
}

/// The subject and direction for which a gate is made.
#[derive(Clone, Copy)]
struct Subject {
    direction: Direction,
    /// The projected port set of its pods, where rules resolve names on it.
    ports: u32,
    /// Indices in `Order::policies`.
    policies: List<u32>,
}

impl Maker<'_> {
    /// Gates 0 and 1, and the rows they need.
    fn fixed_gates(&mut self, arena: &mut Arena<'_>) -> Result<()> {
        for (gate, tag, word) in [(DENY, 2_u32, 0), (NO_SUBJECT, 3, u32::MAX)] {
            let mark = arena.mark();
            let row: ClassSet = arena.scratch(self.words as usize)?;
            for index in 0..self.words {
                arena.set(row, index, word);
            }
            let row = self.row(arena, row)?;
            let rows = arena.scratch(1)?;
            arena.set(rows, 0, GateRow { key: 0, row });
            let fact = self.gate_of_rows(arena, rows)?;
            let key = [tag.to_le_bytes(), 0_u32.to_le_bytes()];
            let id = self.gates.keys.intern(arena, key.as_flattened())?;
            debug_assert_eq!(id, gate, "a fixed gate has another number");
            self.gates.all.push(arena, fact)?;
            arena.release(mark);
        }
        Ok(())
    }

    /// Makes the gates of every class.
    fn class_gates(&mut self, arena: &mut Arena<'_>, policies_of_atom: &Groups) -> Result<()> {
        let no_subject = ClassGatesRecord {
            egress: NO_SUBJECT,
            ingress: NO_SUBJECT,
        };
        for class in 1..self.classes.pod_first {
            arena.set(self.gates.of_class, class, no_subject);
        }
        for pod_class in 0..self.classes.of_pod_class.len() {
            let [egress, ingress] = [Direction::Egress, Direction::Ingress]
                .map(|direction| self.gate(arena, pod_class, direction, policies_of_atom));
            let record = ClassGatesRecord {
                egress: egress?,
                ingress: ingress?,
            };
            let members = self.classes.of_pod_class.get(arena.view(), pod_class);
            for index in 0..members.len {
                let class = arena.get(members, index);
                arena.set(self.gates.of_class, class, record);
            }
        }
        Ok(())
    }

    /// The gate of a pod class in a direction.
    fn gate(
        &mut self,
        arena: &mut Arena<'_>,
        pod_class: u32,
        direction: Direction,
        policies_of_atom: &Groups,
    ) -> Result<u32> {
        let record = self.classes.pod_class(arena.view(), pod_class);
        let subjects: List<u32> = self
            .known
            .matching
            .lists
            .list(arena.view(), record.subjects);
        let total: u32 = arena
            .view()
            .iter(subjects)
            .map(|atom| policies_of_atom.get(arena.view(), atom).len)
            .sum();
        let mark = arena.mark();
        let key: List<u32> = arena.scratch(total as usize + 2)?;
        let mut len = 2;
        let mut resolves_names = false;
        for index in 0..subjects.len {
            let policies = policies_of_atom.get(arena.view(), arena.get(subjects, index));
            for index in 0..policies.len {
                let policy = arena.get(policies, index);
                if self.concerns(arena.view(), policy, direction) {
                    arena.set(key, len, policy);
                    len += 1;
                    resolves_names |=
                        direction == Direction::Ingress && self.names_ports(arena.view(), policy);
                }
            }
        }
        let ports = if resolves_names { record.ports } else { 0 };
        arena.set(key, 0, direction as u32);
        arena.set(key, 1, ports);
        let policies = key.slice(2, len - 2);
        arena.sort_by_key(policies, |policy| policy);
        let gate = self.gates.keys.intern_list(arena, key.slice(0, len))?;
        if gate == self.gates.all.len() {
            let subject = Subject {
                direction,
                ports,
                policies,
            };
            let fact = self.make(arena, subject)?;
            self.gates.interpreted += u32::from(fact.map == NONE);
            self.gates.all.push(arena, fact)?;
        }
        arena.release(mark);
        Ok(gate)
    }

    fn policy(&self, view: View<'_>, policy: u32) -> PolicyRecord {
        let fact = view.get(self.known.order.policies, policy);
        self.known.facts.policies.get(view, fact)
    }

    /// Whether a policy that selects the subject matters in a direction.
    fn concerns(&self, view: View<'_>, policy: u32, direction: Direction) -> bool {
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

    fn names_ports(&self, view: View<'_>, policy: u32) -> bool {
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

    /// Makes the rows of a gate, or leaves it to interpretation where they would
    /// cost too much.
    fn make(&mut self, arena: &mut Arena<'_>, subject: Subject) -> Result<GateFact> {
        const INTERPRETED: GateFact = GateFact {
            map: NONE,
            rows: NONE,
        };
        let mark = arena.mark();
        let rules = self.rules(arena, subject)?;
        let set_bytes = u64::from(rules.len) * u64::from(self.words) * 4;
        let cuts = self.cuts(arena, subject, rules)?;
        let effort = u64::from(cuts.len) * u64::from(rules.len) * u64::from(self.words + 8);
        if set_bytes > MAX_RULE_SETS || effort > MAX_GATE_EFFORT.min(self.effort_left) {
            arena.release(mark);
            return Ok(INTERPRETED);
        }
        self.effort_left -= effort;
        let sets = self.peer_sets(arena, rules)?;

        let rows: List<GateRow> = arena.scratch(cuts.len as usize)?;
        let mut len = 0;
        let mut last = None;
        for index in 0..cuts.len {
            if self.table_bytes() > self.known.options.table_budget as u64 {
                arena.release(mark);
                return Ok(INTERPRETED);
            }
            let key = arena.get(cuts, index);
            self.play(arena, subject, rules, sets, key);
            let row = self.row(arena, self.state.allowed)?;
            if last != Some(row) {
                arena.set(rows, len, GateRow { key, row });
                len += 1;
                last = Some(row);
            }
        }
        let fact = self.gate_of_rows(arena, rows.slice(0, len))?;
        arena.release(mark);
        Ok(fact)
    }

    /// The rules that may decide for a subject, in order.
    fn rules(&self, arena: &mut Arena<'_>, subject: Subject) -> Result<List<GateRule>> {
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
    fn cuts(
        &mut self,
        arena: &mut Arena<'_>,
        subject: Subject,
        rules: List<GateRule>,
    ) -> Result<List<u32>> {
        let Known { facts, .. } = self.known;
        self.found.clear();
        self.found.push(arena, 0)?;
        for index in 0..rules.len {
            let rule = arena.get(rules, index);
            if rule.every_port != 0 {
                continue;
            }
            let record = facts.rules.get(arena.view(), rule.rule);
            for port in record.ports..record.ports + record.ports_len {
                let port = facts.rule_ports.get(arena.view(), port);
                if port.name == NONE {
                    self.found.push(arena, port.first)?;
                    self.found.push(arena, port.last + 1)?;
                    continue;
                }
                let named = self.named(arena.view(), subject, port);
                for index in 0..named.len {
                    let named = arena.get(named, index);
                    if port.admits(named.protocol_port) {
                        let key = key_of(named.protocol_port);
                        self.found.push(arena, key)?;
                        self.found.push(arena, key + 1)?;
                    }
                }
            }
        }
        let cuts: List<u32> = arena.scratch(self.found.len() as usize)?;
        let mut len = 0;
        for index in 0..self.found.len() {
            let key = self.found.get(arena.view(), index);
            if key < PortKey::END {
                arena.set(cuts, len, key);
                len += 1;
            }
        }
        let cuts = cuts.slice(0, len);
        arena.sort_by_key(cuts, |key| key);
        Ok(arena.dedup(cuts))
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

    /// The peers of each rule that lists some, one set behind another; the rules
    /// are told where.
    fn peer_sets(&self, arena: &mut Arena<'_>, rules: List<GateRule>) -> Result<List<u32>> {
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
                add_peers(arena, set, self.known, self.classes, &record);
                rule.peers = first;
                arena.set(rules, index, rule);
                first += self.words;
            }
        }
        Ok(sets)
    }

    /// Plays the tiers through for one port; leaves the result in
    /// `state.allowed`.
    fn play(
        &self,
        arena: &mut Arena<'_>,
        subject: Subject,
        rules: List<GateRule>,
        sets: List<u32>,
        key: u32,
    ) {
        let State {
            undecided,
            passed,
            allowed,
            ..
        } = self.state;
        for index in 0..self.words {
            arena.set(undecided, index, u32::MAX);
            arena.set(passed, index, 0);
            arena.set(allowed, index, 0);
        }
        let mut next = 0;
        let mut play_tier = |arena: &mut Arena<'_>, tier: Tier| {
            while next < rules.len {
                let rule = arena.get(rules, next);
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
        self.add(arena, undecided, passed);
        play_tier(arena, Tier::NetworkPolicy);
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
            NetworkPolicyTier::Allows => self.add(arena, allowed, undecided),
            NetworkPolicyTier::Silent => {
                play_tier(arena, Tier::Baseline);
                self.add(arena, allowed, undecided);
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
        for index in 0..self.words {
            arena.set(set, index, 0);
        }
        for port in record.ports..record.ports + record.ports_len {
            let port = facts.rule_ports.get(arena.view(), port);
            if by_name(&port)
                && let Some(atom) =
                    atoms.find(arena.view(), AtomKind::NamedPort, port.name, protocol_port)
            {
                add_atom(arena, set, self.known, self.classes, atom);
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

    /// Adds one class set to another.
    fn add(&self, arena: &mut Arena<'_>, to: ClassSet, from: ClassSet) {
        for index in 0..self.words {
            let word = arena.get(to, index) | arena.get(from, index);
            arena.set(to, index, word);
        }
    }

    /// The number of a row.
    fn row(&mut self, arena: &mut Arena<'_>, set: ClassSet) -> Result<u32> {
        let mark = arena.mark();
        let row: List<u32> = arena.scratch(self.gates.chunks_per_row as usize)?;
        for index in 0..self.gates.chunks_per_row {
            let chunk = set.slice(index * CHUNK_WORDS, CHUNK_WORDS);
            let chunk = self.gates.chunks.intern_list(arena, chunk)?;
            arena.set(row, index, chunk);
        }
        let id = self.gates.rows.intern_list(arena, row)?;
        arena.release(mark);
        Ok(id)
    }

    /// The gate of some rows, each from a port key on.
    fn gate_of_rows(&mut self, arena: &mut Arena<'_>, rows: List<GateRow>) -> Result<GateFact> {
        let mark = arena.mark();
        let map: List<PortMapRecord> = arena.scratch(self.intervals.count.div_ceil(32) as usize)?;
        let list: List<u32> = arena.scratch(rows.len as usize)?;
        for index in 0..rows.len {
            let GateRow { key, row } = arena.get(rows, index);
            let interval = self.intervals.of(arena.view(), key);
            let mut word = arena.get(map, interval / 32);
            word.starts |= 1 << (interval % 32);
            arena.set(map, interval / 32, word);
            arena.set(list, index, row);
        }
        let mut rank = 0;
        for index in 0..map.len {
            let mut word = arena.get(map, index);
            word.rank = rank;
            rank += word.starts.count_ones();
            arena.set(map, index, word);
        }
        let known_lists = self.gates.row_lists.len();
        let fact = GateFact {
            map: self.gates.maps.intern_list(arena, map)?,
            rows: self.gates.row_lists.intern_list(arena, list)?,
        };
        if fact.rows == known_lists {
            self.row_entries += u64::from(list.len);
        }
        arena.release(mark);
        Ok(fact)
    }

    /// The bytes that the tables take by now.
    fn table_bytes(&self) -> u64 {
        let Gates {
            maps,
            rows,
            chunks,
            chunks_per_row,
            ..
        } = &self.gates;
        let map = u64::from(self.intervals.count.div_ceil(32)) * PortMapRecord::WIDTH as u64;
        u64::from(maps.len()) * map
            + self.row_entries * 4
            + u64::from(rows.len()) * u64::from(*chunks_per_row) * 4
            + u64::from(chunks.len()) * u64::from(CHUNK_WORDS) * 4
    }
}
