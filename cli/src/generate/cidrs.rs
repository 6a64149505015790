//! External addresses, merged into blocks.

use std::net::IpAddr;

use netpolicy::{Cidr, Family};

/// How far addresses are merged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// How many blocks there may be, as long as the prefixes allow it.
    pub(super) blocks: usize,
    pub(super) min_prefix_v4: u8,
    pub(super) min_prefix_v6: u8,
}

impl Bound {
    fn min_prefix(&self, family: Family) -> u8 {
        match family {
            Family::V4 => self.min_prefix_v4,
            Family::V6 => self.min_prefix_v6,
        }
    }

    /// Blocks that hold some addresses: first the addresses themselves, neighbours that
    /// make up a block joined; then, while there are too many, the two that need the
    /// least besides. `is_free` tells of a block whether it holds nobody else's addresses.
    pub(super) fn blocks(
        &self,
        addresses: impl IntoIterator<Item = IpAddr>,
        is_free: impl Fn(&Cidr) -> bool,
    ) -> Vec<Cidr> {
        let mut blocks: Vec<Cidr> = addresses.into_iter().map(Cidr::host).collect();
        blocks.sort_by_key(key);
        blocks.dedup();
        let blocks = aggregated(blocks);
        let Some(too_many) = blocks.len().checked_sub(self.blocks) else {
            return blocks;
        };
        // To join two neighbours takes one away, and no other pair's block becomes
        // another by it, if it is done from the longest prefix on: whatever lies in a
        // block has a longer one, and may be joined if the block may.
        let neighbours = blocks.iter().zip(blocks.iter().skip(1));
        let mut joined: Vec<Cidr> = neighbours
            .filter_map(|(a, b)| common(a, b))
            .filter(|block| block.prefix() >= self.min_prefix(block.family()))
            .filter(is_free)
            .collect();
        joined.sort_by_key(|block| (block.family().bits() - block.prefix(), key(block)));
        joined.truncate(too_many);
        let mut all = blocks;
        all.extend(joined);
        all.sort_by_key(key);
        let mut outermost: Vec<Cidr> = Vec::new();
        for block in all {
            if !outermost.last().is_some_and(|outer| holds(outer, &block)) {
                outermost.push(block);
            }
        }
        aggregated(outermost)
    }
}

/// The same addresses in the fewest blocks: two halves are exactly their whole.
fn aggregated(blocks: Vec<Cidr>) -> Vec<Cidr> {
    let mut all: Vec<Cidr> = Vec::new();
    for mut block in blocks {
        while let Some(whole) = all.last().and_then(|last| whole_of(last, &block)) {
            all.pop();
            block = whole;
        }
        all.push(block);
    }
    all
}

/// What two blocks are the halves of.
fn whole_of(a: &Cidr, b: &Cidr) -> Option<Cidr> {
    let whole = common(a, b)?;
    (a != b
        && [a, b]
            .iter()
            .all(|half| half.prefix() == whole.prefix() + 1))
    .then_some(whole)
}

fn key(block: &Cidr) -> (Family, IpAddr, u8) {
    (block.family(), block.network(), block.prefix())
}

fn holds(outer: &Cidr, inner: &Cidr) -> bool {
    outer == inner || inner.is_strictly_inside(outer)
}

/// The smallest block that holds two; none for two families.
fn common(a: &Cidr, b: &Cidr) -> Option<Cidr> {
    if a.family() != b.family() {
        return None;
    }
    let mut prefix = a.prefix().min(b.prefix());
    loop {
        let block = Cidr::new(a.network(), prefix).ok()?;
        if block.contains(b.network()) {
            return Some(block);
        }
        prefix = prefix.checked_sub(1)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(addresses: &[&str], blocks: usize, min_prefix_v4: u8) -> Vec<String> {
        let bound = Bound {
            blocks,
            min_prefix_v4,
            min_prefix_v6: 48,
        };
        let addresses = addresses.iter().map(|text| text.parse().unwrap());
        let blocks = bound.blocks(addresses, |_| true);
        blocks.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn addresses_are_merged_no_further_than_needed() {
        let four = ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3"];
        assert_eq!(merged(&four, 8, 16), ["10.0.0.0/30"]);
        assert_eq!(merged(&four[..3], 8, 16), ["10.0.0.0/31", "10.0.0.2/32"]);
        assert_eq!(merged(&four[..3], 1, 16), ["10.0.0.0/30"]);
        let apart = ["10.0.0.1", "10.0.9.1", "192.0.2.1"];
        assert_eq!(merged(&apart, 3, 16).len(), 3);
        assert_eq!(merged(&apart, 2, 16), ["10.0.0.0/20", "192.0.2.1/32"]);
        // The bound on the prefix is stronger than that on the number.
        assert_eq!(merged(&apart, 1, 16), ["10.0.0.0/20", "192.0.2.1/32"]);
        assert_eq!(merged(&apart, 1, 0), ["0.0.0.0/0"]);
        assert_eq!(
            merged(&["2001:db8::1", "10.0.0.1"], 1, 0),
            ["10.0.0.1/32", "2001:db8::1/128"]
        );
    }

    #[test]
    fn what_is_taken_is_not_merged_over() {
        let bound = Bound {
            blocks: 1,
            min_prefix_v4: 0,
            min_prefix_v6: 0,
        };
        let taken: IpAddr = "10.0.0.2".parse().unwrap();
        let addresses = ["10.0.0.1", "10.0.0.3"].map(|text| text.parse().unwrap());
        let blocks = bound.blocks(addresses, |block| !block.contains(taken));
        assert_eq!(blocks.len(), 2);
    }
}
