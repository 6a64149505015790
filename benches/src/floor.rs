//! The floor: the loads of a verdict, and nothing else.
//!
//! A verdict is a chain of loads, each from where the one before tells:
//!
//! ```text
//! connection ► trie ► trie ► trie ► class ► port map ► row ► row's chunk ► bits
//! ```
//!
//! The chain of the source and that of the destination run side by side, and one load
//! tells the interval of the port. Here are as many loads, from places that are as
//! many and as popular as those of the traffic, in a buffer of the size of the
//! image's tables; nothing is worked out between them.

use std::hash::{BuildHasher, Hash};
use std::hint::black_box;

use netpolicy::Connection;

/// The loads of one chain, behind that of the connection.
pub const DEPENDENT: usize = 8;
/// The loads of a verdict: two chains, and the port.
pub const INDEPENDENT: usize = 2 * DEPENDENT + 1;
/// How many loads of a chain are told by one address; the others by both and the port.
const BY_ADDRESS: usize = 5;

/// A buffer, and where in it each connection's loads lie.
pub struct Floor {
    buffer: Vec<u32>,
    chains: Vec<[u32; DEPENDENT]>,
    all: Vec<[u32; INDEPENDENT]>,
}

impl Floor {
    /// The floor of some traffic over `bytes` bytes.
    #[must_use]
    pub fn new(connections: &[Connection], bytes: usize) -> Floor {
        let words = (bytes / 4).max(1);
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let place = |what: &dyn Fn(&mut ahash::AHasher)| {
            let mut state = hasher.build_hasher();
            what(&mut state);
            (std::hash::Hasher::finish(&state) % words as u64) as u32
        };
        let chain = |connection: &Connection, subject: std::net::IpAddr| {
            std::array::from_fn(|step| {
                place(&|state| {
                    step.hash(state);
                    if step < BY_ADDRESS {
                        subject.hash(state);
                    } else {
                        (subject, connection).hash(state);
                    }
                })
            })
        };
        let port = |connection: &Connection| place(&|state| (connection.port >> 8).hash(state));
        let chains: Vec<[u32; DEPENDENT]> = connections
            .iter()
            .map(|connection| chain(connection, connection.destination))
            .collect();
        let all = connections
            .iter()
            .zip(&chains)
            .map(|(connection, chain_of_destination)| {
                let mut all = [port(connection); INDEPENDENT];
                all[..DEPENDENT].copy_from_slice(chain_of_destination);
                let chain_of_source: [u32; DEPENDENT] = chain(connection, connection.source);
                all[DEPENDENT..2 * DEPENDENT].copy_from_slice(&chain_of_source);
                all
            })
            .collect();
        Floor {
            // All zeros, which the compiler cannot know.
            buffer: black_box(vec![0; words]),
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
