//! A table that grows in the arena without moving: segments of doubling size.

use super::arena::{Arena, List, Result, View};
use crate::image::record::Record;

/// The records of the first segment.
const FIRST: u32 = 32;
const SEGMENTS: usize = 26;

/// A growing table. Record `i` never moves, so others may grow beside it. A copy shares
/// the memory: only one of the two may grow.
pub(crate) struct Growing<R> {
    segments: [List<R>; SEGMENTS],
    len: u32,
}

impl<R> Clone for Growing<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Growing<R> {}

impl<R: Record> Growing<R> {
    pub(crate) fn new() -> Self {
        Growing {
            segments: [List::default(); SEGMENTS],
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Segment `s` holds the indices from `FIRST * (2^s - 1)`.
    #[inline]
    fn locate(index: u32) -> (usize, u32) {
        let shifted = index / FIRST + 1;
        let segment = 31 - shifted.leading_zeros();
        (segment as usize, index - FIRST * ((1 << segment) - 1))
    }

    /// Forgets the records, and keeps their memory for others.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends a record and returns its index.
    pub(crate) fn push(&mut self, arena: &mut Arena<'_>, record: R) -> Result<u32> {
        let index = self.len;
        let (segment, offset) = Self::locate(index);
        if let Some(list) = self.segments.get_mut(segment) {
            if list.is_empty() {
                *list = arena.list((FIRST as usize) << segment)?;
            }
            arena.set(*list, offset, record);
        }
        self.len += 1;
        Ok(index)
    }

    #[inline]
    pub(crate) fn get(&self, view: View<'_>, index: u32) -> R {
        debug_assert!(index < self.len, "record {index} of {}", self.len);
        let (segment, offset) = Self::locate(index);
        self.segments
            .get(segment)
            .map_or(R::ZERO, |list| view.get(*list, offset))
    }

    pub(crate) fn set(&self, arena: &mut Arena<'_>, index: u32, record: R) {
        debug_assert!(index < self.len, "record {index} of {}", self.len);
        let (segment, offset) = Self::locate(index);
        if let Some(list) = self.segments.get(segment) {
            arena.set(*list, offset, record);
        }
    }

    /// `len` records from the `first`.
    pub(crate) fn range<'v>(
        &'v self,
        view: View<'v>,
        first: u32,
        len: u32,
    ) -> impl Iterator<Item = R> + Clone + 'v {
        (first..first + len).map(move |index| self.get(view, index))
    }

    pub(crate) fn iter<'v>(&'v self, view: View<'v>) -> impl Iterator<Item = R> + Clone + 'v {
        self.range(view, 0, self.len)
    }
}
