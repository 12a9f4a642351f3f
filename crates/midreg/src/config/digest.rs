//! `DigestKeys`: the table `[digest]`, and the same table of a `[[domain]]`: the users whose
//! passwords are known here (RFC 7616, RFC 8760).
//!
//! Passwords become hashes as soon as the realm is known, and go no further.

use std::sync::Arc;
use std::time::Duration;

use engine::policy::DigestPolicy;
use sip::digest::Algorithm;

use super::error::{Fault, Faults, Spot};
use super::form::quoted;
use super::key::{Absent, Key, Sample, TableKey};
use super::offer::{Offer, algorithms, show_algorithms};
use super::section::{Given, Section};
use super::user::{USERS, User};
use super::users_file::UsersFile;
use super::value::{name_text, path, span};

/// How long a nonce may be answered where nothing is said.
const USUAL_NONCE_LIFE: Duration = Duration::from_secs(300);

/// Realm of a challenge that nobody can answer.
const NOBODY: &str = "nobody";

/// The table, here and in a `[[domain]]`.
pub(crate) const DIGEST: TableKey = TableKey {
    name: "digest",
    doc: "Users whose passwords are known here. Where there are none, the main registrar asks for \
          passwords. A domain with users of its own has those instead.",
    sample: Sample::Off,
};

const REALM: Key = Key {
    name: "realm",
    doc: "The name that phones show with the question for a password.",
    absent: Absent::Means("needed with users; in a domain, that of `[digest]` or else its name"),
    example: "\"example.org\"",
};

const ALGORITHMS: Key = Key {
    name: "algorithms",
    doc: "Hash functions that are offered, the most wanted first. A phone answers the first that \
          it knows; some give up when that is not the first of all (baresip 1.0 does).",
    absent: Absent::Means("`MD5`, which every phone knows; of hashes, what all users have"),
    example: "[\"MD5\"]",
};

const NONCE_LIFE: Key = Key {
    name: "nonce_life",
    doc: "How long a challenge may be answered.",
    absent: Absent::Default,
    example: "\"10m\"",
};

const USERS_FILE: Key = Key {
    name: "users_file",
    doc: "More users, in a file as `htdigest` writes it: a line `name:realm:hash` for each hash of \
          a user. 32 digits are MD5, 64 SHA-256; lines of other realms are passed over. A relative \
          path counts from the folder of this file.",
    absent: Absent::Means("no such file"),
    example: "\"users.htdigest\"",
};

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
    /// Reads the table, and the file of users that it names. What it does not say is as in `base`.
    pub(crate) fn read(section: &mut Section<'_, '_>, base: &Self) -> Self {
        let realm = section.value(&REALM, &name_text("name"));
        let offered = section.value(&ALGORITHMS, &algorithms());
        let life = span(Duration::from_secs(10)..=Duration::from_secs(86_400));
        let nonce_life = section.given_or(&NONCE_LIFE, &life, &base.nonce_life(base));
        let file = section.value(&USERS_FILE, &path("path of a file"));
        let users = section.each(&USERS, User::read);
        let users_file =
            file.and_then(|file| UsersFile::load(&file.value, &file.spot, section.faults));
        if let Some(realm) = &base.realm {
            section.follow(&REALM, quoted(&realm.value));
        }
        if let Some(offered) = &base.algorithms {
            section.follow(&ALGORITHMS, show_algorithms(&offered.value));
        }
        let keys = Self {
            realm,
            algorithms: offered,
            nonce_life,
            users: users.into_iter().flatten().collect(),
            users_file,
            spot: section.spot().cloned(),
        };
        if keys.spot.is_none() {
            section.idle("no users are listed in it");
        }
        keys
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
        given.map_or(USUAL_NONCE_LIFE, |given| given.value)
    }
}
