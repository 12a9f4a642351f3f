//! `User`: one `[[digest.users]]`, whose password is known here, or the hash of it.
//!
//! A hash is of name, realm and password (RFC 7616 §3.4.2), so it is good for one name in one realm;
//! whoever reads it can register as that user all the same, and it is kept as secret as a password.

use engine::policy::DigestUser;
use sip::digest::{Algorithm, Hex, ha1};

use super::error::{Fault, Spot};
use super::form::{Form, Kind, text_of};
use super::key::{Absent, Key, Sample, TableKey};
use super::raw::Node;
use super::section::{Complaint, Given, Section};
use super::value::{fit_name, password, text};

/// A table for each user, here and in a `[[domain]]`.
pub(crate) const USERS: TableKey = TableKey {
    name: "users",
    doc: "A user: name and password, or in place of the password its hashes. Each hash is good for \
          this name and this realm only: `printf 'carol:example.org:change me' | sha256sum`.",
    sample: Sample::Several(&[
        &[("name", "\"alice\""), ("password", "\"change me\"")],
        &[
            ("name", "\"carol\""),
            ("ha1_md5", HA1_MD5.example),
            ("ha1_sha256", HA1_SHA256.example),
            ("ha1_sha512_256", HA1_SHA512_256.example),
        ],
    ]),
};

const NAME: Key = Key {
    name: "name",
    doc: "The user part of the address, and the user name in the digest.",
    absent: Absent::Required,
    example: "\"alice\"",
};

const PASSWORD: Key = Key {
    name: "password",
    doc: "The password.",
    absent: Absent::Means("its hashes are given"),
    example: "\"change me\"",
};

const HA1_MD5: Key = Key {
    name: "ha1_md5",
    doc: "The MD5 hash of `name:realm:password`.",
    absent: Absent::Means("the password, or another hash, is given"),
    example: "\"dfe1cd67b5b588e5abd0bd4732d1b044\"",
};

const HA1_SHA256: Key = Key {
    name: "ha1_sha256",
    doc: "The SHA-256 hash of `name:realm:password`.",
    absent: Absent::Means("the password, or another hash, is given"),
    example: "\"c205ea786fa386135cfee98c69dcbd7a31c83ddd8ab4abf583e3ddca6cbda55e\"",
};

const HA1_SHA512_256: Key = Key {
    name: "ha1_sha512_256",
    doc: "The SHA-512/256 hash of `name:realm:password`.",
    absent: Absent::Means("the password, or another hash, is given"),
    example: "\"220f2c09f9f152e0c79d6581ceb132eed8010ba766811f2927d4beb60010aa84\"",
};

/// The keys of the hashes, and what each is made with.
const HASHES: [(&Key, Algorithm); 3] = [
    (&HA1_MD5, Algorithm::Md5),
    (&HA1_SHA256, Algorithm::Sha256),
    (&HA1_SHA512_256, Algorithm::Sha512_256),
];

/// A user as given.
#[derive(Clone)]
pub(crate) struct User {
    /// The user name in the digest, and the user part of the AoR.
    pub(crate) name: String,
    /// What is known.
    pub(crate) secret: Secret,
}

/// What is known of a user's password.
#[derive(Clone)]
pub(crate) enum Secret {
    /// The password itself.
    Password(String),
    /// The hash of it for some algorithms.
    Hashes(Vec<(Algorithm, Hex)>),
}

impl User {
    /// Reads the table; without a name, or without any secret, it is none.
    pub(crate) fn read(section: &mut Section<'_, '_>, spot: &Spot) -> Option<Given<Self>> {
        let form = text_of("user name", r#"^[^:@"\\]+$"#, user_name, String::clone);
        let name = section.value(&NAME, &form);
        let secret = read_secret(section, spot);
        let name = name?;
        Some(Given {
            value: Self {
                name: name.value,
                secret: secret?,
            },
            spot: name.spot,
        })
    }

    /// The user with a hash for each of `algorithms`, as far as that is known.
    #[must_use]
    pub(crate) fn hashed(&self, realm: &str, algorithms: &[Algorithm]) -> DigestUser {
        let ha1 = match &self.secret {
            Secret::Hashes(hashes) => hashes.clone(),
            Secret::Password(password) => {
                let [name, realm, password] =
                    [self.name.as_str(), realm, password].map(str::as_bytes);
                let hash = |kind: &Algorithm| (*kind, ha1(*kind, name, realm, password));
                algorithms.iter().map(hash).collect()
            }
        };
        DigestUser {
            name: self.name.as_str().into(),
            ha1,
        }
    }
}

/// Checks the name of a user. A colon separates name and realm in what is hashed (RFC 7616 §3.4.2).
///
/// # Errors
///
/// Not fit for a digest, or more than the user part of an address.
pub(crate) fn user_name(text: &str) -> Result<String, Complaint> {
    let name = fit_name(text)?;
    if name.contains([':', '@']) {
        let help = "the user part alone, such as \"alice\"";
        return Err(Complaint::new("`:` and `@` are not allowed", help));
    }
    Ok(name)
}

/// The password or the hashes; exactly one of the two is wanted.
fn read_secret(section: &mut Section<'_, '_>, spot: &Spot) -> Option<Secret> {
    let hashed = HASHES.iter().any(|(key, _)| section.has(key.name));
    let known = section.has(PASSWORD.name);
    let password = section.value(&PASSWORD, &password());
    let hashes = HASHES.map(|(key, algorithm)| {
        let hash = section.value(key, &hash(algorithm))?;
        Some((algorithm, hash.value))
    });
    match (known, hashed) {
        (false, false) => {
            let message = format!("`{}` is missing", section.path_of("password"));
            let help = "or a hash in its place: ha1_md5, ha1_sha256, ha1_sha512_256";
            section.faults.push(Fault::error(spot, message).help(help));
            None
        }
        (true, true) => {
            let place = password.as_ref().map_or(spot, |given| &given.spot);
            let message = format!("`{}` stands beside a hash", section.path_of("password"));
            let help = "leave the password out: the hash is enough";
            section.faults.push(Fault::error(place, message).help(help));
            None
        }
        (true, false) => password.map(|given| Secret::Password(given.value)),
        (false, true) => {
            let hashes: Vec<(Algorithm, Hex)> = hashes.into_iter().flatten().collect();
            (!hashes.is_empty()).then_some(Secret::Hashes(hashes))
        }
    }
}

/// A hash in hexadecimal digits. Complaints do not repeat it.
fn hash(algorithm: Algorithm) -> Form<Hex> {
    let kind = Kind::Secret {
        what: "hash in hexadecimal digits",
    };
    let read = move |node: &Node| {
        Hex::parse(algorithm, text(node)?.as_bytes()).ok_or_else(|| {
            let (length, name) = (algorithm.hex_len(), algorithm.as_str());
            let help = format!("the {name} hash of `name:realm:password` has {length} of them");
            Complaint::new("not the hexadecimal digits of this hash", help)
        })
    };
    Form::new(kind, read, |_| String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_becomes_the_hash_for_every_algorithm() {
        let user = User {
            name: "Mufasa".to_owned(),
            secret: Secret::Password("Circle of Life".to_owned()),
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
