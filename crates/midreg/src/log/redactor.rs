//! `Redactor`: users and addresses of devices as the log may show them.
//!
//! Where they are to be hidden, pseudonyms stand for them: a keyed hash, so that lines about one user
//! or one address can still be told to belong together, and nobody without the secret can find out
//! whose they are by trying all names. The key comes from the secret of this installation, so that
//! pseudonyms hold across restarts where that is kept. Hidden is what belongs to users; the names and
//! addresses of main registrars and listeners are the operator's own and stay.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::Redact;

/// Sets these hashes apart from others under the same secret.
const PURPOSE: &[u8] = b"midreg log pseudonym";

/// Bytes of a hash that are shown: enough for no two of a million to be alike, in practice.
const SHOWN: usize = 6;

/// Hides what is to be hidden.
pub struct Redactor {
    mac: Hmac<Sha256>,
    users: AtomicBool,
    addresses: AtomicBool,
}

impl Redactor {
    /// One that hides this much, with pseudonyms that hang on a secret.
    #[must_use]
    pub fn new(secret: &[u8; 32], redact: Redact) -> Self {
        let mut mac = keyed(secret);
        mac.update(PURPOSE);
        let redactor = Self {
            mac: keyed(&mac.finalize().into_bytes().into()),
            users: AtomicBool::default(),
            addresses: AtomicBool::default(),
        };
        redactor.hide(redact);
        redactor
    }

    /// Hides this much from now on.
    pub fn hide(&self, redact: Redact) {
        self.users.store(redact.users, Ordering::Relaxed);
        self.addresses.store(redact.addresses, Ordering::Relaxed);
    }

    /// An AoR, `user@host` with or without its scheme.
    #[must_use]
    pub fn user(&self, aor: &str) -> String {
        let (rest, host) = match aor.rsplit_once('@') {
            Some((_, host)) if self.users.load(Ordering::Relaxed) => {
                let bare = aor.split_once(':').filter(|(scheme, _)| is_scheme(scheme));
                let bare = bare.map_or(aor, |(_, bare)| bare);
                (format!("user-{}", self.hash(bare.as_bytes())), host)
            }
            Some((user, host)) => (user.to_owned(), host),
            None => return self.host(aor),
        };
        format!("{rest}@{}", self.host(host))
    }

    /// The address of a device; its port is shown.
    #[must_use]
    pub fn address(&self, address: SocketAddr) -> String {
        match self.addresses.load(Ordering::Relaxed) {
            true => format!("{}:{}", self.ip(address.ip()), address.port()),
            false => address.to_string(),
        }
    }

    /// The host of an AoR, which may be an address itself.
    fn host(&self, host: &str) -> String {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse() {
            Ok(ip) if self.addresses.load(Ordering::Relaxed) => self.ip(ip),
            _ => host.to_owned(),
        }
    }

    fn ip(&self, ip: IpAddr) -> String {
        let hash = match ip.to_canonical() {
            IpAddr::V4(ip) => self.hash(&ip.octets()),
            IpAddr::V6(ip) => self.hash(&ip.octets()),
        };
        format!("host-{hash}")
    }

    fn hash(&self, text: &[u8]) -> String {
        let mut mac = self.mac.clone();
        mac.update(text);
        let hash = mac.finalize().into_bytes();
        let shown = hash.iter().take(SHOWN);
        shown.map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("users", &self.users)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("RFC 2104 §2: keys of any length")
}

fn is_scheme(text: &str) -> bool {
    ["sip", "sips", "tel"].contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "alice@example.com";

    fn redactor(users: bool, addresses: bool) -> Redactor {
        Redactor::new(&[7; 32], Redact { users, addresses })
    }

    fn phone() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 7], 5062))
    }

    #[test]
    fn what_is_not_to_be_hidden_is_shown() {
        let plain = redactor(false, false);
        assert_eq!(plain.user(ALICE), ALICE);
        assert_eq!(plain.address(phone()), "192.0.2.7:5062");
        assert_eq!(plain.user("a@10.0.0.1"), "a@10.0.0.1");
        assert_eq!(plain.user("sip:a@b@c"), "sip:a@b@c");
    }

    #[test]
    fn one_user_has_one_pseudonym_and_another_has_another() {
        let hidden = redactor(true, false);
        let alice = hidden.user(ALICE);
        assert!(
            alice.starts_with("user-") && alice.ends_with("@example.com"),
            "{alice}"
        );
        assert!(!alice.contains("alice"));
        assert_eq!(alice, redactor(true, true).user(ALICE));
        assert_eq!(alice, hidden.user("sip:alice@example.com"));
        assert_ne!(
            alice,
            hidden.user("alice@example.net").replace(".net", ".com")
        );
        let elsewhere = Redactor::new(
            &[8; 32],
            Redact {
                users: true,
                addresses: false,
            },
        );
        assert_ne!(alice, elsewhere.user(ALICE), "it hangs on the secret");
        assert_eq!(hidden.address(phone()), "192.0.2.7:5062");
    }

    #[test]
    fn addresses_are_hidden_wherever_they_stand() {
        let hidden = redactor(false, true);
        let shown = hidden.address(phone());
        assert!(
            shown.starts_with("host-") && shown.ends_with(":5062"),
            "{shown}"
        );
        let host = shown.trim_end_matches(":5062");
        assert_eq!(hidden.user("bob@192.0.2.7"), format!("bob@{host}"));
        assert_eq!(hidden.user("192.0.2.7"), host);
        let six = hidden.user("bob@[2001:db8::1]");
        assert!(!six.contains("2001"), "{six}");
        assert_eq!(hidden.user(ALICE), ALICE);
    }

    #[test]
    fn it_may_change_its_mind() {
        let redactor = redactor(false, false);
        redactor.hide(Redact {
            users: true,
            addresses: true,
        });
        assert!(!redactor.user(ALICE).contains("alice"));
        assert!(!format!("{redactor:?}").contains("07"));
    }
}
