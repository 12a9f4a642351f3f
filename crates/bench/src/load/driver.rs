//! `Driver`: the loop that starts requests, repeats unanswered ones and takes answers.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::order::Order;
use super::retransmits::{Retransmits, Step};
use super::{Pacing, Plan, Reply, Selection, Tally, Traffic};
use crate::failure::{Context, Failure};
use crate::socket;
use crate::syscalls::{BATCH, Epoll, RecvBatch, SendBatch};
use crate::template::RequestId;

/// Larger than any answer worth measuring; what is beyond is cut.
const RECEIVE_BYTES: usize = 4096;
/// Requests started before answers are looked at again, so that catching up does not starve receiving.
const START_BOUND: usize = 4 * BATCH;
/// Receive calls per socket and turn.
const RECEIVE_BOUND: usize = 4;

/// Drives one target with the requests of many devices.
pub struct Driver<T> {
    traffic: T,
    wire: Wire,
    devices: Vec<Device>,
    order: Order,
    timers: Retransmits,
    outstanding: usize,
    tally: Tally,
    epoch: Instant,
    progress: Progress,
}

/// The source ports and their batches.
struct Wire {
    lanes: Vec<(UdpSocket, SendBatch)>,
    epoll: Epoll,
    inbox: RecvBatch,
}

/// What is known of one device.
#[derive(Clone, Copy, Default)]
struct Device {
    /// Intended time of the outstanding request, in nanoseconds since the epoch.
    intended: u64,
    serial: u32,
    state: State,
    registered: Registered,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Waiting,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Registered {
    #[default]
    No,
    Yes,
}

/// Opens `count` source ports toward `target`.
pub fn open_sources(target: SocketAddr, count: usize) -> Result<Vec<UdpSocket>, Failure> {
    (0..count.max(1))
        .map(|_| socket::connect(target).while_doing(|| format!("source port toward {target}")))
        .collect()
}

impl<T: Traffic> Driver<T> {
    /// A driver of `devices` devices over these connected sockets; device n uses socket n modulo their number.
    pub fn new(sockets: Vec<UdpSocket>, devices: u32, traffic: T) -> Result<Self, Failure> {
        let epoll = Epoll::new()?;
        for (token, socket) in sockets.iter().enumerate() {
            epoll.add(socket, token)?;
        }
        let lanes = sockets
            .into_iter()
            .map(|socket| (socket, SendBatch::new()))
            .collect();
        Ok(Self {
            traffic,
            wire: Wire {
                lanes,
                epoll,
                inbox: RecvBatch::new(RECEIVE_BYTES),
            },
            devices: vec![Device::default(); devices.max(1) as usize],
            order: Order::new(devices),
            timers: Retransmits::default(),
            outstanding: 0,
            tally: Tally::default(),
            epoch: Instant::now(),
            progress: Progress::default(),
        })
    }

    /// How many devices have not been answered with a 2xx lately.
    pub fn unregistered(&self) -> u64 {
        self.devices
            .iter()
            .filter(|device| device.registered == Registered::No)
            .count() as u64
    }

    /// Runs one phase to its end. Fails only when a socket does, or when the target never answers at all.
    pub fn run(&mut self, plan: &Plan) -> Result<Tally, Failure> {
        self.tally = Tally::default();
        self.timers.clear();
        let start = self.now();
        let mut phase = Phase::new(plan, start, self.unregistered());
        loop {
            let now = self.now();
            if now >= phase.closes && self.tally.sent < phase.wanted {
                self.tally.overdue = phase.missed(self.tally.sent);
                phase.wanted = self.tally.sent;
            }
            self.start_due(&phase, now)?;
            self.repeat_due(now)?;
            self.flush()?;
            if self.outstanding == 0 && self.tally.sent >= phase.wanted {
                break;
            }
            self.check_alive()?;
            self.progress.show(&phase, &self.tally, now);
            let until = self.wake_at(&phase);
            let ready = self
                .wire
                .epoll
                .wait(until.map(|at| Duration::from_nanos(at.saturating_sub(self.now()))))?;
            for index in 0..ready {
                self.receive(self.wire.epoll.token(index))?;
            }
        }
        self.progress.clear();
        self.tally.elapsed = Duration::from_nanos(self.now() - start);
        Ok(std::mem::take(&mut self.tally))
    }

    fn now(&self) -> u64 {
        nanos(self.epoch.elapsed())
    }

    /// Starts as many requests as the pacing allows at `now`.
    fn start_due(&mut self, phase: &Phase<'_>, now: u64) -> io::Result<()> {
        for _ in 0..START_BOUND {
            if self.tally.sent >= phase.wanted {
                break;
            }
            let intended = match phase.plan.pacing {
                Pacing::Closed { window } if self.outstanding < window => now,
                Pacing::Rate { .. } => phase.due(self.tally.sent),
                Pacing::Closed { .. } => break,
            };
            if intended > now {
                break;
            }
            let Some(number) = self.next_device(phase.plan.selection) else {
                break;
            };
            let device = &mut self.devices[number as usize];
            device.serial = device.serial.wrapping_add(1);
            device.intended = intended;
            device.state = State::Waiting;
            let id = RequestId {
                device: number,
                serial: device.serial,
            };
            self.outstanding += 1;
            self.tally.sent += 1;
            self.tally.lag.record(now - intended);
            self.tally.request_bytes += self.send(id)? as u64;
            self.timers.arm(id, 0, now);
        }
        Ok(())
    }

    /// The next idle device in order; `None` when all that may have a turn are waiting for answers.
    fn next_device(&mut self, selection: Selection) -> Option<u32> {
        for _ in 0..self.devices.len() {
            let number = self.order.next();
            let device = &self.devices[number as usize];
            let eligible = selection == Selection::Everyone || device.registered == Registered::No;
            if device.state == State::Idle && eligible {
                return Some(number);
            }
        }
        None
    }

    fn repeat_due(&mut self, now: u64) -> io::Result<()> {
        while let Some(due) = self.timers.pop(now) {
            if !self.is_outstanding(due.id) {
                continue;
            }
            match due.step {
                Step::Repeat(repeats) => {
                    self.send(due.id)?;
                    self.tally.retransmits += 1;
                    self.timers.arm(due.id, repeats, now);
                }
                Step::Lost => {
                    self.tally.lost += 1;
                    self.finish(due.id, Registered::No);
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, id: RequestId) -> io::Result<usize> {
        let lane = id.device as usize % self.wire.lanes.len();
        let (socket, batch) = &mut self.wire.lanes[lane];
        let size = batch.push(None, |out| self.traffic.write_request(id, out));
        if batch.len() == BATCH {
            self.tally.dropped += batch.flush(socket)? as u64;
        }
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        for (socket, batch) in &mut self.wire.lanes {
            if !batch.is_empty() {
                self.tally.dropped += batch.flush(socket)? as u64;
            }
        }
        Ok(())
    }

    fn receive(&mut self, lane: usize) -> io::Result<()> {
        for _ in 0..RECEIVE_BOUND {
            let count = self.wire.inbox.receive(&self.wire.lanes[lane].0)?;
            let now = self.now();
            for index in 0..count {
                let datagram = self.wire.inbox.datagram(index).0;
                let size = datagram.len();
                let reply = self.traffic.read_reply(datagram);
                self.on_reply(reply, size, now)?;
            }
            if count < BATCH {
                break;
            }
        }
        Ok(())
    }

    fn on_reply(&mut self, reply: Reply, size: usize, now: u64) -> io::Result<()> {
        match reply {
            Reply::Provisional => {}
            Reply::Challenged(id) if self.is_outstanding(id) => {
                let device = &mut self.devices[id.device as usize];
                device.serial = device.serial.wrapping_add(1);
                let next = RequestId {
                    device: id.device,
                    serial: device.serial,
                };
                self.tally.challenged += 1;
                self.tally.request_bytes += self.send(next)? as u64;
                self.timers.arm(next, 0, now);
            }
            Reply::Final {
                id,
                status,
                retry_after,
            } if self.is_outstanding(id) => {
                self.tally
                    .latency
                    .record(now.saturating_sub(self.devices[id.device as usize].intended));
                *self.tally.statuses.entry(status).or_insert(0) += 1;
                self.tally.response_bytes += size as u64;
                self.tally.retry_after = self.tally.retry_after.max(retry_after);
                self.finish(
                    id,
                    if (200..300).contains(&status) {
                        Registered::Yes
                    } else {
                        Registered::No
                    },
                );
            }
            Reply::Noise | Reply::Challenged(_) | Reply::Final { .. } => self.tally.stray += 1,
        }
        Ok(())
    }

    fn is_outstanding(&self, id: RequestId) -> bool {
        self.devices
            .get(id.device as usize)
            .is_some_and(|d| d.state == State::Waiting && d.serial == id.serial)
    }

    fn finish(&mut self, id: RequestId, registered: Registered) {
        let device = &mut self.devices[id.device as usize];
        device.state = State::Idle;
        device.registered = registered;
        self.outstanding -= 1;
    }

    /// Gives up on a target that has let many requests time out and has answered none.
    fn check_alive(&self) -> Result<(), Failure> {
        if self.tally.lost >= 16 && self.tally.answered() == 0 {
            return Err(Failure::new("the target does not answer"));
        }
        Ok(())
    }

    /// When the loop must act next even if nothing arrives.
    fn wake_at(&self, phase: &Phase<'_>) -> Option<u64> {
        let mut at = self.timers.next_due();
        if self.tally.sent < phase.wanted {
            let start = match phase.plan.pacing {
                // A full window, or devices that are all busy, wait for answers; else the turn's bound was
                // reached and the loop goes on at once.
                Pacing::Closed { window } if self.outstanding < window.min(self.devices.len()) => 0,
                Pacing::Closed { .. } => phase.closes,
                Pacing::Rate { .. } if self.outstanding >= self.devices.len() => phase.closes,
                Pacing::Rate { .. } => phase.due(self.tally.sent).min(phase.closes),
            };
            at = Some(at.map_or(start, |other| other.min(start)));
        }
        at
    }
}

/// A running phase.
struct Phase<'p> {
    plan: &'p Plan,
    start: u64,
    /// Requests to be started in all; lowered to those started when the time is up.
    wanted: u64,
    closes: u64,
}

impl<'p> Phase<'p> {
    fn new(plan: &'p Plan, start: u64, unregistered: u64) -> Self {
        let eligible = match plan.selection {
            Selection::Everyone => plan.requests,
            Selection::Unregistered => plan.requests.min(unregistered),
        };
        let wanted = match plan.pacing {
            Pacing::Closed { .. } => eligible,
            Pacing::Rate { per_second } => {
                eligible.min((plan.time.as_secs_f64() * per_second).ceil() as u64)
            }
        };
        Self {
            plan,
            start,
            wanted,
            closes: start.saturating_add(nanos(plan.time)),
        }
    }

    /// Requests that fell due before the close, of which only `sent` could be started.
    fn missed(&self, sent: u64) -> u64 {
        match self.plan.pacing {
            Pacing::Closed { .. } => 0,
            Pacing::Rate { .. } => self.wanted - sent,
        }
    }

    /// The intended time of request number `index` at a fixed rate.
    fn due(&self, index: u64) -> u64 {
        match self.plan.pacing {
            Pacing::Rate { per_second } => {
                self.start + (index as f64 * 1e9 / per_second.max(1e-3)) as u64
            }
            Pacing::Closed { .. } => self.start,
        }
    }
}

/// A line on a terminal, rewritten once per second.
#[derive(Default)]
struct Progress {
    shown: Option<u64>,
}

impl Progress {
    fn show(&mut self, phase: &Phase<'_>, tally: &Tally, now: u64) {
        let last = self.shown.unwrap_or(phase.start);
        if now.saturating_sub(last) < 1_000_000_000 || !io::stderr().is_terminal() {
            return;
        }
        self.shown = Some(now);
        eprint!(
            "\r\x1b[K{}: {} of {} sent, {} answered",
            phase.plan.name,
            tally.sent,
            phase.wanted,
            tally.answered()
        );
        let _ = io::stderr().flush();
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests;
