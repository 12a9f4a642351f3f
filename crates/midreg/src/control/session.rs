//! One client of the control socket: requests in, answers out, in their order.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};

use serde::Serialize;

use super::answer::{self, Answered};
use super::desk::Desk;
use super::limits;
use super::wire::{Code, Refusal, Request, Response, Sighting, Watched};
use crate::shard::watch::{Direction, Seen, Watch};

/// Serves a client until it goes.
///
/// # Errors
///
/// The connection broke, or the client did not read in time.
pub(super) fn serve(stream: &UnixStream, desk: &Desk) -> io::Result<()> {
    stream.set_write_timeout(Some(limits::WRITE_WITHIN))?;
    stream.set_read_timeout(Some(limits::SILENT_CLIENT))?;
    let mut reader = BufReader::new(stream);
    while let Some(line) = next_line(&mut reader)? {
        match read(&line) {
            Ok(Request::Trace { aor }) => return watch(stream, desk, &aor),
            Ok(request) => say(stream, &answer::answer(desk, &request))?,
            Err(Unreadable::Wrong(refusal)) => say(stream, &Answered::Error(refusal))?,
            Err(Unreadable::TooLong(refusal)) => {
                return say(stream, &Answered::Error(refusal));
            }
        }
    }
    Ok(())
}

/// Tells a client that there are too many.
pub(super) fn turn_away(stream: &UnixStream) {
    let refusal = Refusal {
        code: Code::Busy,
        message: format!("{} clients are there already", limits::CLIENTS),
    };
    // What cannot be told at once is not told.
    let told = stream.set_write_timeout(Some(limits::IDLE));
    let _ = told.and_then(|()| say(stream, &Answered::Error(refusal)));
}

enum Unreadable {
    /// The next line may be better.
    Wrong(Refusal),
    /// Nobody knows where the next line begins.
    TooLong(Refusal),
}

fn next_line(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    loop {
        let mut line = Vec::new();
        let most = limits::REQUEST as u64;
        if reader.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if !line.trim_ascii().is_empty() {
            return Ok(Some(line));
        }
    }
}

fn read(line: &[u8]) -> Result<Request, Unreadable> {
    let refusal = |message| Refusal {
        code: Code::BadRequest,
        message,
    };
    if line.len() >= limits::REQUEST && !line.ends_with(b"\n") {
        let message = format!("longer than {} bytes", limits::REQUEST);
        return Err(Unreadable::TooLong(refusal(message)));
    }
    let parsed = serde_json::from_slice(line);
    parsed.map_err(|error| Unreadable::Wrong(refusal(error.to_string())))
}

fn say<T: Serialize>(mut stream: &UnixStream, response: &Response<T>) -> io::Result<()> {
    let mut line = serde_json::to_vec(response).map_err(io::Error::other)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Shows what happens to an AoR until the client goes.
fn watch(stream: &UnixStream, desk: &Desk, aor: &str) -> io::Result<()> {
    let missed = Arc::new(AtomicU64::new(0));
    let (queue, seen) = sync_channel(limits::WATCHED);
    desk.watch(|| Watch {
        aor: aor.to_owned(),
        queue: queue.clone(),
        missed: Arc::downgrade(&missed),
    });
    drop(queue);
    // Asked after they were told to show what happens: whoever answers does so.
    match answer::watching(desk, aor) {
        Ok(watching) => say(stream, &Response::Ok(watching))?,
        Err(refusal) => return say(stream, &Answered::Error(refusal)),
    }
    loop {
        let shown = match seen.recv_timeout(limits::IDLE) {
            Ok(seen) => Watched::Datagram(sighting(desk, &seen)),
            // Writing is how we learn that the client has gone.
            Err(RecvTimeoutError::Timeout) => Watched::Idle {},
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        say(stream, &Response::Ok(shown))?;
        let lost = missed.swap(0, Ordering::Relaxed);
        if lost > 0 {
            say(stream, &Response::Ok(Watched::Lost(lost)))?;
        }
    }
}

fn sighting(desk: &Desk, seen: &Seen) -> Sighting {
    let (text, hex) = match std::str::from_utf8(&seen.bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(in_hex(&seen.bytes))),
    };
    let local = desk.local(seen.listener);
    Sighting {
        at: seen.at.0,
        incoming: seen.direction == Direction::In,
        remote: seen.remote.to_string(),
        local: local.map_or_else(String::new, |local| local.to_string()),
        text,
        hex,
    }
}

fn in_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
