//! IP protocols by number, and the ports of those that have them.

use core::fmt;
use core::str::FromStr;

use crate::problem::Problem;

/// An IP protocol, by its IANA number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// Transmission Control Protocol.
    pub const TCP: Protocol = Protocol(6);
    /// User Datagram Protocol.
    pub const UDP: Protocol = Protocol(17);
    /// Stream Control Transmission Protocol.
    pub const SCTP: Protocol = Protocol(132);
    /// ICMP for IPv4.
    pub const ICMP: Protocol = Protocol(1);
    /// ICMP for IPv6.
    pub const ICMPV6: Protocol = Protocol(58);

    /// Whether policies can name ports of this protocol: TCP, UDP and SCTP.
    /// A rule with ports never matches any other.
    #[inline]
    #[must_use]
    pub const fn has_ports(self) -> bool {
        matches!(self, Protocol::TCP | Protocol::UDP | Protocol::SCTP)
    }

    /// [`Problem::UnknownProtocol`] unless it is one with ports.
    pub(crate) const fn check_has_ports(self) -> Result<(), Problem> {
        if self.has_ports() {
            Ok(())
        } else {
            Err(Problem::UnknownProtocol)
        }
    }

    /// The protocol that a policy names: `TCP`, `UDP` or `SCTP`, in capitals as
    /// the API wants them.
    ///
    /// # Errors
    /// [`Problem::UnknownProtocol`].
    pub fn from_policy(text: &str) -> Result<Protocol, Problem> {
        match text {
            "TCP" => Ok(Protocol::TCP),
            "UDP" => Ok(Protocol::UDP),
            "SCTP" => Ok(Protocol::SCTP),
            _ => Err(Problem::UnknownProtocol),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Protocol::TCP => "TCP",
            Protocol::UDP => "UDP",
            Protocol::SCTP => "SCTP",
            Protocol::ICMP => "ICMP",
            Protocol::ICMPV6 => "ICMPv6",
            Protocol(number) => return write!(f, "protocol {number}"),
        })
    }
}

impl FromStr for Protocol {
    type Err = Problem;

    /// Reads a question's protocol: a name in any case, or a number from 0 to 255.
    ///
    /// # Errors
    /// [`Problem::UnknownProtocol`].
    fn from_str(text: &str) -> Result<Protocol, Problem> {
        const NAMES: [(&str, Protocol); 5] = [
            ("TCP", Protocol::TCP),
            ("UDP", Protocol::UDP),
            ("SCTP", Protocol::SCTP),
            ("ICMP", Protocol::ICMP),
            ("ICMPv6", Protocol::ICMPV6),
        ];
        for (name, protocol) in NAMES {
            if text.eq_ignore_ascii_case(name) {
                return Ok(protocol);
            }
        }
        text.parse()
            .map(Protocol)
            .map_err(|_| Problem::UnknownProtocol)
    }
}

/// A point of the port space that the image partitions: 65,536 ports for each of
/// TCP, UDP and SCTP, and one point for every protocol that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PortKey(pub(crate) u32);

impl PortKey {
    /// Where protocols without ports stand.
    pub(crate) const PORTLESS: PortKey = PortKey(3 << 16);
    /// One past the last key.
    pub(crate) const END: u32 = Self::PORTLESS.0 + 1;

    /// The key of a connection. The port of a protocol without ports is ignored.
    #[inline]
    pub(crate) const fn new(protocol: Protocol, port: u16) -> PortKey {
        let block: u32 = match protocol {
            Protocol::TCP => 0,
            Protocol::UDP => 1,
            Protocol::SCTP => 2,
            _ => return PortKey::PORTLESS,
        };
        PortKey(block << 16 | port as u32)
    }

    /// Protocol and port, or `None` for [`PortKey::PORTLESS`].
    pub(crate) const fn parts(self) -> Option<(Protocol, u16)> {
        let protocol = match self.0 >> 16 {
            0 => Protocol::TCP,
            1 => Protocol::UDP,
            2 => Protocol::SCTP,
            _ => return None,
        };
        Some((protocol, (self.0 & 0xffff) as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!("tcp".parse(), Ok(Protocol::TCP));
        assert_eq!("icmpV6".parse(), Ok(Protocol::ICMPV6));
        assert_eq!("47".parse(), Ok(Protocol(47)));
        assert_eq!("256".parse::<Protocol>(), Err(Problem::UnknownProtocol));
        assert_eq!(Protocol::from_policy("tcp"), Err(Problem::UnknownProtocol));
    }

    #[test]
    fn port_keys_round_trip() {
        for protocol in [Protocol::TCP, Protocol::UDP, Protocol::SCTP] {
            for port in [0, 1, 80, u16::MAX] {
                assert_eq!(PortKey::new(protocol, port).parts(), Some((protocol, port)));
            }
        }
        assert_eq!(PortKey::new(Protocol::ICMP, 80).parts(), None);
    }
}
