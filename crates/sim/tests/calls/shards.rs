//! Several shards: what one of them has to know is found there, and what two of them have to know
//! goes from one to the other.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::policy::Policy;
use engine::{
    Datagram, Engine, EngineConfig, Flow, Input, Mono, Now, Outbox, Output, PersistSeq, Router,
    ShardId, Wall,
};
use midreg_sim::policy::{UDP, address, us};
use midreg_sim::{Packet, Phone};

use crate::stage::{answer, method, only, standalone};

const SHARDS: u8 = 4;

/// Engines that share a socket, as the shell runs them.
struct House {
    router: Router,
    engines: Vec<Engine>,
    handed_over: usize,
}

impl House {
    fn new(policy: Policy) -> Self {
        let policy = Arc::new(policy);
        let secret = [7; 32];
        let engine = |shard| {
            let config = EngineConfig {
                shard: ShardId(shard),
                shards: SHARDS,
                secret,
                seed: 1,
            };
            Engine::new(&config, policy.clone(), NOW)
        };
        Self {
            engines: (0..SHARDS).map(engine).collect(),
            router: Router::new(&secret, SHARDS, policy),
            handed_over: 0,
        }
    }

    fn say(&mut self, from: &str, text: &str) -> Vec<Packet> {
        let flow = Flow::udp(UDP, address(from));
        let owner = self.router.owner(text.as_bytes()).unwrap_or(ShardId(0));
        let mut work = VecDeque::from([(owner, None, flow, text.as_bytes().to_vec())]);
        let mut sent = Vec::new();
        while let Some((shard, voucher, flow, bytes)) = work.pop_front() {
            let mut out = Outbox::new();
            let datagram = Datagram {
                bytes: &bytes,
                flow,
            };
            let input = match voucher {
                Some(voucher) => Input::Vouched(datagram, voucher),
                None => Input::Datagram(datagram),
            };
            let engine = &mut self.engines[usize::from(shard.0)];
            engine.handle_input(NOW, input, &mut out);
            while let Some(seq) = out.items.iter().find_map(batch) {
                out.items.retain(|item| batch(item) != Some(seq));
                engine.handle_input(NOW, Input::Persisted(seq), &mut out);
            }
            for item in out.items {
                match item {
                    Output::Transmit(transmit) => sent.push(Packet {
                        from: us(),
                        to: transmit.flow.remote,
                        bytes: out.bytes[transmit.span].to_vec(),
                    }),
                    Output::HandOver(request) => {
                        self.handed_over += 1;
                        let bytes = out.bytes[request.span].to_vec();
                        work.push_back((request.to, Some(request.voucher), request.flow, bytes));
                    }
                    _ => {}
                }
            }
        }
        sent
    }
}

fn batch(item: &Output) -> Option<PersistSeq> {
    match item {
        Output::Persist(batch) => Some(batch.seq),
        _ => None,
    }
}

const NOW: Now = Now {
    mono: Mono(1_000_000),
    wall: Wall(1_767_225_600_000),
};

fn request(name: &str, uri: &str, (from, to): (&str, &str), more: &str) -> String {
    format!(
        "{name} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKone;rport\r\n\
         Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: c\r\nCSeq: 1 {name}\r\n{more}\
         Content-Length: 0\r\n\r\n"
    )
}

#[test]
fn a_call_between_two_phones_finds_both_their_shards() {
    let mut crossed = 0;
    for number in 0..8 {
        let mut house = House::new(standalone());
        let callee = format!("bob{number}");
        let (at_alice, at_bob) = ("198.51.100.5:5062", "198.51.100.7:5062");
        for (user, at) in [("alice", at_alice), (callee.as_str(), at_bob)] {
            let register = Phone::new(user, at).register();
            let sent = house.say(at, core::str::from_utf8(&register).unwrap());
            assert_eq!(only(&sent, address(at)).status(), 200);
        }
        let (alice, bob) = (
            "<sip:alice@example.org>;tag=a",
            format!("<sip:{callee}@example.org>"),
        );
        let uri = format!("sip:{callee}@example.org");
        let invite = request("INVITE", &uri, (alice, &bob), "");
        let sent = house.say(at_alice, &invite);
        let asked = only(&sent, address(at_bob)).clone();
        assert!(house.say(at_alice, &invite).is_empty(), "a retransmission");
        house.say(at_bob, &answer(&asked, 180, "Ringing", ""));
        // A CANCEL finds the INVITE where that is.
        let cancel = request("CANCEL", &uri, (alice, &bob), "");
        let sent = house.say(at_alice, &cancel);
        assert_eq!(only(&sent, address(at_alice)).status(), 200);
        assert_eq!(method(only(&sent, address(at_bob))), "CANCEL");
        // He answers all the same, and hangs up; she does, too.
        let sent = house.say(at_bob, &answer(&asked, 200, "OK", ""));
        assert_eq!(only(&sent, address(at_alice)).status(), 200);
        let routes = asked.all("Record-Route");
        let tagged = format!("{bob};tag=of-5062");
        let up = format!("Route: {}\r\nRoute: {}\r\n", routes[1], routes[0]);
        let bye = request("BYE", "sip:bob@10.0.0.1", (alice, &tagged), &up);
        assert_eq!(
            method(only(&house.say(at_alice, &bye), address(at_bob))),
            "BYE"
        );
        let down = format!("Route: {}\r\nRoute: {}\r\n", routes[0], routes[1]);
        let bye = request("BYE", "sip:alice@10.0.0.2", (&tagged, alice), &down);
        assert_eq!(
            method(only(&house.say(at_bob, &bye), address(at_alice))),
            "BYE"
        );
        crossed += house.handed_over;
    }
    assert!(crossed > 0, "all of them in one shard, of {SHARDS}");
}

#[test]
fn nobody_can_vouch_for_a_stranger() {
    let mut house = House::new(standalone());
    let register = Phone::new("bob", "198.51.100.7:5062").register();
    house.say(
        "198.51.100.7:5062",
        core::str::from_utf8(&register).unwrap(),
    );
    let invite = request(
        "INVITE",
        "sip:bob@example.org",
        ("<sip:mallory@example.org>;tag=a", "<sip:bob@example.org>"),
        "",
    );
    let sent = house.say("198.51.100.66:5060", &invite);
    assert_eq!(only(&sent, address("198.51.100.66:5060")).status(), 403);
    assert_eq!(house.handed_over, usize::from(SHARDS) - 1, "all were asked");
}

#[test]
fn a_device_that_hides_its_name_is_known_by_its_flow_whichever_shard_has_it() {
    let mut crossed = 0;
    for number in 0..8 {
        let mut house = House::new(standalone());
        let caller = format!("alice{number}");
        let (at_alice, at_bob) = ("198.51.100.5:5062", "198.51.100.7:5062");
        for (user, at) in [(caller.as_str(), at_alice), ("bob", at_bob)] {
            let register = Phone::new(user, at).register();
            house.say(at, core::str::from_utf8(&register).unwrap());
        }
        let names = (
            "<sip:anonymous@anonymous.invalid>;tag=a",
            "<sip:bob@example.org>",
        );
        let invite = request("INVITE", "sip:bob@example.org", names, "");
        let asked = only(&house.say(at_alice, &invite), address(at_bob)).clone();
        assert!(house.say(at_alice, &invite).is_empty(), "a retransmission");
        house.say(at_bob, &answer(&asked, 180, "Ringing", ""));
        let cancel = request("CANCEL", "sip:bob@example.org", names, "");
        let sent = house.say(at_alice, &cancel);
        assert_eq!(only(&sent, address(at_alice)).status(), 200);
        assert_eq!(method(only(&sent, address(at_bob))), "CANCEL");
        let sent = house.say(at_bob, &answer(&asked, 486, "Busy", ""));
        assert_eq!(only(&sent, address(at_alice)).status(), 486);
        let ack = request(
            "ACK",
            "sip:bob@example.org",
            (names.0, "<sip:bob@example.org>;tag=x"),
            "",
        );
        assert!(house.say(at_alice, &ack).is_empty());
        crossed += house.handed_over;
        let sent = house.say("198.51.100.66:5060", &invite);
        assert_eq!(only(&sent, address("198.51.100.66:5060")).status(), 403);
    }
    assert!(crossed > 0, "all of them in one shard, of {SHARDS}");
}
