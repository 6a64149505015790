//! `NetworkPolicy` objects.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::shapes::{
    Field, Of, maybe, maybe_list, metadata, namespace_field, object, selector, word,
};
use super::vocabulary::{
    CIDRS, NAMESPACES, PORT_NAMES, PORTS, PROTOCOLS, RANGES, UNKNOWN_PORT_NAME, inside,
};

/// Up to `most` policies, each with a name of its own.
pub(super) fn network_policies(most: usize) -> BoxedStrategy<Vec<Value>> {
    prop::collection::vec((word(NAMESPACES), 0..6_u8, spec()), 0..=most)
        .prop_map(|all| {
            let one = |(index, (namespace, spelling, spec)): (usize, (&str, u8, Value))| {
                let metadata = metadata(
                    [
                        ("name", Some(format!("p{index}").into())),
                        ("namespace", namespace_field(namespace, spelling)),
                    ],
                    spelling % 2 == 1,
                );
                json!({
                    "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                    "metadata": metadata, "spec": spec,
                })
            };
            all.into_iter().enumerate().map(one).collect()
        })
        .boxed()
}

fn spec() -> impl Strategy<Value = Value> {
    let policy_types = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Value::Null)),
        1 => Just(Some(json!([]))),
        3 => Just(Some(json!(["Ingress"]))),
        3 => Just(Some(json!(["Egress"]))),
        2 => Just(Some(json!(["Ingress", "Egress"]))),
        1 => Just(Some(json!(["Egress", "Ingress"]))),
    ];
    let subject = maybe(8, selector(Of::Objects));
    let ingress = maybe_list(10, rule("from"), 3);
    let egress = maybe_list(10, rule("to"), 3);
    (subject, policy_types, ingress, egress).prop_map(|(subject, types, ingress, egress)| {
        object([
            ("podSelector", subject),
            ("policyTypes", types),
            ("ingress", ingress),
            ("egress", egress),
        ])
    })
}

fn rule(peers: &'static str) -> impl Strategy<Value = Value> {
    (maybe_list(16, peer(), 3), maybe_list(8, port(), 3))
        .prop_map(move |(from, ports)| object([(peers, from), ("ports", ports)]))
}

/// `podSelector` alone, `namespaceSelector` alone, both, or `ipBlock`. What is not there is now
/// and then null.
fn peer() -> BoxedStrategy<Value> {
    let null = || prop_oneof![5 => Just(None), 1 => Just(Some(Value::Null))];
    let pods = || selector(Of::Objects).prop_map(Some);
    let namespaces = || selector(Of::Namespaces).prop_map(Some);
    let peer = |(pods, namespaces, block): (Field, Field, Field)| {
        object([
            ("podSelector", pods),
            ("namespaceSelector", namespaces),
            ("ipBlock", block),
        ])
    };
    prop_oneof![
        3 => (pods(), null(), null()).prop_map(peer),
        3 => (null(), namespaces(), null()).prop_map(peer),
        3 => (pods(), namespaces(), null()).prop_map(peer),
        5 => (null(), null(), ip_block().prop_map(Some)).prop_map(peer),
    ]
    .boxed()
}

/// A CIDR, and some of those strictly inside it.
fn ip_block() -> impl Strategy<Value = Value> {
    let excepts = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Vec::new())),
        6 => prop::collection::vec(any::<Index>(), 1..=3).prop_map(Some),
    ];
    (select(CIDRS), excepts, any::<bool>()).prop_map(|(cidr, excepts, null)| {
        let candidates = inside(cidr);
        let excepts = match excepts {
            None if null => Some(Value::Null),
            None => None,
            Some(picks) => {
                let mut chosen: Vec<&str> = Vec::new();
                for pick in picks {
                    // The narrowest have nothing inside.
                    if candidates.is_empty() {
                        break;
                    }
                    let except = *pick.get(&candidates);
                    if !chosen.contains(&except) {
                        chosen.push(except);
                    }
                }
                Some(json!(chosen))
            }
        };
        object([("cidr", Some(cidr.into())), ("except", excepts)])
    })
}

/// `protocol` alone, a number, a range, or a name; each with or without the protocol.
fn port() -> BoxedStrategy<Value> {
    let protocol = || {
        prop_oneof![
            3 => Just(None),
            1 => Just(Some(Value::Null)),
            6 => select(PROTOCOLS).prop_map(|protocol| Some(protocol.into())),
        ]
    };
    let name = prop_oneof![
        8 => word(PORT_NAMES),
        1 => Just(UNKNOWN_PORT_NAME),
    ];
    // A range may be a single port.
    let range = prop_oneof![
        7 => select(RANGES),
        1 => select(PORTS).prop_map(|port| (port, port)),
    ];
    let port = |(protocol, port, end): (Field, Field, Field)| {
        object([("protocol", protocol), ("port", port), ("endPort", end)])
    };
    let null = || prop_oneof![5 => Just(None), 1 => Just(Some(Value::Null))];
    prop_oneof![
        3 => (protocol(), null(), null()).prop_map(port),
        4 => (protocol(), select(PORTS).prop_map(|port| Some(port.into())), null()).prop_map(port),
        4 => (protocol(), range).prop_map(move |(protocol, (start, end))| {
            port((protocol, Some(start.into()), Some(end.into())))
        }),
        5 => (protocol(), name.prop_map(|name| Some(name.into())), null()).prop_map(port),
    ]
    .boxed()
}
