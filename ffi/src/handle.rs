//! A place for the image in force, which one thread replaces while others ask.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::address::netpolicy_connection;
use crate::boundary::{free, guard, output, reference, total};
use crate::error::netpolicy_result;
use crate::image::netpolicy_image;
use crate::verdict::{self, netpolicy_packet, netpolicy_verdict};

/// The image in force. Any number of threads may ask it and replace it at once: who asks
/// never waits, gets the answer of one image, the old or the new, and the old image is freed
/// when the last that asks it is done.
pub struct netpolicy_handle {
    current: ArcSwap<netpolicy_image>,
}

/// A handle with a first image, of which it keeps a reference of its own. Free it with
/// `netpolicy_handle_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_handle_new(
    image: *const netpolicy_image,
    handle: *mut *mut netpolicy_handle,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions room for a pointer, or NULL.
        let handle = unsafe { output(handle, "handle") }?;
        // SAFETY: by the conventions an image, or NULL.
        let image = unsafe { netpolicy_image::share(image, "image") }?;
        let current = ArcSwap::new(image);
        handle.write(Box::into_raw(Box::new(netpolicy_handle { current })));
        Ok(())
    })
}

/// Frees a handle, which nobody may be asking, and its reference of the image. NULL is
/// nothing to free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_handle_free(handle: *mut netpolicy_handle) {
    // SAFETY: by the conventions NULL, or of `netpolicy_handle_new` and nobody else's.
    unsafe { free(handle) }
}

/// Puts another image in force, of which the handle keeps a reference of its own. What is
/// asked from now on is asked of it. Any number of threads may replace; the last one counts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_handle_replace(
    handle: *const netpolicy_handle,
    image: *const netpolicy_image,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a handle, or NULL.
        let handle = unsafe { reference(handle, "handle") }?;
        // SAFETY: by the conventions an image, or NULL.
        let image = unsafe { netpolicy_image::share(image, "image") }?;
        handle.current.store(image);
        Ok(())
    })
}

/// A reference to the image in force, for questions that belong together. Free it with
/// `netpolicy_image_free`. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_handle_load(
    handle: *const netpolicy_handle,
) -> *const netpolicy_image {
    // SAFETY: by the conventions a handle, or NULL.
    let Ok(handle) = (unsafe { reference(handle, "handle") }) else {
        return std::ptr::null();
    };
    total(std::ptr::null(), || {
        Arc::into_raw(handle.current.load_full())
    })
}

/// `netpolicy_image_verdict` of the image in force.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_handle_verdict(
    handle: *const netpolicy_handle,
    connection: *const netpolicy_connection,
) -> netpolicy_verdict {
    // SAFETY: by the conventions a handle, or NULL.
    let Ok(handle) = (unsafe { reference(handle, "handle") }) else {
        return netpolicy_verdict::Deny;
    };
    total(netpolicy_verdict::Deny, || {
        let image = handle.current.load();
        // SAFETY: by the conventions a connection, or NULL.
        unsafe { verdict::of_connection(image.get(), connection) }
    })
}

/// `netpolicy_image_verdict_of_packet` of the image in force.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_handle_verdict_of_packet(
    handle: *const netpolicy_handle,
    packet: *const u8,
    len: usize,
) -> netpolicy_verdict {
    // SAFETY: by the conventions a handle, or NULL.
    let Ok(handle) = (unsafe { reference(handle, "handle") }) else {
        return netpolicy_verdict::Deny;
    };
    total(netpolicy_verdict::Deny, || {
        let image = handle.current.load();
        // SAFETY: by the conventions `len` bytes, or NULL.
        unsafe { verdict::of_packet(image.get(), packet, len) }
    })
}

/// `netpolicy_image_verdicts` of the image in force: all answers are of one image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_handle_verdicts(
    handle: *const netpolicy_handle,
    connections: *const netpolicy_connection,
    count: usize,
    verdicts: *mut netpolicy_verdict,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a handle, or NULL.
        let handle = unsafe { reference(handle, "handle") }?;
        let image = handle.current.load();
        // SAFETY: by the conventions `count` items each, or NULL.
        unsafe { verdict::of_connections(image.get(), connections, count, verdicts) }
    })
}

/// `netpolicy_image_verdicts_of_packets` of the image in force: all answers are of one image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_handle_verdicts_of_packets(
    handle: *const netpolicy_handle,
    packets: *const netpolicy_packet,
    count: usize,
    verdicts: *mut netpolicy_verdict,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a handle, or NULL.
        let handle = unsafe { reference(handle, "handle") }?;
        let image = handle.current.load();
        // SAFETY: by the conventions `count` items each, or NULL.
        unsafe { verdict::of_packets(image.get(), packets, count, verdicts) }
    })
}
