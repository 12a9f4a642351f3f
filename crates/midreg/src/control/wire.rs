//! What goes over the control socket: one JSON object per line.
//!
//! A request names its command: `{"command":"explain","aor":"alice@example.com"}`. Its answer is
//! `{"ok":…}` or `{"error":{"code":…,"message":…}}`. After `trace` come lines `{"ok":…}` without end,
//! each a [`Watched`]. Times are Unix milliseconds, lifetimes seconds. Members may be added to answers; those that are
//! there keep their meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is asked or ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How things stand: [`Status`].
    Status {},
    /// Who is registered, a page of them: [`Contacts`].
    Contacts {
        /// Only those of this AoR.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        aor: Option<String>,
        /// `next` of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
        /// Most contacts wanted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
    },
    /// What is known of an AoR: [`Explained`].
    Explain {
        /// It.
        aor: String,
    },
    /// Ends registrations, here and at the main registrar: [`Kicked`].
    Kick {
        /// An AoR, or the `id` of one contact.
        who: String,
    },
    /// The last calls: [`Calls`].
    Calls {
        /// Only those from or to this AoR.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        aor: Option<String>,
        /// Most calls wanted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
    },
    /// Has every device asked for anew at the main registrar: [`Resynced`].
    Resync {
        /// Only those whose leases are at this server, as it is configured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// Has the configuration read again: [`Reloaded`].
    Reload {},
    /// Turns the log, if a part and a level are named, and tells how it stands: [`LogLevels`].
    Log {
        /// A part, or `all`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<String>,
        /// The least important level of it that is still written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<String>,
    },
    /// Shows the messages from and to an AoR, until the client goes: [`Watched`].
    Trace {
        /// It.
        aor: String,
    },
}

/// A line of answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response<T> {
    /// Here it is.
    Ok(T),
    /// No.
    Error(Refusal),
}

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
}

/// The kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The request cannot be understood.
    BadRequest,
    /// There is nothing of the kind.
    NotFound,
    /// It cannot be done; nothing has changed.
    Refused,
    /// There are too many clients.
    Busy,
    /// No shard answered in time.
    NoAnswer,
}

/// What a reload has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Keys with another value, by their dotted paths; passwords are not compared.
    pub changed: Vec<String>,
    /// What is unwise about the new configuration, a line each.
    pub warnings: Vec<String>,
}

/// How the log stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLevels {
    /// The least important level of each part that is still written.
    pub levels: BTreeMap<String, String>,
}

/// How things stand, since the start where it is counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Of the program.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When this was told.
    pub at: u64,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// Addresses it listens on.
    pub listeners: Vec<String>,
    /// Worker threads.
    pub workers: usize,
    /// Workers that did not answer in time, and are not in the figures.
    pub silent_workers: usize,
    /// Registered devices.
    pub bindings: u64,
    /// Users who have some.
    pub aors: u64,
    /// REGISTERs received, repetitions included.
    pub registers: u64,
    /// REGISTERs answered without asking the main registrar.
    pub absorbed: u64,
    /// REGISTERs sent to the main registrar.
    pub forwarded: u64,
    /// Requests refused here.
    pub refused: u64,
    /// Calls that were tried.
    pub calls: u64,
    /// Devices that did not refresh in time.
    pub expired: u64,
    /// Registrations that the main registrar accepted without a challenge.
    pub unchallenged: u64,
    /// Requests that were asked for a password here.
    pub challenged: u64,
    /// Requests with a wrong one.
    pub wrong_passwords: u64,
    /// REGISTERs by row of the decision table.
    pub decisions: BTreeMap<String, u64>,
    /// Messages dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// What is under way now, by kind.
    pub under_way: BTreeMap<String, u64>,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// The servers of the main registrar.
    pub upstream: Vec<Node>,
}

/// A server of the main registrar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// As it is configured.
    pub name: String,
    /// Where it is, if its name has an address.
    pub address: Option<String>,
    /// Whether it answers.
    pub up: bool,
    /// Seconds since it does not.
    pub down_for: Option<u32>,
    /// How often its leases were called into question, plus one.
    pub epoch: u16,
    /// The shortest lifetime that it was found to take.
    pub min_expires: u32,
    /// Whether it accepted a new device without a challenge.
    pub lets_strangers_in: bool,
}

/// A page of contacts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contacts {
    /// They; perhaps none although there are more.
    pub contacts: Vec<Contact>,
    /// The cursor of the next page; none at the end.
    pub next: Option<String>,
}

/// A registered contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// To be named by.
    pub id: String,
    /// Whose it is.
    pub aor: String,
    /// Its URI, as the device sent it.
    pub contact: String,
    /// `+sip.instance` of the device.
    pub instance: Option<String>,
    /// Where the device is.
    pub remote: String,
    /// By which transport it speaks.
    pub transport: String,
    /// Our address that it speaks with.
    pub local: String,
    /// Lifetime that it asked for last, or that it got by default.
    pub asked: u32,
    /// Lifetime that it was promised then.
    pub granted: u32,
    /// Seconds until it must have refreshed.
    pub expires_in: u32,
    /// Seconds since it was proved last.
    pub proved_ago: u32,
    /// The mode in which it was registered.
    pub mode: String,
    /// What the main registrar has granted for it; none where there is no main registrar.
    pub lease: Option<Lease>,
    /// The last decisions about it, newest first.
    pub history: Vec<Decision>,
}

/// What the main registrar has granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Lifetime granted.
    pub granted: u32,
    /// Seconds of it that are left.
    pub left: u32,
    /// Seconds that may still be promised on it.
    pub usable: u32,
    /// By whom.
    pub node: Option<String>,
    /// `trusted`, `distrusted`, `old-epoch` or `node-gone`: all but the first are renewed at the next
    /// REGISTER.
    pub standing: String,
    /// How many devices share it.
    pub sharing: usize,
}

/// What was decided about a REGISTER.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: u64,
    /// The row of the decision table.
    pub row: String,
    /// What came of it: `answered`, `refused`, `challenged`, `asked`, `accepted`, `registered`,
    /// `challenged-upstream`, `refused-upstream` or `unanswered`.
    pub outcome: String,
    /// What was granted, to within 4 s; 0 for nothing.
    pub granted: u32,
}

/// What is known of an AoR.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// In canonical form.
    pub aor: String,
    /// The mode of its domain.
    pub mode: String,
    /// When this was told.
    pub at: u64,
    /// Its contacts.
    pub contacts: Vec<Contact>,
    /// What is under way with the main registrar.
    pub pending: Vec<Pending>,
    /// The last REGISTERs that were refused, newest first.
    pub refusals: Vec<Refused>,
    /// The last calls, newest first.
    pub calls: Vec<Call>,
    /// What to beware of.
    pub warnings: Vec<Warning>,
}

/// Something under way with the main registrar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// `asking`, `challenged`, `releasing` or `resting`.
    pub stage: String,
    /// With which server.
    pub node: Option<String>,
    /// Address of the device that it is about, if one began it.
    pub source: Option<String>,
    /// Row of the decision that led to it (`asking`).
    pub row: Option<String>,
    /// Milliseconds since it began (`asking`).
    pub since_ms: Option<u64>,
    /// Seconds until it is given up (`challenged`) or tried again (`resting`).
    pub left: Option<u32>,
    /// Number of the try (`releasing`, `resting`).
    pub attempt: Option<u32>,
    /// REGISTERs that wait for it.
    pub waiting: usize,
}

/// A REGISTER that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// When.
    pub at: u64,
    /// Where it came from.
    pub source: String,
    /// The answer.
    pub status: u16,
    /// In words.
    pub reason: String,
    /// The row of the decision table.
    pub row: String,
    /// The server that refused it; none if it was refused here.
    pub by: Option<String>,
}

/// Something to beware of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// `lets-strangers-in`, `displacing` or `takes-anybody`.
    pub kind: String,
    /// The server it is about.
    pub node: Option<String>,
}

/// The last calls, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// When this was told.
    pub at: u64,
    /// They.
    pub calls: Vec<Call>,
}

/// A call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// When it began.
    pub at: u64,
    /// Who called.
    pub caller: String,
    /// Who was called.
    pub callee: String,
    /// Where the INVITE came from.
    pub source: String,
    /// How many places were tried.
    pub branches: u16,
    /// Milliseconds until somebody rang.
    pub rang_after_ms: Option<u32>,
    /// Milliseconds until somebody answered.
    pub answered_after_ms: Option<u32>,
    /// Milliseconds until it was over.
    pub ended_after_ms: Option<u32>,
    /// `open`, `cancelled`, `refused`, `failed`, `caller-hung-up` or `callee-hung-up`.
    pub end: String,
    /// The status it was refused or failed with.
    pub status: Option<u16>,
}

/// How many registrations were ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kicked {
    /// They.
    pub kicked: usize,
}

/// Whose leases are asked for anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resynced {
    /// The servers.
    pub nodes: Vec<String>,
}

/// What one who watches sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Watched {
    /// First of all: whom he watches.
    Watching {
        /// In canonical form.
        aor: String,
        /// Addresses of the main registrar's servers.
        upstream: Vec<String>,
    },
    /// A datagram.
    Datagram(Sighting),
    /// So many could not be told, because the client or midreg was too slow.
    Lost(u64),
    /// Nothing has happened for a while.
    Idle {},
}

/// A datagram that was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// When.
    pub at: u64,
    /// Whether it came in; it went out if not.
    pub incoming: bool,
    /// The other side.
    pub remote: String,
    /// Our socket.
    pub local: String,
    /// Its text, where it is UTF-8.
    pub text: Option<String>,
    /// Its bytes in hexadecimal, where it is not.
    pub hex: Option<String>,
}
