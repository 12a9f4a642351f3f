//! What must be so at certain moments of a story, beyond what the watch demands at all times.

use std::collections::{BTreeMap, BTreeSet};

use engine::command::Totals;
use engine::policy::Mode;

use crate::main_registrar::Held;

use super::Story;
use super::actor::{Actor, Purpose};

/// What named the phones to the main registrars before they went: by phone.
pub(super) type LastSight = BTreeMap<usize, Vec<String>>;

/// In a calm mix, whenever nothing is under way and nothing in doubt: all that is bound is held upstream at least as
/// long as it is leased, and where we may take back what we registered, nothing else is.
pub(super) fn quiet(story: &mut Story) -> Result<(), String> {
    if !story.mix.is_calm() || !is_quiet(story) {
        return Ok(());
    }
    story.tally.quiet();
    let aors = aors(story);
    for aor in aors
        .iter()
        .filter(|aor| !story.world.watch().shadow().is_doubtful(aor))
    {
        bound_is_held(story, aor)?;
        if story.mix.leaves_no_ghosts() {
            held_is_bound(story, aor)?;
        }
    }
    Ok(())
}

/// Peace: every phone that goes on refreshing is bound here, where it is, and held upstream; both
/// sides agree; and no answer waits for anything.
pub(super) fn agreement(story: &mut Story) -> Result<(), String> {
    story.world.look();
    for (number, actor) in story.actors.iter().enumerate() {
        if actor.purpose == Purpose::Stay {
            is_bound(story, number, actor)?;
        }
    }
    let aors = aors(story);
    for aor in &aors {
        bound_is_held(story, aor)?;
    }
    no_ghosts(story)?;
    let totals = story.world.rig.totals();
    match totals.held_replies {
        0 => Ok(()),
        _ => Err(format!("answers still wait for the store: {totals:?}")),
    }
}

/// Peace: where we may take back what we registered, nothing is held for nobody.
pub(super) fn no_ghosts(story: &Story) -> Result<(), String> {
    if !story.mix.leaves_no_ghosts() {
        return Ok(());
    }
    let aors = aors(story);
    aors.iter().try_for_each(|aor| held_is_bound(story, aor))
}

/// What names each phone to the main registrars at present.
pub(super) fn last_sight(story: &Story) -> LastSight {
    let staying = story.actors.iter().enumerate();
    let staying = staying.filter(|(_, actor)| actor.purpose == Purpose::Stay);
    staying
        .map(|(number, actor)| {
            let aor = actor.phone.aor();
            let bindings = story.world.rig.bindings(&aor).into_iter();
            let own = bindings.filter(|binding| {
                actor.phone.contacts.contains(&binding.contact)
                    && binding.remote == actor.phone.address
            });
            let handles = own.map(|binding| story.world.handle(&aor, binding.id));
            (number, handles.collect())
        })
        .collect()
}

/// Everybody is gone here; who left as one should is gone upstream; and where we may take back what
/// we registered, everybody is.
pub(super) fn farewell(story: &Story, last: &LastSight) -> Result<(), String> {
    if story.mix.mode == Mode::Mirror {
        return politely_gone(story, last);
    }
    for aor in &aors(story) {
        if let Some(binding) = story.world.rig.bindings(aor).first() {
            return Err(format!("{} outlives its phone", binding.contact));
        }
        if story.mix.leaves_no_ghosts()
            && let Some(held) = story.world.held(aor).first()
        {
            return Err(format!("{} is held upstream for nobody", held.uri));
        }
    }
    politely_gone(story, last)
}

/// Nothing is left of anything.
pub(super) fn emptiness(story: &Story) -> Result<(), String> {
    let totals = story.world.rig.totals();
    match totals == Totals::default() {
        true => Ok(()),
        false => Err(format!(
            "something is left after a day of silence: {totals:?}"
        )),
    }
}

/// Who left was told so, and is held no more. In `aor` what names a phone upstream names its AoR,
/// and goes with the last.
fn politely_gone(story: &Story, last: &LastSight) -> Result<(), String> {
    let leaving = |actor: &Actor| actor.purpose == Purpose::Leave;
    for (number, handles) in last {
        let actor = &story.actors[*number];
        if !leaving(actor) {
            continue;
        }
        if !actor.has_left() {
            return Err(format!("phone {number} cannot leave"));
        }
        let aor = actor.phone.aor();
        let mut family = story.actors.iter().filter(|other| other.phone.aor() == aor);
        if story.mix.mode == Mode::Aor && !family.all(leaving) {
            continue;
        }
        let held = story.world.held(&aor);
        if let Some(left) = held.iter().find(|held| handles.contains(&held.handle)) {
            // Another node may hold what a device had before its own node failed.
            if story.mix.nodes == 1 {
                return Err(format!("phone {number} has left, and {} is held", left.uri));
            }
        }
    }
    Ok(())
}

fn is_bound(story: &Story, number: usize, actor: &Actor) -> Result<(), String> {
    let aor = actor.phone.aor();
    let bindings = story.world.rig.bindings(&aor);
    for uri in &actor.phone.contacts {
        let own = bindings
            .iter()
            .find(|binding| binding.contact == *uri && binding.remote == actor.phone.address);
        let Some(own) = own else {
            return Err(format!("phone {number} is not bound at {uri}"));
        };
        let handle = story.world.handle(&aor, own.id);
        let mut held = story.world.held(&aor).into_iter();
        if !story.world.mains.is_empty() && !held.any(|held| held.handle == handle) {
            return Err(format!("phone {number} is not held upstream at {uri}"));
        }
    }
    Ok(())
}

/// What is bound here is held upstream, once, and for as long as we believe.
fn bound_is_held(story: &Story, aor: &str) -> Result<(), String> {
    if !matches!(story.mix.mode, Mode::Contact | Mode::Aor) {
        return Ok(());
    }
    let held = story.world.held(aor);
    for binding in story.world.rig.bindings(aor) {
        let handle = story.world.handle(aor, binding.id);
        let own: Vec<&Held> = held.iter().filter(|held| held.handle == handle).collect();
        let longest = own
            .iter()
            .map(|held| held.until.0 / 1000)
            .max()
            .unwrap_or(0);
        if longest < u64::from(binding.lease_left) {
            let contact = binding.contact;
            return Err(format!("{contact} is not held as long as it is leased"));
        }
        // Where nobody lets us end a lease, the AoR may return under another Call-ID before it is over.
        let shadow = story.world.watch().shadow();
        let kept = own
            .iter()
            .filter(|held| !shadow.is_left_to_expire(&held.call_id));
        let times = kept.count();
        if times > 1 && story.mix.nodes == 1 {
            return Err(format!("{} is held {times} times", binding.contact));
        }
    }
    Ok(())
}

/// What is held upstream is bound here.
fn held_is_bound(story: &Story, aor: &str) -> Result<(), String> {
    let bindings = story.world.rig.bindings(aor).into_iter();
    let handles: BTreeSet<String> = bindings
        .map(|binding| story.world.handle(aor, binding.id))
        .collect();
    let held = story.world.held(aor);
    match held.iter().find(|held| !handles.contains(&held.handle)) {
        Some(ghost) => Err(format!("{} is nobody's at {aor}", ghost.uri)),
        None => Ok(()),
    }
}

fn is_quiet(story: &mut Story) -> bool {
    let totals = story.world.rig.totals();
    let busy = totals.conversations + totals.client_transactions + totals.releases;
    busy == 0 && story.world.network().under_way() == 0
}

fn aors(story: &Story) -> BTreeSet<String> {
    story.actors.iter().map(|actor| actor.phone.aor()).collect()
}
