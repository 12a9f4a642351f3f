//! Every bound of the engine that is not policy, in one place.

use core::time::Duration;

/// Contacts in one REGISTER.
pub const CONTACTS_PER_REGISTER: usize = 8;
/// Bytes of a REGISTER: what is kept of one until it is answered, and room for it to grow on its way
/// upstream and still fit a datagram.
pub const REGISTER_BYTES: usize = 16 * 1024;
/// Registrations under way at the main registrar, challenges awaiting their second leg included.
pub const CONVERSATIONS: usize = 65_536;
/// The same for one AoR, so that a stranger cannot use up everybody's share through one name.
pub const CONVERSATIONS_PER_AOR: usize = 16;
/// Places of conversations looked at for one that gives way to a new one.
pub const PLACES_LOOKED_AT: usize = 32;
/// REGISTERs that wait for their turn on one lease.
pub const WAITING_PER_LEASE: usize = 8;
/// Server transactions.
pub const SERVER_TRANSACTIONS: usize = 262_144;
/// Client transactions beyond what policy admits for REGISTERs of devices: probes and releases.
pub const CLIENT_TRANSACTIONS: usize = 262_144;
/// Leases being given back.
pub const RELEASES: usize = 262_144;
/// Releases under way at the same time, so that a mass expiry does not flood the main registrar.
pub const RELEASES_IN_FLIGHT: usize = 64;
/// Answers waiting for the store.
pub const HELD_REPLIES: usize = 65_536;
/// Batches of which is remembered what they write until the store has settled them; what more of
/// them write is looked for, should they fail.
pub const UNSETTLED_BATCHES: usize = 65_536;
/// Changes that the store has lost and is to be told again.
pub const OWED_CHANGES: usize = 65_536;
/// Nodes that are configured no more of which is remembered what they were like.
pub const FORMER_NODES: usize = 64;
/// Tombstones (R8).
pub const TOMBSTONES: usize = 65_536;
/// Nonces of which is remembered how often they were used (RFC 7616 §3.4); whoever answers an older
/// one than all of them is challenged again.
pub const USED_NONCES: usize = 262_144;
/// Expiries and timers looked at in one call.
pub const WORK_PER_TIMEOUT: usize = 256;

/// Requests on their way that are no REGISTER.
pub const FORKS: usize = 65_536;
/// Bytes of all of them together.
pub const FORK_BYTES: usize = 256 * 1024 * 1024;
/// Places that one request is tried at; the number goes into seven bits of an owner number.
pub const BRANCHES: usize = 64;
/// Bytes of the challenges of several branches that reach a caller together.
pub const MERGED_CHALLENGES: usize = 8 * 1024;
/// The longest message that goes over UDP.
pub const DATAGRAM: usize = 65_000;
/// How long the devices that are asked something else than INVITE may take: less than the 64·T1 after
/// which the sender listens no more, so that what one has said is heard although another is silent.
pub const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// How long a request waits for a device that is just being registered (R1).
pub const ARRIVAL_PATIENCE: Duration = Duration::from_secs(1);
/// AoRs of which the last message summary is remembered (R20).
pub const SUMMARIES: usize = 65_536;
/// The longest of them.
pub const SUMMARY_BYTES: usize = 4 * 1024;
/// How often one is told again within a transaction's life: to as many devices as may have come back at
/// once.
pub const SUMMARIES_TOLD: u16 = 16;
/// Calls whose story is remembered.
pub const CALLS_REMEMBERED: usize = 1024;
/// Bytes of a URI in such a story.
pub const CALL_TEXT: usize = 96;

/// Refused REGISTERs that are remembered.
pub const REFUSALS_REMEMBERED: usize = 1024;
/// Refused REGISTERs that are told of one AoR.
pub const REFUSALS_TOLD: usize = 8;
/// Bindings that are listed in one go.
pub const PAGE: usize = 256;
/// Places, free ones included, that are looked at for them.
pub const PLACES_PER_PAGE: usize = 4096;

/// How long a relayed challenge may be answered (D4).
pub const CHALLENGE_LIFE: Duration = Duration::from_secs(32);
/// How long a departed device's last CSeq is remembered (R8): a transaction's life.
pub const TOMBSTONE_LIFE: Duration = Duration::from_secs(32);
/// Leases of so many AoRs lost within [`LOSS_WINDOW`] call all leases of a node into question (R14).
pub const LOSSES_PER_EPOCH: usize = 16;
/// How long losses of leases are counted together.
pub const LOSS_WINDOW: Duration = Duration::from_secs(60);
/// First pause before a release is tried again; doubles each time.
pub const RELEASE_BACKOFF: Duration = Duration::from_secs(4);
/// How long it is tried to give back what a request without credentials may have been granted
/// without an answer: a main registrar that ignores strangers ignores their removal as well.
pub const UNPROVED_RELEASE_LIFE: u32 = 32;
/// Longest pause between two tries of a release.
pub const RELEASE_BACKOFF_MAX: Duration = Duration::from_secs(300);
/// Pause between probes of a main registrar that does not answer.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(2);
/// How long an expiry waits for a registration of the same binding that is under way.
pub const EXPIRY_GRACE: Duration = Duration::from_secs(1);
/// Shortest Retry-After that we give.
pub const RETRY_AFTER_MIN: u32 = 2;
/// Spread of Retry-After above the shortest, in seconds.
pub const RETRY_AFTER_SPREAD: u32 = 18;
