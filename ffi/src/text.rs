//! Text in both directions: slices of UTF-8 in, buffers of the caller out.

use std::ffi::{CStr, c_char};
use std::fmt::{self, Display, Write};
use std::ptr;

use crate::boundary::slice;
use crate::error::{Failure, netpolicy_result};

/// Text in UTF-8: `len` bytes, with no NUL behind them. `data` may be NULL if `len` is
/// 0. Text that the library hands out belongs to the object it was asked of, and lives
/// as long as that.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct netpolicy_str {
    /// The first byte.
    pub data: *const c_char,
    /// The number of bytes.
    pub len: usize,
}

impl netpolicy_str {
    pub(crate) const EMPTY: netpolicy_str = netpolicy_str {
        data: ptr::null(),
        len: 0,
    };

    pub(crate) fn new(text: &str) -> netpolicy_str {
        netpolicy_str {
            data: text.as_ptr().cast(),
            len: text.len(),
        }
    }

    /// The text.
    ///
    /// # Safety
    /// `data` is NULL or points to `len` bytes that do not change during `'a`.
    pub(crate) unsafe fn read<'a>(self, name: &str) -> Result<&'a str, Failure> {
        // SAFETY: as this function's, and bytes have no alignment.
        let bytes = unsafe { slice(self.data.cast::<u8>(), self.len, name) }?;
        std::str::from_utf8(bytes).map_err(|error| {
            let message = format!("not UTF-8 from byte {} on", error.valid_up_to());
            Failure::new(netpolicy_result::InvalidUtf8, message).at(name)
        })
    }
}

/// The text of a string that ends in NUL; the empty text for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_str_of(string: *const c_char) -> netpolicy_str {
    if string.is_null() {
        return netpolicy_str::EMPTY;
    }
    // SAFETY: not NULL, so by the conventions a string that ends in NUL.
    let string = unsafe { CStr::from_ptr(string) };
    netpolicy_str {
        data: string.as_ptr(),
        len: string.count_bytes(),
    }
}

/// A buffer that text is written to, cut where it ends. Names may have a NUL in them, which
/// would end the text too early: it becomes U+FFFD.
struct Cut {
    buffer: *mut c_char,
    room: usize,
    written: usize,
    needed: usize,
}

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut parts = text.split('\0');
        self.put(parts.next().unwrap_or_default());
        for part in parts {
            self.put("\u{fffd}");
            self.put(part);
        }
        Ok(())
    }
}

impl Cut {
    fn put(&mut self, text: &str) {
        // Once something was cut off, nothing that is shorter may follow.
        let room = match self.written == self.needed {
            true => self.room - self.written,
            false => 0,
        };
        let len = text.floor_char_boundary_of(room);
        // SAFETY: `written + len <= room`, which is less than the buffer's length.
        let end = unsafe { self.buffer.add(self.written) };
        // SAFETY: as above; text of the library does not overlap the caller's buffer.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr().cast(), end, len) };
        self.written += len;
        self.needed += text.len();
    }
}

trait FloorCharBoundary {
    /// The most bytes, up to `most`, that end with a whole character.
    fn floor_char_boundary_of(&self, most: usize) -> usize;
}

impl FloorCharBoundary for str {
    fn floor_char_boundary_of(&self, most: usize) -> usize {
        let mut len = most.min(self.len());
        while !self.is_char_boundary(len) {
            len -= 1;
        }
        len
    }
}

/// Writes text and a NUL to a buffer, as `snprintf` does: cut to what fits, and the
/// length of the whole is returned, without the NUL. NULL is a buffer of 0 bytes.
///
/// # Safety
/// `buffer` is NULL or points to `len` bytes that may be written.
pub(crate) unsafe fn write_text(text: &dyn Display, buffer: *mut c_char, len: usize) -> usize {
    let mut nothing = 0;
    let (buffer, len) = match buffer.is_null() || len == 0 {
        true => (ptr::from_mut(&mut nothing), 1),
        false => (buffer, len),
    };
    let mut cut = Cut {
        buffer,
        room: len - 1,
        written: 0,
        needed: 0,
    };
    // `Cut` never fails, and what is written here does not either.
    let _ = write!(cut, "{text}");
    // SAFETY: `written <= room`, which is one less than the buffer's length.
    let end = unsafe { buffer.add(cut.written) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    cut.needed
}
