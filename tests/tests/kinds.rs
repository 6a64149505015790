//! Connections of one kind are one to the policies: one verdict, one reason.

use std::collections::HashMap;

use netpolicy::explain::{DirectionExplanation, Reason};
use netpolicy::model::Options;
use netpolicy::{Connection, ConnectionKind, Protocol, Verdict};
use netpolicy_tests::samples::{cluster, worlds};

/// What decides a direction, without who the ends are.
fn decided_by(direction: &DirectionExplanation<'_>) -> String {
    let policies: Vec<_> = direction
        .policies()
        .map(|consulted| format!("{} {:?}", consulted.policy, consulted.outcome))
        .collect();
    let reason = match direction.reason() {
        Reason::Rule(rule) => rule.to_string(),
        other => format!("{:?}", std::mem::discriminant(&other)),
    };
    format!("{reason} {:?} {policies:?}", direction.tier())
}

#[test]
fn one_kind_one_verdict_one_reason() {
    let (mut kinds, mut repeated, mut without) = (0, 0, 0);
    for world in worlds(60) {
        let (image, _) = cluster(&world).compile(&Options::default()).unwrap();
        let image = image.image();
        let mut known: HashMap<ConnectionKind, (Verdict, String)> = HashMap::new();
        for from in &world.probes {
            for to in &world.probes {
                let connection = Connection {
                    source: from.source,
                    destination: to.destination,
                    protocol: Protocol(to.protocol),
                    port: to.port,
                };
                let Some(kind) = image.kind(&connection) else {
                    without += 1;
                    continue;
                };
                let explanation = image.explain(&connection);
                let decided = explanation.directions().map(decided_by).join("; ");
                let found = (explanation.verdict(), decided);
                match known.get(&kind) {
                    Some(first) => {
                        repeated += 1;
                        assert_eq!(*first, found, "{connection:?}: {explanation:#}");
                    }
                    None => {
                        kinds += 1;
                        known.insert(kind, found);
                    }
                }
            }
        }
    }
    assert!(
        kinds > 1_000 && repeated > 1_000 && without > 1_000,
        "{kinds} {repeated} {without}"
    );
}

#[test]
fn the_pod_that_holds_an_address() {
    for world in worlds(20) {
        let (image, _) = cluster(&world).compile(&Options::default()).unwrap();
        let image = image.image();
        let pods: Vec<_> = image.pods().collect();
        let mut held = 0;
        for address in pods.iter().flat_map(netpolicy::PodRef::addresses) {
            if let Some(holder) = image.pod_at(address) {
                held += 1;
                assert!(holder.addresses().any(|other| other == address));
                assert_eq!(pods[holder.index()].to_string(), holder.to_string());
            }
        }
        assert!(held > 0);
    }
}
