//! The users whose passwords midreg knows itself, where it has no main registrar.

use std::sync::Arc;

use core::time::Duration;

use engine::policy::{DigestPolicy, DigestUser};
use sip::digest::{Algorithm, ha1};

use crate::digest::REALM;
use crate::main_registrar::PASSWORD;

/// Users of the model world, at most.
const USERS: usize = 10;

/// The users of the model world, `user0` to `user9`.
#[must_use]
pub fn users() -> Arc<DigestPolicy> {
    let user = |number: usize| {
        let name = format!("user{number}");
        let hash = ha1(
            Algorithm::Md5,
            name.as_bytes(),
            REALM.as_bytes(),
            PASSWORD.as_bytes(),
        );
        DigestUser {
            name: name.into_boxed_str(),
            ha1: vec![(Algorithm::Md5, hash)],
        }
    };
    Arc::new(DigestPolicy {
        realm: REALM.to_owned(),
        algorithms: vec![Algorithm::Md5],
        nonce_life: Duration::from_secs(300),
        users: (0..USERS).map(user).collect(),
    })
}
