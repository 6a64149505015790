//! Manifests in all the shapes in which they come, and what stands in for pods.

use netpolicy::manifest::{Loaded, Loader};
use netpolicy::model::{Direction, Phase};

#[track_caller]
fn load(text: &str) -> Loaded {
    let mut loader = Loader::default();
    loader.read_text("test.yaml", text);
    let loaded = loader.finish();
    let errors: Vec<_> = loaded.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    loaded
}

fn names(loaded: &Loaded) -> Vec<String> {
    let pods = loaded.cluster.pods().iter();
    pods.map(|pod| format!("{}/{}", pod.namespace, pod.name))
        .collect()
}

const POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}}"#;

#[test]
fn a_stream_of_documents() {
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ";
    let loaded = load(&format!(
        "---\n# only a comment\n---\n{namespace}a\n---\n\n---\n{namespace}b\n...\n---\n{namespace}c"
    ));
    assert_eq!(loaded.cluster.namespaces().len(), 3);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark() {
    let loaded = load(
        "\u{feff}apiVersion: v1\r\nkind: Namespace\r\nmetadata:\r\n  name: a\r\n---\r\napiVersion: v1\r\nkind: Namespace\r\nmetadata: {name: b}\r\n",
    );
    let names: Vec<_> = loaded
        .cluster
        .namespaces()
        .iter()
        .map(|namespace| &*namespace.name)
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn kyaml() {
    let loaded = load(
        "---\n{\n  apiVersion: \"v1\",\n  kind: \"Namespace\",\n  metadata: {\n    name: \"a\", # why not\n  },\n}\n",
    );
    assert_eq!(loaded.cluster.namespaces().len(), 1);
}

#[test]
fn json_alone_in_a_list_in_an_array_and_one_after_another() {
    let other = POD.replace("\"p\"", "\"q\"");
    for text in [
        format!("{POD}\n{other}"),
        format!("[{POD}, {other}]"),
        format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{POD}, {other}]}}"#),
        format!(
            r#"{{"apiVersion": "v1", "items": [{POD}, {other}], "kind": "PodList", "metadata": {{}}}}"#
        ),
    ] {
        assert_eq!(names(&load(&text)), ["default/p", "default/q"], "{text}");
    }
}

#[test]
fn items_of_a_list_of_one_kind_need_no_kind() {
    let loaded = load(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nitems:\n- metadata: {name: a}\n- metadata: {name: b, namespace: web}\n",
    );
    let names: Vec<_> = loaded
        .cluster
        .network_policies()
        .iter()
        .map(|policy| &*policy.namespace)
        .collect();
    assert_eq!(names, ["default", "web"]);
}

#[test]
fn anchors_aliases_and_merge_keys() {
    let loaded = load(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels: &labels {app: web, tier: front}\nspec: {}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata:\n  name: q\n  labels: &l {app: db}\n  annotations: *l\nspec: {}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata:\n  name: r\n  annotations: &a {app: x, env: prod}\n  labels: {<<: *a, app: mine}\nspec: {}\n",
    );
    let labels = |index: usize| {
        let mut labels: Vec<_> = loaded.cluster.pods()[index]
            .labels
            .iter()
            .map(|label| format!("{}={}", label.key, label.value))
            .collect();
        labels.sort();
        labels
    };
    assert_eq!(labels(0), ["app=web", "tier=front"]);
    assert_eq!(labels(1), ["app=db"]);
    assert_eq!(labels(2), ["app=mine", "env=prod"]);
}

#[test]
fn a_document_that_doubles_itself_ends_in_an_error() {
    let mut text = String::from("a: &a0 [x, x]\n");
    for level in 1..40 {
        text.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1));
    }
    text.push_str("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: good}\n");
    let mut loader = Loader::default();
    loader.read_text("test.yaml", &text);
    let loaded = loader.finish();
    assert_eq!(loaded.errors().count(), 1);
    assert!(
        loaded.diagnostics[0].message.contains("aliases"),
        "{}",
        loaded.diagnostics[0]
    );
    assert_eq!(loaded.cluster.namespaces().len(), 1);
}

#[test]
fn deep_nesting_ends_in_an_error() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let text = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        for file in ["test.yaml", "test.json"] {
            let mut loader = Loader::default();
            loader.read_text(file, &text);
            assert!(loader.finish().errors().count() >= 1, "{file} {open}");
        }
    }
}

#[test]
fn y_and_n_are_text_with_a_warning() {
    let loaded = load(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: y, labels: {yes: \"n\", n: n}}\nspec: {}\n",
    );
    assert_eq!(names(&loaded), ["default/y"]);
    let found: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    let expected = [
        "test.yaml:3:18: warning: Pod default/y: metadata.name: the API server takes y for a boolean: write \"y\" to make it a string",
        "test.yaml:3:43: warning: Pod default/y: metadata.labels.n: the API server takes n for a boolean: write \"n\" to make it a string",
    ];
    assert_eq!(found, expected);
}

#[test]
fn null_is_the_same_as_absent() {
    let loaded = load(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: null, labels: ~, creationTimestamp: null}\n\
         spec:\n  podSelector:\n  policyTypes: null\n  ingress: null\n  egress: [{to: null, ports: null}]\n",
    );
    let policy = &loaded.cluster.network_policies()[0];
    assert_eq!(&*policy.namespace, "default");
    assert!(policy.isolates(Direction::Ingress) && policy.isolates(Direction::Egress));
    assert_eq!(policy.egress.len(), 1);
    assert!(policy.egress[0].peers.is_empty());
}

#[test]
fn objects_of_other_kinds_are_skipped_and_counted() {
    let loaded = load(
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: t}\n---\nreplicaCount: 1\n",
    );
    assert_eq!(loaded.skipped.get("v1 Service"), Some(&2));
    assert_eq!(loaded.skipped.get("(no object)"), Some(&1));
    assert_eq!(loaded.objects, 0);
}

#[test]
fn the_last_of_two_objects_of_one_name_counts() {
    let text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: {policyTypes: [Ingress]}\n---\n\
                apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: {policyTypes: [Egress]}\n";
    let loaded = load(text);
    let policies = loaded.cluster.network_policies();
    assert_eq!(policies.len(), 1);
    assert!(!policies[0].isolates(Direction::Ingress));
    let found: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    let expected = "test.yaml:6:1: warning: NetworkPolicy default/p: is given twice: this one counts, the other is at test.yaml:1";
    assert_eq!(found, [expected]);
}

#[test]
fn what_a_pod_says() {
    let loaded = load(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  namespace: web\n  creationTimestamp: '2026-01-31T08:00:00Z'\n  deletionTimestamp: '2026-02-01T00:00:00Z'\n\
         spec:\n  nodeName: worker\n  hostNetwork: true\n  initContainers:\n  - {name: once, ports: [{name: a, containerPort: 1}]}\n  - {name: sidecar, restartPolicy: Always, ports: [{name: b, containerPort: 2, protocol: UDP}]}\n  containers:\n  - {name: c, ports: [{name: d, containerPort: 3}, {containerPort: 4}]}\n\
         status:\n  phase: Failed\n  podIP: 10.0.0.1\n  podIPs: [{ip: '::ffff:10.0.0.2'}, {ip: 'fd00::2'}]\n  hostIP: 192.168.0.1\n  hostIPs: [{ip: 192.168.0.1}, {ip: 'fd00::1'}]\n",
    );
    let pod = &loaded.cluster.pods()[0];
    let ports: Vec<_> = pod
        .ports
        .iter()
        .map(|port| format!("{} {} {}", port.name, port.protocol, port.number))
        .collect();
    // Those of init containers that run on count as well.
    assert_eq!(ports, ["d TCP 3", "b UDP 2"]);
    assert_eq!(pod.addresses.len(), 2);
    assert_eq!(pod.host_addresses.len(), 2);
    assert!(pod.host_network && pod.deleting);
    assert_eq!(pod.phase, Phase::Failed);
    assert_eq!(pod.created, Some(1_769_846_400));
}

/// A controller with a template of one named port.
fn controller(kind: &str, name: &str, owner: &str) -> String {
    let api = match kind {
        "ReplicationController" => "v1",
        "Job" | "CronJob" => "batch/v1",
        _ => "apps/v1",
    };
    let template = "template: {metadata: {labels: {app: x}}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}}";
    let spec = match kind {
        "CronJob" => format!("schedule: '* * * * *', jobTemplate: {{spec: {{{template}}}}}"),
        _ => template.to_owned(),
    };
    format!(
        "---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, namespace: web{owner}}}\nspec: {{{spec}}}\n"
    )
}

const KINDS: [&str; 7] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
];

#[test]
fn workloads_stand_in_for_pods() {
    for kind in KINDS {
        let loaded = load(&controller(kind, "w", ""));
        assert_eq!(names(&loaded), ["web/w"], "{kind}");
        let pod = &loaded.cluster.pods()[0];
        assert_eq!(&*pod.labels[0].value, "x");
        assert_eq!(pod.ports[0].number, 80);
        assert!(pod.addresses.is_empty());
        let workload = pod.workload.as_ref().unwrap();
        assert_eq!((&*workload.kind, &*workload.name), (kind, "w"));
    }
}

#[test]
fn a_workload_with_pods_does_not_stand_in() {
    let owner = |kind: &str, name: &str| {
        format!(
            ", ownerReferences: [{{apiVersion: apps/v1, kind: {kind}, name: {name}, controller: true}}]"
        )
    };
    let pod = |name: &str, labels: &str, owner: String| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: web, labels: {labels}{owner}}}\nspec: {{}}\n"
        )
    };
    // Through a ReplicaSet that is given.
    let through = [
        controller("Deployment", "d", ""),
        controller("ReplicaSet", "d-1a2b", &owner("Deployment", "d")),
        pod("d-1a2b-x", "{}", owner("ReplicaSet", "d-1a2b")),
    ];
    assert_eq!(names(&load(&through.concat())), ["web/d-1a2b-x"]);
    // Through one that is not, by the template's hash.
    let without = [
        controller("Deployment", "d", ""),
        pod(
            "d-1a2b-x",
            "{pod-template-hash: 1a2b}",
            owner("ReplicaSet", "d-1a2b"),
        ),
    ];
    let loaded = load(&without.concat());
    assert_eq!(names(&loaded), ["web/d-1a2b-x"]);
    let workload = loaded.cluster.pods()[0].workload.as_ref().unwrap();
    assert_eq!((&*workload.kind, &*workload.name), ("Deployment", "d"));
    // Directly.
    let directly = [
        controller("StatefulSet", "s", ""),
        pod("s-0", "{}", owner("StatefulSet", "s")),
    ];
    assert_eq!(names(&load(&directly.concat())), ["web/s-0"]);
}

#[test]
fn what_runs_a_pod_that_has_several_owners() {
    let pod = |owners: &str| {
        let loaded = load(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, labels: {{pod-template-hash: 1a2b}}, ownerReferences: [{owners}]}}\nspec: {{}}\n"
        ));
        let workload = loaded.cluster.pods()[0].workload.clone().unwrap();
        format!("{} {}", workload.kind, workload.name)
    };
    // The controller, wherever it stands; without one, the first.
    assert_eq!(
        pod("{kind: StatefulSet, name: a}, {kind: DaemonSet, name: b, controller: true}"),
        "DaemonSet b"
    );
    assert_eq!(
        pod("{kind: StatefulSet, name: a}, {kind: DaemonSet, name: b, controller: false}"),
        "StatefulSet a"
    );
    // Only a ReplicaSet is called after its Deployment and the template's hash.
    assert_eq!(
        pod("{kind: ReplicaSet, name: a-1a2b, controller: true}"),
        "Deployment a"
    );
    assert_eq!(
        pod("{kind: Job, name: a-1a2b, controller: true}"),
        "Job a-1a2b"
    );
}

#[test]
fn what_runs_another_stands_in_for_it() {
    let owner = ", ownerReferences: [{kind: CronJob, name: c, controller: true}]";
    let both = [
        controller("Job", "c-1", owner),
        controller("Job", "c-2", owner),
        controller("CronJob", "c", ""),
    ];
    assert_eq!(names(&load(&both.concat())), ["web/c"]);
    // Also where it was not given itself.
    let alone = [
        controller("Job", "c-1", owner),
        controller("Job", "c-2", owner),
    ];
    assert_eq!(names(&load(&alone.concat())), ["web/c"]);
}

#[test]
fn workloads_that_share_a_name_are_told_apart() {
    let both = [
        controller("Deployment", "w", ""),
        controller("Job", "w", ""),
    ];
    assert_eq!(names(&load(&both.concat())), ["web/w", "web/w-job"]);
}

#[test]
fn folders_are_read_by_name_and_hidden_files_left_out() {
    let folder = std::env::temp_dir().join(format!("netpolicy-manifests-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("inner")).unwrap();
    let namespace =
        |name: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
    for (path, text) in [
        ("b.yaml", namespace("b")),
        ("a.yml", namespace("a")),
        ("inner/c.json", POD.to_owned()),
        (".hidden.yaml", "{".to_owned()),
        ("notes.txt", "{".to_owned()),
    ] {
        std::fs::write(folder.join(path), text).unwrap();
    }
    std::fs::write(
        folder.join("latin1.yaml"),
        b"apiVersion: v1\nkind: Namespace\nmetadata: {name: \xe9}\n",
    )
    .unwrap();
    let mut loader = Loader::default();
    loader.read_path(&folder);
    loader.read_path(folder.join("missing.yaml"));
    let loaded = loader.finish();
    let namespaces: Vec<_> = loaded
        .cluster
        .namespaces()
        .iter()
        .map(|namespace| &*namespace.name)
        .collect();
    assert_eq!(namespaces, ["a", "b"]);
    assert_eq!(names(&loaded), ["default/p"]);
    let errors: Vec<_> = loaded.errors().map(ToString::to_string).collect();
    assert!(
        errors[0].ends_with("latin1.yaml:3: error: not UTF-8 text"),
        "{errors:?}"
    );
    assert!(
        errors[1].contains("missing.yaml: error: cannot be read: "),
        "{errors:?}"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}
