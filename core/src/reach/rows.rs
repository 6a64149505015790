//! All connections that pass, as rows.

use alloc::vec::Vec;
use core::fmt;
use core::hash::Hash;

use hashbrown::HashMap;

use super::address_range::AddressRange;
use super::cover::{Rectangle, Side, cover};
use super::network::{Network, Relation};
use super::peer::{End, Peer};
use super::places::{GroupKey, Member};
use super::port_set::{NOTHING, PortSet, PortSets};
use crate::image::Image;
use crate::model::Direction;

/// Every connection that an image lets through, as rows; see the [module](super).
#[derive(Debug, Clone)]
pub struct Reachability {
    peers: Vec<Peer>,
    /// For each peer, the ends of each unit of it.
    ends: Vec<Vec<Vec<End>>>,
    ports: Vec<PortSet>,
    rows: Vec<RowIds>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RowIds {
    source: u32,
    destination: u32,
    ports: u32,
}

/// A row: whoever `source` is may open connections to whoever `destination` is, to
/// exactly `ports`.
///
/// No two rows of a [`Reachability`] say something of the same pair of ends.
#[derive(Clone, Copy)]
pub struct Row<'r> {
    reach: &'r Reachability,
    ids: RowIds,
}

impl Reachability {
    /// Works out all connections that an image lets through.
    ///
    /// Rows come by source, then by destination: workloads by namespace, name and
    /// kind, then nodes, then external addresses.
    #[must_use]
    pub fn new(image: &Image<'_>) -> Reachability {
        let mut network = Network::new(image);
        let mut sets = PortSets::new();
        let mut peers = Peers::new();
        let mut rows = Vec::new();
        let order = listed_order(&network);
        for source in &order {
            for destination in &order {
                if network.is_silent(*source, *destination) {
                    continue;
                }
                let relations = relations(&network, *source, *destination);
                let units = [*source, *destination].map(|group| network.units_of(group));
                let matrices = matrices(relations, &units, |from, to, relation| {
                    network.ports(&mut sets, from, to, relation)
                });
                for (relation, matrix) in matrices {
                    for rectangle in cover(&matrix) {
                        if rectangle.value == PortSets::EMPTY {
                            continue;
                        }
                        let groups = [*source, *destination];
                        let [source, destination] =
                            peers.of(&network, groups, relation, &rectangle, &matrix);
                        rows.push(RowIds {
                            source,
                            destination,
                            ports: rectangle.value,
                        });
                    }
                }
            }
        }
        Reachability {
            peers: peers.all,
            ends: peers.ends,
            ports: sets.into_vec(),
            rows,
        }
    }

    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> + Clone {
        self.rows.iter().map(|ids| Row {
            reach: self,
            ids: *ids,
        })
    }

    /// Everybody whom rows name, each once.
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// What rows have for ports, each once, and the empty set.
    #[must_use]
    pub fn port_sets(&self) -> &[PortSet] {
        &self.ports
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing can reach anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The address space, cut at every edge of an `ipBlock` or network that some rule
    /// of a direction names: what external addresses could be told apart by.
    #[must_use]
    pub fn ranges_of_direction(image: &Image<'_>, direction: Direction) -> Vec<AddressRange> {
        super::places::ranges_of_direction(image, direction)
    }

    fn peer(&self, id: u32) -> &Peer {
        const NOBODY: &Peer = &Peer::External { ranges: Vec::new() };
        self.peers.get(id as usize).unwrap_or(NOBODY)
    }
}

impl<'r> Row<'r> {
    /// Who opens the connections.
    #[must_use]
    pub fn source(&self) -> &'r Peer {
        self.reach.peer(self.ids.source)
    }

    /// Who receives them.
    #[must_use]
    pub fn destination(&self) -> &'r Peer {
        self.reach.peer(self.ids.destination)
    }

    /// On which protocols and ports; never empty.
    #[must_use]
    pub fn ports(&self) -> &'r PortSet {
        let ports = self.reach.ports.get(self.ids.ports as usize);
        ports.unwrap_or(NOTHING)
    }

    /// The row as numbers: of its source and its destination among
    /// [`Reachability::peers`], of its ports among [`Reachability::port_sets`].
    #[must_use]
    pub fn indices(&self) -> [u32; 3] {
        let RowIds {
            source,
            destination,
            ports,
        } = self.ids;
        [source, destination, ports]
    }

    /// The ends by which each unit of the source and the destination is asked.
    pub(super) fn ends(&self) -> [&'r [Vec<End>]; 2] {
        [self.ids.source, self.ids.destination].map(|id| {
            let ends = self.reach.ends.get(id as usize);
            ends.map_or(&[][..], Vec::as_slice)
        })
    }
}

/// `source -> destination: ports`.
impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} -> {}: {}",
            self.source(),
            self.destination(),
            self.ports()
        )
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `source`, `destination`, `ports`.
#[cfg(feature = "serde")]
impl serde::Serialize for Row<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Row", 3)?;
        fields.serialize_field("source", self.source())?;
        fields.serialize_field("destination", self.destination())?;
        fields.serialize_field("ports", self.ports())?;
        fields.end()
    }
}

/// A list of rows.
#[cfg(feature = "serde")]
impl serde::Serialize for Reachability {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows())
    }
}

/// The groups in the order in which they are listed.
pub(super) fn listed_order(network: &Network<'_>) -> Vec<u32> {
    let mut order: Vec<u32> = (0..network.places.groups.len() as u32).collect();
    order.sort_by_key(|group| {
        let group = network.places.groups.get(*group as usize);
        group.map(|group| group.key.listed())
    });
    order
}

/// In which relations rows are to be had between two groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relations {
    /// None: no policy governs either, and neither is a workload that a reader would
    /// look for.
    None,
    /// No end is a node to the other.
    Apart,
    /// Pods of one are nodes to the other: a reader would look for one row of them,
    /// where their node makes no difference.
    OfWorkloads,
    /// One is the nodes.
    OfNodes,
}

pub(super) fn relations(network: &Network<'_>, source: u32, destination: u32) -> Relations {
    let group = |group: u32| network.places.groups.get(group as usize);
    let (Some(from), Some(to)) = (group(source), group(destination)) else {
        return Relations::None;
    };
    let is_workload = |key: &GroupKey| matches!(key, GroupKey::Workload { .. });
    let has_nodes = from.key == GroupKey::Nodes || to.key == GroupKey::Nodes;
    let is_governed = |group: &super::places::Group| is_workload(&group.key) && !group.host_network;
    let [of_source, of_destination] = [source, destination].map(|group| network.has_nodes(group));
    match has_nodes {
        true if is_governed(from) || is_governed(to) => Relations::OfNodes,
        false if is_governed(to) && of_source || is_governed(from) && of_destination => {
            Relations::OfWorkloads
        }
        false if is_workload(&from.key) || is_workload(&to.key) => Relations::Apart,
        _ => Relations::None,
    }
}

/// A matrix of cells for each relation in which there is something of its own to say.
pub(super) fn matrices<V: Copy + Eq>(
    relations: Relations,
    units: &[Vec<u32>; 2],
    mut cell: impl FnMut(u32, u32, Relation) -> Option<V>,
) -> Vec<(Relation, Vec<Vec<Option<V>>>)> {
    let mut of =
        |relation: Relation| (relation, matrix(units, |from, to| cell(from, to, relation)));
    match relations {
        Relations::None => Vec::new(),
        Relations::Apart => Vec::from([of(Relation::Either)]),
        Relations::OfNodes => Vec::from([of(Relation::Apart), of(Relation::OwnNode)]),
        Relations::OfWorkloads => {
            let (apart, own) = (of(Relation::Apart), of(Relation::OwnNode));
            match joined(&apart.1, &own.1) {
                Some(either) => Vec::from([(Relation::Either, either)]),
                None => Vec::from([apart, own]),
            }
        }
    }
}

/// One matrix that says what two say, if they do not contradict.
fn joined<V: Copy + Eq>(
    one: &[Vec<Option<V>>],
    other: &[Vec<Option<V>>],
) -> Option<Vec<Vec<Option<V>>>> {
    let rows = one.iter().zip(other).map(|(one, other)| {
        let cells = one.iter().zip(other).map(|cells| match cells {
            (Some(one), Some(other)) if one != other => None,
            (one, other) => Some(one.or(*other)),
        });
        cells.collect()
    });
    rows.collect()
}

/// The cells between some sources and some destinations.
fn matrix<V>(
    units: &[Vec<u32>; 2],
    mut cell: impl FnMut(u32, u32) -> Option<V>,
) -> Vec<Vec<Option<V>>> {
    let [sources, destinations] = units;
    let mut matrix = Vec::with_capacity(sources.len());
    for from in sources {
        matrix.push(destinations.iter().map(|to| cell(*from, *to)).collect());
    }
    matrix
}

/// The peers that rows name, each once.
struct Peers {
    all: Vec<Peer>,
    ends: Vec<Vec<Vec<End>>>,
    ids: HashMap<(u32, Relation, bool, Vec<u32>), u32, ahash::RandomState>,
}

impl Peers {
    fn new() -> Peers {
        Peers {
            all: Vec::new(),
            ends: Vec::new(),
            ids: HashMap::with_hasher(super::hasher()),
        }
    }

    fn of<V: Copy + Eq + Hash>(
        &mut self,
        network: &Network<'_>,
        groups: [u32; 2],
        relation: Relation,
        rectangle: &Rectangle<V>,
        matrix: &[Vec<Option<V>>],
    ) -> [u32; 2] {
        let [source, destination] = groups;
        let [of_source, of_destination] = positions(rectangle, matrix);
        [
            (source, &rectangle.source, of_source),
            (destination, &rectangle.destination, of_destination),
        ]
        .map(|(group, side, positions)| {
            let units = network.of_group.get(group as usize);
            let unit = |at: u32| units?.get(at as usize).copied();
            let units: Vec<u32> = positions.into_iter().filter_map(unit).collect();
            self.peer(network, group, relation, *side == Side::Whole, units)
        })
    }

    fn peer(
        &mut self,
        network: &Network<'_>,
        group: u32,
        relation: Relation,
        is_whole: bool,
        units: Vec<u32>,
    ) -> u32 {
        let key = (group, relation, is_whole, units);
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let id = self.all.len() as u32;
        let (_, _, _, units) = &key;
        let units = || units.iter().filter_map(|unit| network.unit(*unit));
        let members: Vec<Member> = units().flat_map(|unit| unit.members.all.clone()).collect();
        if let Some(peer) = Peer::new(network, group, relation, &members, is_whole) {
            self.all.push(peer);
            let ends = units().map(|unit| ends_of_unit(unit, relation));
            self.ends.push(ends.collect());
        }
        self.ids.insert(key, id);
        id
    }
}

/// The positions of the units that a rectangle speaks of, on each side.
pub(super) fn positions<V: Copy + Eq>(
    rectangle: &Rectangle<V>,
    matrix: &[Vec<Option<V>>],
) -> [Vec<u32>; 2] {
    let has = |side: &Side, at: usize| match side {
        Side::Whole => true,
        Side::Part(positions) => positions.contains(&(at as u32)),
    };
    let (mut sources, mut destinations) = (Vec::new(), Vec::new());
    for (source, cells) in matrix.iter().enumerate() {
        if !has(&rectangle.source, source) {
            continue;
        }
        let mut is_named = false;
        for (destination, cell) in cells.iter().enumerate() {
            if has(&rectangle.destination, destination) && *cell == Some(rectangle.value) {
                is_named = true;
                destinations.push(destination as u32);
            }
        }
        if is_named {
            sources.push(source as u32);
        }
    }
    destinations.sort_unstable();
    destinations.dedup();
    [sources, destinations]
}

/// Enough ends of a unit to ask about it: two pods, so that one can be another than
/// the other side's, every address of nodes, of which one may be a pod's own, and
/// every pod, of which one may be on a node.
fn ends_of_unit(unit: &super::network::Unit<'_>, relation: Relation) -> Vec<End> {
    let ends = unit.members.all.iter().map(|member| match member {
        Member::Pod(pod, address) => End {
            pod: Some(*pod),
            address: *address,
        },
        Member::Node(address) => End {
            pod: None,
            address: Some(*address),
        },
        Member::Range(_) => End {
            pod: None,
            address: unit.party.address,
        },
    });
    let limit = match unit.members.all.first() {
        Some(Member::Node(_)) => usize::MAX,
        Some(Member::Pod(..)) if unit.is_node() || relation == Relation::OwnNode => usize::MAX,
        Some(Member::Pod(..)) => 2,
        Some(Member::Range(_)) | None => 1,
    };
    ends.take(limit).collect()
}
