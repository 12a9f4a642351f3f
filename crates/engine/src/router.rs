//! `Router`: which shard owns a datagram, found without parsing it whole.
//!
//! Requests go by the AoR in To, which a REGISTER and all its siblings share; responses by the
//! branch, in which the shard that asked put its number.

use sip::Uri;
use sip::aor::AorBuf;
use sip::header::name_addr::NameAddr;
use sip::scan::{self, Peek};

use crate::ids::ShardId;
use crate::keys::Keys;
use crate::policy::Naming;
use crate::txn::branch_shard;

/// Finds the owner of a datagram.
#[derive(Clone, Debug)]
pub struct Router {
    keys: Keys,
    shards: u8,
    naming: Naming,
}

impl Router {
    /// A router for `shards` shards under this secret and these names, the same as the engines'.
    #[must_use]
    pub fn new(secret: &[u8; 32], shards: u8, naming: Naming) -> Self {
        Self {
            keys: Keys::derive(secret),
            shards,
            naming,
        }
    }

    /// The owner; `None` when any shard may take it: there is nothing in it that one of them knows.
    #[must_use]
    pub fn owner(&self, bytes: &[u8]) -> Option<ShardId> {
        match scan::peek_route(bytes) {
            Peek::Request { to, .. } => {
                let to = NameAddr::parse(to).ok()?;
                let mut aor = AorBuf::new();
                self.naming.aor(&Uri::parse(to.uri).ok()?, &mut aor).ok()?;
                Some(self.keys.aor_hash(&aor).slot().shard(self.shards))
            }
            Peek::Response { branch } => branch_shard(branch).filter(|shard| shard.0 < self.shards),
            Peek::Nothing => None,
        }
    }
}
