//! Manifests in all the shapes in which they come, and what stands in for pods.

use netpolicy::manifest::{Loaded, Loader};
use netpolicy::model::{Direction, Options, Phase};

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
fn a_name_is_a_pods_before_it_is_a_workloads() {
    let replica = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: web, ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: db, controller: true}}]}}\nspec: {{}}\n"
        )
    };
    let named = |text: &str| {
        let cluster = load(text).cluster;
        let (image, _) = cluster.compile(&Options::default()).unwrap();
        let image = image.image();
        let pods = image.pods_named("web", "db").into_iter();
        let pods: Vec<String> = pods.map(|pod| pod.to_string()).collect();
        assert!(image.pods_named("other", "db").is_empty());
        pods
    };
    let replicas = [replica("db-0"), replica("db-1")].concat();
    assert_eq!(named(&replicas), ["web/db-0", "web/db-1"]);
    let beside = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: web}\nspec: {}\n";
    assert_eq!(named(&format!("{replicas}{beside}")), ["web/db"]);
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

/// What was read of a text that may have errors, and the errors.
fn read(file: &str, text: &str) -> (Vec<String>, Vec<String>) {
    let mut loader = Loader::default();
    loader.read_text(file, text);
    let loaded = loader.finish();
    let errors = loaded.errors().map(ToString::to_string).collect();
    let policies = loaded.cluster.network_policies().iter();
    let mut names: Vec<_> = policies.map(|policy| policy.name.to_string()).collect();
    names.extend(names_of_namespaces(&loaded));
    (names, errors)
}

fn names_of_namespaces(loaded: &Loaded) -> Vec<String> {
    let namespaces = loaded.cluster.namespaces().iter();
    namespaces
        .map(|namespace| namespace.name.to_string())
        .collect()
}

fn policy(name: &str) -> String {
    format!(
        r#"{{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {{"name": "{name}"}}, "spec": {{"podSelector": {{}}}}}}"#
    )
}

#[test]
fn json_documents_between_separators() {
    let (a, b) = (policy("a"), policy("b"));
    let yaml = "apiVersion: v1\nkind: Namespace\nmetadata: {name: web, labls: {}}\n---\n\
                apiVersion: v1\nkind: Namespace\nmetadata: {name: c}\n";
    for file in ["test.yaml", "test.json", "<stdin>"] {
        let text = format!("{a}\n---\n# a comment\n--- {b}\n...\n---\n{yaml}");
        let (names, errors) = read(file, &text.replace("--- {", "---\n{"));
        assert_eq!(names, ["a", "b", "c"], "{file}: {errors:?}");
        let expected = format!(
            "{file}:10:30: error: Namespace web: metadata.labls: unknown field: did you mean labels?"
        );
        assert_eq!(errors, [expected]);
    }
    let (names, errors) = read("test.yaml", &format!("{a}\n--- {b}\n"));
    assert_eq!((names.len(), errors.len()), (2, 0), "{errors:?}");
}

#[test]
fn a_broken_value_takes_nothing_along() {
    let (a, c) = (policy("a"), policy("c"));
    for broken in [
        r#"{"kind": "Pod", "x":}}"#,
        r#"{"kind": "Pod", "x""#,
        r#"[1, 2"#,
        r#"{"apiVersion": "v1", "kind": "Service"}}"#,
        "nonsense",
    ] {
        for file in ["test.yaml", "test.json", "<stdin>"] {
            let (names, errors) = read(file, &format!("{a}\n{broken}\n{c}\n"));
            assert_eq!(names, ["a", "c"], "{file} {broken}: {errors:?}");
            assert_eq!(errors.len(), 1, "{file} {broken}: {errors:?}");
            assert!(
                errors[0].starts_with(&format!("{file}:2:"))
                    || errors[0].starts_with(&format!("{file}:3:1:")),
                "{errors:?}"
            );
            if broken.starts_with(['{', '[']) {
                let (names, errors) = read(file, &format!("{broken}\n{a}\n---\n{c}\n"));
                assert_eq!(names, ["a", "c"], "{file} {broken}: {errors:?}");
                assert_eq!(errors.len(), 1, "{file} {broken}: {errors:?}");
            }
        }
    }
}

#[test]
fn kind_and_version_may_be_merged() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- &o\n  apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n  \
                metadata: {name: a}\n- <<: *o\n  metadata: {name: b}\n- <<: [{x: y}, {<<: *o}]\n  metadata: {name: c}\n  x: null\n";
    let (names, errors) = read("test.yaml", text);
    assert_eq!(
        errors,
        ["test.yaml:12:6: error: NetworkPolicy default/c: x: unknown field"]
    );
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn items_must_be_a_list() {
    for items in ["{a: b}", "text"] {
        let (_, errors) = read(
            "test.yaml",
            &format!("apiVersion: v1\nkind: List\nitems: {items}\n"),
        );
        let what = if items == "text" {
            "a string (text)"
        } else {
            "a map"
        };
        assert_eq!(
            errors,
            [format!(
                "test.yaml:3:8: error: List: items: expected a list, found {what}"
            )]
        );
    }
    assert!(
        load("apiVersion: v1\nkind: List\nitems: null\n")
            .diagnostics
            .is_empty()
    );
}

#[test]
fn the_last_of_two_workloads_of_one_name_counts() {
    let first = controller("Deployment", "w", "");
    let text = format!("{first}{}", first.replace("app: x", "app: other"));
    let loaded = load(&text);
    assert_eq!(&*loaded.cluster.pods()[0].labels[0].value, "other");
    let found: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "test.yaml:7:1: warning: Deployment web/w: is given twice: this one counts, the other is at test.yaml:2"
        ]
    );
}

#[test]
fn nodes_and_lists_that_say_nothing_are_told_of() {
    let loaded = load(
        "apiVersion: v1\nkind: Node\nmetadata: {name: node}\nstatus: {addresses: [{type: InternalIP, address: 10.0.0.999}, {type: Hostname, address: node}]}\n---\n\
         apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: p}\nspec:\n  tier: Admin\n  priority: 1\n  \
         subject: {namespaces: {}}\n  egress: [{action: Deny, to: [{networks: []}]}]\n",
    );
    let found: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "test.yaml:4:50: warning: Node node: status.addresses[0].address: not an IP address, as InternalIP promises: it does not count",
            "test.yaml:13:43: warning: ClusterNetworkPolicy p: spec.egress[0].to[0].networks: an empty list: the peer matches nothing",
        ]
    );
}

#[test]
fn a_map_of_many_keys_takes_no_longer_than_its_length() {
    let time = |keys: usize| {
        let labels: Vec<_> = (0..keys).map(|key| format!("\"k{key}\": \"v\"")).collect();
        let text = format!(
            r#"{{"apiVersion": "v1", "kind": "Namespace", "metadata": {{"name": "n", "labels": {{{}}}}}}}"#,
            labels.join(", ")
        );
        let start = std::time::Instant::now();
        let loaded = load(&text);
        assert_eq!(loaded.cluster.namespaces()[0].labels.len(), keys);
        start.elapsed()
    };
    let (few, many) = (time(20_000), time(200_000));
    assert!(
        many < few * 40 + std::time::Duration::from_millis(200),
        "20,000 keys in {few:?}, 200,000 in {many:?}"
    );
    let twice = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": {LABELS"k3": "w"}}}"#;
    let labels: String = (0..40).map(|key| format!("\"k{key}\": \"v\", ")).collect();
    let (_, errors) = read("test.json", &twice.replace("LABELS", &labels));
    assert!(
        errors[0].ends_with("metadata.labels: the key \"k3\" stands twice"),
        "{errors:?}"
    );
}

#[test]
fn a_domain_name_is_one_in_any_spelling() {
    let mut loader = Loader::default();
    let domain = |name: &str, address: &str| netpolicy::model::DomainName {
        name: name.to_owned().into(),
        addresses: vec![address.parse().unwrap()].into(),
    };
    loader.domain_name(domain("Example.com.", "192.0.2.1"));
    loader.domain_name(domain("example.COM", "192.0.2.2"));
    let loaded = loader.finish();
    assert_eq!(
        loaded.cluster.domain_names(),
        [domain("example.com", "192.0.2.2")]
    );
}
