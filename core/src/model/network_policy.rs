//! `networking.k8s.io/v1` NetworkPolicy.

use super::{Direction, InvalidEntry, List, Port, Problem, Selector, Source, Text};
use crate::Cidr;

/// A NetworkPolicy. Field by field the API's `spec`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkPolicy<'a> {
    /// `metadata.namespace`.
    pub namespace: Text<'a>,
    /// `metadata.name`.
    pub name: Text<'a>,
    /// `podSelector`: the pods of the namespace that the policy is about.
    pub pod_selector: Selector<'a>,
    /// `policyTypes`; empty stands for the default, see [`NetworkPolicy::isolates`].
    pub policy_types: List<'a, Direction>,
    /// `ingress`.
    pub ingress: List<'a, NetworkPolicyRule<'a>>,
    /// `egress`.
    pub egress: List<'a, NetworkPolicyRule<'a>>,
    /// Where it was written.
    pub source: Source<'a>,
}

impl<'a> NetworkPolicy<'a> {
    /// Whether the policy isolates the pods it selects in a direction.
    ///
    /// SEMANTICS: `policyTypes` missing or empty: Ingress, and Egress if `egress`
    /// has at least one rule. Rules in a direction that is not in `policyTypes`
    /// do nothing.
    #[must_use]
    pub fn isolates(&self, direction: Direction) -> bool {
        if self.policy_types.is_empty() {
            direction == Direction::Ingress || !self.egress.is_empty()
        } else {
            self.policy_types.contains(&direction)
        }
    }

    /// What no single field's type can rule out.
    ///
    /// # Errors
    /// The first rule that the API would not take, and why:
    /// [`Problem::UnknownProtocol`].
    pub fn check(&self) -> Result<(), InvalidEntry> {
        for direction in Direction::BOTH {
            let ports = |rule: &NetworkPolicyRule<'_>| rule.ports.iter().try_for_each(Port::check);
            InvalidEntry::first_of(direction.rules_field(), self.rules(direction), ports)?;
        }
        Ok(())
    }

    /// The rules of a direction.
    #[must_use]
    pub fn rules(&self, direction: Direction) -> &[NetworkPolicyRule<'a>] {
        match direction {
            Direction::Egress => &self.egress,
            Direction::Ingress => &self.ingress,
        }
    }
}

/// A rule of a NetworkPolicy: it allows what matches a peer and a port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkPolicyRule<'a> {
    /// `from` or `to`; empty: every peer, external ones too.
    pub peers: List<'a, NetworkPolicyPeer<'a>>,
    /// `ports`; empty: every port of every protocol.
    pub ports: List<'a, Port<'a>>,
    /// The line of the rule in [`NetworkPolicy::source`], from 1; 0 if unknown.
    pub line: u32,
}

/// A peer of a NetworkPolicy rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkPolicyPeer<'a> {
    /// `podSelector` alone: pods of the policy's own namespace.
    OwnNamespace(Selector<'a>),
    /// `namespaceSelector`, with or without a `podSelector`.
    Pods(super::PodSelector<'a>),
    /// `ipBlock`.
    IpBlock(IpBlock<'a>),
}

/// A CIDR with exceptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpBlock<'a> {
    cidr: Cidr,
    except: List<'a, Cidr>,
}

impl<'a> IpBlock<'a> {
    /// The block `cidr` without the blocks of `except`.
    ///
    /// # Errors
    /// The first exception that does not lie strictly inside `cidr`
    /// ([`Problem::ExceptOutsideCidr`]).
    pub fn new(cidr: Cidr, except: impl Into<List<'a, Cidr>>) -> Result<IpBlock<'a>, InvalidEntry> {
        let except = except.into();
        InvalidEntry::first_of("except", &except, |inner: &Cidr| {
            if inner.is_strictly_inside(&cidr) {
                Ok(())
            } else {
                Err(Problem::ExceptOutsideCidr { cidr })
            }
        })?;
        Ok(IpBlock { cidr, except })
    }

    /// The block.
    #[must_use]
    pub fn cidr(&self) -> Cidr {
        self.cidr
    }

    /// The exceptions, each strictly inside the block.
    #[must_use]
    pub fn except(&self) -> &[Cidr] {
        &self.except
    }
}
