//! The bounds of the control socket.

use std::time::Duration;

/// Clients at a time; one more is told so and sent away.
pub const CLIENTS: usize = 16;
/// Bytes of a request, its end of line included.
pub const REQUEST: usize = 4096;
/// How long a client may take to read what was written to it.
pub const WRITE_WITHIN: Duration = Duration::from_secs(5);
/// How long a client may stay without asking anything.
pub const SILENT_CLIENT: Duration = Duration::from_secs(600);
/// How long a shard may take to answer; one that takes longer is left out, and counted.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Contacts in one answer, at most.
pub const CONTACTS: usize = engine::limits::PAGE;
/// Commands given for one request for contacts: a part of the table in which there are few has little
/// to show for one.
pub const PAGES_PER_REQUEST: usize = 16;
/// Calls in one answer, at most.
pub const CALLS: usize = 1024;
/// Datagrams that wait to be written to one who watches.
pub const WATCHED: usize = 256;
/// Time between two signs of life to one who watches, while there is nothing to see.
pub const IDLE: Duration = Duration::from_secs(1);
