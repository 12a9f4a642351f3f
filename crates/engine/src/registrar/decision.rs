//! `Decision`: what is to be done with a REGISTER. One variant per row of the decision table
//! (docs/registration.md), each counted.

use crate::clock::Seconds;

/// A row of the decision table, or one of the two cases that stand outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Row {
    /// Malformed, forbidden or over a limit: refused.
    D1 = 1,
    /// The same request again: the same answer again.
    D2,
    /// Out of order: refused.
    D3,
    /// Second leg of a challenge: forwarded to the node that issued it.
    D4,
    /// A query.
    D5,
    /// A device leaves.
    D6,
    /// An unknown device: forwarded.
    D7,
    /// Something about the device changed: forwarded.
    D8,
    /// Another flow than the proved one: forwarded.
    D9,
    /// The proof is too old: forwarded.
    D10,
    /// The lease is of an older epoch or invalidated: forwarded.
    D11,
    /// The lease runs short: forwarded.
    D12,
    /// A pure refresh: absorbed.
    D13,
    /// The upstream cannot be asked: absorbed while the lease lasts, or 503.
    D14,
    /// `mirror`: proxied whatever it is.
    Mirror,
}

impl Row {
    /// Number of rows, for counter arrays indexed by `row as usize`.
    pub const COUNT: usize = 16;

    /// All rows.
    pub const ALL: [Self; 15] = [
        Self::D1,
        Self::D2,
        Self::D3,
        Self::D4,
        Self::D5,
        Self::D6,
        Self::D7,
        Self::D8,
        Self::D9,
        Self::D10,
        Self::D11,
        Self::D12,
        Self::D13,
        Self::D14,
        Self::Mirror,
    ];

    /// As it is written in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::D1 => "D1",
            Self::D2 => "D2",
            Self::D3 => "D3",
            Self::D4 => "D4",
            Self::D5 => "D5",
            Self::D6 => "D6",
            Self::D7 => "D7",
            Self::D8 => "D8",
            Self::D9 => "D9",
            Self::D10 => "D10",
            Self::D11 => "D11",
            Self::D12 => "D12",
            Self::D13 => "D13",
            Self::D14 => "D14",
            Self::Mirror => "mirror",
        }
    }
}

/// What is to be done with a REGISTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Answered with an error; nothing changes (D1, D3).
    Reject(Refusal),
    /// The answer it already had, with the time that remains (D2).
    Replay,
    /// Answered from the table: a query on a proved flow (D5).
    Answer,
    /// Sent to the main registrar.
    Forward(ForwardReason),
    /// Done here, because it was proved here: what else would have been sent upstream.
    Register(ForwardReason),
    /// Asked here for proof of what else would have been sent upstream.
    Challenge(ForwardReason, Freshness),
    /// Answered 200 here with this promise (D13, D14).
    Absorb {
        /// What the device is promised, the same for each of its contacts.
        grant: Seconds,
        /// Why here.
        reason: AbsorbReason,
    },
    /// A device that is surely itself leaves while the main registrar cannot be asked: it is gone
    /// here at once, and its lease is given back later (D6, R8).
    Leave,
    /// Neither the main registrar nor the lease can carry it: 503 (D14).
    Unavailable,
}

/// Whether a challenge says that the password was right, but not the nonce (RFC 7616 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing is known of it.
    First,
    /// It was right.
    Stale,
}

/// Why a REGISTER is sent to the main registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForwardReason {
    /// D4: it answers a challenge under way.
    Challenge,
    /// D5: it asks who is registered and has proved nothing.
    Query,
    /// D6: `expires=0`.
    Remove,
    /// D6: `Contact: *`.
    RemoveAll,
    /// D7: the device is unknown.
    NewDevice,
    /// D8: its Contact, Path or another stored thing changed.
    Changed,
    /// D9: it comes by another flow than the proved one.
    NewFlow,
    /// D10: its proof is older than `reauth_interval`.
    Reauth,
    /// D11: its lease is of an older epoch or was invalidated.
    Epoch,
    /// D12: its lease runs short.
    Lease,
    /// `mirror` proxies everything.
    Mirror,
}

/// Why a REGISTER is answered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AbsorbReason {
    /// D13: a pure refresh.
    Refresh,
    /// D14: the main registrar cannot be asked and the lease still runs.
    Outage,
}

/// An answer below 200 OK that we give ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The row it belongs to.
    pub row: Row,
    /// Status code.
    pub status: u16,
    /// Reason phrase and log text.
    pub reason: &'static str,
    /// A header the status requires.
    pub header: RefusalHeader,
}

/// The header that a refusal must carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalHeader {
    /// None.
    None,
    /// `Min-Expires`, with 423.
    MinExpires(Seconds),
    /// `Retry-After`, with 503.
    RetryAfter(Seconds),
    /// `Unsupported`, with 420: the tags are those of `Require` that we do not know.
    Unsupported,
    /// `Allow`, with 405.
    Allow,
}

impl Refusal {
    /// A refusal of row D1 without a header.
    #[must_use]
    pub const fn new(status: u16, reason: &'static str) -> Self {
        Self {
            row: Row::D1,
            status,
            reason,
            header: RefusalHeader::None,
        }
    }

    /// The same with a header.
    #[must_use]
    pub const fn with(self, header: RefusalHeader) -> Self {
        Self { header, ..self }
    }
}

impl Decision {
    /// The row of the decision table that this is.
    #[must_use]
    pub const fn row(&self) -> Row {
        match self {
            Self::Reject(refusal) => refusal.row,
            Self::Replay => Row::D2,
            Self::Answer => Row::D5,
            Self::Forward(reason) | Self::Register(reason) | Self::Challenge(reason, _) => {
                reason.row()
            }
            Self::Leave => Row::D6,
            Self::Absorb {
                reason: AbsorbReason::Refresh,
                ..
            } => Row::D13,
            Self::Absorb {
                reason: AbsorbReason::Outage,
                ..
            }
            | Self::Unavailable => Row::D14,
        }
    }
}

impl ForwardReason {
    /// The row of the decision table that this is.
    #[must_use]
    pub const fn row(self) -> Row {
        match self {
            Self::Challenge => Row::D4,
            Self::Query => Row::D5,
            Self::Remove | Self::RemoveAll => Row::D6,
            Self::NewDevice => Row::D7,
            Self::Changed => Row::D8,
            Self::NewFlow => Row::D9,
            Self::Reauth => Row::D10,
            Self::Epoch => Row::D11,
            Self::Lease => Row::D12,
            Self::Mirror => Row::Mirror,
        }
    }

    /// As it is written in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Query => "query",
            Self::Remove => "remove",
            Self::RemoveAll => "remove-all",
            Self::NewDevice => "new-device",
            Self::Changed => "changed",
            Self::NewFlow => "new-flow",
            Self::Reauth => "reauth",
            Self::Epoch => "epoch",
            Self::Lease => "lease",
            Self::Mirror => "mirror",
        }
    }
}
