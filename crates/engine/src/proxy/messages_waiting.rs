//! `MessagesWaiting`: the last unsolicited message summary of each AoR (RFC 3842), told again to a
//! device after its first registration or its reboot, which the main registrar does not see (R20).

use std::collections::VecDeque;

use hashbrown::HashTable;
use sip::{Message, Method, Name};

use crate::clock::{Mono, Now};
use crate::core::{Core, Purpose};
use crate::hop::Hop;
use crate::ids::AorHash;
use crate::limits;
use crate::output::Outbox;
use crate::proxy::destination::Destination;
use crate::proxy::party::Party;
use crate::proxy::targets::request_uri;
use crate::proxy::{Arrival, Journey, Request, has_to_tag};
use crate::txn::timing::TRANSACTION;
use crate::txn::{ClientRequest, Kind};

/// The last message summaries, bounded in number; the one told first is forgotten first.
#[derive(Debug, Default)]
pub(crate) struct MessagesWaiting {
    summaries: HashTable<Summary>,
    order: VecDeque<AorHash>,
}

/// The last summary of one AoR.
#[derive(Debug)]
struct Summary {
    aor: AorHash,
    notify: Box<[u8]>,
    /// How often it was told again, since when: every telling is a transaction, and whoever claims to
    /// reboot all the time must not use them up.
    told: (u16, Mono),
}

impl MessagesWaiting {
    fn remember(&mut self, aor: AorHash, notify: &[u8]) {
        let found = self
            .summaries
            .find_mut(aor.short(), |entry| entry.aor == aor);
        if let Some(entry) = found {
            entry.notify = notify.into();
            return;
        }
        if self.order.len() == limits::SUMMARIES
            && let Some(oldest) = self.order.pop_front()
            && let Ok(entry) = self
                .summaries
                .find_entry(oldest.short(), |entry| entry.aor == oldest)
        {
            entry.remove();
        }
        self.order.push_back(aor);
        let summary = Summary {
            aor,
            notify: notify.into(),
            told: (0, Mono(0)),
        };
        self.summaries
            .insert_unique(aor.short(), summary, |entry| entry.aor.short());
    }

    /// What is to be told again of an AoR, if it may be told now.
    fn tell(&mut self, now: Mono, aor: AorHash) -> Option<&[u8]> {
        let found = self
            .summaries
            .find_mut(aor.short(), |entry| entry.aor == aor);
        let Summary { notify, told, .. } = found?;
        let (times, since) = told;
        if since.plus(TRANSACTION) <= now {
            (*times, *since) = (0, now);
        }
        *times = times.saturating_add(1);
        (*times <= limits::SUMMARIES_TOLD).then_some(notify)
    }
}

/// Remembers a request if it is a summary for a user of ours.
pub(super) fn notice(core: &mut Core, request: &Request<'_>, journey: &Journey<'_>) {
    let aor = match journey.destination {
        Destination::Aor(aor, _) => Some(aor),
        Destination::Device(id) | Destination::DeviceAsSaid(id) => core.table.owner(id),
        _ => None,
    };
    if let Some(aor) = aor
        && request.method == Method::Notify
        && journey.sender.party == Party::Upstream
        && is_summary(request.message)
        && request.message.bytes().len() <= limits::SUMMARY_BYTES
    {
        core.summaries.remember(aor, request.message.bytes());
    }
}

/// Whether a NOTIFY is a message summary that nobody subscribed to.
fn is_summary(message: &Message<'_>) -> bool {
    let event = message.header(Name::Event);
    let package = event.and_then(|event| event.value.split(|byte| *byte == b';').next());
    package.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"message-summary"))
        && !has_to_tag(message)
}

/// Tells a device again what waits for its user. A NOTIFY of our own: nobody waits for its answer.
pub(super) fn replay(core: &mut Core, now: Now, arrival: Arrival, out: &mut Outbox) {
    let Some(summary) = core
        .summaries
        .tell(now.mono, arrival.aor)
        .map(<[u8]>::to_vec)
    else {
        return;
    };
    let policy = std::sync::Arc::clone(&core.policy);
    let Some(binding) = core.table.binding(arrival.binding) else {
        return;
    };
    let (flow, uri) = (binding.flow, request_uri(binding.contact.uri()).to_vec());
    let path = binding.contact.path().to_vec();
    let (Some(hop), Ok(summary)) = (Hop::by(core, &policy, flow), Message::parse(&summary)) else {
        return;
    };
    let mut bytes = Vec::with_capacity(summary.bytes().len() + 256);
    write(&summary, &hop, (&uri, &path), &mut bytes);
    let request = ClientRequest {
        kind: Kind::NonInvite,
        branch: &hop.branch,
        flow,
        bytes: bytes.into(),
        give_up_at: Mono::NEVER,
        owner: Purpose::Nobody.pack(),
    };
    core.counters.summaries_replayed += 1;
    // When there is no room, the next summary will tell.
    let _full = core.txns.start_client(now, request, out);
}

fn write(summary: &Message<'_>, hop: &Hop<'_>, (uri, path): (&[u8], &[u8]), out: &mut Vec<u8>) {
    let mut notify = sip::Request::new(out, Method::Notify.as_str(), uri);
    let mut via = Vec::with_capacity(128);
    hop.write_via(&mut via);
    notify.lines(&via);
    notify.header("Max-Forwards", b"70");
    if !path.is_empty() {
        notify.header("Route", path);
    }
    for name in [
        Name::From,
        Name::To,
        Name::CallId,
        Name::CSeq,
        Name::Contact,
        Name::Event,
        Name::SubscriptionState,
        Name::ContentType,
    ] {
        notify.copy(summary, name);
    }
    notify.finish(summary.body());
}
