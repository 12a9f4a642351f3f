//! `Crowd`: all phones of the demo, over a few sockets and threads.
//!
//! Each phone belongs to one socket, because midreg absorbs only what comes from the flow that was
//! proved. A phone sends, repeats until it is answered (RFC 3261 §17.1.2.2), judges the answer,
//! and refreshes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::mem;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sip::Message;

use super::Options;
use super::phone::{Phone, number_of};
use crate::net::epoll::{Bell, Epoll, Interest};
use crate::net::udp_batch::DATAGRAM;

/// Most sockets and threads over which the phones are dealt.
const MAX_SOCKETS: usize = 64;
const MAX_THREADS: usize = 2;

/// Retransmission interval at first and at most, and when a phone gives up: T1, T2 and timer F of
/// RFC 3261.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const TIMER_F: Duration = Duration::from_secs(32);

/// Most texts of faults kept; all are counted.
const MAX_FAULT_TEXTS: usize = 5;

const BELL: u64 = u64::MAX;

/// All phones; they stop when this is dropped.
#[derive(Debug)]
pub(super) struct Crowd {
    stats: Arc<Stats>,
    threads: Vec<(Arc<Bell>, JoinHandle<()>)>,
}

#[derive(Debug, Default)]
struct Stats {
    stopped: AtomicBool,
    registered: AtomicUsize,
    faults: AtomicU64,
    texts: Mutex<Vec<String>>,
}

impl Crowd {
    /// Starts phones that register at `target` and refresh.
    pub(super) fn start(options: &Options, target: SocketAddr) -> io::Result<Self> {
        let mut crowd = Self {
            stats: Arc::default(),
            threads: Vec::new(),
        };
        let count = options.phones;
        let threads = count.clamp(1, MAX_THREADS);
        for index in 0..threads {
            let numbers: Vec<usize> = (index..count).step_by(threads).collect();
            let bell = Arc::new(Bell::new()?);
            let stats = Arc::clone(&crowd.stats);
            let mut group = Group::new(&numbers, options, target, stats)?;
            group.epoll.add(bell.as_fd(), BELL, Interest::READ)?;
            let work = move || group.run();
            let thread = thread::Builder::new()
                .name(format!("phones-{index}"))
                .spawn(work)?;
            crowd.threads.push((bell, thread));
        }
        Ok(crowd)
    }

    /// Phones that are registered.
    pub(super) fn registered(&self) -> usize {
        self.stats.registered.load(Ordering::Relaxed)
    }

    /// Everything that was not as it should be.
    pub(super) fn faults(&self) -> u64 {
        self.stats.faults.load(Ordering::Relaxed)
    }

    /// Some of it in words, once.
    pub(super) fn take_faults(&self) -> Vec<String> {
        mem::take(
            &mut *self
                .stats
                .texts
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stats.stopped.store(true, Ordering::Relaxed);
        for (bell, thread) in self.threads.drain(..) {
            bell.ring();
            let _ = thread.join();
        }
    }
}

impl Stats {
    fn fault(&self, text: String) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.len() < MAX_FAULT_TEXTS {
            texts.push(text);
        }
    }
}

/// The phones of one thread.
struct Group {
    target: SocketAddr,
    refresh: Duration,
    stats: Arc<Stats>,
    epoll: Epoll,
    sockets: Vec<UdpSocket>,
    seats: Vec<Seat>,
    /// Distance of phone numbers: seat `n` holds phone `first + n * step`.
    step: usize,
    first: usize,
    /// When which seat has something to do; entries that a seat does not confirm are stale.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
}

/// A phone and what it waits for.
struct Seat {
    phone: Phone,
    socket: usize,
    wait: Wait,
    standing: Standing,
    /// The latest request, for retransmissions.
    request: Vec<u8>,
}

/// Whether a phone is registered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Out,
    In,
}

enum Wait {
    /// For the time to refresh.
    Refresh { at: Instant },
    /// For an answer.
    Answer {
        since: Instant,
        again_at: Instant,
        interval: Duration,
    },
}

impl Group {
    fn new(
        numbers: &[usize],
        options: &Options,
        target: SocketAddr,
        stats: Arc<Stats>,
    ) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let mut sockets = Vec::new();
        for key in 0..numbers.len().clamp(1, MAX_SOCKETS / MAX_THREADS) as u64 {
            let socket = UdpSocket::bind((target.ip(), 0))?;
            socket.set_nonblocking(true)?;
            epoll.add(socket.as_fd(), key, Interest::READ)?;
            sockets.push(socket);
        }
        let locals: Vec<SocketAddr> = sockets
            .iter()
            .map(UdpSocket::local_addr)
            .collect::<io::Result<_>>()?;
        let start = Instant::now();
        let (total, refresh) = (options.phones, options.refresh);
        let mut seats = Vec::with_capacity(numbers.len());
        let mut due = BinaryHeap::new();
        for (index, (number, (socket, local))) in numbers
            .iter()
            .zip(locals.iter().enumerate().cycle())
            .enumerate()
        {
            // Spread over one interval, so that the refreshes are spread too.
            let at = start + refresh.mul_f64(*number as f64 / total.max(1) as f64);
            let user = number / options.phones_per_user.max(1);
            let phone = Phone::new(*number, user, *local, target);
            let wait = Wait::Refresh { at };
            seats.push(Seat {
                phone,
                socket,
                wait,
                standing: Standing::Out,
                request: Vec::new(),
            });
            due.push(Reverse((at, index)));
        }
        let first = numbers.first().copied().unwrap_or_default();
        let step = numbers.get(1).map_or(1, |second| second - first);
        Ok(Self {
            target,
            refresh,
            stats,
            epoll,
            sockets,
            seats,
            step,
            first,
            due,
        })
    }

    fn run(&mut self) {
        let mut buffer = vec![0; DATAGRAM];
        while !self.stats.stopped.load(Ordering::Relaxed) {
            let now = Instant::now();
            let next = self
                .due
                .peek()
                .map(|Reverse((at, _))| at.saturating_duration_since(now));
            let Ok(ready) = self.epoll.wait(next) else {
                return;
            };
            let ready: Vec<usize> = ready
                .filter_map(|event| usize::try_from(event.key).ok())
                .collect();
            for index in ready {
                self.receive(index, &mut buffer);
            }
            self.act(Instant::now());
        }
    }

    fn receive(&mut self, index: usize, buffer: &mut [u8]) {
        while let Some(Ok((length, _))) = self.sockets.get(index).map(|s| s.recv_from(buffer)) {
            let Ok(message) = Message::parse(buffer.get(..length).unwrap_or_default()) else {
                self.stats.fault("an answer that is not SIP".to_owned());
                continue;
            };
            let seat = number_of(&message)
                .and_then(|number| number.checked_sub(self.first))
                .map(|offset| offset / self.step);
            let Some(seat) = seat else { continue };
            self.on_answer(seat, &message);
        }
    }

    fn on_answer(&mut self, index: usize, message: &Message<'_>) {
        let (stats, refresh, now) = (Arc::clone(&self.stats), self.refresh, Instant::now());
        let Some(seat) = self.seats.get_mut(index) else {
            return;
        };
        let waiting = matches!(seat.wait, Wait::Answer { .. });
        let status = message.status().unwrap_or_default();
        if !waiting || !seat.phone.awaits(message) || status < 200 {
            return;
        }
        match status {
            200 => match seat.phone.check(message) {
                Ok(_) => seat.stand(&stats, Standing::In),
                Err(fault) => stats.fault(fault),
            },
            401 => match seat.phone.take_challenge(message) {
                Ok(()) => return self.send(index, now),
                Err(fault) => stats.fault(fault),
            },
            status => {
                seat.stand(&stats, Standing::Out);
                stats.fault(format!("{} got a {status}", seat.phone.user()));
            }
        }
        self.later(index, now + refresh);
    }

    /// Does what is due.
    fn act(&mut self, now: Instant) {
        while let Some(Reverse((at, index))) = self.due.peek().copied() {
            if at > now {
                return;
            }
            self.due.pop();
            match self.seats.get(index).map(|seat| &seat.wait) {
                Some(Wait::Refresh { at }) if *at <= now => self.send(index, now),
                Some(Wait::Answer { again_at, .. }) if *again_at <= now => self.repeat(index, now),
                _ => {}
            }
        }
    }

    fn send(&mut self, index: usize, now: Instant) {
        let Some(seat) = self.seats.get_mut(index) else {
            return;
        };
        seat.request.clear();
        seat.phone.write_request(&mut seat.request);
        self.transmit(index, now, now, T1);
    }

    fn repeat(&mut self, index: usize, now: Instant) {
        let Some(seat) = self.seats.get_mut(index) else {
            return;
        };
        let Wait::Answer {
            since, interval, ..
        } = seat.wait
        else {
            return;
        };
        if now.saturating_duration_since(since) >= TIMER_F {
            seat.stand(&self.stats, Standing::Out);
            self.stats
                .fault(format!("{} got no answer", seat.phone.user()));
            self.later(index, now + self.refresh);
            return;
        }
        self.transmit(index, since, now, (interval * 2).min(T2));
    }

    fn transmit(&mut self, index: usize, since: Instant, now: Instant, interval: Duration) {
        let Some(seat) = self.seats.get_mut(index) else {
            return;
        };
        if let Some(socket) = self.sockets.get(seat.socket) {
            // What is lost here is repeated like what is lost on the way.
            let _ = socket.send_to(&seat.request, self.target);
        }
        let again_at = now + interval;
        seat.wait = Wait::Answer {
            since,
            again_at,
            interval,
        };
        self.due.push(Reverse((again_at, index)));
    }

    fn later(&mut self, index: usize, at: Instant) {
        if let Some(seat) = self.seats.get_mut(index) {
            seat.wait = Wait::Refresh { at };
            self.due.push(Reverse((at, index)));
        }
    }
}

impl Seat {
    fn stand(&mut self, stats: &Stats, standing: Standing) {
        match (self.standing, standing) {
            (Standing::Out, Standing::In) => stats.registered.fetch_add(1, Ordering::Relaxed),
            (Standing::In, Standing::Out) => stats.registered.fetch_sub(1, Ordering::Relaxed),
            _ => return,
        };
        self.standing = standing;
    }
}
