//! Manifests as well-known projects ship them: all that are valid load without an
//! error.

use std::path::Path;

use netpolicy::manifest::{Loaded, Loader};
use netpolicy::model::Options;
use netpolicy_tests::samples::shared;

fn load(folder: &Path) -> Loaded {
    let mut loader = Loader::default();
    loader.read_path(folder);
    loader.finish()
}

/// Loads a folder; returns objects and objects that were passed over.
#[track_caller]
fn loads(folder: &str) -> (usize, usize) {
    let loaded = load(&shared(&format!("corpora/{folder}")));
    let errors: Vec<_> = loaded.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    loaded.cluster.compile(&Options::default()).unwrap();
    (loaded.objects, loaded.skipped.values().sum())
}

#[test]
fn online_boutique() {
    assert_eq!(loads("online-boutique"), (25, 24));
}

#[test]
fn sock_shop() {
    assert_eq!(loads("sock-shop"), (29, 14));
}

#[test]
fn bookinfo() {
    assert_eq!(loads("bookinfo"), (6, 8));
}

#[test]
fn recipes() {
    assert_eq!(loads("recipes"), (15, 0));
}

#[test]
fn kubernetes_docs() {
    assert_eq!(loads("kubernetes-docs"), (9, 0));
}

#[test]
fn platform() {
    assert_eq!(loads("platform"), (66, 1));
}

#[test]
fn np_guard() {
    let mut folders = 0;
    for entry in std::fs::read_dir(shared("corpora/np-guard")).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        folders += 1;
        let loaded = load(&path);
        let errors: Vec<_> = loaded
            .errors()
            .map(|error| (error.object.as_str(), error.path.as_str()))
            .collect();
        // One of them misspells a field, as `kubectl apply` would say as well.
        let expected: &[(&str, &str)] = match path.file_name().and_then(|name| name.to_str()) {
            Some("netpol_named_port_test") => &[(
                "Deployment helloworld/pod-a",
                "spec.template.spec.containers[0].ports[1].containerport",
            )],
            _ => &[],
        };
        assert_eq!(errors, expected, "{}", path.display());
        assert!(!loaded.cluster.pods().is_empty(), "{}", path.display());
        loaded.cluster.compile(&Options::default()).unwrap();
    }
    assert_eq!(folders, 46);
}
