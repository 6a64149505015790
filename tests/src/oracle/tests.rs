//! The oracle against upstream's own expectations, and against clauses that upstream does not test.

use std::fs;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Oracle, OracleOptions};
use crate::samples::shared;

fn protocol_number(spelled: &Value) -> u8 {
    match spelled.as_str() {
        Some("TCP") => 6,
        Some("UDP") => 17,
        Some("SCTP") => 132,
        Some("ICMP") => 1,
        Some("ICMPv6") => 58,
        _ => spelled
            .as_u64()
            .and_then(|number| number.try_into().ok())
            .unwrap_or_else(|| panic!("{spelled} is no protocol")),
    }
}

fn end(oracle: &Oracle, spelled: &Value) -> Vec<IpAddr> {
    let spelled = spelled.as_str().expect("an end is a string");
    match spelled.parse() {
        Ok(address) => vec![address],
        Err(_) => oracle.addresses_of(spelled),
    }
}

/// Runs one vector; returns (what went wrong, how many pairs were asked).
fn run(vector: &Value) -> (Vec<String>, usize) {
    let manifests = vector["manifests"].as_array().expect("manifests");
    let oracle = Oracle::new(manifests, &[], OracleOptions::default());
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for probe in vector["probes"].as_array().expect("probes") {
        let port = probe[3]
            .as_u64()
            .map_or(0, |port| port.try_into().expect("port"));
        let mut pairs = 0;
        for source in end(&oracle, &probe[0]) {
            for destination in end(&oracle, &probe[1]) {
                if source.is_ipv4() == destination.is_ipv4() {
                    pairs += 1;
                    let protocol = protocol_number(&probe[2]);
                    let (egress, ingress) = oracle.verdict(source, destination, protocol, port);
                    let said = if egress && ingress { "allow" } else { "deny" };
                    if probe[4] != said {
                        wrong.push(format!("{probe}: {source} -> {destination}: {said}"));
                    }
                }
            }
        }
        if pairs == 0 {
            wrong.push(format!("{probe}: no pair of addresses of one family"));
        }
        asked += pairs;
    }
    (wrong, asked)
}

#[test]
fn all_vectors() {
    let (mut files, mut asked, mut wrong) = (0, 0, Vec::new());
    for folder in fs::read_dir(shared("vectors")).expect("vectors") {
        let folder = folder.expect("folder").path();
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(&folder).expect("folder") {
            let path = file.expect("file").path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("readable");
            let vector: Value = serde_json::from_str(&text).expect("JSON");
            let (lines, pairs) = run(&vector);
            files += 1;
            asked += pairs;
            wrong.extend(
                lines
                    .into_iter()
                    .map(|line| format!("{}: {line}", path.display())),
            );
        }
    }
    assert!(files > 0 && asked > 0, "no vector was found");
    assert!(
        wrong.is_empty(),
        "{} of {asked} in {files} files, such as {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(20)]
    );
    println!("{files} vectors, {asked} pairs of addresses");
}

fn address(spelled: &str) -> IpAddr {
    spelled.parse().expect("address")
}

fn ask(oracle: &Oracle, source: &str, destination: &str, protocol: u8, port: u16) -> (bool, bool) {
    oracle.verdict(address(source), address(destination), protocol, port)
}

fn pod(name: &str, label: &str, address: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": label}},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "ports": [
            {"name": "web", "containerPort": 80},
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
        ]}]},
        "status": {"phase": "Running", "hostIP": "192.168.0.1", "podIPs": [{"ip": address}]},
    })
}

fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("pointer");
    object.pointer_mut(parent).expect("parent")[key] = value;
    object
}

fn network_policy(spec: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "p"}, "spec": spec,
    })
}

fn cnp(name: &str, tier: &str, priority: u16, rules: &Value) -> Value {
    let mut spec = json!({"tier": tier, "priority": priority, "subject": {"namespaces": {}}});
    for (key, value) in rules.as_object().expect("rules") {
        spec[key] = value.clone();
    }
    json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name}, "spec": spec,
    })
}

fn oracle(manifests: &[Value]) -> Oracle {
    Oracle::new(manifests, &[], OracleOptions::default())
}

/// "If two pods claim one address: Running before Pending, not-deleting before deleting, then the
/// newest creation timestamp, then name."
#[test]
fn contested_address() {
    let deny = network_policy(&json!({"podSelector": {"matchLabels": {"app": "x"}}}));
    let x = pod("x", "x", "10.0.0.1");
    let y = pod("y", "y", "::ffff:10.0.0.1");
    let young = |object: &Value| {
        with(
            object.clone(),
            "/metadata/creationTimestamp",
            json!("2024-01-02T00:00:00Z"),
        )
    };
    let deleting = |object: &Value| {
        with(
            object.clone(),
            "/metadata/deletionTimestamp",
            json!("2024-01-02T00:00:00Z"),
        )
    };
    let phase = |object: &Value, phase: &str| with(object.clone(), "/status/phase", json!(phase));
    // (the pods, whether x wins and so denies ingress)
    let cases = [
        ([x.clone(), y.clone()], true),
        ([x.clone(), young(&y)], false),
        ([x.clone(), deleting(&young(&y))], true),
        ([deleting(&x), phase(&y, "Pending")], true),
        ([phase(&x, "Succeeded"), phase(&y, "Pending")], false),
        (
            [with(x.clone(), "/spec/hostNetwork", json!(true)), y.clone()],
            false,
        ),
    ];
    for (pods, x_wins) in cases {
        let [first, second] = pods;
        let oracle = oracle(&[second, deny.clone(), first]);
        let (_, ingress) = ask(&oracle, "8.8.8.8", "10.0.0.1", 6, 80);
        assert_eq!(ingress, !x_wins);
    }
}

/// "A rule with a peer that has no field known here fails closed".
#[test]
fn fail_closed() {
    let pods = [pod("x", "x", "10.0.0.1"), pod("y", "y", "10.0.0.2")];
    for unknown in [
        json!({}),
        json!({"future": {}}),
        json!({"namespaces": null}),
        json!({"networks": ["10.0.0.0/8"]}),
    ] {
        for (action, expected) in [("Accept", true), ("Deny", false), ("Pass", false)] {
            let rule = json!({"ingress": [
                {"action": action, "from": [{"namespaces": {}}, unknown], "protocols": [{"udp": {}}]},
            ]});
            let oracle = oracle(&[
                pods[0].clone(),
                pods[1].clone(),
                cnp("c", "Baseline", 1, &rule),
            ]);
            assert_eq!(
                ask(&oracle, "10.0.0.1", "10.0.0.2", 6, 80),
                (true, expected),
                "{rule}"
            );
            assert_eq!(
                ask(&oracle, "8.8.8.8", "10.0.0.2", 1, 0),
                (true, expected),
                "{rule}"
            );
            assert_eq!(
                ask(&oracle, "10.0.0.2", "10.0.0.2", 1, 0),
                (true, true),
                "hairpin"
            );
        }
    }
}

/// "Ingress from an address of the destination pod's own node is always allowed here (option).
/// Egress to the own node is evaluated like any other (option)."
#[test]
fn own_node() {
    let policy = network_policy(&json!({"policyTypes": ["Ingress", "Egress"]}));
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"},
        "status": {"addresses": [
            {"type": "Hostname", "address": "n"}, {"type": "ExternalIP", "address": "203.0.113.1"},
        ]},
    });
    let manifests = [pod("x", "x", "10.0.0.1"), node, policy];
    for always in [false, true] {
        let options = OracleOptions {
            own_node_ingress_always_allowed: always,
            own_node_egress_always_allowed: always,
            ..OracleOptions::default()
        };
        let oracle = Oracle::new(&manifests, &[], options);
        for own in ["192.168.0.1", "203.0.113.1"] {
            assert_eq!(ask(&oracle, own, "10.0.0.1", 1, 0), (true, always));
            assert_eq!(ask(&oracle, "10.0.0.1", own, 1, 0), (always, true));
        }
        assert_eq!(ask(&oracle, "192.168.0.2", "10.0.0.1", 1, 0), (true, false));
    }
}

/// "(The API text says "for selected pods"; per direction is the reading chosen here; option: a
/// pod selected in either direction is final in both.)"
#[test]
fn either_direction() {
    let deny = json!({"ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}]});
    let manifests = [
        pod("x", "x", "10.0.0.1"),
        pod("y", "y", "10.0.0.2"),
        network_policy(&json!({"policyTypes": ["Egress"], "egress": [{}]})),
        cnp("c", "Baseline", 1, &deny),
    ];
    for either in [false, true] {
        let options = OracleOptions {
            either_direction_is_final: either,
            ..OracleOptions::default()
        };
        let oracle = Oracle::new(&manifests, &[], options);
        assert_eq!(ask(&oracle, "10.0.0.1", "10.0.0.2", 6, 80), (true, either));
    }
}

/// "by priority (lower first), then ANP before CNP, then name", "Pass goes on at 3".
#[test]
fn order_of_the_admin_tier() {
    let rule =
        |action: &str| json!({"egress": [{"action": action, "to": [{"networks": ["0.0.0.0/0"]}]}]});
    let mut anp = cnp("z", "Admin", 5, &rule("Allow"));
    anp["apiVersion"] = json!("policy.networking.k8s.io/v1alpha1");
    anp["kind"] = json!("AdminNetworkPolicy");
    let (late, early) = (
        cnp("b", "Admin", 5, &rule("Deny")),
        cnp("a", "Admin", 5, &rule("Pass")),
    );
    let baseline = cnp("a", "Baseline", 0, &rule("Deny"));
    let x = pod("x", "x", "10.0.0.1");
    let egress = |policies: &[Value]| {
        let mut manifests = vec![x.clone(), baseline.clone()];
        manifests.extend_from_slice(policies);
        ask(&oracle(&manifests), "10.0.0.1", "8.8.8.8", 47, 9).0
    };
    assert!(!egress(std::slice::from_ref(&late)));
    assert!(egress(&[late.clone(), anp]));
    assert!(!egress(&[late.clone(), early.clone()]));
    let isolated = network_policy(&json!({"egress": [{}], "policyTypes": []}));
    assert!(egress(&[late, early, isolated]));
}

/// Named ports: of the destination, in their protocol, in sidecars, never on what is no pod.
#[test]
fn named_ports() {
    let sidecar = |always: Value| {
        let init = json!([{"name": "i", "restartPolicy": always, "ports": [{"name": "adm", "containerPort": 9}]}]);
        with(pod("y", "y", "10.0.0.2"), "/spec/initContainers", init)
    };
    let ports = json!([{"port": "web"}, {"port": "dns"}, {"port": "adm", "protocol": "TCP"}]);
    let policy = network_policy(&json!({"egress": [{"ports": ports}]}));
    for always in [json!("Always"), Value::Null] {
        let world = [
            pod("x", "x", "10.0.0.1"),
            sidecar(always.clone()),
            policy.clone(),
        ];
        let oracle = oracle(&world);
        let egress = |to, protocol, port| ask(&oracle, "10.0.0.1", to, protocol, port).0;
        assert!(egress("10.0.0.2", 6, 80));
        assert!(!egress("10.0.0.2", 6, 81));
        assert!(!egress("10.0.0.2", 17, 53), "`dns` is asked for in TCP");
        assert!(!egress("8.8.8.8", 6, 80));
        assert_eq!(egress("10.0.0.2", 6, 9), always == "Always");
    }
}

/// `networks`, `nodes` and `domainNames`, each against a pod, a node and an external address.
#[test]
fn egress_peers_by_address() {
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "labels": {"os": "linux"}},
        "status": {"addresses": [
            {"type": "InternalIP", "address": "192.168.0.9"},
            {"type": "InternalIP", "address": "10.0.0.2"},
        ]},
    });
    let domains = [
        ("WWW.Example.com.".to_owned(), vec![address("203.0.113.1")]),
        ("example.com".to_owned(), vec![address("203.0.113.2")]),
    ];
    let to = ["10.0.0.2", "192.168.0.9", "203.0.113.1", "203.0.113.2"];
    let cases = [
        (
            json!({"networks": ["10.0.0.0/8", "203.0.113.2/32"]}),
            [true, false, false, true],
        ),
        (json!({"networks": ["0.0.0.0/0"]}), [true, true, true, true]),
        (json!({"networks": ["::/0"]}), [false, false, false, false]),
        // 10.0.0.2 is in the Node's status, but a pod's.
        (json!({"nodes": {}}), [false, true, false, false]),
        (
            json!({"nodes": {"matchLabels": {"os": "plan9"}}}),
            [false, false, false, false],
        ),
        (
            json!({"domainNames": ["*.example.com"]}),
            [false, false, true, false],
        ),
        (
            json!({"domainNames": ["nowhere.test", "EXAMPLE.com."]}),
            [false, false, false, true],
        ),
        (json!({"namespaces": {}}), [true, false, false, false]),
    ];
    for (peer, expected) in cases {
        let rules = json!({"egress": [
            {"action": "Accept", "to": [peer]},
            {"action": "Deny", "to": [{"networks": ["0.0.0.0/0"]}]},
        ]});
        let manifests = [
            pod("x", "x", "10.0.0.1"),
            pod("y", "y", "10.0.0.2"),
            node.clone(),
            cnp("c", "Admin", 1, &rules),
        ];
        let oracle = Oracle::new(&manifests, &domains, OracleOptions::default());
        let said = to.map(|to| ask(&oracle, "10.0.0.1", to, 1, 0).0);
        assert_eq!(said, expected, "{rules}");
    }
}

/// "`ipBlock` matches by address, pods' addresses too (option: not pods)"; "another peer or policy
/// can allow again what one excepts".
#[test]
fn ip_blocks() {
    let x = pod("x", "x", "10.0.0.1");
    let y = pod("y", "y", "10.0.0.9");
    let ended = with(pod("z", "z", "10.0.0.2"), "/status/phase", json!("Failed"));
    let block = json!({"ipBlock": {"cidr": "10.0.0.0/28", "except": ["10.0.0.8/29"]}});
    let again = json!({"ipBlock": {"cidr": "10.0.0.9/32"}});
    for (peers, selects_pods, expected) in [
        (json!([block]), true, [true, false, false]),
        (json!([block, again]), true, [true, true, false]),
        (json!([block, again]), false, [true, false, false]),
    ] {
        let policy = network_policy(&json!({
            "podSelector": {"matchLabels": {"app": "x"}}, "ingress": [{"from": peers}],
        }));
        let options = OracleOptions {
            ip_block_selects_pods: selects_pods,
            ..OracleOptions::default()
        };
        let oracle = Oracle::new(&[x.clone(), y.clone(), ended.clone(), policy], &[], options);
        let said = ["10.0.0.2", "10.0.0.9", "10.0.0.16"]
            .map(|from| ask(&oracle, from, "10.0.0.1", 47, 0).1);
        assert_eq!(said, expected, "{peers} {selects_pods}");
    }
}

/// "`policyTypes` missing or empty: Ingress, and Egress if `egress` has at least one rule. Rules in
/// a direction that is not in `policyTypes` do nothing."
#[test]
fn policy_types() {
    let cases = [
        // (spec, egress allows, ingress allows)
        (json!({}), true, false),
        (json!({"egress": []}), true, false),
        (
            json!({"policyTypes": [], "egress": [{"to": [{"podSelector": {}}]}]}),
            false,
            false,
        ),
        (
            json!({"policyTypes": null, "ingress": [{}], "egress": [{}]}),
            true,
            true,
        ),
        (
            json!({"policyTypes": ["Egress"], "ingress": [{"ports": [{}]}]}),
            false,
            true,
        ),
        (
            json!({"policyTypes": ["Ingress"], "ingress": [{"from": null, "ports": []}]}),
            true,
            true,
        ),
    ];
    for (spec, egress, ingress) in cases {
        let oracle = oracle(&[pod("x", "x", "10.0.0.1"), network_policy(&spec)]);
        assert_eq!(
            ask(&oracle, "10.0.0.1", "8.8.8.8", 1, 0).0,
            egress,
            "{spec}"
        );
        assert_eq!(
            ask(&oracle, "8.8.8.8", "10.0.0.1", 1, 0).1,
            ingress,
            "{spec}"
        );
    }
}

/// "`NotIn` and `DoesNotExist` match when the key is absent. `matchLabels: {k: ""}` needs the key
/// with an empty value." And the name label of namespaces that nobody declared.
#[test]
fn selectors() {
    let expression = |key: &str, operator: &str, values: Value| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
    let cases = [
        (
            json!({"podSelector": expression("no", "NotIn", json!(["x"]))}),
            true,
        ),
        (
            json!({"podSelector": expression("no", "In", json!(["", "x"]))}),
            false,
        ),
        (
            json!({"podSelector": expression("no", "DoesNotExist", Value::Null)}),
            true,
        ),
        (
            json!({"podSelector": expression("app", "Exists", json!([]))}),
            true,
        ),
        (
            json!({"podSelector": expression("app", "NotIn", json!(["y"]))}),
            false,
        ),
        (json!({"podSelector": {"matchLabels": {"no": ""}}}), false),
        (
            json!({"namespaceSelector": {"matchLabels": {super::NAME_LABEL: "default"}}}),
            true,
        ),
        (
            json!({"namespaceSelector": expression(super::NAME_LABEL, "NotIn", json!(["default"]))}),
            false,
        ),
        (
            json!({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "x"}}}),
            false,
        ),
    ];
    for (peer, expected) in cases {
        let policy = network_policy(&json!({"ingress": [{"from": [peer]}]}));
        let oracle = oracle(&[pod("x", "x", "10.0.0.1"), pod("y", "y", "10.0.0.2"), policy]);
        assert_eq!(
            ask(&oracle, "10.0.0.2", "10.0.0.1", 6, 80).1,
            expected,
            "{peer}"
        );
    }
}
