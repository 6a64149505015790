//! SEMANTICS "CNP, ANP, BANP", and steps 2 and 4 of "Order of decision".

use serde_json::Value;

use super::address::{End, Who, node_addresses};
use super::json::{field, list, name, needed, port, text};
use super::ports::{beside_range, has_ports, in_range, named_port_matches, protocol_at};
use super::selector::{labels_of, selects};
use super::{Connection, Direction, Feature, Oracle, Trace, cidr, domain};

/// The three kinds of cluster-wide policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `BaselineAdminNetworkPolicy`.
    Banp,
    /// `AdminNetworkPolicy`.
    Anp,
    /// `ClusterNetworkPolicy`, of either tier.
    Cnp,
}

/// A cluster-wide policy.
#[derive(Clone, Debug)]
pub(super) struct ClusterPolicy {
    pub(super) kind: Kind,
    pub(super) object: Value,
}

/// What a rule does. Accept of CNP is Allow of ANP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Allow,
    Deny,
    Pass,
}

/// The rule that decides in a tier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decider<'a> {
    pub(super) policy: &'a ClusterPolicy,
    pub(super) rule: usize,
    pub(super) action: Action,
    pub(super) failed_closed: bool,
}

impl ClusterPolicy {
    /// `spec.priority`; a BANP has none, and its tier does not ask for it.
    pub(super) fn priority(&self) -> u64 {
        field(&self.object, &["spec", "priority"])
            .and_then(Value::as_u64)
            .unwrap_or(0)
    }

    /// `spec.tier` of a CNP.
    pub(super) fn is_baseline(&self) -> bool {
        match self.kind {
            Kind::Anp => false,
            Kind::Banp => true,
            Kind::Cnp => match needed(&self.object, &["spec", "tier"]) {
                "Admin" => false,
                "Baseline" => true,
                other => panic!("unknown tier {other:?}"),
            },
        }
    }

    /// The fields of a peer that are known, for this kind of policy and direction.
    ///
    /// "Ingress peers are pods only"; `domainNames` is no field of the v1alpha1
    /// BaselineAdminNetworkPolicy.
    fn known_fields(&self, direction: Direction) -> &'static [&'static str] {
        match (direction, self.kind) {
            (Direction::Ingress, _) => &["namespaces", "pods"],
            (Direction::Egress, Kind::Banp) => &["namespaces", "pods", "nodes", "networks"],
            (Direction::Egress, Kind::Anp | Kind::Cnp) => {
                &["namespaces", "pods", "nodes", "networks", "domainNames"]
            }
        }
    }
}

fn action(rule: &Value) -> Action {
    match needed(rule, &["action"]) {
        "Allow" | "Accept" => Action::Allow,
        "Deny" => Action::Deny,
        "Pass" => Action::Pass,
        other => panic!("unknown action {other:?}"),
    }
}

impl Oracle {
    /// Step 2: "ANP and CNP `tier: Admin` that select the subject, by priority (lower first), then
    /// ANP before CNP, then name; rules in the order written. The first rule that matches decides".
    pub(super) fn admin_tier(
        &self,
        direction: Direction,
        subject: &Value,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> Option<Decider<'_>> {
        let mut tier: Vec<&ClusterPolicy> = self
            .cluster_policies
            .iter()
            .filter(|policy| !policy.is_baseline())
            .collect();
        tier.sort_by_key(|policy| (policy.priority(), policy.kind, name(&policy.object)));
        self.first_match(&tier, direction, subject, connection, trace)
    }

    /// Step 4: "BANP first, then CNP `tier: Baseline` by priority, then name. The first match
    /// decides".
    pub(super) fn baseline_tier(
        &self,
        direction: Direction,
        subject: &Value,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> Option<Decider<'_>> {
        let mut tier: Vec<&ClusterPolicy> = self
            .cluster_policies
            .iter()
            .filter(|policy| policy.is_baseline())
            .collect();
        tier.sort_by_key(|policy| (policy.kind, policy.priority(), name(&policy.object)));
        self.first_match(&tier, direction, subject, connection, trace)
    }

    fn first_match<'a>(
        &self,
        tier: &[&'a ClusterPolicy],
        direction: Direction,
        subject: &Value,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> Option<Decider<'a>> {
        let mut first: Option<Decider<'a>> = None;
        for policy in tier {
            // What comes behind the rule that decides is looked at for the order only.
            let unread = Trace::default();
            let trace = if first.is_some() { &unread } else { trace };
            if !self.is_subject(policy, subject, trace) {
                continue;
            }
            // "No rules in a direction: no effect in that direction."
            let rules = list(&policy.object, &["spec", direction.rules()]);
            trace.met_if(rules.is_empty(), Feature::ClusterNoRulesInDirection);
            for (index, rule) in rules.iter().enumerate() {
                let unread = Trace::default();
                let trace = if first.is_some() { &unread } else { trace };
                let found = self.rule_applies(policy, rule, direction, connection, trace);
                let Some((action, failed_closed)) = found else {
                    continue;
                };
                let this = Decider { policy, rule: index, action, failed_closed };
                match first {
                    None => first = Some(this),
                    Some(decider) if decider.action != this.action => {
                        self.unread.met_order(trace, decider, this);
                    }
                    Some(_) => {}
                }
            }
        }
        first
    }
}
