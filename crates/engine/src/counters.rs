//! `Counters`: plain numbers that the hot path adds to, read by the shell when it likes.

use crate::registrar::decision::Row;

/// Everything that is counted rather than told. Never reset; a reader takes differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// REGISTER requests by row of the decision table (`row as usize`). Retransmissions swallowed
    /// by a transaction are not among them.
    pub decisions: [u64; Row::COUNT],
    /// Messages dropped without an answer, by reason (`reason as usize`).
    pub dropped: [u64; DropReason::COUNT],
    /// Requests answered with an error of our own, by status class 4xx, 5xx, 6xx.
    pub refused: [u64; 3],
    /// REGISTER requests received, retransmissions included.
    pub registers: u64,
    /// Retransmissions swallowed by a transaction.
    pub retransmissions: u64,
    /// REGISTER requests sent to the main registrar, by us or for a device, retransmissions
    /// excluded.
    pub upstream_registers: u64,
    /// Registrations that the main registrar accepted without a challenge (R1).
    pub unchallenged: u64,
    /// Requests that were asked for proof here.
    pub challenges: u64,
    /// Requests with credentials that did not prove what they claim here.
    pub wrong_passwords: u64,
    /// Calls that were tried: INVITEs that begin a dialog.
    pub calls: u64,
    /// Message summaries that were told again to a device (R20).
    pub summaries_replayed: u64,
    /// Bindings that ended because the device did not refresh.
    pub expired: u64,
}

/// Why a message was dropped without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum DropReason {
    /// CRLF or NUL keep-alive; nothing is wrong.
    KeepAlive,
    /// A STUN message; no STUN server here.
    Stun,
    /// Not SIP at all.
    Junk,
    /// So broken that it cannot be answered.
    Unparsable,
    /// A response that breaks the rules.
    BadResponse,
    /// A response that belongs to no transaction of ours (RFC 6026 §7.3).
    StrayResponse,
    /// An ACK that belongs to nothing.
    StrayAck,
    /// Came in where its kind is not expected.
    WrongSide,
}

impl DropReason {
    /// Number of reasons, for counter arrays.
    pub const COUNT: usize = 8;

    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::KeepAlive,
        Self::Stun,
        Self::Junk,
        Self::Unparsable,
        Self::BadResponse,
        Self::StrayResponse,
        Self::StrayAck,
        Self::WrongSide,
    ];

    /// For metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeepAlive => "keep-alive",
            Self::Stun => "stun",
            Self::Junk => "junk",
            Self::Unparsable => "unparsable",
            Self::BadResponse => "bad-response",
            Self::StrayResponse => "stray-response",
            Self::StrayAck => "stray-ack",
            Self::WrongSide => "wrong-side",
        }
    }
}

impl Counters {
    /// Counts a decision.
    pub fn decided(&mut self, row: Row) {
        if let Some(count) = self.decisions.get_mut(row as usize) {
            *count += 1;
        }
    }

    /// Counts a dropped message.
    pub fn dropped(&mut self, reason: DropReason) {
        if let Some(count) = self.dropped.get_mut(reason as usize) {
            *count += 1;
        }
    }

    /// Counts an error answer of our own.
    pub fn refused(&mut self, status: u16) {
        let class = usize::from(status / 100).saturating_sub(4).min(2);
        if let Some(count) = self.refused.get_mut(class) {
            *count += 1;
        }
    }

    /// REGISTERs answered without asking the main registrar.
    #[must_use]
    pub fn absorbed(&self) -> u64 {
        let of = |row: Row| self.decisions.get(row as usize).copied().unwrap_or(0);
        of(Row::D13) + of(Row::D2)
    }
}
