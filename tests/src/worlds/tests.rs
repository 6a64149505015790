//! What the generator promises.

use std::time::Instant;

use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::oracle::Step;

/// Worlds from a fixed seed.
fn worlds(count: usize) -> Vec<World> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, b"netpolicy worlds, a fixed seed..");
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = world();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).expect("a world").current())
        .collect()
}

#[test]
fn every_feature_is_reached() {
    let mut coverage = Coverage::default();
    for world in worlds(400) {
        coverage.count(&world);
    }
    println!("{coverage}");
    assert_eq!(coverage.missing(), Vec::<&str>::new());
}

#[test]
fn both_verdicts_and_all_tiers_are_common() {
    let start = Instant::now();
    let worlds = worlds(1000);
    println!("1,000 worlds in {:?}", start.elapsed());

    let start = Instant::now();
    let (mut probes, mut allowed) = (0_u32, 0_u32);
    let mut steps = std::collections::BTreeMap::<Step, [u32; 2]>::new();
    for world in &worlds {
        let oracle = world.oracle();
        for &Probe {
            source,
            destination,
            protocol,
            port,
        } in &world.probes
        {
            let both = oracle.decisions(source, destination, protocol, port);
            probes += 1;
            allowed += u32::from(both.iter().all(|decision| decision.allow));
            for decision in both {
                steps.entry(decision.step).or_default()[usize::from(decision.allow)] += 1;
            }
        }
    }
    println!("{probes} probes in {:?}", start.elapsed());
    let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole);
    let of_all = share(allowed, probes);
    println!("allow {of_all:.3}");
    for (step, [deny, allow]) in &steps {
        let of_steps = share(deny + allow, 2 * probes);
        println!(
            "{step:?} {of_steps:.3}, of it allow {:.3}",
            share(*allow, deny + allow)
        );
    }
    assert!((0.25..=0.75).contains(&of_all), "allow {of_all}");
    for step in [Step::Admin, Step::NetworkPolicy, Step::Baseline] {
        let [deny, allow] = steps.get(&step).copied().unwrap_or_default();
        assert!(share(deny + allow, 2 * probes) > 0.08, "{step:?} is rare");
        assert!(
            (0.2..=0.8).contains(&share(allow, deny + allow)),
            "{step:?} is one-sided"
        );
    }
}

/// "An IPv4-mapped IPv6 address is the IPv4 address", and objects stand in any order.
#[test]
fn order_and_spelling_mean_nothing() {
    let mapped = |address: IpAddr| match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(address) => address.to_canonical(),
    };
    for world in worlds(100) {
        let oracle = world.oracle();
        let turned: Vec<Value> = world.manifests.iter().rev().cloned().collect();
        let turned = Oracle::new(&turned, &world.domains, world.options);
        for &Probe {
            source,
            destination,
            protocol,
            port,
        } in &world.probes
        {
            let verdict = oracle.verdict(source, destination, protocol, port);
            let respelled = turned.verdict(mapped(source), mapped(destination), protocol, port);
            assert_eq!(verdict, respelled);
        }
    }
}
