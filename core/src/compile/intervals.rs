//! One partition of the port space for the whole image: every port at which some
//! rule begins or ends to match begins an interval.

use super::arena::{Arena, List, Result, View};
use super::atoms::{AtomKind, Atoms};
use super::facts::Facts;
use super::order::Order;
use crate::Protocol;
use crate::image::tables::{NONE, RuleRecord, StartsRecord};
use crate::model::Direction;
use crate::protocol::PortKey;

/// The port keys of a page.
const PAGE: u32 = StartsRecord::POSITIONS;

/// The partition.
pub(super) struct Intervals {
    pub(super) pages: List<StartsRecord>,
    /// The number of intervals.
    pub(super) count: u32,
}

/// The port key of a protocol number << 16 | port.
pub(super) fn key_of(protocol_port: u32) -> u32 {
    PortKey::new(Protocol((protocol_port >> 16) as u8), protocol_port as u16).0
}

impl Intervals {
    pub(super) fn new(
        arena: &mut Arena<'_>,
        facts: &Facts,
        order: &Order,
        atoms: &Atoms,
    ) -> Result<Intervals> {
        let pages: List<StartsRecord> = arena.list(PortKey::END.div_ceil(PAGE) as usize)?;
        begin(arena, pages, 0);
        for policy in 0..order.policies.len {
            let policy = facts
                .policies
                .get(arena.view(), arena.get(order.policies, policy));
            for (first, len) in Direction::BOTH.map(|direction| policy.rules(direction)) {
                for rule in first..first + len {
                    let rule = facts.rules.get(arena.view(), rule);
                    begin_at_ports(arena, pages, facts, &rule);
                }
            }
        }
        for atom in 0..atoms.len() {
            let atom = atoms.get(arena.view(), atom);
            if atom.kind() == AtomKind::NamedPort {
                let key = key_of(atom.b);
                begin(arena, pages, key);
                begin(arena, pages, key + 1);
            }
        }
        let mut intervals = Intervals { pages, count: 0 };
        intervals.number(arena);
        Ok(intervals)
    }

    /// Lets an interval begin at a key; tells whether none did so before.
    #[cfg(feature = "std")]
    pub(super) fn cut(&mut self, arena: &mut Arena<'_>, key: u32) -> bool {
        if key >= PortKey::END || arena.get(self.pages, key / PAGE).begins(key) {
            return false;
        }
        begin(arena, self.pages, key);
        self.number(arena);
        true
    }

    /// Numbers the intervals.
    fn number(&mut self, arena: &mut Arena<'_>) {
        self.count = 0;
        for index in 0..self.pages.len {
            let mut page = arena.get(self.pages, index);
            page.rank = self.count;
            self.count = page.rank_behind();
            arena.set(self.pages, index, page);
        }
    }

    /// The records of a gate's map.
    pub(super) fn map_len(&self) -> u32 {
        self.count.div_ceil(StartsRecord::POSITIONS)
    }

    /// The interval of a port key.
    pub(super) fn of(&self, view: View<'_>, key: u32) -> u32 {
        view.get(self.pages, key / PAGE).index_of(key)
    }
}

/// Begins intervals where a rule begins or ends to match.
fn begin_at_ports(
    arena: &mut Arena<'_>,
    pages: List<StartsRecord>,
    facts: &Facts,
    rule: &RuleRecord,
) {
    if rule.ports_len == NONE {
        return;
    }
    for port in rule.ports..rule.ports + rule.ports_len {
        let port = facts.rule_ports.get(arena.view(), port);
        if port.name == NONE {
            begin(arena, pages, port.first);
            begin(arena, pages, port.last + 1);
        }
    }
}

/// Begins an interval at a key.
fn begin(arena: &mut Arena<'_>, pages: List<StartsRecord>, key: u32) {
    if key < PortKey::END {
        let mut page = arena.get(pages, key / PAGE);
        page.begin(key);
        arena.set(pages, key / PAGE, page);
    }
}
