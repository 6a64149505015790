//! Raw packets: which connection does a packet that begins at its IP header belong
//! to, and may it pass?
//!
//! ```text
//!  IPv4 │ options │                                       ┐
//!  IPv6 │ hop-by-hop, routing, fragment, destination, …   ├─► AH ─► TCP, UDP, SCTP: port
//!       └ extension headers in any order, of any number   ┘        anything else: no port
//! ```
//!
//! Every packet gets an answer, whatever its bytes say: what cannot be attributed
//! to one connection is denied ([`PacketError`] says why). No byte outside of the
//! slice is read, and the slice may end before the packet does, as netfilter queues
//! copy a packet's beginning only. Checksums are left to the receiver.
//!
//! # Fragments
//!
//! The first fragment of a packet holds the ports and is judged as the packet; one
//! that ends before its ports is denied. A later fragment holds none, and what it
//! claims to belong to need not be what was let through: it is denied whatever the
//! policies, of every protocol. Linux puts fragments together before they reach a
//! queue wherever connections are tracked (`nf_defrag_ipv4`, `nf_defrag_ipv6`), so
//! that an enforcer there never sees one.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Protocol;
use crate::image::Image;
use crate::verdict::{Connection, Verdict};

/// Why a packet belongs to no connection that could be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PacketError {
    /// There are no bytes, or their version is neither 4 nor 6.
    NotIp,
    /// The packet, or what was given of it, ends before the headers do.
    Truncated,
    /// A header contradicts itself or what stands around it.
    Malformed,
    /// A fragment other than the first: it has no ports.
    LaterFragment,
    /// A source route leads on from the destination, which is not where the
    /// packet ends.
    SourceRouted,
    /// An IPv4-mapped IPv6 address, which no packet may have.
    MappedAddress,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PacketError::NotIp => "not an IP packet: it must begin at the IP header",
            PacketError::Truncated => "the packet ends before its headers do",
            PacketError::Malformed => "a header of the packet contradicts itself",
            PacketError::LaterFragment => "a fragment other than the first has no ports",
            PacketError::SourceRouted => "a source route leads on from the destination",
            PacketError::MappedAddress => "no packet may have an IPv4-mapped IPv6 address",
        })
    }
}

impl core::error::Error for PacketError {}

impl Connection {
    /// The connection that a packet belongs to, taken for its first: the packet
    /// begins at the IP header, and may be cut anywhere behind the ports. Protocols
    /// without ports have port 0.
    ///
    /// # Errors
    /// [`PacketError`]: deny such a packet, as [`Image::verdict_of_packet`] does.
    ///
    /// ```
    /// use netpolicy::{Connection, PacketError, Protocol};
    ///
    /// let mut packet = [0; 28];
    /// packet[..10].copy_from_slice(&[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17]);
    /// packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    /// packet[20..26].copy_from_slice(&[0xc0, 0, 0, 53, 0, 8]);
    /// let connection = Connection::of_packet(&packet)?;
    /// assert_eq!((connection.protocol, connection.port), (Protocol::UDP, 53));
    /// assert_eq!(Connection::of_packet(&packet[..20]), Err(PacketError::Truncated));
    /// # Ok::<(), PacketError>(())
    /// ```
    pub fn of_packet(packet: &[u8]) -> Result<Connection, PacketError> {
        match packet.first().map(|byte| byte >> 4) {
            Some(4) => ipv4(packet),
            Some(6) => ipv6(packet),
            _ => Err(PacketError::NotIp),
        }
    }
}

impl Image<'_> {
    /// May the connection pass whose first packet this is? The packet begins at its
    /// IP header; see [`Connection::of_packet`]. One that belongs to no connection
    /// is denied.
    #[inline]
    #[must_use]
    pub fn verdict_of_packet(&self, packet: &[u8]) -> Verdict {
        let Ok(connection) = Connection::of_packet(packet) else {
            return Verdict::DENY;
        };
        let Connection {
            source,
            destination,
            protocol,
            port,
        } = connection;
        self.verdict(source, destination, protocol, port)
    }
}

/// The bytes of a packet from some header on.
#[derive(Clone, Copy)]
struct Bytes<'p>(&'p [u8]);

impl<'p> Bytes<'p> {
    fn byte(self, at: usize) -> Result<u8, PacketError> {
        self.0.get(at).copied().ok_or(PacketError::Truncated)
    }

    fn array<const N: usize>(self, at: usize) -> Result<[u8; N], PacketError> {
        let bytes = self.0.get(at..).and_then(<[u8]>::first_chunk);
        bytes.copied().ok_or(PacketError::Truncated)
    }

    fn word(self, at: usize) -> Result<u16, PacketError> {
        self.array(at).map(u16::from_be_bytes)
    }

    fn from(self, at: usize) -> Result<Bytes<'p>, PacketError> {
        self.0.get(at..).map(Bytes).ok_or(PacketError::Truncated)
    }

    /// Without what follows a packet that is shorter than its frame.
    fn up_to(self, len: usize) -> Bytes<'p> {
        Bytes(self.0.get(..len).unwrap_or(self.0))
    }
}

/// IPv4: RFC 791.
fn ipv4(packet: &[u8]) -> Result<Connection, PacketError> {
    let header: [u8; 20] = Bytes(packet).array(0)?;
    let [
        first,
        _,
        len_high,
        len_low,
        _,
        _,
        offset_high,
        offset_low,
        ..,
    ] = header;
    let [.., protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = header;
    let header_len = usize::from(first & 15) * 4;
    let len = usize::from(u16::from_be_bytes([len_high, len_low]));
    if header_len < header.len() || len < header_len {
        return Err(PacketError::Malformed);
    }
    if u16::from_be_bytes([offset_high, offset_low]) & 0x1fff != 0 {
        return Err(PacketError::LaterFragment);
    }
    let bytes = Bytes(packet).up_to(len);
    let payload = bytes.from(header_len)?;
    ipv4_options(bytes.up_to(header_len).from(header.len())?)?;
    let (protocol, port) = upper_layer(protocol, payload, Family::V4)?;
    Ok(Connection {
        source: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
        destination: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
        protocol,
        port,
    })
}

/// Looks for a source route that has not been travelled to its end.
fn ipv4_options(options: Bytes<'_>) -> Result<(), PacketError> {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const LOOSE_ROUTE: u8 = 131;
    const STRICT_ROUTE: u8 = 137;
    let mut at = 0;
    while let Some(&kind) = options.0.get(at) {
        if kind == END {
            break;
        }
        if kind == NO_OPERATION {
            at += 1;
            continue;
        }
        let len = options
            .byte(at + 1)
            .map_err(|_| PacketError::Malformed)?
            .into();
        if len < 2 || options.0.len() - at < len {
            return Err(PacketError::Malformed);
        }
        if matches!(kind, LOOSE_ROUTE | STRICT_ROUTE) {
            // The pointer counts from 1; behind the last address the route is at its end.
            let pointer = options.byte(at + 2).map_err(|_| PacketError::Malformed)?;
            if usize::from(pointer) <= len {
                return Err(PacketError::SourceRouted);
            }
        }
        at += len;
    }
    Ok(())
}

/// IPv6: RFC 8200.
fn ipv6(packet: &[u8]) -> Result<Connection, PacketError> {
    const HEADER: usize = 40;
    let bytes = Bytes(packet);
    let payload_len = usize::from(bytes.word(4)?);
    let next = bytes.byte(6)?;
    let address = |at| bytes.array::<16>(at).map(Ipv6Addr::from);
    let (source, destination) = (address(8)?, address(24)?);
    if source.to_ipv4_mapped().is_some() || destination.to_ipv4_mapped().is_some() {
        return Err(PacketError::MappedAddress);
    }
    // Length 0 before hop-by-hop options is a jumbogram (RFC 2675), whose length
    // stands in the options; there is nothing to cut off then.
    let is_jumbogram = payload_len == 0 && next == HOP_BY_HOP;
    let bytes = match is_jumbogram {
        true => bytes,
        false => bytes.up_to(HEADER + payload_len),
    };
    let (protocol, port) = upper_layer(next, bytes.from(HEADER)?, Family::V6)?;
    Ok(Connection {
        source: IpAddr::V6(source),
        destination: IpAddr::V6(destination),
        protocol,
        port,
    })
}

/// The version of the header that leads to a chain of further headers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

// The headers that may stand between IP and the transport (IANA, "IPv6 Extension
// Header Types").
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NO_NEXT_HEADER: u8 = 59;
const DESTINATION_OPTIONS: u8 = 60;

// IANA counts these among them, but their messages end the chain (RFC 6275, 7401, 5533),
// and kernels take them for protocols of their own. What is written behind one would be
// judged in its place, and a packet of protocol 139 pass for TCP to an open port.
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// Walks the headers up to the one that no other follows; protocol and port.
///
/// Each header is 8 bytes at least, so the walk ends with the packet.
fn upper_layer(
    mut next: u8,
    mut bytes: Bytes<'_>,
    family: Family,
) -> Result<(Protocol, u16), PacketError> {
    let mut is_first = true;
    loop {
        let in_v6 = family == Family::V6;
        let len = match next {
            // AH authenticates what stands behind it, in clear, in both families.
            AUTHENTICATION => (usize::from(bytes.byte(1)?) + 2) * 4,
            HOP_BY_HOP if in_v6 && !is_first => return Err(PacketError::Malformed),
            ROUTING if in_v6 && bytes.byte(3)? != 0 => return Err(PacketError::SourceRouted),
            FRAGMENT if in_v6 && bytes.word(2)? & !7 != 0 => {
                return Err(PacketError::LaterFragment);
            }
            FRAGMENT if in_v6 => 8,
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS if in_v6 => {
                (usize::from(bytes.byte(1)?) + 1) * 8
            }
            MOBILITY | HOST_IDENTITY | SHIM6 if in_v6 && bytes.byte(0)? != NO_NEXT_HEADER => {
                return Err(PacketError::Malformed);
            }
            _ => {
                let protocol = Protocol(next);
                return Ok((protocol, destination_port(protocol, bytes)?));
            }
        };
        next = bytes.byte(0)?;
        bytes = bytes.from(len)?;
        is_first = false;
    }
}

/// The destination port. The whole fixed header must be there, so that no later
/// fragment can have a part in it (RFC 1858).
fn destination_port(protocol: Protocol, bytes: Bytes<'_>) -> Result<u16, PacketError> {
    match protocol {
        Protocol::TCP => {
            bytes.from(20)?;
            if bytes.byte(12)? >> 4 < 5 {
                return Err(PacketError::Malformed);
            }
        }
        Protocol::UDP => {
            if bytes.from(8).and(bytes.word(4))? < 8 {
                return Err(PacketError::Malformed);
            }
        }
        Protocol::SCTP => {
            bytes.from(12)?;
        }
        _ => return Ok(0),
    }
    bytes.word(2)
}

#[cfg(test)]
mod tests;
