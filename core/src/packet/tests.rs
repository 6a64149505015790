use super::*;
use std::vec::Vec;

const TCP_443: [u8; 20] = {
    let mut header = [0; 20];
    header[2] = 1;
    header[3] = 187;
    header[12] = 5 << 4;
    header
};

fn v4(protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + options.len();
    let len = ((header_len + payload.len()) as u16).to_be_bytes();
    let first = 0x40 | (header_len / 4) as u8;
    let mut packet = Vec::from([first, 0, len[0], len[1], 0, 0, 0, 0, 64, protocol, 0, 0]);
    packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(options);
    packet.extend(payload);
    packet
}

fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let mut packet = Vec::from([0x60, 0, 0, 0, len[0], len[1], next, 64]);
    packet.extend("fd00::1".parse::<Ipv6Addr>().unwrap().octets());
    packet.extend("fd00::2".parse::<Ipv6Addr>().unwrap().octets());
    packet.extend(payload);
    packet
}

fn asked(packet: &[u8]) -> Result<(u8, u16), PacketError> {
    Connection::of_packet(packet).map(|connection| (connection.protocol.0, connection.port))
}

#[test]
fn addresses_protocol_and_port() {
    let connection = |packet: &[u8]| Connection::of_packet(packet).unwrap();
    let of = |source: &str, destination: &str| Connection {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        protocol: Protocol::TCP,
        port: 443,
    };
    assert_eq!(
        connection(&v4(6, &[], &TCP_443)),
        of("10.0.0.1", "10.0.0.2")
    );
    assert_eq!(connection(&v6(6, &TCP_443)), of("fd00::1", "fd00::2"));
    let sctp = [0x80, 0, 0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(asked(&v4(132, &[], &sctp)), Ok((132, 0x1234)));
    assert_eq!(asked(&v4(1, &[], &[])), Ok((1, 0)));
    assert_eq!(asked(&v6(58, &[])), Ok((58, 0)));
    assert_eq!(asked(&v6(59, &[])), Ok((59, 0)));
}

#[test]
fn what_is_no_packet() {
    assert_eq!(asked(&[]), Err(PacketError::NotIp));
    assert_eq!(asked(&[0; 64]), Err(PacketError::NotIp));
    assert_eq!(asked(&[0xff; 64]), Err(PacketError::NotIp));
    assert_eq!(asked(&[0x45]), Err(PacketError::Truncated));
    assert_eq!(asked(&[0x60]), Err(PacketError::Truncated));
}

#[test]
fn lengths_that_contradict() {
    let whole = v4(6, &[], &TCP_443);
    let with = |changes: &[(usize, u8)]| {
        let mut packet = whole.clone();
        for (at, byte) in changes {
            packet[*at] = *byte;
        }
        asked(&packet)
    };
    assert_eq!(with(&[]), Ok((6, 443)));
    // Header length 4 words; total length 19; total length within the TCP header.
    assert_eq!(with(&[(0, 0x44)]), Err(PacketError::Malformed));
    assert_eq!(with(&[(3, 19)]), Err(PacketError::Malformed));
    assert_eq!(with(&[(3, 39)]), Err(PacketError::Truncated));
    // Header length beyond the packet.
    assert_eq!(with(&[(0, 0x4f)]), Err(PacketError::Malformed));
    // More is promised than was copied.
    assert_eq!(with(&[(2, 0xff)]), Ok((6, 443)));
    // A TCP header of 4 words, a UDP datagram of 7 bytes.
    assert_eq!(with(&[(32, 4 << 4)]), Err(PacketError::Malformed));
    let udp = [0, 1, 0, 53, 0, 7, 0, 0];
    assert_eq!(asked(&v4(17, &[], &udp)), Err(PacketError::Malformed));
    // Bytes behind the packet are none of its own.
    let mut padded = v4(6, &[], &TCP_443[..8]);
    padded.extend([0; 64]);
    assert_eq!(asked(&padded), Err(PacketError::Truncated));
}

#[test]
fn fragments() {
    let mut packet = v4(17, &[], &[0, 1, 0, 53, 0, 99, 0, 0]);
    packet[6] = 0x20; // more fragments
    assert_eq!(asked(&packet), Ok((17, 53)));
    packet[7] = 1;
    assert_eq!(asked(&packet), Err(PacketError::LaterFragment));
    // Of a protocol without ports as well.
    packet[9] = 1;
    assert_eq!(asked(&packet), Err(PacketError::LaterFragment));

    let fragment = |offset_and_more: u16| {
        let [high, low] = offset_and_more.to_be_bytes();
        let mut payload = Vec::from([17, 0, high, low, 0, 0, 0, 1]);
        payload.extend([0, 1, 0, 53, 0, 99, 0, 0]);
        asked(&v6(FRAGMENT, &payload))
    };
    assert_eq!(fragment(0), Ok((17, 53)));
    assert_eq!(fragment(1), Ok((17, 53)));
    assert_eq!(fragment(8), Err(PacketError::LaterFragment));
    assert_eq!(fragment(0xfff8), Err(PacketError::LaterFragment));
}

#[test]
fn extension_headers() {
    let mut payload = Vec::from([DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0]);
    payload.extend([ROUTING, 1]);
    payload.extend([0; 14]);
    payload.extend([AUTHENTICATION, 0, 4, 0, 0, 0, 0, 0]);
    payload.extend([6, 4]);
    payload.extend([0; 22]);
    payload.extend(TCP_443);
    let packet = v6(HOP_BY_HOP, &payload);
    assert_eq!(asked(&packet), Ok((6, 443)));
    // The same, with a segment left.
    let mut routed = packet.clone();
    routed[40 + 8 + 16 + 3] = 1;
    assert_eq!(asked(&routed), Err(PacketError::SourceRouted));
    // As a jumbogram.
    let mut jumbogram = packet.clone();
    jumbogram[4..6].fill(0);
    assert_eq!(asked(&jumbogram), Ok((6, 443)));
    for len in 0..packet.len() {
        let expected = match len {
            0 => PacketError::NotIp,
            _ => PacketError::Truncated,
        };
        assert_eq!(asked(&packet[..len]), Err(expected), "{len} bytes");
    }
    // Hop-by-hop options stand in front or nowhere.
    let twice = v6(HOP_BY_HOP, &[HOP_BY_HOP, 0, 0, 0, 0, 0, 0, 0, 6, 0]);
    assert_eq!(asked(&twice), Err(PacketError::Malformed));
    // They are no headers of IPv4, where AH is one.
    assert_eq!(asked(&v4(HOP_BY_HOP, &[], &[])), Ok((0, 0)));
    assert_eq!(asked(&v4(FRAGMENT, &[], &[])), Ok((44, 0)));
    let mut authenticated = Vec::from([6, 4]);
    authenticated.extend([0; 22]);
    authenticated.extend(TCP_443);
    assert_eq!(asked(&v4(51, &[], &authenticated)), Ok((6, 443)));
}

/// Mobility, host identity and Shim6 messages are protocols without ports: what is
/// written behind them is not what is delivered.
#[test]
fn messages_that_end_the_chain() {
    for kind in [MOBILITY, HOST_IDENTITY, SHIM6] {
        let mut payload = Vec::from([NO_NEXT_HEADER, 0, 1, 4, 0, 0, 0, 0]);
        payload.extend(TCP_443);
        assert_eq!(asked(&v6(kind, &payload)), Ok((kind, 0)));
        payload[0] = 6;
        assert_eq!(asked(&v6(kind, &payload)), Err(PacketError::Malformed));
        assert_eq!(asked(&v6(kind, &[])), Err(PacketError::Truncated));
        assert_eq!(asked(&v4(kind, &[], &payload)), Ok((kind, 0)));
    }
}

#[test]
fn source_routes() {
    let option = |options: [u8; 8]| asked(&v4(6, &options, &TCP_443));
    assert_eq!(
        option([131, 7, 4, 10, 0, 0, 9, 0]),
        Err(PacketError::SourceRouted)
    );
    assert_eq!(
        option([1, 137, 7, 4, 10, 0, 0, 9]),
        Err(PacketError::SourceRouted)
    );
    // At its end; behind the end of the options; another option.
    assert_eq!(option([131, 7, 8, 10, 0, 0, 9, 0]), Ok((6, 443)));
    assert_eq!(option([0, 131, 7, 4, 10, 0, 0, 9]), Ok((6, 443)));
    assert_eq!(option([148, 4, 0, 0, 1, 1, 1, 1]), Ok((6, 443)));
    // Options that end behind the header, or are shorter than themselves.
    for options in [
        [148, 9, 0, 0, 0, 0, 0, 0],
        [148, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 1, 1, 148],
    ] {
        assert_eq!(option(options), Err(PacketError::Malformed), "{options:?}");
    }
}

#[test]
fn mapped_addresses() {
    let mut packet = v6(6, &TCP_443);
    packet[8..24].copy_from_slice(&Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets());
    assert_eq!(asked(&packet), Err(PacketError::MappedAddress));
}
