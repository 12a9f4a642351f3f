//! A binding for tests of what is done with bindings.

use crate::clock::Mono;
use crate::event::Trace;
use crate::flow::{Flow, ListenerId};
use crate::ids::{BindingId, LeaseId, NodeId, PersistSeq, Slot};
use crate::location::{Binding, ContactText, Lease, Stamp};
use crate::policy::DomainPolicy;
use crate::registrar::terms::Terms;
use crate::settings::SettingsId;

/// The binding at place `index` of slot 0, with this Contact.
pub(crate) fn binding(index: u32, uri: &str, params: &str) -> Binding {
    let id = BindingId {
        slot: Slot(0),
        index,
        generation: 1,
    };
    let contact = ContactText::new(uri.as_bytes(), params.as_bytes(), b"", b"");
    Binding {
        id,
        contact: contact.unwrap(),
        flow: Flow::udp(ListenerId(0), "192.0.2.7:5060".parse().unwrap()),
        stamp: Stamp {
            call_id: 1,
            branch: 1,
            cseq: 1,
            from_tag: 1,
        },
        asked: 60,
        granted: 60,
        expires_at: Mono(60_000),
        proved_at: Mono(0),
        lease: Lease {
            id: LeaseId(1),
            cseq: 1,
            node: NodeId(1),
            terms: Terms::of(&DomainPolicy::default()),
            settings: SettingsId::default(),
            epoch: 1,
            granted: 7200,
            until: Mono(7_200_000),
        },
        pending: PersistSeq::default(),
        history: [Trace::default(); 4],
    }
}
