//! Any bytes as a packet: there is an answer, what cannot be read is denied, and a
//! packet that is cut short is never read as another connection.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use netpolicy::manifest::Loader;
use netpolicy::model::Options;
use netpolicy::{Connection, ImageBuf, Verdict};

const CLUSTER: &str = include_str!("../../examples/wordpress/cluster.yaml");
const POLICIES: &str = include_str!("../../examples/wordpress/policies.yaml");

fn image() -> &'static ImageBuf {
    static IMAGE: OnceLock<ImageBuf> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let mut loader = Loader::default();
        loader.read_text("cluster.yaml", CLUSTER);
        loader.read_text("policies.yaml", POLICIES);
        let loaded = loader.finish();
        loaded
            .cluster
            .compile(&Options::default())
            .expect("an image")
            .0
    })
}

fuzz_target!(|packet: &[u8]| {
    let image = image().image();
    let read = Connection::of_packet(packet);
    let expected = read.map_or(Verdict::DENY, |connection| {
        let Connection {
            source,
            destination,
            protocol,
            port,
        } = connection;
        image.verdict(source, destination, protocol, port)
    });
    assert_eq!(image.verdict_of_packet(packet), expected);
    if let Ok(connection) = read {
        let front = &packet[..packet.len() / 2];
        assert!(Connection::of_packet(front).is_err() || Connection::of_packet(front) == read);
        assert_eq!(image.explain(&connection).verdict(), expected);
    }
});
