//! The units of two images together: who is the same end in both.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use super::address_range::Bits;
use super::network::Network;
use super::places::{GroupKey, Member};

/// Ends that are one unit in each of two images, or in the only one that has them.
#[derive(Clone)]
pub(super) struct JointUnit {
    /// The unit in the first image and in the second.
    pub(super) units: [Option<u32>; 2],
    /// What stands there in each.
    pub(super) members: [Vec<Member>; 2],
}

/// The joint units of a group, given by its number in each image.
pub(super) fn joint_units(networks: [&Network<'_>; 2], groups: [Option<u32>; 2]) -> Vec<JointUnit> {
    let [Some(_), Some(_)] = groups else {
        return one_sided(networks, groups);
    };
    let key = groups
        .into_iter()
        .zip(networks)
        .find_map(|(group, network)| network.places.groups.get(group? as usize));
    match key.map(|group| &group.key) {
        Some(GroupKey::External) => joint_ranges(networks, groups),
        Some(GroupKey::Nodes) => matched(networks, groups, false),
        // A workload is the same in both, whichever pods it happens to run.
        Some(GroupKey::Workload { .. }) => matched(networks, groups, true),
        None => Vec::new(),
    }
}

fn units<'n>(
    network: &'n Network<'_>,
    group: Option<u32>,
) -> impl Iterator<Item = (u32, &'n [Member])> {
    let ids = group.and_then(|group| network.of_group.get(group as usize));
    ids.into_iter()
        .flatten()
        .filter_map(|id| Some((*id, network.unit(*id)?.members.as_slice())))
}

/// The units of a group that one image alone has.
fn one_sided(networks: [&Network<'_>; 2], groups: [Option<u32>; 2]) -> Vec<JointUnit> {
    let [a, b] = networks;
    let [in_a, in_b] = groups;
    let of_a = units(a, in_a).map(|(unit, members)| JointUnit {
        units: [Some(unit), None],
        members: [members.to_vec(), Vec::new()],
    });
    let of_b = units(b, in_b).map(|(unit, members)| JointUnit {
        units: [None, Some(unit)],
        members: [Vec::new(), members.to_vec()],
    });
    of_a.chain(of_b).collect()
}

/// External ranges, cut at the edges of both images.
fn joint_ranges(networks: [&Network<'_>; 2], groups: [Option<u32>; 2]) -> Vec<JointUnit> {
    let [a, b] = networks;
    let [in_a, in_b] = groups;
    let ranges = |network: &Network<'_>, group| {
        let mut ranges: Vec<(Bits, u32)> = units(network, group)
            .flat_map(|(unit, members)| {
                let ranges = members.iter().filter_map(|member| match member {
                    Member::Range(range) => Some(*range),
                    Member::Pod(..) | Member::Node(_) => None,
                });
                ranges.map(|range| (range, unit)).collect::<Vec<_>>()
            })
            .collect();
        ranges.sort_unstable();
        ranges
    };
    let (of_a, of_b) = (ranges(a, in_a), ranges(b, in_b));
    let mut joint = BTreeMap::new();
    let (mut rest_a, mut rest_b) = (of_a.as_slice(), of_b.as_slice());
    // Both are sorted and have no overlaps: what ends first is left behind first.
    while let (Some((range_a, unit_a)), Some((range_b, unit_b))) = (rest_a.first(), rest_b.first())
    {
        let both = Bits {
            first: range_a.first.max(range_b.first),
            last: range_a.last.min(range_b.last),
        };
        if both.first <= both.last {
            joint
                .entry((*unit_a, *unit_b))
                .or_insert_with(Vec::new)
                .push(Member::Range(both));
        }
        if range_a.last <= range_b.last {
            rest_a = rest_a.get(1..).unwrap_or(&[]);
        } else {
            rest_b = rest_b.get(1..).unwrap_or(&[]);
        }
    }
    let joint = joint.into_iter();
    joint
        .map(|((unit_a, unit_b), ranges)| JointUnit {
            units: [Some(unit_a), Some(unit_b)],
            members: [ranges.clone(), ranges],
        })
        .collect()
}

/// What a member is known by in every image.
type Known = (String, Option<IpAddr>);

fn known_as(network: &Network<'_>, member: &Member) -> Known {
    let image = network.image;
    match member {
        Member::Pod(pod, address) => {
            let name = image.string(image.cold.pods.get(*pod).name);
            (name.to_string(), *address)
        }
        Member::Node(address) => (String::new(), Some(*address)),
        Member::Range(_) => (String::new(), None),
    }
}

/// Members by name and address. What is left over on either side, pods that the
/// other image does not have, is set against all that is left over on the other
/// (`is_workload`), or against all there is.
fn matched(
    networks: [&Network<'_>; 2],
    groups: [Option<u32>; 2],
    is_workload: bool,
) -> Vec<JointUnit> {
    let [a, b] = networks;
    let [in_a, in_b] = groups;
    let mut of_b: BTreeMap<Known, (u32, Member)> = BTreeMap::new();
    for (unit, members) in units(b, in_b) {
        of_b.extend(
            members
                .iter()
                .map(|member| (known_as(b, member), (unit, *member))),
        );
    }
    let all_of_b = of_b.clone();
    let mut joint: BTreeMap<[Option<u32>; 2], [Vec<Member>; 2]> = BTreeMap::new();
    let mut left_over: Vec<(u32, Member)> = Vec::new();
    for (unit, members) in units(a, in_a) {
        for member in members {
            match of_b.remove(&known_as(a, member)) {
                Some((other, in_b)) => {
                    let members = joint.entry([Some(unit), Some(other)]).or_default();
                    let [of_a, of_b] = members;
                    of_a.push(*member);
                    of_b.push(in_b);
                }
                None => left_over.push((unit, *member)),
            }
        }
    }
    if !is_workload {
        for (unit, member) in left_over {
            let [of_a, _] = joint.entry([Some(unit), None]).or_default();
            of_a.push(member);
        }
        for (_, (unit, member)) in of_b {
            let [_, of_b] = joint.entry([None, Some(unit)]).or_default();
            of_b.push(member);
        }
    } else if !left_over.is_empty() || !of_b.is_empty() {
        let all_of_a = units(a, in_a)
            .flat_map(|(unit, members)| members.iter().map(move |member| (unit, *member)));
        let from_a: Vec<_> = if left_over.is_empty() {
            all_of_a.collect()
        } else {
            left_over
        };
        let left_of_b = if of_b.is_empty() { all_of_b } else { of_b };
        for (unit, member) in &from_a {
            for (other, in_b) in left_of_b.values() {
                let members = joint.entry([Some(*unit), Some(*other)]).or_default();
                let [of_a, of_b] = members;
                if !of_a.contains(member) {
                    of_a.push(*member);
                }
                if !of_b.contains(in_b) {
                    of_b.push(*in_b);
                }
            }
        }
    }
    joint
        .into_iter()
        .map(|(units, members)| JointUnit { units, members })
        .collect()
}
