//! `Answer`: credentials for a request of our own that was challenged (RFC 3261 §22.2, §22.3; RFC
//! 7616 §3.4; RFC 8760 §2.4).

use sip::Message;
use sip::digest::{Algorithm, Protection, ha1, response};
use sip::header::auth::{Challenge, plain, push_quoted};

use crate::auth::asker::Asker;
use crate::keys::hex16;
use crate::policy::Credential;

/// The count of the only request that a nonce is used for.
const FIRST: &[u8] = b"00000001";

/// What to send a challenged request again with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The header line, CRLF included.
    pub line: Vec<u8>,
    /// Whether it is worth sending although the last answer was refused.
    pub hope: Hope,
}

/// Whether another answer may fare better than the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hope {
    /// Only if there was no last one: the same password is refused again.
    First,
    /// The last one was only too late (`stale`).
    Again,
}

/// A challenge that can be answered.
#[derive(Clone, Copy, Debug)]
struct Task<'a> {
    challenge: Challenge<'a>,
    algorithm: Algorithm,
    realm: &'a [u8],
    nonce: &'a [u8],
}

/// Answers the challenge in a 401 or 407 to our request of this method and Request-URI. `None` when
/// it asks for nothing that we know.
///
/// Of several challenges it is the topmost with an algorithm that we know and a realm that there is
/// a credential for: the asker put the one it likes best there (RFC 8760 §2.4). `cnonce` comes
/// from entropy.
#[must_use]
pub fn answer(
    challenged: &Message<'_>,
    method: &str,
    uri: &[u8],
    credentials: &[Credential],
    cnonce: u64,
) -> Option<Answer> {
    let asker = Asker::of_status(challenged.status()?)?;
    let (task, credential) = challenged
        .headers_named(asker.challenge())
        .filter_map(|header| Task::of(Challenge::parse(header.value).ok()?))
        .find_map(|task| Some((task, credential_for(task.realm, credentials)?)))?;
    let mut line = Vec::with_capacity(384);
    line.extend_from_slice(asker.credentials().as_str().as_bytes());
    line.extend_from_slice(b": ");
    task.push_answer(&mut line, credential, (method, uri), &hex16(cnonce));
    line.extend_from_slice(b"\r\n");
    let hope = match task.challenge.is_stale() {
        true => Hope::Again,
        false => Hope::First,
    };
    Some(Answer { line, hope })
}

/// The credential of that realm, or else the one for any.
fn credential_for<'c>(realm: &[u8], credentials: &'c [Credential]) -> Option<&'c Credential> {
    let realm = plain(realm);
    let own = |credential: &&Credential| credential.realm.as_bytes() == &*realm;
    let any = |credential: &&Credential| credential.realm.is_empty();
    let mut all = credentials.iter();
    all.clone().find(own).or_else(|| all.find(any))
}

impl<'a> Task<'a> {
    /// `None` for another scheme, an unknown algorithm, or nothing but protection that we do not
    /// give.
    fn of(challenge: Challenge<'a>) -> Option<Self> {
        let algorithm = challenge
            .algorithm
            .map_or(Some(Algorithm::Md5), Algorithm::from_bytes)?;
        if !challenge.is_digest() || (challenge.qop.is_some() && !challenge.offers_qop("auth")) {
            return None;
        }
        Some(Self {
            challenge,
            algorithm,
            realm: challenge.realm?,
            nonce: challenge.nonce?,
        })
    }

    /// Appends the credentials. What the asker said goes back byte for byte.
    fn push_answer(
        &self,
        out: &mut Vec<u8>,
        credential: &Credential,
        (method, uri): (&str, &[u8]),
        cnonce: &[u8],
    ) {
        let (user, password) = (credential.user.as_bytes(), credential.password.as_bytes());
        // Without `qop` it is RFC 2069 (RFC 3261 §22.4 step 8).
        let protection = self.challenge.qop.map(|_| Protection {
            nc: FIRST,
            cnonce,
            qop: b"auth",
        });
        let ha1 = ha1(self.algorithm, user, &plain(self.realm), password);
        let hash = response(
            self.algorithm,
            ha1.as_bytes(),
            self.nonce,
            protection,
            method.as_bytes(),
            uri,
        );
        out.extend_from_slice(b"Digest username=");
        push_quoted(out, user);
        push_param(out, ", realm=\"", self.realm, "\"");
        push_param(out, ", nonce=\"", self.nonce, "\"");
        push_param(out, ", uri=\"", uri, "\"");
        push_param(out, ", response=\"", hash.as_bytes(), "\"");
        if self.challenge.algorithm.is_some() {
            push_param(out, ", algorithm=", self.algorithm.as_str().as_bytes(), "");
        }
        if protection.is_some() {
            push_param(out, ", qop=auth, nc=", FIRST, "");
            push_param(out, ", cnonce=\"", cnonce, "\"");
        }
        if let Some(opaque) = self.challenge.opaque {
            push_param(out, ", opaque=\"", opaque, "\"");
        }
    }
}

fn push_param(out: &mut Vec<u8>, before: &str, value: &[u8], after: &str) {
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(value);
    out.extend_from_slice(after.as_bytes());
}

#[cfg(test)]
mod tests;
