//! `Stranger`: somebody who is nobody's device and means harm. He knows the AoRs, and tokens and
//! messages that he should not know.

use core::net::SocketAddr;

use crate::call::Letter;
use crate::call::letter::Start;
use crate::packet::Packet;
use crate::policy::{DOMAIN, US, address};
use crate::rng::Rng;

/// Messages that he remembers.
const MEMORY: usize = 8;

/// Somebody who means harm.
#[derive(Debug)]
pub(super) struct Stranger {
    at: SocketAddr,
    count: u32,
    overheard: Vec<Letter>,
}

impl Stranger {
    pub(super) fn new() -> Self {
        Self {
            at: address("198.51.100.250:5060"),
            count: 0,
            overheard: Vec::new(),
        }
    }

    /// He has heard what somebody was sent.
    pub(super) fn overhear(&mut self, packet: &Packet) {
        if let Some(letter) = Letter::read(&packet.bytes).filter(|l| l.uri().is_some()) {
            if self.overheard.len() == MEMORY {
                self.overheard.remove(0);
            }
            self.overheard.push(letter);
        }
    }

    /// Something harmful, about this AoR, whose contact of ours may be known to him.
    pub(super) fn harm(
        &mut self,
        rng: &mut Rng,
        aor: &str,
        contact: Option<&str>,
    ) -> Vec<(SocketAddr, Vec<u8>)> {
        let uri = format!("sip:{}@{US}", aor.replacen('@', "%40", 1));
        let token = contact.unwrap_or(&uri).to_owned();
        let letter = match rng.below(9) {
            0 | 1 => Some(self.request("INVITE", &token, aor)),
            2 => Some(self.request("MESSAGE", &uri, aor)),
            3 => Some(self.request("INVITE", &format!("sip:{aor}"), aor)),
            4 => Some(self.request("CANCEL", &token, aor)),
            5 => Some(self.routed(rng, aor)),
            6 => self.answer(rng),
            7 => self.hang_up(rng),
            _ => self.cancel(),
        };
        let sent = letter.map(|letter| (self.at, letter.write()));
        sent.into_iter().collect()
    }

    fn request(&mut self, method: &str, uri: &str, aor: &str) -> Letter {
        self.count += 1;
        let call_id = format!("harm-{}", self.count);
        let mut request = Letter::request(method, uri, &call_id);
        // He says that he is the user himself.
        request.from = format!("<sip:{aor}>;tag=h{}", self.count);
        request.to = format!("<sip:someone@{DOMAIN}>");
        request.vias.push(self.via());
        request.lines.push(format!("Contact: <sip:{}>", self.at));
        request
    }

    /// A request with a route that midreg never gave anybody.
    fn routed(&mut self, rng: &mut Rng, aor: &str) -> Letter {
        let mut request = self.request("INVITE", &format!("sip:{aor}"), aor);
        let letters: Vec<char> = "abcdefghijklmnopqrstuvwxyz234567".chars().collect();
        let forged: String = (0..26).map(|_| letters[rng.index(letters.len())]).collect();
        request.routes.push(format!("<sip:{forged}@{US};lr>"));
        if rng.chance(50) {
            request.to.push_str(";tag=forged");
            "BYE".clone_into(&mut request.method);
        }
        request
    }

    /// An answer to a request of midreg's that went to somebody else.
    fn answer(&self, rng: &mut Rng) -> Option<Letter> {
        let request = self.overheard.last()?;
        let status = [180, 200, 486, 603][rng.index(4)];
        let mut answer = request.response(status, "forged");
        answer.lines.push(format!("Contact: <sip:{}>", self.at));
        Some(answer)
    }

    /// The end of a dialog that he is not in.
    fn hang_up(&mut self, rng: &mut Rng) -> Option<Letter> {
        let at = rng.index(self.overheard.len());
        let mut letter = self.overheard.get(at)?.clone();
        letter.vias = vec![self.via()];
        "BYE".clone_into(&mut letter.method);
        letter.to.push_str(";tag=guessed");
        letter.cseq += 7;
        Some(letter)
    }

    /// CANCEL for a request of somebody else.
    fn cancel(&self) -> Option<Letter> {
        let letter = self.overheard.last()?;
        let mut cancel = letter.clone();
        cancel.vias.drain(..1);
        cancel.vias.truncate(1);
        cancel.start = Start::Request(letter.uri()?.to_owned());
        "CANCEL".clone_into(&mut cancel.method);
        (!cancel.vias.is_empty()).then_some(cancel)
    }

    fn via(&mut self) -> String {
        self.count += 1;
        let (at, count) = (self.at, self.count);
        format!("SIP/2.0/UDP {at};rport;branch=z9hG4bKharm{count}")
    }
}
