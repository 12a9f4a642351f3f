//! `Network`: a range of IP addresses.

use core::net::IpAddr;

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// One of them.
    pub address: IpAddr,
    /// How many bits they share; more than an address has means all of them.
    pub prefix: u8,
}

impl Network {
    /// Whether an address is one of them. An IPv4 address written as IPv6 is itself.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let kept = 32u32.saturating_sub(self.prefix.into());
                own.to_bits().checked_shr(kept) == other.to_bits().checked_shr(kept)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let kept = 128u32.saturating_sub(self.prefix.into());
                own.to_bits().checked_shr(kept) == other.to_bits().checked_shr(kept)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_share_its_prefix() {
        for (address, prefix, other, inside) in [
            ("10.1.0.0", 16, "10.1.255.3", true),
            ("10.1.0.0", 16, "10.2.0.1", false),
            ("10.1.2.3", 32, "10.1.2.3", true),
            ("10.1.2.3", 32, "10.1.2.2", false),
            ("0.0.0.0", 0, "203.0.113.9", true),
            ("10.1.0.0", 16, "::ffff:10.1.0.7", true),
            ("2001:db8::", 32, "2001:db8:1::5", true),
            ("2001:db8::", 32, "2001:db9::5", false),
            ("::", 0, "10.0.0.1", false),
        ] {
            let network = Network {
                address: address.parse().unwrap(),
                prefix,
            };
            assert_eq!(network.contains(other.parse().unwrap()), inside, "{other}");
        }
    }
}
