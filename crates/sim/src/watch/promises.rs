//! Promises: none beyond what is usable of a lease, no lease longer than granted (R4), and none
//! that the store could not repeat after a crash (ADR 0007).

use engine::command::BindingView;
use engine::policy::Mode;
use engine::{BindingId, Mono};

use super::{Leg, Passing, Shadow, Sight, seconds};

/// Milliseconds that an answer may wait for the store and still be sent as it was written: the
/// margin of a lease is longer.
const FRESH: u64 = 1_000;

/// Longest margin of a lease, in seconds, and a moment.
const LONGEST_MARGIN: u32 = 31;

/// A 200 promises no more than the leases carry, and its receiver no more than the store knows.
pub(super) fn of_answer(
    passing: Passing<'_>,
    shadow: &Shadow,
    sight: Sight<'_>,
) -> Result<(), String> {
    let Passing { packet, facts } = passing;
    let (Some(leg), 200) = (shadow.leg(&facts.branch), facts.status) else {
        return Ok(());
    };
    if leg.facts.only_removes() {
        return removal(passing, leg, sight);
    }
    if !leg.facts.wants_something() {
        return Ok(());
    }
    let bindings = sight.rig.bindings(&facts.aor);
    if leg.answer == Some(200) && is_outdated(leg, &bindings, shadow) {
        return Ok(());
    }
    let composed = match sight.rig.store().was_late() {
        true => Mono(sight.rig.now().0.saturating_sub(FRESH)),
        false => sight.rig.now(),
    };
    for listed in &facts.contacts {
        let promised = listed.expires.unwrap_or(0);
        let known = || {
            bindings
                .iter()
                .filter(|binding| binding.contact == listed.uri)
        };
        if known().next().is_none() || promised == 0 {
            continue;
        }
        // Of two with one Contact the requester's own is listed first.
        let asked = leg.facts.listed(&listed.uri).is_some();
        let is_own = asked && facts.listed(&listed.uri) == Some(listed);
        // A farewell that waited behind this answer has taken effect with it: who still has that
        // Contact is another.
        let stays = known().any(|binding| binding.remote == packet.to);
        if is_own && !stays && shadow.has_left_since(&leg.facts, &listed.uri) {
            continue;
        }
        let usable = known().filter_map(|binding| {
            let granted = shadow.granted(&sight.handle(&facts.aor, binding))?;
            Some(granted.usable(composed))
        });
        let usable = usable.max().unwrap_or(0);
        if leg.is_leased() && promised > usable {
            let uri = &listed.uri;
            return Err(format!(
                "{uri} is promised {promised} s where {usable} s are usable"
            ));
        }
        if !is_own {
            continue;
        }
        for own in known().filter(|binding| binding.remote == packet.to) {
            let durable = sight.rig.store().row(own.id).map_or(0, |row| row.granted);
            if promised > durable {
                let uri = &listed.uri;
                return Err(format!(
                    "{uri} is promised {promised} s, the store knows of {durable} s"
                ));
            }
        }
    }
    Ok(())
}

/// Whether an answer is repeated to a device that has been answered something later, or that
/// is not bound any more as it was: it waits for it no longer. In `mirror` transactions repeat what
/// the main registrar said.
fn is_outdated(leg: &Leg, bindings: &[BindingView], shadow: &Shadow) -> bool {
    let current = |binding: &BindingView| {
        let asked = leg.facts.listed(&binding.contact).is_some();
        asked && shadow.last_word(binding.id) == Some((leg.facts.call_id.as_str(), leg.facts.cseq))
    };
    leg.mode == Mode::Mirror || !bindings.iter().any(current)
}

/// Who is told that he is gone, and was there when he asked, is gone in the store as well. A store
/// that failed may keep the row of somebody whose end nobody was told of.
fn removal(passing: Passing<'_>, leg: &Leg, sight: Sight<'_>) -> Result<(), String> {
    let Passing { packet, facts } = passing;
    if sight.rig.store().failures() > 0 {
        return Ok(());
    }
    let bindings = sight.rig.bindings(&facts.aor);
    let left = leg.bound.iter().find(|id| {
        let lives = bindings.iter().any(|binding| binding.id == **id);
        let row = sight.rig.store().row(**id);
        !lives && row.is_some_and(|row| row.remote == packet.to)
    });
    match left.and_then(|id| sight.rig.store().row(*id)) {
        Some(row) => Err(format!(
            "{} has left, and the store does not know",
            row.contact
        )),
        None => Ok(()),
    }
}

/// A binding promises no more than its lease, and its lease is no longer than what was granted.
pub(super) fn of_binding(
    aor: &str,
    binding: &BindingView,
    shadow: &Shadow,
    sight: Sight<'_>,
) -> Result<(), String> {
    let contact = &binding.contact;
    if binding.expires_in > binding.lease_left {
        return Err(format!("{contact} is promised more than its lease"));
    }
    if !sight.leases(aor) {
        return Ok(());
    }
    let handle = sight.handle(aor, binding);
    // A 2xx that nobody heard of may have shortened it: the next REGISTER asks.
    if shadow.is_unanswered(&handle) {
        return Ok(());
    }
    match shadow.granted(&handle) {
        None => Err(format!("nothing was granted to {contact}")),
        Some(granted) if seconds(granted.until) < u64::from(binding.lease_left) => {
            Err(format!("the lease of {contact} is longer than granted"))
        }
        Some(_) => Ok(()),
    }
}

/// A promise that must survive a crash.
#[derive(Debug)]
pub(super) struct Owed {
    aor: String,
    id: BindingId,
    contact: String,
}

/// At a crash: what was promised to anybody, and still runs, is in the store.
pub(super) fn owed(aor: &str, shadow: &Shadow, sight: Sight<'_>) -> Result<Vec<Owed>, String> {
    let mut owed = Vec::new();
    for binding in sight.rig.bindings(aor) {
        if shadow.last_word(binding.id).is_none() {
            continue;
        }
        let Some(row) = sight.rig.store().row(binding.id) else {
            return Err(format!(
                "the promise to {} is not in the store",
                binding.contact
            ));
        };
        if row.lease_until > sight.rig.now().plus_seconds(LONGEST_MARGIN) {
            owed.push(Owed {
                aor: aor.to_owned(),
                id: binding.id,
                contact: row.contact.clone(),
            });
        }
    }
    Ok(owed)
}

/// After it: what was owed is bound.
pub(super) fn survived(owed: &Owed, sight: Sight<'_>) -> Result<(), String> {
    let bindings = sight.rig.bindings(&owed.aor);
    let mut own = bindings.iter().filter(|binding| binding.id == owed.id);
    match own.any(|binding| binding.contact == owed.contact) {
        true => Ok(()),
        false => {
            let row = sight.rig.store().row(owed.id);
            let left = row.map_or(0, |row| row.lease_until.seconds_after(sight.rig.now()));
            let contact = &owed.contact;
            Err(format!(
                "the promise to {contact} did not survive, its lease has {left} s"
            ))
        }
    }
}
