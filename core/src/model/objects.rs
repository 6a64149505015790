//! What is not a policy: namespaces, nodes, pods, resolved names.

use core::net::IpAddr;

use super::{InvalidEntry, Label, List, PortRange, Problem, Text};
use crate::Protocol;

/// A Namespace object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace<'a> {
    /// `metadata.name`.
    pub name: Text<'a>,
    /// `metadata.labels`; [`NAMESPACE_NAME_LABEL`](super::NAMESPACE_NAME_LABEL)
    /// is added by itself.
    pub labels: List<'a, Label<'a>>,
}

/// A Node object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node<'a> {
    /// `metadata.name`.
    pub name: Text<'a>,
    /// `metadata.labels`.
    pub labels: List<'a, Label<'a>>,
    /// The IP addresses in `status.addresses`, of whatever type.
    pub addresses: List<'a, IpAddr>,
}

/// `status.phase` of a pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// At least one container runs.
    Running,
    /// Accepted, not yet running; also what a pod without a phase counts as.
    #[default]
    Pending,
    /// Out of touch.
    Unknown,
    /// All containers ended well. Its address is no longer its own.
    Succeeded,
    /// All containers ended, one of them badly. Its address is no longer its own.
    Failed,
}

impl Phase {
    /// The phase of that name in the API.
    ///
    /// # Errors
    /// [`Problem::UnknownPhase`].
    pub fn from_api(text: &str) -> Result<Phase, Problem> {
        match text {
            "" | "Pending" => Ok(Phase::Pending),
            "Running" => Ok(Phase::Running),
            "Succeeded" => Ok(Phase::Succeeded),
            "Failed" => Ok(Phase::Failed),
            "Unknown" => Ok(Phase::Unknown),
            _ => Err(Problem::UnknownPhase),
        }
    }

    /// Whether the pod has ended, and so no longer holds its addresses.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Phase::Succeeded | Phase::Failed)
    }
}

/// A Pod object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod<'a> {
    /// `metadata.namespace`.
    pub namespace: Text<'a>,
    /// `metadata.name`.
    pub name: Text<'a>,
    /// `metadata.labels`.
    pub labels: List<'a, Label<'a>>,
    /// `status.podIPs`, else `status.podIP`.
    pub addresses: List<'a, IpAddr>,
    /// `status.hostIP` and `status.hostIPs`.
    pub host_addresses: List<'a, IpAddr>,
    /// `spec.nodeName`; empty if not scheduled.
    pub node_name: Text<'a>,
    /// `spec.hostNetwork`.
    pub host_network: bool,
    /// `status.phase`.
    pub phase: Phase,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// `metadata.creationTimestamp`, in seconds since the epoch.
    pub created: Option<i64>,
    /// The named ports of `containers`, and of init containers with
    /// `restartPolicy: Always`.
    pub ports: List<'a, NamedPort<'a>>,
    /// Every port that its containers and init containers declare, with a name or
    /// without. No verdict depends on it: a container may listen elsewhere.
    pub declared_ports: List<'a, (Protocol, u16)>,
    /// What runs the pod, or what stands in for it.
    pub workload: Option<Workload<'a>>,
}

/// A container port with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPort<'a> {
    /// `name`.
    pub name: Text<'a>,
    /// `protocol`: TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// `containerPort`, 1–65535.
    pub number: u16,
}

impl NamedPort<'_> {
    fn check(&self) -> Result<(), Problem> {
        if self.name.is_empty() {
            return Err(Problem::NotAPortName);
        }
        PortRange::single(self.number.into())?;
        self.protocol.check_has_ports()
    }
}

impl Pod<'_> {
    /// What no single field's type can rule out.
    ///
    /// # Errors
    /// The first of its `ports` that the API would not take, and why:
    /// [`Problem::NotAPortName`], [`Problem::PortOutOfRange`],
    /// [`Problem::UnknownProtocol`].
    pub fn check(&self) -> Result<(), InvalidEntry> {
        InvalidEntry::first_of("ports", &self.ports, NamedPort::check)
    }
}

/// The Deployment, StatefulSet or other controller that a pod belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload<'a> {
    /// Its kind.
    pub kind: Text<'a>,
    /// Its name, in the pod's namespace.
    pub name: Text<'a>,
}

/// The addresses that a domain name resolves to at present, as the caller knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainName<'a> {
    /// The name; case and a trailing dot do not count.
    pub name: Text<'a>,
    /// Its addresses.
    pub addresses: List<'a, IpAddr>,
}

#[cfg(feature = "alloc")]
impl DomainName<'_> {
    /// The name in the spelling that all spellings of it share: in small letters,
    /// without a trailing dot.
    #[must_use]
    pub fn normal_name(&self) -> alloc::string::String {
        DomainName::normal(&self.name)
    }

    /// That spelling of a name of which nothing else is known.
    pub(crate) fn normal(name: &str) -> alloc::string::String {
        name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
    }
}

/// Where an object was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source<'a> {
    /// The file, as the caller names it; empty if unknown.
    pub file: Text<'a>,
    /// The line on which the object begins, from 1; 0 if unknown.
    pub line: u32,
}
