//! The commands that tell what is open, what would change, what is wrong and what
//! should be written, as a user meets them.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

const WORDPRESS: &str = "examples/wordpress";

fn netpolicy(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netpolicy"))
        .args(arguments)
        .current_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a command writes, if it ends with this status.
fn answer(arguments: &[&str], status: i32) -> String {
    let output = netpolicy(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}: {stderr}"
    );
    stdout(&output)
}

/// A folder that is there as long as the test runs.
struct TempFolder(PathBuf);

impl TempFolder {
    fn new(name: &str) -> TempFolder {
        let path =
            std::env::temp_dir().join(format!("netpolicy-insight-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        TempFolder(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn list_in_every_format() {
    let text = answer(&["list", "-f", WORDPRESS], 0);
    let mysql: Vec<_> = text
        .lines()
        .filter(|line| line.contains("-> default/mysql[Pod]"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        mysql,
        [
            "default/wordpress[Pod] -> default/mysql[Pod] TCP 3306",
            "own node -> default/mysql[Pod] everything",
        ]
    );
    assert!(text.contains("TCP 80,443 (http=80, https=443)"), "{text}");
    let explained = answer(&["list", "-f", WORDPRESS, "-w", "mysql", "--explain"], 0);
    assert!(
        explained.contains("ingress allowed by NetworkPolicy default/database ingress[0]"),
        "{explained}"
    );
    let json: Value =
        serde_json::from_str(&answer(&["list", "-f", WORDPRESS, "-o", "json"], 0)).unwrap();
    assert_eq!(json.as_array().unwrap().len(), text.lines().count());
    assert!(json[0]["ports"][0]["protocol"].is_string(), "{json}");
    let csv = answer(
        &[
            "list",
            "-f",
            WORDPRESS,
            "-w",
            "default/mysql",
            "-d",
            "ingress",
            "-p",
            "3000-4000",
            "-o",
            "csv",
        ],
        0,
    );
    assert_eq!(
        csv,
        "source,destination,protocol,first_port,last_port\n\
         default/wordpress[Pod],default/mysql[Pod],TCP,3306,3306\n\
         own node,default/mysql[Pod],TCP,3000,4000\n"
    );
    let markdown = answer(&["list", "-f", WORDPRESS, "-o", "markdown"], 0);
    assert!(
        markdown.starts_with("| source | destination | ports |\n| --- |"),
        "{markdown}"
    );
    let dot = answer(&["list", "-f", WORDPRESS, "-o", "dot"], 0);
    assert!(
        dot.starts_with("digraph") && dot.contains("[label=\"TCP 3306\"]"),
        "{dot}"
    );
    let svg = answer(&["list", "-f", WORDPRESS, "-o", "svg"], 0);
    assert!(
        svg.starts_with("<svg") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
}

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
        !text.contains("any pod in default -> default/mysql"),
        "{text}"
    );
    // What no policy governs is open to all.
    assert!(
        has("any pod in any other namespace -> kube-system/coredns[Pod] everything"),
        "{text}"
    );
}

#[test]
fn diff_of_folders_images_and_files() {
    let folder = TempFolder::new("diff");
    let policies = "examples/wordpress/policies.yaml";
    assert_eq!(
        answer(&["diff", WORDPRESS, WORDPRESS], 0),
        "no connection differs\n"
    );
    let text = answer(&["diff", "-f", WORDPRESS, "--without", policies], 1);
    assert!(
        text.contains("+ default/batch[Pod] -> default/mysql[Pod]: everything"),
        "{text}"
    );
    assert!(text.contains("    before: deny default/batch"), "{text}");
    assert!(text.contains("    after: allow default/batch"), "{text}");
    let image = folder.file("a.npi", "");
    answer(&["compile", "-f", WORDPRESS, "--out", &image], 0);
    let json = answer(
        &[
            "diff",
            &image,
            "examples/wordpress/cluster.yaml",
            "-o",
            "json",
        ],
        1,
    );
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["equal"], false);
    for change in json["changes"].as_array().unwrap() {
        assert_eq!(change["removed"].as_array().unwrap().len(), 0, "{change}");
        assert_eq!(change["witness"]["before"]["verdict"], "deny", "{change}");
        assert_eq!(change["witness"]["after"]["verdict"], "allow", "{change}");
    }
    let broken = folder.file("broken.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelektor: {}}\n");
    // What was left out may differ, so nothing is proved.
    answer(&["diff", "-f", WORDPRESS, "--with", &broken], 2);
    answer(&["diff", "-f", WORDPRESS], 2);
    answer(&["diff", WORDPRESS, "nowhere"], 2);
}

/// What a command says on standard error, if it ends with 2 and writes nothing.
fn refusal(arguments: &[&str]) -> String {
    let output = netpolicy(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert_eq!(stdout(&output), "", "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn manifests_with_errors_are_answered_only_if_that_is_accepted() {
    let folder = TempFolder::new("errors");
    let broken = folder.file("broken.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelektor: {}}\n");
    let tests = folder.file(
        "tests.yaml",
        "[{from: default/batch, to: default/wordpress, port: 80, expect: deny}]",
    );
    let flows = folder.file("flows.csv", "source,destination,port\n");
    for command in [
        &["list"][..],
        &["list", "--exposure"],
        &["who"],
        &["test", &tests],
        &["diff", "--without", "examples/wordpress/policies.yaml"],
        &["simulate", "--flows", &flows],
        &["generate", "--flows", &flows],
    ] {
        let with_errors = [command, &["-f", WORDPRESS, "-f", &broken]].concat();
        let complaint = refusal(&with_errors);
        assert!(
            complaint.contains("did you mean podSelector?"),
            "{complaint}"
        );
        assert!(complaint.contains("--accept-errors"), "{complaint}");
        let accepted = netpolicy(&[&with_errors[..], &["--accept-errors"]].concat());
        let without_errors = netpolicy(&[command, &["-f", WORDPRESS]].concat());
        assert_eq!(stdout(&accepted), stdout(&without_errors), "{command:?}");
        assert_eq!(accepted.status, without_errors.status, "{command:?}");
    }
}

#[test]
fn diff_proves_nothing_of_what_was_not_compared() {
    let folder = TempFolder::new("unproved");
    let policy = folder.file("p.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}}\n");
    let other = folder.file("q.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, ingress: [{}]}\n");
    let typo = refusal(&[
        "diff",
        "-f",
        WORDPRESS,
        "--without",
        "examples/wordpress/polices.yaml",
    ]);
    assert!(typo.contains("polices.yaml: no such file"), "{typo}");
    let elsewhere = refusal(&["diff", "-f", WORDPRESS, "--without", &policy]);
    assert!(elsewhere.contains("no such file among"), "{elsewhere}");
    let nobody = refusal(&["diff", &policy, &other]);
    assert!(nobody.contains("no pods or workloads"), "{nobody}");
    let path = |name: &str| {
        let path = folder.0.join(name);
        std::fs::create_dir_all(&path).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let nothing = refusal(&["diff", &path("empty"), &path("other")]);
    assert!(nothing.contains("no pods or workloads"), "{nothing}");
    let twice = refusal(&["diff", "-", "-"]);
    assert!(twice.contains("read but once"), "{twice}");
}

#[test]
fn assertions() {
    let folder = TempFolder::new("test");
    let good = folder.file(
        "good.yaml",
        "- {from: default/wordpress, to: default/mysql, port: 3306, expect: allow}\n\
         - {from: default/batch, to: default/mysql, port: [3306, 1-100], expect: deny}\n\
         - {from: 203.0.113.7, to: default/mysql, protocol: ICMP, expect: deny}\n\
         - {from: \"default:app=wordpress,tier=x\", to: default/mysql, port: 22, expect: deny}\n",
    );
    assert_eq!(
        answer(&["test", "-f", WORDPRESS, &good], 0),
        "4 assertions, 4 passed, 0 failed\n"
    );
    let bad = folder.file(
        "bad.yaml",
        "tests:\n- {name: a & b, from: default/batch, to: default/mysql, port: 3306, expect: allow}\n\
         - {from: default/nobody, to: default/mysql, port: 3306, expect: allow}\n",
    );
    let text = answer(&["test", "-f", WORDPRESS, &bad], 1);
    assert!(
        text.contains("FAILED a & b: expected allow\n  deny default/batch"),
        "{text}"
    );
    let junit = answer(&["test", "-f", WORDPRESS, &bad, "-o", "junit"], 1);
    assert!(
        junit.contains("tests=\"2\" failures=\"1\" errors=\"1\""),
        "{junit}"
    );
    assert!(junit.contains("name=\"a &amp; b\""), "{junit}");
    let tap = answer(&["test", "-f", WORDPRESS, &good, &bad, "-o", "tap"], 1);
    assert!(
        tap.starts_with("TAP version 14\n1..6\nok 1 - default/wordpress reaches"),
        "{tap}"
    );
    assert!(
        tap.contains("\nnot ok 5 - a & b\n  ---\n  message: |\n    expected allow"),
        "{tap}"
    );
    let wrong = folder.file(
        "wrong.yaml",
        "- {from: default/batch, to: default/mysql, expect: maybe}\n",
    );
    answer(&["test", "-f", WORDPRESS, &wrong], 2);
}

#[test]
fn who() {
    let text = answer(&["who", "-f", WORDPRESS, "default/mysql"], 0);
    assert!(
        text.contains(
            "ingress: NetworkPolicy default/database, NetworkPolicy default/default-deny"
        ),
        "{text}"
    );
    let text = answer(&["who", "-f", WORDPRESS, "--policy", "default/frontend"], 0);
    assert!(
        text.contains(
            "pods with app=wordpress in namespace default: default/mysql, default/wordpress"
        ),
        "{text}"
    );
    answer(&["who", "-f", WORDPRESS, "default/nobody"], 2);
}

#[test]
fn who_names_ports() {
    let folder = TempFolder::new("ports");
    let policy = folder.file(
        "p.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n\
         spec: {podSelector: {}, ingress: [{ports: [{port: 80}, {port: 90, endPort: 99, protocol: UDP}, {port: http}, {protocol: SCTP}]}, {}]}\n",
    );
    let text = answer(&["who", "-f", &policy, "--policy", "default/p"], 0);
    for rule in [
        "ingress[0] allows TCP 80, UDP 90-99, TCP http, SCTP\n",
        "ingress[1] allows every port\n",
    ] {
        assert!(text.contains(rule), "{text}");
    }
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
fn lint_as_text_and_sarif() {
    let folder = TempFolder::new("lint");
    let policy = folder.file(
        "p.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: nobody, namespace: default}\n\
         spec: {podSelector: {matchLabels: {app: nobody}}}\n",
    );
    let text = answer(&["lint", "-f", WORDPRESS, "-f", &policy], 1);
    assert!(
        text.contains("p.yaml:1: warning NP201: NetworkPolicy default/nobody: spec.podSelector: "),
        "{text}"
    );
    let sarif = answer(&["lint", "-f", WORDPRESS, "-f", &policy, "-o", "sarif"], 1);
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .unwrap();
    assert!(
        results
            .iter()
            .all(|result| { rules.iter().any(|rule| rule["id"] == result["ruleId"]) })
    );
    answer(
        &["lint", "-f", WORDPRESS, "-f", &policy, "--ignore", "NP201"],
        0,
    );
    answer(&["lint", "-f", WORDPRESS, "--ignore", "NP999"], 2);
}

const FLOWS: &str = "source,destination,protocol,port,count\n\
    10.244.1.10,10.244.1.11,TCP,3306,100\n\
    203.0.113.7,10.244.1.10,TCP,443,7\n\
    10.244.1.10,10.244.1.53,UDP,53,50\n\
    default/batch,198.51.100.53,UDP,53,3\n";

#[test]
fn simulate() {
    let folder = TempFolder::new("simulate");
    let flows = folder.file("flows.csv", FLOWS);
    let text = answer(&["simulate", "-f", WORDPRESS, "--flows", &flows], 0);
    assert!(text.contains("160 flows, 4 of them distinct"), "{text}");
    assert!(
        text.contains("present policies: 160 allowed, 0 denied"),
        "{text}"
    );
    assert!(
        text.contains("NetworkPolicy default/database ingress[0]: 100 flows"),
        "{text}"
    );
    let candidate = folder.file(
        "candidate.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: default}\n\
         spec: {podSelector: {matchLabels: {tier: database}}, ingress: []}\n",
    );
    let arguments = [
        "simulate",
        "-f",
        WORDPRESS,
        "--flows",
        &flows,
        "--candidate",
        &candidate,
        "-o",
        "json",
    ];
    let json: Value = serde_json::from_str(&answer(&arguments, 1)).unwrap();
    assert_eq!(json["candidate"]["denied"], 100);
    assert_eq!(json["newlyDenied"][0]["source"], "default/wordpress[Pod]");
    assert_eq!(json["newlyDenied"][0]["flows"], 100);
    assert_eq!(json["newlyDenied"][0]["explanation"]["verdict"], "deny");
}

/// A pod with an address, and what else its metadata and its container have.
fn pod(name: &str, address: &str, metadata: &str, container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, {metadata}}}\n\
         spec: {{containers: [{{name: c, {container}}}]}}\n\
         status: {{podIP: {address}, phase: Running}}\n---\n"
    )
}

/// A pod that a StatefulSet runs.
fn replica(set: &str, ordinal: u8, address: &str, labels: &str) -> String {
    let owner = format!(
        "ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: {set}, uid: x, \
         controller: true}}]"
    );
    let metadata = format!("namespace: shop, labels: {{{labels}}}, {owner}");
    pod(&format!("{set}-{ordinal}"), address, &metadata, "ports: []")
}

/// Pods of three workloads, and of DNS.
fn shop() -> String {
    [
        pod(
            "coredns",
            "10.0.9.9",
            "namespace: kube-system, labels: {k8s-app: kube-dns}",
            "ports: [{name: dns, containerPort: 53, protocol: UDP}, {name: dns-tcp, containerPort: 53}]",
        ),
        pod("front", "10.0.1.1", "namespace: shop, labels: {app: front}", "ports: []"),
        pod("toolbox", "10.0.3.1", "namespace: shop", "ports: []"),
        replica("db", 0, "10.0.2.1", "app: db, role: primary"),
        replica("db", 1, "10.0.2.2", "app: db, role: replica"),
    ]
    .concat()
}

#[test]
fn simulate_flows_of_workloads() {
    let folder = TempFolder::new("workloads");
    let cluster = folder.file("cluster.yaml", &shop());
    // The front may ask the primary; replicas may ask both.
    let policy = folder.file(
        "policy.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: primary, namespace: shop}\n\
         spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {role: replica}}}]}]}\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: front, namespace: shop}\n\
         spec: {podSelector: {matchLabels: {role: primary}}, ingress: [{from: [{podSelector: {matchLabels: {app: front}}}]}]}\n",
    );
    // A StatefulSet's pods are ordinals of it; `db-cache-0` is none of db's.
    let flows = folder.file(
        "flows.csv",
        "source,destination,port,count\nshop/front,shop/db,5432,2\nshop/toolbox,shop/db,5432,3\n\
         shop/db-7,shop/front,80,5\nshop/db,shop/db,5432,7\nshop/db-cache-0,shop/front,80,11\n\
         shop/front,,80,1\n",
    );
    let arguments = [
        "simulate", "-f", &cluster, "-f", &policy, "--flows", &flows, "-o", "json",
    ];
    let json: Value = serde_json::from_str(&answer(&arguments, 1)).unwrap();
    assert_eq!(json["unknown"], 11, "{json}");
    assert_eq!(json["unreadableRecords"], 1, "{json}");
    assert_eq!(
        json["present"],
        serde_json::json!({"allowed": 5, "denied": 3, "differs": 9}),
        "{json}"
    );
    // Where pods differ before and after, they may differ otherwise.
    let candidate = folder.file(
        "candidate.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: front, namespace: shop}\n\
         spec: {podSelector: {matchLabels: {role: primary}}, ingress: [{from: [{podSelector: {matchLabels: {role: replica}}}]}]}\n",
    );
    let arguments = [
        "simulate",
        "-f",
        &cluster,
        "-f",
        &policy,
        "--flows",
        &flows,
        "--candidate",
        &candidate,
        "-o",
        "json",
    ];
    let json: Value = serde_json::from_str(&answer(&arguments, 1)).unwrap();
    let changed = |which: &str| {
        let changes = json[which].as_array().unwrap().iter();
        let changes = changes.map(|change| {
            format!("{} -> {}", change["source"], change["destination"]).replace('"', "")
        });
        changes.collect::<Vec<_>>()
    };
    let front = "shop/front[Pod] -> shop/db[StatefulSet]";
    let toolbox = "shop/toolbox[Pod] -> shop/db[StatefulSet]";
    // The front had the primary alone, and would have the replica alone.
    assert_eq!(changed("newlyDenied"), [front], "{json}");
    assert!(
        changed("newlyAllowed").contains(&front.to_owned()),
        "{json}"
    );
    assert!(
        changed("newlyAllowed").contains(&toolbox.to_owned()),
        "{json}"
    );
}

#[test]
fn simulate_keeps_what_was_denied_and_tells_what_it_passed_over() {
    let folder = TempFolder::new("denied");
    let cluster = folder.file("cluster.yaml", &shop());
    let policy = folder.file(
        "policy.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\n\
         spec: {podSelector: {matchLabels: {app: db}}, ingress: []}\n",
    );
    let open = folder.file(
        "open.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\n\
         spec: {podSelector: {matchLabels: {app: db}}, ingress: [{}]}\n",
    );
    let flow = |verdict: &str, rest: &str| {
        format!(
            "{{\"flow\":{{\"verdict\":\"{verdict}\",\"IP\":{{\"source\":\"10.0.1.1\",\"destination\":\"10.0.2.1\"}},\
             \"l4\":{{\"TCP\":{{\"destination_port\":5432}}}}{rest}}}}}\n"
        )
    };
    let flows = folder.file(
        "flows.jsonl",
        &[
            &flow("DROPPED", ""),
            &flow("FORWARDED", ",\"is_reply\":true"),
            "{\n",
        ]
        .map(|s| s as &str)
        .concat(),
    );
    let arguments = [
        "simulate",
        "-f",
        &cluster,
        "-f",
        &policy,
        "--flows",
        &flows,
        "--candidate",
        &open,
    ];
    let text = answer(&arguments, 0);
    assert!(text.contains("1 flows were denied when observed"), "{text}");
    assert!(text.contains("newly allowed: 1 flows"), "{text}");
    assert!(
        text.contains(
            "1 records that open no connection were passed over; 1 records could not be read"
        ),
        "{text}"
    );
    // What was denied is nothing to write policies from.
    let output = netpolicy(&["generate", "-f", &cluster, "--flows", &flows]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stdout(&output), "");
    assert!(
        stderr.contains("1 flows were denied when observed, and were left out"),
        "{stderr}"
    );
}

/// What `generate` writes, and says of it.
fn generated(arguments: &[&str]) -> (String, String) {
    let output = netpolicy(&[&["generate"], arguments].concat());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    (stdout(&output), stderr)
}

#[test]
fn generate_keeps_dns() {
    let folder = TempFolder::new("dns");
    let cluster = folder.file("cluster.yaml", &shop());
    // Only the front was seen asking, and DNS never.
    let flows = folder.file(
        "flows.csv",
        "source,destination,protocol,port\n10.0.1.1,10.0.9.9,UDP,53\n10.0.1.1,10.0.2.1,TCP,5432\n",
    );
    let (policies, account) = generated(&["-f", &cluster, "--flows", &flows]);
    assert!(
        account.contains("DNS kept: 4 pods may ask as before"),
        "{account}"
    );
    assert!(
        account.contains("1 workloads are in no flow and stay as they are"),
        "{account}"
    );
    let file = folder.file("policies.yaml", &policies);
    let may = |from: &str, to: &str, protocol: &str, port: &str, status: i32| {
        let arguments = [
            "verdict",
            "-f",
            &cluster,
            "-f",
            &file,
            "--from",
            from,
            "--to",
            to,
            "--protocol",
            protocol,
            "--port",
            port,
        ];
        answer(&arguments, status);
    };
    for from in ["shop/front", "shop/db-0", "shop/toolbox", "elsewhere:app=x"] {
        for protocol in ["UDP", "TCP"] {
            may(from, "kube-system/coredns", protocol, "53", 0);
        }
    }
    may("shop/db-0", "kube-system/coredns", "TCP", "9153", 1);
    may("kube-system/coredns", "198.51.100.53", "UDP", "53", 0);
    may("shop/db-0", "198.51.100.53", "UDP", "53", 1);
}

#[test]
fn generate_opens_no_more_than_it_must() {
    let folder = TempFolder::new("least");
    let cluster = folder.file("cluster.yaml", &shop());
    let flows = folder.file(
        "flows.csv",
        "source,destination,port\n10.0.3.1,10.0.1.1,80\n10.0.2.1,10.0.2.1,81\n",
    );
    // A pod without labels is its address; a pod is open to itself without a rule.
    let (policies, account) = generated(&["-f", &cluster, "--flows", &flows]);
    assert!(policies.contains("cidr: \"10.0.3.1/32\""), "{policies}");
    assert!(!policies.contains("port: 81"), "{policies}");
    assert!(
        account.contains("its present addresses stand for it"),
        "{account}"
    );
    assert!(
        account.contains("0 by the labels of others, 0 otherwise"),
        "{account}"
    );
    let file = folder.file("policies.yaml", &policies);
    answer(
        &[
            "verdict",
            "-f",
            &cluster,
            "-f",
            &file,
            "--from",
            "shop/db-0",
            "--to",
            "shop/front",
            "--port",
            "80",
        ],
        1,
    );
    // Where blocks do not mean pods, it is left out, and that is told.
    let output = netpolicy(&[
        "generate",
        "-f",
        &cluster,
        "--flows",
        &flows,
        "--ip-block-selects-pods",
        "no",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("it was left out"), "{stderr}");
}

#[test]
fn generate_tells_what_labels_open() {
    let folder = TempFolder::new("labels");
    // Two workloads that nothing tells apart.
    let twin = pod(
        "twin",
        "10.0.4.1",
        "namespace: shop, labels: {app: front}",
        "ports: []",
    );
    let cluster = folder.file("cluster.yaml", &(shop() + &twin));
    let flows = folder.file(
        "flows.csv",
        "source,destination,port\n10.0.1.1,10.0.2.1,5432\n",
    );
    let (_, account) = generated(&["-f", &cluster, "--flows", &flows]);
    assert!(
        account.contains("1 by the labels of others, 0 otherwise"),
        "{account}"
    );
    assert!(
        account.contains("the labels of shop/front[Pod] select shop/twin[Pod] as well"),
        "{account}"
    );
}

#[test]
fn generate_adds_only_what_is_not_allowed() {
    let folder = TempFolder::new("start");
    let cluster = folder.file("cluster.yaml", &shop());
    let flows = folder.file(
        "flows.csv",
        "source,destination,port\n10.0.1.1,10.0.2.1,5432\n",
    );
    let (policies, _) = generated(&["-f", &cluster, "--flows", &flows]);
    let first = folder.file("first.yaml", &policies);
    let again = ["-f", &cluster, "-f", &first, "--start-from", "--flows"];
    let (policies, account) = generated(&[&again[..], &[&flows]].concat());
    assert_eq!(policies, "", "{account}");
    assert!(
        account.contains("2 workloads need no policy besides those they have"),
        "{account}"
    );
    let more = folder.file(
        "more.csv",
        "source,destination,port\n10.0.1.1,10.0.2.1,5432\n10.0.1.1,10.0.2.1,5433\n",
    );
    let (policies, _) = generated(&[&again[..], &[&more]].concat());
    assert!(policies.contains("port: 5433"), "{policies}");
    assert!(!policies.contains("port: 5432"), "{policies}");
    assert!(!policies.contains("kube-dns"), "{policies}");
}

#[test]
fn generate_isolates_the_unseen_if_asked() {
    let folder = TempFolder::new("unseen");
    let cluster = folder.file("cluster.yaml", &shop());
    let flows = folder.file(
        "flows.csv",
        "source,destination,port\n10.0.1.1,10.0.3.1,80\n",
    );
    let unseen = |policies: &str| policies.matches("name: db-statefulset").count();
    let arguments = ["-f", &cluster, "--flows", &flows];
    assert_eq!(unseen(&generated(&arguments).0), 0);
    let (policies, account) = generated(&[&arguments[..], &["--isolate-unseen"]].concat());
    assert_eq!(unseen(&policies), 1, "{policies}");
    assert!(account.contains("DNS kept"), "{account}");
}

#[test]
fn generate_says_when_blocks_are_too_many() {
    let folder = TempFolder::new("blocks");
    let cluster = folder.file("cluster.yaml", &shop());
    let flows = folder.file(
        "flows.csv",
        "source,destination,port\n10.0.1.1,198.51.100.1,443\n10.0.1.1,203.0.113.1,443\n",
    );
    let arguments = ["-f", &cluster, "--flows", &flows, "--max-blocks", "1"];
    let (_, account) = generated(&arguments);
    assert!(
        account.contains("a rule for egress of shop/front[Pod] has 2 blocks instead of 1"),
        "{account}"
    );
    let (policies, account) = generated(&[&arguments[..], &["--min-prefix-v4", "0"]].concat());
    assert_eq!(policies.matches("ipBlock").count(), 1, "{policies}");
    assert!(!account.contains("instead of"), "{account}");
}

#[test]
fn generate_round_trips() {
    let folder = TempFolder::new("generate");
    let flows = folder.file("flows.csv", FLOWS);
    let cluster = "examples/wordpress/cluster.yaml";
    let output = netpolicy(&["generate", "-f", cluster, "--flows", &flows]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("would be closed"), "{stderr}");
    let policies = stdout(&output);
    let file = folder.file("policies.yaml", &policies);
    // Everything that was seen passes, and what was not does not.
    let text = answer(
        &["simulate", "-f", cluster, "-f", &file, "--flows", &flows],
        0,
    );
    assert!(text.contains("160 allowed, 0 denied"), "{text}");
    for (from, to, port, status) in [
        ("default/wordpress", "default/mysql", "22", 1),
        ("default/batch", "default/mysql", "3306", 1),
        ("203.0.113.8", "default/wordpress", "443", 1),
        ("default/wordpress", "default/mysql", "3306", 0),
    ] {
        answer(
            &[
                "verdict", "-f", cluster, "-f", &file, "--from", from, "--to", to, "--port", port,
            ],
            status,
        );
    }
    // Named ports are written by name.
    assert!(policies.contains("port: https"), "{policies}");
    // And no finding of lint is about what was generated, but notes.
    answer(&["lint", "-f", cluster, "-f", &file], 0);
}

const HOST_NETWORKED: &str = "
apiVersion: v1
kind: Pod
metadata: {name: exporter-x, namespace: mon, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: exporter, uid: x, controller: true}]}
spec: {hostNetwork: true, nodeName: n1, containers: [{name: c}]}
status: {podIP: 192.168.0.1, hostIP: 192.168.0.1, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: a, labels: {app: db}}
spec: {nodeName: n1, containers: [{name: c}]}
status: {podIP: 10.0.0.1, hostIP: 192.168.0.1, phase: Running}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: d, namespace: a}
spec: {podSelector: {}}
";

#[test]
fn pods_on_the_network_of_their_node_are_listed_as_it() {
    let folder = TempFolder::new("host-network");
    let path = folder.file("a.yaml", HOST_NETWORKED);
    let text = answer(&["list", "-f", &path, "-w", "exporter-x"], 0);
    let is_row = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.join(" ") == "mon/exporter[DaemonSet] -> a/db[Pod] everything"
    };
    assert!(text.lines().any(is_row), "{text}");
    for [option, name] in [["-n", "nowhere"], ["-w", "nobody"], ["-w", "mon/db"]] {
        let complaint = refusal(&["list", "-f", &path, option, name]);
        assert!(complaint.contains(name), "{complaint}");
    }
}

#[test]
fn pods_that_keep_their_names_may_get_other_addresses() {
    let folder = TempFolder::new("renumbered");
    let set = |addresses: [&str; 2]| {
        let pod = |(index, address): (usize, &str)| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: db-{index}, namespace: a, labels: {{n: '{index}'}}, ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: x, controller: true}}]}}\nspec: {{containers: [{{name: c}}]}}\nstatus: {{podIP: {address}, phase: Running}}\n---\n"
            )
        };
        let pods: String = addresses.into_iter().enumerate().map(pod).collect();
        pods + "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: first, namespace: a}\nspec: {podSelector: {matchLabels: {n: '0'}}}\n"
    };
    let before = folder.file("before.yaml", &set(["10.0.0.1", "10.0.0.2"]));
    let after = folder.file("after.yaml", &set(["10.0.0.2", "10.0.0.9"]));
    assert_eq!(
        answer(&["diff", &before, &after], 0),
        "no connection differs\n"
    );
}

#[test]
fn a_witness_is_one_connection_that_people_can_read() {
    let text = answer(
        &[
            "diff",
            "-f",
            WORDPRESS,
            "--without",
            "examples/wordpress/policies.yaml",
        ],
        1,
    );
    let witnesses: Vec<_> = text
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter(|(when, _)| ["before", "after"].contains(when))
        .map(|(_, verdict)| verdict.split(": ").next().unwrap().split_once(' ').unwrap())
        .collect();
    assert!(witnesses.len() > 4, "{text}");
    for pair in witnesses.chunks(2) {
        assert_eq!(pair[0].1, pair[1].1, "{text}");
        assert_ne!(pair[0].0, pair[1].0, "{text}");
    }
    assert!(
        witnesses
            .iter()
            .all(|(_, ends)| !ends.contains(" 0.0.0.0 ") && !ends.starts_with("0.0.0.0 ")),
        "{witnesses:?}"
    );
}

#[test]
fn what_is_wrong_with_assertions_is_told_with_its_place() {
    let folder = TempFolder::new("bad-assertions");
    let complaint = |text: &str| {
        let file = folder.file("tests.yaml", text);
        refusal(&["test", "-f", WORDPRESS, &file])
    };
    let one = "- {from: default/batch, to: default/wordpress, port: 80, expect: deny}\n";
    assert!(complaint("[]").contains("no assertions"));
    for port in ["0", "'0'", "0-80", "70000", "[80, 0]"] {
        let text = complaint(&one.replace("port: 80", &format!("port: {port}")));
        assert!(text.contains("from 1 to 65535"), "{port}: {text}");
    }
    let typo = complaint(&[one, &one.replace("expect", "expects")].concat());
    assert!(
        typo.contains("expects") && typo.contains("line 2"),
        "{typo}"
    );
    let key = complaint("tests: []\ntest: []\n");
    assert!(key.contains("unknown field `test`"), "{key}");
}

#[test]
fn sarif_names_files_by_uris() {
    let folder = TempFolder::new("sarif");
    std::fs::create_dir_all(folder.0.join("a b")).unwrap();
    let text = HOST_NETWORKED.replace(
        "podSelector: {}",
        "podSelector: {matchLabels: {app: nobody}}",
    );
    let path = folder.file("a b/p#1.yaml", &text);
    let log = answer(&["lint", "-f", &path, "-o", "sarif"], 1);
    let log: Value = serde_json::from_str(&log).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let uris: Vec<_> = results
        .iter()
        .filter_map(|of| of["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str())
        .collect();
    assert!(!uris.is_empty(), "{log}");
    assert!(
        uris.iter().all(|uri| uri.ends_with("/a%20b/p%231.yaml")),
        "{uris:?}"
    );
}
