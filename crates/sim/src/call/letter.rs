//! `Letter`: a message other than REGISTER as the models and the watch see it, taken apart, so that
//! it can be changed and written again.

use core::net::SocketAddr;

use sip::{Message, Name};

/// A message, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What kind of message.
    pub start: Start,
    /// The method in CSeq, which is that of the request.
    pub method: String,
    /// Via values, the topmost first.
    pub vias: Vec<String>,
    /// Route values.
    pub routes: Vec<String>,
    /// Record-Route values.
    pub record_routes: Vec<String>,
    /// From.
    pub from: String,
    /// To.
    pub to: String,
    /// Call-ID.
    pub call_id: String,
    /// The number in CSeq.
    pub cseq: u32,
    /// Max-Forwards of a request.
    pub hops: Option<u32>,
    /// All other header lines, in order and without line ends.
    pub lines: Vec<String>,
    /// Body.
    pub body: String,
}

/// Request or response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A request to this URI.
    Request(String),
    /// A response with this status.
    Response(u16),
}

/// What names a transaction: branch and method (RFC 3261 §17.1.3), an ACK being part of its INVITE.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Branch of the topmost Via.
    pub branch: String,
    /// Method.
    pub method: String,
}

impl Letter {
    /// Takes a message apart; `None` when it is no SIP.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let message = Message::parse(bytes).ok()?;
        let start = match message.request() {
            Some(line) => Start::Request(text(line.uri)),
            None => Start::Response(message.status()?),
        };
        let all = |name| message.values(name).map(text).collect();
        let first = |name| message.header(name).map(|header| text(header.value));
        let cseq = first(Name::CSeq)?;
        let mut words = cseq.split_whitespace();
        let number = words.next()?.parse().ok()?;
        let lines = message.headers().filter(|header| is_other(header.name));
        Some(Self {
            start,
            method: words.next()?.to_owned(),
            vias: all(Name::Via),
            routes: all(Name::Route),
            record_routes: all(Name::RecordRoute),
            from: first(Name::From)?,
            to: first(Name::To)?,
            call_id: first(Name::CallId)?,
            cseq: number,
            hops: first(Name::MaxForwards).and_then(|hops| hops.trim().parse().ok()),
            lines: lines
                .map(|header| format!("{}: {}", text(header.name_text), text(header.value)))
                .collect(),
            body: text(message.body()),
        })
    }

    /// A request outside of any dialog, without a Via.
    #[must_use]
    pub fn request(method: &str, uri: &str, call_id: &str) -> Self {
        Self {
            start: Start::Request(uri.to_owned()),
            method: method.to_owned(),
            vias: Vec::new(),
            routes: Vec::new(),
            record_routes: Vec::new(),
            from: String::new(),
            to: String::new(),
            call_id: call_id.to_owned(),
            cseq: 1,
            hops: Some(70),
            lines: Vec::new(),
            body: String::new(),
        }
    }

    /// The response to a request (RFC 3261 §8.2.6); a To without a tag gets this one.
    #[must_use]
    pub fn response(&self, status: u16, tag: &str) -> Self {
        let to = match tag_of(&self.to) {
            None if status > 100 => format!("{};tag={tag}", self.to),
            _ => self.to.clone(),
        };
        let record_routes = match status {
            101..=299 => self.record_routes.clone(),
            _ => Vec::new(),
        };
        Self {
            start: Start::Response(status),
            to,
            record_routes,
            routes: Vec::new(),
            hops: None,
            lines: Vec::new(),
            body: String::new(),
            ..self.clone()
        }
    }

    /// The bytes of the message.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut text = match &self.start {
            Start::Request(uri) => format!("{} {uri} SIP/2.0\r\n", self.method),
            Start::Response(status) => format!("SIP/2.0 {status} {}\r\n", reason(*status)),
        };
        let mut add = |name: &str, value: &str| {
            text.push_str(&format!("{name}: {value}\r\n"));
        };
        self.vias.iter().for_each(|via| add("Via", via));
        self.routes.iter().for_each(|route| add("Route", route));
        let record_routes = self.record_routes.iter();
        record_routes.for_each(|route| add("Record-Route", route));
        if let Some(hops) = self.hops {
            add("Max-Forwards", &hops.to_string());
        }
        add("From", &self.from);
        add("To", &self.to);
        add("Call-ID", &self.call_id);
        add("CSeq", &format!("{} {}", self.cseq, self.method));
        for line in &self.lines {
            text.push_str(&format!("{line}\r\n"));
        }
        let body = &self.body;
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        text.into_bytes()
    }

    /// The Request-URI; nothing of a response.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        match &self.start {
            Start::Request(uri) => Some(uri),
            Start::Response(_) => None,
        }
    }

    /// The status; 0 of a request.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match &self.start {
            Start::Request(_) => 0,
            Start::Response(status) => *status,
        }
    }

    /// What names its transaction.
    #[must_use]
    pub fn key(&self) -> Key {
        self.key_at(0)
    }

    /// What names the transaction of the `at`th Via.
    #[must_use]
    pub fn key_at(&self, at: usize) -> Key {
        let branch = self.vias.get(at).and_then(|via| param(via, "branch"));
        Key {
            branch: branch.unwrap_or_default().to_owned(),
            method: match self.method.as_str() {
                "ACK" => "INVITE".to_owned(),
                method => method.to_owned(),
            },
        }
    }

    /// From-tag.
    #[must_use]
    pub fn from_tag(&self) -> &str {
        tag_of(&self.from).unwrap_or_default()
    }

    /// To-tag; empty where there is none yet.
    #[must_use]
    pub fn to_tag(&self) -> &str {
        tag_of(&self.to).unwrap_or_default()
    }

    /// Whether it is a request of an established dialog.
    #[must_use]
    pub fn is_in_dialog(&self) -> bool {
        self.uri().is_some() && tag_of(&self.to).is_some()
    }

    /// The value of the first other header line of that name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The URI of its Contact.
    #[must_use]
    pub fn contact(&self) -> Option<&str> {
        self.value("Contact").map(uri_of)
    }

    /// The AoR in From, `user@host`.
    #[must_use]
    pub fn caller(&self) -> &str {
        aor_of(uri_of(&self.from))
    }

    /// Where it goes next by Route and Request-URI (RFC 3261 §8.1.2), where that is an address.
    #[must_use]
    pub fn next_hop(&self) -> Option<SocketAddr> {
        let uri = match self.routes.first() {
            Some(route) => uri_of(route),
            None => self.uri()?,
        };
        address_of(uri)
    }
}

/// The URI in a name-addr or what stands for one.
#[must_use]
pub fn uri_of(value: &str) -> &str {
    let inner = value
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    match inner {
        Some((uri, _)) => uri,
        None => value.split(';').next().unwrap_or_default(),
    }
}

/// The `user@host` of a URI.
#[must_use]
pub fn aor_of(uri: &str) -> &str {
    let bare = uri.trim_start_matches("sip:");
    bare.split([';', '?']).next().unwrap_or_default()
}

/// The host and port of a URI, where they are an address.
#[must_use]
pub fn address_of(uri: &str) -> Option<SocketAddr> {
    let host = aor_of(uri).rsplit('@').next()?;
    match host.parse() {
        Ok(address) => Some(address),
        Err(_) => format!("{host}:5060").parse().ok(),
    }
}

/// The tag of a From or To.
#[must_use]
pub fn tag_of(value: &str) -> Option<&str> {
    let after = value.split_once('>').map_or(value, |(_, after)| after);
    param(after, "tag")
}

/// The value of a parameter.
#[must_use]
pub fn param<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    value.split(';').skip(1).find_map(|param| {
        let (own, value) = param.split_once('=')?;
        own.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

const fn is_other(name: Name) -> bool {
    !matches!(
        name,
        Name::Via
            | Name::Route
            | Name::RecordRoute
            | Name::From
            | Name::To
            | Name::CallId
            | Name::CSeq
            | Name::MaxForwards
            | Name::ContentLength
    )
}

const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        200 => "OK",
        302 => "Moved Temporarily",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        603 => "Decline",
        _ => "As You Like It",
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        let mut letter = Letter::request("INVITE", "sip:bob@example.org", "c1");
        letter.vias = vec![
            "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa".to_owned(),
            "SIP/2.0/UDP 192.0.2.2:5060;rport;branch=z9hG4bKb;x=y".to_owned(),
        ];
        letter.from = "\"A\" <sip:alice@example.org;x=y>;tag=f".to_owned();
        letter.to = "<sip:bob@example.org>".to_owned();
        letter.lines = vec!["Contact: <sip:a@192.0.2.2:5062;ob>;x".to_owned()];
        letter.body = "v=0".to_owned();
        letter
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let letter = letter();
        assert_eq!(Letter::read(&letter.write()).unwrap(), letter);
        let response = letter.response(200, "t");
        assert_eq!(Letter::read(&response.write()).unwrap(), response);
    }

    #[test]
    fn a_letter_tells_what_it_is_about() {
        let letter = letter();
        assert_eq!((letter.from_tag(), letter.to_tag()), ("f", ""));
        assert_eq!(letter.caller(), "alice@example.org");
        assert_eq!(letter.contact(), Some("sip:a@192.0.2.2:5062;ob"));
        assert_eq!(letter.key().branch, "z9hG4bKa");
        assert_eq!(letter.key_at(1).branch, "z9hG4bKb");
        assert_eq!(letter.next_hop(), None);
        assert!(letter.response(180, "t").to.ends_with(";tag=t"));
    }

    #[test]
    fn the_next_hop_is_the_route_before_the_uri() {
        let mut letter = letter();
        letter.start = Start::Request("sip:x@192.0.2.7:5070;mr=y".to_owned());
        assert_eq!(letter.next_hop(), "192.0.2.7:5070".parse().ok());
        letter.routes = vec!["<sip:t@192.0.2.8;lr>".to_owned()];
        assert_eq!(letter.next_hop(), "192.0.2.8:5060".parse().ok());
    }
}
