//! A cluster that changes, against the independent oracle and a full compile of
//! what it has come to, after every step; and readers that ask meanwhile.
//!
//! The seed is fixed, so that a run can be repeated; `PROPTEST_RNG_SEED` sets
//! another, `PROPTEST_CASES` the number of histories.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use netpolicy::live::{Event, Invalid, Live, ObjectKey, ObjectKind, ObjectState, UpdateKind};
use netpolicy::model::{
    ClusterPolicy, ClusterPolicyApi, ClusterPolicyRule, DomainName, List, NetworkPolicy, Options,
    Phase, Pod, Priority,
};
use netpolicy::{Cluster, Connection, Image, Protocol, Verdict};
use netpolicy_tests::histories::{Happening, History, history};
use netpolicy_tests::oracle::Oracle;
use netpolicy_tests::samples;
use netpolicy_tests::worlds::World;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

const CASES: u32 = 160;
const SEED: u64 = 20_261_124;
/// Of all pairs of addresses, one in so many is asked about at each step.
const STRIDE: usize = 3;

fn config() -> Config {
    let from_environment = Config::default();
    Config {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() {
            from_environment.cases
        } else {
            CASES
        },
        rng_seed: match from_environment.rng_seed {
            RngSeed::Random => RngSeed::Fixed(SEED),
            fixed => fixed,
        },
        failure_persistence: None,
        ..Config::default()
    }
}

/// The world's own questions, and one about pairs of all addresses that ever occur.
fn connections(history: &History, now: &World) -> Vec<Connection> {
    let asked = history.world.probes.iter().map(|probe| Connection {
        source: probe.source,
        destination: probe.destination,
        protocol: Protocol(probe.protocol),
        port: probe.port,
    });
    let mut addresses: Vec<_> = asked
        .clone()
        .flat_map(|connection| [connection.source, connection.destination])
        .collect();
    for happening in history.steps.iter().flatten() {
        if let netpolicy_tests::histories::Happening::Set(object) = happening {
            let listed = object["status"]["podIPs"].as_array();
            for address in listed.into_iter().flatten() {
                addresses.extend(
                    address["ip"]
                        .as_str()
                        .and_then(|ip| ip.parse::<IpAddr>().ok()),
                );
            }
        }
    }
    addresses.sort();
    addresses.dedup();
    let mut services: Vec<_> = asked.clone().map(|c| (c.protocol, c.port)).collect();
    services.dedup();
    let services = services.iter().cycle();
    // Others at each step, as a rule.
    let turn = now.manifests.len();
    let pairs = addresses.iter().flat_map(|source| {
        addresses
            .iter()
            .map(move |destination| (source, destination))
    });
    let each = pairs
        .zip(services.skip(turn))
        .skip(turn % STRIDE)
        .step_by(STRIDE)
        .map(|((source, destination), (protocol, port))| Connection {
            source: *source,
            destination: *destination,
            protocol: *protocol,
            port: *port,
        });
    asked.chain(each).collect()
}

fn expected(oracle: &Oracle, connection: &Connection) -> (bool, bool) {
    let Connection {
        source,
        destination,
        protocol,
        port,
    } = *connection;
    oracle.verdict(source, destination, protocol.0, port)
}

fn pair(verdict: Verdict) -> (bool, bool) {
    (verdict.egress(), verdict.ingress())
}

fn of_image(image: &Image<'_>, connection: &Connection) -> (bool, bool) {
    let Connection {
        source,
        destination,
        protocol,
        port,
    } = *connection;
    pair(image.verdict(source, destination, protocol, port))
}

/// How often each kind of update came.
type Kinds = BTreeMap<String, usize>;

/// Plays a history; compares after each step.
fn play(history: &History, budget: usize, kinds: &RefCell<Kinds>) -> Result<(), TestCaseError> {
    let options = samples::options(history.world.options, budget);
    let mut now = history.world.clone();
    let mut live = Live::new(samples::cluster(&now), options).unwrap();
    let reader = live.reader();
    let mut before = live.epoch();
    for (index, step) in history.steps.iter().enumerate() {
        for happening in step {
            happening.happen(&mut now);
        }
        let update = live.apply_all(step.iter().map(Happening::event)).unwrap();
        *kinds
            .borrow_mut()
            .entry(format!("{:?}", update.kind))
            .or_default() += 1;
        let reading = reader.enter().unwrap();
        assert_eq!(reading.epoch(), update.epoch);
        assert_eq!(update.epoch > before, update.kind != UpdateKind::Unchanged);
        before = update.epoch;

        let oracle = now.oracle();
        let compiled = live.compile().unwrap();
        let connections = connections(history, &now);
        let mut verdicts = vec![Verdict::DENY; connections.len()];
        reading.verdicts(&connections, &mut verdicts);
        for (connection, verdict) in connections.iter().zip(&verdicts) {
            let found = pair(*verdict);
            let full = of_image(&compiled.image(), connection);
            let expected = expected(&oracle, connection);
            if found != expected || full != expected {
                return Err(TestCaseError::fail(format!(
                    "step {index} ({:?}): live says {found:?}, a full compile {full:?}, the oracle \
                     {expected:?}: {connection:?}\n{:#}",
                    update.kind,
                    compiled.image().explain(connection)
                )));
            }
        }
    }
    Ok(())
}

fn play_all(cases: u32, budget: usize) -> Kinds {
    let kinds = RefCell::new(Kinds::new());
    let config = config();
    let mut runner = TestRunner::new(Config {
        cases: config.cases.min(cases),
        ..config
    });
    if let Err(error) = runner.run(&history(), |history| play(&history, budget, &kinds)) {
        panic!("{error}");
    }
    kinds.into_inner()
}

#[test]
fn every_step_equals_a_full_compile_and_the_oracle() {
    let kinds = play_all(u32::MAX, Options::DEFAULT_TABLE_BUDGET);
    println!("{kinds:?}");
    if config().cases == CASES {
        for kind in ["Unchanged", "Patched", "Rebuilt"] {
            let times = kinds.get(kind).copied().unwrap_or(0);
            assert!(times > 50, "{kind} came {times} times only");
        }
    }
}

#[test]
fn so_it_is_where_rules_are_interpreted() {
    play_all(CASES / 6, 0);
}

/// Readers note what they see under which epoch; the oracle says afterwards
/// whether it was so.
#[test]
fn readers_see_one_state_at_a_time() {
    const READERS: usize = 3;
    let config = config();
    let rounds = config.cases.div_ceil(25);
    let mut runner = TestRunner::new(config);
    for _ in 0..rounds {
        let history = history().new_tree(&mut runner).unwrap().current();
        let mut now = history.world.clone();
        let options = samples::options(now.options, Options::DEFAULT_TABLE_BUDGET);
        let mut live = Live::new(samples::cluster(&now), options).unwrap();
        let connections = connections(&history, &now);
        let mut worlds = BTreeMap::from([(live.epoch(), now.clone())]);
        let done = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..READERS)
                .map(|_| {
                    let (reader, connections, done) = (live.reader(), &connections, &done);
                    scope.spawn(move || {
                        let mut seen = BTreeMap::new();
                        loop {
                            // What is read behind the flag sees all that was before it.
                            let is_last = done.load(Ordering::Acquire);
                            let mut verdicts = vec![Verdict::DENY; connections.len()];
                            let reading = reader.enter().unwrap();
                            reading.verdicts(connections, &mut verdicts);
                            let known = seen.entry(reading.epoch()).or_insert(verdicts.clone());
                            assert_eq!(*known, verdicts, "one epoch, two states");
                            if is_last {
                                return seen;
                            }
                        }
                    })
                })
                .collect();
            for step in &history.steps {
                for happening in step {
                    happening.happen(&mut now);
                }
                let update = live.apply_all(step.iter().map(Happening::event));
                worlds.insert(update.unwrap().epoch, now.clone());
            }
            done.store(true, Ordering::Release);
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect::<Vec<_>>()
        });
        for (epoch, verdicts) in seen.iter().flatten() {
            let oracle = worlds[epoch].oracle();
            for (connection, verdict) in connections.iter().zip(verdicts) {
                assert_eq!(
                    pair(*verdict),
                    expected(&oracle, connection),
                    "epoch {epoch}: {connection:?}"
                );
            }
        }
        for seen in &seen {
            assert!(
                seen.contains_key(&live.epoch()),
                "the last state was not seen"
            );
        }
    }
}

#[test]
fn asking_allocates_nothing() {
    let cluster = samples::merged(&samples::worlds(4));
    let addresses: Vec<_> = cluster
        .pods()
        .iter()
        .flat_map(|pod| pod.addresses.to_vec())
        .collect();
    let live = Live::new(cluster, Options::default()).unwrap();
    let reader = live.reader();
    let mut allowed = 0;
    let counted = allocation_counter::measure(|| {
        for source in &addresses {
            for destination in &addresses {
                let verdict = reader.verdict(*source, *destination, Protocol::TCP, 80);
                allowed += usize::from(verdict.is_allowed());
            }
        }
    });
    assert!(allowed > 0);
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
}

fn banp(rules: Vec<ClusterPolicyRule<'static>>) -> ClusterPolicy<'static> {
    ClusterPolicy {
        api: ClusterPolicyApi::BaselineAdminNetworkPolicy,
        name: "default".into(),
        priority: Priority::default(),
        subject: netpolicy::model::PodSelector::default(),
        ingress: rules.into(),
        egress: List::EMPTY,
        source: netpolicy::model::Source::default(),
    }
}

fn deny_all_pods() -> ClusterPolicyRule<'static> {
    ClusterPolicyRule {
        name: "".into(),
        action: netpolicy::model::Action::Deny,
        peers: vec![netpolicy::model::ClusterPolicyPeer::Pods(
            netpolicy::model::PodSelector::default(),
        )]
        .into(),
        ports: List::EMPTY,
        line: 0,
    }
}

#[test]
fn what_is_not_valid_leaves_the_rest_in_force() {
    let pods = ["10.0.0.1", "10.0.0.2"].map(|address| Pod {
        namespace: "web".into(),
        name: address.into(),
        addresses: vec![address.parse().unwrap()].into(),
        ..Pod::default()
    });
    let mut live = Live::new(Cluster::default(), Options::default()).unwrap();
    let reader = live.reader();
    let is_allowed = || {
        reader
            .verdict(
                "10.0.0.1".parse().unwrap(),
                "10.0.0.2".parse().unwrap(),
                Protocol::TCP,
                80,
            )
            .is_allowed()
    };
    let key = ObjectKey::cluster_scoped(ObjectKind::BaselineAdminNetworkPolicy, "default");
    assert_eq!(live.state(&key), ObjectState::Absent);

    // Refused, and the pods of the same batch are taken.
    let no_peers = || {
        banp(vec![ClusterPolicyRule {
            peers: List::EMPTY,
            ..deny_all_pods()
        }])
    };
    let events = pods.map(|pod| Event::Added(pod.into())).into_iter();
    let events = events.chain([Event::Added(no_peers().into())]);
    let update = live.apply_all(events).unwrap();
    assert_eq!(update.invalid, 1);
    assert!(is_allowed());
    let ObjectState::Refused(diagnostics) = live.state(&key) else {
        panic!("{:?}", live.state(&key))
    };
    assert_eq!(
        diagnostics[0].to_string(),
        "error: BaselineAdminNetworkPolicy default: spec.ingress[0]: the rule needs at least one peer"
    );

    // A valid version, then one that is not: what was valid stays.
    live.apply(Event::Modified(banp(vec![deny_all_pods()]).into()))
        .unwrap();
    assert_eq!(live.state(&key), ObjectState::InForce);
    assert!(!is_allowed());
    let update = live.apply(Event::Modified(no_peers().into())).unwrap();
    assert_eq!(update.kind, UpdateKind::Unchanged);
    assert!(matches!(live.state(&key), ObjectState::PreviousInForce(_)));
    assert_eq!(live.invalid().count(), 1);
    assert!(!is_allowed());

    live.apply(Event::Deleted(key.clone())).unwrap();
    assert_eq!(live.state(&key), ObjectState::Absent);
    assert!(is_allowed());

    drop(live);
    assert!(reader.enter().is_none());
    assert!(!is_allowed(), "nobody is there to answer");
}

/// An address that very many pods claim is not patched claimant by claimant.
#[test]
fn many_pods_may_claim_one_address() {
    let pod = |number: usize| Pod {
        namespace: "a".into(),
        name: format!("p{number}").into(),
        addresses: vec![
            "10.0.0.1".parse().unwrap(),
            std::net::Ipv6Addr::from_bits((0xfd00 << 112) + number as u128).into(),
        ]
        .into(),
        created: Some(number as i64),
        phase: Phase::Running,
        ..Pod::default()
    };
    let mut cluster = Cluster::default();
    for number in 0..300 {
        cluster.insert_pod(pod(number));
    }
    cluster.insert_network_policy(NetworkPolicy {
        namespace: "a".into(),
        name: "isolates".into(),
        ..NetworkPolicy::default()
    });
    let mut live = Live::new(cluster.clone(), Options::default()).unwrap();
    for number in 300..304 {
        let update = live.apply(Event::Added(pod(number).into())).unwrap();
        assert_eq!(update.kind, UpdateKind::Rebuilt);
        cluster.insert_pod(pod(number));
        let (image, _) = cluster.compile(&Options::default()).unwrap();
        let reader = live.reader();
        for pod in cluster
            .pods()
            .iter()
            .step_by(7)
            .chain(cluster.pods().last())
        {
            for address in &pod.addresses {
                for outside in ["192.0.2.1", "2001:db8::1"] {
                    let outside = outside.parse().unwrap();
                    let verdict = reader.verdict(outside, *address, Protocol::TCP, 80);
                    let expected = image.image().verdict(outside, *address, Protocol::TCP, 80);
                    assert_eq!(verdict, expected, "{outside} -> {address}");
                }
            }
        }
    }
}

/// The spellings of a domain name are one object.
#[test]
fn a_domain_name_that_was_refused_is_mended_in_any_spelling() {
    let mut live = Live::new(Cluster::default(), Options::default()).unwrap();
    let key = |name: &str| ObjectKey::cluster_scoped(ObjectKind::DomainName, name);
    let refused = Invalid {
        object: key("A.example.com"),
        diagnostics: Vec::new(),
    };
    live.apply(Event::Invalid(refused)).unwrap();
    assert!(matches!(
        live.state(&key("a.EXAMPLE.com.")),
        ObjectState::Refused(_)
    ));
    let resolved = DomainName {
        name: "a.example.com.".into(),
        addresses: vec!["192.0.2.1".parse().unwrap()].into(),
    };
    live.apply(Event::Added(resolved.into())).unwrap();
    assert_eq!(live.state(&key("A.example.com")), ObjectState::InForce);
    live.apply(Event::Deleted(key("A.EXAMPLE.COM"))).unwrap();
    assert_eq!(live.state(&key("a.example.com")), ObjectState::Absent);
}
