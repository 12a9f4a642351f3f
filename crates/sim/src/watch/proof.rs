//! Proof: nothing is bound and nobody is promised anything but by the main registrar's word about
//! this AoR, this contact and this flow (R1, R2, D9), and old requests without credentials commit
//! nothing (R11); and what nobody answered proves nothing any more.

use engine::command::BindingView;
use engine::policy::Mode;

use super::{Passing, Shadow, Sight};

/// A 200 that promises something goes to a flow that was proved.
pub(super) fn of_answer(
    passing: Passing<'_>,
    shadow: &Shadow,
    sight: Sight<'_>,
) -> Result<(), String> {
    let Passing { packet, facts } = passing;
    let (Some(leg), 200) = (shadow.leg(&facts.branch), facts.status) else {
        return Ok(());
    };
    if !leg.facts.wants_something() {
        return Ok(());
    }
    let (aor, domain) = (&facts.aor, sight.domain(&facts.aor));
    if !shadow.is_proved(aor, packet.to, domain.registration.flow_match) {
        return Err(format!("{} is no proved flow of {aor}", packet.to));
    }
    let told_before = leg.answer == Some(200);
    let old = leg.is_old && !leg.bound.is_empty() && !told_before;
    let old = old && leg.facts.authorization.is_none();
    if old && leg.accepted && leg.mode != Mode::Mirror {
        let cseq = facts.cseq;
        return Err(format!(
            "CSeq {cseq} of {aor} is old, proves nothing, and was accepted"
        ));
    }
    Ok(())
}

/// No refresh is absorbed on a lease of which the last REGISTER found no answer (R6, D11).
pub(super) fn of_refresh(
    passing: Passing<'_>,
    shadow: &Shadow,
    sight: Sight<'_>,
) -> Result<(), String> {
    let Passing { packet, facts } = passing;
    let (Some(leg), 200) = (shadow.leg(&facts.branch), facts.status) else {
        return Ok(());
    };
    if !leg.is_leased() || !shadow.was_absorbed(&facts.branch, sight) {
        return Ok(());
    }
    let bindings = sight.rig.bindings(&facts.aor);
    let mut own = bindings.iter().filter(|binding| {
        binding.remote == packet.to && leg.facts.listed(&binding.contact).is_some()
    });
    match own.find(|binding| shadow.is_unanswered(&sight.handle(&facts.aor, binding))) {
        Some(binding) => {
            let contact = &binding.contact;
            Err(format!(
                "{contact} is absorbed, and nobody knows what is granted"
            ))
        }
        None => Ok(()),
    }
}

/// What is bound was accepted as it is.
pub(super) fn of_binding(
    aor: &str,
    binding: &BindingView,
    shadow: &Shadow,
    sight: Sight<'_>,
) -> Result<(), String> {
    let rule = sight.domain(aor).registration.flow_match;
    let key = (aor, binding.contact.as_str(), binding.remote);
    match shadow.is_accepted(key, rule) {
        true => Ok(()),
        false => Err(format!(
            "{} at {} was never accepted",
            binding.contact, binding.remote
        )),
    }
}
