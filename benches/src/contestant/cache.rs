//! An exact cache in front: whoever was asked about a connection is not asked again.

use std::cell::{Cell, RefCell};

use hashbrown::HashMap;
use netpolicy::Connection;

use super::Contestant;

/// A cache of a fixed number of connections in front of another contestant. Where it
/// is full, it is emptied, as caches are that cannot afford to keep an order.
pub struct Cached<C> {
    behind: C,
    capacity: usize,
    known: RefCell<HashMap<Connection, bool, ahash::RandomState>>,
    misses: Cell<usize>,
}

impl<C: Contestant> Cached<C> {
    /// An empty cache for `capacity` connections.
    #[must_use]
    pub fn new(behind: C, capacity: usize) -> Cached<C> {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        Cached {
            behind,
            capacity,
            known: RefCell::new(HashMap::with_capacity_and_hasher(capacity, hasher)),
            misses: Cell::new(0),
        }
    }

    /// How often the contestant behind was asked.
    #[must_use]
    pub fn misses(&self) -> usize {
        self.misses.get()
    }
}

impl<C: Contestant> Contestant for Cached<C> {
    fn allows(&self, connection: &Connection) -> bool {
        let mut known = self.known.borrow_mut();
        if let Some(allowed) = known.get(connection) {
            return *allowed;
        }
        self.misses.set(self.misses.get() + 1);
        let allowed = self.behind.allows(connection);
        if known.len() >= self.capacity {
            known.clear();
        }
        known.insert(*connection, allowed);
        allowed
    }
}

impl<C: Contestant> Contestant for &C {
    fn allows(&self, connection: &Connection) -> bool {
        (*self).allows(connection)
    }
}
