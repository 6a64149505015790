//! Namespaces, nodes, pods, and objects of kinds that do not matter.

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::shapes::{Field, labels, metadata, namespace_field, object, word};
use super::vocabulary::{
    EXTERNAL, NAMESPACES, NODE_V4, NODE_V6, NODES, POD_NAMES, POD_V4, POD_V6, PORT_NAMES, PORTS,
    PROTOCOLS, TIMES,
};
use crate::oracle::NAME_LABEL;

/// The most pods a world has: one for each address of the vocabulary.
pub(super) const MOST_PODS: usize = POD_V4.len();

/// Namespace objects, for some of the namespaces.
pub(super) fn namespaces() -> BoxedStrategy<Vec<Value>> {
    let all = NAMESPACES
        .iter()
        .map(|name| {
            let parts = (labels(), 0..12_u8, any::<bool>());
            let one = parts.prop_map(move |(labels, name_label, server)| {
                namespace(name, labels, name_label, server)
            });
            prop::option::weighted(0.7, one)
        })
        .collect::<Vec<_>>();
    all.prop_map(|some| some.into_iter().flatten().collect())
        .boxed()
}

/// `name_label`: 0–4 writes the label, as the API server does; 5 writes a wrong one, which does
/// not count; else there is none, as people write it.
fn namespace(name: &str, labels: Field, name_label: u8, server: bool) -> Value {
    let mut labels = labels;
    if name_label < 6 {
        let value = if name_label == 5 { "another" } else { name };
        match &mut labels {
            Some(Value::Object(labels)) => {
                labels.insert(NAME_LABEL.to_owned(), value.into());
            }
            other => *other = Some(json!({NAME_LABEL: value})),
        }
    }
    let mut object = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": metadata([("name", Some(name.into())), ("labels", labels)], server),
    });
    if server {
        object["spec"] = json!({"finalizers": ["kubernetes"]});
        object["status"] = json!({"phase": "Active"});
    }
    object
}

/// Node objects, for some of the nodes.
pub(super) fn nodes() -> BoxedStrategy<Vec<Value>> {
    let all = (0..NODES)
        .map(|index| {
            let parts = (labels(), node_addresses(index), any::<bool>());
            let one = parts.prop_map(move |(labels, addresses, server)| {
                let name = format!("node-{index}");
                json!({
                    "apiVersion": "v1", "kind": "Node",
                    "metadata": metadata([("name", Some(name.into())), ("labels", labels)], server),
                    "spec": {"podCIDR": "10.0.0.0/24"},
                    "status": object([("addresses", addresses)]),
                })
            });
            prop::option::weighted(0.75, one)
        })
        .collect::<Vec<_>>();
    all.prop_map(|some| some.into_iter().flatten().collect())
        .boxed()
}

/// `status.addresses`, of every type, IP addresses or names; one that several nodes may share;
/// and, now and then, the address of a pod.
fn node_addresses(index: usize) -> BoxedStrategy<Field> {
    let all = vec![
        json!({"type": "InternalIP", "address": NODE_V4[index]}),
        json!({"type": "InternalIP", "address": NODE_V6[index]}),
        json!({"type": "ExternalIP", "address": format!("203.0.113.{}", 128 + index)}),
        json!({"type": "ExternalIP", "address": "203.0.113.200"}),
        json!({"type": "Hostname", "address": format!("node-{index}")}),
        json!({"type": "Hostname", "address": format!("192.168.0.1{index}")}),
        json!({"type": "InternalDNS", "address": format!("node-{index}.cluster.local")}),
        json!({"type": "ExternalIP", "address": format!("::ffff:203.0.113.{}", 131 + index)}),
    ];
    let most = all.len();
    let some = (
        subsequence(all, 1..=most),
        prop::option::weighted(0.2, select(&POD_V4[..5])),
    );
    let some = some.prop_map(|(mut addresses, of_pod)| {
        if let Some(of_pod) = of_pod {
            addresses.push(json!({"type": "InternalIP", "address": of_pod}));
        }
        Some(Value::Array(addresses))
    });
    prop_oneof![1 => Just(None), 1 => Just(Some(Value::Null)), 14 => some].boxed()
}

/// How the addresses of a pod are written.
#[derive(Clone, Copy, Debug)]
enum Addressing {
    V4,
    V6,
    Dual,
    DualV6First,
    Nothing,
    PodIpAlone,
    V6PodIpAlone,
    PodIpBesidePodIps,
    Mapped,
    SpelledOut,
}

/// How `hostIP` and `hostIPs` are written.
#[derive(Clone, Copy, Debug)]
enum Hosting {
    Nothing,
    Both,
    HostIpAlone,
    HostIpsAlone,
    DifferentNodes,
    OtherNode,
    OfAPod,
    Mapped,
}

/// What a pod is made of, before it has its place in the list.
#[derive(Clone, Debug)]
struct Parts {
    namespace: &'static str,
    name: &'static str,
    labels: Field,
    /// One address of each family, when it is not the pod's own.
    stolen: [Option<usize>; 2],
    addressing: Addressing,
    host_network: Field,
    /// Whether a host-networked pod has the addresses of its node, as it should.
    as_its_node: bool,
    phase: Field,
    deleting: bool,
    created: Field,
    node: Option<usize>,
    hosting: Hosting,
    containers: Value,
    init_containers: Field,
    spelling: u8,
}

/// Pods, each in the place of its address, so that one goes without moving the others; no two with
/// one name in one namespace.
pub(super) fn pods() -> BoxedStrategy<Vec<Value>> {
    let places = (0..MOST_PODS)
        .map(|_| prop::option::weighted(0.7, parts()))
        .collect::<Vec<_>>();
    places
        .prop_map(|places| {
            let mut pods: Vec<Value> = Vec::new();
            let mut taken = Vec::new();
            for (place, parts) in places.into_iter().enumerate() {
                let Some(parts) = parts else { continue };
                let mut name = parts.name.to_owned();
                if taken.contains(&(parts.namespace, name.clone())) {
                    name = format!("{name}.{place}");
                }
                taken.push((parts.namespace, name.clone()));
                pods.push(pod(place, &name, &parts));
            }
            pods
        })
        .boxed()
}

fn parts() -> impl Strategy<Value = Parts> {
    let stolen = || prop::option::weighted(0.2, 0..MOST_PODS);
    let addressing = prop_oneof![
        8 => Just(Addressing::V4),
        8 => Just(Addressing::Dual),
        3 => Just(Addressing::V6),
        2 => Just(Addressing::DualV6First),
        2 => Just(Addressing::PodIpAlone),
        1 => Just(Addressing::V6PodIpAlone),
        1 => Just(Addressing::PodIpBesidePodIps),
        1 => Just(Addressing::Mapped),
        1 => Just(Addressing::SpelledOut),
        1 => Just(Addressing::Nothing),
    ];
    let hosting = prop_oneof![
        6 => Just(Hosting::Both),
        2 => Just(Hosting::Nothing),
        2 => Just(Hosting::HostIpAlone),
        1 => Just(Hosting::HostIpsAlone),
        1 => Just(Hosting::DifferentNodes),
        1 => Just(Hosting::OtherNode),
        2 => Just(Hosting::OfAPod),
        1 => Just(Hosting::Mapped),
    ];
    let phase = prop_oneof![
        12 => Just(Some(json!("Running"))),
        3 => Just(Some(json!("Pending"))),
        1 => Just(Some(json!("Unknown"))),
        1 => Just(Some(json!("Succeeded"))),
        1 => Just(Some(json!("Failed"))),
        1 => Just(None),
        1 => Just(Some(Value::Null)),
    ];
    let host_network = prop_oneof![
        10 => Just(None),
        2 => Just(Some(json!(false))),
        1 => Just(Some(Value::Null)),
        1 => Just(Some(json!(true))),
    ];
    let created = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Value::Null)),
        6 => select(TIMES).prop_map(|time| Some(time.into())),
    ];
    // `node-3` is never given as an object.
    let node = prop::option::weighted(0.85, 0..=NODES);
    let identity = (word(NAMESPACES), word(POD_NAMES), labels(), 0..6_u8);
    let place = (
        [stolen(), stolen()],
        addressing,
        host_network,
        any::<bool>(),
        node,
        hosting,
    );
    let life = (phase, prop::bool::weighted(0.15), created);
    (identity, place, life, containers(), init_containers()).prop_map(
        |(identity, place, life, containers, init_containers)| {
            let (namespace, name, labels, spelling) = identity;
            let (stolen, addressing, host_network, as_its_node, node, hosting) = place;
            let (phase, deleting, created) = life;
            Parts {
                namespace,
                name,
                labels,
                stolen,
                addressing,
                host_network,
                as_its_node,
                phase,
                deleting,
                created,
                node,
                hosting,
                containers,
                init_containers,
                spelling,
            }
        },
    )
}

/// Ports of a container: their names differ within it, as validation asks.
fn ports() -> BoxedStrategy<Field> {
    let name = prop::option::weighted(0.8, select(PORT_NAMES));
    let protocol = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Value::Null)),
        4 => select(PROTOCOLS).prop_map(|protocol| Some(protocol.into())),
    ];
    let one = (name, select(PORTS), protocol);
    let some = prop::collection::vec(one, 1..=3).prop_map(|ports| {
        let mut names = Vec::new();
        let mut list = Vec::new();
        for (name, number, protocol) in ports {
            let name = name.filter(|name| !names.contains(name));
            names.extend(name);
            list.push(object([
                ("name", name.map(Value::from)),
                ("containerPort", Some(number.into())),
                ("protocol", protocol),
            ]));
        }
        Some(Value::Array(list))
    });
    prop_oneof![1 => Just(None), 1 => Just(Some(Value::Null)), 8 => some].boxed()
}

fn containers() -> impl Strategy<Value = Value> {
    prop::collection::vec(ports(), 1..=2).prop_map(|all| {
        let one = |(index, ports): (usize, Field)| {
            object([
                ("name", Some(format!("c{index}").into())),
                ("image", Some("registry.example.com/c:1".into())),
                ("ports", ports),
            ])
        };
        Value::Array(all.into_iter().enumerate().map(one).collect())
    })
}

fn init_containers() -> impl Strategy<Value = Field> {
    let restart = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Value::Null)),
        3 => Just(Some(json!("Always"))),
    ];
    let some = prop::collection::vec((ports(), restart), 1..=2).prop_map(|all| {
        let one = |(index, (ports, restart)): (usize, (Field, Field))| {
            object([
                ("name", Some(format!("i{index}").into())),
                ("image", Some("registry.example.com/i:1".into())),
                ("restartPolicy", restart),
                ("ports", ports),
            ])
        };
        Some(Value::Array(all.into_iter().enumerate().map(one).collect()))
    });
    prop_oneof![3 => Just(None), 1 => Just(Some(Value::Null)), 4 => some]
}

fn pod(place: usize, name: &str, parts: &Parts) -> Value {
    let host_networked = parts.host_network == Some(json!(true));
    let [stolen_v4, stolen_v6] = parts.stolen;
    let mut v4 = POD_V4[stolen_v4.unwrap_or(place)].to_owned();
    let mut v6 = POD_V6[stolen_v6.unwrap_or(place)].to_owned();
    let node = parts.node.unwrap_or(0) % NODES;
    if host_networked && parts.as_its_node {
        NODE_V4[node].clone_into(&mut v4);
        NODE_V6[node].clone_into(&mut v6);
    }
    let (pod_ip, pod_ips) = addresses(parts.addressing, &v4, &v6);
    let (host_ip, host_ips) = hosts(parts.hosting, node, place);

    let deleted = parts.deleting.then(|| json!("2024-06-01T00:00:00Z"));
    let metadata = metadata(
        [
            ("name", Some(name.into())),
            (
                "namespace",
                namespace_field(parts.namespace, parts.spelling),
            ),
            ("labels", parts.labels.clone()),
            ("creationTimestamp", parts.created.clone()),
            ("deletionTimestamp", deleted),
        ],
        parts.spelling % 2 == 1,
    );
    let node_name = parts.node.map(|node| json!(format!("node-{node}")));
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": object([
            ("nodeName", node_name),
            ("hostNetwork", parts.host_network.clone()),
            ("restartPolicy", (parts.spelling == 2).then(|| json!("Always"))),
            ("initContainers", parts.init_containers.clone()),
            ("containers", Some(parts.containers.clone())),
        ]),
        "status": object([
            ("phase", parts.phase.clone()),
            ("hostIP", host_ip),
            ("hostIPs", host_ips),
            ("podIP", pod_ip),
            ("podIPs", pod_ips),
        ]),
    })
}

/// `podIP` and `podIPs`.
fn addresses(addressing: Addressing, v4: &str, v6: &str) -> (Field, Field) {
    let list = |all: &[&str]| {
        let entries = all.iter().map(|ip| json!({"ip": ip}));
        Some(Value::Array(entries.collect()))
    };
    let mapped = format!("::ffff:{v4}");
    match addressing {
        Addressing::V4 => (Some(v4.into()), list(&[v4])),
        Addressing::V6 => (Some(v6.into()), list(&[v6])),
        Addressing::Dual => (Some(v4.into()), list(&[v4, v6])),
        Addressing::DualV6First => (None, list(&[v6, v4])),
        Addressing::Nothing => (None, None),
        Addressing::PodIpAlone => (Some(v4.into()), Some(Value::Null)),
        Addressing::V6PodIpAlone => (Some(v6.into()), Some(json!([]))),
        // The other family would be the pod's, too, if both fields counted.
        Addressing::PodIpBesidePodIps => (Some(v4.into()), list(&[v6])),
        Addressing::Mapped => (Some(mapped.clone().into()), list(&[&mapped, v6])),
        Addressing::SpelledOut => {
            let spelled = v6.parse().map_or_else(|_| v6.to_owned(), spell_out);
            (None, list(&[v4, &spelled]))
        }
    }
}

/// An IPv6 address in full and in capitals.
fn spell_out(address: std::net::Ipv6Addr) -> String {
    let groups = address.segments().map(|group| format!("{group:04X}"));
    groups.join(":")
}

/// `hostIP` and `hostIPs`.
fn hosts(hosting: Hosting, node: usize, place: usize) -> (Field, Field) {
    let other = (node + 1) % NODES;
    let list = |all: &[&str]| {
        let entries = all.iter().map(|ip| json!({"ip": ip}));
        Some(Value::Array(entries.collect()))
    };
    let (v4, v6) = (NODE_V4[node], NODE_V6[node]);
    match hosting {
        Hosting::Nothing => (None, Some(Value::Null)),
        Hosting::Both => (Some(v4.into()), list(&[v4, v6])),
        Hosting::HostIpAlone => (Some(v4.into()), None),
        Hosting::HostIpsAlone => (None, list(&[v6])),
        Hosting::DifferentNodes => (Some(v4.into()), list(&[NODE_V4[other], NODE_V6[other]])),
        Hosting::OtherNode => (Some(NODE_V4[other].into()), list(&[NODE_V4[other]])),
        Hosting::OfAPod => (Some(POD_V4[place.saturating_sub(1)].into()), None),
        Hosting::Mapped => (Some(format!("::ffff:{v4}").into()), None),
    }
}

/// Objects of kinds that do not matter, some of which look as if they did.
pub(super) fn others() -> BoxedStrategy<Vec<Value>> {
    let all = vec![
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "alpha"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "web"}]},
        }),
        json!({
            "apiVersion": "crd.projectcalico.org/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "deny", "namespace": "default"},
            "spec": {"selector": "all()", "types": ["Ingress", "Egress"]},
        }),
    ];
    prop_oneof![
        5 => Just(Vec::new()),
        1 => subsequence(all, 1..=2),
    ]
    .boxed()
}

/// Any address that a domain name may resolve to: external as a rule.
pub(super) fn resolved() -> BoxedStrategy<IpAddr> {
    let parsed = |spelled: &str| -> IpAddr {
        spelled
            .parse()
            .unwrap_or_else(|_| panic!("{spelled:?} is no address"))
    };
    prop_oneof![
        8 => select(EXTERNAL).prop_map(parsed),
        2 => select(&POD_V4[..5]).prop_map(parsed),
        1 => select(&POD_V6[..5]).prop_map(parsed),
        1 => Just(parsed("::ffff:203.0.113.1")),
    ]
    .boxed()
}
