//! `verdict -o json`, as programs read it: every field, compared whole.

use std::process::Command;

use serde_json::{Value, json};

fn ask(format: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_netpolicy"))
        .args(["verdict", "-f", "tests/golden/cluster.yaml"])
        .args(["--from", "shop/web", "--from", "tests:app=x"])
        .args(["--to", "192.168.0.1", "--port", "80", "-o", format])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stdout).unwrap()
}

/// A policy of the manifest.
fn policy(kind: &str, name: &str, tier: &str, priority: Option<u16>, line: u32) -> Value {
    json!({
        "kind": kind, "namespace": null, "name": name, "tier": tier, "priority": priority,
        "file": "tests/golden/cluster.yaml", "line": line,
    })
}

#[test]
fn every_field() {
    let mut answers: Value = serde_json::from_str(&ask("json")).unwrap();
    // The sentence is the one that people read.
    let sentences: Vec<_> = answers
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .map(|answer| {
            answer["explanations"][0]
                .as_object_mut()
                .unwrap()
                .remove("text")
                .unwrap()
        })
        .collect();
    assert_eq!(sentences, ask("text").lines().collect::<Vec<_>>());

    let node =
        json!({"kind": "node", "namespace": null, "name": "worker", "address": "192.168.0.1"});
    let edge = policy("ClusterNetworkPolicy", "edge", "Admin", Some(5), 40);
    let not_nodes = json!({
        "policy": edge, "direction": "egress", "index": 2, "name": "not-nodes", "action": "deny",
        "failsClosed": false, "line": 50,
    });
    let is_node = json!({
        "verdict": "allow", "tier": null, "reason": "notAPod", "rule": null, "policies": [], "assumptions": [],
        "text": "allowed: 192.168.0.1 (node worker) is no pod, so no policy governs it",
    });
    assert_eq!(
        answers[0],
        json!({
            "verdict": "deny",
            "explanations": [{
                "verdict": "deny",
                "source": "shop/web (10.0.0.1)",
                "destination": "192.168.0.1 (node worker)",
                "ends": [
                    {"kind": "pod", "namespace": "shop", "name": "web", "address": "10.0.0.1"},
                    node,
                ],
                "protocol": "TCP",
                "port": 80,
                "egress": {
                    "verdict": "deny",
                    "tier": "Admin",
                    "reason": "rule",
                    "rule": not_nodes,
                    "policies": [{"policy": edge, "match": not_nodes}],
                    "assumptions": [],
                    "text": "denied by ClusterNetworkPolicy edge (priority 5) egress[2] \"not-nodes\"",
                },
                "ingress": is_node,
            }],
        })
    );
    assert_eq!(
        answers[1],
        json!({
            "verdict": "allow",
            "explanations": [{
                "verdict": "allow",
                "source": "a pod of tests",
                "destination": "192.168.0.1 (node worker)",
                "ends": [
                    {"kind": "pod", "namespace": "tests", "name": null, "address": null},
                    node,
                ],
                "protocol": "TCP",
                "port": 80,
                "egress": {
                    "verdict": "allow",
                    "tier": null,
                    "reason": "noPolicySelects",
                    "rule": null,
                    "policies": [],
                    "assumptions": [],
                    "text": "allowed: no policy selects a pod of tests for egress",
                },
                "ingress": is_node,
            }],
        })
    );
}

#[test]
fn misses_and_assumptions() {
    let output = Command::new(env!("CARGO_BIN_EXE_netpolicy"))
        .args([
            "verdict",
            "-f",
            "tests/golden/cluster.yaml",
            "--from",
            "elsewhere/stray",
        ])
        .args(["--to", "shop/db", "--port", "5432", "-o", "json"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ingress = &answers[0]["explanations"][0]["ingress"];
    assert_eq!(
        ingress["assumptions"],
        json!([{
            "kind": "namespaceWithoutLabels",
            "namespace": "elsewhere",
            "text": "namespace elsewhere has no labels but its name, as no Namespace object was given",
        }])
    );
    let miss = &ingress["policies"][0]["miss"];
    assert_eq!(
        (&miss["kind"], &miss["text"], &miss["rule"]["index"]),
        (
            &json!("peer"),
            &json!("ingress[0] matches the port but not the peer"),
            &json!(0)
        )
    );
}
