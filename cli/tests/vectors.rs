//! `netpolicy vectors` as a user meets it.

mod common;

use common::{TempFile, netpolicy, stderr, stdout};

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
        "2 probes between pods without addresses of one family were not counted\n\
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
