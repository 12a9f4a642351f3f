//! `Heads`: what a device repeats of a request in each of its answers (RFC 3261 §8.2.6.2, §12.1.1), and what the
//! caller takes from an answer that begins a dialog.

use std::io::Write as _;

use super::script::FarEnd;
use crate::fields;

/// The fields of one request that its answers repeat. Reused from call to call.
#[derive(Clone, Default, Debug)]
pub struct Heads {
    /// Whole lines; the To comes last, without its end.
    lines: Vec<u8>,
    to: Tag,
}

/// Whether a To has a tag.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Tag {
    #[default]
    Missing,
    There,
}

impl Heads {
    /// Forgets what was read.
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// Whether a request was read.
    pub fn is_read(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Reads a request.
    pub fn read(&mut self, request: &[u8]) {
        self.lines.clear();
        let mut to: &[u8] = b"";
        for (name, value) in fields::headers(request) {
            match name {
                b"To" => to = value,
                b"Via" | b"Record-Route" | b"From" | b"Call-ID" | b"CSeq" => {
                    for part in [name, b": ", value, b"\r\n"] {
                        self.lines.extend_from_slice(part);
                    }
                }
                _ => {}
            }
        }
        self.to = match fields::find(to, b";tag=") {
            Some(_) => Tag::There,
            None => Tag::Missing,
        };
        self.lines.extend_from_slice(b"To: ");
        self.lines.extend_from_slice(to);
    }

    /// Appends an answer with this status and reason, and a To-tag where there is none: that of device
    /// `device`. `rest` is what follows: more fields and the body.
    pub fn answer(&self, status: &str, device: usize, rest: &[u8], out: &mut Vec<u8>) {
        put(out, format_args!("SIP/2.0 {status}\r\n"));
        out.extend_from_slice(&self.lines);
        if self.to == Tag::Missing && !status.starts_with("100") {
            put(out, format_args!(";tag=device{device}"));
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(rest);
    }
}

impl FarEnd {
    /// Reads a 2xx to an INVITE.
    pub fn read(&mut self, answer: &[u8]) {
        self.target.clear();
        self.routes.clear();
        self.to.clear();
        let mut routes: Vec<&[u8]> = Vec::new();
        for (name, value) in fields::headers(answer) {
            match name {
                b"To" => self.to.extend_from_slice(value),
                b"Contact" => self.target.extend_from_slice(uri(value)),
                b"Record-Route" => routes.extend(fields::elements(value)),
                _ => {}
            }
        }
        for route in routes.iter().rev() {
            self.routes.extend_from_slice(b"Route: ");
            self.routes.extend_from_slice(route);
            self.routes.extend_from_slice(b"\r\n");
        }
    }
}

/// The URI of a name-addr, or the value itself.
pub fn uri(value: &[u8]) -> &[u8] {
    let inner = || {
        let start = fields::find(value, b"<")? + 1;
        let end = start + fields::find(&value[start..], b">")?;
        Some(&value[start..end])
    };
    inner().unwrap_or(value)
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing into a Vec cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=1\r\nVia: SIP/2.0/UDP them\r\n\
        Record-Route: <sip:r1;lr>\r\nMax-Forwards: 69\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\n\
        CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";

    fn said(heads: &Heads, status: &str) -> String {
        let mut out = Vec::new();
        heads.answer(status, 1, b"Content-Length: 0\r\n\r\n", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_answer_repeats_what_it_must() {
        let mut heads = Heads::default();
        assert!(!heads.is_read());
        heads.read(INVITE);
        assert!(heads.is_read());
        assert_eq!(
            said(&heads, "180 Ringing"),
            "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP us;branch=1\r\nVia: SIP/2.0/UDP them\r\n\
             Record-Route: <sip:r1;lr>\r\nFrom: <sip:c@d>;tag=1\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\
             To: <sip:a@b>;tag=device1\r\nContent-Length: 0\r\n\r\n"
        );
        assert!(!said(&heads, "100 Trying").contains(";tag=device"));
    }

    #[test]
    fn a_tag_that_is_there_stays_alone() {
        let text = String::from_utf8(INVITE.to_vec()).unwrap();
        let bye = text.replace("To: <sip:a@b>", "To: <sip:a@b>;tag=device0");
        let mut heads = Heads::default();
        heads.read(bye.as_bytes());
        assert!(said(&heads, "200 OK").contains("To: <sip:a@b>;tag=device0\r\n"));
    }

    #[test]
    fn the_route_set_is_the_record_backwards() {
        let mut far = FarEnd::default();
        let answer = b"SIP/2.0 200 OK\r\nRecord-Route: <sip:one;lr>, <sip:two;lr>\r\nRecord-Route: <sip:three;lr>\r\n\
            To: <sip:a@b>;tag=t\r\nContact: \"A\" <sip:a@127.0.0.1:6001>;x=y\r\n\r\n";
        far.read(answer);
        assert_eq!(
            String::from_utf8_lossy(&far.routes),
            "Route: <sip:three;lr>\r\nRoute: <sip:two;lr>\r\nRoute: <sip:one;lr>\r\n"
        );
        assert_eq!(far.target, b"sip:a@127.0.0.1:6001");
        assert_eq!(far.to, b"<sip:a@b>;tag=t");
        assert_eq!(uri(b"sip:bare@b"), b"sip:bare@b");
    }
}
