//! The three ways to ask: by address, by name, by description.

use core::fmt;
use core::net::IpAddr;

use super::interpret::{Assumed, Case, Without};
use super::party::{
    Identity, Party, PodParty, find_namespace, find_pod, holder, is_node_address, stands_in,
    stated_addresses,
};
use super::{Connection, Verdict};
use crate::Protocol;
use crate::address::{Family, canonical};
use crate::image::tables::pod_flags;
use crate::image::{Image, Place};
use crate::model::{Direction, Pod};
use crate::protocol::PortKey;

/// An end of a connection.
#[derive(Clone, Copy)]
pub enum Endpoint<'i> {
    /// Whoever has this address.
    Address(IpAddr),
    /// A pod of the image. It stands for each of its addresses.
    Pod(PodRef<'i>),
    /// A pod that need not exist: its namespace, labels and named ports count, and
    /// its addresses, host addresses and node name if it has any.
    Described(&'i Pod<'i>),
}

/// A pod of an image.
#[derive(Clone, Copy)]
pub struct PodRef<'i> {
    image: &'i Image<'i>,
    index: u32,
}

impl<'i> PodRef<'i> {
    /// Its place among [`Image::pods`].
    #[must_use]
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &'i str {
        PodParty::Known(self.index).namespace_name(self.image)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'i str {
        PodParty::Known(self.index).name(self.image)
    }

    /// The addresses it states; another pod may hold one of them.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + Clone + use<'i> {
        stated_addresses(self.image, self.index)
    }

    /// The addresses it states that another pod holds, each with that pod. A pod that
    /// is on its node's network or has ended claims none, and so loses none.
    pub fn lost_addresses(&self) -> impl Iterator<Item = (IpAddr, PodRef<'i>)> + use<'i> {
        let PodRef { image, index } = *self;
        let claims_any = !self.is_on_host_network() && !self.has_ended();
        let stated = self.addresses().filter(move |_| claims_any);
        stated.filter_map(move |address| {
            let holder = holder(image, address).filter(|holder| *holder != index)?;
            let holder = PodRef {
                image,
                index: holder,
            };
            Some((address, holder))
        })
    }

    /// Whether it uses the network of its node, and so is a node to policies.
    #[must_use]
    pub fn is_on_host_network(&self) -> bool {
        self.image.cold.pods.get(self.index).flags & pod_flags::HOST_NETWORK != 0
    }

    /// Whether it has ended, so that its addresses are no longer its own.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.image.cold.pods.get(self.index).flags & pod_flags::ENDED != 0
    }

    /// Kind and name of what runs it, or stands in for it.
    #[must_use]
    pub fn workload(&self) -> Option<(&'i str, &'i str)> {
        let record = self.image.cold.pods.get(self.index);
        let workload = self.image.cold.workloads.checked(record.workload)?;
        Some((
            self.image.string(workload.kind),
            self.image.string(workload.name),
        ))
    }

    /// Numbers that are the same for two pods only if no policy of the image can
    /// tell them apart: one for each address, with its family, or one for a pod that
    /// has none. With `tell_nodes`, the two have the same own node as well, which
    /// matters where one end of a connection is a node
    /// ([`Endpoint::has_node_address`]).
    pub fn kind(&self, tell_nodes: bool) -> impl Iterator<Item = (Option<Family>, u32)> + use<'i> {
        let image = self.image;
        let record = image.cold.pods.get(self.index);
        let number = move |place: Place| {
            if tell_nodes {
                place.0
            } else {
                image.decision.class(place)
            }
        };
        let own_node = tell_nodes.then_some((None, record.own_node));
        let itself = (record.claims_len == 0).then(|| (None, number(Place(record.place))));
        let addresses = self.addresses().map(move |address| {
            let family = Family::of(address);
            (Some(family), number(image.decision.place(address)))
        });
        own_node.into_iter().chain(itself).chain(addresses)
    }

    /// Whether it stands in for all pods of its workload, of which none was given:
    /// as both ends of a connection it is two of them.
    #[must_use]
    pub fn stands_in(&self) -> bool {
        stands_in(self.image, self.index)
    }

    /// A number that is the same for two pods only if no policy of the image can
    /// tell them apart, by the first address that each holds.
    #[must_use]
    pub fn class(&self) -> u32 {
        self.image.cold.pods.get(self.index).place
    }
}

impl<'i> PodRef<'i> {
    /// The pod as an end without an address.
    pub(crate) fn party(&self) -> Party<'i> {
        Party::without_address(self.image, self.index)
    }
}

impl PartialEq for PodRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.image.as_bytes(), other.image.as_bytes()) && self.index == other.index
    }
}

impl Eq for PodRef<'_> {}

impl fmt::Debug for PodRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PodRef({self})")
    }
}

impl fmt::Display for PodRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace(), self.name())
    }
}

impl<'i> Image<'i> {
    /// The pod of that name.
    #[must_use]
    pub fn pod(&'i self, namespace: &str, name: &str) -> Option<PodRef<'i>> {
        let index = find_pod(self, namespace, name)?;
        Some(PodRef { image: self, index })
    }

    /// The pod that holds an address: of several that state it, the one that counts.
    #[must_use]
    pub fn pod_at(&'i self, address: IpAddr) -> Option<PodRef<'i>> {
        let index = holder(self, canonical(address))?;
        Some(PodRef { image: self, index })
    }

    /// Whether any object of the image is a namespace of that name, or is in it.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        find_namespace(self, name).is_some()
    }

    /// All pods, by namespace and name.
    pub fn pods(&'i self) -> impl ExactSizeIterator<Item = PodRef<'i>> {
        (0..self.cold.pods.len() as u32).map(|index| PodRef { image: self, index })
    }

    /// The connections that two endpoints stand for: one for each pair of their
    /// addresses of one family. An endpoint without an address pairs with every
    /// address of the other.
    ///
    /// There is none where both have addresses and share no family.
    #[must_use]
    pub fn pairs(&'i self, source: Endpoint<'i>, destination: Endpoint<'i>) -> Pairs<'i> {
        Pairs {
            image: self,
            ends: [source, destination],
            next: [0, 0],
        }
    }

    /// The verdict of all pairs together: what every one of them allows.
    ///
    /// `None` where there is no pair.
    #[must_use]
    pub fn verdict_between(
        &'i self,
        source: Endpoint<'i>,
        destination: Endpoint<'i>,
        protocol: Protocol,
        port: u16,
    ) -> Option<Verdict> {
        self.pairs(source, destination)
            .map(|pair| pair.verdict(protocol, port))
            .reduce(|all, one| {
                Verdict::new(all.egress() && one.egress(), all.ingress() && one.ingress())
            })
    }
}

impl<'i> Endpoint<'i> {
    fn address(&self, index: usize) -> Option<IpAddr> {
        match self {
            Endpoint::Address(address) => (index == 0).then_some(*address),
            Endpoint::Pod(pod) => pod.addresses().nth(index),
            Endpoint::Described(pod) => pod.addresses.get(index).copied(),
        }
    }

    /// Whether one of its addresses is a node's, so that it matters to a pod at the
    /// other end whether that node is its own.
    #[must_use]
    pub fn has_node_address(&self, image: &Image<'_>) -> bool {
        let mut addresses = (0..).map_while(|index| self.address(index));
        addresses.any(|address| is_node_address(image, address))
    }

    /// The end at one of its addresses, or without if it has none.
    fn party(&self, image: &'i Image<'i>, index: usize) -> Option<Party<'i>> {
        match (self, self.address(index)) {
            (Endpoint::Described(pod), Some(address)) => Some(Party::described(pod, Some(address))),
            (Endpoint::Described(pod), None) if index == 0 => Some(Party::described(pod, None)),
            (Endpoint::Pod(pod), Some(address)) => Some(Party::of_pod(image, pod.index, address)),
            (Endpoint::Address(_), Some(address)) => Some(Party::at(image, address)),
            (Endpoint::Pod(pod), None) if index == 0 => {
                Some(Party::without_address(image, pod.index))
            }
            _ => None,
        }
    }
}

/// The pairs of two endpoints; see [`Image::pairs`].
#[derive(Clone)]
pub struct Pairs<'i> {
    image: &'i Image<'i>,
    ends: [Endpoint<'i>; 2],
    /// The indices of the next addresses.
    next: [usize; 2],
}

impl<'i> Iterator for Pairs<'i> {
    type Item = Pair<'i>;

    fn next(&mut self) -> Option<Pair<'i>> {
        loop {
            let [source, destination] = self.ends;
            let from = source.party(self.image, self.next[0])?;
            let Some(to) = destination.party(self.image, self.next[1]) else {
                self.next = [self.next[0] + 1, 0];
                continue;
            };
            self.next[1] += 1;
            let families = [from.address, to.address].map(|address| address.map(Family::of));
            if let [Some(a), Some(b)] = families
                && a != b
            {
                continue;
            }
            return Some(Pair {
                image: self.image,
                source: from,
                destination: to,
            });
        }
    }
}

/// A source and a destination, each with one address or none.
#[derive(Clone, Copy)]
pub struct Pair<'i> {
    pub(crate) image: &'i Image<'i>,
    pub(crate) source: Party<'i>,
    pub(crate) destination: Party<'i>,
}

impl<'i> Pair<'i> {
    pub(crate) fn of_addresses(
        image: &'i Image<'i>,
        source: IpAddr,
        destination: IpAddr,
    ) -> Pair<'i> {
        Pair {
            image,
            source: Party::at(image, source),
            destination: Party::at(image, destination),
        }
    }

    /// The address of the source, if it has one.
    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        self.source.address
    }

    /// The address of the destination, if it has one.
    #[must_use]
    pub fn destination(&self) -> Option<IpAddr> {
        self.destination.address
    }

    /// Whether both ends are one and the same pod.
    #[must_use]
    pub fn is_same_pod(&self) -> bool {
        self.source.is_same_pod(self.image, &self.destination)
    }

    /// May a connection from the source to the destination pass?
    #[must_use]
    pub fn verdict(&self, protocol: Protocol, port: u16) -> Verdict {
        let key = PortKey::new(protocol, port);
        let looked_up = match (self.place(&self.source), self.place(&self.destination)) {
            _ if self.is_same_pod() => None,
            (Some(source), Some(destination)) => {
                self.image.decision.look_up(source, destination, key)
            }
            _ => None,
        };
        looked_up.unwrap_or_else(|| self.interpret(key))
    }

    /// The place of an end that the image knows.
    fn place(&self, party: &Party<'i>) -> Option<Place> {
        match (party.identity, party.address) {
            (Identity::Pod(PodParty::Described(_)), _)
            | (Identity::Node(_) | Identity::External, None) => None,
            (Identity::Pod(PodParty::Known(pod)), None) => {
                Some(Place(self.image.cold.pods.get(pod).place))
            }
            (_, Some(address)) => Some(self.image.decision.place(address)),
        }
    }

    pub(crate) fn interpret(&self, key: PortKey) -> Verdict {
        let [egress, ingress] = self
            .cases(key)
            .map(|case| case.decide(&mut Assumed::default()).is_allowed());
        Verdict::new(egress, ingress)
    }

    /// Egress and ingress.
    pub(crate) fn cases(&self, key: PortKey) -> [Case<'i>; 2] {
        self.cases_of(key, self.is_same_pod())
    }

    /// Egress and ingress, of one pod or of two.
    pub(crate) fn cases_of(&self, key: PortKey, is_same_pod: bool) -> [Case<'i>; 2] {
        let case = |direction, subject, peer| Case {
            image: self.image,
            direction,
            subject,
            peer,
            is_same_pod,
            without: Without::Nothing,
            key,
        };
        [
            case(Direction::Egress, self.source, self.destination),
            case(Direction::Ingress, self.destination, self.source),
        ]
    }

    /// The pair as a connection, if both ends have an address.
    #[must_use]
    pub fn connection(&self, protocol: Protocol, port: u16) -> Option<Connection> {
        Some(Connection {
            source: canonical(self.source.address?),
            destination: canonical(self.destination.address?),
            protocol,
            port,
        })
    }
}
