//! `Transactions`: the transaction layer (RFC 3261 §17, RFC 6026, RFC 4320) of one engine.
//!
//! Retransmissions stop here: what the transaction user above (registrar, proxy) sees is each request
//! once and each final response once. Four pure state machines decide ([`client`],
//! [`client_invite`], [`server`], [`server_invite`]); two tables host them and carry out their actions.
//!
//! Invariants:
//!
//! * Every transaction has a timer running that ends in its removal, so no silence and no forgetful
//!   user keeps one for ever.
//! * Tables are bounded by [`Limits`], and timers by two per transaction.
//! * A handle ([`ServerTxn`], [`ClientTxn`]) of something that is over finds nothing, never another.

pub mod action;
pub mod branch;
pub mod client;
pub mod client_invite;
pub mod key;
pub mod server;
pub mod server_invite;
pub mod timing;

mod ack;
mod armed;
mod cancel;
mod client_table;
mod machine;
mod outcome;
mod server_table;
mod table;

pub use branch::{Branch, branch_shard};
pub use client_table::ClientRequest;
pub use key::ServerKey;
pub use outcome::{RequestMatch, ResponseMatch, TxnEvent};

use crate::clock::{Mono, Now};
use crate::flow::Flow;
use crate::ids::ShardId;
use crate::output::Outbox;
use crate::slab::Key;
use crate::timers::Timers;
use armed::{Due, Whose};
use branch::Branches;
use client_table::{Clients, Incoming};
use key::Keys;
use server_table::Servers;

/// Handle of a server transaction: one that answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerTxn(Key);

/// Handle of a client transaction: one that sent a request and waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientTxn(Key);

/// How many transactions there may be at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Server transactions.
    pub servers: usize,
    /// Client transactions.
    pub clients: usize,
}

/// Which pair of state machines a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// INVITE.
    Invite,
    /// Anything else, CANCEL included.
    NonInvite,
}

/// The table is full: the request must be refused, or sent later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// All transactions of one engine.
#[derive(Debug)]
pub struct Transactions {
    keys: Keys,
    branches: Branches,
    servers: Servers,
    clients: Clients,
    timers: Timers<Due>,
}

/// What the tables carry their actions out on.
struct Effects<'a> {
    now: Mono,
    timers: &'a mut Timers<Due>,
    out: &'a mut Outbox,
}

impl Effects<'_> {
    /// Sends a message, if there is one.
    fn transmit(&mut self, flow: Flow, message: &[u8]) {
        if !message.is_empty() {
            self.out
                .transmit(flow, |bytes| bytes.extend_from_slice(message));
        }
    }
}

impl Transactions {
    /// None yet. The secret keeps keys and branches from being guessed, and must be fresh at every start
    /// of the process: branches repeat under an old one.
    #[must_use]
    pub fn new(secret: [u8; 16], shard: ShardId, limits: Limits) -> Self {
        let keys = Keys::new(secret);
        Self {
            branches: Branches::new(keys.branch_secret(), shard),
            keys,
            servers: Servers::new(limits.servers),
            clients: Clients::new(limits.clients),
            timers: Timers::new(),
        }
    }

    /// The identity of a request (RFC 3261 §17.2.3); none if a mandatory header is missing or broken.
    #[must_use]
    pub fn server_key(&self, request: &sip::Message<'_>, flow: &Flow) -> Option<ServerKey> {
        self.keys.server(request, flow)
    }

    /// Looks for the transaction that a request belongs to. A retransmission is absorbed: the last
    /// response is sent again.
    pub fn match_request(
        &mut self,
        now: Now,
        key: ServerKey,
        method: sip::Method,
        out: &mut Outbox,
    ) -> RequestMatch {
        let effects = &mut Effects {
            now: now.mono,
            timers: &mut self.timers,
            out,
        };
        let invite = || self.servers.find(key.invite);
        match method {
            sip::Method::Ack => match invite() {
                Some(txn) => self.servers.on_ack(txn, effects),
                None => RequestMatch::New,
            },
            _ => match (self.servers.find(key.own), method) {
                (Some(txn), _) => {
                    self.servers.on_retransmission(txn, effects);
                    RequestMatch::Absorbed
                }
                (None, sip::Method::Cancel) => RequestMatch::Cancel { invite: invite() },
                (None, _) => RequestMatch::New,
            },
        }
    }

    /// Opens the transaction of a request that [`match_request`](Self::match_request) called new.
    ///
    /// # Errors
    /// [`Full`] when there are as many as [`Limits`] allow.
    pub fn start_server(
        &mut self,
        now: Now,
        key: ServerKey,
        kind: Kind,
        flow: Flow,
    ) -> Result<ServerTxn, Full> {
        self.servers
            .start(now.mono, key, kind, flow, &mut self.timers)
    }

    /// Answers a request; the answer is kept for retransmissions. `response` is the whole message, of
    /// this `status`. Whether the transaction was still there.
    ///
    /// What RFC 4320 forbids for a non-INVITE is not sent: any 1xx but 100, a 100 over UDP that comes too
    /// early, and 408, which ends the transaction in silence. A second final answer is not sent
    /// either, but for further 2xx to an INVITE.
    pub fn respond(
        &mut self,
        now: Now,
        txn: ServerTxn,
        status: u16,
        response: &[u8],
        out: &mut Outbox,
    ) -> bool {
        let effects = &mut Effects {
            now: now.mono,
            timers: &mut self.timers,
            out,
        };
        self.servers.respond(txn, status, response, effects)
    }

    /// Remembers the user's number for a server transaction.
    pub fn own_server(&mut self, txn: ServerTxn, owner: u64) {
        self.servers.own(txn, owner);
    }

    /// The user's number for a server transaction, if it is there and has one.
    #[must_use]
    pub fn server_owner(&self, txn: ServerTxn) -> Option<u64> {
        self.servers.owner(txn)
    }

    /// Whether a transaction is still there to be answered or absorbing.
    #[must_use]
    pub fn server_alive(&self, txn: ServerTxn) -> bool {
        self.servers.alive(txn)
    }

    /// Forgets a transaction without an answer: a retransmission of its request is new again.
    pub fn abandon_server(&mut self, txn: ServerTxn) {
        self.servers.remove(txn, &mut self.timers);
    }

    /// A branch for one request on one hop, unique while the process lives.
    pub fn new_branch(&mut self) -> Branch {
        self.branches.make()
    }

    /// Transmits a request and waits for its answers.
    ///
    /// # Errors
    /// [`Full`] when there are as many as [`Limits`] allow; nothing is transmitted then.
    pub fn start_client(
        &mut self,
        now: Now,
        request: ClientRequest<'_>,
        out: &mut Outbox,
    ) -> Result<ClientTxn, Full> {
        let identity = self
            .keys
            .client(request.branch.as_bytes(), method_of(&request.bytes));
        let effects = &mut Effects {
            now: now.mono,
            timers: &mut self.timers,
            out,
        };
        self.clients.start(identity, request, effects)
    }

    /// Finds what a response answers: by topmost branch and CSeq method (RFC 3261 §17.1.3), and it must
    /// come from the host that was asked.
    pub fn match_response(
        &mut self,
        now: Now,
        response: &sip::Message<'_>,
        flow: &Flow,
        out: &mut Outbox,
    ) -> ResponseMatch {
        let (Some(status), Some(identity)) = (response.status(), self.keys.response(response))
        else {
            return ResponseMatch::NoMatch;
        };
        let effects = &mut Effects {
            now: now.mono,
            timers: &mut self.timers,
            out,
        };
        let incoming = Incoming {
            identity,
            status,
            from: flow.remote.ip(),
            message: response,
        };
        self.clients.on_response(incoming, effects)
    }

    /// Sends a CANCEL after an INVITE that somebody has and has not answered (RFC 3261 §9.1); whether
    /// it could. The INVITE still hears its final response, for 64·T1 at most. What is told of the
    /// CANCEL itself goes to `owner`. `lines` are more header fields of it, such as a Reason (RFC 3326).
    pub fn cancel(
        &mut self,
        now: Now,
        txn: ClientTxn,
        (owner, lines): (u64, &[u8]),
        out: &mut Outbox,
    ) -> bool {
        let effects = &mut Effects {
            now: now.mono,
            timers: &mut self.timers,
            out,
        };
        let Some((flow, bytes)) = self.clients.cancel(txn, lines, effects) else {
            return false;
        };
        let Some(branch) = Branch::of(&bytes) else {
            return false;
        };
        let cancel = ClientRequest {
            kind: Kind::NonInvite,
            branch: &branch,
            flow,
            bytes,
            give_up_at: Mono(u64::MAX),
            owner,
        };
        self.start_client(now, cancel, out).is_ok()
    }

    /// The user wants to hear no more of it. A non-INVITE is forgotten; an INVITE goes on acknowledging
    /// refusals, silently. No CANCEL is sent: that is a request of its own.
    pub fn cancel_client(&mut self, txn: ClientTxn) {
        self.clients.lose_interest(txn, &mut self.timers);
    }

    /// The network refuses what goes this way: ends every client transaction that waits there. Looks
    /// at all of them, a few nanoseconds each.
    ///
    /// Server transactions stay: RFC 6026 §7.1 wants retransmissions absorbed all the same.
    pub fn transport_error(&mut self, now: Now, flow: &Flow, events: &mut Vec<TxnEvent>) {
        // A refused message is never answered with another: nothing leaves here.
        let out = &mut Outbox::new();
        let effects = &mut Effects {
            now: now.mono,
            timers: &mut self.timers,
            out,
        };
        self.clients.on_transport_error(flow, effects, events);
        debug_assert!(out.items.is_empty());
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.timers.next_deadline()
    }

    /// Fires at most `budget` timers that are due: retransmits into `out`, and appends what the user
    /// has to be told. When more are due, [`next_deadline`](Self::next_deadline) is not after `now`.
    pub fn handle_timeout(
        &mut self,
        now: Now,
        budget: usize,
        out: &mut Outbox,
        events: &mut Vec<TxnEvent>,
    ) {
        for _ in 0..budget {
            let Some(due) = self.timers.pop_due(now.mono) else {
                return;
            };
            let effects = &mut Effects {
                now: now.mono,
                timers: &mut self.timers,
                out,
            };
            events.extend(match due.whose {
                Whose::Server(txn) => self.servers.on_timer(txn, due.timer, effects),
                Whose::Client(txn) => self.clients.on_timer(txn, due.timer, effects),
            });
        }
    }

    /// Server transactions there are.
    #[must_use]
    pub fn server_count(&self) -> usize {
        self.servers.len()
    }

    /// Client transactions there are.
    #[must_use]
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// Timers held, lazily cancelled ones included.
    #[must_use]
    pub fn timer_count(&self) -> usize {
        self.timers.len()
    }

    /// Asserts in debug builds what the module promises; nothing in others. Takes time proportional to
    /// the number of transactions.
    pub fn check_invariants(&self) {
        if cfg!(debug_assertions) {
            let armed = self.servers.check(&self.timers) + self.clients.check(&self.timers);
            debug_assert_eq!(armed, self.timers.live(), "a timer of no transaction");
        }
    }
}

/// The method of a request, exactly as written.
fn method_of(request: &[u8]) -> &[u8] {
    request
        .split(|&byte| byte == b' ')
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
