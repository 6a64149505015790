//! The shared conformance vectors, every verdict of every folder, through the same
//! code as `netpolicy vectors`; once more by address through the other ways to ask.

use netpolicy_cli::vectors::{Results, files, read};
use netpolicy_tests::samples::shared;

/// Runs a folder; returns how many probes passed.
#[track_caller]
fn run(folder: &str) -> usize {
    let mut results = Results::default();
    let files = files(&shared(&format!("vectors/{folder}"))).unwrap();
    assert!(!files.is_empty(), "no vectors in {folder}");
    for path in files {
        let file = path.display().to_string();
        let diagnostics = read(&path).unwrap().run(&file, &mut results).unwrap();
        assert!(diagnostics.is_empty(), "{file}: {diagnostics:?}");
    }
    assert!(results.mismatches.is_empty(), "{:#?}", results.mismatches);
    results.passed
}

#[test]
fn kubernetes_e2e() {
    assert_eq!(run("kubernetes-e2e"), 506);
}

#[test]
fn cyclonus() {
    assert_eq!(run("cyclonus"), 47_856);
}

#[test]
fn cluster_network_policy() {
    assert_eq!(run("cluster-network-policy"), 325);
}

#[test]
fn admin_network_policy() {
    assert_eq!(run("admin-network-policy"), 313);
}

#[test]
fn no_folder_is_left_out() {
    let entries = std::fs::read_dir(shared("vectors")).unwrap();
    let mut folders: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let known = [
        "admin-network-policy",
        "cluster-network-policy",
        "cyclonus",
        "kubernetes-e2e",
    ];
    assert_eq!(folders, known, "a new folder of vectors needs a test above");
}
