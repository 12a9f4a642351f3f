//! `Resolver`: finds the addresses behind the upstream's names, again and again.
//!
//! Literal addresses need no resolver. Names are looked up by the system (A and AAAA; SRV and
//! NAPTR of RFC 3263 are not asked for) on a thread of their own, because that may take long. A
//! server keeps the address it has while its name still has it, so that a rotating answer does not
//! move everybody; it also keeps it while the name has no answer at all.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::config::address::{ServerName, Target};

/// Time between two rounds.
pub const INTERVAL: Duration = Duration::from_secs(30);

/// Where each server is, in configured order; `None` while unknown.
pub type Addresses = Vec<Option<SocketAddr>>;

/// A running resolver; it ends when this is dropped.
#[derive(Debug)]
pub struct Resolver {
    _stop: SyncSender<()>,
}

/// Which families there are listeners for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    /// IPv4.
    pub v4: bool,
    /// IPv6.
    pub v6: bool,
}

impl Families {
    fn include(self, address: SocketAddr) -> bool {
        if address.is_ipv4() { self.v4 } else { self.v6 }
    }
}

impl Resolver {
    /// Starts looking up servers that are `known` to be at these addresses. The first round, and
    /// every later one that changes something, is told.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn start(
        servers: Vec<ServerName>,
        known: Addresses,
        families: Families,
    ) -> io::Result<(Self, Receiver<Addresses>)> {
        let (stop, stopped) = sync_channel(0);
        let (tell, told) = sync_channel(1);
        let work = move || {
            let mut known = known;
            let mut first = true;
            while first || goes_on(&stopped) {
                let found = round(&servers, &known, families, system_lookup);
                if (first || found != known) && tell.send(found.clone()).is_err() {
                    return;
                }
                known = found;
                first = false;
            }
        };
        thread::Builder::new()
            .name("resolve".to_owned())
            .spawn(work)?;
        Ok((Self { _stop: stop }, told))
    }
}

/// What is known without asking anybody.
#[must_use]
pub fn literals(servers: &[ServerName]) -> Addresses {
    let address = |server: &ServerName| match server.target {
        Target::Address(address) => Some(address),
        Target::Name(..) => None,
    };
    servers.iter().map(address).collect()
}

/// Whether any server has to be looked up.
#[must_use]
pub fn any_names(servers: &[ServerName]) -> bool {
    servers
        .iter()
        .any(|server| matches!(server.target, Target::Name(..)))
}

fn goes_on(stopped: &Receiver<()>) -> bool {
    stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout)
}

fn system_lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

fn round(
    servers: &[ServerName],
    known: &Addresses,
    families: Families,
    lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>>,
) -> Addresses {
    let one = |(server, current): (&ServerName, &Option<SocketAddr>)| {
        let (host, port) = match &server.target {
            Target::Address(address) => return Some(*address),
            Target::Name(host, port) => (host, *port),
        };
        match lookup(host, port) {
            Ok(found) => {
                let usable = || found.iter().copied().filter(|a| families.include(*a));
                usable()
                    .find(|address| Some(*address) == *current)
                    .or_else(|| usable().next())
            }
            Err(_) => None,
        }
        .or(*current)
    };
    servers.iter().zip(known).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::address::server_uri;

    const BOTH: Families = Families { v4: true, v6: true };

    fn servers(texts: &[&str]) -> Vec<ServerName> {
        texts
            .iter()
            .map(|text| server_uri(text).expect("a server"))
            .collect()
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_server_stays_where_it_is_while_its_name_says_so() {
        let servers = servers(&["sip:pbx"]);
        let (a, b) = (address("10.0.0.1:5060"), address("10.0.0.2:5060"));
        let rotated = |_: &str, _| Ok(vec![b, a]);
        assert_eq!(round(&servers, &vec![None], BOTH, rotated), [Some(b)]);
        assert_eq!(round(&servers, &vec![Some(a)], BOTH, rotated), [Some(a)]);
        let moved = |_: &str, _| Ok(vec![b]);
        assert_eq!(round(&servers, &vec![Some(a)], BOTH, moved), [Some(b)]);
    }

    #[test]
    fn a_name_without_an_answer_changes_nothing() {
        let servers = servers(&["sip:pbx"]);
        let a = Some(address("10.0.0.1:5060"));
        let silent = |_: &str, _| Err(io::ErrorKind::NotFound.into());
        assert_eq!(round(&servers, &vec![a], BOTH, silent), [a]);
        assert_eq!(round(&servers, &vec![a], BOTH, |_, _| Ok(vec![])), [a]);
        assert_eq!(round(&servers, &vec![None], BOTH, silent), [None]);
    }

    #[test]
    fn only_families_with_a_listener_count() {
        let servers = servers(&["sip:pbx", "sip:10.0.0.9"]);
        let (four, six) = (address("10.0.0.1:5060"), address("[::1]:5060"));
        let both = |_: &str, _| Ok(vec![six, four]);
        let only_four = Families {
            v4: true,
            v6: false,
        };
        let found = round(&servers, &vec![None, None], only_four, both);
        assert_eq!(found, [Some(four), Some(address("10.0.0.9:5060"))]);
    }

    #[test]
    fn the_first_round_is_always_told() {
        let servers = servers(&["sip:127.0.0.1:7"]);
        let (resolver, told) = Resolver::start(servers, vec![None], BOTH).expect("started");
        let first = told.recv_timeout(Duration::from_secs(10)).expect("told");
        assert_eq!(first, [Some(address("127.0.0.1:7"))]);
        drop(resolver);
        assert!(
            told.recv_timeout(Duration::from_secs(10)).is_err(),
            "the thread has ended"
        );
    }
}
