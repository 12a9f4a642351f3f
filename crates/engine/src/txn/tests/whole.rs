use super::*;

#[test]
fn work_per_call_is_bounded_and_the_rest_is_announced() {
    let mut rig = Rig::new();
    for _ in 0..8 {
        rig.ask(Kind::NonInvite, tcp(9), Mono::NEVER);
    }
    rig.now += 32_000;
    rig.fire(3);
    assert_eq!((rig.events.len(), rig.txns.client_count()), (3, 5));
    assert!(rig.txns.next_deadline().unwrap() <= Mono(rig.now));
    rig.fire(100);
    assert_eq!((rig.events.len(), rig.txns.next_deadline()), (8, None));
}

/// A little generator, so that runs repeat (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Random traffic in every state, with lost, repeated and foreign messages.
fn storm(seed: u64) -> Rig {
    let mut rig = Rig::with(Limits {
        servers: 40,
        clients: 40,
    });
    let mut dice = Dice(seed * 2 + 1);
    let (mut servers, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        let flow = if dice.roll(4) == 0 {
            tcp(1)
        } else {
            udp(1, 5060)
        };
        let invite = dice.roll(2) == 0;
        match dice.roll(8) {
            0 => {
                let method = if invite {
                    sip::Method::Invite
                } else {
                    sip::Method::Register
                };
                let kind = if invite {
                    Kind::Invite
                } else {
                    Kind::NonInvite
                };
                let branch = format!("z9hG4bK{}", dice.roll(60));
                let key = rig.key(method.as_str(), &branch, &flow);
                let now = rig.now();
                let found = rig.txns.match_request(now, key, method, &mut rig.out);
                if found == RequestMatch::New {
                    servers.extend(rig.txns.start_server(now, key, kind, flow));
                }
            }
            1 => drop(rig.request(sip::Method::Ack, &format!("z9hG4bK{}", dice.roll(60)))),
            2 | 3 if !servers.is_empty() => {
                let txn = servers[dice.roll(servers.len() as u64) as usize];
                let status = [100, 180, 200, 408, 486][dice.roll(5) as usize];
                rig.respond(txn, status, ANSWER);
            }
            4 if rig.txns.client_count() < 40 => {
                let kind = if invite {
                    Kind::Invite
                } else {
                    Kind::NonInvite
                };
                let give_up_at = Mono(rig.now + dice.roll(100_000));
                let (txn, branch) = rig.ask(kind, flow, give_up_at);
                clients.push((txn, branch, if invite { "1 INVITE" } else { "1 REGISTER" }));
            }
            5 | 6 if !clients.is_empty() => {
                let (txn, branch, cseq) = clients[dice.roll(clients.len() as u64) as usize];
                let status = [100, 180, 200, 403, 487][dice.roll(5) as usize];
                rig.answer(&branch, cseq, status, udp(1, 5060));
                if dice.roll(20) == 0 {
                    rig.txns.cancel_client(txn);
                }
            }
            _ => drop(rig.pass(dice.roll(3000))),
        }
        if dice.roll(50) == 0 {
            let now = rig.now();
            rig.txns.transport_error(now, &flow, &mut rig.events);
        }
        let live = rig.txns.timers.live();
        assert!(live <= 2 * (rig.txns.server_count() + rig.txns.client_count()));
    }
    rig
}

#[test]
fn after_a_giant_jump_of_the_clock_everything_is_over() {
    for seed in 0..64 {
        let mut rig = storm(seed);
        let mut calls = 0;
        while let Some(deadline) = rig.txns.next_deadline() {
            rig.now = (rig.now + 86_400_000).max(deadline.0);
            rig.fire(7);
            calls += 1;
            assert!(calls < 1000, "seed {seed} does not end");
        }
        assert!(rig.is_empty(), "seed {seed}");
    }
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let outputs = |seed| {
        let mut rig = storm(seed);
        (rig.sent(), rig.events.clone())
    };
    for seed in 0..8 {
        assert_eq!(outputs(seed), outputs(seed));
    }
}

#[test]
fn a_final_response_is_delivered_at_most_once() {
    for seed in 0..32 {
        let mut rig = Rig::new();
        let mut dice = Dice(seed * 2 + 1);
        let (_, branch) = rig.ask(Kind::NonInvite, udp(9, 5060), Mono::NEVER);
        let mut finals = 0;
        for _ in 0..40 {
            let status = [100, 200, 401][dice.roll(3) as usize];
            let found = rig.answer(&branch, "1 REGISTER", status, udp(9, 5060));
            finals += usize::from(delivered(found).is_some_and(|status| status >= 200));
            rig.pass(dice.roll(1000));
        }
        let timeouts = rig.events.len();
        assert_eq!(finals + timeouts, 1, "seed {seed}");
    }
}
