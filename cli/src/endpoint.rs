//! The ends of a question: `10.0.3.7`, `web/frontend`, `web:app=frontend`.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use anyhow::{Result, bail};
use netpolicy::explain::Explanation;
use netpolicy::model::{Label, NamedPort, Pod, PortRange, Problem};
use netpolicy::{Endpoint, Family, Image, Pair, PodRef, Protocol, Verdict};

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

/// What is wrong with an address that has a port or brackets.
fn almost_an_address(text: &str) -> Option<String> {
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
                if let Some(pod) = image.pod(namespace, name) {
                    return Ok(vec![Endpoint::Pod(pod)]);
                }
                let is_its = |pod: &PodRef<'_>| {
                    pod.namespace() == namespace
                        && pod.workload().is_some_and(|(_, workload)| workload == name)
                };
                let pods: Vec<_> = image.pods().filter(is_its).map(Endpoint::Pod).collect();
                if pods.is_empty() {
                    bail!(
                        "no pod or workload {namespace}/{name}{}",
                        similar(image, namespace, name)
                    );
                }
                Ok(pods)
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
    let ends = Ends::new(image, from, to)?;
    let mut found = outcomes_of(image, protocol, port, ends.apart());
    if found.is_empty() {
        found = outcomes_of(image, protocol, port, ends.alone());
    }
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

fn outcomes_of<'i>(
    image: &'i Image<'i>,
    protocol: Protocol,
    port: u16,
    ends: impl Iterator<Item = [Endpoint<'i>; 2]>,
) -> Vec<(Verdict, Pair<'i>)> {
    let mut found: Vec<(Verdict, Pair<'i>)> = Vec::new();
    for pair in ends.flat_map(|[source, destination]| image.pairs(source, destination)) {
        let verdict = pair.verdict(protocol, port);
        match found.iter_mut().find(|(other, _)| *other == verdict) {
            None => found.push((verdict, pair)),
            // That a pod may always reach itself tells least.
            Some((_, other)) if other.is_same_pod() => *other = pair,
            Some(_) => {}
        }
    }
    found
}

/// The pairs of endpoints that two arguments stand for, as far as policies can tell
/// them apart.
struct Ends<'i> {
    from: Vec<Endpoint<'i>>,
    to: Vec<Endpoint<'i>>,
}

impl<'i> Ends<'i> {
    fn new(
        image: &'i Image<'i>,
        from: &'i EndpointArgument,
        to: &'i EndpointArgument,
    ) -> Result<Ends<'i>> {
        let (mut from, mut to) = (from.resolve(image)?, to.resolve(image)?);
        let mut all = from.iter().chain(&to);
        let tell_nodes = all.any(|end| end.has_node_address(image));
        keep_two_of_a_kind(&mut from, tell_nodes);
        keep_two_of_a_kind(&mut to, tell_nodes);
        Ok(Ends { from, to })
    }

    /// The pairs of which both ends are different pods, or at least may be.
    fn apart(&self) -> impl Iterator<Item = [Endpoint<'i>; 2]> {
        self.all().filter(|ends| !is_one_pod(ends))
    }

    /// The pairs of a pod with itself.
    fn alone(&self) -> impl Iterator<Item = [Endpoint<'i>; 2]> {
        self.all().filter(is_one_pod)
    }

    fn all(&self) -> impl Iterator<Item = [Endpoint<'i>; 2]> {
        let to = |from| self.to.iter().map(move |to| [from, *to]);
        self.from.iter().copied().flat_map(to)
    }
}

fn is_one_pod(ends: &[Endpoint<'_>; 2]) -> bool {
    match ends {
        [Endpoint::Pod(a), Endpoint::Pod(b)] => a == b && !a.stands_in(),
        _ => false,
    }
}

/// Keeps two pods of each kind. More could not get another answer, and one alone
/// would have none of its kind at the other end but itself.
fn keep_two_of_a_kind(ends: &mut Vec<Endpoint<'_>>, tell_nodes: bool) {
    let mut seen: HashMap<Vec<(Option<Family>, u32)>, usize> = HashMap::new();
    ends.retain(|end| match end {
        Endpoint::Pod(pod) => {
            let count = seen.entry(pod.kind(tell_nodes).collect()).or_default();
            *count += 1;
            *count <= 2
        }
        Endpoint::Address(_) | Endpoint::Described(_) => true,
    });
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
