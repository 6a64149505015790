//! The kinds of findings of lint, and their places.

use netpolicy::lint::{Code, Finding, lint};
use netpolicy::manifest::Loader;
use netpolicy::model::Options;
use netpolicy_tests::findings::{PODS, found, found_in};

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
        ["split-peer"]
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
    let but = |cidr: &str, excepts: &str| {
        let block = format!("{{ipBlock: {{cidr: {cidr}, except: [{excepts}]}}}}");
        from(&block, "{port: 5432}")
    };
    let halves = "20.1.0.128/25, 20.1.0.0/26, 20.1.0.64/26";
    assert_eq!(but("20.1.0.0/24", halves), ["peer-selects-nothing"]);
    assert_eq!(
        but("0.0.0.0/0", "0.0.0.0/1, 128.0.0.0/1"),
        ["peer-selects-nothing"]
    );
    assert_eq!(
        but("'::/0'", "'8000::/1', '::/1'"),
        ["peer-selects-nothing"]
    );
    for gap in [
        "20.1.0.0/25, 20.1.0.128/26, 20.1.0.224/27",
        "20.1.0.0/25, 20.1.0.128/26, 20.1.0.192/27",
        "20.1.0.1/32, 20.1.0.2/31, 20.1.0.4/30, 20.1.0.8/29, 20.1.0.16/28, 20.1.0.32/27, 20.1.0.64/26, 20.1.0.128/25",
    ] {
        assert_eq!(but("20.1.0.0/24", gap), none, "{gap}");
    }
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

#[test]
fn dns_is_asked_by_udp_of_who_may_answer() {
    let policy = |egress: &str| {
        format!(
            "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: data}}
spec: {{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Egress], egress: [{egress}]}}
---
"
        )
    };
    let cut = |policies: &str| {
        let mut found = found(policies).into_iter();
        let found = found.find(|finding| finding.code == Code::NoDns);
        found.map(|finding| finding.diagnostic.message)
    };
    let is_cut = |policies: &str| cut(policies).is_some();
    let to = |labels: &str, ports: &str| {
        policy(&format!(
            "{{to: [{{namespaceSelector: {{}}, podSelector: {{matchLabels: {{{labels}}}}}}}]{ports}}}"
        ))
    };
    // A rule without ports opens 53 of pods that say that they listen elsewhere.
    assert!(is_cut(&to("app: front", "")));
    let other = |name: &str, namespace: &str, container: &str| {
        format!(
            "
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{app: other}}}}
spec: {{containers: [{{name: c, {container}}}]}}
---
"
        )
    };
    let to_other = to("app: other", "");
    assert!(!is_cut(&(other("o", "web", "") + &to_other)));
    let port = |port: &str| format!("ports: [{{containerPort: {port}}}]");
    assert!(is_cut(&(other("o", "web", &port("8080")) + &to_other)));
    assert!(!is_cut(&(other("o", "web", &port("53")) + &to_other)));
    assert!(!is_cut(
        &(other("o", "web", &port("1053, protocol: UDP, name: dns")) + &to_other)
    ));
    // In namespaces of DNS servers whoever is there may be one.
    assert!(!is_cut(
        &(other("o", "openshift-dns", &port("9154")) + &to_other)
    ));
    // One of a class of pods is enough.
    let both = other("o", "web", &port("8080")) + &other("r", "web", &port("53"));
    assert!(!is_cut(&(both + &to_other)));
    // Nodes and external addresses may be anybody.
    let to_block = "{to: [{podSelector: {}}, {ipBlock: {cidr: 169.254.20.10/32}}]}";
    assert!(!is_cut(&policy(to_block)));
    // By TCP alone is not enough; by UDP alone is.
    let all = |ports: &str| {
        policy(&format!(
            "{{to: [{{namespaceSelector: {{}}}}], ports: [{{port: 8080}}, {ports}]}}"
        ))
    };
    let message = cut(&all("{port: 53}")).unwrap();
    assert!(
        message.ends_with("only by TCP: names are looked up by UDP"),
        "{message}"
    );
    let message = cut(&all("{port: 5432}")).unwrap();
    assert!(
        message.ends_with("but none to port 53 of anybody who may answer DNS"),
        "{message}"
    );
    assert!(!is_cut(&all("{port: 53, protocol: UDP}")));
}

#[test]
fn ports_of_init_containers_are_declared() {
    let with_init = |init: &str| {
        let policies = format!(
            "
apiVersion: v1
kind: Pod
metadata: {{name: i, namespace: data, labels: {{app: i}}}}
spec:
  initContainers: [{{name: i, {init}}}]
  containers: [{{name: c, ports: [{{containerPort: 80}}]}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: data}}
spec: {{podSelector: {{matchLabels: {{app: i}}}}, ingress: [{{ports: [{{port: 9000}}]}}]}}
"
        );
        let found = found(&policies).into_iter();
        let mut found = found.filter(|finding| finding.code == Code::UndeclaredPort);
        found.next().map(|finding| finding.diagnostic.message)
    };
    let port = "ports: [{containerPort: 9000}]";
    assert_eq!(with_init(port), None);
    assert_eq!(with_init(&format!("restartPolicy: Always, {port}")), None);
    assert_eq!(
        with_init("ports: [{containerPort: 9001}]").unwrap(),
        "lists TCP 9000, which no container declares of the pods that the policy selects (1)"
    );
}

#[test]
fn peers_and_ports_have_places_of_their_own() {
    let manifests = format!(
        "{PODS}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: data}}
spec:
  podSelector: {{}}
  ingress:
  - from:
    - podSelector: {{}}
    - podSelector:
        matchLabels: {{app: nobody}}
    - ipBlock: {{cidr: 10.0.0.0/24}}
    ports:
    - port: 5432
    - port: pg
    - port: 80
"
    );
    let first = PODS.lines().count() as u32 + 1;
    let found = found_in(&manifests).into_iter();
    let found = found.filter(|finding| finding.diagnostic.object == "NetworkPolicy data/p");
    let places: Vec<_> = found
        .map(|Finding { code, diagnostic }| {
            (code.code(), diagnostic.line - first, diagnostic.column)
        })
        .collect();
    assert_eq!(
        places,
        [
            ("NP202", 9, 7),
            ("NP303", 11, 7),
            ("NP204", 14, 7),
            ("NP205", 15, 7)
        ]
    );
}

#[test]
fn who_is_taken_to_hold_an_address_that_two_pods_state() {
    // `db` of `PODS` is running, at 10.0.0.2.
    let contested = |name: &str, metadata: &str, spec: &str, status: &str| {
        let pod = format!(
            "apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: data, labels: {{app: db}}, {metadata}}}
spec: {{containers: [], {spec}}}
status: {{{status}}}
"
        );
        let found = found(&pod).into_iter();
        let found = found.filter(|finding| finding.code == Code::ContestedAddress);
        let texts = found.map(|Finding { diagnostic, .. }| diagnostic.to_string());
        texts.collect::<Vec<_>>()
    };
    let line = PODS.lines().count() + 1;
    let of = |pod: &str, line: usize, what: &str| {
        vec![format!(
            "test.yaml:{line}: warning: Pod data/{pod}: status.podIPs: states 10.0.0.2, which {what}"
        )]
    };
    let held_by = "data/db states as well and is taken to hold";
    assert_eq!(
        contested("old", "", "", "podIP: 10.0.0.2"),
        of(
            "old",
            line,
            &format!("{held_by}: it is Running, and this pod Pending")
        )
    );
    let running = "podIP: 10.0.0.2, phase: Running";
    assert_eq!(
        contested("old", "", "", running),
        of(
            "old",
            line,
            &format!(
                "{held_by}: neither phase nor time of creation tells the two apart, and it comes \
                 first by name"
            )
        )
    );
    // The other way round: it is `db` that loses.
    let (created, db) = ("creationTimestamp: '2026-01-01T00:00:00Z'", line - 6);
    assert_eq!(
        contested("new", created, "", running),
        of(
            "db",
            db,
            "data/new states as well and is taken to hold: it says when it was created, and this \
             pod does not"
        )
    );
    let none: [String; 0] = [];
    // Then it is the node's, or `db` has it wrong.
    assert_eq!(
        contested("old", "", "hostNetwork: true", running),
        of(
            "db",
            db,
            "is the node's of data/old as well: it is taken for this pod's alone"
        )
    );
    let ended = "podIP: 10.0.0.2, phase: Succeeded";
    assert_eq!(contested("old", "", "", ended), none);
    let deleting = "deletionTimestamp: '2026-01-01T00:00:00Z'";
    assert_eq!(contested("old", deleting, "", running), none);
    let elsewhere = "podIP: 10.0.0.3, phase: Running";
    assert_eq!(contested("old", "", "", elsewhere), none);
    let twice = "podIPs: [{ip: 10.0.0.3}, {ip: 10.0.0.3}], phase: Running";
    assert_eq!(contested("old", "", "", twice), none);
}

#[test]
fn a_pod_at_an_address_of_a_node() {
    let found = |spec: &str, status: &str| {
        let manifests = format!(
            "apiVersion: v1
kind: Node
metadata: {{name: n1}}
status: {{addresses: [{{type: InternalIP, address: 192.168.0.1}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: p, namespace: a}}
spec: {{containers: [], {spec}}}
status: {{{status}}}
"
        );
        let found = found_in(&manifests).into_iter();
        let found = found.filter(|finding| finding.code == Code::ContestedAddress);
        let texts = found.map(|Finding { diagnostic, .. }| diagnostic.message);
        texts.collect::<Vec<_>>()
    };
    let at_node = "podIP: 192.168.0.1, hostIP: 192.168.0.1, phase: Running";
    let told = "states 192.168.0.1, which is node n1's as well: it is taken for this pod's alone";
    assert_eq!(found("", at_node), [told]);
    let told = "states 192.168.0.2, which is the node's of a/p as well: it is taken for this \
                pod's alone";
    let status = "podIP: 192.168.0.2, hostIP: 192.168.0.2, phase: Running";
    assert_eq!(found("", status), [told]);
    let none: [String; 0] = [];
    assert_eq!(found("hostNetwork: true", at_node), none);
    let ended = "podIP: 192.168.0.1, phase: Failed";
    assert_eq!(found("", ended), none);
    let of_its_own = "podIP: 10.0.0.1, hostIP: 192.168.0.1, phase: Running";
    assert_eq!(found("", of_its_own), none);
}
