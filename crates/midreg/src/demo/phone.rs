//! `Phone`: one phone of the demo, without its socket: what it sends, and how it judges answers.

use std::net::SocketAddr;

use sip::digest::{self, Algorithm, Protection};
use sip::header::auth::Challenge;
use sip::header::contact::ContactAddr;
use sip::{Message, Name, Request};

/// Lifetime that a phone asks for, in seconds.
const EXPIRES: u64 = 60;

const DOMAIN: &str = "demo.midreg";

/// A phone.
#[derive(Debug)]
pub(super) struct Phone {
    number: usize,
    /// Number of its user.
    user: usize,
    local: SocketAddr,
    target: SocketAddr,
    cseq: u32,
    nonce: Option<Nonce>,
}

#[derive(Debug)]
struct Nonce {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    /// How often it was used.
    count: u32,
}

/// The password of a user.
pub(super) fn password(user: &[u8]) -> String {
    format!("secret of {}", String::from_utf8_lossy(user))
}

/// The number of the phone that a message belongs to.
pub(super) fn number_of(message: &Message<'_>) -> Option<usize> {
    let call_id = std::str::from_utf8(message.header(Name::CallId)?.value).ok()?;
    call_id.strip_prefix("demo-")?.parse().ok()
}

impl Phone {
    /// A phone that has sent nothing yet.
    pub(super) fn new(number: usize, user: usize, local: SocketAddr, target: SocketAddr) -> Self {
        Self {
            number,
            user,
            local,
            target,
            cseq: 0,
            nonce: None,
        }
    }

    /// Writes the next REGISTER, with credentials if it was ever challenged.
    pub(super) fn write_request(&mut self, out: &mut Vec<u8>) {
        self.cseq += 1;
        let (user, local, cseq) = (self.user(), self.local, self.cseq);
        let number = self.number;
        let uri = format!("sip:{DOMAIN}");
        let mut request = Request::new(out, "REGISTER", &uri);
        let branch = format!("z9hG4bK-demo-{number}-{cseq}");
        request.header("Via", format!("SIP/2.0/UDP {local};rport;branch={branch}"));
        request.header("Max-Forwards", "70");
        request.header("Route", format!("<sip:{};lr>", self.target));
        request.header("From", format!("<sip:{user}@{DOMAIN}>;tag=t{number}"));
        request.header("To", format!("<sip:{user}@{DOMAIN}>"));
        request.header("Call-ID", format!("demo-{number}"));
        request.header("CSeq", format!("{cseq} REGISTER"));
        request.header("Contact", self.contact());
        request.header_number("Expires", EXPIRES);
        if let Some(credentials) = self.credentials(&uri) {
            request.header("Authorization", credentials);
        }
        request.header("User-Agent", "midreg demo");
        request.finish(b"");
    }

    /// Whether a response answers the latest request.
    pub(super) fn awaits(&self, response: &Message<'_>) -> bool {
        let expected = format!("{} REGISTER", self.cseq);
        response
            .header(Name::CSeq)
            .is_some_and(|header| header.value == expected.as_bytes())
    }

    /// Remembers what to answer a 401 with; an error when it cannot be answered, or is the answer
    /// to credentials that were right.
    pub(super) fn take_challenge(&mut self, response: &Message<'_>) -> Result<(), String> {
        let header = response
            .header(Name::WwwAuthenticate)
            .ok_or("a 401 without a challenge")?;
        let challenge = Challenge::parse(header.value).map_err(|_| "an unreadable challenge")?;
        let (Some(realm), Some(nonce)) = (challenge.realm, challenge.nonce) else {
            return Err("a challenge without realm or nonce".to_owned());
        };
        if self
            .nonce
            .as_ref()
            .is_some_and(|known| known.nonce == nonce)
        {
            return Err("the right password was refused".to_owned());
        }
        self.nonce = Some(Nonce {
            realm: realm.to_vec(),
            nonce: nonce.to_vec(),
            count: 0,
        });
        Ok(())
    }

    /// The lifetime granted to this phone's own contact by a 200.
    pub(super) fn check(&self, response: &Message<'_>) -> Result<u32, String> {
        let own = self.contact_uri();
        let contacts = response
            .values(Name::Contact)
            .filter_map(|c| ContactAddr::parse(c).ok());
        let mut others = 0;
        for contact in contacts {
            if contact.addr.uri != own.as_bytes() {
                others += 1;
                continue;
            }
            return match contact.expires {
                Some(expires) if expires.0 > 0 => Ok(expires.0),
                _ => Err(format!("200 to {} without a lifetime", self.user())),
            };
        }
        Err(format!(
            "200 to {} without its contact, but with {others} others",
            self.user()
        ))
    }

    /// The user part of its AoR.
    pub(super) fn user(&self) -> String {
        format!("user{}", self.user)
    }

    /// Tells the phones of a user apart that share a socket.
    fn contact_uri(&self) -> String {
        format!("sip:phone{}@{}", self.number, self.local)
    }

    fn contact(&self) -> String {
        let number = self.number;
        let uri = self.contact_uri();
        format!(r#"<{uri}>;+sip.instance="<urn:uuid:00000000-0000-4000-8000-{number:012x}>""#)
    }

    fn credentials(&mut self, uri: &str) -> Option<String> {
        let user = self.user();
        let Nonce {
            realm,
            nonce,
            count,
        } = self.nonce.as_mut()?;
        *count += 1;
        let nc = format!("{count:08x}");
        let protection = Protection {
            nc: nc.as_bytes(),
            cnonce: b"demo",
            qop: b"auth",
        };
        let password = password(user.as_bytes());
        let ha1 = digest::ha1(Algorithm::Md5, user.as_bytes(), realm, password.as_bytes());
        let response = digest::response(
            Algorithm::Md5,
            ha1.as_bytes(),
            nonce,
            Some(protection),
            b"REGISTER",
            uri.as_bytes(),
        );
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(format!(
            "Digest username=\"{user}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", \
             response=\"{}\", algorithm=MD5, cnonce=\"demo\", qop=auth, nc={nc}",
            text(realm),
            text(nonce),
            text(response.as_bytes())
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Phone {
        let local = SocketAddr::from(([127, 0, 0, 1], 7));
        Phone::new(5, 2, local, local)
    }

    fn response(headers: &str) -> Vec<u8> {
        format!("SIP/2.0 200 OK\r\nCall-ID: demo-5\r\nCSeq: 1 REGISTER\r\n{headers}\r\n")
            .into_bytes()
    }

    fn verdict(headers: &str) -> Result<u32, String> {
        let bytes = response(headers);
        phone().check(&Message::parse(&bytes).expect("a response"))
    }

    #[test]
    fn an_answer_must_list_the_own_contact_with_a_lifetime() {
        let own = "Contact: <sip:x@h>;expires=9, <sip:phone5@127.0.0.1:7>";
        assert_eq!(verdict(&format!("{own};expires=55\r\n")), Ok(55));
        assert!(verdict(&format!("{own};expires=0\r\n")).is_err());
        assert!(verdict(&format!("{own}\r\n")).is_err());
        assert!(verdict("Contact: <sip:x@h>;expires=9\r\n").is_err());
        assert!(verdict("").is_err());
    }

    #[test]
    fn answers_find_their_phone_and_request() {
        let bytes = response("");
        let message = Message::parse(&bytes).expect("a response");
        assert_eq!(number_of(&message), Some(5));
        let mut phone = phone();
        assert!(!phone.awaits(&message));
        phone.write_request(&mut Vec::new());
        assert!(phone.awaits(&message));
    }

    #[test]
    fn the_same_challenge_twice_means_that_the_password_is_not_accepted() {
        let bytes = response("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n");
        let message = Message::parse(&bytes).expect("a response");
        let mut phone = phone();
        assert_eq!(phone.take_challenge(&message), Ok(()));
        assert!(phone.take_challenge(&message).is_err());
    }
}
