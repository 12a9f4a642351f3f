//! Whether a URI names us: the host and port that one of our listeners advertises.

use core::net::{Ipv4Addr, Ipv6Addr};

use sip::{Host, Uri};

use crate::flow::Transport;
use crate::policy::{Listener, Policy};

/// Whether `uri` leads to one of our listeners.
pub(crate) fn is_ours(policy: &Policy, uri: &Uri<'_>) -> bool {
    uri.is_sip() && is_our_place(policy, (&uri.host, uri.port))
}

/// Whether this is what one of our listeners advertises.
pub(crate) fn is_our_place(policy: &Policy, place: (&Host<'_>, Option<u16>)) -> bool {
    let mut listeners = policy.listeners.iter();
    listeners.any(|listener| is_listener(listener, place))
}

fn is_listener(listener: &Listener, (own, at): (&Host<'_>, Option<u16>)) -> bool {
    let (host, port) = split(&listener.advertise);
    let default = match listener.transport {
        Transport::Tls | Transport::Wss => 5061,
        _ => 5060,
    };
    at.unwrap_or(default) == port.unwrap_or(default) && names(own, host)
}

/// An advertised `host[:port]`, an IPv6 address in brackets, in its two parts.
fn split(advertise: &str) -> (&str, Option<u16>) {
    match advertise.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (advertise, None),
    }
}

/// Whether a URI's host is the one that is written here.
pub(crate) fn names(host: &Host<'_>, text: &str) -> bool {
    match host {
        Host::V4(ip) => text.parse::<Ipv4Addr>().is_ok_and(|own| own == *ip),
        Host::V6(ip) => {
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            bare.parse::<Ipv6Addr>().is_ok_and(|own| own == *ip)
        }
        Host::Name(name) => name.eq_ignore_ascii_case(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Side;

    #[test]
    fn our_own_addresses_are_known_however_they_are_written() {
        let listener = |advertise: &str, transport| Listener {
            transport,
            advertise: advertise.to_owned(),
            side: Side::Both,
        };
        let policy = Policy {
            listeners: vec![
                listener("sip.example.com", Transport::Udp),
                listener("192.0.2.1:5080", Transport::Udp),
                listener("[2001:db8::1]:5060", Transport::Tls),
            ],
            ..Policy::default()
        };
        for (uri, ours) in [
            ("sip:SIP.example.com", true),
            ("sip:a@sip.example.com:5060;lr", true),
            ("sip:sip.example.com:5061", false),
            ("sip:192.0.2.1:5080", true),
            ("sip:192.0.2.1", false),
            ("sips:[2001:DB8::1]:5060", true),
            ("sip:[2001:db8::1]", false),
            ("tel:+123", false),
        ] {
            let parsed = Uri::parse(uri.as_bytes()).unwrap();
            assert_eq!(is_ours(&policy, &parsed), ours, "{uri}");
        }
    }
}
