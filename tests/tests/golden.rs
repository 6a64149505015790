//! An image that was written long ago still opens, and answers as it did.
//!
//! `golden/1.0.npi` is `golden/cluster.yaml` as the first version 1.0 of the format
//! had it. As long as readers take major version 1 it stays as it is. It was made by
//!
//! ```sh
//! netpolicy compile -f tests/golden/cluster.yaml --domain www.example.com=198.51.100.9 --out tests/golden/1.0.npi
//! ```

use netpolicy::{Connection, Image, Protocol};

const GOLDEN: &[u8] = include_bytes!("../golden/1.0.npi");

/// Source, destination, protocol, port, and whether egress and ingress are allowed.
const ANSWERS: [(&str, &str, Protocol, u16, (bool, bool)); 19] = [
    ("10.0.0.1", "10.0.0.2", Protocol::TCP, 5432, (true, true)),
    ("fd00::1", "fd00::2", Protocol::TCP, 5432, (true, true)),
    ("10.0.0.1", "10.0.0.2", Protocol::UDP, 5432, (true, false)),
    ("10.0.0.1", "10.0.0.2", Protocol::TCP, 80, (true, false)),
    ("10.0.0.3", "10.0.0.2", Protocol::TCP, 5432, (true, false)),
    ("172.16.1.1", "10.0.0.2", Protocol::TCP, 5000, (true, true)),
    ("172.16.9.1", "10.0.0.2", Protocol::TCP, 5000, (true, false)),
    ("172.16.1.1", "10.0.0.2", Protocol::TCP, 6000, (true, false)),
    ("2001:db8::9", "fd00::2", Protocol::TCP, 5999, (true, true)),
    (
        "2001:db8:1::9",
        "fd00::2",
        Protocol::TCP,
        5999,
        (true, false),
    ),
    ("192.168.0.1", "10.0.0.2", Protocol::TCP, 1, (true, true)),
    ("fd00:1::1", "fd00::2", Protocol::ICMPV6, 0, (true, true)),
    ("10.0.0.1", "192.168.0.1", Protocol::TCP, 1, (false, true)),
    ("10.0.0.1", "198.51.100.9", Protocol::TCP, 443, (true, true)),
    ("10.0.0.3", "10.0.0.1", Protocol::TCP, 80, (true, false)),
    ("fd00::3:1", "fd00::1", Protocol::TCP, 80, (true, false)),
    ("10.0.0.2", "10.0.0.1", Protocol::TCP, 80, (true, true)),
    ("10.0.0.2", "fd00::2", Protocol::TCP, 80, (true, true)),
    (
        "203.0.113.7",
        "198.51.100.9",
        Protocol::SCTP,
        80,
        (true, true),
    ),
];

#[test]
fn an_image_of_version_1_0() {
    let image = Image::open(GOLDEN).unwrap();
    image.verify_checksum().unwrap();
    let names: Vec<_> = image.pods().map(|pod| pod.to_string()).collect();
    assert_eq!(names, ["elsewhere/stray", "shop/db", "shop/web"]);
    for (source, destination, protocol, port, expected) in ANSWERS {
        let connection = Connection {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            protocol,
            port,
        };
        let verdict = image.verdict(
            connection.source,
            connection.destination,
            connection.protocol,
            connection.port,
        );
        let why = image.explain(&connection);
        assert_eq!((verdict.egress(), verdict.ingress()), expected, "{why:#}");
        assert_eq!(why.verdict(), verdict, "{why:#}");
    }
}
