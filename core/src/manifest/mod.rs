//! Manifests: YAML and JSON as people write them and `kubectl get` prints them,
//! read into a [`Cluster`].
//!
//! A text is a stream of documents, each an object, a `List` kind or a list of
//! objects. What is wrong with one of them is told with file, line and field
//! path, and costs only that one.

mod cluster_policy;
mod field;
mod files;
mod json;
mod map;
mod marks;
mod meta;
mod network_policy;
mod objects;
mod pod;
mod scalar;
mod skip;
mod tape;
mod watch;
mod workload;
mod yaml;

pub use watch::watch_event;

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use field::{Field, Mistake, Mistakes};
use json::{Part, Values};
use marks::Marks;
use meta::Meta;
use tape::{Kind, Mark, Node, Tape};
use workload::{Controllers, Owned};
use yaml::SyntaxError;

use crate::model::{DomainName, Source};
use crate::{Cluster, Diagnostic, Severity};

/// Reads manifests into a cluster.
///
/// ```
/// use netpolicy::manifest::Loader;
///
/// let mut loader = Loader::default();
/// loader.read_text("web.yaml", "
/// apiVersion: networking.k8s.io/v1
/// kind: NetworkPolicy
/// metadata: {name: deny-all}
/// spec:
///   podSelektor: {}
/// ");
/// let loaded = loader.finish();
/// assert_eq!(
///     loaded.diagnostics[0].to_string(),
///     "web.yaml:6:16: error: NetworkPolicy default/deny-all: spec.podSelektor: \
///      unknown field: did you mean podSelector?",
/// );
/// assert!(loaded.cluster.network_policies().is_empty());
/// ```
#[derive(Default)]
pub struct Loader {
    cluster: Cluster,
    pods: Vec<Owned>,
    controllers: Controllers,
    owners: Owners,
    marks: Marks,
    diagnostics: Vec<Diagnostic>,
    skipped: BTreeMap<String, usize>,
    objects: usize,
    files: usize,
    unread: usize,
}

/// What counts as the workload of a pod whose owner is itself run by another: the
/// ReplicaSet of a Deployment, the Job of a CronJob.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Owners {
    /// What runs the owner: the Deployment, the CronJob.
    #[default]
    Root,
    /// The owner that the pod states in `metadata.ownerReferences`.
    Stated,
}

/// What was read.
#[derive(Default)]
pub struct Loaded {
    /// The objects.
    pub cluster: Cluster,
    /// What was wrong, in the order of reading.
    pub diagnostics: Vec<Diagnostic>,
    /// How many objects of kinds that do not matter here were passed over, by
    /// `apiVersion` and kind.
    pub skipped: BTreeMap<String, usize>,
    /// The number of objects that count, pods that stand in not among them.
    pub objects: usize,
    /// The number of files and texts that were read.
    pub files: usize,
    /// The number of files and folders that could not be read. Each is among the errors.
    pub unread: usize,
    sources: workload::Sources,
    marks: Marks,
}

impl Loaded {
    /// Where a pod or a workload stands, by kind, namespace and name: its own manifest,
    /// or that of a pod of it where the workload was not given. `None` for other kinds.
    ///
    /// Policies know themselves where they stand.
    #[must_use]
    pub fn source_of(&self, kind: &str, namespace: &str, name: &str) -> Option<&Source<'static>> {
        self.sources.find(kind, namespace, name)
    }

    /// Tells a diagnostic about what was read where that stands, as exactly as is known: of
    /// pods and workloads an image knows nothing, and of peers and ports only the rule.
    pub fn locate(&self, diagnostic: &mut Diagnostic) {
        let Diagnostic { object, path, .. } = &*diagnostic;
        if let Some(mark) = self.marks.find(object, path) {
            diagnostic.line = mark.line;
            diagnostic.column = mark.column;
            return;
        }
        let parts = object.split_once(' ');
        let parts = parts.and_then(|(kind, name)| Some((kind, name.split_once('/')?)));
        if diagnostic.file.is_empty()
            && let Some((kind, (namespace, name))) = parts
            && let Some(source) = self.source_of(kind, namespace, name)
        {
            diagnostic.file = String::from(&*source.file);
            diagnostic.line = source.line;
        }
    }

    /// The errors among the diagnostics.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// What documents count as that have neither `apiVersion` nor kind.
const NO_OBJECT: &str = "(no object)";

/// Where a document comes from.
#[derive(Clone, Copy)]
struct Origin<'o> {
    file: &'o str,
}

impl Loader {
    /// Chooses what counts as the workload of pods, whether read before or after.
    pub fn owners(&mut self, owners: Owners) {
        self.owners = owners;
    }

    /// Reads a text of any number of documents, YAML or JSON. `file` names it in
    /// messages and explanations.
    pub fn read_text(&mut self, file: &str, text: &str) {
        self.files += 1;
        let origin = Origin { file };
        let mut tape = Tape::default();
        let is_json = text.trim_ascii_start().starts_with(['{', '[']);
        let rest = if is_json {
            self.read_json(origin, text, &mut tape)
        } else {
            Part { text, lines: 0 }
        };
        let mut documents = yaml::Documents::new(rest.text, rest.lines);
        while let Some(result) = documents.next(&mut tape) {
            match result {
                Ok(()) => self.take_document(origin, &tape),
                Err(error) => self.refuse_syntax(origin, error),
            }
        }
    }

    /// Reads JSON values, with or without `---` between them. Returns what remains:
    /// from a document on that is YAML.
    fn read_json<'t>(&mut self, origin: Origin<'_>, text: &'t str, tape: &mut Tape) -> Part<'t> {
        let mut values = Values::new(text);
        let mut is_separated = true;
        loop {
            let rest = values.rest();
            if rest.starts_with(['{', '[']) {
                self.read_value(origin, &mut values, tape);
                is_separated = false;
            } else if values.skip_separator() {
                is_separated = true;
            } else if rest.starts_with('#') {
                values.skip(rest.find('\n').unwrap_or(rest.len()));
            } else if is_separated || rest.is_empty() {
                return values.part(text.len());
            } else {
                let message =
                    "expected another object or the end: separate documents by a line ---"
                        .to_owned();
                let mark = values.mark();
                self.refuse_syntax(origin, SyntaxError { mark, message });
                values.go_to(values.next_start());
            }
        }
    }

    /// Reads a value that is JSON, or else YAML, which has braces as well.
    fn read_value(&mut self, origin: Origin<'_>, values: &mut Values<'_>, tape: &mut Tape) {
        let error = match values.next(tape) {
            Ok(()) => return self.take_document(origin, tape),
            Err(error) => error,
        };
        // What is broken must not take along what is behind it.
        let next = values.next_start();
        if origin.file.ends_with(".json") {
            self.refuse_syntax(origin, error);
            return values.go_to(next);
        }
        let mut first_error = None;
        for end in [values.next_separator(), next] {
            let Part { text, lines } = values.part(end);
            match yaml::only_document(text, lines, tape) {
                Ok(()) => {
                    self.take_document(origin, tape);
                    return values.go_to(end);
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        self.refuse_syntax(origin, first_error.unwrap_or(error));
        values.go_to(next);
    }

    /// Tells what a domain name resolves to, in place of what was told before.
    pub fn domain_name(&mut self, domain: DomainName<'static>) {
        self.cluster.insert_domain_name(domain);
    }

    /// Everything that was read. Controllers without pods are stood in for by a pod
    /// that has their name, and no address.
    #[must_use]
    pub fn finish(self) -> Loaded {
        let Loader {
            mut cluster,
            pods,
            controllers,
            owners,
            marks,
            mut diagnostics,
            skipped,
            objects,
            files,
            unread,
        } = self;
        workload::warn_of_duplicates(&pods, &mut diagnostics);
        let (pods, sources) = workload::pods(pods, controllers, owners);
        for pod in pods {
            cluster.insert_pod(pod);
        }
        Loaded {
            cluster,
            diagnostics,
            skipped,
            objects,
            files,
            unread,
            sources,
            marks,
        }
    }

    fn refuse_syntax(&mut self, origin: Origin<'_>, error: SyntaxError) {
        let SyntaxError { mark, message } = error;
        self.diagnose(
            origin,
            Severity::Error,
            mark,
            String::new(),
            String::new(),
            message,
        );
    }

    fn diagnose(
        &mut self,
        origin: Origin<'_>,
        severity: Severity,
        mark: Mark,
        object: String,
        path: String,
        message: String,
    ) {
        self.diagnostics.push(Diagnostic {
            severity,
            file: origin.file.to_owned(),
            line: mark.line,
            column: mark.column,
            object,
            path,
            message,
        });
    }

    fn take_document(&mut self, origin: Origin<'_>, tape: &Tape) {
        let Some(root) = tape.root() else { return };
        match root.kind() {
            Kind::List => root
                .children()
                .for_each(|item| self.take_object(origin, item, None)),
            Kind::Map => self.take_object(origin, root, None),
            // An empty document, as a stray `---` makes.
            Kind::Plain if scalar::resolve(root.text()) == scalar::Scalar::Null => {}
            Kind::Text | Kind::Plain => {
                let message = "expected an object, found a string or number".to_owned();
                self.diagnose(
                    origin,
                    Severity::Error,
                    root.mark(),
                    String::new(),
                    String::new(),
                    message,
                );
            }
        }
    }

    /// Takes an object. Items of a list of one kind need not state theirs, which is
    /// `of_list` then: `apiVersion` and kind.
    fn take_object(&mut self, origin: Origin<'_>, node: Node<'_>, of_list: Option<(&str, &str)>) {
        let stated = |name| {
            let value = map::find(node, name)?;
            matches!(value.kind(), Kind::Text | Kind::Plain).then(|| value.text())
        };
        let (api_version, kind) = match (stated("apiVersion"), stated("kind"), of_list) {
            (Some(api_version), Some(kind), _) => (api_version, kind),
            (_, _, Some(of_list)) => of_list,
            (None, None, None) => return self.skip_what_is_no_object(origin, node),
            (api_version, _, None) => {
                let missing = if api_version.is_none() {
                    "apiVersion"
                } else {
                    "kind"
                };
                let message = "is required".to_owned();
                self.diagnose(
                    origin,
                    Severity::Error,
                    node.mark(),
                    String::new(),
                    missing.to_owned(),
                    message,
                );
                return;
            }
        };
        if let Some(item_kind) = kind.strip_suffix("List")
            && let Some(items) = map::find(node, "items")
        {
            let of_list = (!item_kind.is_empty()).then_some((api_version, item_kind));
            return self.take_items(origin, items, kind, of_list);
        }
        self.take_kind(origin, node, api_version, kind);
    }

    /// Takes the items of an object that is a list.
    fn take_items(
        &mut self,
        origin: Origin<'_>,
        items: Node<'_>,
        kind: &str,
        of_list: Option<(&str, &str)>,
    ) {
        let mistakes = Mistakes::default();
        let field = Field::root(items, &mistakes);
        if items.kind() == Kind::List {
            items
                .children()
                .for_each(|item| self.take_object(origin, item, of_list));
        } else if !field.is_null() {
            field.list(|_| None::<()>);
        }
        for Mistake { mark, message, .. } in mistakes.into_vec() {
            let (kind, path) = (kind.to_owned(), "items".to_owned());
            self.diagnose(origin, Severity::Error, mark, kind, path, message);
        }
    }

    fn take_kind(&mut self, origin: Origin<'_>, node: Node<'_>, api_version: &str, kind: &str) {
        let mistakes = Mistakes::default();
        let object = Field::root(node, &mistakes);
        let Some((meta, is_namespaced)) = self.read_object(origin, &object, api_version, kind)
        else {
            return self.skip(origin, node, api_version, kind);
        };
        let is_sound = !mistakes.has_errors();
        self.objects += usize::from(is_sound);
        if is_sound && kind.ends_with("NetworkPolicy") {
            let name = object_name(kind, is_namespaced, &meta);
            self.marks.insert(name, node);
        }
        for Mistake {
            mark,
            path,
            message,
            is_warning,
        } in mistakes.into_vec()
        {
            let severity = if is_warning {
                Severity::Warning
            } else {
                Severity::Error
            };
            let name = object_name(kind, is_namespaced, &meta);
            self.diagnose(origin, severity, mark, name, path, message);
        }
    }

    /// Reads an object of a kind that matters, and keeps it if nothing is wrong with
    /// it. Returns its metadata, and whether its kind has namespaces.
    fn read_object(
        &mut self,
        origin: Origin<'_>,
        object: &Field<'_, '_>,
        api_version: &str,
        kind: &str,
    ) -> Option<(Meta, bool)> {
        use cluster_policy::Kind::{Admin, BaselineAdmin, Cluster};
        let source = || Source {
            file: origin.file.to_owned().into(),
            line: object.line(),
        };
        if let Some(kind) = workload::controller_kind(api_version, kind) {
            let (meta, controller) = workload::controller(object, kind, source());
            if object.is_sound()
                && let Some(other) = self.controllers.insert(controller)
            {
                warn_of_duplicate(object, &other);
            }
            return Some((meta, true));
        }
        let cluster_policy = match (api_version, kind) {
            ("v1", "Pod") => {
                let (mut meta, pod) = pod::pod(object);
                if object.is_sound() {
                    self.pods.push(Owned {
                        pod,
                        owner: meta.owner.take(),
                        source: source(),
                    });
                }
                return Some((meta, true));
            }
            ("v1", "Namespace") => {
                let (meta, namespace) = objects::namespace(object);
                if object.is_sound() && self.cluster.insert_namespace(namespace).is_some() {
                    warn_of_duplicate(object, &Source::default());
                }
                return Some((meta, false));
            }
            ("v1", "Node") => {
                let (meta, node) = objects::node(object);
                if object.is_sound() && self.cluster.insert_node(node).is_some() {
                    warn_of_duplicate(object, &Source::default());
                }
                return Some((meta, false));
            }
            ("networking.k8s.io/v1", "NetworkPolicy") => {
                let (meta, policy) = network_policy::network_policy(object, source());
                if object.is_sound()
                    && let Some(other) = self.cluster.insert_network_policy(policy)
                {
                    warn_of_duplicate(object, &other.source);
                }
                return Some((meta, true));
            }
            ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy") => Admin,
            ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy") => BaselineAdmin,
            ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy") => Cluster,
            _ => return None,
        };
        let (meta, policy) = cluster_policy::cluster_policy(object, cluster_policy, source());
        if let Some(policy) = policy.filter(|_| object.is_sound()) {
            match self.cluster.insert_cluster_policy(policy) {
                Ok(Some(other)) => warn_of_duplicate(object, &other.source),
                Ok(None) => {}
                Err(error) => object.refuse(error),
            }
        }
        Some((meta, false))
    }
}

fn warn_of_duplicate(object: &Field<'_, '_>, other: &Source<'_>) {
    object.warn(duplicate(other));
}

/// What there is to say of an object of which `other` was given before.
fn duplicate(other: &Source<'_>) -> String {
    let Source { file, line } = other;
    if file.is_empty() {
        "is given twice: this one counts".to_owned()
    } else {
        format!("is given twice: this one counts, the other is at {file}:{line}")
    }
}

/// Kind, namespace and name, as messages have them.
fn object_name(kind: &str, is_namespaced: bool, meta: &Meta) -> String {
    let name = if meta.name.is_empty() {
        "(no name)"
    } else {
        &meta.name
    };
    if is_namespaced {
        format!("{kind} {}/{name}", meta.namespace)
    } else {
        format!("{kind} {name}")
    }
}
