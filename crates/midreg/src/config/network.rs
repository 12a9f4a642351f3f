//! Networks as people write them: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use engine::policy::Network;

use super::form::{Form, text_of};
use super::section::Complaint;

const HELP: &str = "such as \"10.0.0.0/8\", \"2001:db8::/32\" or \"10.0.0.5\"";

/// What a network looks like.
const PATTERN: &str = r"^\[?[0-9a-fA-F.:]+\]?(/[0-9]{1,3})?$";

/// A network.
pub(super) fn network() -> Form<Network> {
    text_of("network, such as `10.0.0.0/8`", PATTERN, read, |network| {
        format!("{}/{}", network.address, network.prefix)
    })
}

/// Whether so many addresses that somebody else's are among them.
#[must_use]
pub(super) fn is_wide(network: &Network) -> bool {
    let global = super::exposure::is_global(network.address);
    match (network.address, global) {
        (IpAddr::V4(_), true) => network.prefix < 24,
        (IpAddr::V4(_), false) => network.prefix < 8,
        (IpAddr::V6(_), true) => network.prefix < 48,
        (IpAddr::V6(_), false) => network.prefix < 7,
    }
}

fn read(text: &str) -> Result<Network, Complaint> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
    let address: IpAddr = bare
        .unwrap_or(address)
        .parse()
        .map_err(|_| Complaint::new("not a network", HELP))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => most,
        Some(prefix) => prefix
            .parse()
            .ok()
            .filter(|prefix| *prefix <= most)
            .ok_or_else(|| {
                let help = format!("how many bits are the same, from 0 to {most}");
                Complaint::new("bad length behind the `/`", help)
            })?,
    };
    let first = first(address, prefix);
    if first != address {
        let label = "an address within a network, not the network";
        return Err(Complaint::new(
            label,
            format!("\"{first}/{prefix}\" is that network"),
        ));
    }
    Ok(Network { address, prefix })
}

/// The first address of the network that an address is in.
fn first(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        for (text, wanted) in [
            ("10.0.0.0/8", Ok("10.0.0.0/8")),
            ("10.0.0.5", Ok("10.0.0.5/32")),
            ("0.0.0.0/0", Ok("0.0.0.0/0")),
            ("2001:db8::/32", Ok("2001:db8::/32")),
            ("[2001:db8::1]", Ok("2001:db8::1/128")),
            ("::/0", Ok("::/0")),
            (
                "10.0.0.5/8",
                Err("an address within a network, not the network"),
            ),
            (
                "2001:db8::1/32",
                Err("an address within a network, not the network"),
            ),
            ("10.0.0.0/33", Err("bad length behind the `/`")),
            ("10.0.0.0/", Err("bad length behind the `/`")),
            ("10.0.0/8", Err("not a network")),
            ("pbx.example.com", Err("not a network")),
            ("", Err("not a network")),
        ] {
            let got = read(text).map(|network| format!("{}/{}", network.address, network.prefix));
            let wanted = wanted.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(got.map_err(|complaint| complaint.label), wanted, "{text}");
        }
    }

    #[test]
    fn what_holds_strangers_is_wide() {
        for (text, wanted) in [
            ("0.0.0.0/0", true),
            ("::/0", true),
            ("203.0.0.0/16", true),
            ("203.0.113.0/24", false),
            ("10.0.0.0/8", false),
            ("2001:db8::/32", true),
            ("2001:db8:1::/48", false),
            ("fd00::/8", false),
        ] {
            assert_eq!(is_wide(&read(text).expect("a network")), wanted, "{text}");
        }
    }
}
