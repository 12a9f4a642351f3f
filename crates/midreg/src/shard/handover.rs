//! `Handover`: passes datagrams on to the shard that owns them.
//!
//! What one batch holds for an owner goes as one parcel per lane. A request parcel that its owner
//! has no room for is held; while any is held the shard reads no more requests.

use std::mem;
use std::sync::Arc;

use engine::{Flow, Policy, Router, ShardId};

use super::core::{Vouched, is_response};
use super::mailbox::{Lane, Mailbox, Parcel, Posted};
use super::report::Tally;

/// The way to the other shards.
pub(super) struct Handover {
    own: ShardId,
    router: Router,
    boxes: Arc<[Mailbox]>,
    /// Parcels being gathered or held, by owner.
    requests: Vec<Parcel>,
    responses: Vec<Parcel>,
}

impl Handover {
    /// The way from shard `own` to all others.
    pub(super) fn new(own: ShardId, router: Router, boxes: Arc<[Mailbox]>) -> Self {
        let empty = || boxes.iter().map(|_| Parcel::default()).collect();
        Self {
            own,
            router,
            requests: empty(),
            responses: empty(),
            boxes,
        }
    }

    /// Gathers a datagram that another shard owns; `false` leaves it to this one.
    pub(super) fn gather(&mut self, flow: Flow, bytes: &[u8]) -> bool {
        let Some(owner) = self.router.owner(bytes).filter(|owner| *owner != self.own) else {
            return false;
        };
        let parcels = if is_response(bytes) {
            &mut self.responses
        } else {
            &mut self.requests
        };
        match parcels.get_mut(usize::from(owner.0)) {
            Some(parcel) => {
                parcel.add(flow, bytes);
                true
            }
            None => false,
        }
    }

    /// Gathers a request whose devices another shard knows.
    pub(super) fn gather_vouched(&mut self, request: &Vouched) {
        if let Some(parcel) = self.requests.get_mut(usize::from(request.to.0)) {
            parcel.add_vouched(request.flow, request.voucher, &request.bytes);
        }
    }

    /// Follows new settings.
    pub(super) fn follow(&mut self, policy: &Arc<Policy>) {
        self.router.follow(Arc::clone(policy));
    }

    /// Posts what was gathered or held.
    pub(super) fn post(&mut self, tally: &mut Tally) {
        for (owner, mailbox) in self.boxes.iter().enumerate() {
            for (lane, parcels) in [
                (Lane::Responses, &mut self.responses),
                (Lane::Requests, &mut self.requests),
            ] {
                let Some(parcel) = parcels.get_mut(owner).filter(|parcel| !parcel.is_empty())
                else {
                    continue;
                };
                let messages = parcel.len() as u64;
                match mailbox.post(lane, parcel, self.own) {
                    Posted::Taken => tally.handed_over += messages,
                    Posted::Full if lane == Lane::Requests => {}
                    Posted::Full => {
                        // The main registrar is asked again by the transaction that waits.
                        mem::take(parcel);
                        tally.mailbox_full += messages;
                    }
                }
            }
        }
    }

    /// Whether requests are held.
    pub(super) fn is_blocked(&self) -> bool {
        self.requests.iter().any(|parcel| !parcel.is_empty())
    }
}
