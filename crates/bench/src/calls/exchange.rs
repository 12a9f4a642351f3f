//! `Exchange`: the calls through one relay. Its caller and its devices are played by this process; the devices are
//! registered first, through the relay, while the caller's address plays the main registrar.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::cast::{Cast, Heard, learn};
use super::lines::{Datagrams, Inbox, Lines};
use super::script::Script;
use crate::cli::FleetArgs;
use crate::failure::Failure;
use crate::fleet::{Fleet, Preload, run_number};
use crate::load::{Pacing, Tally};
use crate::process::Process;
use crate::registrar::{Access, Registrar, Rules, Verdict};
use crate::syscalls::{BATCH, Epoll, RecvBatch, SendBatch};

/// A call that takes longer is given up: nothing is ever lost on the way for that long.
const LONGEST_CALL: u64 = 5_000_000_000;
/// Receive calls per line and turn.
const RECEIVE_BOUND: usize = 4;
/// Longest wait for something to happen.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Seconds that the devices ask for, so that no binding ends during a run.
const EXPIRES: u32 = 3600;
/// Seconds that the main registrar grants at most.
const GRANTED: u32 = 7200;

/// The sockets of an exchange, before anybody listens at the other end.
pub struct Sockets {
    caller: UdpSocket,
    devices: Vec<UdpSocket>,
}

/// One relay's calls.
pub struct Exchange {
    cast: Cast,
    lines: Lines,
    inbox: Inbox,
    epoll: Epoll,
    epoch: Instant,
}

/// How one round of calls goes.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// When the next call may begin.
    pub pacing: Pacing,
    /// At most so many begin.
    pub calls: u64,
    /// None begins later than this after the beginning.
    pub time: Duration,
}

/// What went through a relay, in datagrams.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Passed {
    /// Sent to it.
    pub into: Datagrams,
    /// Received from it.
    pub out: Datagrams,
}

impl Sockets {
    /// Sockets toward `relay`: one of the caller, `devices` of devices.
    pub fn open(relay: SocketAddr, devices: usize) -> Result<Self, Failure> {
        let mut all = crate::load::open_sources(relay, devices + 1)?;
        Ok(Self {
            caller: all.swap_remove(0),
            devices: all,
        })
    }

    /// The caller's address, which is also the main registrar's.
    pub fn caller(&self) -> Result<SocketAddr, Failure> {
        Ok(self.caller.local_addr()?)
    }
}

impl Exchange {
    /// Registers the devices of `users` users at the relay at `address` (`process`), and gets ready for
    /// `places` calls at a time. A relay that forwards no REGISTER serves its users itself.
    pub fn open(
        sockets: Sockets,
        (address, process): (SocketAddr, Process),
        fleet: &FleetArgs,
        (users, places): (u32, usize),
    ) -> Result<(Self, Preload), Failure> {
        let mut targets: Vec<Vec<u8>> = (0..users)
            .map(|user| format!("sip:u{user:07}@{address}").into_bytes())
            .collect();
        let clones: Result<_, _> = sockets.devices.iter().map(UdpSocket::try_clone).collect();
        let mut phones = Fleet::over(clones?, fleet, users, EXPIRES)?;
        let over = AtomicBool::new(false);
        let preload = thread::scope(|scope| {
            let registrar = scope.spawn(|| main_registrar(&sockets.caller, &mut targets, &over));
            let preload = phones.preload(fleet, Some(process));
            over.store(true, Ordering::Release);
            match registrar.join() {
                Ok(served) => served.and(preload),
                Err(_) => Err(Failure::new("the main registrar broke down")),
            }
        })?;
        let hosts: Result<Vec<_>, _> = sockets.devices.iter().map(UdpSocket::local_addr).collect();
        let script = Script::new(sockets.caller()?, &fleet.domain, run_number());
        let devices = fleet.devices_per_aor as usize;
        let cast = Cast::new(script, targets, &hosts?, (devices, places));
        let lines = Lines::new(sockets.caller, sockets.devices);
        let epoll = Epoll::new()?;
        for (token, socket) in lines.sockets().enumerate() {
            epoll.add(socket, token)?;
        }
        let exchange = Self {
            cast,
            lines,
            inbox: Inbox::new(),
            epoll,
            epoch: Instant::now(),
        };
        Ok((exchange, preload))
    }

    /// Runs one round to its end.
    pub fn run(&mut self, round: &Round) -> Result<Tally, Failure> {
        self.cast.tally = Tally::default();
        let start = self.now();
        let closes = start.saturating_add(nanos(round.time));
        let mut wanted = round.calls;
        loop {
            let now = self.now();
            if now >= closes && self.cast.tally.sent < wanted {
                wanted = self.cast.tally.sent;
            }
            let next = self.begin_due(round, start, (wanted, now))?;
            self.lines.flush()?;
            if self.cast.busy() == 0 && self.cast.tally.sent >= wanted {
                break;
            }
            self.cast.give_up(now.saturating_sub(LONGEST_CALL));
            if self.cast.tally.lost >= 16 && self.cast.tally.answered() == 0 {
                return Err(Failure::new("no call comes through"));
            }
            let wait = next.map_or(LOOK_EVERY, |at| {
                LOOK_EVERY.min(Duration::from_nanos(at.saturating_sub(self.now())))
            });
            let ready = self.epoll.wait(Some(wait))?;
            for index in 0..ready {
                self.receive(self.epoll.token(index))?;
            }
        }
        self.cast.tally.elapsed = Duration::from_nanos(self.now() - start);
        self.cast.tally.dropped = std::mem::take(&mut self.lines.dropped);
        Ok(std::mem::take(&mut self.cast.tally))
    }

    /// What went through the relay since this was asked last.
    pub fn take_passed(&mut self) -> Passed {
        Passed {
            into: std::mem::take(&mut self.lines.sent),
            out: std::mem::take(&mut self.inbox.received),
        }
    }

    /// Begins what the pacing allows; when the next call is due, if time alone decides that.
    fn begin_due(
        &mut self,
        round: &Round,
        start: u64,
        (wanted, now): (u64, u64),
    ) -> Result<Option<u64>, Failure> {
        while self.cast.tally.sent < wanted && self.cast.free() > 0 {
            let due = match round.pacing {
                Pacing::Closed { window } if self.cast.busy() >= window => return Ok(None),
                Pacing::Closed { .. } => now,
                Pacing::Rate { per_second } => {
                    start + (self.cast.tally.sent as f64 * 1e9 / per_second.max(1e-3)) as u64
                }
            };
            if due > now {
                return Ok(Some(due));
            }
            self.cast.tally.lag.record(now - due);
            self.cast.begin(due, &mut self.lines)?;
        }
        Ok(None)
    }

    fn receive(&mut self, line: usize) -> Result<(), Failure> {
        for _ in 0..RECEIVE_BOUND {
            let count = self.inbox.receive(&self.lines, line)?;
            let now = self.now();
            for index in 0..count {
                let heard = Heard {
                    line,
                    datagram: self.inbox.datagram(index),
                    now,
                };
                self.cast.hear(heard, &mut self.lines)?;
            }
            if count < BATCH {
                break;
            }
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        nanos(self.epoch.elapsed())
    }
}

/// Answers REGISTERs on the caller's socket until `over`, and enters what users are reached by.
fn main_registrar(
    socket: &UdpSocket,
    targets: &mut [Vec<u8>],
    over: &AtomicBool,
) -> Result<(), Failure> {
    let mut registrar = Registrar::new(Rules {
        max_expires: GRANTED,
        access: Access::Open,
    });
    let (mut inbox, mut outbox) = (RecvBatch::new(8192), SendBatch::new());
    let mut epoll = Epoll::new()?;
    epoll.add(socket, 0)?;
    while !over.load(Ordering::Acquire) {
        epoll.wait(Some(Duration::from_millis(10)))?;
        let count = inbox.receive(socket)?;
        for index in 0..count {
            let (datagram, peer) = inbox.datagram(index);
            let Some(source) = peer.socket_addr() else {
                continue;
            };
            if let Some((user, uri)) = learn(datagram)
                && let Some(target) = targets.get_mut(user)
            {
                *target = uri.to_vec();
            }
            let mut answer = Vec::with_capacity(1024);
            if registrar.answer(datagram, source, &mut answer) == Verdict::Answered {
                outbox.push(None, |out| out.extend_from_slice(&answer));
            }
        }
        outbox.flush(socket)?;
    }
    Ok(())
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 2)
}
