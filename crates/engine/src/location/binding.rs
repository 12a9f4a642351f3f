//! `Binding`: one contact of a device, as the main registrar last accepted it.

use crate::clock::{Mono, Seconds};
use crate::event::Trace;
use crate::flow::Flow;
use crate::ids::{AorHash, BindingId, LeaseId, NodeId, PersistSeq};
use crate::location::change::{Refresh, Registration, Stamp};
use crate::registrar::terms::Terms;
use crate::settings::SettingsId;

/// How many decisions are kept for `explain`.
pub(super) const TRACES: usize = 4;

/// One registered contact.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Its address.
    pub id: BindingId,
    /// What the device said about it.
    pub contact: ContactText,
    /// The flow that was proved for it (D9).
    pub flow: Flow,
    /// What identifies the last request that was answered 2xx.
    pub stamp: Stamp,
    /// Lifetime that request asked for, or the default it got.
    pub asked: Seconds,
    /// Lifetime it was promised.
    pub granted: Seconds,
    /// When the device must have shown itself again.
    pub expires_at: Mono,
    /// When the main registrar last accepted it (D10).
    pub proved_at: Mono,
    /// What the main registrar holds for it.
    pub lease: Lease,
    /// Whether an answer about this binding may go out, or must wait for the store to catch up.
    pub pending: PersistSeq,
    /// Last decisions, newest first.
    pub history: [Trace; TRACES],
}

/// What the main registrar has granted to us, and until when. In `aor` all bindings of an AoR share
/// one and carry the same copy of it. `mirror` has none of our own: there it is the device's own
/// registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its identity; the Call-ID and From-tag upstream derive from it (R6).
    pub id: LeaseId,
    /// The last CSeq used upstream; only grows.
    pub cseq: u32,
    /// The node that granted it.
    pub node: NodeId,
    /// The terms on which it was granted, and is given back.
    pub terms: Terms,
    /// The settings under which the main registrar was told of it.
    pub settings: SettingsId,
    /// The epoch in which it was granted, 0 for none; an older one is not trusted (R14). Epochs count
    /// round here, which takes longer than a lease lives.
    pub epoch: u16,
    /// Lifetime the last 2xx granted.
    pub granted: Seconds,
    /// When it ends, counted from the moment we *sent* the REGISTER.
    pub until: Mono,
}

impl Lease {
    /// Seconds that may still be promised on this lease: what is left, less a margin of 1 s or 2 %
    /// of the grant, whichever is more, but at most 30 s (docs/registration.md, `usable`).
    #[must_use]
    pub fn usable(&self, now: Mono) -> Seconds {
        self.until.seconds_after(now).saturating_sub(self.margin())
    }

    /// Until when something may be promised on it.
    #[must_use]
    pub fn carries_until(&self) -> Mono {
        Mono(self.until.0.saturating_sub(u64::from(self.margin()) * 1000))
    }

    fn margin(&self) -> Seconds {
        (self.granted / 50).clamp(1, 30)
    }
}

/// The texts of a contact in one allocation: URI, header parameters, Path, and the headers to
/// repeat in absorbed answers (R12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactText {
    bytes: Box<[u8]>,
    /// Ends of URI, parameters, Path; the rest are headers to repeat.
    ends: [u16; 3],
    /// `+sip.instance` within the parameters, unquoted; empty when there is none.
    instance: (u16, u16),
    /// `;expires=…` within the parameters; empty when there is none.
    lifetime: (u16, u16),
    /// `reg-id`, where there is an instance.
    pub reg_id: Option<u32>,
}

/// Texts longer than this are refused before they are stored, so that `u16` spans hold them.
const MAX_CONTACT_TEXT: usize = 16 * 1024;

impl ContactText {
    /// Packs the texts; `None` when they are longer than 16 KiB together.
    #[must_use]
    pub fn new(uri: &[u8], params: &[u8], path: &[u8], repeat: &[u8]) -> Option<Self> {
        let total = uri.len() + params.len() + path.len() + repeat.len();
        if total > MAX_CONTACT_TEXT {
            return None;
        }
        let mut bytes = Vec::with_capacity(total);
        let mut ends = [0u16; 3];
        for (part, end) in [uri, params, path].into_iter().zip(&mut ends) {
            bytes.extend_from_slice(part);
            *end = u16::try_from(bytes.len()).ok()?;
        }
        bytes.extend_from_slice(repeat);
        let mut text = Self {
            bytes: bytes.into_boxed_slice(),
            ends,
            instance: (0, 0),
            lifetime: (0, 0),
            reg_id: None,
        };
        text.find_params();
        Some(text)
    }

    /// Finds the parameters that are looked at often.
    fn find_params(&mut self) {
        let params = self.params();
        let base = self.ends[0];
        let place = |part: &[u8]| {
            let from = part.as_ptr().addr().saturating_sub(params.as_ptr().addr());
            let start = base.saturating_add(u16::try_from(from).unwrap_or(u16::MAX));
            (
                start,
                start.saturating_add(u16::try_from(part.len()).unwrap_or(u16::MAX)),
            )
        };
        let (mut instance, mut lifetime, mut reg_id) = ((0, 0), (0, 0), None);
        for param in sip::Params::new(params).iter() {
            let value = param.value.unwrap_or_default();
            if param.is("+sip.instance") {
                instance = place(sip::header::contact::instance_text(value));
            } else if param.is("reg-id") {
                reg_id = sip::header::contact::reg_id_number(value);
            } else if param.is("expires") && lifetime == (0, 0) {
                let (name, value) = (place(param.name), param.value.map(place));
                let before = params.get(..usize::from(name.0.saturating_sub(base)));
                let sign = before.and_then(|text| text.iter().rposition(|byte| *byte == b';'));
                let start = sign
                    .and_then(|at| u16::try_from(at).ok())
                    .map_or(name.0, |at| base + at);
                lifetime = (start, value.map_or(name.1, |value| value.1));
            }
        }
        self.reg_id = if instance.0 == instance.1 {
            None
        } else {
            reg_id
        };
        self.instance = instance;
        self.lifetime = lifetime;
    }

    fn part(&self, start: u16, end: usize) -> &[u8] {
        self.bytes.get(usize::from(start)..end).unwrap_or_default()
    }

    /// The Contact URI, verbatim.
    #[must_use]
    pub fn uri(&self) -> &[u8] {
        self.part(0, self.ends[0].into())
    }

    /// The Contact header parameters, verbatim.
    #[must_use]
    pub fn params(&self) -> &[u8] {
        self.part(self.ends[0], self.ends[1].into())
    }

    /// The Contact header parameters but for the lifetime, verbatim, in two pieces.
    #[must_use]
    pub fn params_but_lifetime(&self) -> [&[u8]; 2] {
        match self.lifetime {
            (0, 0) => [self.params(), b""],
            (start, end) => [
                self.part(self.ends[0], start.into()),
                self.part(end, self.ends[1].into()),
            ],
        }
    }

    /// The Path values, joined by commas (RFC 3327 §5.3).
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.part(self.ends[1], self.ends[2].into())
    }

    /// Whole header lines that the main registrar said for this device and that absorbed answers
    /// repeat.
    #[must_use]
    pub fn repeat(&self) -> &[u8] {
        self.part(self.ends[2], self.bytes.len())
    }

    /// The `+sip.instance` value without quotes and angle brackets (RFC 5626 §4.1).
    #[must_use]
    pub fn instance(&self) -> Option<&[u8]> {
        let (start, end) = self.instance;
        (start < end).then(|| self.part(start, end.into()))
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        self.bytes.len()
    }
}

impl Binding {
    /// A binding as registered by `registration`, with the history of the one it replaces.
    pub(super) fn new(registration: Registration, history: [Trace; TRACES]) -> Self {
        Self {
            id: registration.binding,
            contact: registration.contact,
            flow: registration.flow,
            stamp: registration.stamp,
            asked: registration.asked,
            granted: registration.granted,
            expires_at: registration.expires_at,
            proved_at: registration.proved_at,
            lease: registration.lease,
            pending: registration.pending,
            history,
        }
    }

    /// What stands for a contact that the main registrar accepted and that is not wanted here: just
    /// enough to give its lease back.
    pub(crate) fn phantom(
        id: BindingId,
        contact: ContactText,
        (flow, stamp): (Flow, Stamp),
        lease: Lease,
    ) -> Self {
        Self {
            id,
            contact,
            flow,
            stamp,
            asked: 0,
            granted: 0,
            expires_at: Mono::default(),
            proved_at: Mono::default(),
            lease,
            pending: PersistSeq::default(),
            history: [Trace::default(); TRACES],
        }
    }

    /// Whether it was never bound here.
    pub(crate) fn is_phantom(&self) -> bool {
        self.granted == 0
    }

    /// The batch that an answer listing this binding must wait for. One that the store has lost is
    /// listed without ado: whom it promises something is asked elsewhere.
    pub(crate) fn waits_for(&self) -> PersistSeq {
        match self.is_lost() {
            true => PersistSeq::default(),
            false => self.pending,
        }
    }

    /// The store failed to keep what is said here, which is not to be trusted any more.
    pub(super) fn lose(&mut self) {
        self.pending = PersistSeq::LOST;
        self.lease.epoch = 0;
    }

    /// All of it as the store is to know it.
    pub(crate) fn as_registered(&self, aor: &[u8], hash: AorHash) -> Registration {
        Registration {
            binding: self.id,
            aor: aor.into(),
            aor_hash: hash,
            contact: self.contact.clone(),
            flow: self.flow,
            stamp: self.stamp,
            asked: self.asked,
            granted: self.granted,
            expires_at: self.expires_at,
            proved_at: self.proved_at,
            lease: self.lease,
            pending: self.pending,
        }
    }

    /// The same after `refresh`.
    pub(crate) fn renewed(&self, aor: &[u8], refresh: &Refresh) -> Registration {
        Registration {
            flow: refresh.flow,
            stamp: refresh.stamp,
            asked: refresh.asked,
            granted: refresh.granted,
            expires_at: refresh.expires_at,
            ..self.as_registered(aor, refresh.aor)
        }
    }

    /// Whether the store failed to keep what is said here: nothing may be promised on it before it
    /// is written anew.
    pub(crate) fn is_lost(&self) -> bool {
        self.pending == PersistSeq::LOST
    }

    /// When it ends: with the promise or, where the lease was shortened since, with the lease.
    #[must_use]
    pub fn ends_at(&self) -> Mono {
        match self.lease.terms.is_leased() {
            true => self.expires_at.min(self.lease.carries_until()),
            false => self.expires_at,
        }
    }

    /// Seconds that it has left.
    #[must_use]
    pub fn remaining(&self, now: Mono) -> Seconds {
        self.ends_at().seconds_after(now)
    }

    /// What is told of that: after a restart a device has a little longer to show itself than it was
    /// promised.
    #[must_use]
    pub fn promised(&self, now: Mono) -> Seconds {
        self.remaining(now).min(self.granted)
    }

    /// Remembers a decision for `explain`.
    pub(crate) fn note(&mut self, trace: Trace) {
        self.history.rotate_right(1);
        if let Some(newest) = self.history.first_mut() {
            *newest = trace;
        }
    }
}
