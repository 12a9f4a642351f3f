//! `Message`: what a line says of one SIP message.

use core::fmt;

/// Header fields that a line names by a word of its own, and whose value it gives as it is. One that
/// is not named is not there.
pub(super) const HEADERS: [(&str, &str); 8] = [
    ("event", "Event"),
    ("expires", "Expires"),
    ("min-expires", "Min-Expires"),
    ("retry-after", "Retry-After"),
    ("path", "Path"),
    ("service-route", "Service-Route"),
    ("supported", "Supported"),
    ("unsupported", "Unsupported"),
];

/// Methods that a line may name, besides REGISTER.
pub(super) const METHODS: [&str; 12] = [
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "INFO",
    "UPDATE",
    "PRACK",
    "REFER",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "SUBSCRIBE",
];

/// In place of a header's value: it is there, whatever it says.
pub(super) const ANYTHING: &str = "*";

/// A message as a line tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// What kind of message.
    pub(super) what: What,
    /// The number in CSeq; `None` for whatever it is.
    pub(super) cseq: Option<u32>,
    /// The name of its Call-ID and From-tag; `None` for whatever they are.
    pub(super) call_id: Option<String>,
    /// Its Contact values, all of them and in order.
    pub(super) contacts: Vec<Contact>,
    /// The method that a response is about, where that is not REGISTER.
    pub(super) of: Option<&'static str>,
    /// Request-URI; `None` for whatever it is.
    pub(super) uri: Option<Contact>,
    /// Who asks, `user@domain`.
    pub(super) from: Option<String>,
    /// Who is asked for, `user@domain`.
    pub(super) to: Option<String>,
    /// The name of the callee's tag.
    pub(super) tag: Option<String>,
    /// Route values of a request, all of them and in order.
    pub(super) routes: Vec<Contact>,
    /// Record-Route values of a request, all of them and in order.
    pub(super) record_routes: Vec<Contact>,
    /// Body.
    pub(super) body: Option<String>,
    /// Values by the word of [`HEADERS`].
    pub(super) headers: Vec<(&'static str, String)>,
    /// The nonce of its challenge.
    pub(super) nonce: Option<String>,
    /// Whether that challenge says that the password was right.
    pub(super) stale: bool,
    /// The nonce that its credentials answer.
    pub(super) auth: Option<String>,
    /// The password of its credentials, where it is not the phone's.
    pub(super) password: Option<String>,
}

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A REGISTER.
    Register,
    /// A request of another method.
    Request(&'static str),
    /// A response.
    Status(u16),
    /// The last message on this way, byte for byte.
    Again,
}

/// A Contact value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contact {
    /// Whom it names.
    pub(super) target: Target,
    /// Its parameters, each with its leading `;`.
    pub(super) params: String,
}

/// Whom a Contact names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// All of them.
    Star,
    /// This URI.
    Uri(String),
    /// The URI that midreg made and the scenario gave this number.
    Ours(u32),
}

impl Message {
    /// Understands the words after the arrow.
    pub(super) fn parse(words: &[&str]) -> Result<Self, String> {
        let (first, fields) = words.split_first().ok_or("a message is missing here")?;
        let what = match (*first, method(first), first.parse()) {
            ("REGISTER", ..) => What::Register,
            ("again", ..) => What::Again,
            (_, Some(method), _) => What::Request(method),
            (_, None, Ok(status @ 100..=699)) => What::Status(status),
            _ => return Err(format!("`{first}` is neither a method, again nor a status")),
        };
        let mut message = Self::new(what);
        let mut fields = fields;
        if let (What::Status(_), [about, rest @ ..]) = (what, fields) {
            message.of = method(about);
            fields = match message.of {
                Some(_) => rest,
                None => fields,
            };
        }
        for field in fields {
            message.field(field)?;
        }
        match message.what == What::Again && !fields.is_empty() {
            true => Err("`again` repeats a message; it cannot say anything else".to_owned()),
            false => Ok(message),
        }
    }

    /// A message of which nothing is said yet.
    pub(super) const fn new(what: What) -> Self {
        Self {
            what,
            cseq: None,
            call_id: None,
            contacts: Vec::new(),
            of: None,
            uri: None,
            from: None,
            to: None,
            tag: None,
            routes: Vec::new(),
            record_routes: Vec::new(),
            body: None,
            headers: Vec::new(),
            nonce: None,
            stale: false,
            auth: None,
            password: None,
        }
    }

    /// The value of the header with this word.
    pub(super) fn header(&self, word: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| *own == word);
        found.map(|(_, value)| value.as_str())
    }

    fn field(&mut self, field: &str) -> Result<(), String> {
        if field == "stale" {
            self.stale = true;
            return Ok(());
        }
        let Some((word, value)) = field.split_once('=') else {
            return Err(format!("`{field}` is no field"));
        };
        let text = || Some(value.to_owned());
        match word {
            "cseq" => {
                let number = value.parse();
                self.cseq = Some(number.map_err(|_| format!("`{value}` is no number"))?);
            }
            "contact" => self.contacts.push(Contact::parse(value)?),
            "call-id" => self.call_id = text(),
            "uri" => self.uri = Some(Contact::parse(value)?),
            "route" => self.routes.push(Contact::parse(value)?),
            "record-route" => self.record_routes.push(Contact::parse(value)?),
            "from" => self.from = text(),
            "to" => self.to = text(),
            "tag" => self.tag = text(),
            "body" => self.body = Some(value.trim_matches('"').to_owned()),
            "nonce" => self.nonce = text(),
            "auth" => self.auth = text(),
            "password" => self.password = text(),
            _ => {
                let known = HEADERS.iter().find(|(own, _)| *own == word);
                let (own, _) = known.ok_or_else(|| format!("`{word}` is no known field"))?;
                self.headers.push((*own, value.to_owned()));
            }
        }
        Ok(())
    }
}

impl Contact {
    pub(super) fn parse(value: &str) -> Result<Self, String> {
        if value == "*" {
            let (target, params) = (Target::Star, String::new());
            return Ok(Self { target, params });
        }
        let inner = value
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'));
        let Some((uri, params)) = inner else {
            return Err(format!(
                "`{value}` is no Contact: write <…>, then parameters"
            ));
        };
        let target = match uri.strip_prefix("ours ") {
            Some(number) => match number.trim().parse() {
                Ok(number) => Target::Ours(number),
                Err(_) => return Err(format!("`{number}` is no number")),
            },
            None => Target::Uri(uri.to_owned()),
        };
        let params = params.to_owned();
        Ok(Self { target, params })
    }
}

/// The method of this name, if a line may name it.
pub(super) fn method(name: &str) -> Option<&'static str> {
    METHODS.into_iter().find(|method| *method == name)
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Register => f.write_str("REGISTER")?,
            What::Request(method) => f.write_str(method)?,
            What::Status(status) => write!(f, "{status}")?,
            What::Again => f.write_str("again")?,
        }
        if let Some(method) = self.of {
            write!(f, " {method}")?;
        }
        if let Some(uri) = &self.uri {
            write!(f, " uri={uri}")?;
        }
        if let Some(cseq) = self.cseq {
            write!(f, " cseq={cseq}")?;
        }
        if let Some(name) = &self.call_id {
            write!(f, " call-id={name}")?;
        }
        if let Some(tag) = &self.tag {
            write!(f, " tag={tag}")?;
        }
        for route in &self.routes {
            write!(f, " route={route}")?;
        }
        for route in &self.record_routes {
            write!(f, " record-route={route}")?;
        }
        for contact in &self.contacts {
            write!(f, " contact={contact}")?;
        }
        for (word, value) in &self.headers {
            write!(f, " {word}={value}")?;
        }
        if let Some(nonce) = &self.nonce {
            write!(f, " nonce={nonce}")?;
        }
        if self.stale {
            f.write_str(" stale")?;
        }
        match &self.auth {
            Some(nonce) => write!(f, " auth={nonce}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Star => f.write_str("*"),
            Target::Uri(uri) => write!(f, "<{uri}>{}", self.params),
            Target::Ours(number) => write!(f, "<ours {number}>{}", self.params),
        }
    }
}
