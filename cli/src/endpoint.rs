//! The ends of a question: `10.0.3.7`, `web/frontend`, `web:app=frontend`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{Result, bail};
use netpolicy::explain::Explanation;
use netpolicy::model::{Label, NamedPort, Pod};
use netpolicy::{Endpoint, Image, Pair, Protocol};

/// An end as it was written.
#[derive(Debug, Clone)]
pub enum EndpointArgument {
    /// Whoever has this address.
    Address(IpAddr),
    /// A pod or a workload.
    Name {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A pod that need not exist.
    Described(Box<Pod<'static>>),
}

impl FromStr for EndpointArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(EndpointArgument::Address(address));
        }
        if let Some((namespace, description)) = text.split_once(':') {
            return describe(namespace, description).map(EndpointArgument::Described);
        }
        match text.split_once('/') {
            Some((namespace, name))
                if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
            {
                Ok(EndpointArgument::Name {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                })
            }
            _ => Err(format!(
                "{text:?} is no endpoint: write an address, namespace/name of a pod or workload, \
                 or namespace:key=value,… for a pod that need not exist"
            )),
        }
    }
}

/// Reads `key=value,…,@name=8080/TCP` as labels and named ports.
fn describe(namespace: &str, description: &str) -> Result<Box<Pod<'static>>, String> {
    let mut labels = Vec::new();
    let mut ports = Vec::new();
    for part in description.split(',').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| {
            format!("{part:?}: write key=value for a label, @name=port for a named port")
        })?;
        match key.strip_prefix('@') {
            None => labels.push(Label::new(key.to_owned(), value.to_owned())),
            Some(name) => {
                let (number, protocol) = value.split_once('/').unwrap_or((value, "TCP"));
                ports.push(NamedPort {
                    name: name.to_owned().into(),
                    protocol: protocol
                        .parse::<Protocol>()
                        .map_err(|error| format!("{part:?}: {error}"))?,
                    number: number
                        .parse()
                        .map_err(|_| format!("{part:?}: not a port number"))?,
                });
            }
        }
    }
    Ok(Box::new(Pod {
        namespace: namespace.to_owned().into(),
        labels: labels.into(),
        ports: ports.into(),
        ..Pod::default()
    }))
}

impl fmt::Display for EndpointArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndpointArgument::Address(address) => address.fmt(f),
            EndpointArgument::Name { namespace, name } => write!(f, "{namespace}/{name}"),
            EndpointArgument::Described(pod) => write!(f, "a pod of {}", &*pod.namespace),
        }
    }
}

impl EndpointArgument {
    /// What the argument stands for: one endpoint, or for a workload one of each
    /// kind of its pods that the policies can tell apart.
    ///
    /// # Errors
    /// If the image has no such pod or workload; says which there are.
    pub fn resolve<'i>(&'i self, image: &'i Image<'i>) -> Result<Vec<Endpoint<'i>>> {
        match self {
            EndpointArgument::Address(address) => Ok(vec![Endpoint::Address(*address)]),
            EndpointArgument::Described(pod) => Ok(vec![Endpoint::Described(pod)]),
            EndpointArgument::Name { namespace, name } => {
                if let Some(pod) = image.pod(namespace, name) {
                    return Ok(vec![Endpoint::Pod(pod)]);
                }
                let pods = image.pods_of_workload(namespace, name);
                if pods.is_empty() {
                    bail!(
                        "no pod or workload {namespace}/{name}{}",
                        similar(image, namespace, name)
                    );
                }
                Ok(pods.into_iter().map(Endpoint::Pod).collect())
            }
        }
    }
}

/// The connections that two arguments stand for: one for each pair of addresses of one
/// family. At least one.
///
/// # Errors
/// If an argument stands for nothing, or the two share no family.
pub fn pairs<'i>(
    image: &'i Image<'i>,
    from: &'i EndpointArgument,
    to: &'i EndpointArgument,
) -> Result<Vec<Pair<'i>>> {
    let destinations = to.resolve(image)?;
    let ends = from
        .resolve(image)?
        .into_iter()
        .flat_map(|source| destinations.iter().map(move |to| (source, *to)));
    let pairs: Vec<_> = ends
        .flat_map(|(source, destination)| image.pairs(source, destination))
        .collect();
    if pairs.is_empty() {
        bail!("{from} and {to} have no addresses of one family");
    }
    Ok(pairs)
}

/// Why the connections may pass, or may not: one explanation for each verdict in the
/// two directions; what is denied comes first.
#[must_use]
pub fn explanations<'i>(pairs: &[Pair<'i>], protocol: Protocol, port: u16) -> Vec<Explanation<'i>> {
    let mut explanations: Vec<Explanation<'_>> = Vec::new();
    for pair in pairs {
        let explanation = pair.explain(protocol, port);
        let is_new = explanations
            .iter()
            .all(|other| other.verdict() != explanation.verdict());
        if is_new {
            explanations.push(explanation);
        }
    }
    explanations.sort_by_key(|explanation| explanation.verdict().is_allowed());
    explanations
}

/// A hint at what may have been meant.
fn similar(image: &Image<'_>, namespace: &str, name: &str) -> String {
    let elsewhere = image.pods().find(|pod| {
        pod.namespace() != namespace
            && (pod.name() == name || pod.workload().is_some_and(|(_, workload)| workload == name))
    });
    if let Some(pod) = elsewhere {
        return format!("; there is one in namespace {}", pod.namespace());
    }
    let inside = image.pods().find(|pod| pod.namespace() == namespace);
    match inside {
        Some(pod) => format!("; namespace {namespace} has {pod}, among others"),
        None => format!(": there are no pods in namespace {namespace}"),
    }
}
