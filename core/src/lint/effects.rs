//! Policies and rules without effect.
//!
//! Every place that policies can tell apart is asked as a subject, against a peer of each
//! kind that its policies tell apart ([`questions`](super::questions)), at every port at
//! which a rule for the subject begins or ends. What decides is taken out, and the
//! question asked again: whatever changes a verdict so has an effect. A subject is left as
//! soon as all of its policies and rules are known to have one, which is mostly soon. What
//! has none by itself is then taken out all at once, and comes back as far as a verdict
//! needs it.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::questions::{Asked, Kinds, Steps, Subject};
use super::{Code, Finding, some_of};
use crate::check::warning;
use crate::image::Image;
use crate::image::tables::{NONE, PeerKind, PeerRecord, PolicyKind, PolicyRecord};
use crate::model::{Action, Direction, Tier};
use crate::reach::{Places, with_potential_ends};
use crate::verdict::{Assumed, Case, Decided, Party, PodParty, Without, rule_peers};
use crate::{Cluster, Diagnostic};

/// A rule: policy, direction, index in its list.
type RuleKey = (u32, Direction, u32);

/// What is known of a policy or rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Known {
    /// It matches some connection.
    matches: bool,
    /// It decides, or passes on, some connection.
    decides: bool,
    /// Some verdict is another without it.
    has_effect: bool,
}

/// `second`: policies that come after another of their priority which decides
/// differently. Which of the two comes first is open, so what the other leaves them
/// is not held against them.
pub(super) fn find(
    cluster: &Cluster,
    image: &Image<'_>,
    second: &BTreeSet<u32>,
    steps: u64,
    findings: &mut Vec<Finding>,
) {
    // Of what selects nothing that is said, and not what else it does not do.
    let in_vain = findings.iter().filter(|finding| super::is_in_vain(finding));
    let in_vain: BTreeSet<&str> = in_vain
        .map(|finding| finding.diagnostic.object.as_str())
        .collect();
    let is_asked = |policy: &u32| {
        let record = image.cold.policies.get(*policy);
        let object = warning(image, &record, 0, String::new(), String::new()).object;
        !in_vain.contains(object.as_str())
    };
    let asked: BTreeSet<u32> = (0..image.cold.policies.len() as u32)
        .filter(is_asked)
        .collect();
    if asked.is_empty() {
        return;
    }
    // To decide about what is still to come is an effect.
    let compiled = with_potential_ends(cluster).compile(&image.options());
    let Ok((with_potential, _)) = compiled else {
        return findings.push(not_compared(image, &asked));
    };
    let with_potential = with_potential.image();
    let parties = Places::new(&with_potential).parties();
    let may_go: BTreeSet<u32> = asked.difference(second).copied().collect();
    let effects = Effects::work_out(&with_potential, &parties, &asked, &may_go, steps);
    for policy in &asked {
        effects.report(image, *policy, findings);
    }
    let unfinished: BTreeSet<u32> = effects.unfinished.intersection(&asked).copied().collect();
    if !unfinished.is_empty() {
        findings.push(not_compared(image, &unfinished));
    }
}

/// What is said of policies of which not everything was asked.
fn not_compared(image: &Image<'_>, policies: &BTreeSet<u32>) -> Finding {
    let all = image.policies().zip(0..);
    let named = all.filter(|(_, policy)| policies.contains(policy));
    let names: Vec<String> = named.map(|(policy, _)| policy.to_string()).collect();
    let message = format!(
        "there are too many connections to compare them all: whether these policies, or rules \
         of them, can be removed or never decide was not worked out: {}",
        some_of(&names),
    );
    Finding {
        code: Code::TooMuchToCompare,
        diagnostic: Diagnostic {
            message,
            ..Diagnostic::warning()
        },
    }
}

struct Effects {
    policies: HashMap<u32, Known, ahash::RandomState>,
    rules: HashMap<RuleKey, Known, ahash::RandomState>,
    removable: Removable,
    /// Policies of which not everything was asked.
    unfinished: BTreeSet<u32>,
    /// What names nodes or domains: it may wait for some that are not given.
    waiting: Removable,
    /// The cluster-scoped policies of which a rule decides something.
    deciding: BTreeSet<u32>,
}

/// The rules that have peers by nodes or domain names, and their policies.
fn waiting(image: &Image<'_>) -> Removable {
    let mut waiting = Removable::default();
    for (policy, record) in (0..).zip(image.cold.policies.iter()) {
        for direction in [Direction::Egress, Direction::Ingress] {
            let (first, len) = record.rules(direction);
            for (index, rule) in (0..).zip(image.cold.rules.range(first, len)) {
                let mut peers = rule_peers(image, &rule);
                let kind = |peer: PeerRecord| PeerKind::from_code(peer.kind);
                if peers.any(|peer| matches!(kind(peer), Some(PeerKind::Nodes | PeerKind::Domain)))
                {
                    waiting.policies.insert(policy);
                    waiting.rules.insert((policy, direction, index));
                }
            }
        }
    }
    waiting
}

/// What can be removed, all of it at once.
#[derive(Clone, Default)]
struct Removable {
    policies: BTreeSet<u32>,
    /// Those of policies that can be removed are not among them.
    rules: BTreeSet<RuleKey>,
}

impl Removable {
    /// What of it governs a subject.
    fn of(&self, subject: &Subject<'_>) -> Left {
        let of_policy = |policy: &u32| {
            let policy = *policy;
            let rules = (policy, subject.direction, 0)..=(policy, subject.direction, u32::MAX);
            self.rules.range(rules).copied()
        };
        let policies = subject.policies.iter().copied();
        let mut left = Left {
            policies: policies
                .filter(|policy| self.policies.contains(policy))
                .collect(),
            rules: subject.policies.iter().flat_map(of_policy).collect(),
        };
        left.policies.sort_unstable();
        left.rules.sort_unstable();
        left
    }
}

/// What is left out of the policies of one subject. Sorted.
#[derive(Clone, Default)]
struct Left {
    policies: Vec<u32>,
    rules: Vec<RuleKey>,
}

/// A policy, or a rule of one, that may come back.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Policy(u32),
    Rule(RuleKey),
}

impl Part {
    fn policy(self) -> u32 {
        match self {
            Part::Policy(policy) | Part::Rule((policy, ..)) => policy,
        }
    }
}

impl Left {
    fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.rules.is_empty()
    }

    fn bring_back(&mut self, part: Part) {
        match part {
            Part::Policy(policy) => self.policies.retain(|left| *left != policy),
            Part::Rule(rule) => self.rules.retain(|left| *left != rule),
        }
    }

    /// Whether a case is decided as it is with everything.
    fn changes_nothing(&self, case: &Case<'_>) -> bool {
        let without = Without::These {
            policies: &self.policies,
            rules: &self.rules,
        };
        let decide = |case: &Case<'_>| case.decide(&mut Assumed::default()).is_allowed();
        decide(case) == decide(&Case { without, ..*case })
    }
}

impl Effects {
    fn work_out<'i>(
        image: &'i Image<'i>,
        parties: &[Party<'i>],
        asked: &BTreeSet<u32>,
        may_go: &BTreeSet<u32>,
        steps: u64,
    ) -> Effects {
        let hasher = || ahash::RandomState::with_seeds(1, 2, 3, 4);
        let mut effects = Effects {
            policies: HashMap::with_hasher(hasher()),
            rules: HashMap::with_hasher(hasher()),
            removable: Removable::default(),
            unfinished: BTreeSet::new(),
            waiting: waiting(image),
            deciding: BTreeSet::new(),
        };
        // Half for what each does by itself, and half for what they do together.
        let (mut alone, mut together) = (Steps(steps / 2), Steps(steps / 2));
        let mut kinds = Kinds::new(image, parties);
        let mut subjects = Vec::new();
        for number in 0..parties.len() {
            for direction in Direction::BOTH {
                match kinds.subject(number, direction, &mut alone) {
                    Some(Asked::New(subject)) => subjects.push(subject),
                    Some(Asked::TooMuch(policies)) => effects.unfinished.extend(policies),
                    Some(Asked::Like(_)) | None => {}
                }
            }
        }
        // What takes most must not be at the expense of the others.
        subjects.sort_by_key(Subject::all_steps);
        for subject in &subjects {
            if effects.ask_subject(image, subject, &mut alone).is_none() {
                effects.unfinished.extend(&subject.policies);
            }
        }
        let decides = effects.rules.iter().filter(|(_, known)| known.decides);
        let of_clusters = |policy: &u32| image.cold.policies.get(*policy).namespace == NONE;
        let deciding = decides.map(|((policy, ..), _)| *policy).filter(of_clusters);
        effects.deciding = deciding.collect();
        effects.remove_policies(&subjects, may_go, &mut together);
        effects.remove_rules(&subjects, asked, may_go, &mut together);
        effects
    }

    /// Of policies that can be removed one by one, keeps those that cannot go together
    /// with the ones before them: of two equal ones the later, or the one whose rules
    /// decide where others come too late.
    fn remove_policies(
        &mut self,
        subjects: &[Subject<'_>],
        may_go: &BTreeSet<u32>,
        steps: &mut Steps,
    ) {
        let known = self.policies.iter();
        let known = known.filter(|(policy, known)| {
            !known.has_effect
                && may_go.contains(*policy)
                && !self.unfinished.contains(*policy)
                && !self.waiting.policies.contains(policy)
        });
        self.removable.policies = known.map(|(policy, _)| *policy).collect();
        let deciding = self.deciding.clone();
        self.keep_what_is_needed(subjects, steps, |left, subject| {
            let policies = subject.policies.iter().copied();
            let left = policies.filter(|policy| left.policies.binary_search(policy).is_ok());
            let mut left: Vec<u32> = left.collect();
            left.sort_by_key(|policy| deciding.contains(policy));
            left.into_iter().map(Part::Policy).collect()
        });
    }

    /// The same for the rules of the policies that stay. What never decides is the last
    /// to be kept: that says more.
    fn remove_rules(
        &mut self,
        subjects: &[Subject<'_>],
        asked: &BTreeSet<u32>,
        may_go: &BTreeSet<u32>,
        steps: &mut Steps,
    ) {
        let known = self.rules.iter().filter(|(rule, known)| {
            let (policy, ..) = rule;
            // What another of its priority decides may be left to it elsewhere.
            let may_go = asked.contains(policy) && (known.decides || may_go.contains(policy));
            let is_known = !self.unfinished.contains(policy);
            let stays = !self.removable.policies.contains(policy);
            let is_waiting = self.waiting.rules.contains(rule);
            known.matches && !known.has_effect && may_go && is_known && stays && !is_waiting
        });
        self.removable.rules = known.map(|(rule, _)| *rule).collect();
        let decides = |rule: &RuleKey| self.rules.get(rule).is_some_and(|known| known.decides);
        let rules = self.removable.rules.iter().copied();
        let deciding: BTreeSet<RuleKey> = rules.filter(decides).collect();
        self.keep_what_is_needed(subjects, steps, |left, _| {
            let mut rules = left.rules.clone();
            rules.sort_by_key(|rule| deciding.contains(rule));
            rules.into_iter().map(Part::Rule).collect()
        });
    }

    /// Asks again with all that can be removed gone, and takes back some of it where a
    /// verdict is another so: of what `may_come_back`, the last that makes up for it.
    fn keep_what_is_needed(
        &mut self,
        subjects: &[Subject<'_>],
        steps: &mut Steps,
        may_come_back: impl Fn(&Left, &Subject<'_>) -> Vec<Part>,
    ) {
        let mut governed: HashMap<u32, Vec<usize>, _> =
            HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
        for (number, subject) in subjects.iter().enumerate() {
            for policy in &subject.policies {
                governed.entry(*policy).or_default().push(number);
            }
        }
        // What comes back may decide a connection that was asked about before.
        let mut open: BTreeSet<usize> = (0..subjects.len()).collect();
        while let Some(number) = open.pop_first() {
            let Some(subject) = subjects.get(number) else {
                continue;
            };
            let mut left = self.removable.of(subject);
            if left.is_empty() {
                continue;
            }
            let mut back = Vec::new();
            let mut is_asked = true;
            for case in subject.by_peer().flatten() {
                is_asked = steps.take(subject.steps()).is_some();
                if !is_asked {
                    break;
                }
                while !left.changes_nothing(&case) {
                    let parts = may_come_back(&left, subject);
                    let makes_up = |part: &&Part| {
                        let mut without = left.clone();
                        without.bring_back(**part);
                        without.changes_nothing(&case)
                    };
                    let Some(part) = parts.iter().rev().find(makes_up).or(parts.last()) else {
                        break;
                    };
                    left.bring_back(*part);
                    back.push(*part);
                }
            }
            if !is_asked {
                // Nothing is proved of what governs it.
                let parts = left.policies.iter().copied().map(Part::Policy);
                back.extend(parts.chain(left.rules.iter().copied().map(Part::Rule)));
                self.unfinished
                    .extend(back.iter().map(|part| part.policy()));
            }
            for part in back {
                match part {
                    Part::Policy(policy) => self.removable.policies.remove(&policy),
                    Part::Rule(rule) => self.removable.rules.remove(&rule),
                };
                open.extend(governed.get(&part.policy()).into_iter().flatten());
            }
        }
    }

    /// Asks about a subject with each peer at each port, until nothing is left to ask.
    fn ask_subject<'i>(
        &mut self,
        image: &'i Image<'i>,
        subject: &Subject<'i>,
        steps: &mut Steps,
    ) -> Option<()> {
        for policy in &subject.policies {
            self.policies.entry(*policy).or_default();
        }
        for cases in subject.by_peer() {
            if self.is_done(image, &subject.policies, subject.direction) {
                break;
            }
            for case in cases {
                steps.take(subject.steps())?;
                self.ask(&case, subject.pod, &subject.policies);
            }
        }
        Some(())
    }

    /// Whether everything that governs a subject is known to have an effect.
    fn is_done(&self, image: &Image<'_>, policies: &[u32], direction: Direction) -> bool {
        policies.iter().all(|policy| {
            let (_, len) = image.cold.policies.get(*policy).rules(direction);
            let has_effect = |known: Option<&Known>| known.is_some_and(|known| known.has_effect);
            has_effect(self.policies.get(policy))
                && (0..len).all(|rule| has_effect(self.rules.get(&(*policy, direction, rule))))
        })
    }

    fn ask<'i>(&mut self, case: &Case<'i>, pod: PodParty<'i>, policies: &[u32]) {
        let decided = case.decide(&mut Assumed::default());
        let is_allowed = decided.is_allowed();
        let changes = |without| {
            let case = Case { without, ..*case };
            case.decide(&mut Assumed::default()).is_allowed() != is_allowed
        };
        // A Pass of the Admin tier does not decide, and yet may have an effect.
        let passed = case.first_hit(pod, Tier::Admin, &mut Assumed::default());
        let passed = passed.filter(|hit| hit.effect.action == Action::Pass);
        let hits = match decided {
            Decided::Rule(hit) => [Some(hit), passed],
            _ => [None, passed],
        };
        for hit in hits.into_iter().flatten() {
            let rule = self
                .rules
                .entry((hit.policy, case.direction, hit.rule))
                .or_default();
            rule.decides = true;
            rule.matches = true;
            if !rule.has_effect {
                rule.has_effect = changes(Without::Rule(hit.policy, hit.rule));
            }
        }
        for policy in policies {
            let (_, len) = case.record(*policy).rules(case.direction);
            for index in 0..len {
                let rule = self
                    .rules
                    .entry((*policy, case.direction, index))
                    .or_default();
                if !rule.matches {
                    rule.matches = case.rule_matches(*policy, index);
                }
            }
            let is_silent = match decided {
                Decided::Rule(hit) => {
                    hit.policy != *policy && passed.is_none_or(|hit| hit.policy != *policy)
                }
                Decided::Isolated | Decided::OwnNode | Decided::IsolatedElsewhere => false,
                _ => passed.is_none_or(|hit| hit.policy != *policy),
            };
            let known = self.policies.entry(*policy).or_default();
            if !known.has_effect && !is_silent {
                known.has_effect = changes(Without::Policy(*policy));
            }
        }
    }

    fn report(&self, image: &Image<'_>, policy: u32, findings: &mut Vec<Finding>) {
        let record = image.cold.policies.get(policy);
        let mut find = |code, line, path: String, message: String| {
            let diagnostic = warning(image, &record, line, path, message);
            findings.push(Finding { code, diagnostic });
        };
        let place = |(_, direction, index): &RuleKey| {
            let rule = image.cold.rules.get(record.rules(*direction).0 + index);
            (rule.line, format!("spec.{direction}[{index}]"))
        };
        let is_of_cluster = record.namespace == NONE;
        if self.removable.policies.contains(&policy) {
            let open = opens_all(image, &record).map_or(String::new(), |rule| {
                format!(
                    "; {rule} allows everything with everybody, so the pods are as open with the \
                     policy as without one: if it is to protect them, narrow that rule instead"
                )
            });
            let message = format!("{REMOVABLE}{open}");
            find(Code::RemovablePolicy, 0, String::new(), message);
            if is_of_cluster && !self.deciding.contains(&policy) {
                for key in self.matching_rules(policy) {
                    let (line, path) = place(&key);
                    find(Code::ShadowedRule, line, path, NEVER_DECIDES.into());
                }
            }
            return;
        }
        let rules = self.removable.rules.iter();
        for key in rules.filter(|(of, ..)| *of == policy) {
            let decides = self.rules.get(key).is_some_and(|known| known.decides);
            let (line, path) = place(key);
            if decides || !is_of_cluster {
                find(Code::RemovableRule, line, path, REMOVABLE.into());
            } else {
                find(Code::ShadowedRule, line, path, NEVER_DECIDES.into());
            }
        }
    }

    /// The rules of a policy that match something.
    fn matching_rules(&self, policy: u32) -> BTreeSet<RuleKey> {
        let rules = self.rules.iter();
        let matching = rules.filter(|((of, ..), known)| *of == policy && known.matches);
        matching.map(|(key, _)| *key).collect()
    }
}

/// The rule for ingress, if there is one, by which a NetworkPolicy that isolates allows all
/// the same.
fn opens_all(image: &Image<'_>, record: &PolicyRecord) -> Option<String> {
    if record.kind() != PolicyKind::Network || !record.isolates(Direction::Ingress) {
        return None;
    }
    let (first, len) = record.rules(Direction::Ingress);
    let mut rules = image.cold.rules.range(first, len);
    let at = rules.position(|rule| rule.peers_len == NONE && rule.ports_len == NONE)?;
    Some(format!("ingress[{at}]"))
}

const NEVER_DECIDES: &str = "never decides: every connection that it matches is decided before it";

/// What is said of everything that can be removed. [`Code::why`] says what was asked.
const REMOVABLE: &str = "can be removed without changing any verdict";
