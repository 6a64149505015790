//! `netpolicy-bench-python IMAGE FLOWS ROUNDS`: `Image::verdicts` alone, on one thread.
//!
//! A flow is 12 bytes, little-endian: source, destination (IPv4), port, protocol, and a
//! byte of nothing. Prints the seconds of the fastest round, and how many flows may pass.

use std::env::args;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use anyhow::{Context, Result};
use netpolicy::{Connection, ImageBuf, Protocol, Verdict};

fn connection(flow: &[u8; 12]) -> Connection {
    let [s0, s1, s2, s3, d0, d1, d2, d3, p0, p1, protocol, _] = *flow;
    let address = |bytes| IpAddr::V4(Ipv4Addr::from_bits(u32::from_le_bytes(bytes)));
    Connection {
        source: address([s0, s1, s2, s3]),
        destination: address([d0, d1, d2, d3]),
        protocol: Protocol(protocol),
        port: u16::from_le_bytes([p0, p1]),
    }
}

fn main() -> Result<()> {
    let mut arguments = args().skip(1);
    let mut next = || arguments.next().context("needed: IMAGE FLOWS ROUNDS");
    let image = ImageBuf::open(std::fs::read(next()?)?)?;
    let flows = std::fs::read(next()?)?;
    let rounds: u32 = next()?.parse()?;
    let (flows, _) = flows.as_chunks::<12>();
    let connections: Vec<_> = flows.iter().map(connection).collect();
    let mut verdicts = vec![Verdict::DENY; connections.len()];
    let image = image.image();
    let mut fastest = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        black_box(&image).verdicts(black_box(&connections), black_box(&mut verdicts));
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    let allowed = verdicts
        .iter()
        .filter(|verdict| verdict.is_allowed())
        .count();
    println!("{fastest} {allowed}");
    Ok(())
}
