//! The objects of a cluster: from text, or one by one.

use netpolicy::manifest::Loader;
use netpolicy::{Cluster, Diagnostic, Severity};

use crate::boundary::{exclusive, free, guard, output, reference, total};
use crate::convert;
use crate::error::{Failure, netpolicy_result};
use crate::objects::*;
use crate::text::netpolicy_str;

/// The objects of a cluster. An object that is given under a name that is taken replaces the
/// one that was there, as `kubectl apply` does.
pub struct netpolicy_cluster {
    pub(crate) objects: Cluster,
    diagnostics: Vec<Diagnostic>,
}

/// An error or warning about what was read.
#[repr(C)]
pub struct netpolicy_diagnostic {
    /// Whether the object was left out; else this is a warning.
    pub is_error: bool,
    /// The line, from 1; 0 if it concerns no line.
    pub line: u32,
    /// The column, from 1; 0 if it concerns no column.
    pub column: u32,
    /// The file, as it was named; empty if there is none.
    pub file: netpolicy_str,
    /// Kind, namespace and name of the object, as far as they are known.
    pub object: netpolicy_str,
    /// The field, such as `spec.ingress[0].from[1].ipBlock.except[0]`; empty if it concerns
    /// the whole.
    pub path: netpolicy_str,
    /// What is wrong, and how to mend it.
    pub message: netpolicy_str,
}

/// A cluster without objects. Free it with `netpolicy_cluster_free`.
#[unsafe(no_mangle)]
pub extern "C" fn netpolicy_cluster_new() -> *mut netpolicy_cluster {
    Box::into_raw(Box::new(netpolicy_cluster {
        objects: Cluster::default(),
        diagnostics: Vec::new(),
    }))
}

/// Frees a cluster. NULL is nothing to free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_free(cluster: *mut netpolicy_cluster) {
    // SAFETY: by the conventions NULL, or of `netpolicy_cluster_new` and nobody else's.
    unsafe { free(cluster) }
}

impl netpolicy_cluster {
    /// Takes everything in that a loader can read; fails if there was an error.
    fn load(&mut self, read: impl FnOnce(&mut Loader)) -> Result<(), Failure> {
        let mut loader = Loader::default();
        read(&mut loader);
        let loaded = loader.finish();
        let mut errors = loaded.errors();
        let first = errors.next().map(ToString::to_string);
        let more = errors.count();
        self.diagnostics.extend(loaded.diagnostics);
        self.objects.append(loaded.cluster);
        match (first, more) {
            (None, _) => Ok(()),
            (Some(first), 0) => Err(Failure::new(netpolicy_result::InvalidManifest, first)),
            (Some(first), more) => Err(Failure::new(
                netpolicy_result::InvalidManifest,
                format!("{first} (and {more} more errors)"),
            )),
        }
    }
}

/// Takes in the objects of a text: YAML or JSON, a stream of documents, lists, what
/// `kubectl get -o yaml` and `-o json` print. `file` names the text in messages and
/// explanations.
///
/// `NETPOLICY_RESULT_INVALID_MANIFEST` tells that some objects are invalid and were left out,
/// and the last error names the first of them; all others were taken in.
/// `netpolicy_cluster_diagnostic` tells every mistake.
///
/// Workloads without pods (Deployments and the like) are stood in for by a pod without an
/// address. Whether a workload has pods is asked within one text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_read_text(
    cluster: *mut netpolicy_cluster,
    file: netpolicy_str,
    text: netpolicy_str,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a cluster that is nobody else's, or NULL.
        let cluster = unsafe { exclusive(cluster, "cluster") }?;
        // SAFETY: by the conventions text, or NULL.
        let file = unsafe { file.read("file") }?;
        // SAFETY: by the conventions text, or NULL.
        let text = unsafe { text.read("text") }?;
        cluster.load(|loader| loader.read_text(file, text))
    })
}

/// Takes in the objects of a file, or of every `.yaml`, `.yml` and `.json` file in a folder
/// and the folders in it; as `netpolicy_cluster_read_text` otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_read_path(
    cluster: *mut netpolicy_cluster,
    path: netpolicy_str,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a cluster that is nobody else's, or NULL.
        let cluster = unsafe { exclusive(cluster, "cluster") }?;
        // SAFETY: by the conventions text, or NULL.
        let path = unsafe { path.read("path") }?;
        cluster.load(|loader| loader.read_path(path))
    })
}

/// How many errors and warnings there were in all texts and files that were read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_diagnostic_count(
    cluster: *const netpolicy_cluster,
) -> usize {
    // SAFETY: by the conventions a cluster, or NULL.
    let cluster = unsafe { reference(cluster, "cluster") };
    total(0, || cluster.map_or(0, |cluster| cluster.diagnostics.len()))
}

/// The error or warning of that index, in the order of reading.
/// `NETPOLICY_RESULT_NOT_FOUND` behind the last. Its text lives until more is read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_diagnostic(
    cluster: *const netpolicy_cluster,
    index: usize,
    diagnostic: *mut netpolicy_diagnostic,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a cluster, or NULL.
        let cluster = unsafe { reference(cluster, "cluster") }?;
        // SAFETY: by the conventions room for a diagnostic, or NULL.
        let out = unsafe { output(diagnostic, "diagnostic") }?;
        let found = cluster.diagnostics.get(index);
        let found = found.ok_or_else(|| Failure::no_entry("diagnostic", index))?;
        out.write(netpolicy_diagnostic {
            is_error: found.severity == Severity::Error,
            line: found.line,
            column: found.column,
            file: netpolicy_str::new(&found.file),
            object: netpolicy_str::new(&found.object),
            path: netpolicy_str::new(&found.path),
            message: netpolicy_str::new(&found.message),
        });
        Ok(())
    })
}

/// How a message names an object whose names may themselves be wrong.
fn named(kind: &str, names: &[netpolicy_str]) -> String {
    let names = names.iter().map(|name| {
        // SAFETY: by the conventions text, or NULL.
        unsafe { name.read("") }.unwrap_or("(not UTF-8)")
    });
    let names: Vec<_> = names
        .map(|name| if name.is_empty() { "(no name)" } else { name })
        .collect();
    format!("{kind} {}", names.join("/"))
}

/// The namespace of an object, as messages have it.
fn namespace_or_default(name: netpolicy_str) -> netpolicy_str {
    if name.len == 0 {
        netpolicy_str::new("default")
    } else {
        name
    }
}

/// Adds a Namespace.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_insert_namespace(
    cluster: *mut netpolicy_cluster,
    object: *const netpolicy_namespace,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a cluster that is nobody else's, or NULL.
        let cluster = unsafe { exclusive(cluster, "cluster") }?;
        // SAFETY: by the conventions an object, or NULL.
        let object = unsafe { reference(object, "object") }?;
        // SAFETY: by the conventions all in it is as its fields say.
        let converted = unsafe { convert::namespace(object) };
        let namespace = converted.map_err(|e| e.of(|| named("Namespace", &[object.name])))?;
        cluster.objects.insert_namespace(namespace);
        Ok(())
    })
}

/// Adds a Node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_insert_node(
    cluster: *mut netpolicy_cluster,
    object: *const netpolicy_node,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a cluster that is nobody else's, or NULL.
        let cluster = unsafe { exclusive(cluster, "cluster") }?;
        // SAFETY: by the conventions an object, or NULL.
        let object = unsafe { reference(object, "object") }?;
        // SAFETY: by the conventions all in it is as its fields say.
        let converted = unsafe { convert::node(object) };
        let node = converted.map_err(|e| e.of(|| named("Node", &[object.name])))?;
        cluster.objects.insert_node(node);
        Ok(())
    })
}

/// Adds a Pod.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_insert_pod(
    cluster: *mut netpolicy_cluster,
    object: *const netpolicy_pod,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a cluster that is nobody else's, or NULL.
        let cluster = unsafe { exclusive(cluster, "cluster") }?;
        // SAFETY: by the conventions an object, or NULL.
        let object = unsafe { reference(object, "object") }?;
        let names = [namespace_or_default(object.namespace_name), object.name];
        // SAFETY: by the conventions all in it is as its fields say.
        let converted = unsafe { convert::pod(object) };
        let pod = converted.map_err(|e| e.of(|| named("Pod", &names)))?;
        cluster.objects.insert_pod(pod);
        Ok(())
    })
}

/// Adds a NetworkPolicy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_insert_network_policy(
    cluster: *mut netpolicy_cluster,
    object: *const netpolicy_network_policy,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a cluster that is nobody else's, or NULL.
        let cluster = unsafe { exclusive(cluster, "cluster") }?;
        // SAFETY: by the conventions an object, or NULL.
        let object = unsafe { reference(object, "object") }?;
        let names = [namespace_or_default(object.namespace_name), object.name];
        // SAFETY: by the conventions all in it is as its fields say.
        let converted = unsafe { convert::network_policy(object) };
        let policy = converted.map_err(|e| e.of(|| named("NetworkPolicy", &names)))?;
        cluster.objects.insert_network_policy(policy);
        Ok(())
    })
}

/// Adds a ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_insert_cluster_policy(
    cluster: *mut netpolicy_cluster,
    object: *const netpolicy_cluster_policy,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a cluster that is nobody else's, or NULL.
        let cluster = unsafe { exclusive(cluster, "cluster") }?;
        // SAFETY: by the conventions an object, or NULL.
        let object = unsafe { reference(object, "object") }?;
        let kind = convert::cluster_policy_api(object.api).map_or("policy", |api| api.kind());
        let object_name = || named(kind, &[object.name]);
        // SAFETY: by the conventions all in it is as its fields say.
        let converted = unsafe { convert::cluster_policy(object) };
        let policy = converted.map_err(|e| e.of(object_name))?;
        let inserted = cluster.objects.insert_cluster_policy(policy);
        inserted.map_err(|e| Failure::from(e).of(object_name))?;
        Ok(())
    })
}

/// Tells what a domain name resolves to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_insert_domain_name(
    cluster: *mut netpolicy_cluster,
    object: *const netpolicy_domain_name,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a cluster that is nobody else's, or NULL.
        let cluster = unsafe { exclusive(cluster, "cluster") }?;
        // SAFETY: by the conventions an object, or NULL.
        let object = unsafe { reference(object, "object") }?;
        // SAFETY: by the conventions all in it is as its fields say.
        let converted = unsafe { convert::domain_name(object) };
        let domain = converted.map_err(|e| e.of(|| named("domain name", &[object.name])))?;
        cluster.objects.insert_domain_name(domain);
        Ok(())
    })
}
