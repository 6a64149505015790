//! Nodes: whose addresses are whose own. SEMANTICS, "Who an address is", 2.
//!
//! Each set of addresses that some pod calls its own node gets a host number, and
//! a pod and an address belong together when their host numbers are the same.
//! That is one comparison, and exact as long as no address is in two sets. Where
//! sets overlap (a pod that knows `hostIP` only, beside one that knows `hostIPs`)
//! they get no number, and their pods are left to interpretation. So it is where a
//! pod holds an address of the set.

use super::arena::{Arena, List, Result};
use super::claims::Claims;
use super::facts::Facts;
use super::order::Order;
use super::pool::Pool;
use crate::image::record::record;
use crate::image::tables::{AddressRecord, NONE, NodeAddressRecord, pod_flags};

record! {
    /// An address and the host number of its set; 0 if the set has none.
    pub(super) struct HostAddress { address: u128, host }
}

record! {
    /// What a set of addresses is to its pods.
    pub(super) struct OwnNode {
        /// Its host number, or 0.
        host,
        /// 1 if the set overlaps another, so that its pods must be interpreted.
        overlaps,
    }
}

/// What the compiler knows of nodes.
pub(super) struct Nodes {
    /// Sets of [`AddressRecord`], sorted. Set 0 is empty.
    pub(super) sets: Pool,
    /// For each pod of [`Order::pods`], its set.
    pub(super) of_pod: List<u32>,
    /// For each set, what it is to its pods.
    pub(super) own: List<OwnNode>,
    /// The addresses of sets that no pod holds; sorted by address.
    pub(super) hosts: List<HostAddress>,
    /// Every address of a node; sorted by address.
    pub(super) addresses: List<NodeAddressRecord>,
}

impl Nodes {
    pub(super) fn new(
        arena: &mut Arena<'_>,
        facts: &Facts,
        order: &Order,
        claims: &Claims,
    ) -> Result<Nodes> {
        let mut sets = Pool::new();
        sets.intern(arena, &[])?;
        let of_pod = arena.list(order.pods.len as usize)?;
        for pod in 0..order.pods.len {
            let set = own_set(arena, facts, &mut sets, order, pod)?;
            arena.set(of_pod, pod, set);
        }
        let (own, hosts) = number_hosts(arena, &sets, claims)?;
        let addresses = node_addresses(arena, facts, order, &sets)?;
        Ok(Nodes {
            sets,
            of_pod,
            own,
            hosts,
            addresses,
        })
    }
}

/// The set of a pod, which is empty for one that is not judged: "its
/// `hostIP`/`hostIPs` and the addresses of the Node that its `spec.nodeName` names".
fn own_set(
    arena: &mut Arena<'_>,
    facts: &Facts,
    sets: &mut Pool,
    order: &Order,
    pod: u32,
) -> Result<u32> {
    let fact = facts.pods.get(arena.view(), arena.get(order.pods, pod));
    if !fact.is_in_scope() {
        return Ok(0);
    }
    let node = if fact.node == 0 {
        None
    } else {
        facts.node(arena.view(), fact.node)
    };
    let node = node.map(|node| facts.nodes.get(arena.view(), node));
    let of_node = node.map_or((0, 0), |node| (node.addresses, node.addresses_len));
    let ranges = [(fact.hosts, fact.hosts_len), of_node];
    let len = ranges[0].1 + ranges[1].1;
    if len == 0 {
        return Ok(0);
    }
    let mark = arena.mark();
    let list: List<AddressRecord> = arena.scratch(len as usize)?;
    let mut at = 0;
    for (first, len) in ranges {
        for index in first..first + len {
            let address = facts.addresses.get(arena.view(), index);
            arena.set(list, at, address);
            at += 1;
        }
    }
    arena.sort_by_key(list, |address| address.address);
    let set = arena.dedup(list);
    let id = sets.intern_list(arena, set)?;
    arena.release(mark);
    Ok(id)
}

record! {
    /// An address of a set.
    struct Member { address: u128, set }
}

/// Gives host numbers to the sets that overlap no other.
fn number_hosts(
    arena: &mut Arena<'_>,
    sets: &Pool,
    claims: &Claims,
) -> Result<(List<OwnNode>, List<HostAddress>)> {
    let own: List<OwnNode> = arena.list(sets.len() as usize)?;
    let total: u32 = (0..sets.len())
        .map(|set| sets.list::<AddressRecord>(arena.view(), set).len)
        .sum();
    let hosts: List<HostAddress> = arena.list(total as usize)?;
    let mark = arena.mark();
    let members: List<Member> = arena.scratch(total as usize)?;
    let mut at = 0;
    for set in 0..sets.len() {
        let addresses: List<AddressRecord> = sets.list(arena.view(), set);
        for index in 0..addresses.len {
            let address = arena.get(addresses, index).address;
            arena.set(members, at, Member { address, set });
            at += 1;
        }
    }
    arena.sort_by_key(members, |member| member.address);

    // An address that a pod holds has that pod's host number, if any: a set that it
    // is in must be interpreted.
    const OVERLAPS: OwnNode = OwnNode {
        host: 0,
        overlaps: 1,
    };
    let mut kept = 0;
    for index in 0..members.len {
        let member = arena.get(members, index);
        if claims.is_held(arena.view(), member.address) {
            arena.set(own, member.set, OVERLAPS);
        } else {
            arena.set(members, kept, member);
            kept += 1;
        }
    }
    for index in 1..kept {
        let (a, b) = (arena.get(members, index - 1), arena.get(members, index));
        if a.address == b.address {
            for set in [a.set, b.set] {
                arena.set(own, set, OVERLAPS);
            }
        }
    }
    let mut host = 0;
    for set in 1..sets.len() {
        if arena.get(own, set).overlaps == 0 {
            host += 1;
            arena.set(own, set, OwnNode { host, overlaps: 0 });
        }
    }
    let mut len = 0;
    for index in 0..kept {
        let Member { address, set } = arena.get(members, index);
        let host = arena.get(own, set).host;
        arena.set(hosts, len, HostAddress { address, host });
        len += 1;
    }
    arena.release(mark);
    let hosts = arena.dedup(hosts.slice(0, len));
    Ok((own, hosts))
}

/// Every address of a node, with the Node object that states it, if one does.
fn node_addresses(
    arena: &mut Arena<'_>,
    facts: &Facts,
    order: &Order,
    sets: &Pool,
) -> Result<List<NodeAddressRecord>> {
    let on_host = |arena: &Arena<'_>, pod: u32| {
        let fact = facts.pods.get(arena.view(), arena.get(order.pods, pod));
        (fact.flags & pod_flags::HOST_NETWORK != 0).then_some(fact)
    };
    let mut total = 0;
    for node in facts.nodes.iter(arena.view()) {
        total += node.addresses_len;
    }
    for set in 0..sets.len() {
        total += sets.list::<AddressRecord>(arena.view(), set).len;
    }
    for pod in 0..order.pods.len {
        total += on_host(arena, pod).map_or(0, |fact| fact.addresses_len);
    }
    let list: List<NodeAddressRecord> = arena.list(total as usize)?;
    let mut at = 0;
    let mut add = |arena: &mut Arena<'_>, address: AddressRecord, node: u32| {
        arena.set(
            list,
            at,
            NodeAddressRecord {
                address: address.address,
                node,
            },
        );
        at += 1;
    };
    for node in 0..facts.nodes.len() {
        let fact = facts.nodes.get(arena.view(), node);
        for index in 0..fact.addresses_len {
            let address = facts.addresses.get(arena.view(), fact.addresses + index);
            add(arena, address, node);
        }
    }
    for set in 0..sets.len() {
        let addresses: List<AddressRecord> = sets.list(arena.view(), set);
        for index in 0..addresses.len {
            let address = arena.get(addresses, index);
            add(arena, address, NONE);
        }
    }
    for pod in 0..order.pods.len {
        let Some(fact) = on_host(arena, pod) else {
            continue;
        };
        for index in 0..fact.addresses_len {
            let address = facts.addresses.get(arena.view(), fact.addresses + index);
            add(arena, address, NONE);
        }
    }
    // NONE is the largest number, so what a Node object states stands in front.
    arena.sort_by_key(list, |record| (record.address, record.node));
    let mut kept = 0;
    let mut last: Option<NodeAddressRecord> = None;
    for index in 0..list.len {
        let record = arena.get(list, index);
        let is_new = last.is_none_or(|last| {
            last.address != record.address || (record.node != NONE && record != last)
        });
        if is_new {
            arena.set(list, kept, record);
            kept += 1;
            last = Some(record);
        }
    }
    Ok(list.slice(0, kept))
}
