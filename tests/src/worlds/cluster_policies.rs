//! `ClusterNetworkPolicy`, `AdminNetworkPolicy` and `BaselineAdminNetworkPolicy` objects.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::shapes::{Field, Of, metadata, object, selector, word};
use super::vocabulary::{
    CIDRS, PATTERNS, POLICY_NAMES, PORT_NAMES, PORTS, PROTOCOLS, RANGES, UNKNOWN_PORT_NAME,
};

/// Priorities, few enough to be equal often.
const PRIORITIES: &[u16] = &[0, 5, 5, 7, 1000];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Anp,
    Banp,
    Cnp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Ingress,
    Egress,
}

/// Up to `most` `AdminNetworkPolicies`.
pub(super) fn admin(most: usize) -> BoxedStrategy<Vec<Value>> {
    let one = (
        word(POLICY_NAMES),
        any::<bool>(),
        select(PRIORITIES),
        spec(Kind::Anp),
    );
    prop::collection::vec(one, 0..=most)
        .prop_map(|all| {
            let mut names = Vec::new();
            let mut policies = Vec::new();
            for (name, server, priority, mut spec) in all {
                spec["priority"] = priority.into();
                let name = unused(&mut names, name);
                policies.push(json!({
                    "apiVersion": "policy.networking.k8s.io/v1alpha1",
                    "kind": "AdminNetworkPolicy",
                    "metadata": metadata([("name", Some(name.into()))], server),
                    "spec": spec,
                }));
            }
            policies
        })
        .boxed()
}

/// The `BaselineAdminNetworkPolicy`, of which a cluster has one at most, named `default`.
pub(super) fn baseline() -> BoxedStrategy<Vec<Value>> {
    let one = (any::<bool>(), spec(Kind::Banp)).prop_map(|(server, spec)| {
        json!({
            "apiVersion": "policy.networking.k8s.io/v1alpha1",
            "kind": "BaselineAdminNetworkPolicy",
            "metadata": metadata([("name", Some("default".into()))], server),
            "spec": spec,
        })
    });
    prop::option::weighted(0.7, one)
        .prop_map(|some| some.into_iter().collect())
        .boxed()
}

/// Up to `most` `ClusterNetworkPolicies`, of both tiers.
pub(super) fn cluster(most: usize) -> BoxedStrategy<Vec<Value>> {
    let tier = prop_oneof![3 => Just("Baseline"), 1 => Just("Admin")];
    let one = (
        word(POLICY_NAMES),
        any::<bool>(),
        tier,
        select(PRIORITIES),
        spec(Kind::Cnp),
    );
    prop::collection::vec(one, 0..=most)
        .prop_map(|all| {
            let mut names = Vec::new();
            let mut policies = Vec::new();
            for (name, server, tier, priority, mut spec) in all {
                spec["tier"] = tier.into();
                spec["priority"] = priority.into();
                let name = unused(&mut names, name);
                let mut policy = json!({
                    "apiVersion": "policy.networking.k8s.io/v1alpha2",
                    "kind": "ClusterNetworkPolicy",
                    "metadata": metadata([("name", Some(name.into()))], server),
                    "spec": spec,
                });
                if server {
                    policy["status"] = json!({"conditions": []});
                }
                policies.push(policy);
            }
            policies
        })
        .boxed()
}

/// The name, or one like it that is not taken.
fn unused(taken: &mut Vec<String>, name: &str) -> String {
    let mut name = name.to_owned();
    while taken.contains(&name) {
        name.push('0');
    }
    taken.push(name.clone());
    name
}

/// `spec` without priority and tier.
fn spec(kind: Kind) -> impl Strategy<Value = Value> {
    let rules = |way| {
        let some = prop::collection::vec(rule(kind, way), 1..=4);
        prop_oneof![
            2 => Just(None),
            1 => Just(Some(Value::Null)),
            1 => Just(Some(json!([]))),
            16 => some.prop_map(|rules| Some(Value::Array(rules))),
        ]
    };
    let subject = prop_oneof![
        1 => selector(Of::Namespaces).prop_map(|selector| json!({"namespaces": selector})),
        1 => namespaced_pods(kind).prop_map(|pods| json!({"pods": pods, "namespaces": null})),
    ];
    (subject, rules(Way::Ingress), rules(Way::Egress)).prop_map(|(subject, ingress, egress)| {
        object([
            ("subject", Some(subject)),
            ("ingress", ingress),
            ("egress", egress),
        ])
    })
}

/// Pods in namespaces. In a CNP the selector of namespaces is optional.
fn namespaced_pods(kind: Kind) -> BoxedStrategy<Value> {
    let some = || selector(Of::Namespaces).prop_map(Some);
    let of_namespaces = if kind == Kind::Cnp {
        prop_oneof![1 => Just(None), 1 => Just(Some(Value::Null)), 6 => some()].boxed()
    } else {
        some().boxed()
    };
    (of_namespaces, selector(Of::Objects))
        .prop_map(|(namespaces, pods)| {
            object([
                ("namespaceSelector", namespaces),
                ("podSelector", Some(pods)),
            ])
        })
        .boxed()
}

/// A rule. `domainNames` stands in egress rules that accept only.
fn rule(kind: Kind, way: Way) -> BoxedStrategy<Value> {
    let (accept, others) = match kind {
        Kind::Anp => ("Allow", &["Deny", "Deny", "Pass"][..]),
        Kind::Cnp => ("Accept", &["Deny", "Deny", "Pass"][..]),
        Kind::Banp => ("Allow", &["Deny"][..]),
    };
    let with = |action: BoxedStrategy<&'static str>, domains| {
        let peers = prop::collection::vec(peer(kind, way, domains), 1..=3);
        let name = prop_oneof![3 => Just(None), 1 => Just(Some(json!("a rule")))];
        (name, action, peers, ports(kind))
    };
    prop_oneof![
        1 => with(Just(accept).boxed(), true),
        1 => with(select(others).boxed(), false),
    ]
    .prop_map(move |(name, action, peers, ports)| assemble(kind, way, name, action, peers, ports))
    .boxed()
}

fn assemble(
    kind: Kind,
    way: Way,
    name: Field,
    action: &str,
    peers: Vec<Value>,
    ports: Option<Vec<Value>>,
) -> Value {
    let (peers_key, ports_key) = match (way, kind) {
        (Way::Ingress, Kind::Cnp) => ("from", "protocols"),
        (Way::Egress, Kind::Cnp) => ("to", "protocols"),
        (Way::Ingress, _) => ("from", "ports"),
        (Way::Egress, _) => ("to", "ports"),
    };
    // "networks/nodes/domainNames peer cannot be set with namedPorts", says the experimental
    // channel of the API; the standard channel, which has no nodes, no domainNames and no ANP
    // named ports, does not say so of CNP networks.
    let forbidding: &[&str] = match kind {
        Kind::Cnp => &["nodes", "domainNames"],
        Kind::Anp | Kind::Banp => &["nodes", "domainNames", "networks"],
    };
    let has = |peer: &Value, key: &&str| peer.get(*key).is_some_and(|value| !value.is_null());
    let forbidden = way == Way::Egress
        && peers
            .iter()
            .any(|peer| forbidding.iter().any(|key| has(peer, key)));
    let ports = ports.map(|mut ports| {
        if forbidden {
            ports.retain(|port| {
                port.get("namedPort").is_none() && port.get("destinationNamedPort").is_none()
            });
        }
        ports
    });
    // The list must not be empty; null is the same as absent.
    let ports = match ports {
        Some(ports) if ports.is_empty() => Some(Value::Null),
        Some(ports) => Some(Value::Array(ports)),
        None => None,
    };
    object([
        ("name", name),
        ("action", Some(action.into())),
        (peers_key, Some(Value::Array(peers))),
        (ports_key, ports),
    ])
}

/// A peer with one field, known in its place or, now and then, not.
fn peer(kind: Kind, way: Way, domains: bool) -> BoxedStrategy<Value> {
    let namespaces = selector(Of::Namespaces)
        .prop_map(|it| json!({"namespaces": it}))
        .boxed();
    let pods = namespaced_pods(kind)
        .prop_map(|it| json!({"pods": it}))
        .boxed();
    let unknown = unknown_peer(kind, way);
    if way == Way::Ingress {
        return prop_oneof![32 => namespaces, 32 => pods, 1 => unknown].boxed();
    }
    let nodes = selector(Of::Objects).prop_map(|it| json!({"nodes": it}));
    let networks = subsequence(CIDRS, 1..=3).prop_map(|it| json!({"networks": it, "nodes": null}));
    if domains && kind != Kind::Banp {
        let names = subsequence(PATTERNS, 1..=3).prop_map(|it| json!({"domainNames": it}));
        prop_oneof![
            12 => namespaces,
            12 => pods,
            8 => nodes,
            15 => networks,
            15 => names,
            1 => unknown,
        ]
        .boxed()
    } else {
        prop_oneof![
            17 => namespaces,
            17 => pods,
            10 => nodes,
            18 => networks,
            1 => unknown,
        ]
        .boxed()
    }
}

/// A peer that has no field known in its place: an empty one, one from the future, one that
/// belongs elsewhere, or a known field that is null.
fn unknown_peer(kind: Kind, way: Way) -> BoxedStrategy<Value> {
    let mut elsewhere = vec![
        json!({"podSelector": {}}),
        json!({"ipBlock": {"cidr": "0.0.0.0/0"}}),
    ];
    if way == Way::Ingress {
        elsewhere.extend([
            json!({"networks": ["0.0.0.0/0", "::/0"]}),
            json!({"nodes": {}}),
        ]);
    }
    if way == Way::Ingress || kind == Kind::Banp {
        elsewhere.push(json!({"domainNames": ["example.com"]}));
    }
    prop_oneof![
        2 => Just(json!({})),
        3 => Just(json!({"futureField": {"matchLabels": {"app": "web"}}})),
        1 => Just(json!({"namespaces": null})),
        4 => select(elsewhere),
    ]
    .boxed()
}

/// `ports` of ANP and BANP, `protocols` of CNP.
fn ports(kind: Kind) -> BoxedStrategy<Option<Vec<Value>>> {
    let one = match kind {
        Kind::Anp | Kind::Banp => anp_port(),
        Kind::Cnp => cnp_protocol(),
    };
    let some = prop::collection::vec(one, 1..=3);
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Vec::new())),
        5 => some.prop_map(Some),
    ]
    .boxed()
}

fn port_name() -> BoxedStrategy<&'static str> {
    prop_oneof![8 => word(PORT_NAMES), 1 => Just(UNKNOWN_PORT_NAME)].boxed()
}

fn anp_port() -> BoxedStrategy<Value> {
    let protocol = || {
        prop_oneof![
            1 => Just(None),
            2 => select(PROTOCOLS).prop_map(|protocol| Some(Value::from(protocol))),
        ]
    };
    let number = (protocol(), select(PORTS)).prop_map(|(protocol, port)| {
        json!({"portNumber": object([("protocol", protocol), ("port", Some(port.into()))])})
    });
    let range = (protocol(), select(RANGES)).prop_map(|(protocol, (start, end))| {
        let range = object([
            ("protocol", protocol),
            ("start", Some(start.into())),
            ("end", Some(end.into())),
        ]);
        json!({"portRange": range, "namedPort": null})
    });
    let named = port_name().prop_map(|name| json!({"namedPort": name}));
    prop_oneof![1 => number, 1 => range, 1 => named].boxed()
}

fn cnp_protocol() -> BoxedStrategy<Value> {
    let destination = prop_oneof![
        1 => Just(json!({})),
        1 => Just(json!({"destinationPort": null})),
        2 => select(PORTS).prop_map(|port| json!({"destinationPort": {"number": port}})),
        3 => select(RANGES).prop_map(|(start, end)| {
            json!({"destinationPort": {"range": {"start": start, "end": end}}})
        }),
    ];
    let numbered = (select(&["tcp", "udp", "sctp"][..]), destination)
        .prop_map(|(protocol, destination)| json!({protocol: destination}));
    let named = port_name().prop_map(|name| json!({"destinationNamedPort": name}));
    prop_oneof![3 => numbered, 1 => named].boxed()
}
