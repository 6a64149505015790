//! The ports of a rule.

use super::{Problem, Text};
use crate::Protocol;

/// A range of ports, both ends included, within 1–65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The range from `first` to `last`.
    ///
    /// # Errors
    /// [`Problem::PortOutOfRange`], [`Problem::PortRangeReversed`].
    pub fn new(first: i64, last: i64) -> Result<PortRange, Problem> {
        let port = |number: i64| match u16::try_from(number) {
            Ok(port) if port != 0 => Ok(port),
            _ => Err(Problem::PortOutOfRange { number }),
        };
        let (first, last) = (port(first)?, port(last)?);
        if first > last {
            return Err(Problem::PortRangeReversed { first, last });
        }
        Ok(PortRange { first, last })
    }

    /// The range of one port.
    ///
    /// # Errors
    /// [`Problem::PortOutOfRange`].
    pub fn single(port: i64) -> Result<PortRange, Problem> {
        PortRange::new(port, port)
    }

    /// The lowest port.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }
}

/// One entry of a rule's `ports` or `protocols`. Its protocol is TCP, UDP or SCTP:
/// the compiler refuses a policy with another ([`Problem::UnknownProtocol`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port<'a> {
    /// Every port of a protocol: `port` missing, or `tcp: {}`.
    Every(Protocol),
    /// A number or a range: `port`..`endPort`, `portNumber`, `portRange`,
    /// `destinationPort`.
    Range(Protocol, PortRange),
    /// The ports that the destination pod gives this name, in one protocol
    /// (NetworkPolicy) or in any (`namedPort`, `destinationNamedPort`).
    Named(Option<Protocol>, Text<'a>),
}

impl Port<'_> {
    /// Whether policies can name the protocol.
    pub(super) fn check(&self) -> Result<(), Problem> {
        match self {
            Port::Every(protocol) | Port::Range(protocol, _) | Port::Named(Some(protocol), _) => {
                protocol.check_has_ports()
            }
            Port::Named(None, _) => Ok(()),
        }
    }
}
