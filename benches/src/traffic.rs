//! Connections as a cluster makes them, the same in every run.

use std::fmt;
use std::net::IpAddr;

use netpolicy::model::Pod;
use netpolicy::{Connection, Protocol};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, Zipf};

use crate::world::{Rng, World, rng};

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mix {
    /// The same 256 connections again and again.
    Hot,
    /// Pods of one node among themselves, and one in ten from the node itself.
    NodeLocal,
    /// Few pods in most connections: rank `k` in proportion to `1 / k`.
    Zipf,
    /// Any pod with any other.
    Uniform,
    /// One in five comes from outside or goes there, the others are as in `Zipf`.
    External,
}

impl Mix {
    /// All mixes.
    pub const ALL: [Mix; 5] = [
        Mix::Hot,
        Mix::NodeLocal,
        Mix::Zipf,
        Mix::Uniform,
        Mix::External,
    ];
    /// How many connections [`Mix::Hot`] repeats.
    pub const HOT: usize = 256;
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mix::Hot => "hot256",
            Mix::NodeLocal => "node-local",
            Mix::Zipf => "zipf",
            Mix::Uniform => "uniform",
            Mix::External => "external20",
        })
    }
}

/// Draws `count` connections of a mix.
///
/// # Panics
/// Where the world has no two pods, or for [`Mix::NodeLocal`] no node with two.
#[must_use]
pub fn draw(world: &World, mix: Mix, count: usize) -> Vec<Connection> {
    let mut draw = Draw::new(world, mix);
    if mix == Mix::Hot {
        let few: Vec<_> = (0..Mix::HOT).map(|_| draw.one(Mix::Uniform)).collect();
        return few.iter().copied().cycle().take(count).collect();
    }
    (0..count).map(|_| draw.one(mix)).collect()
}

/// Ports that are asked for whatever listens.
const COMMON: [(Protocol, u16); 8] = [
    (Protocol::TCP, 80),
    (Protocol::TCP, 443),
    (Protocol::TCP, 5432),
    (Protocol::TCP, 8080),
    (Protocol::TCP, 9090),
    (Protocol::TCP, 22),
    (Protocol::UDP, 53),
    (Protocol::UDP, 123),
];

/// The state of drawing.
struct Draw<'w> {
    world: &'w World,
    pods: &'w [Pod<'static>],
    rng: Rng,
    /// The pods of each node that has two or more, by index, and the node.
    by_node: Vec<(u32, Vec<u32>)>,
    /// Which pod has which rank.
    ranks: Vec<u32>,
    zipf: Zipf<f64>,
}

impl<'w> Draw<'w> {
    fn new(world: &'w World, mix: Mix) -> Draw<'w> {
        let mut rng = rng(0x100 + mix as u64);
        let pods = world.cluster.pods();
        assert!(pods.len() > 1, "traffic needs two pods");
        let mut by_node: Vec<_> = (0..world.nodes.len() as u32)
            .map(|node| (node, Vec::new()))
            .collect();
        for (pod, node) in world.pod_nodes.iter().enumerate() {
            by_node[*node as usize].1.push(pod as u32);
        }
        by_node.retain(|(_, pods)| pods.len() > 1);
        let mut ranks: Vec<u32> = (0..pods.len() as u32).collect();
        ranks.shuffle(&mut rng);
        Draw {
            world,
            pods,
            rng,
            by_node,
            ranks,
            zipf: Zipf::new(pods.len() as f64, 1.0).expect("more than one pod"),
        }
    }

    fn one(&mut self, mix: Mix) -> Connection {
        match mix {
            Mix::Hot | Mix::Uniform => {
                let [source, destination] = [self.any(), self.any()];
                self.between(source, destination)
            }
            Mix::Zipf => {
                let [source, destination] = [self.popular(), self.popular()];
                self.between(source, destination)
            }
            Mix::NodeLocal => self.on_one_node(),
            Mix::External => match self.rng.random_range(0..10) {
                0 => self.inbound(),
                1 => self.outbound(),
                _ => self.one(Mix::Zipf),
            },
        }
    }

    fn any(&mut self) -> &'w Pod<'static> {
        &self.pods[self.rng.random_range(0..self.pods.len())]
    }

    fn popular(&mut self) -> &'w Pod<'static> {
        let rank = self.zipf.sample(&mut self.rng) as usize;
        &self.pods[self.ranks[rank - 1] as usize]
    }

    fn between(&mut self, source: &Pod<'_>, destination: &Pod<'_>) -> Connection {
        // All pods of a world have the same families.
        let family = self.rng.random_range(0..destination.addresses.len());
        let (protocol, port) = self.port(destination);
        Connection {
            source: source.addresses[family],
            destination: destination.addresses[family],
            protocol,
            port,
        }
    }

    fn on_one_node(&mut self) -> Connection {
        let (node, pods) = &self.by_node[self.rng.random_range(0..self.by_node.len())];
        let pod = |rng: &mut Rng| &self.pods[pods[rng.random_range(0..pods.len())] as usize];
        let [source, destination] = [pod(&mut self.rng), pod(&mut self.rng)];
        let node = *node as usize;
        let mut connection = self.between(source, destination);
        if self.rng.random_ratio(1, 10) {
            connection.source = self.of_family(&self.world.nodes[node], connection.destination);
        }
        connection
    }

    fn inbound(&mut self) -> Connection {
        let outside = self.outside();
        let pod = self.popular();
        let (protocol, port) = self.port(pod);
        Connection {
            source: outside,
            destination: self.of_family(&pod.addresses, outside),
            protocol,
            port,
        }
    }

    fn outbound(&mut self) -> Connection {
        let outside = self.outside();
        let pod = self.popular();
        let (protocol, port) = self.common();
        Connection {
            source: self.of_family(&pod.addresses, outside),
            destination: outside,
            protocol,
            port,
        }
    }

    fn outside(&mut self) -> IpAddr {
        self.world.external[self.rng.random_range(0..self.world.external.len())]
    }

    /// That of some addresses which is of the family of `like`.
    fn of_family(&self, addresses: &[IpAddr], like: IpAddr) -> IpAddr {
        let same = |address: &&IpAddr| address.is_ipv4() == like.is_ipv4();
        *addresses
            .iter()
            .find(same)
            .expect("a world's objects have the same families")
    }

    /// Mostly a port that the destination names, now and then any.
    fn port(&mut self, destination: &Pod<'_>) -> (Protocol, u16) {
        let ports = &destination.ports;
        match self.rng.random_range(0..10) {
            0..7 if !ports.is_empty() => {
                let port = &ports[self.rng.random_range(0..ports.len())];
                (port.protocol, port.number)
            }
            9 => (Protocol::TCP, self.rng.random_range(1..=u16::MAX)),
            _ => self.common(),
        }
    }

    fn common(&mut self) -> (Protocol, u16) {
        COMMON[self.rng.random_range(0..COMMON.len())]
    }
}
