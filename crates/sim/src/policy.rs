//! The policies and places of the model world.

use core::net::SocketAddr;

use engine::policy::{DomainPolicy, Listener, Mode, Policy, Server, Side, UpstreamPolicy};
use engine::{ListenerId, NodeId, Transport};

/// Where midreg is, toward everybody.
pub const US: &str = "192.0.2.1:5060";
/// Where midreg speaks for itself, toward main registrars that trust it there.
pub const CONTROL_AT: &str = "192.0.2.1:5070";
/// The domain of all AoRs.
pub const DOMAIN: &str = "example.org";

/// Listener for datagrams.
pub const UDP: ListenerId = ListenerId(0);
/// Listener for streams.
pub const TCP: ListenerId = ListenerId(1);

/// Listener for what midreg says for itself, where there is one.
pub const CONTROL: ListenerId = ListenerId(2);

/// Our address.
///
/// # Panics
/// Never: the text is an address.
#[must_use]
pub fn us() -> SocketAddr {
    address(US)
}

/// Our address for what we say for ourselves.
///
/// # Panics
/// Never: the text is an address.
#[must_use]
pub fn control() -> SocketAddr {
    address(CONTROL_AT)
}

/// The same policy with a listener for what midreg says for itself.
#[must_use]
pub fn with_control(mut policy: Policy) -> Policy {
    policy.listeners.push(Listener {
        transport: Transport::Udp,
        advertise: CONTROL_AT.to_owned(),
        side: Side::Upstream,
    });
    policy.upstream.control = Some(CONTROL);
    policy
}

/// An address written as text.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn address(text: &str) -> SocketAddr {
    match text.parse() {
        Ok(address) => address,
        Err(_) => panic!("{text} is no address"),
    }
}

/// Where the main registrar's nodes are.
#[must_use]
pub fn main_address(node: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 9], 5060 + node))
}

/// A node of the main registrar.
#[must_use]
pub fn node(number: u16) -> NodeId {
    NodeId::of(&name(number))
}

fn name(node: u16) -> String {
    format!("main{node}")
}

/// `contact` mode with everything at its default, one listener for datagrams and one for streams,
/// and one main registrar.
#[must_use]
pub fn contact() -> Policy {
    with(Mode::Contact, 1)
}

/// `mirror` mode, all else alike.
#[must_use]
pub fn mirror() -> Policy {
    with(Mode::Mirror, 1)
}

/// `aor` mode, all else alike.
#[must_use]
pub fn aor() -> Policy {
    with(Mode::Aor, 1)
}

/// `contact` mode before two main registrars.
#[must_use]
pub fn two_nodes() -> Policy {
    with(Mode::Contact, 2)
}

/// This mode before so many main registrars, with everything else at its default.
#[must_use]
pub fn with(mode: Mode, nodes: u16) -> Policy {
    let listener = |transport| Listener {
        transport,
        advertise: US.to_owned(),
        side: Side::Both,
    };
    let server = |node: u16| Server {
        name: name(node),
        address: Some(main_address(node)),
        listener: UDP,
    };
    Policy {
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        upstream: UpstreamPolicy {
            servers: (0..nodes).map(server).collect(),
            ..UpstreamPolicy::default()
        },
        domain: DomainPolicy {
            mode,
            ..DomainPolicy::default()
        },
        ..Policy::default()
    }
}
