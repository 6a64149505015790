//! The command as a user meets it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn netpolicy(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netpolicy"))
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A file that is there as long as the test runs.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, text: &str) -> TempFile {
        let path =
            std::env::temp_dir().join(format!("netpolicy-cli-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        TempFile(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const WORDPRESS: &str = "examples/wordpress";

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
        std::fs::metadata(&image.0).unwrap().len()
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

    let mut bytes = std::fs::read(&image.0).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&image.0, bytes).unwrap();
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
fn workloads_and_described_pods_are_endpoints() {
    let manifests = TempFile::new(
        "workloads.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n\
         spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}}}\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n\
         spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: http}]}]}\n",
    );
    let ask = |from: &str, to: &str, port: &str| {
        let output = netpolicy(&[
            "verdict",
            "-f",
            manifests.path(),
            "--from",
            from,
            "--to",
            to,
            "--port",
            port,
        ]);
        (
            output.status.code().unwrap(),
            stdout(&output),
            stderr(&output),
        )
    };
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
    assert!(std::fs::metadata(&image.0).unwrap().len() > 1_000);
}

#[test]
fn vectors_pass_and_fail() {
    let vector = |expect: &str| {
        format!(
            r#"{{"name": "one", "source": "here", "manifests": [
            {{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "a", "namespace": "x"}}, "status": {{"podIPs": [{{"ip": "10.0.0.1"}}, {{"ip": "fd00::1"}}]}}, "spec": {{}}}},
            {{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {{"name": "p", "namespace": "x"}}, "spec": {{"podSelector": {{}}}}}}],
            "probes": [["10.9.9.9", "x/a", "TCP", 80, "deny"], ["x/a", "10.9.9.9", 47, null, "{expect}"], ["x/a", "x/a", "ICMPv6", null, "allow"]]}}"#
        )
    };
    let good = TempFile::new("good.json", &vector("allow"));
    let output = netpolicy(&["vectors", good.path()]);
    assert_eq!(
        (stdout(&output).as_str(), output.status.code()),
        ("3 passed, 0 failed\n", Some(0))
    );

    let bad = TempFile::new("bad.json", &vector("deny"));
    let output = netpolicy(&["vectors", good.path(), bad.path()]);
    let text = stdout(&output);
    assert!(text.ends_with("\n5 passed, 1 failed\n"), "{text}");
    assert!(
        text.contains(
            "bad.json: one: x/a -> 10.9.9.9 47, expected Deny\n  allow x/a (10.0.0.1) -> 10.9.9.9"
        ),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));

    let yaml = TempFile::new(
        "good.yaml",
        "name: y\nsource: here\nmanifests:\n- {apiVersion: v1, kind: Pod, metadata: {name: y, namespace: n}, spec: {}, status: {podIP: 10.0.0.1}}\nprobes:\n- [n/y, 10.9.9.9, TCP, 80, allow]\n",
    );
    let output = netpolicy(&["vectors", yaml.path()]);
    assert_eq!(
        stdout(&output),
        "1 passed, 0 failed\n",
        "{}",
        stderr(&output)
    );

    // A manifest that is left out, a question without a port, no vector at all.
    let refused = TempFile::new(
        "refused.json",
        &vector("allow")
            .replace(
                "\"spec\": {\"podSelector\": {}}",
                "\"spec\": {\"podSelektor\": {}}",
            )
            .replace("\"deny\"]", "\"allow\"]"),
    );
    let output = netpolicy(&["vectors", refused.path()]);
    assert_eq!(
        (stdout(&output).as_str(), output.status.code()),
        ("3 passed, 0 failed\n", Some(2))
    );
    assert!(
        stderr(&output).contains("did you mean podSelector?"),
        "{}",
        stderr(&output)
    );
    let no_port = TempFile::new("port.json", &vector("allow").replace("80,", "null,"));
    let output = netpolicy(&["vectors", no_port.path()]);
    let text = stdout(&output);
    assert!(
        text.contains("10.9.9.9 -> x/a TCP, expected Deny\n  TCP needs a port\n"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
    let output = netpolicy(&["vectors", "examples/wordpress/../../.ci"]);
    assert_eq!(
        (stderr(&output).as_str(), output.status.code()),
        (
            "error: no vectors: a folder has none that end in .json, .yaml or .yml\n",
            Some(2)
        )
    );

    let output = netpolicy(&["vectors", "Cargo.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("Cargo.toml is no vector"),
        "{}",
        stderr(&output)
    );
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
    let ask = |from: &str, to: &str, options: &[&str]| {
        let question = [
            "verdict",
            "-f",
            manifests.path(),
            "--from",
            from,
            "--to",
            to,
            "--port",
            "80",
        ];
        netpolicy(&[&question, options].concat())
            .status
            .code()
            .unwrap()
    };
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

/// The long options under each heading of a help text.
fn headings(help: &str) -> Vec<(&str, Vec<&str>)> {
    let mut headings: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in help.lines() {
        if let Some(heading) = line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            headings.push((heading, Vec::new()));
        } else if let (Some((_, options)), Some(at)) = (headings.last_mut(), line.find("--"))
            && line[..at].trim_start().len() <= 4
        {
            let option = line[at..].split([' ', '=']).next().unwrap();
            options.push(option);
        }
    }
    headings
}

#[test]
fn help_has_every_option_under_its_heading() {
    let choices = [
        "--isolation",
        "--own-node-ingress",
        "--own-node-egress",
        "--ip-block-selects-pods",
        "--table-budget",
    ];
    let own: [(&str, &[&str]); 3] = [
        (
            "verdict",
            &[
                "--filename",
                "--domain",
                "--image",
                "--accept-errors",
                "--from",
                "--to",
                "--port",
                "--protocol",
                "--exit-zero",
                "--explain",
                "--output",
                "--help",
            ],
        ),
        (
            "compile",
            &[
                "--filename",
                "--domain",
                "--node",
                "--out",
                "--accept-errors",
                "--output",
                "--help",
            ],
        ),
        (
            "check",
            &["--filename", "--domain", "--strict", "--output", "--help"],
        ),
    ];
    for (command, options) in own {
        let help = stdout(&netpolicy(&[command, "-h"]));
        assert_eq!(
            headings(&help),
            [
                ("Options", options.to_vec()),
                ("Choices that the APIs leave open", choices.to_vec())
            ],
            "{help}"
        );
    }
}

#[test]
fn a_plugin_calls_itself_as_it_is_called() {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-netpolicy"))
        .args(["check", "-h"])
        .output()
        .unwrap();
    let help = stdout(&output);
    assert!(
        help.contains("\nUsage: kubectl netpolicy check [OPTIONS]\n"),
        "{help}"
    );
    let help = stdout(&netpolicy(&["check", "-h"]));
    assert!(
        help.contains("\nUsage: netpolicy check [OPTIONS]\n"),
        "{help}"
    );
}

/// Asks for a verdict about the `WordPress` example that cannot be given; returns what
/// standard error says.
fn refused(arguments: &[&str]) -> String {
    let output = netpolicy(&[&["verdict", "-f", WORDPRESS, "--port", "80"], arguments].concat());
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    let text = stderr(&output);
    text.lines().next().unwrap_or_default().to_owned()
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
        .split_once(" subjects did not fit the table budget, and are interpreted\n")
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
fn help_and_misuse() {
    for arguments in [&["--help"][..], &["--version"], &["verdict", "--help"]] {
        let output = netpolicy(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!stdout(&output).is_empty());
    }
    for arguments in [&[][..], &["verdict"], &["nonsense"], &["check"]] {
        let output = netpolicy(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!stderr(&output).is_empty());
    }
}

/// Asks once; gives the exit status, what was answered and what was complained of.
fn ask(manifests: &TempFile, from: &str, to: &str, more: &[&str]) -> (i32, String, String) {
    let question = [
        "verdict",
        "-f",
        manifests.path(),
        "--from",
        from,
        "--to",
        to,
    ];
    let output = netpolicy(&[&question, &["--port", "80"][..], more].concat());
    (
        output.status.code().unwrap(),
        stdout(&output),
        stderr(&output),
    )
}

/// A pod of StatefulSet `web/a`, with these addresses.
fn replica(name: &str, addresses: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: web, labels: {{app: a}}, \
         ownerReferences: [{{kind: StatefulSet, name: a}}]}}\nspec: {{containers: []}}\n\
         status: {{phase: Running, podIPs: [{addresses}]}}\n---\n"
    )
}

const DENY_INGRESS: &str = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
    metadata: {name: deny, namespace: web}\nspec: {podSelector: {}}\n---\n";

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

#[test]
fn vectors_that_cannot_be_read_do_not_stop_the_others() {
    let vector = r#"{"name": "v", "manifests": [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n"}, "spec": {}, "status": {"podIP": "10.0.0.1"}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b", "namespace": "n"}, "spec": {}, "status": {"podIP": "fd00::1"}}],
        "probes": [["n/a", "n/b", "TCP", 80, "deny"], ["n/a", "n/b", "TCP", 80, "allow"], ["192.0.2.1", "n/a", "TCP", 80, "allow"]]}"#;
    let good = TempFile::new("pairless.json", vector);
    let output = netpolicy(&["vectors", "/nonexistent.json", "Cargo.toml", good.path()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stdout(&output),
        "2 probes are between pods without addresses of one family, and were not counted\n\
         2 files could not be read or run\n\
         1 passed, 0 failed\n"
    );
    assert!(
        stderr(&output).contains("cannot read /nonexistent.json"),
        "{}",
        stderr(&output)
    );
    let output = netpolicy(&["vectors", good.path()]);
    assert_eq!(output.status.code(), Some(0));
}
