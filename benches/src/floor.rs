//! The floor: the loads of a verdict, and nothing else.
//!
//! A verdict is a chain of loads, each from where the one before tells:
//!
//! ```text
//! connection ► trie ► trie ► trie ► class ► port map ► row ► row's chunk ► bits
//! ```
//!
//! The chain of the source and that of the destination run side by side, and one load
//! tells the interval of the port. Here are as many loads, in a buffer of the size of
//! the image's tables; nothing is worked out between them.

use std::hash::Hash;
use std::hint::black_box;
use std::net::IpAddr;

use netpolicy::{Connection, Image};

/// The loads of one chain, behind that of the connection.
pub const DEPENDENT: usize = 8;
/// The loads of a verdict: two chains, and the port.
pub const INDEPENDENT: usize = 2 * DEPENDENT + 1;
/// A buffer, and where in it each connection's loads lie.
pub struct Floor {
    buffer: Vec<u32>,
    chains: Vec<[u32; DEPENDENT]>,
    all: Vec<[u32; INDEPENDENT]>,
}

impl Floor {
    /// The floor of some traffic over an image: loads in a buffer of the size of its
    /// tables, at places that are shared as those of the tables are. Addresses side by
    /// side share a cache line of the trie, addresses of one class share what is behind
    /// the trie, and the same questions share everything. `classes` is how many the
    /// compiler told of.
    #[must_use]
    pub fn new(connections: &[Connection], image: &Image<'_>, classes: u32) -> Floor {
        let places = Places {
            class_mask: classes.next_power_of_two() - 1,
            words: (image.verdict_bytes() / 4).max(1) as u64,
            hasher: ahash::RandomState::with_seeds(1, 2, 3, 4),
            image,
        };
        let chains: Vec<[u32; DEPENDENT]> = connections
            .iter()
            .map(|connection| places.chain(connection.destination, connection.source, connection))
            .collect();
        let all = connections
            .iter()
            .zip(&chains)
            .map(|(connection, chain)| {
                let other = places.chain(connection.source, connection.destination, connection);
                let mut all = [places.port(connection); INDEPENDENT];
                all[..DEPENDENT].copy_from_slice(chain);
                all[DEPENDENT..2 * DEPENDENT].copy_from_slice(&other);
                all
            })
            .collect();
        Floor {
            buffer: written_zeros(places.words as usize),
            chains,
            all,
        }
    }

    /// Loads each connection's chain, each load from where the one before tells;
    /// returns how many connections there were.
    #[inline(never)]
    pub fn dependent(&self) -> usize {
        let mut told = 0;
        let mut at = 0;
        while let Some(chain) = self.chains.get(at) {
            for place in chain {
                told = self.load(place | told);
            }
            at += 1 + told as usize;
        }
        at
    }

    /// Loads all that each connection needs, none waiting for another; returns how
    /// many connections there were.
    #[inline(never)]
    pub fn independent(&self) -> usize {
        let mut sum = 0;
        for places in &self.all {
            for place in places {
                sum |= self.load(*place);
            }
        }
        self.all.len() + sum as usize
    }

    #[inline(always)]
    fn load(&self, place: u32) -> u32 {
        self.buffer.get(place as usize).copied().unwrap_or(0)
    }
}

/// Zeros, which the compiler cannot know of, in memory that was written to: what was not
/// is one page of zeros over and over again, and never leaves the nearest cache.
fn written_zeros(words: usize) -> Vec<u32> {
    let mut buffer = vec![u32::MAX; words];
    black_box(&mut buffer).fill(0);
    black_box(buffer)
}

/// Where loads lie.
struct Places<'i> {
    /// The bits of what an address leads to that are its class; the others tell nodes.
    class_mask: u32,
    words: u64,
    hasher: ahash::RandomState,
    image: &'i Image<'i>,
}

impl Places<'_> {
    /// A place that is the same for whatever is equal.
    fn of(&self, what: impl Hash) -> u32 {
        (self.hasher.hash_one(what) % self.words) as u32
    }

    /// The loads of one direction, in their order.
    fn chain(&self, subject: IpAddr, peer: IpAddr, connection: &Connection) -> [u32; DEPENDENT] {
        let bits = match subject {
            IpAddr::V4(v4) => u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6),
        };
        let [of_subject, of_peer] =
            [subject, peer].map(|end| self.image.class_of(end).unwrap_or(0) & self.class_mask);
        let port = (connection.protocol, connection.port);
        // 16 entries of a node are a cache line.
        let leaf = self.of((2, bits >> 4)) & !15 | (bits & 15) as u32;
        [
            self.of((0, bits >> 16)),
            self.of((1, bits >> 8)),
            leaf.min(self.words as u32 - 1),
            self.of((3, of_subject)),
            self.of((4, of_subject, port)),
            self.of((5, of_subject, port)),
            self.of((6, of_subject, port, of_peer >> 9)),
            self.of((7, of_subject, port, of_peer >> 5)),
        ]
    }

    fn port(&self, connection: &Connection) -> u32 {
        self.of((8, connection.protocol, connection.port >> 8))
    }
}
