//! Endings: who was told that he is gone stays gone until he asks again (R8), and who was refused
//! for good on his own flow is gone (R16).

use core::net::SocketAddr;
use std::collections::BTreeMap;

use engine::Mono;
use engine::command::BindingView;
use engine::policy::Mode;

use super::{Leg, Passing, Shadow, Sight};

/// How long a departed device's last words are remembered (R8).
const TOMBSTONE: u32 = 32;

/// Who is gone.
#[derive(Debug, Default)]
pub(super) struct Endings {
    /// By AoR, Contact and flow.
    gone: BTreeMap<(String, String, SocketAddr), Gone>,
}

/// The last words of a device that left.
#[derive(Debug)]
struct Gone {
    call_id: String,
    cseq: u32,
    at: Mono,
}

impl Endings {
    /// A device was answered.
    pub(super) fn answered(
        &mut self,
        passing: Passing<'_>,
        shadow: &Shadow,
        sight: Sight<'_>,
    ) -> Result<(), String> {
        let Passing { packet, facts } = passing;
        let Some(leg) = shadow.leg(&facts.branch) else {
            return Ok(());
        };
        if leg.mode == Mode::Mirror {
            return Ok(());
        }
        let verdict = leg.verdict.unwrap_or(0);
        let definitive = sight.rig.policy().upstream.definitive.contains(&verdict);
        if definitive && facts.status == verdict && leg.answer.is_none() {
            return refused(
                passing,
                leg.facts.contacts.iter().map(|own| own.uri.as_str()),
                sight,
            );
        }
        if facts.status != 200 {
            return Ok(());
        }
        for listed in &leg.facts.contacts {
            let key = (facts.aor.clone(), listed.uri.clone(), packet.to);
            if leg.facts.asks(listed) == Some(0) {
                let (call_id, cseq) = (facts.call_id.clone(), facts.cseq);
                let at = sight.rig.now();
                self.gone.insert(key, Gone { call_id, cseq, at });
            }
        }
        Ok(())
    }

    /// Nobody is bound who is gone, unless something that he said later was accepted.
    pub(super) fn look(
        &self,
        aor: &str,
        binding: &BindingView,
        shadow: &Shadow,
        sight: Sight<'_>,
    ) -> Result<(), String> {
        let key = (aor.to_owned(), binding.contact.clone(), binding.remote);
        let Some(gone) = self.gone.get(&key) else {
            return Ok(());
        };
        let young = gone.at.plus_seconds(TOMBSTONE) > sight.rig.now();
        let is_later = |leg: &Leg| {
            let facts = &leg.facts;
            let other = facts.call_id != gone.call_id || facts.cseq > gone.cseq;
            other && leg.accepted && facts.aor == aor
        };
        let mut legs = shadow.legs_of(&binding.contact, binding.remote);
        match young && !legs.any(is_later) {
            true => Err(format!("{} was told that it is gone", binding.contact)),
            false => Ok(()),
        }
    }
}

/// R16: who was refused for good is not bound where he was refused.
fn refused<'c>(
    passing: Passing<'_>,
    mut contacts: impl Iterator<Item = &'c str>,
    sight: Sight<'_>,
) -> Result<(), String> {
    let bindings = sight.rig.bindings(&passing.facts.aor);
    let bound = |uri: &str| {
        let mut bindings = bindings.iter();
        bindings.any(|binding| binding.contact == uri && binding.remote == passing.packet.to)
    };
    match contacts.find(|uri| bound(uri)) {
        Some(uri) => Err(format!("{uri} was refused for good and is bound")),
        None => Ok(()),
    }
}
