//! `Listen`: one `[[listen]]`, an address that midreg is reached at.

use std::net::SocketAddr;

use engine::policy::Side;

use super::address::{self, SIP_PORT};
use super::error::Spot;
use super::form::{Word, text_of, word};
use super::key::{Absent, Key, Sample, TableKey};
use super::section::{Given, Section};

/// The table.
pub(super) const LISTEN: TableKey = TableKey {
    name: "listen",
    doc: "An address to listen on, one table for each. Without any: `udp://0.0.0.0:5060`.",
    sample: Sample::Live,
};

const BIND: Key = Key {
    name: "bind",
    doc: "`udp://` with an IPv4 or an [IPv6] address; `0.0.0.0` and `[::]` mean all. `[::]` takes \
          IPv6 only, so list both for both. On a machine with several addresses, `0.0.0.0` and \
          `[::]` answer from the address that the system chooses for the destination: bind each \
          address by itself where devices would notice.",
    absent: Absent::Required,
    example: "\"udp://0.0.0.0:5060\"",
};

const ADVERTISE: Key = Key {
    name: "advertise",
    doc: "`host[:port]` to put into Via and Contact: where others reach this listener.",
    absent: Absent::Advised(
        "the address bound to, or for `0.0.0.0` and `[::]` the one from which the upstream is \
         reached (with a warning)",
    ),
    example: "\"sip.example.com:5060\"",
};

const SIDE: Key = Key {
    name: "side",
    doc: "Who is expected there.",
    absent: Absent::Default,
    example: "\"both\"",
};

/// An address to listen on.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The address; port 0 lets the system choose.
    pub bind: SocketAddr,
    /// What to tell others, when it is not the address itself.
    pub advertise: Option<String>,
    /// Who is expected there.
    pub side: Side,
}

impl Word for Side {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("both", Self::Both, ""),
        ("devices", Self::Devices, ""),
        ("upstream", Self::Upstream, "the main registrar"),
    ];
}

impl Listen {
    /// Reads one; without an address it is none.
    pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Given<Self>> {
        let url = text_of(
            "URL of a listener",
            address::LISTEN_PATTERN,
            address::listen_url,
            |bind| format!("udp://{bind}"),
        );
        let host = text_of("`host[:port]`", "", address::advertised, String::clone);
        let bind = section.value(&BIND, &url);
        let advertise = section.value(&ADVERTISE, &host);
        let side = section.value_or(&SIDE, &word(), Side::Both);
        let bind = bind?;
        let listen = Self {
            bind: bind.value,
            advertise: advertise.map(|given| given.value),
            side,
        };
        Some(Given {
            value: listen,
            spot: bind.spot,
        })
    }

    /// What is listened on where nothing is said.
    pub(super) fn usual() -> Given<Self> {
        Given {
            value: Self {
                bind: SocketAddr::from(([0, 0, 0, 0], SIP_PORT)),
                advertise: None,
                side: Side::Both,
            },
            spot: Spot::nowhere(),
        }
    }
}
