//! What somebody asked of us, other than REGISTER.

use core::net::SocketAddr;
use std::collections::BTreeSet;

use engine::command::BindingView;
use engine::policy::{ForkOrder, Outbound, Qualify};
use engine::{BindingId, Mono};

use super::talk::Device;
use super::{Calls, Question, Sight, View, addressed, is_over_due};
use crate::call::Letter;
use crate::call::letter::Key;

/// Seconds that a refused INVITE is remembered once its ACK has come (RFC 3261 Timer I), and anything
/// else once it is answered, or given up (Timers F, J and L).
const TIMER_I: u32 = 5;
const TIMER_J: u32 = 32;
/// Seconds longer, where it began a moment later.
const GRACE: u32 = 4;

/// A request that somebody sent us, and what became of it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: Letter,
    /// Where it came from.
    pub(super) from: SocketAddr,
    /// Who asked, as far as that is a device.
    pub(super) caller: Option<Device>,
    pub(super) by: By,
    /// Whether it was asked before, so long ago that it may count as new.
    again: bool,
    /// Whether a device that asks may do so.
    allowed: bool,
    at: Mono,
    /// When it was answered for good, or taken back.
    pub(super) ended: Option<Mono>,
    /// The bindings that it addressed when it came, each with its Contact and where it was.
    addressed: Vec<(BindingId, String, SocketAddr)>,
    /// What we sent for it.
    pub(super) branches: Vec<Key>,
    /// How we answered it for good, and with which To-tag.
    pub(super) finals: Vec<(u16, String)>,
    /// Final answers to it that we had.
    pub(super) heard: Vec<u16>,
    /// Who accepted it with which To-tag.
    pub(super) accepted: Vec<(String, Key)>,
    pub(super) cancelled: bool,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The main registrar.
    Main,
    /// Anybody else.
    Device,
}

impl Asked {
    /// Whether a copy of it counts as another request: its transaction is over (RFC 3261 §17.2), or
    /// it was refused without one (§8.2.7).
    fn is_forgotten(&self, now: Mono) -> bool {
        let refusals = self.finals.iter().any(|(status, _)| *status >= 300);
        let refused = self.branches.is_empty() && refusals;
        let accepted = self.finals.iter().any(|(status, _)| *status < 300);
        let (since, life) = match (self.ended, self.request.method.as_str()) {
            (_, "INVITE") if self.finals.is_empty() => return false,
            (Some(ended), "INVITE") if !accepted => (ended, TIMER_I),
            (Some(ended), _) => (ended, TIMER_J),
            (None, _) => (self.at, TIMER_J + GRACE),
        };
        refused || since.plus_seconds(life) <= now
    }

    /// Whether it addressed a binding when it came, and that has stayed what and where it was.
    fn was_addressed(&self, binding: &BindingView) -> bool {
        let (id, contact, remote) = (binding.id, binding.contact.clone(), binding.remote);
        self.addressed.contains(&(id, contact, remote))
    }

    /// Whether its transaction may be over already.
    pub(super) fn may_be_forgotten(&self, now: Mono) -> bool {
        let open = self.ended.is_none() && self.request.method == "INVITE";
        !open && self.at.plus_seconds(TIMER_J) <= now
    }

    /// Whether nobody is to be tried for it any more.
    pub(super) fn is_over(&self) -> bool {
        let ended = |status: &u16| (200..300).contains(status) || *status >= 600;
        self.cancelled || !self.finals.is_empty() || self.heard.iter().any(ended)
    }

    /// Whether some final answers may be left out of account: a device that sends the caller
    /// elsewhere may have done so for us.
    fn is_ranked(&self) -> bool {
        !self.cancelled && !self.heard.iter().any(|status| (300..400).contains(status))
    }
}

impl Calls {
    /// A request arrived.
    pub(super) fn is_asked(&mut self, view: View<'_>) {
        let (letter, now) = (view.letter, view.sight.rig.now());
        if letter.is_in_dialog() && !matches!(letter.method.as_str(), "CANCEL") {
            self.is_said(view);
        }
        if letter.method == "ACK" {
            return;
        }
        let from = view.packet.from;
        let question = (letter.key(), from.ip());
        self.touched.insert(question.clone());
        let known = self.asked.get(&question);
        if known.is_some_and(|known| !known.is_forgotten(now)) {
            return;
        }
        let again = known.is_some();
        if letter.method == "CANCEL" {
            self.is_cancelled(view);
        }
        let addressed = match letter.is_in_dialog() {
            true => None,
            false => view.addressed(),
        };
        let addressed = addressed.map(|(_, bindings)| bindings).unwrap_or_default();
        let by = match view.is_from_main() {
            true => By::Main,
            false => By::Device,
        };
        if letter.method == "INVITE" && !again {
            self.open.insert(question.clone());
        }
        let allowed = may_ask(view, by);
        self.asked.insert(
            question,
            Asked {
                request: letter.clone(),
                from,
                caller: Device::at(view, from, None),
                by,
                again,
                allowed,
                at: now,
                ended: None,
                addressed: addressed
                    .into_iter()
                    .map(|own| (own.id, own.contact, own.remote))
                    .collect(),
                branches: Vec::new(),
                finals: Vec::new(),
                heard: Vec::new(),
                accepted: Vec::new(),
                cancelled: false,
            },
        );
    }

    /// We answered something.
    pub(super) fn answers(&mut self, view: View<'_>) -> Result<(), String> {
        let letter = view.letter;
        let key = (letter.key(), view.packet.to.ip());
        let Some(asked) = self.asked.get_mut(&key) else {
            // Whoever does not ask for rport is answered where his Via says (RFC 3261 §18.2.2).
            let rport = letter.vias.first().is_some_and(|via| via.contains("rport"));
            return match rport && !self.before_crash.contains(&key.0) {
                true => Err(format!("{} is answered what it did not ask", key.1)),
                false => Ok(()),
            };
        };
        let (status, tag) = (letter.status(), letter.to_tag().to_owned());
        if status < 200 {
            return match asked.finals.is_empty() {
                true => Ok(()),
                false => Err(format!("{status} after a final response")),
            };
        }
        self.open.remove(&key);
        let told = (status, tag.clone());
        if letter.method == "INVITE" {
            self.answers
                .retain(|(own, own_tag)| *own != key || *own_tag != tag);
        }
        if asked.finals.contains(&told) {
            return Ok(());
        }
        if letter.method == "INVITE" {
            is_only_answer(asked, status)?;
        }
        // What was heard of the first copy does not count for one that came when that was over.
        if !asked.may_be_forgotten(view.sight.rig.now()) {
            is_best(asked, status)?;
        }
        asked.finals.push(told);
        let now = view.sight.rig.now();
        asked.ended = asked.ended.or(Some(now));
        let asked = &*asked;
        is_true(asked, status, view.sight, view.aors)?;
        if letter.method == "INVITE" && status < 300 {
            self.begins(view);
        }
        Ok(())
    }

    /// All that a request addresses is tried: at once, or before the caller is told that nobody
    /// answers.
    pub(super) fn reaches_everybody(
        &self,
        key: &Question,
        sight: Sight<'_>,
        aors: &BTreeSet<String>,
    ) -> Result<(), String> {
        let Some(asked) = self
            .asked
            .get(key)
            .filter(|asked| asked.request.hops != Some(0))
        else {
            return Ok(());
        };
        if asked.branches.is_empty() || asked.request.is_in_dialog() {
            return Ok(());
        }
        let Some((aor, bindings)) = addressed(&asked.request, sight, aors) else {
            return Ok(());
        };
        let refused = asked.finals.iter().any(|(status, _)| *status >= 300);
        let at_once = sight.domain(&aor).calls.fork != ForkOrder::Serial;
        let now = at_once && !asked.is_over();
        let in_the_end = refused && !asked.is_over_early();
        if !now && !in_the_end {
            return Ok(());
        }
        let tried = |contact: &str, remote: SocketAddr| {
            let mut branches = asked
                .branches
                .iter()
                .filter_map(|key| self.branches.get(key));
            branches.any(|branch| branch.uri == contact && branch.to == remote)
        };
        let mut missed = bindings.iter().filter(|binding| {
            asked.was_addressed(binding) && !tried(&binding.contact, binding.remote)
        });
        match missed.next() {
            Some(binding) => Err(format!(
                "{} for {aor} does not reach {} at {}",
                asked.request.method, binding.contact, binding.remote
            )),
            None => Ok(()),
        }
    }

    /// RFC 3261 §9.2, §16.10: a CANCEL is answered at once.
    pub(super) fn answers_cancel(&self, key: &Question) -> Result<(), String> {
        match self.asked.get(key) {
            Some(asked) if key.0.method == "CANCEL" && asked.finals.is_empty() => {
                Err(format!("CANCEL {} has no answer", key.0.branch))
            }
            _ => Ok(()),
        }
    }

    /// Each call is answered one day.
    pub(super) fn nobody_waits_forever(&self, now: Mono) -> Result<(), String> {
        let waiting = self.open.iter().find(|key| {
            let asked = self.asked.get(*key);
            asked.is_some_and(|asked| is_over_due(asked.at, now))
        });
        match waiting {
            Some((key, _)) => Err(format!("INVITE {} is never answered", key.branch)),
            None => Ok(()),
        }
    }

    fn is_cancelled(&mut self, view: View<'_>) {
        let mut key = view.letter.key();
        "INVITE".clone_into(&mut key.method);
        let key = (key, view.packet.from.ip());
        if let Some(asked) = self.asked.get_mut(&key)
            && asked.finals.is_empty()
        {
            asked.cancelled = true;
            asked.ended = Some(view.sight.rig.now());
            self.touched.insert(key);
        }
    }
}

impl Asked {
    /// Whether it ended before everybody had to be tried.
    fn is_over_early(&self) -> bool {
        self.cancelled
            || self
                .heard
                .iter()
                .any(|status| *status >= 600 || *status < 400)
    }

    /// Whether it may be sent on at all, by who asks.
    pub(super) fn is_allowed(&self, sight: Sight<'_>, to: Where) -> bool {
        let past_main = to == Where::Device && !sight.rig.policy().upstream.servers.is_empty();
        match self.by {
            By::Main => true,
            By::Device => self.allowed && !past_main,
        }
    }
}

/// Whether whoever asks may send requests through us.
fn may_ask(view: View<'_>, by: By) -> bool {
    let caller = view.letter.caller();
    let mut bindings = view.sight.rig.bindings(caller).into_iter();
    let from = view.packet.from.ip();
    match (by, view.sight.domain(caller).calls.outbound) {
        (By::Main, _) | (By::Device, Outbound::Any) => true,
        (By::Device, Outbound::Registered) => bindings.any(|own| own.remote.ip() == from),
        (By::Device, Outbound::None) => false,
    }
}

/// Whom a request is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Main,
    Device,
}

/// RFC 3261 §16.7 step 5: one final response, unless all are 2xx.
fn is_only_answer(asked: &Asked, status: u16) -> Result<(), String> {
    match asked.finals.first() {
        Some((first, _)) if *first >= 300 || status >= 300 => {
            Err(format!("{status} after {first} to one INVITE"))
        }
        _ => Ok(()),
    }
}

/// RFC 3261 §16.7 step 6: 6xx before all, else of the lowest class, and what somebody really said.
fn is_best(asked: &Asked, status: u16) -> Result<(), String> {
    let heard = &asked.heard;
    if status < 300 || heard.is_empty() || !asked.is_ranked() {
        return Ok(());
    }
    let rank = |status: u16| match status / 100 {
        6 => 0,
        class => class,
    };
    let best = heard.iter().map(|status| rank(*status)).min().unwrap_or(0);
    let unavailable = status == 500 && heard.contains(&503);
    let real = heard.contains(&status) || unavailable;
    match real && rank(status) == best {
        true => Ok(()),
        false => Err(format!("{status} is told where {heard:?} was said")),
    }
}

/// Nobody is said to be away who is there, and the other way round (R17).
fn is_true(
    asked: &Asked,
    status: u16,
    sight: Sight<'_>,
    aors: &BTreeSet<String>,
) -> Result<(), String> {
    let known = addressed(&asked.request, sight, aors);
    let (By::Main, Some((aor, bindings))) = (asked.by, known) else {
        return Ok(());
    };
    if asked.request.is_in_dialog() || asked.request.method == "CANCEL" || asked.again {
        return Ok(());
    }
    let mut those = bindings.iter();
    let there = those.any(|binding| asked.was_addressed(binding));
    let edge = sight.domain(&aor).calls.qualify == Qualify::Edge;
    match (status, asked.request.method.as_str()) {
        (200, "OPTIONS") if edge && sight.rig.bindings(&aor).is_empty() => {
            Err(format!("{aor} is said to be there"))
        }
        (404 | 480, _) if there && asked.branches.is_empty() => {
            Err(format!("{aor} is said to be away"))
        }
        _ => Ok(()),
    }
}
