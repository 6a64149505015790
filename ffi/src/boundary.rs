//! Where C and Rust meet: panics stop here, and pointers become references.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Failure, netpolicy_result};

/// Runs the body of a function that can fail. Its failure, or its panic, becomes a code
/// and this thread's last error.
pub(crate) fn guard(body: impl FnOnce() -> Result<(), Failure>) -> netpolicy_result {
    // What a panic leaves half done is an object that the caller may only free.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => netpolicy_result::Ok,
        Ok(Err(failure)) => failure.report(),
        Err(panic) => Failure::panicked(panic.as_ref()).report(),
    }
}

/// Runs the body of a function that always has an answer: `otherwise` after a panic.
pub(crate) fn total<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let _ = Failure::panicked(panic.as_ref()).report();
        otherwise
    })
}

fn check<T>(pointer: *const T, name: &str) -> Result<(), Failure> {
    if pointer.is_null() {
        Err(Failure::new(netpolicy_result::NullPointer, "is NULL").at(name))
    } else if !pointer.is_aligned() {
        let message = format!("is not aligned to {} bytes", align_of::<T>());
        Err(Failure::new(netpolicy_result::InvalidArgument, message).at(name))
    } else {
        Ok(())
    }
}

/// What a pointer points to.
///
/// # Safety
/// `pointer` is NULL or points to a live `T` that nobody writes to during `'a`.
pub(crate) unsafe fn reference<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Failure> {
    check(pointer, name)?;
    // SAFETY: neither NULL nor unaligned; the rest is this function's contract.
    Ok(unsafe { &*pointer })
}

/// What a pointer points to, if it is not NULL.
///
/// # Safety
/// As [`reference`].
pub(crate) unsafe fn optional<'a, T>(
    pointer: *const T,
    name: &str,
) -> Result<Option<&'a T>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: as this function's.
    unsafe { reference(pointer, name) }.map(Some)
}

/// What a pointer points to, for oneself.
///
/// # Safety
/// `pointer` is NULL or points to a live `T` that nobody else uses during `'a`.
pub(crate) unsafe fn exclusive<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T, Failure> {
    check(pointer, name)?;
    // SAFETY: neither NULL nor unaligned; the rest is this function's contract.
    Ok(unsafe { &mut *pointer })
}

fn check_len<T>(data: *const T, len: usize, name: &str) -> Result<(), Failure> {
    check(data, name)?;
    if len > isize::MAX as usize / size_of::<T>().max(1) {
        let message = format!("{len} items do not fit into memory");
        return Err(Failure::new(netpolicy_result::InvalidArgument, message).at(name));
    }
    Ok(())
}

/// The items that a pointer and a length tell of. NULL will do for no items.
///
/// # Safety
/// `data` is NULL or points to `len` items that nobody writes to during `'a`.
pub(crate) unsafe fn slice<'a, T>(
    data: *const T,
    len: usize,
    name: &str,
) -> Result<&'a [T], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    check_len(data, len, name)?;
    // SAFETY: neither NULL nor unaligned, no longer than memory; the rest is this
    // function's contract.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// Items to be written.
///
/// # Safety
/// `data` is NULL or points to room for `len` items, initialised as `T` needs, that
/// nobody else uses during `'a`.
pub(crate) unsafe fn slice_mut<'a, T>(
    data: *mut T,
    len: usize,
    name: &str,
) -> Result<&'a mut [T], Failure> {
    if len == 0 {
        return Ok(&mut []);
    }
    check_len(data, len, name)?;
    // SAFETY: as in `slice`.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, len) })
}

/// Room for an output, to be written on success.
///
/// # Safety
/// `pointer` is NULL or points to room for a `T` that nobody else uses during `'a`.
pub(crate) unsafe fn output<'a, T>(
    pointer: *mut T,
    name: &str,
) -> Result<&'a mut MaybeUninit<T>, Failure> {
    // SAFETY: `MaybeUninit` needs nothing of the bytes; the rest is as this function's.
    unsafe { exclusive(pointer.cast::<MaybeUninit<T>>(), name) }
}

/// Takes back and drops what [`Box::into_raw`] handed out.
///
/// # Safety
/// `pointer` is NULL, or of `Box::into_raw` and used by nobody from now on.
pub(crate) unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: as this function's.
        let object = unsafe { Box::from_raw(pointer) };
        total((), || drop(object));
    }
}
