//! Groups of which nobody may open a connection to anybody of another, told without
//! asking on which ports: of all pairs of groups these are by far the most.

use alloc::vec::Vec;

use super::deciders::{Deciders, Question};
use super::network::Unit;
use crate::image::tables::NONE;
use crate::model::Direction;

/// How many bits are kept at most; where there would be more, nobody is known to be
/// silent.
const MOST_BITS: usize = 1 << 31;

/// For each decider and place, whether the one lets the other through on any port. Rows are
/// chosen by the source, so that all destinations of one are found side by side.
pub(super) struct Passes {
    /// The number of each decider among those of its direction.
    numbers: Vec<u32>,
    /// Rows of places, by decider for egress.
    egress: Bits,
    /// Rows of deciders for ingress, by place.
    ingress: Bits,
}

impl Passes {
    /// Nobody passes yet. `None` where there are too many to keep.
    pub(super) fn new(deciders: &Deciders<'_>, places: usize) -> Option<Passes> {
        let mut counts = [0; 2];
        let mut number = |direction| {
            let [egress, ingress] = &mut counts;
            let count = match direction {
                Direction::Egress => egress,
                Direction::Ingress => ingress,
            };
            *count += 1;
            *count - 1
        };
        let numbers = deciders.directions().map(&mut number).collect();
        let [egress, ingress] = counts.map(|count: u32| count as usize);
        let bits = places.checked_mul(egress + ingress)?;
        (bits <= MOST_BITS).then(|| Passes {
            numbers,
            egress: Bits::new(egress, places),
            ingress: Bits::new(places, ingress),
        })
    }

    /// Takes in which places a question lets through.
    pub(super) fn hear(&mut self, question: &Question, allowed: &[bool]) {
        let places = (0..).zip(allowed).filter(|(_, allowed)| **allowed);
        for (place, _) in places {
            for asker in &question.askers {
                let number = self.number(*asker);
                match question.direction {
                    Direction::Egress => self.egress.set(number, place),
                    Direction::Ingress => self.ingress.set(place, number),
                }
            }
        }
    }

    fn number(&self, decider: u32) -> u32 {
        self.numbers.get(decider as usize).copied().unwrap_or(NONE)
    }
}

/// A unit, as far as it matters here.
#[derive(Clone, Copy)]
struct Plain {
    place: u32,
    /// The numbers of its deciders among those of their direction.
    egress: u32,
    ingress: u32,
}

/// Which groups are silent towards which.
#[derive(Default)]
pub(super) struct Silence {
    passes: Option<Passes>,
    /// The units of each group, as a range of `units`; empty for a group of which one is a
    /// node or more than its class, which is not told here.
    of_group: Vec<(u32, u32)>,
    units: Vec<Plain>,
}

impl Silence {
    /// What is known of groups with these units, each of which stands at a place.
    pub(super) fn new(
        passes: Option<Passes>,
        units: &[Unit<'_>],
        of_group: &[Vec<u32>],
    ) -> Silence {
        let Some(passes) = passes else {
            return Silence::default();
        };
        let mut plain = Vec::new();
        let mut ranges = Vec::with_capacity(of_group.len());
        for of_group in of_group {
            let first = plain.len();
            for unit in of_group.iter().filter_map(|unit| units.get(*unit as usize)) {
                if unit.is_node() || unit.key.special != NONE {
                    plain.truncate(first);
                    break;
                }
                plain.push(Plain {
                    place: unit.place,
                    egress: passes.number(unit.egress),
                    ingress: passes.number(unit.ingress),
                });
            }
            ranges.push((first as u32, plain.len() as u32));
        }
        Silence {
            passes: Some(passes),
            of_group: ranges,
            units: plain,
        }
    }

    /// Whether nobody of a group may open connections to anybody of another; `false` where
    /// that is not plain.
    pub(super) fn is_between(&self, source: u32, destination: u32) -> bool {
        let units = |group: u32| {
            let (first, end) = self.of_group.get(group as usize)?;
            let units = self.units.get(*first as usize..*end as usize);
            units.filter(|units| !units.is_empty())
        };
        let (Some(passes), Some(from), Some(to)) =
            (&self.passes, units(source), units(destination))
        else {
            return false;
        };
        from.iter().all(|from| {
            to.iter().all(|to| {
                !passes.egress.has(from.egress, to.place)
                    || !passes.ingress.has(from.place, to.ingress)
            })
        })
    }
}

/// A table of bits.
struct Bits {
    /// How many words a row has.
    width: usize,
    words: Vec<u64>,
}

impl Bits {
    fn new(rows: usize, columns: usize) -> Bits {
        let width = columns.div_ceil(64);
        Bits {
            width,
            words: alloc::vec![0; rows * width],
        }
    }

    fn at(&self, row: u32, column: u32) -> usize {
        row as usize * self.width + (column >> 6) as usize
    }

    fn set(&mut self, row: u32, column: u32) {
        let at = self.at(row, column);
        if let Some(word) = self.words.get_mut(at) {
            *word |= 1 << (column & 63);
        }
    }

    /// What is beyond the table is taken to be set: nobody is silent of whom nothing is
    /// known.
    fn has(&self, row: u32, column: u32) -> bool {
        let word = self.words.get(self.at(row, column));
        word.is_none_or(|word| word >> (column & 63) & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_silent_of_whom_nothing_is_known() {
        let mut bits = Bits::new(3, 70);
        bits.set(1, 69);
        assert!(bits.has(1, 69) && !bits.has(1, 68) && !bits.has(2, 69));
        assert!(bits.has(3, 0) && bits.has(NONE, 0));
        assert!(!Silence::default().is_between(0, 0));
    }

    #[test]
    fn groups_are_silent_if_all_of_their_units_are() {
        let unit = |place| Plain {
            place,
            egress: place,
            ingress: place,
        };
        let mut passes = Passes {
            numbers: Vec::new(),
            egress: Bits::new(3, 3),
            ingress: Bits::new(3, 3),
        };
        // 0 may send to 2, which may receive of it; 1 may send to 2, which may not.
        passes.egress.set(0, 2);
        passes.ingress.set(0, 2);
        passes.egress.set(1, 2);
        let silence = Silence {
            passes: Some(passes),
            of_group: Vec::from([(0, 2), (1, 2), (2, 3), (3, 3)]),
            units: Vec::from([unit(0), unit(1), unit(2)]),
        };
        assert!(!silence.is_between(0, 2), "one of the two may");
        assert!(silence.is_between(1, 2));
        assert!(silence.is_between(2, 0));
        assert!(!silence.is_between(3, 2), "of which nothing is told");
    }
}
