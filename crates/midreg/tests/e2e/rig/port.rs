//! `Port`: a UDP port on loopback that nobody else in the test run will be given. `StreamPort`: the same for TCP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// A reserved UDP port.
///
/// The UDP port itself stays free for the program under test. What holds the reservation is the TCP port of the same
/// number: the system gives it to one owner only, so two tests in two processes never agree on a number.
#[derive(Debug)]
pub(crate) struct Port {
    address: SocketAddr,
    _twin: TcpListener,
}

impl Port {
    /// Reserves a port on 127.0.0.1 that is free for UDP right now.
    pub(crate) fn reserve() -> Self {
        Self::reserve_on(Ipv4Addr::LOCALHOST.into())
    }

    /// Reserves a port on another address of this machine.
    pub(crate) fn reserve_on(host: IpAddr) -> Self {
        const ATTEMPTS: usize = 100;
        (0..ATTEMPTS)
            .find_map(|_| Self::try_reserve(host))
            .unwrap_or_else(|| panic!("no free UDP port on {host} in {ATTEMPTS} attempts"))
    }

    /// The address that it is on, and the port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the UDP port itself, so that what is sent there is neither answered nor refused.
    pub(crate) fn swallow(&self) -> UdpSocket {
        UdpSocket::bind(self.address)
            .unwrap_or_else(|error| panic!("take {} for nobody: {error}", self.address))
    }

    fn try_reserve(host: IpAddr) -> Option<Self> {
        let twin = TcpListener::bind((host, 0)).ok()?;
        let address = twin.local_addr().ok()?;
        let free = UdpSocket::bind(address).is_ok();
        free.then_some(Self {
            address,
            _twin: twin,
        })
    }
}

/// A reserved TCP port on 127.0.0.1, held by the UDP port of the same number.
#[derive(Debug)]
pub(crate) struct StreamPort {
    address: SocketAddr,
    _twin: UdpSocket,
}

impl StreamPort {
    /// Reserves a port that is free for TCP right now.
    pub(crate) fn reserve() -> Self {
        const ATTEMPTS: usize = 100;
        (0..ATTEMPTS)
            .find_map(|_| Self::try_reserve())
            .unwrap_or_else(|| panic!("no free TCP port on 127.0.0.1 in {ATTEMPTS} attempts"))
    }

    /// 127.0.0.1 and the port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn try_reserve() -> Option<Self> {
        let twin = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        let address = twin.local_addr().ok()?;
        let free = TcpListener::bind(address).is_ok();
        free.then_some(Self {
            address,
            _twin: twin,
        })
    }
}
