//! Which messages belong together: the identities of transactions.
//!
//! Server side, RFC 3261 §17.2.3: branch, sent-by and method of the request, an ACK counting as INVITE. To
//! these we add what every true retransmission, ACK and CANCEL shares with its request anyway: the
//! source host, so that nobody answers for another; Call-ID and CSeq number, because some devices
//! reuse branches. Requests of RFC 2543 elements, whose branch lacks the cookie, go by the header
//! fields that the same section lists. Client side, §17.1.3: branch and CSeq method.
//!
//! An identity is a 128-bit keyed hash and stands for the fields themselves: without the key nobody
//! can make two requests collide, or fill one bucket of a table.

use core::hash::Hasher;

use sip::header::cseq::CSeq;
use sip::header::name_addr::NameAddr;
use sip::header::via::Via;
use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::flow::{Flow, Transport};

/// Identity of a request on the side that answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerKey {
    /// Of the transaction of the request itself.
    pub(super) own: u128,
    /// Of the INVITE that the request would acknowledge or cancel; `own` if it is an INVITE.
    pub(super) invite: u128,
}

/// The keyed hashes that make identities and branches.
pub(super) struct Keys {
    secret: [u8; 16],
}

/// Keeps hashes of different purposes apart.
#[derive(Clone, Copy)]
enum Purpose {
    Server,
    LegacyServer,
    Client,
    Branch,
}

impl Keys {
    /// Under this secret.
    pub(super) const fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    /// What branches are made with.
    pub(super) fn branch_secret(&self) -> SipHasher24 {
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        hasher.write_u8(Purpose::Branch as u8);
        hasher
    }

    /// Identity of a request that came by this flow.
    pub(super) fn server(&self, request: &sip::Message<'_>, flow: &Flow) -> Option<ServerKey> {
        let line = request.request()?;
        let via_text = request.values(sip::Name::Via).next()?;
        let via = Via::parse(via_text).ok()?;
        match via.branch_3261() {
            Some(branch) => {
                let mut hasher = self.server_hasher(Purpose::Server, request, flow)?;
                write_field(&mut hasher, branch);
                write_folded(&mut hasher, via.host_text);
                hasher.write_u16(via.port.unwrap_or_else(|| default_port(flow.transport)));
                Some(ServerKey::new(hasher, line.method_text, hasher))
            }
            None => {
                let mut hasher = self.server_hasher(Purpose::LegacyServer, request, flow)?;
                write_field(&mut hasher, line.uri);
                write_field(&mut hasher, tag_of(request, sip::Name::From));
                write_field(&mut hasher, via_text);
                // The To tag tells dialogs apart, but an ACK brings the tag of the refusal, which the
                // INVITE did not have.
                let mut with_to_tag = hasher;
                write_field(&mut with_to_tag, tag_of(request, sip::Name::To));
                Some(ServerKey::new(hasher, line.method_text, with_to_tag))
            }
        }
    }

    /// Identity of the client transaction that a response answers.
    pub(super) fn response(&self, response: &sip::Message<'_>) -> Option<u128> {
        let via = Via::parse(response.values(sip::Name::Via).next()?).ok()?;
        let cseq = CSeq::parse(response.header(sip::Name::CSeq)?.value).ok()?;
        Some(self.client(via.branch()?, cseq.method))
    }

    /// Identity of the client transaction of a request with this branch and method.
    pub(super) fn client(&self, branch: &[u8], method: &[u8]) -> u128 {
        let mut hasher = self.hasher(Purpose::Client);
        write_field(&mut hasher, branch);
        finish(hasher, method)
    }

    /// With what both generations of requests have in common.
    fn server_hasher(
        &self,
        purpose: Purpose,
        request: &sip::Message<'_>,
        flow: &Flow,
    ) -> Option<SipHasher13> {
        let cseq = CSeq::parse(request.header(sip::Name::CSeq)?.value).ok()?;
        let call_id = request.header(sip::Name::CallId)?.value;
        let mut hasher = self.hasher(purpose);
        match flow.remote.ip().to_canonical() {
            core::net::IpAddr::V4(ip) => hasher.write(&ip.octets()),
            core::net::IpAddr::V6(ip) => hasher.write(&ip.octets()),
        }
        hasher.write_u32(cseq.number);
        write_field(&mut hasher, call_id);
        Some(hasher)
    }

    fn hasher(&self, purpose: Purpose) -> SipHasher13 {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write_u8(purpose as u8);
        hasher
    }
}

impl core::fmt::Debug for Keys {
    /// Without the secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl ServerKey {
    /// From the hash that an INVITE shares with its ACK and CANCEL, and the one of other requests.
    fn new(invite: SipHasher13, method: &[u8], other: SipHasher13) -> Self {
        let invite = finish(invite, b"INVITE");
        let own = match method {
            b"INVITE" | b"ACK" => invite,
            _ => finish(other, method),
        };
        Self { own, invite }
    }
}

fn finish(mut hasher: SipHasher13, method: &[u8]) -> u128 {
    write_field(&mut hasher, method);
    hasher.finish128().into()
}

/// The length keeps neighbouring fields apart.
fn write_field(hasher: &mut SipHasher13, field: &[u8]) {
    hasher.write_usize(field.len());
    hasher.write(field);
}

/// Host names are equal whatever their case (RFC 3261 §19.1.4).
fn write_folded(hasher: &mut SipHasher13, host: &[u8]) {
    hasher.write_usize(host.len());
    for byte in host {
        hasher.write_u8(byte.to_ascii_lowercase());
    }
}

fn tag_of<'a>(request: &sip::Message<'a>, name: sip::Name) -> &'a [u8] {
    request
        .header(name)
        .and_then(|header| NameAddr::parse(header.value).ok())
        .and_then(|address| address.tag())
        .unwrap_or_default()
}

/// The port that a sent-by without one means (RFC 3261 §18.2.2, RFC 7118 §5.3).
const fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Udp | Transport::Tcp => 5060,
        Transport::Tls => 5061,
        Transport::Ws => 80,
        Transport::Wss => 443,
    }
}

#[cfg(test)]
mod tests;
