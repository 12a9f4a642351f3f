//! A `CallScript` as a SIPp scenario.
//!
//! CSeq and branches are counted here and not by SIPp, which would give CANCEL, and the ACK to a refusal, a branch other
//! than the INVITE's. The same goes for the name of the called: its To-tag is known only once it has answered.

use std::fmt::Write as _;

use super::call_script::{CallScript, Credentials, Step};
use super::script::Identity;

const SDP: &str =
    "v=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\nm=audio 9 RTP/AVP 0\n";

/// Where a phone is reached.
const OWN_CONTACT: &str = "sip:[service]@[local_ip]:[local_port]";

const SUMMARY: &str = "Event: message-summary\nSubscription-State: terminated\n\
                       Content-Type: application/simple-message-summary\nContent-Length: [len]\n\n\
                       Messages-Waiting: yes\nVoice-Message: 1/0\n";

/// The scenario of a script for a phone.
pub(super) fn scenario(script: &CallScript, phone: &Identity<'_>) -> String {
    let mut writer = Writer {
        xml: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"call\">\n".to_owned(),
        script,
        phone,
        cseq: 0,
        target: String::new(),
    };
    for (index, step) in script.steps().iter().enumerate() {
        writer.step(index, step);
    }
    writer.xml.push_str("</scenario>\n");
    writer.xml
}

/// A request on its way out.
struct Outgoing<'a> {
    method: &'a str,
    target: &'a str,
    from: &'a str,
    to: &'a str,
    branch: &'a str,
    /// Header fields of its own, each with its line end.
    more: &'a str,
}

struct Writer<'a> {
    xml: String,
    script: &'a CallScript,
    phone: &'a Identity<'a>,
    /// Of the last request; an ACK and a CANCEL have that of their INVITE.
    cseq: u32,
    /// Request-URI of the last request outside of a dialog.
    target: String,
}

impl Writer<'_> {
    fn step(&mut self, index: usize, step: &Step) {
        match step {
            Step::Request {
                method,
                target,
                credentials,
            } => self.request(method, target, *credentials),
            Step::Within(method) => {
                self.cseq += 1;
                self.within(method);
            }
            Step::Resume(method, dialog) => {
                self.cseq = dialog.next_cseq();
                let routes: String = dialog
                    .routes()
                    .iter()
                    .map(|route| format!("Route: {route}\n"))
                    .collect();
                self.send(&Outgoing {
                    method,
                    target: dialog.target(),
                    from: dialog.from(),
                    to: dialog.to(),
                    branch: &self.branch(),
                    more: &routes,
                });
            }
            Step::Cancel => self.send_to_next_hop("CANCEL", ""),
            Step::AcknowledgeSuccess => self.within("ACK"),
            Step::AcknowledgeRefusal => self.send_to_next_hop("ACK", "[peer_tag_param]"),
            Step::Expect(status) => self.expect(*status),
            Step::BeAsked(method) => self.be_asked(index, method),
            Step::Reply(status) => self.reply(index, *status, OWN_CONTACT),
            Step::Redirect(target) => self.reply(index, 302, target),
        }
    }

    fn request(&mut self, method: &str, target: &str, credentials: Credentials) {
        self.cseq += 1;
        target.clone_into(&mut self.target);
        let Identity { user, password, .. } = self.phone;
        let more = match credentials {
            Credentials::Withheld => String::new(),
            Credentials::Shown => {
                format!("[authentication username={user} password={password}]\n")
            }
        };
        self.send(&Outgoing {
            method,
            target,
            from: &self.own_name(),
            to: &format!("<{target}>"),
            branch: &self.branch(),
            more: &more,
        });
    }

    /// What belongs to the last request and goes only as far as the next hop: same target, same branch.
    fn send_to_next_hop(&mut self, method: &str, tag: &str) {
        let target = self.target.clone();
        self.send(&Outgoing {
            method,
            target: &target,
            from: &self.own_name(),
            to: &format!("<{target}>{tag}"),
            branch: &self.branch(),
            more: "",
        });
    }

    fn within(&mut self, method: &str) {
        let (from, to) = if self.script.is_called() {
            let tag = self.phone.tag;
            (format!("[$called];tag={tag}"), "[$caller]".to_owned())
        } else {
            let to = format!("<{}>[peer_tag_param]", self.target);
            (self.own_name(), to)
        };
        self.send(&Outgoing {
            method,
            target: "[next_url]",
            from: &from,
            to: &to,
            branch: &format!("{}-{method}", self.branch()),
            more: "[routes]\n",
        });
    }

    fn send(&mut self, request: &Outgoing<'_>) {
        let Outgoing {
            method,
            target,
            from,
            to,
            branch,
            more,
        } = request;
        // T1 of RFC 3261 §17.1.1.1. An ACK is sent once.
        let retrans = if *method == "ACK" {
            ""
        } else {
            " retrans=\"500\""
        };
        let body = match *method {
            "INVITE" => format!("Content-Type: application/sdp\nContent-Length: [len]\n\n{SDP}"),
            "MESSAGE" => "Content-Type: text/plain\nContent-Length: [len]\n\nhello\n".to_owned(),
            "NOTIFY" => SUMMARY.to_owned(),
            _ => "Content-Length: 0\n\n".to_owned(),
        };
        let cseq = self.cseq;
        let _ = write!(
            self.xml,
            "<send{retrans}><![CDATA[\n\
             {method} {target} SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch};rport\n\
             {more}\
             Max-Forwards: 70\n\
             From: {from}\n\
             To: {to}\n\
             Call-ID: [call_id]\n\
             CSeq: {cseq} {method}\n\
             Contact: <{OWN_CONTACT}>\n\
             {body}\
             ]]></send>\n"
        );
    }

    /// Before a final response 100 may come, and 180 if the script does not wait for it. SIPp keeps what it needs to answer
    /// a challenge, and the route of a dialog.
    fn expect(&mut self, status: u16) {
        let waits_for_ringing = self
            .script
            .steps()
            .iter()
            .any(|step| matches!(step, Step::Expect(180)));
        let optional: &[u16] = match status {
            100 => &[],
            180 => &[100],
            _ if waits_for_ringing => &[],
            _ => &[100, 180],
        };
        for status in optional {
            let _ = writeln!(self.xml, "<recv response=\"{status}\" optional=\"true\"/>");
        }
        let keep = match status {
            401 | 407 => " auth=\"true\"",
            200 => " rrs=\"true\"",
            _ => "",
        };
        let _ = writeln!(self.xml, "<recv response=\"{status}\"{keep}/>");
    }

    fn be_asked(&mut self, index: usize, method: &str) {
        let speaks_later = self
            .script
            .steps()
            .iter()
            .any(|step| matches!(step, Step::Within(_)));
        if index == 0 && speaks_later {
            let _ = writeln!(
                self.xml,
                "<recv request=\"{method}\" rrs=\"true\"><action>\n\
                 <ereg regexp=\"[^ ].*\" search_in=\"hdr\" header=\"From:\" assign_to=\"caller\"/>\n\
                 <ereg regexp=\"[^ ].*\" search_in=\"hdr\" header=\"To:\" assign_to=\"called\"/>\n\
                 </action></recv>"
            );
        } else {
            let _ = writeln!(self.xml, "<recv request=\"{method}\"/>");
        }
    }

    /// The To-tag is added where a request had none: in answer to the first, unless that came within a dialog.
    fn reply(&mut self, index: usize, status: u16, contact: &str) {
        let asked = |step: &Step| {
            if let Step::BeAsked(method) = step {
                Some(method.clone())
            } else {
                None
            }
        };
        let before = &self.script.steps()[..index];
        let asked: Vec<String> = before.iter().filter_map(asked).collect();
        let method = asked.last().cloned().unwrap_or_default();
        let tag = self.phone.tag;
        let tag = if asked.len() == 1 && method != "BYE" {
            format!(";tag={tag}")
        } else {
            String::new()
        };
        let reason = match status {
            180 => "Ringing",
            200 => "OK",
            302 => "Moved Temporarily",
            486 => "Busy Here",
            603 => "Decline",
            _ => "Whatever",
        };
        let (retrans, body) = if (method.as_str(), status) == ("INVITE", 200) {
            let sdp = format!("Content-Type: application/sdp\nContent-Length: [len]\n\n{SDP}");
            (" retrans=\"500\"", sdp)
        } else {
            ("", "Content-Length: 0\n\n".to_owned())
        };
        let _ = write!(
            self.xml,
            "<send{retrans}><![CDATA[\n\
             SIP/2.0 {status} {reason}\n\
             [last_Via:]\n\
             [last_Record-Route:]\n\
             [last_From:]\n\
             [last_To:]{tag}\n\
             [last_Call-ID:]\n\
             [last_CSeq:]\n\
             Contact: <{contact}>\n\
             {body}\
             ]]></send>\n"
        );
    }

    /// Of a caller.
    fn own_name(&self) -> String {
        let Identity {
            user, domain, tag, ..
        } = self.phone;
        format!("<sip:{user}@{domain}>;tag={tag}")
    }

    /// Of the last request.
    fn branch(&self) -> String {
        format!("z9hG4bK-{}-[call_id]-{}", self.phone.tag, self.cseq)
    }
}
