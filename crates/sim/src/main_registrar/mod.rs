//! `MainRegistrar`: a model of what stands behind midreg: a registrar as RFC 3261 §10.3 has it,
//! with digest authentication ([`Guard`]), a table of contacts ([`Contacts`]), and a
//! [`Personality`].

mod contacts;
mod guard;

use core::net::SocketAddr;
use std::collections::BTreeMap;

use engine::Mono;
use sip::header::contact::Contact;
use sip::header::name_addr::NameAddr;
use sip::{Message, Name, Response, Uri};

use crate::call::Exchange;
use crate::handle::handle;
use crate::packet::Packet;
use crate::personality::{Challenges, Listing, Notice, PathRule, Personality, Temper};

pub use contacts::Held;
use contacts::{Asked, Contacts, Order};
use guard::{Guard, Judgement};

/// Password of everybody who has no other.
pub const PASSWORD: &str = "secret";

/// A model main registrar.
#[derive(Debug)]
pub struct MainRegistrar {
    /// Where it is.
    pub address: SocketAddr,
    /// How it behaves.
    pub personality: Personality,
    /// What it does with calls; without one it takes none.
    pub exchange: Option<Exchange>,
    guard: Guard,
    tables: BTreeMap<String, Contacts>,
    /// Every contact that it ever accepted by its handle, with the latest end it was ever granted.
    accepted: BTreeMap<String, Mono>,
    /// Answers by branch, for retransmissions.
    answered: BTreeMap<String, Vec<u8>>,
    seen: Vec<Seen>,
    registers: usize,
    notices: u32,
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

/// Status and header lines of an answer.
type Answer = (u16, Vec<String>);

impl MainRegistrar {
    /// A well-behaved one.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            personality: Personality::default(),
            exchange: None,
            guard: Guard::new(address.port()),
            tables: BTreeMap::new(),
            accepted: BTreeMap::new(),
            answered: BTreeMap::new(),
            seen: Vec::new(),
            registers: 0,
            notices: 0,
        }
    }

    /// From now on this is the password of `user`.
    pub fn set_password(&mut self, user: &str, password: &str) {
        self.guard.set_password(user, password);
    }

    /// A contact that somebody else registered here.
    pub fn hold(&mut self, aor: &str, uri: &str, until: Mono) {
        let table = self.tables.entry(aor.to_owned()).or_default();
        table.push(Held {
            handle: handle(uri, None).to_owned(),
            uri: uri.to_owned(),
            value: format!("<{uri}>"),
            path: Vec::new(),
            until,
            call_id: "elsewhere".to_owned(),
            cseq: 1,
        });
    }

    /// It restarts and has lost everything.
    pub fn forget_all(&mut self) {
        self.tables.clear();
        self.answered.clear();
        self.guard.forget_all();
        if let Some(exchange) = &mut self.exchange {
            exchange.reboot();
        }
    }

    /// What it holds for an AoR at this time.
    #[must_use]
    pub fn held(&self, now: Mono, aor: &str) -> Vec<Held> {
        let table = self.tables.get(aor);
        table.map(|table| table.held(now)).unwrap_or_default()
    }

    /// The latest end that a contact with this handle was ever granted; `None` when it never
    /// accepted it.
    #[must_use]
    pub fn accepted(&self, handle: &str) -> Option<Mono> {
        self.accepted.get(handle).copied()
    }

    /// The last REGISTERs that it saw, retransmissions aside.
    #[must_use]
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// How many REGISTERs it saw.
    #[must_use]
    pub const fn registers(&self) -> usize {
        self.registers
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

    /// When it wants to do something.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.exchange.as_ref()?.next_deadline()
    }

    /// Time has come: what it sends.
    pub fn on_time(&mut self, now: Mono) -> Vec<Packet> {
        self.with_exchange(|exchange, _| exchange.on_time(now))
    }

    /// It does something with calls: what it sends. The other argument tells what it holds.
    pub fn with_exchange(&mut self, act: impl FnOnce(&mut Exchange, &Self)) -> Vec<Packet> {
        let Some(mut exchange) = self.exchange.take() else {
            return Vec::new();
        };
        act(&mut exchange, self);
        let sent = exchange.take_sent();
        self.exchange = Some(exchange);
        match self.personality.temper {
            Temper::Mute | Temper::Silent => Vec::new(),
            _ => sent,
        }
    }

    /// A message arrived: what it sends.
    pub fn receive(&mut self, now: Mono, packet: &Packet) -> Vec<Packet> {
        let message = packet.message();
        if self.personality.temper == Temper::Silent {
            return Vec::new();
        }
        if self.exchange.is_some() && is_of_calls(&message) {
            return self.with_exchange(|exchange, own| {
                exchange.receive(now, packet, |aor| own.held(now, aor));
            });
        }
        if message.request().is_none() {
            return Vec::new();
        }
        let branch = packet.branch();
        let mut sent = Vec::new();
        let bytes = match self.answered.get(&branch) {
            Some(bytes) => bytes.clone(),
            None => {
                let bytes = self.answer(now, packet, &message);
                self.answered.insert(branch, bytes.clone());
                sent.extend(self.notice(packet, &message, &bytes));
                bytes
            }
        };
        if self.personality.temper == Temper::Mute {
            return Vec::new();
        }
        sent.push(bytes);
        let to = |bytes| Packet {
            from: self.address,
            to: packet.from,
            bytes,
        };
        sent.into_iter().map(to).collect()
    }

    fn answer(&mut self, now: Mono, packet: &Packet, message: &Message<'_>) -> Vec<u8> {
        let method = message.request().map(|line| line.method);
        if method != Some(sip::Method::Register) {
            return write(message, 200, &[]);
        }
        let (status, lines) = self.register(now, packet, message);
        self.registers += 1;
        self.seen.push(Seen {
            at: now,
            request: packet.clone(),
            status,
        });
        write(message, status, &lines)
    }

    fn register(&mut self, now: Mono, packet: &Packet, message: &Message<'_>) -> Answer {
        match self.personality.temper {
            Temper::Refuses(status) => return (status, Vec::new()),
            Temper::Overloaded(pause) => return (503, vec![format!("Retry-After: {pause}")]),
            Temper::Procrastinates => return (100, Vec::new()),
            Temper::Normal | Temper::Silent | Temper::Mute => {}
        }
        if self.personality.path == PathRule::NeedsSupported && !supports_its_path(message) {
            return (420, vec!["Unsupported: path".to_owned()]);
        }
        let trusted = self.personality.trusts == Some(packet.from);
        if self.personality.challenges == Challenges::Always && !trusted {
            match self.guard.judge(now, message, &self.personality) {
                Judgement::Welcome => {}
                Judgement::Challenged(line) => return (401, vec![line]),
                Judgement::Forbidden => return (403, Vec::new()),
            }
        }
        let Some(aor) = aor_of(message) else {
            return (400, Vec::new());
        };
        let order = Order {
            now,
            call_id: packet.value("Call-ID").unwrap_or_default(),
            cseq: packet.cseq(),
        };
        let longest = self.longest(message);
        let table = self.tables.entry(aor).or_default();
        if message.values(Name::Contact).any(|value| value == b"*") {
            return (table.remove_all(&order), Vec::new());
        }
        let mut asked = asked_of(message);
        let shortest = self.personality.shortest;
        if asked
            .iter()
            .any(|asked| (1..shortest).contains(&asked.expires))
        {
            return (423, vec![format!("Min-Expires: {shortest}")]);
        }
        for asked in &mut asked {
            asked.expires = asked.expires.min(longest);
        }
        if let Err(status) = table.update(&order, &asked, &self.personality) {
            return (status, Vec::new());
        }
        for asked in asked.iter().filter(|asked| asked.expires > 0) {
            let until = now.plus_seconds(asked.expires);
            let latest = self.accepted.entry(asked.handle.clone()).or_insert(until);
            *latest = until.max(*latest);
        }
        (
            200,
            listing(now, &self.personality, &table.held(now), &asked),
        )
    }

    /// The longest lifetime that a request may have.
    fn longest(&self, message: &Message<'_>) -> u32 {
        let straight = message.header(Name::Path).is_none();
        match self.personality.longest_without_path {
            Some(short) if straight => short.min(self.personality.longest),
            _ => self.personality.longest,
        }
    }

    /// The NOTIFY that some send before the 200 is out.
    fn notice(&mut self, packet: &Packet, request: &Message<'_>, answer: &[u8]) -> Option<Vec<u8>> {
        if self.personality.notice == Notice::Never || !answer.starts_with(b"SIP/2.0 200 ") {
            return None;
        }
        let asked = asked_of(request)
            .into_iter()
            .find(|asked| asked.expires > 0)?;
        self.notices += 1;
        let (number, here, aor) = (self.notices, self.address, aor_of(request)?);
        let text = format!(
            "NOTIFY {uri} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {here};branch=z9hG4bKnotice{port}.{number}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{aor}>;tag=n{number}\r\n\
             To: <sip:{aor}>\r\n\
             Call-ID: notice-{port}-{number}\r\n\
             CSeq: {number} NOTIFY\r\n\
             Contact: <sip:{here}>\r\n\
             Event: message-summary\r\n\
             Subscription-State: terminated;reason=noresource\r\n\
             Content-Length: 0\r\n\r\n",
            uri = asked.uri,
            port = packet.to.port(),
        );
        Some(text.into_bytes())
    }
}

fn listing(now: Mono, personality: &Personality, held: &[Held], asked: &[Asked]) -> Vec<String> {
    let own = |held: &Held| asked.iter().any(|asked| asked.uri == held.uri);
    let mut lines = Vec::new();
    for held in held {
        match personality.listing {
            Listing::OnlyExpiresHeader | Listing::Bare => continue,
            Listing::WithoutOwn if own(held) => continue,
            Listing::ExpiresHeader if own(held) => lines.push(format!("Contact: <{}>", held.uri)),
            _ => {
                let left = held.until.seconds_after(now);
                lines.push(format!("Contact: <{}>;expires={left}", held.uri));
            }
        }
    }
    if let (Listing::ExpiresHeader | Listing::OnlyExpiresHeader, Some(first)) =
        (personality.listing, asked.first())
    {
        lines.push(format!("Expires: {}", first.expires));
    }
    lines.extend(personality.extra.iter().cloned());
    lines
}

/// Whether a message is none of the registrar's: OPTIONS to itself is.
fn is_of_calls(message: &Message<'_>) -> bool {
    let method = message.request().map(|line| line.method);
    !matches!(method, Some(sip::Method::Register | sip::Method::Options))
}

/// RFC 3327 §5.3: a Path from somebody whose phone says nothing of the extension.
fn supports_its_path(message: &Message<'_>) -> bool {
    let mut supported = message.values(Name::Supported);
    message.header(Name::Path).is_none() || supported.any(|tag| tag.eq_ignore_ascii_case(b"path"))
}

fn asked_of(message: &Message<'_>) -> Vec<Asked> {
    let header = message
        .header(Name::Expires)
        .and_then(|header| text(header.value).trim().parse().ok());
    let path: Vec<String> = message.values(Name::Path).map(text).collect();
    message
        .values(Name::Contact)
        .filter_map(|value| match Contact::parse(value) {
            Ok(Contact::Addr(contact)) => {
                let uri = text(contact.addr.uri);
                Some(Asked {
                    handle: handle(&uri, path.first().map(String::as_str)).to_owned(),
                    uri,
                    value: text(value),
                    path: path.clone(),
                    expires: contact
                        .expires
                        .map_or_else(|| header.unwrap_or(3600), |delta| delta.0),
                })
            }
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
        403 => "Forbidden",
        420 => "Bad Extension",
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
