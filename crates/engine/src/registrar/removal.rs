//! `Removal`: a REGISTER of our own, by which a lease is given back (R9).

use crate::hop::Hop;
use crate::registrar::outgoing::{LeaseVoice, write_uri};
use crate::token::TOKEN_LENGTH;

/// What it says.
#[derive(Debug)]
pub(crate) struct Removal<'a> {
    /// The way it goes.
    pub(crate) hop: &'a Hop<'a>,
    /// The AoR, canonical.
    pub(crate) aor: &'a [u8],
    /// Call-ID, From-tag and CSeq of the lease.
    pub(crate) voice: LeaseVoice,
    /// Tokens of the contacts to go.
    pub(crate) tokens: &'a [[u8; TOKEN_LENGTH]],
}

impl Removal<'_> {
    /// Appends the request.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let aor = self.aor;
        let host = aor.rsplit(|byte| *byte == b'@').next().unwrap_or(aor);
        let line = |out: &mut Vec<u8>, parts: &[&[u8]]| {
            parts.iter().for_each(|part| out.extend_from_slice(part));
        };
        line(out, &[b"REGISTER sip:", host, b" SIP/2.0\r\n"]);
        self.hop.write_via(out);
        line(
            out,
            &[
                b"Max-Forwards: 70\r\nFrom: <sip:",
                aor,
                b">;tag=",
                &self.voice.tag,
            ],
        );
        line(
            out,
            &[
                b"\r\nTo: <sip:",
                aor,
                b">\r\nCall-ID: ",
                &self.voice.call_id,
            ],
        );
        line(out, &[b"\r\nCSeq: "]);
        sip::number::push_decimal(out, self.voice.cseq.into());
        line(out, &[b" REGISTER\r\n"]);
        for token in self.tokens {
            line(out, &[b"Contact: "]);
            write_uri(self.hop, aor, token, out);
            line(out, &[b";expires=0\r\n"]);
        }
        line(out, &[b"Expires: 0\r\nContent-Length: 0\r\n\r\n"]);
    }
}
