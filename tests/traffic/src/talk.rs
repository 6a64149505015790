//! Connections between hosts, and packets that nobody's kernel would make.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::network::Host;

/// How long a denied connection is waited for. The first retransmission of Linux comes
/// after a second.
pub const PATIENCE: Duration = Duration::from_millis(400);

/// How long an allowed one is waited for: on a busy machine it may take its time.
pub const LONG_PATIENCE: Duration = Duration::from_secs(5);

const ANY: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Echoes on a TCP port of a host, both families, until the process ends.
///
/// # Panics
/// If the port is taken.
pub fn serve_tcp(host: &Host, port: u16) {
    let listener = host.namespace.enter(|| TcpListener::bind((ANY, port)));
    let listener = listener.expect("a port to listen on");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || echo(stream));
        }
    });
}

fn echo(mut stream: TcpStream) {
    let mut byte = [0];
    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
}

/// Echoes on a UDP port of a host, both families, until the process ends.
///
/// # Panics
/// If the port is taken.
pub fn serve_udp(host: &Host, port: u16) {
    let socket = host.namespace.enter(|| UdpSocket::bind((ANY, port)));
    let socket = socket.expect("a port to listen on");
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..len], from);
        }
    });
}

/// A TCP connection over which a byte went there and back.
///
/// # Errors
/// If it does not come about in time.
pub fn connect(from: &Host, to: IpAddr, port: u16, patience: Duration) -> io::Result<TcpStream> {
    from.namespace.enter(|| {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::new(to, port), patience)?;
        stream.set_nodelay(true)?;
        // What is connected is allowed; the echo may take its time.
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        ping(&mut stream)?;
        Ok(stream)
    })
}

/// Sends a byte and waits for it to come back.
///
/// # Errors
/// If it does not.
pub fn ping(stream: &mut TcpStream) -> io::Result<()> {
    let mut byte = [0x2a];
    stream.write_all(&byte)?;
    stream.read_exact(&mut byte)
}

/// Whether TCP connects in time.
#[must_use]
pub fn tcp(from: &Host, to: IpAddr, port: u16, patience: Duration) -> bool {
    connect(from, to, port, patience).is_ok()
}

/// Whether a datagram comes back in time.
///
/// # Panics
/// If there is no socket to be had.
#[must_use]
pub fn udp(from: &Host, to: IpAddr, port: u16, patience: Duration) -> bool {
    from.namespace.enter(|| {
        let local: IpAddr = match to {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => ANY,
        };
        let socket = UdpSocket::bind((local, 0)).expect("a socket");
        socket.set_read_timeout(Some(patience)).expect("a timeout");
        let sent = socket.send_to(b"?", (to, port));
        sent.is_ok() && socket.recv_from(&mut [0; 16]).is_ok()
    })
}

/// Sends packets as they are, from the IP header on.
///
/// # Panics
/// If raw sockets cannot be had.
pub fn send_raw(from: &Host, to: IpAddr, packets: &[Vec<u8>]) {
    from.namespace.enter(|| {
        let domain = Domain::for_address(SocketAddr::new(to, 0));
        // IPPROTO_RAW: the header is the caller's.
        let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(255)));
        let socket = socket.expect("a raw socket: run as root");
        for packet in packets {
            // What the sender's own kernel refuses has not passed either.
            let _ = socket.send_to(packet, &SocketAddr::new(to, 0).into());
        }
    });
}

/// Everything that arrives at a host.
#[derive(Debug)]
pub struct Tap {
    socket: Socket,
}

impl Tap {
    /// Listens from now on.
    ///
    /// # Panics
    /// If packet sockets cannot be had.
    #[must_use]
    pub fn new(host: &Host) -> Tap {
        const PACKET: i32 = 17;
        const EVERY_PROTOCOL: u16 = 3;
        let socket = host.namespace.enter(|| {
            let protocol = Protocol::from(i32::from(EVERY_PROTOCOL.to_be()));
            Socket::new(Domain::from(PACKET), Type::DGRAM, Some(protocol))
        });
        let socket = socket.expect("a packet socket: run as root");
        socket
            .set_recv_buffer_size(4 << 20)
            .expect("a buffer for packets");
        Tap { socket }
    }

    /// The packets that arrive until `last` says that one is the last, from the IP header
    /// on; `None` if the last does not come in time.
    pub fn until(&self, patience: Duration, last: impl Fn(&[u8]) -> bool) -> Option<Vec<Vec<u8>>> {
        let end = Instant::now() + patience;
        let mut packets = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let left = end.checked_duration_since(Instant::now())?;
            let left = left.max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left)).ok()?;
            let Ok(len) = (&self.socket).read(&mut buffer) else {
                continue;
            };
            let packet = buffer[..len].to_vec();
            let is_last = last(&packet);
            packets.push(packet);
            if is_last {
                return Some(packets);
            }
        }
    }
}
