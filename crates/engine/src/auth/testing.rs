//! What the tests of this module share.

use core::time::Duration;

use sip::digest::{Algorithm, ha1};

use crate::clock::{Mono, Now, Wall};
use crate::policy::{Credential, DigestPolicy, DigestUser};

/// When the engines of the tests start.
pub(super) const START: Now = Now {
    mono: Mono(10_000),
    wall: Wall(1_700_000_000_000),
};

/// A policy whose users have these passwords, and hashes for all these algorithms.
pub(super) fn policy_of(
    realm: &str,
    users: &[(&str, &str)],
    algorithms: &[Algorithm],
) -> DigestPolicy {
    let mut users: Vec<_> = users
        .iter()
        .map(|(name, password)| {
            let hash = |algorithm: &Algorithm| {
                let parts = [name, realm, password].map(str::as_bytes);
                (*algorithm, ha1(*algorithm, parts[0], parts[1], parts[2]))
            };
            DigestUser {
                name: (*name).into(),
                ha1: algorithms.iter().map(hash).collect(),
            }
        })
        .collect();
    users.sort_by(|a, b| a.name.cmp(&b.name));
    DigestPolicy {
        realm: realm.to_owned(),
        algorithms: algorithms.to_vec(),
        nonce_life: Duration::from_secs(300),
        users,
    }
}

/// A credential of ours.
pub(super) fn credential(realm: &str, user: &str, password: &str) -> Credential {
    Credential {
        realm: realm.into(),
        user: user.into(),
        password: password.into(),
    }
}

/// A response that carries these header lines.
pub(super) fn response(status: u16, lines: &[u8]) -> Vec<u8> {
    let mut bytes = format!("SIP/2.0 {status} x\r\n").into_bytes();
    bytes.extend_from_slice(lines);
    bytes.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    bytes
}

/// A REGISTER that carries these header lines.
pub(super) fn register(uri: &str, lines: &[u8]) -> Vec<u8> {
    let mut bytes = format!("REGISTER {uri} SIP/2.0\r\n").into_bytes();
    bytes.extend_from_slice(lines);
    bytes.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    bytes
}
