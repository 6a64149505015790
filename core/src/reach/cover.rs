//! From a matrix of units to the fewest rows that say it.

use alloc::vec::Vec;
use core::hash::Hash;

use hashbrown::HashMap;

/// Some of the units of a side: all that there is something to say of, or these,
/// by their positions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Whole,
    Part(Vec<u32>),
}

/// A rectangle of a matrix in which every cell that is there has one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rectangle<V> {
    pub(super) source: Side,
    pub(super) destination: Side,
    pub(super) value: V,
}

/// Rectangles that together are a matrix of (source, destination); cells that are
/// `None` are nobody's, and may be in any.
///
/// One if all cells are alike, which they mostly are. Otherwise the destinations of
/// each source are gathered by value, and sources that gather alike are joined.
pub(super) fn cover<V: Copy + Eq + Hash>(matrix: &[Vec<Option<V>>]) -> Vec<Rectangle<V>> {
    let mut cells = matrix.iter().flatten().flatten();
    let Some(first) = cells.next() else {
        return Vec::new();
    };
    if cells.all(|cell| cell == first) {
        return Vec::from([Rectangle {
            source: Side::Whole,
            destination: Side::Whole,
            value: *first,
        }]);
    }
    let mut gathered: Vec<((Side, V), Vec<u32>)> = Vec::new();
    let mut index = HashMap::with_hasher(super::hasher());
    let mut sources = 0;
    for (source, cells) in matrix.iter().enumerate() {
        let by_value = gather(cells);
        sources += usize::from(!by_value.is_empty());
        let is_uniform = by_value.len() == 1;
        for (value, destinations) in by_value {
            let side = if is_uniform {
                Side::Whole
            } else {
                Side::Part(destinations)
            };
            let key = (side, value);
            let next = gathered.len();
            let at = *index.entry(key.clone()).or_insert(next);
            if at == next {
                gathered.push((key, Vec::new()));
            }
            if let Some((_, sources)) = gathered.get_mut(at) {
                sources.push(source as u32);
            }
        }
    }
    let rectangle = |((destination, value), of_sources): ((Side, V), Vec<u32>)| Rectangle {
        source: if of_sources.len() == sources {
            Side::Whole
        } else {
            Side::Part(of_sources)
        },
        destination,
        value,
    };
    gathered.into_iter().map(rectangle).collect()
}

/// The positions of each value, in the order of their first appearance.
fn gather<V: Copy + Eq>(cells: &[Option<V>]) -> Vec<(V, Vec<u32>)> {
    let mut by_value: Vec<(V, Vec<u32>)> = Vec::new();
    for (at, cell) in cells.iter().enumerate() {
        let Some(value) = cell else { continue };
        match by_value.iter_mut().find(|(other, _)| other == value) {
            Some((_, positions)) => positions.push(at as u32),
            None => by_value.push((*value, Vec::from([at as u32]))),
        }
    }
    by_value
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    fn rectangle(source: Side, destination: Side, value: u8) -> Rectangle<u8> {
        Rectangle {
            source,
            destination,
            value,
        }
    }

    #[test]
    fn equal_cells_are_one_rectangle() {
        let matrix = [vec![Some(1), None], vec![Some(1), Some(1)]];
        assert_eq!(cover(&matrix), [rectangle(Side::Whole, Side::Whole, 1)]);
        assert_eq!(cover::<u8>(&[vec![None], vec![]]), []);
    }

    #[test]
    fn what_differs_is_cut_where_it_differs() {
        use Side::{Part, Whole};
        let matrix = [
            vec![Some(1), Some(1), Some(2)],
            vec![Some(1), Some(1), Some(2)],
            vec![Some(1), None, Some(1)],
        ];
        assert_eq!(
            cover(&matrix),
            [
                rectangle(Part(vec![0, 1]), Part(vec![0, 1]), 1),
                rectangle(Part(vec![0, 1]), Part(vec![2]), 2),
                rectangle(Part(vec![2]), Whole, 1),
            ]
        );
    }

    /// A cell of two families, say, is in no pair, and must not keep rows apart.
    #[test]
    fn every_cell_is_covered_once() {
        let matrix = [
            vec![Some(1), None, Some(3)],
            vec![None, Some(1), Some(3)],
            vec![Some(2), Some(2), None],
        ];
        for (source, cells) in matrix.iter().enumerate() {
            for (destination, cell) in cells.iter().enumerate() {
                let has = |side: &Side, at: usize| match side {
                    Side::Whole => true,
                    Side::Part(positions) => positions.contains(&(at as u32)),
                };
                let covering: Vec<_> = cover(&matrix)
                    .into_iter()
                    .filter(|row| has(&row.source, source) && has(&row.destination, destination))
                    .map(|row| row.value)
                    .collect();
                if let Some(cell) = cell {
                    assert_eq!(covering, [*cell]);
                }
            }
        }
    }
}
