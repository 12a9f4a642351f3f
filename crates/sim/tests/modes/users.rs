//! Users whose passwords midreg knows itself, and phones that prove them with any algorithm.

use core::time::Duration;
use std::sync::Arc;

use engine::policy::{DigestPolicy, DigestUser, Policy};
use midreg_sim::{Packet, Phone, World};
use sip::digest::{Algorithm, Protection, ha1, response};
use sip::header::auth::Challenge;

/// Realm of midreg's own challenges.
pub(crate) const REALM: &str = "midreg.example.org";
/// Password of everybody.
const PASSWORD: &str = "secret";

/// All algorithms, the most wanted first.
pub(crate) const ALL: [Algorithm; 3] = [Algorithm::Sha512_256, Algorithm::Sha256, Algorithm::Md5];

/// These users, with a hash for each of these algorithms, which are offered in this order.
pub(crate) fn users(names: &[&str], algorithms: &[Algorithm]) -> Arc<DigestPolicy> {
    let mut names = names.to_vec();
    names.sort_unstable();
    let hash = |name: &str, algorithm: Algorithm| {
        ha1(
            algorithm,
            name.as_bytes(),
            REALM.as_bytes(),
            PASSWORD.as_bytes(),
        )
    };
    let user = |name: &&str| DigestUser {
        name: (*name).into(),
        ha1: algorithms
            .iter()
            .map(|algorithm| (*algorithm, hash(name, *algorithm)))
            .collect(),
    };
    Arc::new(DigestPolicy {
        realm: REALM.to_owned(),
        algorithms: algorithms.to_vec(),
        nonce_life: Duration::from_secs(300),
        users: names.iter().map(user).collect(),
    })
}

/// The same settings where midreg knows the passwords of `alice` and `bob`.
pub(crate) fn knowing(mut policy: Policy) -> Policy {
    policy.domain.digest = Some(users(&["alice", "bob"], &[Algorithm::Md5]));
    policy
}

/// How a phone proves itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof<'p> {
    pub(crate) user: &'p str,
    pub(crate) password: &'p str,
    pub(crate) algorithm: Algorithm,
    /// How often the nonce was used, this time included.
    pub(crate) count: u32,
    /// What it was asked for, as the phone believes.
    pub(crate) uri: &'p str,
}

impl Proof<'static> {
    /// Alice's, by MD5, for the first time.
    pub(crate) const ALICE: Self = Self {
        user: "alice",
        password: PASSWORD,
        algorithm: Algorithm::Md5,
        count: 1,
        uri: "sip:example.org",
    };
}

impl Proof<'_> {
    /// The Authorization line that answers a challenge.
    ///
    /// # Panics
    /// When the challenge does not offer the algorithm.
    pub(crate) fn answer(&self, challenge: &Packet) -> String {
        let values = challenge.all("WWW-Authenticate");
        let offered = values.iter().find_map(|value| {
            let challenge = Challenge::parse(value.as_bytes()).ok()?;
            let own = challenge.algorithm.map(Algorithm::from_bytes);
            (own == Some(Some(self.algorithm))).then_some(challenge)
        });
        let Some(challenge) = offered else {
            panic!("{} is not offered: {values:?}", self.algorithm.as_str());
        };
        let text =
            |part: Option<&[u8]>| String::from_utf8_lossy(part.unwrap_or_default()).into_owned();
        self.line(&text(challenge.realm), &text(challenge.nonce))
    }

    /// The Authorization line for a nonce.
    pub(crate) fn line(&self, realm: &str, nonce: &str) -> String {
        let Self { user, uri, .. } = self;
        let (algorithm, nc) = (self.algorithm, format!("{:08x}", self.count));
        let secret = ha1(
            algorithm,
            user.as_bytes(),
            realm.as_bytes(),
            self.password.as_bytes(),
        );
        let protection = Protection {
            nc: nc.as_bytes(),
            cnonce: b"c",
            qop: b"auth",
        };
        let digest = response(
            algorithm,
            secret.as_bytes(),
            nonce.as_bytes(),
            Some(protection),
            b"REGISTER",
            uri.as_bytes(),
        );
        let digest = String::from_utf8_lossy(digest.as_bytes()).into_owned();
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", \
             uri=\"{uri}\", response=\"{digest}\", algorithm={}, qop=auth, nc={nc}, cnonce=\"c\"",
            algorithm.as_str()
        )
    }
}

/// The next request of a phone, with this line in it.
pub(crate) fn with_line(
    phone: &mut Phone,
    line: &str,
    request: impl FnOnce(&mut Phone) -> Vec<u8>,
) -> Vec<u8> {
    phone.headers.push(line.to_owned());
    let bytes = request(phone);
    phone.headers.pop();
    bytes
}

/// A phone asks, must be challenged here, and proves itself; its final answer.
///
/// # Panics
/// When it is not challenged.
pub(crate) fn proved(
    world: &mut World,
    phone: &mut Phone,
    request: impl Fn(&mut Phone) -> Vec<u8>,
) -> Packet {
    let first = request(phone);
    let challenge = world.exchange(phone, &first);
    assert_eq!(challenge.status(), 401, "{}", challenge.text());
    let proof = Proof {
        user: &phone.user.clone(),
        ..Proof::ALICE
    };
    let second = with_line(phone, &proof.answer(&challenge), request);
    world.exchange(phone, &second)
}

/// A phone registers and must be accepted on proof.
///
/// # Panics
/// When it is not.
pub(crate) fn registered(world: &mut World, phone: &mut Phone) -> Packet {
    let answer = proved(world, phone, Phone::register);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer
}
