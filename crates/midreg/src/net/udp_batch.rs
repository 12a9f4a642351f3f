//! Datagrams in batches: `RecvBatch` around recvmmsg, `SendBatch` around sendmmsg, and the error
//! queue by which the kernel tells of ICMP answers.
//!
//! Buffers are given out once and touched only as far as datagrams reach. They lie an odd number
//! of cache lines apart: at a distance of a power of two, all messages of a batch would compete
//! for the same few sets of the cache.
//!
//! Invariant: the pointers inside the message headers point into boxes owned by the same value and
//! never resized, so they stay valid when the value moves.

#![allow(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::{mem, ptr};

/// Messages per system call.
pub const BATCH: usize = 64;

/// Buffer for one datagram: more than UDP can carry over IPv4.
pub const DATAGRAM: usize = 65_535;

const CACHE_LINE: usize = 64;

/// Lines between two buffers beyond a multiple of the page: odd, and longer than a usual REGISTER.
const STAGGER: usize = 13 * CACHE_LINE;

const PAGE: usize = 4096;

/// Buffers for one batch of received datagrams.
pub struct RecvBatch {
    buffers: Box<[u8]>,
    stride: usize,
    names: Box<[libc::sockaddr_storage]>,
    headers: Box<[libc::mmsghdr]>,
    /// Only pointed into, by `headers`.
    _vectors: Box<[libc::iovec]>,
    filled: usize,
}

/// A received datagram.
#[derive(Clone, Copy, Debug)]
pub struct Received<'b> {
    /// What it holds.
    pub bytes: &'b [u8],
    /// Who sent it.
    pub from: SocketAddr,
    /// Whether all of it fitted.
    pub extent: Extent,
}

/// Whether a datagram fitted into its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// It did.
    Whole,
    /// Its end is lost (`MSG_TRUNC`).
    Truncated,
}

/// A datagram to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'b> {
    /// What it holds.
    pub bytes: &'b [u8],
    /// Where it goes.
    pub to: SocketAddr,
}

/// Headers for one batch of datagrams to be sent.
pub struct SendBatch {
    names: Box<[libc::sockaddr_storage]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
}

impl RecvBatch {
    /// Room for `slots` datagrams of up to `size` bytes.
    #[must_use]
    pub fn new(slots: usize, size: usize) -> Self {
        let stride = size.next_multiple_of(PAGE) + STAGGER;
        let mut buffers = vec![0; slots * stride].into_boxed_slice();
        let mut names = boxed::<libc::sockaddr_storage>(slots);
        let mut vectors = boxed::<libc::iovec>(slots);
        let mut headers = boxed::<libc::mmsghdr>(slots);
        for (index, vector) in vectors.iter_mut().enumerate() {
            let buffer = &mut buffers[index * stride..index * stride + size];
            vector.iov_base = buffer.as_mut_ptr().cast();
            vector.iov_len = size;
        }
        let vector_base = vectors.as_mut_ptr();
        let name_base = names.as_mut_ptr();
        for (index, header) in headers.iter_mut().enumerate() {
            header.msg_hdr.msg_iov = vector_base.wrapping_add(index);
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = name_base.wrapping_add(index).cast();
            header.msg_hdr.msg_namelen = NAME_LEN;
        }
        Self {
            buffers,
            stride,
            names,
            headers,
            _vectors: vectors,
            filled: 0,
        }
    }

    /// How many datagrams fit into one batch.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.headers.len()
    }

    /// Takes what has arrived, without waiting; tells how many.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is nothing. An ICMP error of an earlier datagram also ends the call
    /// once; the next one goes on.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        for header in self.headers.iter_mut().take(self.filled) {
            header.msg_hdr.msg_namelen = NAME_LEN;
            header.msg_hdr.msg_flags = 0;
        }
        self.filled = 0;
        // SAFETY: every header points to a buffer, a vector and a name of its own, all owned by
        // `self`, with their true lengths; the count is that of the headers.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                u32::try_from(self.headers.len()).unwrap_or(u32::MAX),
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        self.filled = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        Ok(self.filled)
    }

    /// A datagram of the last batch; `None` beyond its end, or when its sender has no IP address.
    #[must_use]
    pub fn datagram(&self, index: usize) -> Option<Received<'_>> {
        let header = self.headers.get(..self.filled)?.get(index)?;
        let from = socket_addr(self.names.get(index)?)?;
        let start = index * self.stride;
        let bytes = self.buffers.get(start..start + header.msg_len as usize)?;
        let extent = match header.msg_hdr.msg_flags & libc::MSG_TRUNC {
            0 => Extent::Whole,
            _ => Extent::Truncated,
        };
        Some(Received {
            bytes,
            from,
            extent,
        })
    }
}

impl Default for SendBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl SendBatch {
    /// Room for [`BATCH`] headers.
    #[must_use]
    pub fn new() -> Self {
        let mut names = boxed::<libc::sockaddr_storage>(BATCH);
        let mut vectors = boxed::<libc::iovec>(BATCH);
        let mut headers = boxed::<libc::mmsghdr>(BATCH);
        let vector_base = vectors.as_mut_ptr();
        let name_base = names.as_mut_ptr();
        for (index, header) in headers.iter_mut().enumerate() {
            header.msg_hdr.msg_iov = vector_base.wrapping_add(index);
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = name_base.wrapping_add(index).cast();
        }
        Self {
            names,
            vectors,
            headers,
        }
    }

    /// Hands datagrams to the network without waiting, at most [`BATCH`] of them; tells how many
    /// were taken, in order.
    ///
    /// # Errors
    ///
    /// Why the *first* was not taken: `WouldBlock` when the socket's buffer is full, an error of
    /// that datagram, or a pending ICMP error of an earlier one, which is told once.
    pub fn send<'b>(
        &mut self,
        socket: BorrowedFd<'_>,
        datagrams: impl Iterator<Item = Outgoing<'b>>,
    ) -> io::Result<usize> {
        let mut count = 0;
        let slots = self
            .headers
            .iter_mut()
            .zip(&mut self.vectors)
            .zip(&mut self.names);
        for (((header, vector), name), datagram) in slots.zip(datagrams) {
            vector.iov_base = datagram.bytes.as_ptr().cast_mut().cast();
            vector.iov_len = datagram.bytes.len();
            header.msg_hdr.msg_namelen = write_name(name, datagram.to);
            count += 1;
        }
        if count == 0 {
            return Ok(0);
        }
        // SAFETY: the first `count` headers point to names and vectors owned by `self`; the
        // vectors point to datagrams borrowed for `'b`, which outlives the call, and sendmmsg only
        // reads them.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Asks the kernel to keep ICMP errors of this socket's datagrams in its error queue.
///
/// # Errors
///
/// Not a UDP socket of that family.
pub fn queue_errors(socket: BorrowedFd<'_>, local: SocketAddr) -> io::Result<()> {
    let (level, name) = match local {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_RECVERR),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    };
    let on: libc::c_int = 1;
    // SAFETY: the option is an int, and is told to be as long as one.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Takes the next entry off the error queue: where the datagram was to go that the network
/// refused. `None` when the queue is empty.
#[must_use]
pub fn next_refused(socket: BorrowedFd<'_>) -> Option<SocketAddr> {
    // SAFETY: an all-zero sockaddr_storage and msghdr are valid values of these plain C types.
    let (mut name, mut header) = unsafe {
        (
            mem::zeroed::<libc::sockaddr_storage>(),
            mem::zeroed::<libc::msghdr>(),
        )
    };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = NAME_LEN;
    // SAFETY: the header points to a name that outlives the call, and to no buffers: the
    // destination is all that is wanted of the entry, the rest is cut off.
    let result = unsafe {
        libc::recvmsg(
            socket.as_raw_fd(),
            &raw mut header,
            libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT,
        )
    };
    if result < 0 { None } else { socket_addr(&name) }
}

const NAME_LEN: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;

/// A boxed slice of zeroed C structures.
fn boxed<T: Zeroed>(count: usize) -> Box<[T]> {
    // SAFETY: `Zeroed` is implemented only for types of which all-zero is a value.
    (0..count).map(|_| unsafe { mem::zeroed() }).collect()
}

/// # Safety
///
/// All-zero bytes are a valid value.
unsafe trait Zeroed: Sized {}

// SAFETY: plain C structures of integers and nullable pointers.
unsafe impl Zeroed for libc::sockaddr_storage {}
// SAFETY: as above.
unsafe impl Zeroed for libc::iovec {}
// SAFETY: as above.
unsafe impl Zeroed for libc::mmsghdr {}

fn socket_addr(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let at = ptr::from_ref(name);
    match libc::c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is a sockaddr_in, which is smaller than the storage
            // and no more aligned.
            let name = unsafe { &*at.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(name.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: likewise a sockaddr_in6.
            let name = unsafe { &*at.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            let port = u16::from_be(name.sin6_port);
            Some(SocketAddrV6::new(ip, port, 0, name.sin6_scope_id).into())
        }
        _ => None,
    }
}

fn write_name(name: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
    let at = ptr::from_mut(name);
    match address {
        SocketAddr::V4(address) => {
            let value = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from(*address.ip()).to_be(),
                },
                sin_zero: [0; 8],
            };
            // SAFETY: the storage is large and aligned enough for any socket address.
            unsafe { at.cast::<libc::sockaddr_in>().write(value) };
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(address) => {
            let value = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr {
                    s6_addr: address.ip().octets(),
                },
                sin6_scope_id: address.scope_id(),
            };
            // SAFETY: as above.
            unsafe { at.cast::<libc::sockaddr_in6>().write(value) };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;
    use std::time::Duration;

    use super::super::epoll::{Epoll, Interest};
    use super::*;

    fn socket(local: &str) -> UdpSocket {
        let socket = UdpSocket::bind(local).expect("a free port");
        socket.set_nonblocking(true).expect("non-blocking");
        socket
    }

    fn address(socket: &UdpSocket) -> SocketAddr {
        socket.local_addr().expect("bound")
    }

    /// Waits until a socket is ready for `interest`, or has an error.
    fn wait(socket: &UdpSocket, interest: Interest) {
        let mut epoll = Epoll::new().expect("epoll");
        epoll.add(socket.as_fd(), 0, interest).expect("added");
        let ready = epoll
            .wait(Some(Duration::from_secs(10)))
            .expect("waited")
            .count();
        assert_eq!(ready, 1, "nothing came");
    }

    fn sizes_round_trip(local: &str) {
        let (a, b) = (socket(local), socket(local));
        let bodies: Vec<Vec<u8>> = [0usize, 1, 650, 1500, 60_000]
            .iter()
            .map(|n| vec![b'x'; *n])
            .collect();
        let outgoing = bodies.iter().map(|bytes| Outgoing {
            bytes,
            to: address(&b),
        });
        let sent = SendBatch::new().send(a.as_fd(), outgoing).expect("sent");
        assert_eq!(sent, bodies.len());
        let mut batch = RecvBatch::new(BATCH, DATAGRAM);
        let mut got = Vec::new();
        while got.len() < bodies.len() {
            wait(&b, Interest::READ);
            let count = batch.receive(b.as_fd()).expect("received");
            for index in 0..count {
                let datagram = batch.datagram(index).expect("within the batch");
                assert_eq!(
                    (datagram.from, datagram.extent),
                    (address(&a), Extent::Whole)
                );
                got.push(datagram.bytes.to_vec());
            }
            assert!(batch.datagram(count).is_none());
        }
        assert_eq!(got, bodies);
    }

    #[test]
    fn datagrams_of_all_sizes_pass_over_ipv4() {
        sizes_round_trip("127.0.0.1:0");
    }

    #[test]
    fn datagrams_of_all_sizes_pass_over_ipv6() {
        sizes_round_trip("[::1]:0");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let (a, b) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
        for length in [100, 101] {
            a.send_to(&vec![b'x'; length], address(&b)).expect("sent");
        }
        let mut batch = RecvBatch::new(2, 100);
        let mut seen = Vec::new();
        while seen.len() < 2 {
            wait(&b, Interest::READ);
            for index in 0..batch.receive(b.as_fd()).expect("received") {
                let datagram = batch.datagram(index).expect("within the batch");
                seen.push((datagram.bytes.len(), datagram.extent));
            }
        }
        assert_eq!(seen, [(100, Extent::Whole), (100, Extent::Truncated)]);
    }

    #[test]
    fn an_empty_socket_would_block() {
        let error = RecvBatch::new(2, 100)
            .receive(socket("127.0.0.1:0").as_fd())
            .expect_err("empty");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn slots_are_used_again_after_a_smaller_batch() {
        let (a, b) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
        let mut batch = RecvBatch::new(4, 2000);
        for text in ["first message", "second"] {
            a.send_to(text.as_bytes(), address(&b)).expect("sent");
            wait(&b, Interest::READ);
            assert_eq!(batch.receive(b.as_fd()).expect("received"), 1);
            assert_eq!(batch.datagram(0).expect("one").bytes, text.as_bytes());
        }
    }

    #[test]
    fn a_batch_takes_no_more_than_its_slots() {
        let (a, b) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
        let to = address(&b);
        let many = std::iter::repeat_n(Outgoing { bytes: b"x", to }, 2 * BATCH);
        assert_eq!(SendBatch::new().send(a.as_fd(), many).expect("sent"), BATCH);
        assert_eq!(
            SendBatch::new()
                .send(a.as_fd(), std::iter::empty())
                .expect("sent"),
            0
        );
    }

    #[test]
    fn a_refused_datagram_comes_back_with_its_destination() {
        let a = socket("127.0.0.1:0");
        queue_errors(a.as_fd(), address(&a)).expect("set");
        // It takes datagrams from itself alone.
        let closed = socket("127.0.0.1:0");
        let gone = address(&closed);
        closed.connect(gone).expect("connected");
        let one = std::iter::once(Outgoing {
            bytes: b"hello",
            to: gone,
        });
        assert_eq!(SendBatch::new().send(a.as_fd(), one).expect("sent"), 1);
        wait(&a, Interest::NONE);
        assert_eq!(next_refused(a.as_fd()), Some(gone));
        assert_eq!(next_refused(a.as_fd()), None);
    }
}
