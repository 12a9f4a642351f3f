//! `Removal`: a REGISTER of our own, by which a lease is given back (R9).

use crate::hop::Hop;
use crate::ids::BindingId;
use crate::naming::domain_start;
use crate::registrar::address::Address;
use crate::registrar::outgoing::LeaseVoice;

/// What it says.
#[derive(Debug)]
pub(crate) struct Removal<'a> {
    /// The way it goes.
    pub(crate) hop: &'a Hop<'a>,
    /// `host[:port]` of our Contact there, as it was told.
    pub(crate) contact: &'a str,
    /// What stands for the devices there.
    pub(crate) address: Address<'a>,
    /// The AoR as the main registrar names it (R19).
    pub(crate) aor: &'a [u8],
    /// Call-ID, From-tag and CSeq of the lease.
    pub(crate) voice: LeaseVoice,
    /// The devices to go, by their addresses, and what they call themselves.
    pub(crate) devices: &'a [(BindingId, &'a [u8])],
    /// Authorization header line, where the main registrar has asked for one.
    pub(crate) credentials: &'a [u8],
}

impl Removal<'_> {
    /// Appends the Request-URI, which a digest covers as well.
    pub(crate) fn write_target(aor: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"sip:");
        out.extend_from_slice(aor.get(domain_start(aor)..).unwrap_or_default());
    }

    /// Appends the request.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let line = |out: &mut Vec<u8>, parts: &[&[u8]]| {
            parts.iter().for_each(|part| out.extend_from_slice(part));
        };
        line(out, &[b"REGISTER "]);
        Self::write_target(self.aor, out);
        line(out, &[b" SIP/2.0\r\n"]);
        self.hop.write_via(out);
        let (aor, tag) = (self.aor, &self.voice.tag);
        line(
            out,
            &[b"Max-Forwards: 70\r\nFrom: <sip:", aor, b">;tag=", tag],
        );
        let call_id = &self.voice.call_id;
        line(
            out,
            &[
                b"\r\nTo: <sip:",
                aor,
                b">\r\nCall-ID: ",
                call_id,
                b"\r\nCSeq: ",
            ],
        );
        sip::number::push_decimal(out, self.voice.cseq.into());
        line(out, &[b" REGISTER\r\n", self.credentials]);
        self.write_contacts(out);
        line(out, &[b"Expires: 0\r\nContent-Length: 0\r\n\r\n"]);
    }

    fn write_contacts(&self, out: &mut Vec<u8>) {
        // All devices of an AoR have one Contact there in `aor`.
        let count = match self.address.terms.is_shared() {
            true => 1,
            false => self.devices.len(),
        };
        for device in self.devices.iter().take(count) {
            out.extend_from_slice(b"Contact: ");
            self.address.write(self.contact, *device, out);
            out.extend_from_slice(b";expires=0\r\n");
        }
    }
}
