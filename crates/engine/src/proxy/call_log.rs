//! `CallLog`: the last calls of a shard, so that the story of each can be told. One ring of fixed
//! size; the oldest story makes room for the newest.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::clock::{Mono, Now, Wall};
use crate::ids::AorHash;
use crate::limits;

/// Number of a call in the log, counted over all that there ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallNumber(u64);

/// What became of one call.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// Who called, as the From says.
    pub caller: Arc<str>,
    /// Who was called, as the To says.
    pub callee: Arc<str>,
    /// Where the INVITE came from.
    pub source: SocketAddr,
    /// When it came.
    pub began: Wall,
    /// Milliseconds until somebody rang; `None` if nobody did.
    pub rang_after: Option<u32>,
    /// Milliseconds until somebody answered; `None` if nobody did.
    pub answered_after: Option<u32>,
    /// Milliseconds until it was over; `None` while it is not, or nobody told us.
    pub ended_after: Option<u32>,
    /// How it ended.
    pub end: CallEnd,
    /// How many places were tried.
    pub branches: u16,
    began_at: Mono,
    call_id: u64,
    aors: [AorHash; 2],
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// It has not, as far as we know.
    Open,
    /// The caller cancelled.
    Cancelled,
    /// It was refused with this status.
    Refused(u16),
    /// Nobody answered or could be reached; the caller got this status from us.
    Failed(u16),
    /// One side hung up.
    HungUp(HungUpBy),
}

/// Who hung up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HungUpBy {
    /// Who called.
    Caller,
    /// Who was called.
    Callee,
}

/// A call as it begins.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// From URI.
    pub(crate) caller: &'a [u8],
    /// To URI.
    pub(crate) callee: &'a [u8],
    /// Where the INVITE came from.
    pub(crate) source: SocketAddr,
    /// Keyed hash of its Call-ID.
    pub(crate) call_id: u64,
    /// AoRs whose story it belongs to.
    pub(crate) aors: [AorHash; 2],
}

/// The last calls.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    calls: VecDeque<CallRecord>,
    /// Number of the oldest.
    first: u64,
}

impl CallLog {
    /// Takes a call in.
    pub(crate) fn begin(&mut self, now: Now, attempt: &Attempt<'_>) -> CallNumber {
        if self.calls.len() == limits::CALLS_REMEMBERED {
            self.calls.pop_front();
            self.first += 1;
        }
        let text = |uri: &[u8]| {
            let short = uri.get(..limits::CALL_TEXT).unwrap_or(uri);
            Arc::from(String::from_utf8_lossy(short))
        };
        self.calls.push_back(CallRecord {
            caller: text(attempt.caller),
            callee: text(attempt.callee),
            source: attempt.source,
            began: now.wall,
            rang_after: None,
            answered_after: None,
            ended_after: None,
            end: CallEnd::Open,
            branches: 0,
            began_at: now.mono,
            call_id: attempt.call_id,
            aors: attempt.aors,
        });
        CallNumber(self.first + self.calls.len() as u64 - 1)
    }

    /// So many places more were tried.
    pub(crate) fn tried(&mut self, number: CallNumber, branches: usize) {
        if let Some(call) = self.call(number) {
            let branches = u16::try_from(branches).unwrap_or(u16::MAX);
            call.branches = call.branches.saturating_add(branches);
        }
    }

    /// Somebody rings; whether he is the first.
    pub(crate) fn rang(&mut self, now: Now, number: CallNumber) -> bool {
        let Some(call) = self.call(number) else {
            return false;
        };
        let (age, rang) = (call.age(now), call.rang_after.is_some());
        call.rang_after.get_or_insert(age);
        !rang && call.answered_after.is_none()
    }

    /// Somebody answered; whether he is the first.
    pub(crate) fn answered(&mut self, now: Now, number: CallNumber) -> bool {
        let Some(call) = self.call(number) else {
            return false;
        };
        let (age, answered) = (call.age(now), call.answered_after.is_some());
        call.answered_after.get_or_insert(age);
        !answered
    }

    /// It came to nothing.
    pub(crate) fn failed(&mut self, now: Now, number: CallNumber, end: CallEnd) {
        if let Some(call) = self.call(number) {
            call.ended_after = Some(call.age(now));
            call.end = end;
        }
    }

    /// A BYE came by. Looks at all calls there are, a few nanoseconds each.
    pub(crate) fn hung_up(&mut self, now: Now, call_id: u64, from: AorHash) -> Option<&CallRecord> {
        let mut open = self.calls.iter_mut().rev();
        let call = open.find(|call| call.call_id == call_id && call.end == CallEnd::Open)?;
        call.ended_after = Some(call.age(now));
        let by = match call.aors.first() == Some(&from) {
            true => HungUpBy::Caller,
            false => HungUpBy::Callee,
        };
        call.end = CallEnd::HungUp(by);
        Some(call)
    }

    /// All calls, newest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &CallRecord> {
        self.calls.iter().rev()
    }

    /// The last calls of an AoR, newest first.
    pub(crate) fn of(&self, aor: AorHash) -> impl Iterator<Item = &CallRecord> {
        let newest_first = self.calls.iter().rev();
        newest_first.filter(move |call| call.aors.contains(&aor))
    }

    /// The call of this number, if it is remembered.
    pub(crate) fn get(&self, number: CallNumber) -> Option<&CallRecord> {
        let at = number.0.checked_sub(self.first)?;
        self.calls.get(usize::try_from(at).ok()?)
    }

    fn call(&mut self, number: CallNumber) -> Option<&mut CallRecord> {
        let at = number.0.checked_sub(self.first)?;
        self.calls.get_mut(usize::try_from(at).ok()?)
    }
}

impl CallRecord {
    fn age(&self, now: Now) -> u32 {
        let age = now.mono.0.saturating_sub(self.began_at.0);
        u32::try_from(age).unwrap_or(u32::MAX)
    }
}
