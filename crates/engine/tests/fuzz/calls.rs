//! What is no REGISTER: requests from both sides, to addresses and along routes that midreg itself
//! wrote, and the answers to what it sends on.

use core::net::SocketAddr;

/// A request, with a few choices for each part.
#[derive(Clone, Debug, bolero::TypeGenerator)]
pub(crate) struct Call {
    pub(crate) upstream: bool,
    pub(crate) phone: u8,
    method: u8,
    uri: u8,
    route: u8,
    branch: u8,
    dialog: u8,
    extras: u8,
    pub(crate) damage: Option<(u16, u8)>,
}

/// An answer to a request that midreg sent to somebody.
#[derive(Clone, Debug, bolero::TypeGenerator)]
pub(crate) struct Reaction {
    pub(crate) which: u8,
    status: u8,
    pub(crate) again: bool,
    pub(crate) damage: Option<(u16, u8)>,
}

const METHODS: [&str; 10] = [
    "INVITE", "INVITE", "INVITE", "CANCEL", "ACK", "BYE", "MESSAGE", "NOTIFY", "OPTIONS", "STRANGE",
];

const EXTRAS: [&str; 8] = [
    "Max-Breadth: 1\r\n",
    "Max-Forwards: 0\r\n",
    "Proxy-Require: x\r\n",
    "Event: message-summary\r\n",
    "Route: <sip:127.0.0.1:5060;lr>\r\n",
    "Route: <sip:strict.example.com>\r\n",
    "Record-Route: <sip:other.example.com;lr>\r\n",
    "X-Unknown: yes\r\n folded\r\n",
];

impl Call {
    /// The request; `known` are URIs that midreg has written.
    pub(crate) fn write(&self, from: SocketAddr, known: &[String]) -> Vec<u8> {
        let method = METHODS[usize::from(self.method) % METHODS.len()];
        let pick = |choice: u8| match known.len() {
            0 => "sip:u0%40example.com@127.0.0.1:5060",
            many => &known[usize::from(choice) % many],
        };
        let uri = match self.uri % 4 {
            0 => "sip:u1@example.com",
            _ => pick(self.uri / 4),
        };
        let (local, remote) = match self.dialog % 4 {
            0 => (";tag=l", ";tag=r"),
            1 => (";tag=r", ";tag=l"),
            _ => (";tag=l", ""),
        };
        let mut text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKc{};rport\r\n\
             From: <sip:u{}@example.com>{local}\r\nTo: <sip:u1@example.com>{remote}\r\n\
             Call-ID: call{}\r\nCSeq: {} {method}\r\nContact: <sip:far@{from}>\r\n",
            self.branch % 4,
            self.phone % 2,
            self.dialog % 2,
            self.dialog % 3,
        );
        if self.route.is_multiple_of(3) {
            text += &format!("Route: <{}>\r\n", pick(self.route / 3));
        }
        for (bit, line) in EXTRAS.iter().enumerate() {
            if self.extras & (1 << bit) != 0 {
                text += line;
            }
        }
        text += "Content-Length: 0\r\n\r\n";
        text.into_bytes()
    }
}

impl Reaction {
    /// The answer to `request`.
    pub(crate) fn write(&self, request: &[u8]) -> Vec<u8> {
        const STATUSES: [u16; 10] = [100, 180, 183, 200, 202, 302, 407, 486, 503, 603];
        let status = STATUSES[usize::from(self.status) % STATUSES.len()];
        let mut answer = format!("SIP/2.0 {status} Whatever\r\n");
        for line in String::from_utf8_lossy(request).lines() {
            let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:"];
            if copied.iter().any(|name| line.starts_with(name)) {
                answer += &format!("{line}\r\n");
            }
        }
        answer += "Contact: <sip:moved@10.0.0.7>\r\nProxy-Authenticate: Digest realm=\"x\"\r\n";
        answer += "Content-Length: 0\r\n\r\n";
        answer.into_bytes()
    }
}

/// The URIs in angle brackets that midreg wrote into a message: our Contacts, Paths and routes.
pub(crate) fn uris(message: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(message);
    let ours = text.lines().filter(|line| {
        let names = ["Contact:", "Path:", "Record-Route:"];
        names.iter().any(|name| line.starts_with(name)) && line.contains("@127.0.0.1:5060")
    });
    ours.filter_map(|line| Some(line.split('<').nth(1)?.split('>').next()?.to_owned()))
        .collect()
}
