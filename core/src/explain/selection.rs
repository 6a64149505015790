//! Who is meant: the pods that policies and peers select, and the selectors as text.

use core::fmt;

use super::{PolicyRef, RuleRef};
use crate::Protocol;
use crate::image::Image;
use crate::image::tables::{NONE, PeerKind, PeerRecord, RulePortRecord, operator_from_code};
use crate::model::{Direction, Operator};
use crate::protocol::PortKey;
use crate::verdict::{PodParty, PodRef, RuleHit, requirements, rule_ports};

/// A peer of a rule: one block of addresses, or the pods, nodes or names that one
/// selector chooses.
#[derive(Clone, Copy)]
pub struct PeerRef<'i> {
    rule: RuleRef<'i>,
    record: PeerRecord,
}

/// A port or range of ports that a rule lists.
#[derive(Clone, Copy)]
pub struct RulePortRef<'i> {
    image: &'i Image<'i>,
    record: RulePortRecord,
}

impl<'i> PolicyRef<'i> {
    /// Whether the policy selects a pod of its image.
    #[must_use]
    pub fn selects(&self, pod: &PodRef<'i>) -> bool {
        pod.subject().is_some() && self.matches_labels(pod)
    }

    /// Whether the selectors of the policy match the labels of a pod and its namespace,
    /// whether policies apply to the pod or not ([`PodRef::is_subject`]).
    #[must_use]
    pub fn matches_labels(&self, pod: &PodRef<'i>) -> bool {
        let (image, record) = (self.image, self.record());
        let pod = PodParty::Known(pod.index() as u32);
        let in_scope = match record.subject_namespaces {
            NONE => pod.namespace(image) == Some(record.namespace),
            selector => pod.namespace_labels(image).match_selector(image, selector),
        };
        in_scope && pod.labels(image).match_selector(image, record.subject_pods)
    }

    /// The rules of a direction, in the order written.
    pub fn rules(&self, direction: Direction) -> impl Iterator<Item = RuleRef<'i>> + use<'i> {
        let policy = *self;
        let (first, len) = self.record().rules(direction);
        (0..len).filter_map(move |rule| {
            let record = policy.image.cold.rules.get(first + rule);
            let effect = crate::image::tables::RuleEffect::decode(record.action)?;
            Some(RuleRef {
                policy,
                direction,
                hit: RuleHit {
                    policy: policy.index,
                    rule,
                    effect,
                },
            })
        })
    }

    /// Whether the policy decides something in a direction: a NetworkPolicy isolates, or
    /// there are rules.
    #[must_use]
    pub fn governs(&self, direction: Direction) -> bool {
        let record = self.record();
        match record.kind() {
            crate::image::tables::PolicyKind::Network => record.isolates(direction),
            crate::image::tables::PolicyKind::Cluster(_) => record.rules(direction).1 != 0,
        }
    }

    /// The selector of its pods, as text.
    pub fn subject(&self) -> impl fmt::Display + use<'i> {
        let record = self.record();
        Selection {
            image: self.image,
            namespaces: record.subject_namespaces,
            pods: record.subject_pods,
            own_namespace: self.namespace(),
        }
    }
}

impl<'i> RuleRef<'i> {
    /// Its peers; `None` where it matches every peer.
    #[must_use]
    pub fn peers(&self) -> Option<impl ExactSizeIterator<Item = PeerRef<'i>> + use<'i>> {
        let record = self.record();
        if record.peers_len == NONE {
            return None;
        }
        let rule = *self;
        let peers = self.policy.image.cold.peers;
        let peers = peers.range(record.peers, record.peers_len);
        Some(peers.map(move |record| PeerRef { rule, record }))
    }

    /// Its ports, as they are listed; `None` where it matches every port of every
    /// protocol.
    #[must_use]
    pub fn ports(&self) -> Option<impl Iterator<Item = RulePortRef<'i>> + use<'i>> {
        let (image, record) = (self.policy.image, self.record());
        let is_listed = record.ports_len != NONE;
        is_listed.then(|| rule_ports(image, &record).map(|record| RulePortRef { image, record }))
    }
}

/// `TCP 80-90`, `TCP` for all of its ports, or a port by name: `TCP http`, without the
/// protocol if the rule names none.
impl fmt::Display for RulePortRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RulePortRecord { first, last, name } = self.record;
        if name != NONE {
            if first != NONE {
                write!(f, "{} ", Protocol(first as u8))?;
            }
            return f.write_str(self.image.string(name));
        }
        match (PortKey(first).parts(), PortKey(last).parts()) {
            (Some((protocol, low)), Some((_, high))) if low <= 1 && high == u16::MAX => {
                write!(f, "{protocol}")
            }
            (Some((protocol, low)), Some((_, high))) if low == high => {
                write!(f, "{protocol} {low}")
            }
            (Some((protocol, low)), Some((_, high))) => write!(f, "{protocol} {low}-{high}"),
            _ => f.write_str("protocols without ports"),
        }
    }
}

impl<'i> PeerRef<'i> {
    fn image(&self) -> &'i Image<'i> {
        self.rule.policy.image
    }

    /// Its index in the manifest's list.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.record.index
    }

    /// Whether it selects pods by labels, not addresses.
    #[must_use]
    pub fn is_pods(&self) -> bool {
        PeerKind::from_code(self.record.kind) == Some(PeerKind::Pods)
    }

    /// Whether it matches addresses, of whatever pods have them: an `ipBlock`, if these
    /// match pods, or a network.
    #[must_use]
    pub fn is_addresses(&self) -> bool {
        match PeerKind::from_code(self.record.kind) {
            Some(PeerKind::IpBlock) => self.image().options().ip_block_selects_pods,
            Some(PeerKind::Network) => true,
            _ => false,
        }
    }

    /// Whether it selects a pod by labels.
    #[must_use]
    pub fn selects(&self, pod: &PodRef<'i>) -> bool {
        let image = self.image();
        let Some(pod) = pod.subject().filter(|_| self.is_pods()) else {
            return false;
        };
        let in_scope = match self.record.a {
            NONE => pod.namespace(image) == Some(self.rule.policy.record().namespace),
            selector => pod.namespace_labels(image).match_selector(image, selector),
        };
        in_scope && pod.labels(image).match_selector(image, self.record.b)
    }
}

impl<'i> PodRef<'i> {
    /// Whether policies apply to the pod: not if it is on its node's network, or has
    /// ended.
    #[must_use]
    pub fn is_subject(&self) -> bool {
        self.subject().is_some()
    }

    /// The pod as what policies select: not if it is on its node's network, or has
    /// ended.
    pub(crate) fn subject(&self) -> Option<PodParty<'i>> {
        self.party().pod()
    }
}

/// `pods with app=db of namespaces with env=prod`.
struct Selection<'i> {
    image: &'i Image<'i>,
    namespaces: u32,
    pods: u32,
    own_namespace: Option<&'i str>,
}

impl fmt::Display for Selection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_every = |selector| requirements(self.image, selector).next().is_none();
        if is_every(self.pods) {
            f.write_str("all pods")?;
        } else {
            f.write_str("pods with ")?;
            fmt_selector(f, self.image, self.pods)?;
        }
        match (self.namespaces, self.own_namespace) {
            (NONE, Some(namespace)) => write!(f, " in namespace {namespace}"),
            (NONE, None) => Ok(()),
            (selector, _) if is_every(selector) => f.write_str(" in all namespaces"),
            (selector, _) => {
                f.write_str(" in namespaces with ")?;
                fmt_selector(f, self.image, selector)
            }
        }
    }
}

fn fmt_selector(f: &mut fmt::Formatter<'_>, image: &Image<'_>, selector: u32) -> fmt::Result {
    for (index, requirement) in requirements(image, selector).enumerate() {
        if index != 0 {
            f.write_str(", ")?;
        }
        let key = image.string(requirement.key);
        let values = image
            .cold
            .values
            .range(requirement.values, requirement.values_len);
        match operator_from_code(requirement.operator) {
            Some(Operator::Exists) => write!(f, "{key}")?,
            Some(Operator::DoesNotExist) => write!(f, "!{key}")?,
            Some(Operator::In) if values.len() == 1 => {
                write!(f, "{key}=")?;
                fmt_values(f, image, values)?;
            }
            Some(Operator::NotIn) if values.len() == 1 => {
                write!(f, "{key}!=")?;
                fmt_values(f, image, values)?;
            }
            operator => {
                let word = if operator == Some(Operator::In) {
                    "in"
                } else {
                    "notin"
                };
                write!(f, "{key} {word} (")?;
                fmt_values(f, image, values)?;
                f.write_str(")")?;
            }
        }
    }
    Ok(())
}

fn fmt_values(
    f: &mut fmt::Formatter<'_>,
    image: &Image<'_>,
    values: impl Iterator<Item = u32>,
) -> fmt::Result {
    for (index, value) in values.enumerate() {
        let separator = if index == 0 { "" } else { "," };
        write!(f, "{separator}{}", image.string(value))?;
    }
    Ok(())
}

/// `pods with app=db in namespace web`, `10.0.0.0/8 except 10.1.0.0/16`, `nodes with
/// role=worker`, `*.example.com`.
impl fmt::Display for PeerRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (image, record) = (self.image(), &self.record);
        let fmt_cidr = |f: &mut fmt::Formatter<'_>, cidr: u32| match image
            .cold
            .cidrs
            .get(cidr)
            .decode_cidr()
        {
            Some(cidr) => cidr.fmt(f),
            None => Ok(()),
        };
        match PeerKind::from_code(record.kind) {
            Some(PeerKind::Pods) => Selection {
                image,
                namespaces: record.a,
                pods: record.b,
                own_namespace: self.rule.policy.namespace(),
            }
            .fmt(f),
            Some(PeerKind::IpBlock) => {
                fmt_cidr(f, record.a)?;
                for (index, cidr) in image.cold.excepts.range(record.b, record.c).enumerate() {
                    f.write_str(if index == 0 { " except " } else { ", " })?;
                    fmt_cidr(f, cidr)?;
                }
                Ok(())
            }
            Some(PeerKind::Network) => fmt_cidr(f, record.a),
            // Selector 0 is everything.
            Some(PeerKind::Nodes) if record.a == 0 => f.write_str("all nodes"),
            Some(PeerKind::Nodes) => {
                f.write_str("nodes with ")?;
                fmt_selector(f, image, record.a)
            }
            Some(PeerKind::Domain) => f.write_str(image.string(record.a)),
            None => Ok(()),
        }
    }
}
