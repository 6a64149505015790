//! Manifests to a cluster, and a cluster to an image.

use std::collections::BTreeMap;
use std::net::IpAddr;

use js_sys::{Array, JSON, Object, Reflect};
use netpolicy::manifest::{Loaded, Loader};
use netpolicy::model::{DomainName, IsolationScope, Options, OwnNode};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::convert::{
    Diagnostics, DomainNames, Manifests, OptionsObject, Pods, SkippedKinds, Thrown, error, from_js,
    map_from_js, to_js,
};
use crate::image::Image;

/// The objects of manifests, and what is wrong with them.
///
/// Its memory is not JavaScript's: `free()` it when it is no longer needed, or leave
/// it to the garbage collector.
#[wasm_bindgen]
pub struct Cluster {
    loaded: Loaded,
}

/// `Pod` in `types.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodObject<'l> {
    namespace: &'l str,
    name: &'l str,
    workload: Option<WorkloadObject<'l>>,
    labels: BTreeMap<&'l str, &'l str>,
    addresses: &'l [IpAddr],
    ports: Vec<PortObject<'l>>,
    node_name: &'l str,
    host_network: bool,
}

#[derive(Serialize)]
struct WorkloadObject<'l> {
    kind: &'l str,
    name: &'l str,
}

#[derive(Serialize)]
struct PortObject<'l> {
    name: &'l str,
    protocol: String,
    number: u16,
}

impl<'l> PodObject<'l> {
    fn new(pod: &'l netpolicy::model::Pod<'static>) -> PodObject<'l> {
        let workload = pod.workload.as_ref();
        let labels = pod.labels.iter();
        let port = |port: &'l netpolicy::model::NamedPort<'static>| PortObject {
            name: &port.name,
            protocol: port.protocol.to_string(),
            number: port.number,
        };
        PodObject {
            namespace: &pod.namespace,
            name: &pod.name,
            workload: workload.map(|workload| WorkloadObject {
                kind: &workload.kind,
                name: &workload.name,
            }),
            labels: labels.map(|label| (&*label.key, &*label.value)).collect(),
            addresses: &pod.addresses,
            ports: pod.ports.iter().map(port).collect(),
            node_name: &pod.node_name,
            host_network: pod.host_network,
        }
    }
}

#[wasm_bindgen]
impl Cluster {
    /// Loads manifests. What is wrong with an object is told among the diagnostics,
    /// and costs only that object.
    ///
    /// `domainNames` are the addresses that domain names resolve to at present.
    /// Throws an `Error` if a manifest has neither text nor objects.
    pub fn load(
        manifests: Manifests,
        #[wasm_bindgen(js_name = domainNames)] domain_names: Option<DomainNames>,
    ) -> Result<Cluster, Thrown> {
        let mut loader = Loader::default();
        for (index, manifest) in Array::from(&manifests).iter().enumerate() {
            read(&mut loader, &manifest, index)?;
        }
        if let Some(domain_names) = domain_names {
            let names: BTreeMap<String, Vec<IpAddr>> =
                map_from_js(domain_names.into(), "domainNames")?;
            for (name, addresses) in names {
                loader.domain_name(DomainName {
                    name: name.into(),
                    addresses: addresses.into(),
                });
            }
        }
        let loaded = loader.finish();
        Ok(Cluster { loaded })
    }

    /// What was wrong, in the order of reading.
    #[wasm_bindgen(getter)]
    pub fn diagnostics(&self) -> Result<Diagnostics, Thrown> {
        Ok(to_js(&self.loaded.diagnostics)?.unchecked_into())
    }

    /// The number of objects that count.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn objects(&self) -> usize {
        self.loaded.objects
    }

    /// How many objects of other kinds were passed over, by `apiVersion` and kind.
    #[wasm_bindgen(getter)]
    pub fn skipped(&self) -> Result<SkippedKinds, Thrown> {
        Ok(to_js(&self.loaded.skipped)?.unchecked_into())
    }

    /// The pods, with those that stand in for controllers whose pods were not given.
    pub fn pods(&self) -> Result<Pods, Thrown> {
        let pods = self.loaded.cluster.pods().iter();
        let pods: Vec<_> = pods.map(PodObject::new).collect();
        Ok(to_js(&pods)?.unchecked_into())
    }

    /// Compiles the cluster.
    ///
    /// Throws an `Error` for a wrong option, or for more than an image can hold.
    pub fn compile(&self, options: Option<OptionsObject>) -> Result<Image, Thrown> {
        let choices: Choices = match options {
            Some(options) => from_js(options.into(), "options", &Choices::FIELDS)?,
            None => Choices::default(),
        };
        let (image, _) = self
            .loaded
            .cluster
            .compile(&choices.into())
            .map_err(error)?;
        Ok(image.into())
    }
}

/// `Options` in `types.ts`.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Choices {
    isolation: Option<Isolation>,
    own_node_ingress: Option<Node>,
    own_node_egress: Option<Node>,
    ip_block_selects_pods: Option<bool>,
    table_budget: Option<u32>,
}

impl Choices {
    const FIELDS: [&str; 5] = [
        "isolation",
        "ownNodeIngress",
        "ownNodeEgress",
        "ipBlockSelectsPods",
        "tableBudget",
    ];
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Isolation {
    PerDirection,
    EitherDirection,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Node {
    Allowed,
    Evaluated,
}

impl From<Isolation> for IsolationScope {
    fn from(isolation: Isolation) -> IsolationScope {
        match isolation {
            Isolation::PerDirection => IsolationScope::PerDirection,
            Isolation::EitherDirection => IsolationScope::EitherDirection,
        }
    }
}

impl From<Node> for OwnNode {
    fn from(node: Node) -> OwnNode {
        match node {
            Node::Allowed => OwnNode::Allowed,
            Node::Evaluated => OwnNode::Evaluated,
        }
    }
}

impl From<Choices> for Options {
    fn from(choices: Choices) -> Options {
        fn chosen<C: Into<T>, T>(choice: Option<C>, default: T) -> T {
            choice.map_or(default, C::into)
        }
        let default = Options::default();
        let budget = choices.table_budget.map(|budget| budget as usize);
        Options {
            isolation: chosen(choices.isolation, default.isolation),
            own_node_ingress: chosen(choices.own_node_ingress, default.own_node_ingress),
            own_node_egress: chosen(choices.own_node_egress, default.own_node_egress),
            ip_block_selects_pods: chosen(
                choices.ip_block_selects_pods,
                default.ip_block_selects_pods,
            ),
            table_budget: chosen(budget, default.table_budget),
        }
    }
}

/// Reads `{ file, text }` or `{ file, objects }`.
fn read(loader: &mut Loader, manifest: &JsValue, index: usize) -> Result<(), Thrown> {
    let field = |name: &str| match manifest.dyn_ref::<Object>() {
        Some(object) => Reflect::get(object, &name.into()),
        None => Ok(JsValue::UNDEFINED),
    };
    let file = field("file")?.as_string();
    let file = file.unwrap_or_else(|| format!("manifests[{index}]"));
    if let Some(text) = field("text")?.as_string() {
        loader.read_text(&file, &text);
        return Ok(());
    }
    let objects = field("objects")?;
    if !objects.is_object() {
        return Err(error(format!(
            "manifests[{index}]: needs text (a string) or objects (an object, or an array of them)"
        )));
    }
    let json = JSON::stringify(&objects)?;
    loader.read_text(&file, &String::from(json));
    Ok(())
}
