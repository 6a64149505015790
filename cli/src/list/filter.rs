//! Which rows are asked for.

use std::str::FromStr;

use anyhow::{Result, bail};
use clap::ValueEnum;
use netpolicy::reach::{Peer, PortSet, PotentialPorts, Row, WorkloadPeer};
use netpolicy::{Image, Protocol};

use super::{Listed, ports_of_row};
use crate::endpoint::nobody;

/// What narrows a list.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "What to list")]
pub(super) struct Filter {
    /// Only connections with an end in this namespace; may be repeated
    #[arg(short, long)]
    namespace: Vec<String>,

    /// Only connections with this workload or pod at an end: namespace/name, or a name;
    /// may be repeated
    #[arg(short, long)]
    workload: Vec<String>,

    /// Only what the chosen namespaces and workloads send, or what they receive
    #[arg(short, long, value_enum)]
    direction: Option<DirectionArgument>,

    /// Only connections to these ports: 443, 8000-8999, UDP/53 or ICMP; may be repeated
    #[arg(short, long)]
    port: Vec<PortArgument>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DirectionArgument {
    /// They are the source
    Egress,
    /// They are the destination
    Ingress,
}

/// Ports of one protocol; TCP if none is named.
#[derive(Debug, Clone)]
pub(crate) struct PortArgument(pub(crate) PortSet);

impl FromStr for PortArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<PortArgument, String> {
        let wrong = || {
            format!(
                "{text:?}: write the number of a port (443) or a range (8000-8999), perhaps with \
                 the protocol in front (UDP/53), or a protocol alone (ICMP)"
            )
        };
        let port = |text: &str| match text.parse() {
            Ok(0 | 65_536_u64..) => Err(format!("{text}: ports are from 1 to 65535")),
            Ok(port) => Ok(port as u16),
            Err(_) => Err(wrong()),
        };
        let is_number = text.starts_with(|c: char| c.is_ascii_digit());
        let (protocol, ports) = match text.split_once('/') {
            Some((protocol, ports)) => (protocol, Some(ports)),
            None if is_number => ("TCP", Some(text)),
            None => (text, None),
        };
        let protocol: Protocol = protocol.parse().map_err(|_| wrong())?;
        let Some(ports) = ports else {
            return Ok(PortArgument(PortSet::every(protocol)));
        };
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last) = (port(first)?, port(last)?);
        if first > last {
            return Err(format!("{text:?}: the range ends before it begins"));
        }
        Ok(PortArgument(PortSet::range(protocol, first, last)))
    }
}

impl Filter {
    /// Makes sure that what is asked for is there, and finds the workloads of pods.
    ///
    /// # Errors
    /// If there is no such namespace or workload: an empty list would say that it is
    /// cut off.
    pub(super) fn resolve(&mut self, image: &Image<'_>) -> Result<()> {
        for namespace in &self.namespace {
            let has_pods = || image.pods().any(|pod| pod.namespace() == namespace);
            if !image.has_namespace(namespace) && !has_pods() {
                bail!("nothing that was given is in namespace {namespace}");
            }
        }
        let mut of_pods = Vec::new();
        for name in &self.workload {
            let is_called = |namespace: &str, called: &str| match name.split_once('/') {
                Some(parts) => parts == (namespace, called),
                None => name == called,
            };
            let mut is_there = false;
            for pod in image.pods() {
                let workload = pod.workload().map_or(pod.name(), |(_, workload)| workload);
                if is_called(pod.namespace(), workload) {
                    is_there = true;
                } else if is_called(pod.namespace(), pod.name()) {
                    is_there = true;
                    of_pods.push(format!("{}/{workload}", pod.namespace()));
                }
            }
            if !is_there {
                match name.split_once('/') {
                    Some((namespace, name)) => bail!(nobody(image, namespace, name)),
                    None => bail!("no pod or workload of any namespace is called {name}"),
                }
            }
        }
        self.workload.extend(of_pods);
        Ok(())
    }

    /// What is asked for of a row.
    pub(super) fn apply<'r>(
        &self,
        row: Row<'r>,
        potential: Option<&'r PotentialPorts>,
    ) -> Option<Listed<'r>> {
        let (source, destination) = (row.source(), row.destination());
        let (ports, names) = ports_of_row(destination, row.ports(), potential);
        let ends: &[&Peer] = match self.direction {
            Some(DirectionArgument::Egress) => &[source],
            Some(DirectionArgument::Ingress) => &[destination],
            None => &[source, destination],
        };
        let is_chosen = self.chooses(ends);
        // Which numbers names stand for is not known.
        let (ports, names) = if self.port.is_empty() {
            (ports, names)
        } else {
            let asked = self
                .port
                .iter()
                .fold(PortSet::EMPTY, |all, port| all.union(&port.0));
            (ports.intersection(&asked), Vec::new())
        };
        let is_something = !ports.is_empty() || !names.is_empty();
        (is_chosen && is_something).then_some(Listed {
            source,
            destination,
            ports,
            names,
            potential,
            row,
        })
    }

    /// Whether one of the ends is in a namespace that is asked for, and one, perhaps the
    /// other, is a workload that is.
    fn chooses(&self, ends: &[&Peer]) -> bool {
        let mut workloads = ends.iter().filter_map(|end| end.workload());
        if self.namespace.is_empty() && self.workload.is_empty() {
            // A direction alone asks for what workloads do.
            return self.direction.is_none() || workloads.next().is_some();
        }
        let is_in = |workload: &WorkloadPeer| self.namespace.contains(&workload.namespace);
        let is_named = |workload: &WorkloadPeer| {
            self.workload.iter().any(|name| match name.split_once('/') {
                Some((namespace, name)) => workload.namespace == namespace && workload.name == name,
                None => workload.name == *name,
            })
        };
        (self.namespace.is_empty() || workloads.clone().any(is_in))
            && (self.workload.is_empty() || workloads.any(is_named))
    }
}
