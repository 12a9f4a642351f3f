//! Accidents: a trouble of the mix begins or ends.

use engine::command::Command;
use engine::policy::Policy;

use crate::mix::Trouble;
use crate::network::Conditions;
use crate::personality::{Overflow, Personality, Temper};
use crate::rig::Rig;
use crate::store::StoreMode;

use super::{Story, whim};

/// One of the mix's troubles begins, or those of the main registrars end.
pub(super) fn happen(story: &mut Story) {
    let trouble = story.mix.troubles[story.rng.index(story.mix.troubles.len())];
    let note = format!("step {}: {trouble:?}", story.step);
    story.world.note(note);
    story.tally.trouble(trouble);
    if !story.world.mains.is_empty() && story.rng.chance(30) {
        return relieve(story);
    }
    match trouble {
        Trouble::Silence => temper(story, Temper::Silent),
        Trouble::Muteness => temper(story, Temper::Mute),
        Trouble::Overload => temper(story, Temper::Overloaded(5)),
        Trouble::Rejection => temper(story, Temper::Refuses(500)),
        Trouble::Ban => temper(story, Temper::Refuses(403)),
        Trouble::Shortening => {
            let longest = [7200, 3600, 300, 90, 30][story.rng.index(5)];
            change(story, |personality| personality.longest = longest);
        }
        Trouble::TooBrief => {
            let shortest = [0, 60, 600][story.rng.index(3)];
            change(story, |personality| personality.shortest = shortest);
        }
        Trouble::Crowding => {
            let overflow = [Overflow::DropOldest, Overflow::Refuse][story.rng.index(2)];
            change(story, |personality| {
                personality.max_contacts = 1;
                personality.overflow = overflow;
            });
        }
        Trouble::MainRestart => {
            let at = story.rng.index(story.world.mains.len());
            story.world.mains[at].forget_all();
            if story.rng.chance(50) {
                resync(story);
            }
        }
        Trouble::Resync => resync(story),
        Trouble::Kick => kick(story),
        Trouble::LateStore => store(story, StoreMode::Late),
        Trouble::FailingStore => store(story, StoreMode::Failing),
        Trouble::Crash => {
            let seed = story.rng.draw();
            story.world.crash(seed);
        }
        Trouble::Partition => {
            let at = story.rng.index(story.world.mains.len());
            let end = story.world.mains[at].address;
            story.world.network().cut(end);
        }
        Trouble::Stranger => whim::impersonate(story),
        Trouble::NewPolicy => new_policy(story),
    }
}

/// Every device is to be asked for anew (R14).
pub(super) fn resync(story: &mut Story) {
    story
        .world
        .touch(|rig| rig.command(Command::Resync { tag: 0 }));
}

/// The main registrars and the way to them are well again, and mostly the store.
fn relieve(story: &mut Story) {
    story.world.note("relief");
    temper(story, Temper::Normal);
    story.world.network().mend();
    if story.rng.chance(70) {
        story.world.rig.set_store(StoreMode::AtOnce);
        story.world.touch(Rig::catch_up);
    }
}

fn temper(story: &mut Story, temper: Temper) {
    change(story, |personality| personality.temper = temper.clone());
}

/// One of the main registrars changes, or all of them do.
fn change(story: &mut Story, how: impl Fn(&mut Personality)) {
    let one = story.rng.index(story.world.mains.len());
    let all = story.rng.chance(50);
    let mains = story.world.mains.iter_mut().enumerate();
    mains
        .filter(|(at, _)| all || *at == one)
        .for_each(|(_, main)| how(&mut main.personality));
}

fn store(story: &mut Story, mode: StoreMode) {
    story.world.rig.set_store(mode);
    if mode == StoreMode::Failing {
        while story.world.rig.store().waiting() > 0 {
            story.world.touch(Rig::settle_one);
        }
    }
}

fn kick(story: &mut Story) {
    let at = story.rng.index(story.actors.len());
    let aor = story.actors[at].phone.aor();
    story
        .world
        .touch(|rig| rig.command(Command::Kick { tag: 0, aor }));
}

fn new_policy(story: &mut Story) {
    let mut policy: Policy = story.world.rig.policy().clone();
    let domain = &mut policy.domain;
    domain.expires = [7200, 600, 120][story.rng.index(3)];
    domain.reauth_interval = [7200, 200][story.rng.index(2)];
    domain.registration.max_expires = [300, 120][story.rng.index(2)];
    story.world.touch(|rig| rig.set_policy(policy));
    // Nobody is sure that the settings of a network stay what they are, either.
    if story.rng.chance(20) && !story.mix.is_calm() {
        story.world.set_conditions(Conditions::SLOW);
    }
}
