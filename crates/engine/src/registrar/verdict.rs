//! The main registrar's final answer to a REGISTER of ours: accepted, challenged, too brief, out of
//! order, or refused.

use sip::header::expires::DeltaSeconds;
use sip::{Message, Name};
use smallvec::SmallVec;

use crate::auth;
use crate::clock::{Mono, Now};
use crate::core::Core;
use crate::defect::Defect;
use crate::event::{Event, Outcome, RemovalCause};
use crate::gate::{ReadyReply, Repeat};
use crate::ids::BindingId;
use crate::location::{Change, Op};
use crate::output::Outbox;
use crate::registrar::conversation::{Asking, ConversationId, Hold, Leg, Phase, Raised};
use crate::registrar::decide::flows_match;
use crate::registrar::decision::Refusal;
use crate::registrar::forward::{ask, finish, refuse_arrival, reread, unanswered};
use crate::registrar::heading::Heading;
use crate::registrar::relay::{self, Challenge, Restored};
use crate::registrar::rename::Rename;
use crate::registrar::{accept, history, outage, proof, release};

/// A final response to a REGISTER of a conversation.
pub(crate) fn on_final(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    response: &Message<'_>,
    sent_at: Mono,
    out: &mut Outbox,
) {
    let status = response.status().unwrap_or(500);
    match core.conversations.enter(id, Phase::between()) {
        Some(Phase::Asking(asking)) => {
            on_answer(core, now, id, *asking, response, (status, sent_at), out);
        }
        Some(Phase::Releasing {
            attempt, challenge, ..
        }) => {
            release::on_answer(core, now, id, (attempt, challenge), response, out);
        }
        Some(other) => {
            core.conversations.enter(id, other);
        }
        None => {}
    }
}

fn on_answer(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: Asking,
    response: &Message<'_>,
    (status, sent_at): (u16, Mono),
    out: &mut Outbox,
) {
    match status {
        200..300 => {
            accept::on_accepted(core, now, id, &asking, response, sent_at, out);
            history::concluded(core, now, id, &asking, Outcome::Accepted);
        }
        401 | 407 if is_ours_to_answer(core, &asking) => {
            return answer_challenge(core, now, id, asking, response, out);
        }
        401 if core.seeded.is(Defect::CommitOnChallenge) => {
            accept::on_accepted(core, now, id, &asking, response, sent_at, out);
        }
        401 | 407 => challenge(core, now, id, &asking, response, out),
        423 if asking.terms.is_leased()
            && learn_min_expires(core, id, &asking, response, out)
            && asking.leg.may_be_raised() =>
        {
            return ask(core, now, id, asking.arrival, Leg::Raised, out);
        }
        // RFC 4320 §4.2: nobody is told 408.
        408 => unanswered(core, now, id, &asking, out),
        500..600 if is_carried(core, now, id, &asking, out) => {}
        _ => {
            on_rejected(core, now, id, &asking, status, out);
            relay_answer(core, now, &asking, response, Challenge::Verbatim, out);
        }
    }
    finish(core, now, id, out);
}

/// Whether a refresh is carried by what is left of its lease while the main registrar is out of
/// order (D14).
fn is_carried(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: &Asking,
    out: &mut Outbox,
) -> bool {
    history::concluded(core, now, id, asking, Outcome::Unanswered);
    outage::carry(core, now, &asking.arrival, out)
}

/// R5: a 423 that names a longer lifetime than was asked for.
fn learn_min_expires(
    core: &mut Core,
    id: ConversationId,
    asking: &Asking,
    response: &Message<'_>,
    out: &mut Outbox,
) -> bool {
    let Some(conversation) = core.conversations.get(id) else {
        return false;
    };
    let node = conversation.node;
    let min_expires = response
        .header(Name::MinExpires)
        .and_then(|header| DeltaSeconds::parse(header.value).ok())
        .map_or(0, |delta| delta.0);
    if min_expires <= asking.asked {
        return false;
    }
    core.peers.learn_min_expires(node, min_expires);
    out.event(Event::UpstreamMinExpires { node, min_expires });
    true
}

/// Whether the main registrar challenges us and not the device, which has proved itself here.
fn is_ours_to_answer(core: &Core, asking: &Asking) -> bool {
    let Ok(message) = Message::parse(&asking.arrival.bytes) else {
        return false;
    };
    let request = reread(core, &message, asking.arrival.flow);
    request.is_some_and(|request| proof::is_had_here(core.policy.of(&request.aor)))
}

/// Answers a challenge with what we know ourselves; what we do not know, no device can help with.
fn answer_challenge(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: Asking,
    response: &Message<'_>,
    out: &mut Outbox,
) {
    let line = match asking.leg {
        Leg::Answered(..) => None,
        Leg::First | Leg::Raised => own_credentials(core, &asking, response),
    };
    let raised = match asking.leg {
        Leg::Raised => Raised::Yes,
        _ => Raised::No,
    };
    match line {
        Some(line) => ask(
            core,
            now,
            id,
            asking.arrival,
            Leg::Answered(line, raised),
            out,
        ),
        None => {
            out.event(Event::UpstreamWantsCredentials {
                source: asking.arrival.flow.remote,
            });
            refuse_arrival(
                core,
                now,
                &asking.arrival,
                Refusal::new(502, "Bad Gateway"),
                out,
            );
            finish(core, now, id, out);
        }
    }
}

fn own_credentials(core: &mut Core, asking: &Asking, response: &Message<'_>) -> Option<Box<[u8]>> {
    let policy = core.policy.clone();
    let cnonce = core.entropy.draw();
    let message = Message::parse(&asking.arrival.bytes).ok()?;
    let request = reread(core, &message, asking.arrival.flow)?;
    let target = match Rename::of(&policy, &request.aor, &message) {
        Some(rename) => rename.target(&message),
        None => message.request()?.uri.to_vec(),
    };
    let known = &policy.upstream.credentials;
    let answer = auth::answer(response, "REGISTER", &target, known, cnonce)?;
    Some(answer.line.into())
}

fn challenge(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: &Asking,
    response: &Message<'_>,
    out: &mut Outbox,
) {
    let status = response.status().unwrap_or(401);
    history::concluded(core, now, id, asking, Outcome::ChallengedUpstream);
    history::refused_upstream(core, now, id, asking, status);
    let nonces = [Name::WwwAuthenticate, Name::ProxyAuthenticate]
        .into_iter()
        .flat_map(|name| response.headers_named(name))
        .filter_map(|header| {
            sip::header::auth::Challenge::parse(header.value)
                .ok()?
                .nonce
        })
        .map(|nonce| core.keys.text_hash(nonce))
        .collect();
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    let until = conversation.challenged_until(now.mono);
    core.conversations
        .enter(id, Phase::Challenged { nonces, until });
    core.arm(id, until);
    if let Some(conversation) = core.conversations.get(id) {
        let aor = Core::aor_text(&conversation.aor);
        out.event(Event::ChallengeRelayed {
            aor,
            source: asking.arrival.flow.remote,
        });
    }
    let marked = match asking.leg {
        Leg::First | Leg::Answered(..) => Challenge::Verbatim,
        Leg::Raised => Challenge::Stale,
    };
    relay_answer(core, now, asking, response, marked, out);
}

/// Passes the main registrar's answer on to the device, without our Contacts.
pub(super) fn relay_answer(
    core: &mut Core,
    now: Now,
    asking: &Asking,
    response: &Message<'_>,
    challenge: Challenge,
    out: &mut Outbox,
) {
    let Ok(request) = Message::parse(&asking.arrival.bytes) else {
        return;
    };
    let status = response.status().unwrap_or(500);
    let mut bytes = Vec::with_capacity(response.bytes().len() + 256);
    match asking.terms.is_proxied() {
        true => relay::write_proxied(response, &request, None, &mut bytes),
        false => {
            let heading = Heading::of(&request, asking.arrival.flow);
            let tag = core.keys.to_tag(heading.call_id, heading.from_tag);
            let how = Restored {
                request: &request,
                came_by: asking.arrival.flow,
                tag: &tag,
                // Those of a redirection are not ours: they say where to go (RFC 3261 §21.3).
                contacts: (!(300..400).contains(&status)).then_some(b""),
                expires: None,
                challenge,
            };
            relay::write_restored(response, &how, &mut bytes);
        }
    }
    let reply = ReadyReply {
        flow: asking.arrival.flow,
        txn: Some(asking.arrival.txn),
        status,
        repeat: Repeat::ByTransaction,
        bytes: &bytes,
    };
    core.send(now, reply, out);
}

/// A refusal. R16: a definitive one ends the binding, if it answers the binding's own flow; no
/// other refusal ends anything.
fn on_rejected(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: &Asking,
    status: u16,
    out: &mut Outbox,
) {
    history::concluded(core, now, id, asking, Outcome::RefusedUpstream);
    history::refused_upstream(core, now, id, asking, status);
    let Some(conversation) = core.conversations.get(id) else {
        return;
    };
    out.event(Event::RegisterRejected {
        aor: Core::aor_text(&conversation.aor),
        source: asking.arrival.flow.remote,
        status,
    });
    let ends = core.policy.upstream.definitive.contains(&status);
    if !ends || core.seeded.is(Defect::KeepRejected) {
        return;
    }
    let rule = core.policy.of(&conversation.aor).registration.flow_match;
    let ended: SmallVec<[BindingId; 2]> = conversation
        .claims
        .iter()
        .filter_map(|claim| core.table.binding(claim.binding))
        .filter(|binding| flows_match(&asking.arrival.flow, &binding.flow, rule))
        .map(|binding| binding.id)
        .collect();
    let cause = RemovalCause::Rejected;
    let changes = ended.iter().map(|id| {
        Change::of(
            *id,
            Op::Remove {
                binding: *id,
                cause,
            },
        )
    });
    let changes: Vec<Change> = changes.collect();
    if changes.is_empty() {
        return;
    }
    let aor = conversation.aor.clone();
    let (_, removed) = core.commit(now, changes, out);
    for binding in removed {
        let aor = Core::aor_text(&aor);
        out.event(Event::BindingRemoved {
            aor,
            binding: binding.id,
            cause,
        });
    }
    // The main registrar has said its last word about them: nothing is left to be given back.
    if let Some(conversation) = core.conversations.get_mut(id) {
        for claim in conversation
            .claims
            .iter_mut()
            .filter(|c| ended.contains(&c.binding))
        {
            claim.hold = Hold::Reserved(Box::default());
        }
    }
}
