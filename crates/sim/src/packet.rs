//! `Packet`: a message on its way, and the few questions that tests ask about it.

use core::net::SocketAddr;

use sip::header::contact::Contact;
use sip::{Message, Name};

/// A message with its two ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who sent it.
    pub from: SocketAddr,
    /// Who is to have it.
    pub to: SocketAddr,
    /// The message.
    pub bytes: Vec<u8>,
}

/// A contact as a 2xx lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its URI.
    pub uri: String,
    /// What its `expires` parameter says.
    pub expires: Option<u32>,
    /// The whole value.
    pub value: String,
}

impl Packet {
    /// The parsed message.
    ///
    /// # Panics
    /// When it cannot be parsed: the models and the engine send nothing of the kind.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        match Message::parse(&self.bytes) {
            Ok(message) => message,
            Err(error) => panic!("{error}: {}", self.text()),
        }
    }

    /// The message as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The status of a response; 0 of a request.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.message().status().unwrap_or(0)
    }

    /// Whether it is a final response.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.status() >= 200
    }

    /// The value of the first header field of that name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    /// The values of all header fields of that name, one for each field.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<String> {
        let message = self.message();
        let wanted = Name::from_bytes(name.as_bytes());
        message
            .headers()
            .filter(|header| match wanted {
                Name::Other => header.name_text.eq_ignore_ascii_case(name.as_bytes()),
                known => header.name == known,
            })
            .map(|header| String::from_utf8_lossy(header.value).into_owned())
            .collect()
    }

    /// The value of the first header field of that name as a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        self.value(name)?.trim().parse().ok()
    }

    /// The number in CSeq.
    #[must_use]
    pub fn cseq(&self) -> u32 {
        let value = self.value("CSeq").unwrap_or_default();
        let digits = value.split(' ').next().unwrap_or_default();
        digits.parse().unwrap_or(0)
    }

    /// The branch of the topmost Via.
    #[must_use]
    pub fn branch(&self) -> String {
        let via = self.value("Via").unwrap_or_default();
        let branch = via.split(";branch=").nth(1).unwrap_or_default();
        branch
            .split([';', ','])
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// The tag of From or To.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<String> {
        let value = self.value(name)?;
        let tag = value.split(";tag=").nth(1)?;
        Some(tag.split(';').next().unwrap_or_default().to_owned())
    }

    /// The contacts it lists.
    #[must_use]
    pub fn contacts(&self) -> Vec<Listed> {
        let message = self.message();
        message
            .values(Name::Contact)
            .filter_map(|value| match Contact::parse(value) {
                Ok(Contact::Addr(contact)) => Some(Listed {
                    uri: String::from_utf8_lossy(contact.addr.uri).into_owned(),
                    expires: contact.expires.map(|delta| delta.0),
                    value: String::from_utf8_lossy(value).into_owned(),
                }),
                _ => None,
            })
            .collect()
    }

    /// What it promises to the contact with this URI.
    #[must_use]
    pub fn promised(&self, uri: &str) -> Option<u32> {
        let contacts = self.contacts();
        contacts
            .iter()
            .find(|listed| listed.uri == uri)
            .and_then(|listed| listed.expires)
    }

    /// One line about it.
    #[must_use]
    pub fn summary(&self) -> String {
        let text = self.text();
        let first = text.lines().next().unwrap_or_default();
        let first = first.trim_end_matches(" SIP/2.0");
        let first = first.trim_start_matches("SIP/2.0 ");
        let contacts: Vec<String> = match Message::parse(&self.bytes) {
            Ok(_) => self.all("Contact"),
            Err(_) => return format!("{first} (unparsable)"),
        };
        format!(
            "{first}  [{} {}] {}{}",
            self.value("Call-ID").unwrap_or_default(),
            self.value("CSeq").unwrap_or_default(),
            contacts.join(", "),
            match self.value("Expires") {
                Some(expires) => format!(" Expires {expires}"),
                None => String::new(),
            }
        )
    }
}
