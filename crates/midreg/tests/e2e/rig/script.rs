//! `Script`: what a SIPp phone does, step by step, and its form as a SIPp scenario.

use std::fmt::Write as _;
use std::iter;
use std::time::Duration;

/// The steps of a phone. SIPp fails the moment anything else than the expected answer arrives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Register {
        contact_lines: String,
        credentials: Credentials,
    },
    Expect(u16),
    ExpectEither(u16, u16),
    Pause(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credentials {
    Withheld,
    Shown,
}

impl Script {
    /// Sends a REGISTER without credentials. `contact_lines` are its Contact header fields, and Expires if wanted.
    pub(crate) fn register(self, contact_lines: impl Into<String>) -> Self {
        self.then(Step::Register {
            contact_lines: contact_lines.into(),
            credentials: Credentials::Withheld,
        })
    }

    /// Sends a REGISTER with credentials that answer the last challenge.
    pub(crate) fn answer(self, contact_lines: impl Into<String>) -> Self {
        self.then(Step::Register {
            contact_lines: contact_lines.into(),
            credentials: Credentials::Shown,
        })
    }

    /// Waits for the final answer, which must be this one.
    pub(crate) fn expect(self, status: u16) -> Self {
        self.then(Step::Expect(status))
    }

    /// Waits for the final answer, which must be one of two.
    pub(crate) fn expect_either(self, status: u16, other: u16) -> Self {
        self.then(Step::ExpectEither(status, other))
    }

    /// Does nothing for a while; whatever arrives meanwhile is a failure.
    pub(crate) fn pause(self, time: Duration) -> Self {
        self.then(Step::Pause(time))
    }

    /// Appends the steps of another script.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.steps.extend(other.steps);
        self
    }

    /// The same steps, several times over.
    pub(crate) fn times(self, count: usize) -> Self {
        Self {
            steps: iter::repeat_n(self.steps, count).flatten().collect(),
        }
    }

    /// Number of REGISTERs it sends, retransmissions aside.
    pub(super) fn requests(&self) -> u32 {
        let requests = self
            .steps
            .iter()
            .filter(|step| matches!(step, Step::Register { .. }))
            .count();
        u32::try_from(requests).expect("a script of sane length")
    }

    /// The time that it spends in pauses.
    pub(super) fn pauses(&self) -> Duration {
        self.steps
            .iter()
            .map(|step| {
                if let Step::Pause(time) = step {
                    *time
                } else {
                    Duration::ZERO
                }
            })
            .sum()
    }

    /// The SIPp scenario for a phone.
    pub(super) fn scenario(&self, phone: &Identity<'_>) -> String {
        let mut xml =
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"phone\">\n".to_owned();
        for (label, step) in self.steps.iter().enumerate() {
            let _ = match step {
                Step::Register {
                    contact_lines,
                    credentials,
                } => {
                    let contact_lines = contact_lines.trim_end();
                    write!(xml, "{}", send(phone, contact_lines, *credentials))
                }
                Step::Expect(status) => write!(xml, "{}", receive(*status)),
                Step::ExpectEither(status, other) => {
                    write!(xml, "{}", receive_either(*status, *other, label))
                }
                Step::Pause(time) => {
                    writeln!(xml, "<pause milliseconds=\"{}\"/>", time.as_millis())
                }
            };
        }
        xml.push_str("</scenario>\n");
        xml
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

/// What a phone says of itself.
pub(super) struct Identity<'a> {
    pub(super) user: &'a str,
    pub(super) domain: &'a str,
    /// From-tag.
    pub(super) tag: &'a str,
    pub(super) password: &'a str,
}

/// `retrans`: T1 of RFC 3261 §17.1.2.2.
fn send(phone: &Identity<'_>, contact_lines: &str, credentials: Credentials) -> String {
    let Identity {
        user,
        domain,
        tag,
        password,
    } = phone;
    let authorization = match credentials {
        Credentials::Withheld => String::new(),
        Credentials::Shown => {
            format!("[authentication username={user} password={password}]\n")
        }
    };
    format!(
        "<send retrans=\"500\"><![CDATA[\n\
         REGISTER sip:{domain} SIP/2.0\n\
         Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n\
         Max-Forwards: 70\n\
         From: <sip:{user}@{domain}>;tag={tag}\n\
         To: <sip:{user}@{domain}>\n\
         Call-ID: [call_id]\n\
         CSeq: [cseq] REGISTER\n\
         {contact_lines}\n\
         {authorization}\
         User-Agent: SIPp\n\
         Content-Length: 0\n\
         \n\
         ]]></send>\n"
    )
}

/// A provisional answer may come first. Of a challenge SIPp keeps what it needs to answer it.
fn receive(status: u16) -> String {
    let keep = if status == 401 { " auth=\"true\"" } else { "" };
    format!("<recv response=\"100\" optional=\"true\"/>\n<recv response=\"{status}\"{keep}/>\n")
}

/// The label stands behind both, for the first to jump over the second.
fn receive_either(status: u16, other: u16, label: usize) -> String {
    format!(
        "<recv response=\"100\" optional=\"true\"/>\n<recv response=\"{status}\" optional=\"true\" next=\"{label}\"/>\n\
         <recv response=\"{other}\"/>\n<label id=\"{label}\"/>\n"
    )
}
