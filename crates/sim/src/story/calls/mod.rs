//! `Calls`: the calls of a story: each phone's [`Agent`], others who call and are called beyond the
//! main registrar, and what they come to do.

mod check;
mod hostile;
mod whim;

use core::net::SocketAddr;

use engine::Mono;

use crate::call::{Agent, CallMix, Exchange, Manner, Place};
use crate::mix::Mix;
use crate::packet::Packet;
use crate::policy::{DOMAIN, address, us};
use crate::rng::Rng;
use crate::world::World;

use super::actor::{Actor, Purpose};
use super::{Story, Tally};

pub(super) use check::all_is_reached;
pub(super) use whim::follow;

/// Tells the stream of a story's calls from all others of its seed.
const STREAM: u64 = 0x0ca1_15ed;

/// The calls of a story.
#[derive(Debug)]
pub(super) struct Calls {
    mix: CallMix,
    rng: Rng,
    /// By number of their phone.
    agents: Vec<Agent>,
    /// The Call-ID of each phone's registrations: another tells that it has restarted.
    boots: Vec<String>,
    outsiders: Vec<Outsider>,
    hostile: hostile::Stranger,
}

/// Somebody who is not behind midreg.
#[derive(Debug)]
struct Outsider {
    at: SocketAddr,
    agent: Agent,
    way: Way,
}

/// How somebody who is not behind midreg reaches those who are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By the main registrar as a proxy.
    Proxy,
    /// He is the main registrar himself, speaking from another port, and knows what it holds.
    Itself,
}

impl Calls {
    /// Those of a mix, if it has any; main registrars learn what to do with them.
    pub(super) fn of(mix: &Mix, world: &mut World, actors: &[Actor]) -> Option<Self> {
        let calls = mix.calls.clone()?;
        let mut rng = Rng::new(mix.seed ^ STREAM);
        let agents = actors.iter().enumerate().map(|(number, actor)| {
            let mark = format!("p{number}");
            Agent::new(place(actor), &mark, rng.draw())
        });
        let agents: Vec<Agent> = agents.collect();
        let mut outsiders = Vec::new();
        for main in &mut world.mains {
            main.exchange = Some(Exchange::new(main.address, calls.habits));
            let node = main.address.port();
            for (name, at, way) in [
                ("carol", format!("203.0.113.50:{node}"), Way::Proxy),
                ("dave", format!("203.0.113.9:{}", node + 100), Way::Itself),
            ] {
                let aor = format!("{name}@{DOMAIN}");
                let contact = format!("sip:{name}@{at}");
                main.hold(&aor, &contact, Mono::NEVER);
                let place = Place {
                    aor,
                    here: at.clone(),
                    contact,
                    proxy: main.address,
                };
                outsiders.push(Outsider {
                    at: address(&at),
                    agent: Agent::new(place, &format!("{name}{node}"), rng.draw()),
                    way,
                });
            }
        }
        Some(Self {
            mix: calls,
            boots: actors
                .iter()
                .map(|actor| actor.phone.call_id.clone())
                .collect(),
            agents,
            outsiders,
            hostile: hostile::Stranger::new(),
            rng,
        })
    }

    /// When somebody wants to do something.
    pub(super) fn next_deadline(&self, actors: &[Actor]) -> Option<Mono> {
        let agents = self.agents.iter().zip(actors);
        let agents = agents.filter(|(_, actor)| actor.purpose != Purpose::Off);
        let agents = agents.filter_map(|(agent, _)| agent.next_deadline());
        let outsiders = self.outsiders.iter();
        agents
            .chain(outsiders.filter_map(|outsider| outsider.agent.next_deadline()))
            .min()
    }

    /// Time has come.
    pub(super) fn on_time(&mut self, world: &mut World, actors: &[Actor]) {
        let now = world.now();
        self.follow_phones(actors);
        for (agent, actor) in self.agents.iter_mut().zip(actors) {
            if actor.purpose != Purpose::Off {
                agent.on_time(now);
            }
        }
        for outsider in &mut self.outsiders {
            outsider.agent.on_time(now);
        }
        self.send(world, actors);
    }

    /// Something arrived at this address.
    pub(super) fn receive(&mut self, world: &mut World, actors: &[Actor], packet: &Packet) {
        let now = world.now();
        self.follow_phones(actors);
        for (agent, actor) in self.agents.iter_mut().zip(actors) {
            if actor.phone.address == packet.to && actor.purpose != Purpose::Off {
                agent.receive(now, packet);
            }
        }
        for outsider in &mut self.outsiders {
            if outsider.at == packet.to {
                outsider.agent.receive(now, packet);
            }
        }
        self.hostile.overhear(packet);
        self.send(world, actors);
    }

    /// Whatever they do from now on, everybody takes calls so.
    fn set_manner(&mut self, manner: Manner) {
        for agent in &mut self.agents {
            agent.manner = Some(manner);
        }
        for outsider in &mut self.outsiders {
            outsider.agent.manner = Some(manner);
        }
    }

    /// Agents are where their phones are, and forget when they restart.
    fn follow_phones(&mut self, actors: &[Actor]) {
        let own = self.agents.iter_mut().zip(&mut self.boots);
        for ((agent, boot), actor) in own.zip(actors) {
            agent.place = place(actor);
            if *boot != actor.phone.call_id {
                boot.clone_from(&actor.phone.call_id);
                agent.reboot();
            }
        }
    }

    /// What everybody has to send goes on its way.
    fn send(&mut self, world: &mut World, actors: &[Actor]) {
        let mut sent = Vec::new();
        for (agent, actor) in self.agents.iter_mut().zip(actors) {
            let from = actor.phone.address;
            let own = agent.take_sent().into_iter();
            let own = own.map(|(to, bytes)| Packet { from, to, bytes });
            match actor.purpose {
                Purpose::Off => drop(own),
                _ => sent.extend(own),
            }
        }
        for outsider in &mut self.outsiders {
            let from = outsider.at;
            let own = outsider.agent.take_sent().into_iter();
            sent.extend(own.map(|(to, bytes)| Packet { from, to, bytes }));
        }
        sent.into_iter().for_each(|packet| world.carry(packet));
    }

    /// What happened, for statistics.
    pub(super) fn count(&self, tally: &mut Tally) {
        let outsiders = self.outsiders.iter().map(|outsider| &outsider.agent);
        for agent in self.agents.iter().chain(outsiders) {
            for (what, times) in &agent.log.counts {
                tally.add(format!("calls: {what}"), *times);
            }
        }
    }
}

impl Story {
    /// Does something with the calls of the story, if there are any.
    fn with_calls<T>(&mut self, act: impl FnOnce(&mut Calls, &mut Self) -> T) -> Option<T> {
        let mut calls = self.calls.take()?;
        let outcome = act(&mut calls, self);
        self.calls = Some(calls);
        Some(outcome)
    }
}

/// Who and where a phone believes to be.
fn place(actor: &Actor) -> Place {
    let phone = &actor.phone;
    Place {
        aor: phone.aor(),
        here: phone.local.to_string(),
        contact: phone.contact().to_owned(),
        proxy: us(),
    }
}
