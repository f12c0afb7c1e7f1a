//! Whether anything of an answer had come when the time ran out, asked of the system.
//!
//! The client says nothing of a head that is not whole. Linux keeps count of what
//! each connection has received, and tells it of our own sockets (`sock_diag(7)`);
//! where it does not, we do not know, and a head that drips is told as silence.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What TLS and HTTP/2 say unasked after the handshake (tickets, settings) comes
/// within this; only what comes later is the answer.
const UNASKED: Duration = Duration::from_millis(500);
/// Of the kernel's `tcp_info`: milliseconds since data was received last, and
/// bytes received in all.
const LAST_RECEIVED: usize = 52;
const BYTES_RECEIVED: usize = 128;

/// What a connection has received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    bytes: u64,
    last: Duration,
}

impl Received {
    /// Whether some of it is of the answer, on a connection that has stood for `stood`.
    pub fn is_answer(self, tls: bool, stood: Duration) -> bool {
        if tls { self.last.saturating_add(UNASKED) < stood } else { 0 < self.bytes }
    }
}

/// What the connection between these two has received so far.
#[cfg(target_os = "linux")]
pub fn received(local: SocketAddr, remote: SocketAddr) -> Option<Received> {
    use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
    };

    let kernel = SocketAddrNetlink::new(0, 0);
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(SOCK_DIAG)).ok()?;
    sendto(&socket, &question(local, remote), SendFlags::empty(), &kernel).ok()?;
    let mut answer = [0_u8; 2048];
    // The kernel has answered before it let us go on.
    let (_, length) = recv(&socket, &mut answer[..], RecvFlags::DONTWAIT).ok()?;
    told(answer.get(..length)?)
}

#[cfg(not(target_os = "linux"))]
pub fn received(_: SocketAddr, _: SocketAddr) -> Option<Received> {
    None
}

/// A `nlmsghdr` and an `inet_diag_req_v2` for one TCP connection and its `tcp_info`.
fn question(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    const BY_FAMILY: u16 = 20;
    const REQUEST: u16 = 1;
    const TCP: u8 = 6;
    const INFO: u8 = 1 << 1;
    const LENGTH: u32 = 16 + 56;
    // AF_INET and AF_INET6.
    let family: u8 = if local.is_ipv4() { 2 } else { 10 };
    let mut bytes = Vec::new();
    bytes.extend(LENGTH.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, TCP, INFO, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(local.port().to_be_bytes());
    bytes.extend(remote.port().to_be_bytes());
    for address in [local.ip(), remote.ip()] {
        let mut place = [0; 16];
        match address {
            IpAddr::V4(four) => place[..4].copy_from_slice(&four.octets()),
            IpAddr::V6(six) => place = six.octets(),
        }
        bytes.extend(place);
    }
    bytes.extend([0; 4]);
    // Whichever socket it is: no cookie.
    bytes.extend([0xff; 8]);
    bytes
}

/// The `tcp_info` in an answer: headers of 16 and 72 bytes, then attributes.
fn told(answer: &[u8]) -> Option<Received> {
    const INFO: u16 = 2;
    let short = |bytes: &[u8]| Some(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let mut rest = answer.get(16 + 72..)?;
    loop {
        let length = usize::from(short(rest)?);
        let kind = short(rest.get(2..)?)?;
        if kind == INFO {
            let info = rest.get(4..length)?;
            let last = info.get(LAST_RECEIVED..LAST_RECEIVED + 4)?.try_into().ok()?;
            let bytes = info.get(BYTES_RECEIVED..BYTES_RECEIVED + 8)?.try_into().ok()?;
            let last = Duration::from_millis(u32::from_ne_bytes(last).into());
            return Some(Received { bytes: u64::from_ne_bytes(bytes), last });
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn what_a_connection_has_received_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        let asked = || received(ours.local_addr().unwrap(), ours.peer_addr().unwrap()).unwrap();
        assert_eq!(asked().bytes, 0);
        assert!(!asked().is_answer(false, Duration::from_secs(2)));
        theirs.write_all(b"HTT").unwrap();
        assert_eq!(asked().bytes, 3);
        assert!(asked().is_answer(false, Duration::from_secs(2)));
        assert!(asked().is_answer(true, Duration::from_secs(2)), "long after the handshake");
        assert!(!asked().is_answer(true, Duration::from_millis(400)), "it may be a ticket");
    }

    #[test]
    fn an_answer_that_is_none_tells_nothing() {
        for length in [0, 4, 87, 88, 90, 92] {
            assert_eq!(told(&vec![0; length]), None);
        }
        assert_eq!(told(&[2; 300]), None);
    }
}
