//! The ends of a question: an address, a pod or workload, a pod that need not exist.

use std::collections::BTreeMap;
use std::net::IpAddr;

use netpolicy::model::{Label, NamedPort, Pod};
use netpolicy::{Endpoint, Image, Pair, Protocol, Verdict};
use serde::Deserialize;
use wasm_bindgen::JsValue;

use crate::convert::{Thrown, error, from_js};

/// `Question` in `types.ts`.
#[derive(Deserialize)]
pub(crate) struct Question {
    from: End,
    to: End,
    #[serde(default = "tcp")]
    protocol: ProtocolName,
    port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ProtocolName {
    Number(u8),
    Name(String),
}

fn tcp() -> ProtocolName {
    ProtocolName::Number(Protocol::TCP.0)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum End {
    Text(String),
    Described(Described),
}

/// `DescribedPod` in `types.ts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Described {
    namespace: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    ports: Vec<DescribedPort>,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default)]
    host_addresses: Vec<IpAddr>,
    #[serde(default)]
    node_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribedPort {
    name: String,
    #[serde(default = "tcp")]
    protocol: ProtocolName,
    number: u16,
}

impl ProtocolName {
    fn resolve(&self) -> Result<Protocol, Thrown> {
        match self {
            ProtocolName::Number(number) => Ok(Protocol(*number)),
            ProtocolName::Name(name) => name
                .parse()
                .map_err(|problem| error(format!("protocol {name:?}: {problem}"))),
        }
    }
}

impl Described {
    fn pod(self) -> Result<Pod<'static>, Thrown> {
        let label = |(key, value)| Label::new(key, value);
        let labels: Vec<_> = self.labels.into_iter().map(label).collect();
        let port = |port: DescribedPort| {
            Ok(NamedPort {
                protocol: port.protocol.resolve()?,
                name: port.name.into(),
                number: port.number,
            })
        };
        let ports: Result<Vec<_>, Thrown> = self.ports.into_iter().map(port).collect();
        Ok(Pod {
            namespace: self.namespace.into(),
            labels: labels.into(),
            ports: ports?.into(),
            addresses: self.addresses.into(),
            host_addresses: self.host_addresses.into(),
            node_name: self.node_name.into(),
            ..Pod::default()
        })
    }
}

/// An end whose text has been read.
enum Resolved {
    Address(IpAddr),
    Named { namespace: String, name: String },
    Described(Box<Pod<'static>>),
}

impl End {
    fn resolve(self) -> Result<Resolved, Thrown> {
        let text = match self {
            End::Described(described) => {
                return Ok(Resolved::Described(Box::new(described.pod()?)));
            }
            End::Text(text) => text,
        };
        if let Ok(address) = text.parse() {
            return Ok(Resolved::Address(address));
        }
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                Ok(Resolved::Named {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                })
            }
            _ => Err(error(format!(
                "{text:?} is no endpoint: write an address, namespace/name of a pod or workload, \
                 or an object that describes a pod"
            ))),
        }
    }
}

impl Resolved {
    /// What it stands for: one endpoint, or all pods of a workload.
    fn endpoints<'i>(&'i self, image: &'i Image<'i>) -> Result<Vec<Endpoint<'i>>, Thrown> {
        let (namespace, name) = match self {
            Resolved::Address(address) => return Ok(vec![Endpoint::Address(*address)]),
            Resolved::Described(pod) => return Ok(vec![Endpoint::Described(pod)]),
            Resolved::Named { namespace, name } => (namespace, name),
        };
        let pods = image.pods_named(namespace, name);
        if pods.is_empty() {
            return Err(error(format!("no pod or workload {namespace}/{name}")));
        }
        Ok(pods.into_iter().map(Endpoint::Pod).collect())
    }
}

impl Question {
    pub(crate) fn read(value: JsValue) -> Result<Question, Thrown> {
        from_js(value, "question", &["from", "to", "protocol", "port"])
    }

    /// Hands each different outcome to `visit`, with a pair of addresses that has it.
    pub(crate) fn each_outcome(
        self,
        image: &Image<'_>,
        mut visit: impl FnMut(Verdict, Pair<'_>, Protocol, u16) -> Result<(), Thrown>,
    ) -> Result<(), Thrown> {
        let protocol = self.protocol.resolve()?;
        let port = match (self.port, protocol.has_ports()) {
            (Some(port), true) => port,
            (None, false) => 0,
            (None, true) => return Err(error(format!("{protocol} needs a port"))),
            (Some(_), false) => {
                return Err(error(format!("{protocol} has no ports: leave out port")));
            }
        };
        let (from, to) = (self.from.resolve()?, self.to.resolve()?);
        let (sources, destinations) = (from.endpoints(image)?, to.endpoints(image)?);
        let outcomes = image.outcomes(sources, destinations, protocol, port);
        if outcomes.is_empty() {
            return Err(error("from and to have no addresses of one family"));
        }
        outcomes
            .into_iter()
            .try_for_each(|(verdict, pair)| visit(verdict, pair, protocol, port))
    }
}
