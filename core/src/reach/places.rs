//! Who can be an end of a connection: the pods of each workload, the nodes, and
//! the external addresses, as places that the policies can tell apart.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use hashbrown::{HashMap, HashSet};

use super::address_range::{AddressRange, Bits};
use crate::address::{from_bits, to_bits};
use crate::image::tables::{NONE, PeerKind, PodRecord, pod_flags};
use crate::image::{Image, Place};
use crate::model::{Direction, domain_matches};
use crate::verdict::{Identity, Party, rule_peers, stated_addresses};
use crate::{Family, Protocol};

/// What is listed as one end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum GroupKey {
    Workload {
        namespace: String,
        kind: String,
        name: String,
    },
    Nodes,
    External,
}

impl GroupKey {
    /// What groups are listed by: workloads by namespace, name and kind, then nodes,
    /// then external addresses.
    pub(crate) fn listed(&self) -> (u32, &str, &str, &str) {
        match self {
            GroupKey::Workload {
                namespace,
                kind,
                name,
            } => (0, namespace, name, kind),
            GroupKey::Nodes => (1, "", "", ""),
            GroupKey::External => (2, "", "", ""),
        }
    }
}

/// A group, and what is known of it as a whole.
pub(crate) struct Group {
    pub(crate) key: GroupKey,
    /// Whether its pods use the network of their nodes, and so are nodes.
    pub(crate) host_network: bool,
    /// The ports of its pods that some rule calls by name: name, protocol, number.
    pub(crate) named_ports: Vec<(String, Protocol, u16)>,
    /// How many pods it has.
    pub(crate) pods: u32,
}

/// A place: ends of connections that answer alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PlaceKey {
    pub(crate) class: u32,
    /// `None`: without an address, which goes with both families.
    pub(crate) family: Option<Family>,
    /// A number of [`Places::own_nodes`].
    pub(crate) own_node: u32,
    /// The pod, if the tables leave it to interpretation; or [`NONE`].
    pub(crate) special: u32,
    /// A node address may have the class of the external addresses around it, and yet
    /// be some pod's own.
    pub(crate) is_node: bool,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Member {
    /// A pod, at one of its addresses.
    Pod(u32, Option<IpAddr>),
    /// The addresses of a range that are no pod's and no node's.
    Range(Bits),
    /// An address of a node.
    Node(IpAddr),
}

/// What stands where, in which group.
pub(crate) struct Standing<'i> {
    pub(crate) group: u32,
    pub(crate) place: u32,
    pub(crate) member: Member,
    pub(crate) party: Party<'i>,
}

/// What node addresses are told apart by: class, and family, which a class need not
/// tell.
pub(crate) type NodeClass = (u32, Family);

/// The own node of some pods, as far as it matters: how many of its addresses have
/// each class.
pub(crate) type OwnNode = Vec<(NodeClass, u32)>;

/// Every end of a connection that an image knows.
pub(crate) struct Places<'i> {
    image: &'i Image<'i>,
    pub(crate) groups: Vec<Group>,
    group_ids: HashMap<GroupKey, u32, ahash::RandomState>,
    pub(crate) keys: Vec<PlaceKey>,
    key_ids: HashMap<PlaceKey, u32, ahash::RandomState>,
    pub(crate) standing: Vec<Standing<'i>>,
    own_nodes: Vec<OwnNode>,
    /// The addresses that some pod calls its own node.
    own_node_addresses: HashSet<IpAddr, ahash::RandomState>,
    /// The number of each set in `OWN_NODES`.
    own_node_of_set: HashMap<u32, u32, ahash::RandomState>,
}

impl<'i> Places<'i> {
    /// Everybody. External addresses are cut at every edge that some rule has.
    pub(crate) fn new(image: &'i Image<'i>) -> Places<'i> {
        let mut places = Places {
            image,
            groups: Vec::new(),
            group_ids: HashMap::with_hasher(super::hasher()),
            keys: Vec::new(),
            key_ids: HashMap::with_hasher(super::hasher()),
            standing: Vec::new(),
            own_nodes: Vec::from([OwnNode::new()]),
            own_node_addresses: own_node_addresses(image),
            own_node_of_set: HashMap::with_hasher(super::hasher()),
        };
        places.add_pods();
        places.add_nodes();
        places.add_external();
        places
    }

    /// One of those who stand at each place.
    pub(crate) fn parties(&self) -> Vec<Party<'i>> {
        let mut parties: Vec<Option<Party<'i>>> = Vec::new();
        parties.resize(self.keys.len(), None);
        for end in &self.standing {
            if let Some(party) = parties.get_mut(end.place as usize) {
                party.get_or_insert(end.party);
            }
        }
        // Somebody stands at every place.
        parties.into_iter().flatten().collect()
    }

    fn group(&mut self, key: GroupKey, host_network: bool) -> u32 {
        if let Some(group) = self.group_ids.get(&key) {
            return *group;
        }
        let id = self.groups.len() as u32;
        self.groups.push(Group {
            key: key.clone(),
            host_network,
            named_ports: Vec::new(),
            pods: 0,
        });
        self.group_ids.insert(key, id);
        id
    }

    fn place(&mut self, key: PlaceKey) -> u32 {
        let next = self.keys.len() as u32;
        let id = *self.key_ids.entry(key).or_insert(next);
        if id == next {
            self.keys.push(key);
        }
        id
    }

    fn stand(&mut self, group: u32, place: Place, party: Party<'i>, member: Member) {
        let pod = match (party.pod(), member) {
            (Some(_), Member::Pod(pod, _)) => Some(pod),
            _ => None,
        };
        let own_node = pod.map_or(0, |pod| self.own_node(pod));
        // A pod that holds an address of another's own node is more than its class.
        let is_special = place.is_special()
            || party
                .address
                .is_some_and(|address| self.own_node_addresses.contains(&address));
        let special = pod.filter(|_| is_special).unwrap_or(NONE);
        let key = PlaceKey {
            class: self.image.decision.class(place),
            family: party.address.map(Family::of),
            own_node,
            special,
            is_node: matches!(party.identity, Identity::Node(_)),
        };
        let place = self.place(key);
        self.standing.push(Standing {
            group,
            place,
            member,
            party,
        });
    }

    fn add_pods(&mut self) {
        let image = self.image;
        // Pods come by namespace, so a workload's number does for its key there.
        let mut groups: HashMap<(u32, u32), u32, ahash::RandomState> =
            HashMap::with_hasher(super::hasher());
        for (index, record) in (0..).zip(image.cold.pods.iter()) {
            // Its addresses are no longer its own.
            if record.flags & pod_flags::ENDED != 0 {
                continue;
            }
            let host_network = record.flags & pod_flags::HOST_NETWORK != 0;
            let workload = self.workload_of(&record);
            let known = groups.get(&(record.namespace, workload)).copied();
            let group = match known.filter(|_| workload != NONE) {
                Some(group) => group,
                None => {
                    let group = self.group(self.group_of_pod(&record), host_network);
                    groups.insert((record.namespace, workload), group);
                    group
                }
            };
            self.describe(group, &record, host_network);
            let mut has_address = false;
            for address in stated_addresses(image, index) {
                has_address = true;
                let party = Party::at(image, address);
                let is_its_own = match party.identity {
                    Identity::Pod(_) => holds(image, index, address),
                    Identity::Node(_) => host_network,
                    Identity::External => false,
                };
                if is_its_own {
                    let member = Member::Pod(index, party.address);
                    self.stand(group, image.decision.place(address), party, member);
                }
            }
            if !has_address {
                let party = Party::without_address(image, index);
                let member = Member::Pod(index, None);
                self.stand(group, Place(record.place), party, member);
            }
        }
    }

    /// The workload of a pod, or [`NONE`]. A node that owns its static pods is none:
    /// they have nothing in common.
    fn workload_of(&self, record: &PodRecord) -> u32 {
        let image = self.image;
        let workload = image.cold.workloads.checked(record.workload);
        match workload {
            Some(workload) if image.string(workload.kind) != "Node" => record.workload,
            _ => NONE,
        }
    }

    fn group_of_pod(&self, record: &PodRecord) -> GroupKey {
        let image = self.image;
        let namespace = image.string(image.cold.namespaces.get(record.namespace).name);
        let workload = self.workload_of(record);
        let (kind, name) = match image.cold.workloads.checked(workload) {
            Some(workload) => (image.string(workload.kind), image.string(workload.name)),
            None => ("Pod", image.string(record.name)),
        };
        GroupKey::Workload {
            namespace: namespace.to_string(),
            // An owner need not state its kind.
            kind: if kind.is_empty() { "Pod" } else { kind }.to_string(),
            name: name.to_string(),
        }
    }

    fn describe(&mut self, group: u32, record: &PodRecord, host_network: bool) {
        let image = self.image;
        let Some(group) = self.groups.get_mut(group as usize) else {
            return;
        };
        group.pods += 1;
        group.host_network &= host_network;
        let facts = image.cold.facts.get(record.facts);
        let ports = image.cold.named_ports.range(facts.ports, facts.ports_len);
        for port in ports.filter(|_| !host_network) {
            let name = image.string(port.name);
            let protocol = Protocol((port.protocol_port >> 16) as u8);
            let number = port.protocol_port as u16;
            let is_known = |known: &(String, Protocol, u16)| {
                known.0 == name && (known.1, known.2) == (protocol, number)
            };
            if !group.named_ports.iter().any(is_known) {
                group.named_ports.push((name.to_string(), protocol, number));
            }
        }
    }

    /// What a pod's own node is to the tables.
    fn own_node(&mut self, pod: u32) -> u32 {
        let set = self.image.cold.pods.get(pod).own_node;
        if let Some(number) = self.own_node_of_set.get(&set) {
            return *number;
        }
        let mut own: OwnNode = Vec::new();
        for address in own_addresses(self.image, pod) {
            if matches!(Party::at(self.image, address).identity, Identity::Node(_)) {
                let class = self.class_at(address);
                match own.iter_mut().find(|(other, _)| *other == class) {
                    Some((_, count)) => *count += 1,
                    None => own.push((class, 1)),
                }
            }
        }
        own.sort_unstable();
        let known = self.own_nodes.iter().position(|other| *other == own);
        let number = known.unwrap_or_else(|| {
            self.own_nodes.push(own);
            self.own_nodes.len() - 1
        }) as u32;
        self.own_node_of_set.insert(set, number);
        number
    }

    fn class_at(&self, address: IpAddr) -> NodeClass {
        let decision = &self.image.decision;
        let class = decision.class(decision.place(address));
        (class, Family::of(address))
    }

    fn add_nodes(&mut self) {
        let image = self.image;
        let mut seen = HashSet::with_hasher(super::hasher());
        for record in image.cold.node_addresses.iter() {
            let address = from_bits(record.address);
            let party = Party::at(image, address);
            if matches!(party.identity, Identity::Node(_)) && seen.insert(record.address) {
                let group = self.group(GroupKey::Nodes, false);
                self.stand(
                    group,
                    image.decision.place(address),
                    party,
                    Member::Node(address),
                );
            }
        }
    }

    fn add_external(&mut self) {
        let image = self.image;
        let group = self.group(GroupKey::External, false);
        for range in cut(&edges(image)) {
            if let Some(address) = first_external(image, range) {
                let party = Party::at(image, address);
                self.stand(
                    group,
                    image.decision.place(address),
                    party,
                    Member::Range(range),
                );
            }
        }
    }
}

/// The addresses that any pod calls its own node.
fn own_node_addresses(image: &Image<'_>) -> HashSet<IpAddr, ahash::RandomState> {
    let mut all = HashSet::with_hasher(super::hasher());
    for own in image.cold.own_nodes.iter() {
        let records = image.cold.addresses.range(own.addresses, own.addresses_len);
        all.extend(records.map(|record| from_bits(record.address)));
    }
    all
}

/// The addresses that a pod calls its own node.
pub(crate) fn own_addresses<'i>(
    image: &Image<'i>,
    pod: u32,
) -> impl Iterator<Item = IpAddr> + use<'i> {
    let own = image.cold.own_nodes.get(image.cold.pods.get(pod).own_node);
    let addresses = image.cold.addresses;
    let records = addresses.range(own.addresses, own.addresses_len);
    records.map(|record| from_bits(record.address))
}

/// Whether an address that some pod holds is this pod's.
fn holds(image: &Image<'_>, pod: u32, address: IpAddr) -> bool {
    use crate::verdict::PodParty;
    matches!(
        Party::at(image, address).identity,
        Identity::Pod(PodParty::Known(holder)) if holder == pod
    )
}

/// Where the rules of an image cut the address space: the first address of each
/// piece.
fn edges(image: &Image<'_>) -> Vec<u128> {
    let mut edges = Vec::new();
    for cidr in 0..image.cold.cidrs.len() as u32 {
        edges.extend(ends(image, cidr));
    }
    // Only names that some rule mentions have an effect.
    let patterns: Vec<_> = image
        .cold
        .peers
        .iter()
        .filter(|peer| peer.kind == PeerKind::Domain.code())
        .map(|peer| image.string(peer.a))
        .collect();
    for domain in image.cold.domains.iter() {
        let name = image.string(domain.name);
        if patterns.iter().any(|pattern| domain_matches(pattern, name)) {
            let addresses = image.cold.addresses;
            for record in addresses.range(domain.addresses, domain.addresses_len) {
                edges.push(record.address);
                edges.extend(record.address.checked_add(1));
            }
        }
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// The address space, cut at every edge of an `ipBlock` or network that some rule of
/// a direction names. IPv4 first.
pub(crate) fn ranges_of_direction(image: &Image<'_>, direction: Direction) -> Vec<AddressRange> {
    let mut edges = Vec::new();
    for policy in image.cold.policies.iter() {
        let (first, len) = policy.rules(direction);
        for rule in image.cold.rules.range(first, len) {
            for peer in rule_peers(image, &rule) {
                match PeerKind::from_code(peer.kind) {
                    Some(PeerKind::IpBlock) => {
                        let excepts = image.cold.excepts.range(peer.b, peer.c);
                        edges.extend(excepts.chain([peer.a]).flat_map(|cidr| ends(image, cidr)));
                    }
                    Some(PeerKind::Network) => edges.extend(ends(image, peer.a)),
                    _ => {}
                }
            }
        }
    }
    edges.sort_unstable();
    edges.dedup();
    let mut ranges: Vec<_> = cut(&edges).into_iter().map(Bits::addresses).collect();
    ranges.sort_unstable_by_key(|range| (range.family(), range.first));
    ranges
}

/// The first address of a CIDR, and the one behind its last.
fn ends(image: &Image<'_>, cidr: u32) -> Vec<u128> {
    let mut ends = Vec::new();
    if let Some(cidr) = image.cold.cidrs.get(cidr).decode_cidr() {
        let range = AddressRange::from(cidr);
        ends.push(to_bits(range.first));
        ends.extend(to_bits(range.last).checked_add(1));
    }
    ends
}

/// The whole address space, cut at some edges.
fn cut(edges: &[u128]) -> Vec<Bits> {
    let mut ranges = Vec::new();
    for Bits { first, last } in Bits::EVERY {
        let mut first = first;
        // The edges are sorted.
        let begin = edges.partition_point(|edge| *edge <= first);
        let end = edges.partition_point(|edge| *edge <= last);
        for edge in edges.get(begin..end).unwrap_or(&[]) {
            ranges.push(Bits {
                first,
                last: edge - 1,
            });
            first = *edge;
        }
        ranges.push(Bits { first, last });
    }
    ranges
}

/// The first address of a range that is no pod's and no node's.
fn first_external(image: &Image<'_>, range: Bits) -> Option<IpAddr> {
    let mut bits = range.first;
    loop {
        let address = from_bits(bits);
        if matches!(Party::at(image, address).identity, Identity::External) {
            return Some(address);
        }
        if bits == range.last {
            return None;
        }
        bits += 1;
    }
}
