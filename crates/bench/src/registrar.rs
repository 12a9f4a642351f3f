//! The stub registrar's answers: a pure function from a request to a response. It grants what is asked, keeps no
//! bindings, and so costs as little as a main registrar can. Not a registrar to be used in earnest.

use std::io::Write as _;
use std::net::SocketAddr;

use crate::fields;
use crate::json::Json;

/// What the stub is told to do.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Most seconds granted.
    pub max_expires: u32,
    /// Whether a REGISTER without Authorization is challenged.
    pub access: Access,
}

/// Whether credentials are asked for. Their presence is all that is ever checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Everybody may register.
    Open,
    /// A REGISTER without Authorization gets a 401.
    Challenged,
}

/// Lifetime granted when a REGISTER names none (RFC 3261 §10.3 step 7), in seconds.
const DEFAULT_EXPIRES: u32 = 3600;

/// What the stub has seen since it began.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// REGISTER requests of any kind.
    pub registers: u64,
    /// Of these, answered with 401.
    pub challenged: u64,
    /// Of these, removals (`expires` 0).
    pub removals: u64,
    /// OPTIONS requests.
    pub options: u64,
    /// Requests of other methods.
    pub others: u64,
    /// Datagrams that were no answerable request.
    pub ignored: u64,
}

impl Counts {
    /// All of it for programs.
    pub fn json(&self) -> Json {
        Json::object([
            ("registers", self.registers.into()),
            ("challenged", self.challenged.into()),
            ("removals", self.removals.into()),
            ("options", self.options.into()),
            ("others", self.others.into()),
            ("ignored", self.ignored.into()),
        ])
    }
}

/// The header in which an answer to OPTIONS tells how many REGISTERs were seen, for whoever measures.
pub const COUNT_HEADER: &str = "X-Registers-Seen";

/// Answers requests by the rules and counts them.
pub struct Registrar {
    rules: Rules,
    counts: Counts,
}

/// Whether a datagram gets an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The response has been written.
    Answered,
    /// Nothing has been written.
    Ignored,
}

impl Registrar {
    /// A stub with these rules that has seen nothing.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            counts: Counts::default(),
        }
    }

    /// What has been seen so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Answers one datagram from `source` by writing at the end of `out`.
    pub fn answer(&mut self, datagram: &[u8], source: SocketAddr, out: &mut Vec<u8>) -> Verdict {
        let line = fields::start_line(datagram);
        let method = line
            .strip_suffix(b" SIP/2.0")
            .and_then(|l| l.split(|b| *b == b' ').next());
        let vias_present = fields::header(datagram, "Via").is_some();
        match method {
            Some(b"ACK") => return self.ignore(),
            Some(method) if vias_present => match method {
                b"REGISTER" => self.register(datagram, source, out),
                b"OPTIONS" => self.options(datagram, source, out),
                _ => self.refuse(datagram, source, out),
            },
            _ => return self.ignore(),
        }
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        Verdict::Answered
    }

    fn ignore(&mut self) -> Verdict {
        self.counts.ignored += 1;
        Verdict::Ignored
    }

    fn register(&mut self, request: &[u8], source: SocketAddr, out: &mut Vec<u8>) {
        self.counts.registers += 1;
        if self.rules.access == Access::Challenged
            && fields::header(request, "Authorization").is_none()
        {
            self.counts.challenged += 1;
            begin(request, source, "401 Unauthorized", out);
            let nonce = self.counts.registers;
            put(
                out,
                format_args!(
                    "WWW-Authenticate: Digest realm=\"bench\", nonce=\"{nonce:016x}\", algorithm=MD5, qop=\"auth\"\r\n"
                ),
            );
            return;
        }
        begin(request, source, "200 OK", out);
        let header = fields::header(request, "Expires").and_then(fields::number);
        let mut removal = header == Some(0);
        for (name, value) in fields::headers(request) {
            if fields::is_named(name, "Contact") {
                for contact in fields::elements(value) {
                    removal |= self.grant(contact, header, out) == Granted::Removed;
                }
            } else if fields::is_named(name, "Path") {
                // RFC 3327 §5.3: the registrar returns the Path it was given.
                copy(out, "Path", value);
            }
        }
        self.counts.removals += u64::from(removal);
    }

    /// Writes one Contact back with the lifetime granted, unless that is none.
    fn grant(&self, contact: &[u8], header: Option<u32>, out: &mut Vec<u8>) -> Granted {
        if contact == b"*" {
            return Granted::Removed;
        }
        let (address, params) = split_params(contact);
        let own =
            fields::split_outside(params, b';').find_map(|p| fields::named_value(p, "expires"));
        let asked = own
            .and_then(fields::number)
            .or(header)
            .unwrap_or(DEFAULT_EXPIRES);
        let granted = asked.min(self.rules.max_expires);
        if granted == 0 {
            return Granted::Removed;
        }
        out.extend_from_slice(b"Contact: ");
        out.extend_from_slice(address);
        for param in fields::split_outside(params, b';') {
            if fields::named_value(param, "expires").is_none() {
                out.push(b';');
                out.extend_from_slice(param);
            }
        }
        put(out, format_args!(";expires={granted}\r\n"));
        Granted::Bound
    }

    fn options(&mut self, request: &[u8], source: SocketAddr, out: &mut Vec<u8>) {
        self.counts.options += 1;
        begin(request, source, "200 OK", out);
        put(
            out,
            format_args!(
                "{COUNT_HEADER}: {}\r\nAllow: REGISTER, OPTIONS\r\n",
                self.counts.registers
            ),
        );
    }

    fn refuse(&mut self, request: &[u8], source: SocketAddr, out: &mut Vec<u8>) {
        self.counts.others += 1;
        begin(request, source, "405 Method Not Allowed", out);
        out.extend_from_slice(b"Allow: REGISTER, OPTIONS\r\n");
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Granted {
    Bound,
    Removed,
}

/// Writes the status line and the fields that every response repeats (RFC 3261 §8.2.6.2).
fn begin(request: &[u8], source: SocketAddr, status: &str, out: &mut Vec<u8>) {
    put(out, format_args!("SIP/2.0 {status}\r\n"));
    let mut topmost = Topmost::Awaited;
    for (name, value) in fields::headers(request) {
        if fields::is_named(name, "Via") {
            out.extend_from_slice(b"Via: ");
            if topmost == Topmost::Awaited {
                write_topmost_via(value, source, out);
                topmost = Topmost::Written;
            } else {
                out.extend_from_slice(value);
            }
            out.extend_from_slice(b"\r\n");
        }
    }
    for name in ["From", "To", "Call-ID", "CSeq"] {
        if let Some(value) = fields::header(request, name) {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            if name == "To" && !has_tag(value) {
                out.extend_from_slice(b";tag=stub");
            }
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Topmost {
    Awaited,
    Written,
}

/// Copies a Via value; a bare `rport` of its first element is filled in, with `received` (RFC 3581 §4).
fn write_topmost_via(value: &[u8], source: SocketAddr, out: &mut Vec<u8>) {
    let end = fields::find_outside(value, b',').unwrap_or(value.len());
    for (index, part) in fields::split_outside(&value[..end], b';').enumerate() {
        if index > 0 {
            out.push(b';');
        }
        match fields::named_value(part, "rport") {
            Some(b"") => put(
                out,
                format_args!("rport={};received={}", source.port(), source.ip()),
            ),
            _ => out.extend_from_slice(part),
        }
    }
    out.extend_from_slice(&value[end..]);
}

fn has_tag(value: &[u8]) -> bool {
    fields::split_outside(split_params(value).1, b';')
        .any(|p| fields::named_value(p, "tag").is_some())
}

/// Splits a name-addr or addr-spec from its header parameters. Without angle brackets every parameter belongs
/// to the header (RFC 3261 §20).
fn split_params(value: &[u8]) -> (&[u8], &[u8]) {
    value.split_at(fields::find_outside(value, b';').unwrap_or(value.len()))
}

fn copy(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    put(out, format_args!("{name}: "));
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing into a Vec cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Rules = Rules {
        max_expires: 600,
        access: Access::Open,
    };

    fn ask(registrar: &mut Registrar, method: &str, extra: &str) -> String {
        let request = format!(
            "{method} sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bKa, SIP/2.0/UDP b\r\n\
             v: SIP/2.0/UDP c\r\nf: <sip:a@example.com>;tag=1\r\nTo: \"x;tag=\" <sip:a@example.com;tag=u>\r\ni: call\r\n\
             CSeq: 7 {method}\r\n{extra}\r\n"
        );
        let mut out = Vec::new();
        registrar.answer(
            request.as_bytes(),
            "127.0.0.1:6000".parse().unwrap(),
            &mut out,
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn contacts_come_back_with_what_is_granted() {
        let mut registrar = Registrar::new(OPEN);
        let answer = ask(
            &mut registrar,
            "REGISTER",
            "Expires: 60\r\nPath: <sip:p;lr>\r\nContact: <sip:a@b;expires=9>;q=0.5\r\n\
             m: \"a, b\" <sip:c@d>;expires=3600;x=\"y;z\", sip:e@f;expires=0\r\n",
        );
        assert_eq!(
            answer,
            "SIP/2.0 200 OK\r\n\
             Via: SIP/2.0/UDP 10.0.0.1:5070;rport=6000;received=127.0.0.1;branch=z9hG4bKa, SIP/2.0/UDP b\r\n\
             Via: SIP/2.0/UDP c\r\nFrom: <sip:a@example.com>;tag=1\r\n\
             To: \"x;tag=\" <sip:a@example.com;tag=u>;tag=stub\r\nCall-ID: call\r\nCSeq: 7 REGISTER\r\n\
             Path: <sip:p;lr>\r\nContact: <sip:a@b;expires=9>;q=0.5;expires=60\r\n\
             Contact: \"a, b\" <sip:c@d>;x=\"y;z\";expires=600\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(
            registrar.counts(),
            &Counts {
                registers: 1,
                removals: 1,
                ..Counts::default()
            }
        );
    }

    #[test]
    fn a_removal_of_everything() {
        let mut registrar = Registrar::new(OPEN);
        let answer = ask(&mut registrar, "REGISTER", "Expires: 0\r\nContact: *\r\n");
        assert!(
            answer.starts_with("SIP/2.0 200 OK\r\n") && !answer.contains("Contact"),
            "{answer}"
        );
        assert_eq!(registrar.counts().removals, 1);
    }

    #[test]
    fn a_challenge_is_satisfied_by_any_credentials() {
        let mut registrar = Registrar::new(Rules {
            access: Access::Challenged,
            ..OPEN
        });
        let first = ask(&mut registrar, "REGISTER", "Contact: <sip:a@b>\r\n");
        assert!(first.starts_with("SIP/2.0 401 Unauthorized\r\n"), "{first}");
        assert!(
            first.contains("nonce=\"0000000000000001\"") && !first.contains("Contact"),
            "{first}"
        );
        let second = ask(
            &mut registrar,
            "REGISTER",
            "Authorization: Digest x\r\nContact: <sip:a@b>\r\n",
        );
        assert!(
            second.contains("Contact: <sip:a@b>;expires=600\r\n"),
            "{second}"
        );
        assert_eq!(
            registrar.counts(),
            &Counts {
                registers: 2,
                challenged: 1,
                ..Counts::default()
            }
        );
    }

    #[test]
    fn other_methods() {
        let mut registrar = Registrar::new(OPEN);
        ask(&mut registrar, "REGISTER", "");
        assert!(ask(&mut registrar, "OPTIONS", "").contains("X-Registers-Seen: 1\r\n"));
        assert!(ask(&mut registrar, "INVITE", "").starts_with("SIP/2.0 405 "));
        assert_eq!(ask(&mut registrar, "ACK", ""), "");
        assert_eq!(
            registrar.counts(),
            &Counts {
                registers: 1,
                options: 1,
                others: 1,
                ignored: 1,
                ..Counts::default()
            }
        );
    }

    #[test]
    fn what_is_no_request_gets_no_answer() {
        let mut registrar = Registrar::new(OPEN);
        for junk in [
            "",
            "\r\n\r\n",
            "SIP/2.0 200 OK\r\nVia: a\r\n\r\n",
            "REGISTER sip:a SIP/2.0\r\n\r\n",
            "\0\0",
        ] {
            let mut out = Vec::new();
            let source = "127.0.0.1:1".parse().unwrap();
            assert_eq!(
                registrar.answer(junk.as_bytes(), source, &mut out),
                Verdict::Ignored,
                "{junk:?}"
            );
            assert!(out.is_empty());
        }
        assert_eq!(registrar.counts().ignored, 5);
    }
}
