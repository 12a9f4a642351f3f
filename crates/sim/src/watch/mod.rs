//! `Watch`: looks over the engine's shoulder and complains when a rule is broken that holds in
//! every world, whatever the network, the phones and the main registrar do.
//!
//! It keeps a [`Shadow`]: an account of its own, naive, made only from what crossed the wires. Each
//! checker compares it with what the engine says, does and holds:
//!
//! * `answers`: each copy of a request is answered at most once; no 408; a 200 lists who asked, and
//!   its figures agree.
//! * `promises`: none beyond what is usable of a lease, none that the store could not repeat, no
//!   lease longer than granted (R4, ADR 0007).
//! * `proof`: nobody is promised anything, and nothing is bound, that no main registrar has
//!   accepted, for that AoR, on that flow (R1, D9); and no old request without credentials commits
//!   (R11).
//! * `endings`: who left, or was refused for good, is gone (R8, R16).
//! * `upstream`: how we speak to the main registrar (R6, R7), and that nothing is taken back there
//!   that somebody still needs (R8, R9).
//! * `calls`: everything that is no REGISTER: whom it reaches, how it is answered, and that it ends.

mod answers;
mod calls;
mod endings;
mod promises;
mod proof;
mod shadow;
mod upstream;

use std::collections::BTreeSet;

use engine::command::BindingView;
use engine::keys::Keys;
use engine::policy::{DomainPolicy, Insertion, Mode, Policy};
use engine::{BindingId, Mono, token};

use crate::facts::Facts;
use crate::packet::Packet;
use crate::rig::{Rig, SECRET};

use answers::Answers;
use calls::Calls;
use endings::Endings;
pub use shadow::{Leg, Shadow};
use upstream::Upstream;

/// Looks over the engine's shoulder.
#[derive(Debug)]
pub struct Watch {
    keys: Keys,
    shadow: Shadow,
    answers: Answers,
    endings: Endings,
    upstream: Upstream,
    calls: Calls,
    /// AoRs that were spoken of, ever and since the last look.
    aors: BTreeSet<String>,
    touched: BTreeSet<String>,
}

/// What an engine owes to devices when it crashes.
#[derive(Debug, Default)]
pub struct Debts(Vec<promises::Owed>);

/// What can be seen at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight<'w> {
    pub(crate) rig: &'w Rig,
    pub(crate) keys: &'w Keys,
}

/// A message that the watch sees pass, and what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passing<'w> {
    pub(crate) packet: &'w Packet,
    pub(crate) facts: &'w Facts,
}

impl Watch {
    /// Watches from the beginning.
    #[must_use]
    pub fn new() -> Self {
        Self {
            keys: Keys::derive(&SECRET),
            shadow: Shadow::default(),
            answers: Answers::default(),
            endings: Endings::default(),
            upstream: Upstream::default(),
            calls: Calls::default(),
            aors: BTreeSet::new(),
            touched: BTreeSet::new(),
        }
    }

    /// A message is about to be given to the engine.
    pub fn arrived(&mut self, packet: &Packet, rig: &Rig) {
        let Some(facts) = Facts::of(packet) else {
            return;
        };
        let passing = Passing {
            packet,
            facts: &facts,
        };
        let keys = &self.keys;
        let sight = Sight { rig, keys };
        self.calls.arrived(packet, sight, &self.aors);
        if facts.status == 0 && !facts.invite {
            self.answers.asked(passing);
        }
        if facts.register {
            self.touch(&facts.aor);
            let keys = &self.keys;
            let sight = Sight { rig, keys };
            match facts.status {
                0 => self.shadow.device_asks(passing, sight),
                _ => self.shadow.main_answers(passing, sight),
            }
        }
    }

    /// The engine sent something.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn sent(&mut self, packet: &Packet, rig: &Rig) -> Result<(), String> {
        let Some(facts) = Facts::of(packet) else {
            return Err("something unreadable".to_owned());
        };
        let keys = self.keys.clone();
        let sight = Sight { rig, keys: &keys };
        let passing = Passing {
            packet,
            facts: &facts,
        };
        if facts.register {
            self.touch(&facts.aor);
        }
        self.calls.sent(packet, sight, &self.aors)?;
        if facts.status == 0 {
            if facts.register && self.shadow.we_ask(passing, sight.rig.now()) {
                self.upstream.asks(passing, &self.shadow, sight)?;
            }
            return Ok(());
        }
        if !facts.invite {
            self.answers.answered(passing)?;
        }
        if facts.register && facts.is_final() {
            answers::lists_the_requester(passing, &self.shadow)?;
            proof::of_answer(passing, &self.shadow, sight)?;
            proof::of_refresh(passing, &self.shadow, sight)?;
            promises::of_answer(passing, &self.shadow, sight)?;
            self.endings.answered(passing, &self.shadow, sight)?;
            self.shadow.we_answer(passing, sight);
        }
        Ok(())
    }

    /// Looks at what the engine holds for the AoRs that were spoken of since the last look.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn look(&mut self, rig: &Rig) -> Result<(), String> {
        let keys = &self.keys;
        self.calls.look(Sight { rig, keys }, &self.aors)?;
        let touched = core::mem::take(&mut self.touched);
        touched.iter().try_for_each(|aor| self.look_at(aor, rig))
    }

    /// Looks at everything that the engine holds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn look_at_all(&self, rig: &Rig) -> Result<(), String> {
        self.aors.iter().try_for_each(|aor| self.look_at(aor, rig))
    }

    /// The engine is about to crash: what it owes.
    ///
    /// # Errors
    /// What was promised and is not durable.
    pub fn before_crash(&self, rig: &Rig) -> Result<Debts, String> {
        let keys = &self.keys;
        let sight = Sight { rig, keys };
        let mut debts = Vec::new();
        for aor in &self.aors {
            debts.extend(promises::owed(aor, &self.shadow, sight)?);
        }
        Ok(Debts(debts))
    }

    /// Another engine has begun, with what was durable.
    ///
    /// # Errors
    /// What was promised and is lost.
    pub fn after_crash(&mut self, debts: &Debts, rig: &Rig) -> Result<(), String> {
        let keys = &self.keys;
        let sight = Sight { rig, keys };
        self.endings = Endings::default();
        self.calls.restart();
        self.shadow.restart(&self.aors, sight);
        debts
            .0
            .iter()
            .try_for_each(|owed| promises::survived(owed, sight))
    }

    /// The token of a binding, as it stands in a Contact upstream.
    #[must_use]
    pub fn token(&self, id: BindingId) -> String {
        token_of(&self.keys, id)
    }

    /// What names a binding to the main registrar.
    #[must_use]
    pub fn handle(&self, aor: &str, id: BindingId, policy: &Policy) -> String {
        match policy.of(aor.as_bytes()).mode {
            Mode::Aor => aor_contact(aor, policy),
            _ => self.token(id),
        }
    }

    /// The account that it keeps.
    #[must_use]
    pub const fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    /// AoRs that were ever spoken of.
    pub fn aors(&self) -> impl Iterator<Item = &str> {
        self.aors.iter().map(String::as_str)
    }

    fn look_at(&self, aor: &str, rig: &Rig) -> Result<(), String> {
        let keys = &self.keys;
        let sight = Sight { rig, keys };
        for binding in rig.bindings(aor) {
            promises::of_binding(aor, &binding, &self.shadow, sight)?;
            proof::of_binding(aor, &binding, &self.shadow, sight)?;
            self.endings.look(aor, &binding, &self.shadow, sight)?;
        }
        Ok(())
    }

    fn touch(&mut self, aor: &str) {
        if self.touched.insert(aor.to_owned()) {
            self.aors.insert(aor.to_owned());
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Sight<'_> {
    /// What holds for an AoR.
    pub(crate) fn domain(&self, aor: &str) -> &DomainPolicy {
        self.rig.policy().of(aor.as_bytes())
    }

    /// Whether the main registrar's word decides about this AoR, and its lifetimes are ours.
    pub(crate) fn leases(&self, aor: &str) -> bool {
        matches!(self.domain(aor).mode, Mode::Contact | Mode::Aor)
    }

    /// What names a binding to the main registrar.
    pub(crate) fn handle(&self, aor: &str, binding: &BindingView) -> String {
        match self.domain(aor).mode {
            Mode::Aor => aor_contact(aor, self.rig.policy()),
            _ => token_of(self.keys, binding.id),
        }
    }
}

/// The Contact of an AoR in `aor` mode (R7): its user part is the AoR, with `@` escaped.
#[must_use]
pub fn aor_contact(aor: &str, policy: &Policy) -> String {
    let escaped = aor.replacen('@', &policy.upstream.at_sign, 1);
    let listener = policy
        .upstream
        .servers
        .first()
        .map(|server| server.listener.0);
    let here = policy.listeners.get(usize::from(listener.unwrap_or(0)));
    let here = here.map(|listener| listener.advertise.as_str());
    format!("sip:{escaped}@{}", here.unwrap_or_default())
}

/// Whether the Contact that goes upstream is ours.
const fn is_rewritten(domain: &DomainPolicy) -> bool {
    !matches!(domain.insertion, Insertion::Path) || matches!(domain.mode, Mode::Aor)
}

fn token_of(keys: &Keys, id: BindingId) -> String {
    String::from_utf8_lossy(&token::encode(keys, id)).into_owned()
}

/// Whole seconds of a monotonic time.
const fn seconds(at: Mono) -> u64 {
    at.0 / 1000
}
