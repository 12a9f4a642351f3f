//! The timers of RFC 3261 §17 (Table 4 in its appendix A, amended by RFC 6026) and their lengths.

use core::time::Duration;

use crate::flow::Flow;

/// Estimated round trip; the unit of all else (RFC 3261 §17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions of non-INVITE requests and INVITE responses.
pub const T2: Duration = Duration::from_secs(4);
/// Longest time a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64·T1: how long a transaction is tried (B, F, H), and how long its remains are watched
/// (D, J, L, M).
pub const TRANSACTION: Duration = Duration::from_secs(32);
/// Timer C: longest silence of a ringing branch; more than three minutes (RFC 3261 §16.6 step 11).
pub const TIMER_C: Duration = Duration::from_secs(185);
/// When an INVITE is owed a 100 (RFC 3261 §17.2.1).
pub const INVITE_PROVISIONAL: Duration = Duration::from_millis(200);
/// When any other request is owed a 100, and before which UDP must see none: the time a client's
/// Timer E takes to grow to T2, T1 + 2·T1 + 4·T1 (RFC 4320 §4.1).
pub const NON_INVITE_PROVISIONAL: Duration = Duration::from_millis(3500);
/// How long an INVITE may go without a word from the transaction user before it is given up. Ours, as
/// the RFC trusts the user without limit; longer than [`TIMER_C`], so a proxy that works never meets it.
pub const INVITE_UNANSWERED: Duration = Duration::from_secs(300);

/// Why a transaction is to be woken. The letters are the RFC's; its K is not needed ([`client`](super::client)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// INVITE client: retransmit the request, UDP only.
    A,
    /// INVITE client: no answer at all.
    B,
    /// INVITE client: it rings in silence for too long.
    C,
    /// INVITE client: late retransmissions of a refusal have died out.
    D,
    /// Non-INVITE client: retransmit the request, UDP only.
    E,
    /// Non-INVITE client: no final answer.
    F,
    /// INVITE server: retransmit the refusal, UDP only.
    G,
    /// INVITE server: no ACK came.
    H,
    /// INVITE server: late ACKs have died out.
    I,
    /// Non-INVITE server: late retransmissions of the request have died out.
    J,
    /// INVITE server: late retransmissions of an accepted request have died out (RFC 6026 §7.1).
    L,
    /// INVITE client: no further 2xx is to be expected (RFC 6026 §7.2).
    M,
    /// Server: the peer is owed a 100.
    Provisional,
    /// Server: the transaction user has forgotten us.
    Unanswered,
    /// INVITE client: a branch that was given up has not even answered the CANCEL (RFC 3261 §9.1).
    Cancelled,
}

/// Whether the transport itself retransmits what gets lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliability {
    /// UDP: we retransmit, and may linger for what others retransmit.
    Unreliable,
    /// Streams: nobody retransmits.
    Reliable,
}

impl Reliability {
    /// Of the transport of this flow.
    #[must_use]
    pub const fn of(flow: &Flow) -> Self {
        if flow.transport.is_stream() {
            Self::Reliable
        } else {
            Self::Unreliable
        }
    }
}

/// Interval after `retransmissions` of an INVITE: doubles without limit (Timer A).
#[must_use]
pub fn doubling(retransmissions: u8) -> Duration {
    T1.saturating_mul(
        1_u32
            .checked_shl(u32::from(retransmissions))
            .unwrap_or(u32::MAX),
    )
}

/// Interval after `retransmissions` of anything else: doubles up to T2 (Timers E and G).
#[must_use]
pub fn doubling_to_t2(retransmissions: u8) -> Duration {
    doubling(retransmissions).min(T2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_from_t1() {
        let ms = |d: Duration| d.as_millis();
        assert_eq!(
            [0, 1, 2, 3, 6].map(|n| ms(doubling(n))),
            [500, 1000, 2000, 4000, 32000]
        );
        assert_eq!(
            [0, 1, 2, 3, 4].map(|n| ms(doubling_to_t2(n))),
            [500, 1000, 2000, 4000, 4000]
        );
        assert_eq!(doubling_to_t2(u8::MAX), T2);
    }

    #[test]
    fn lengths_are_the_multiples_the_rfc_gives() {
        assert_eq!(TRANSACTION, T1 * 64);
        let grown: Duration = (0..3).map(doubling_to_t2).sum();
        assert_eq!(NON_INVITE_PROVISIONAL, grown);
        assert_eq!(doubling_to_t2(3), T2);
        assert!(TIMER_C > Duration::from_secs(180) && INVITE_UNANSWERED > TIMER_C);
    }
}
