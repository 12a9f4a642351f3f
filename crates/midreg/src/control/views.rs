//! From what the engine tells to what goes over the wire.

use engine::command::{
    BindingView, Explanation, LeaseStanding, LeaseView, NodeView, PendingStage, PendingView,
    RefusalRecord, Refuser, Warning,
};
use engine::event::{self, Outcome};
use engine::policy::Mode;
use engine::{CallEnd, CallRecord, HungUpBy, NodeId};

use super::wire;
use crate::config::words::mode_name;

pub(super) fn contact(view: BindingView) -> wire::Contact {
    wire::Contact {
        id: view.id.to_string(),
        aor: view.aor,
        contact: view.contact,
        instance: view.instance,
        remote: view.remote.to_string(),
        transport: view.transport.as_str().to_lowercase(),
        local: view.local,
        asked: view.asked,
        granted: view.granted,
        expires_in: view.expires_in,
        proved_ago: view.proved,
        mode: mode_name(view.lease.mode).to_owned(),
        lease: (view.lease.mode != Mode::Standalone).then(|| lease(view.lease, view.lease_left)),
        history: view.history.iter().map(decision).collect(),
    }
}

fn lease(view: LeaseView, left: u32) -> wire::Lease {
    let standing = match view.standing {
        LeaseStanding::Trusted => "trusted",
        LeaseStanding::Distrusted => "distrusted",
        LeaseStanding::OldEpoch => "old-epoch",
        LeaseStanding::NodeGone => "node-gone",
    };
    wire::Lease {
        granted: view.granted,
        left,
        usable: view.usable,
        node: view.node,
        standing: standing.to_owned(),
        sharing: view.sharing,
    }
}

fn decision(told: &event::Explained) -> wire::Decision {
    let outcome = match told.outcome {
        Outcome::Answered => "answered",
        Outcome::Refused => "refused",
        Outcome::Challenged => "challenged",
        Outcome::Asked => "asked",
        Outcome::Accepted => "accepted",
        Outcome::Registered => "registered",
        Outcome::ChallengedUpstream => "challenged-upstream",
        Outcome::RefusedUpstream => "refused-upstream",
        Outcome::Unanswered => "unanswered",
    };
    wire::Decision {
        at: told.at.0,
        row: told.row.as_str().to_owned(),
        outcome: outcome.to_owned(),
        granted: told.granted,
    }
}

/// What one shard knows of an AoR; `name` names servers.
pub(super) fn explained(
    told: Explanation,
    name: &dyn Fn(NodeId) -> Option<String>,
) -> wire::Explained {
    wire::Explained {
        aor: told.aor,
        mode: mode_name(told.mode).to_owned(),
        at: 0,
        contacts: told.bindings.into_iter().map(contact).collect(),
        pending: told.pending.into_iter().map(pending).collect(),
        refusals: told.refusals.iter().map(|one| refused(one, name)).collect(),
        calls: Vec::new(),
        warnings: told.warnings.into_iter().map(warning).collect(),
    }
}

fn pending(view: PendingView) -> wire::Pending {
    let base = wire::Pending {
        node: view.node,
        source: view.source.map(|source| source.to_string()),
        waiting: view.waiting,
        ..wire::Pending::default()
    };
    match view.stage {
        PendingStage::Asking { reason, since } => wire::Pending {
            stage: "asking".to_owned(),
            row: Some(reason.row().as_str().to_owned()),
            since_ms: Some(since),
            ..base
        },
        PendingStage::Challenged { left } => wire::Pending {
            stage: "challenged".to_owned(),
            left: Some(left),
            ..base
        },
        PendingStage::Releasing { attempt } => wire::Pending {
            stage: "releasing".to_owned(),
            attempt: Some(attempt),
            ..base
        },
        PendingStage::Resting { attempt, left } => wire::Pending {
            stage: "resting".to_owned(),
            attempt: Some(attempt),
            left: Some(left),
            ..base
        },
    }
}

fn refused(record: &RefusalRecord, name: &dyn Fn(NodeId) -> Option<String>) -> wire::Refused {
    let by = match record.by {
        Refuser::Here => None,
        // One that is configured no more has no name.
        Refuser::Upstream(node) => Some(name(node).unwrap_or_else(|| "?".to_owned())),
    };
    wire::Refused {
        at: record.at.0,
        source: record.source.to_string(),
        status: record.status,
        reason: record.reason.to_owned(),
        row: record.row.as_str().to_owned(),
        by,
    }
}

fn warning(warning: Warning) -> wire::Warning {
    let (kind, node) = match warning {
        Warning::LetsStrangersIn(node) => ("lets-strangers-in", Some(node)),
        Warning::Displacing(node) => ("displacing", Some(node)),
        Warning::TakesAnybody => ("takes-anybody", None),
    };
    wire::Warning {
        kind: kind.to_owned(),
        node,
    }
}

pub(super) fn call(record: &CallRecord) -> wire::Call {
    let (end, status) = match record.end {
        CallEnd::Open => ("open", None),
        CallEnd::Cancelled => ("cancelled", None),
        CallEnd::Refused(status) => ("refused", Some(status)),
        CallEnd::Failed(status) => ("failed", Some(status)),
        CallEnd::HungUp(HungUpBy::Caller) => ("caller-hung-up", None),
        CallEnd::HungUp(HungUpBy::Callee) => ("callee-hung-up", None),
    };
    wire::Call {
        at: record.began.0,
        caller: record.caller.to_string(),
        callee: record.callee.to_string(),
        source: record.source.to_string(),
        branches: record.branches,
        rang_after_ms: record.rang_after,
        answered_after_ms: record.answered_after,
        ended_after_ms: record.ended_after,
        end: end.to_owned(),
        status,
    }
}

pub(super) fn node(view: &NodeView) -> wire::Node {
    wire::Node {
        name: view.name.clone(),
        address: view.address.map(|address| address.to_string()),
        up: view.down.is_none(),
        down_for: view.down,
        epoch: view.epoch,
        min_expires: view.min_expires,
        lets_strangers_in: view.lets_strangers_in,
    }
}
