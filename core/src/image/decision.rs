//! The decision tables: all that a verdict by addresses reads.

use super::addresses::Place;
use super::layout::{Layout, Section, Shape};
use super::record::Table;
use super::tables::{ClassRecord, HostV6Record, RunV6Record, StartsRecord};

/// The words of a chunk, which has a bit for each of 512 peer classes.
pub(crate) const CHUNK_WORDS: u32 = 16;

/// The tables, wherever they lie: one behind another in an image, or each in a
/// buffer of its own.
#[derive(Clone, Copy)]
pub(crate) struct Decision<'a> {
    pub(crate) shape: Shape,
    /// The bits of a place that are its class; `shape` tells how many.
    pub(crate) class_mask: u32,
    /// The nodes of all tries.
    pub(crate) trie: Table<'a, u32>,
    pub(crate) hosts_v6: Table<'a, HostV6Record>,
    pub(crate) runs_v6: Table<'a, RunV6Record>,
    pub(crate) port_pages: Table<'a, StartsRecord>,
    pub(crate) classes: Table<'a, ClassRecord>,
    pub(crate) port_maps: Table<'a, StartsRecord>,
    pub(crate) rows: Table<'a, u32>,
    pub(crate) row_chunks: RowChunks<'a>,
    /// The chunks as words of 32 bits.
    pub(crate) chunk_words: Table<'a, u32>,
}

impl<'a> Decision<'a> {
    /// The tables of an image whose layout is known.
    pub(crate) fn assemble(image: &'a [u8], layout: &Layout) -> Decision<'a> {
        macro_rules! table {
            ($section:ident) => {
                Table::new(layout.section(image, Section::$section))
            };
        }
        Decision {
            shape: layout.shape,
            class_mask: layout.shape.class_mask(),
            trie: table!(Trie),
            hosts_v6: table!(HostsV6),
            runs_v6: table!(RunsV6),
            port_pages: table!(PortPages),
            classes: table!(Classes),
            port_maps: table!(PortMaps),
            rows: table!(Rows),
            row_chunks: RowChunks::new(
                layout.section(image, Section::RowChunks),
                layout.shape.wide_chunks != 0,
            ),
            chunk_words: table!(Chunks),
        }
    }
}

impl Decision<'_> {
    /// The bytes of all tables.
    pub(crate) fn size(&self) -> usize {
        self.trie.size()
            + self.hosts_v6.size()
            + self.runs_v6.size()
            + self.port_pages.size()
            + self.classes.size()
            + self.port_maps.size()
            + self.rows.size()
            + self.row_chunks.size()
            + self.chunk_words.size()
    }

    /// The class of a place.
    #[inline(always)]
    pub(crate) const fn class(&self, place: Place) -> u32 {
        place.0 & self.class_mask
    }

    /// The interval of a port key; an open image has one for each.
    #[inline(always)]
    pub(crate) fn interval(&self, key: u32) -> Option<u32> {
        let page = self.port_pages.checked(key / StartsRecord::POSITIONS)?;
        Some(page.index_of(key))
    }

    /// The row of an interval, in a gate's map and list of rows; `None` where the gate's
    /// rules must be interpreted.
    #[inline(always)]
    pub(crate) fn row(&self, map: u32, rows: u32, interval: u32) -> Option<u32> {
        // `NONE` is behind all maps.
        let starts = u64::from(map) + u64::from(interval / StartsRecord::POSITIONS);
        let starts = self.port_maps.at(starts)?;
        self.rows
            .checked(rows.wrapping_add(starts.index_of(interval)))
    }

    /// Whether a row has the bit of a peer class; `None` where there is no such row.
    #[inline(always)]
    pub(crate) fn has(&self, row: u32, peer: u32) -> Option<bool> {
        let chunk = self.row_chunks.get(row.wrapping_add(peer / 512))?;
        let word = chunk
            .wrapping_mul(CHUNK_WORDS)
            .wrapping_add(peer / 32 % CHUNK_WORDS);
        Some(self.chunk_words.checked(word)? >> (peer % 32) & 1 != 0)
    }

    /// Whether a gate allows a peer class at an interval; `None` where its rules
    /// must be interpreted.
    #[inline(always)]
    pub(crate) fn allows(&self, map: u32, rows: u32, interval: u32, peer: u32) -> Option<bool> {
        self.has(self.row(map, rows, interval)?, peer)
    }

    /// What two ends, whose places are not special, are to each other: their classes, but a
    /// node's twin where both are on that node.
    #[inline(always)]
    pub(crate) fn as_peers(&self, a: Place, b: Place) -> [u32; 2] {
        let classes = [a, b].map(|place| self.class(place));
        // Both are below `SPECIAL`: what is no class is the host number.
        let [host, other] = [a, b].map(|place| place.0 & !self.class_mask);
        if host != 0 && host == other {
            classes.map(|class| self.own_node(class))
        } else {
            classes
        }
    }

    /// Whether a class is that of a node's addresses.
    #[inline(always)]
    pub(crate) const fn is_node(&self, class: u32) -> bool {
        class.wrapping_sub(self.shape.node_first) < self.shape.node_count
    }

    /// A node class's twin, or the class itself.
    #[inline(always)]
    fn own_node(&self, class: u32) -> u32 {
        class + self.shape.node_count * u32::from(self.is_node(class))
    }
}

/// Rows as lists of chunks. As long as 2 bytes can number all chunks they do:
/// that halves what is the largest table of a big cluster.
#[derive(Clone, Copy)]
pub(crate) struct RowChunks<'a> {
    narrow: Table<'a, u16>,
    wide: Table<'a, u32>,
    is_wide: bool,
}

impl<'a> RowChunks<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], is_wide: bool) -> RowChunks<'a> {
        RowChunks {
            narrow: Table::new(bytes),
            wide: Table::new(bytes),
            is_wide,
        }
    }

    #[inline]
    fn get(&self, index: u32) -> Option<u32> {
        if self.is_wide {
            self.wide.checked(index)
        } else {
            self.narrow.checked(index).map(u32::from)
        }
    }

    /// The bytes of the list, to copy.
    #[cfg(feature = "std")]
    pub(crate) fn bytes(&self) -> &'a [u8] {
        if self.is_wide {
            self.wide.cells().as_flattened()
        } else {
            self.narrow.cells().as_flattened()
        }
    }

    fn size(&self) -> usize {
        if self.is_wide {
            self.wide.size()
        } else {
            self.narrow.size()
        }
    }

    pub(crate) fn len(&self) -> usize {
        if self.is_wide {
            self.wide.len()
        } else {
            self.narrow.len()
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        let table = *self;
        (0..self.len()).map_while(move |index| table.get(index as u32))
    }
}
