//! The units of two images together: who is the same end in both.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address_range::Bits;
use super::network::{Network, Unit};
use super::pairing::{Ends, Members};
use super::places::{GroupKey, Member};
use crate::Family;
use crate::address::{from_bits, to_bits};
use crate::verdict::{Identity, Party};

/// Ends that are one unit in each of two images, or in the only one that has them.
pub(super) struct JointUnit {
    /// The unit in the first image and in the second.
    pub(super) units: [Option<u32>; 2],
    /// What stands there in each; what is at one position is the same end.
    pub(super) members: [Members; 2],
    /// An address that is external in both, of external ranges.
    pub(super) address: Option<IpAddr>,
}

impl JointUnit {
    fn new(units: [Option<u32>; 2]) -> JointUnit {
        JointUnit {
            units,
            members: Default::default(),
            address: None,
        }
    }

    /// Adds an end, which is that member in each image.
    fn push(&mut self, networks: [&Network<'_>; 2], ends: [Option<Member>; 2]) {
        let sides = networks.into_iter().zip(self.units).zip(ends);
        for (((network, unit), end), members) in sides.zip(&mut self.members) {
            let is_node = unit
                .and_then(|unit| network.unit(unit))
                .is_some_and(Unit::is_node);
            if let Some(end) = end {
                members.push(end, is_node);
            }
        }
    }

    /// Who stands there in one of the images, as one end in both.
    pub(super) fn ends(&self, side: usize) -> Option<Ends<'_>> {
        Some(Ends {
            unit: (*self.units.get(side)?)?,
            members: self.members.get(side)?,
        })
    }
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
        .filter_map(|id| Some((*id, network.unit(*id)?.members.all.as_slice())))
}

/// The units of a group that one image alone has.
fn one_sided(networks: [&Network<'_>; 2], groups: [Option<u32>; 2]) -> Vec<JointUnit> {
    let [a, b] = networks;
    let [in_a, in_b] = groups;
    let mut joint = Joint::new(networks);
    for (unit, members) in units(a, in_a) {
        for member in members {
            joint.push([Some((unit, *member)), None]);
        }
    }
    for (unit, members) in units(b, in_b) {
        for member in members {
            joint.push([None, Some((unit, *member))]);
        }
    }
    joint.into_units()
}

/// Joint units, as they are put together.
struct Joint<'n, 'i> {
    networks: [&'n Network<'i>; 2],
    units: BTreeMap<[Option<u32>; 2], JointUnit>,
}

impl<'n, 'i> Joint<'n, 'i> {
    fn new(networks: [&'n Network<'i>; 2]) -> Joint<'n, 'i> {
        Joint {
            networks,
            units: BTreeMap::new(),
        }
    }

    /// Adds an end, by its unit and member in each image.
    fn push(&mut self, end: [Option<(u32, Member)>; 2]) {
        let units = end.map(|end| end.map(|(unit, _)| unit));
        let unit = self
            .units
            .entry(units)
            .or_insert_with(|| JointUnit::new(units));
        unit.push(self.networks, end.map(|end| end.map(|(_, member)| member)));
    }

    fn into_units(self) -> Vec<JointUnit> {
        self.units.into_values().collect()
    }
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
    let mut joint = Joint::new(networks);
    let (mut rest_a, mut rest_b) = (of_a.as_slice(), of_b.as_slice());
    // Both are sorted and have no overlaps: what ends first is left behind first.
    while let (Some((range_a, unit_a)), Some((range_b, unit_b))) = (rest_a.first(), rest_b.first())
    {
        let both = Bits {
            first: range_a.first.max(range_b.first),
            last: range_a.last.min(range_b.last),
        };
        // Where one image has nothing but pods, there is no end that both have.
        if both.first <= both.last
            && let Some(address) = external_in_both(networks, both)
        {
            let member = Member::Range(both);
            joint.push([Some((*unit_a, member)), Some((*unit_b, member))]);
            if let Some(unit) = joint.units.get_mut(&[Some(*unit_a), Some(*unit_b)]) {
                unit.address.get_or_insert(address);
            }
        }
        if range_a.last <= range_b.last {
            rest_a = rest_a.get(1..).unwrap_or(&[]);
        } else {
            rest_b = rest_b.get(1..).unwrap_or(&[]);
        }
    }
    joint.into_units()
}

/// An address of a range that is no pod's and no node's in either image: one that is
/// kept for documents, if there is one, and not that of a network.
fn external_in_both(networks: [&Network<'_>; 2], range: Bits) -> Option<IpAddr> {
    const FOR_DOCUMENTS: [IpAddr; 4] = [
        IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)),
        IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    ];
    let is_external = |bits: &u128| {
        let address = from_bits(*bits);
        let mut parties = networks.iter().map(|of| Party::at(of.image, address));
        parties.all(|party| matches!(party.identity, Identity::External))
    };
    let readable = FOR_DOCUMENTS.iter().map(|address| to_bits(*address));
    let mut readable = readable.chain(range.first.checked_add(1));
    let readable =
        readable.find(|bits| (range.first..=range.last).contains(bits) && is_external(bits));
    let found = readable.or_else(|| (range.first..=range.last).find(is_external));
    found.map(from_bits)
}

/// An end of a group: its unit, itself, and its name.
struct Named<'n> {
    unit: u32,
    member: Member,
    name: &'n str,
    is_matched: bool,
}

impl Named<'_> {
    fn end(&self) -> Option<(u32, Member)> {
        Some((self.unit, self.member))
    }

    fn family(&self) -> Option<Family> {
        self.member.address().map(Family::of)
    }

    /// Whether they can be one end: an end without an address is of both families.
    fn may_be(&self, other: &Named<'_>) -> bool {
        match (self.family(), other.family()) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
    }
}

fn named<'n>(network: &'n Network<'_>, group: Option<u32>) -> Vec<Named<'n>> {
    let image = network.image;
    let members =
        units(network, group).flat_map(|(unit, members)| members.iter().map(move |of| (unit, *of)));
    members
        .map(|(unit, member)| Named {
            unit,
            member,
            name: match member {
                Member::Pod(pod, _) => image.string(image.cold.pods.get(pod).name),
                Member::Node(_) | Member::Range(_) => "",
            },
            is_matched: false,
        })
        .collect()
}

/// Members by name and address, then by name: pods keep their names where they get
/// other addresses. What is left over on either side, pods that the other image does
/// not have, is set against all that is left over on the other (`is_workload`), or
/// against all there is.
fn matched(
    networks: [&Network<'_>; 2],
    groups: [Option<u32>; 2],
    is_workload: bool,
) -> Vec<JointUnit> {
    let [a, b] = networks;
    let [in_a, in_b] = groups;
    let (mut of_a, mut of_b) = (named(a, in_a), named(b, in_b));
    let mut joint = Joint::new(networks);
    match_by(&mut joint, [&mut of_a, &mut of_b], |of| {
        Some((of.name, of.member.address()))
    });
    if is_workload {
        match_by(&mut joint, [&mut of_a, &mut of_b], |of| {
            // Addresses of the image's other family are not these.
            Some((of.name, of.family()?))
        });
        match_without_address(&mut joint, [&mut of_a, &mut of_b]);
        cross(&mut joint, [&mut of_a, &mut of_b]);
    }
    for end in of_a.iter().filter(|end| !end.is_matched) {
        joint.push([end.end(), None]);
    }
    for end in of_b.iter().filter(|end| !end.is_matched) {
        joint.push([None, end.end()]);
    }
    joint.into_units()
}

/// Matches ends of the same key, one to one.
fn match_by<'n, K: Ord>(
    joint: &mut Joint<'_, '_>,
    [of_a, of_b]: [&mut [Named<'n>]; 2],
    key: impl Fn(&Named<'n>) -> Option<K>,
) {
    let mut in_b: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for (at, end) in of_b.iter().enumerate().rev() {
        if let Some(key) = key(end).filter(|_| !end.is_matched) {
            in_b.entry(key).or_default().push(at);
        }
    }
    for end in of_a.iter_mut().filter(|end| !end.is_matched) {
        let at = key(end).and_then(|key| in_b.get_mut(&key)?.pop());
        if let Some(other) = at.and_then(|at| of_b.get_mut(at)) {
            joint.push([end.end(), other.end()]);
            end.is_matched = true;
            other.is_matched = true;
        }
    }
}

/// Matches what has no address in one image with all that has its name in the other.
fn match_without_address<'n>(joint: &mut Joint<'_, '_>, [of_a, of_b]: [&mut [Named<'n>]; 2]) {
    let mut in_b: BTreeMap<&'n str, Vec<usize>> = BTreeMap::new();
    for (at, end) in of_b.iter().enumerate() {
        if !end.is_matched {
            in_b.entry(end.name).or_default().push(at);
        }
    }
    for end in of_a.iter_mut().filter(|end| !end.is_matched) {
        for at in in_b.get(end.name).into_iter().flatten() {
            let Some(other) = of_b.get_mut(*at) else {
                continue;
            };
            if end.family().is_none() || other.family().is_none() {
                joint.push([end.end(), other.end()]);
                end.is_matched = true;
                other.is_matched = true;
            }
        }
    }
}

/// Sets what is left over of a workload against what is left over of it in the other
/// image, unit against unit; or against all there is, if nothing is left over there.
fn cross(joint: &mut Joint<'_, '_>, [of_a, of_b]: [&mut [Named<'_>]; 2]) {
    let is_left = |ends: &[Named<'_>]| ends.iter().any(|end| !end.is_matched);
    let are_left = [is_left(of_a), is_left(of_b)];
    if are_left == [false, false] {
        return;
    }
    let by_unit = |ends: &[Named<'_>], has_left: bool| {
        let mut by_unit: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, end) in ends.iter().enumerate() {
            if !end.is_matched || !has_left {
                by_unit.entry(end.unit).or_default().push(at);
            }
        }
        by_unit
    };
    let [left_a, left_b] = are_left;
    let (in_a, in_b) = (by_unit(of_a, left_a), by_unit(of_b, left_b));
    for one in in_a.values() {
        for other in in_b.values() {
            // Of every end at least one pair: more would say nothing more of the units.
            let pairs = one.iter().cycle().zip(other.iter().cycle());
            for (at_a, at_b) in pairs.take(one.len().max(other.len())) {
                let (Some(in_a), Some(in_b)) = (of_a.get_mut(*at_a), of_b.get_mut(*at_b)) else {
                    continue;
                };
                if in_a.may_be(in_b) {
                    joint.push([in_a.end(), in_b.end()]);
                    in_a.is_matched = true;
                    in_b.is_matched = true;
                }
            }
        }
    }
}
