//! `Stage`: the engine alone, with phones and a main registrar that say what a test has them say.

use core::net::SocketAddr;
use core::time::Duration;

use engine::policy::{Mode, Policy};
use midreg_sim::policy::{address, main_address, with};
use midreg_sim::rig::Rig;
use midreg_sim::{Packet, Phone};

/// The engine alone.
pub(crate) struct Stage {
    pub(crate) rig: Rig,
    branches: u32,
}

/// What a request says besides what all of them say.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) uri: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    /// More header lines, each with its end.
    pub(crate) more: String,
    /// A branch of its own; else a new one.
    pub(crate) branch: Option<String>,
}

impl Ask {
    /// A request of this method.
    pub(crate) fn new(method: &'static str, uri: &str) -> Self {
        Self {
            method,
            uri: uri.to_owned(),
            from: "<sip:caller@example.net>;tag=caller".to_owned(),
            to: "<sip:bob@example.org>".to_owned(),
            call_id: "call-1".to_owned(),
            cseq: 1,
            more: String::new(),
            branch: None,
        }
    }

    /// The same with more header lines, each with its end.
    pub(crate) fn with(mut self, lines: &str) -> Self {
        self.more.push_str(lines);
        self
    }

    /// The same from somebody.
    pub(crate) fn from(mut self, from: &str) -> Self {
        self.from = from.to_owned();
        self
    }

    /// The same to somebody.
    pub(crate) fn to(mut self, to: &str) -> Self {
        self.to = to.to_owned();
        self
    }

    /// The same with this branch.
    pub(crate) fn branch(mut self, branch: &str) -> Self {
        self.branch = Some(branch.to_owned());
        self
    }
}

impl Stage {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            rig: Rig::new(policy, 1),
            branches: 0,
        }
    }

    /// A phone registers; the main registrar accepts. The Contact, or Path, that stands for it there.
    pub(crate) fn register(&mut self, phone: &mut Phone) -> String {
        let bytes = phone.register();
        self.rig.send_from(phone.address, &bytes);
        let sent = self.rig.take_sent();
        let Some(asked) = sent.iter().find(|packet| packet.to == main_address(0)) else {
            let answer = sent.iter().find(|packet| packet.to == phone.address);
            assert_eq!(answer.map(Packet::status), Some(200), "not registered");
            return String::new();
        };
        let contact = asked.value("Contact").unwrap();
        let told = answer(asked, 200, "OK", &format!("Contact: {contact}\r\n"));
        let path = asked.value("Path");
        self.rig.send_from(main_address(0), told.as_bytes());
        let sent = self.rig.take_sent();
        assert!(
            sent.iter()
                .any(|packet| packet.to == phone.address && packet.status() == 200)
        );
        let inner = |text: String| {
            let text = text.split('<').nth(1).unwrap().to_owned();
            text.split('>').next().unwrap().to_owned()
        };
        inner(path.unwrap_or(contact))
    }

    /// Somebody sends a request; what is sent at once.
    pub(crate) fn ask(&mut self, from: SocketAddr, ask: &Ask) -> Vec<Packet> {
        self.branches += 1;
        let branch = match &ask.branch {
            Some(branch) => branch.clone(),
            None => format!("z9hG4bKask{}", self.branches),
        };
        let max = match ask.more.contains("Max-Forwards") {
            true => "",
            false => "Max-Forwards: 70\r\n",
        };
        let text = format!(
            "{} {} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {from};branch={branch};rport\r\n\
             {max}From: {}\r\n\
             To: {}\r\n\
             Call-ID: {}\r\n\
             CSeq: {} {}\r\n\
             Contact: <sip:far@{from}>\r\n\
             {}Content-Length: 4\r\n\r\nbody",
            ask.method, ask.uri, ask.from, ask.to, ask.call_id, ask.cseq, ask.method, ask.more
        );
        self.say(from, &text)
    }

    /// Somebody sends something; what is sent at once.
    pub(crate) fn say(&mut self, from: SocketAddr, text: &str) -> Vec<Packet> {
        self.rig.send_from(from, text.as_bytes());
        self.rig.take_sent()
    }

    /// Somebody answers a request that reached him; what is sent at once.
    pub(crate) fn answer(&mut self, asked: &Packet, status: u16, more: &str) -> Vec<Packet> {
        let text = answer(asked, status, "Said", more);
        self.say(asked.to, &text)
    }

    /// Time passes; what is sent meanwhile.
    pub(crate) fn wait(&mut self, millis: u64) -> Vec<Packet> {
        self.rig.advance(Duration::from_millis(millis));
        self.rig.take_sent()
    }

    /// When a long time has passed nothing is left.
    pub(crate) fn ends_clean(mut self) {
        self.rig.advance(Duration::from_secs(400));
        let totals = self.rig.totals();
        assert_eq!(
            (totals.forks, totals.server_transactions),
            (0, 0),
            "{totals:?}"
        );
    }
}

/// The main registrar's address.
pub(crate) fn main_registrar() -> SocketAddr {
    main_address(0)
}

/// No main registrar, and everybody may register.
pub(crate) fn standalone() -> Policy {
    let mut policy = with(Mode::Standalone, 1);
    policy.upstream.servers.clear();
    policy
}

/// A stranger's.
pub(crate) fn stranger() -> SocketAddr {
    address("198.51.100.66:5060")
}

/// An answer to a request that was sent by us.
pub(crate) fn answer(asked: &Packet, status: u16, reason: &str, more: &str) -> String {
    let field = |name: &str| asked.value(name).unwrap_or_default();
    let to = match field("To") {
        to if to.contains("tag=") || status == 100 => to,
        to => format!("{to};tag=of-{}", asked.to.port()),
    };
    let lines = |name: &str| {
        let all = asked.all(name);
        all.iter()
            .map(|value| format!("{name}: {value}\r\n"))
            .collect::<String>()
    };
    format!(
        "SIP/2.0 {status} {reason}\r\n{}{}From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}Content-Length: 0\r\n\r\n",
        lines("Via"),
        lines("Record-Route"),
        field("From"),
        field("Call-ID"),
        field("CSeq"),
    )
}

/// What was sent to somebody.
pub(crate) fn to(sent: &[Packet], whom: SocketAddr) -> Vec<&Packet> {
    sent.iter().filter(|packet| packet.to == whom).collect()
}

/// The one message that was sent to somebody.
pub(crate) fn only(sent: &[Packet], whom: SocketAddr) -> &Packet {
    let theirs = to(sent, whom);
    let texts: Vec<String> = sent.iter().map(Packet::text).collect();
    assert_eq!(theirs.len(), 1, "to {whom}: {}", texts.join("\n"));
    theirs[0]
}

/// The first word of a message: its method, or `SIP/2.0`.
pub(crate) fn method(packet: &Packet) -> String {
    packet.text().split(' ').next().unwrap().to_owned()
}

/// The Request-URI.
pub(crate) fn uri(packet: &Packet) -> String {
    packet.text().split(' ').nth(1).unwrap().to_owned()
}
