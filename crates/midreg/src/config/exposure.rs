//! Rules about who can reach us: what is harmless in a house, and unwise on the internet.

use std::net::IpAddr;

use engine::policy::{ChallengePolicy, DomainPolicy, Mode, Outbound, Side};

use super::address::literal;
use super::error::{Fault, Faults};
use super::limits::Limits;
use super::listen::Listen;
use super::section::Given;

/// Warns of a listener that the internet reaches and that lets too much in. What holds for
/// `policies` is who may register.
pub(super) fn check<'p>(
    listen: &[Given<Listen>],
    policies: impl Iterator<Item = &'p DomainPolicy>,
    limits: &Limits,
    faults: &mut Faults,
) {
    let Some(open) = listen.iter().find(|one| is_public(&one.value)) else {
        return;
    };
    let mut tell = |message: &str, help: &str| {
        faults.push(Fault::warning(Some(&open.spot), message).help(help));
    };
    if limits.policy.bindings_per_source == 0 {
        tell(
            "the internet reaches this listener, and one source may take all places",
            "set `limits.bindings_per_source` to more than the phones of your largest office",
        );
    }
    let (mut unasked, mut anybody, mut outbound) = (false, false, false);
    for policy in policies {
        outbound |= policy.calls.outbound == Outbound::Any;
        if policy.digest.is_some() {
            continue;
        }
        anybody |= policy.mode == Mode::Standalone;
        unasked |= policy.mode != Mode::Standalone && policy.challenge == ChallengePolicy::Warn;
    }
    if anybody {
        tell(
            "the internet reaches this listener, and anybody may register",
            "list users under [[digest.users]], and take `registration.accept` out",
        );
    }
    if outbound {
        tell(
            "the internet reaches this listener, and whoever sends a call there has it passed on",
            "set `calls.outbound` to \"registered\"",
        );
    }
    if unasked {
        tell(
            "the internet reaches this listener, and whom the main registrar accepts without a \
             password is let in",
            "if it asks everybody for one, say so with upstream.require_challenge = true: then a \
             mistake there opens nothing here",
        );
    }
}

/// Whether devices are expected there from everywhere: an address says so, a name may mean both.
fn is_public(listen: &Listen) -> bool {
    let told = listen.advertise.as_deref().and_then(literal);
    let reached = told.unwrap_or_else(|| listen.bind.ip());
    listen.side != Side::Upstream && is_global(reached)
}

/// Whether an address is good in the whole internet (RFC 6890; addresses of documentation stand
/// for such).
pub(super) fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let shared = first == 100 && (64..128).contains(&second);
            let nobody = first == 0 || first >= 224;
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared || nobody)
        }
        IpAddr::V6(ip) => ip.segments()[0] & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_internet_are_told_from_those_of_a_house() {
        for (text, wanted) in [
            ("8.8.8.8", true),
            ("203.0.113.5", true),
            ("2001:db8::1", true),
            ("10.0.0.1", false),
            ("192.168.1.1", false),
            ("172.16.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("0.0.0.0", false),
            ("224.0.1.75", false),
            ("::", false),
            ("::1", false),
            ("fd00::1", false),
            ("fe80::1", false),
        ] {
            let ip = text.parse().expect("an address");
            assert_eq!(is_global(ip), wanted, "{text}");
        }
    }
}
