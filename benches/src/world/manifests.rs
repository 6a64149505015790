//! Clusters as the manifests that an API server would give.

use std::io::{self, Write};

use netpolicy::model::{
    ClusterPolicy, ClusterPolicyApi, ClusterPolicyPeer, ClusterPolicyRule, Direction, Label,
    Namespace, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyRule, Node, Pod, PodSelector, Port,
    Requirement, Selector,
};
use netpolicy::{Cluster, Protocol};
use serde_json::{Map, Value, json};

/// Writes a cluster as one `List` in JSON, an object a line.
///
/// # Errors
/// Where `out` cannot be written.
///
/// # Panics
/// For what no world has: domain names, nodes as peers, `AdminNetworkPolicies`.
pub fn write(cluster: &Cluster, out: &mut impl Write) -> io::Result<()> {
    let objects = (cluster.namespaces().iter().map(namespace))
        .chain(cluster.nodes().iter().map(node))
        .chain(cluster.pods().iter().map(pod))
        .chain(cluster.network_policies().iter().map(network_policy))
        .chain(cluster.cluster_policies().iter().map(cluster_policy));
    writeln!(out, r#"{{"apiVersion":"v1","kind":"List","items":["#)?;
    for (index, object) in objects.enumerate() {
        let separator = if index == 0 { "" } else { "," };
        writeln!(out, "{separator}{object}")?;
    }
    writeln!(out, "]}}")
}

fn labels(labels: &[Label<'_>]) -> Value {
    let pairs = labels
        .iter()
        .map(|label| (label.key.to_string(), json!(&*label.value)));
    Value::Object(pairs.collect())
}

fn namespace(namespace: &Namespace<'_>) -> Value {
    let mut labels = labels(&namespace.labels);
    labels[netpolicy::model::NAMESPACE_NAME_LABEL] = json!(&*namespace.name);
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": &*namespace.name, "labels": labels},
    })
}

fn node(node: &Node<'_>) -> Value {
    let addresses = node.addresses.iter();
    let addresses: Vec<_> = addresses
        .map(|address| json!({"type": "InternalIP", "address": address.to_string()}))
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": &*node.name, "labels": labels(&node.labels)},
        "status": {"addresses": addresses},
    })
}

fn pod(pod: &Pod<'_>) -> Value {
    let addresses = |addresses: &[std::net::IpAddr]| -> Vec<Value> {
        let texts = addresses.iter().map(ToString::to_string);
        texts.map(|text| json!({"ip": text})).collect()
    };
    let ports = pod.ports.iter();
    let ports: Vec<_> = ports
        .map(|port| {
            let protocol = port.protocol.to_string();
            json!({"name": &*port.name, "containerPort": port.number, "protocol": protocol})
        })
        .collect();
    let owners: Vec<_> = pod
        .workload
        .iter()
        .map(|workload| {
            json!({
                "apiVersion": "apps/v1",
                "kind": &*workload.kind,
                "name": &*workload.name,
                "uid": "",
                "controller": true,
            })
        })
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": &*pod.namespace,
            "name": &*pod.name,
            "labels": labels(&pod.labels),
            "ownerReferences": owners,
        },
        "spec": {
            "nodeName": &*pod.node_name,
            "containers": [{"name": "main", "image": "main", "ports": ports}],
        },
        "status": {
            "phase": "Running",
            "hostIP": pod.host_addresses.first().map(ToString::to_string),
            "hostIPs": addresses(&pod.host_addresses),
            "podIP": pod.addresses.first().map(ToString::to_string),
            "podIPs": addresses(&pod.addresses),
        },
    })
}

fn selector(selector: &Selector<'_>) -> Value {
    let mut fields = Map::new();
    if !selector.match_labels.is_empty() {
        fields.insert("matchLabels".into(), labels(&selector.match_labels));
    }
    if !selector.match_expressions.is_empty() {
        let expressions = selector.match_expressions.iter().map(requirement);
        fields.insert("matchExpressions".into(), expressions.collect());
    }
    Value::Object(fields)
}

fn requirement(requirement: &Requirement<'_>) -> Value {
    let values: Vec<_> = requirement.values().iter().map(|value| &**value).collect();
    let operator = format!("{:?}", requirement.operator());
    if values.is_empty() {
        json!({"key": requirement.key(), "operator": operator})
    } else {
        json!({"key": requirement.key(), "operator": operator, "values": values})
    }
}

fn network_policy(policy: &NetworkPolicy<'_>) -> Value {
    let rules = |direction, peers: &str| -> Vec<Value> {
        let rules = policy.rules(direction).iter();
        rules.map(|rule| network_policy_rule(rule, peers)).collect()
    };
    let types: Vec<_> = Direction::BOTH
        .into_iter()
        .filter(|direction| policy.isolates(*direction))
        .map(|direction| format!("{direction:?}"))
        .collect();
    let mut spec = json!({
        "podSelector": selector(&policy.pod_selector),
        "policyTypes": types,
    });
    if !policy.ingress.is_empty() {
        spec["ingress"] = rules(Direction::Ingress, "from").into();
    }
    if !policy.egress.is_empty() {
        spec["egress"] = rules(Direction::Egress, "to").into();
    }
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"namespace": &*policy.namespace, "name": &*policy.name},
        "spec": spec,
    })
}

fn network_policy_rule(rule: &NetworkPolicyRule<'_>, peers: &str) -> Value {
    let ports: Vec<_> = rule.ports.iter().map(network_policy_port).collect();
    let mut fields = Map::new();
    if !rule.peers.is_empty() {
        fields.insert(
            peers.into(),
            rule.peers.iter().map(network_policy_peer).collect(),
        );
    }
    if !ports.is_empty() {
        fields.insert("ports".into(), ports.into());
    }
    Value::Object(fields)
}

fn network_policy_peer(peer: &NetworkPolicyPeer<'_>) -> Value {
    match peer {
        NetworkPolicyPeer::OwnNamespace(pods) => json!({"podSelector": selector(pods)}),
        NetworkPolicyPeer::Pods(both) => pods(both),
        NetworkPolicyPeer::IpBlock(block) => {
            let except: Vec<_> = block.except().iter().map(ToString::to_string).collect();
            json!({"ipBlock": {"cidr": block.cidr().to_string(), "except": except}})
        }
    }
}

fn pods(both: &PodSelector<'_>) -> Value {
    json!({
        "namespaceSelector": selector(&both.namespaces),
        "podSelector": selector(&both.pods),
    })
}

fn network_policy_port(port: &Port<'_>) -> Value {
    match port {
        Port::Every(protocol) => json!({"protocol": protocol.to_string()}),
        Port::Range(protocol, range) if range.first() == range.last() => {
            json!({"protocol": protocol.to_string(), "port": range.first()})
        }
        Port::Range(protocol, range) => json!({
            "protocol": protocol.to_string(), "port": range.first(), "endPort": range.last(),
        }),
        Port::Named(protocol, name) => {
            let protocol = protocol.unwrap_or(Protocol::TCP).to_string();
            json!({"protocol": protocol, "port": &**name})
        }
    }
}

fn cluster_policy(policy: &ClusterPolicy<'_>) -> Value {
    let tier = match policy.api {
        ClusterPolicyApi::ClusterNetworkPolicyAdmin => "Admin",
        ClusterPolicyApi::ClusterNetworkPolicyBaseline => "Baseline",
        other => unreachable!("no world has the kind {}", other.kind()),
    };
    let rules = |direction, peers: &str| -> Vec<Value> {
        let rules = policy.rules(direction).iter();
        rules.map(|rule| cluster_policy_rule(rule, peers)).collect()
    };
    let mut spec = json!({
        "tier": tier,
        "priority": policy.priority.get(),
        "subject": subject(&policy.subject),
    });
    if !policy.ingress.is_empty() {
        spec["ingress"] = rules(Direction::Ingress, "from").into();
    }
    if !policy.egress.is_empty() {
        spec["egress"] = rules(Direction::Egress, "to").into();
    }
    json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": &*policy.name},
        "spec": spec,
    })
}

fn subject(both: &PodSelector<'_>) -> Value {
    if both.pods == Selector::EVERYTHING {
        return json!({"namespaces": selector(&both.namespaces)});
    }
    json!({"pods": pods(both)})
}

fn cluster_policy_rule(rule: &ClusterPolicyRule<'_>, peers: &str) -> Value {
    let action = match rule.action {
        netpolicy::model::Action::Allow => "Accept",
        netpolicy::model::Action::Deny => "Deny",
        netpolicy::model::Action::Pass => "Pass",
    };
    let mut value = json!({"action": action});
    value[peers] = rule.peers.iter().map(cluster_policy_peer).collect();
    if !rule.ports.is_empty() {
        value["protocols"] = rule.ports.iter().map(cluster_policy_port).collect();
    }
    value
}

fn cluster_policy_peer(peer: &ClusterPolicyPeer<'_>) -> Value {
    match peer {
        ClusterPolicyPeer::Pods(both) => subject(both),
        ClusterPolicyPeer::Networks(blocks) => {
            let blocks: Vec<_> = blocks.iter().map(ToString::to_string).collect();
            json!({"networks": blocks})
        }
        other => unreachable!("no world has the peer {other:?}"),
    }
}

fn cluster_policy_port(port: &Port<'_>) -> Value {
    let Port::Range(protocol, range) = port else {
        unreachable!("no cluster-scoped policy of a world has the port {port:?}");
    };
    let protocol = protocol.to_string().to_lowercase();
    let port = if range.first() == range.last() {
        json!({"number": range.first()})
    } else {
        json!({"range": {"start": range.first(), "end": range.last()}})
    };
    json!({protocol: {"destinationPort": port}})
}
