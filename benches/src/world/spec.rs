//! What a world is made from, and its name.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, bail};

use super::Families;

/// How the pods' addresses lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressPattern {
    /// A block for each node, filled from its beginning: `10.node.node.0/24`.
    Dense,
    /// Anywhere in `10.0.0.0/8`, as where pods draw from the network's own range.
    Scattered,
    /// As far from one another as they can be, in the whole of the address space.
    Adversarial,
}

/// The size and shape of a world.
///
/// Its name is `pods/policies/addresses/families`, such as `100k/10k/dense/both`.
/// Two have names of their own: `headline`, and `crowded/N`, 1,000 pods in one
/// namespace with `N` policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spec {
    /// Pods.
    pub pods: usize,
    /// Policies of all kinds.
    pub policies: usize,
    /// How many of the policies are cluster-scoped.
    pub admin: usize,
    /// Namespaces.
    pub namespaces: usize,
    /// Distinct CIDR blocks that policies name, exceptions among them, if there are
    /// policies enough to name them.
    pub blocks: usize,
    /// Nodes.
    pub nodes: usize,
    /// How the pods' addresses lie.
    pub addresses: AddressPattern,
    /// The families of addresses that each pod has.
    pub families: Families,
}

impl Spec {
    /// The world by which the goals are stated: 100,000 pods dual stack, 5,000
    /// namespaces, 2,000 CIDR blocks, 10,000 policies of which 50 cluster-scoped.
    pub const HEADLINE: Spec = Spec::new(100_000, 10_000, AddressPattern::Dense, Families::Both);

    /// A world of those numbers, the others in proportion.
    #[must_use]
    pub const fn new(
        pods: usize,
        policies: usize,
        addresses: AddressPattern,
        families: Families,
    ) -> Spec {
        Spec {
            pods,
            policies,
            admin: at_most(50, policies / 5),
            // The namespaces of the system are four.
            namespaces: at_least(5, pods / 20),
            blocks: at_most(2_000, policies / 5),
            nodes: at_least(2, pods / 100),
            addresses,
            families,
        }
    }

    /// 1,000 pods in one namespace with `policies` policies.
    #[must_use]
    pub const fn crowded(policies: usize) -> Spec {
        Spec {
            namespaces: 1,
            admin: 0,
            ..Spec::new(1_000, policies, AddressPattern::Dense, Families::V4)
        }
    }

    /// Whether all pods are in one namespace.
    #[must_use]
    pub const fn is_crowded(&self) -> bool {
        self.namespaces == 1
    }
}

const fn at_least(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

const fn at_most(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Spec::HEADLINE {
            return f.write_str("headline");
        }
        if self.is_crowded() {
            return write!(f, "crowded/{}", self.policies);
        }
        let addresses = match self.addresses {
            AddressPattern::Dense => "dense",
            AddressPattern::Scattered => "scattered",
            AddressPattern::Adversarial => "adversarial",
        };
        let (pods, policies) = (Thousands(self.pods), Thousands(self.policies));
        write!(f, "{pods}/{policies}/{addresses}/{}", self.families)
    }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Spec, Error> {
        if text == "headline" {
            return Ok(Spec::HEADLINE);
        }
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["crowded", policies] => Ok(Spec::crowded(number(policies)?)),
            [pods, policies, addresses, families] => {
                let addresses = match *addresses {
                    "dense" => AddressPattern::Dense,
                    "scattered" => AddressPattern::Scattered,
                    "adversarial" => AddressPattern::Adversarial,
                    other => bail!("addresses are dense, scattered or adversarial, not {other}"),
                };
                let (pods, policies) = (number(pods)?, number(policies)?);
                Ok(Spec::new(pods, policies, addresses, families.parse()?))
            }
            _ => bail!(
                "{text} names no world: write headline, crowded/POLICIES or PODS/POLICIES/ADDRESSES/FAMILIES, such as 100k/10k/dense/both"
            ),
        }
    }
}

/// A number, in thousands where it is whole thousands.
struct Thousands(usize);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            number if number > 0 && number.is_multiple_of(1000) => write!(f, "{}k", number / 1000),
            number => write!(f, "{number}"),
        }
    }
}

fn number(text: &str) -> Result<usize, Error> {
    let (digits, factor) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1000),
        None => (text, 1),
    };
    let number: usize = digits
        .parse()
        .with_context(|| format!("{text} is no number: write 10, 100 or 100k"))?;
    Ok(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in [
            "headline",
            "crowded/0",
            "crowded/1000",
            "1k/10/dense/v4",
            "400k/50k/adversarial/v6",
            "20k/100/scattered/both",
        ] {
            let spec: Spec = name.parse().unwrap();
            assert_eq!(spec.to_string(), name);
        }
        for bad in ["", "1k/10/dense", "1k/10/thick/v4", "x/10/dense/v4"] {
            assert!(bad.parse::<Spec>().is_err(), "{bad}");
        }
    }
}
