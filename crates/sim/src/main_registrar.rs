//! `MainRegistrar`: a model of what stands behind midreg: a registrar as RFC 3261 §10.3 has it,
//! with digest authentication, a table of contacts, and a [`Personality`].

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};

use engine::Mono;
use sip::header::contact::Contact;
use sip::header::name_addr::NameAddr;
use sip::{Message, Name, Response, Uri};

use crate::digest;
use crate::packet::Packet;
use crate::personality::{Challenges, Listing, Nonces, Personality, Temper};

/// Password of everybody who has no other.
pub const PASSWORD: &str = "secret";

/// A model main registrar.
#[derive(Debug)]
pub struct MainRegistrar {
    /// Where it is.
    pub address: SocketAddr,
    /// How it behaves.
    pub personality: Personality,
    passwords: BTreeMap<String, String>,
    tables: BTreeMap<String, Vec<Held>>,
    /// Every contact that it ever accepted, with the latest end it was ever granted.
    accepted: BTreeMap<String, Mono>,
    nonces: BTreeSet<String>,
    issued: u64,
    /// Answers by branch, for retransmissions.
    answered: BTreeMap<String, Vec<u8>>,
    seen: Vec<Seen>,
}

/// A contact that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The URI as it was registered.
    pub uri: String,
    /// The whole Contact value as it was registered.
    pub value: String,
    /// When it ends.
    pub until: Mono,
    /// Call-ID of the last REGISTER for it.
    pub call_id: String,
    /// CSeq of the last REGISTER for it.
    pub cseq: u32,
}

/// A REGISTER that it saw, retransmissions aside.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Mono,
    /// The request.
    pub request: Packet,
    /// What it was answered; 0 for nothing.
    pub status: u16,
}

/// One contact that a REGISTER asks for.
struct Asked {
    uri: String,
    value: String,
    expires: u32,
}

impl MainRegistrar {
    /// A well-behaved one.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            personality: Personality::default(),
            passwords: BTreeMap::new(),
            tables: BTreeMap::new(),
            accepted: BTreeMap::new(),
            nonces: BTreeSet::new(),
            issued: 0,
            answered: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    /// From now on this is the password of `user`.
    pub fn set_password(&mut self, user: &str, password: &str) {
        self.passwords.insert(user.to_owned(), password.to_owned());
    }

    /// A contact that somebody else registered here.
    pub fn hold(&mut self, aor: &str, uri: &str, until: Mono) {
        let held = Held {
            uri: uri.to_owned(),
            value: format!("<{uri}>"),
            until,
            call_id: "elsewhere".to_owned(),
            cseq: 1,
        };
        self.tables.entry(aor.to_owned()).or_default().push(held);
    }

    /// It restarts and has lost everything.
    pub fn forget_all(&mut self) {
        self.tables.clear();
        self.answered.clear();
    }

    /// What it holds for an AoR at this time.
    #[must_use]
    pub fn held(&self, now: Mono, aor: &str) -> Vec<Held> {
        let table = self.tables.get(aor).into_iter().flatten();
        table.filter(|held| held.until > now).cloned().collect()
    }

    /// The latest end that a contact with this token was ever granted; `None` when it never
    /// accepted it.
    #[must_use]
    pub fn accepted(&self, token: &str) -> Option<Mono> {
        let with_token = self.accepted.iter().filter(|(uri, _)| uri.contains(token));
        with_token.map(|(_, until)| *until).max()
    }

    /// The REGISTERs that it saw, retransmissions aside.
    #[must_use]
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// How many REGISTERs it saw.
    #[must_use]
    pub const fn registers(&self) -> usize {
        self.seen.len()
    }

    /// The last REGISTER that it saw.
    ///
    /// # Panics
    /// When it saw none.
    #[must_use]
    pub fn last(&self) -> &Packet {
        match self.seen.last() {
            Some(seen) => &seen.request,
            None => panic!("the main registrar saw nothing"),
        }
    }

    /// A request arrived: what it answers.
    pub fn receive(&mut self, now: Mono, packet: &Packet) -> Vec<Packet> {
        let message = packet.message();
        if message.request().is_none() || self.personality.temper == Temper::Silent {
            return Vec::new();
        }
        let branch = packet.branch();
        let bytes = match self.answered.get(&branch) {
            Some(bytes) => bytes.clone(),
            None => {
                let bytes = self.answer(now, packet, &message);
                self.answered.insert(branch, bytes.clone());
                bytes
            }
        };
        if self.personality.temper == Temper::Mute {
            return Vec::new();
        }
        vec![Packet {
            from: self.address,
            to: packet.from,
            bytes,
        }]
    }

    fn answer(&mut self, now: Mono, packet: &Packet, message: &Message<'_>) -> Vec<u8> {
        let method = message.request().map(|line| line.method);
        if method != Some(sip::Method::Register) {
            return write(message, 200, &[]);
        }
        let (status, lines) = self.register(now, packet, message);
        self.seen.push(Seen {
            at: now,
            request: packet.clone(),
            status,
        });
        write(message, status, &lines)
    }

    fn register(
        &mut self,
        now: Mono,
        packet: &Packet,
        message: &Message<'_>,
    ) -> (u16, Vec<String>) {
        match self.personality.temper {
            Temper::Refuses(status) => return (status, Vec::new()),
            Temper::Overloaded(pause) => return (503, vec![format!("Retry-After: {pause}")]),
            Temper::Procrastinates => return (100, Vec::new()),
            Temper::Normal | Temper::Silent | Temper::Mute => {}
        }
        if self.personality.challenges == Challenges::Always
            && let Err(lines) = self.authenticate(message)
        {
            return (401, lines);
        }
        let Some(aor) = aor_of(message) else {
            return (400, Vec::new());
        };
        if message.values(Name::Contact).any(|value| value == b"*") {
            return (self.remove_all(&aor, packet), Vec::new());
        }
        let asked = asked_of(message);
        let shortest = self.personality.shortest;
        if asked
            .iter()
            .any(|asked| (1..shortest).contains(&asked.expires))
        {
            return (423, vec![format!("Min-Expires: {shortest}")]);
        }
        if let Err(status) = self.update(now, &aor, &asked, packet) {
            return (status, Vec::new());
        }
        (200, self.listing(now, &aor, &asked))
    }

    fn authenticate(&mut self, message: &Message<'_>) -> Result<(), Vec<String>> {
        let password_of = |user: &str| {
            let own = self.passwords.get(user);
            own.cloned().unwrap_or_else(|| PASSWORD.to_owned())
        };
        let verified = message
            .headers_named(Name::Authorization)
            .filter_map(|header| digest::verify(header.value, password_of))
            .find(|(nonce, _)| self.nonces.contains(nonce));
        if let Some((nonce, _)) = verified {
            if self.personality.nonces == Nonces::OneTime {
                self.nonces.remove(&nonce);
            }
            return Ok(());
        }
        self.issued += 1;
        let nonce = format!("{}-{}", self.address.port(), self.issued);
        let challenge = digest::challenge(&nonce);
        self.nonces.insert(nonce);
        Err(vec![format!("WWW-Authenticate: {challenge}")])
    }

    /// RFC 3261 §10.3 step 7: all or nothing, and only in order.
    fn update(
        &mut self,
        now: Mono,
        aor: &str,
        asked: &[Asked],
        packet: &Packet,
    ) -> Result<(), u16> {
        let (call_id, cseq) = (packet.value("Call-ID").unwrap_or_default(), packet.cseq());
        let table = self.tables.entry(aor.to_owned()).or_default();
        table.retain(|held| held.until > now);
        let disordered = |held: &Held| {
            held.call_id == call_id
                && held.cseq >= cseq
                && asked.iter().any(|asked| asked.uri == held.uri)
        };
        if table.iter().any(disordered) {
            return Err(500);
        }
        for asked in asked {
            let at = table.iter().position(|held| held.uri == asked.uri);
            if asked.expires == 0 {
                at.map(|at| table.remove(at));
                continue;
            }
            let until = now.plus_seconds(asked.expires.min(self.personality.longest));
            let held = Held {
                uri: asked.uri.clone(),
                value: asked.value.clone(),
                until,
                call_id: call_id.clone(),
                cseq,
            };
            match at.and_then(|at| table.get_mut(at)) {
                Some(known) => *known = held,
                None => table.push(held),
            }
            let latest = self.accepted.entry(asked.uri.clone()).or_insert(until);
            *latest = until.max(*latest);
        }
        while table.len() > self.personality.max_contacts {
            table.remove(0);
        }
        Ok(())
    }

    /// RFC 3261 §10.3 step 6.
    fn remove_all(&mut self, aor: &str, packet: &Packet) -> u16 {
        let (call_id, cseq) = (packet.value("Call-ID").unwrap_or_default(), packet.cseq());
        let newer = |held: &Held| held.call_id == call_id && held.cseq >= cseq;
        if self
            .tables
            .get(aor)
            .is_some_and(|table| table.iter().any(newer))
        {
            return 500;
        }
        self.tables.remove(aor);
        200
    }

    fn listing(&self, now: Mono, aor: &str, asked: &[Asked]) -> Vec<String> {
        let own = |held: &Held| asked.iter().any(|asked| asked.uri == held.uri);
        let granted = |asked: &Asked| asked.expires.min(self.personality.longest);
        let mut lines = Vec::new();
        for held in self.held(now, aor) {
            match self.personality.listing {
                Listing::OnlyExpiresHeader | Listing::Bare => continue,
                Listing::WithoutOwn if own(&held) => continue,
                Listing::ExpiresHeader if own(&held) => {
                    lines.push(format!("Contact: <{}>", held.uri));
                }
                _ => {
                    let left = held.until.seconds_after(now);
                    lines.push(format!("Contact: <{}>;expires={left}", held.uri));
                }
            }
        }
        if let (Listing::ExpiresHeader | Listing::OnlyExpiresHeader, Some(first)) =
            (self.personality.listing, asked.first())
        {
            lines.push(format!("Expires: {}", granted(first)));
        }
        lines.extend(self.personality.extra.iter().cloned());
        lines
    }
}

fn asked_of(message: &Message<'_>) -> Vec<Asked> {
    let header = message
        .header(Name::Expires)
        .and_then(|header| text(header.value).trim().parse().ok());
    message
        .values(Name::Contact)
        .filter_map(|value| match Contact::parse(value) {
            Ok(Contact::Addr(contact)) => Some(Asked {
                uri: text(contact.addr.uri),
                value: text(value),
                expires: contact
                    .expires
                    .map_or_else(|| header.unwrap_or(3600), |delta| delta.0),
            }),
            _ => None,
        })
        .collect()
}

fn aor_of(message: &Message<'_>) -> Option<String> {
    let to = NameAddr::parse(message.header(Name::To)?.value).ok()?;
    let uri = text(to.uri);
    Uri::parse(to.uri).ok()?;
    let bare = uri.split(';').next()?.to_owned();
    Some(bare.trim_start_matches("sip:").to_owned())
}

fn write(request: &Message<'_>, status: u16, lines: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let reason = match status {
        100 => "Trying",
        200 => "OK",
        401 => "Unauthorized",
        423 => "Interval Too Brief",
        _ => "As You Like It",
    };
    let mut response = Response::new(&mut bytes, status, reason);
    response.vias_from(request, None);
    response.copy(request, Name::From);
    response.to_with_tag(request, b"main");
    response.copy(request, Name::CallId);
    response.copy(request, Name::CSeq);
    for line in lines {
        response.lines(format!("{line}\r\n").as_bytes());
    }
    response.finish(b"");
    bytes
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
