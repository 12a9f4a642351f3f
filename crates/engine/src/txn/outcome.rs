//! What the transaction user is told: about a request, about a response, and unasked.

use super::{ClientTxn, ServerTxn};
use crate::clock::Mono;

/// What a request is to the transaction layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestMatch {
    /// It belongs to no transaction. An ACK that says so acknowledges a 2xx, and never starts one.
    New,
    /// It was a retransmission, or the ACK to a refusal, and has been dealt with.
    Absorbed,
    /// An ACK with the branch of an INVITE that was accepted (RFC 6026 §7.1): for the user to pass on.
    Ack(ServerTxn),
    /// A new CANCEL, to be answered by a transaction of its own (RFC 3261 §9.2).
    Cancel {
        /// The INVITE it wants to end, if that is known here.
        invite: Option<ServerTxn>,
    },
}

/// What a response is to the transaction layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMatch {
    /// It is news for the user.
    Deliver {
        /// The transaction; already over if this was its last word.
        txn: ClientTxn,
        /// As given to [`Transactions::start_client`](super::Transactions::start_client).
        owner: u64,
        /// Its status code.
        status: u16,
        /// When the request was first transmitted.
        sent_at: Mono,
    },
    /// It was a retransmission, or nobody wants to know any more.
    Absorbed,
    /// It answers nothing we asked, or comes from another host than we asked (RFC 6026 §8.9: such a
    /// response is dropped).
    NoMatch,
}

/// What the user has to be told without a message coming in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnEvent {
    /// An INVITE has rung for too long (Timer C) and should be cancelled; it still hears its final
    /// response.
    ClientOverdue {
        /// As given to [`Transactions::start_client`](super::Transactions::start_client).
        owner: u64,
        /// The transaction.
        txn: ClientTxn,
    },
    /// No final response came in time; the transaction is over.
    ClientTimeout {
        /// As given to [`Transactions::start_client`](super::Transactions::start_client).
        owner: u64,
        /// The transaction.
        txn: ClientTxn,
        /// When the request was first transmitted.
        sent_at: Mono,
    },
    /// The network refused the request; the transaction is over (RFC 3261 §17.1.4).
    ClientTransportError {
        /// As given to [`Transactions::start_client`](super::Transactions::start_client).
        owner: u64,
        /// The transaction.
        txn: ClientTxn,
    },
    /// A server transaction is over because no ACK came (Timer H), or no answer from the user.
    ServerTimeout {
        /// The transaction.
        txn: ServerTxn,
        /// The user's number for it.
        owner: Option<u64>,
    },
    /// The peer is owed a 100: 200 ms after an INVITE (RFC 3261 §17.2.1), 3.5 s after any other request
    /// (RFC 4320 §4.1). The transaction has no 100 of its own to send.
    ServerOverdue {
        /// The transaction.
        txn: ServerTxn,
        /// The user's number for it.
        owner: Option<u64>,
    },
}
