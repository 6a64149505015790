//! What `list --exposure` says of pods that do not exist yet.

mod common;

use serde_json::Value;

use common::{TempFolder, WORDPRESS, answer};

#[test]
fn exposure_to_what_is_still_to_come() {
    let text = answer(&["list", "-f", WORDPRESS, "--exposure"], 0);
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let has = |line: &str| lines.iter().any(|other| other == line);
    // The selector of the rule, in its namespace; nobody else.
    assert!(
        has("pods with app=wordpress,tier=frontend in default -> default/mysql[Pod] TCP 3306"),
        "{text}"
    );
    assert!(
        !text.contains("any other pod in default -> default/mysql"),
        "{text}"
    );
    // What no policy governs is open to all.
    assert!(
        has("any other pod in any other namespace -> kube-system/coredns[Pod] everything"),
        "{text}"
    );
}

#[test]
fn exposure_to_each_value_of_a_list() {
    let folder = TempFolder::new("values");
    let policy = folder.file(
        "p.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n\
         spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: tier, operator: In, values: [a, b, c]}, {key: tier, operator: NotIn, values: [c]}]}}]}]}\n",
    );
    let files = ["-f", "examples/wordpress/cluster.yaml", "-f", &policy];
    let text = answer(&[&["list", "--exposure"], &files[..]].concat(), 0);
    let opens = |value: &str| text.contains(&format!("pods with tier={value} in default"));
    assert!(opens("a") && opens("b") && !opens("c"), "{text}");
}

#[test]
fn exposure_to_a_label_of_any_value() {
    let folder = TempFolder::new("any-value");
    let file = folder.file(
        "p.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: w, namespace: any}\nspec: {containers: []}\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: any}\n\
         spec: {podSelector: {}, ingress: [\
         {from: [{namespaceSelector: {matchExpressions: [{key: tenant, operator: Exists}]}}], ports: [{port: 1}]},\
         {from: [{namespaceSelector: {matchLabels: {tenant: any}}}], ports: [{port: 2}]},\
         {from: [{namespaceSelector: {matchExpressions: [{key: tenant, operator: NotIn, values: [x]}]}}], ports: [{port: 3}]},\
         {from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]}}], ports: [{port: 5}]}]}\n",
    );
    let text = answer(
        &["list", "-f", &file, "--exposure", "--direction", "ingress"],
        0,
    );
    let rows: Vec<_> = text
        .lines()
        .filter(|line| line.contains("-> any/w[Pod]"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "any other pod in any -> any/w[Pod] TCP 3,5",
        "any other pod in any other namespace -> any/w[Pod] TCP 3,5",
        "any other pod in namespaces with tenant -> any/w[Pod] TCP 1,3,5",
        "any other pod in namespaces with tenant=any -> any/w[Pod] TCP 1-3,5",
    ];
    assert_eq!(rows, expected, "{text}");
}

#[test]
fn exposure_to_ports_by_name() {
    let folder = TempFolder::new("exposure-names");
    let file = folder.file(
        "web.yaml",
        "apiVersion: v1
kind: Pod
metadata: {name: web, namespace: web, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: web}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress: [{ports: [{port: http}]}]
  egress:
  - to: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: grpc}, {port: 9000}]
",
    );
    let list = |more: &[&str]| {
        let command = ["list", "-f", &file, "--exposure", "--direction", "egress"];
        let about_web = ["--workload", "web"];
        answer(&[&command[..], &about_web, more].concat(), 0)
    };
    let of_api = |text: &str| {
        let mut lines = text.lines().filter(|line| line.contains("app=api"));
        let line = lines.next().unwrap_or("").to_owned();
        assert_eq!(lines.next(), None, "{text}");
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        of_api(&list(&[])),
        "web/web[Pod] -> pods with app=api in web TCP 9000; TCP grpc"
    );
    let markdown = of_api(&list(&["-o", "markdown"]));
    assert!(markdown.ends_with("| TCP 9000; TCP grpc |"), "{markdown}");
    let csv = list(&["-o", "csv"]);
    assert!(csv.contains("[Potential],TCP,grpc,grpc\n"), "{csv}");
    let dot = list(&["-o", "dot"]);
    assert!(dot.contains("[label=\"TCP 9000; TCP grpc\"]"), "{dot}");
    assert!(list(&["-o", "svg"]).contains("TCP 9000; TCP grpc"));
    let lines = list(&["-o", "np-guard"]);
    assert!(lines.contains(" : TCP 9000,TCP grpc\n"), "{lines}");
    let json: Value = serde_json::from_str(&list(&["-o", "json", "--explain"])).unwrap();
    let row = &json[0];
    assert_eq!(row["names"][0]["name"], "grpc", "{row}");
    assert_eq!(row["names"][0]["open"], true);
    assert_eq!(row["ports"].as_array().unwrap().len(), 1);
    assert_eq!(
        row["destination"]["namedPorts"].as_array().unwrap().len(),
        0
    );
    assert_eq!(row["decisions"][0]["names"][0]["name"], "grpc");
    let explained = list(&["--explain"]);
    assert!(
        explained.contains("    TCP 9000; TCP grpc: egress allowed by"),
        "{explained}"
    );
    // What stands for a name is no number that anybody could ask for.
    assert_eq!(of_api(&list(&["--port", "60000-65535"])), "");
    // Ports of pods that are there keep their numbers.
    let ingress = answer(
        &["list", "-f", &file, "--exposure", "--direction", "ingress"],
        0,
    );
    assert!(ingress.contains("TCP 8080 (http=8080)"), "{ingress}");
    assert!(!ingress.contains("TCP http"), "{ingress}");
}

#[test]
fn exposure_to_all_but_a_name() {
    let folder = TempFolder::new("exposure-closed-name");
    let file = folder.file(
        "deny.yaml",
        "apiVersion: v1
kind: Pod
metadata: {name: web, namespace: web, labels: {app: web}}
spec: {containers: []}
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: no-metrics}
spec:
  priority: 1
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{namespaces: {}}], ports: [{namedPort: metrics}]}]
",
    );
    let text = answer(&["list", "-f", &file, "--exposure", "--workload", "web"], 0);
    let line = "everything; not TCP metrics; not UDP metrics; not SCTP metrics";
    assert!(text.contains(line), "{text}");
}
