//! `Command`: what an operator asks or orders; the admin surface speaks only this.
//!
//! A command does a bounded amount of work, whatever there is in the tables: what may be long comes in
//! pages.

use crate::ids::{BindingId, NodeId};
use crate::proxy::call_log::CallRecord;

pub use crate::operator::concern::Concern;
pub use crate::operator::totals::Totals;
pub use crate::operator::view::{
    BindingView, Explanation, LeaseStanding, LeaseView, NodeView, PendingStage, PendingView,
    Warning,
};
pub use crate::operator::walk::Cursor;
pub use crate::registrar::refusals::{RefusalRecord, Refuser};

/// An operator's wish. Each is answered by exactly one [`Reply`].
#[derive(Clone, Debug)]
pub enum Command {
    /// The bindings of one AoR (`user@host`, any spelling).
    Show {
        /// Handed back with the answer.
        tag: u64,
        /// The AoR.
        aor: String,
    },
    /// Bindings of all AoRs, a page of them.
    List {
        /// Handed back with the answer.
        tag: u64,
        /// Where to go on; [`Cursor::START`] for the first page.
        from: Cursor,
        /// Most bindings wanted; no more than [`limits::PAGE`](crate::limits::PAGE) come.
        most: usize,
    },
    /// Everything that is known of one AoR, and what to think of it.
    Explain {
        /// Handed back with the answer.
        tag: u64,
        /// The AoR.
        aor: String,
    },
    /// The last calls, of one AoR or of all, newest first.
    Calls {
        /// Handed back with the answer.
        tag: u64,
        /// The AoR; `None` for all.
        aor: Option<String>,
        /// Most calls wanted.
        most: usize,
    },
    /// Ends all bindings of one AoR, here and upstream.
    Kick {
        /// Handed back with the answer.
        tag: u64,
        /// The AoR.
        aor: String,
    },
    /// Ends one binding, here and upstream.
    KickBinding {
        /// Handed back with the answer.
        tag: u64,
        /// Which.
        binding: BindingId,
    },
    /// How many there are of everything.
    Totals {
        /// Handed back with the answer.
        tag: u64,
    },
    /// The nodes of the main registrar, and how they do.
    Nodes {
        /// Handed back with the answer.
        tag: u64,
    },
    /// Starts a new epoch: the next REGISTER of every device is forwarded (R14).
    Resync {
        /// Handed back with the answer.
        tag: u64,
    },
    /// The same for the devices whose leases one node holds.
    ResyncNode {
        /// Handed back with the answer.
        tag: u64,
        /// Which.
        node: NodeId,
    },
}

/// The answer to a [`Command`].
#[derive(Clone, Debug)]
pub struct Reply {
    /// As in the command.
    pub tag: u64,
    /// What there is to say.
    pub answer: Answer,
}

/// What there is to say to a command.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The bindings of an AoR; empty when there are none.
    Bindings(Vec<BindingView>),
    /// Bindings, and where to go on.
    Page(Page),
    /// What is known of an AoR.
    Explanation(Box<Explanation>),
    /// Calls; empty when none is remembered.
    Calls(Vec<CallRecord>),
    /// How many bindings were ended.
    Kicked(usize),
    /// Sizes of all tables.
    Totals(Totals),
    /// The nodes of the main registrar, in configured order.
    Nodes(Vec<NodeView>),
    /// A new epoch has begun.
    Resynced,
    /// The command could not be understood.
    Refused(&'static str),
}

/// A page of bindings. Whoever goes on until there is no `next` has seen each binding once that was
/// there all the while.
#[derive(Clone, Debug)]
pub struct Page {
    /// They; perhaps none although there are more.
    pub bindings: Vec<BindingView>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

impl Command {
    /// What is handed back with the answer.
    #[must_use]
    pub const fn tag(&self) -> u64 {
        match self {
            Self::Show { tag, .. }
            | Self::List { tag, .. }
            | Self::Explain { tag, .. }
            | Self::Calls { tag, .. }
            | Self::Kick { tag, .. }
            | Self::KickBinding { tag, .. }
            | Self::Totals { tag }
            | Self::Nodes { tag }
            | Self::Resync { tag }
            | Self::ResyncNode { tag, .. } => *tag,
        }
    }
}
