//! Labels and named ports, as far as any selector or rule looks.
//!
//! Pods that differ only in what nobody asks about (`pod-template-hash`) become
//! the same here, which is what keeps the number of classes small.

use super::arena::{Arena, List, Result, View};
use super::facts::Facts;
use super::pool::Pool;
use crate::image::tables::{LabelRecord, NONE, NamedPortRecord, UNMENTIONED};

/// The projected sets, and which set of [`Facts`] became which.
pub(super) struct Projection {
    /// Sets of [`LabelRecord`], sorted by key; a value that no requirement
    /// mentions is [`UNMENTIONED`]. Set 0 is empty.
    pub(super) label_sets: Pool,
    /// For each set of [`Facts::label_sets`].
    pub(super) of_label_set: List<u32>,
    /// Sets of [`NamedPortRecord`], sorted. Set 0 is empty.
    pub(super) port_sets: Pool,
    /// For each set of [`Facts::port_sets`].
    pub(super) of_port_set: List<u32>,
    /// To project what comes later.
    #[cfg(feature = "std")]
    pub(super) asked: Asked,
}

impl Projection {
    pub(super) fn new(arena: &mut Arena<'_>, facts: &Facts) -> Result<Projection> {
        let mut label_sets = Pool::new();
        label_sets.intern(arena, &[])?;
        let mut port_sets = Pool::new();
        port_sets.intern(arena, &[])?;

        let asked = Asked::new(arena, facts)?;
        let of_label_set = arena.list(facts.label_sets.len() as usize)?;
        for id in 0..facts.label_sets.len() {
            let set: List<LabelRecord> = facts.label_sets.list(arena.view(), id);
            let projected = retain(arena, &mut label_sets, set, |view, label| {
                asked.label(view, label)
            })?;
            arena.set(of_label_set, id, projected);
        }
        let of_port_set = arena.list(facts.port_sets.len() as usize)?;
        for id in 0..facts.port_sets.len() {
            let set: List<NamedPortRecord> = facts.port_sets.list(arena.view(), id);
            let projected = retain(arena, &mut port_sets, set, |view, port| {
                asked.port_name(view, port.name).then_some(port)
            })?;
            arena.set(of_port_set, id, projected);
        }
        Ok(Projection {
            label_sets,
            of_label_set,
            port_sets,
            of_port_set,
            #[cfg(feature = "std")]
            asked,
        })
    }
}

/// Interns what `keep` leaves of a set.
fn retain<R: crate::image::record::Record>(
    arena: &mut Arena<'_>,
    pool: &mut Pool,
    set: List<R>,
    keep: impl Fn(View<'_>, R) -> Option<R>,
) -> Result<u32> {
    let mark = arena.mark();
    let kept: List<R> = arena.scratch(set.len as usize)?;
    let mut len = 0;
    for index in 0..set.len {
        let view = arena.view();
        if let Some(record) = keep(view, view.get(set, index)) {
            arena.set(kept, len, record);
            len += 1;
        }
    }
    let id = pool.intern_list(arena, kept.slice(0, len))?;
    arena.release(mark);
    Ok(id)
}

/// What the requirements and rules ask about.
pub(super) struct Asked {
    /// A bit for each string that is a key in some requirement.
    keys: List<u32>,
    /// Key and value of each `In` and `NotIn`.
    pairs: Pool,
    /// A bit for each string that is a port name in some rule.
    port_names: List<u32>,
}

impl Asked {
    fn new(arena: &mut Arena<'_>, facts: &Facts) -> Result<Asked> {
        let words = facts.strings.len().div_ceil(32) as usize;
        let keys = arena.list(words)?;
        let port_names = arena.list(words)?;
        let mut pairs = Pool::new();
        for id in 0..facts.requirements.len() {
            let requirement: List<u32> = facts.requirements.list(arena.view(), id);
            let key = arena.get(requirement, 0);
            set_bit(arena, keys, key);
            for index in 2..requirement.len {
                let value = arena.get(requirement, index);
                pairs.intern_record(arena, LabelRecord { key, value })?;
            }
        }
        for index in 0..facts.rule_ports.len() {
            let name = facts.rule_ports.get(arena.view(), index).name;
            if name != NONE {
                set_bit(arena, port_names, name);
            }
        }
        Ok(Asked {
            keys,
            pairs,
            port_names,
        })
    }

    /// What is left of a label.
    pub(super) fn label(&self, view: View<'_>, label: LabelRecord) -> Option<LabelRecord> {
        self.key(view, label.key).then(|| LabelRecord {
            key: label.key,
            value: if self.pair(view, label) {
                label.value
            } else {
                UNMENTIONED
            },
        })
    }

    /// Whether a key is asked about. A string that came later was not.
    pub(super) fn key(&self, view: View<'_>, key: u32) -> bool {
        key / 32 < self.keys.len && has_bit(view, self.keys, key)
    }

    /// Whether a value is asked about.
    pub(super) fn pair(&self, view: View<'_>, label: LabelRecord) -> bool {
        self.pairs.find_record(view, label).is_some()
    }

    /// Whether a port name is asked about.
    pub(super) fn port_name(&self, view: View<'_>, name: u32) -> bool {
        name / 32 < self.port_names.len && has_bit(view, self.port_names, name)
    }
}

/// Sets a bit of a bit set.
pub(super) fn set_bit(arena: &mut Arena<'_>, set: List<u32>, bit: u32) {
    let word = arena.get(set, bit / 32);
    arena.set(set, bit / 32, word | 1 << (bit % 32));
}

/// A bit of a bit set.
pub(super) fn has_bit(view: View<'_>, set: List<u32>, bit: u32) -> bool {
    view.get(set, bit / 32) >> (bit % 32) & 1 != 0
}
