//! Images: opened in place, counted by reference.

use std::ffi::c_void;
use std::sync::Arc;

use netpolicy::Image;

use crate::boundary::{guard, output, reference, slice, total};
use crate::error::{Failure, netpolicy_result};

/// A function that takes back memory that was lent: called once, from whichever thread lets
/// go of the memory last, which may be one that asks a handle while another replaces its
/// image. It must return: no exception, no `longjmp`.
pub type netpolicy_release = Option<unsafe extern "C" fn(context: *mut c_void)>;

/// A compiled cluster. It is counted by reference, never changes, and may be asked by any
/// number of threads.
pub struct netpolicy_image {
    /// Borrows from `bytes`, whence the lifetime is made up: it ends with `self`.
    image: Image<'static>,
    bytes: Bytes,
}

/// The bytes of an image, and who gets them back.
struct Bytes {
    data: *mut u8,
    len: usize,
    owner: Owner,
}

enum Owner {
    /// The bytes are a boxed slice.
    Library,
    Caller {
        release: netpolicy_release,
        context: *mut c_void,
    },
}

// SAFETY: the bytes are only read while they are shared, and by the conventions nobody
// writes to them; the release function may by its contract be called from any thread.
unsafe impl Send for Bytes {}
// SAFETY: as above.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// The bytes.
    ///
    /// # Safety
    /// `self` must outlive what is made of the result.
    unsafe fn borrow(&self) -> &'static [u8] {
        // SAFETY: `data` and `len` are of a boxed slice or were checked by `slice`, and stay
        // valid and unchanged until `self` is dropped.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        match self.owner {
            Owner::Library => {
                let bytes = std::ptr::slice_from_raw_parts_mut(self.data, self.len);
                // SAFETY: made by `Box::into_raw` of a slice of this length.
                drop(unsafe { Box::from_raw(bytes) });
            }
            Owner::Caller {
                release: Some(release),
                context,
            } => {
                // SAFETY: the caller gave both for this one call.
                unsafe { release(context) };
            }
            Owner::Caller { release: None, .. } => {}
        }
    }
}

impl netpolicy_image {
    /// Opens an image that the library keeps.
    pub(crate) fn owning(bytes: Vec<u8>) -> Result<Arc<netpolicy_image>, Failure> {
        let bytes = Box::into_raw(bytes.into_boxed_slice());
        let owner = Owner::Library;
        let bytes = Bytes {
            data: bytes.cast(),
            len: bytes.len(),
            owner,
        };
        Self::open(bytes, Owner::Library)
    }

    /// Opens an image, whose bytes have this owner from then on.
    fn open(mut bytes: Bytes, owner: Owner) -> Result<Arc<netpolicy_image>, Failure> {
        // SAFETY: `image` lives as long as `bytes`, as one of the struct's fields, and is
        // handed out for no longer than the struct is borrowed (`get`).
        let image = Image::open(unsafe { bytes.borrow() })?;
        bytes.owner = owner;
        Ok(Arc::new(netpolicy_image { image, bytes }))
    }

    pub(crate) fn get(&self) -> &Image<'_> {
        &self.image
    }

    /// Another reference of what a pointer counts for.
    ///
    /// # Safety
    /// `pointer` is NULL or was handed out by the library and not freed.
    pub(crate) unsafe fn share(
        pointer: *const netpolicy_image,
        name: &str,
    ) -> Result<Arc<netpolicy_image>, Failure> {
        // SAFETY: as this function's.
        unsafe { reference(pointer, name) }?;
        // SAFETY: of `Arc::into_raw`, and one reference at least is held by the caller.
        unsafe { Arc::increment_strong_count(pointer) };
        // SAFETY: the reference that was just counted becomes the result's.
        Ok(unsafe { Arc::from_raw(pointer) })
    }
}

/// Opens an image in place, such as a memory-mapped file: it is checked once, in time linear
/// in its length, and nothing is copied. Free it with `netpolicy_image_free`.
///
/// The bytes must stay as they are until `release` is called with `context`, which is when the
/// last reference to the image is gone: this one, those of `netpolicy_image_clone`, handles and
/// explanations. `release` may be NULL. It is not called if this function fails. They may lie
/// anywhere; nothing needs alignment.
///
/// Whatever the bytes say, an image that opens can be asked anything: see
/// `netpolicy_image_verify_checksum` for whether they are those that were compiled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_open(
    bytes: *const u8,
    len: usize,
    release: netpolicy_release,
    context: *mut c_void,
    image: *mut *const netpolicy_image,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions room for a pointer, or NULL.
        let image = unsafe { output(image, "image") }?;
        // SAFETY: by the conventions bytes, or NULL.
        let lent = unsafe { slice(bytes, len, "bytes") }?;
        let lent = Bytes {
            data: lent.as_ptr().cast_mut(),
            len: lent.len(),
            // They go back to the caller when they are an image, and not before.
            owner: Owner::Caller {
                release: None,
                context,
            },
        };
        let opened = netpolicy_image::open(lent, Owner::Caller { release, context })?;
        image.write(Arc::into_raw(opened));
        Ok(())
    })
}

/// Another reference to an image, to be freed by itself. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_clone(
    image: *const netpolicy_image,
) -> *const netpolicy_image {
    // SAFETY: by the conventions an image, or NULL.
    match unsafe { netpolicy_image::share(image, "image") } {
        Ok(image) => Arc::into_raw(image),
        Err(_) => std::ptr::null(),
    }
}

/// Gives back a reference to an image; the last one frees it. NULL is nothing to free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_free(image: *const netpolicy_image) {
    if !image.is_null() {
        // SAFETY: by the conventions of the library, and used by its owner no more.
        let image = unsafe { Arc::from_raw(image) };
        total((), || drop(image));
    }
}

/// The bytes of an image, to save or to send. They live as long as it does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_bytes(
    image: *const netpolicy_image,
    bytes: *mut *const u8,
    len: *mut usize,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions an image, or NULL.
        let image = unsafe { reference(image, "image") }?;
        // SAFETY: by the conventions room for a pointer, or NULL.
        let bytes = unsafe { output(bytes, "bytes") }?;
        // SAFETY: by the conventions room for a length, or NULL.
        let len = unsafe { output(len, "len") }?;
        bytes.write(image.bytes.data);
        len.write(image.bytes.len);
        Ok(())
    })
}

/// Whether the bytes of an image are those that were compiled:
/// `NETPOLICY_RESULT_IMAGE_CHECKSUM` if not. It tells of accidents, not of malice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_verify_checksum(
    image: *const netpolicy_image,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions an image, or NULL.
        let image = unsafe { reference(image, "image") }?;
        Ok(image.get().verify_checksum()?)
    })
}

/// The number of pods of an image; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_pod_count(image: *const netpolicy_image) -> usize {
    // SAFETY: by the conventions an image, or NULL.
    let image = unsafe { reference(image, "image") };
    total(0, || image.map_or(0, |image| image.get().pod_count()))
}

/// The number of policies of an image; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_image_policy_count(image: *const netpolicy_image) -> usize {
    // SAFETY: by the conventions an image, or NULL.
    let image = unsafe { reference(image, "image") };
    total(0, || image.map_or(0, |image| image.get().policy_count()))
}
