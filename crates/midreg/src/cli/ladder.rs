//! `Ladder`: messages as arrows between a device, midreg and the main registrar, one line each, as they
//! come.

use std::net::SocketAddr;

use sip::{Message, Name};

use super::table::printable;
use crate::control::wire::Sighting;

/// Room for what stands over an arrow.
const LANE: usize = 38;

/// Who is who.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    /// Addresses of the main registrar's servers.
    upstream: Vec<SocketAddr>,
    /// Addresses of devices, in the order they were seen; the first is 1.
    devices: Vec<String>,
}

/// On which side of midreg something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Device,
    Main,
}

impl Ladder {
    /// A ladder whose right side are these addresses.
    pub(super) fn new(upstream: &[String]) -> Self {
        let upstream = upstream.iter().filter_map(|text| text.parse().ok());
        Self {
            upstream: upstream.collect(),
            devices: Vec::new(),
        }
    }

    /// What stands over all.
    pub(super) fn head() -> String {
        format!(
            "{:12}  {:>9} {:LANE$} {:^6} {:LANE$} {}\n",
            "time", "device", "", "midreg", "", "main"
        )
    }

    /// A message, preceded by who its device is if that was not seen before.
    pub(super) fn rung(&mut self, seen: &Sighting) -> String {
        let (side, mut text) = match self.is_main(&seen.remote) {
            true => (Side::Main, String::new()),
            false => (Side::Device, String::new()),
        };
        let name = match side {
            Side::Main => String::new(),
            Side::Device => {
                let (number, met) = self.number(&seen.remote);
                if met == Met::First {
                    text += &format!("{:12}  device {number} is at {}\n", "", seen.remote);
                }
                format!("device {number}")
            }
        };
        let label = label(seen);
        let (left, right) = match (side, seen.incoming) {
            (Side::Device, true) => (arrow(&label, Head::Right), blank()),
            (Side::Device, false) => (arrow(&label, Head::Left), blank()),
            (Side::Main, true) => (blank(), arrow(&label, Head::Left)),
            (Side::Main, false) => (blank(), arrow(&label, Head::Right)),
        };
        let end = match side {
            Side::Device => String::new(),
            Side::Main => format!(" {}", seen.remote),
        };
        let line = format!("{}  {name:>9} {left}   │    {right}{end}", clock(seen.at));
        text + line.trim_end() + "\n"
    }

    /// Whether an address is one of the main registrar's. On loopback, where a phone may have the
    /// same, the port has to be right, too.
    fn is_main(&self, remote: &str) -> bool {
        let Ok(remote) = remote.parse::<SocketAddr>() else {
            return false;
        };
        self.upstream.iter().any(|known| {
            *known == remote || (known.ip() == remote.ip() && !remote.ip().is_loopback())
        })
    }

    fn number(&mut self, remote: &str) -> (usize, Met) {
        match self.devices.iter().position(|known| known == remote) {
            Some(at) => (at + 1, Met::Before),
            None => {
                self.devices.push(remote.to_owned());
                (self.devices.len(), Met::First)
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Met {
    First,
    Before,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Left,
    Right,
}

/// What a message is, in a few words: its first line without what is the same in all, and its CSeq.
fn label(seen: &Sighting) -> String {
    let Some(text) = &seen.text else {
        return "not text".to_owned();
    };
    let Ok(message) = Message::parse(text.as_bytes()) else {
        return "not SIP".to_owned();
    };
    let cseq = message.header(Name::CSeq);
    let cseq = cseq.map_or_else(String::new, |cseq| {
        String::from_utf8_lossy(cseq.value).into_owned()
    });
    let first = text.lines().next().unwrap_or_default();
    let label = match (message.status(), message.request()) {
        (Some(_), _) => {
            let status = first.split_once(' ').map_or("", |(_, rest)| rest);
            format!("{status} ({cseq})")
        }
        (None, Some(_)) => {
            let method = first.split(' ').next().unwrap_or_default();
            let number = cseq.split(' ').next().unwrap_or_default();
            format!("{method}, CSeq {number}{}", lifetime(&message))
        }
        (None, None) => first.to_owned(),
    };
    printable(&label)
}

/// What a REGISTER asks for.
fn lifetime(message: &Message<'_>) -> String {
    let contact = message.header(Name::Contact);
    let contact = contact.and_then(|contact| std::str::from_utf8(contact.value).ok());
    let asked = contact.and_then(|contact| {
        let (_, rest) = contact.rsplit_once(";expires=")?;
        Some(rest.split([';', ',']).next().unwrap_or(rest).to_owned())
    });
    let header = || {
        let expires = message.header(Name::Expires)?;
        Some(String::from_utf8_lossy(expires.value).into_owned())
    };
    asked
        .or_else(header)
        .map_or_else(String::new, |asked| format!(", {asked} s"))
}

/// A label on a line with a head at one end.
fn arrow(label: &str, head: Head) -> String {
    let room = LANE - 4;
    let short: String = label.chars().take(room).collect();
    let shaft = "─".repeat(LANE - 3 - short.chars().count());
    match head {
        Head::Right => format!("{short} {shaft}─▶"),
        Head::Left => format!("◀─{shaft} {short}"),
    }
}

fn blank() -> String {
    " ".repeat(LANE)
}

/// Time of day in UTC.
pub(super) fn clock(at: u64) -> String {
    let (seconds, millis) = (at / 1000 % 86_400, at % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(first: &str, cseq: &str, remote: &str, incoming: bool) -> Sighting {
        let text = format!(
            "{first}\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: {cseq}\r\n\
             Contact: <sip:a@127.0.0.1>;expires=60\r\nContent-Length: 0\r\n\r\n"
        );
        Sighting {
            at: 1_700_000_000_123,
            incoming,
            remote: remote.to_owned(),
            local: "127.0.0.1:5060".to_owned(),
            text: Some(text),
            hex: None,
        }
    }

    #[test]
    fn a_registration_is_a_ladder() {
        let mut ladder = Ladder::new(&["127.0.0.1:5080".to_owned()]);
        let (phone, main) = ("127.0.0.1:40001", "127.0.0.1:5080");
        let register = "REGISTER sip:b SIP/2.0";
        let text: String = [
            seen(register, "1 REGISTER", phone, true),
            seen(register, "7 REGISTER", main, false),
            seen("SIP/2.0 200 OK", "7 REGISTER", main, true),
            seen("SIP/2.0 200 OK", "1 REGISTER", phone, false),
        ]
        .iter()
        .map(|one| ladder.rung(one))
        .collect();
        let wanted = [
            "              device 1 is at 127.0.0.1:40001",
            "22:13:20.123   device 1 REGISTER, CSeq 1, 60 s ──────────────▶   │",
            "22:13:20.123                                                     │    REGISTER, CSeq 7, 60 s ──────────────▶ 127.0.0.1:5080",
            "22:13:20.123                                                     │    ◀───────────────── 200 OK (7 REGISTER) 127.0.0.1:5080",
            "22:13:20.123   device 1 ◀───────────────── 200 OK (1 REGISTER)   │",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), wanted, "\n{text}");
    }

    #[test]
    fn what_is_no_message_is_a_rung_all_the_same() {
        let mut ladder = Ladder::new(&[]);
        let odd = Sighting {
            remote: "192.0.2.1:5060".to_owned(),
            text: Some("\x1b[2J".to_owned()),
            ..Sighting::default()
        };
        assert!(ladder.rung(&odd).contains("not SIP"));
    }
}
