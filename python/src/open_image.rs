//! An image together with the bytes that it reads.

use std::fs::{self, File};
use std::path::Path;

use memmap2::Mmap;
use netpolicy::Image;
use pyo3::prelude::*;
use self_cell::self_cell;

use crate::errors::{ImageError, of_file};

/// Where the bytes of an image are.
pub(crate) enum Bytes {
    Owned(Vec<u8>),
    Mapped(Mmap),
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Bytes::Owned(bytes) => bytes,
            Bytes::Mapped(map) => map,
        }
    }
}

self_cell! {
    /// An image and its bytes, checked once.
    pub(crate) struct OpenImage {
        owner: Bytes,

        #[covariant]
        dependent: Image,
    }
}

impl OpenImage {
    /// Opens an image from bytes that nobody vouches for.
    pub(crate) fn open(bytes: Bytes) -> PyResult<OpenImage> {
        OpenImage::try_new(bytes, |bytes| {
            let image = Image::open(bytes.as_ref())?;
            image.verify_checksum()?;
            Ok(image)
        })
        .map_err(|error: netpolicy::OpenError| ImageError::new_err(error.to_string()))
    }

    pub(crate) fn read(path: &Path) -> PyResult<OpenImage> {
        let bytes = fs::read(path).map_err(|error| of_file(path, error))?;
        OpenImage::open(Bytes::Owned(bytes)).map_err(|error| at(path, error))
    }

    /// Opens an image where it lies, without reading what is not asked for.
    pub(crate) fn map(path: &Path) -> PyResult<OpenImage> {
        let file = File::open(path).map_err(|error| of_file(path, error))?;
        // SAFETY: the map is only read, as plain bytes, and every read of `Image` is
        // checked against the length of the map. The file has to stay as it is while it
        // is mapped, as for every memory map: the documentation of `Image.load` says so.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.map_err(|error| of_file(path, error))?;
        OpenImage::open(Bytes::Mapped(map)).map_err(|error| at(path, error))
    }

    pub(crate) fn image(&self) -> &Image<'_> {
        self.borrow_dependent()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.borrow_owner().as_ref()
    }
}

/// The error, with the file in front.
fn at(path: &Path, error: PyErr) -> PyErr {
    Python::attach(|py| ImageError::new_err(format!("{}: {}", path.display(), error.value(py))))
}
