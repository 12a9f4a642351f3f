//! `MessagesWaiting`: the last unsolicited message summary of each AoR (RFC 3842), told again to a
//! device after its first registration or its reboot, which the main registrar does not see (R20).

use std::collections::VecDeque;

use hashbrown::HashTable;
use sip::header::name_addr::NameAddr;
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
use crate::proxy::{Arrival, Journey, Request};
use crate::txn::{ClientRequest, Kind};

/// The last message summaries, bounded in number; the one told first is forgotten first.
#[derive(Debug, Default)]
pub(crate) struct MessagesWaiting {
    summaries: HashTable<(AorHash, Box<[u8]>)>,
    order: VecDeque<AorHash>,
}

impl MessagesWaiting {
    fn remember(&mut self, aor: AorHash, notify: &[u8]) {
        let find = |entry: &(AorHash, Box<[u8]>)| entry.0 == aor;
        if let Some(entry) = self.summaries.find_mut(aor.short(), find) {
            entry.1 = notify.into();
            return;
        }
        if self.order.len() == limits::SUMMARIES
            && let Some(oldest) = self.order.pop_front()
            && let Ok(entry) = self
                .summaries
                .find_entry(oldest.short(), |entry| entry.0 == oldest)
        {
            entry.remove();
        }
        self.order.push_back(aor);
        self.summaries
            .insert_unique(aor.short(), (aor, notify.into()), |entry| entry.0.short());
    }

    fn of(&self, aor: AorHash) -> Option<&[u8]> {
        let entry = self.summaries.find(aor.short(), |entry| entry.0 == aor);
        entry.map(|(_, notify)| &**notify)
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
    let to = message.header(Name::To);
    let tagged = to.is_some_and(|to| NameAddr::parse(to.value).is_ok_and(|to| to.tag().is_some()));
    package.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"message-summary"))
        && !tagged
}

/// Tells a device again what waits for its user. A NOTIFY of our own: nobody waits for its answer.
pub(super) fn replay(core: &mut Core, now: Now, arrival: Arrival, out: &mut Outbox) {
    let Some(summary) = core.summaries.of(arrival.aor).map(<[u8]>::to_vec) else {
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
