//! Places that nothing tells apart, found by refining a partition: each question
//! that some subject puts to its peers splits the blocks that answer it both ways.

use alloc::vec::Vec;

use super::deciders::{Deciders, PeerAt, Question};

/// For each peer, the number of its block: two peers share one exactly if every
/// decider answers them alike. `hear` is told the answers to each question.
pub(super) fn partition<'i>(
    deciders: &Deciders<'i>,
    peers: &[PeerAt<'i>],
    mut hear: impl FnMut(&Question, &[bool]),
) -> Vec<u32> {
    let mut block_of: Vec<u32> = alloc::vec![0; peers.len()];
    let mut sizes = Vec::from([peers.len() as u32]);
    let mut allowed: Vec<bool> = Vec::new();
    // For each block, how many are allowed, and where those go.
    let mut counts: Vec<u32> = Vec::new();
    let mut split: Vec<Option<u32>> = Vec::new();
    for question in deciders.questions() {
        let decider = question.askers.first().copied().unwrap_or(0);
        counts.clear();
        counts.resize(sizes.len(), 0);
        allowed.clear();
        for (peer, block) in peers.iter().zip(&block_of) {
            let allows = deciders.allows(decider, question.segment, peer);
            allowed.push(allows);
            if let Some(count) = counts.get_mut(*block as usize) {
                *count += u32::from(allows);
            }
        }
        hear(&question, &allowed);
        split.clear();
        for (block, count) in counts.iter().enumerate() {
            let size = sizes.get(block).copied().unwrap_or(0);
            let is_mixed = *count != 0 && *count != size;
            split.push(is_mixed.then_some(sizes.len() as u32));
            if is_mixed {
                sizes.push(*count);
                if let Some(size) = sizes.get_mut(block) {
                    *size -= count;
                }
            }
        }
        for (block, allowed) in block_of.iter_mut().zip(&allowed) {
            if let Some(Some(new)) = split.get(*block as usize).filter(|_| *allowed) {
                *block = *new;
            }
        }
    }
    block_of
}
