//! Rules that span several keys: what cannot work together, and what can but is unwise.

use std::net::SocketAddr;

use engine::Seconds;
use engine::policy::{DomainPolicy, Insertion, Mode, Side};

use super::address::{ServerName, Target, has_port, literal};
use super::domain::Scope;
use super::error::{Fault, Faults, Spot};
use super::limits::Limits;
use super::listen::Listen;
use super::section::Given;
use super::upstream::Upstream;
use super::value::show_duration;

/// Longest lifetime behind NAT that common routers keep a UDP pinhole open for.
const SAFE_NAT_EXPIRES: Seconds = 120;

/// Shortest deadline that leaves time for two repetitions over UDP (RFC 3261 §17.1.2.1).
const SAFE_DEADLINE_MILLIS: u128 = 2000;

/// Shortest outage that may count as one, in seconds.
const SAFE_RESYNC: Seconds = 10;

/// Shortest lifetime that does not keep a phone busy.
const SAFE_MIN_EXPIRES: Seconds = 15;

/// Longest lifetime after which a dead device is still forgotten soon enough.
const SAFE_MAX_EXPIRES: Seconds = 86_400;

/// Time after which a device gives up a REGISTER by itself (timer F, RFC 3261 §17.1.2.2).
const TIMER_F_MILLIS: u128 = 32_000;

/// Listeners against each other, and whether those who are to be served are.
pub(crate) fn check_listeners(
    listen: &[Given<Listen>],
    servers: &[Given<ServerName>],
    faults: &mut Faults,
) {
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
            Some(text)
                if !bind.ip().is_loopback() && literal(text).is_some_and(|ip| ip.is_loopback()) =>
            {
                let message = "`advertise` is this machine's own address";
                let help = "nobody else reaches it: name the address that devices and the main \
                            registrar send to";
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
        let wanted = side == Side::Upstream || !servers.is_empty();
        if wanted && listen.iter().all(|one| one.value.side == side) {
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
    for (index, server) in servers.iter().enumerate() {
        let same = |other: &&Given<ServerName>| other.value.target == server.value.target;
        if servers.iter().take(index).any(|other| same(&other)) {
            let fault = Fault::error(&server.spot, "this upstream server is listed twice");
            faults.push(fault.help("a node is known by its address: take one of the two out"));
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
        let mut bound = listen.iter().filter(|one| reaches(one)).peekable();
        let local = |one: &Given<Listen>| one.value.bind.ip().is_loopback();
        if !address.ip().is_loopback() && bound.peek().is_some() && bound.all(local) {
            let message = "no listener reaches this upstream server";
            let help = "those that serve the upstream are bound to this machine alone: bind one to \
                        an address of the network";
            faults.push(Fault::error(&server.spot, message).help(help));
        }
        if !default_reaches && !listen.iter().any(reaches) {
            let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            let message = format!("no {family} listener serves the upstream");
            let help = format!("add an {family} listener with side \"both\" or \"upstream\"");
            faults.push(Fault::error(&server.spot, message).help(help));
        }
    }
}

/// Whether what is said about the upstream has an upstream to be about, and whether the address of
/// midreg's own requests is theirs alone.
pub(crate) fn check_own_requests(
    upstream: &Upstream,
    listen: &[Given<Listen>],
    faults: &mut Faults,
) {
    if let Some(spot) = upstream.idle.as_ref().filter(|_| !faults.has_errors()) {
        let help = "list the main registrars, or leave the whole table out: without one midreg is \
                    the registrar itself (standalone)";
        faults.push(Fault::error(spot, "`upstream` has no `servers`").help(help));
    }
    let Some(control) = &upstream.control else {
        return;
    };
    let (bind, spot) = (control.value, &control.spot);
    if let Some(other) = listen.iter().find(|one| collide(bind, one.value.bind)) {
        let message = "`control_bind` is a listener's address";
        let help = format!(
            "the main registrar may trust it only if no request of a device leaves from it; the \
             listener is at {}",
            other.spot
        );
        faults.push(Fault::error(spot, message).help(help));
    } else if listen.is_empty() || listen.iter().any(|one| may_share(bind, &one.value)) {
        let message = "`control_bind` differs from a listener by its port alone";
        let help = "requests of devices leave from the same address: the main registrar must ask \
                    for the port too before it trusts this one";
        faults.push(Fault::warning(Some(spot), message).help(help));
    }
    for server in &upstream.servers {
        let Target::Address(address) = server.value.target else {
            continue;
        };
        if address.is_ipv4() != bind.is_ipv4() {
            let message = "`control_bind` cannot reach this upstream server";
            let help = format!("{address} against {bind}: take addresses of one kind");
            faults.push(Fault::error(&server.spot, message).help(help));
        }
        if address == bind {
            let message = "the upstream is midreg itself";
            let help = format!("that is `control_bind` at {spot}");
            faults.push(Fault::error(&server.spot, message).help(help));
        }
    }
}

/// Lifetimes that are legal but defeat their purpose, each told once.
pub(crate) fn check_lifetimes(scopes: &[Scope<'_>], upstream: &Upstream, faults: &mut Faults) {
    let mut told = Vec::new();
    for scope in scopes {
        for unwise in unwise_lifetimes(scope) {
            if told.contains(&unwise.message) {
                continue;
            }
            let domain = scope.domain.map(|domain| &domain.name.spot);
            let fault = Fault::warning(unwise.spot.or(domain), &unwise.message);
            faults.push(fault.help(unwise.help));
            told.push(unwise.message);
        }
    }
    let (policy, spots) = (&upstream.policy, &upstream.spots);
    let deadline = policy.deadline.as_millis();
    let unwise = match deadline {
        TIMER_F_MILLIS.. => Some("devices give up after 32 s, so a later answer reaches nobody"),
        ..SAFE_DEADLINE_MILLIS => Some(
            "over UDP a lost packet is sent again after 500 ms, so that one is enough for a 503: \
             8s is usual",
        ),
        _ => None,
    };
    if let Some(help) = unwise.filter(|_| deadline != TIMER_F_MILLIS) {
        let message = format!("`upstream.deadline` is {}", show_duration(policy.deadline));
        faults.push(Fault::warning(spots.deadline.as_ref(), message).help(help));
    }
    if policy.resync_after < SAFE_RESYNC {
        let message = format!("`upstream.resync_after` is {} s", policy.resync_after);
        let help = "a restart of the main registrar, or a short loss of the network, makes all \
                    devices register there anew; 60 is usual";
        faults.push(Fault::warning(spots.resync_after.as_ref(), message).help(help));
    }
}

/// Users that share a lease have several devices, or nothing to share.
pub(crate) fn check_shared_leases<'p>(
    mut policies: impl Iterator<Item = &'p DomainPolicy>,
    limits: &Limits,
    faults: &mut Faults,
) {
    let shared = policies.any(|policy| policy.mode == Mode::Aor);
    if shared && limits.policy.bindings_per_aor == 1 {
        let message = "`aor` shares a lease among the devices of a user, who may have one only";
        let help = "raise `limits.bindings_per_aor`, or set `mode` to \"contact\"";
        faults.push(Fault::warning(limits.per_aor.as_ref(), message).help(help));
    }
}

/// Keys of `[upstream]` that were given and decide nothing.
pub(crate) fn check_idle<'p>(
    policies: impl Iterator<Item = &'p DomainPolicy> + Clone,
    upstream: &Upstream,
    faults: &mut Faults,
) {
    if upstream.servers.is_empty() {
        return;
    }
    let spots = &upstream.spots;
    let any = |fits: fn(&DomainPolicy) -> bool| policies.clone().any(fits);
    let in_contact: fn(&DomainPolicy) -> bool = |policy| {
        matches!(policy.mode, Mode::Contact | Mode::Mirror) && policy.insertion != Insertion::Path
    };
    let in_parameter: fn(&DomainPolicy) -> bool = |policy| {
        matches!(policy.mode, Mode::Contact | Mode::Mirror)
            && policy.insertion == Insertion::Parameter
    };
    let stretched: fn(&DomainPolicy) -> bool =
        |policy| matches!(policy.mode, Mode::Contact | Mode::Aor);
    let lease = upstream.lease.unusual();
    let idle = [
        (
            "balance",
            spots
                .balance
                .as_ref()
                .filter(|_| upstream.servers.len() == 1),
            "with one server there is nothing to choose from",
        ),
        (
            "at_sign",
            spots
                .at_sign
                .as_ref()
                .filter(|_| !any(|policy| policy.mode == Mode::Aor)),
            "it is for the Contact of `aor`, and no domain is in that mode",
        ),
        (
            "token_param",
            spots.token_param.as_ref().filter(|_| !any(in_parameter)),
            "no domain has its token in a parameter of our Contact",
        ),
        (
            "contact_style",
            lease.style.filter(|_| !any(in_contact)),
            "no domain has a token in our Contact",
        ),
        (
            "expires",
            lease.expires.filter(|_| !any(stretched)),
            "in `mirror` devices ask for what they want",
        ),
        (
            "reauth_interval",
            lease.reauth_interval.filter(|_| !any(stretched)),
            "in `mirror` every REGISTER is forwarded",
        ),
    ];
    for (key, spot, why) in idle {
        if let Some(spot) = spot {
            let message = format!("`upstream.{key}` has no effect");
            faults.push(Fault::warning(Some(spot), message).help(why));
        }
    }
}

/// A lifetime that defeats its purpose.
struct Unwise<'k> {
    spot: Option<&'k Spot>,
    message: String,
    help: &'static str,
}

fn unwise_lifetimes<'k>(scope: &Scope<'k>) -> Vec<Unwise<'k>> {
    let mut unwise = unwise_leases(scope);
    let registration = &scope.policy.registration;
    let spots = scope.lifetimes;
    let min_expires = registration.min_expires;
    if scope.policy.mode != Mode::Mirror && min_expires < SAFE_MIN_EXPIRES {
        unwise.push(Unwise {
            spot: spots.min_expires.as_ref(),
            message: format!("`registration.min_expires` is {min_expires} s"),
            help: "a phone that asks for so little refreshes without a pause; 60 is usual",
        });
    }
    let max_expires = registration.max_expires;
    if max_expires > SAFE_MAX_EXPIRES {
        unwise.push(Unwise {
            spot: spots.max_expires.as_ref(),
            message: format!("`registration.max_expires` is {max_expires} s"),
            help: "a device that is gone without a word rings in vain for as long; 3600 is usual",
        });
    }
    let nat_expires = registration.nat_expires;
    if nat_expires > SAFE_NAT_EXPIRES {
        unwise.push(Unwise {
            spot: spots.nat_expires.as_ref(),
            message: format!("`registration.nat_expires` is {nat_expires} s"),
            help: "many NAT routers forget a UDP flow sooner; the device is then unreachable",
        });
    }
    unwise
}

fn unwise_leases<'k>(scope: &Scope<'k>) -> Vec<Unwise<'k>> {
    let policy = &scope.policy;
    let registration = &policy.registration;
    if !matches!(policy.mode, Mode::Contact | Mode::Aor) {
        return Vec::new();
    }
    let (expires, reauth) = (policy.expires, policy.reauth_interval);
    let expires_spot = scope.lease.expires.as_ref().map(|given| &given.spot);
    let reauth_spot = scope.lease.reauth_interval.as_ref();
    let reauth_spot = reauth_spot.map(|given| &given.spot);
    let mut unwise = Vec::new();
    if expires <= registration.default_expires.min(600) {
        unwise.push(Unwise {
            spot: expires_spot,
            message: format!("`upstream.expires` ({expires} s) is hardly longer than a refresh"),
            help: "few refreshes can be absorbed; 7200 is usual",
        });
    }
    if reauth < expires / 2 {
        unwise.push(Unwise {
            spot: reauth_spot,
            message: format!(
                "`upstream.reauth_interval` ({reauth} s) is much shorter than `upstream.expires`"
            ),
            help: "refreshes are forwarded each time it has passed, whatever the lease says",
        });
    }
    if reauth > expires.max(registration.max_expires) {
        unwise.push(Unwise {
            spot: reauth_spot,
            message: format!("`upstream.reauth_interval` ({reauth} s) is never reached"),
            help: "the lease is renewed before, and that proves the device anew",
        });
    }
    unwise
}

/// Whether requests of devices may leave from the IP address of `control`.
fn may_share(control: SocketAddr, listen: &Listen) -> bool {
    let bind = listen.bind;
    let same_ip = bind.ip() == control.ip() || bind.ip().is_unspecified();
    listen.side != Side::Devices && bind.is_ipv4() == control.is_ipv4() && same_ip
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
