//! Packets of every make: what is built with a connection in it is read as that
//! connection, and no bytes at all are without an answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netpolicy::model::{NetworkPolicy, Options, Pod};
use netpolicy::{Cluster, Connection, ImageBuf, PacketError, Protocol, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;

/// A header between IPv6 and the transport.
#[derive(Debug, Clone)]
enum Extension {
    /// Hop-by-hop options, a finished route or destination options: so many bytes
    /// beyond 8, in eights.
    Options(u8, u8),
    Authentication(u8),
    FirstFragment {
        more: bool,
    },
}

#[derive(Debug, Clone)]
struct Made {
    packet: Vec<u8>,
    connection: Connection,
    /// How many bytes a reader must have seen.
    needed: usize,
}

fn extension() -> impl Strategy<Value = Extension> {
    prop_oneof![
        (prop_oneof![Just(43), Just(60)], 0..4_u8)
            .prop_map(|(kind, len)| Extension::Options(kind, len)),
        (1..8_u8).prop_map(Extension::Authentication),
        any::<bool>().prop_map(|more| Extension::FirstFragment { more }),
    ]
}

impl Extension {
    fn kind(&self) -> u8 {
        match self {
            Extension::Options(kind, _) => *kind,
            Extension::Authentication(_) => 51,
            Extension::FirstFragment { .. } => 44,
        }
    }

    fn write(&self, next: u8, out: &mut Vec<u8>) {
        let (second, len) = match self {
            Extension::Options(_, eights) => (*eights, 8 + usize::from(*eights) * 8),
            Extension::Authentication(words) => (*words, 8 + usize::from(*words) * 4),
            Extension::FirstFragment { more } => {
                out.extend([next, 0, 0, u8::from(*more), 1, 2, 3, 4]);
                return;
            }
        };
        let start = out.len();
        out.extend([next, second]);
        out.resize(start + len, 0);
    }
}

/// The transport's header, and how much of it must be there.
fn transport(protocol: u8, port: u16) -> (Vec<u8>, usize) {
    let [high, low] = port.to_be_bytes();
    let mut header = vec![0x9c, 0x40, high, low];
    match protocol {
        6 => {
            header.resize(20, 0);
            header[12] = 0x50;
        }
        17 => header.extend([0, 8, 0, 0]),
        132 => header.resize(12, 0),
        _ => return (Vec::new(), 0),
    }
    let len = header.len();
    (header, len)
}

fn protocol() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => prop_oneof![Just(6), Just(17), Just(132)],
        1 => prop_oneof![Just(1), Just(47), Just(50), Just(58), Just(253)],
    ]
}

fn packet_v4() -> impl Strategy<Value = Made> {
    let options = vec(
        prop_oneof![Just([1, 1, 1, 1]), Just([148, 4, 0, 0])],
        0..=10,
    );
    let inputs = (any::<[u8; 4]>(), any::<[u8; 4]>(), protocol(), any::<u16>());
    (inputs, options, any::<bool>(), vec(any::<u8>(), 0..40)).prop_map(
        |((source, destination, protocol, port), options, more, data)| {
            let (header, needed) = transport(protocol, port);
            let options = options.concat();
            let header_len = 20 + options.len();
            let len = (header_len + header.len() + data.len()) as u16;
            let mut packet = vec![0x40 | (header_len / 4) as u8, 0];
            packet.extend(len.to_be_bytes());
            packet.extend([7, 7, u8::from(more) << 5, 0, 64, protocol, 0, 0]);
            packet.extend(source);
            packet.extend(destination);
            packet.extend(options);
            packet.extend(header);
            packet.extend(data);
            Made {
                packet,
                connection: Connection {
                    source: Ipv4Addr::from(source).into(),
                    destination: Ipv4Addr::from(destination).into(),
                    protocol: Protocol(protocol),
                    port: if needed == 0 { 0 } else { port },
                },
                needed: header_len + needed,
            }
        },
    )
}

fn packet_v6() -> impl Strategy<Value = Made> {
    let address = || any::<u128>().prop_map(|bits| Ipv6Addr::from(bits | 1 << 127));
    let inputs = (address(), address(), protocol(), any::<u16>());
    let extensions = (proptest::option::of(0..4_u8), vec(extension(), 0..6));
    (inputs, extensions, vec(any::<u8>(), 0..40)).prop_map(
        |((source, destination, protocol, port), (hop_by_hop, extensions), data)| {
            let mut headers: Vec<Extension> = hop_by_hop
                .map(|len| Extension::Options(0, len))
                .into_iter()
                .collect();
            headers.extend(extensions);
            let kinds: Vec<u8> = headers
                .iter()
                .map(Extension::kind)
                .chain([protocol])
                .collect();
            let mut payload = Vec::new();
            for (header, next) in headers.iter().zip(&kinds[1..]) {
                header.write(*next, &mut payload);
            }
            let (header, needed) = transport(protocol, port);
            let needed = 40 + payload.len() + needed;
            payload.extend(header);
            payload.extend(data);
            let mut packet = vec![0x60, 0, 0, 0];
            packet.extend((payload.len() as u16).to_be_bytes());
            packet.extend([kinds[0], 64]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
            packet.extend(payload);
            Made {
                packet,
                connection: Connection {
                    source: source.into(),
                    destination: destination.into(),
                    protocol: Protocol(protocol),
                    port: if transport(protocol, 0).1 == 0 {
                        0
                    } else {
                        port
                    },
                },
                needed,
            }
        },
    )
}

fn packet() -> impl Strategy<Value = Made> {
    prop_oneof![packet_v4(), packet_v6()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_built_is_read(made in packet()) {
        prop_assert_eq!(Connection::of_packet(&made.packet), Ok(made.connection));
    }

    #[test]
    fn a_packet_may_end_behind_its_headers_only(made in packet(), cut in any::<prop::sample::Index>()) {
        let len = cut.index(made.packet.len() + 1);
        let expected = match len {
            0 => Err(PacketError::NotIp),
            _ if len < made.needed => Err(PacketError::Truncated),
            _ => Ok(made.connection),
        };
        prop_assert_eq!(Connection::of_packet(&made.packet[..len]), expected);
    }

    #[test]
    fn what_is_behind_the_headers_does_not_matter(made in packet(), noise in vec(any::<u8>(), 0..40)) {
        let mut packet = made.packet[..made.needed].to_vec();
        packet.extend(noise);
        prop_assert_eq!(Connection::of_packet(&packet), Ok(made.connection));
    }

    /// One byte of a sound packet changed: it is read as some connection or refused,
    /// and the verdict is that of what was read.
    #[test]
    fn damaged_packets(made in packet(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut packet = made.packet;
        let at = at.index(packet.len());
        packet[at] = byte;
        answers(&packet)?;
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200), version in prop_oneof![Just(0x40), Just(0x60), any::<u8>()]) {
        let mut packet = bytes;
        if let Some(first) = packet.first_mut() {
            *first = version & 0xf0 | *first & 0x0f;
        }
        answers(&packet)?;
    }
}

thread_local! {
    static IMAGE: ImageBuf = image();
}

/// A cluster in which about every address is denied or allowed, by its protocol.
fn image() -> ImageBuf {
    let mut cluster = Cluster::default();
    cluster.insert_pod(Pod {
        namespace: "web".into(),
        name: "frontend".into(),
        addresses: vec![IpAddr::from([10, 0, 0, 2]), "fd00::2".parse().unwrap()].into(),
        ..Pod::default()
    });
    cluster.insert_network_policy(NetworkPolicy {
        namespace: "web".into(),
        name: "deny-all".into(),
        ..NetworkPolicy::default()
    });
    cluster.compile(&Options::default()).unwrap().0
}

/// There is an answer, it is the same however much of the memory behind the packet
/// is there, and what cannot be read is denied.
fn answers(packet: &[u8]) -> Result<(), TestCaseError> {
    IMAGE.with(|image| {
        let image = image.image();
        let verdict = image.verdict_of_packet(packet);
        let expected = match Connection::of_packet(packet) {
            Ok(Connection {
                source,
                destination,
                protocol,
                port,
            }) => image.verdict(source, destination, protocol, port),
            Err(_) => Verdict::DENY,
        };
        prop_assert_eq!(verdict, expected);
        Ok(())
    })
}

#[test]
fn a_packet_is_judged_as_its_connection() {
    let image = image();
    let image = image.image();
    let mut packet = [0; 40];
    packet[..10].copy_from_slice(&[0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6]);
    packet[12..16].copy_from_slice(&[192, 0, 2, 1]);
    packet[32] = 0x50;
    for (destination, is_allowed) in [([10, 0, 0, 2], false), ([10, 0, 0, 3], true)] {
        packet[16..20].copy_from_slice(&destination);
        assert_eq!(image.verdict_of_packet(&packet).is_allowed(), is_allowed);
        assert!(!image.verdict_of_packet(&packet[..39]).is_allowed());
    }
}
