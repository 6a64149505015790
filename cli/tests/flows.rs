//! What is done with observed flows, as a user meets it: `simulate` and `generate`.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use common::{TempFolder, WORDPRESS, answer, netpolicy, pod, refusal, stderr, stdout};

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
fn simulate_leaves_out_headings_over_nothing_and_says_who_is_not_known() {
    let folder = TempFolder::new("headings");
    let cluster = folder.file("cluster.yaml", &shop());
    let simulated = |flows: &str, status: i32| {
        let flows = folder.file("flows.csv", &format!("source,destination,port\n{flows}"));
        answer(&["simulate", "-f", &cluster, "--flows", &flows], status)
    };
    assert_eq!(
        simulated("shop/front,shop/toolbox,80\n", 0),
        "1 flow, 1 of them distinct\n\
         present policies: 1 allowed, 0 denied\n\n\
         pairs of workloads\n  \
         shop/front[Pod]  -> shop/toolbox[Pod]  1 allowed, 0 denied\n"
    );
    assert_eq!(
        simulated(
            "shop/d,shop/b,80\nshop/c,shop/a,80\nshop/front,shop/a,80\n",
            2
        ),
        "3 flows, 3 of them distinct\n\
         3 flows were left out: no pods or workloads of these names were given: shop/a, shop/b, \
         shop/c and 1 more\n\
         present policies: 0 allowed, 0 denied\n"
    );
    // It has no address of this family.
    assert_eq!(
        simulated("shop/front,2001:db8::1,80\nshop/d,shop/front,80\n", 2),
        "2 flows, 2 of them distinct\n\
         1 flow was left out: no pods or workloads of these names were given: shop/d\n\
         1 flow was left out: their ends have no addresses of one family\n\
         present policies: 0 allowed, 0 denied\n"
    );
}

#[test]
fn generate_leaves_out_what_cannot_be() {
    let folder = TempFolder::new("families");
    let cluster = folder.file("cluster.yaml", &shop());
    let flows = "source,destination,port\nshop/front,2001:db8::1,80\nshop/front,192.0.2.1,80\n";
    let flows = folder.file("flows.csv", flows);
    let output = netpolicy(&["generate", "-f", &cluster, "--flows", &flows]);
    assert!(stdout(&output).contains("192.0.2."));
    assert!(!stdout(&output).contains("2001:db8"));
    let told = stderr(&output);
    let left_out = "1 flow whose ends have no addresses of one family was left out";
    assert!(told.contains(left_out), "{told}");
}

#[test]
fn rows_that_are_too_short_lose_nothing_else() {
    let folder = TempFolder::new("short-rows");
    let cluster = folder.file("cluster.yaml", &shop());
    let flows = "source,destination,protocol,port\nshop/front\nshop/front,shop/toolbox\n\
                 shop/front;shop/toolbox;TCP;80\n\"shop/front,shop/toolbox,TCP,80\n\
                 shop/front,shop/toolbox,TCP,80\nshop/front,shop/toolbox,TC";
    let flows = folder.file("flows.csv", flows);
    let output = netpolicy(&["simulate", "-f", &cluster, "--flows", &flows]);
    let text = stdout(&output);
    assert!(text.starts_with("1 flow, 1 of them distinct\n"), "{text}");
    assert!(text.contains("5 records could not be read"), "{text}");
    let told = stderr(&output);
    assert!(
        told.contains("flows.csv:2: ") && told.contains("flows.csv:3: "),
        "{told}"
    );
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
    assert!(text.contains("1 flow was denied when observed"), "{text}");
    assert!(text.contains("newly allowed: 1 flow\n"), "{text}");
    assert!(
        text.contains(
            "1 record that opens no connection was passed over; 1 record could not be read"
        ),
        "{text}"
    );
    // What was denied is nothing to write policies from.
    let output = netpolicy(&["generate", "-f", &cluster, "--flows", &flows]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stdout(&output), "");
    assert!(
        stderr.contains("1 flow was denied when observed, and was left out"),
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
        account.contains("1 workload in no flow, left as before (--isolate-unseen isolates): "),
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
        account.contains("2 workloads covered by the policies that are kept"),
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
fn generate_says_what_becomes_of_the_unseen() {
    let folder = TempFolder::new("unseen-present");
    let cluster = folder.file("cluster.yaml", &shop());
    let flows = folder.file(
        "flows.csv",
        "source,destination,protocol,port\n10.0.1.1,10.0.2.1,TCP,5432\n",
    );
    let denial = folder.file(
        "denial.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: d, namespace: shop}\nspec: {podSelector: {}}\n",
    );
    let of_unseen = |more: &[&str]| {
        let (_, account) = generated(&[&["-f", &cluster, "--flows", &flows], more].concat());
        let mut lines = account.lines();
        let line = lines.find(|line| line.contains("in no flow"));
        line.unwrap_or("").to_owned()
    };
    assert!(of_unseen(&[]).contains("left as before"));
    // What isolated them goes with the policies that are replaced.
    let replaced = of_unseen(&["-f", &denial]);
    assert!(
        replaced.contains("open without the NetworkPolicies of -f (--isolate-unseen isolates"),
        "{replaced}"
    );
    assert!(of_unseen(&["-f", &denial, "--start-from"]).contains("left as before"));
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
        account.contains(
            "note: a rule for egress of shop/front[Pod] has 2 blocks of external addresses, more \
             than the 1 of --max-blocks: no two of them are merged, as a block that holds both \
             would have a prefix shorter than --min-prefix-v4 (16) "
        ),
        "{account}"
    );
    let (policies, account) = generated(&[&arguments[..], &["--min-prefix-v4", "0"]].concat());
    assert_eq!(policies.matches("ipBlock").count(), 1, "{policies}");
    assert!(!account.contains("--max-blocks"), "{account}");
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

#[test]
fn flows_come_through_pipes() {
    let lines = |line: &str| format!("{line}\n").repeat(3000);
    let texts = [
        ("csv", FLOWS.to_owned()),
        (
            "jsonl",
            lines(
                r#"{"source": "10.244.1.10", "destination": "10.244.1.11", "protocol": "TCP", "port": 3306}"#,
            ),
        ),
        (
            "conntrack",
            lines(
                "tcp      6 431999 ESTABLISHED src=10.244.1.10 dst=10.244.1.11 sport=40000 dport=3306 src=10.244.1.11 dst=10.244.1.10 sport=3306 dport=40000 [ASSURED] mark=0 use=1",
            ),
        ),
        (
            "vpc",
            lines(
                "2 123456789010 eni-1235b8ca 10.244.1.10 10.244.1.11 40000 3306 6 20 4249 1418530010 1418530070 ACCEPT OK",
            ),
        ),
        (
            "hubble",
            lines(
                r#"{"flow": {"verdict": "FORWARDED", "IP": {"source": "10.244.1.10", "destination": "10.244.1.11"}, "l4": {"TCP": {"source_port": 40000, "destination_port": 3306, "flags": {"SYN": true}}}, "traffic_direction": "EGRESS", "is_reply": false}}"#,
            ),
        ),
    ];
    let folder = TempFolder::new("pipes");
    for (format, text) in texts {
        let file = folder.file(format, &text);
        let of_file = answer(&["simulate", "-f", WORDPRESS, "--flows", &file], 0);
        assert!(of_file.contains("present policies: "), "{of_file}");
        // `-` is standard input, and the other a pipe that cannot be rewound.
        for path in ["-", "/dev/stdin"] {
            let mut child = Command::new(env!("CARGO_BIN_EXE_netpolicy"))
                .args(["simulate", "-f", WORDPRESS, "--flows", path])
                .current_dir(common::root())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            let text = text.clone();
            let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
            let output = child.wait_with_output().unwrap();
            writer.join().unwrap().unwrap();
            assert_eq!(stdout(&output), of_file, "{format} by {path}");
        }
    }
    let refused = refusal(&["simulate", "-f", WORDPRESS, "--flows", "cli"]);
    assert!(refused.contains("cli is a folder"), "{refused}");
}

#[test]
fn without_pods_there_is_nobody_to_write_policies_for() {
    let folder = TempFolder::new("nobody");
    let empty = folder.file(
        "empty.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
    );
    let flows = folder.file("flows.csv", FLOWS);
    let refused = refusal(&["generate", "-f", &empty, "--flows", &flows]);
    assert!(
        refused.contains("no pods or workloads were given"),
        "{refused}"
    );
}
