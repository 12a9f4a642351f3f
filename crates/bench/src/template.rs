//! `Template`: the REGISTER of a simulated phone (RFC 3261 §10.2), compiled once into pieces and then written
//! by copying. All varying fields have a fixed width, so every message of a run has the same size give or take
//! the port numbers: sizes measured once hold for the whole run.

use std::io::Write as _;
use std::net::SocketAddr;

/// The CSeq of serial 0. Seven digits for the next eight million refreshes keep the size constant.
const CSEQ_BASE: u32 = 1_000_000;

/// What starts every branch of ours (RFC 3261 §8.1.1.7), before run, device and serial in hexadecimal.
pub const BRANCH_PREFIX: &[u8] = b"z9hG4bK-mb-";

/// Hexadecimal digits of run, device and serial together.
const BRANCH_DIGITS: usize = 24;

const TEXT: &str = "REGISTER sip:{domain} SIP/2.0\r\n\
    Via: SIP/2.0/UDP {source};branch={branch};rport\r\n\
    Max-Forwards: 70\r\n\
    From: <sip:{user}@{domain}>;tag={device}\r\n\
    To: <sip:{user}@{domain}>\r\n\
    Call-ID: {run}{device}@{host}\r\n\
    CSeq: {cseq} REGISTER\r\n\
    Contact: {contact}\r\n\
    {expires}{authorization}\
    User-Agent: midreg-bench phone/1.0 (load generator)\r\n\
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, MESSAGE, UPDATE\r\n\
    Supported: replaces, norefersub\r\n\
    Content-Length: 0\r\n\r\n";

const CONTACT: &str = "<sip:{user}@{source};transport=udp{pad}>;+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-0000{device}>\"";

/// Where a phone states the lifetime it asks for (RFC 3261 §10.2.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum ExpiresIn {
    /// In the `Expires` header field.
    Header,
    /// In the `expires` parameter of the Contact.
    Contact,
}

/// What all phones of a run have in common.
#[derive(Clone, Debug)]
pub struct Style {
    /// The domain of all AoRs.
    pub domain: String,
    /// Lifetime asked for, in seconds.
    pub expires: u32,
    /// Where it is stated.
    pub expires_in: ExpiresIn,
    /// Size of the Contact value in bytes, reached by a URI parameter; a smaller one than the natural is ignored.
    pub contact_bytes: usize,
    /// Tells the Call-IDs and branches of this run from those of any other.
    pub run: u32,
}

/// Which request of which phone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestId {
    /// Number of the phone, from 0.
    pub device: u32,
    /// Number of the request of this phone; shows as its CSeq.
    pub serial: u32,
}

/// One request to be written.
pub struct Fill<'a> {
    /// Whose request it is.
    pub id: RequestId,
    /// Number of the AoR, from 0.
    pub aor: u32,
    /// The phone's own address.
    pub source: SocketAddr,
    /// A complete Authorization line with its CRLF, or nothing.
    pub authorization: &'a [u8],
}

/// A compiled REGISTER.
pub struct Template {
    pieces: Vec<Piece>,
    run: u32,
}

enum Piece {
    Text(Vec<u8>),
    Source,
    Host,
    User,
    Device,
    Run,
    Branch,
    CSeq,
    Authorization,
}

impl Template {
    /// Compiles the message for phones of this style.
    pub fn new(style: &Style) -> Self {
        let natural = Self::compile(CONTACT, style, "").size();
        let pad = padding(style.contact_bytes.saturating_sub(natural));
        Self::compile(&TEXT.replace("{contact}", CONTACT), style, &pad)
    }

    /// Writes one request at the end of `out`.
    pub fn write(&self, fill: &Fill<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Source => write_display(out, fill.source),
                Piece::Host => write_host(out, fill.source),
                Piece::User => write_user(fill.aor, out),
                Piece::Device => write_hex(out, fill.id.device),
                Piece::Run => write_hex(out, self.run),
                Piece::Branch => {
                    out.extend_from_slice(BRANCH_PREFIX);
                    write_hex(out, self.run);
                    write_hex(out, fill.id.device);
                    write_hex(out, fill.id.serial);
                }
                Piece::CSeq => write_display(out, CSEQ_BASE.saturating_add(fill.id.serial)),
                Piece::Authorization => out.extend_from_slice(fill.authorization),
            }
        }
    }

    /// Which request a response answers, by the branch in its topmost Via; `None` for other runs' messages.
    pub fn recognise(&self, response: &[u8]) -> Option<RequestId> {
        // The topmost Via comes first in practically every response; the window bounds the search otherwise.
        let head = &response[..response.len().min(1024)];
        let start = crate::fields::find(head, BRANCH_PREFIX)? + BRANCH_PREFIX.len();
        let digits = std::str::from_utf8(head.get(start..start + BRANCH_DIGITS)?).ok()?;
        let number = |at: usize| u32::from_str_radix(digits.get(at..at + 8)?, 16).ok();
        (number(0)? == self.run).then_some(RequestId {
            device: number(8)?,
            serial: number(16)?,
        })
    }

    fn compile(text: &str, style: &Style, pad: &str) -> Self {
        let (header, param) = match style.expires_in {
            ExpiresIn::Header => (format!("Expires: {}\r\n", style.expires), String::new()),
            ExpiresIn::Contact => (String::new(), format!(";expires={}", style.expires)),
        };
        let text = text
            .replace("{domain}", &style.domain)
            .replace("\r\n{expires}", &format!("{param}\r\n{header}"))
            .replace("{pad}", pad);
        let mut pieces = Vec::new();
        for (index, part) in text.split(['{', '}']).enumerate() {
            pieces.push(match part {
                _ if index % 2 == 0 => Piece::Text(part.as_bytes().to_vec()),
                "source" => Piece::Source,
                "host" => Piece::Host,
                "user" => Piece::User,
                "device" => Piece::Device,
                "run" => Piece::Run,
                "branch" => Piece::Branch,
                "cseq" => Piece::CSeq,
                "authorization" => Piece::Authorization,
                other => Piece::Text(other.as_bytes().to_vec()),
            });
        }
        Self {
            pieces,
            run: style.run,
        }
    }

    /// The size of a message with an IPv4 loopback source and a five-digit port.
    fn size(&self) -> usize {
        let mut out = Vec::new();
        let source = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let id = RequestId {
            device: 0,
            serial: 0,
        };
        self.write(
            &Fill {
                id,
                aor: 0,
                source,
                authorization: b"",
            },
            &mut out,
        );
        out.len()
    }
}

/// Writes the user part of AoR number `aor`: `u` and at least seven digits.
pub fn write_user(aor: u32, out: &mut Vec<u8>) {
    // Writing into a Vec cannot fail.
    let _ = write!(out, "u{aor:07}");
}

/// A URI parameter that takes `bytes` bytes, as far as it can be that short.
fn padding(bytes: usize) -> String {
    const NAME: &str = ";x-app=";
    if bytes <= NAME.len() {
        String::new()
    } else {
        format!("{NAME}{}", "m".repeat(bytes - NAME.len()))
    }
}

fn write_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing into a Vec cannot fail.
    let _ = write!(out, "{value}");
}

fn write_host(out: &mut Vec<u8>, source: SocketAddr) {
    match source {
        SocketAddr::V4(v4) => write_display(out, v4.ip()),
        SocketAddr::V6(v6) => {
            out.push(b'[');
            write_display(out, v6.ip());
            out.push(b']');
        }
    }
}

fn write_hex(out: &mut Vec<u8>, value: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for shift in (0..8).rev() {
        out.push(DIGITS[(value >> (4 * shift) & 0xf) as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields;

    fn style() -> Style {
        Style {
            domain: "example.com".into(),
            expires: 60,
            expires_in: ExpiresIn::Header,
            contact_bytes: 200,
            run: 0xabcd,
        }
    }

    fn written(style: &Style, id: RequestId, source: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let fill = Fill {
            id,
            aor: 42,
            source: source.parse().unwrap(),
            authorization: b"",
        };
        Template::new(style).write(&fill, &mut out);
        out
    }

    #[test]
    fn a_register_as_a_phone_sends_it() {
        let id = RequestId {
            device: 0x1f,
            serial: 2,
        };
        let message = written(&style(), id, "127.0.0.1:40000");
        let value =
            |name| String::from_utf8_lossy(fields::header(&message, name).unwrap()).into_owned();
        assert_eq!(
            fields::start_line(&message),
            b"REGISTER sip:example.com SIP/2.0"
        );
        assert_eq!(
            value("Via"),
            "SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bK-mb-0000abcd0000001f00000002;rport"
        );
        assert_eq!(value("From"), "<sip:u0000042@example.com>;tag=0000001f");
        assert_eq!(value("To"), "<sip:u0000042@example.com>");
        assert_eq!(value("Call-ID"), "0000abcd0000001f@127.0.0.1");
        assert_eq!(value("CSeq"), "1000002 REGISTER");
        assert_eq!(value("Expires"), "60");
        let contact = value("Contact");
        assert_eq!(contact.len(), 200);
        assert!(contact.starts_with("<sip:u0000042@127.0.0.1:40000;transport=udp;x-app=mmm"));
        assert!(
            contact
                .ends_with("mm>;+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-00000000001f>\"")
        );
        assert!(message.ends_with(b"Content-Length: 0\r\n\r\n"));
        assert!(!message.contains(&b'{'));
        assert!(
            (600..=750).contains(&message.len()),
            "{} bytes",
            message.len()
        );
    }

    #[test]
    fn size_does_not_change_with_the_serial() {
        let size =
            |serial| written(&style(), RequestId { device: 7, serial }, "127.0.0.1:40000").len();
        assert_eq!(size(0), size(8_000_000));
    }

    #[test]
    fn expires_moves_to_the_contact() {
        let style = Style {
            expires_in: ExpiresIn::Contact,
            contact_bytes: 0,
            ..style()
        };
        let message = written(
            &style,
            RequestId {
                device: 1,
                serial: 1,
            },
            "[::1]:40000",
        );
        assert!(
            fields::header(&message, "Contact")
                .unwrap()
                .ends_with(b"01>\";expires=60")
        );
        assert_eq!(fields::header(&message, "Expires"), None);
        assert!(
            fields::header(&message, "Call-ID")
                .unwrap()
                .ends_with(b"@[::1]")
        );
        assert_eq!(fields::headers(&message).count(), 11);
    }

    #[test]
    fn a_response_is_recognised_by_its_branch() {
        let template = Template::new(&style());
        let id = RequestId {
            device: 77,
            serial: 12,
        };
        let mut response = b"SIP/2.0 200 OK\r\n".to_vec();
        response.extend(written(&style(), id, "127.0.0.1:5070"));
        assert_eq!(template.recognise(&response), Some(id));
        let other = Template::new(&Style { run: 1, ..style() });
        assert_eq!(other.recognise(&response), None);
        for end in 0..110 {
            assert_eq!(template.recognise(&response[..end]), None, "cut at {end}");
        }
        assert_eq!(
            template.recognise("SIP/2.0 200 OK\r\nVia: z9hG4bK-mb-ééééééééééééé".as_bytes()),
            None
        );
    }
}
