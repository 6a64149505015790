//! Working memory: a bump arena over bytes that the caller lends.
//!
//! What lasts is taken from the front, what is needed for one step only from the
//! back, where [`Arena::release`] gives it back at once:
//!
//! ```text
//! ├── lasting ──►│           free           │◄── scratch ──┤
//! 0            front                       back          len
//! ```
//!
//! Things are named by their offset and read through a [`View`], so nothing here
//! borrows from anything else, and no pointer is ever formed.

use core::cmp::Ordering;
use core::marker::PhantomData;

use crate::image::record::Record;

/// The memory that was lent does not suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfMemory {
    /// The number of bytes that would have gone past this point, and some more.
    pub(crate) needed: usize,
}

pub(crate) type Result<T> = core::result::Result<T, OutOfMemory>;

/// A list of records in the arena.
pub(crate) struct List<R> {
    pub(crate) start: u32,
    pub(crate) len: u32,
    record: PhantomData<R>,
}

impl<R> Clone for List<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for List<R> {}

impl<R> Default for List<R> {
    fn default() -> Self {
        List::new(0, 0)
    }
}

impl<R> List<R> {
    pub(crate) const fn new(start: u32, len: u32) -> Self {
        List {
            start,
            len,
            record: PhantomData,
        }
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.len == 0
    }
}

impl<R: Record> List<R> {
    /// `len` records from the `first`; cut where the list ends.
    pub(crate) fn slice(self, first: u32, len: u32) -> Self {
        let first = first.min(self.len);
        List::new(
            self.start + first * R::WIDTH as u32,
            len.min(self.len - first),
        )
    }
}

/// The contents of an arena, to read.
#[derive(Clone, Copy)]
pub(crate) struct View<'v> {
    bytes: &'v [u8],
}

impl<'v> View<'v> {
    /// The contents of an arena that was over these bytes.
    #[cfg(feature = "std")]
    pub(crate) fn of(bytes: &'v [u8]) -> View<'v> {
        View { bytes }
    }

    /// Bytes from `start`.
    #[inline]
    pub(crate) fn bytes(self, start: u32, len: u32) -> &'v [u8] {
        let start = start as usize;
        let bytes = self.bytes.get(start..start + len as usize);
        debug_assert!(bytes.is_some(), "a read outside the arena");
        bytes.unwrap_or(&[])
    }

    /// The cells of a list.
    #[inline]
    pub(crate) fn cells<R: Record>(self, list: List<R>) -> &'v [R::Cell] {
        R::cells(self.bytes(list.start, list.len * R::WIDTH as u32))
    }

    /// One record of a list.
    #[inline]
    pub(crate) fn get<R: Record>(self, list: List<R>, index: u32) -> R {
        debug_assert!(index < list.len, "record {index} of {}", list.len);
        self.cells(list)
            .get(index as usize)
            .map_or(R::ZERO, R::decode)
    }

    /// The index of the first record for which `before` is false, all records for
    /// which it is true standing in front.
    pub(crate) fn partition_point<R: Record>(
        self,
        list: List<R>,
        mut before: impl FnMut(R) -> bool,
    ) -> u32 {
        self.cells(list)
            .partition_point(|cell| before(R::decode(cell))) as u32
    }

    /// The records of a list.
    pub(crate) fn iter<R: Record>(
        self,
        list: List<R>,
    ) -> impl ExactSizeIterator<Item = R> + Clone + use<'v, R> {
        self.cells(list).iter().map(R::decode)
    }
}

/// A place in the back to come back to.
#[derive(Clone, Copy)]
pub(crate) struct Mark(usize);

/// The arena.
pub(crate) struct Arena<'m> {
    memory: &'m mut [u8],
    front: usize,
    back: usize,
    /// The most that was ever in use.
    peak: usize,
}

impl<'m> Arena<'m> {
    pub(crate) fn new(memory: &'m mut [u8]) -> Arena<'m> {
        // Offsets are 32 bits wide; what is beyond 4 GiB stays unused.
        let len = memory.len().min(u32::MAX as usize);
        let memory = memory.split_at_mut(len).0;
        Arena {
            memory,
            front: 0,
            back: len,
            peak: 0,
        }
    }

    /// An arena whose first `front` bytes are those of another.
    #[cfg(feature = "std")]
    pub(crate) fn resume(memory: &'m mut [u8], front: u32) -> Arena<'m> {
        Arena {
            front: front as usize,
            ..Arena::new(memory)
        }
    }

    /// The most bytes that were ever in use at once.
    pub(crate) fn peak(&self) -> usize {
        self.peak
    }

    pub(crate) fn view(&self) -> View<'_> {
        View { bytes: self.memory }
    }

    fn reserve(&mut self, bytes: usize) -> Result<()> {
        let used = self.front + (self.memory.len() - self.back) + bytes;
        if self.back - self.front < bytes {
            // What comes behind this point is not known; half as much again lets who
            // follows the advice get there in a few steps.
            let more = self.memory.len() + self.memory.len() / 2;
            return Err(OutOfMemory {
                needed: used.max(more),
            });
        }
        self.peak = self.peak.max(used);
        Ok(())
    }

    fn bytes_of<R: Record>(len: usize) -> Result<usize> {
        len.checked_mul(R::WIDTH)
            .filter(|bytes| u32::try_from(*bytes).is_ok())
            .ok_or(OutOfMemory { needed: usize::MAX })
    }

    /// A list of zero records that lasts.
    pub(crate) fn list<R: Record>(&mut self, len: usize) -> Result<List<R>> {
        let bytes = Self::bytes_of::<R>(len)?;
        self.reserve(bytes)?;
        let start = self.front;
        self.front += bytes;
        self.zero(start, bytes);
        Ok(List::new(start as u32, len as u32))
    }

    /// A longer copy of a list, the rest of it zero records.
    #[cfg(feature = "std")]
    pub(crate) fn lengthen<R: Record>(&mut self, list: List<R>, len: usize) -> Result<List<R>> {
        let longer: List<R> = self.list(len)?;
        let start = list.start as usize;
        let end = start + list.len as usize * R::WIDTH;
        self.memory.copy_within(start..end, longer.start as usize);
        Ok(longer)
    }

    /// A list of zero records that lasts until its mark is released.
    pub(crate) fn scratch<R: Record>(&mut self, len: usize) -> Result<List<R>> {
        let bytes = Self::bytes_of::<R>(len)?;
        self.reserve(bytes)?;
        self.back -= bytes;
        let start = self.back;
        self.zero(start, bytes);
        Ok(List::new(start as u32, len as u32))
    }

    fn zero(&mut self, start: usize, len: usize) {
        if let Some(bytes) = self.memory.get_mut(start..start + len) {
            bytes.fill(0);
        }
    }

    /// Where the scratch stands now.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.back)
    }

    /// Gives back all scratch that was taken since the mark.
    pub(crate) fn release(&mut self, mark: Mark) {
        debug_assert!(mark.0 >= self.back, "released in the wrong order");
        self.back = mark.0;
    }

    /// The end of what lasts, where the next bytes will be appended.
    pub(crate) fn front(&self) -> u32 {
        self.front as u32
    }

    /// Appends bytes to what lasts.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.reserve(bytes.len())?;
        if let Some(target) = self.memory.get_mut(self.front..self.front + bytes.len()) {
            target.copy_from_slice(bytes);
        }
        self.front += bytes.len();
        Ok(())
    }

    /// Takes back what was appended behind `front`.
    pub(crate) fn take_back(&mut self, front: u32) {
        debug_assert!(front as usize <= self.front, "nothing was appended");
        self.front = front as usize;
    }

    /// Appends a copy of bytes that lie in the arena.
    pub(crate) fn append_copy(&mut self, start: u32, len: u32) -> Result<()> {
        self.reserve(len as usize)?;
        let start = start as usize;
        self.memory
            .copy_within(start..start + len as usize, self.front);
        self.front += len as usize;
        Ok(())
    }

    fn cells_mut<R: Record>(&mut self, list: List<R>) -> &mut [R::Cell] {
        let start = list.start as usize;
        let end = start + list.len as usize * R::WIDTH;
        match self.memory.get_mut(start..end) {
            Some(bytes) => R::cells_mut(bytes),
            None => &mut [],
        }
    }

    /// Stores one record of a list.
    #[inline]
    pub(crate) fn set<R: Record>(&mut self, list: List<R>, index: u32, record: R) {
        debug_assert!(index < list.len, "record {index} of {}", list.len);
        if let Some(cell) = self.cells_mut(list).get_mut(index as usize) {
            *cell = record.encode();
        }
    }

    /// Stores one record everywhere in a list.
    pub(crate) fn fill<R: Record>(&mut self, list: List<R>, record: R) {
        self.cells_mut(list).fill(record.encode());
    }

    /// Copies a list over another one of the same length.
    pub(crate) fn copy<R: Record>(&mut self, from: List<R>, to: List<R>) {
        debug_assert_eq!(from.len, to.len, "lists of two lengths");
        let start = from.start as usize;
        let end = start + from.len as usize * R::WIDTH;
        self.memory.copy_within(start..end, to.start as usize);
    }

    /// Reads one record of a list.
    #[inline]
    pub(crate) fn get<R: Record>(&self, list: List<R>, index: u32) -> R {
        self.view().get(list, index)
    }

    /// The bytes of a list and, beside them, all that lies in front of it.
    pub(crate) fn split<R: Record>(&mut self, list: List<R>) -> (View<'_>, &mut [R::Cell]) {
        let (before, rest) = self.memory.split_at_mut(list.start as usize);
        let cells = rest.split_at_mut(list.len as usize * R::WIDTH).0;
        (View { bytes: before }, R::cells_mut(cells))
    }

    /// The cells of two lists, the first in front of the second, and all that lies
    /// in front of both.
    pub(crate) fn split_two<A: Record, B: Record>(
        &mut self,
        first: List<A>,
        second: List<B>,
    ) -> (View<'_>, &mut [A::Cell], &mut [B::Cell]) {
        debug_assert!(first.start <= second.start, "lists in the wrong order");
        let (front, rest) = self.memory.split_at_mut(second.start as usize);
        let (before, middle) = front.split_at_mut(first.start as usize);
        let first = middle.split_at_mut(first.len as usize * A::WIDTH).0;
        let second = rest.split_at_mut(second.len as usize * B::WIDTH).0;
        (
            View { bytes: before },
            A::cells_mut(first),
            B::cells_mut(second),
        )
    }

    /// Sorts a list by a key of its records.
    pub(crate) fn sort_by_key<R: Record, K: Ord>(
        &mut self,
        list: List<R>,
        mut key: impl FnMut(R) -> K,
    ) {
        self.cells_mut(list)
            .sort_unstable_by_key(|cell| key(R::decode(cell)));
    }

    /// Sorts a list with a comparison that may read what lies in front of it.
    pub(crate) fn sort_by<R: Record>(
        &mut self,
        list: List<R>,
        mut compare: impl FnMut(View<'_>, R, R) -> Ordering,
    ) {
        let (before, cells) = self.split(list);
        cells.sort_unstable_by(|a, b| compare(before, R::decode(a), R::decode(b)));
    }

    /// Drops all but the first of each run of equal records; returns what is left.
    pub(crate) fn dedup<R: Record + PartialEq>(&mut self, list: List<R>) -> List<R> {
        let mut kept = 0;
        let mut last = None;
        for index in 0..list.len {
            let record = self.get(list, index);
            if last != Some(record) {
                self.set(list, kept, record);
                last = Some(record);
                kept += 1;
            }
        }
        List::new(list.start, kept)
    }
}
