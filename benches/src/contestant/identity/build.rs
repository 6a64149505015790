//! Policies → maps, one for each set of policies that select the same pods.

use ahash::AHashMap;
use netpolicy::Cluster;
use netpolicy::model::{Action, ClusterPolicy, Direction, NetworkPolicy, Pod, Port, Tier};

use super::identities::{Identities, NamedPorts, named_ports};
use super::policy_map::{PolicyMap, PortPrefix};
use super::{IdentityMaps, Subject};
use crate::contestant::plain::{precedence, selects};

impl IdentityMaps {
    /// Works out identities and maps.
    #[must_use]
    pub fn new(cluster: &Cluster) -> IdentityMaps {
        let identities = Identities::new(cluster);
        let mut build = Build {
            identities: &identities,
            known: AHashMap::new(),
            maps: Vec::new(),
        };
        let subjects = build.subjects(cluster);
        let maps = build.maps;
        IdentityMaps {
            endpoints: identities.endpoints,
            prefixes: identities.prefixes,
            subjects,
            maps,
        }
    }
}

/// What a map is made from: a direction, the policies by tier and number, and the named
/// ports of the pods they select.
type Key<'c> = (Direction, Tier, Vec<u32>, NamedPorts<'c>);
type Numbered<'c, P> = Vec<(u32, &'c P)>;

struct Build<'i, 'c> {
    identities: &'i Identities<'c>,
    known: AHashMap<Key<'c>, u32>,
    maps: Vec<PolicyMap>,
}

impl<'c> Build<'_, 'c> {
    /// The maps of every identity.
    fn subjects(&mut self, cluster: &'c Cluster) -> Vec<Option<[Subject; 2]>> {
        let mut by_namespace: AHashMap<&str, Numbered<'_, NetworkPolicy<'_>>> = AHashMap::new();
        for (number, policy) in (0..).zip(cluster.network_policies()) {
            let policies = by_namespace.entry(&policy.namespace).or_default();
            policies.push((number, policy));
        }
        let mut ordered: Vec<_> = cluster.cluster_policies().iter().collect();
        ordered.sort_by_key(|policy| precedence(policy));
        let clusterwide: Numbered<'_, ClusterPolicy<'_>> = (0..).zip(ordered).collect();

        let identities = self.identities;
        let mut subjects = Vec::with_capacity(identities.all.len());
        for identity in &identities.all {
            subjects.push(identity.pod.map(|pod| {
                let of_namespace = by_namespace.get(&*pod.namespace).into_iter().flatten();
                let namespaced: Numbered<'_, NetworkPolicy<'_>> = of_namespace
                    .copied()
                    .filter(|(_, policy)| selects(&policy.pod_selector, &pod.labels, None))
                    .collect();
                let clusterwide: Numbered<'_, ClusterPolicy<'_>> = clusterwide
                    .iter()
                    .copied()
                    .filter(|(_, policy)| identities.is_selected(&policy.subject, pod))
                    .collect();
                Direction::BOTH.map(|direction| Subject {
                    admin: self.tier(Tier::Admin, direction, &clusterwide, pod),
                    network_policy: self.namespaced(direction, &namespaced, pod),
                    baseline: self.tier(Tier::Baseline, direction, &clusterwide, pod),
                })
            }));
        }
        subjects
    }

    /// The map of the NetworkPolicies that isolate pods like `pod`, if some do.
    fn namespaced(
        &mut self,
        direction: Direction,
        policies: &Numbered<'c, NetworkPolicy<'static>>,
        pod: &'c Pod<'static>,
    ) -> Option<u32> {
        let isolating = || {
            let policies = policies.iter();
            policies.filter(|(_, policy)| policy.isolates(direction))
        };
        let numbers = isolating().map(|(number, _)| *number).collect();
        self.map(
            (direction, Tier::NetworkPolicy, numbers, named_ports(pod)),
            |build, map| {
                for (_, policy) in isolating() {
                    for rule in policy.rules(direction) {
                        let peers = build.identities.of_peers(&policy.namespace, &rule.peers);
                        let decision = (0, Action::Allow);
                        build.enter(map, direction, pod, &peers, &rule.ports, decision);
                    }
                }
            },
        )
    }

    /// The map of the policies of a tier that select pods like `pod`, if some do.
    fn tier(
        &mut self,
        tier: Tier,
        direction: Direction,
        policies: &Numbered<'c, ClusterPolicy<'static>>,
        pod: &'c Pod<'static>,
    ) -> Option<u32> {
        let of_tier = || {
            let policies = policies.iter();
            policies.filter(|(_, policy)| {
                policy.api.tier() == tier && !policy.rules(direction).is_empty()
            })
        };
        let numbers = of_tier().map(|(number, _)| *number).collect();
        self.map(
            (direction, tier, numbers, named_ports(pod)),
            |build, map| {
                let rules = of_tier().flat_map(|(_, policy)| policy.rules(direction));
                for (order, rule) in (0..).zip(rules) {
                    let peers = build.identities.of_cluster_peers(&rule.peers);
                    let decision = (order, rule.action);
                    build.enter(map, direction, pod, &peers, &rule.ports, decision);
                }
            },
        )
    }

    /// The map of that key, filled where it is new; none where there are no policies.
    fn map(&mut self, key: Key<'c>, fill: impl FnOnce(&Self, &mut PolicyMap)) -> Option<u32> {
        if key.2.is_empty() {
            return None;
        }
        if let Some(map) = self.known.get(&key) {
            return Some(*map);
        }
        let mut map = PolicyMap::default();
        fill(self, &mut map);
        let index = self.maps.len() as u32;
        self.maps.push(map);
        self.known.insert(key, index);
        Some(index)
    }

    /// Enters a rule for its peers and ports.
    fn enter(
        &self,
        map: &mut PolicyMap,
        direction: Direction,
        pod: &Pod<'_>,
        peers: &[u32],
        ports: &[Port<'_>],
        (order, action): (u32, Action),
    ) {
        if ports.is_empty() {
            for peer in peers {
                map.insert(*peer, PortPrefix::ANY, order, action);
            }
        }
        for port in ports {
            for peer in peers {
                let peer_pod = self.identities.all.get(*peer as usize).and_then(|i| i.pod);
                let destination = match direction {
                    Direction::Egress => peer_pod,
                    Direction::Ingress => Some(pod),
                };
                for ports in prefixes(port, destination) {
                    map.insert(*peer, ports, order, action);
                }
            }
        }
    }
}

/// The ports of a rule, where names are those of `destination`.
fn prefixes(port: &Port<'_>, destination: Option<&Pod<'_>>) -> Vec<PortPrefix> {
    match port {
        Port::Every(protocol) => vec![PortPrefix::every(*protocol)],
        Port::Range(protocol, range) => PortPrefix::of_range(*protocol, *range),
        Port::Named(protocol, name) => {
            let ports = destination.map_or(&[][..], |pod| &pod.ports);
            let fits = ports.iter().filter(|port| {
                *port.name == **name && protocol.is_none_or(|wanted| wanted == port.protocol)
            });
            fits.map(|port| PortPrefix::single(port.protocol, port.number))
                .collect()
        }
    }
}
