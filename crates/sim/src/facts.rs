//! `Facts`: what the watch wants to know of a message, read once.

use sip::header::auth::Credentials;
use sip::header::contact::Contact;
use sip::{Message, Method, Name};

use crate::packet::{Listed, Packet};

/// The header by which the model phones mark their requests. It is none of midreg's, so it goes
/// upstream as it is (R6), and tells whose words arrive there.
pub const LEG: &str = "X-Leg";

/// What a message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Status of a response; 0 of a request.
    pub status: u16,
    /// Whether it belongs to a REGISTER.
    pub register: bool,
    /// Whether it belongs to an INVITE, the ACK included.
    pub invite: bool,
    /// Whether it belongs to a CANCEL.
    pub cancel: bool,
    /// Branch of the topmost Via.
    pub branch: String,
    /// Vias.
    pub vias: usize,
    /// Call-ID.
    pub call_id: String,
    /// CSeq number.
    pub cseq: u32,
    /// The AoR in To, `user@host`.
    pub aor: String,
    /// Contacts, in order.
    pub contacts: Vec<Listed>,
    /// Whether it says `Contact: *`.
    pub star: bool,
    /// `Expires`.
    pub expires: Option<u32>,
    /// The Authorization that it brings.
    pub authorization: Option<Vec<u8>>,
    /// Which request of a model phone this is, or is made from.
    pub leg: Option<String>,
    /// Paths, one for each value.
    pub paths: Vec<String>,
}

impl Facts {
    /// Reads a message; `None` when it is no SIP.
    #[must_use]
    pub fn of(packet: &Packet) -> Option<Self> {
        let message = Message::parse(&packet.bytes).ok()?;
        let mut facts = Self {
            status: message.status().unwrap_or(0),
            register: message
                .request()
                .is_some_and(|line| line.method == Method::Register),
            ..Self::default()
        };
        for header in message.headers() {
            let value = header.value;
            match header.name {
                Name::CallId => facts.call_id = text(value),
                Name::CSeq => facts.read_cseq(&text(value)),
                Name::To => facts.aor = aor(&text(value)).unwrap_or_default(),
                Name::Expires => facts.expires = text(value).trim().parse().ok(),
                Name::Authorization => facts.authorization = Some(value.to_vec()),
                Name::Other if header.name_text.eq_ignore_ascii_case(LEG.as_bytes()) => {
                    facts.leg = Some(text(value));
                }
                _ => {}
            }
        }
        facts.vias = message.values(Name::Via).count();
        facts.branch = message
            .values(Name::Via)
            .next()
            .map(|via| branch(&text(via)))
            .unwrap_or_default();
        facts.paths = message.values(Name::Path).map(text).collect();
        facts.read_contacts(&message);
        Some(facts)
    }

    /// Whether it is a response that ends a transaction.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        self.status >= 200
    }

    /// What it asks for a contact: its own lifetime, else that of the message.
    #[must_use]
    pub fn asks(&self, listed: &Listed) -> Option<u32> {
        listed.expires.or(self.expires)
    }

    /// Whether it asks for a contact that lives.
    #[must_use]
    pub fn wants_something(&self) -> bool {
        self.contacts
            .iter()
            .any(|listed| self.asks(listed) != Some(0))
    }

    /// Whether it only takes contacts back.
    #[must_use]
    pub fn only_removes(&self) -> bool {
        let contacts = &self.contacts;
        self.star || (!contacts.is_empty() && !self.wants_something())
    }

    /// What it says of the contact with this URI.
    #[must_use]
    pub fn listed(&self, uri: &str) -> Option<&Listed> {
        self.contacts.iter().find(|listed| listed.uri == uri)
    }

    /// The nonce that its credentials answer.
    #[must_use]
    pub fn nonce(&self) -> Option<String> {
        let credentials = Credentials::parse(self.authorization.as_deref()?).ok()?;
        credentials.nonce.map(text)
    }

    fn read_cseq(&mut self, value: &str) {
        let mut words = value.split_whitespace();
        self.cseq = words
            .next()
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0);
        let method = words.next();
        self.register |= method == Some("REGISTER");
        self.invite = matches!(method, Some("INVITE" | "ACK"));
        self.cancel = method == Some("CANCEL");
    }

    fn read_contacts(&mut self, message: &Message<'_>) {
        for value in message.values(Name::Contact) {
            match Contact::parse(value) {
                Ok(Contact::Addr(contact)) => self.contacts.push(Listed {
                    uri: text(contact.addr.uri),
                    expires: contact.expires.map(|delta| delta.0),
                    value: text(value),
                }),
                Ok(Contact::Star) => self.star = true,
                Err(_) => {}
            }
        }
    }
}

fn aor(to: &str) -> Option<String> {
    let uri = to.split('<').nth(1)?.split('>').next()?;
    let bare = uri.strip_prefix("sip:")?.split(';').next()?;
    Some(bare.to_owned())
}

fn branch(via: &str) -> String {
    let branch = via.split(";branch=").nth(1).unwrap_or_default();
    branch
        .split([';', ','])
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::Phone;

    #[test]
    fn a_phones_request_is_read_as_it_was_meant() {
        let mut phone = Phone::new("alice", "198.51.100.1:5060");
        let bytes = phone.unregister();
        let end = phone.address;
        let packet = Packet {
            from: end,
            to: end,
            bytes,
        };
        let facts = Facts::of(&packet).unwrap();
        assert!(facts.register && facts.only_removes() && !facts.wants_something());
        assert_eq!((facts.aor.as_str(), facts.cseq), ("alice@example.org", 1));
        assert_eq!(facts.branch, packet.branch());
        assert_eq!(facts.leg.as_deref(), Some(facts.branch.as_str()));
        assert_eq!(facts.listed(phone.contact()).unwrap().expires, Some(0));
    }
}
