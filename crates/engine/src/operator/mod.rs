//! What operators ask and order, carried out. Reading changes nothing, and nothing here takes longer
//! than a page of bindings does.

pub(crate) mod concern;
pub(crate) mod totals;
pub(crate) mod view;
pub(crate) mod walk;

use crate::clock::Now;
use crate::command::{Answer, Command, Page, Reply};
use crate::core::Core;
use crate::event::{EpochCause, RemovalCause};
use crate::ids::{AorHash, BindingId, NodeId};
use crate::limits;
use crate::output::{Outbox, Output};
use crate::registrar;
use totals::Totals;
use view::{BindingView, Explanation, NodeView};
use walk::Cursor;

const NOT_AN_AOR: &str = "not an AoR: write user@host";

/// Carries a command out, and answers it.
pub(crate) fn carry_out(core: &mut Core, now: Now, command: Command, out: &mut Outbox) {
    let tag = command.tag();
    let answer = answer(core, now, command, out);
    out.items.push(Output::Reply(Reply { tag, answer }));
}

/// The bindings of an AoR as an operator writes it; `None` if it is none.
pub(crate) fn bindings(core: &Core, now: Now, aor: &str) -> Option<Vec<BindingView>> {
    let aor = core.canonical(aor)?;
    let record = core.table.record(aor);
    let views = record.into_iter().flat_map(|record| {
        let bindings = record.bindings();
        bindings.map(|binding| BindingView::of(core, now, record, binding))
    });
    Some(views.collect())
}

fn answer(core: &mut Core, now: Now, command: Command, out: &mut Outbox) -> Answer {
    match command {
        Command::Show { aor, .. } => match bindings(core, now, &aor) {
            Some(bindings) => Answer::Bindings(bindings),
            None => Answer::Refused(NOT_AN_AOR),
        },
        Command::List { from, most, .. } => Answer::Page(page(core, now, from, most)),
        Command::Explain { aor, .. } => match Explanation::of(core, now, &aor) {
            Some(explanation) => Answer::Explanation(Box::new(explanation)),
            None => Answer::Refused(NOT_AN_AOR),
        },
        Command::Calls { aor, most, .. } => calls(core, aor.as_deref(), most),
        Command::Kick { aor, .. } => match core.canonical(&aor) {
            Some(aor) => Answer::Kicked(kick(core, now, aor, out)),
            None => Answer::Refused(NOT_AN_AOR),
        },
        Command::KickBinding { binding, .. } => {
            let held = core.table.binding(binding).map(|binding| binding.id);
            let count = usize::from(held.is_some());
            remove(core, now, held.into_iter(), out);
            Answer::Kicked(count)
        }
        Command::Totals { .. } => Answer::Totals(Totals::of(core)),
        Command::Nodes { .. } => Answer::Nodes(NodeView::all(core, now)),
        Command::Resync { .. } => {
            let nodes: Vec<NodeId> = core.peers.all().collect();
            for node in nodes {
                core.begin_epoch(now, node, EpochCause::Command, out);
            }
            Answer::Resynced
        }
        Command::ResyncNode { node, .. } if core.peers.exists(node) => {
            core.begin_epoch(now, node, EpochCause::Command, out);
            Answer::Resynced
        }
        Command::ResyncNode { .. } => Answer::Refused("no such node of the main registrar"),
    }
}

fn page(core: &Core, now: Now, from: Cursor, most: usize) -> Page {
    let most = most.clamp(1, limits::PAGE);
    let mut bindings = Vec::new();
    let next = core.table.page(from, most, |record, binding| {
        bindings.push(BindingView::of(core, now, record, binding));
    });
    Page { bindings, next }
}

fn calls(core: &Core, aor: Option<&str>, most: usize) -> Answer {
    let Some(aor) = aor else {
        return Answer::Calls(core.calls.all().take(most).cloned().collect());
    };
    match core.canonical(aor) {
        Some(aor) => Answer::Calls(core.calls.of(aor).take(most).cloned().collect()),
        None => Answer::Refused(NOT_AN_AOR),
    }
}

fn kick(core: &mut Core, now: Now, aor: AorHash, out: &mut Outbox) -> usize {
    let ids: Vec<BindingId> = core.table.bindings_of(aor).map(|b| b.id).collect();
    let count = ids.len();
    remove(core, now, ids.into_iter(), out);
    count
}

fn remove(core: &mut Core, now: Now, bindings: impl Iterator<Item = BindingId>, out: &mut Outbox) {
    registrar::remove(core, now, bindings, RemovalCause::Kicked, out);
}
