//! Readiness and wake-ups: `Epoll` over descriptors, `Bell` to wake another thread, `Signals` to
//! receive signals like any other input.
//!
//! All three are thin owners of one descriptor each. Unsafe code here only makes system calls with
//! pointers that outlive them.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Most events taken by one [`Epoll::wait`].
pub const MAX_EVENTS: usize = 16;

/// What to be told about a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// It can be read.
    pub read: bool,
    /// It can be written.
    pub write: bool,
}

/// What has become possible on a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The number it was registered under.
    pub key: u64,
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
    /// Something is in its error queue.
    pub error: bool,
}

/// A set of descriptors to wait for, level-triggered.
#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

/// A doorbell: rung by any thread, heard by the one that polls it. Rings before it is heard count
/// as one.
#[derive(Debug)]
pub struct Bell {
    fd: OwnedFd,
}

/// Signals, taken off the process and read in order.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// To stop: SIGTERM or SIGINT.
    Stop,
    /// To read the configuration again: SIGHUP.
    Reload,
}

impl Interest {
    /// To read.
    pub const READ: Self = Self {
        read: true,
        write: false,
    };
    /// To write.
    pub const WRITE: Self = Self {
        read: false,
        write: true,
    };
    /// Errors only, which are always told.
    pub const NONE: Self = Self {
        read: false,
        write: false,
    };

    fn bits(self) -> u32 {
        let read = if self.read { libc::EPOLLIN } else { 0 };
        let write = if self.write { libc::EPOLLOUT } else { 0 };
        (read | write).cast_unsigned()
    }
}

impl Epoll {
    /// An empty set.
    ///
    /// # Errors
    ///
    /// The process has too many descriptors.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before it is owned.
        let fd = unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC)) }?;
        Ok(Self {
            fd,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; MAX_EVENTS],
        })
    }

    /// Adds a descriptor under a number of the caller's. It leaves the set when it is closed.
    ///
    /// # Errors
    ///
    /// It is in the set already, or cannot be waited for.
    pub fn add(&self, fd: BorrowedFd<'_>, key: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, key, interest)
    }

    /// Changes what to be told about a descriptor.
    ///
    /// # Errors
    ///
    /// It is not in the set.
    pub fn modify(&self, fd: BorrowedFd<'_>, key: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, key, interest)
    }

    /// Waits until something is ready or `timeout` has passed; `None` waits for ever, zero not at
    /// all. An interrupting signal ends the wait early with nothing.
    ///
    /// # Errors
    ///
    /// Only if the set itself is broken.
    pub fn wait(
        &mut self,
        timeout: Option<Duration>,
    ) -> io::Result<impl Iterator<Item = Ready> + use<'_>> {
        // SAFETY: the buffer holds as many events as is told, and outlives the call.
        let count = unsafe {
            libc::epoll_wait(
                self.fd.as_raw_fd(),
                self.events.as_mut_ptr(),
                i32::try_from(self.events.len()).unwrap_or(i32::MAX),
                timeout.map_or(-1, ceil_millis),
            )
        };
        let count = match usize::try_from(count) {
            Ok(count) => count,
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => 0,
                error => return Err(error),
            },
        };
        Ok(self.events.iter().take(count).map(|event| {
            let has = |bit: libc::c_int| event.events & bit.cast_unsigned() != 0;
            Ready {
                key: event.u64,
                readable: has(libc::EPOLLIN),
                writable: has(libc::EPOLLOUT),
                error: has(libc::EPOLLERR),
            }
        }))
    }

    fn control(
        &self,
        operation: libc::c_int,
        fd: BorrowedFd<'_>,
        key: u64,
        interest: Interest,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: interest.bits(),
            u64: key,
        };
        // SAFETY: both descriptors are open for the call; the event outlives it.
        let result = unsafe {
            libc::epoll_ctl(
                self.fd.as_raw_fd(),
                operation,
                fd.as_raw_fd(),
                &raw mut event,
            )
        };
        check(result).map(drop)
    }
}

impl Bell {
    /// A silent bell.
    ///
    /// # Errors
    ///
    /// The process has too many descriptors.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before it is owned.
        let fd = unsafe { owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) }?;
        Ok(Self { fd })
    }

    /// Wakes whoever waits for it. A full counter means that the bell rings already.
    pub fn ring(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight readable bytes, as an eventfd wants; a failed write changes nothing.
        unsafe { libc::write(self.fd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Silences it.
    pub fn silence(&self) {
        let mut count = [0u8; 8];
        // SAFETY: eight writable bytes, as an eventfd wants; an empty counter gives EAGAIN.
        unsafe { libc::read(self.fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Signal {
    /// The numbers by which it comes.
    const fn numbers(self) -> &'static [libc::c_int] {
        match self {
            Self::Stop => &[libc::SIGTERM, libc::SIGINT],
            Self::Reload => &[libc::SIGHUP],
        }
    }
}

impl Signals {
    /// Takes what asks for one of these off this thread and all that it starts later. To be called
    /// before any other thread exists.
    ///
    /// # Errors
    ///
    /// The process has too many descriptors.
    pub fn take(wanted: &[Signal]) -> io::Result<Self> {
        // SAFETY: the set is initialised by sigemptyset before anything reads it, and outlives all
        // calls; the descriptor is checked before it is owned.
        unsafe {
            let mut set = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&raw mut set);
            for number in wanted.iter().flat_map(|signal| signal.numbers()) {
                libc::sigaddset(&raw mut set, *number);
            }
            check(libc::pthread_sigmask(
                libc::SIG_BLOCK,
                &raw const set,
                std::ptr::null_mut(),
            ))?;
            let fd = owned(libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC))?;
            Ok(Self { fd })
        }
    }

    /// Waits for the next one.
    ///
    /// # Errors
    ///
    /// Only if the descriptor itself is broken.
    pub fn next(&self) -> io::Result<Signal> {
        let mut info = [0u8; size_of::<libc::signalfd_siginfo>()];
        loop {
            // SAFETY: as many writable bytes as a signalfd writes at once.
            let read =
                unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), info.len()) };
            if read > 0 {
                // Its first member is the number of the signal.
                let [a, b, c, d, ..] = info;
                let hung_up = i32::from_ne_bytes([a, b, c, d]) == libc::SIGHUP;
                return Ok(if hung_up {
                    Signal::Reload
                } else {
                    Signal::Stop
                });
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

/// Whole milliseconds, rounded up: waking a moment too early would only mean to wait again.
fn ceil_millis(timeout: Duration) -> libc::c_int {
    let millis = timeout.as_nanos().div_ceil(1_000_000);
    libc::c_int::try_from(millis).unwrap_or(libc::c_int::MAX)
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// # Safety
///
/// `fd` is the result of a call that makes a descriptor, and nobody else owns it.
unsafe fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: `check` lets only a valid descriptor pass; the caller gives it away.
    check(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_is_heard_once_however_often_it_was_rung() {
        let mut epoll = Epoll::new().expect("epoll");
        let bell = Bell::new().expect("bell");
        epoll.add(bell.as_fd(), 7, Interest::READ).expect("added");
        assert_eq!(epoll.wait(Some(Duration::ZERO)).expect("waited").count(), 0);
        bell.ring();
        bell.ring();
        let heard: Vec<Ready> = epoll.wait(None).expect("waited").collect();
        assert_eq!(
            heard,
            [Ready {
                key: 7,
                readable: true,
                writable: false,
                error: false
            }]
        );
        bell.silence();
        assert_eq!(epoll.wait(Some(Duration::ZERO)).expect("waited").count(), 0);
        bell.silence();
    }

    #[test]
    fn interest_can_be_changed() {
        let mut epoll = Epoll::new().expect("epoll");
        let bell = Bell::new().expect("bell");
        epoll.add(bell.as_fd(), 1, Interest::NONE).expect("added");
        bell.ring();
        assert_eq!(epoll.wait(Some(Duration::ZERO)).expect("waited").count(), 0);
        epoll
            .modify(bell.as_fd(), 2, Interest::READ)
            .expect("modified");
        assert_eq!(
            epoll
                .wait(None)
                .expect("waited")
                .map(|r| r.key)
                .collect::<Vec<_>>(),
            [2]
        );
    }

    #[test]
    fn timeouts_round_up() {
        assert_eq!(ceil_millis(Duration::ZERO), 0);
        assert_eq!(ceil_millis(Duration::from_micros(1)), 1);
        assert_eq!(ceil_millis(Duration::from_millis(5)), 5);
        assert_eq!(ceil_millis(Duration::MAX), libc::c_int::MAX);
    }
}
