//! `DigestKeys`: the table `[digest]`, and the same table of a `[[domain]]`: the users whose
//! passwords are known here (RFC 7616, RFC 8760).
//!
//! Passwords become hashes as soon as the realm is known, and go no further.

use std::sync::Arc;
use std::time::Duration;

use engine::policy::DigestPolicy;
use sip::digest::Algorithm;

use super::error::{Fault, Faults, Spot};
use super::offer::{Offer, algorithms};
use super::section::{Complaint, Given, Section};
use super::user::User;
use super::users_file::UsersFile;
use super::value::{duration, name_text, path};

/// How long a nonce may be answered where nothing is said.
const NONCE_LIFE: Duration = Duration::from_secs(300);

/// Realm of a challenge that nobody can answer.
const NOBODY: &str = "nobody";

/// A digest table as it was given.
#[derive(Default)]
pub(crate) struct DigestKeys {
    realm: Option<Given<String>>,
    algorithms: Option<Given<Vec<Algorithm>>>,
    nonce_life: Option<Given<Duration>>,
    users: Vec<Given<User>>,
    users_file: Option<UsersFile>,
    /// Where the table stands, if it was given.
    spot: Option<Spot>,
}

impl DigestKeys {
    /// Reads the table, and the file of users that it names.
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
        let users = section.each("users", User::read);
        let file = section.value("users_file", path);
        let users_file =
            file.and_then(|file| UsersFile::load(&file.value, &file.spot, section.faults));
        Self {
            realm,
            algorithms,
            nonce_life,
            users: users.into_iter().flatten().collect(),
            users_file,
            spot: section.spot().cloned(),
        }
    }

    /// Whether it lists users, or names a file that does.
    #[must_use]
    pub(crate) fn has_users(&self) -> bool {
        !self.users.is_empty() || self.users_file.is_some()
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
        if !self.has_users() {
            return None;
        }
        let realm = self.realm.as_ref().or(base.realm.as_ref());
        let Some(realm) = realm.map(|given| given.value.as_str()).or(own_realm) else {
            let message = "users need `digest.realm`";
            let fault = match &self.spot {
                Some(place) => Fault::error(place, message),
                None => Fault::general(message),
            };
            faults.push(fault.help(
                "the name that phones show with the question for a password, such as \
                 \"example.org\"",
            ));
            return None;
        };
        let offer = self.offer(base);
        let users = self.users_of(realm, faults);
        let hashed = |given: &Given<User>| given.value.hashed(realm, offer.wanted());
        let hashed: Vec<_> = users.iter().map(hashed).collect();
        Some(Arc::new(DigestPolicy {
            realm: realm.to_owned(),
            algorithms: offer.settle(&users, &hashed, faults),
            users: hashed,
            nonce_life: self.nonce_life(base),
        }))
    }

    /// Rules that nobody can meet: what is unlisted is closed where all users belong to domains.
    #[must_use]
    pub(crate) fn closed(&self) -> Arc<DigestPolicy> {
        let realm = self.realm.as_ref();
        Arc::new(DigestPolicy {
            realm: realm.map_or_else(|| NOBODY.to_owned(), |given| given.value.clone()),
            algorithms: self.offer(self).wanted().to_vec(),
            nonce_life: self.nonce_life(self),
            users: Vec::new(),
        })
    }

    /// Those of the table and those of the file, sorted by name.
    fn users_of(&self, realm: &str, faults: &mut Faults) -> Vec<Given<User>> {
        let mut users = self.users.clone();
        if let Some(file) = &self.users_file {
            users.extend(file.users_of(realm, faults));
        }
        users.sort_by(|a, b| a.value.name.cmp(&b.value.name));
        for pair in users.windows(2) {
            if let [one, other] = pair
                && one.value.name == other.value.name
            {
                let help = format!("the other one is at {}", one.spot);
                faults.push(Fault::error(&other.spot, "this user is listed twice").help(help));
            }
        }
        users
    }

    fn offer<'k>(&'k self, base: &'k Self) -> Offer<'k> {
        Offer(self.algorithms.as_ref().or(base.algorithms.as_ref()))
    }

    fn nonce_life(&self, base: &Self) -> Duration {
        let given = self.nonce_life.as_ref().or(base.nonce_life.as_ref());
        given.map_or(NONCE_LIFE, |given| given.value)
    }
}
