//! The command as a user meets it.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::{
    DENY_INGRESS, TempFile, TempFolder, WORDPRESS, answer, ask, netpolicy, refusal, refused,
    replica, stderr, stdout,
};

#[test]
fn wordpress() {
    let cases = [
        ("default/wordpress", "default/mysql", "3306", true),
        ("default/wordpress", "default/mysql", "22", false),
        ("default/batch", "default/mysql", "3306", false),
        ("203.0.113.7", "default/mysql", "3306", false),
        ("203.0.113.7", "default/wordpress", "80", true),
        ("2001:db8::7", "default/wordpress", "443", true),
        ("203.0.113.7", "default/wordpress", "22", false),
        ("172.16.9.9", "default/wordpress", "443", true),
        ("172.17.0.1", "default/wordpress", "443", false),
        ("default/batch", "default/wordpress", "443", false),
        ("default/mysql", "default/wordpress", "9000", true),
        ("default/wordpress", "203.0.113.7", "443", false),
        ("default/wordpress", "kube-system/coredns", "53", true),
        ("default/mysql", "kube-system/coredns", "53", true),
        ("default/batch", "198.51.100.53", "53", true),
        ("default/batch", "198.51.100.53", "54", false),
    ];
    for (from, to, port, allowed) in cases {
        let output = netpolicy(&[
            "verdict", "-f", WORDPRESS, "--from", from, "--to", to, "--port", port,
        ]);
        let text = stdout(&output);
        let word = if allowed { "allow " } else { "deny " };
        assert!(text.starts_with(word), "{from} -> {to} {port}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(output.status.code(), Some(i32::from(!allowed)), "{text}");
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn protocols() {
    let ask = |protocol: &str, port: Option<&str>| {
        let mut arguments = vec![
            "verdict",
            "-f",
            WORDPRESS,
            "--from",
            "default/batch",
            "--to",
            "198.51.100.53",
            "--protocol",
            protocol,
        ];
        arguments.extend(port.into_iter().flat_map(|port| ["--port", port]));
        netpolicy(&arguments)
    };
    assert_eq!(ask("udp", Some("53")).status.code(), Some(0));
    assert_eq!(ask("sctp", Some("53")).status.code(), Some(1));
    assert_eq!(ask("icmp", None).status.code(), Some(1));
    assert_eq!(ask("47", None).status.code(), Some(1));
    let output = ask("tcp", None);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "error: TCP needs a port: say which with --port\n"
    );
    let output = ask("icmp", Some("8"));
    assert_eq!(
        stderr(&output),
        "error: ICMP has no ports: leave out --port\n"
    );
    assert_eq!(ask("quic", Some("1")).status.code(), Some(2));
}

#[test]
fn explain_shows_the_chain_with_files_and_lines() {
    let output = netpolicy(&[
        "verdict",
        "-f",
        WORDPRESS,
        "--from",
        "default/batch",
        "--to",
        "default/mysql",
        "--port",
        "3306",
        "--explain",
    ]);
    let text = stdout(&output);
    let expected = "\
deny default/batch (10.244.1.12) -> default/mysql (10.244.1.11) TCP 3306: \
egress denied: default/batch (10.244.1.12) is isolated by NetworkPolicy default/default-deny (it has no rules), \
NetworkPolicy default/dns (egress[0] matches the peer but not the port); \
ingress denied: default/mysql (10.244.1.11) is isolated by NetworkPolicy default/database (ingress[0] matches the port but not the peer), \
NetworkPolicy default/default-deny (it has no rules)
  egress of default/batch (10.244.1.12)
    NetworkPolicy tier
      NetworkPolicy default/default-deny (examples/wordpress/policies.yaml:2): no match; it has no rules
      NetworkPolicy default/dns (examples/wordpress/policies.yaml:12): no match; egress[0] matches the peer but not the port
    denied: default/batch (10.244.1.12) is isolated by NetworkPolicy default/default-deny (it has no rules), \
NetworkPolicy default/dns (egress[0] matches the peer but not the port)
  ingress of default/mysql (10.244.1.11)
    NetworkPolicy tier
      NetworkPolicy default/database (examples/wordpress/policies.yaml:69): no match; ingress[0] matches the port but not the peer
      NetworkPolicy default/default-deny (examples/wordpress/policies.yaml:2): no match; it has no rules
    denied: default/mysql (10.244.1.11) is isolated by NetworkPolicy default/database (ingress[0] matches the port but not the peer), \
NetworkPolicy default/default-deny (it has no rules)
";
    assert_eq!(text, expected);
}

#[test]
fn many_questions_at_once() {
    let output = netpolicy(&[
        "verdict",
        "-f",
        WORDPRESS,
        "--from",
        "default/wordpress",
        "--from",
        "default/batch",
        "--to",
        "default/mysql",
        "--port",
        "3306",
        "--port",
        "22",
        "--exit-zero",
    ]);
    let words: Vec<_> = stdout(&output)
        .lines()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(words, ["allow", "deny", "deny", "deny"]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn json() {
    let output = netpolicy(&[
        "verdict",
        "-f",
        WORDPRESS,
        "--from",
        "203.0.113.7",
        "--to",
        "default/mysql",
        "--port",
        "3306",
        "-o",
        "json",
    ]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value[0]["verdict"], "deny");
    let explanation = &value[0]["explanations"][0];
    assert_eq!(explanation["port"], 3306);
    assert_eq!(explanation["egress"]["reason"], "notAPod");
    let ingress = &explanation["ingress"];
    assert_eq!(ingress["verdict"], "deny");
    assert_eq!(ingress["tier"], "NetworkPolicy");
    assert_eq!(ingress["reason"], "isolated");
    let miss = &ingress["policies"][0];
    assert_eq!(miss["policy"]["name"], "database");
    assert_eq!(miss["policy"]["line"], 69);
    assert_eq!(miss["miss"]["kind"], "peer");
    assert_eq!(miss["miss"]["rule"]["index"], 0);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_image_answers_like_its_manifests() {
    let image = TempFile::new("cluster.npi", "");
    let output = netpolicy(&[
        "compile",
        "-f",
        WORDPRESS,
        "--out",
        image.path(),
        "-o",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["pods"], &report["policies"], &report["errors"]),
        (&4.into(), &5.into(), &0.into())
    );
    assert_eq!(
        report["imageBytes"],
        std::fs::metadata(image.path()).unwrap().len()
    );
    let question = [
        "--from",
        "default/wordpress",
        "--to",
        "default/mysql",
        "--port",
        "3306",
        "--explain",
    ];
    let ask = |source: &[&str]| stdout(&netpolicy(&[&["verdict"], source, &question].concat()));
    assert_eq!(ask(&["--image", image.path()]), ask(&["-f", WORDPRESS]));

    let mut bytes = std::fs::read(image.path()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(image.path(), bytes).unwrap();
    let output = netpolicy(&[&["verdict", "--image", image.path()], &question[..6]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("the image is damaged"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn standard_input_as_kubectl_fills_it() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-netpolicy"))
        .args([
            "verdict",
            "-f",
            "-",
            "--from",
            "10.0.0.9",
            "--to",
            "default/web",
            "--port",
            "80",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let list = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default", "uid": "u"}, "spec": {"containers": []},
         "status": {"podIP": "10.0.0.1", "phase": "Running"}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny"}, "spec": {"podSelector": {}}}]}"#;
    child
        .stdin
        .take()
        .unwrap()
        .write_all(list.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let expected = "deny 10.0.0.9 (external) -> default/web (10.0.0.1) TCP 80: ingress denied: \
                    default/web (10.0.0.1) is isolated by NetworkPolicy default/deny (it has no rules)\n";
    assert_eq!(stdout(&output), expected);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn check_prints_errors_and_warnings() {
    let manifests = TempFile::new(
        "check.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: nowhere}\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: b}\nspec: {ingress: [{form: []}]}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: s}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: somewhere}\n",
    );
    let output = netpolicy(&["check", "-f", manifests.path()]);
    let path = manifests.path();
    let expected = format!(
        "{path}:8:25: error: NetworkPolicy default/b: spec.ingress[0].form: unknown field: did you mean from?\n\
         {path}:1: warning: NetworkPolicy nowhere/a: metadata.namespace: there is no such namespace, nor a pod in it\n\
         2 objects, 1 error, 1 warning\n\
         skipped, of other kinds: 1 v1 Service\n\
         no pods or workloads were given, so what selectors select was not checked\n"
    );
    assert_eq!(stdout(&output), expected);
    assert_eq!(output.status.code(), Some(1));

    let output = netpolicy(&["check", "-f", manifests.path(), "-o", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&value["errors"], &value["warnings"]),
        (&1.into(), &1.into())
    );
    assert_eq!(value["diagnostics"][0]["path"], "spec.ingress[0].form");
    assert_eq!(value["diagnostics"][0]["severity"], "error");

    let output = netpolicy(&["check", "-f", WORDPRESS, "--strict"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn one_valid_policy_alone_is_well() {
    let manifests = TempFile::new(
        "alone.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}}\n",
    );
    let output = netpolicy(&["check", "-f", manifests.path(), "--strict"]);
    assert_eq!(
        stdout(&output),
        "1 object, 0 errors, 0 warnings\n\
         no pods or workloads were given, so what selectors select was not checked\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn errors_are_told_and_the_rest_is_in_force() {
    let manifests = TempFile::new(
        "partly.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {}\nstatus: {podIP: 10.0.0.1}\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: bad}\nspec: {podSelector: {}, ingres: []}\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: good}\nspec: {podSelector: {}}\n",
    );
    let output = netpolicy(&[
        "verdict",
        "-f",
        manifests.path(),
        "--from",
        "192.0.2.1",
        "--to",
        "default/web",
        "--port",
        "80",
    ]);
    assert!(
        stdout(&output).contains("is isolated by NetworkPolicy default/good (it has no rules)"),
        "{}",
        stdout(&output)
    );
    assert!(
        stderr(&output).contains("spec.ingres: unknown field: did you mean ingress?"),
        "{}",
        stderr(&output)
    );
    let image = TempFile::new("partly.npi", "");
    let output = netpolicy(&["compile", "-f", manifests.path(), "--out", image.path()]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "an image that lacks something is told by the exit status"
    );
    assert!(std::fs::metadata(image.path()).unwrap().len() > 1_000);
}

#[test]
fn options_reach_the_verdict() {
    let manifests = TempFile::new(
        "options.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {}\nstatus: {podIP: 10.0.0.1, hostIP: 192.168.0.1}\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n\
         spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {name: other, namespace: elsewhere}\nspec: {}\nstatus: {podIP: 10.0.0.2}\n",
    );
    let ask = |from: &str, to: &str, options: &[&str]| ask(&manifests, from, to, options).0;
    assert_eq!(ask("192.168.0.1", "default/web", &[]), 0);
    assert_eq!(
        ask(
            "192.168.0.1",
            "default/web",
            &["--own-node-ingress", "evaluate"]
        ),
        1
    );
    assert_eq!(ask("default/web", "192.168.0.1", &[]), 1);
    assert_eq!(
        ask(
            "default/web",
            "192.168.0.1",
            &["--own-node-egress", "allow"]
        ),
        0
    );
    assert_eq!(ask("elsewhere/other", "default/web", &[]), 0);
    assert_eq!(
        ask(
            "elsewhere/other",
            "default/web",
            &["--ip-block-selects-pods", "no"]
        ),
        1
    );
    assert_eq!(
        ask("elsewhere/other", "default/web", &["--table-budget", "0"]),
        0
    );
    // The policy isolates both directions; without egress in it, it is ingress alone.
    let one_way = TempFile::new(
        "one-way.yaml",
        &std::fs::read_to_string(manifests.path())
            .unwrap()
            .replace("[Ingress, Egress]", "[Ingress]")
            .replace(
                "kind: Pod\nmetadata: {name: other",
                "kind: Pod\nmetadata: {labels: {a: b}, name: other",
            ),
    );
    let baseline = TempFile::new(
        "baseline.yaml",
        "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: default}\n\
         spec: {subject: {namespaces: {}}, egress: [{action: Deny, to: [{namespaces: {}}]}]}\n",
    );
    for (isolation, status) in [("per-direction", 1), ("either-direction", 0)] {
        let output = netpolicy(&[
            "verdict",
            "-f",
            one_way.path(),
            "-f",
            baseline.path(),
            "--from",
            "default/web",
            "--to",
            "elsewhere/other",
            "--port",
            "80",
            "--isolation",
            isolation,
        ]);
        assert_eq!(output.status.code(), Some(status), "{}", stdout(&output));
    }
}

#[test]
fn domains_that_are_none() {
    let domain = |domain| refused(&["--from", "10.0.0.1", "--to", "10.0.0.2", "--domain", domain]);
    let name = "--domain <NAME=ADDRESS[,ADDRESS…]>";
    assert_eq!(
        domain("example.com"),
        format!("error: invalid value 'example.com' for '{name}': write NAME=ADDRESS")
    );
    assert_eq!(
        domain("example.com=here"),
        format!(
            "error: invalid value 'example.com=here' for '{name}': \"here\" is not an IP address"
        )
    );
}

#[test]
fn a_table_budget() {
    let image = TempFile::new("budget.npi", "");
    let compile = |budget: &str| {
        netpolicy(&[
            "compile",
            "-f",
            WORDPRESS,
            "--out",
            image.path(),
            "--table-budget",
            budget,
        ])
    };
    let text = stdout(&compile("0"));
    let (_, told) = text
        .split_once(" gates interpreted: over the table budget or the limit of steps\n")
        .expect(&text);
    assert_eq!(
        told,
        "  egress of default/mysql and 1 more pod: up to 2 rules of 3 policies a verdict\n  \
           ingress of default/wordpress: up to 2 rules of 2 policies a verdict\n  \
           egress of default/batch: up to 1 rule of 2 policies a verdict\n  \
           ingress of default/mysql: up to 1 rule of 2 policies a verdict\n  \
           egress of kube-system/coredns: up to 0 rules of 0 policies a verdict\n  \
           ingress of default/batch: up to 0 rules of 1 policy a verdict\n  \
           ingress of kube-system/coredns: up to 0 rules of 0 policies a verdict\n",
    );
    assert_eq!(stdout(&compile("1")).lines().count(), 1);
    let output = compile("99999999999999999");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("99999999999999999 is not in 0..=4096"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn an_answer_over_errors_is_none_unless_it_is_accepted() {
    let misspelt = DENY_INGRESS.replace("podSelector", "podSelectr");
    let pod = replica("a-0", "{ip: 10.0.0.1}");
    let manifests = TempFile::new("misspelt.yaml", &[&pod, &*misspelt].concat());
    let (status, text, complaint) = ask(&manifests, "192.0.2.1", "web/a-0", &[]);
    assert!(text.starts_with("allow "), "{text}");
    assert_eq!(status, 2);
    assert!(
        complaint.contains("did you mean podSelector?"),
        "{complaint}"
    );
    assert!(complaint.contains("--accept-errors"), "{complaint}");
    let accepted = ask(&manifests, "192.0.2.1", "web/a-0", &["--accept-errors"]);
    assert_eq!(accepted.0, 0);
    let missing = netpolicy(&[
        "verdict",
        "-f",
        "/nonexistent",
        "--from",
        "192.0.2.1",
        "--to",
        "192.0.2.2",
        "--port",
        "1",
    ]);
    assert_eq!(missing.status.code(), Some(2));
    let image = TempFile::new("misspelt.npi", "");
    let compile = ["compile", "-f", manifests.path(), "--out", image.path()];
    assert_eq!(netpolicy(&compile).status.code(), Some(1));
    let accepted = netpolicy(&[&compile[..], &["--accept-errors"]].concat());
    assert_eq!(accepted.status.code(), Some(0));
}

#[test]
fn a_path_without_manifests_is_told_of() {
    let empty = TempFile::new("empty.yaml", "# nothing\n---\n");
    let output = netpolicy(&["check", "-f", WORDPRESS, "-f", empty.path()]);
    assert!(
        stdout(&output).starts_with(&format!("{}: warning: holds no manifest\n", empty.path())),
        "{}",
        stdout(&output)
    );
}

#[test]
fn addresses_of_a_domain_name_add_up_in_any_spelling() {
    let policy = "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: p}\n\
        spec:\n  tier: Admin\n  priority: 1\n  subject: {namespaces: {}}\n  egress:\n  \
        - {action: Accept, to: [{domainNames: [a.test]}]}\n  - {action: Deny, to: [{networks: [0.0.0.0/0]}]}\n";
    let pod = replica("a-0", "{ip: 10.0.0.1}");
    let manifests = TempFile::new("domains.yaml", &[&pod, policy].concat());
    let names = [
        "--domain",
        "a.test=192.0.2.1",
        "--domain",
        "A.test.=192.0.2.2",
    ];
    for (to, status) in [("192.0.2.1", 0), ("192.0.2.2", 0), ("192.0.2.3", 1)] {
        let (found, text, _) = ask(&manifests, "web/a-0", to, &names);
        assert_eq!(found, status, "{text}");
    }
}

#[test]
fn an_image_excludes_what_was_settled_when_it_was_made() {
    for option in [
        ["--own-node-ingress", "evaluate"],
        ["--own-node-egress", "allow"],
        ["--isolation", "either-direction"],
        ["--ip-block-selects-pods", "no"],
        ["--table-budget", "1"],
        ["--domain", "a.test=192.0.2.1"],
    ] {
        let question = [
            "verdict",
            "--image",
            "x.npi",
            "--from",
            "192.0.2.1",
            "--to",
            "192.0.2.2",
            "--port",
            "1",
        ];
        let output = netpolicy(&[&question[..], &option].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(
            stderr(&output).contains("cannot be used with"),
            "{option:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn a_stripped_image_gives_verdicts_without_reasons() {
    let folder = TempFolder::new("stripped");
    let [whole, stripped] = ["whole.npi", "stripped.npi"].map(|name| {
        let path = folder.0.join(name);
        path.to_str().unwrap().to_owned()
    });
    answer(&["compile", "-f", WORDPRESS, "--out", &whole], 0);
    let report = answer(
        &[
            "compile", "-f", WORDPRESS, "--strip", "--out", &stripped, "-o", "json",
        ],
        0,
    );
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let len = std::fs::metadata(&stripped).unwrap().len();
    assert_eq!(report["writtenBytes"], len);
    assert!(len < report["imageBytes"].as_u64().unwrap());

    let pods = ["10.244.1.10", "203.0.113.7"];
    for (from, to, port) in [
        (pods[0], pods[1], "443"),
        (pods[1], pods[0], "80"),
        (pods[1], pods[0], "22"),
    ] {
        let ask = |image: &str, more: &[&str]| {
            let arguments = [
                "verdict", "--image", image, "--from", from, "--to", to, "--port", port,
            ];
            netpolicy(&[&arguments[..], more].concat())
        };
        let (of_whole, of_stripped) = (ask(&whole, &[]), ask(&stripped, &[]));
        assert_eq!(of_whole.status.code(), of_stripped.status.code());
        let (of_whole, of_stripped) = (stdout(&of_whole), stdout(&of_stripped));
        let word = of_whole.split(' ').next().unwrap();
        assert!(of_stripped.starts_with(word), "{of_whole}{of_stripped}");
        let data = stdout(&ask(&stripped, &["-o", "json"]));
        let data: serde_json::Value = serde_json::from_str(&data).unwrap();
        assert_eq!(data[0]["verdict"], word);
        assert_eq!(data[0]["source"], from);
        let refused = ask(&stripped, &["--explain"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("gives no reasons"));
    }
    let named = refusal(&[
        "verdict",
        "--image",
        &stripped,
        "--from",
        "default/wordpress",
        "--to",
        pods[1],
        "--port",
        "80",
    ]);
    assert!(named.contains("stripped of names"), "{named}");
    let listed = refusal(&["list", "--image", &stripped]);
    assert!(listed.contains("Compile without `--strip`"), "{listed}");
}
