//! `Shadow`: what is true, as told by the messages alone: who asked what, what the main registrars
//! granted and to whom, and what devices were told.

use core::net::{IpAddr, SocketAddr};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use engine::command::BindingView;
use engine::policy::{FlowMatch, Mode};
use engine::{BindingId, Mono, Row, Seconds};

use super::{Passing, Sight};
use crate::digest;
use crate::facts::Facts;
use crate::handle::handle;
use crate::main_registrar::PASSWORD;
use crate::packet::Listed;

/// An answer that comes later than this after its request may have met nobody who waited for it.
const PATIENCE: u64 = 8_000;

/// An account of what crossed the wires.
#[derive(Debug, Default)]
pub struct Shadow {
    /// REGISTERs of devices, by branch.
    legs: BTreeMap<String, Leg>,
    /// Our own REGISTERs, by branch.
    sent: BTreeMap<String, Sent>,
    /// What the main registrars granted, by handle.
    leases: BTreeMap<String, Granted>,
    /// Contacts that were accepted, with the AoR and the flow they came by.
    accepted: BTreeSet<(String, String, SocketAddr)>,
    accepted_from: BTreeSet<(String, String, IpAddr)>,
    /// Flows on which something was accepted for an AoR.
    proved: BTreeSet<(String, SocketAddr)>,
    proved_from: BTreeSet<(String, IpAddr)>,
    /// AoR, Call-ID and CSeq of the last registration that was answered 200, by binding.
    last_words: BTreeMap<BindingKey, (String, String, u32)>,
    /// Nonces that we issued ourselves.
    nonces: BTreeSet<String>,
    /// AoRs of which somebody who had proved nothing took all back: that holds up nobody, and what
    /// was accepted meanwhile is in doubt until it is asked for again (R8).
    doubtful: BTreeSet<String>,
    /// Our last REGISTER for a leg, by the leg's branch.
    forwarded: BTreeMap<String, String>,
    /// Leases of which the last REGISTER found no answer, by handle, and when it was sent: the main
    /// registrar may have granted anything (R6).
    unanswered: BTreeMap<String, Mono>,
    /// Call-IDs of leases that we asked to have ended ourselves, and were refused.
    unreturned: BTreeSet<String>,
    /// The last REGISTER of a device, how many were absorbed before it, and when it came.
    latest: (String, u64, Mono),
}

/// Slot, place and generation of a binding.
type BindingKey = (u16, u32, u32);

/// A REGISTER of a device.
#[derive(Clone, Debug)]
pub struct Leg {
    /// What it says.
    pub facts: Facts,
    /// The mode of its domain when it arrived.
    pub mode: Mode,
    /// Who sent it.
    pub senders: BTreeSet<SocketAddr>,
    /// When it arrived first.
    pub arrived: Mono,
    /// What the main registrar answered, at last.
    pub verdict: Option<u16>,
    /// Whether it was ever accepted: what comes by a second flow is asked about again.
    pub accepted: bool,
    /// What the device was answered.
    pub answer: Option<u16>,
    /// The bindings of its contacts when it arrived that still were when it was judged.
    pub bound: Vec<BindingId>,
    /// Whether it came after a later one of its Call-ID, for a binding whose last word that was.
    pub is_old: bool,
}

/// A REGISTER that we sent.
#[derive(Debug)]
struct Sent {
    facts: Facts,
    at: Mono,
    answer: Option<u16>,
    /// Whether nobody waits for its answer any more: its device was told something else meanwhile, or
    /// the engine that asked is gone. What it says has nobody heard.
    is_given_up: bool,
}

/// What a main registrar granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// For how long.
    pub seconds: Seconds,
    /// Until when, counted from when we asked.
    pub until: Mono,
    /// When we asked.
    pub asked: Mono,
}

impl Leg {
    /// Whether lifetimes are ours to decide, on a lease.
    pub(super) const fn is_leased(&self) -> bool {
        matches!(self.mode, Mode::Contact | Mode::Aor)
    }
}

impl Granted {
    /// What may be promised on it: what is left, less 2 %, at least 1 s and at most 30 s.
    #[must_use]
    pub fn usable(&self, now: Mono) -> Seconds {
        let margin = (self.seconds / 50).clamp(1, 30);
        self.until.seconds_after(now).saturating_sub(margin)
    }
}

impl Shadow {
    /// The REGISTER of a device with this branch.
    #[must_use]
    pub fn leg(&self, branch: &str) -> Option<&Leg> {
        self.legs.get(branch)
    }

    /// The REGISTERs for a contact that came from an address.
    pub(super) fn legs_of(&self, contact: &str, flow: SocketAddr) -> impl Iterator<Item = &Leg> {
        let legs = self.legs.values();
        legs.filter(move |leg| leg.senders.contains(&flow) && leg.facts.listed(contact).is_some())
    }

    /// Whether a contact, or one like it, was ever spoken of by the device that a request is from:
    /// by its Call-ID, or as its instance.
    pub(super) fn is_of_device(&self, contact: &str, request: &Facts) -> bool {
        let instances: Vec<&str> = request.contacts.iter().filter_map(instance).collect();
        self.legs.values().any(|leg| {
            let listed = leg.facts.listed(contact);
            let same_instance = listed
                .and_then(instance)
                .is_some_and(|own| instances.contains(&own));
            listed.is_some() && (leg.facts.call_id == request.call_id || same_instance)
        })
    }

    /// Whether the device of a request has asked since to have a contact of it removed.
    pub(super) fn has_left_since(&self, request: &Facts, contact: &str) -> bool {
        self.legs.values().any(|leg| {
            let facts = &leg.facts;
            let named = facts.listed(contact);
            (&facts.aor, &facts.call_id) == (&request.aor, &request.call_id)
                && facts.cseq > request.cseq
                && named.is_some_and(|own| facts.asks(own) == Some(0))
        })
    }

    /// What is granted to a handle.
    #[must_use]
    pub fn granted(&self, handle: &str) -> Option<Granted> {
        self.leases.get(handle).copied()
    }

    /// Call-ID and CSeq of the last registration of a binding that was answered 200, since the engine
    /// began.
    #[must_use]
    pub fn last_word(&self, id: BindingId) -> Option<(&str, u32)> {
        let (_, call_id, cseq) = self.last_words.get(&key(id))?;
        Some((call_id, *cseq))
    }

    /// Whether a contact of an AoR was ever accepted on this flow.
    #[must_use]
    pub fn is_accepted(&self, key: (&str, &str, SocketAddr), rule: FlowMatch) -> bool {
        let (aor, contact, flow) = (key.0.to_owned(), key.1.to_owned(), key.2);
        match rule {
            FlowMatch::Exact => self.accepted.contains(&(aor, contact, flow)),
            FlowMatch::Address => self.accepted_from.contains(&(aor, contact, flow.ip())),
        }
    }

    /// Whether anything of an AoR was ever accepted on this flow.
    #[must_use]
    pub fn is_proved(&self, aor: &str, flow: SocketAddr, rule: FlowMatch) -> bool {
        match rule {
            FlowMatch::Exact => self.proved.contains(&(aor.to_owned(), flow)),
            FlowMatch::Address => self.proved_from.contains(&(aor.to_owned(), flow.ip())),
        }
    }

    /// Whether midreg and the main registrar may disagree about an AoR, and midreg knows it.
    #[must_use]
    pub fn is_doubtful(&self, aor: &str) -> bool {
        self.doubtful.contains(aor)
    }

    /// Whether what may be held for a handle is unknown: nobody answered when it was asked for last.
    #[must_use]
    pub fn is_unanswered(&self, handle: &str) -> bool {
        self.unanswered.contains_key(handle)
    }

    /// Whether what is held under a Call-ID is left to expire: we asked to have it ended, and were
    /// refused.
    #[must_use]
    pub fn is_left_to_expire(&self, call_id: &str) -> bool {
        self.unreturned.contains(call_id)
    }

    /// Whether the last REGISTER of a device has this branch and was absorbed as a pure refresh
    /// (D13), at once.
    pub(super) fn was_absorbed(&self, branch: &str, sight: Sight<'_>) -> bool {
        let (latest, before, at) = &self.latest;
        latest == branch && absorbed(sight) > *before && sight.rig.now() == *at
    }

    /// A REGISTER of a device arrived.
    pub(super) fn device_asks(&mut self, passing: Passing<'_>, sight: Sight<'_>) {
        let Passing { packet, facts } = passing;
        self.latest = (facts.branch.clone(), absorbed(sight), sight.rig.now());
        self.forget_removed(&facts.aor, sight);
        let mode = sight.domain(&facts.aor).mode;
        let at_home = mode == Mode::Standalone && self.knows(facts);
        if let Some(leg) = self.legs.get_mut(&facts.branch) {
            leg.senders.insert(packet.from);
            if at_home {
                self.accept(&facts.branch.clone());
            }
            return;
        }
        let bindings = sight.rig.bindings(&facts.aor);
        if facts.star && !bindings.iter().any(|binding| binding.remote == packet.from) {
            self.doubtful.insert(facts.aor.clone());
        }
        let own: Vec<BindingView> = bindings
            .into_iter()
            .filter(|binding| facts.star || facts.listed(&binding.contact).is_some())
            .collect();
        let is_old = own.iter().any(|binding| {
            let last = self.last_word(binding.id);
            last.is_some_and(|(call_id, cseq)| call_id == facts.call_id && cseq > facts.cseq)
        });
        let leg = Leg {
            facts: facts.clone(),
            mode,
            senders: BTreeSet::from([packet.from]),
            arrived: sight.rig.now(),
            verdict: None,
            accepted: at_home,
            answer: None,
            is_old,
            bound: own.into_iter().map(|binding| binding.id).collect(),
        };
        self.legs.insert(facts.branch.clone(), leg);
        if at_home {
            self.accept(&facts.branch);
        }
    }

    /// We sent a REGISTER. Whether it is the first copy of it.
    pub(super) fn we_ask(&mut self, passing: Passing<'_>, now: Mono) -> bool {
        let facts = passing.facts;
        let sent = Sent {
            facts: facts.clone(),
            at: now,
            answer: None,
            is_given_up: false,
        };
        if let Some(leg) = &facts.leg {
            self.forwarded.insert(leg.clone(), facts.branch.clone());
        }
        match self.sent.entry(facts.branch.clone()) {
            Entry::Vacant(place) => {
                place.insert(sent);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// The answer to a REGISTER of ours arrived.
    pub(super) fn main_answers(&mut self, passing: Passing<'_>, sight: Sight<'_>) {
        let (facts, now) = (passing.facts, sight.rig.now());
        self.forget_removed(&facts.aor, sight);
        let Some(sent) = self.sent.get_mut(&facts.branch) else {
            return;
        };
        if !facts.is_final() || sent.answer.is_some() {
            return;
        }
        sent.answer = Some(facts.status);
        let late = sent.is_given_up || now.0.saturating_sub(sent.at.0) >= PATIENCE;
        let takes_back = sent.facts.leg.is_none() && sent.facts.only_removes();
        if takes_back && facts.status != 200 {
            self.unreturned.insert(sent.facts.call_id.clone());
        }
        let (request, at) = (sent.facts.clone(), sent.at);
        if let Some(leg) = request.leg.as_ref().and_then(|leg| self.legs.get_mut(leg)) {
            leg.verdict = Some(facts.status);
            leg.accepted |= facts.status == 200;
            let bindings = sight.rig.bindings(&facts.aor);
            leg.bound
                .retain(|id| bindings.iter().any(|binding| binding.id == *id));
        }
        if facts.status != 200 {
            return;
        }
        self.grant(&request, facts, (at, late));
        match &request.leg {
            Some(leg) => self.accept(&leg.clone()),
            None => self.accept_unmarked(&request.aor),
        }
    }

    /// We answered a device.
    pub(super) fn we_answer(&mut self, passing: Passing<'_>, sight: Sight<'_>) {
        let facts = passing.facts;
        // The answer to a copy that has just come (D13, D14): the first may still be waited for.
        let (latest, _, at) = &self.latest;
        let at_once = (facts.status, latest, *at) == (200, &facts.branch, sight.rig.now());
        let Some(leg) = self.legs.get_mut(&facts.branch) else {
            return;
        };
        leg.answer = Some(facts.status);
        let forwarded = self.forwarded.get(&facts.branch);
        if let Some(sent) = forwarded.and_then(|branch| self.sent.get_mut(branch))
            && sent.answer.is_none()
            && matches!(facts.status, 200 | 503)
            && !at_once
        {
            // A 200 may be a copy's, carried by the lease while the first is still waited for (D14); and
            // copies from two places are two requests.
            sent.is_given_up = facts.status == 503 && leg.senders.len() == 1;
            let path = sent.facts.paths.first().map(String::as_str);
            for asked in &sent.facts.contacts {
                let handle = handle(&asked.uri, path);
                // Whoever shows nothing changes nothing of what others share.
                if sent.facts.authorization.is_none() && handle.contains("%40") {
                    continue;
                }
                let since = self.leases.get(handle).map_or(Mono(0), |lease| lease.asked);
                if since <= sent.at {
                    self.unanswered.insert(handle.to_owned(), sent.at);
                }
            }
        }
        if facts.status == 200 && leg.facts.wants_something() {
            let bindings = sight.rig.bindings(&facts.aor).into_iter();
            let own = bindings.filter(|binding| {
                let asked = leg.facts.listed(&binding.contact).is_some();
                asked && binding.remote == passing.packet.to
            });
            for binding in own {
                let word = (facts.aor.clone(), facts.call_id.clone(), facts.cseq);
                let last = self.last_words.entry(key(binding.id)).or_default();
                if last.1 != word.1 || last.2 < word.2 {
                    *last = word;
                }
            }
        }
        if facts.status == 401 {
            let challenges = passing.packet.all("WWW-Authenticate");
            self.nonces
                .extend(challenges.iter().filter_map(|value| nonce(value)));
        }
    }

    /// A new engine has begun: it knows of each lease what is durable, and of what was answered and
    /// not answered nothing.
    pub(super) fn restart(&mut self, aors: &BTreeSet<String>, sight: Sight<'_>) {
        self.last_words.clear();
        self.unanswered.clear();
        for sent in self.sent.values_mut() {
            sent.is_given_up = true;
        }
        for aor in aors {
            for binding in sight.rig.bindings(aor) {
                let Some(row) = sight.rig.store().row(binding.id) else {
                    continue;
                };
                let durable = Granted {
                    seconds: row.lease_granted,
                    until: row.lease_until,
                    asked: Mono(0),
                };
                let handle = sight.handle(aor, &binding);
                let lease = self.leases.entry(handle).or_insert(durable);
                if lease.until < durable.until {
                    *lease = durable;
                }
            }
        }
    }

    /// Who was removed has nothing to be kept, and may come back under the same address with any
    /// message: this is to be done before each.
    fn forget_removed(&mut self, aor: &str, sight: Sight<'_>) {
        let bindings = sight.rig.bindings(aor);
        let bound: BTreeSet<BindingKey> = bindings.iter().map(|binding| key(binding.id)).collect();
        self.last_words
            .retain(|id, (owner, ..)| owner != aor || bound.contains(id));
    }

    /// What a 2xx grants to the contacts of its request: what it says of each, else what its
    /// Expires says, else what was asked.
    fn grant(&mut self, request: &Facts, response: &Facts, (at, late): (Mono, bool)) {
        for asked in &request.contacts {
            let wish = request.asks(asked).unwrap_or(3600);
            if wish == 0 {
                continue;
            }
            // Listed once for each Call-ID, the longest holds.
            let own = response
                .contacts
                .iter()
                .filter(|listed| listed.uri == asked.uri);
            let told = own.filter_map(|listed| listed.expires).max();
            let told = told.or(response.expires);
            let seconds = told.unwrap_or(wish);
            let until = at.plus_seconds(seconds);
            let path = request.paths.first().map(String::as_str);
            let handle = handle(&asked.uri, path).to_owned();
            if self
                .unanswered
                .get(&handle)
                .is_some_and(|since| *since < at || (*since == at && !late))
            {
                self.unanswered.remove(&handle);
            }
            let new = Granted {
                seconds,
                until,
                asked: at,
            };
            let lease = self.leases.entry(handle).or_insert(new);
            if !late || until > lease.until {
                *lease = new;
            }
        }
    }

    fn accept(&mut self, branch: &str) {
        let Some(leg) = self.legs.get(branch) else {
            return;
        };
        let aor = &leg.facts.aor;
        for sender in &leg.senders {
            self.proved.insert((aor.clone(), *sender));
            self.proved_from.insert((aor.clone(), sender.ip()));
            for listed in &leg.facts.contacts {
                let (aor, uri) = (aor.clone(), listed.uri.clone());
                self.accepted_from
                    .insert((aor.clone(), uri.clone(), sender.ip()));
                self.accepted.insert((aor, uri, *sender));
            }
        }
    }

    /// Something was accepted for an AoR, but nobody knows whose it was: any of those who are
    /// waiting and did not mark their words.
    fn accept_unmarked(&mut self, aor: &str) {
        let waits =
            |leg: &Leg| leg.facts.aor == aor && leg.facts.leg.is_none() && leg.answer.is_none();
        let waiting = self.legs.iter().filter(|(_, leg)| waits(leg));
        let branches: Vec<String> = waiting.map(|(branch, _)| branch.clone()).collect();
        for branch in branches {
            self.accept(&branch);
        }
    }

    /// Whether credentials are right, for a nonce of ours.
    fn knows(&self, facts: &Facts) -> bool {
        let Some(value) = &facts.authorization else {
            return false;
        };
        let right = digest::verify(value, |_| PASSWORD.to_owned());
        right.is_some_and(|(nonce, user)| {
            self.nonces.contains(&nonce) && facts.aor.split('@').next() == Some(user.as_str())
        })
    }
}

const fn key(id: BindingId) -> BindingKey {
    (id.slot.0, id.index, id.generation)
}

/// How many REGISTERs the engine says that it absorbed as pure refreshes.
fn absorbed(sight: Sight<'_>) -> u64 {
    let decisions = &sight.rig.engine().counters().decisions;
    decisions.get(Row::D13 as usize).copied().unwrap_or(0)
}

fn instance(listed: &Listed) -> Option<&str> {
    let instance = listed.value.split("+sip.instance=").nth(1)?;
    instance.split(';').next()
}

fn nonce(challenge: &str) -> Option<String> {
    let nonce = challenge.split("nonce=\"").nth(1)?;
    Some(nonce.split('"').next()?.to_owned())
}
