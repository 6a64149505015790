//! Policies and rules without effect.
//!
//! Every place that policies can tell apart is asked as a subject, against every other
//! as its peer, at every port at which a rule for the subject begins or ends. What
//! decides is taken out, and the question asked again: whatever changes a verdict so
//! has an effect. A subject is left as soon as all of its policies and rules are known
//! to have one, which is mostly soon.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::{Code, Finding};
use crate::check::warning;
use crate::image::Image;
use crate::image::tables::{NONE, PolicyKind};
use crate::model::{Action, Direction, OwnNode, Pod, Tier};
use crate::protocol::PortKey;
use crate::reach::{Places, rule_starts};
use crate::verdict::{Assumed, Case, Decided, Identity, Party, PodParty, Without};

/// How many questions are asked at most.
const MAX_QUESTIONS: u64 = 20_000_000;

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

pub(super) fn find(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let Some(effects) = Effects::work_out(image, &Places::new(image).parties()) else {
        return;
    };
    for policy in 0..image.cold.policies.len() as u32 {
        effects.report(image, policy, findings);
    }
}

struct Effects {
    policies: HashMap<u32, Known, ahash::RandomState>,
    rules: HashMap<RuleKey, Known, ahash::RandomState>,
    questions: u64,
}

impl Effects {
    /// `None` where there is too much to ask.
    fn work_out<'i>(image: &'i Image<'i>, parties: &[Party<'i>]) -> Option<Effects> {
        let hasher = || ahash::RandomState::with_seeds(1, 2, 3, 4);
        let mut effects = Effects {
            policies: HashMap::with_hasher(hasher()),
            rules: HashMap::with_hasher(hasher()),
            questions: 0,
        };
        for subject in parties {
            effects.ask_subject(image, *subject, parties)?;
        }
        effects.ask_unlabelled(image, parties)?;
        Some(effects)
    }

    /// Pods without labels, in each namespace that has policies for all of its pods: to
    /// protect what is still to come is an effect.
    fn ask_unlabelled(&mut self, image: &Image<'_>, parties: &[Party<'_>]) -> Option<()> {
        for namespace in image.cold.namespaces.iter() {
            let pod = Pod {
                namespace: image.string(namespace.name).into(),
                ..Pod::default()
            };
            let subject = Party::described(&pod, None);
            self.ask_subject(image, subject, parties)?;
        }
        Some(())
    }

    fn ask_subject<'i>(
        &mut self,
        image: &'i Image<'i>,
        subject: Party<'i>,
        peers: &[Party<'i>],
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
                if self.is_done(image, &policies, direction) {
                    break;
                }
                if is_own_node(image, direction, pod, peer) {
                    continue;
                }
                for start in &starts {
                    self.questions += 1;
                    if self.questions > MAX_QUESTIONS {
                        return None;
                    }
                    let case = Case {
                        peer: *peer,
                        key: PortKey(*start),
                        ..case
                    };
                    self.ask(&case, pod, &policies);
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
        // What selects nothing is told elsewhere.
        let Some(known) = self.policies.get(&policy).filter(|_| record.selected != 0) else {
            return;
        };
        let mut find = |code, line, path: String, message: String| {
            let diagnostic = warning(image, &record, line, path, message);
            findings.push(Finding { code, diagnostic });
        };
        if !known.has_effect {
            find(
                Code::RemovablePolicy,
                0,
                String::new(),
                "can be removed: no verdict between the pods, nodes and addresses that were given \
                 would change"
                    .into(),
            );
            return;
        }
        for direction in Direction::BOTH {
            let is_governed = match record.kind() {
                PolicyKind::Network => record.isolates(direction),
                PolicyKind::Cluster(_) => true,
            };
            let (first, len) = record.rules(direction);
            for index in (0..len).filter(|_| is_governed) {
                let rule = image.cold.rules.get(first + index);
                let Some(known) = self.rules.get(&(policy, direction, index)) else {
                    continue;
                };
                let path = format!("spec.{direction}[{index}]");
                let is_ordered = record.namespace == NONE;
                if known.matches && !known.decides && is_ordered {
                    find(
                        Code::ShadowedRule,
                        rule.line,
                        path,
                        "never decides: every connection that it matches is decided before it, \
                         between the pods, nodes and addresses that were given"
                            .into(),
                    );
                } else if known.matches && !known.has_effect {
                    find(
                        Code::RemovableRule,
                        rule.line,
                        path,
                        "can be removed: no verdict between the pods, nodes and addresses that \
                         were given would change"
                            .into(),
                    );
                }
            }
        }
    }
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
