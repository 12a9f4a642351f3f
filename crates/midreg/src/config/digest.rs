//! `DigestKeys`: the table `[digest]`, and the same table of a `[[domain]]`: the users whose
//! passwords are known here (RFC 7616, RFC 8760).
//!
//! Passwords become hashes as soon as the realm is known, and go no further.

use std::sync::Arc;
use std::time::Duration;

use engine::policy::{DigestPolicy, DigestUser};
use sip::digest::{Algorithm, ha1};

use super::error::{Fault, Faults, Spot};
use super::raw::{Node, Value};
use super::section::{Complaint, Given, Section};
use super::value::{duration, name_text, password, text};

/// How long a nonce may be answered where nothing is said.
const NONCE_LIFE: Duration = Duration::from_secs(300);

/// The hash functions that are offered where nothing is said, the most wanted first.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

/// Realm of a challenge that nobody can answer.
const NOBODY: &str = "nobody";

/// A digest table as it was given.
#[derive(Default)]
pub(crate) struct DigestKeys {
    realm: Option<Given<String>>,
    algorithms: Option<Given<Vec<Algorithm>>>,
    nonce_life: Option<Given<Duration>>,
    /// Sorted by name.
    users: Vec<Given<User>>,
    /// Where the table stands, if it was given.
    spot: Option<Spot>,
}

struct User {
    name: String,
    password: String,
}

impl DigestKeys {
    /// Reads the table.
    pub(crate) fn read(section: &mut Section<'_, '_>) -> Self {
        let realm = section.value("realm", name_text);
        let algorithms = section.value("algorithms", algorithms);
        let nonce_life = section.value("nonce_life", |node| {
            let life = duration(node)?;
            if (10..=86_400).contains(&life.as_secs()) {
                return Ok(life);
            }
            Err(Complaint::new("out of range", "from 10s to 1d"))
        });
        let users = section.each("users", read_user);
        let mut users: Vec<Given<User>> = users.into_iter().flatten().collect();
        users.sort_by(|a, b| a.value.name.cmp(&b.value.name));
        for pair in users.windows(2) {
            if let [one, other] = pair
                && one.value.name == other.value.name
            {
                let help = format!("the other one is at {}", one.spot);
                section
                    .faults
                    .push(Fault::error(&other.spot, "this user is listed twice").help(help));
            }
        }
        Self {
            realm,
            algorithms,
            nonce_life,
            users,
            spot: section.spot().cloned(),
        }
    }

    /// Whether it lists users.
    #[must_use]
    pub(crate) fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// Where the table stands, if it was given.
    #[must_use]
    pub(crate) fn spot(&self) -> Option<&Spot> {
        self.spot.as_ref()
    }

    /// The users with the hashes of their passwords; `None` where there are none. What is not said
    /// is as in `base`, and the realm is `own_realm` where both are silent.
    pub(crate) fn policy(
        &self,
        base: &Self,
        own_realm: Option<&str>,
        faults: &mut Faults,
    ) -> Option<Arc<DigestPolicy>> {
        let first = self.users.first()?;
        let realm = self.realm.as_ref().or(base.realm.as_ref());
        let realm = realm.map(|given| given.value.as_str()).or(own_realm);
        let Some(realm) = realm else {
            let place = self.spot.as_ref().unwrap_or(&first.spot);
            let help = "the name that phones show with the question for a password, such as \
                        \"example.org\"";
            faults.push(Fault::error(place, "users need `digest.realm`").help(help));
            return None;
        };
        let algorithms = self.algorithms(base);
        let hashed = |given: &Given<User>| given.value.hashed(realm, &algorithms);
        let users = self.users.iter().map(hashed).collect();
        Some(Arc::new(DigestPolicy {
            realm: realm.to_owned(),
            users,
            nonce_life: self.nonce_life(base),
            algorithms,
        }))
    }

    /// Rules that nobody can meet: what is unlisted is closed where all users belong to domains.
    #[must_use]
    pub(crate) fn closed(&self) -> Arc<DigestPolicy> {
        let realm = self.realm.as_ref();
        Arc::new(DigestPolicy {
            realm: realm.map_or_else(|| NOBODY.to_owned(), |given| given.value.clone()),
            algorithms: self.algorithms(self),
            nonce_life: self.nonce_life(self),
            users: Vec::new(),
        })
    }

    fn algorithms(&self, base: &Self) -> Vec<Algorithm> {
        let given = self.algorithms.as_ref().or(base.algorithms.as_ref());
        given.map_or_else(|| ALGORITHMS.to_vec(), |given| given.value.clone())
    }

    fn nonce_life(&self, base: &Self) -> Duration {
        let given = self.nonce_life.as_ref().or(base.nonce_life.as_ref());
        given.map_or(NONCE_LIFE, |given| given.value)
    }
}

impl User {
    fn hashed(&self, realm: &str, algorithms: &[Algorithm]) -> DigestUser {
        let hash = |algorithm: &Algorithm| {
            let [name, realm, password] =
                [self.name.as_str(), realm, &self.password].map(str::as_bytes);
            (*algorithm, ha1(*algorithm, name, realm, password))
        };
        DigestUser {
            name: self.name.as_str().into(),
            ha1: algorithms.iter().map(hash).collect(),
        }
    }
}

fn read_user(section: &mut Section<'_, '_>, spot: &Spot) -> Option<Given<User>> {
    let complete = section.needs(&["name", "password"], spot);
    let name = section.value("name", |node| {
        let name = name_text(node)?;
        if name.contains([':', '@']) {
            // A colon separates name and realm in what is hashed (RFC 7616 §3.4.2).
            let help = "the user part alone, such as \"alice\"";
            return Err(Complaint::new("`:` and `@` are not allowed", help));
        }
        Ok(name)
    });
    let password = section.value("password", password);
    let (Some(name), Some(password), true) = (name, password, complete) else {
        return None;
    };
    Some(Given {
        value: User {
            name: name.value,
            password: password.value,
        },
        spot: name.spot,
    })
}

/// The names of hash functions, the most wanted first.
fn algorithms(node: &Node) -> Result<Vec<Algorithm>, Complaint> {
    const HELP: &str = "choose from \"SHA-512-256\", \"SHA-256\", \"MD5\", the most wanted first";
    let items = match &node.value {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let text = text(item)?;
        let Some(algorithm) = Algorithm::from_bytes(text.as_bytes()) else {
            return Err(Complaint::new(format!("`{text}` is not known"), HELP));
        };
        if found.contains(&algorithm) {
            return Err(Complaint::new(format!("`{text}` twice"), HELP));
        }
        found.push(algorithm);
    }
    match found.is_empty() {
        true => Err(Complaint::new("empty", HELP)),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_becomes_the_hash_for_every_algorithm() {
        let user = User {
            name: "Mufasa".to_owned(),
            password: "Circle of Life".to_owned(),
        };
        let hashed = user.hashed("testrealm@host.com", &[Algorithm::Sha256, Algorithm::Md5]);
        let kinds: Vec<Algorithm> = hashed.ha1.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [Algorithm::Sha256, Algorithm::Md5]);
        assert_eq!(
            hashed.ha1[1].1.as_bytes(),
            b"7650d211d93fae2c3f56cdb1f1af23b2"
        );
    }
}
