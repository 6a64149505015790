//! Explanations as data.

use alloc::string::ToString;
use alloc::vec::Vec;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::{
    Assumption, ConsultedPolicy, DirectionExplanation, End, EndKind, Explanation, NearestMiss,
    PolicyRef, Reason, RuleRef,
};
use crate::model::Action;

fn verdict(allowed: bool) -> &'static str {
    if allowed { "allow" } else { "deny" }
}

/// `verdict`, `source` and `destination` as text, the same two as data in `ends`,
/// `protocol`, `port`, `egress`, `ingress`, `text`.
impl Serialize for Explanation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("Explanation", 9)?;
        map.serialize_field("verdict", verdict(self.verdict().is_allowed()))?;
        map.serialize_field("source", &self.source().to_string())?;
        map.serialize_field("destination", &self.destination().to_string())?;
        map.serialize_field("ends", &[self.source(), self.destination()])?;
        map.serialize_field("protocol", &self.protocol.to_string())?;
        map.serialize_field("port", &self.port())?;
        map.serialize_field("egress", self.egress())?;
        map.serialize_field("ingress", self.ingress())?;
        map.serialize_field("text", &self.to_string())?;
        map.end()
    }
}

/// `kind` (`pod`, `node` or `external`), `namespace`, `name`, `address`; `null` where
/// it has none.
impl Serialize for End<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = match self.kind() {
            EndKind::Pod => "pod",
            EndKind::Node => "node",
            EndKind::External => "external",
        };
        let mut map = serializer.serialize_struct("End", 4)?;
        map.serialize_field("kind", kind)?;
        map.serialize_field("namespace", &self.namespace())?;
        map.serialize_field("name", &self.name())?;
        map.serialize_field("address", &self.address())?;
        map.end()
    }
}

/// `verdict`, `tier`, `reason`, `rule`, `policies`, `assumptions`, `text`.
impl Serialize for DirectionExplanation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("DirectionExplanation", 7)?;
        map.serialize_field("verdict", verdict(self.is_allowed()))?;
        map.serialize_field("tier", &self.tier().map(|tier| tier.to_string()))?;
        let reason = self.reason();
        map.serialize_field("reason", reason.name())?;
        let rule = match reason {
            Reason::Rule(rule) | Reason::Passed(rule) => Some(rule),
            _ => None,
        };
        map.serialize_field("rule", &rule)?;
        map.serialize_field("policies", &self.policies().collect::<Vec<_>>())?;
        map.serialize_field("assumptions", &self.assumptions().collect::<Vec<_>>())?;
        map.serialize_field("text", &self.to_string())?;
        map.end()
    }
}

/// `policy`, and `match` (the rule) or `miss`.
impl Serialize for ConsultedPolicy<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("policy", &self.policy)?;
        match &self.outcome {
            Ok(rule) => map.serialize_entry("match", rule)?,
            Err(miss) => map.serialize_entry("miss", miss)?,
        }
        map.end()
    }
}

/// `kind`, the nearest `rule` or `null`, and `text`.
impl Serialize for NearestMiss<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, rule) = match self {
            NearestMiss::NoRules => ("noRules", None),
            NearestMiss::Port(rule) => ("port", Some(rule)),
            NearestMiss::Peer(rule) => ("peer", Some(rule)),
            NearestMiss::Neither => ("neither", None),
            NearestMiss::FailsClosed(rule) => ("failsClosed", Some(rule)),
        };
        let mut map = serializer.serialize_struct("NearestMiss", 3)?;
        map.serialize_field("kind", kind)?;
        map.serialize_field("rule", &rule)?;
        map.serialize_field("text", &self.to_string())?;
        map.end()
    }
}

/// `kind`, `namespace`, `name`, `tier`, `priority`, `file`, `line`.
impl Serialize for PolicyRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("PolicyRef", 7)?;
        map.serialize_field("kind", self.kind())?;
        map.serialize_field("namespace", &self.namespace())?;
        map.serialize_field("name", self.name())?;
        map.serialize_field("tier", &self.tier().to_string())?;
        map.serialize_field("priority", &self.priority())?;
        map.serialize_field("file", &self.source().map(|(file, _)| file))?;
        map.serialize_field("line", &self.source().map(|(_, line)| line))?;
        map.end()
    }
}

/// `policy`, `direction`, `index`, `name`, `action`, `failsClosed`, `line`.
impl Serialize for RuleRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("RuleRef", 7)?;
        map.serialize_field("policy", &self.policy())?;
        map.serialize_field("direction", &self.direction().to_string())?;
        map.serialize_field("index", &self.index())?;
        map.serialize_field("name", &self.name())?;
        let action = match self.action() {
            Action::Allow => "allow",
            Action::Deny => "deny",
            Action::Pass => "pass",
        };
        map.serialize_field("action", action)?;
        map.serialize_field("failsClosed", &self.fails_closed())?;
        map.serialize_field("line", &self.line())?;
        map.end()
    }
}

/// `kind`, the `namespace` that it is about or `null`, and `text`.
impl Serialize for Assumption<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, namespace) = match *self {
            Assumption::NamespaceWithoutLabels(name) => ("namespaceWithoutLabels", Some(name)),
            Assumption::NoAddress => ("noAddress", None),
            Assumption::OwnNodeUnknown => ("ownNodeUnknown", None),
            Assumption::HeldByAnother { asked, .. } => ("heldByAnother", Some(asked.0)),
        };
        let mut map = serializer.serialize_struct("Assumption", 3)?;
        map.serialize_field("kind", kind)?;
        map.serialize_field("namespace", &namespace)?;
        map.serialize_field("text", &self.to_string())?;
        map.end()
    }
}
