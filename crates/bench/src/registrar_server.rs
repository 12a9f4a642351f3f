//! The stub registrar as a process: one UDP socket, batched calls, optional delay, counters as lines of JSON.

use std::collections::VecDeque;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::cli::RegistrarArgs;
use crate::failure::{Context, Failure};
use crate::json::Json;
use crate::registrar::{Access, Registrar, Rules, Verdict};
use crate::socket;
use crate::syscalls::{BATCH, Epoll, Peer, RecvBatch, SendBatch, StopSignal};

const SOCKET: usize = 0;
const STOP: usize = 1;
const RECEIVE_BYTES: usize = 8192;

/// Answers until SIGTERM, SIGINT or the end of `--for`. The first line of output tells the address, the last
/// one the counts.
pub fn run(args: &RegistrarArgs) -> Result<(), Failure> {
    socket::check_reach(args.listen, args.reach.allowed())?;
    let stop = StopSignal::take()?;
    let socket =
        socket::bind(args.listen).while_doing(|| format!("cannot listen on {}", args.listen))?;
    let mut epoll = Epoll::new()?;
    epoll.add(&socket, SOCKET)?;
    epoll.add(&stop, STOP)?;
    crate::print_line(&Json::object([(
        "listening",
        socket.local_addr()?.to_string().as_str().into(),
    )]));

    let access = if args.challenge {
        Access::Challenged
    } else {
        Access::Open
    };
    let mut server = Server {
        registrar: Registrar::new(Rules {
            max_expires: args.max_expires,
            access,
        }),
        socket,
        inbox: RecvBatch::new(RECEIVE_BYTES),
        outbox: SendBatch::new(),
        delay: Duration::from_millis(args.delay),
        delayed: VecDeque::new(),
    };
    let start = Instant::now();
    let end = start + Duration::from_secs(args.r#for);
    let mut stats = args
        .stats_every
        .map(|every| Every::new(Duration::from_secs(every.max(1)), start));
    loop {
        let wake = [Some(end), server.next_due(), stats.as_ref().map(|s| s.next)]
            .into_iter()
            .flatten()
            .min();
        let ready = epoll.wait(wake.map(|at| at.saturating_duration_since(Instant::now())))?;
        let now = Instant::now();
        if now >= end || (0..ready).any(|index| epoll.token(index) == STOP) {
            break;
        }
        server.receive(now)?;
        server.send_due(now)?;
        if stats.as_mut().is_some_and(|s| s.is_due(now)) {
            crate::print_line(&server.registrar.counts().json());
        }
    }
    crate::print_line(&server.registrar.counts().json());
    Ok(())
}

struct Server {
    registrar: Registrar,
    socket: UdpSocket,
    inbox: RecvBatch,
    outbox: SendBatch,
    delay: Duration,
    delayed: VecDeque<(Instant, Peer, Vec<u8>)>,
}

impl Server {
    /// Takes what waits and answers it, now or after the delay.
    fn receive(&mut self, now: Instant) -> Result<(), Failure> {
        loop {
            let count = self.inbox.receive(&self.socket)?;
            for index in 0..count {
                self.answer(index, now);
            }
            self.outbox.flush(&self.socket)?;
            if count < BATCH {
                return Ok(());
            }
        }
    }

    fn answer(&mut self, index: usize, now: Instant) {
        let (datagram, peer) = self.inbox.datagram(index);
        let Some(source) = peer.socket_addr() else {
            return;
        };
        let mut response = Vec::with_capacity(1024);
        if self.registrar.answer(datagram, source, &mut response) == Verdict::Ignored {
            return;
        }
        if self.delay.is_zero() {
            self.outbox
                .push(Some(*peer), |out| out.extend_from_slice(&response));
        } else {
            self.delayed.push_back((now + self.delay, *peer, response));
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.delayed.front().map(|(due, ..)| *due)
    }

    fn send_due(&mut self, now: Instant) -> Result<(), Failure> {
        while self.next_due().is_some_and(|due| due <= now) {
            let Some((_, peer, response)) = self.delayed.pop_front() else {
                break;
            };
            self.outbox
                .push(Some(peer), |out| out.extend_from_slice(&response));
        }
        self.outbox.flush(&self.socket)?;
        Ok(())
    }
}

/// Something that happens at fixed intervals.
struct Every {
    interval: Duration,
    next: Instant,
}

impl Every {
    fn new(interval: Duration, start: Instant) -> Self {
        Self {
            interval,
            next: start + interval,
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = now >= self.next;
        while self.next <= now {
            self.next += self.interval;
        }
        due
    }
}
