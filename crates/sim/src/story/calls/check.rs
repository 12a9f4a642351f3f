//! Peace: everybody can be called, and can call.

use core::time::Duration;

use engine::policy::{ForkOrder, Mode, Outbound};

use super::{Calls, Story, Way};
use crate::call::{Manner, Order};
use crate::story::actor::Purpose;

/// Milliseconds after which everybody answers.
const RING: u64 = 1_000;
/// Seconds after which a call is answered if all are called at once, and if they are called one after
/// the other, some of them dead.
const AT_ONCE: u64 = 4;
const IN_TURN: u64 = 140;
/// Seconds after which all that a call brings with it is over.
const WHILE: u64 = 40;

/// Who calls in peace.
#[derive(Clone, Copy, Debug)]
enum Caller {
    /// Somebody beyond the main registrar, by number.
    Outsider(usize),
    /// A phone, by number.
    Phone(usize),
}

/// Each user with a phone that is registered can be called by somebody beyond the main registrar,
/// and by a phone; all phones of the user hear of it where they are to hear of it at once; somebody
/// answers, and hears when the caller hangs up.
pub(in crate::story) fn all_is_reached(story: &mut Story) -> Result<(), String> {
    let Some(mut calls) = story.with_calls(|calls, story| calls.begin_peace(story)) else {
        return Ok(());
    };
    calls.sort();
    calls.dedup();
    // What still rings is over before.
    story.live(Duration::from_secs(200))?;
    for (aor, staying) in calls {
        for caller in callers(story) {
            one_call(story, caller, (&aor, &staying))?;
        }
    }
    Ok(())
}

/// The numbers of the phones of an AoR.
type Family = (String, Vec<usize>);

impl Calls {
    fn begin_peace(&mut self, story: &mut Story) -> Vec<Family> {
        self.set_manner(Manner::Answers(RING));
        let now = story.now();
        for agent in &mut self.agents {
            agent.hang_up_all(now);
        }
        for outsider in &mut self.outsiders {
            outsider.agent.hang_up_all(now);
        }
        self.send(&mut story.world, &story.actors);
        let staying = story.actors.iter().enumerate();
        let staying = staying.filter(|(_, actor)| actor.purpose == Purpose::Stay);
        let staying: Vec<(usize, String)> = staying
            .map(|(number, actor)| (number, actor.phone.aor()))
            .collect();
        let families = staying.iter().map(|(_, aor)| {
            let family = staying.iter().filter(|(_, other)| other == aor);
            (aor.clone(), family.map(|(number, _)| *number).collect())
        });
        families.collect()
    }

    fn place_call(&mut self, story: &mut Story, caller: Caller, aor: &str) -> String {
        self.follow_phones(&story.actors);
        let (now, uri) = (story.now(), format!("sip:{aor}"));
        let agent = match caller {
            Caller::Outsider(at) => &mut self.outsiders[at].agent,
            Caller::Phone(at) => &mut self.agents[at],
        };
        let call_id = agent.call(now, &uri, 1000 * IN_TURN);
        self.send(&mut story.world, &story.actors);
        call_id
    }

    fn hang_up(&mut self, story: &mut Story, caller: Caller) {
        let now = story.now();
        match caller {
            Caller::Outsider(at) => self.outsiders[at].agent.hang_up_all(now),
            Caller::Phone(at) => self.agents[at].hang_up_all(now),
        }
        self.send(&mut story.world, &story.actors);
    }

    fn outcome(&self, caller: Caller, method: &str, call_id: &str) -> u16 {
        let agent = match caller {
            Caller::Outsider(at) => &self.outsiders[at].agent,
            Caller::Phone(at) => &self.agents[at],
        };
        agent.log.answer(method, call_id)
    }

    /// Whether all of a user's devices are told of a call at once.
    fn tells_all(&self, mode: Mode) -> bool {
        let here = self.mix.policy.fork != ForkOrder::Serial;
        let there = self.mix.habits.order == Order::Parallel;
        match mode {
            Mode::Aor | Mode::Standalone => here,
            Mode::Contact | Mode::Mirror => there,
        }
    }
}

/// One who calls from beyond, and the first phone that may.
fn callers(story: &Story) -> Vec<Caller> {
    let Some(calls) = &story.calls else {
        return Vec::new();
    };
    // Of several nodes only that which a device is registered at knows of it.
    let one = story.mix.nodes == 1;
    let proxies = calls.outsiders.iter();
    let outsider = proxies
        .enumerate()
        .find(|(_, outsider)| outsider.way == Way::Proxy && one);
    let mut callers: Vec<Caller> = outsider
        .map(|(at, _)| Caller::Outsider(at))
        .into_iter()
        .collect();
    let mut phones = story.actors.iter().enumerate();
    let phone = phones.find(|(_, actor)| actor.purpose == Purpose::Stay);
    let may = calls.mix.policy.outbound != Outbound::None && story.mix.nodes < 2;
    callers.extend(
        phone
            .filter(|_| may)
            .map(|(number, _)| Caller::Phone(number)),
    );
    callers
}

fn one_call(
    story: &mut Story,
    caller: Caller,
    (aor, family): (&str, &[usize]),
) -> Result<(), String> {
    let note = format!("{caller:?} calls {aor}");
    story.world.note(note.clone());
    let call = story.with_calls(|calls, story| calls.place_call(story, caller, aor));
    let call = call.unwrap_or_default();
    let mode = story.mix.mode;
    let at_once = story.with_calls(|calls, _| calls.tells_all(mode));
    let patience = match at_once {
        Some(true) => AT_ONCE,
        _ => IN_TURN,
    };
    story.live(Duration::from_secs(patience))?;
    let told = story.with_calls(|calls, _| {
        let status = calls.outcome(caller, "INVITE", &call);
        if status != 200 {
            return Err(format!("{note} and hears {status}"));
        }
        let deaf = family.iter().find(|number| {
            let agent = &calls.agents[**number];
            !agent.log.has_heard("INVITE", &call)
        });
        match deaf.filter(|_| calls.tells_all(mode)) {
            Some(number) => Err(format!("{note}, and phone {number} does not hear of it")),
            None => Ok(()),
        }
    });
    told.unwrap_or(Ok(()))?;
    story.with_calls(|calls, story| calls.hang_up(story, caller));
    story.live(Duration::from_secs(WHILE))?;
    let ended = story.with_calls(|calls, _| {
        let outsiders = calls.outsiders.iter().map(|outsider| &outsider.agent);
        let all = calls.agents.iter().chain(outsiders);
        let heard = all
            .filter(|agent| agent.log.has_heard("BYE", &call))
            .count();
        match (heard, calls.outcome(caller, "BYE", &call)) {
            (0, status) => Err(format!("{note}, hangs up, and nobody hears it ({status})")),
            (_, 0 | 200 | 481) => Ok(()),
            (_, status) => Err(format!("{note}, hangs up, and hears {status}")),
        }
    });
    ended.unwrap_or(Ok(()))
}
