//! How we speak to the main registrar: as ourselves, in order (R6), with our Contact (R7), and taking
//! back only what nobody needs any more (R8, R9).

use std::collections::BTreeMap;

use engine::policy::Mode;

use super::{Passing, Shadow, Sight, aor_contact, is_rewritten};
use crate::facts::Facts;
use crate::handle::handle;

/// Remembers what was said upstream.
#[derive(Debug, Default)]
pub(super) struct Upstream {
    /// The last CSeq of a Call-ID.
    spoken: BTreeMap<String, u32>,
}

impl Upstream {
    /// We sent a REGISTER, and this is its first copy.
    pub(super) fn asks(
        &mut self,
        passing: Passing<'_>,
        shadow: &Shadow,
        sight: Sight<'_>,
    ) -> Result<(), String> {
        let facts = passing.facts;
        if !sight.leases(&facts.aor) {
            return Ok(());
        }
        if facts.vias != 1 {
            return Err("a foreign Via goes upstream".to_owned());
        }
        let leg = facts.leg.as_ref().and_then(|leg| shadow.leg(leg));
        if leg.is_some_and(|leg| leg.facts.call_id == facts.call_id) {
            return Err("a device's own Call-ID goes upstream".to_owned());
        }
        self.in_order(facts)?;
        shape(facts, sight)?;
        needed(facts, leg.map(|leg| &leg.facts), shadow, sight)
    }

    fn in_order(&mut self, facts: &Facts) -> Result<(), String> {
        let last = self.spoken.entry(facts.call_id.clone()).or_default();
        let before = core::mem::replace(last, facts.cseq);
        match facts.cseq > before {
            true => Ok(()),
            false => Err(format!("CSeq {} after {before} on one lease", facts.cseq)),
        }
    }
}

/// R7: what a Contact of ours looks like.
fn shape(facts: &Facts, sight: Sight<'_>) -> Result<(), String> {
    let domain = sight.domain(&facts.aor);
    if !is_rewritten(domain) {
        return Ok(());
    }
    let policy = sight.rig.policy();
    let is_ours = |uri: &str| {
        let mut listeners = policy.listeners.iter();
        listeners.any(|listener| uri.contains(&listener.advertise))
    };
    if let Some(foreign) = facts.contacts.iter().find(|listed| !is_ours(&listed.uri)) {
        return Err(format!("{} goes upstream as it is", foreign.uri));
    }
    if domain.mode != Mode::Aor {
        return Ok(());
    }
    let wanted = aor_contact(&facts.aor, policy);
    for listed in &facts.contacts {
        let strange = [";q=", "+sip.instance"]
            .iter()
            .any(|part| listed.value.contains(part));
        if listed.uri != wanted || strange || facts.contacts.len() != 1 {
            return Err(format!("{} stands for {}", listed.value, facts.aor));
        }
    }
    Ok(())
}

/// Nothing is taken back that a device needs which does not leave by this very request.
fn needed(
    facts: &Facts,
    leg: Option<&Facts>,
    shadow: &Shadow,
    sight: Sight<'_>,
) -> Result<(), String> {
    let path = facts.paths.first().map(String::as_str);
    let removed: Vec<&str> = facts
        .contacts
        .iter()
        .filter(|listed| facts.asks(listed) == Some(0))
        .map(|listed| handle(&listed.uri, path))
        .collect();
    if removed.is_empty() && !(facts.star && leg.is_none()) {
        return Ok(());
    }
    let leaves = |contact: &str| leg.is_some_and(|leg| is_leaving(contact, leg, shadow));
    let bindings = sight.rig.bindings(&facts.aor);
    let left = bindings.iter().find(|binding| {
        let handle = sight.handle(&facts.aor, binding);
        (facts.star || removed.contains(&handle.as_str())) && !leaves(&binding.contact)
    });
    match left {
        Some(binding) => Err(format!(
            "{} still needs what is taken back",
            binding.contact
        )),
        None => Ok(()),
    }
}

/// Whether the device of a contact leaves by a request, under this Contact or a newer one.
fn is_leaving(contact: &str, request: &Facts, shadow: &Shadow) -> bool {
    let named = request.listed(contact);
    match named {
        _ if request.star => true,
        Some(own) => request.asks(own) == Some(0),
        None => request.only_removes() && shadow.is_of_device(contact, request),
    }
}
