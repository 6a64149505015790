//! Policies and rules without effect.
//!
//! Every place that policies can tell apart is asked as a subject, against every other
//! as its peer, at every port at which a rule for the subject begins or ends. What
//! decides is taken out, and the question asked again: whatever changes a verdict so
//! has an effect. A subject is left as soon as all of its policies and rules are known
//! to have one, which is mostly soon. What has none by itself is then taken out all at
//! once, and comes back as far as a verdict needs it.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::{Code, Finding};
use crate::check::warning;
use crate::image::Image;
use crate::image::tables::{NONE, PolicyKind};
use crate::model::{Action, Direction, OwnNode, Tier};
use crate::protocol::PortKey;
use crate::reach::{Places, rule_starts, with_potential_ends};
use crate::verdict::{Assumed, Case, Decided, Identity, Party, PodParty, Without};
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
    questions: u64,
    findings: &mut Vec<Finding>,
) {
    // What selects nothing is told elsewhere.
    if image
        .cold
        .policies
        .iter()
        .all(|policy| policy.selected == 0)
    {
        return;
    }
    // To decide about what is still to come is an effect.
    let compiled = with_potential_ends(cluster).compile(&image.options());
    let effects = compiled.ok().and_then(|(with_potential, _)| {
        let with_potential = with_potential.image();
        let parties = Places::new(&with_potential).parties();
        Effects::work_out(&with_potential, &parties, second, questions)
    });
    let Some(effects) = effects else {
        findings.push(Finding {
            code: Code::TooMuchToCompare,
            diagnostic: Diagnostic {
                message: "there are too many connections to compare them all: whether policies \
                          and rules can be removed, or never decide, was not worked out"
                    .into(),
                ..Diagnostic::warning()
            },
        });
        return;
    };
    for policy in 0..image.cold.policies.len() as u32 {
        effects.report(image, policy, findings);
    }
}

struct Effects {
    policies: HashMap<u32, Known, ahash::RandomState>,
    rules: HashMap<RuleKey, Known, ahash::RandomState>,
    removable: Removable,
    questions: u64,
}

/// What can be removed, all of it at once.
#[derive(Default)]
struct Removable {
    /// Sorted.
    policies: Vec<u32>,
    /// Sorted; those of policies that can be removed are not among them.
    rules: Vec<RuleKey>,
}

impl Removable {
    fn without(&self) -> Without<'_> {
        Without::These {
            policies: &self.policies,
            rules: &self.rules,
        }
    }
}

impl Effects {
    /// `None` where there is too much to ask.
    fn work_out<'i>(
        image: &'i Image<'i>,
        parties: &[Party<'i>],
        second: &BTreeSet<u32>,
        questions: u64,
    ) -> Option<Effects> {
        let hasher = || ahash::RandomState::with_seeds(1, 2, 3, 4);
        let mut effects = Effects {
            policies: HashMap::with_hasher(hasher()),
            rules: HashMap::with_hasher(hasher()),
            removable: Removable::default(),
            questions,
        };
        for subject in parties {
            effects.ask_subject(image, *subject, parties)?;
        }
        effects.keep_policies(image, parties, second)?;
        effects.keep_rules(image, parties, second)?;
        Some(effects)
    }

    /// Of policies that can be removed one by one, keeps those that cannot go together
    /// with the ones before them: of two equal ones, the later.
    fn keep_policies<'i>(
        &mut self,
        image: &'i Image<'i>,
        parties: &[Party<'i>],
        second: &BTreeSet<u32>,
    ) -> Option<()> {
        let known = self.policies.iter();
        let known = known.filter(|(policy, known)| !known.has_effect && !second.contains(policy));
        self.removable.policies = known.map(|(policy, _)| *policy).collect();
        self.removable.policies.sort_unstable();
        // What comes back may decide a connection that was asked about before.
        while self.take_back(image, parties, |removable, case| {
            let policies = removable.policies.clone();
            let saves = |policy: &&u32| {
                let rest: Vec<u32> = policies
                    .iter()
                    .copied()
                    .filter(|it| it != *policy)
                    .collect();
                let without = Without::These {
                    policies: &rest,
                    rules: &[],
                };
                is_unchanged(case, without)
            };
            let governing: Vec<u32> = governing(case)
                .filter(|policy| policies.binary_search(policy).is_ok())
                .collect();
            let last = governing.iter().rev().find(saves).or(governing.last());
            removable.policies.retain(|policy| Some(policy) != last);
        })? {}
        Some(())
    }

    /// The same for the rules of the policies that stay. What never decides is the last
    /// to be kept: that says more.
    fn keep_rules<'i>(
        &mut self,
        image: &'i Image<'i>,
        parties: &[Party<'i>],
        second: &BTreeSet<u32>,
    ) -> Option<()> {
        let removed = &self.removable.policies;
        let known = self.rules.iter().filter(|((policy, ..), known)| {
            let may_go = known.decides || !second.contains(policy);
            known.matches && !known.has_effect && may_go && removed.binary_search(policy).is_err()
        });
        let mut rules: Vec<RuleKey> = known.map(|(rule, _)| *rule).collect();
        rules.sort_unstable();
        let deciding: BTreeSet<RuleKey> = rules
            .iter()
            .filter(|rule| self.rules.get(*rule).is_some_and(|known| known.decides))
            .copied()
            .collect();
        self.removable.rules = rules;
        while self.take_back(image, parties, |removable, case| {
            let (policies, rules) = (removable.policies.clone(), removable.rules.clone());
            let saves = |rule: &&RuleKey| {
                let rest: Vec<RuleKey> = rules.iter().copied().filter(|it| it != *rule).collect();
                let without = Without::These {
                    policies: &policies,
                    rules: &rest,
                };
                is_unchanged(case, without)
            };
            let governing: BTreeSet<u32> = governing(case).collect();
            let mut concerned: Vec<RuleKey> = rules
                .iter()
                .filter(|(policy, direction, _)| {
                    *direction == case.direction && governing.contains(policy)
                })
                .copied()
                .collect();
            concerned.sort_by_key(|rule| deciding.contains(rule));
            let last = concerned.iter().rev().find(saves).or(concerned.last());
            removable.rules.retain(|rule| Some(rule) != last);
        })? {}
        Some(())
    }

    /// Asks again with all that can be removed gone, and takes back some of it by
    /// `keep`, where a verdict is another so. Returns whether any was.
    fn take_back<'i>(
        &mut self,
        image: &'i Image<'i>,
        parties: &[Party<'i>],
        keep: impl Fn(&mut Removable, &Case<'_>),
    ) -> Option<bool> {
        let mut removable = core::mem::take(&mut self.removable);
        let mut is_taken_back = false;
        let of_rules = removable.rules.iter().map(|(policy, ..)| *policy);
        let concerned: BTreeSet<u32> = removable.policies.iter().copied().chain(of_rules).collect();
        let is_done = |_: &Effects, policies: &[u32], _| {
            !policies.iter().any(|policy| concerned.contains(policy))
        };
        for subject in parties {
            self.ask_each(image, *subject, parties, is_done, |_, case, _, _| {
                while !is_unchanged(case, removable.without()) {
                    keep(&mut removable, case);
                    is_taken_back = true;
                }
            })?;
        }
        self.removable = removable;
        Some(is_taken_back)
    }

    fn ask_subject<'i>(
        &mut self,
        image: &'i Image<'i>,
        subject: Party<'i>,
        peers: &[Party<'i>],
    ) -> Option<()> {
        let is_done = |effects: &Effects, policies: &[u32], direction| {
            effects.is_done(image, policies, direction)
        };
        self.ask_each(
            image,
            subject,
            peers,
            is_done,
            |effects, case, pod, policies| {
                effects.ask(case, pod, policies);
            },
        )
    }

    /// Asks about a subject with each peer at each port, until nothing is left to ask.
    fn ask_each<'i>(
        &mut self,
        image: &'i Image<'i>,
        subject: Party<'i>,
        peers: &[Party<'i>],
        is_done: impl Fn(&Effects, &[u32], Direction) -> bool,
        mut ask: impl FnMut(&mut Effects, &Case<'i>, PodParty<'i>, &[u32]),
    ) -> Option<()> {
        for direction in Direction::BOTH {
            let starts = rule_starts(image, direction, subject);
            let case = Case {
                image,
                direction,
                subject,
                peer: subject,
                is_same_pod: false,
                without: Without::Nothing,
                key: PortKey(0),
            };
            let Some(pod) = subject.pod() else { continue };
            let policies: Vec<u32> = case.policies(pod).collect();
            for policy in &policies {
                self.policies.entry(*policy).or_default();
            }
            for peer in peers {
                if is_done(self, &policies, direction) {
                    break;
                }
                if is_own_node(image, direction, pod, peer) {
                    continue;
                }
                for start in &starts {
                    self.questions = self.questions.checked_sub(1)?;
                    let case = Case {
                        peer: *peer,
                        key: PortKey(*start),
                        ..case
                    };
                    ask(self, &case, pod, &policies);
                }
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
        if record.selected == 0 {
            return;
        }
        let mut find = |code, line, path: String, message: String| {
            let diagnostic = warning(image, &record, line, path, message);
            findings.push(Finding { code, diagnostic });
        };
        if self.removable.policies.binary_search(&policy).is_ok() {
            let message = format!("can be removed{UNCHANGED}");
            find(Code::RemovablePolicy, 0, String::new(), message);
            return;
        }
        let rules = self.removable.rules.iter();
        for key in rules.filter(|(of, ..)| *of == policy) {
            let (_, direction, index) = *key;
            let is_governed = match record.kind() {
                PolicyKind::Network => record.isolates(direction),
                PolicyKind::Cluster(_) => true,
            };
            if !is_governed {
                continue;
            }
            let rule = image.cold.rules.get(record.rules(direction).0 + index);
            let decides = self.rules.get(key).is_some_and(|known| known.decides);
            let path = format!("spec.{direction}[{index}]");
            if decides || record.namespace != NONE {
                let message = format!("can be removed{UNCHANGED}");
                find(Code::RemovableRule, rule.line, path, message);
            } else {
                let message = "never decides: every connection that it matches is decided \
                               before it, between pods, nodes and addresses, given or to come";
                find(Code::ShadowedRule, rule.line, path, message.into());
            }
        }
    }
}

/// What is said of everything that can be removed.
const UNCHANGED: &str = ", together with all else that is said to be: no verdict between pods, \
                         nodes and addresses, given or to come, would change";

/// The policies that govern the subject of a case.
fn governing<'i>(case: &Case<'i>) -> impl Iterator<Item = u32> + use<'i> {
    let case = *case;
    let pod = case.subject.pod();
    pod.into_iter().flat_map(move |pod| case.policies(pod))
}

/// Whether a case is decided as it is with everything.
fn is_unchanged<'r>(case: &Case<'r>, without: Without<'r>) -> bool {
    let decide = |case: &Case<'r>| case.decide(&mut Assumed::default()).is_allowed();
    decide(case) == decide(&Case { without, ..*case })
}

/// Ingress from the own node is allowed whatever the NetworkPolicies say; another node
/// stands for what they do.
fn is_own_node(
    image: &Image<'_>,
    direction: Direction,
    pod: PodParty<'_>,
    peer: &Party<'_>,
) -> bool {
    let counts = match direction {
        Direction::Egress => image.options().own_node_egress,
        Direction::Ingress => image.options().own_node_ingress,
    };
    counts == OwnNode::Allowed
        && matches!(peer.identity, Identity::Node(_))
        && peer
            .address
            .is_some_and(|address| pod.own_node_has(image, address))
}
