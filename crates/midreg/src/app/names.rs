//! `Names`: where the main registrars are, as far as it is known when settings come into force, and the
//! news still to come.

use std::io;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use engine::policy::Side;

use crate::config::Config;
use crate::config::address::ServerName;
use crate::resolve::{self, Addresses, Families, Resolver};

/// How long new settings wait for names before they come into force without.
const PATIENCE: Duration = Duration::from_secs(3);

/// The upstream's addresses as far as they are known, and the news still to come.
pub(super) struct Names {
    /// In the order of the servers.
    pub(super) addresses: Addresses,
    /// What goes on looking, where there is anything to look up.
    pub(super) resolver: Option<(Resolver, Receiver<Addresses>)>,
}

impl Names {
    /// Looks all of them up. A name that has no answer keeps what is `known` of it.
    pub(super) fn find(config: &Config, known: &[(ServerName, Addressed)]) -> io::Result<Self> {
        let servers = &config.servers;
        let before = |server: &ServerName| {
            let found = known.iter().find(|(known, _)| known.text == server.text);
            found.and_then(|(_, address)| *address)
        };
        let literals = resolve::literals(servers);
        if !resolve::any_names(servers) {
            return Ok(Self {
                addresses: literals,
                resolver: None,
            });
        }
        let known = servers.iter().zip(literals);
        let known: Addresses = known
            .map(|(server, literal)| literal.or_else(|| before(server)))
            .collect();
        let (resolver, news) = Resolver::start(servers.clone(), known.clone(), families(config))?;
        let addresses = news.recv_timeout(PATIENCE).unwrap_or(known);
        Ok(Self {
            addresses,
            resolver: Some((resolver, news)),
        })
    }
}

/// Where a server is, if that is known.
pub(super) type Addressed = Option<std::net::SocketAddr>;

fn families(config: &Config) -> Families {
    let toward_upstream = config
        .listen
        .iter()
        .filter(|listen| listen.side != Side::Devices);
    let (v4, v6): (Vec<_>, Vec<_>) = toward_upstream.partition(|listen| listen.bind.is_ipv4());
    Families {
        v4: !v4.is_empty(),
        v6: !v6.is_empty(),
    }
}
