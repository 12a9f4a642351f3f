//! `Story`: one seed's worth of phones, troubles and accidents, from the first registration to the
//! last timer.
//!
//! 1. *Storm*: phones follow their whims, and whatever the [`Mix`] has in store goes wrong. Nothing
//!    may happen that must never happen: the watch and the engine's own invariants see to it.
//! 2. *Peace*: everything is mended. After a while every phone that goes on refreshing is bound on
//!    both sides, and both sides agree.
//! 3. *Farewell*: some phones leave, the others die. Both sides hear of it.
//! 4. *Silence*: a day passes in one leap. Nothing is left in any table.

mod accident;
mod actor;
mod calls;
mod cast;
mod checks;
mod outcome;
mod whim;

use core::time::Duration;

use engine::{Engine, Mono};

use crate::mix::{Mix, Trouble};
use crate::network::{Conditions, Link};
use crate::rig::Rig;
use crate::rng::Rng;
use crate::store::StoreMode;
use crate::world::{Alarm, World};

use actor::{Actor, Purpose};
use calls::Calls;
pub use outcome::{Failure, Outcome, Tally};

/// Actions of the stormy part.
const STEPS: u64 = 50;
/// Seconds of peace after which whatever midreg wanted to take back is taken back: its longest
/// pause between two tries, and the last try's own time.
const RELIEF: u64 = 340;
/// Seconds of peace after that: more than any phone takes between two refreshes.
const PEACE: u64 = 560;
/// Seconds after which who died is dead: longer than anybody is promised.
const FAREWELL: u64 = 400;

/// One seed's worth of phones, troubles and accidents.
#[derive(Debug)]
pub struct Story {
    mix: Mix,
    rng: Rng,
    world: World,
    actors: Vec<Actor>,
    calls: Option<Calls>,
    step: u64,
    tally: Tally,
}

impl Story {
    /// The story of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::of(Mix::draw(seed))
    }

    /// The story of this mix.
    #[must_use]
    pub fn of(mix: Mix) -> Self {
        let mut rng = Rng::new(mix.seed ^ 0x5707);
        let mut world = World::seeded(mix.policy.clone(), mix.seed);
        world.set_alarm(Alarm::Note);
        for main in &mut world.mains {
            main.personality = mix.personality();
        }
        let actors = cast::assemble(&mix, &mut rng, world.now());
        let calls = Calls::of(&mix, &mut world, &actors);
        Self {
            mix,
            rng,
            world,
            actors,
            calls,
            step: 0,
            tally: Tally::default(),
        }
    }

    /// The same with something done to its engine.
    #[must_use]
    pub fn altered(mut self, how: impl Fn(&mut Engine) + 'static) -> Self {
        self.world.rig.alter(how);
        self
    }

    /// Tells it to the end.
    ///
    /// # Errors
    /// What went wrong, with all that is needed to understand it.
    pub fn tell(mut self) -> Result<Outcome, Box<Failure>> {
        match self.acts() {
            Ok(()) => Ok(self.outcome()),
            Err(fault) => Err(Box::new(Failure {
                fault,
                step: self.step,
                mix: self.mix.to_string(),
                ladder: self.world.ladder().to_string(),
            })),
        }
    }

    fn acts(&mut self) -> Result<(), String> {
        self.storm()?;
        self.mend();
        self.live(Duration::from_secs(RELIEF))?;
        checks::no_ghosts(self)?;
        self.live(Duration::from_secs(PEACE))?;
        checks::agreement(self)?;
        calls::all_is_reached(self)?;
        self.farewell()?;
        self.silence()
    }

    fn storm(&mut self) -> Result<(), String> {
        self.world
            .network()
            .set_link(Link::Devices, self.mix.devices);
        self.world
            .network()
            .set_link(Link::Upstream, self.mix.upstream);
        for step in 0..STEPS {
            self.step = step;
            match self.rng.chance(70) || self.mix.troubles.is_empty() {
                true => whim::follow(self),
                false => accident::happen(self),
            }
            calls::follow(self);
            let pause = match self.rng.chance(50) {
                true => self.rng.below(400),
                false => self.rng.below(40_000),
            };
            self.live(Duration::from_millis(pause))?;
            checks::quiet(self)?;
        }
        Ok(())
    }

    /// Everything is well again, and whoever is not switched off wants to be registered.
    fn mend(&mut self) {
        self.world.note("peace");
        self.world.set_conditions(Conditions::PERFECT);
        self.world.network().mend();
        // What is still on its way arrives, as late as it may.
        self.world.advance(Duration::from_secs(25));
        self.world.rig.set_store(StoreMode::AtOnce);
        self.world.touch(Rig::catch_up);
        let mut policy = self.mix.policy.clone();
        policy.limits.bindings_per_aor = 20;
        self.world.touch(|rig| rig.set_policy(policy));
        let good = self.mix.personality();
        for main in &mut self.world.mains {
            main.personality = good.clone();
            // What nobody takes back fills the places of those who live.
            main.personality.max_contacts = usize::MAX;
        }
        // What the main registrar dropped unheard, and what a crash made midreg forget to ask about.
        let unheard = [Trouble::MainRestart, Trouble::Crowding, Trouble::Crash];
        if unheard.iter().any(|trouble| self.mix.has(*trouble)) {
            accident::resync(self);
        }
        let now = self.world.now();
        for actor in &mut self.actors {
            actor.recover();
            if actor.purpose != Purpose::Off {
                actor.intend(now, Purpose::Stay);
            }
        }
    }

    /// Half of the phones leave as they should, the others fall silent.
    fn farewell(&mut self) -> Result<(), String> {
        self.world.note("farewell");
        let now = self.world.now();
        let last = checks::last_sight(self);
        for actor in &mut self.actors {
            let polite = actor.purpose == Purpose::Stay && self.rng.chance(50);
            match polite {
                true => actor.intend(now, Purpose::Leave),
                false => actor.purpose = Purpose::Off,
            }
        }
        self.live(Duration::from_secs(FAREWELL))?;
        checks::farewell(self, &last)
    }

    /// Nobody says anything for a day.
    fn silence(&mut self) -> Result<(), String> {
        self.world.note("silence");
        self.world.advance(Duration::from_secs(40));
        self.world.rig.jump(Duration::from_secs(86_400));
        checks::emptiness(self)
    }

    /// Time passes; everybody does what is due.
    fn live(&mut self, by: Duration) -> Result<(), String> {
        let end = self.world.now().plus(by);
        loop {
            let at = self.next_deadline().unwrap_or(end);
            let at = at.max(self.world.now()).min(end);
            self.world.advance_to_mail(at);
            self.read_mail();
            self.act();
            if let Some(fault) = self.world.fault() {
                return Err(fault.to_owned());
            }
            let now = self.world.now();
            let busy = self.next_deadline().is_some_and(|due| due <= now);
            if now >= end && !busy && self.world.with_mail().is_empty() {
                return Ok(());
            }
        }
    }

    /// When somebody wants to do something.
    fn next_deadline(&self) -> Option<Mono> {
        let actors = self.actors.iter().filter_map(Actor::next_deadline);
        let calls = self.calls.as_ref();
        let calls = calls.and_then(|calls| calls.next_deadline(&self.actors));
        // Who calls reads at once what has come.
        let unread = self.calls.is_some() && !self.world.with_mail().is_empty();
        let unread = unread.then(|| self.world.now());
        actors.chain(calls).chain(unread).min()
    }

    fn act(&mut self) {
        let now = self.world.now();
        for actor in &mut self.actors {
            let from = actor.phone.address;
            if let Some(bytes) = actor.on_time(now) {
                self.world.send(from, &bytes);
            }
        }
        if let Some(calls) = &mut self.calls {
            calls.on_time(&mut self.world, &self.actors);
        }
    }

    fn read_mail(&mut self) {
        let now = self.world.now();
        for address in self.world.with_mail() {
            for packet in self.world.mail(address) {
                for actor in self
                    .actors
                    .iter_mut()
                    .filter(|actor| actor.phone.address == address)
                {
                    if let Some(bytes) = actor.on_packet(now, &packet) {
                        self.world.send(address, &bytes);
                    }
                }
                if let Some(calls) = &mut self.calls {
                    calls.receive(&mut self.world, &self.actors, &packet);
                }
            }
        }
    }

    fn outcome(mut self) -> Outcome {
        self.tally.count(
            &self.world,
            self.actors.iter().map(|actor| actor.successes).sum(),
        );
        if let Some(calls) = &self.calls {
            calls.count(&mut self.tally);
        }
        Outcome {
            fingerprint: self.world.fingerprint(),
            features: self.mix.features(),
            tally: self.tally,
        }
    }

    /// The present.
    fn now(&self) -> Mono {
        self.world.now()
    }
}
