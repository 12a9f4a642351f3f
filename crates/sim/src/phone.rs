//! `Phone`: a model phone. It writes the messages that a phone would send; whether, when and how
//! often they are sent is the test's affair.

use core::net::SocketAddr;

use crate::digest::{self, Secret};
use crate::facts::LEG;
use crate::main_registrar::PASSWORD;
use crate::packet::Packet;
use crate::policy::{DOMAIN, address};

/// A model phone.
#[derive(Clone, Debug)]
pub struct Phone {
    /// User part of its AoR, and its user name.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Where its packets come from, as seen from outside.
    pub address: SocketAddr,
    /// Where it believes to be; another place than `address` behind a NAT.
    pub local: SocketAddr,
    /// Transport token of its Via.
    pub transport: &'static str,
    /// Its Contact URIs; more than one for a phone that registers several.
    pub contacts: Vec<String>,
    /// Contact header parameters, each with its leading `;`.
    pub contact_params: String,
    /// Lifetime it asks for in `Expires`; none leaves the header out.
    pub expires: Option<u32>,
    /// More header lines, without line ends.
    pub headers: Vec<String>,
    /// Call-ID.
    pub call_id: String,
    /// From-tag.
    pub from_tag: String,
    /// CSeq of the last request.
    pub cseq: u32,
    boots: u32,
    branches: u32,
    wish: Wish,
    credentials: Option<String>,
    nonce_uses: u32,
    last: Vec<u8>,
}

/// What a request is about; its second leg repeats it.
#[derive(Clone, Debug, Default)]
struct Wish {
    contact_lines: Vec<String>,
    expires: Option<u32>,
}

impl Phone {
    /// A phone of this user at a public address.
    ///
    /// # Panics
    /// When the address is none.
    #[must_use]
    pub fn new(user: &str, at: &str) -> Self {
        let at = address(at);
        let mut phone = Self {
            user: user.to_owned(),
            password: PASSWORD.to_owned(),
            address: at,
            local: at,
            transport: "UDP",
            contacts: vec![format!("sip:{user}@{at}")],
            contact_params: String::new(),
            expires: Some(300),
            headers: Vec::new(),
            call_id: String::new(),
            from_tag: String::new(),
            cseq: 0,
            boots: 0,
            branches: 0,
            wish: Wish::default(),
            credentials: None,
            nonce_uses: 0,
            last: Vec::new(),
        };
        phone.reboot();
        phone
    }

    /// The same behind a NAT: it believes to be at `local` and says so.
    ///
    /// # Panics
    /// When the address is none.
    #[must_use]
    pub fn behind_nat(mut self, local: &str) -> Self {
        self.local = address(local);
        self.contacts = vec![format!("sip:{}@{local}", self.user)];
        self.reboot();
        self
    }

    /// The same with `+sip.instance` (RFC 5626 §4.1).
    #[must_use]
    pub fn with_instance(mut self, urn: &str) -> Self {
        self.contact_params
            .push_str(&format!(";+sip.instance=\"<{urn}>\""));
        self
    }

    /// The same with these contacts.
    #[must_use]
    pub fn with_contacts(mut self, contacts: &[&str]) -> Self {
        self.contacts = contacts.iter().map(|uri| (*uri).to_owned()).collect();
        self
    }

    /// The same with another lifetime; `None` asks for none.
    #[must_use]
    pub const fn asking(mut self, expires: Option<u32>) -> Self {
        self.expires = expires;
        self
    }

    /// The same with one more header line.
    #[must_use]
    pub fn with_header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    /// Its AoR, `user@domain`.
    #[must_use]
    pub fn aor(&self) -> String {
        format!("{}@{DOMAIN}", self.user)
    }

    /// Its first Contact URI.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn contact(&self) -> &str {
        match self.contacts.first() {
            Some(uri) => uri,
            None => panic!("a phone without a contact"),
        }
    }

    /// It restarts: new Call-ID and From-tag, CSeq from the beginning.
    pub fn reboot(&mut self) {
        self.boots += 1;
        self.call_id = format!("{}-{}-{}", self.user, self.local, self.boots);
        // Phones behind different NATs may believe to be at the same address.
        self.call_id = format!("{}@{}", self.call_id.replace([':', '[', ']'], "."), {
            self.address.to_string().replace([':', '[', ']'], ".")
        });
        self.from_tag = format!("tag{}", self.boots);
        self.cseq = 0;
        self.credentials = None;
    }

    /// It comes from another address from now on, but goes on believing what it did.
    ///
    /// # Panics
    /// When the address is none.
    pub fn rebind(&mut self, at: &str) {
        self.address = address(at);
    }

    /// It moves: another address and Contact, the same Call-ID.
    ///
    /// # Panics
    /// When the address is none.
    pub fn move_to(&mut self, at: &str) {
        self.address = address(at);
        self.local = self.address;
        self.contacts = vec![format!("sip:{}@{at}", self.user)];
    }

    /// A registration, or its refresh.
    pub fn register(&mut self) -> Vec<u8> {
        let (lines, expires) = (self.contact_lines(""), self.expires);
        self.begin(lines, expires)
    }

    /// A registration of some of its contacts: those of these indexes.
    pub fn register_some(&mut self, which: &[usize]) -> Vec<u8> {
        let all = self.contact_lines("");
        let lines = which.iter().filter_map(|at| all.get(*at).cloned());
        self.begin(lines.collect(), self.expires)
    }

    /// A registration whose Contact asks for `expires` itself.
    pub fn register_for(&mut self, expires: u32) -> Vec<u8> {
        let lines = self.contact_lines(&format!(";expires={expires}"));
        self.begin(lines, None)
    }

    /// The end of its registration.
    pub fn unregister(&mut self) -> Vec<u8> {
        let lines = self.contact_lines(";expires=0");
        self.begin(lines, None)
    }

    /// The end of some of its registrations, by index.
    pub fn unregister_some(&mut self, which: &[usize]) -> Vec<u8> {
        let all = self.contact_lines(";expires=0");
        let lines = which.iter().filter_map(|at| all.get(*at).cloned());
        self.begin(lines.collect(), None)
    }

    /// The end of all registrations of its AoR.
    pub fn unregister_all(&mut self) -> Vec<u8> {
        self.begin(vec!["*".to_owned()], Some(0))
    }

    /// A query for the registrations of its AoR.
    pub fn query(&mut self) -> Vec<u8> {
        self.begin(Vec::new(), None)
    }

    /// A REGISTER with these Contact values and this Expires.
    pub fn say(&mut self, contacts: &[&str], expires: Option<u32>) -> Vec<u8> {
        let lines = contacts.iter().map(|line| (*line).to_owned()).collect();
        self.begin(lines, expires)
    }

    /// The last request again, byte for byte.
    #[must_use]
    pub fn again(&self) -> Vec<u8> {
        self.last.clone()
    }

    /// The last request again under the same CSeq, as a new transaction: what some mobile phones do.
    pub fn retry(&mut self) -> Vec<u8> {
        self.write(None)
    }

    /// The last request again, with the credentials that a challenge asks for.
    ///
    /// # Panics
    /// When the packet is no challenge.
    pub fn answer(&mut self, challenge: &Packet) -> Vec<u8> {
        let value = ["WWW-Authenticate", "Proxy-Authenticate"]
            .into_iter()
            .find_map(|name| challenge.value(name));
        let Some(value) = value else {
            panic!("no challenge: {}", challenge.text());
        };
        self.credentials = Some(value);
        self.nonce_uses = 0;
        self.cseq += 1;
        let authorization = self.authorization();
        self.write(authorization)
    }

    /// A refresh that brings credentials without being asked, with the nonce of the last challenge.
    pub fn register_with_credentials(&mut self) -> Vec<u8> {
        self.wish = Wish {
            contact_lines: self.contact_lines(""),
            expires: self.expires,
        };
        self.cseq += 1;
        let authorization = self.authorization();
        self.write(authorization)
    }

    fn begin(&mut self, contact_lines: Vec<String>, expires: Option<u32>) -> Vec<u8> {
        self.wish = Wish {
            contact_lines,
            expires,
        };
        self.cseq += 1;
        self.write(None)
    }

    fn contact_lines(&self, more: &str) -> Vec<String> {
        let line = |uri: &String| format!("<{uri}>{}{more}", self.contact_params);
        self.contacts.iter().map(line).collect()
    }

    fn authorization(&mut self) -> Option<String> {
        let challenge = self.credentials.as_ref()?;
        self.nonce_uses += 1;
        let secret = Secret {
            user: &self.user,
            password: &self.password,
        };
        let uri = format!("sip:{DOMAIN}");
        let value = digest::credentials(challenge, secret, &uri, self.nonce_uses);
        Some(format!("Authorization: {value}"))
    }

    fn write(&mut self, authorization: Option<String>) -> Vec<u8> {
        self.branches += 1;
        let aor = self.aor();
        let branch = format!(
            "z9hG4bK{}.{}",
            self.call_id.replace('@', "-"),
            self.branches
        );
        let mut text = format!(
            "REGISTER sip:{DOMAIN} SIP/2.0\r\n\
             Via: SIP/2.0/{} {};branch={branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{aor}>;tag={}\r\n\
             To: <sip:{aor}>\r\n\
             Call-ID: {}\r\n\
             CSeq: {} REGISTER\r\n\
             {LEG}: {branch}\r\n",
            self.transport, self.local, self.from_tag, self.call_id, self.cseq,
        );
        for value in &self.wish.contact_lines {
            text.push_str(&format!("Contact: {value}\r\n"));
        }
        if let Some(expires) = self.wish.expires {
            text.push_str(&format!("Expires: {expires}\r\n"));
        }
        for line in self.headers.iter().chain(&authorization) {
            text.push_str(&format!("{line}\r\n"));
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        self.last = text.into_bytes();
        self.last.clone()
    }
}
