//! Explanations as text.

use core::fmt::{self, Debug, Display, Formatter};

use super::{
    Assumption, ConsultedPolicy, DirectionExplanation, End, Explanation, NearestMiss, PolicyRef,
    Reason, RuleRef,
};
use crate::model::{Action, Tier};
use crate::verdict::{Identity, Party, PodParty};

impl Display for Explanation<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict();
        f.write_str(if verdict.is_allowed() {
            "allow"
        } else {
            "deny"
        })?;
        let (source, destination) = (self.source(), self.destination());
        write!(f, " {source} -> {destination} {}", self.protocol)?;
        if let Some(port) = self.port() {
            write!(f, " {port}")?;
        }
        // Of a denial, the direction that denies is what matters.
        let mut separator = ": ";
        for direction in self.directions() {
            if verdict.is_allowed() || !direction.is_allowed() {
                write!(f, "{separator}{} {direction}", direction.direction())?;
                separator = "; ";
            }
        }
        self.fmt_assumptions(f)?;
        if f.alternate() {
            for direction in self.directions() {
                direction.fmt_chain(f)?;
            }
        }
        Ok(())
    }
}

impl Explanation<'_> {
    /// What the sentence rests on that was not known, each thing once.
    fn fmt_assumptions(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_told = |direction: &&DirectionExplanation<'_>| {
            self.verdict().is_allowed() || !direction.is_allowed()
        };
        let told = self.directions().into_iter().filter(is_told);
        let all = told.flat_map(DirectionExplanation::assumptions);
        let mut separator = " (assuming ";
        for (index, assumption) in all.clone().enumerate() {
            if all.clone().take(index).all(|other| other != assumption) {
                write!(f, "{separator}{assumption}")?;
                separator = "; ";
            }
        }
        if separator == "; " {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl Debug for Explanation<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// One sentence: how the direction is decided, and why.
impl Display for DirectionExplanation<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let subject = self.end(self.subject());
        match self.reason() {
            Reason::NotAPod => write!(f, "allowed: {subject} is no pod, so no policy governs it"),
            Reason::SamePod => f.write_str("allowed: source and destination are the same pod"),
            Reason::OutOfScope => write!(
                f,
                "allowed here: {subject} is left to its own node, which this image is not for"
            ),
            Reason::Rule(rule) if rule.fails_closed() => write!(
                f,
                "denied by {rule}: it has a peer that is not known here, and fails closed"
            ),
            Reason::Rule(rule) if rule.action() == Action::Pass => write!(
                f,
                "allowed: {rule} passes, and behind the Baseline tier nothing denies"
            ),
            Reason::Rule(rule) => {
                write!(
                    f,
                    "{} by {rule}",
                    if rule.allows() { "allowed" } else { "denied" }
                )
            }
            Reason::OwnNode => write!(
                f,
                "allowed: {} is the own node of {subject}",
                self.end(self.peer())
            ),
            Reason::Isolated => {
                write!(f, "denied: {subject} is isolated")?;
                let mut separator = " by ";
                for consulted in self.policies().filter(is_network_policy) {
                    write!(f, "{separator}{}", consulted.policy)?;
                    if let Err(miss) = consulted.outcome {
                        write!(f, " ({miss})")?;
                    }
                    separator = ", ";
                }
                Ok(())
            }
            Reason::IsolatedElsewhere => write!(
                f,
                "allowed: {subject} is isolated in the other direction only, which is final by option"
            ),
            Reason::Passed(rule) => {
                write!(f, "allowed: {rule} passes, and nothing behind it decides")
            }
            Reason::NoRuleMatches => {
                write!(
                    f,
                    "allowed: no rule of the policies that select {subject} matches"
                )
            }
            Reason::NoPolicySelects => write!(
                f,
                "allowed: no policy selects {subject} for {}",
                self.direction()
            ),
        }
    }
}

fn is_network_policy(consulted: &ConsultedPolicy<'_>) -> bool {
    consulted.policy.tier() == Tier::NetworkPolicy
}

impl Debug for DirectionExplanation<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl DirectionExplanation<'_> {
    /// The chain of tiers: a line for each policy that was consulted.
    fn fmt_chain(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\n  {} of {}",
            self.direction(),
            self.end(self.subject())
        )?;
        if self.end(self.subject()).is_pod() {
            let mut last = None;
            for consulted in self.policies() {
                let tier = consulted.policy.tier();
                if last != Some(tier) {
                    write!(f, "\n    {tier} tier")?;
                    last = Some(tier);
                }
                write!(f, "\n      {}", consulted.policy)?;
                if let Some((file, line)) = consulted.policy.source() {
                    write!(f, " ({file}:{line})")?;
                }
                match consulted.outcome {
                    Ok(rule) => write!(f, ": {}", Effect(rule))?,
                    Err(miss) => write!(f, ": no match; {miss}")?,
                }
            }
        }
        write!(f, "\n    {self}")?;
        for assumption in self.assumptions() {
            write!(f, "\n    assumed: {assumption}")?;
        }
        Ok(())
    }
}

/// What a rule that matches does, within its policy.
struct Effect<'i>(RuleRef<'i>);

impl Display for Effect<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let rule = self.0;
        rule.fmt_place(f)?;
        if rule.fails_closed() {
            f.write_str(" has a peer that is not known here, and denies everything")?;
        } else {
            write!(f, " {}", rule.action())?;
        }
        if rule.line() != 0 {
            write!(f, " (line {})", rule.line())?;
        }
        Ok(())
    }
}

impl Display for End<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Party {
            address,
            identity,
            asked,
            ..
        } = self.party;
        let node = |node: u32| self.image.string(self.image.cold.nodes.get(node).name);
        match (identity, address) {
            (Identity::Pod(pod), _) if self.is_another() => {
                let namespace = pod.namespace_name(self.image);
                let workload = pod.workload_name(self.image);
                write!(f, "another pod of {namespace}/{workload}")
            }
            (Identity::Pod(pod), Some(address)) => {
                self.fmt_pod(f, pod)?;
                write!(f, " ({address})")
            }
            (Identity::Pod(pod), None) => self.fmt_pod(f, pod),
            (Identity::Node(Some(at)), Some(address)) => {
                write!(f, "{address} (node {})", node(at))
            }
            (Identity::Node(None), Some(address)) => write!(f, "{address} (a node)"),
            (Identity::External, Some(address)) => write!(f, "{address} (external)"),
            // Without an address it is a pod; which one, is known if it was asked about.
            (Identity::Node(_), None) => {
                self.fmt_asked(f, asked)?;
                f.write_str(" (on the host network)")
            }
            (Identity::External, None) => {
                self.fmt_asked(f, asked)?;
                f.write_str(" (has ended)")
            }
        }
    }
}

impl End<'_> {
    fn fmt_asked(&self, f: &mut Formatter<'_>, asked: Option<PodParty<'_>>) -> fmt::Result {
        match asked {
            Some(pod) => self.fmt_pod(f, pod),
            None => f.write_str("a pod"),
        }
    }

    fn fmt_pod(&self, f: &mut Formatter<'_>, pod: PodParty<'_>) -> fmt::Result {
        let namespace = pod.namespace_name(self.image);
        match pod.name(self.image) {
            "" => write!(f, "a pod of {namespace}"),
            name => write!(f, "{namespace}/{name}"),
        }
    }
}

impl Display for PolicyRef<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        f.write_str(" ")?;
        if let Some(namespace) = self.namespace() {
            write!(f, "{namespace}/")?;
        }
        f.write_str(self.name())?;
        match self.priority() {
            Some(priority) => write!(f, " (priority {priority})"),
            None => Ok(()),
        }
    }
}

impl Debug for PolicyRef<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl RuleRef<'_> {
    /// Where the rule stands in its policy, and its name.
    fn fmt_place(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.direction(), self.index())?;
        match self.name() {
            Some(name) => write!(f, " {name:?}"),
            None => Ok(()),
        }
    }
}

impl Display for RuleRef<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.policy())?;
        self.fmt_place(f)
    }
}

impl Debug for RuleRef<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Display for NearestMiss<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            NearestMiss::NoRules => f.write_str("it has no rules"),
            NearestMiss::Neither => f.write_str("no rule matches the peer or the port"),
            NearestMiss::Port(rule) => {
                rule.fmt_place(f)?;
                f.write_str(" matches the peer but not the port")
            }
            NearestMiss::Peer(rule) => {
                rule.fmt_place(f)?;
                f.write_str(" matches the port but not the peer")
            }
            NearestMiss::FailsClosed(rule) => {
                rule.fmt_place(f)?;
                f.write_str(" has a peer that is not known here, and allows nothing")
            }
        }
    }
}

impl Display for Assumption<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Assumption::NamespaceWithoutLabels(name) => write!(
                f,
                "namespace {name} has no labels but its name, as no Namespace object was given"
            ),
            Assumption::NoAddress => f.write_str(
                "an end without an address is in no ipBlock, network or domain name, and on no node",
            ),
            Assumption::OwnNodeUnknown => {
                f.write_str("the node is not the pod's own, of which nothing is known")
            }
            Assumption::HeldByAnother {
                address,
                asked: (asked_namespace, asked),
                holder: (namespace, name),
            } => write!(
                f,
                "{address} of {asked_namespace}/{asked} is held by {namespace}/{name}"
            ),
        }
    }
}
