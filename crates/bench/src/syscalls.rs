//! The calls to the kernel that the standard library does not offer: batched datagrams, epoll with a
//! nanosecond timeout, stop signals as a descriptor, signals to our own children.
//!
//! This is the only file of the crate with `unsafe`. Invariant: every pointer handed to the kernel is made
//! from a live borrow inside the same function that makes the call, and never outlives it.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;
use std::time::Duration;

/// Datagrams per `recvmmsg` or `sendmmsg` call.
pub const BATCH: usize = 64;

/// Room for the largest socket address used here (`sockaddr_in6`).
const NAME_BYTES: usize = size_of::<libc::sockaddr_in6>();

/// The address of a correspondent as the kernel writes it, kept raw so that an answer needs no conversion.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Peer {
    name: [u8; NAME_BYTES],
    len: u32,
}

impl Peer {
    const EMPTY: Self = Self {
        name: [0; NAME_BYTES],
        len: 0,
    };

    /// The address as the standard library knows it; `None` for families other than IP.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let name = &self.name;
        let port = u16::from_be_bytes([name[2], name[3]]);
        match i32::from(u16::from_ne_bytes([name[0], name[1]])) {
            libc::AF_INET => {
                let ip = Ipv4Addr::new(name[4], name[5], name[6], name[7]);
                Some(SocketAddr::new(IpAddr::V4(ip), port))
            }
            libc::AF_INET6 => {
                let mut octets = [0; 16];
                octets.copy_from_slice(&name[8..24]);
                Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(octets)), port))
            }
            _ => None,
        }
    }
}

/// One batch of headers for the kernel, reused from call to call.
struct Frames {
    iovs: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

impl Frames {
    fn new() -> Self {
        // SAFETY: `iovec` and `mmsghdr` are plain C records of integers and pointers; all zero is a valid value.
        let (iov, header) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        Self {
            iovs: vec![iov; BATCH],
            headers: vec![header; BATCH],
        }
    }

    /// Describes datagram `index`: `bytes` of payload, and the place of its address (null on a connected socket).
    fn set(&mut self, index: usize, bytes: (*mut u8, usize), name: (*mut u8, usize)) {
        self.iovs[index] = libc::iovec {
            iov_base: bytes.0.cast(),
            iov_len: bytes.1,
        };
        let iov = &raw mut self.iovs[index];
        let header = &mut self.headers[index].msg_hdr;
        header.msg_iov = iov;
        header.msg_iovlen = 1;
        header.msg_name = name.0.cast();
        header.msg_namelen = name.1 as libc::socklen_t;
        header.msg_flags = 0;
    }

    /// Sends the first `count` described datagrams; returns how many the kernel took.
    fn send(&mut self, socket: &impl AsRawFd, count: usize) -> io::Result<usize> {
        // SAFETY: the callers described `count` <= BATCH datagrams by `set` in this very call chain, from
        // borrows that are still alive; the kernel only reads through those pointers.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                count as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// A batch of received datagrams in buffers of fixed size.
pub struct RecvBatch {
    frames: Frames,
    buffers: Vec<u8>,
    stride: usize,
    peers: Vec<Peer>,
    lengths: [usize; BATCH],
}

impl RecvBatch {
    /// Buffers of `stride` bytes each; longer datagrams are cut.
    pub fn new(stride: usize) -> Self {
        Self {
            frames: Frames::new(),
            buffers: vec![0; stride * BATCH],
            stride,
            peers: vec![Peer::EMPTY; BATCH],
            lengths: [0; BATCH],
        }
    }

    /// Takes up to [`BATCH`] waiting datagrams; 0 when none waits. An ICMP error reported by the socket
    /// counts as "none".
    pub fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        for (index, (buffer, peer)) in self
            .buffers
            .chunks_exact_mut(self.stride)
            .zip(&mut self.peers)
            .enumerate()
        {
            let bytes = (buffer.as_mut_ptr(), buffer.len());
            self.frames
                .set(index, bytes, (peer.name.as_mut_ptr(), NAME_BYTES));
        }
        // SAFETY: all BATCH headers were just described from the buffers and peers owned by `self`, which
        // stay borrowed for the whole call; the kernel writes only inside the given lengths.
        let got = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.frames.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let Ok(got) = usize::try_from(got) else {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::Interrupted
                | io::ErrorKind::ConnectionRefused => Ok(0),
                _ => Err(error),
            };
        };
        for (index, header) in self.frames.headers.iter().take(got).enumerate() {
            self.lengths[index] = (header.msg_len as usize).min(self.stride);
            self.peers[index].len = header.msg_hdr.msg_namelen;
        }
        Ok(got)
    }

    /// The bytes and the sender of datagram `index` of the last [`receive`](Self::receive).
    pub fn datagram(&self, index: usize) -> (&[u8], &Peer) {
        let start = index * self.stride;
        (
            &self.buffers[start..start + self.lengths[index]],
            &self.peers[index],
        )
    }

    /// Sends the first `count` datagrams back to their senders, each cut or extended to `len` bytes,
    /// straight from the receive buffers. Returns how many the kernel took.
    pub fn echo(&mut self, socket: &impl AsRawFd, count: usize, len: usize) -> io::Result<usize> {
        let len = len.min(self.stride);
        let parts = self
            .buffers
            .chunks_exact_mut(self.stride)
            .zip(&mut self.peers)
            .take(count);
        for (index, (buffer, peer)) in parts.enumerate() {
            let name = (peer.name.as_mut_ptr(), peer.len as usize);
            self.frames.set(index, (buffer.as_mut_ptr(), len), name);
        }
        self.frames.send(socket, count.min(BATCH))
    }
}

/// Datagrams waiting to be sent on one socket, drained by `sendmmsg`.
pub struct SendBatch {
    frames: Frames,
    bytes: Vec<u8>,
    items: Vec<(usize, Option<Peer>)>,
}

impl SendBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self {
            frames: Frames::new(),
            bytes: Vec::new(),
            items: Vec::with_capacity(BATCH),
        }
    }

    /// Number of datagrams waiting.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds one datagram, written by `write` at the end of the buffer it is given; `peer` is absent on
    /// a connected socket. Returns the size of the datagram in bytes.
    pub fn push(&mut self, peer: Option<Peer>, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.items.push((self.bytes.len(), peer));
        self.bytes.len() - start
    }

    /// Sends everything; returns how many datagrams had to be dropped because the socket took no more or
    /// the peer's port is closed. They are lost as on any network.
    pub fn flush(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        let mut dropped = 0;
        let mut done = 0;
        let mut start = 0;
        while done < self.items.len() {
            let count = (self.items.len() - done).min(BATCH);
            let mut from = start;
            for (index, (end, peer)) in self.items[done..done + count].iter_mut().enumerate() {
                let bytes = &mut self.bytes[from..*end];
                let name = peer.as_mut().map_or((ptr::null_mut(), 0), |p| {
                    (p.name.as_mut_ptr(), p.len as usize)
                });
                self.frames
                    .set(index, (bytes.as_mut_ptr(), bytes.len()), name);
                from = *end;
            }
            let taken = match self.frames.send(socket, count) {
                Ok(taken) => taken.max(1),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    // A closed port is reported once per ICMP error; only the first datagram is given up.
                    io::ErrorKind::ConnectionRefused => {
                        dropped += 1;
                        1
                    }
                    io::ErrorKind::WouldBlock => {
                        dropped += count;
                        count
                    }
                    _ => return Err(error),
                },
            };
            done += taken;
            start = self.items[done - 1].0;
        }
        self.bytes.clear();
        self.items.clear();
        Ok(dropped)
    }
}

impl Default for SendBatch {
    fn default() -> Self {
        Self::new()
    }
}

/// An epoll instance over descriptors that are read when they become ready.
pub struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Epoll {
    /// An empty set that reports up to 64 ready descriptors per wait.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; a non-negative result is a descriptor that nobody else owns.
        let fd = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self {
            fd,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; 64],
        })
    }

    /// Watches `source` for input (level-triggered); `token` comes back from [`wait`](Self::wait).
    pub fn add(&self, source: &impl AsRawFd, token: usize) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: token as u64,
        };
        // SAFETY: `event` lives until the call returns and the kernel copies it.
        let result = unsafe {
            libc::epoll_ctl(
                self.fd.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                source.as_raw_fd(),
                &raw mut event,
            )
        };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Sleeps until something is ready or `timeout` has passed (`None`: for ever) and returns the number
    /// of ready descriptors; see [`token`](Self::token).
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let limit = timeout.map(|t| libc::timespec {
            tv_sec: libc::time_t::try_from(t.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: t.subsec_nanos().into(),
        });
        // SAFETY: `events` is exclusively borrowed and at least as long as announced; `limit` outlives the
        // call; a null signal mask means "leave the mask alone".
        let ready = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len(),
                limit.as_ref().map_or(ptr::null(), ptr::from_ref),
                ptr::null::<libc::sigset_t>(),
                size_of::<u64>(),
            )
        };
        usize::try_from(ready).or_else(|_| {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                Ok(0)
            } else {
                Err(error)
            }
        })
    }

    /// The token of ready descriptor `index` of the last wait.
    pub fn token(&self, index: usize) -> usize {
        self.events[index].u64 as usize
    }
}

/// SIGTERM and SIGINT as something to wait for beside sockets. While it lives they no longer kill.
pub struct StopSignal {
    fd: OwnedFd,
}

impl StopSignal {
    /// Takes both signals over for this thread; call it before any other thread is started.
    pub fn take() -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `sigemptyset` initialises the set before anything reads it; the old mask is not asked for;
        // a non-negative result of `signalfd` is a descriptor that nobody else owns.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGTERM);
            libc::sigaddset(set.as_mut_ptr(), libc::SIGINT);
            if libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            let fd = libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Self {
                fd: OwnedFd::from_raw_fd(fd),
            })
        }
    }
}

impl AsRawFd for StopSignal {
    fn as_raw_fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }
}

/// How a child hears that its parent is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Orphaned {
    /// It is killed.
    Killed,
    /// It is asked to stop (SIGTERM), for it may have children of its own to end.
    Asked,
}

/// Makes the command's process end when the thread that spawns it does, so that no child outlives us.
pub fn end_with_parent(command: &mut Command, how: Orphaned) {
    let signal = match how {
        Orphaned::Killed => libc::SIGKILL,
        Orphaned::Asked => libc::SIGTERM,
    };
    // SAFETY: between fork and exec only `prctl` runs, which is async-signal-safe and takes no pointers.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, signal) == 0 {
                Ok(())
            } else {
                Err(io::Error::last_os_error())
            }
        });
    }
}

/// Asks a child to stop (SIGTERM). The caller must still hold its unreaped `Child`, else the number may
/// belong to somebody else by now.
pub fn ask_to_stop(child: &std::process::Child) -> io::Result<()> {
    let pid = libc::pid_t::try_from(child.id()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: no pointers; the pid is that of an unreaped child of ours and positive, so no group is meant.
    let result = unsafe { libc::kill(pid, libc::SIGTERM) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Clock ticks per second in which `/proc/PID/stat` counts CPU time.
pub fn clock_ticks() -> u64 {
    // SAFETY: no pointers.
    positive(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }, 100)
}

/// Bytes per page, in which `/proc/PID/statm` counts memory.
pub fn page_bytes() -> u64 {
    // SAFETY: no pointers.
    positive(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }, 4096)
}

fn positive(value: libc::c_long, otherwise: u64) -> u64 {
    u64::try_from(value)
        .ok()
        .filter(|v| *v > 0)
        .unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket;

    #[test]
    fn a_batch_goes_out_and_comes_back_from_the_receive_buffers() {
        let server = socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let client = socket::connect(server.local_addr().unwrap()).unwrap();
        let mut out = SendBatch::new();
        for text in ["first", "second"] {
            out.push(None, |bytes| bytes.extend_from_slice(text.as_bytes()));
        }
        assert_eq!(out.flush(&client).unwrap(), 0);
        assert!(out.is_empty());

        let mut inbox = RecvBatch::new(64);
        assert_eq!(inbox.receive(&server).unwrap(), 2);
        assert_eq!(inbox.datagram(1).0, b"second");
        assert_eq!(inbox.datagram(1).1.socket_addr(), client.local_addr().ok());
        assert_eq!(inbox.echo(&server, 2, 4).unwrap(), 2);

        let mut answers = RecvBatch::new(64);
        assert_eq!(answers.receive(&client).unwrap(), 2);
        assert_eq!(answers.datagram(0).0, b"firs");
        assert_eq!(answers.datagram(1).0, b"seco");
    }

    #[test]
    fn more_than_one_batch_is_flushed_to_the_end() {
        let server = socket::bind("[::1]:0".parse().unwrap()).unwrap();
        let client = socket::connect(server.local_addr().unwrap()).unwrap();
        let mut out = SendBatch::new();
        for number in 0..BATCH as u8 + 6 {
            out.push(None, |bytes| bytes.push(number));
        }
        assert_eq!(out.flush(&client).unwrap(), 0);
        let mut inbox = RecvBatch::new(16);
        assert_eq!(inbox.receive(&server).unwrap(), BATCH);
        assert_eq!(inbox.receive(&server).unwrap(), 6);
        assert_eq!(inbox.datagram(5).0, [BATCH as u8 + 5]);
        assert!(
            inbox
                .datagram(5)
                .1
                .socket_addr()
                .is_some_and(|a| a.is_ipv6())
        );
        assert_eq!(inbox.receive(&server).unwrap(), 0);
    }

    #[test]
    fn epoll_tells_which_socket_is_ready() {
        let quiet = socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let busy = socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut epoll = Epoll::new().unwrap();
        epoll.add(&quiet, 7).unwrap();
        epoll.add(&busy, 9).unwrap();
        assert_eq!(epoll.wait(Some(Duration::ZERO)).unwrap(), 0);
        socket::connect(busy.local_addr().unwrap())
            .unwrap()
            .send(b"x")
            .unwrap();
        assert_eq!(epoll.wait(Some(Duration::from_secs(5))).unwrap(), 1);
        assert_eq!(epoll.token(0), 9);
    }
}
