//! Deciding otherwise for some classes: more chunks, rows and port maps, behind the
//! others. What was there before stays, unused, until the next rebuild.

use super::tables::{Records, Tables};
use crate::compile::PolicyPatch;
use crate::image::CHUNK_WORDS;
use crate::image::tables::{NONE, StartsRecord};
use crate::model::Direction;

/// The positions of a record of starts.
const POSITIONS: u32 = StartsRecord::POSITIONS;
/// The most chunks that 2 bytes can number.
const NARROW_CHUNKS: u32 = 1 << 16;

impl Tables {
    /// Takes in what a policy has changed.
    pub(super) fn set_gates(&mut self, patch: &PolicyPatch) {
        for key in &patch.cuts {
            self.cut(*key);
        }
        for word in &patch.chunks {
            self.chunk_words.push(*word);
        }
        if self.shape.wide_chunks == 0 && self.chunk_words.len() / CHUNK_WORDS > NARROW_CHUNKS {
            self.widen_row_chunks();
        }
        for chunk in &patch.row_chunks {
            if self.shape.wide_chunks == 0 {
                let chunk = *chunk as u16;
                self.row_chunks.extend_from_slice(&chunk.to_le_bytes());
            } else {
                self.row_chunks.extend_from_slice(&chunk.to_le_bytes());
            }
        }
        for gate in &patch.gates {
            let (map, rows) = self.add_gate(&gate.rows);
            for class in &gate.classes {
                let mut record = self.classes.get(*class);
                match gate.direction {
                    Direction::Egress => (record.egress_map, record.egress_rows) = (map, rows),
                    Direction::Ingress => (record.ingress_map, record.ingress_rows) = (map, rows),
                }
                self.classes.set(*class, record);
            }
        }
    }

    /// Adds the port map and the list of some rows, each from a port key on.
    fn add_gate(&mut self, gate: &[(u32, u32)]) -> (u32, u32) {
        let (map, rows) = (self.port_maps.len(), self.rows.len());
        for _ in 0..self.map_len() {
            self.port_maps.push(StartsRecord::new(0, 0));
        }
        for (key, row) in gate {
            let interval = self.interval(*key);
            let at = map + interval / POSITIONS;
            let mut starts = self.port_maps.get(at);
            starts.begin(interval);
            self.port_maps.set(at, starts);
            self.rows.push(row * self.shape.chunks_per_row);
        }
        let end = self.port_maps.len();
        rank(&mut self.port_maps, map, end);
        (map, rows)
    }

    /// The interval of a port key; there is one for each.
    fn interval(&self, key: u32) -> u32 {
        self.decision().interval(key).unwrap_or(0)
    }

    /// The number of intervals.
    fn intervals(&self) -> u32 {
        let last = self.port_pages.len().saturating_sub(1);
        self.port_pages.get(last).rank_behind()
    }

    /// The records of a port map.
    fn map_len(&self) -> u32 {
        self.intervals().div_ceil(POSITIONS)
    }

    /// Lets an interval begin at a port key, in all maps. It is decided there as it
    /// was.
    fn cut(&mut self, key: u32) {
        let old_len = self.map_len();
        let interval = self.interval(key) + 1;
        let at = key / POSITIONS;
        let mut page = self.port_pages.get(at);
        page.begin(key);
        self.port_pages.set(at, page);
        let pages = self.port_pages.len();
        rank(&mut self.port_pages, 0, pages);

        let new_len = self.map_len();
        let maps = self.port_maps.len() / old_len.max(1);
        let old = core::mem::replace(&mut self.port_maps, Records::zeros(0));
        for map in 0..maps {
            let first = self.port_maps.len();
            let mut carry = 0;
            for word in 0..new_len {
                // The last map's record behind its end is not another map's.
                let bits = if word < old_len {
                    old.get(map * old_len + word).bits()
                } else {
                    0
                };
                let (bits, behind) = match word.cmp(&(interval / POSITIONS)) {
                    core::cmp::Ordering::Less => (bits, 0),
                    core::cmp::Ordering::Equal => insert_zero(bits, interval % POSITIONS),
                    core::cmp::Ordering::Greater => (bits << 1 | carry, bits >> 63),
                };
                carry = behind;
                self.port_maps.push(StartsRecord::new(0, bits));
            }
            let end = self.port_maps.len();
            rank(&mut self.port_maps, first, end);
        }
        if new_len != old_len {
            for class in 0..self.classes.len() {
                let mut record = self.classes.get(class);
                for map in [&mut record.egress_map, &mut record.ingress_map] {
                    if *map != NONE {
                        *map = *map / old_len.max(1) * new_len;
                    }
                }
                self.classes.set(class, record);
            }
        }
    }

    fn widen_row_chunks(&mut self) {
        let wide = self.decision().row_chunks.iter().flat_map(u32::to_le_bytes);
        self.row_chunks = wide.collect();
        self.shape.wide_chunks = 1;
    }
}

/// Inserts a zero at a bit; returns what is pushed out besides.
fn insert_zero(bits: u64, at: u32) -> (u64, u64) {
    let below = (1 << at) - 1;
    ((bits & !below) << 1 | bits & below, bits >> 63)
}

/// Sets the ranks of the records from `first` to `end`, which stand for themselves.
fn rank(starts: &mut Records<StartsRecord>, first: u32, end: u32) {
    let mut rank = 0;
    for at in first..end {
        let record = StartsRecord::new(rank, starts.get(at).bits());
        rank = record.rank_behind();
        starts.set(at, record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_is_inserted() {
        assert_eq!(insert_zero(0b1011, 2), (0b10011, 0));
        assert_eq!(insert_zero(1 << 63 | 1, 0), (2, 1));
        assert_eq!(insert_zero(u64::MAX, 63), (u64::MAX >> 1, 1));
    }
}
