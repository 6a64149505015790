//! What the tests of the command share.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::path::PathBuf;
use std::process::{Command, Output};

pub(crate) const WORDPRESS: &str = "examples/wordpress";

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn netpolicy(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netpolicy"))
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What a command writes, if it ends with this status.
pub(crate) fn answer(arguments: &[&str], status: i32) -> String {
    let output = netpolicy(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}: {stderr}"
    );
    stdout(&output)
}

/// What a command says on standard error, if it ends with 2 and writes nothing.
pub(crate) fn refusal(arguments: &[&str]) -> String {
    let output = netpolicy(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert_eq!(stdout(&output), "", "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A file that is there as long as the test runs.
pub(crate) struct TempFile(PathBuf);

impl TempFile {
    pub(crate) fn new(name: &str, text: &str) -> TempFile {
        let path =
            std::env::temp_dir().join(format!("netpolicy-cli-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        TempFile(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A folder that is there as long as the test runs.
pub(crate) struct TempFolder(pub(crate) PathBuf);

impl TempFolder {
    pub(crate) fn new(name: &str) -> TempFolder {
        let path =
            std::env::temp_dir().join(format!("netpolicy-insight-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        TempFolder(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
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

/// A pod with an address, and what else its metadata and its container have.
pub(crate) fn pod(name: &str, address: &str, metadata: &str, container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, {metadata}}}\n\
         spec: {{containers: [{{name: c, {container}}}]}}\n\
         status: {{podIP: {address}, phase: Running}}\n---\n"
    )
}

/// Asks for a verdict about the `WordPress` example that cannot be given; returns what
/// standard error says.
pub(crate) fn refused(arguments: &[&str]) -> String {
    let output = netpolicy(&[&["verdict", "-f", WORDPRESS, "--port", "80"], arguments].concat());
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    let text = stderr(&output);
    text.lines().next().unwrap_or_default().to_owned()
}

/// Asks once; gives the exit status, what was answered and what was complained of.
pub(crate) fn ask(
    manifests: &TempFile,
    from: &str,
    to: &str,
    more: &[&str],
) -> (i32, String, String) {
    let question = [
        "verdict",
        "-f",
        manifests.path(),
        "--from",
        from,
        "--to",
        to,
    ];
    // The port is 80 where none is given.
    let port: &[&str] = match more {
        ["--port", ..] => &[],
        _ => &["--port", "80"],
    };
    let output = netpolicy(&[&question, port, more].concat());
    (
        output.status.code().unwrap(),
        stdout(&output),
        stderr(&output),
    )
}

/// A pod of StatefulSet `web/a`, with these addresses.
pub(crate) fn replica(name: &str, addresses: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: web, labels: {{app: a}}, \
         ownerReferences: [{{kind: StatefulSet, name: a}}]}}\nspec: {{containers: []}}\n\
         status: {{phase: Running, podIPs: [{addresses}]}}\n---\n"
    )
}

pub(crate) const DENY_INGRESS: &str = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
    metadata: {name: deny, namespace: web}\nspec: {podSelector: {}}\n---\n";
