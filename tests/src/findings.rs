//! What lint finds in manifests of tests.

use netpolicy::lint::{Finding, lint, with_places};
use netpolicy::manifest::Loader;
use netpolicy::model::Options;

/// Pods that most policies of the tests are about.
pub const PODS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: web, labels: {team: web}}
---
apiVersion: v1
kind: Namespace
metadata: {name: data, labels: {team: data}}
---
apiVersion: v1
kind: Pod
metadata: {name: front, namespace: web, labels: {app: front}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
status: {podIP: 10.0.0.1, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: data, labels: {app: db}}
spec: {containers: [{name: c, ports: [{containerPort: 5432}]}]}
status: {podIP: 10.0.0.2, phase: Running}
---
";

/// Every finding about these policies, beside the pods.
#[must_use]
pub fn found(policies: &str) -> Vec<Finding> {
    found_in(&format!("{PODS}{policies}"))
}

/// Every finding about these manifests, with its place.
///
/// # Panics
/// If reading them tells of anything.
#[must_use]
pub fn found_in(manifests: &str) -> Vec<Finding> {
    let mut loader = Loader::default();
    loader.read_text("test.yaml", manifests);
    let loaded = loader.finish();
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let (image, _) = loaded.cluster.compile(&Options::default()).unwrap();
    let findings = lint(&loaded.cluster, &image.image());
    with_places(findings, |diagnostic| loaded.locate(diagnostic))
}
