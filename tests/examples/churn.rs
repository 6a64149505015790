//! What changes cost, and what readers feel of them, in a big cluster: 100,000 pods
//! of both families, 10,000 policies, of which 50 are cluster-scoped, 2,000 CIDRs.
//!
//! `cargo run --release -p netpolicy-tests --example churn`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use netpolicy::live::{Event, Live, ObjectKey, ObjectKind, UpdateKind};
use netpolicy::model::{
    Action, ClusterPolicy, ClusterPolicyApi, ClusterPolicyPeer, ClusterPolicyRule, Direction,
    IpBlock, Label, List, NamedPort, Namespace, NetworkPolicy, NetworkPolicyPeer,
    NetworkPolicyRule, Node, Options, Phase, Pod, PodSelector, Port, PortRange, Priority, Selector,
    Source,
};
use netpolicy::{Cidr, Cluster, Connection, Protocol, Verdict};

const PODS: u32 = 100_000;
const POLICIES: u32 = 9_950;
const ADMIN_POLICIES: u32 = 50;
const CIDRS: u32 = 2_000;
const NAMESPACES: u32 = 500;
const NODES: u32 = 1_000;
const APPS: u32 = 10;

/// Numbers that look random, and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(end)) >> 32) as u32
    }
}

fn addresses(number: u32) -> [IpAddr; 2] {
    [
        Ipv4Addr::from_bits(0x0a00_0000 + number).into(),
        Ipv6Addr::from_bits(
            (0xfd00 << 112) + (u128::from(number / 100) << 64) + u128::from(number % 100 + 1),
        )
        .into(),
    ]
}

fn label(key: &str, value: u32) -> Label<'static> {
    Label::new(key.to_owned(), format!("{key}-{value}"))
}

fn pod(number: u32, address: u32) -> Pod<'static> {
    let node = address / 100 % NODES;
    Pod {
        namespace: format!("namespace-{}", number % NAMESPACES).into(),
        name: format!("pod-{number}").into(),
        labels: vec![
            label("app", number / NAMESPACES % APPS),
            label("pod-template-hash", number / 3),
        ]
        .into(),
        addresses: addresses(address).to_vec().into(),
        host_addresses: vec![Ipv4Addr::from_bits(0xac10_0000 + node).into()].into(),
        node_name: format!("node-{node}").into(),
        phase: Phase::Running,
        ports: vec![NamedPort {
            name: "http".into(),
            protocol: Protocol::TCP,
            number: 8080,
        }]
        .into(),
        ..Pod::default()
    }
}

fn cidr(number: u32) -> Cidr {
    let address = Ipv4Addr::from_bits(0xc000_0000 + number * 4096);
    Cidr::new(address.into(), 24).unwrap()
}

fn app(value: u32) -> Selector<'static> {
    Selector::labels(vec![label("app", value)])
}

fn policy(number: u32, random: &mut Random) -> NetworkPolicy<'static> {
    let port = |random: &mut Random| {
        let first = 1000 + random.below(200) as u16;
        Port::Range(Protocol::TCP, PortRange::single(i64::from(first)).unwrap())
    };
    let rules = (0..1 + random.below(3)).map(|_| {
        let peer = match random.below(4) {
            0 => {
                NetworkPolicyPeer::IpBlock(IpBlock::new(cidr(random.below(CIDRS)), vec![]).unwrap())
            }
            1 => NetworkPolicyPeer::OwnNamespace(app(random.below(APPS))),
            _ => NetworkPolicyPeer::Pods(PodSelector {
                namespaces: Selector::labels(vec![label("team", random.below(50))]),
                pods: app(random.below(APPS)),
            }),
        };
        NetworkPolicyRule {
            peers: vec![peer].into(),
            ports: vec![port(random), port(random)].into(),
            line: 0,
        }
    });
    let ingress = rules.collect();
    NetworkPolicy {
        namespace: format!("namespace-{}", number % NAMESPACES).into(),
        name: format!("policy-{number}").into(),
        pod_selector: app(random.below(APPS)),
        policy_types: vec![Direction::Ingress].into(),
        ingress,
        ..NetworkPolicy::default()
    }
}

fn cluster(random: &mut Random) -> Cluster {
    let mut cluster = Cluster::default();
    for number in 0..NAMESPACES {
        cluster.insert_namespace(Namespace {
            name: format!("namespace-{number}").into(),
            labels: vec![label("team", number % 50)].into(),
        });
    }
    for number in 0..NODES {
        cluster.insert_node(Node {
            name: format!("node-{number}").into(),
            labels: List::EMPTY,
            addresses: vec![Ipv4Addr::from_bits(0xac10_0000 + number).into()].into(),
        });
    }
    for number in 0..PODS {
        cluster.insert_pod(pod(number, number));
    }
    for number in 0..POLICIES {
        let mut policy = policy(number, random);
        if number < CIDRS {
            // Every CIDR occurs.
            let block = IpBlock::new(cidr(number), vec![]).unwrap();
            let rule = NetworkPolicyRule {
                peers: vec![NetworkPolicyPeer::IpBlock(block)].into(),
                ..NetworkPolicyRule::default()
            };
            policy.ingress = policy.ingress.iter().cloned().chain([rule]).collect();
        }
        cluster.insert_network_policy(policy);
    }
    for number in 0..ADMIN_POLICIES {
        let rule = ClusterPolicyRule {
            name: "".into(),
            action: [Action::Allow, Action::Deny, Action::Pass][number as usize % 3],
            peers: vec![ClusterPolicyPeer::Pods(PodSelector {
                namespaces: Selector::labels(vec![label("team", number)]),
                pods: Selector::EVERYTHING,
            })]
            .into(),
            ports: List::EMPTY,
            line: 0,
        };
        let policy = ClusterPolicy {
            api: ClusterPolicyApi::AdminNetworkPolicy,
            name: format!("admin-{number}").into(),
            priority: Priority::new(i64::from(number)).unwrap(),
            subject: PodSelector {
                namespaces: Selector::labels(vec![label("team", (number + 7) % 50)]),
                pods: Selector::EVERYTHING,
            },
            ingress: vec![rule].into(),
            egress: List::EMPTY,
            source: Source::default(),
        };
        cluster.insert_cluster_policy(policy).unwrap();
    }
    cluster
}

/// Prints how long updates took, and how many of them were patches.
fn measure(name: &str, live: &mut Live, events: impl Iterator<Item = Event>) {
    let (mut times, mut patched) = (Vec::new(), 0);
    for event in events {
        let begin = Instant::now();
        let update = live.apply(event).unwrap();
        times.push(begin.elapsed());
        patched += usize::from(update.kind == UpdateKind::Patched);
    }
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{name}: p50 {:?}, p99 {:?}, max {:?}; {patched} of {} were patches",
        at(0.5),
        at(0.99),
        at(1.0),
        times.len()
    );
}

fn traffic(random: &mut Random) -> Vec<Connection> {
    (0..1 << 14)
        .map(|_| {
            let family = random.below(2) as usize;
            Connection {
                source: addresses(random.below(PODS))[family],
                destination: addresses(random.below(PODS))[family],
                protocol: Protocol::TCP,
                port: 1000 + random.below(200) as u16,
            }
        })
        .collect()
}

/// Verdicts a second while `work` goes on.
fn throughput(live: &mut Live, traffic: &[Connection], work: impl FnOnce(&mut Live)) -> f64 {
    let (asked, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let reader = live.reader();
    std::thread::scope(|scope| {
        let (asked, done) = (&asked, &done);
        scope.spawn(move || {
            let mut verdicts = [Verdict::DENY; 256];
            for batch in traffic.chunks(verdicts.len()).cycle() {
                reader.enter().unwrap().verdicts(batch, &mut verdicts);
                asked.fetch_add(batch.len() as u64, Ordering::Relaxed);
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let (begin, before) = (Instant::now(), asked.load(Ordering::Relaxed));
        work(live);
        let rate = (asked.load(Ordering::Relaxed) - before) as f64 / begin.elapsed().as_secs_f64();
        done.store(true, Ordering::Relaxed);
        rate
    })
}

fn main() {
    let mut random = Random(0x5eed_5eed_5eed);
    let cluster = cluster(&mut random);
    let begin = Instant::now();
    let mut live = Live::new(cluster, Options::default()).unwrap();
    println!("begun in {:?}", begin.elapsed());
    println!("{:?}", live.compile().unwrap().image());

    let added = |number: u32| Event::Added(pod(PODS + number, PODS + number).into());
    let deleted = |number: u32| {
        let pod = pod(PODS + number, PODS + number);
        Event::Deleted(ObjectKey::namespaced(
            ObjectKind::Pod,
            &pod.namespace,
            &pod.name,
        ))
    };
    measure("pod into a known class", &mut live, (0..10_000).map(added));
    measure("pod gone", &mut live, (0..10_000).map(deleted));
    measure("the same pods again", &mut live, (0..10_000).map(added));
    let edits: Vec<_> = (0..1000)
        .map(|_| {
            let number = random.below(POLICIES);
            Event::Modified(policy(number, &mut random).into())
        })
        .collect();
    measure("policy edited", &mut live, edits.into_iter());
    let relabelled = (0..3).map(|number| {
        Event::Modified(
            Namespace {
                name: format!("namespace-{number}").into(),
                labels: vec![label("team", 49 - number)].into(),
            }
            .into(),
        )
    });
    measure("namespace relabelled", &mut live, relabelled);

    let traffic = traffic(&mut random);
    let quiet = |_: &mut Live| std::thread::sleep(Duration::from_secs(3));
    let churn = |live: &mut Live| {
        let begin = Instant::now();
        for number in 0..3000 {
            live.apply(if number % 2 == 0 {
                deleted(number / 2)
            } else {
                added(number / 2)
            })
            .unwrap();
            let due = Duration::from_millis(u64::from(number) + 1);
            std::thread::sleep(due.saturating_sub(begin.elapsed()));
        }
    };
    for _ in 0..3 {
        let undisturbed = throughput(&mut live, &traffic, quiet);
        let disturbed = throughput(&mut live, &traffic, churn);
        println!(
            "readers: {undisturbed:.0} verdicts a second, {disturbed:.0} during 1,000 updates a \
             second: {:.1} %",
            disturbed * 100.0 / undisturbed
        );
    }
    let image = live.compile().unwrap();
    let reader = live.reader();
    let per_verdict = |ask: &dyn Fn(&Connection) -> Verdict| {
        let begin = Instant::now();
        let allowed = (0..100)
            .flat_map(|_| &traffic)
            .filter(|connection| ask(connection).is_allowed())
            .count();
        let time = begin.elapsed().as_nanos() as f64 / (traffic.len() * 100) as f64;
        (time, allowed)
    };
    let of_image = image.image();
    let (by_image, a) =
        per_verdict(&|c| of_image.verdict(c.source, c.destination, c.protocol, c.port));
    let (by_reader, b) =
        per_verdict(&|c| reader.verdict(c.source, c.destination, c.protocol, c.port));
    let reading = reader.enter().unwrap();
    let (by_reading, c) =
        per_verdict(&|c| reading.verdict(c.source, c.destination, c.protocol, c.port));
    assert_eq!((a, b), (b, c), "the same traffic, other verdicts");
    println!(
        "a verdict: {by_image:.1} ns of an image, {by_reading:.1} ns of a state that is held, \
         {by_reader:.1} ns of a state for itself"
    );
}
