//! Strings and names out of the image.

use super::Image;
use super::record::Table;

impl<'a> Image<'a> {
    /// The string of an index; empty where there is none. `Image::open` has
    /// checked that all are UTF-8.
    pub(crate) fn string(&self, index: u32) -> &'a str {
        self.cold
            .string(index)
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or("")
    }
}

impl<'a> super::Cold<'a> {
    /// The bytes of a string: from its offset to the next one's.
    pub(crate) fn string(&self, index: u32) -> Option<&'a [u8]> {
        let offsets: Table<'a, u32> = self.strings;
        let start = offsets.checked(index)? as usize;
        let end = offsets.checked(index.checked_add(1)?)? as usize;
        self.string_bytes.get(start..end)
    }
}
