//! Lists of numbers by group: one array of items, and where each group begins.

use super::arena::{Arena, List, Result, View};
use crate::image::record::Record;

/// For each of some groups, a list of numbers.
#[derive(Clone, Copy)]
pub(super) struct Groups {
    /// Where each group begins in `items`, and the end.
    starts: List<u32>,
    items: List<u32>,
}

impl Groups {
    /// Groups what `pairs` hands out as (group, item). It is called twice and
    /// must hand out the same both times; items keep their order.
    pub(super) fn build(
        arena: &mut Arena<'_>,
        groups: u32,
        pairs: impl Fn(View<'_>, &mut dyn FnMut(u32, u32)),
    ) -> Result<Groups> {
        let starts: List<u32> = arena.list(groups as usize + 1)?;
        // Count into the place behind each group's own, so that adding up leaves
        // each group's beginning in its place.
        let mut total: u32 = 0;
        let (view, cells) = arena.split(starts);
        pairs(view, &mut |group, _| {
            add(cells, group + 1, 1);
            total += 1;
        });
        let mut sum = 0;
        for cell in cells.iter_mut() {
            sum += u32::decode(cell);
            *cell = sum.encode();
        }
        let items: List<u32> = arena.list(total as usize)?;
        let mark = arena.mark();
        let next: List<u32> = arena.scratch(groups as usize)?;
        for group in 0..groups {
            let start = arena.get(starts, group);
            arena.set(next, group, start);
        }
        // `next` and `items` are both written while `pairs` reads what is in front of them.
        let (view, item_cells, next_cells) = arena.split_two(items, next);
        pairs(view, &mut |group, item| {
            let at = add(next_cells, group, 1);
            if let Some(cell) = item_cells.get_mut(at as usize) {
                *cell = item.encode();
            }
        });
        arena.release(mark);
        Ok(Groups { starts, items })
    }

    /// The number of groups.
    pub(super) fn len(&self) -> u32 {
        self.starts.len.saturating_sub(1)
    }

    /// The items of a group.
    pub(super) fn get(&self, view: View<'_>, group: u32) -> List<u32> {
        let start = view.get(self.starts, group);
        self.items
            .slice(start, view.get(self.starts, group + 1) - start)
    }
}

/// Adds to a number and returns what it was.
fn add(cells: &mut [[u8; 4]], index: u32, amount: u32) -> u32 {
    match cells.get_mut(index as usize) {
        Some(cell) => {
            let before = u32::decode(cell);
            *cell = (before + amount).encode();
            before
        }
        None => 0,
    }
}
