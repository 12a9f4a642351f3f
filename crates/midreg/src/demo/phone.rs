//! `Phone`: one phone of the demo, without its socket: how it registers, and how it judges answers.

use std::net::SocketAddr;

use sip::digest::{self, Algorithm, Protection};
use sip::header::auth::Challenge;
use sip::header::contact::ContactAddr;
use sip::header::via::Via;
use sip::{Message, Name, Request, Uri};

/// The domain of all users.
pub(super) const DOMAIN: &str = "demo.midreg";

/// How the branches of all phones begin; what follows is the phone's number.
pub(super) const BRANCH: &str = "z9hG4bK-";

/// A phone.
#[derive(Debug)]
pub(super) struct Phone {
    number: usize,
    /// Number of its user.
    user: usize,
    /// How often it was started again.
    boots: u32,
    local: SocketAddr,
    target: SocketAddr,
    /// Lifetime it asks for, in seconds.
    expires: u64,
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

/// The number of the phone that a message is for: an answer says it in the branch of its request, a
/// request in the phone's own Contact.
pub(super) fn number_of(message: &Message<'_>) -> Option<usize> {
    let digits = match message.request() {
        Some(line) => Uri::parse(line.uri).ok()?.user?.strip_prefix(b"phone")?,
        None => {
            let via = Via::parse(message.values(Name::Via).next()?).ok()?;
            let rest = via.branch()?.strip_prefix(BRANCH.as_bytes())?;
            rest.split(|byte| *byte == b'-').next()?
        }
    };
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The user part of a user's AoR.
pub(super) fn user_name(user: usize) -> String {
    format!("user{user}")
}

impl Phone {
    /// A phone that has sent nothing yet, and will ask for lifetimes of so many seconds.
    pub(super) fn new(
        (number, user): (usize, usize),
        local: SocketAddr,
        target: SocketAddr,
        expires: u64,
    ) -> Self {
        Self {
            number,
            user,
            boots: 0,
            local,
            target,
            expires,
            cseq: 0,
            nonce: None,
        }
    }

    /// Starts anew, at another address: what it knew is gone, but what it is.
    pub(super) fn reboot(&mut self, local: SocketAddr) {
        *self = Self {
            boots: self.boots + 1,
            ..Self::new((self.number, self.user), local, self.target, self.expires)
        };
    }

    /// Writes the next REGISTER, with credentials if it was ever challenged.
    pub(super) fn write_request(&mut self, out: &mut Vec<u8>) {
        self.cseq += 1;
        let (user, local, cseq) = (self.user(), self.local, self.cseq);
        let (number, boots) = (self.number, self.boots);
        let uri = format!("sip:{DOMAIN}");
        let mut request = Request::new(out, "REGISTER", &uri);
        let branch = format!("{BRANCH}{number}-r{boots}-{cseq}");
        request.header("Via", format!("SIP/2.0/UDP {local};rport;branch={branch}"));
        request.header("Max-Forwards", "70");
        request.header("Route", format!("<sip:{};lr>", self.target));
        request.header(
            "From",
            format!("<sip:{user}@{DOMAIN}>;tag=t{number}-{boots}"),
        );
        request.header("To", format!("<sip:{user}@{DOMAIN}>"));
        request.header("Call-ID", self.call_id());
        request.header("CSeq", format!("{cseq} REGISTER"));
        request.header("Contact", self.contact());
        request.header_number("Expires", self.expires);
        if let Some(credentials) = self.credentials(&uri) {
            request.header("Authorization", credentials);
        }
        request.header("User-Agent", "midreg demo");
        request.finish(b"");
    }

    /// Whether a response answers the latest request.
    pub(super) fn awaits(&self, response: &Message<'_>) -> bool {
        let says = |name, expected: &str| {
            let header = response.header(name);
            header.is_some_and(|header| header.value == expected.as_bytes())
        };
        says(Name::CSeq, &format!("{} REGISTER", self.cseq)) && says(Name::CallId, &self.call_id())
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
        user_name(self.user)
    }

    /// Tells the phones apart that share a socket.
    pub(super) fn contact_uri(&self) -> String {
        format!("sip:phone{}@{}", self.number, self.local)
    }

    fn call_id(&self) -> String {
        format!("demo-{}-{}", self.number, self.boots)
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
        Phone::new((5, 2), local, local, 60)
    }

    fn response(headers: &str) -> Vec<u8> {
        let via = "Via: SIP/2.0/UDP 127.0.0.1:7;branch=z9hG4bK-5-r0-1";
        format!("SIP/2.0 200 OK\r\n{via}\r\nCall-ID: demo-5-0\r\nCSeq: 1 REGISTER\r\n{headers}\r\n")
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
        phone.reboot(SocketAddr::from(([127, 0, 0, 1], 8)));
        phone.write_request(&mut Vec::new());
        assert!(!phone.awaits(&message), "it was for the phone before");
    }

    #[test]
    fn requests_find_their_phone_by_its_contact() {
        let uri = phone().contact_uri();
        let text = format!("OPTIONS {uri} SIP/2.0\r\nCall-ID: x\r\n\r\n");
        let message = Message::parse(text.as_bytes()).expect("a request");
        assert_eq!(number_of(&message), Some(5));
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
