//! What parties of a scenario say that is no REGISTER: requests and their answers, with what a line
//! leaves out filled in as a well-behaved end would (RFC 3261 §8.1.1, §8.2.6, §12.2, §9.1, §17.1.1.3).

use core::net::SocketAddr;
use std::collections::BTreeMap;

use super::heard::tag_text;
use super::message::Message;
use super::names::Names;
use super::spoken::{contact_value, fields};
use super::step::Party;
use crate::call::Letter;
use crate::call::letter::Start;
use crate::digest::{self, Secret};
use crate::main_registrar::PASSWORD;
use crate::policy::us;

/// The calls of a scenario, by name.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    calls: BTreeMap<String, Call>,
    count: u32,
}

/// A call, or another request with a Call-ID of its own.
#[derive(Debug)]
struct Call {
    by: Party,
    from: String,
    to: String,
    /// CSeq of each end's last request.
    cseq: BTreeMap<Party, u32>,
    /// The last INVITE of each end, and how it was answered for good.
    invites: BTreeMap<Party, (Letter, u16)>,
}

/// Who speaks.
pub(super) struct Speaker<'s> {
    pub(super) party: &'s Party,
    pub(super) aor: &'s str,
    pub(super) at: SocketAddr,
    pub(super) transport: &'s str,
}

impl Exchanges {
    /// A request as a line tells it.
    pub(super) fn request(
        &mut self,
        speaker: &Speaker<'_>,
        method: &'static str,
        line: &Message,
        names: &mut Names,
    ) -> Result<Letter, String> {
        let name = line.call_id.as_deref().unwrap_or_default();
        let dialog = names.dialog_of_phone(name);
        let call = self.calls.entry(name.to_owned()).or_insert_with(|| Call {
            by: speaker.party.clone(),
            from: format!(
                "<sip:{}>;tag={}",
                line.from.as_deref().unwrap_or(speaker.aor),
                dialog.tag
            ),
            to: format!("<sip:{}>", line.to.as_deref().unwrap_or_default()),
            cseq: BTreeMap::new(),
            invites: BTreeMap::new(),
        });
        if let Some((invite, status)) = call.invites.get(speaker.party) {
            match method {
                "CANCEL" => return Ok(hop_by_hop(invite, method, None)),
                "ACK" if *status >= 300 => {
                    return Ok(hop_by_hop(invite, method, line.tag.as_deref()));
                }
                _ => {}
            }
        }
        self.count += 1;
        let mut request = call.request(speaker, method, line)?;
        request.call_id = dialog.call_id;
        let uri = line.uri.as_ref().ok_or("uri=… is missing")?;
        let uri = contact_value(uri, names)?;
        request.start = Start::Request(uri.trim_matches(['<', '>']).to_owned());
        for route in &line.routes {
            request.routes.push(contact_value(route, names)?);
        }
        for route in &line.record_routes {
            request.record_routes.push(contact_value(route, names)?);
        }
        let via = format!(
            "SIP/2.0/{} {};rport;branch=z9hG4bKs{}",
            speaker.transport, speaker.at, self.count
        );
        request.vias.push(via);
        request.lines = fields(line, names)?.lines().map(str::to_owned).collect();
        if let Some(nonce) = &line.auth {
            let proof = proof(speaker, nonce, &request, names)?;
            request.lines.push(proof);
        }
        request.body = line.body.clone().unwrap_or_default();
        if method == "INVITE" {
            let own = (request.clone(), 0);
            call.invites.insert(speaker.party.clone(), own);
        }
        Ok(request)
    }

    /// An answer as a line tells it.
    pub(super) fn answer(
        request: &Letter,
        status: u16,
        line: &Message,
        names: &mut Names,
    ) -> Result<Letter, String> {
        let tag = line.tag.as_deref().map(tag_text);
        if tag.is_none() && status > 100 && request.to_tag().is_empty() {
            return Err("tag=… is missing".to_owned());
        }
        let mut answer = request.response(status, &tag.unwrap_or_default());
        answer.lines = fields(line, names)?.lines().map(str::to_owned).collect();
        answer.body = line.body.clone().unwrap_or_default();
        if let Some(nonce) = &line.nonce {
            let value = digest::challenge(nonce);
            names.meet_challenge(nonce, &value)?;
            answer.lines.push(format!("Proxy-Authenticate: {value}"));
        }
        Ok(answer)
    }

    /// midreg answered somebody.
    pub(super) fn is_answered(&mut self, party: &Party, answer: &Letter) {
        for call in self.calls.values_mut() {
            if let Some((invite, status)) = call.invites.get_mut(party)
                && answer.method == "INVITE"
                && invite.key() == answer.key()
                && answer.status() >= 200
            {
                *status = answer.status();
            }
        }
    }
}

impl Call {
    /// From, To and CSeq of a request, by the end that it is of.
    fn request(
        &mut self,
        speaker: &Speaker<'_>,
        method: &str,
        line: &Message,
    ) -> Result<Letter, String> {
        let mut request = Letter::request(method, "", "");
        let to = match &line.tag {
            Some(tag) => format!("{};tag={}", self.to, tag_text(tag)),
            None => self.to.clone(),
        };
        (request.from, request.to) = match self.by == *speaker.party {
            true => (self.from.clone(), to),
            false if line.tag.is_none() => return Err("tag=… is missing".to_owned()),
            false => (to, self.from.clone()),
        };
        let invite = self.invites.get(speaker.party);
        let last = self.cseq.entry(speaker.party.clone()).or_default();
        request.cseq = match (line.cseq, method, invite) {
            (Some(cseq), ..) => cseq,
            (None, "ACK", Some((invite, _))) => invite.cseq,
            _ => *last + 1,
        };
        *last = request.cseq.max(*last);
        Ok(request)
    }
}

/// CANCEL, and ACK to what is no 2xx, take the way of the INVITE and its branch.
fn hop_by_hop(invite: &Letter, method: &str, tag: Option<&str>) -> Letter {
    let to = match tag {
        Some(tag) if invite.to_tag().is_empty() => format!("{};tag={}", invite.to, tag_text(tag)),
        _ => invite.to.clone(),
    };
    Letter {
        method: method.to_owned(),
        to,
        record_routes: Vec::new(),
        lines: Vec::new(),
        body: String::new(),
        ..invite.clone()
    }
}

fn proof(
    speaker: &Speaker<'_>,
    nonce: &str,
    request: &Letter,
    names: &mut Names,
) -> Result<String, String> {
    let challenge = names.challenge(nonce).ok_or("no such nonce was sent")?;
    let secret = Secret {
        user: speaker.aor.split('@').next().unwrap_or_default(),
        password: PASSWORD,
    };
    let uri = request.uri().unwrap_or_default();
    let value = digest::credentials(challenge, secret, uri, names.uses(nonce) + 1);
    names.answer(nonce, &value);
    Ok(format!("Proxy-Authorization: {value}"))
}

/// Whether a request that midreg sent on is what came, or, being midreg's own, belongs to what it
/// sent before on the same way.
pub(super) fn has_an_origin(
    sent: &Letter,
    origin: Option<&Letter>,
    before: Option<&Letter>,
) -> Result<(), String> {
    let heads = |letter: &Letter| (letter.call_id.clone(), letter.cseq);
    match (sent.vias.len(), origin, before) {
        (0, ..) => Err("it has no Via".to_owned()),
        (1, _, Some(invite)) if heads(invite) == heads(sent) => Ok(()),
        (1, _, None) if !matches!(sent.method.as_str(), "CANCEL" | "ACK") => Ok(()),
        (1, ..) => Err("it belongs to nothing that was sent there".to_owned()),
        (_, Some(origin), _) => {
            let same = heads(origin) == heads(sent)
                && (&origin.from, &origin.to) == (&sent.from, &sent.to)
                && origin.body == sent.body;
            match same {
                true => Ok(()),
                false => Err("it is not what came".to_owned()),
            }
        }
        (_, None, _) => Err(format!("nobody asked for it, at {}", us())),
    }
}
