//! Atoms: the smallest things that a rule asks of an endpoint.
//!
//! Every subject is one atom and every peer of every rule is one, each stored
//! once however many rules ask it. Endpoints that answer all atoms alike are one
//! class.

use super::arena::{Arena, List, Result, View};
use super::facts::Facts;
use super::order::Order;
use super::pool::Pool;
use super::projection::Projection;
use crate::image::record::record;
use crate::image::tables::*;

record! {
    /// An atom: [`AtomKind`], and what it needs.
    pub(super) struct AtomRecord { kind, a, b }
}

/// The kinds of atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtomKind {
    /// Pods of namespace `a` (a number in `Facts::namespaces`) that selector `b`
    /// matches.
    PodsIn,
    /// Pods that selector `b` matches, in namespaces that selector `a` matches.
    Pods,
    /// Addresses in CIDR `a`, but for exceptions: list `b` of `except_lists`.
    IpBlock,
    /// Addresses in CIDR `a`.
    Network,
    /// Addresses of nodes that selector `a` matches.
    Nodes,
    /// Addresses of names that domain pattern `a` (a string) covers.
    Domain,
    /// Pods that call port `b` (protocol << 16 | port) by the name `a`.
    NamedPort,
}

impl AtomKind {
    const ALL: [AtomKind; 7] = [
        AtomKind::PodsIn,
        AtomKind::Pods,
        AtomKind::IpBlock,
        AtomKind::Network,
        AtomKind::Nodes,
        AtomKind::Domain,
        AtomKind::NamedPort,
    ];
}

impl AtomRecord {
    pub(super) fn kind(&self) -> AtomKind {
        AtomKind::ALL
            .get(self.kind as usize)
            .copied()
            .unwrap_or(AtomKind::PodsIn)
    }
}

/// All atoms that the policies in force ask.
pub(super) struct Atoms {
    pool: Pool,
    /// Sorted lists of CIDR numbers.
    pub(super) except_lists: Pool,
    /// For each policy of [`Order::policies`], the atom of its subject.
    pub(super) subjects: List<u32>,
    /// For each peer of [`Facts::peers`], its atom.
    pub(super) peers: List<u32>,
}

impl Atoms {
    pub(super) fn new(
        arena: &mut Arena<'_>,
        facts: &Facts,
        order: &Order,
        projection: &Projection,
    ) -> Result<Atoms> {
        let mut atoms = Atoms {
            pool: Pool::new(),
            except_lists: Pool::new(),
            subjects: arena.list(order.policies.len as usize)?,
            peers: arena.list(facts.peers.len() as usize)?,
        };
        for index in 0..order.policies.len {
            let policy = arena.get(order.policies, index);
            let subject = atoms.take_policy(arena, facts, policy)?;
            arena.set(atoms.subjects, index, subject);
        }
        atoms.take_named_ports(arena, projection)?;
        Ok(atoms)
    }

    /// Takes the atoms of a policy of [`Facts`]; returns that of its subject.
    pub(super) fn take_policy(
        &mut self,
        arena: &mut Arena<'_>,
        facts: &Facts,
        policy: u32,
    ) -> Result<u32> {
        let policy = facts.policies.get(arena.view(), policy);
        for (first, len) in [
            (policy.egress, policy.egress_len),
            (policy.ingress, policy.ingress_len),
        ] {
            for rule in first..first + len {
                self.take_rule(arena, facts, &policy, rule)?;
            }
        }
        let (kind, namespaces) = match policy.subject_namespaces {
            NONE => (AtomKind::PodsIn, policy.namespace),
            namespaces => (AtomKind::Pods, namespaces),
        };
        self.atom(arena, kind, namespaces, policy.subject_pods)
    }

    fn take_rule(
        &mut self,
        arena: &mut Arena<'_>,
        facts: &Facts,
        policy: &PolicyRecord,
        rule: u32,
    ) -> Result<()> {
        let rule = facts.rules.get(arena.view(), rule);
        if rule.peers_len == NONE {
            return Ok(());
        }
        for index in rule.peers..rule.peers + rule.peers_len {
            let peer = facts.peers.get(arena.view(), index);
            let atom = match PeerKind::from_code(peer.kind) {
                Some(PeerKind::IpBlock) => {
                    let excepts = self.except_list(arena, facts, &peer)?;
                    self.atom(arena, AtomKind::IpBlock, peer.a, excepts)?
                }
                Some(PeerKind::Network) => self.atom(arena, AtomKind::Network, peer.a, 0)?,
                Some(PeerKind::Nodes) => self.atom(arena, AtomKind::Nodes, peer.a, 0)?,
                Some(PeerKind::Domain) => self.atom(arena, AtomKind::Domain, peer.a, 0)?,
                Some(PeerKind::Pods) | None if peer.a == NONE => {
                    self.atom(arena, AtomKind::PodsIn, policy.namespace, peer.b)?
                }
                Some(PeerKind::Pods) | None => self.atom(arena, AtomKind::Pods, peer.a, peer.b)?,
            };
            arena.set(self.peers, index, atom);
        }
        Ok(())
    }

    fn except_list(
        &mut self,
        arena: &mut Arena<'_>,
        facts: &Facts,
        peer: &PeerRecord,
    ) -> Result<u32> {
        let mark = arena.mark();
        let list: List<u32> = arena.scratch(peer.c as usize)?;
        for index in 0..peer.c {
            let cidr = facts.excepts.get(arena.view(), peer.b + index);
            arena.set(list, index, cidr);
        }
        arena.sort_by_key(list, |cidr| cidr);
        let list = arena.dedup(list);
        let id = self.except_lists.intern_list(arena, list)?;
        arena.release(mark);
        Ok(id)
    }

    /// An atom for each (name, protocol, port) that some pod has and some rule asks for.
    fn take_named_ports(&mut self, arena: &mut Arena<'_>, projection: &Projection) -> Result<()> {
        for set in 0..projection.port_sets.len() {
            let ports: List<NamedPortRecord> = projection.port_sets.list(arena.view(), set);
            for index in 0..ports.len {
                let port = arena.get(ports, index);
                self.atom(arena, AtomKind::NamedPort, port.name, port.protocol_port)?;
            }
        }
        Ok(())
    }

    fn atom(&mut self, arena: &mut Arena<'_>, kind: AtomKind, a: u32, b: u32) -> Result<u32> {
        self.pool.intern_record(
            arena,
            AtomRecord {
                kind: kind as u32,
                a,
                b,
            },
        )
    }

    /// The number of atoms.
    pub(super) fn len(&self) -> u32 {
        self.pool.len()
    }

    /// An atom.
    pub(super) fn get(&self, view: View<'_>, id: u32) -> AtomRecord {
        self.pool.record(view, id)
    }

    /// The number of an atom that may be there.
    pub(super) fn find(&self, view: View<'_>, kind: AtomKind, a: u32, b: u32) -> Option<u32> {
        self.pool.find_record(
            view,
            AtomRecord {
                kind: kind as u32,
                a,
                b,
            },
        )
    }
}
