//! `Message`: a SIP message as a program wrote it into its trace, and `Trace`: all of them in order.
//!
//! A reader of its own, as plain as can be: the tests must not depend on the parser they test.

/// A SIP request or response without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    first_line: String,
    headers: Vec<(String, String)>,
}

impl Message {
    /// Reads a message; `None` for anything else. Header fields must not be folded (no program here folds them).
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let first_line = lines.next()?.trim_end();
        if !first_line.starts_with("SIP/2.0 ") && !first_line.ends_with(" SIP/2.0") {
            return None;
        }
        let headers = lines
            .take_while(|line| !line.trim().is_empty())
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self {
            first_line: first_line.to_owned(),
            headers,
        })
    }

    /// Status code of a response.
    pub(crate) fn status(&self) -> Option<u16> {
        let rest = self.first_line.strip_prefix("SIP/2.0 ")?;
        rest.split(' ').next()?.parse().ok()
    }

    /// Method of a request.
    pub(crate) fn method(&self) -> Option<&str> {
        let (method, _) = self.first_line.split_once(' ')?;
        self.status().is_none().then_some(method)
    }

    /// Request-URI of a request.
    pub(crate) fn target(&self) -> Option<&str> {
        self.method()?;
        self.first_line.split(' ').nth(1)
    }

    /// Method of the request, or of the request that is answered.
    pub(crate) fn about(&self) -> &str {
        let cseq = self.header("CSeq").unwrap_or_default();
        cseq.split_whitespace().nth(1).unwrap_or_default()
    }

    /// The value of the first header field of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.fields(name).next()
    }

    /// The values of all header fields of that name, those between commas apart. For fields whose values have no comma.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.fields(name)
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect()
    }

    /// The URI between the angle brackets of a header field's first value.
    pub(crate) fn uri(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.header(name)?.split_once('<')?;
        rest.split('>').next()
    }

    fn fields(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the program that wrote it down.
    Sent,
    /// To it.
    Received,
}

/// What a program sent and received, in order, repetitions included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    messages: Vec<(Way, Message)>,
}

impl FromIterator<(Way, Message)> for Trace {
    fn from_iter<T: IntoIterator<Item = (Way, Message)>>(messages: T) -> Self {
        Self {
            messages: messages.into_iter().collect(),
        }
    }
}

impl Trace {
    /// What it received.
    pub(crate) fn received(&self) -> impl Iterator<Item = &Message> {
        self.went(Way::Received)
    }

    /// The status codes that it got for requests of a method, repetitions once.
    pub(crate) fn statuses(&self, method: &str) -> Vec<u16> {
        let mut seen: Vec<&Message> = Vec::new();
        for message in self.received().filter(|message| message.about() == method) {
            if message.status().is_some() && !seen.contains(&message) {
                seen.push(message);
            }
        }
        seen.iter().filter_map(|message| message.status()).collect()
    }

    /// The final status that it got for a request of a method; the last, where it was asked to prove itself.
    pub(crate) fn outcome(&self, method: &str) -> Option<u16> {
        let statuses = self.statuses(method);
        statuses.into_iter().rfind(|&status| status >= 200)
    }

    /// The first request of a method that it received.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn request(&self, method: &str) -> &Message {
        self.received()
            .find(|message| message.method() == Some(method))
            .unwrap_or_else(|| panic!("no {method} came: {self:#?}"))
    }

    /// Did a request of a method come?
    pub(crate) fn has_request(&self, method: &str) -> bool {
        self.received()
            .any(|message| message.method() == Some(method))
    }

    /// The first response of a status that it received.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn response(&self, status: u16) -> &Message {
        self.received()
            .find(|message| message.status() == Some(status))
            .unwrap_or_else(|| panic!("no {status} came: {self:#?}"))
    }

    /// The last message that it sent of which `wanted` holds.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn sent(&self, wanted: impl Fn(&Message) -> bool) -> &Message {
        self.went(Way::Sent)
            .filter(|message| wanted(message))
            .last()
            .unwrap_or_else(|| panic!("nothing of the kind was sent: {self:#?}"))
    }

    fn went(&self, wanted: Way) -> impl Iterator<Item = &Message> {
        self.messages
            .iter()
            .filter(move |(way, _)| *way == wanted)
            .map(|(_, message)| message)
    }
}

#[cfg(test)]
mod tests {
    use super::{Message, Trace, Way};

    const INVITE: &str = "INVITE sip:a@127.0.0.1:1 SIP/2.0\r\nRecord-Route: <sip:x;lr>, <sip:y;lr>\r\nRecord-Route: <sip:z;lr>\r\n\
                          Contact: \"A\" <sip:b@127.0.0.1:2>;q=1\r\nCSeq: 7 INVITE\r\n\r\nv=0\r\n";

    #[test]
    fn reads_requests_and_responses() {
        let request = Message::read(INVITE).expect("a request");
        assert_eq!(request.method(), Some("INVITE"));
        assert_eq!(request.target(), Some("sip:a@127.0.0.1:1"));
        assert_eq!(request.status(), None);
        let routes = ["<sip:x;lr>", "<sip:y;lr>", "<sip:z;lr>"];
        assert_eq!(request.values("record-route"), routes);
        assert_eq!(request.uri("Contact"), Some("sip:b@127.0.0.1:2"));

        let response =
            Message::read("SIP/2.0 486 Busy Here\r\nCSeq: 7 INVITE\r\n\r\n").expect("a response");
        assert_eq!((response.status(), response.method()), (Some(486), None));
        assert_eq!(response.about(), "INVITE");
        assert_eq!(Message::read("ua: nothing of the kind\n"), None);
    }

    #[test]
    fn counts_a_repeated_answer_once() {
        let answer = |text: &str| (Way::Received, Message::read(text).expect("a response"));
        let trying = "SIP/2.0 100 Trying\r\nCSeq: 1 INVITE\r\n\r\n";
        let fine = "SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n";
        let trace: Trace = [trying, fine, fine].map(answer).into_iter().collect();
        assert_eq!(trace.statuses("INVITE"), [100, 200]);
        assert_eq!(trace.outcome("INVITE"), Some(200));
        assert_eq!(trace.outcome("BYE"), None);
    }
}
