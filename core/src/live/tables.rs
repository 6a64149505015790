//! The decision tables in buffers that can grow, one for each.

use alloc::vec::Vec;

use crate::image::record::{Record, Table};
use crate::image::tables::{ClassRecord, HostV6Record, RunV6Record, StartsRecord};
use crate::image::{Decision, RowChunks, Shape};

/// Records that can be changed, and more added.
pub(super) struct Records<R: Record>(Vec<R::Cell>);

impl<R: Record> Clone for Records<R> {
    fn clone(&self) -> Self {
        Records(self.0.clone())
    }

    fn clone_from(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }
}

impl<R: Record> Records<R> {
    /// A copy of a table, with room for half as much again: what grows should not
    /// move soon.
    fn copy(table: Table<'_, R>) -> Self {
        let mut cells = Vec::with_capacity(table.len() + table.len() / 2);
        cells.extend_from_slice(table.cells());
        Records(cells)
    }

    /// `len` records of zeros.
    pub(super) fn zeros(len: usize) -> Self {
        Records(alloc::vec![R::ZERO.encode(); len])
    }

    #[inline]
    pub(super) fn table(&self) -> Table<'_, R> {
        Table::of_cells(&self.0)
    }

    pub(super) fn len(&self) -> u32 {
        self.0.len() as u32
    }

    pub(super) fn get(&self, index: u32) -> R {
        self.table().get(index)
    }

    pub(super) fn set(&mut self, index: u32, record: R) {
        debug_assert!(index < self.len(), "record {index} of {}", self.len());
        if let Some(cell) = self.0.get_mut(index as usize) {
            *cell = record.encode();
        }
    }

    pub(super) fn push(&mut self, record: R) {
        self.0.push(record.encode());
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = R> + '_ {
        self.0.iter().map(R::decode)
    }
}

/// All tables that a verdict reads.
#[derive(Clone)]
pub(super) struct Tables {
    pub(super) shape: Shape,
    pub(super) trie: Records<u32>,
    pub(super) hosts_v6: Records<HostV6Record>,
    /// The slots of `hosts_v6` that are taken.
    pub(super) hosts_v6_taken: u32,
    pub(super) runs_v6: Records<RunV6Record>,
    pub(super) port_pages: Records<StartsRecord>,
    pub(super) classes: Records<ClassRecord>,
    pub(super) port_maps: Records<StartsRecord>,
    pub(super) rows: Records<u32>,
    pub(super) row_chunks: Vec<u8>,
    pub(super) chunk_words: Records<u32>,
}

impl Tables {
    /// A copy of the tables of an image.
    pub(super) fn copy(decision: &Decision<'_>) -> Tables {
        let taken = decision.hosts_v6.iter().filter(|slot| slot.entry != 0);
        Tables {
            shape: decision.shape,
            trie: Records::copy(decision.trie),
            hosts_v6_taken: taken.count() as u32,
            hosts_v6: Records::copy(decision.hosts_v6),
            runs_v6: Records::copy(decision.runs_v6),
            port_pages: Records::copy(decision.port_pages),
            classes: Records::copy(decision.classes),
            port_maps: Records::copy(decision.port_maps),
            rows: Records::copy(decision.rows),
            row_chunks: decision.row_chunks.bytes().to_vec(),
            chunk_words: Records::copy(decision.chunk_words),
        }
    }

    /// The bytes of all tables, what is no longer used among them.
    pub(super) fn bytes(&self) -> usize {
        self.decision().size()
    }

    /// The tables, to ask.
    #[inline]
    pub(super) fn decision(&self) -> Decision<'_> {
        Decision {
            shape: self.shape,
            class_mask: self.shape.class_mask(),
            trie: self.trie.table(),
            hosts_v6: self.hosts_v6.table(),
            runs_v6: self.runs_v6.table(),
            port_pages: self.port_pages.table(),
            classes: self.classes.table(),
            port_maps: self.port_maps.table(),
            rows: self.rows.table(),
            row_chunks: RowChunks::new(&self.row_chunks, self.shape.wide_chunks != 0),
            chunk_words: self.chunk_words.table(),
        }
    }
}
