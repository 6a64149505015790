//! Addresses side by side, to the last one of a block: what the tables say of them is
//! what the rules say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netpolicy::live::{Event, Live, Object};
use netpolicy::model::{Label, NetworkPolicy, Options, Pod, Selector};
use netpolicy::{Cluster, Connection, Image, Protocol};

/// The address of this number in a family's pod network, which begins with a whole block
/// of any size that a table has.
fn address(family: u8, number: u32) -> IpAddr {
    if family == 4 {
        Ipv4Addr::from_bits(0x0a40_0000 + number).into()
    } else {
        Ipv6Addr::from_bits((0xfd00 << 112) + u128::from(number)).into()
    }
}

fn pod(number: u32, families: &[u8], of_app: impl Fn(u32) -> u32) -> Pod<'static> {
    Pod {
        namespace: "a".into(),
        name: format!("p{number}").into(),
        labels: vec![Label::new("app", of_app(number).to_string())].into(),
        addresses: families
            .iter()
            .map(|family| address(*family, number))
            .collect(),
        ..Pod::default()
    }
}

/// Pods of app 0 are isolated.
fn cluster(numbers: impl IntoIterator<Item = u32>, families: &[u8], apps: u32) -> Cluster {
    let mut cluster = Cluster::default();
    for number in numbers {
        cluster.insert_pod(pod(number, families, |number| number % apps));
    }
    cluster.insert_network_policy(NetworkPolicy {
        namespace: "a".into(),
        name: "isolates".into(),
        pod_selector: Selector::labels(vec![Label::new("app", "0")]),
        ..NetworkPolicy::default()
    });
    cluster
}

/// Holds tables and rules together on addresses of a family inside, at the edges and
/// beside.
fn check(image: &Image<'_>, family: u8, count: u32) {
    let outside = match family {
        4 => "192.0.2.1".parse().unwrap(),
        _ => "2001:db8::1".parse().unwrap(),
    };
    let step = count as usize / 300 + 1;
    let edges = [
        255,
        256,
        257,
        511,
        512,
        65_535,
        65_536,
        count - 1,
        count,
        count + 1,
    ];
    let before = [address(family, 0), address(family, 1)];
    for number in (0..count).step_by(step).chain(edges) {
        let inside = address(family, number);
        for (source, destination) in [(outside, inside), (inside, before[0]), (before[1], inside)] {
            let connection = Connection {
                source,
                destination,
                protocol: Protocol::TCP,
                port: 80,
            };
            let verdict = image.verdict(source, destination, Protocol::TCP, 80);
            let explained = image.explain(&connection);
            assert_eq!(verdict, explained.verdict(), "of {count}: {explained}");
        }
    }
}

#[test]
fn whole_blocks_of_pods_that_are_alike() {
    for families in [&[4][..], &[6], &[4, 6]] {
        for count in [2, 255, 256, 257, 512, 700] {
            for apps in [1, 2] {
                let cluster = cluster(0..count, families, apps);
                let (image, _) = cluster.compile(&Options::default()).unwrap();
                for family in families {
                    check(&image.image(), *family, count);
                }
            }
        }
    }
}

#[test]
fn more_than_a_sixteenth_of_a_network() {
    for apps in [1, 3] {
        let cluster = cluster(0..66_000, &[4, 6], apps);
        let (image, _) = cluster.compile(&Options::default()).unwrap();
        for family in [4, 6] {
            check(&image.image(), family, 66_000);
        }
    }
}

#[test]
fn a_block_that_fills_up_and_empties() {
    for families in [&[4][..], &[6]] {
        let mut now = cluster(0..200, families, 1);
        let mut live = Live::new(now.clone(), Options::default()).unwrap();
        let reader = live.reader();
        let check = |now: &Cluster| {
            let (image, _) = now.compile(&Options::default()).unwrap();
            let outside = match families {
                [4] => "192.0.2.1".parse().unwrap(),
                _ => "2001:db8::1".parse().unwrap(),
            };
            for number in (0..260).step_by(3).chain([255, 256, 257]) {
                let inside = address(families[0], number);
                let expected = image.image().verdict(outside, inside, Protocol::TCP, 80);
                let verdict = reader.verdict(outside, inside, Protocol::TCP, 80);
                assert_eq!(verdict, expected, "{inside}");
            }
        };
        for number in 200..258 {
            let pod = pod(number, families, |_| 0);
            now.insert_pod(pod.clone());
            live.apply(Event::Added(pod.into())).unwrap();
            check(&now);
        }
        for number in (0..258).step_by(2) {
            let key = Object::from(pod(number, families, |_| 0)).key();
            now.remove_pod(&key.namespace, &key.name);
            live.apply(Event::Deleted(key)).unwrap();
        }
        check(&now);
    }
}
