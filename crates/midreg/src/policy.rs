//! `Blueprint`: makes the engine's [`Policy`] from the configuration and what only the running
//! process knows: the ports that were bound and the addresses behind the upstream's names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use engine::policy::{self, LimitPolicy, Policy, Server, Side, UpstreamPolicy};
use engine::{ListenerId, Transport};

use crate::config::{Config, Listen};
use crate::net::listeners::{Duty, Listeners, Seat};

/// The configuration together with the listeners as they are.
#[derive(Clone, Debug)]
pub struct Blueprint {
    config: Config,
    /// By their [`ListenerId`], closed ones included.
    listeners: Vec<Bound>,
}

#[derive(Clone, Debug)]
struct Bound {
    local: SocketAddr,
    duty: Duty,
    side: Side,
    advertise: String,
}

impl Blueprint {
    /// Joins the configuration with the addresses that are listened on. `upstream` are the known
    /// addresses of the main registrars. What a closed listener was called is taken from `former`.
    #[must_use]
    pub fn new(
        config: Config,
        listeners: &Listeners,
        upstream: &[SocketAddr],
        former: Option<&Self>,
    ) -> Self {
        let former = |at: usize| former.and_then(|former| former.listeners.get(at));
        let bound = |(at, seat): (usize, &Seat)| match seat.duty {
            Duty::Listen(index) => match config.listen.get(index) {
                Some(listen) => bound(listen, seat, upstream),
                None => closed(seat, former(at)),
            },
            Duty::Control => Bound {
                local: seat.local,
                duty: seat.duty,
                side: Side::Upstream,
                advertise: seat.local.to_string(),
            },
            Duty::None => closed(seat, former(at)),
        };
        Self {
            listeners: listeners.all().enumerate().map(bound).collect(),
            config,
        }
    }

    /// The listeners as people read them: `udp://ADDRESS`, with what is told to others if it is
    /// something else.
    #[must_use]
    pub fn listeners(&self) -> Vec<String> {
        let text = |bound: &Bound| match bound.advertise == bound.local.to_string() {
            true => format!("udp://{}", bound.local),
            false => format!("udp://{} as {}", bound.local, bound.advertise),
        };
        let mut told: Vec<(usize, String)> = Vec::new();
        for bound in &self.listeners {
            if let Duty::Listen(at) = bound.duty {
                told.push((at, text(bound)));
            }
        }
        told.sort();
        told.into_iter().map(|(_, text)| text).collect()
    }

    /// The policy while the upstream servers are at these addresses, in their order.
    #[must_use]
    pub fn policy(&self, addresses: &[Option<SocketAddr>]) -> Arc<Policy> {
        let config = &self.config;
        let shards = usize::from(config.workers.max(1));
        let any = || self.find(|bound| matches!(bound.duty, Duty::Listen(_)));
        let servers = config
            .servers
            .iter()
            .zip(addresses)
            .map(|(server, address)| {
                let listener = address.and_then(|address| self.listener_toward(address));
                Server {
                    name: server.text.clone(),
                    // Without a listener of its family it cannot be reached.
                    address: address.filter(|_| listener.is_some()),
                    listener: listener.or_else(any).unwrap_or(ListenerId(0)),
                }
            });
        let listeners = self.listeners.iter().map(|bound| policy::Listener {
            transport: Transport::Udp,
            advertise: bound.advertise.clone(),
            side: bound.side,
        });
        Arc::new(Policy {
            listeners: listeners.collect(),
            upstream: UpstreamPolicy {
                servers: servers.collect(),
                max_in_flight: config.upstream.max_in_flight.div_ceil(shards),
                control: self.find(|bound| bound.duty == Duty::Control),
                ..config.upstream.clone()
            },
            domain: config.domain.clone(),
            domains: config.domains.clone(),
            naming: config.naming.clone(),
            limits: LimitPolicy {
                bindings: config.limits.bindings.div_ceil(shards),
                ..config.limits.clone()
            },
            server_header: config.server_header.clone(),
        })
    }

    /// The listener that speaks with an upstream at `address` for devices: one for the upstream
    /// alone before one that is shared, and never that of our own requests.
    fn listener_toward(&self, address: SocketAddr) -> Option<ListenerId> {
        let find = |side| {
            self.find(|bound| {
                matches!(bound.duty, Duty::Listen(_))
                    && bound.side == side
                    && bound.local.is_ipv4() == address.is_ipv4()
            })
        };
        find(Side::Upstream).or_else(|| find(Side::Both))
    }

    /// The number of the listener of which this holds; of several that which stands first in the
    /// configuration.
    fn find(&self, holds: impl Fn(&Bound) -> bool) -> Option<ListenerId> {
        let rank = |bound: &Bound| match bound.duty {
            Duty::Listen(at) => at,
            Duty::Control | Duty::None => usize::MAX,
        };
        let fitting = (0u16..)
            .zip(&self.listeners)
            .filter(|(_, bound)| holds(bound));
        let first = fitting.min_by_key(|(_, bound)| rank(bound));
        first.map(|(number, _)| ListenerId(number))
    }
}

/// Requests may still name it as the way they want to go.
fn closed(seat: &Seat, former: Option<&Bound>) -> Bound {
    let advertise = former.map(|former| former.advertise.clone());
    Bound {
        local: seat.local,
        duty: Duty::None,
        side: Side::Nobody,
        advertise: advertise.unwrap_or_else(|| seat.local.to_string()),
    }
}

fn bound(listen: &Listen, seat: &Seat, upstream: &[SocketAddr]) -> Bound {
    let local = seat.local;
    let advertise = match &listen.advertise {
        Some(text) => text.clone(),
        None if local.ip().is_unspecified() => {
            SocketAddr::new(reachable_ip(local, upstream), local.port()).to_string()
        }
        None => local.to_string(),
    };
    Bound {
        local,
        duty: seat.duty,
        side: listen.side,
        advertise,
    }
}

/// The address of ours from which the upstream is reached, or from which the default route leaves
/// while the upstream is unknown. Asking sends nothing.
fn reachable_ip(local: SocketAddr, upstream: &[SocketAddr]) -> IpAddr {
    let same_family = upstream
        .iter()
        .copied()
        .filter(|to| to.is_ipv4() == local.is_ipv4());
    // Documentation addresses (RFC 5737, RFC 3849): routed like any other, and nobody's.
    let anywhere = match local {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9)),
    };
    let source = |to: SocketAddr| {
        let socket = UdpSocket::bind((local.ip(), 0)).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let loopback = match local {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    same_family
        .chain([anywhere])
        .find_map(source)
        .unwrap_or(loopback)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Override, Typed, load};

    fn config(sets: &[&str]) -> Config {
        let overrides = sets
            .iter()
            .map(|set| Override::Set((*set).to_owned()))
            .collect();
        load(&Typed {
            file: None,
            overrides,
        })
        .expect("good")
        .config
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn blueprint(config: Config, locals: &[SocketAddr], upstream: &[SocketAddr]) -> Blueprint {
        let listeners = Listeners::assumed(&config, locals);
        Blueprint::new(config, &listeners, upstream, None)
    }

    #[test]
    fn limits_are_dealt_over_the_workers() {
        let config = config(&[
            "upstream.servers=sip:10.0.0.5",
            "workers=4",
            "limits.bindings=10",
            "upstream.max_in_flight=9",
        ]);
        let blueprint = blueprint(config, &[address("10.0.0.1:5060")], &[]);
        let policy = blueprint.policy(&[Some(address("10.0.0.5:5060"))]);
        assert_eq!(
            (policy.limits.bindings, policy.upstream.max_in_flight),
            (3, 3)
        );
    }

    #[test]
    fn servers_are_reached_by_the_listener_of_their_family_and_side() {
        let config = config(&[
            "upstream.servers=[\"sip:a.example\", \"sip:b.example\", \"sip:c.example\"]",
            "listen.0.bind=udp://10.0.0.1",
            "listen.1.bind=udp://[::1]",
            "listen.2.bind=udp://10.0.0.2",
            "listen.2.side=upstream",
        ]);
        let locals = [
            address("10.0.0.1:5060"),
            address("[::1]:5060"),
            address("10.0.0.2:5060"),
        ];
        let blueprint = blueprint(config, &locals, &[]);
        let found = [
            Some(address("10.9.9.9:5060")),
            Some(address("[::2]:5060")),
            None,
        ];
        let policy = blueprint.policy(&found);
        let servers: Vec<_> = policy
            .upstream
            .servers
            .iter()
            .map(|s| (s.address, s.listener.0))
            .collect();
        assert_eq!(servers, [(found[0], 2), (found[1], 1), (None, 0)]);
    }

    #[test]
    fn our_own_requests_have_a_listener_that_no_other_is_sent_from() {
        let config = config(&[
            "upstream.servers=sip:10.0.0.5",
            "upstream.control_bind=udp://10.0.0.2:5070",
            "listen.0.bind=udp://10.0.0.1",
        ]);
        let locals = [address("10.0.0.1:5060"), address("10.0.0.2:5070")];
        let blueprint = blueprint(config, &locals, &[]);
        assert_eq!(blueprint.listeners(), ["udp://10.0.0.1:5060"]);
        let policy = blueprint.policy(&[Some(address("10.0.0.5:5060"))]);
        assert_eq!(policy.upstream.control, Some(ListenerId(1)));
        assert_eq!(policy.upstream.servers[0].listener, ListenerId(0));
        let control = &policy.listeners[1];
        assert_eq!(
            (control.advertise.as_str(), control.side),
            ("10.0.0.2:5070", Side::Upstream)
        );
    }

    #[test]
    fn domains_and_names_reach_the_engine() {
        let config = config(&[
            "upstream.servers=sip:10.0.0.5",
            "domain.0.name=b.example",
            "domain.0.mode=mirror",
            "domain.1.name=a.example",
            "domain.1.aliases=c.example",
        ]);
        let blueprint = blueprint(config, &[address("10.0.0.1:5060")], &[]);
        let policy = blueprint.policy(&[None]);
        assert_eq!(policy.upstream.control, None);
        assert_eq!(policy.of(b"u@b.example").mode, policy::Mode::Mirror);
        assert_eq!(policy.of(b"u@a.example").mode, policy::Mode::Contact);
        assert_eq!(
            policy.naming.aliases,
            [("c.example".into(), "a.example".into())]
        );
    }

    #[test]
    fn a_server_of_a_family_that_we_do_not_speak_has_no_address() {
        let config = config(&[
            "upstream.servers=sip:a.example",
            "listen.0.bind=udp://10.0.0.1",
        ]);
        let blueprint = blueprint(config, &[address("10.0.0.1:5060")], &[]);
        let policy = blueprint.policy(&[Some(address("[::2]:5060"))]);
        assert_eq!(policy.upstream.servers[0].address, None);
    }

    #[test]
    fn all_addresses_advertise_the_one_that_routes_to_the_upstream() {
        let config = config(&[
            "upstream.servers=sip:127.0.0.9",
            "listen.0.bind=udp://0.0.0.0:7",
        ]);
        let upstream = [address("127.0.0.9:5060")];
        let blueprint = blueprint(config, &[address("0.0.0.0:7")], &upstream);
        assert_eq!(blueprint.listeners(), ["udp://0.0.0.0:7 as 127.0.0.1:7"]);
        assert_eq!(
            blueprint.policy(&[None]).listeners[0].advertise,
            "127.0.0.1:7"
        );
    }
}
