//! What comes into the mind of those who call.

use crate::call::{Company, Letter};
use crate::main_registrar::Held;
use crate::packet::Packet;
use crate::policy::{DOMAIN, us};

use super::{Calls, Story, Way};
use crate::story::actor::{Actor, Purpose};

/// What comes into somebody's mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whim {
    /// Somebody beyond the main registrar calls a user.
    Outside,
    /// A phone calls a user.
    Inside,
    /// A phone calls somebody beyond the main registrar, or nobody.
    Outward,
    /// Somebody sends a text.
    Text,
    /// The main registrar asks whether a user's devices are there.
    Qualify,
    /// The main registrar tells of messages.
    News,
    /// Somebody who means harm does some.
    Harm,
}

const ALL: [Whim; 12] = [
    Whim::Outside,
    Whim::Outside,
    Whim::Outside,
    Whim::Inside,
    Whim::Inside,
    Whim::Outward,
    Whim::Outward,
    Whim::Text,
    Whim::Qualify,
    Whim::News,
    Whim::Harm,
    Whim::Harm,
];

/// Somebody may follow a whim.
pub(in crate::story) fn follow(story: &mut Story) {
    story.with_calls(|calls, story| {
        if calls.rng.chance(calls.mix.liveliness) {
            calls.follow(story);
        }
    });
}

impl Calls {
    fn follow(&mut self, story: &mut Story) {
        let whim = ALL[self.rng.index(ALL.len())];
        let outside = !self.outsiders.is_empty();
        self.follow_phones(&story.actors);
        match whim {
            Whim::Outside if outside => self.call_in(story),
            Whim::Inside | Whim::Outside => self.call_across(story),
            Whim::Outward => self.call_out(story),
            Whim::Text => self.text(story),
            Whim::Qualify => self.ask(story, "OPTIONS"),
            Whim::News => self.ask(story, "NOTIFY"),
            Whim::Harm => self.harm(story),
        }
        self.send(&mut story.world, &story.actors);
    }

    /// Somebody beyond the main registrar calls a user; one who speaks for the main registrar calls
    /// each of the contacts that it holds.
    fn call_in(&mut self, story: &Story) {
        let now = story.now();
        let aor = self.somebody(&story.actors);
        let patience = self.patience();
        let at = self.rng.index(self.outsiders.len());
        let outsider = &mut self.outsiders[at];
        if outsider.way == Way::Proxy {
            outsider.agent.call(now, &format!("sip:{aor}"), patience);
            return;
        }
        for held in story.world.held(&aor) {
            let mut invite = outsider.agent.request("INVITE", &held.uri);
            direct(&mut invite, &held);
            outsider.agent.call_with(now, invite, patience);
        }
    }

    /// A phone calls a user, by the main registrar where there is one.
    fn call_across(&mut self, story: &Story) {
        let (now, to) = (story.now(), self.somebody(&story.actors));
        let patience = self.patience();
        if let Some(from) = self.somebody_on(&story.actors) {
            self.agents[from].call(now, &format!("sip:{to}"), patience);
        }
    }

    fn call_out(&mut self, story: &Story) {
        let (now, patience) = (story.now(), self.patience());
        let to = ["carol", "dave", "nobody"][self.rng.index(3)];
        if let Some(from) = self.somebody_on(&story.actors) {
            self.agents[from].call(now, &format!("sip:{to}@{DOMAIN}"), patience);
        }
    }

    fn text(&mut self, story: &Story) {
        let (now, to) = (story.now(), self.somebody(&story.actors));
        let method = ["MESSAGE", "MESSAGE", "PUBLISH", "FRUMBLE"][self.rng.index(4)];
        let inward = !self.outsiders.is_empty() && self.rng.chance(60);
        let agent = match (inward, self.somebody_on(&story.actors)) {
            (true, _) => {
                let at = self.rng.index(self.outsiders.len());
                &mut self.outsiders[at].agent
            }
            (false, Some(from)) => &mut self.agents[from],
            (false, None) => return,
        };
        let mut request = agent.request(method, &format!("sip:{to}"));
        request.body = "hello".to_owned();
        agent.say(now, request);
    }

    /// The main registrar asks each contact that it holds something for itself.
    fn ask(&mut self, story: &mut Story, method: &str) {
        let (now, aor) = (story.now(), self.somebody(&story.actors));
        let mut sent = Vec::new();
        for main in &mut story.world.mains {
            sent.extend(main.with_exchange(|exchange, main| {
                exchange.ask(now, (method, &aor), &main.held(now, &aor));
            }));
        }
        sent.into_iter()
            .for_each(|packet| story.world.carry(packet));
    }

    fn harm(&mut self, story: &mut Story) {
        if self.mix.company == Company::Good {
            return;
        }
        let aor = self.somebody(&story.actors);
        let held = story.world.held(&aor);
        let contact = held.first().map(|held| held.uri.clone());
        for (from, bytes) in self.hostile.harm(&mut self.rng, &aor, contact.as_deref()) {
            let to = us();
            story.world.carry(Packet { from, to, bytes });
        }
    }

    fn patience(&mut self) -> u64 {
        match self.rng.chance(30) {
            true => self.rng.below(3_000),
            false => 5_000 + self.rng.below(120_000),
        }
    }

    /// The AoR of some phone.
    fn somebody(&mut self, actors: &[Actor]) -> String {
        actors[self.rng.index(actors.len())].phone.aor()
    }

    /// Some phone that is switched on.
    fn somebody_on(&mut self, actors: &[Actor]) -> Option<usize> {
        let at = self.rng.index(actors.len());
        (actors[at].purpose != Purpose::Off).then_some(at)
    }
}

/// A request goes to a contact as it was registered.
pub(super) fn direct(request: &mut Letter, held: &Held) {
    request.routes.clone_from(&held.path);
    if request.routes.is_empty() {
        request.routes.push(format!("<sip:{};lr>", us()));
    }
}
