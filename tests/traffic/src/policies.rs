//! Images for the daemon.

use std::path::Path;

use anyhow::{Context, Result, bail};
use netpolicy::manifest::Loader;
use netpolicy::model::Options;

/// Denies everything to and from the pods of the example that are in `default`.
const DENY_ALL: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all, namespace: default}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
";

/// The example's objects and policies.
///
/// # Errors
/// What is wrong with them.
pub fn wordpress() -> Result<Vec<u8>> {
    compile(&["cluster.yaml", "policies.yaml"], "")
}

/// The example's objects, and a policy that denies everything.
///
/// # Errors
/// What is wrong with them.
pub fn deny_all() -> Result<Vec<u8>> {
    compile(&["cluster.yaml"], DENY_ALL)
}

fn compile(files: &[&str], text: &str) -> Result<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/wordpress");
    let mut loader = Loader::default();
    for file in files {
        loader.read_path(folder.join(file));
    }
    loader.read_text("deny-all.yaml", text);
    let loaded = loader.finish();
    if let Some(diagnostic) = loaded.diagnostics.first() {
        bail!("{diagnostic}");
    }
    let (image, _) = loaded.cluster.compile(&Options::default())?;
    Ok(image.into_bytes())
}

/// Puts an image where the daemon looks for it, whole or not at all.
///
/// # Errors
/// What cannot be written.
pub fn put(path: &Path, image: &[u8]) -> Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, image)
        .and_then(|()| std::fs::rename(&beside, path))
        .with_context(|| format!("cannot write {}", path.display()))
}
