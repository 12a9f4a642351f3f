//! Answers to devices: at most one final for each copy of a request, never 408 (RFC 4320 §4.2), and
//! a 200 whose figures agree and that lists who asked.

use std::collections::BTreeMap;

use super::{Passing, Shadow};

/// Counts requests against answers.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Copies of requests that arrived, less final answers, by branch: a phone whose NAT moves it
    /// sends the second copy from elsewhere. A CANCEL has the branch of what it cancels.
    unanswered: BTreeMap<(String, bool), i64>,
}

impl Answers {
    pub(super) fn asked(&mut self, passing: Passing<'_>) {
        *self.unanswered.entry(key(passing)).or_default() += 1;
    }

    pub(super) fn answered(&mut self, passing: Passing<'_>) -> Result<(), String> {
        let Passing { packet, facts } = passing;
        if facts.status == 408 {
            return Err("408 to a non-INVITE request".to_owned());
        }
        if !facts.is_final() {
            return Ok(());
        }
        agree(passing)?;
        let balance = self.unanswered.entry(key(passing)).or_default();
        *balance -= 1;
        // An answer to the port of the Via (RFC 3261 §18.2.2) is not found here.
        let known = *balance >= 0 || packet.value("Via").is_none_or(|via| !via.contains("rport"));
        match known {
            true => Ok(()),
            false => Err("one final answer too many".to_owned()),
        }
    }
}

fn key(passing: Passing<'_>) -> (String, bool) {
    (passing.facts.branch.clone(), passing.facts.cancel)
}

/// R4: `Expires` and the requester's Contact, which is the first, say the same.
fn agree(passing: Passing<'_>) -> Result<(), String> {
    let facts = passing.facts;
    let (Some(header), 200) = (facts.expires, facts.status) else {
        return Ok(());
    };
    match facts.contacts.first().and_then(|first| first.expires) {
        Some(first) if first != header => {
            Err(format!("Expires says {header}, the first Contact {first}"))
        }
        _ => Ok(()),
    }
}

/// R4: the 200 to a registration lists what was asked for, verbatim and with a lifetime.
pub(super) fn lists_the_requester(passing: Passing<'_>, shadow: &Shadow) -> Result<(), String> {
    let facts = passing.facts;
    let (Some(leg), 200) = (shadow.leg(&facts.branch), facts.status) else {
        return Ok(());
    };
    if !leg.is_leased() {
        return Ok(());
    }
    let wanted = leg.facts.contacts.iter();
    let mut wanted = wanted.filter(|listed| leg.facts.asks(listed) != Some(0));
    match wanted.find(|listed| {
        facts
            .listed(&listed.uri)
            .is_none_or(|own| own.expires.is_none())
    }) {
        Some(missing) => Err(format!("{} is accepted but not listed", missing.uri)),
        None => Ok(()),
    }
}
