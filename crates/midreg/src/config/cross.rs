//! Rules that span several keys: what cannot work together, and what can but is unwise.

use std::net::SocketAddr;

use engine::Seconds;
use engine::policy::{DomainPolicy, Mode, RegistrationPolicy, Side, UpstreamPolicy};

use super::address::{ServerName, Target, has_port};
use super::checked::Listen;
use super::error::{Fault, Faults};
use super::section::Given;

/// Longest lifetime behind NAT that common routers keep a UDP pinhole open for.
const SAFE_NAT_EXPIRES: Seconds = 120;

/// Time after which a device gives up a REGISTER by itself (timer F, RFC 3261 §17.1.2.2).
const TIMER_F_MILLIS: u128 = 32_000;

/// Puts minimum, default and maximum in order. Those that were not given follow those that were;
/// those that were given must agree.
pub(crate) fn order_lifetimes(
    [min, default, max]: [Option<Given<Seconds>>; 3],
    base: &RegistrationPolicy,
    faults: &mut Faults,
) -> (Seconds, Seconds, Seconds) {
    let names = ["min_expires", "default_expires", "max_expires"];
    for ((low, low_name), (high, high_name)) in [
        ((&min, names[0]), (&max, names[2])),
        ((&min, names[0]), (&default, names[1])),
        ((&default, names[1]), (&max, names[2])),
    ] {
        if let (Some(low), Some(high)) = (low, high)
            && low.value > high.value
        {
            let message = format!("`registration.{low_name}` is longer than `{high_name}`");
            let label = format!("{} s against {} s", low.value, high.value);
            faults.push(Fault::error(&low.spot, message).label(label));
        }
    }
    let value = |given: &Option<Given<Seconds>>| given.as_ref().map(|given| given.value);
    let [min, default, max] = [value(&min), value(&default), value(&max)];
    let ceiling = max.unwrap_or_else(|| {
        base.max_expires
            .max(default.unwrap_or_default())
            .max(min.unwrap_or_default())
    });
    let floor = min.unwrap_or_else(|| base.min_expires.min(default.unwrap_or(ceiling)));
    let floor = floor.min(ceiling);
    (
        floor,
        default.unwrap_or_else(|| base.default_expires.clamp(floor, ceiling)),
        ceiling,
    )
}

/// Listeners against each other.
pub(crate) fn check_listeners(listen: &[Given<Listen>], faults: &mut Faults) {
    for (index, one) in listen.iter().enumerate() {
        let bind = one.value.bind;
        let earlier = listen
            .iter()
            .take(index)
            .find(|other| collide(bind, other.value.bind));
        if let Some(other) = earlier {
            let message = format!("two listeners on {bind}");
            let help = format!("the other one is at {}", other.spot);
            faults.push(Fault::error(&one.spot, message).help(help));
        }
        match &one.value.advertise {
            None if bind.ip().is_unspecified() => {
                let message = "this listener has no `advertise`";
                let help = "the address that routes to the upstream will be told to everybody; \
                            behind NAT that is the wrong one";
                faults.push(Fault::warning(Some(&one.spot), message).help(help));
            }
            Some(text) if !has_port(text) && !matches!(bind.port(), 5060 | 0) => {
                let message = format!("`advertise` without a port means 5060, not {}", bind.port());
                faults.push(Fault::warning(Some(&one.spot), message));
            }
            _ => {}
        }
    }
    if listen.is_empty() {
        return;
    }
    for (side, missing) in [(Side::Upstream, "devices"), (Side::Devices, "the upstream")] {
        if listen.iter().all(|one| one.value.side == side) {
            let message = format!("no listener serves {missing}");
            let fault = listen.first().map_or_else(
                || Fault::general(&message),
                |one| Fault::error(&one.spot, &message),
            );
            faults.push(fault.help("set `side` to \"both\", or add a listener"));
        }
    }
}

/// The upstream servers, and whether a listener reaches them.
pub(crate) fn check_upstream(
    listen: &[Given<Listen>],
    servers: &[Given<ServerName>],
    faults: &mut Faults,
) {
    if servers.is_empty() && !faults.has_errors() {
        let fault = Fault::general("no upstream server");
        faults.push(fault.help(
            "set `upstream.servers` (or --upstream) to the main registrar, such as \
             \"sip:10.0.0.5:5060\"; being the registrar itself is not in this version",
        ));
    }
    for (index, server) in servers.iter().enumerate() {
        let same = |other: &&Given<ServerName>| other.value.target == server.value.target;
        if servers.iter().take(index).any(|other| same(&other)) {
            faults.push(Fault::error(
                &server.spot,
                "this upstream server is listed twice",
            ));
        }
        let Target::Address(address) = server.value.target else {
            continue;
        };
        if let Some(own) = listen.iter().find(|one| is_own(address, &one.value)) {
            let help = format!("that is our own listener at {}", own.spot);
            faults.push(Fault::error(&server.spot, "the upstream is midreg itself").help(help));
        }
        let reaches = |one: &Given<Listen>| {
            one.value.side != Side::Devices && one.value.bind.is_ipv4() == address.is_ipv4()
        };
        let default_reaches = listen.is_empty() && address.is_ipv4();
        if !default_reaches && !listen.iter().any(reaches) {
            let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            let message = format!("no {family} listener serves the upstream");
            let help = format!("add a {family} listener with side \"both\" or \"upstream\"");
            faults.push(Fault::error(&server.spot, message).help(help));
        }
    }
}

/// Lifetimes that are legal but defeat their purpose.
pub(crate) fn check_lifetimes(
    domain: &DomainPolicy,
    upstream: &UpstreamPolicy,
    faults: &mut Faults,
) {
    let (mode, registration) = (domain.mode, &domain.registration);
    let mut warn = |message: String, help: &str| {
        faults.push(Fault::warning(None, message).help(help));
    };
    if mode == Mode::Contact && domain.expires <= registration.default_expires.min(600) {
        warn(
            format!(
                "`upstream.expires` ({} s) is hardly longer than a refresh",
                domain.expires
            ),
            "few refreshes can be absorbed; 7200 is usual",
        );
    }
    if mode == Mode::Contact && domain.reauth_interval < domain.expires / 2 {
        warn(
            format!(
                "`upstream.reauth_interval` ({} s) is much shorter than `upstream.expires`",
                domain.reauth_interval
            ),
            "refreshes are forwarded each time it has passed, whatever the lease says",
        );
    }
    if registration.nat_expires > SAFE_NAT_EXPIRES {
        warn(
            format!(
                "`registration.nat_expires` is {} s",
                registration.nat_expires
            ),
            "many NAT routers forget a UDP flow sooner; the device is then unreachable",
        );
    }
    if upstream.deadline.as_millis() > TIMER_F_MILLIS {
        warn(
            format!("`upstream.deadline` is {} s", upstream.deadline.as_secs()),
            "devices give up after 32 s, so a later answer reaches nobody",
        );
    }
}

fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && a.is_ipv4() == b.is_ipv4() && same_ip
}

fn is_own(server: SocketAddr, listen: &Listen) -> bool {
    let bind = listen.bind;
    let everywhere = bind.ip().is_unspecified() && server.ip().is_loopback();
    let here = bind.ip() == server.ip() || (everywhere && bind.is_ipv4() == server.is_ipv4());
    let told = listen.advertise.as_deref() == Some(server.to_string().as_str());
    bind.port() != 0 && ((here && bind.port() == server.port()) || told)
}
