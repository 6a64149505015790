//! Gates: what is decided for a subject in a direction, for every peer class and
//! every port, as rows of bits.
//!
//! Subjects that the same policies select share a gate. For each interval of
//! ports the [`tiers`](super::tiers) are played through on whole sets of peer
//! classes at once; what comes out is one row, the classes that may pass. Rows are
//! cut into chunks, and equal chunks, rows and lists of rows are stored once.

use super::arena::{Arena, List, Result, View};
use super::classes::{Classes, Known};
use super::groups::Groups;
use super::growing::Growing;
use super::intervals::Intervals;
use super::members::ClassSet;
use super::pool::Pool;
use super::tiers::{Prepared, Subject, Tiers};
use crate::image::CHUNK_WORDS;
use crate::image::record::{Record, record};
use crate::image::tables::*;
use crate::model::Direction;

/// The most memory that the peers of one gate's rules may take while its rows are
/// made.
const MAX_RULE_SETS: u64 = 64 << 20;
/// The most steps, in words of class sets, that making one gate's rows may take,
/// and all of them together. Beyond, a gate is interpreted.
const MAX_GATE_EFFORT: u64 = 1 << 28;
const MAX_EFFORT: u64 = 1 << 32;

const INTERPRETED: GateFact = GateFact {
    map: NONE,
    rows: NONE,
};

/// The gate that denies everything.
pub(super) const DENY: u32 = 0;
/// The gate of what is no pod: it allows everything.
pub(super) const NO_SUBJECT: u32 = 1;

record! {
    /// A gate: numbers in `maps` and `row_lists`, or [`NONE`] if its policies
    /// must be interpreted.
    pub(super) struct GateFact { map, rows }
}

/// All gates and what they lead to.
pub(super) struct Gates {
    /// Direction, port set, then the policies: what a gate is made from.
    keys: Pool,
    pub(super) all: Growing<GateFact>,
    /// Lists of [`StartsRecord`], all of one length.
    pub(super) maps: Pool,
    /// Lists of rows.
    pub(super) row_lists: Pool,
    /// Lists of chunks, all of one length: rows. Row 0 is all zeros.
    pub(super) rows: Pool,
    /// 16 words each. Chunk 0 is all zeros.
    pub(super) chunks: Pool,
    /// For each class, its egress and ingress gate.
    pub(super) of_class: List<ClassGatesRecord>,
    /// The number of gates that must be interpreted.
    pub(super) interpreted: u32,
    pub(super) chunks_per_row: u32,
    /// To make more gates.
    prepared: Prepared,
    /// The length of all row lists together.
    row_entries: u64,
}

impl Gates {
    pub(super) fn new(
        arena: &mut Arena<'_>,
        known: Known<'_>,
        classes: &Classes,
        intervals: &Intervals,
    ) -> Result<Gates> {
        let chunks_per_row = classes.all.len.div_ceil(32 * CHUNK_WORDS);
        let words = chunks_per_row * CHUNK_WORDS;
        let prepared = Prepared::new(arena, known, classes, words)?;
        let mut gates = Gates::hollow(prepared, chunks_per_row);
        gates.of_class = arena.list(classes.all.len as usize)?;
        let policies_of_atom = Groups::build(arena, known.atoms.len(), |view, emit| {
            for (policy, atom) in view.iter(known.atoms.subjects).enumerate() {
                emit(atom, policy as u32);
            }
        })?;
        let mark = arena.mark();
        let mut maker = Maker::new(arena, known, classes, intervals, gates)?;
        maker.fixed_gates(arena)?;
        maker.class_gates(arena, &policies_of_atom)?;
        let gates = maker.finish();
        arena.release(mark);
        Ok(gates)
    }

    /// No gates yet.
    fn hollow(prepared: Prepared, chunks_per_row: u32) -> Gates {
        Gates {
            keys: Pool::new(),
            all: Growing::new(),
            maps: Pool::new(),
            row_lists: Pool::new(),
            rows: Pool::new(),
            chunks: Pool::new(),
            of_class: List::default(),
            interpreted: 0,
            chunks_per_row,
            prepared,
            row_entries: 0,
        }
    }

    /// Takes the gates, to make more of them.
    #[cfg(feature = "std")]
    pub(super) fn take(&mut self) -> Gates {
        let hollow = Gates::hollow(self.prepared, self.chunks_per_row);
        core::mem::replace(self, hollow)
    }

    /// Whether there are more chunks than 2 bytes can number.
    pub(super) fn has_wide_chunks(&self) -> bool {
        self.chunks.len() > 1 << 16
    }

    /// The policies of a gate.
    pub(super) fn policies(&self, view: View<'_>, gate: u32) -> List<u32> {
        let key: List<u32> = self.keys.list(view, gate);
        key.slice(2, key.len)
    }
}

record! {
    /// The row of a gate from a port key on.
    pub(super) struct GateRow { key, row }
}

/// What makes the gates.
pub(super) struct Maker<'k> {
    known: Known<'k>,
    classes: &'k Classes,
    intervals: &'k Intervals,
    pub(super) tiers: Tiers<'k>,
    /// The words of a class set.
    words: u32,
    pub(super) gates: Gates,
    pub(super) effort_left: u64,
}

impl<'k> Maker<'k> {
    /// The scratch that is taken here must be released behind the maker.
    pub(super) fn new(
        arena: &mut Arena<'_>,
        known: Known<'k>,
        classes: &'k Classes,
        intervals: &'k Intervals,
        gates: Gates,
    ) -> Result<Maker<'k>> {
        let words = gates.chunks_per_row * CHUNK_WORDS;
        Ok(Maker {
            known,
            classes,
            intervals,
            tiers: Tiers::new(arena, known, classes, words, gates.prepared)?,
            words,
            gates,
            effort_left: MAX_EFFORT,
        })
    }

    /// The gates that were made.
    pub(super) fn finish(mut self) -> Gates {
        self.gates.prepared = self.tiers.prepared();
        self.gates
    }

    /// Gates 0 and 1, and the rows they need.
    fn fixed_gates(&mut self, arena: &mut Arena<'_>) -> Result<()> {
        for (gate, tag, word) in [(DENY, 2_u32, 0), (NO_SUBJECT, 3, u32::MAX)] {
            let mark = arena.mark();
            let row: ClassSet = arena.scratch(self.words as usize)?;
            arena.fill(row, word);
            let row = self.row(arena, row)?;
            let rows = arena.scratch(1)?;
            arena.set(rows, 0, GateRow { key: 0, row });
            let fact = self.gate_of_rows(arena, rows)?;
            let key = [tag.to_le_bytes(), 0_u32.to_le_bytes()];
            let id = self.gates.keys.intern(arena, key.as_flattened())?;
            debug_assert_eq!(id, gate, "a fixed gate has another number");
            self.gates.all.push(arena, fact)?;
            arena.release(mark);
        }
        Ok(())
    }

    /// Makes the gates of every class.
    fn class_gates(&mut self, arena: &mut Arena<'_>, policies_of_atom: &Groups) -> Result<()> {
        let no_subject = ClassGatesRecord {
            egress: NO_SUBJECT,
            ingress: NO_SUBJECT,
        };
        for class in 1..self.classes.pod_first {
            arena.set(self.gates.of_class, class, no_subject);
        }
        for pod_class in 0..self.classes.of_pod_class.len() {
            let [egress, ingress] = [Direction::Egress, Direction::Ingress]
                .map(|direction| self.gate(arena, pod_class, direction, policies_of_atom));
            let record = ClassGatesRecord {
                egress: egress?,
                ingress: ingress?,
            };
            let members = self.classes.of_pod_class.get(arena.view(), pod_class);
            for index in 0..members.len {
                let class = arena.get(members, index);
                arena.set(self.gates.of_class, class, record);
            }
        }
        Ok(())
    }

    /// The gate of a pod class in a direction.
    fn gate(
        &mut self,
        arena: &mut Arena<'_>,
        pod_class: u32,
        direction: Direction,
        policies_of_atom: &Groups,
    ) -> Result<u32> {
        let record = self.classes.pod_class(arena.view(), pod_class);
        let subjects: List<u32> = self
            .known
            .matching
            .lists
            .list(arena.view(), record.subjects);
        let total: u32 = arena
            .view()
            .iter(subjects)
            .map(|atom| policies_of_atom.get(arena.view(), atom).len)
            .sum();
        let mark = arena.mark();
        let key: List<u32> = arena.scratch(total as usize + 2)?;
        let mut len = 2;
        let mut resolves_names = false;
        for index in 0..subjects.len {
            let policies = policies_of_atom.get(arena.view(), arena.get(subjects, index));
            for index in 0..policies.len {
                let policy = arena.get(policies, index);
                if self.tiers.concerns(arena.view(), policy, direction) {
                    arena.set(key, len, policy);
                    len += 1;
                    resolves_names |= direction == Direction::Ingress
                        && self.tiers.names_ports(arena.view(), policy);
                }
            }
        }
        let ports = if resolves_names { record.ports } else { 0 };
        arena.set(key, 0, direction as u32);
        arena.set(key, 1, ports);
        let policies = key.slice(2, len - 2);
        arena.sort_by_key(policies, |policy| policy);
        let gate = self.gates.keys.intern_list(arena, key.slice(0, len))?;
        if gate == self.gates.all.len() {
            let subject = Subject {
                direction,
                ports,
                policies,
            };
            let fact = match self.rows(arena, subject)? {
                Some(rows) => self.gate_of_rows(arena, rows)?,
                None => INTERPRETED,
            };
            self.gates.interpreted += u32::from(fact.map == NONE);
            self.gates.all.push(arena, fact)?;
        }
        arena.release(mark);
        Ok(gate)
    }

    /// Makes the rows of a gate; `None` where they would cost too much. The list is
    /// scratch.
    pub(super) fn rows(
        &mut self,
        arena: &mut Arena<'_>,
        subject: Subject,
    ) -> Result<Option<List<GateRow>>> {
        // Else every gate would be prepared, to find that there is no room for it.
        let before = self.table_bytes();
        let budget = self.known.options.table_budget as u64;
        if before > budget {
            return Ok(None);
        }
        let rules = self.tiers.rules(arena, subject)?;
        let set_bytes = u64::from(rules.len) * u64::from(self.words) * 4;
        if set_bytes > MAX_RULE_SETS {
            return Ok(None);
        }
        let cuts = self.tiers.cuts(arena, subject, rules)?;
        let most = MAX_GATE_EFFORT.min(self.effort_left);
        let Some((script, effort)) = self.tiers.script(arena, subject, rules, cuts, most)? else {
            return Ok(None);
        };
        self.effort_left -= effort;

        let rows: List<GateRow> = arena.scratch(cuts.len as usize)?;
        let mut len = 0;
        let mut last = None;
        // What one gate has in the tables stays there even where it turns out too much: so
        // that others fit as well, none may take more than most of what is left.
        let most_bytes = budget.min(before + budget.saturating_sub(before) / 4 * 3);
        for index in 0..cuts.len {
            let bytes = self.table_bytes();
            if bytes > budget || index > 0 && bytes > most_bytes {
                self.effort_left += effort / u64::from(cuts.len) * u64::from(cuts.len - index);
                return Ok(None);
            }
            let key = arena.get(cuts, index);
            self.tiers.play(arena, subject, &script, index, key);
            let row = self.row(arena, self.tiers.allowed())?;
            if last != Some(row) {
                arena.set(rows, len, GateRow { key, row });
                len += 1;
                last = Some(row);
            }
        }
        Ok(Some(rows.slice(0, len)))
    }

    /// The number of a row.
    fn row(&mut self, arena: &mut Arena<'_>, set: ClassSet) -> Result<u32> {
        let mark = arena.mark();
        let row: List<u32> = arena.scratch(self.gates.chunks_per_row as usize)?;
        for index in 0..self.gates.chunks_per_row {
            let chunk = set.slice(index * CHUNK_WORDS, CHUNK_WORDS);
            // Most are, of a subject that is isolated.
            let is_zero = arena.view().iter(chunk).all(|word| word == 0);
            if !is_zero || self.gates.chunks.len() == 0 {
                let chunk = self.gates.chunks.intern_list(arena, chunk)?;
                arena.set(row, index, chunk);
            }
        }
        let id = self.gates.rows.intern_list(arena, row)?;
        arena.release(mark);
        Ok(id)
    }

    /// The gate of some rows, each from a port key on.
    fn gate_of_rows(&mut self, arena: &mut Arena<'_>, rows: List<GateRow>) -> Result<GateFact> {
        let mark = arena.mark();
        let map: List<StartsRecord> = arena.scratch(self.intervals.map_len() as usize)?;
        let list: List<u32> = arena.scratch(rows.len as usize)?;
        for index in 0..rows.len {
            let GateRow { key, row } = arena.get(rows, index);
            let interval = self.intervals.of(arena.view(), key);
            let word = interval / StartsRecord::POSITIONS;
            let mut starts = arena.get(map, word);
            starts.begin(interval);
            arena.set(map, word, starts);
            arena.set(list, index, row);
        }
        let mut rank = 0;
        for index in 0..map.len {
            let mut starts = arena.get(map, index);
            starts.rank = rank;
            rank = starts.rank_behind();
            arena.set(map, index, starts);
        }
        let known_lists = self.gates.row_lists.len();
        let fact = GateFact {
            map: self.gates.maps.intern_list(arena, map)?,
            rows: self.gates.row_lists.intern_list(arena, list)?,
        };
        if fact.rows == known_lists {
            self.gates.row_entries += u64::from(list.len);
        }
        arena.release(mark);
        Ok(fact)
    }

    /// The bytes that the tables take by now.
    fn table_bytes(&self) -> u64 {
        let Gates {
            maps,
            rows,
            chunks,
            chunks_per_row,
            row_entries,
            ..
        } = &self.gates;
        let chunk_number_bytes = if self.gates.has_wide_chunks() { 4 } else { 2 };
        let map = u64::from(self.intervals.map_len()) * StartsRecord::WIDTH as u64;
        u64::from(maps.len()) * map
            + row_entries * 4
            + u64::from(rows.len()) * u64::from(*chunks_per_row) * chunk_number_bytes
            + u64::from(chunks.len()) * u64::from(CHUNK_WORDS) * 4
    }
}
