//! What lint calls removable is removed, and no connection differs; what it says
//! nothing of is looked at as well. And each kind of finding, once with and once
//! without what it is about.

use std::cell::Cell;

use netpolicy::lint::{Code, Finding, lint};
use netpolicy::manifest::Loader;
use netpolicy::model::{DomainName, Options};
use netpolicy::reach::Difference;
use netpolicy::{Cluster, ImageBuf};
use netpolicy_tests::worlds::{World, world};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use serde_json::Value;

fn load(manifests: &[Value], world: &World) -> (Cluster, ImageBuf) {
    let mut loader = Loader::default();
    loader.read_text("world.json", &serde_json::to_string(manifests).unwrap());
    for (name, addresses) in &world.domains {
        loader.domain_name(DomainName {
            name: name.clone().into(),
            addresses: addresses.clone().into(),
        });
    }
    let cluster = loader.finish().cluster;
    let (image, _) = cluster.compile(&Options::default()).unwrap();
    (cluster, image)
}

/// Whether an object is the one that a finding names.
fn is_named(object: &Value, finding: &Finding) -> bool {
    let kind = object["kind"].as_str().unwrap_or("");
    let name = object["metadata"]["name"].as_str().unwrap_or("");
    let namespace = object["metadata"]["namespace"].as_str();
    let is_namespaced = kind == "NetworkPolicy";
    finding.diagnostic.object
        == if is_namespaced {
            format!("{kind} {}/{name}", namespace.unwrap_or("default"))
        } else {
            format!("{kind} {name}")
        }
}

/// The manifests without what a finding calls removable.
fn without(manifests: &[Value], finding: &Finding) -> Vec<Value> {
    if finding.code == Code::RemovablePolicy {
        let kept = manifests.iter().filter(|object| !is_named(object, finding));
        return kept.cloned().collect();
    }
    // spec.ingress[2]
    let path = &finding.diagnostic.path;
    let (direction, index) = path
        .strip_prefix("spec.")
        .and_then(|path| path.strip_suffix(']'))
        .and_then(|path| path.split_once('['))
        .unwrap();
    let index: usize = index.parse().unwrap();
    let mut manifests = manifests.to_vec();
    for object in manifests
        .iter_mut()
        .filter(|object| is_named(object, finding))
    {
        let spec = &mut object["spec"];
        let types_are_stated = spec["policyTypes"]
            .as_array()
            .is_some_and(|types| !types.is_empty());
        // A policy that isolates for egress because it has rules must go on to do so.
        if !types_are_stated && object["kind"] == "NetworkPolicy" {
            let has_egress = object["spec"]["egress"]
                .as_array()
                .is_some_and(|rules| !rules.is_empty());
            object["spec"]["policyTypes"] = if has_egress {
                serde_json::json!(["Ingress", "Egress"])
            } else {
                serde_json::json!(["Ingress"])
            };
        }
        object["spec"][direction]
            .as_array_mut()
            .unwrap()
            .remove(index);
    }
    manifests
}

#[test]
fn what_is_removable_is_removed() {
    let (removed, kept) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config {
        cases: 60,
        rng_seed: RngSeed::Fixed(20_261_125),
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&world(), |world| {
            let (cluster, image) = load(&world.manifests, &world);
            let image = image.image();
            let findings = lint(&cluster, &image);
            let removable = |finding: &&Finding| {
                matches!(
                    finding.code,
                    Code::RemovablePolicy | Code::RemovableRule | Code::ShadowedRule
                )
            };
            for finding in findings.iter().filter(removable) {
                let (_, fewer) = load(&without(&world.manifests, finding), &world);
                let difference = Difference::between(&image, &fewer.image());
                removed.set(removed.get() + 1);
                if !difference.is_empty() {
                    return Err(TestCaseError::fail(format!(
                        "{finding:?}: {:#?}",
                        difference.changes
                    )));
                }
            }
            // And the other way round: policies that could go are found, unless they
            // protect what is still to come.
            for policy in image
                .policies()
                .filter(|policy| policy.selected_pods() != 0)
            {
                let name = policy.to_string();
                let name = name.split(" (priority").next().unwrap();
                let is_found = findings.iter().any(|finding| {
                    finding.code == Code::RemovablePolicy && finding.diagnostic.object == name
                });
                kept.set(kept.get() + usize::from(!is_found));
            }
            Ok(())
        })
        .unwrap();
    assert!(removed.get() > 100, "{} were removed", removed.get());
    assert!(kept.get() > 50, "{} policies were kept", kept.get());
}

const PODS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: web, labels: {team: web}}
---
apiVersion: v1
kind: Namespace
metadata: {name: data, labels: {team: data}}
---
apiVersion: v1
kind: Pod
metadata: {name: front, namespace: web, labels: {app: front}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
status: {podIP: 10.0.0.1, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: data, labels: {app: db}}
spec: {containers: [{name: c, ports: [{containerPort: 5432}]}]}
status: {podIP: 10.0.0.2, phase: Running}
---
";

/// The codes of the findings about a policy of namespace `data` with this spec.
fn codes(spec: &str) -> Vec<&'static str> {
    let text = format!(
        "{PODS}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: data}}
spec: {spec}
"
    );
    let mut loader = Loader::default();
    loader.read_text("test.yaml", &text);
    let loaded = loader.finish();
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let (image, _) = loaded.cluster.compile(&Options::default()).unwrap();
    let findings = lint(&loaded.cluster, &image.image());
    let about = findings
        .iter()
        .filter(|finding| finding.diagnostic.object == "NetworkPolicy data/p");
    let mut codes: Vec<_> = about.map(|finding| finding.code.name()).collect();
    codes.dedup();
    codes
}

#[test]
fn each_kind_of_finding() {
    let none: [&str; 0] = [];
    let from = |peers: &str, ports: &str| {
        codes(&format!(
            "{{podSelector: {{}}, ingress: [{{from: [{peers}], ports: [{ports}]}}]}}"
        ))
    };
    let front =
        "{namespaceSelector: {matchLabels: {team: web}}, podSelector: {matchLabels: {app: front}}}";
    assert_eq!(from(front, "{port: 5432}"), none);
    assert_eq!(from(front, "{port: 80}"), ["undeclared-port"]);
    assert_eq!(from(front, "{port: pg}"), ["unknown-port-name"]);
    assert_eq!(
        from(
            "{podSelector: {matchLabels: {app: nobody}}}",
            "{port: 5432}"
        ),
        ["peer-selects-nothing"]
    );
    assert_eq!(
        from(
            "{namespaceSelector: {matchLabels: {team: web}}}, {podSelector: {matchLabels: {app: front}}}",
            "{port: 5432}"
        ),
        ["peer-selects-nothing", "split-peer"]
    );
    assert_eq!(
        from("{ipBlock: {cidr: 10.0.0.0/24}}", "{port: 5432}"),
        ["block-holds-pods"]
    );
    assert_eq!(
        from(
            "{ipBlock: {cidr: 10.0.0.0/24, except: [10.0.0.0/30]}}",
            "{port: 5432}"
        ),
        none
    );
    assert_eq!(
        codes("{podSelector: {matchLabels: {app: nobody}}}"),
        ["subject-selects-nothing"]
    );
    let to = |peers: &str, ports: &str| {
        codes(&format!(
            "{{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{peers}], ports: [{ports}]}}]}}"
        ))
    };
    assert_eq!(to(front, "{port: 8080}"), ["no-dns"]);
    assert_eq!(
        to(
            "{namespaceSelector: {}}",
            "{port: 8080}, {port: 53, protocol: UDP}"
        ),
        none
    );
    // Of kube-system nothing was given: whether its pods are DNS servers, and what their
    // ports are called, is not known.
    let system = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {dns: node-cache}}}";
    let with_front = |ports: &str| {
        codes(&format!(
            "{{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{front}], ports: [{{port: 8080}}]}}, {{to: [{system}], ports: [{ports}]}}]}}"
        ))
    };
    assert_eq!(with_front("{port: 53, protocol: UDP}"), none);
    assert_eq!(with_front("{port: dns, protocol: UDP}"), none);
    assert_eq!(with_front("{port: 9153}"), ["no-dns"]);
    // Who sends nothing needs no names.
    assert_eq!(codes("{podSelector: {}, policyTypes: [Egress]}"), none);
    assert_eq!(
        codes(&format!(
            "{{podSelector: {{}}, ingress: [{{from: [{front}]}}, {{from: [{front}], ports: [{{port: 5432}}]}}]}}"
        )),
        ["removable-rule"]
    );
}
