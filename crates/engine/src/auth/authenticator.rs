//! `Authenticator`: asks for proof, and judges it (RFC 3261 §22.1, RFC 7616 §3.4).

use sip::Message;
use sip::header::auth::{Credentials, plain};

use crate::auth::asker::Asker;
use crate::auth::nonce_counts::NonceCounts;
use crate::auth::nonces::Nonces;
use crate::auth::{challenge, proof};
use crate::clock::{Mono, Now};
use crate::keys::Keys;
use crate::policy::DigestPolicy;

/// Challenges and verifies on behalf of one engine.
#[derive(Debug)]
pub struct Authenticator {
    nonces: Nonces,
    counts: NonceCounts,
}

/// What is asked of a request.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'p> {
    /// In which role.
    pub asker: Asker,
    /// Whose proof is taken.
    pub policy: &'p DigestPolicy,
}

/// What the credentials of a request are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'p> {
    /// There are none, or they answer no challenge of ours: a first request, or one from before the
    /// secret changed. Nothing was guessed.
    Absent,
    /// There are credentials, but all are for somebody else.
    Foreign,
    /// The sender knows the password of this user.
    Proved {
        /// The user's name in the policy. Whether that user may do what the request wants is for
        /// the caller to say (RFC 3261 §10.3 step 4).
        user: &'p str,
    },
    /// The sender knows a password, but has shown that before, or too late: it has to do so again.
    Stale,
    /// The sender does not know the password of the user it claims to be, or answered something
    /// else than this request.
    Wrong,
}

impl Authenticator {
    /// For an engine that starts now.
    #[must_use]
    pub fn new(keys: &Keys, start: Now) -> Self {
        let nonces = Nonces::new(keys, start);
        Self {
            counts: NonceCounts::new(nonces.date(start.mono)),
            nonces,
        }
    }

    /// Judges the credentials of a request. They are used up by that: a retransmission has to be
    /// recognised before.
    pub fn verify<'p>(
        &mut self,
        now: Mono,
        demand: Demand<'p>,
        request: &Message<'_>,
    ) -> Verdict<'p> {
        let policy = demand.policy;
        let shown = match shown_to(demand, request) {
            Ok(shown) => shown,
            Err(verdict) => return verdict,
        };
        let (Some(line), Some(nonce)) = (request.request(), shown.nonce) else {
            return Verdict::Absent;
        };
        // Devices that know they will be challenged begin with an empty nonce and an empty response.
        let realm = policy.realm.as_bytes();
        let Some(nonce) = self.nonces.recognise(now, realm, nonce) else {
            return Verdict::Absent;
        };
        // Only who knows the password is told that it was not the password (RFC 7616 §3.3, stale).
        let Some(proof) = proof::check(policy, &shown, &line) else {
            return Verdict::Wrong;
        };
        let age = u128::from(self.nonces.date(now).saturating_sub(nonce.issued));
        if age > policy.nonce_life.as_millis() || !self.counts.admit(nonce, proof.usage) {
            return Verdict::Stale;
        }
        Verdict::Proved {
            user: &proof.user.name,
        }
    }

    /// Appends the header lines that challenge a request of this verdict. `salt` comes from entropy
    /// and is never the same twice.
    pub fn challenge(
        &self,
        now: Mono,
        demand: Demand<'_>,
        verdict: &Verdict<'_>,
        salt: u64,
        out: &mut Vec<u8>,
    ) {
        let nonce = self.nonces.issue(now, demand.policy.realm.as_bytes(), salt);
        challenge::push_lines(out, demand, verdict, &nonce);
    }
}

/// The credentials of a request that are for us: there is one for each realm (RFC 3261 §22.3). What
/// cannot be read is passed over.
fn shown_to<'a>(
    demand: Demand<'_>,
    request: &Message<'a>,
) -> Result<Credentials<'a>, Verdict<'static>> {
    let realm = demand.policy.realm.as_bytes();
    let mut without = Verdict::Absent;
    for header in request.headers_named(demand.asker.credentials()) {
        let Ok(shown) = Credentials::parse(header.value) else {
            continue;
        };
        if shown.is_digest() && shown.realm.is_some_and(|own| *plain(own) == *realm) {
            return Ok(shown);
        }
        without = Verdict::Foreign;
    }
    Err(without)
}

#[cfg(test)]
mod tests;
