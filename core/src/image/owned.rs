//! An image that keeps its bytes.

use alloc::vec::Vec;

use super::{Image, Layout, OpenError};

/// An image with its bytes.
#[derive(Clone)]
pub struct ImageBuf {
    bytes: Vec<u8>,
    layout: Layout,
}

impl ImageBuf {
    /// Opens an image from bytes that nobody vouches for; see [`Image::open`].
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong and where.
    pub fn open(bytes: Vec<u8>) -> Result<ImageBuf, OpenError> {
        Image::open(&bytes)?;
        let layout = Layout::read(&bytes)?;
        Ok(ImageBuf { bytes, layout })
    }

    /// An image that the compiler has just written, and that needs no check.
    pub(crate) fn written(bytes: Vec<u8>) -> ImageBuf {
        debug_assert_eq!(
            Image::open(&bytes).err(),
            None,
            "the compiler wrote what cannot be read"
        );
        let layout = Layout::read(&bytes).unwrap_or(Layout::EMPTY);
        ImageBuf { bytes, layout }
    }

    /// The image. It was checked when it was opened, and is not checked again.
    #[must_use]
    pub fn image(&self) -> Image<'_> {
        Image::assemble(&self.bytes, &self.layout)
    }

    /// The bytes, to save or to send.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, to keep.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl core::fmt::Debug for ImageBuf {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.image().fmt(f)
    }
}
