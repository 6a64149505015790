//! Every contestant gives the same verdicts, on worlds of every pattern.

use std::collections::HashSet;

use netpolicy::manifest::Loader;
use netpolicy::model::{Direction, NetworkPolicyPeer, Options};
use netpolicy_benches::contestant::{Cached, Contestant, IdentityMaps, Plain};
use netpolicy_benches::figure::{Figures, Format};
use netpolicy_benches::rivals::agree;
use netpolicy_benches::timing::{Budget, dependent};
use netpolicy_benches::traffic::{Mix, draw};
use netpolicy_benches::world::{Spec, World, manifests};
use netpolicy_benches::{addresses, verdicts};

const WORLDS: [&str; 8] = [
    "1k/10/dense/v4",
    "1k/100/dense/both",
    "1k/1k/dense/both",
    "1k/100/scattered/v6",
    "2k/1k/scattered/both",
    "1k/100/adversarial/v4",
    "2k/1k/adversarial/both",
    "crowded/100",
];
const ASKED: usize = 4_000;

fn worlds() -> impl Iterator<Item = World> {
    WORLDS.iter().map(|name| World::new(name.parse().unwrap()))
}

#[test]
fn contestants_agree() {
    for world in worlds() {
        let (image, _) = world.cluster.compile(&Options::default()).unwrap();
        let image = image.image();
        let plain = Plain::new(&world.cluster);
        let identity_maps = IdentityMaps::new(&world.cluster);
        // So small that it is emptied again and again.
        let cached = Cached::new(&plain, 64);
        for mix in Mix::ALL {
            let connections = draw(&world, mix, ASKED);
            agree(&connections, &image, &plain, "plain-rust").unwrap();
            agree(&connections, &image, &identity_maps, "identity-maps").unwrap();
            agree(&connections, &image, &cached, "tuple-cache").unwrap();
            let allowed = dependent(&connections, |connection| image.allows(connection));
            let share = allowed * 100 / connections.len();
            assert!(
                (2..=98).contains(&share),
                "{} {mix}: {share} % allowed",
                world.name
            );
        }
        assert!(cached.misses() > 0);
    }
}

#[test]
fn prefix_tables_tell_the_same_addresses_apart() {
    let budget = Budget::ONE_ROUND;
    for world in worlds() {
        let (image, _) = world.cluster.compile(&Options::default()).unwrap();
        let mut figures = Figures::new(Format::Json);
        addresses::measure(&world, &image.image(), Mix::External, budget, &mut figures).unwrap();
        assert!(!figures.all().is_empty());
    }
}

#[test]
fn who_disagrees_is_found_out() {
    let world = World::new("1k/100/dense/v4".parse().unwrap());
    let (image, _) = world.cluster.compile(&Options::default()).unwrap();
    // A rival that knows the pods, and none of the policies.
    let mut without = netpolicy::Cluster::default();
    for pod in world.cluster.pods() {
        without.insert_pod(pod.clone());
    }
    let connections = draw(&world, Mix::Uniform, ASKED);
    let rival = Plain::new(&without);
    let error = agree(&connections, &image.image(), &rival, "the rival").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("netpolicy says false, the rival says true"),
        "{error}"
    );
}

#[test]
fn worlds_are_what_their_names_say() {
    for name in ["1k/1k/dense/both", "20k/1k/scattered/v4"] {
        let spec: Spec = name.parse().unwrap();
        let cluster = World::new(spec).cluster;
        assert_eq!(cluster.pods().len(), spec.pods);
        assert_eq!(cluster.namespaces().len(), spec.namespaces);
        assert_eq!(cluster.nodes().len(), spec.nodes);
        assert_eq!(cluster.cluster_policies().len(), spec.admin);
        assert_eq!(cluster.network_policies().len(), spec.policies - spec.admin);
        let mut addresses = cluster.pods().iter().flat_map(|pod| &pod.addresses);
        let mut seen = HashSet::new();
        assert!(addresses.all(|address| seen.insert(address)));
        let policies = cluster.network_policies().iter();
        let rules = policies.flat_map(|p| Direction::BOTH.map(|d| p.rules(d)));
        let mut blocks = HashSet::new();
        for peer in rules.flatten().flat_map(|rule| &rule.peers) {
            if let NetworkPolicyPeer::IpBlock(block) = peer {
                blocks.insert(block.cidr());
                blocks.extend(block.except());
            }
        }
        assert_eq!(blocks.len(), spec.blocks, "{name}");
    }
}

#[test]
fn manifests_are_the_same_cluster() {
    let world = World::new("1k/100/dense/both".parse().unwrap());
    let mut text = Vec::new();
    manifests::write(&world.cluster, &mut text).unwrap();
    let mut loader = Loader::default();
    loader.read_text("world.json", std::str::from_utf8(&text).unwrap());
    let loaded = loader.finish();
    let errors: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(errors, Vec::<String>::new());
    let [ours, theirs] = [&world.cluster, &loaded.cluster]
        .map(|cluster| cluster.compile(&Options::default()).unwrap().0);
    for mix in Mix::ALL {
        for connection in draw(&world, mix, ASKED) {
            let [ours, theirs] = [&ours, &theirs].map(|image| image.image().allows(&connection));
            assert_eq!(ours, theirs, "{connection:?}");
        }
    }
}

#[test]
fn figures_of_verdicts() {
    let world = World::new("1k/100/dense/both".parse().unwrap());
    let (image, report) = world.cluster.compile(&Options::default()).unwrap();
    let mut figures = Figures::new(Format::Json);
    verdicts::measure(
        &world,
        &image.image(),
        report.classes,
        Mix::Zipf,
        Budget::ONE_ROUND,
        &mut figures,
    )
    .unwrap();
    for what in [
        "allowed",
        "dependent",
        "back-to-back",
        "batch",
        "p50",
        "p99",
        "p99.9",
    ] {
        let name = format!("1k/100/dense/both/zipf/{what}");
        let figure = figures.all().iter().find(|figure| figure.name == name);
        assert!(figure.is_some_and(|figure| figure.value > 0.0), "{name}");
    }
}
