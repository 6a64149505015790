//! The product against the independent oracle, on random clusters with every
//! feature in play: verdicts from the tables, from the rules, and by name; and
//! explanations.
//!
//! The seed is fixed, so that a run can be repeated; `PROPTEST_RNG_SEED` sets
//! another, `PROPTEST_CASES` the number of clusters.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;

use netpolicy::explain::Reason;
use netpolicy::manifest::Loader;
use netpolicy::model::{DomainName, Options, Tier};
use netpolicy::{Connection, Endpoint, Image, ImageBuf, Protocol, Verdict};
use netpolicy_tests::oracle::{Decision, Oracle, Step};
use netpolicy_tests::samples::options;
use netpolicy_tests::worlds::{Coverage, World, world};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

const CASES: u32 = 400;
const SEED: u64 = 20_261_123;

fn config(cases: u32) -> Config {
    let from_environment = Config::default();
    Config {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() {
            from_environment.cases
        } else {
            cases
        },
        rng_seed: match from_environment.rng_seed {
            RngSeed::Random => RngSeed::Fixed(SEED),
            fixed => fixed,
        },
        failure_persistence: None,
        ..Config::default()
    }
}

/// Compiles a world as a user would: from the text of its manifests.
fn compile(world: &World, table_budget: usize) -> Result<ImageBuf, TestCaseError> {
    let mut loader = Loader::default();
    let text = serde_json::to_string(&world.manifests).unwrap();
    loader.read_text("world.json", &text);
    for (name, addresses) in &world.domains {
        loader.domain_name(DomainName {
            name: name.clone().into(),
            addresses: addresses.clone().into(),
        });
    }
    let loaded = loader.finish();
    let errors: Vec<_> = loaded.errors().map(ToString::to_string).collect();
    if !errors.is_empty() {
        return Err(TestCaseError::fail(format!(
            "a valid world is refused: {errors:#?}"
        )));
    }
    let (image, report) = loaded
        .cluster
        .compile(&options(world.options, table_budget))
        .unwrap();
    if table_budget == 0 && report.gates > 2 {
        assert_eq!(
            report.interpreted_gates,
            report.gates - 2,
            "a budget of nothing interprets everything"
        );
    }
    // What is asked is an image that went through a file.
    let image = ImageBuf::open(image.into_bytes()).unwrap();
    image.image().verify_checksum().unwrap();
    Ok(image)
}

/// Every connection between addresses of a world, at every port it asks about. Where
/// neither end is a pod nothing can be denied, so of those pairs one port will do.
fn connections(world: &World, oracle: &Oracle) -> Vec<Connection> {
    let mut addresses: Vec<IpAddr> = world
        .probes
        .iter()
        .flat_map(|probe| [probe.source, probe.destination])
        .collect();
    addresses.sort();
    addresses.dedup();
    let mut ports: Vec<_> = world
        .probes
        .iter()
        .map(|probe| (probe.protocol, probe.port))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    let mut connections = Vec::new();
    for source in &addresses {
        for destination in &addresses {
            let at_ports = ports.iter().map(|(protocol, port)| Connection {
                source: *source,
                destination: *destination,
                protocol: Protocol(*protocol),
                port: *port,
            });
            let is_governed = |connection: &Connection| {
                decide(oracle, connection)
                    .iter()
                    .any(|decision| decision.step != Step::NoSubject)
            };
            let first = connections.len();
            connections.extend(at_ports);
            if connections
                .get(first)
                .is_some_and(|connection| !is_governed(connection))
            {
                connections.truncate(first + 1);
            }
        }
    }
    connections
}

fn decide(oracle: &Oracle, connection: &Connection) -> [Decision; 2] {
    let Connection {
        source,
        destination,
        protocol,
        port,
    } = *connection;
    oracle.decisions(source, destination, protocol.0, port)
}

fn pair(verdict: Verdict) -> (bool, bool) {
    (verdict.egress(), verdict.ingress())
}

/// What the oracle says must be what every way to ask says.
fn compare(
    image: &Image<'_>,
    connection: &Connection,
    decided: [Decision; 2],
) -> Result<bool, TestCaseError> {
    let expected = (decided[0].allow, decided[1].allow);
    let Connection {
        source,
        destination,
        protocol,
        port,
    } = *connection;
    let fast = image.verdict(source, destination, protocol, port);
    if pair(fast) != expected {
        let why = image.explain(connection);
        return Err(TestCaseError::fail(format!(
            "tables say {fast:?}, the oracle {decided:?}: {connection:?}\n{why:#}"
        )));
    }
    Ok(expected.0 && expected.1)
}

/// The explanation must come to the oracle's verdict, at the oracle's step.
fn compare_explanation(
    image: &Image<'_>,
    connection: &Connection,
    decided: [Decision; 2],
) -> Result<(), TestCaseError> {
    let explanation = image.explain(connection);
    for (direction, decision) in explanation.directions().into_iter().zip(decided) {
        let step = match (direction.reason(), direction.tier()) {
            (Reason::NotAPod, _) => Step::NoSubject,
            (Reason::SamePod, _) => Step::Hairpin,
            (_, Some(Tier::Admin)) => Step::Admin,
            (_, Some(Tier::NetworkPolicy)) => Step::NetworkPolicy,
            (_, Some(Tier::Baseline)) => Step::Baseline,
            (_, None) => Step::Nothing,
        };
        if direction.is_allowed() != decision.allow || step != decision.step {
            return Err(TestCaseError::fail(format!(
                "explained as {step:?}, the oracle says {decision:?}: {connection:?}\n{explanation:#}"
            )));
        }
        if let Reason::Rule(rule) = direction.reason() {
            let last = direction
                .policies()
                .find_map(|consulted| consulted.outcome.ok().filter(|hit| *hit == rule));
            if last.is_none() {
                return Err(TestCaseError::fail(format!(
                    "{rule} decides and was not consulted\n{explanation:#}"
                )));
            }
        }
    }
    // The text must be there, whatever the case.
    assert!(
        explanation
            .to_string()
            .starts_with(if explanation.verdict().is_allowed() {
                "allow "
            } else {
                "deny "
            })
    );
    Ok(())
}

#[test]
fn tables_and_oracle_agree() {
    let mut runner = TestRunner::new(config(CASES));
    let coverage = RefCell::new(Coverage::default());
    let (verdicts, allowed) = (Cell::new(0_u64), Cell::new(0_u64));
    let result = runner.run(&world(), |world| {
        coverage.borrow_mut().count(&world);
        let image = compile(&world, Options::DEFAULT_TABLE_BUDGET)?;
        let oracle = world.oracle();
        for connection in connections(&world, &oracle) {
            let is_allowed = compare(&image.image(), &connection, decide(&oracle, &connection))?;
            verdicts.set(verdicts.get() + 1);
            allowed.set(allowed.get() + u64::from(is_allowed));
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (verdicts, allowed) = (verdicts.get(), allowed.get());
    let share = allowed * 100 / verdicts;
    println!("{verdicts} verdicts, {share} % allowed");
    if config(CASES).cases == CASES {
        assert!(
            verdicts >= 1_000_000,
            "only {verdicts} verdicts were compared"
        );
        assert!((25..=75).contains(&share), "{share} % are allowed");
        let missing = coverage.borrow().missing();
        assert!(missing.is_empty(), "never met: {missing:?}");
    }
}

#[test]
fn rules_explanations_and_oracle_agree() {
    let mut runner = TestRunner::new(config(CASES / 2));
    let result = runner.run(&world(), |world| {
        // Without tables every verdict is interpreted.
        let image = compile(&world, 0)?;
        let oracle = world.oracle();
        let connections = connections(&world, &oracle).into_iter().step_by(7);
        let probes = world.probes.iter().map(|probe| Connection {
            source: probe.source,
            destination: probe.destination,
            protocol: Protocol(probe.protocol),
            port: probe.port,
        });
        for connection in probes.chain(connections) {
            let decided = decide(&oracle, &connection);
            compare(&image.image(), &connection, decided)?;
            compare_explanation(&image.image(), &connection, decided)?;
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn names_stand_for_addresses() {
    let mut runner = TestRunner::new(config(CASES / 4));
    let asked = Cell::new(0);
    let result = runner.run(&world(), |world| {
        let image = compile(&world, Options::DEFAULT_TABLE_BUDGET)?;
        let image = image.image();
        let oracle = world.oracle();
        for source in image.pods() {
            for destination in image.pods() {
                let [from, to] =
                    [source, destination].map(|pod| oracle.addresses_of(&pod.to_string()));
                assert_eq!(from.len(), source.addresses().count(), "{source}");
                let pairs: Vec<_> = from
                    .iter()
                    .flat_map(|from| to.iter().map(move |to| (*from, *to)))
                    .filter(|(from, to)| netpolicy::Family::of(*from) == netpolicy::Family::of(*to))
                    .collect();
                if from.is_empty() || to.is_empty() {
                    continue;
                }
                for probe in world.probes.iter().take(6) {
                    let expected = pairs
                        .iter()
                        .map(|(from, to)| oracle.verdict(*from, *to, probe.protocol, probe.port))
                        .reduce(|all, one| (all.0 && one.0, all.1 && one.1));
                    let ends = (Endpoint::Pod(source), Endpoint::Pod(destination));
                    let found =
                        image.verdict_between(ends.0, ends.1, Protocol(probe.protocol), probe.port);
                    if found.map(pair) != expected {
                        return Err(TestCaseError::fail(format!(
                            "{source} -> {destination} {} {}: {found:?}, expected {expected:?}",
                            probe.protocol, probe.port
                        )));
                    }
                    asked.set(asked.get() + 1);
                }
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(
        asked.get() > 10_000,
        "only {} were asked by name",
        asked.get()
    );
}
