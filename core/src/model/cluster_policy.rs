//! The cluster-scoped policies: `policy.networking.k8s.io` ClusterNetworkPolicy
//! (v1alpha2), AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1), in
//! one shape.

use core::fmt;

use super::{Direction, InvalidEntry, List, PodSelector, Port, Problem, Selector, Source, Text};
use crate::Cidr;

/// The tier in which a policy speaks, in the order of decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// AdminNetworkPolicy, and ClusterNetworkPolicy with `tier: Admin`.
    Admin,
    /// NetworkPolicy.
    NetworkPolicy,
    /// BaselineAdminNetworkPolicy, and ClusterNetworkPolicy with `tier: Baseline`.
    Baseline,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tier::Admin => "Admin",
            Tier::NetworkPolicy => "NetworkPolicy",
            Tier::Baseline => "Baseline",
        })
    }
}

/// Which of the APIs a cluster-scoped policy is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClusterPolicyApi {
    /// `AdminNetworkPolicy`: Admin tier.
    AdminNetworkPolicy,
    /// `BaselineAdminNetworkPolicy`: Baseline tier, no priority, no Pass.
    BaselineAdminNetworkPolicy,
    /// `ClusterNetworkPolicy` with `tier: Admin`.
    ClusterNetworkPolicyAdmin,
    /// `ClusterNetworkPolicy` with `tier: Baseline`.
    ClusterNetworkPolicyBaseline,
}

impl ClusterPolicyApi {
    /// The `kind` of the object.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            ClusterPolicyApi::AdminNetworkPolicy => "AdminNetworkPolicy",
            ClusterPolicyApi::BaselineAdminNetworkPolicy => "BaselineAdminNetworkPolicy",
            ClusterPolicyApi::ClusterNetworkPolicyAdmin
            | ClusterPolicyApi::ClusterNetworkPolicyBaseline => "ClusterNetworkPolicy",
        }
    }

    /// The tier of such a policy.
    #[must_use]
    pub const fn tier(self) -> Tier {
        match self {
            ClusterPolicyApi::AdminNetworkPolicy | ClusterPolicyApi::ClusterNetworkPolicyAdmin => {
                Tier::Admin
            }
            ClusterPolicyApi::BaselineAdminNetworkPolicy
            | ClusterPolicyApi::ClusterNetworkPolicyBaseline => Tier::Baseline,
        }
    }
}

/// What a rule does with a connection that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// `Allow` or `Accept`: final.
    Allow,
    /// `Deny`: final.
    Deny,
    /// `Pass`: on to the next tier; behind the Baseline tier, allow.
    Pass,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Allow => "allows",
            Action::Deny => "denies",
            Action::Pass => "passes",
        })
    }
}

/// The priority of a policy in its tier, 0–1000; lower speaks first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u16);

impl Priority {
    /// That priority.
    ///
    /// # Errors
    /// [`Problem::PriorityOutOfRange`].
    pub fn new(priority: i64) -> Result<Priority, Problem> {
        match u16::try_from(priority) {
            Ok(number) if number <= 1000 => Ok(Priority(number)),
            _ => Err(Problem::PriorityOutOfRange { priority }),
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// A ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterPolicy<'a> {
    /// Which kind it is.
    pub api: ClusterPolicyApi,
    /// `metadata.name`.
    pub name: Text<'a>,
    /// `priority`; 0 for a BaselineAdminNetworkPolicy, which has none.
    pub priority: Priority,
    /// `subject`: the pods that the policy is about.
    pub subject: PodSelector<'a>,
    /// `ingress`, in the order written.
    pub ingress: List<'a, ClusterPolicyRule<'a>>,
    /// `egress`, in the order written.
    pub egress: List<'a, ClusterPolicyRule<'a>>,
    /// Where it was written.
    pub source: Source<'a>,
}

impl<'a> ClusterPolicy<'a> {
    /// The rules of a direction.
    #[must_use]
    pub fn rules(&self, direction: Direction) -> &[ClusterPolicyRule<'a>] {
        match direction {
            Direction::Egress => &self.egress,
            Direction::Ingress => &self.ingress,
        }
    }

    /// What no single field's type can rule out.
    ///
    /// # Errors
    /// The first rule that its API would not take, and why:
    /// [`Problem::PassInBaselineAdmin`], [`Problem::DomainNamesNeedAllow`],
    /// [`Problem::RuleWithoutPeers`], [`Problem::UnknownProtocol`].
    pub fn check(&self) -> Result<(), InvalidEntry> {
        for direction in Direction::BOTH {
            let check = |rule: &ClusterPolicyRule<'_>| rule.check(self.api);
            InvalidEntry::first_of(direction.rules_field(), self.rules(direction), check)?;
        }
        Ok(())
    }
}

/// A rule of a cluster-scoped policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterPolicyRule<'a> {
    /// `name`; may be empty.
    pub name: Text<'a>,
    /// `action`.
    pub action: Action,
    /// `from` or `to`; at least one.
    pub peers: List<'a, ClusterPolicyPeer<'a>>,
    /// `ports` or `protocols`; empty: every port of every protocol.
    pub ports: List<'a, Port<'a>>,
    /// The line of the rule in [`ClusterPolicy::source`], from 1; 0 if unknown.
    pub line: u32,
}

impl ClusterPolicyRule<'_> {
    fn check(&self, api: ClusterPolicyApi) -> Result<(), Problem> {
        if self.peers.is_empty() {
            return Err(Problem::RuleWithoutPeers);
        }
        if api == ClusterPolicyApi::BaselineAdminNetworkPolicy && self.action == Action::Pass {
            return Err(Problem::PassInBaselineAdmin);
        }
        let by_domain =
            |peer: &ClusterPolicyPeer<'_>| matches!(peer, ClusterPolicyPeer::DomainNames(_));
        if self.action != Action::Allow && self.peers.iter().any(by_domain) {
            return Err(Problem::DomainNamesNeedAllow);
        }
        self.ports.iter().try_for_each(Port::check)
    }
}

/// A peer of a cluster-scoped policy's rule.
///
/// Ingress knows pods only. Any other peer there, and [`ClusterPolicyPeer::Unknown`]
/// anywhere, makes its whole rule fail closed (SEMANTICS, "CNP, ANP, BANP").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterPolicyPeer<'a> {
    /// `namespaces` or `pods`.
    Pods(PodSelector<'a>),
    /// `nodes`: the addresses in the status of nodes with these labels.
    Nodes(Selector<'a>),
    /// `networks`: addresses, those of pods and nodes too.
    Networks(List<'a, Cidr>),
    /// `domainNames`.
    DomainNames(List<'a, DomainPattern<'a>>),
    /// A peer with no field that is known here.
    Unknown,
}

/// A domain name, or `*.` and a domain name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainPattern<'a>(Text<'a>);

impl<'a> DomainPattern<'a> {
    /// The pattern of that text.
    ///
    /// # Errors
    /// [`Problem::NotADomainName`].
    pub fn new(text: impl Into<Text<'a>>) -> Result<DomainPattern<'a>, Problem> {
        let text = text.into();
        let name = text.strip_prefix("*.").unwrap_or(&text);
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.split('.').all(is_label) {
            Ok(DomainPattern(text))
        } else {
            Err(Problem::NotADomainName)
        }
    }

    /// The text as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern covers a name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        domain_matches(&self.0, name)
    }
}

/// Whether a domain pattern covers a name.
///
/// SEMANTICS: `*.d` matches one or more labels before `d`, never `d` itself;
/// names compare without case or trailing dot.
pub(crate) fn domain_matches(pattern: &str, name: &str) -> bool {
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern).as_bytes();
    let name = name.strip_suffix('.').unwrap_or(name).as_bytes();
    let Some(suffix) = pattern.strip_prefix(b"*") else {
        return name.eq_ignore_ascii_case(pattern);
    };
    // `suffix` begins with the dot, so a longer name that ends in it has a label before it.
    let end = name
        .len()
        .checked_sub(suffix.len())
        .and_then(|at| name.split_at_checked(at));
    end.is_some_and(|(label, end)| !label.is_empty() && end.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_patterns() {
        let covers = |pattern: &str, name: &str| DomainPattern::new(pattern).unwrap().matches(name);
        assert!(covers("Example.COM.", "example.com"));
        assert!(covers("*.example.com", "a.example.com"));
        assert!(covers("*.example.com", "b.a.Example.com."));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", ".example.com"));
        assert!(!covers("*.example.com", "badexample.com"));
        assert!(!covers("example.com", "a.example.com"));
        for bad in ["", "*", "*.", "a.*.b", "*a.b", "a..b", "-a.b", "a b", "."] {
            assert_eq!(
                DomainPattern::new(bad),
                Err(Problem::NotADomainName),
                "{bad}"
            );
        }
    }

    #[test]
    fn priorities() {
        assert_eq!(Priority::new(1000).map(Priority::get), Ok(1000));
        for priority in [-1, 1001, 65_536] {
            assert_eq!(
                Priority::new(priority),
                Err(Problem::PriorityOutOfRange { priority })
            );
        }
    }
}
