//! Node scope: an image for some nodes judges their pods as the whole one does, and
//! leaves all others to their nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use netpolicy::explain::Reason;
use netpolicy::model::Options;
use netpolicy::{Cluster, Connection, Protocol};
use netpolicy_tests::samples::{cluster, worlds};

/// The nodes that each address's pods name.
fn nodes_of_addresses(cluster: &Cluster) -> BTreeMap<IpAddr, BTreeSet<&str>> {
    let mut nodes: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for pod in cluster.pods() {
        for address in &*pod.addresses {
            nodes.entry(*address).or_default().insert(&*pod.node_name);
        }
    }
    nodes
}

#[test]
fn local_pods_are_judged_alike_and_others_left_alone() {
    let (mut judged, mut denied, mut left) = (0, 0, 0);
    for world in worlds(40) {
        let cluster = cluster(&world);
        let (whole, whole_report) = cluster.compile(&Options::default()).unwrap();
        let whole = whole.image();
        let nodes_of = nodes_of_addresses(&cluster);
        let names: BTreeSet<&str> = nodes_of.values().flatten().copied().collect();
        let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
        for scope in [names.get(..1), names.get(1..3)].into_iter().flatten() {
            let (scoped, report) = cluster
                .compile_for_nodes(&Options::default(), scope)
                .unwrap();
            let scoped = scoped.image();
            assert!(scoped.is_scoped());
            assert!(report.policies <= whole_report.policies);
            let mut addresses: Vec<IpAddr> = nodes_of.keys().copied().collect();
            addresses.extend(world.probes.iter().map(|probe| probe.source));
            for source in &addresses {
                for destination in &addresses {
                    for probe in world.probes.iter().take(5) {
                        let connection = Connection {
                            source: *source,
                            destination: *destination,
                            protocol: Protocol(probe.protocol),
                            port: probe.port,
                        };
                        let Connection { protocol, port, .. } = connection;
                        let verdict = scoped.verdict(*source, *destination, protocol, port);
                        let expected = whole.verdict(*source, *destination, protocol, port);
                        let explained = scoped.explain(&connection);
                        assert_eq!(explained.verdict(), verdict, "{explained:#}");
                        let sides = [
                            (
                                explained.egress(),
                                source,
                                verdict.egress(),
                                expected.egress(),
                            ),
                            (
                                explained.ingress(),
                                destination,
                                verdict.ingress(),
                                expected.ingress(),
                            ),
                        ];
                        for (direction, subject, verdict, expected) in sides {
                            let is_left = direction.reason() == Reason::OutOfScope;
                            // Who holds a contested address is not this test's matter.
                            if let Some(nodes) = nodes_of.get(subject)
                                && nodes.len() == 1
                                && !matches!(direction.reason(), Reason::NotAPod | Reason::SamePod)
                            {
                                let is_local = nodes.iter().any(|node| scope.contains(node));
                                assert_eq!(is_left, !is_local, "{scope:?}: {explained:#}");
                            }
                            assert_eq!(
                                verdict,
                                is_left || expected,
                                "{scope:?}: {explained:#}\n{:#}",
                                whole.explain(&connection)
                            );
                            judged += u32::from(!is_left);
                            denied += u32::from(!verdict);
                            left += u32::from(is_left);
                        }
                    }
                }
            }
        }
    }
    assert!(
        judged > 10_000 && denied > 1_000 && left > 10_000,
        "{judged} judged, {denied} of them denied, {left} left"
    );
}
