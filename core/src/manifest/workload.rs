//! Workloads: what runs pods, and stands in for them where none are given.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::Owners;
use super::field::Field;
use super::meta::{Meta, Owner};
use super::pod::{PodSpec, template, unscheduled};
use crate::Diagnostic;
use crate::model::{Pod, Source, Workload};

/// A controller, with the pods that it would start.
#[derive(Debug)]
pub(super) struct Controller {
    kind: &'static str,
    namespace: String,
    name: String,
    owner: Option<Owner>,
    /// A pod as the template describes it.
    pod: Pod<'static>,
    source: Source<'static>,
}

/// Controllers, each name of a kind once.
#[derive(Default)]
pub(super) struct Controllers {
    all: Vec<Controller>,
    index: BTreeMap<Key, usize>,
}

impl Controllers {
    /// Adds a controller in place of the one of its name; returns where that stands.
    pub(super) fn insert(&mut self, controller: Controller) -> Option<Source<'static>> {
        let Controller {
            kind,
            namespace,
            name,
            ..
        } = &controller;
        let key = (namespace.clone(), String::from(*kind), name.clone());
        let index = *self.index.entry(key).or_insert(self.all.len());
        match self.all.get_mut(index) {
            Some(known) => Some(core::mem::replace(known, controller).source),
            None => {
                self.all.push(controller);
                None
            }
        }
    }
}

/// The kinds of controller, with their `apiVersion`s.
pub(super) const KINDS: [(&str, &str); 7] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "ReplicaSet"),
    ("v1", "ReplicationController"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
];

/// The kind, if an object of that type is a controller.
pub(super) fn controller_kind(api_version: &str, kind: &str) -> Option<&'static str> {
    let known = KINDS.iter().find(|known| **known == (api_version, kind));
    known.map(|(_, kind)| *kind)
}

/// Reads a controller.
pub(super) fn controller(
    object: &Field<'_, '_>,
    kind: &'static str,
    source: Source<'static>,
) -> (Meta, Controller) {
    let mut fields = object.fields();
    let meta = Meta::read(&mut fields);
    let (template, spec) = fields
        .require("spec")
        .map(|spec| self::spec(&spec, kind, meta.admitted))
        .unwrap_or_default();
    fields.ignore(&["status"]);
    fields.finish_admitted(meta.admitted);
    let pod = unscheduled(
        &Meta {
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            ..template
        },
        spec,
    );
    let controller = Controller {
        kind,
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        owner: meta.owner.clone(),
        pod,
        source,
    };
    (meta, controller)
}

/// Reads `spec` down to the pod template.
fn spec(field: &Field<'_, '_>, kind: &str, admitted: bool) -> (Meta, PodSpec) {
    let mut fields = field.fields();
    let result = if kind == "CronJob" {
        let job = fields.require("jobTemplate").map(|field| {
            let mut fields = field.fields();
            fields.ignore(&["metadata"]);
            let result = fields
                .require("spec")
                .map(|field| spec(&field, "Job", admitted));
            fields.finish_admitted(admitted);
            result.unwrap_or_default()
        });
        job.unwrap_or_default()
    } else {
        let field = fields.require("template");
        field
            .map(|field| template(&field, admitted))
            .unwrap_or_default()
    };
    // The fields of the controllers' specs in Kubernetes 1.37.
    fields.ignore(match kind {
        "Deployment" => &[
            "minReadySeconds",
            "paused",
            "progressDeadlineSeconds",
            "replicas",
            "revisionHistoryLimit",
            "selector",
            "strategy",
        ],
        "StatefulSet" => &[
            "minReadySeconds",
            "ordinals",
            "persistentVolumeClaimRetentionPolicy",
            "podManagementPolicy",
            "replicas",
            "revisionHistoryLimit",
            "selector",
            "serviceName",
            "updateStrategy",
            "volumeClaimTemplates",
        ],
        "DaemonSet" => &[
            "minReadySeconds",
            "revisionHistoryLimit",
            "selector",
            "updateStrategy",
        ],
        "ReplicaSet" => &["minReadySeconds", "replicas", "selector"],
        "ReplicationController" => &["minReadySeconds", "replicas", "selector", "templateRef"],
        "Job" => &[
            "activeDeadlineSeconds",
            "backoffLimit",
            "backoffLimitPerIndex",
            "completionMode",
            "completions",
            "failedJobsLimit",
            "failedPodsLimit",
            "managedBy",
            "manualSelector",
            "maxFailedIndexes",
            "parallelism",
            "podFailurePolicy",
            "podReplacementPolicy",
            "scheduling",
            "selector",
            "successPolicy",
            "suspend",
            "ttlSecondsAfterFinished",
        ],
        "CronJob" => &[
            "concurrencyPolicy",
            "failedJobsHistoryLimit",
            "schedule",
            "startingDeadlineSeconds",
            "successfulJobsHistoryLimit",
            "suspend",
            "timeZone",
        ],
        _ => &[],
    });
    fields.finish_admitted(admitted);
    result
}

/// A pod that was given, and what owns it.
pub(super) struct Owned {
    pub(super) pod: Pod<'static>,
    pub(super) owner: Option<Owner>,
    pub(super) source: Source<'static>,
}

/// Warns of pods of one name, of which the last one counts.
pub(super) fn warn_of_duplicates(owned: &[Owned], diagnostics: &mut Vec<Diagnostic>) {
    let mut known = HashMap::with_capacity_and_hasher(owned.len(), hasher());
    for Owned { pod, source, .. } in owned {
        let (namespace, name) = (&*pod.namespace, &*pod.name);
        if let Some(other) = known.insert((namespace, name), source) {
            diagnostics.push(Diagnostic {
                file: String::from(&*source.file),
                line: source.line,
                object: format!("Pod {namespace}/{name}"),
                message: super::duplicate(other),
                ..Diagnostic::warning()
            });
        }
    }
}

/// Namespace, kind and name.
type Key = (String, String, String);

fn hasher() -> ahash::RandomState {
    ahash::RandomState::with_seeds(1, 2, 3, 4)
}

/// Where pods and workloads stand in what was read.
#[derive(Debug)]
pub(super) struct Sources {
    /// By namespace and name.
    pods: HashMap<(String, String), Source<'static>, ahash::RandomState>,
    workloads: HashMap<Key, Source<'static>, ahash::RandomState>,
}

impl Default for Sources {
    fn default() -> Sources {
        Sources {
            pods: HashMap::with_hasher(hasher()),
            workloads: HashMap::with_hasher(hasher()),
        }
    }
}

impl Sources {
    /// Where the object of that kind, namespace and name stands: the workload's own
    /// manifest, or else that of one of its pods.
    pub(super) fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&Source<'static>> {
        let [kind, namespace, name] = [kind, namespace, name].map(String::from);
        if kind == "Pod" {
            self.pods.get(&(namespace, name))
        } else {
            self.workloads.get(&(namespace, kind, name))
        }
    }
}

/// Tells each pod what runs it, and adds a pod for each controller that has none.
///
/// A controller that is itself run by another (the ReplicaSet of a Deployment, the
/// Job of a CronJob) goes by that one's name, unless pods are to go by the owner that
/// they state.
pub(super) fn pods(
    owned: Vec<Owned>,
    controllers: Controllers,
    named_by: Owners,
) -> (Vec<Pod<'static>>, Sources) {
    let controllers = controllers.all;
    let runners = Runners::new(&controllers);
    let mut sources = Sources::default();
    let mut pods = Vec::with_capacity(owned.len() + controllers.len());
    for Owned {
        mut pod,
        owner,
        source,
    } in owned
    {
        if let Some(owner) = owner {
            let hash = pod
                .labels
                .iter()
                .find(|label| &*label.key == "pod-template-hash");
            let hash = hash.map(|label| &*label.value);
            let root = runners.root_of_pod(&pod.namespace, owner.clone(), hash);
            let key = (
                String::from(&*pod.namespace),
                root.kind.clone(),
                root.name.clone(),
            );
            let of_workload = sources.workloads.entry(key);
            of_workload.or_insert_with(|| source.clone());
            let workload = match named_by {
                Owners::Root => root,
                Owners::Stated => owner,
            };
            pod.workload = Some(Workload {
                kind: workload.kind.into(),
                name: workload.name.into(),
            });
        }
        let key = (String::from(&*pod.namespace), String::from(&*pod.name));
        sources.pods.insert(key, source);
        pods.push(pod);
    }
    // What runs others comes first, so that its own template is the one that counts.
    let (run, roots): (Vec<_>, Vec<_>) = controllers
        .into_iter()
        .partition(|controller| controller.owner.is_some());
    for controller in roots.into_iter().chain(run) {
        let Controller {
            kind,
            namespace,
            name,
            owner,
            mut pod,
            source,
        } = controller;
        let own_name = name.clone();
        let own = Owner {
            kind: kind.into(),
            name,
        };
        let root = runners.root(&namespace, owner.unwrap_or(own));
        let key = (namespace.clone(), root.kind.clone(), root.name.clone());
        // What runs others has its own place, and its pods tell it only without.
        let is_itself = root.kind == kind && root.name == own_name;
        match sources.workloads.entry(key) {
            Entry::Occupied(mut known) => {
                if is_itself {
                    known.insert(source);
                }
                continue;
            }
            Entry::Vacant(unknown) => unknown.insert(source.clone()),
        };
        // Two controllers of different kinds may share a name, and so may a pod.
        let mut name = root.name.clone();
        let mut key = (namespace, name.clone());
        if sources.pods.contains_key(&key) {
            name = format!("{name}-{}", root.kind.to_ascii_lowercase());
            key.1.clone_from(&name);
        }
        sources.pods.insert(key, source);
        pod.name = name.into();
        pod.workload = Some(Workload {
            kind: root.kind.into(),
            name: root.name.into(),
        });
        pods.push(pod);
    }
    (pods, sources)
}

/// Who runs whom among the controllers.
struct Runners {
    of: HashMap<Key, Owner, ahash::RandomState>,
}

impl Runners {
    fn new(controllers: &[Controller]) -> Runners {
        let mut of = HashMap::with_hasher(hasher());
        for Controller {
            kind,
            namespace,
            name,
            owner,
            ..
        } in controllers
        {
            if let Some(owner) = owner {
                of.insert(
                    (namespace.clone(), String::from(*kind), name.clone()),
                    owner.clone(),
                );
            }
        }
        Runners { of }
    }

    /// What runs a controller, or the controller itself.
    fn root(&self, namespace: &str, owner: Owner) -> Owner {
        let key = (
            String::from(namespace),
            owner.kind.clone(),
            owner.name.clone(),
        );
        self.of.get(&key).cloned().unwrap_or(owner)
    }

    /// The same for the owner of a pod.
    fn root_of_pod(&self, namespace: &str, owner: Owner, template_hash: Option<&str>) -> Owner {
        // The ReplicaSet of a Deployment is called after it and the template's hash,
        // whether it was given or not.
        let deployment = template_hash
            .filter(|_| owner.kind == "ReplicaSet")
            .and_then(|hash| owner.name.strip_suffix(hash)?.strip_suffix('-'));
        match deployment {
            Some(name) => Owner {
                kind: "Deployment".into(),
                name: name.into(),
            },
            None => self.root(namespace, owner),
        }
    }
}
