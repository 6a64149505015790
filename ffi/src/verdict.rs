//! Verdicts, by connection and by raw packet, one by one and in batches.
//!
//! A verdict has no error: what cannot be answered is denied.

use netpolicy::{Image, Verdict};

use crate::address::netpolicy_connection;
use crate::boundary::{guard, reference, slice, slice_mut, total};
use crate::error::{Failure, netpolicy_result};
use crate::image::netpolicy_image;

/// The answer: bit 0 is set if the source may send, bit 1 if the destination may receive. A
/// connection may pass if both are: `NETPOLICY_VERDICT_ALLOW`.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum netpolicy_verdict {
    /// Neither end allows it, or there is no answer: the packet cannot be read, the image is
    /// NULL.
    Deny = 0,
    /// The source may send, the destination may not receive: denied.
    EgressOnly = 1,
    /// The source may not send, the destination may receive: denied.
    IngressOnly = 2,
    /// The connection may pass.
    Allow = 3,
}

impl From<Verdict> for netpolicy_verdict {
    fn from(verdict: Verdict) -> netpolicy_verdict {
        match (verdict.egress(), verdict.ingress()) {
            (false, false) => netpolicy_verdict::Deny,
            (true, false) => netpolicy_verdict::EgressOnly,
            (false, true) => netpolicy_verdict::IngressOnly,
            (true, true) => netpolicy_verdict::Allow,
        }
    }
}

/// A packet from its IP header on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct netpolicy_packet {
    /// The first byte of the IP header.
    pub data: *const u8,
    /// How many bytes there are; the packet may go on behind them.
    pub len: usize,
}

impl netpolicy_packet {
    /// The bytes.
    ///
    /// # Safety
    /// `data` is NULL or points to `len` bytes.
    unsafe fn get<'a>(self) -> Result<&'a [u8], Failure> {
        // SAFETY: as this function's.
        unsafe { slice(self.data, self.len, "data") }
    }
}

/// May the connection pass?
///
/// # Safety
/// `connection` is NULL or points to a connection.
pub(crate) unsafe fn of_connection(
    image: &Image<'_>,
    connection: *const netpolicy_connection,
) -> netpolicy_verdict {
    // SAFETY: as this function's.
    let Ok(connection) = (unsafe { reference(connection, "connection") }) else {
        return netpolicy_verdict::Deny;
    };
    let asked = connection.get();
    let verdict = image.verdict(asked.source, asked.destination, asked.protocol, asked.port);
    verdict.into()
}

/// May the packet's connection pass?
///
/// # Safety
/// `packet` is NULL or points to `len` bytes.
pub(crate) unsafe fn of_packet(
    image: &Image<'_>,
    packet: *const u8,
    len: usize,
) -> netpolicy_verdict {
    // SAFETY: as this function's.
    match unsafe { slice(packet, len, "packet") } {
        Ok(packet) => image.verdict_of_packet(packet).into(),
        Err(_) => netpolicy_verdict::Deny,
    }
}

/// Answers in order; nothing is written if a pointer is NULL.
///
/// # Safety
/// Each pointer is NULL or points to `count` items.
pub(crate) unsafe fn of_connections(
    image: &Image<'_>,
    connections: *const netpolicy_connection,
    count: usize,
    verdicts: *mut netpolicy_verdict,
) -> Result<(), Failure> {
    // SAFETY: as this function's.
    let connections = unsafe { slice(connections, count, "connections") }?;
    // SAFETY: as this function's; any byte may be there before it is written to.
    let verdicts = unsafe { slice_mut(verdicts.cast::<u8>(), count, "verdicts") }?;
    for (connection, verdict) in connections.iter().zip(verdicts) {
        // SAFETY: a reference.
        *verdict = unsafe { of_connection(image, connection) } as u8;
    }
    Ok(())
}

/// Answers in order; nothing is written if a pointer is NULL, also one in a packet.
///
/// # Safety
/// Each pointer is NULL or points to `count` items, those in packets to `len` bytes.
pub(crate) unsafe fn of_packets(
    image: &Image<'_>,
    packets: *const netpolicy_packet,
    count: usize,
    verdicts: *mut netpolicy_verdict,
) -> Result<(), Failure> {
    // SAFETY: as this function's.
    let packets = unsafe { slice(packets, count, "packets") }?;
    // SAFETY: as this function's; any byte may be there before it is written to.
    let verdicts = unsafe { slice_mut(verdicts.cast::<u8>(), count, "verdicts") }?;
    for (index, packet) in packets.iter().enumerate() {
        // SAFETY: as this function's.
        unsafe { packet.get() }.map_err(|e| e.at(&format!("packets[{index}]")))?;
    }
    for (packet, verdict) in packets.iter().zip(verdicts) {
        // SAFETY: as this function's.
        *verdict = unsafe { of_packet(image, packet.data, packet.len) } as u8;
    }
    Ok(())
}

/// May this connection pass? The hot path: no allocation, no lock, a fixed number of steps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_verdict(
    image: *const netpolicy_image,
    connection: *const netpolicy_connection,
) -> netpolicy_verdict {
    // SAFETY: by the conventions an image, or NULL.
    let Ok(image) = (unsafe { reference(image, "image") }) else {
        return netpolicy_verdict::Deny;
    };
    // SAFETY: by the conventions a connection, or NULL.
    total(netpolicy_verdict::Deny, || unsafe {
        of_connection(image.get(), connection)
    })
}

/// May the connection pass whose first packet this is? The packet begins at its IP header;
/// see `netpolicy_connection_of_packet`. One that belongs to no connection is denied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_verdict_of_packet(
    image: *const netpolicy_image,
    packet: *const u8,
    len: usize,
) -> netpolicy_verdict {
    // SAFETY: by the conventions an image, or NULL.
    let Ok(image) = (unsafe { reference(image, "image") }) else {
        return netpolicy_verdict::Deny;
    };
    // SAFETY: by the conventions `len` bytes, or NULL.
    total(netpolicy_verdict::Deny, || unsafe {
        of_packet(image.get(), packet, len)
    })
}

/// Answers `count` connections in order into `verdicts`. If it fails, because of a NULL, no
/// verdict is written: deny them all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_verdicts(
    image: *const netpolicy_image,
    connections: *const netpolicy_connection,
    count: usize,
    verdicts: *mut netpolicy_verdict,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions an image, or NULL.
        let image = unsafe { reference(image, "image") }?;
        // SAFETY: by the conventions `count` items each, or NULL.
        unsafe { of_connections(image.get(), connections, count, verdicts) }
    })
}

/// Answers `count` packets in order into `verdicts`, each as
/// `netpolicy_image_verdict_of_packet` does. If it fails, because of a NULL with a length, no
/// verdict is written: deny them all. NULL without a length is a packet without bytes: denied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_verdicts_of_packets(
    image: *const netpolicy_image,
    packets: *const netpolicy_packet,
    count: usize,
    verdicts: *mut netpolicy_verdict,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions an image, or NULL.
        let image = unsafe { reference(image, "image") }?;
        // SAFETY: by the conventions `count` items each, or NULL.
        unsafe { of_packets(image.get(), packets, count, verdicts) }
    })
}
