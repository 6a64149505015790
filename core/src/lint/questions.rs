//! The questions that suffice to know what policies do.
//!
//! A subject is decided by the rules of the policies that select it, so peers that all
//! of these rules match alike are asked about once, and subjects with the same policies
//! are one. What is left are a few peers for each subject, out of all that there are,
//! each with the few ports at which a rule that matches it begins or ends.

use alloc::vec::Vec;

use hashbrown::HashMap;

use crate::image::Image;
use crate::image::tables::{NONE, NamedPortRecord, PeerRecord, PolicyRecord, RuleRecord};
use crate::model::{Direction, OwnNode};
use crate::protocol::PortKey;
use crate::reach::{add_starts, sorted_starts};
use crate::verdict::{Assumed, Case, Identity, Party, PodParty, rule_peers, rule_ports};

/// How much may be asked: a step is a rule that is held to a connection or to a peer.
pub(super) struct Steps(pub(super) u64);

impl Steps {
    /// `None` where there are not so many left.
    pub(super) fn take(&mut self, steps: usize) -> Option<()> {
        self.0 = self.0.checked_sub(steps as u64)?;
        Some(())
    }
}

/// A subject in one direction, with a peer of each kind that its rules can tell apart.
pub(super) struct Subject<'i> {
    image: &'i Image<'i>,
    pub(super) direction: Direction,
    party: Party<'i>,
    pub(super) pod: PodParty<'i>,
    /// What governs it, in the order of decision.
    pub(super) policies: Vec<u32>,
    peers: Vec<Peer<'i>>,
    /// How many rules decide about it.
    rules: usize,
}

/// A peer, and the port keys at which a rule that matches it begins or ends.
struct Peer<'i> {
    party: Party<'i>,
    starts: Vec<u32>,
    is_own_node: bool,
    mark: u32,
}

impl<'i> Subject<'i> {
    /// Every question about it, peer by peer. Its own node is left out where it is
    /// allowed whatever the NetworkPolicies say; another stands for what they do.
    pub(super) fn by_peer(&self) -> impl Iterator<Item = impl Iterator<Item = Case<'i>>> {
        let others = self.peers.iter().filter(|peer| !peer.is_own_node);
        others.map(move |peer| {
            peer.starts.iter().map(move |start| Case {
                peer: peer.party,
                key: PortKey(*start),
                ..Case::of_subject(self.image, self.direction, self.party)
            })
        })
    }

    /// Whether it may be allowed one of the keys that a peer has by its mark, its own node
    /// among the peers.
    pub(super) fn may_reach_any<K: IntoIterator<Item = PortKey>>(
        &self,
        keys: impl Fn(u32) -> K,
    ) -> bool {
        self.peers.iter().any(|peer| {
            keys(peer.mark).into_iter().any(|key| {
                let case = Case {
                    peer: peer.party,
                    key,
                    ..Case::of_subject(self.image, self.direction, self.party)
                };
                case.decide(&mut Assumed::default()).is_allowed()
            })
        })
    }

    /// Whether it may reach a pod at any port.
    pub(super) fn may_reach_pods(&self) -> bool {
        let cases = self.by_peer().flatten();
        let mut to_pods = cases.filter(|case| case.peer.pod().is_some());
        to_pods.any(|case| case.decide(&mut Assumed::default()).is_allowed())
    }

    /// What a question costs.
    pub(super) fn steps(&self) -> usize {
        1 + self.rules
    }

    /// What all of them cost.
    pub(super) fn all_steps(&self) -> usize {
        let questions: usize = self.peers.iter().map(|peer| peer.starts.len()).sum();
        questions * self.steps()
    }
}

/// What of peers the rules of any policy can tell apart, for all peers at once.
pub(super) struct Kinds<'i, 'p> {
    image: &'i Image<'i>,
    parties: &'p [Party<'i>],
    /// What parties are told apart by as peers for egress, though no rule does; empty for
    /// nothing.
    marks: &'p [u32],
    /// For each peer of a rule, whether it matches each of the parties.
    matched: HashMap<PeerKey, Vec<bool>, ahash::RandomState>,
    /// For each name, which ports each party has of it: parties with the same number
    /// have the same.
    named: HashMap<u32, Vec<u32>, ahash::RandomState>,
    known: HashMap<SubjectKey, usize, ahash::RandomState>,
}

/// What a peer of a rule selects: its record without its place, and the namespace of
/// the policy, if that counts.
type PeerKey = (u32, u32, u32, u32, u32);

/// What tells subjects apart: the policies, the own node as far as it counts, and
/// the ports that the policies call by name.
type SubjectKey = (Direction, Vec<u32>, u32, Vec<u32>);

/// What there is to ask about a party as a subject.
pub(super) enum Asked<'i> {
    /// This.
    New(Subject<'i>),
    /// What was asked about the party of this number, which is decided alike.
    Like(usize),
    /// It takes too many steps; these policies govern it.
    TooMuch(Vec<u32>),
}

impl<'i, 'p> Kinds<'i, 'p> {
    pub(super) fn new(image: &'i Image<'i>, parties: &'p [Party<'i>]) -> Kinds<'i, 'p> {
        let hasher = || ahash::RandomState::with_seeds(1, 2, 3, 4);
        Kinds {
            image,
            parties,
            marks: &[],
            matched: HashMap::with_hasher(hasher()),
            named: HashMap::with_hasher(hasher()),
            known: HashMap::with_hasher(hasher()),
        }
    }

    /// Tells parties apart, as peers for egress, by these marks as well.
    pub(super) fn marked(self, marks: &'p [u32]) -> Kinds<'i, 'p> {
        Kinds { marks, ..self }
    }

    /// What is to be asked about the party of this number as a subject; `None` where
    /// nothing governs it.
    pub(super) fn subject(
        &mut self,
        number: usize,
        direction: Direction,
        steps: &mut Steps,
    ) -> Option<Asked<'i>> {
        let image = self.image;
        let party = *self.parties.get(number)?;
        let pod = party.pod()?;
        let case = Case::of_subject(image, direction, party);
        let policies: Vec<u32> = case.policies(pod).collect();
        let names = self.names_of(direction, &policies);
        let own_node = match (own_node_counts(image, direction), pod) {
            (true, PodParty::Known(pod)) => image.cold.pods.get(pod).own_node,
            _ => NONE,
        };
        let named = match direction {
            Direction::Ingress => names.iter().map(|name| self.named(*name, number)).collect(),
            Direction::Egress => Vec::new(),
        };
        let key = (direction, policies, own_node, named);
        if key.1.is_empty() {
            return None;
        }
        if let Some(first) = self.known.get(&key) {
            return Some(Asked::Like(*first));
        }
        let policies = key.1.clone();
        self.known.insert(key, number);
        let subject = Subject {
            image,
            direction,
            party,
            pod,
            peers: Vec::new(),
            rules: policies
                .iter()
                .map(|policy| case.record(*policy).rules(direction).1 as usize)
                .sum(),
            policies,
        };
        Some(match self.peers_of(&subject, &names, steps) {
            Some(peers) => Asked::New(Subject { peers, ..subject }),
            None => Asked::TooMuch(subject.policies),
        })
    }

    /// One peer of each kind.
    fn peers_of(
        &mut self,
        subject: &Subject<'i>,
        names: &[u32],
        steps: &mut Steps,
    ) -> Option<Vec<Peer<'i>>> {
        let image = self.image;
        let Subject { direction, pod, .. } = *subject;
        let mut kinds = Partition::of(self.parties.len());
        let mut rules: Vec<(RuleRecord, Option<Vec<bool>>)> = Vec::new();
        for policy in &subject.policies {
            let record = image.cold.policies.get(*policy);
            let (first, len) = record.rules(direction);
            for rule in image.cold.rules.range(first, len) {
                if rule.peers_len == NONE {
                    rules.push((rule, None));
                    continue;
                }
                // What is known of a peer is had for a fraction of what it took.
                steps.take(self.parties.len().div_ceil(16))?;
                let mut matched = alloc::vec![false; self.parties.len()];
                for peer in rule_peers(image, &rule) {
                    let of_peer = self.matched(subject, &record, &peer, steps)?;
                    for (any, of_peer) in matched.iter_mut().zip(of_peer) {
                        *any |= of_peer;
                    }
                }
                kinds.refine(matched.iter().map(|matched| u32::from(*matched)));
                rules.push((rule, Some(matched)));
            }
        }
        if direction == Direction::Egress {
            for name in names {
                kinds.refine(self.all_named(*name).iter().copied());
            }
            if !self.marks.is_empty() {
                kinds.refine(self.marks.iter().copied());
            }
        }
        let is_own_node = |peer: &Party<'i>| {
            let is_own = |address| pod.own_node_has(image, address);
            let is_node = matches!(peer.identity, Identity::Node(_));
            (peer.address.is_some_and(is_own), is_node)
        };
        let own_node_counts = own_node_counts(image, direction);
        if own_node_counts {
            kinds.refine(self.parties.iter().map(|peer| match is_own_node(peer) {
                (false, _) => 0,
                (true, false) => 1,
                (true, true) => 2,
            }));
        }
        let mut peers = Vec::new();
        for (number, peer) in kinds.firsts(self.parties) {
            let destination = match direction {
                Direction::Egress => peer,
                Direction::Ingress => subject.party,
            };
            let mut starts = Vec::from([0]);
            for (rule, matched) in &rules {
                let matched = matched.as_ref().map(|matched| matched.get(number));
                if matched != Some(Some(&false)) {
                    add_starts(
                        image,
                        rule,
                        || named_ports(image, &destination),
                        &mut starts,
                    );
                }
            }
            peers.push(Peer {
                party: peer,
                starts: sorted_starts(starts),
                is_own_node: own_node_counts && is_own_node(&peer) == (true, true),
                mark: self.marks.get(number).copied().unwrap_or(0),
            });
        }
        Some(peers)
    }

    /// Whether a peer of a rule matches each of the parties.
    fn matched(
        &mut self,
        subject: &Subject<'i>,
        policy: &PolicyRecord,
        peer: &PeerRecord,
        steps: &mut Steps,
    ) -> Option<&[bool]> {
        let namespace = if peer.a == NONE {
            policy.namespace
        } else {
            NONE
        };
        let key = (peer.kind, peer.a, peer.b, peer.c, namespace);
        if !self.matched.contains_key(&key) {
            steps.take(self.parties.len())?;
            let matches = |party: &Party<'i>| {
                let case = Case {
                    peer: *party,
                    ..Case::of_subject(self.image, subject.direction, subject.party)
                };
                case.matches_peer(policy, peer, &mut Assumed::default())
            };
            let matched = self.parties.iter().map(matches).collect();
            self.matched.insert(key, matched);
        }
        self.matched.get(&key).map(Vec::as_slice)
    }

    /// The names by which the rules of some policies call ports.
    fn names_of(&self, direction: Direction, policies: &[u32]) -> Vec<u32> {
        let mut names = Vec::new();
        for policy in policies {
            let (first, len) = self.image.cold.policies.get(*policy).rules(direction);
            for rule in self.image.cold.rules.range(first, len) {
                names.extend(rule_ports(self.image, &rule).map(|port| port.name));
            }
        }
        names.retain(|name| *name != NONE);
        names.sort_unstable();
        names.dedup();
        names
    }

    fn named(&mut self, name: u32, party: usize) -> u32 {
        self.all_named(name).get(party).copied().unwrap_or(0)
    }

    fn all_named(&mut self, name: u32) -> &[u32] {
        let (image, parties) = (self.image, self.parties);
        self.named.entry(name).or_insert_with(|| {
            let mut numbers = HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
            let ports = |party: &Party<'i>| -> Vec<u32> {
                let ports = named_ports(image, party).filter(|port| port.name == name);
                ports.map(|port| port.protocol_port).collect()
            };
            let mut number = |party| {
                let next = numbers.len() as u32;
                *numbers.entry(ports(party)).or_insert(next)
            };
            parties.iter().map(&mut number).collect()
        })
    }
}

/// The ports that have names, if it is a pod.
fn named_ports<'i>(
    image: &Image<'i>,
    party: &Party<'i>,
) -> impl Iterator<Item = NamedPortRecord> + use<'i> {
    let facts = match party.pod() {
        Some(PodParty::Known(pod)) => {
            let facts = image.cold.facts.get(image.cold.pods.get(pod).facts);
            (facts.ports, facts.ports_len)
        }
        Some(PodParty::Described(_)) | None => (0, 0),
    };
    image.cold.named_ports.range(facts.0, facts.1)
}

/// Whether a subject's own node is allowed, whatever the NetworkPolicies say.
fn own_node_counts(image: &Image<'_>, direction: Direction) -> bool {
    let counts = match direction {
        Direction::Egress => image.options().own_node_egress,
        Direction::Ingress => image.options().own_node_ingress,
    };
    counts == OwnNode::Allowed
}

/// Which of some things are alike, as far as is known.
struct Partition {
    /// The blocks, numbered in the order of their first things.
    blocks: Vec<u32>,
}

impl Partition {
    fn of(things: usize) -> Partition {
        Partition {
            blocks: alloc::vec![0; things],
        }
    }

    /// Parts what has different values.
    fn refine(&mut self, values: impl Iterator<Item = u32>) {
        let mut numbers = HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
        for (block, value) in self.blocks.iter_mut().zip(values) {
            let next = numbers.len() as u32;
            *block = *numbers.entry((*block, value)).or_insert(next);
        }
    }

    /// The first of each block, and its position.
    fn firsts<T: Copy>(&self, things: &[T]) -> impl Iterator<Item = (usize, T)> {
        let mut next = 0;
        let things = self.blocks.iter().zip(things).enumerate();
        things.filter_map(move |(at, (block, thing))| {
            let is_first = *block == next;
            next += u32::from(is_first);
            is_first.then_some((at, *thing))
        })
    }
}
