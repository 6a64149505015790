//! The product against the independent oracle, on random clusters with every
//! feature in play: verdicts from the tables, from the rules, by name, and by
//! description of pods that are not there; and explanations.
//!
//! The seed is fixed, so that a run can be repeated; `PROPTEST_RNG_SEED` sets
//! another, `PROPTEST_CASES` the number of clusters.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;

use netpolicy::explain::{Explanation, Reason};
use netpolicy::manifest::Loader;
use netpolicy::model::{DomainName, Options, Pod, Tier};
use netpolicy::{Cluster, Connection, Endpoint, Image, ImageBuf, Protocol, Verdict};
use netpolicy_tests::oracle::{Decision, Oracle, Step};
use netpolicy_tests::samples::{self, options};
use netpolicy_tests::worlds::{Coverage, Probe, World, world};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

const CASES: u32 = 400;
/// So small that address tries are laid out for size, and yet it holds all of a world.
const SMALL_TABLE_BUDGET: usize = 128 << 10;
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
    let mut batch = [Verdict::DENY];
    image.verdicts(&[*connection], &mut batch);
    let answers = [
        image.verdict(source, destination, protocol, port),
        image.verdict(mapped(source), mapped(destination), protocol, port),
        image.verdict(mapped(source), destination, protocol, port),
        batch[0],
    ];
    if answers.iter().any(|answer| pair(*answer) != expected) {
        let why = image.explain(connection);
        return Err(TestCaseError::fail(format!(
            "tables say {answers:?}, the oracle {decided:?}: {connection:?}\n{why:#}"
        )));
    }
    Ok(expected.0 && expected.1)
}

/// An address as IPv6 sockets write it.
fn mapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().into(),
        IpAddr::V6(_) => address,
    }
}

/// The explanation must come to the oracle's verdict, at the oracle's step.
fn compare_explanation(
    explanation: &Explanation<'_>,
    decided: [Decision; 2],
) -> Result<(), TestCaseError> {
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
                "explained as {step:?}, the oracle says {decision:?}\n{explanation:#}"
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
    let worlds = Cell::new(0);
    let result = runner.run(&world(), |world| {
        coverage.borrow_mut().count(&world);
        let budgets = [Options::DEFAULT_TABLE_BUDGET, SMALL_TABLE_BUDGET];
        worlds.set(worlds.get() + 1);
        let image = compile(&world, budgets[worlds.get() % 2])?;
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
            compare_explanation(&image.image().explain(&connection), decided)?;
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
    assert_many(asked.get(), 10_000, "asked by name");
}

/// That a run over the usual number of worlds met enough.
fn assert_many(count: u32, least: u32, what: &str) {
    println!("{count} {what}");
    if config(CASES).cases == CASES {
        assert!(count > least, "only {count} were {what}");
    }
}

/// Whether two addresses are one, however they are spelled.
fn is_same(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}

/// The pods whose addresses no other pod claims: these can be taken out of a cluster
/// and described.
fn describable(cluster: &Cluster) -> Vec<&Pod<'static>> {
    let claims = |pod: &Pod<'_>, address: IpAddr| {
        !pod.host_network
            && !pod.phase.has_ended()
            && pod.addresses.iter().any(|own| is_same(*own, address))
    };
    let is_alone = |pod: &&Pod<'_>| {
        pod.addresses.iter().all(|own| {
            let mut others = cluster.pods().iter().filter(|other| other != pod);
            !others.any(|other| claims(other, *own))
        })
    };
    cluster.pods().iter().filter(is_alone).collect()
}

/// A world without some of its pods.
fn without(world: &World, pods: &[&Pod<'_>]) -> World {
    let mut world = world.clone();
    world.manifests.retain(|object| {
        let metadata = &object["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or("default");
        object["kind"] != "Pod"
            || !pods
                .iter()
                .any(|pod| metadata["name"] == *pod.name && *namespace == *pod.namespace)
    });
    world
}

/// Two pods that are not in a cluster, and what is asked of them.
struct Absent<'w> {
    pods: [&'w Pod<'static>; 2],
    world: &'w World,
    oracle: &'w Oracle,
    /// The image with the pods, and without.
    whole: &'w Image<'w>,
    rest: &'w Image<'w>,
}

impl Absent<'_> {
    /// Asks everything at a port; returns how many pairs the oracle was asked about,
    /// and how many questions about pods without addresses were put to the whole image.
    fn ask(&self, probe: &Probe) -> Result<[u32; 2], TestCaseError> {
        let service = (Protocol(probe.protocol), probe.port);
        let [pod, other] = self.pods.map(Endpoint::Described);
        let mut asked = [
            self.compare_with_oracle([pod, pod], service)?
                + self.compare_with_oracle([pod, other], service)?
                + self.compare_with_oracle([other, pod], service)?,
            0,
        ];
        for address in [probe.source, probe.destination] {
            let has_address =
                |pod: &&Pod<'_>| pod.addresses.iter().any(|own| is_same(*own, address));
            if self.pods.iter().any(has_address) {
                continue;
            }
            let address = Endpoint::Address(address);
            asked[0] += self.compare_with_oracle([pod, address], service)?
                + self.compare_with_oracle([address, pod], service)?;
            if self.pods[0].addresses.is_empty() {
                self.compare_with_known(address, service)?;
                asked[1] += 1;
            }
        }
        Ok(asked)
    }

    /// Of every pair with two addresses the oracle says the same, for it knows the pods.
    fn compare_with_oracle(
        &self,
        [source, destination]: [Endpoint<'_>; 2],
        (protocol, port): (Protocol, u16),
    ) -> Result<u32, TestCaseError> {
        let mut asked = 0;
        for pair in self.rest.pairs(source, destination) {
            let Some(connection) = pair.connection(protocol, port) else {
                continue;
            };
            let explanation = pair.explain(protocol, port);
            if pair.verdict(protocol, port) != explanation.verdict() {
                return Err(TestCaseError::fail(format!("not so: {explanation:#}")));
            }
            let decided = decide(self.oracle, &connection);
            compare_explanation(&explanation, decided).map_err(|error| {
                TestCaseError::fail(format!("{error}\n{:#?}", self.world.manifests))
            })?;
            asked += 1;
        }
        Ok(asked)
    }

    /// The oracle knows ends with addresses only; of a pod without, the image that has
    /// it says the same by name.
    fn compare_with_known(
        &self,
        address: Endpoint<'_>,
        (protocol, port): (Protocol, u16),
    ) -> Result<(), TestCaseError> {
        let pod = self.pods[0];
        let described = Endpoint::Described(pod);
        let known = Endpoint::Pod(self.whole.pod(&pod.namespace, &pod.name).unwrap());
        for (described, known) in [
            ([described, address], [known, address]),
            ([address, described], [address, known]),
        ] {
            let verdict = |image: &Image<'_>, [from, to]: [Endpoint<'_>; 2]| {
                image.verdict_between(from, to, protocol, port)
            };
            let (described, known) = (verdict(self.rest, described), verdict(self.whole, known));
            if described != known {
                return Err(TestCaseError::fail(format!(
                    "described {described:?}, by name {known:?}: {protocol} {port} {pod:#?}"
                )));
            }
        }
        Ok(())
    }
}

#[test]
fn described_pods_and_oracle_agree() {
    let mut runner = TestRunner::new(config(CASES / 4));
    let asked = Cell::new([0; 2]);
    let result = runner.run(&world(), |world| {
        let oracle = world.oracle();
        let cluster = samples::cluster(&world);
        let whole = compile(&world, Options::DEFAULT_TABLE_BUDGET)?;
        let pods = describable(&cluster);
        for (index, pod) in pods.iter().enumerate() {
            let pods = [*pod, pods[(index + 1) % pods.len()]];
            let rest = compile(&without(&world, &pods), Options::DEFAULT_TABLE_BUDGET)?;
            let absent = Absent {
                pods,
                world: &world,
                oracle: &oracle,
                whole: &whole.image(),
                rest: &rest.image(),
            };
            for probe in world.probes.iter().take(16) {
                let [of_oracle, of_image] = absent.ask(probe)?;
                let [so_far, by_name] = asked.get();
                asked.set([so_far + of_oracle, by_name + of_image]);
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let [of_oracle, of_image] = asked.get();
    assert_many(of_oracle, 20_000, "asked by description");
    assert_many(of_image, 100, "asked of pods without addresses");
}
