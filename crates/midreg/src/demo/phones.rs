//! `Phones`: the loop in which all phones of the demo live, over a few sockets.
//!
//! Each phone belongs to one socket, because midreg absorbs only what comes from the flow that was
//! proved; one that restarts moves to another. A phone sends, repeats until it is answered, judges
//! the answer, and refreshes. Some call each other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip::{Message, Method, Name, Response};

use super::Options;
use super::cast::{Cast, Fate};
use super::crowd::{Act, BELL, Notes};
use super::dialog::{Parties, Place};
use super::leg::{Habits, Leg, Mail, Progress};
use super::phone::{Phone, number_of, user_name};
use super::repeat::Repeat;
use super::seat::{Boot, Seat, Standing, Wait};
use super::tempo::Tempo;
use crate::net::epoll::{Bell, Epoll, Interest};
use crate::net::udp_batch::DATAGRAM;

/// Most sockets over which the phones are dealt.
const MAX_SOCKETS: usize = 64;

/// Most phones that wait for an answer before another comes up, and how long that one waits then: a
/// slow machine takes longer, and is not buried.
const MAX_ASKING: usize = 100;
const ONE_MOMENT: Duration = Duration::from_millis(10);

/// How often it is looked whether all have come far enough to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Users that are looked at to find two who are free for a call.
const CANDIDATES: usize = 64;

/// How long a phone rings that is not to be the one of several that is answered: until it is told to
/// stop, even if that takes its time.
const RELUCTANCE: Duration = Duration::from_secs(30);

/// All phones.
pub(super) struct Phones {
    target: SocketAddr,
    tempo: Tempo,
    cast: Cast,
    /// How long a phone rings that is not to be the one that is answered.
    reluctance: Duration,
    notes: Arc<Notes>,
    pub(super) epoll: Epoll,
    sockets: Vec<(UdpSocket, SocketAddr)>,
    seats: Vec<Seat>,
    /// Phones that wait for an answer.
    asking: usize,
    /// When which seat has something to do; entries that a seat does not confirm are stale.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    started: Instant,
    next_call: Instant,
    calls: usize,
    mail: Mail,
}

impl Phones {
    pub(super) fn new(
        options: &Options,
        target: SocketAddr,
        notes: Arc<Notes>,
    ) -> io::Result<Self> {
        let (cast, tempo, started) = (options.cast(), options.tempo, Instant::now());
        let mut phones = Self {
            target,
            tempo,
            cast,
            reluctance: match options.forks() {
                true => RELUCTANCE,
                false => tempo.ring,
            },
            notes,
            epoll: Epoll::new()?,
            sockets: Vec::new(),
            seats: Vec::with_capacity(cast.phones),
            asking: 0,
            due: BinaryHeap::new(),
            started,
            next_call: started + tempo.storm,
            calls: 0,
            mail: Mail::new(),
        };
        // One more than a single phone needs: it may move.
        for key in 0..(cast.phones + 1).min(MAX_SOCKETS) as u64 {
            let socket = UdpSocket::bind((target.ip(), 0))?;
            socket.set_nonblocking(true)?;
            phones.epoll.add(socket.as_fd(), key, Interest::READ)?;
            let local = socket.local_addr()?;
            phones.sockets.push((socket, local));
        }
        for number in 0..cast.phones {
            let socket = number % phones.sockets.len();
            let user = cast.user_of(number);
            let local = phones.sockets[socket].1;
            let phone = Phone::new((number, user), local, target, tempo.expires);
            let at = started + tempo.storm.mul_f64(number as f64 / cast.phones as f64);
            let fate = cast.fate(number, &tempo);
            phones.seats.push(Seat::new(phone, socket, fate, at));
            phones.due.push(Reverse((at, number)));
        }
        Ok(phones)
    }

    /// Goes on until the demo is over; the bell says that something about that has changed.
    pub(super) fn run(&mut self, bell: &Bell) {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let act = self.notes.act();
            if act == Act::Over {
                return;
            }
            let next = self.next_due(act).saturating_duration_since(Instant::now());
            let Ok(ready) = self.epoll.wait(Some(next)) else {
                return;
            };
            let ready: Vec<u64> = ready.map(|event| event.key).collect();
            for key in ready {
                match usize::try_from(key) {
                    _ if key == BELL => bell.silence(),
                    Ok(index) => self.receive(index, &mut buffer),
                    Err(_) => {}
                }
            }
            self.act(Instant::now());
        }
    }

    fn next_due(&self, act: Act) -> Instant {
        let due = self.due.peek().map(|Reverse((at, _))| *at);
        let other = match act {
            Act::Play => self.next_call,
            _ => Instant::now() + LOOK_EVERY,
        };
        due.map_or(other, |due| due.min(other))
    }

    fn receive(&mut self, socket: usize, buffer: &mut [u8]) {
        while let Some(Ok((length, _))) = self.sockets.get(socket).map(|(s, _)| s.recv_from(buffer))
        {
            let Ok(message) = Message::parse(buffer.get(..length).unwrap_or_default()) else {
                self.notes.fault("a message that is not SIP".to_owned());
                continue;
            };
            let number = number_of(&message).filter(|number| *number < self.seats.len());
            let Some(number) = number else { continue };
            match message.header(Name::CSeq) {
                Some(cseq) if cseq.value.ends_with(b"REGISTER") => {
                    self.on_registered(number, &message);
                }
                _ => self.on_call_message(number, &message),
            }
            self.post(number);
        }
    }

    /// An answer to a REGISTER.
    fn on_registered(&mut self, number: usize, message: &Message<'_>) {
        let Some(seat) = self.seats.get_mut(number) else {
            return;
        };
        let waiting = matches!(seat.wait, Wait::Answer(_));
        let status = message.status().unwrap_or_default();
        if !waiting || !seat.phone.awaits(message) || status < 200 {
            return;
        }
        match status {
            200 => match seat.phone.check(message) {
                Ok(_) => seat.accept(&self.notes),
                Err(fault) => self.notes.fault(fault),
            },
            401 => match seat.phone.take_challenge(message) {
                Ok(()) => return self.register(number, Instant::now()),
                Err(fault) => self.notes.fault(fault),
            },
            503 => {
                seat.leave(Standing::Out, &self.notes);
                self.notes.count(|figures| figures.put_off += 1);
            }
            status => {
                seat.leave(Standing::Out, &self.notes);
                let user = seat.phone.user();
                self.notes
                    .fault(format!("a phone of {user} got a {status}"));
            }
        }
        self.refresh_later(number);
    }

    /// Anything about a call.
    fn on_call_message(&mut self, number: usize, message: &Message<'_>) {
        let Some(seat) = self.seats.get_mut(number) else {
            return;
        };
        if seat.standing == Standing::Dead {
            return;
        }
        let method = message.request().map(|line| line.method);
        let leg = seat.legs.iter_mut().find(|leg| leg.owns(message));
        let progress = match (leg, method) {
            (Some(leg), None) => leg.on_response(message, &mut self.mail),
            (Some(leg), Some(_)) => leg.on_request(message, &mut self.mail),
            (None, Some(Method::Invite)) => {
                self.on_invite(number, message);
                None
            }
            (None, None | Some(Method::Ack)) => None,
            (None, Some(_)) => {
                let refusal = (481, "Call/Transaction Does Not Exist");
                self.mail.push(refuse(message, self.target, refusal));
                None
            }
        };
        self.note(number, progress);
    }

    fn on_invite(&mut self, number: usize, invite: &Message<'_>) {
        let place = self.place(number);
        let habits = self.callee_habits(number, invite);
        let leg = Leg::ring(invite, place, self.target, habits, &mut self.mail);
        if let Some(seat) = self.seats.get_mut(number) {
            seat.legs.extend(leg);
        }
    }

    /// Does what is due.
    fn act(&mut self, now: Instant) {
        while let Some(Reverse((at, number))) = self.due.peek().copied() {
            if at > now {
                break;
            }
            self.due.pop();
            self.act_at(number, now);
            self.post(number);
        }
        match self.notes.act() {
            Act::Play if self.next_call <= now => {
                self.next_call = now + self.tempo.calls;
                self.call();
            }
            Act::Close if self.seats.iter().all(Seat::is_settled) => self.notes.settle(),
            _ => {}
        }
    }

    fn act_at(&mut self, number: usize, now: Instant) {
        let Some(seat) = self.seats.get(number) else {
            return;
        };
        let (wait, standing) = (seat.wait, seat.standing);
        match wait {
            Wait::Refresh(at) if at <= now && self.must_wait(standing) => {
                self.await_turn(number, now + ONE_MOMENT);
            }
            Wait::Refresh(at) if at <= now => {
                self.meet_fate(number, now);
                self.register(number, now);
            }
            Wait::Answer(repeat) if repeat.at() <= now => self.repeat(number, repeat, now),
            _ => {}
        }
        let Some(seat) = self.seats.get_mut(number) else {
            return;
        };
        let due = |leg: &&mut Leg| leg.wakes_at().is_some_and(|at| at <= now);
        let due = seat.legs.iter_mut().filter(due);
        let progress: Vec<_> = due.map(|leg| leg.on_timer(now, &mut self.mail)).collect();
        for progress in progress {
            self.note(number, progress);
        }
    }

    /// Starts a phone anew, or ends it, once it is registered and its time has come.
    fn meet_fate(&mut self, number: usize, now: Instant) {
        let (act, started) = (self.notes.act(), self.started);
        let Some(seat) = self.seats.get_mut(number) else {
            return;
        };
        if seat.standing != Standing::In || act != Act::Play {
            return;
        }
        match seat.fate {
            Fate::Reboots(after) if now >= started + after => {
                seat.socket = (seat.socket + 1) % self.sockets.len();
                seat.phone.reboot(self.sockets[seat.socket].1);
                seat.leave(Standing::Out, &self.notes);
                (seat.fate, seat.boot) = (Fate::Steady, Boot::Again);
            }
            Fate::Dies(after) if now >= started + after => {
                seat.leave(Standing::Dead, &self.notes);
                seat.wait = Wait::Nothing;
                self.notes.count(|figures| figures.died += 1);
            }
            _ => {}
        }
    }

    fn register(&mut self, number: usize, now: Instant) {
        let Some(seat) = self.seats.get_mut(number) else {
            return;
        };
        if seat.standing == Standing::Dead {
            return;
        }
        seat.request.clear();
        seat.phone.write_request(&mut seat.request);
        self.send_request(number, Repeat::begin(now));
    }

    fn repeat(&mut self, number: usize, mut repeat: Repeat, now: Instant) {
        let Some(seat) = self.seats.get_mut(number) else {
            return;
        };
        if repeat.is_over(now) {
            seat.leave(Standing::Out, &self.notes);
            let user = seat.phone.user();
            self.notes.fault(format!("a phone of {user} got no answer"));
            return self.refresh_later(number);
        }
        repeat.next(now);
        self.send_request(number, repeat);
    }

    fn send_request(&mut self, number: usize, repeat: Repeat) {
        let Some(seat) = self.seats.get_mut(number) else {
            return;
        };
        if let Some((socket, _)) = self.sockets.get(seat.socket) {
            // What is lost here is repeated like what is lost on the way.
            let _ = socket.send_to(&seat.request, self.target);
        }
        if !matches!(seat.wait, Wait::Answer(_)) {
            self.asking += 1;
        }
        seat.wait = Wait::Answer(repeat);
        self.due.push(Reverse((repeat.at(), number)));
    }

    /// It is answered, or nobody waits for that any more. Phones that came up together go separate
    /// ways with their first refresh.
    fn refresh_later(&mut self, number: usize) {
        self.asking -= 1;
        let first = self
            .seats
            .get(number)
            .is_some_and(|seat| seat.refreshes == 0);
        let share = match first {
            true => (number * 61 % 100 + 1) as f64 / 100.0,
            false => 1.0,
        };
        self.await_turn(number, Instant::now() + self.tempo.refresh.mul_f64(share));
    }

    fn await_turn(&mut self, number: usize, at: Instant) {
        if let Some(seat) = self.seats.get_mut(number) {
            seat.wait = Wait::Refresh(at);
            self.due.push(Reverse((at, number)));
        }
    }

    /// Whether a phone comes up while too many are on the way.
    fn must_wait(&self, standing: Standing) -> bool {
        self.asking >= MAX_ASKING && standing == Standing::Out
    }

    /// Has somebody call somebody, if there are two who are free.
    fn call(&mut self) {
        let users = self.cast.users();
        let mut free = (0..users.min(CANDIDATES))
            .map(|step| (self.calls * 17 + step) % users)
            .filter(|user| {
                let mut phones = self.cast.phones_of(*user);
                phones.all(|number| self.seats.get(number).is_some_and(Seat::is_free))
            });
        let (Some(caller), Some(callee)) = (free.next(), free.next()) else {
            return;
        };
        drop(free);
        let parties = Parties {
            call: self.calls,
            caller: user_name(caller),
            callee: user_name(callee),
        };
        let number = self.cast.phones_of(caller).start;
        let place = self.place(number);
        let habits = Habits {
            ring: self.tempo.ring,
            talk: (self.calls.is_multiple_of(2)).then_some(self.tempo.talk),
        };
        let leg = Leg::dial(&parties, place, self.target, habits, &mut self.mail);
        self.calls += 1;
        self.notes.count(|figures| figures.calls.tried += 1);
        if let Some(seat) = self.seats.get_mut(number) {
            seat.legs.push(leg);
        }
        self.note(number, None);
        self.post(number);
    }

    /// One phone of a user is answered, another for each call, and the others ring until they are
    /// told to stop. Of two calls the caller ends one, the callee the other.
    fn callee_habits(&self, number: usize, invite: &Message<'_>) -> Habits {
        let call = Leg::call_of(invite).unwrap_or_default();
        let phones = self.cast.phones_of(self.cast.user_of(number));
        let chosen = phones.start + call % phones.len().max(1);
        let ring = match number == chosen {
            true => self.tempo.ring,
            false => self.reluctance,
        };
        Habits {
            ring,
            talk: (!call.is_multiple_of(2)).then_some(self.tempo.talk),
        }
    }

    fn place(&self, number: usize) -> Place {
        let seat = &self.seats[number];
        Place {
            phone: number,
            local: self.sockets[seat.socket].1,
            contact: seat.phone.contact_uri(),
        }
    }

    /// Counts what a call has come to, and remembers when its phone has something to do.
    fn note(&mut self, number: usize, progress: Option<Progress>) {
        match progress {
            Some(Progress::Rings) => self.notes.count(|figures| figures.calls.rang += 1),
            Some(Progress::Answered) => self.notes.count(|figures| figures.calls.answered += 1),
            Some(Progress::Ended) => self.notes.count(|figures| figures.calls.ended += 1),
            Some(Progress::Lost) => self.notes.count(|figures| figures.calls.lost += 1),
            Some(Progress::Failed(text)) => {
                self.notes.count(|figures| figures.calls.failed += 1);
                self.notes.fault(text);
            }
            None => {}
        }
        let Some(seat) = self.seats.get_mut(number) else {
            return;
        };
        seat.legs.retain(|leg| !leg.is_over());
        if let Some(at) = seat.legs.iter().filter_map(Leg::wakes_at).min() {
            self.due.push(Reverse((at, number)));
        }
    }

    /// Sends what a phone has written about its call.
    fn post(&mut self, number: usize) {
        let Some(seat) = self.seats.get(number) else {
            return;
        };
        let Some((socket, _)) = self.sockets.get(seat.socket) else {
            return;
        };
        for message in self.mail.drain(..) {
            // What is lost here is repeated like what is lost on the way.
            let _ = socket.send_to(&message, self.target);
        }
    }
}

fn refuse(request: &Message<'_>, from: SocketAddr, (status, reason): (u16, &str)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut response = Response::new(&mut out, status, reason);
    response.vias_from(request, Some(from.into()));
    response.copy(request, Name::From);
    response.to_with_tag(request, b"none");
    response.copy(request, Name::CallId);
    response.copy(request, Name::CSeq);
    response.finish(b"");
    out
}
