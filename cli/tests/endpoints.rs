//! The ends of a question as a user writes them: pods, workloads, pods that need not
//! exist, addresses.

mod common;

use common::{DENY_INGRESS, TempFile, WORDPRESS, ask, netpolicy, refused, replica, stderr, stdout};

#[test]
fn workloads_and_described_pods_are_endpoints() {
    let manifests = TempFile::new(
        "workloads.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n\
         spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}}}\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n\
         spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: http}]}]}\n",
    );
    let ask = |from: &str, to: &str, port: &str| ask(&manifests, from, to, &["--port", port]);
    assert_eq!(ask("shop:app=client", "shop/web", "80").0, 0);
    assert_eq!(ask("shop:app=other", "shop/web", "80").0, 1);
    assert_eq!(ask("shop:app=client", "shop:app=x,@http=8080", "8080").0, 0);
    assert_eq!(
        ask("shop:app=client", "shop:app=x,@http=8080/UDP", "8080").0,
        1
    );
    let (status, _, error) = ask("shop/nobody", "shop/web", "80");
    assert_eq!(status, 2);
    assert_eq!(
        error,
        "error: no pod or workload shop/nobody; namespace shop has shop/web, among others\n"
    );
    let (_, _, error) = ask("shop/web", "web", "80");
    assert!(
        error.contains("\"web\" is no endpoint: write an address, namespace/name"),
        "{error}"
    );
}

#[test]
fn pods_of_one_workload_that_differ_are_told_apart() {
    let pod = |name: &str, version: &str, address: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{version: {version}}}, \
             ownerReferences: [{{kind: StatefulSet, name: web}}]}}\nspec: {{containers: []}}\nstatus: {{podIP: {address}, phase: Running}}\n---\n"
        )
    };
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n\
                  spec: {podSelector: {matchLabels: {version: v2}}}\n";
    let manifests = TempFile::new(
        "canary.yaml",
        &[
            pod("web-0", "v1", "10.0.0.1"),
            pod("web-1", "v2", "10.0.0.2"),
            policy.into(),
        ]
        .concat(),
    );
    let output = netpolicy(&[
        "verdict",
        "-f",
        manifests.path(),
        "--from",
        "192.0.2.1",
        "--to",
        "shop/web",
        "--port",
        "80",
    ]);
    let text = stdout(&output);
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].starts_with("deny 192.0.2.1 (external) -> shop/web-1"),
        "{text}"
    );
    assert!(
        lines[1]
            .starts_with("  other pairs of addresses: allow 192.0.2.1 (external) -> shop/web-0"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn endpoints_that_are_none() {
    let to = |to| refused(&["--from", "203.0.113.7", "--to", to]);
    let invalid = |text: &str| format!("error: invalid value '{text}' for '--to <ENDPOINT>': ");
    assert_eq!(
        to("web:app"),
        format!(
            "{}\"app\": write key=value for a label, @name=port for a named port",
            invalid("web:app")
        )
    );
    assert_eq!(
        to("web:@http=80/QUIC"),
        format!(
            "{}\"@http=80/QUIC\": unknown protocol: use TCP, UDP or SCTP",
            invalid("web:@http=80/QUIC")
        )
    );
    assert_eq!(
        to("web:@http=many"),
        format!(
            "{}\"@http=many\": not a port number",
            invalid("web:@http=many")
        )
    );
    assert_eq!(
        to("default/coredns"),
        "error: no pod or workload default/coredns; there is one in namespace kube-system"
    );
    assert_eq!(
        to("nowhere/coredns-x"),
        "error: no pod or workload nowhere/coredns-x: there are no pods in namespace nowhere"
    );
    let families = refused(&["--from", "2001:db8::7", "--to", "203.0.113.7"]);
    assert_eq!(
        families,
        "error: 2001:db8::7 and 203.0.113.7 have no addresses of one family"
    );
}

#[test]
fn a_described_pod_in_a_namespace_of_nobody() {
    let ask = |from: &str| {
        stderr(&netpolicy(&[
            "verdict", "-f", WORDPRESS, "--from", from, "--to", "10.0.0.1", "--port", "80",
        ]))
    };
    assert_eq!(
        ask("defualt:app=x"),
        "warning: nothing that was given is in namespace defualt\n"
    );
    assert_eq!(ask("default:app=x"), "");
}

#[test]
fn pods_of_a_workload_are_not_one_pod() {
    let pods = [
        replica("a-0", "{ip: 10.0.0.1}"),
        replica("a-1", "{ip: 10.0.0.2}"),
    ];
    let two = TempFile::new("two.yaml", &[&pods[0], &pods[1], DENY_INGRESS].concat());
    for (from, to) in [
        ("web/a", "web/a"),
        ("web/a", "web/a-0"),
        ("web/a-1", "web/a"),
    ] {
        let (status, text, _) = ask(&two, from, to, &[]);
        assert_eq!(status, 1, "{from} -> {to}: {text}");
        assert!(!text.contains("same pod"), "{from} -> {to}: {text}");
    }
    let (status, text, _) = ask(&two, "web/a-0", "web/a-0", &[]);
    assert!(status == 0 && text.contains("same pod"), "{text}");
    // Where there is one only, it can but reach itself.
    let one = TempFile::new("one.yaml", &[&pods[0], DENY_INGRESS].concat());
    let (status, text, _) = ask(&one, "web/a", "web/a", &[]);
    assert!(status == 0 && text.contains("same pod"), "{text}");
}

#[test]
fn pods_of_a_workload_may_differ_in_any_address() {
    let client = "apiVersion: v1\nkind: Pod\nmetadata: {name: c, namespace: other}\nspec: {}\n\
                  status: {phase: Running, podIPs: [{ip: 10.0.1.1}, {ip: 'fd00::c'}]}\n---\n";
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: other}\n\
                  spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/16}}, {ipBlock: {cidr: 'fd00::1/128'}}]}]}\n";
    let manifests = TempFile::new(
        "dual.yaml",
        &[
            &replica("a-0", "{ip: 10.0.0.1}, {ip: 'fd00::1'}"),
            &replica("a-1", "{ip: 10.0.0.2}, {ip: 'fd00::2'}"),
            client,
            policy,
        ]
        .concat(),
    );
    let (status, text, _) = ask(&manifests, "web/a", "other/c", &[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.starts_with("deny web/a-1 (fd00::2)"), "{text}");
    assert_eq!(ask(&manifests, "web/a-0", "other/c", &[]).0, 0);
}

#[test]
fn what_stands_in_for_a_workload_is_two_of_its_pods() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: web}\n\
        spec: {replicas: 3, template: {metadata: {labels: {app: a}}, spec: {containers: []}}}\n---\n";
    let manifests = TempFile::new("stand-in.yaml", &[deployment, DENY_INGRESS].concat());
    let (status, text, _) = ask(&manifests, "web/a", "web/a", &[]);
    assert_eq!(status, 1, "{text}");
    assert_eq!(
        text,
        "deny web/a -> web/a TCP 80: ingress denied: web/a is isolated by NetworkPolicy web/deny (it has no rules)\n"
    );
    // A pod of no workload is itself, with or without an address.
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: web}\nspec: {}\n---\n";
    let manifests = TempFile::new("pending.yaml", &[pod, DENY_INGRESS].concat());
    assert_eq!(ask(&manifests, "web/a", "web/a", &[]).0, 0);
}

#[test]
fn own_nodes_of_a_workload_are_told_apart() {
    let on = |name: &str, address: &str, node: &str| {
        replica(name, &format!("{{ip: {address}}}"))
            .replace("phase: Running", &format!("phase: Running, hostIP: {node}"))
    };
    let manifests = TempFile::new(
        "nodes.yaml",
        &[
            &on("a-0", "10.0.0.1", "192.168.0.1"),
            &on("a-1", "10.0.0.2", "192.168.0.1"),
            &on("a-2", "10.0.0.3", "192.168.0.2"),
            DENY_INGRESS,
        ]
        .concat(),
    );
    let (status, text, _) = ask(&manifests, "192.168.0.1", "web/a", &[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("-> web/a-2"), "{text}");
    assert!(
        text.contains("allow 192.168.0.1 (a node) -> web/a-0"),
        "{text}"
    );
}

#[test]
fn descriptions_and_addresses_that_make_no_sense_are_refused() {
    let manifests = TempFile::new("pod.yaml", &replica("a-0", "{ip: 10.0.0.1}"));
    for (to, message) in [
        ("web:=b", "a label needs a key"),
        (":a=b", "is no namespace"),
        ("web:@h=80/ICMP", "use TCP, UDP or SCTP"),
        ("web:@h=0", "ports are 1 to 65535"),
        ("web:@h=65536", "ports are 1 to 65535"),
        ("web:@=70", "a named port needs a name"),
        (
            "10.0.0.1:80",
            "leave out the port: write 10.0.0.1, and --port 80",
        ),
        ("[::1]:80", "leave out the port: write ::1, and --port 80"),
        ("[::1]", "write the address without brackets: ::1"),
    ] {
        let (status, _, complaint) = ask(&manifests, "192.0.2.1", to, &[]);
        assert_eq!(status, 2, "{to}");
        assert!(complaint.contains(message), "{to}: {complaint}");
    }
    assert_eq!(ask(&manifests, "192.0.2.1", "web:a=,@h=80/tcp", &[]).0, 0);
}
