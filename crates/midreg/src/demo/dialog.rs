//! `Dialog`: what one phone knows of a call it has part in (RFC 3261 §12), and the messages that it
//! writes with that.

use std::net::SocketAddr;

use sip::header::name_addr::NameAddr;
use sip::{Message, Name, Request, Response};

use super::phone::{BRANCH, DOMAIN};

/// What a call is about, as far as anybody here looks at it (RFC 4566).
const BODY: &[u8] = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                      m=audio 4000 RTP/AVP 0\r\n";

/// CSeq of the INVITE, and of each ACK to it; the BYE of either side comes after it.
const INVITE: u32 = 1;

/// Who calls whom.
#[derive(Clone, Debug)]
pub(super) struct Parties {
    /// Number of the call.
    pub(super) call: usize,
    /// User part of who calls.
    pub(super) caller: String,
    /// User part of who is called.
    pub(super) callee: String,
}

/// Which phone it is that has part in the call.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its number.
    pub(super) phone: usize,
    /// Its socket.
    pub(super) local: SocketAddr,
    /// Its Contact URI.
    pub(super) contact: String,
}

/// One side of a call.
#[derive(Debug)]
pub(super) struct Dialog {
    place: Place,
    call_id: Vec<u8>,
    /// Our From, or the To of our answers: with our tag.
    local: Vec<u8>,
    /// The other's: with a tag once there is one.
    remote: Vec<u8>,
    /// Where requests go at last: the AoR, then the other's Contact.
    target: Vec<u8>,
    /// The way there: values of Route.
    routes: Vec<Vec<u8>>,
    branches: u32,
}

impl Dialog {
    /// The caller's side of a new call, by way of this outbound proxy.
    pub(super) fn outgoing(parties: &Parties, place: Place, proxy: SocketAddr) -> Self {
        let Parties {
            call,
            caller,
            callee,
        } = parties;
        let phone = place.phone;
        Self {
            place,
            call_id: format!("call-{call}").into_bytes(),
            local: format!("<sip:{caller}@{DOMAIN}>;tag=c{phone}").into_bytes(),
            remote: format!("<sip:{callee}@{DOMAIN}>").into_bytes(),
            target: format!("sip:{callee}@{DOMAIN}").into_bytes(),
            routes: vec![format!("<sip:{proxy};lr>").into_bytes()],
            branches: 0,
        }
    }

    /// The called side (RFC 3261 §12.1.1); `None` when the INVITE lacks what a dialog needs.
    pub(super) fn incoming(invite: &Message<'_>, place: Place) -> Option<Self> {
        let value = |name| invite.header(name).map(|header| header.value.to_vec());
        let mut local = value(Name::To)?;
        local.extend_from_slice(format!(";tag=d{}", place.phone).as_bytes());
        Some(Self {
            place,
            call_id: value(Name::CallId)?,
            local,
            remote: value(Name::From)?,
            target: contact_of(invite)?,
            routes: record_routes(invite).map(<[u8]>::to_vec).collect(),
            branches: 0,
        })
    }

    /// Whether a message is of this call.
    pub(super) fn owns(&self, message: &Message<'_>) -> bool {
        let header = message.header(Name::CallId);
        header.is_some_and(|header| header.value == self.call_id)
    }

    /// Whether a 2xx comes from the other side that we know.
    pub(super) fn is_with(&self, response: &Message<'_>) -> bool {
        tag_of(response.header(Name::To).map(|to| to.value)) == tag_of(Some(&self.remote))
    }

    /// Follows a 2xx to our INVITE (RFC 3261 §12.1.2).
    pub(super) fn establish(&mut self, response: &Message<'_>) {
        if let Some(to) = response.header(Name::To) {
            self.remote = to.value.to_vec();
        }
        if let Some(contact) = contact_of(response) {
            self.target = contact;
        }
        self.routes = record_routes(response).map(<[u8]>::to_vec).collect();
        self.routes.reverse();
    }

    /// The dialog with another who has answered the same INVITE.
    pub(super) fn fork(&self, response: &Message<'_>) -> Self {
        let mut other = Self {
            place: self.place.clone(),
            call_id: self.call_id.clone(),
            local: self.local.clone(),
            remote: Vec::new(),
            target: Vec::new(),
            routes: Vec::new(),
            branches: self.branches + 100,
        };
        other.establish(response);
        other
    }

    /// Writes the INVITE.
    pub(super) fn invite(&mut self, out: &mut Vec<u8>) {
        let mut request = self.request("INVITE", INVITE, out);
        request.header("Content-Type", "application/sdp");
        request.finish(BODY);
    }

    /// Writes the ACK to a 2xx, a request of its own (RFC 3261 §13.2.2.4).
    pub(super) fn ack(&mut self, out: &mut Vec<u8>) {
        self.request("ACK", INVITE, out).finish(b"");
    }

    /// Writes the ACK to a refusal of `invite`, which belongs to its transaction (RFC 3261
    /// §17.1.1.3).
    pub(super) fn ack_refusal(invite: &Message<'_>, refusal: &Message<'_>, out: &mut Vec<u8>) {
        let Some(line) = invite.request() else { return };
        let mut request = Request::new(out, "ACK", line.uri);
        for name in [Name::Via, Name::Route, Name::MaxForwards, Name::From] {
            request.copy(invite, name);
        }
        request.copy(refusal, Name::To);
        request.copy(invite, Name::CallId);
        request.header("CSeq", format!("{INVITE} ACK"));
        request.finish(b"");
    }

    /// Writes the BYE.
    pub(super) fn bye(&mut self, out: &mut Vec<u8>) {
        self.request("BYE", INVITE + 1, out).finish(b"");
    }

    /// Writes our answer to a request of this call; a ringing or answering one to an INVITE says
    /// how we are reached from now on.
    pub(super) fn answer(
        &self,
        request: &Message<'_>,
        from: SocketAddr,
        (status, reason): (u16, &str),
        out: &mut Vec<u8>,
    ) {
        let mut response = Response::new(out, status, reason);
        response.vias_from(request, Some(from.into()));
        response.copy(request, Name::From);
        let tag = tag_of(Some(&self.local)).unwrap_or_default();
        response.to_with_tag(request, tag);
        response.copy(request, Name::CallId);
        response.copy(request, Name::CSeq);
        if request
            .request()
            .is_some_and(|line| line.method.as_str() == "INVITE")
            && status < 300
        {
            response.copy(request, Name::RecordRoute);
            response.header("Contact", format!("<{}>", self.place.contact));
        }
        match status == 200 && request.has(Name::ContentType) {
            true => {
                response.header("Content-Type", "application/sdp");
                response.finish(BODY);
            }
            false => response.finish(b""),
        }
    }

    /// A request with all headers but those of a body.
    fn request<'o>(&mut self, method: &str, cseq: u32, out: &'o mut Vec<u8>) -> Request<'o> {
        self.branches += 1;
        let Place {
            phone,
            local,
            contact,
        } = &self.place;
        let call = call_of(&self.call_id).unwrap_or_default();
        let branch = format!("{BRANCH}{phone}-c{call}-{}", self.branches);
        let mut request = Request::new(out, method, &self.target);
        request.header("Via", format!("SIP/2.0/UDP {local};rport;branch={branch}"));
        request.header("Max-Forwards", "70");
        for route in &self.routes {
            request.header("Route", route);
        }
        request.header("From", &self.local);
        request.header("To", &self.remote);
        request.header("Call-ID", &self.call_id);
        request.header("CSeq", format!("{cseq} {method}"));
        request.header("Contact", format!("<{contact}>"));
        request.header("User-Agent", "midreg demo");
        request
    }
}

/// Number of the call that has this Call-ID, if it is one of the demo's.
pub(super) fn call_of(call_id: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(call_id).ok()?;
    text.strip_prefix("call-")?.parse().ok()
}

fn record_routes<'a>(message: &Message<'a>) -> impl Iterator<Item = &'a [u8]> {
    message.values(Name::RecordRoute)
}

fn contact_of(message: &Message<'_>) -> Option<Vec<u8>> {
    let contact = NameAddr::parse(message.values(Name::Contact).next()?).ok()?;
    Some(contact.uri.to_vec())
}

fn tag_of(value: Option<&[u8]>) -> Option<&[u8]> {
    NameAddr::parse(value?).ok()?.tag()
}
