//! Load, and how much of it passes.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use netpolicy_traffic::network::{Host, Network};
use socket2::{Domain, Socket, Type};

const THREADS: usize = 4;

/// TCP connections from outside to the front end, one behind the other on each of some
/// threads; the number of those that came about.
pub(crate) fn connections(network: &Network, length: Duration) -> Result<u64> {
    let (client, server) = (network.host("outside"), network.host("wordpress"));
    let address = SocketAddr::new(server.v4.into(), 80);
    let listener = server.namespace.enter(|| listen(address))?;
    let (done, made) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = listener.accept();
            }
        });
        let clients: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| client.namespace.enter(|| connect(address, length, &made))))
            .collect();
        let results: Result<Vec<()>> = clients
            .into_iter()
            .map(|client| client.join().expect("a client"))
            .collect();
        done.store(true, Ordering::Relaxed);
        results
    })?;
    Ok(made.load(Ordering::Relaxed))
}

fn listen(address: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok(socket)
}

fn connect(address: SocketAddr, length: Duration, made: &AtomicU64) -> Result<()> {
    let end = Instant::now() + length;
    while Instant::now() < end {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        // Closed by a reset, so that no port waits.
        socket.set_linger(Some(Duration::ZERO))?;
        if socket
            .connect_timeout(&address.into(), Duration::from_secs(3))
            .is_ok()
        {
            made.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// UDP datagrams from a pod to the cluster's DNS, as fast as they go; the number of those
/// that arrive.
pub(crate) fn packets(network: &Network, length: Duration) -> Result<u64> {
    let (client, server) = (network.host("wordpress"), network.host("coredns"));
    let address = SocketAddr::new(server.v4.into(), 53);
    // Somebody must listen, or the answers are errors.
    let sink = server.namespace.enter(|| UdpSocket::bind(address))?;
    let before = received(server)?;
    client.namespace.enter(|| {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(address)?;
        let end = Instant::now() + length;
        while Instant::now() < end {
            for _ in 0..64 {
                let _ = socket.send(b"a question of some length, as DNS has");
            }
        }
        anyhow::Ok(())
    })?;
    let arrived = received(server)? - before;
    drop(sink);
    Ok(arrived)
}

/// How many packets a host's link has received.
fn received(host: &Host) -> Result<u64> {
    let table = host
        .namespace
        .enter(|| std::fs::read_to_string("/proc/thread-self/net/dev"))?;
    let line = table
        .lines()
        .find_map(|line| line.trim().strip_prefix("eth0:"));
    let packets = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(packets.context("no link eth0")?.parse()?)
}
