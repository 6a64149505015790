//! The ends of a question: `10.0.3.7`, `web/frontend`, `web:app=frontend`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use anyhow::{Result, bail};
use netpolicy::explain::Explanation;
use netpolicy::model::{Label, NamedPort, Pod, PortRange, Problem};
use netpolicy::{Cidr, Endpoint, Image, Pair, Protocol, Verdict};

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
        if let Some(problem) = almost_an_address(text) {
            return Err(problem);
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

/// What is wrong with an address that has a prefix length, a port or brackets.
fn almost_an_address(text: &str) -> Option<String> {
    if text.contains('/') && text.parse::<Cidr>().is_ok() {
        return Some(format!(
            "{text} is a block: write one address of it, and ask again for others"
        ));
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        let (address, port) = (socket.ip(), socket.port());
        return Some(format!(
            "leave out the port: write {address}, and --port {port}"
        ));
    }
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    let address: IpAddr = inside.parse().ok()?;
    Some(format!("write the address without brackets: {address}"))
}

/// Reads `key=value,…,@name=8080/TCP` as labels and named ports.
fn describe(namespace: &str, description: &str) -> Result<Box<Pod<'static>>, String> {
    if namespace.is_empty() || namespace.contains('/') {
        return Err(format!("{namespace:?} is no namespace"));
    }
    let mut labels = Vec::new();
    let mut ports = Vec::new();
    for part in description.split(',').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| {
            format!("{part:?}: write key=value for a label, @name=port for a named port")
        })?;
        match key.strip_prefix('@') {
            None if key.is_empty() => return Err(format!("{part:?}: a label needs a key")),
            None => labels.push(Label::new(key.to_owned(), value.to_owned())),
            Some(name) => {
                ports.push(named_port(name, value).map_err(|error| format!("{part:?}: {error}"))?);
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

/// Reads `8080/TCP` as the port of a name.
fn named_port(name: &str, value: &str) -> Result<NamedPort<'static>, String> {
    let (number, protocol) = value.split_once('/').unwrap_or((value, "TCP"));
    let protocol: Protocol = protocol
        .parse()
        .map_err(|error: Problem| error.to_string())?;
    if name.is_empty() {
        return Err("a named port needs a name".into());
    }
    if !protocol.has_ports() {
        return Err(Problem::UnknownProtocol.to_string());
    }
    let number: i64 = number.parse().map_err(|_| "not a port number")?;
    let range = PortRange::single(number).map_err(|error| error.to_string())?;
    Ok(NamedPort {
        name: name.to_owned().into(),
        protocol,
        number: range.first(),
    })
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
    /// What the argument stands for: one endpoint, or all pods of a workload.
    fn resolve<'i>(&'i self, image: &'i Image<'i>) -> Result<Vec<Endpoint<'i>>> {
        match self {
            EndpointArgument::Address(address) => Ok(vec![Endpoint::Address(*address)]),
            EndpointArgument::Described(pod) => Ok(vec![Endpoint::Described(pod)]),
            EndpointArgument::Name { namespace, name } => {
                let pods = image.pods_named(namespace, name);
                if pods.is_empty() {
                    bail!(nobody(image, namespace, name));
                }
                Ok(pods.into_iter().map(Endpoint::Pod).collect())
            }
        }
    }
}

/// What comes out between two arguments: for each verdict in the two directions a pair
/// of addresses that gets it. At least one.
///
/// # Errors
/// If an argument stands for nothing, or the two share no family.
pub fn outcomes<'i>(
    image: &'i Image<'i>,
    from: &'i EndpointArgument,
    to: &'i EndpointArgument,
    protocol: Protocol,
    port: u16,
) -> Result<Vec<(Verdict, Pair<'i>)>> {
    let found = image.outcomes(from.resolve(image)?, to.resolve(image)?, protocol, port);
    if found.is_empty() {
        bail!("{from} and {to} have no addresses of one family");
    }
    Ok(found)
}

/// Why the connections may pass, or may not: one explanation for each outcome; what is
/// denied comes first.
#[must_use]
pub fn explanations<'i>(
    outcomes: &[(Verdict, Pair<'i>)],
    protocol: Protocol,
    port: u16,
) -> Vec<Explanation<'i>> {
    let pairs = outcomes.iter().map(|(_, pair)| pair);
    let mut explanations: Vec<_> = pairs.map(|pair| pair.explain(protocol, port)).collect();
    explanations.sort_by_key(|explanation| explanation.verdict().is_allowed());
    explanations
}

/// That there is no such pod or workload.
pub(crate) fn nobody(image: &Image<'_>, namespace: &str, name: &str) -> String {
    format!(
        "no pod or workload {namespace}/{name}{}",
        similar(image, namespace, name)
    )
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
