//! `Whim`: what comes into a phone's mind.

use crate::policy::address;

use super::Story;
use super::actor::Purpose;

/// What comes into a phone's mind.
#[derive(Clone, Copy, Debug)]
enum Whim {
    /// To register again, now.
    Refresh,
    /// To restart, with a new Call-ID.
    Reboot,
    /// Its NAT gives it another port, and it notices nothing.
    Rebind,
    /// To go elsewhere, with a new Contact.
    Move,
    /// To be switched off.
    Vanish,
    /// To be there again.
    Return,
    /// To take its registration back.
    Leave,
    /// To take back all registrations of its user.
    Star,
    /// To forget its password, or to remember it.
    Password,
    /// To register only some of its contacts.
    Choose,
    /// To ask for another lifetime.
    Lifetime,
    /// To ask who is registered.
    Query,
    /// To say the last thing again in other words.
    Retry,
}

const ALL: [Whim; 16] = [
    Whim::Refresh,
    Whim::Refresh,
    Whim::Reboot,
    Whim::Rebind,
    Whim::Rebind,
    Whim::Move,
    Whim::Vanish,
    Whim::Return,
    Whim::Return,
    Whim::Leave,
    Whim::Star,
    Whim::Password,
    Whim::Choose,
    Whim::Lifetime,
    Whim::Query,
    Whim::Retry,
];

/// A phone follows a whim.
pub(super) fn follow(story: &mut Story) {
    let at = story.rng.index(story.actors.len());
    let whim = ALL[story.rng.index(ALL.len())];
    let note = format!("step {}: phone {at}: {whim:?}", story.step);
    story.world.note(note);
    story.tally.whim(format!("{whim:?}"));
    if let Some(bytes) = act(story, at, whim) {
        let from = story.actors[at].phone.address;
        story.world.send(from, &bytes);
    }
}

/// Does it; what is to be sent for it at once.
fn act(story: &mut Story, at: usize, whim: Whim) -> Option<Vec<u8>> {
    let now = story.now();
    let (rng, actor) = (&mut story.rng, &mut story.actors[at]);
    let port = 1024 + rng.below(60_000) as u16;
    match whim {
        Whim::Refresh => actor.stir(now),
        Whim::Reboot => {
            actor.phone.reboot();
            actor.stir(now);
        }
        Whim::Rebind => {
            actor.phone.address.set_port(port);
            if rng.chance(50) {
                actor.stir(now);
            }
        }
        Whim::Move => {
            // Who is behind a NAT or has two contacts stays where he is.
            if actor.all.len() == 1 && actor.phone.local.ip() == actor.phone.address.ip() {
                actor
                    .phone
                    .move_to(&format!("198.51.100.{}:{port}", 100 + at));
                actor.all = actor.phone.contacts.clone();
                actor.stir(now);
            }
        }
        Whim::Vanish => actor.purpose = Purpose::Off,
        Whim::Return => actor.intend(now, Purpose::Stay),
        Whim::Leave => actor.intend(now, Purpose::Leave),
        Whim::Star => {
            let bytes = actor.phone.unregister_all();
            return Some(actor.ask(now, bytes));
        }
        Whim::Password => actor.confuse(),
        Whim::Choose => {
            let (first, last) = [(0, 1), (0, 2), (1, 2)][rng.index(3)];
            if let Some(chosen @ [_, ..]) = actor.all.get(first..last.min(actor.all.len())) {
                actor.phone.contacts = chosen.to_vec();
            }
            actor.stir(now);
        }
        Whim::Lifetime => {
            actor.phone.expires = [None, Some(60), Some(120), Some(300)][rng.index(4)];
        }
        Whim::Query => {
            let bytes = actor.phone.query();
            return Some(actor.ask(now, bytes));
        }
        Whim::Retry => {
            if actor.purpose == Purpose::Stay {
                let bytes = actor.phone.retry();
                return Some(actor.ask(now, bytes));
            }
        }
    }
    None
}

/// Somebody repeats from elsewhere what a phone has said, without what proves who it is.
pub(super) fn impersonate(story: &mut Story) {
    let at = story.rng.index(story.actors.len());
    let (number, port) = (story.rng.below(1_000), 1024 + story.rng.below(60_000));
    let said = &story.actors[at].said;
    let Some(said) = said.get(story.rng.index(said.len())) else {
        return;
    };
    let said = String::from_utf8_lossy(said).into_owned();
    let lines = said
        .split("\r\n")
        .filter(|line| !line.starts_with("Authorization"));
    let mut words = lines.collect::<Vec<_>>().join("\r\n");
    words = words.replace("z9hG4bK", &format!("z9hG4bKstranger{number}."));
    story.world.note(format!("a stranger repeats phone {at}"));
    let from = address(&format!("198.51.100.{}:{port}", 200 + at));
    story.world.send(from, words.as_bytes());
}
