//! `Router`: which shard owns a datagram, found without parsing it whole.
//!
//! A REGISTER goes by the AoR in To, which it and all its siblings share. Other requests go by what
//! we wrote ourselves where that leads (a token in Route or Request-URI, an AoR at our address), so
//! that they come to the shard that has the device; else by the AoR in From, whose shard knows
//! whether that is a device of ours. An INVITE and its CANCEL and ACK have all of these in common.
//! Responses go by the branch, in which the shard that asked put its number.

use std::sync::Arc;

use sip::aor::AorBuf;
use sip::header::list::Elements;
use sip::header::name_addr::NameAddr;
use sip::scan::{self, Peek};
use sip::{Method, Uri};

use crate::ids::{ShardId, Slot};
use crate::keys::Keys;
use crate::policy::Policy;
use crate::proxy::route_token::RouteToken;
use crate::registrar::address::{Addressee, addressee};
use crate::token;
use crate::txn::branch_shard;

/// Finds the owner of a datagram.
#[derive(Clone, Debug)]
pub struct Router {
    keys: Keys,
    shards: u8,
    policy: Arc<Policy>,
}

impl Router {
    /// A router for `shards` shards under this secret and this policy, the same as the engines'.
    #[must_use]
    pub fn new(secret: &[u8; 32], shards: u8, policy: Arc<Policy>) -> Self {
        Self {
            keys: Keys::derive(secret),
            shards,
            policy,
        }
    }

    /// Follows new settings, the engines' own.
    pub fn follow(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
    }

    /// The owner; `None` when any shard may take it: there is nothing in it that one of them knows.
    #[must_use]
    pub fn owner(&self, bytes: &[u8]) -> Option<ShardId> {
        match scan::peek_route(bytes) {
            Peek::Request {
                method: Method::Register,
                to,
                ..
            } => self.named(to),
            Peek::Request {
                request_uri,
                from,
                route,
                ..
            } => self
                .led(route)
                .or_else(|| self.addressed(request_uri))
                .or_else(|| self.named(from)),
            Peek::Response { branch } => branch_shard(branch).filter(|shard| shard.0 < self.shards),
            Peek::Nothing => None,
        }
    }

    /// The shard of the AoR in a From or To.
    fn named(&self, address: &[u8]) -> Option<ShardId> {
        let address = NameAddr::parse(address).ok()?;
        let mut aor = AorBuf::new();
        let uri = Uri::parse(address.uri).ok()?;
        self.policy.naming.aor(&uri, &mut aor).ok()?;
        Some(self.keys.aor_hash(&aor).slot().shard(self.shards))
    }

    /// The shard of the first Route, if it is ours.
    fn led(&self, route: &[u8]) -> Option<ShardId> {
        let route = NameAddr::parse(Elements::of(route).next()?).ok()?;
        let slot = self.slot(Uri::parse(route.uri).ok()?.user?)?;
        Some(slot.shard(self.shards))
    }

    /// The shard of a device or an AoR whose address we wrote.
    fn addressed(&self, uri: &[u8]) -> Option<ShardId> {
        let uri = Uri::parse(uri).ok()?;
        if let Some(slot) = uri.user.and_then(RouteToken::slot) {
            return Some(slot.shard(self.shards));
        }
        let slot = match addressee(&self.policy, &self.keys, &uri)? {
            Addressee::Device(id) => id.slot,
            Addressee::Aor(aor) => self.keys.aor_hash(&aor).slot(),
        };
        Some(slot.shard(self.shards))
    }

    fn slot(&self, user: &[u8]) -> Option<Slot> {
        RouteToken::slot(user).or_else(|| token::decode(&self.keys, user).map(|id| id.slot))
    }
}
