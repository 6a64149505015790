//! Why: as data, and as text.

use std::ffi::c_char;
use std::fmt;
use std::sync::Arc;

use netpolicy::Connection;
use netpolicy::explain::{
    ConsultedPolicy, DirectionExplanation, Explanation, NearestMiss, PolicyRef, Reason, RuleRef,
};
use netpolicy::model::{Action, Tier};

use crate::address::netpolicy_connection;
use crate::boundary::{free, guard, output, reference, total};
use crate::error::{At, Failure, netpolicy_result};
use crate::image::netpolicy_image;
use crate::objects::{
    NETPOLICY_ACTION_ALLOW, NETPOLICY_ACTION_DENY, NETPOLICY_ACTION_PASS,
    NETPOLICY_DIRECTION_EGRESS, NETPOLICY_DIRECTION_INGRESS,
};
use crate::text::{netpolicy_str, write_text};
use crate::verdict::netpolicy_verdict;

/// Why a connection may pass, or may not. It keeps a reference of its image, and is worked
/// out from the rules when it is asked.
pub struct netpolicy_explanation {
    image: Arc<netpolicy_image>,
    connection: Connection,
}

impl netpolicy_explanation {
    fn get(&self) -> Explanation<'_> {
        self.image.get().explain(&self.connection)
    }

    fn direction(&self, direction: u32) -> Result<DirectionExplanation<'_>, Failure> {
        match direction {
            NETPOLICY_DIRECTION_EGRESS => Ok(*self.get().egress()),
            NETPOLICY_DIRECTION_INGRESS => Ok(*self.get().ingress()),
            _ => Err(Failure::no_such("NETPOLICY_DIRECTION", direction).at("direction")),
        }
    }
}

/// The tier in which a direction is decided.
#[repr(u8)]
#[derive(Clone, Copy)]
pub enum netpolicy_tier {
    /// No policy decides.
    None = 0,
    /// AdminNetworkPolicy, and ClusterNetworkPolicy with `tier: Admin`.
    Admin = 1,
    /// NetworkPolicy.
    NetworkPolicy = 2,
    /// BaselineAdminNetworkPolicy, and ClusterNetworkPolicy with `tier: Baseline`.
    Baseline = 3,
}

impl From<Option<Tier>> for netpolicy_tier {
    fn from(tier: Option<Tier>) -> netpolicy_tier {
        match tier {
            None => netpolicy_tier::None,
            Some(Tier::Admin) => netpolicy_tier::Admin,
            Some(Tier::NetworkPolicy) => netpolicy_tier::NetworkPolicy,
            Some(Tier::Baseline) => netpolicy_tier::Baseline,
        }
    }
}

/// What decides a direction.
#[repr(u8)]
#[derive(Clone, Copy)]
pub enum netpolicy_reason {
    /// A reason that this version of the API has no word for.
    Other = 0,
    /// The end whose direction it is is no pod, so no policy governs it: allowed.
    NotAPod = 1,
    /// Source and destination are the same pod: allowed.
    SamePod = 2,
    /// A rule decides.
    Rule = 3,
    /// The peer is the pod's own node: allowed in the NetworkPolicy tier.
    OwnNode = 4,
    /// NetworkPolicies isolate the pod, and none of their rules matches: denied.
    Isolated = 5,
    /// NetworkPolicies isolate the pod in the other direction only, which is final by option:
    /// allowed.
    IsolatedElsewhere = 6,
    /// Policies select the pod, but none of their rules decides: allowed.
    NoRuleMatches = 7,
    /// No policy governs this direction of the pod: allowed.
    NoPolicySelects = 8,
}

/// A policy of an image.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct netpolicy_policy_info {
    /// The `kind` of the object; empty if there is no policy.
    pub kind: netpolicy_str,
    /// Its namespace; empty for the cluster-scoped kinds.
    pub namespace_name: netpolicy_str,
    /// Its name.
    pub name: netpolicy_str,
    /// The file it was read from; empty if unknown.
    pub file: netpolicy_str,
    /// The line it begins on, from 1; 0 if unknown.
    pub line: u32,
    /// Its priority; -1 for the kinds without.
    pub priority: i32,
}

impl netpolicy_policy_info {
    const NONE: netpolicy_policy_info = netpolicy_policy_info {
        kind: netpolicy_str::EMPTY,
        namespace_name: netpolicy_str::EMPTY,
        name: netpolicy_str::EMPTY,
        file: netpolicy_str::EMPTY,
        line: 0,
        priority: -1,
    };

    fn new(policy: &PolicyRef<'_>) -> netpolicy_policy_info {
        let (file, line) = policy.source().unwrap_or_default();
        netpolicy_policy_info {
            kind: netpolicy_str::new(policy.kind()),
            namespace_name: policy
                .namespace()
                .map_or(netpolicy_str::EMPTY, netpolicy_str::new),
            name: netpolicy_str::new(policy.name()),
            file: netpolicy_str::new(file),
            line,
            priority: policy.priority().map_or(-1, i32::from),
        }
    }
}

/// A rule of a policy.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct netpolicy_rule_info {
    /// Its name; empty if it has none.
    pub name: netpolicy_str,
    /// Its index in the list of its direction, from 0; -1 if there is no rule.
    pub index: i64,
    /// The line it begins on, from 1; 0 if unknown.
    pub line: u32,
    /// Its action as written: a `NETPOLICY_ACTION`. Allow for the rules of a NetworkPolicy.
    pub action: u32,
    /// Whether it has a peer that is not known here, so that it allows nothing if its action
    /// is Allow, and denies everything if not.
    pub fails_closed: bool,
}

impl netpolicy_rule_info {
    const NONE: netpolicy_rule_info = netpolicy_rule_info {
        name: netpolicy_str::EMPTY,
        index: -1,
        line: 0,
        action: 0,
        fails_closed: false,
    };

    fn new(rule: &RuleRef<'_>) -> netpolicy_rule_info {
        netpolicy_rule_info {
            name: rule.name().map_or(netpolicy_str::EMPTY, netpolicy_str::new),
            index: rule.index().into(),
            line: rule.line(),
            action: match rule.action() {
                Action::Allow => NETPOLICY_ACTION_ALLOW,
                Action::Deny => NETPOLICY_ACTION_DENY,
                Action::Pass => NETPOLICY_ACTION_PASS,
            },
            fails_closed: rule.fails_closed(),
        }
    }
}

/// How a direction is decided.
#[repr(C)]
pub struct netpolicy_decision {
    /// The policy of the rule that decides; the first NetworkPolicy that isolates the pod if
    /// `reason` is `NETPOLICY_REASON_ISOLATED`; else none.
    pub policy: netpolicy_policy_info,
    /// The rule that decides, if `reason` is `NETPOLICY_REASON_RULE`; else none.
    pub rule: netpolicy_rule_info,
    /// What decides.
    pub reason: netpolicy_reason,
    /// The tier that decides.
    pub tier: netpolicy_tier,
    /// Whether the connection may pass in this direction.
    pub allowed: bool,
}

impl netpolicy_decision {
    fn new(direction: &DirectionExplanation<'_>) -> netpolicy_decision {
        let reason = direction.reason();
        let (policy, rule) = match reason {
            Reason::Rule(rule) => (Some(rule.policy()), Some(rule)),
            Reason::Isolated => {
                let mut policies = direction.policies().map(|consulted| consulted.policy);
                (
                    policies.find(|policy| policy.tier() == Tier::NetworkPolicy),
                    None,
                )
            }
            _ => (None, None),
        };
        netpolicy_decision {
            policy: policy
                .as_ref()
                .map_or(netpolicy_policy_info::NONE, netpolicy_policy_info::new),
            rule: rule
                .as_ref()
                .map_or(netpolicy_rule_info::NONE, netpolicy_rule_info::new),
            reason: match reason {
                Reason::NotAPod => netpolicy_reason::NotAPod,
                Reason::SamePod => netpolicy_reason::SamePod,
                Reason::Rule(_) => netpolicy_reason::Rule,
                Reason::OwnNode => netpolicy_reason::OwnNode,
                Reason::Isolated => netpolicy_reason::Isolated,
                Reason::IsolatedElsewhere => netpolicy_reason::IsolatedElsewhere,
                Reason::NoRuleMatches => netpolicy_reason::NoRuleMatches,
                Reason::NoPolicySelects => netpolicy_reason::NoPolicySelects,
                _ => netpolicy_reason::Other,
            },
            tier: direction.tier().into(),
            allowed: direction.is_allowed(),
        }
    }
}

/// What a policy that was consulted had to say.
#[repr(u8)]
#[derive(Clone, Copy)]
pub enum netpolicy_outcome {
    /// An outcome that this version of the API has no word for.
    Other = 0,
    /// The rule matches.
    Matches = 1,
    /// The policy has no rules in this direction.
    NoRules = 2,
    /// The rule matches the peer, but not the port or protocol.
    MissesPort = 3,
    /// The rule matches the port, but not the peer.
    MissesPeer = 4,
    /// No rule matches the peer or the port.
    MissesBoth = 5,
    /// The rule has a peer that is not known here, and so allows nothing.
    FailsClosed = 6,
}

/// A policy that was consulted.
#[repr(C)]
pub struct netpolicy_consulted {
    /// The policy.
    pub policy: netpolicy_policy_info,
    /// The rule that matches, or that comes nearest; none where the outcome names none.
    pub rule: netpolicy_rule_info,
    /// What it had to say.
    pub outcome: netpolicy_outcome,
    /// The tier it speaks in.
    pub tier: netpolicy_tier,
}

impl netpolicy_consulted {
    fn new(consulted: &ConsultedPolicy<'_>) -> netpolicy_consulted {
        let (outcome, rule) = match consulted.outcome {
            Ok(rule) => (netpolicy_outcome::Matches, Some(rule)),
            Err(NearestMiss::NoRules) => (netpolicy_outcome::NoRules, None),
            Err(NearestMiss::Port(rule)) => (netpolicy_outcome::MissesPort, Some(rule)),
            Err(NearestMiss::Peer(rule)) => (netpolicy_outcome::MissesPeer, Some(rule)),
            Err(NearestMiss::Neither) => (netpolicy_outcome::MissesBoth, None),
            Err(NearestMiss::FailsClosed(rule)) => (netpolicy_outcome::FailsClosed, Some(rule)),
            Err(_) => (netpolicy_outcome::Other, None),
        };
        netpolicy_consulted {
            policy: netpolicy_policy_info::new(&consulted.policy),
            rule: rule
                .as_ref()
                .map_or(netpolicy_rule_info::NONE, netpolicy_rule_info::new),
            outcome,
            tier: Some(consulted.policy.tier()).into(),
        }
    }
}

/// Explains the verdict of a connection. Free it with `netpolicy_explanation_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_explain(
    image: *const netpolicy_image,
    connection: *const netpolicy_connection,
    explanation: *mut *mut netpolicy_explanation,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions room for a pointer, or NULL.
        let explanation = unsafe { output(explanation, "explanation") }?;
        // SAFETY: by the conventions a connection, or NULL.
        let connection = unsafe { reference(connection, "connection") }?.get();
        // SAFETY: by the conventions an image, or NULL.
        let image = unsafe { netpolicy_image::share(image, "image") }?;
        let new = Box::new(netpolicy_explanation { image, connection });
        explanation.write(Box::into_raw(new));
        Ok(())
    })
}

/// Frees an explanation. NULL is nothing to free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_explanation_free(explanation: *mut netpolicy_explanation) {
    // SAFETY: by the conventions NULL, or of `netpolicy_image_explain` and nobody else's.
    unsafe { free(explanation) }
}

/// The verdict that is explained; `NETPOLICY_VERDICT_DENY` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_explanation_verdict(
    explanation: *const netpolicy_explanation,
) -> netpolicy_verdict {
    // SAFETY: by the conventions an explanation, or NULL.
    let Ok(explanation) = (unsafe { reference(explanation, "explanation") }) else {
        return netpolicy_verdict::Deny;
    };
    total(netpolicy_verdict::Deny, || {
        explanation.get().verdict().into()
    })
}

/// How one direction is decided: `NETPOLICY_DIRECTION_EGRESS` at the source,
/// `NETPOLICY_DIRECTION_INGRESS` at the destination. Its text lives as long as the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_explanation_decision(
    explanation: *const netpolicy_explanation,
    direction: u32,
    decision: *mut netpolicy_decision,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions an explanation, or NULL.
        let explanation = unsafe { reference(explanation, "explanation") }?;
        // SAFETY: by the conventions room for a decision, or NULL.
        let out = unsafe { output(decision, "decision") }?;
        let direction = explanation.direction(direction)?;
        out.write(netpolicy_decision::new(&direction));
        Ok(())
    })
}

/// The policy of that index among those that were consulted for a direction, in the order of
/// decision: those of the Admin tier up to the one that decides or passes, then every
/// NetworkPolicy that isolates the pod in this direction, or else those of the Baseline tier.
/// `NETPOLICY_RESULT_NOT_FOUND` behind the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_explanation_policy(
    explanation: *const netpolicy_explanation,
    direction: u32,
    index: usize,
    consulted: *mut netpolicy_consulted,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions an explanation, or NULL.
        let explanation = unsafe { reference(explanation, "explanation") }?;
        // SAFETY: by the conventions room for the result, or NULL.
        let out = unsafe { output(consulted, "consulted") }?;
        let direction = explanation.direction(direction)?;
        let found = direction.policies().nth(index);
        let found = found.ok_or_else(|| Failure::no_entry("policy", index));
        out.write(netpolicy_consulted::new(&found.at("index")?));
        Ok(())
    })
}

/// The long form of an explanation.
struct Chain<'e>(Explanation<'e>);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

/// Writes an explanation as text: one sentence, or with `whole` the chain of tiers as well, a
/// line for each policy that was consulted. As snprintf writes: cut to `len` bytes, the last a
/// NUL, and the length of the whole is returned. 0 for NULL; a NULL buffer is one of 0 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_explanation_text(
    explanation: *const netpolicy_explanation,
    whole: bool,
    buffer: *mut c_char,
    len: usize,
) -> usize {
    // SAFETY: by the conventions an explanation, or NULL.
    let Ok(explanation) = (unsafe { reference(explanation, "explanation") }) else {
        return 0;
    };
    total(0, || {
        let (sentence, chain);
        let text: &dyn fmt::Display = if whole {
            chain = Chain(explanation.get());
            &chain
        } else {
            sentence = explanation.get();
            &sentence
        };
        // SAFETY: by the conventions `buffer` has room for `len` bytes.
        unsafe { write_text(text, buffer, len) }
    })
}
