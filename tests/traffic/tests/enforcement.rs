//! The daemon holds real connections to the policies.
//!
//! What is expected stands here in words of the manifests, not of the library.

use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netpolicy_traffic::daemon::{Daemon, metrics, program};
use netpolicy_traffic::network::{Host, Network};
use netpolicy_traffic::policies::{deny_all, put, wordpress};
use netpolicy_traffic::talk::{
    LONG_PATIENCE, PATIENCE, Tap, connect, ping, send_raw, serve_tcp, serve_udp, tcp, udp,
};

const METRICS: u16 = 9469;

/// A network with a daemon that has an image in force.
struct Scene {
    network: Network,
    daemon: Daemon,
    image: PathBuf,
}

impl Scene {
    fn new(id: &str, first: &[u8]) -> Scene {
        Scene::with(id, first, &[])
    }

    fn with(id: &str, first: &[u8], options: &[&str]) -> Scene {
        let network = Network::wordpress(id).unwrap();
        let image = std::env::temp_dir().join(format!("netpolicy-traffic-{id}.npi"));
        put(&image, first).unwrap();
        let mut command = Command::new(program("NETPOLICY_NFQUEUE").unwrap());
        command.arg("--image").arg(&image);
        command.args(["--queues", "0:1", "--log-rate", "1000"]);
        command
            .args(["--metrics", &METRICS.to_string()])
            .args(options);
        network.queue_connections("0:1").unwrap();
        let daemon = Daemon::start(&network, command).unwrap();
        Scene {
            network,
            daemon,
            image,
        }
    }

    fn host(&self, name: &str) -> &Host {
        self.network.host(name)
    }

    fn replace(&self, image: &[u8]) -> Instant {
        put(&self.image, image).unwrap();
        let asked = Instant::now();
        self.daemon.reload().unwrap();
        asked
    }

    fn end(self) {
        self.daemon.stop().unwrap();
        std::fs::remove_file(&self.image).unwrap();
    }
}

/// Source, destination, port, and whether the example lets TCP pass.
const WORDPRESS: [(&str, &str, u16, bool); 12] = [
    ("outside", "wordpress", 80, true),
    ("outside", "wordpress", 443, true),
    ("outside", "wordpress", 8080, false),
    ("outside", "mysql", 3306, false),
    ("wordpress", "mysql", 3306, true),
    ("wordpress", "mysql", 80, false),
    ("mysql", "wordpress", 8080, true),
    ("batch", "mysql", 3306, false),
    ("batch", "wordpress", 80, false),
    ("wordpress", "outside", 80, false),
    ("batch", "coredns", 53, true),
    ("outside", "coredns", 80, true),
];

fn serve_all(scene: &Scene) {
    for name in ["wordpress", "mysql", "batch", "coredns", "outside"] {
        for port in [53, 80, 443, 3306, 8080] {
            serve_tcp(scene.host(name), port);
            serve_udp(scene.host(name), port);
        }
    }
}

/// Asks all questions at once, in both families.
fn check(
    scene: &Scene,
    ask: fn(&Host, IpAddr, u16, Duration) -> bool,
    expected: &[(&str, &str, u16, bool)],
) {
    thread::scope(|scope| {
        for (from, to, port, allowed) in expected {
            let (source, destination) = (scene.host(from), scene.host(to));
            for address in destination.addresses() {
                scope.spawn(move || {
                    let patience = if *allowed { LONG_PATIENCE } else { PATIENCE };
                    let passed = ask(source, address, *port, patience);
                    assert_eq!(passed, *allowed, "{from} -> {to} ({address}) {port}");
                });
            }
        }
    });
}

#[test]
fn the_wordpress_example_and_a_deny_all() {
    let scene = Scene::new("wp", &wordpress().unwrap());
    serve_all(&scene);
    check(&scene, tcp, &WORDPRESS);
    let over_udp = [
        ("wordpress", "coredns", 53, true),
        ("batch", "coredns", 53, true),
        ("batch", "coredns", 80, false),
        ("wordpress", "mysql", 3306, false),
        ("outside", "wordpress", 80, false),
        ("mysql", "wordpress", 80, true),
    ];
    check(&scene, udp, &over_udp);
    check_sctp(&scene);
    check_accounts(&scene);

    scene.replace(&deny_all().unwrap());
    scene.daemon.wait_for("reloaded", LONG_PATIENCE).unwrap();
    let denied =
        WORDPRESS.map(|(from, to, port, _)| (from, to, port, to == "coredns" && from == "outside"));
    check(&scene, tcp, &denied);
    check(&scene, udp, &denied);
    scene.end();
}

/// An SCTP INIT, whole, from one host to another. This needs no SCTP in the kernel.
fn sctp_init(from: &Host, to: &Host, port: u16) -> Vec<u8> {
    let [high, low] = port.to_be_bytes();
    let mut chunk = vec![0x9c, 0x40, high, low, 0, 0, 0, 0, 0, 0, 0, 0];
    chunk.extend([1, 0, 0, 20, 1, 2, 3, 4, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
    let sum = crc32c(&chunk).to_le_bytes();
    chunk[8..12].copy_from_slice(&sum);
    v4_packet(from, to, 132, &chunk)
}

/// The checksum of SCTP, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !sum
}

fn v4_packet(from: &Host, to: &Host, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = (20 + payload.len()) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(len.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    packet.extend(from.v4.octets());
    packet.extend(to.v4.octets());
    packet.extend(payload);
    packet
}

fn v6_packet(from: &Host, to: &Host, next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next, 64]);
    packet.extend(from.v6.octets());
    packet.extend(to.v6.octets());
    packet.extend(payload);
    packet
}

fn is_of_protocol(packet: &[u8], protocol: u8) -> bool {
    packet.len() > 20 && packet[0] >> 4 == 4 && packet[9] == protocol
}

/// SCTP from mysql to wordpress is allowed; from outside the rule is for TCP only.
fn check_sctp(scene: &Scene) {
    let (wordpress, port) = (scene.host("wordpress"), 80);
    for (from, allowed) in [("mysql", true), ("outside", false)] {
        let from = scene.host(from);
        let tap = Tap::new(wordpress);
        send_raw(
            from,
            wordpress.v4.into(),
            &[sctp_init(from, wordpress, port)],
        );
        let patience = if allowed { LONG_PATIENCE } else { PATIENCE };
        let arrived = tap.until(patience, |packet| {
            is_of_protocol(packet, 132) && packet[12..16] == from.v4.octets()
        });
        assert_eq!(arrived.is_some(), allowed, "SCTP from {}", from.v4);
    }
}

/// Denials are told with their reason, and counted under the policy.
fn check_accounts(scene: &Scene) {
    let text = "203.0.113.7 (external) -> default/mysql (10.244.1.11) TCP 3306: ingress denied";
    scene.daemon.wait_for(text, LONG_PATIENCE).unwrap();
    let text = metrics(&scene.network, METRICS).unwrap();
    for labels in [
        r#"verdict="accept",direction="ingress",reason="rule",tier="NetworkPolicy",kind="NetworkPolicy",namespace="default",policy="database"}"#,
        r#"verdict="drop",direction="ingress",reason="isolated",tier="NetworkPolicy",kind="NetworkPolicy",namespace="default",policy="database"}"#,
    ] {
        assert!(text.contains(labels), "no {labels} in {text}");
    }
}

#[test]
fn a_new_policy_holds_within_100_ms_while_traffic_flows() {
    const LIMIT: Duration = Duration::from_millis(100);
    let images = [wordpress().unwrap(), deny_all().unwrap()];
    let scene = Scene::new("swap", &images[0]);
    let (outside, wordpress) = (scene.host("outside"), scene.host("wordpress"));
    serve_tcp(wordpress, 80);
    let mut old = connect(outside, wordpress.v4.into(), 80, LONG_PATIENCE).unwrap();

    // Every attempt of every thread: when it began, and whether it connected.
    let done = AtomicBool::new(false);
    let (attempts, swaps) = thread::scope(|scope| {
        let threads: Vec<_> = wordpress
            .addresses()
            .into_iter()
            .cycle()
            .take(4)
            .map(|address| {
                let done = &done;
                scope.spawn(move || {
                    let mut attempts = Vec::new();
                    while !done.load(Ordering::Relaxed) {
                        let began = Instant::now();
                        let stream = connect(outside, address, 80, Duration::from_millis(60));
                        attempts.push((began, stream.is_ok()));
                    }
                    attempts
                })
            })
            .collect();
        let mut swaps = vec![(Instant::now(), true)];
        for round in 1..=6 {
            thread::sleep(Duration::from_millis(400));
            swaps.push((scene.replace(&images[round % 2]), round % 2 == 0));
            // What was accepted before stays connected.
            ping(&mut old).unwrap();
        }
        thread::sleep(Duration::from_millis(400));
        done.store(true, Ordering::Relaxed);
        let attempts: Vec<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        (attempts, swaps)
    });

    let (mut allowed, mut denied, mut slowest) = (0, 0, Duration::ZERO);
    for (index, (swapped, allows)) in swaps.iter().enumerate().skip(1) {
        let end = swaps.get(index + 1).map(|(next, _)| *next);
        // An attempt lasts a while; one that the next swap may have decided says nothing.
        let in_force = attempts
            .iter()
            .filter(|(began, _)| began > swapped && end.is_none_or(|end| *began + LIMIT < end));
        let after = |began: &Instant| *began - *swapped;
        let connected = in_force.clone().filter(|(_, connected)| *connected);
        let connected = connected.map(|(began, _)| after(began));
        // On a busy machine an allowed connection may be late, but a denied one is never made.
        let holds = match allows {
            true => connected.clone().min(),
            false => connected.clone().max().or(Some(Duration::ZERO)),
        };
        assert!(
            holds.is_some_and(|holds| holds < LIMIT),
            "swap {index} (allows: {allows}) held after {holds:?}"
        );
        slowest = slowest.max(holds.unwrap_or_default());
        match allows {
            true => allowed += connected.count(),
            false => denied += in_force.filter(|(_, connected)| !connected).count(),
        }
    }
    println!("{allowed} allowed, {denied} denied; each swap held after {slowest:?} at the latest");
    assert!(
        allowed > 100 && denied > 20,
        "too little traffic to tell: {allowed} allowed, {denied} denied"
    );
    scene.end();
}

/// A UDP datagram to port 53 that is as it should be.
fn sound_datagram() -> Vec<u8> {
    vec![0x9c, 0x40, 0, 53, 0, 9, 0, 0, b'!']
}

/// Packets that a queue must not let pass, to a pod that policies leave alone.
fn malformed(from: &Host, to: &Host) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut tcp = vec![0; 20];
    tcp[1] = 7;
    tcp[3] = 53;
    let mut v4 = Vec::new();
    for len in 1..20 {
        v4.push(v4_packet(from, to, 6, &tcp[..len]));
    }
    // A TCP header of no words; UDP of less than itself; SCTP without its end.
    v4.push(v4_packet(from, to, 6, &tcp));
    v4.push(v4_packet(from, to, 17, &[0, 7, 0, 53, 0, 3, 0, 0]));
    v4.push(v4_packet(from, to, 17, &[0, 7, 0, 53]));
    v4.push(v4_packet(from, to, 132, &[0, 7, 0, 53, 0, 0, 0, 0]));
    // A later fragment, of which there is no first.
    let mut fragment = v4_packet(from, to, 17, &sound_datagram());
    fragment[7] = 64;
    v4.push(fragment);
    // A source route.
    let mut routed = v4_packet(from, to, 17, &[]);
    routed[0] = 0x47;
    routed.extend([131, 7, 4, 10, 0, 0, 9, 0]);
    routed.extend(sound_datagram());
    v4.push(routed);

    let mut v6 = Vec::new();
    let datagram = sound_datagram();
    let behind = |header: &[u8]| [header, &datagram].concat();
    // A segment left; hop-by-hop options in the middle; headers without an end.
    v6.push(v6_packet(from, to, 43, &behind(&[17, 0, 4, 1, 0, 0, 0, 0])));
    v6.push(v6_packet(
        from,
        to,
        60,
        &behind(&[0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0]),
    ));
    v6.push(v6_packet(from, to, 60, &[60, 200, 1, 4, 0, 0, 0, 0]));
    v6.push(v6_packet(from, to, 17, &datagram[..6]));
    v6.push(v6_packet(
        from,
        to,
        44,
        &behind(&[17, 0, 0, 64, 0, 0, 0, 1]),
    ));
    let mut mapped = v6_packet(from, to, 17, &datagram);
    mapped[8..24].copy_from_slice(&from.v4.to_ipv6_mapped().octets());
    v6.push(mapped);
    (v4, v6)
}

/// Many packets of noise behind an IP header that leads to the pod.
fn noise(from: &Host, to: &Host) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut packets = Vec::new();
    for _ in 0..2000 {
        let [kind, len, ..] = next();
        let payload: Vec<u8> = (0..len % 10).flat_map(|_| next()).collect();
        // Protocols that have ports, too short for them.
        let (protocol, payload) = match kind % 3 {
            0 => (6, &payload[..payload.len().min(19)]),
            1 => (17, &payload[..payload.len().min(7)]),
            _ => (132, &payload[..payload.len().min(11)]),
        };
        packets.push(v4_packet(from, to, protocol, payload));
    }
    packets
}

#[test]
fn malformed_packets_do_not_pass() {
    let scene = Scene::new("bad", &wordpress().unwrap());
    let (outside, coredns) = (scene.host("outside"), scene.host("coredns"));
    serve_tcp(coredns, 53);
    assert!(
        tcp(outside, coredns.v4.into(), 53, LONG_PATIENCE),
        "coredns is reachable"
    );
    let (v4, v6) = malformed(outside, coredns);
    let sound = v4_packet(outside, coredns, 17, &sound_datagram());
    // That connection's last packets are no malformed ones.
    thread::sleep(PATIENCE);
    let tap = Tap::new(coredns);
    send_raw(outside, coredns.v4.into(), &noise(outside, coredns));
    send_raw(outside, coredns.v4.into(), &v4);
    send_raw(outside, coredns.v6.into(), &v6);
    thread::sleep(PATIENCE);
    send_raw(outside, coredns.v4.into(), &[sound]);
    let is_sound = |packet: &[u8]| packet.ends_with(&sound_datagram());
    let arrived = tap
        .until(Duration::from_secs(5), |packet| {
            is_of_protocol(packet, 17) && is_sound(packet)
        })
        .expect("the sound packet behind the malformed ones arrives");
    let from_outside = |packet: &&Vec<u8>| match packet[0] >> 4 {
        4 => packet[12..16] == outside.v4.octets(),
        // Neighbour discovery speaks from link-local addresses.
        6 => packet[8..24] == outside.v6.octets() || packet[20..24] == outside.v4.octets(),
        _ => false,
    };
    let passed: Vec<_> = arrived.iter().filter(from_outside).collect();
    assert_eq!(passed.len(), 1, "{passed:02x?}");

    // They came up to the daemon, which is well.
    let text = metrics(&scene.network, METRICS).unwrap();
    for reason in [
        "packet truncated",
        "packet malformed",
        "packet source-routed",
    ] {
        assert!(text.contains(reason), "no {reason} in {text}");
    }
    assert!(
        tcp(outside, coredns.v6.into(), 53, LONG_PATIENCE),
        "coredns is reachable"
    );
    scene.end();
}

#[test]
fn without_a_daemon_nothing_passes_and_a_bad_image_changes_nothing() {
    let good = wordpress().unwrap();
    let scene = Scene::new("closed", &good);
    let (outside, wordpress) = (scene.host("outside"), scene.host("wordpress"));
    serve_tcp(wordpress, 80);
    let stays = || {
        let text = "the policies in force stay";
        scene.daemon.wait_for(text, LONG_PATIENCE).unwrap();
    };
    let mut spoiled = good.clone();
    spoiled[good.len() / 2] ^= 1;
    for bad in [b"no image", &good[..0], &good[..good.len() / 2], &spoiled] {
        scene.replace(bad);
        stays();
    }
    std::fs::remove_file(&scene.image).unwrap();
    scene.daemon.reload().unwrap();
    stays();
    assert!(tcp(outside, wordpress.v4.into(), 80, LONG_PATIENCE));
    let Scene {
        network, daemon, ..
    } = scene;
    daemon.stop().unwrap();
    let (outside, wordpress) = (network.host("outside"), network.host("wordpress"));
    assert!(!tcp(outside, wordpress.v4.into(), 80, PATIENCE));
}

/// As kube-proxy has it: what is to be masqueraded is marked on its way in, the mark is needed on
/// its way out, and a rule that accepts stands in front of all others.
#[test]
fn marks_and_rules_of_others_hold_beside_ours() {
    let scene = Scene::new("marks", &wordpress().unwrap());
    for rule in [
        "--table mangle --append PREROUTING --jump MARK --set-xmark 0x4000/0x4000",
        "--table mangle --append POSTROUTING --protocol tcp --match mark ! --mark 0x4000/0x4000 --jump DROP",
        "--insert FORWARD --jump ACCEPT",
    ] {
        scene.network.rule(rule).unwrap();
    }
    let (outside, wordpress) = (scene.host("outside"), scene.host("wordpress"));
    serve_tcp(wordpress, 80);
    for address in wordpress.addresses() {
        // There and back: the answers have no rule of their own.
        assert!(tcp(outside, address, 80, LONG_PATIENCE), "{address}");
    }
    scene.end();
}

#[test]
fn nobody_reads_the_log_or_takes_the_counters() {
    let mut scene = Scene::new("log", &wordpress().unwrap());
    let asks_nothing = scene
        .network
        .router
        .enter(|| TcpStream::connect((Ipv4Addr::LOCALHOST, METRICS)));
    scene.daemon.leave_log();
    let (outside, mysql) = (scene.host("outside"), scene.host("mysql"));
    // Lines about these are what is written to nobody.
    for _ in 0..3 {
        assert!(!tcp(outside, mysql.v4.into(), 3306, PATIENCE));
    }
    let wordpress = scene.host("wordpress");
    serve_tcp(wordpress, 80);
    assert!(tcp(outside, wordpress.v4.into(), 80, LONG_PATIENCE));
    assert!(metrics(&scene.network, METRICS).is_ok());
    scene.end();
    drop(asks_nothing);
}

/// What the kernel says that it dropped in front of the queues.
fn dropped(scene: &Scene) -> u64 {
    let text = metrics(&scene.network, METRICS).unwrap();
    let lines = text.lines();
    let counters = lines.filter(|line| line.starts_with("netpolicy_queue_dropped_total{"));
    let counts = counters.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    counts.sum()
}

/// Fills the queues of a daemon that stands still with datagrams that policies deny. Whether
/// any of them passed.
fn overrun(scene: &Scene) -> bool {
    let (outside, mysql) = (scene.host("outside"), scene.host("mysql"));
    let tap = Tap::new(mysql);
    scene.daemon.pause().unwrap();
    let datagram = v4_packet(outside, mysql, 17, &sound_datagram());
    send_raw(outside, mysql.v4.into(), &vec![datagram; 40_000]);
    let passed = tap.until(PATIENCE, |packet| packet.ends_with(&sound_datagram()));
    scene.daemon.resume().unwrap();
    passed.is_some()
}

#[test]
fn a_full_queue_drops_unless_it_shall_fail_open() {
    let image = wordpress().unwrap();
    let scene = Scene::new("full", &image);
    assert_eq!(dropped(&scene), 0);
    assert!(!overrun(&scene), "what the queue has no room for passed");
    assert!(dropped(&scene) > 0, "the queue had room for everything");
    let (outside, wordpress) = (scene.host("outside"), scene.host("wordpress"));
    serve_tcp(wordpress, 80);
    assert!(tcp(outside, wordpress.v4.into(), 80, LONG_PATIENCE));
    scene.end();

    let scene = Scene::with("open", &image, &["--fail-open"]);
    assert!(
        overrun(&scene),
        "what the queue has no room for did not pass"
    );
    scene.end();
}
