//! `Listener`: an address we listen on, with one socket per shard.
//!
//! With several shards the sockets share the address by SO_REUSEPORT and the kernel spreads flows
//! over them. All are bound before any shard starts, so that no flow moves while they come up. A
//! single shard binds without it, which makes a second process on the same port an error; several
//! shards first try the address alone for the same reason.

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::udp_batch::queue_errors;

/// Wanted size of a socket's buffers: room for a burst of some thousand REGISTERs while a shard is
/// busy. The system may allow less.
pub const BUFFER: usize = 4 << 20;

/// An address we listen on.
#[derive(Debug)]
pub struct Listener {
    /// The address, with the real port.
    pub local: SocketAddr,
    /// One socket per shard.
    pub sockets: Vec<UdpSocket>,
    /// Bytes of receive buffer that the system granted each socket.
    pub buffer: usize,
}

/// Why an address cannot be listened on.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The reason.
    pub source: io::Error,
}

impl Listener {
    /// Binds one socket per shard.
    ///
    /// # Errors
    ///
    /// The address is taken, not ours, or not allowed.
    pub fn bind(address: SocketAddr, shards: u8) -> Result<Self, BindError> {
        let fail = |source| BindError { address, source };
        let mut local = address;
        let mut sockets = Vec::with_capacity(usize::from(shards));
        if shards > 1 && address.port() != 0 {
            open(address, Sharing::Alone).map_err(fail)?;
        }
        let sharing = if shards > 1 {
            Sharing::Shards
        } else {
            Sharing::Alone
        };
        for _ in 0..shards.max(1) {
            let socket = open(local, sharing).map_err(fail)?;
            local = socket.local_addr().map_err(fail)?;
            sockets.push(socket);
        }
        // Linux grants twice what it was asked for, half of it for its own accounts.
        let granted = sockets
            .first()
            .map(|socket| SockRef::from(socket).recv_buffer_size());
        let buffer = granted.transpose().map_err(fail)?.unwrap_or_default() / 2;
        Ok(Self {
            local,
            sockets,
            buffer,
        })
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot listen on udp://{}: {}",
            self.address, self.source
        )
    }
}

impl std::error::Error for BindError {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    Shards,
}

fn open(address: SocketAddr, sharing: Sharing) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        // One family per socket: no mapped addresses, which would look like other flows.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(sharing == Sharing::Shards)?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(BUFFER)?;
    socket.set_send_buffer_size(BUFFER)?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    queue_errors(std::os::fd::AsFd::as_fd(&socket), address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn all_shards_share_one_port() {
        let listener = Listener::bind(loopback(), 3).expect("bound");
        assert_ne!(listener.local.port(), 0);
        let ports: Vec<SocketAddr> = listener
            .sockets
            .iter()
            .map(|s| s.local_addr().expect("bound"))
            .collect();
        assert_eq!(ports, [listener.local; 3]);
    }

    #[test]
    fn a_second_process_is_refused_whatever_the_number_of_shards() {
        for first in [1, 2] {
            let listener = Listener::bind(loopback(), first).expect("bound");
            for second in [1, 2] {
                let error = Listener::bind(listener.local, second).expect_err("taken");
                let told = error.to_string();
                assert!(told.contains(&listener.local.to_string()), "{told}");
                assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
            }
        }
    }

    #[test]
    fn ipv6_is_ipv6_only() {
        let loopback = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
        let listener = Listener::bind(loopback, 1).expect("bound");
        let socket = listener.sockets.first().expect("one per shard");
        assert!(SockRef::from(socket).only_v6().expect("an IPv6 socket"));
    }
}
