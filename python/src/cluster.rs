//! Manifests in, image out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use netpolicy::manifest::Loader;
use netpolicy::model::{DomainName, IsolationScope, Options, OwnNode};
use netpolicy::{Diagnostic, Severity};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::diagnostic::{self, diagnostics};
use crate::errors::{CompileError, ManifestError, choice};
use crate::image::Image;
use crate::open_image::{Bytes, OpenImage};

/// The objects of a cluster, and what was wrong with the manifests.
#[pyclass(module = "netpolicy", frozen)]
pub(crate) struct Cluster {
    cluster: netpolicy::Cluster,
    diagnostics: Vec<Diagnostic>,
    skipped: BTreeMap<String, usize>,
    objects: usize,
    /// The image of the default options.
    image: PyOnceLock<Py<Image>>,
}

/// What domain names resolve to.
type Domains = BTreeMap<String, Vec<IpAddr>>;

/// What is read: a file or folder, or a text with the name that messages give it.
enum Source {
    Path(String),
    Text { file: String, text: String },
}

impl Cluster {
    fn read(
        py: Python<'_>,
        sources: Vec<Source>,
        domains: Domains,
        errors: &str,
    ) -> PyResult<Cluster> {
        let raises = choice("errors", errors, &[("raise", true), ("skip", false)])?;
        let loaded = py.detach(|| {
            let mut loader = Loader::default();
            for source in &sources {
                match source {
                    Source::Path(path) => loader.read_path(path),
                    Source::Text { file, text } => loader.read_text(file, text),
                }
            }
            for (name, addresses) in domains {
                loader.domain_name(DomainName {
                    name: name.into(),
                    addresses: addresses.into(),
                });
            }
            loader.finish()
        });
        if raises && loaded.errors().next().is_some() {
            return Err(ManifestError::new_err((diagnostics(&loaded.diagnostics),)));
        }
        Ok(Cluster {
            cluster: loaded.cluster,
            diagnostics: loaded.diagnostics,
            skipped: loaded.skipped,
            objects: loaded.objects,
            image: PyOnceLock::new(),
        })
    }

    fn compile_with(&self, py: Python<'_>, options: &Options) -> PyResult<Image> {
        let image = py.detach(|| self.cluster.compile(options));
        let (image, _) = image.map_err(|error| CompileError::new_err(error.to_string()))?;
        OpenImage::open(Bytes::Owned(image.into_bytes())).map(|image| Image::new(Arc::new(image)))
    }
}

#[pymethods]
impl Cluster {
    /// Reads manifests.
    ///
    /// Each source is a file, a folder or a glob (text, or ``os.PathLike``), a manifest
    /// as text (which has a line break or begins with ``{``), an open file, an object as
    /// a dict, a model or list response of the official ``kubernetes`` client, or an
    /// iterable of such. YAML and JSON; streams, lists, what ``kubectl get -o yaml`` prints.
    ///
    /// ``domains`` tells what domain names resolve to. An error in the manifests raises
    /// :class:`ManifestError`; with ``errors="skip"`` it is told in ``diagnostics``, and
    /// costs only the object that has it.
    ///
    /// >>> cluster = netpolicy.Cluster.load("examples/wordpress")
    /// >>> cluster
    /// <Cluster 3 pods, 3 policies>
    ///
    /// >>> netpolicy.Cluster.load({"apiVersion": "v1", "kind": "Pod",
    /// ...                         "metadata": {"name": "web"}, "spec": {"containers": []}})
    /// <Cluster 1 pod, 0 policies>
    #[staticmethod]
    #[pyo3(signature = (*sources, domains=None, errors="raise"))]
    fn load(
        py: Python<'_>,
        sources: &Bound<'_, PyTuple>,
        domains: Option<Domains>,
        errors: &str,
    ) -> PyResult<Cluster> {
        let texts = py
            .import("netpolicy._sources")?
            .call_method1("sources", (sources,))?;
        let mut found = Vec::new();
        for pair in texts.try_iter()? {
            let (name, text): (String, Option<String>) = pair?.extract()?;
            found.push(match text {
                None => Source::Path(name),
                Some(text) => Source::Text { file: name, text },
            });
        }
        Cluster::read(py, found, domains.unwrap_or_default(), errors)
    }

    /// Reads a text of any number of documents; ``file`` names it in messages.
    ///
    /// >>> netpolicy.Cluster.from_text("kind: Pod", file="pod.yaml")
    /// Traceback (most recent call last):
    /// netpolicy.ManifestError: pod.yaml:1:1: error: apiVersion: is required
    #[staticmethod]
    #[pyo3(signature = (text, *, file="<text>", domains=None, errors="raise"))]
    fn from_text(
        py: Python<'_>,
        text: String,
        file: &str,
        domains: Option<Domains>,
        errors: &str,
    ) -> PyResult<Cluster> {
        let source = Source::Text {
            file: file.to_owned(),
            text,
        };
        Cluster::read(py, vec![source], domains.unwrap_or_default(), errors)
    }

    /// Compiles the objects into an :class:`Image`.
    ///
    /// The arguments are the choices that the APIs leave open; ``table_budget`` is how
    /// many bytes the decision tables may take, beyond which an image is slower, never
    /// wrong. The image of the defaults is made once, and kept.
    #[pyo3(signature = (
        *,
        isolation="per-direction",
        own_node_ingress="allow",
        own_node_egress="evaluate",
        ip_block_selects_pods=true,
        table_budget=Options::DEFAULT_TABLE_BUDGET,
    ))]
    fn compile(
        &self,
        py: Python<'_>,
        isolation: &str,
        own_node_ingress: &str,
        own_node_egress: &str,
        ip_block_selects_pods: bool,
        table_budget: usize,
    ) -> PyResult<Py<Image>> {
        let own_node = [
            ("allow", OwnNode::Allowed),
            ("evaluate", OwnNode::Evaluated),
        ];
        let scopes = [
            ("per-direction", IsolationScope::PerDirection),
            ("either-direction", IsolationScope::EitherDirection),
        ];
        let options = Options {
            isolation: choice("isolation", isolation, &scopes)?,
            own_node_ingress: choice("own_node_ingress", own_node_ingress, &own_node)?,
            own_node_egress: choice("own_node_egress", own_node_egress, &own_node)?,
            ip_block_selects_pods,
            table_budget,
        };
        let compile = || Py::new(py, self.compile_with(py, &options)?);
        if options == Options::default() {
            return self
                .image
                .get_or_try_init(py, compile)
                .map(|image| image.clone_ref(py));
        }
        compile()
    }

    /// Every error and warning: those of reading, and what is valid but perhaps not
    /// meant, such as selectors that select nothing.
    fn check(&self, py: Python<'_>) -> PyResult<Vec<diagnostic::Diagnostic>> {
        let image = self.compile_with(py, &Options::default())?;
        let found = py.detach(|| netpolicy::check::check(image.image()));
        let mut all = diagnostics(&self.diagnostics);
        all.extend(diagnostics(&found));
        Ok(all)
    }

    /// What was wrong with the manifests, in the order of reading.
    #[getter]
    fn diagnostics(&self) -> Vec<diagnostic::Diagnostic> {
        diagnostics(&self.diagnostics)
    }

    /// How many objects of kinds that do not matter were passed over, by ``apiVersion``
    /// and kind.
    #[getter]
    fn skipped(&self) -> BTreeMap<String, usize> {
        self.skipped.clone()
    }

    /// The number of objects that count.
    fn __len__(&self) -> usize {
        self.objects
    }

    fn __repr__(&self) -> String {
        let pods = self.cluster.pods().len();
        let policies =
            self.cluster.network_policies().len() + self.cluster.cluster_policies().len();
        let errors = self
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .count();
        let mut text = format!(
            "<Cluster {}, {}",
            count(pods, "pod", "pods"),
            count(policies, "policy", "policies")
        );
        if errors != 0 {
            text += &format!(", {}", count(errors, "error", "errors"));
        }
        text + ">"
    }
}

/// `1 pod`, `2 pods`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
