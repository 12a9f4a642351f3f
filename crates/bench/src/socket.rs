//! UDP sockets with the options of a midreg worker: non-blocking, SO_REUSEPORT, large buffers. The same
//! options on both sides of a comparison keep its floor honest.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use crate::failure::Failure;

/// Buffer size asked for in each direction, in bytes; the kernel caps it silently.
const BUFFER_BYTES: usize = 4 << 20;

/// A bound, unconnected socket. Port 0 lets the kernel choose.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = plain(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A socket with a port of its own, connected to `target`.
pub fn connect(target: SocketAddr) -> io::Result<UdpSocket> {
    let socket = plain(target)?;
    socket.connect(&target.into())?;
    Ok(socket.into())
}

/// Refuses an address outside this machine unless the operator allowed it: load sent to, or an open
/// registrar offered to, somebody else's network is harm.
pub fn check_reach(address: SocketAddr, reach: Reach) -> Result<(), Failure> {
    if reach == Reach::Anywhere || address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{address} is not a loopback address; say --allow-remote if you own that machine"
    )))
}

/// How far addresses may lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Only 127.0.0.0/8 and ::1.
    Loopback,
    /// Any address (`--allow-remote`).
    Anywhere,
}

fn plain(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    socket.set_send_buffer_size(BUFFER_BYTES)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_in_reach_by_default() {
        for inside in [
            "127.0.0.1:5060",
            "127.9.9.9:1",
            "[::1]:5060",
            "[::ffff:127.0.0.1]:5060",
        ] {
            assert!(
                check_reach(inside.parse().unwrap(), Reach::Loopback).is_ok(),
                "{inside}"
            );
        }
        for outside in [
            "192.0.2.1:5060",
            "0.0.0.0:5060",
            "[2001:db8::1]:5060",
            "[::]:5060",
        ] {
            let address = outside.parse().unwrap();
            assert!(check_reach(address, Reach::Loopback).is_err(), "{outside}");
            assert!(check_reach(address, Reach::Anywhere).is_ok(), "{outside}");
        }
    }
}
