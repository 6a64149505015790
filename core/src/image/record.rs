//! Fixed-size little-endian records, and tables of them over borrowed bytes.
//!
//! Both the image and the compiler's working memory are made of these: one
//! width for every target, no alignment, no `unsafe`.

use core::marker::PhantomData;

/// A value that is stored in a fixed number of bytes, little-endian.
pub(crate) trait Record: Copy + 'static {
    /// The stored form: `[u8; WIDTH]`.
    type Cell: Copy + 'static;
    /// Its size in bytes.
    const WIDTH: usize;
    /// The value whose cell is all zeros.
    const ZERO: Self;

    fn decode(cell: &Self::Cell) -> Self;
    fn encode(self) -> Self::Cell;
    /// The bytes of a cell.
    fn bytes(cell: &Self::Cell) -> &[u8];
    /// `bytes` as cells; a rest shorter than a cell is left out.
    fn cells(bytes: &[u8]) -> &[Self::Cell];
    fn cells_mut(bytes: &mut [u8]) -> &mut [Self::Cell];
}

/// A field of a record: one or more words of 4 bytes.
pub(crate) trait Field: Copy {
    const WORDS: usize;
    const ZERO: Self;
    fn take<'a>(words: &mut impl Iterator<Item = &'a [u8; 4]>) -> Self;
    fn put<'a>(self, words: &mut impl Iterator<Item = &'a mut [u8; 4]>);
}

impl Field for u32 {
    const WORDS: usize = 1;
    const ZERO: u32 = 0;

    #[inline(always)]
    fn take<'a>(words: &mut impl Iterator<Item = &'a [u8; 4]>) -> u32 {
        words.next().map_or(0, |word| u32::from_le_bytes(*word))
    }

    #[inline(always)]
    fn put<'a>(self, words: &mut impl Iterator<Item = &'a mut [u8; 4]>) {
        if let Some(word) = words.next() {
            *word = self.to_le_bytes();
        }
    }
}

/// An address, in network order; IPv4 stands in `::ffff:0:0/96`.
impl Field for u128 {
    const WORDS: usize = 4;
    const ZERO: u128 = 0;

    #[inline(always)]
    fn take<'a>(words: &mut impl Iterator<Item = &'a [u8; 4]>) -> u128 {
        let mut address = 0;
        for word in words.take(4) {
            address = address << 32 | u128::from(u32::from_be_bytes(*word));
        }
        address
    }

    #[inline(always)]
    fn put<'a>(self, words: &mut impl Iterator<Item = &'a mut [u8; 4]>) {
        // Not `zip` alone: it would take a fifth word before it saw that there is no fifth chunk.
        for (word, bytes) in words.take(4).zip(self.to_be_bytes().as_chunks::<4>().0) {
            *word = *bytes;
        }
    }
}

/// The type of a field that states none.
macro_rules! field_type {
    () => {
        u32
    };
    ($type:ty) => {
        $type
    };
}
pub(crate) use field_type;

/// Declares a struct and makes it a [`Record`]. A field is a `u32` unless it
/// says `u128`, which is an address.
macro_rules! record {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field:ident $(: $type:ty)?),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis struct $name {
            $($(#[$field_meta])* $vis $field: $crate::image::record::field_type!($($type)?)),+
        }

        const _: () = {
            use $crate::image::record::{Field, Record, field_type};

            const WORDS: usize = 0 $(+ <field_type!($($type)?) as Field>::WORDS)+;

            impl Record for $name {
                type Cell = [[u8; 4]; WORDS];
                const WIDTH: usize = 4 * WORDS;
                const ZERO: Self = $name { $($field: Field::ZERO),+ };

                #[inline]
                fn decode(cell: &Self::Cell) -> Self {
                    let mut words = cell.iter();
                    $(let $field = Field::take(&mut words);)+
                    $name { $($field),+ }
                }

                #[inline]
                fn encode(self) -> Self::Cell {
                    let mut cell = [[0; 4]; WORDS];
                    let mut words = cell.iter_mut();
                    $(self.$field.put(&mut words);)+
                    cell
                }

                #[inline]
                fn bytes(cell: &Self::Cell) -> &[u8] {
                    cell.as_flattened()
                }

                #[inline]
                fn cells(bytes: &[u8]) -> &[Self::Cell] {
                    bytes.as_chunks::<4>().0.as_chunks().0
                }

                #[inline]
                fn cells_mut(bytes: &mut [u8]) -> &mut [Self::Cell] {
                    bytes.as_chunks_mut::<4>().0.as_chunks_mut().0
                }
            }
        };
    };
}
pub(crate) use record;

/// A number is a record of itself.
macro_rules! number {
    ($type:ty, $width:literal) => {
        impl Record for $type {
            type Cell = [u8; $width];
            const WIDTH: usize = $width;
            const ZERO: $type = 0;

            #[inline]
            fn decode(cell: &Self::Cell) -> $type {
                <$type>::from_le_bytes(*cell)
            }

            #[inline]
            fn encode(self) -> Self::Cell {
                self.to_le_bytes()
            }

            #[inline]
            fn bytes(cell: &Self::Cell) -> &[u8] {
                cell
            }

            #[inline]
            fn cells(bytes: &[u8]) -> &[Self::Cell] {
                bytes.as_chunks().0
            }

            #[inline]
            fn cells_mut(bytes: &mut [u8]) -> &mut [Self::Cell] {
                bytes.as_chunks_mut().0
            }
        }
    };
}
number!(u16, 2);
number!(u32, 4);

impl Table<'_, u32> {
    /// Half a word: the lower half of word 0, the upper half of it, and so on.
    #[inline(always)]
    pub(crate) fn half(&self, index: u32) -> Option<u16> {
        let (halves, _) = self.cells.as_flattened().as_chunks();
        halves.get(index as usize).map(u16::decode)
    }
}

/// A table of records over borrowed bytes. [`Table::get`] past its end gives zeros, which
/// every consumer takes for "deny" or "nothing".
pub(crate) struct Table<'a, R: Record> {
    cells: &'a [R::Cell],
    record: PhantomData<R>,
}

impl<R: Record> Clone for Table<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Record> Copy for Table<'_, R> {}

impl<'a, R: Record> Table<'a, R> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Table {
            cells: R::cells(bytes),
            record: PhantomData,
        }
    }

    /// A table of cells that lie wherever they do.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn of_cells(cells: &'a [R::Cell]) -> Self {
        Table {
            cells,
            record: PhantomData,
        }
    }

    /// The cells of all records.
    #[cfg(feature = "std")]
    pub(crate) fn cells(&self) -> &'a [R::Cell] {
        self.cells
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The size of the table in bytes.
    pub(crate) fn size(&self) -> usize {
        size_of_val(self.cells)
    }

    #[inline]
    pub(crate) fn get(&self, index: u32) -> R {
        self.cells.get(index as usize).map_or(R::ZERO, R::decode)
    }

    /// Like [`Table::get`], for who must tell a missing record from a zero one.
    #[inline]
    pub(crate) fn checked(&self, index: u32) -> Option<R> {
        self.cells.get(index as usize).map(R::decode)
    }

    /// Like [`Table::checked`], at a sum that may be more than 32 bits hold.
    #[inline]
    pub(crate) fn at(&self, index: u64) -> Option<R> {
        let index = usize::try_from(index).ok()?;
        self.cells.get(index).map(R::decode)
    }

    /// The cells of `N` records from `first`.
    #[inline]
    pub(crate) fn array<const N: usize>(&self, first: u32) -> Option<&'a [R::Cell; N]> {
        self.cells.get(first as usize..)?.first_chunk()
    }

    /// The cells of `len` records from `first`; none where the table ends before.
    #[inline]
    pub(crate) fn slice(&self, first: u32, len: u32) -> &'a [R::Cell] {
        let behind = self.cells.get(first as usize..).unwrap_or(&[]);
        behind.get(..len as usize).unwrap_or(&[])
    }

    /// `len` records from `first`; cut where the table ends.
    pub(crate) fn range(
        &self,
        first: u32,
        len: u32,
    ) -> impl ExactSizeIterator<Item = R> + Clone + use<'a, R> {
        let first = (first as usize).min(self.cells.len());
        let end = first.saturating_add(len as usize).min(self.cells.len());
        self.cells
            .get(first..end)
            .unwrap_or(&[])
            .iter()
            .map(R::decode)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = R> + Clone + use<'a, R> {
        self.cells.iter().map(R::decode)
    }

    /// The index of the first record for which `before` is false, all records
    /// for which it is true standing in front.
    pub(crate) fn partition_point(&self, mut before: impl FnMut(R) -> bool) -> u32 {
        self.cells.partition_point(|cell| before(R::decode(cell))) as u32
    }
}
