//! `Story`: one seed's worth of phones, moods and accidents.

use core::time::Duration;

use engine::Mono;
use engine::command::{Command, Totals};
use engine::policy::{Mode, Policy, TooBrief};
use midreg_sim::policy::{address, contact, mirror};
use midreg_sim::{Challenges, Conditions, Nonces, Phone, Rng, StoreMode, Temper, World};

use crate::actor::{Actor, Purpose};

/// Actions of the stormy part.
const STEPS: u64 = 60;
/// Seconds of peace after it: more than any phone takes between two refreshes, several times over.
const PEACE: u64 = 1_300;

/// One seed's worth of phones, moods and accidents.
pub(crate) struct Story {
    rng: Rng,
    world: World,
    actors: Vec<Actor>,
    mode: Mode,
    challenges: Challenges,
    credentials: Credentials,
    step: u64,
}

/// Whether phones bring credentials without being asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Credentials {
    WhenAsked,
    Always,
}

impl Story {
    /// The story of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let policy = policy(&mut rng);
        let mode = policy.domain.mode;
        let mut world = World::seeded(policy, seed);
        let challenges = match rng.chance(60) {
            true => Challenges::Always,
            false => Challenges::Never,
        };
        world.main().personality.challenges = challenges;
        if rng.chance(20) {
            world.main().personality.nonces = Nonces::OneTime;
        }
        let aors = 1 + rng.index(3);
        let phones = 2 + rng.index(5);
        let credentials = match rng.chance(50) {
            true => Credentials::Always,
            false => Credentials::WhenAsked,
        };
        let mut actors: Vec<Actor> = (0..phones)
            .map(|number| actor(&mut rng, number, aors, world.now()))
            .collect();
        if challenges == Challenges::Never && credentials == Credentials::Always {
            let line = "Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n\", \
                        uri=\"sip:example.org\", response=\"0\"";
            for actor in &mut actors {
                actor.phone.headers.push(line.to_owned());
            }
        }
        Self {
            rng,
            world,
            actors,
            mode,
            challenges,
            credentials,
            step: 0,
        }
    }

    /// Tells it to the end; what it comes to.
    pub(crate) fn tell(mut self) -> (u64, usize, u32) {
        self.storm();
        self.heal();
        self.live(Duration::from_secs(PEACE));
        self.check_peace();
        let registers = self.world.main().registers();
        self.silence();
        let successes = self.actors.iter().map(|actor| actor.successes).sum();
        (self.world.now().0, registers, successes)
    }

    fn storm(&mut self) {
        let conditions = [
            Conditions::PERFECT,
            Conditions::BAD,
            Conditions {
                loss: 25,
                ..Conditions::BAD
            },
        ];
        let conditions = conditions[self.rng.index(conditions.len())];
        self.world.set_conditions(conditions);
        for step in 0..STEPS {
            self.step = step;
            match self.rng.chance(70) {
                true => self.phone_acts(),
                false => self.world_acts(),
            }
            let pause = match self.rng.chance(50) {
                true => self.rng.below(400),
                false => self.rng.below(40_000),
            };
            self.live(Duration::from_millis(pause));
        }
    }

    /// A phone has a whim.
    fn phone_acts(&mut self) {
        let now = self.world.now();
        let at = self.rng.index(self.actors.len());
        let whim = self.rng.below(13);
        let port = 1024 + self.rng.below(60_000);
        let actor = &mut self.actors[at];
        self.world
            .note(format!("step {}: phone {at} has whim {whim}", self.step));
        let mut send = None;
        match whim {
            0 => actor.stir(now),
            1 => {
                actor.phone.reboot();
                actor.stir(now);
            }
            2 => {
                let ip = actor.phone.address.ip();
                actor.phone.address = (ip, port as u16).into();
                actor.stir(now);
            }
            // Who is behind a NAT or has two contacts stays where he is.
            3 if actor.all.len() == 1 && actor.phone.local.ip() == actor.phone.address.ip() => {
                let moved = address(&format!("198.51.100.{}:{port}", 100 + at));
                actor.phone.address = moved;
                actor.phone.local = moved;
                actor.all = vec![format!("sip:{}@{moved}", actor.phone.user)];
                actor.phone.contacts = actor.all.clone();
                actor.stir(now);
            }
            4 => actor.purpose = Purpose::Off,
            5 | 6 => {
                actor.purpose = Purpose::Stay;
                actor.stir(now);
            }
            7 => {
                actor.purpose = Purpose::Leave;
                actor.stir(now);
            }
            8 => {
                let bytes = actor.phone.unregister_all();
                send = Some(actor.ask(now, bytes));
            }
            9 => {
                actor.phone.password = match actor.phone.password.as_str() {
                    "secret" => "wrong".to_owned(),
                    _ => "secret".to_owned(),
                };
            }
            12 => {
                // It registers all of its contacts, or only the first, or only the last.
                let (first, last) = [(0, 1), (0, 2), (1, 2)][self.rng.index(3)];
                let chosen = actor.all.get(first..last.min(actor.all.len()));
                if let Some([_, ..]) = chosen {
                    actor.phone.contacts = chosen.unwrap_or_default().to_vec();
                }
                actor.stir(now);
            }
            10 => {
                actor.phone.expires = [None, Some(60), Some(120), Some(300)][self.rng.index(4)];
            }
            _ => {
                let bytes = actor.phone.query();
                send = Some(actor.ask(now, bytes));
            }
        }
        let from = actor.phone.address;
        if let Some(bytes) = send {
            self.world.send(from, &bytes);
        }
    }

    /// Something happens to the main registrar, the store or the settings.
    fn world_acts(&mut self) {
        let accident = self.rng.below(12);
        self.world
            .note(format!("step {}: accident {accident}", self.step));
        let longest = [7200, 3600, 300, 90, 30][self.rng.index(5)];
        let shortest = [0, 60, 600][self.rng.index(3)];
        let main = self.world.main();
        match accident {
            0 => main.personality.temper = Temper::Silent,
            1 => main.personality.temper = Temper::Overloaded(5),
            2 => main.personality.temper = Temper::Refuses(500),
            3 => main.personality.temper = Temper::Mute,
            4 | 5 => main.personality.temper = Temper::Normal,
            6 => main.personality.longest = longest,
            7 => main.personality.shortest = shortest,
            8 => {
                main.forget_all();
                self.world
                    .touch(|rig| rig.command(Command::Resync { tag: 0 }));
            }
            9 => self.world.rig.set_store(StoreMode::Late),
            10 => {
                self.world.rig.set_store(StoreMode::AtOnce);
                self.world.touch(midreg_sim::Rig::catch_up);
            }
            _ => {
                self.world.rig.set_store(StoreMode::Failing);
                while self.world.rig.store().waiting() > 0 {
                    self.world.touch(midreg_sim::Rig::settle_one);
                }
            }
        }
    }

    /// Everything is well again, and whoever is not switched off wants to be registered.
    fn heal(&mut self) {
        self.world.note("peace");
        self.world.set_conditions(Conditions::PERFECT);
        // What is still on its way arrives.
        self.world.advance(Duration::from_secs(1));
        self.world.rig.set_store(StoreMode::AtOnce);
        self.world.touch(midreg_sim::Rig::catch_up);
        let challenges = self.challenges;
        let personality = &mut self.world.main().personality;
        personality.temper = Temper::Normal;
        personality.challenges = challenges;
        personality.longest = 7200;
        personality.shortest = 0;
        for actor in &mut self.actors {
            actor.phone.password = "secret".to_owned();
            if actor.purpose != Purpose::Off {
                actor.purpose = Purpose::Stay;
                actor.stir(self.world.now());
            }
        }
    }

    /// Time passes; everybody does what is due.
    fn live(&mut self, by: Duration) {
        let end = self.world.now().plus(by);
        loop {
            self.read_mail();
            let now = self.world.now();
            let next = self.actors.iter().filter_map(Actor::next_deadline).min();
            // A phone looks into its letter box often enough to see its answers in time.
            let soon = now.plus_millis(match self.busy() {
                true => 50,
                false => 1_000,
            });
            let at = next.unwrap_or(end).clamp(now, soon).min(end);
            self.world.advance(Duration::from_millis(at.0 - now.0));
            self.read_mail();
            let now = self.world.now();
            for at in 0..self.actors.len() {
                let actor = &mut self.actors[at];
                let from = actor.phone.address;
                if let Some(bytes) = actor.on_time(now) {
                    self.world.send(from, &bytes);
                }
            }
            if now >= end {
                break;
            }
        }
    }

    fn busy(&self) -> bool {
        !self.world.with_mail().is_empty() || self.world.rig.totals().client_transactions > 0
    }

    fn read_mail(&mut self) {
        for address in self.world.with_mail() {
            for packet in self.world.mail(address) {
                let now = self.world.now();
                for at in 0..self.actors.len() {
                    let actor = &mut self.actors[at];
                    if actor.phone.address != address {
                        continue;
                    }
                    let from = actor.phone.address;
                    if let Some(bytes) = actor.on_packet(now, &packet) {
                        self.world.send(from, &bytes);
                    }
                }
            }
        }
    }

    fn check_peace(&self) {
        for (number, actor) in self.actors.iter().enumerate() {
            if actor.purpose != Purpose::Stay {
                continue;
            }
            let aor = actor.phone.aor();
            let bound = self.world.rig.bindings(&aor);
            let held = self.world.held_tokens(&aor);
            let tokens = self.world.tokens(&aor);
            for uri in &actor.phone.contacts {
                let at = bound.iter().position(|binding| {
                    binding.contact == *uri && binding.remote == actor.phone.address
                });
                let Some(at) = at else {
                    panic!("phone {number} is not bound at {uri}");
                };
                let copies = held.iter().filter(|token| **token == tokens[at]).count();
                assert_eq!(copies, 1, "phone {number} is not held once at {uri}");
            }
        }
        // In `mirror` what a phone leaves behind is its own; where we are challenged, or a request
        // without credentials met silence, it runs out.
        if self.mode == Mode::Contact
            && self.challenges == Challenges::Never
            && self.credentials == Credentials::Always
        {
            self.check_no_ghosts();
        }
        let totals = self.world.rig.totals();
        assert_eq!(totals.held_replies, 0, "{totals:?}");
    }

    /// Where we may take back what we registered, nothing stays behind.
    fn check_no_ghosts(&self) {
        if self.world.rig.engine().counters().registers == 0 {
            return;
        }
        for actor in &self.actors {
            let aor = actor.phone.aor();
            let tokens = self.world.tokens(&aor);
            for held in self.world.held_tokens(&aor) {
                assert!(tokens.contains(&held), "{held} is nobody's at {aor}");
            }
        }
    }

    /// Everybody falls silent for a day.
    fn silence(&mut self) {
        self.world.note("silence");
        self.world.advance(Duration::from_secs(40));
        self.world.rig.jump(Duration::from_secs(86_400));
        assert_eq!(self.world.rig.totals(), Totals::default());
    }
}

fn policy(rng: &mut Rng) -> Policy {
    let mut policy = match rng.chance(80) {
        true => contact(),
        false => mirror(),
    };
    policy.domain.expires = [7200, 600, 120][rng.index(3)];
    policy.domain.reauth_interval = [7200, 200][rng.index(2)];
    policy.domain.registration.jitter_percent = [0, 10][rng.index(2)];
    policy.domain.registration.max_expires = 300;
    policy.domain.registration.default_expires = 300;
    if rng.chance(30) {
        policy.domain.registration.too_brief = TooBrief::Raise;
    }
    policy
}

fn actor(rng: &mut Rng, number: usize, aors: usize, now: Mono) -> Actor {
    let user = format!("user{}", rng.index(aors));
    let at = format!("198.51.100.{}:5062", number + 1);
    let mut phone = Phone::new(&user, &at);
    match rng.below(5) {
        0 => phone = phone.with_instance(&format!("urn:uuid:{number}")),
        1 => phone = phone.behind_nat("192.168.1.2:5060"),
        2 => {
            let (one, two) = (format!("sip:a@{at}"), format!("sip:b@{at}"));
            phone = phone.with_contacts(&[&one, &two]);
        }
        _ => {}
    }
    phone.expires = [Some(60), Some(120), Some(300), None][rng.index(4)];
    let start = now.plus_millis(rng.below(5_000));
    Actor::new(phone, rng.draw(), start)
}
