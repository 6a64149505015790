//! Codes, and the message of a thread's last error.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, c_char};

use netpolicy::{CompileError, OpenError, PacketError};

use crate::text::write_text;

/// How a call ended. The numbers are stable: one that has a meaning keeps it.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum netpolicy_result {
    /// As asked.
    Ok = 0,
    /// A pointer that must not be NULL is.
    NullPointer = 1,
    /// Text is not UTF-8.
    InvalidUtf8 = 2,
    /// A number stands for nothing, a pointer is not aligned, or a length does not fit.
    InvalidArgument = 3,
    /// There is nothing of that index.
    NotFound = 4,
    /// The library has a bug, and stopped in time. Free the objects of the call.
    Panic = 5,
    /// Some objects in a text or file are invalid, or it cannot be read. Everything else
    /// in it was taken in; `netpolicy_cluster_diagnostic` tells each mistake.
    InvalidManifest = 10,
    /// An object that its API would refuse. It was not taken in.
    InvalidObject = 11,
    /// The working memory does not suffice: `netpolicy_last_error_needed` says how much to
    /// begin again with.
    WorkingMemoryTooSmall = 20,
    /// The memory for the image does not suffice: `netpolicy_last_error_needed` says how much
    /// it needs.
    OutputTooSmall = 21,
    /// The cluster is beyond what an image can hold.
    TooLarge = 22,
    /// The bytes do not begin as an image does.
    NotAnImage = 30,
    /// An image of another major version of the format.
    ImageVersion = 31,
    /// There are fewer or more bytes than the image's header says.
    ImageTruncated = 32,
    /// An image in which a record holds what no compiler writes.
    ImageDamaged = 33,
    /// An image whose checksum does not fit its bytes.
    ImageChecksum = 34,
    /// Bytes that do not begin at an IP header.
    PacketNotIp = 40,
    /// A packet that ends before its headers do.
    PacketTruncated = 41,
    /// A packet with a header that contradicts itself.
    PacketMalformed = 42,
    /// A fragment other than the first, which has no ports.
    PacketLaterFragment = 43,
    /// A packet that a source route leads on from its destination.
    PacketSourceRouted = 44,
    /// An IPv6 packet with an IPv4-mapped address.
    PacketMappedAddress = 45,
}

impl netpolicy_result {
    const fn name(self) -> &'static CStr {
        match self {
            Self::Ok => c"ok",
            Self::NullPointer => c"null pointer",
            Self::InvalidUtf8 => c"invalid UTF-8",
            Self::InvalidArgument => c"invalid argument",
            Self::NotFound => c"not found",
            Self::Panic => c"panic",
            Self::InvalidManifest => c"invalid manifest",
            Self::InvalidObject => c"invalid object",
            Self::WorkingMemoryTooSmall => c"working memory too small",
            Self::OutputTooSmall => c"output too small",
            Self::TooLarge => c"too large",
            Self::NotAnImage => c"not an image",
            Self::ImageVersion => c"image of another version",
            Self::ImageTruncated => c"image truncated",
            Self::ImageDamaged => c"image damaged",
            Self::ImageChecksum => c"image checksum wrong",
            Self::PacketNotIp => c"packet not IP",
            Self::PacketTruncated => c"packet truncated",
            Self::PacketMalformed => c"packet malformed",
            Self::PacketLaterFragment => c"packet is a later fragment",
            Self::PacketSourceRouted => c"packet source-routed",
            Self::PacketMappedAddress => c"packet with IPv4-mapped address",
        }
    }

    const ALL: [netpolicy_result; 22] = [
        Self::Ok,
        Self::NullPointer,
        Self::InvalidUtf8,
        Self::InvalidArgument,
        Self::NotFound,
        Self::Panic,
        Self::InvalidManifest,
        Self::InvalidObject,
        Self::WorkingMemoryTooSmall,
        Self::OutputTooSmall,
        Self::TooLarge,
        Self::NotAnImage,
        Self::ImageVersion,
        Self::ImageTruncated,
        Self::ImageDamaged,
        Self::ImageChecksum,
        Self::PacketNotIp,
        Self::PacketTruncated,
        Self::PacketMalformed,
        Self::PacketLaterFragment,
        Self::PacketSourceRouted,
        Self::PacketMappedAddress,
    ];
}

/// What a code means, in a few words; "unknown" for a number that is no code. The
/// string is static.
#[unsafe(no_mangle)]
pub extern "C" fn netpolicy_result_name(code: u32) -> *const c_char {
    let known = netpolicy_result::ALL
        .into_iter()
        .find(|known| *known as u32 == code);
    known.map_or(c"unknown", netpolicy_result::name).as_ptr()
}

/// Why a call fails: a code, and the words for a person.
#[derive(Debug)]
pub(crate) struct Failure {
    code: netpolicy_result,
    /// Kind, namespace and name of the object at fault; empty if there is none.
    object: String,
    /// The field at fault, as a path; empty if it is the whole.
    path: String,
    message: String,
    /// How many bytes would do.
    needed: usize,
}

impl Failure {
    pub(crate) fn new(code: netpolicy_result, message: impl Into<String>) -> Failure {
        Failure {
            code,
            object: String::new(),
            path: String::new(),
            message: message.into(),
            needed: 0,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Failure {
        Failure::new(netpolicy_result::InvalidObject, message)
    }

    /// A number that stands for nothing.
    pub(crate) fn no_such(what: &str, number: u32) -> Failure {
        let message = format!("{number} is no {what}");
        Failure::new(netpolicy_result::InvalidArgument, message)
    }

    /// An index behind the last entry.
    pub(crate) fn no_entry(what: &str, index: usize) -> Failure {
        let message = format!("there is no {what} of index {index}");
        Failure::new(netpolicy_result::NotFound, message)
    }

    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Failure {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let message = format!("a bug in the library: {}", text.unwrap_or("panic"));
        Failure::new(netpolicy_result::Panic, message)
    }

    /// The same, a field further out.
    pub(crate) fn at(mut self, field: &str) -> Failure {
        let separator = match self.path.chars().next() {
            None | Some('[') => "",
            Some(_) => ".",
        };
        self.path = format!("{field}{separator}{}", self.path);
        self
    }

    /// The same, of an object.
    pub(crate) fn of(mut self, object: impl FnOnce() -> String) -> Failure {
        self.object = object();
        self
    }

    /// Makes it this thread's last error.
    pub(crate) fn report(self) -> netpolicy_result {
        let mut message = String::new();
        for part in [&self.object, &self.path] {
            if !part.is_empty() {
                message.push_str(part);
                message.push_str(": ");
            }
        }
        message.push_str(&self.message);
        let last = LastError {
            message,
            needed: self.needed,
        };
        // At the end of a thread there is nobody left to ask for it.
        let _ = LAST.try_with(|place| place.replace(last));
        self.code
    }
}

/// Adds where it was to what failed.
pub(crate) trait At {
    fn at(self, field: &str) -> Self;
}

impl<T> At for Result<T, Failure> {
    fn at(self, field: &str) -> Self {
        self.map_err(|failure| failure.at(field))
    }
}

impl From<netpolicy::model::Problem> for Failure {
    fn from(problem: netpolicy::model::Problem) -> Failure {
        Failure::invalid(problem.to_string())
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Failure {
        let (code, needed) = match error {
            CompileError::OutOfMemory { needed } => {
                (netpolicy_result::WorkingMemoryTooSmall, needed)
            }
            CompileError::OutputTooSmall { needed, .. } => {
                (netpolicy_result::OutputTooSmall, needed)
            }
            CompileError::Invalid { .. } => (netpolicy_result::InvalidObject, 0),
            _ => (netpolicy_result::TooLarge, 0),
        };
        Failure {
            needed,
            ..Failure::new(code, error.to_string())
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        let code = match error {
            OpenError::NotAnImage => netpolicy_result::NotAnImage,
            OpenError::Version { .. } => netpolicy_result::ImageVersion,
            OpenError::Truncated { .. } => netpolicy_result::ImageTruncated,
            OpenError::Checksum { .. } => netpolicy_result::ImageChecksum,
            _ => netpolicy_result::ImageDamaged,
        };
        Failure::new(code, error.to_string())
    }
}

impl From<PacketError> for Failure {
    fn from(error: PacketError) -> Failure {
        let code = match error {
            PacketError::NotIp => netpolicy_result::PacketNotIp,
            PacketError::Truncated => netpolicy_result::PacketTruncated,
            PacketError::LaterFragment => netpolicy_result::PacketLaterFragment,
            PacketError::SourceRouted => netpolicy_result::PacketSourceRouted,
            PacketError::MappedAddress => netpolicy_result::PacketMappedAddress,
            _ => netpolicy_result::PacketMalformed,
        };
        Failure::new(code, error.to_string())
    }
}

struct LastError {
    message: String,
    needed: usize,
}

thread_local! {
    static LAST: RefCell<LastError> = const {
        RefCell::new(LastError { message: String::new(), needed: 0 })
    };
}

/// The message of the last call of this thread that failed: which object and which field of
/// it, what is wrong, and how to mend it. Written as snprintf writes: cut to `len` bytes, the
/// last a NUL, and the length of the whole is returned. NULL is a buffer of 0 bytes. Calls that
/// succeed leave it as it is; without one that failed it is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_last_error_message(buffer: *mut c_char, len: usize) -> usize {
    LAST.try_with(|last| {
        // SAFETY: by the conventions `buffer` has room for `len` bytes.
        unsafe { write_text(&last.borrow().message, buffer, len) }
    })
    .unwrap_or(0)
}

/// How many bytes would have done for the last call of this thread that failed, if it
/// failed for want of memory; else 0.
#[unsafe(no_mangle)]
pub extern "C" fn netpolicy_last_error_needed() -> usize {
    LAST.try_with(|last| last.borrow().needed).unwrap_or(0)
}
