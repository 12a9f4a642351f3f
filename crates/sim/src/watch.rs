//! `Watch`: looks over the engine's shoulder and complains when a rule is broken that holds in
//! every world, whatever the network, the phones and the main registrar do.
//!
//! * No final answer without a request: each copy of a request is answered at most once.
//! * No 408 (RFC 4320 §4.2).
//! * Nobody is promised anything by a flow that no main registrar has accepted for its AoR (D9).
//! * `Expires` and the requester's Contact agree (R4).
//! * Upstream, CSeq grows with every new transaction of a Call-ID, and there is only our Via (R6).
//! * No promise that the store could not repeat after a crash (ADR 0007).
//! * No binding that a main registrar never accepted, none promised for longer than its lease, and
//!   no lease longer than what a main registrar granted (R1, R4).

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};

use engine::keys::Keys;
use engine::policy::{FlowMatch, Mode, Policy};
use engine::{BindingId, token};

use crate::main_registrar::MainRegistrar;
use crate::packet::Packet;
use crate::rig::{Rig, SECRET};

/// Looks over the engine's shoulder.
#[derive(Debug)]
pub struct Watch {
    keys: Keys,
    mode: Mode,
    flow_match: FlowMatch,
    aors: BTreeSet<String>,
    /// Branches of registrations, with their AoR; answers to other requests promise nothing.
    registrations: BTreeMap<String, String>,
    /// Senders and AoRs of which a registration was under way when a main registrar accepted one of
    /// that AoR.
    proved: BTreeSet<(SocketAddr, String)>,
    /// Copies of requests that arrived, less final answers, by sender and branch.
    unanswered: BTreeMap<(SocketAddr, String), i64>,
    /// Branch and CSeq of the last new transaction of a Call-ID upstream.
    upstream: BTreeMap<String, (u32, BTreeSet<String>)>,
}

impl Watch {
    /// Watches an engine under this policy.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self {
            keys: Keys::derive(&SECRET),
            mode: policy.domain.mode,
            flow_match: policy.domain.registration.flow_match,
            aors: BTreeSet::new(),
            registrations: BTreeMap::new(),
            proved: BTreeSet::new(),
            unanswered: BTreeMap::new(),
            upstream: BTreeMap::new(),
        }
    }

    /// A request arrived at the engine.
    pub fn arrived(&mut self, packet: &Packet) {
        let Ok(message) = sip::Message::parse(&packet.bytes) else {
            return;
        };
        if message.request().is_none() {
            return self.accepted(packet);
        }
        *self
            .unanswered
            .entry((packet.from, packet.branch()))
            .or_default() += 1;
        if let Some(aor) = aor(packet) {
            if wants_something(packet) {
                self.registrations.insert(packet.branch(), aor.clone());
            }
            self.aors.insert(aor);
        }
    }

    /// A main registrar's answer arrived.
    fn accepted(&mut self, packet: &Packet) {
        let (200, Some(accepted)) = (packet.status(), aor(packet)) else {
            return;
        };
        for ((sender, branch), open) in &self.unanswered {
            if *open > 0 && self.registrations.get(branch) == Some(&accepted) {
                self.proved.insert((*sender, accepted.clone()));
            }
        }
    }

    /// The engine sent something.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn sent(&mut self, packet: &Packet) -> Result<(), String> {
        match packet.status() {
            0 => self.request(packet),
            408 => Err("408 to a non-INVITE request".to_owned()),
            200.. => {
                agreement(packet)?;
                self.proof(packet)?;
                let key = (packet.to, packet.branch());
                let balance = self.unanswered.entry(key).or_default();
                *balance -= 1;
                // An answer to the port of the Via (RFC 3261 §18.2.2) is not found here.
                let known =
                    *balance >= 0 || packet.value("Via").is_none_or(|v| !v.contains("rport"));
                known
                    .then_some(())
                    .ok_or_else(|| "one final answer too many".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn proof(&self, packet: &Packet) -> Result<(), String> {
        let aor = match self.registrations.get(&packet.branch()) {
            Some(aor) if packet.status() == 200 => aor,
            _ => return Ok(()),
        };
        let is_here = |(flow, proved): &(SocketAddr, String)| {
            let same = match self.flow_match {
                FlowMatch::Exact => *flow == packet.to,
                FlowMatch::Address => flow.ip() == packet.to.ip(),
            };
            same && proved == aor
        };
        match self.proved.iter().any(is_here) {
            true => Ok(()),
            false => Err(format!("{} is no proved flow of {aor}", packet.to)),
        }
    }

    fn request(&mut self, packet: &Packet) -> Result<(), String> {
        let is_register = packet.bytes.starts_with(b"REGISTER ");
        if !is_register || self.mode == Mode::Mirror {
            return Ok(());
        }
        if packet.all("Via").len() != 1 || packet.message().values(sip::Name::Via).count() != 1 {
            return Err("a foreign Via goes upstream".to_owned());
        }
        let call_id = packet.value("Call-ID").unwrap_or_default();
        let (cseq, branch) = (packet.cseq(), packet.branch());
        let (last, branches) = self.upstream.entry(call_id).or_default();
        if branches.insert(branch) {
            if cseq <= *last {
                return Err(format!("CSeq {cseq} after {last} on one lease"));
            }
            *last = cseq;
        }
        Ok(())
    }

    /// Whether a 200 promises its receiver no more than the store holds.
    ///
    /// # Errors
    /// What it promises too much.
    pub fn promised(&self, packet: &Packet, rig: &Rig) -> Result<(), String> {
        let aor = match self.registrations.get(&packet.branch()) {
            Some(aor) if packet.status() == 200 => aor,
            _ => return Ok(()),
        };
        for binding in rig.bindings(aor) {
            let promised = packet.promised(&binding.contact).unwrap_or(0);
            if binding.remote != packet.to || promised == 0 {
                continue;
            }
            let until = rig.now().0 / 1000 + u64::from(promised);
            // In `mirror` the main registrar's own words are passed on.
            if self.mode == Mode::Contact && until > u64::from(binding.lease_left) {
                let contact = binding.contact;
                return Err(format!(
                    "{contact} is promised {promised} s beyond its lease"
                ));
            }
            let durable = rig.store().row(binding.id).map_or(0, |row| row.granted);
            if promised > durable {
                let contact = binding.contact;
                return Err(format!(
                    "{contact} is promised {promised} s, the store knows of {durable} s"
                ));
            }
        }
        Ok(())
    }

    /// Looks at the tables.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn look(&self, rig: &Rig, mains: &[MainRegistrar]) -> Result<(), String> {
        for aor in &self.aors {
            for binding in rig.bindings(aor) {
                let contact = &binding.contact;
                if binding.expires_in > binding.lease_left {
                    return Err(format!("{contact} is promised more than its lease"));
                }
                let handle = match self.mode {
                    Mode::Aor => format!("sip:{}@{}", aor.replace('@', "%40"), crate::policy::US),
                    _ => self.token(binding.id),
                };
                let granted = mains.iter().filter_map(|main| main.accepted(&handle)).max();
                match granted {
                    None => return Err(format!("{contact} was never accepted")),
                    Some(until) if until.0 / 1000 < u64::from(binding.lease_left) => {
                        return Err(format!("the lease of {contact} is longer than granted"));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    /// The token of a binding, as it stands in a Contact upstream.
    #[must_use]
    pub fn token(&self, id: BindingId) -> String {
        let token = token::encode(&self.keys, id);
        String::from_utf8_lossy(&token).into_owned()
    }
}

fn agreement(packet: &Packet) -> Result<(), String> {
    let (Some(header), 200) = (packet.number("Expires"), packet.status()) else {
        return Ok(());
    };
    match packet.contacts().first().and_then(|first| first.expires) {
        Some(first) if first != header => {
            Err(format!("Expires says {header}, the first Contact {first}"))
        }
        _ => Ok(()),
    }
}

fn aor(packet: &Packet) -> Option<String> {
    let to = packet.value("To")?;
    let uri = to.split('<').nth(1)?.split('>').next()?;
    let bare = uri.strip_prefix("sip:")?.split(';').next()?;
    Some(bare.to_owned())
}

/// Whether a REGISTER asks for a contact that lives.
fn wants_something(packet: &Packet) -> bool {
    let header = packet.number("Expires");
    let lives = |expires: Option<u32>| expires.or(header) != Some(0);
    packet.contacts().iter().any(|listed| lives(listed.expires))
}
