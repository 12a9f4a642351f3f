//! `Script`: what the caller says, written by copying. Every message of a call carries its [`CallId`], in the
//! Call-ID and in each branch of the caller's, so that any datagram can be traced to its call by one search.

use std::io::Write as _;
use std::net::SocketAddr;

use crate::template::write_user;

/// Before the number of a call, wherever that stands.
const PREFIX: &[u8] = b"mc-";
/// Hexadecimal digits of run, slot and serial together.
const DIGITS: usize = 24;
/// What an SDP offer or answer of one audio stream looks like.
const SDP: &str = "v=0\r\no=- 3724394400 3724394400 IN IP4 192.0.2.10\r\ns=call\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n\
    m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/// Which call of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallId {
    /// The slot that it runs in.
    pub slot: u32,
    /// How many calls that slot has had.
    pub serial: u32,
}

/// What the caller knows of the far end once it has answered.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct FarEnd {
    /// Contact URI of the device: the Request-URI of what follows.
    pub target: Vec<u8>,
    /// Route lines, whole (RFC 3261 §12.1.2: the Record-Routes, backwards).
    pub routes: Vec<u8>,
    /// To, with its tag.
    pub to: Vec<u8>,
}

/// Writes the messages of one run.
pub struct Script {
    caller: SocketAddr,
    domain: String,
    /// `mc-` and the number of the run.
    mark: Vec<u8>,
    offer: String,
    answer: String,
}

/// Which request of the dialog after the INVITE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Later {
    /// The ACK to a 2xx.
    Ack,
    /// The end of the call.
    Bye,
}

impl Script {
    /// The words of a caller at this address. `run` tells this run's messages from those of any other.
    pub fn new(caller: SocketAddr, domain: &str, run: u32) -> Self {
        let with_sdp = |agent: &str| {
            format!(
                "User-Agent: {agent}\r\n\
                 Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, MESSAGE, UPDATE\r\n\
                 Supported: replaces, timer\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
                SDP.len()
            )
        };
        Self {
            caller,
            domain: domain.to_owned(),
            mark: [PREFIX, format!("{run:08x}").as_bytes()].concat(),
            offer: with_sdp("midreg-bench caller/1.0 (load generator)"),
            answer: with_sdp("midreg-bench phone/1.0 (load generator)"),
        }
    }

    /// Which call a datagram belongs to; `None` for other runs' and for what is no call.
    pub fn recognise(&self, datagram: &[u8]) -> Option<CallId> {
        let start = crate::fields::find(datagram, &self.mark)? + PREFIX.len();
        let digits = std::str::from_utf8(datagram.get(start..start + DIGITS)?).ok()?;
        let number = |at: usize| u32::from_str_radix(digits.get(at..at + 8)?, 16).ok();
        Some(CallId {
            slot: number(8)?,
            serial: number(16)?,
        })
    }

    /// Appends the INVITE to user number `user`, who is reached by the Request-URI `target`.
    pub fn invite(&self, id: CallId, user: u32, target: &[u8], out: &mut Vec<u8>) {
        self.begin("INVITE", target, (id, 'i'), out);
        self.from(id, out);
        out.extend_from_slice(b"To: ");
        self.address_of(user, out);
        put(out, format_args!("\r\nCSeq: 1 INVITE\r\n"));
        put(
            out,
            format_args!("Contact: <sip:gateway@{}>\r\n", self.caller),
        );
        out.extend_from_slice(self.offer.as_bytes());
    }

    /// Appends the ACK to a refusal (RFC 3261 §17.1.1.3); `to` is the refusal's.
    pub fn ack_refusal(&self, id: CallId, target: &[u8], to: &[u8], out: &mut Vec<u8>) {
        self.begin("ACK", target, (id, 'i'), out);
        self.from(id, out);
        end_in_dialog("1 ACK", to, out);
    }

    /// Appends a request to the device that answered (RFC 3261 §12.2.1.1).
    pub fn later(&self, what: Later, id: CallId, far: &FarEnd, out: &mut Vec<u8>) {
        let (method, letter, cseq) = match what {
            Later::Ack => ("ACK", 'a', "1 ACK"),
            Later::Bye => ("BYE", 'b', "2 BYE"),
        };
        self.begin(method, &far.target, (id, letter), out);
        out.extend_from_slice(&far.routes);
        self.from(id, out);
        end_in_dialog(cseq, &far.to, out);
    }

    /// What a device says after the head of its 2xx to an INVITE.
    pub fn answer(&self) -> &[u8] {
        self.answer.as_bytes()
    }

    fn begin(&self, method: &str, target: &[u8], (id, letter): (CallId, char), out: &mut Vec<u8>) {
        put(out, format_args!("{method} "));
        out.extend_from_slice(target);
        put(
            out,
            format_args!(
                " SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK-",
                self.caller
            ),
        );
        self.write_id(id, out);
        put(out, format_args!("{letter};rport\r\nMax-Forwards: 70\r\n"));
    }

    fn from(&self, id: CallId, out: &mut Vec<u8>) {
        put(
            out,
            format_args!(
                "From: \"Caller\" <sip:+493012345678@{}>;tag={:08x}{:08x}\r\nCall-ID: ",
                self.domain, id.slot, id.serial
            ),
        );
        self.write_id(id, out);
        put(out, format_args!("@{}\r\n", self.caller.ip()));
    }

    fn address_of(&self, user: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<sip:");
        write_user(user, out);
        put(out, format_args!("@{}>", self.domain));
    }

    fn write_id(&self, id: CallId, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.mark);
        put(out, format_args!("{:08x}{:08x}", id.slot, id.serial));
    }
}

fn end_in_dialog(cseq: &str, to: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"To: ");
    out.extend_from_slice(to);
    put(
        out,
        format_args!("\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n"),
    );
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing into a Vec cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields;

    const ID: CallId = CallId {
        slot: 3,
        serial: 0x1f,
    };

    fn script() -> Script {
        Script::new("127.0.0.1:5080".parse().unwrap(), "example.com", 0xabcd)
    }

    fn value(message: &[u8], name: &str) -> String {
        String::from_utf8(fields::header(message, name).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn an_invite_as_a_gateway_sends_it() {
        let mut out = Vec::new();
        script().invite(ID, 42, b"sip:u0000042@192.0.2.1;mr=x", &mut out);
        assert_eq!(
            fields::start_line(&out),
            b"INVITE sip:u0000042@192.0.2.1;mr=x SIP/2.0"
        );
        assert_eq!(
            value(&out, "Via"),
            "SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-mc-0000abcd000000030000001fi;rport"
        );
        assert_eq!(
            value(&out, "Call-ID"),
            "mc-0000abcd000000030000001f@127.0.0.1"
        );
        assert_eq!(value(&out, "To"), "<sip:u0000042@example.com>");
        let body = out.len() - fields::find(&out, b"\r\n\r\n").unwrap() - 4;
        assert_eq!(value(&out, "Content-Length"), body.to_string());
        assert!((700..=1100).contains(&out.len()), "{} bytes", out.len());
    }

    #[test]
    fn requests_of_the_dialog_go_where_the_far_end_says() {
        let far = FarEnd {
            target: b"sip:u0000042@127.0.0.1:6001".to_vec(),
            routes: b"Route: <sip:t@us;lr>\r\n".to_vec(),
            to: b"<sip:u0000042@example.com>;tag=d".to_vec(),
        };
        let (mut ack, mut bye) = (Vec::new(), Vec::new());
        script().later(Later::Ack, ID, &far, &mut ack);
        script().later(Later::Bye, ID, &far, &mut bye);
        for (message, method, cseq) in [(&ack, "ACK", "1 ACK"), (&bye, "BYE", "2 BYE")] {
            let line = format!("{method} sip:u0000042@127.0.0.1:6001 SIP/2.0");
            assert_eq!(fields::start_line(message), line.as_bytes());
            assert_eq!(value(message, "Route"), "<sip:t@us;lr>");
            assert_eq!(value(message, "CSeq"), cseq);
            assert_eq!(value(message, "To"), "<sip:u0000042@example.com>;tag=d");
        }
        assert_ne!(value(&ack, "Via"), value(&bye, "Via"));
    }

    #[test]
    fn a_refusal_is_acknowledged_in_its_own_transaction() {
        let (mut invite, mut ack) = (Vec::new(), Vec::new());
        script().invite(ID, 1, b"sip:a@b", &mut invite);
        script().ack_refusal(ID, b"sip:a@b", b"<sip:a@b>;tag=x", &mut ack);
        assert_eq!(value(&invite, "Via"), value(&ack, "Via"));
        assert_eq!(value(&ack, "CSeq"), "1 ACK");
    }

    #[test]
    fn every_message_of_a_call_is_recognised() {
        let script = script();
        let mut out = Vec::new();
        script.invite(ID, 1, b"sip:a@b", &mut out);
        assert_eq!(script.recognise(&out), Some(ID));
        assert_eq!(
            script.recognise(b"CANCEL sip:a SIP/2.0\r\nCall-ID: mc-0000abcd000000030000001f@x\r\n"),
            Some(ID)
        );
        let other = Script::new("127.0.0.1:5080".parse().unwrap(), "example.com", 1);
        assert_eq!(other.recognise(&out), None);
        let cut = fields::find(&out, b"mc-").unwrap() + 20;
        assert_eq!(script.recognise(&out[..cut]), None);
        assert_eq!(script.recognise(b""), None);
    }
}
