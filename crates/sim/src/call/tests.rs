//! The models among themselves: what is not right here cannot be midreg's fault.

use core::net::SocketAddr;

use engine::Mono;

use super::*;
use crate::main_registrar::Held;
use crate::packet::Packet;
use crate::policy::{DOMAIN, address};
use crate::rng::Rng;

const MAIN: &str = "203.0.113.9:5060";

/// Agents around an exchange, on a network that may lose things.
struct Bench {
    now: Mono,
    exchange: Exchange,
    agents: Vec<(SocketAddr, Agent)>,
    loss: u64,
    rng: Rng,
    said: Vec<(SocketAddr, Letter)>,
}

impl Bench {
    fn new(habits: Habits, agents: usize) -> Self {
        let agent = |number: usize| {
            let at = address(&format!("198.51.100.{}:5060", number + 1));
            let place = Place {
                aor: format!("user{number}@{DOMAIN}"),
                here: at.to_string(),
                contact: format!("sip:user{number}@{at}"),
                proxy: address(MAIN),
            };
            (at, Agent::new(place, &format!("a{number}"), number as u64))
        };
        Self {
            now: Mono(1_000),
            exchange: Exchange::new(address(MAIN), habits),
            agents: (0..agents).map(agent).collect(),
            loss: 0,
            rng: Rng::new(5),
            said: Vec::new(),
        }
    }

    fn deliver(&mut self, packet: &Packet) {
        self.said
            .push((packet.to, Letter::read(&packet.bytes).unwrap()));
        if self.rng.chance(self.loss) {
            return;
        }
        if packet.to == address(MAIN) {
            let contacts: Vec<String> = self
                .agents
                .iter()
                .skip(1)
                .map(|(_, agent)| agent.place.contact.clone())
                .collect();
            let held = |aor: &str| match aor.starts_with("team@") {
                true => contacts.iter().map(|uri| held(uri)).collect(),
                false => Vec::new(),
            };
            return self.exchange.receive(self.now, packet, held);
        }
        let mut agents = self.agents.iter_mut();
        if let Some((_, agent)) = agents.find(|(at, _)| *at == packet.to) {
            agent.receive(self.now, packet);
        }
    }

    fn live(&mut self, seconds: u64) {
        let end = self.now.plus_seconds(seconds as u32);
        loop {
            let mut sent = self.exchange.take_sent();
            for (from, agent) in &mut self.agents {
                let from = *from;
                let own = agent.take_sent().into_iter();
                sent.extend(own.map(|(to, bytes)| Packet { from, to, bytes }));
            }
            sent.iter().for_each(|packet| self.deliver(packet));
            if !sent.is_empty() {
                continue;
            }
            let agents = self.agents.iter().filter_map(|(_, a)| a.next_deadline());
            let next = agents.chain(self.exchange.next_deadline()).min();
            match next.filter(|at| *at <= end) {
                Some(at) => self.now = at.max(self.now),
                None => break self.now = end,
            }
            self.exchange.on_time(self.now);
            for (_, agent) in &mut self.agents {
                agent.on_time(self.now);
            }
        }
    }

    fn call(&mut self, manners: &[Manner]) -> String {
        for ((_, agent), manner) in self.agents.iter_mut().skip(1).zip(manners) {
            agent.manner = Some(*manner);
        }
        let (now, (_, caller)) = (self.now, &mut self.agents[0]);
        caller.call(now, &format!("sip:team@{DOMAIN}"), 90_000)
    }

    fn outcome(&self, call_id: &str) -> u16 {
        self.agents[0].1.log.answer("INVITE", call_id)
    }
}

fn held(uri: &str) -> Held {
    Held {
        handle: uri.to_owned(),
        uri: uri.to_owned(),
        value: format!("<{uri}>"),
        path: Vec::new(),
        until: Mono::NEVER,
        call_id: String::new(),
        cseq: 1,
    }
}

const PARALLEL: Habits = Habits {
    proof: Proof::NotAsked,
    order: Order::Parallel,
};

#[test]
fn one_answers_and_the_others_are_cancelled() {
    let mut bench = Bench::new(PARALLEL, 4);
    let call = bench.call(&[Manner::RingsOn, Manner::Answers(2_000), Manner::RingsOn]);
    bench.live(300);
    assert_eq!(bench.outcome(&call), 200);
    for (number, (_, agent)) in bench.agents.iter().enumerate().skip(1) {
        assert!(agent.log.has_heard("INVITE", &call));
        assert_eq!(agent.log.has_heard("CANCEL", &call), number != 2);
        assert_eq!(agent.log.has_heard("ACK", &call), number == 2);
        assert_eq!(agent.talking(), 0, "somebody hangs up");
    }
}

#[test]
fn a_call_is_proved_when_that_is_asked() {
    let habits = Habits {
        proof: Proof::Asked,
        ..PARALLEL
    };
    let mut bench = Bench::new(habits, 2);
    let call = bench.call(&[Manner::Answers(10)]);
    bench.live(200);
    assert_eq!(bench.outcome(&call), 200);
    let mut said = bench.said.iter();
    assert!(said.any(|(_, letter)| letter.status() == 407));
}

#[test]
fn the_best_answer_is_told_when_nobody_answers() {
    let habits = Habits {
        order: Order::Serial,
        ..PARALLEL
    };
    for (manners, expected) in [
        ([Manner::Refuses(503, 9), Manner::Refuses(486, 0)], 486),
        ([Manner::Refuses(486, 9), Manner::Refuses(603, 5)], 603),
        ([Manner::Redirects(9), Manner::Refuses(486, 0)], 302),
        ([Manner::Silent, Manner::Silent], 408),
    ] {
        for habits in [habits, PARALLEL] {
            let mut bench = Bench::new(habits, 3);
            let call = bench.call(&manners);
            bench.live(300);
            assert!(
                [expected, 408].contains(&bench.outcome(&call)),
                "{manners:?}"
            );
        }
    }
}

#[test]
fn who_waits_long_enough_gives_up() {
    let mut bench = Bench::new(PARALLEL, 3);
    let call = bench.call(&[Manner::RingsOn, Manner::Crashes]);
    bench.live(300);
    assert_eq!(bench.outcome(&call), 487);
    assert!(bench.agents[1].1.log.has_heard("CANCEL", &call));
}

#[test]
fn whoever_answers_a_call_that_is_over_is_hung_up_on() {
    let mut bench = Bench::new(PARALLEL, 3);
    let call = bench.call(&[Manner::AnswersCancelled, Manner::AnswersTwice(500)]);
    bench.live(300);
    assert_eq!(bench.outcome(&call), 200);
    for (_, agent) in &bench.agents {
        assert_eq!(agent.talking(), 0);
    }
    assert!(bench.agents[1].1.log.has_heard("BYE", &call));
    let counts = &bench.agents[0].1.log.counts;
    assert_eq!(counts.get("second 2xx to calls"), Some(&2));
}

#[test]
fn everything_ends_on_a_network_that_loses_much() {
    let mut bench = Bench::new(PARALLEL, 4);
    bench.loss = 20;
    let mut answered = 0;
    for round in 0..20 {
        for (_, agent) in &mut bench.agents {
            agent.manner = None;
        }
        let call = bench.call(&[Manner::Answers(round * 100)]);
        bench.live(40);
        answered += u32::from(bench.outcome(&call) == 200);
    }
    bench.live(900);
    assert!(answered > 10, "{answered}");
    assert_eq!(bench.exchange.next_deadline(), None);
    for (_, agent) in &bench.agents {
        assert_eq!((agent.talking(), agent.next_deadline()), (0, None));
    }
}
