//! Addresses and connections.

use std::ffi::c_char;
use std::net::{IpAddr, Ipv6Addr};

use netpolicy::model::Problem;
use netpolicy::{Connection, Protocol, canonical};

use crate::boundary::{guard, output, reference, slice};
use crate::error::{At, Failure, netpolicy_result};
use crate::text::{netpolicy_str, write_text};

/// An address: 16 bytes in network order, IPv4 as IPv4-mapped IPv6 (`::ffff:a.b.c.d`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct netpolicy_address {
    /// The bytes.
    pub bytes: [u8; 16],
}

impl netpolicy_address {
    pub(crate) fn new(address: IpAddr) -> netpolicy_address {
        let v6 = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        netpolicy_address { bytes: v6.octets() }
    }

    pub(crate) fn get(self) -> IpAddr {
        canonical(IpAddr::V6(Ipv6Addr::from(self.bytes)))
    }
}

/// A connection, as its first packet shows it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct netpolicy_connection {
    /// Where it comes from.
    pub source: netpolicy_address,
    /// Where it goes.
    pub destination: netpolicy_address,
    /// The destination port, in the byte order of the machine; ignored where the protocol
    /// has no ports (all but TCP, UDP and SCTP).
    pub port: u16,
    /// The protocol, by its IANA number: 6 TCP, 17 UDP, 132 SCTP, 1 ICMP, 58 ICMPv6.
    pub protocol: u8,
}

impl netpolicy_connection {
    pub(crate) fn get(&self) -> Connection {
        Connection {
            source: self.source.get(),
            destination: self.destination.get(),
            protocol: Protocol(self.protocol),
            port: self.port,
        }
    }
}

/// The address of four bytes in network order, such as an `in_addr` holds. NULL gives `::`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_address_v4(bytes: *const u8) -> netpolicy_address {
    // SAFETY: by the conventions NULL, or four bytes.
    match unsafe { reference(bytes.cast::<[u8; 4]>(), "bytes") } {
        Ok(bytes) => netpolicy_address::new(IpAddr::from(*bytes)),
        Err(_) => netpolicy_address { bytes: [0; 16] },
    }
}

/// The address of sixteen bytes in network order, such as an `in6_addr` holds. NULL gives
/// `::`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_address_v6(bytes: *const u8) -> netpolicy_address {
    // SAFETY: by the conventions NULL, or sixteen bytes.
    match unsafe { reference(bytes.cast::<[u8; 16]>(), "bytes") } {
        Ok(bytes) => netpolicy_address { bytes: *bytes },
        Err(_) => netpolicy_address { bytes: [0; 16] },
    }
}

/// Reads an address: `10.0.0.1`, `fd00::1`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_address_parse(
    text: netpolicy_str,
    address: *mut netpolicy_address,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions room for an address, or NULL.
        let address = unsafe { output(address, "address") }?;
        // SAFETY: by the conventions text, or NULL.
        let text = unsafe { text.read("text") }?;
        let parsed: IpAddr = text.parse().map_err(|_| {
            let message = format!("{text:?}: {}", Problem::NotAnAddress);
            Failure::new(netpolicy_result::InvalidArgument, message).at("text")
        })?;
        address.write(netpolicy_address::new(parsed));
        Ok(())
    })
}

/// Writes an address as snprintf writes: cut to `len` bytes, the last a NUL, and the length
/// of the whole is returned. Never more than 46 bytes with the NUL. 0 if `address` is NULL; a
/// NULL buffer is one of 0 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_address_text(
    address: *const netpolicy_address,
    buffer: *mut c_char,
    len: usize,
) -> usize {
    // SAFETY: by the conventions an address, or NULL.
    match unsafe { reference(address, "address") } {
        // SAFETY: by the conventions `buffer` has room for `len` bytes.
        Ok(address) => unsafe { write_text(&address.get(), buffer, len) },
        Err(_) => 0,
    }
}

/// Reads which connection a packet belongs to. The packet begins at its IP header, IPv4 or
/// IPv6, and may be cut anywhere behind the ports; nothing behind `len` is read. Protocols
/// without ports have port 0.
///
/// A packet that belongs to no connection has one of the `NETPOLICY_RESULT_PACKET` codes, and is
/// to be denied, as `netpolicy_image_verdict_of_packet` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_connection_of_packet(
    packet: *const u8,
    len: usize,
    connection: *mut netpolicy_connection,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions room for a connection, or NULL.
        let connection = unsafe { output(connection, "connection") }?;
        // SAFETY: by the conventions `len` bytes, or NULL.
        let packet = unsafe { slice(packet, len, "packet") }?;
        let read = Connection::of_packet(packet).map_err(Failure::from);
        let read = read.at("packet")?;
        connection.write(netpolicy_connection {
            source: netpolicy_address::new(read.source),
            destination: netpolicy_address::new(read.destination),
            port: read.port,
            protocol: read.protocol.0,
        });
        Ok(())
    })
}
