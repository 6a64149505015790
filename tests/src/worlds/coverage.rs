//! Which features worlds have had, and which of them took part in verdicts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::World;
use crate::oracle::json::{field, kind, list, name, namespace, needed, text};
use crate::oracle::{
    Feature, NAME_LABEL, OracleOptions, Trace, host_addresses, is_host_networked, node_addresses,
    parse_address, spelled_addresses,
};

/// Counts the features that took part.
///
/// A feature of a verdict counts once for every probe that met it, one of a manifest once for
/// every world that has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: BTreeMap<Feature, u64>,
    worlds: u64,
    probes: u64,
}

impl Coverage {
    /// What one world has, and its probes meet.
    #[must_use]
    pub fn of_world(world: &World) -> Coverage {
        let mut coverage = Coverage::default();
        coverage.count(world);
        coverage
    }

    /// Adds what a world has, and its probes meet.
    pub fn count(&mut self, world: &World) {
        self.worlds += 1;
        for feature in presence(world) {
            *self.counts.entry(feature).or_default() += 1;
        }
        let oracle = world.oracle();
        for probe in &world.probes {
            self.probes += 1;
            let met = oracle.trace(probe.source, probe.destination, probe.protocol, probe.port);
            for feature in met {
                *self.counts.entry(feature).or_default() += 1;
            }
        }
    }

    /// How often a feature was met.
    #[must_use]
    pub fn times(&self, feature: Feature) -> u64 {
        self.counts.get(&feature).copied().unwrap_or(0)
    }

    /// The names of the features never met.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        Feature::ALL
            .iter()
            .filter(|&&feature| self.times(feature) == 0)
            .map(|feature| feature.name())
            .collect()
    }
}

/// A table: each feature, how often it was met, and what it means.
impl fmt::Display for Coverage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} worlds, {} probes", self.worlds, self.probes)?;
        for &feature in Feature::ALL {
            let (name, times, text) = (feature.name(), self.times(feature), feature.text());
            writeln!(formatter, "{times:>8}  {name:<34} {text}")?;
        }
        Ok(())
    }
}

/// The features that a world has.
fn presence(world: &World) -> Vec<Feature> {
    let trace = Trace::default();
    let given: BTreeSet<&str> = world
        .manifests
        .iter()
        .filter(|object| kind(object) == ("v1", "Namespace"))
        .map(name)
        .collect();
    let mut priorities = Vec::new();
    for object in &world.manifests {
        match kind(object).1 {
            "Namespace" => of_namespace(object, &trace),
            "Node" => of_node(object, &trace),
            "Pod" => {
                trace.met_if(
                    !given.contains(namespace(object)),
                    Feature::HasNamespaceWithoutObject,
                );
                of_pod(object, world, &trace);
            }
            "NetworkPolicy" if kind(object).0 == "networking.k8s.io/v1" => {
                of_network_policy(object, &trace);
            }
            "ClusterNetworkPolicy" | "AdminNetworkPolicy" => {
                let tier = text(object, &["spec", "tier"]).unwrap_or("Admin");
                priorities.push((
                    tier,
                    field(object, &["spec", "priority"]).map(Value::to_string),
                ));
                of_policy(object, &trace);
            }
            "BaselineAdminNetworkPolicy" => {
                trace.met(Feature::HasBanp);
                of_policy(object, &trace);
            }
            _ => trace.met(Feature::HasOtherKind),
        }
    }
    let all = priorities.len();
    priorities.sort();
    priorities.dedup();
    trace.met_if(priorities.len() < all, Feature::HasEqualPriorities);
    of_options(world.options, &trace);
    trace.into_features()
}

fn of_options(options: OracleOptions, trace: &Trace) {
    trace.met_if(
        options.either_direction_is_final,
        Feature::HasEitherDirectionIsFinal,
    );
    trace.met_if(
        !options.own_node_ingress_always_allowed,
        Feature::HasOwnNodeIngressEvaluated,
    );
    trace.met_if(
        options.own_node_egress_always_allowed,
        Feature::HasOwnNodeEgressAllowed,
    );
    trace.met_if(
        !options.ip_block_selects_pods,
        Feature::HasIpBlockWithoutPods,
    );
}

fn of_namespace(object: &Value, trace: &Trace) {
    let labels = field(object, &["metadata", "labels"]);
    trace.met_if(labels.is_none(), Feature::HasNamespaceWithoutLabels);
    let label = text(object, &["metadata", "labels", NAME_LABEL]);
    trace.met_if(
        label.is_some_and(|label| label != name(object)),
        Feature::HasWrongNameLabel,
    );
}

fn of_node(object: &Value, trace: &Trace) {
    let addresses = list(object, &["status", "addresses"]);
    trace.met_if(
        addresses
            .iter()
            .any(|entry| parse_address(needed(entry, &["address"])).is_none()),
        Feature::HasHostnameAddress,
    );
    trace.met_if(
        addresses.iter().any(|entry| {
            text(entry, &["type"]) == Some("Hostname")
                && parse_address(needed(entry, &["address"])).is_some()
        }),
        Feature::HasIpOfTypeHostname,
    );
    trace.met_if(
        node_addresses(object).len() > 1,
        Feature::HasNodeWithSeveralAddresses,
    );
}

fn of_pod(object: &Value, world: &World, trace: &Trace) {
    trace.met_if(
        field(object, &["metadata", "namespace"]).is_none(),
        Feature::HasPodWithoutNamespace,
    );
    let addresses = spelled_addresses(object);
    let v6 = |spelled: &&str| parse_address(spelled).is_some_and(|address| address.is_ipv6());
    trace.met_if(addresses.is_empty(), Feature::HasPodWithoutAddress);
    trace.met_if(addresses.len() > 1, Feature::HasDualStackPod);
    trace.met_if(
        addresses.len() == 1 && addresses.iter().all(v6),
        Feature::HasV6Pod,
    );
    trace.met_if(is_host_networked(object), Feature::HasHostNetworkedPod);
    trace.met(match text(object, &["status", "phase"]) {
        Some("Running") => Feature::HasPhaseRunning,
        Some("Pending") => Feature::HasPhasePending,
        Some("Succeeded") => Feature::HasPhaseSucceeded,
        Some("Failed") => Feature::HasPhaseFailed,
        Some(_) => Feature::HasPhaseUnknown,
        None => Feature::HasPhaseMissing,
    });
    let Some(node_name) = text(object, &["spec", "nodeName"]) else {
        return;
    };
    let node = world
        .manifests
        .iter()
        .find(|other| kind(other) == ("v1", "Node") && name(other) == node_name);
    trace.met_if(node.is_none(), Feature::HasUnknownNodeName);
    let of_node = node.map(node_addresses).unwrap_or_default();
    trace.met_if(
        node.is_some()
            && host_addresses(object)
                .iter()
                .any(|address| !of_node.contains(address)),
        Feature::HasForeignHostIp,
    );
}

fn of_network_policy(object: &Value, trace: &Trace) {
    trace.met_if(
        field(object, &["metadata", "namespace"]).is_none(),
        Feature::HasPolicyWithoutNamespace,
    );
    let types: Vec<&str> = list(object, &["spec", "policyTypes"])
        .iter()
        .filter_map(Value::as_str)
        .collect();
    trace.met(match types.as_slice() {
        [] if field(object, &["spec", "policyTypes"]).is_none() => Feature::HasNoPolicyTypes,
        [] => Feature::HasEmptyPolicyTypes,
        ["Ingress"] => Feature::HasIngressOnly,
        ["Egress"] => Feature::HasEgressOnly,
        _ => Feature::HasBothPolicyTypes,
    });
    of_policy(object, trace);
}

/// What all kinds of policy have.
fn of_policy(object: &Value, trace: &Trace) {
    trace.met_if(
        field(object, &["spec"]).is_some_and(has_null),
        Feature::HasNullField,
    );
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in list(object, &["spec", rules]) {
            let all = list(rule, &[peers]);
            let empty = |key| field(rule, &[key]).is_some() && list(rule, &[key]).is_empty();
            trace.met_if(empty(peers), Feature::HasEmptyPeers);
            trace.met_if(empty("ports"), Feature::HasEmptyPorts);
            trace.met_if(all.len() > 1, Feature::HasSeveralPeers);
            for peer in all {
                let excepts = list(peer, &["ipBlock", "except"]);
                trace.met_if(excepts.len() > 1, Feature::HasSeveralExcepts);
                let networks = list(peer, &["networks"]).iter().filter_map(Value::as_str);
                let mut cidrs = text(peer, &["ipBlock", "cidr"]).into_iter().chain(networks);
                trace.met_if(
                    cidrs.any(|cidr| !super::vocabulary::is_masked(cidr)),
                    Feature::HasHostBits,
                );
            }
        }
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}
