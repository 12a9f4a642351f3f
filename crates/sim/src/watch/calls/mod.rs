//! Calls and other requests: what must be so of everything that is no REGISTER, seen from the wire.
//!
//! * `asked`: what somebody asked of us: who may, whom it must reach, and how it is answered: one
//!   final response to an INVITE (but as many 2xx as there are), and the best one.
//! * `branch`: what we sent on for it: verbatim, once to each device, only to a known flow or a
//!   configured peer; cancelled when it is to be and not otherwise.
//! * `talk`: what was established: what one end says in it reaches the other, where that is now.

mod asked;
mod branch;
mod talk;

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};

use engine::Mono;
use engine::command::BindingView;
use engine::policy::{Mode, Policy};

use super::{Sight, aor_contact, token_of};
use crate::call::Letter;
use crate::call::letter::{Key, aor_of, param};
use crate::handle::handle;
use crate::packet::Packet;

use asked::Asked;
use branch::Branch;
use talk::{Pending, Talk};

/// Keeps an account of calls.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Everybody who ever sent us anything.
    known: BTreeSet<SocketAddr>,
    asked: BTreeMap<Question, Asked>,
    branches: BTreeMap<Key, Branch>,
    talks: Vec<Talk>,
    /// What was asked, answered or tried since the last look.
    touched: BTreeSet<Question>,
    /// What has no final answer.
    open: BTreeSet<Question>,
    pending: Vec<Pending>,
    /// 2xx to INVITE that we have and have not passed on: what was asked, and the To-tag.
    answers: Vec<(Question, String)>,
    /// What an engine was asked that has crashed.
    before_crash: BTreeSet<Key>,
}

/// A request that was asked of us: its transaction, and the host that it came from. A copy may come
/// by another port.
type Question = (Key, IpAddr);

/// A message of calls that passes, and what can be seen.
#[derive(Clone, Copy)]
struct View<'w> {
    letter: &'w Letter,
    packet: &'w Packet,
    sight: Sight<'w>,
    /// AoRs that were ever spoken of.
    aors: &'w BTreeSet<String>,
}

impl Calls {
    /// A message that is no REGISTER is about to be given to the engine.
    pub(super) fn arrived(&mut self, packet: &Packet, sight: Sight<'_>, aors: &BTreeSet<String>) {
        self.known.insert(packet.from);
        let Some(letter) = Letter::read(&packet.bytes).filter(|l| l.method != "REGISTER") else {
            return;
        };
        let view = View {
            letter: &letter,
            packet,
            sight,
            aors,
        };
        match letter.uri() {
            Some(_) => self.is_asked(view),
            None => self.is_answered(view),
        }
    }

    /// The engine sent a message that is no REGISTER.
    pub(super) fn sent(
        &mut self,
        packet: &Packet,
        sight: Sight<'_>,
        aors: &BTreeSet<String>,
    ) -> Result<(), String> {
        let letter = Letter::read(&packet.bytes).filter(|letter| letter.method != "REGISTER");
        let Some(letter) = letter else {
            return Ok(());
        };
        let view = View {
            letter: &letter,
            packet,
            sight,
            aors,
        };
        if !self.known.contains(&packet.to) && !is_peer(sight.rig.policy(), packet.to) {
            return Err(format!(
                "{} is sent to {}, whom nobody knows",
                letter.method, packet.to
            ));
        }
        match letter.uri() {
            Some(_) => self.asks(view),
            None => self.answers(view),
        }
    }

    /// What must be so when nothing is left to be done at an instant.
    pub(super) fn look(&mut self, sight: Sight<'_>, aors: &BTreeSet<String>) -> Result<(), String> {
        if let Some(((key, _), tag)) = self.answers.pop() {
            return Err(format!("a 2xx to {} from {tag} is lost", key.branch));
        }
        for pending in core::mem::take(&mut self.pending) {
            pending.verdict()?;
        }
        for key in core::mem::take(&mut self.touched) {
            self.reaches_everybody(&key, sight, aors)?;
            self.ends_what_is_over(&key)?;
            self.answers_cancel(&key)?;
        }
        self.nobody_waits_forever(sight.rig.now())
    }

    /// Another engine has begun: it knows of no call; who talks goes on talking.
    pub(super) fn restart(&mut self) {
        let asked = core::mem::take(&mut self.asked);
        self.before_crash
            .extend(asked.into_keys().map(|(key, _)| key));
        self.branches.clear();
        self.touched.clear();
        self.open.clear();
        self.pending.clear();
        self.answers.clear();
    }
}

impl View<'_> {
    /// Whether the main registrar speaks.
    fn is_from_main(&self) -> bool {
        is_peer(self.sight.rig.policy(), self.packet.from)
    }

    /// The bindings that a request addresses, and their AoR: by our Contact, or in a domain without a
    /// main registrar by its AoR. `None` when it addresses nobody here.
    fn addressed(&self) -> Option<(String, Vec<BindingView>)> {
        addressed(self.letter, self.sight, self.aors)
    }
}

/// The bindings that a request addresses at present.
fn addressed(
    letter: &Letter,
    sight: Sight<'_>,
    aors: &BTreeSet<String>,
) -> Option<(String, Vec<BindingView>)> {
    let uri = letter.uri()?;
    let now = sight.rig.now();
    let route = letter.routes.first().map(String::as_str);
    for aor in aors {
        // Times are counted from the beginning; whose time is over may wait for his next word.
        let lives = |own: &BindingView| u64::from(own.expires_in) * 1000 > now.0 + 1000;
        let bindings = sight.rig.bindings(aor).into_iter();
        let bindings: Vec<BindingView> = bindings.filter(lives).collect();
        let own = match sight.domain(aor).mode {
            Mode::Standalone if aor_of(uri) == aor => bindings,
            Mode::Aor if uri == aor_contact(aor, sight.rig.policy()) => bindings,
            Mode::Contact | Mode::Mirror => {
                let token = handle(uri, route);
                let is_own = |binding: &BindingView| token_of(sight.keys, binding.id) == token;
                let own: Vec<BindingView> = bindings.into_iter().filter(is_own).collect();
                if own.is_empty() {
                    continue;
                }
                own
            }
            _ => continue,
        };
        return Some((aor.clone(), own));
    }
    None
}

/// What was asked, by the second Via of what we sent for it: where it came from stands there (RFC
/// 3581 §4).
fn question(sent: &Letter) -> Option<Question> {
    let via = sent.vias.get(1)?;
    let sent_by = via.split([' ', ';']).nth(1)?;
    let ip = match param(via, "received") {
        Some(received) => received.parse().ok()?,
        None => sent_by.parse::<SocketAddr>().ok()?.ip(),
    };
    Some((sent.key_at(1), ip))
}

/// Whether an address is the main registrar's, whatever the port.
fn is_peer(policy: &Policy, at: SocketAddr) -> bool {
    let mut servers = policy.upstream.servers.iter();
    servers.any(|server| server.address.is_some_and(|own| own.ip() == at.ip()))
}

/// Seconds after which a call is answered, whoever is silent: a device that rings may ring for as
/// long as Timer C has it (RFC 3261 §16.6 step 11), one after the other.
const LONGEST: u32 = 900;

fn is_over_due(at: Mono, now: Mono) -> bool {
    at.plus_seconds(LONGEST) < now
}
