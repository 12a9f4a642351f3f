//! `Leg`: the part that one phone has in a call, as caller or as called: what it says, what it
//! repeats until it is answered, and how it ends. Without a socket.

use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip::header::cseq::CSeq;
use sip::{Message, Method, Name};

use super::dialog::{self, Dialog, Parties, Place};
use super::repeat::Repeat;

/// When somebody who was to hang up has not done so, the call counts as failed.
const PATIENCE: Duration = Duration::from_secs(40);

/// A phone's part in a call.
#[derive(Debug)]
pub(super) struct Leg {
    dialog: Dialog,
    side: Side,
    state: State,
    habits: Habits,
    /// Through whom everything goes.
    proxy: SocketAddr,
    /// For what it reports: who calls whom.
    title: String,
    /// What is repeated: an INVITE, an answer to one, or a BYE.
    message: Vec<u8>,
    /// The INVITE, which everything before the dialog refers to.
    invite: Vec<u8>,
}

/// Which part it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Caller,
    Callee,
}

/// How a phone behaves in this call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    /// How long it rings before it is answered.
    pub(super) ring: Duration,
    /// How long it talks before it hangs up; `None` leaves that to the other side.
    pub(super) talk: Option<Duration>,
}

/// What a call has come to, as one of its phones sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The caller hears that it rings.
    Rings,
    /// The caller is answered.
    Answered,
    /// One of them has hung up; the caller says so.
    Ended,
    /// This phone rang, and another was quicker.
    Lost,
    /// It was to be something else.
    Failed(String),
}

#[derive(Debug)]
enum State {
    /// The INVITE is out, and nobody has said anything.
    Calling(Repeat),
    /// Somebody has taken it on; whether it rings.
    Proceeding { rings: bool, until: Instant },
    /// We ring until we answer.
    Ringing { answer_at: Instant },
    /// We have answered, and wait for the ACK.
    Answered(Repeat),
    /// We talk until one of us hangs up.
    Talking { until: Instant },
    /// The BYE is out.
    Leaving(Repeat),
    /// We were cancelled, and wait for the ACK.
    Cancelled(Repeat),
    /// Nothing more to do.
    Over,
}

/// What a phone has to send.
pub(super) type Mail = Vec<Vec<u8>>;

impl Leg {
    /// Begins a call: writes the INVITE.
    pub(super) fn dial(
        parties: &Parties,
        place: Place,
        proxy: SocketAddr,
        habits: Habits,
        mail: &mut Mail,
    ) -> Self {
        let mut dialog = Dialog::outgoing(parties, place, proxy);
        let mut invite = Vec::new();
        dialog.invite(&mut invite);
        mail.push(invite.clone());
        Self {
            dialog,
            side: Side::Caller,
            proxy,
            state: State::Calling(Repeat::begin(Instant::now())),
            habits,
            title: format!("the call from {} to {}", parties.caller, parties.callee),
            message: invite.clone(),
            invite,
        }
    }

    /// Takes a call: rings. `None` when the INVITE cannot be one.
    pub(super) fn ring(
        invite: &Message<'_>,
        place: Place,
        proxy: SocketAddr,
        habits: Habits,
        mail: &mut Mail,
    ) -> Option<Self> {
        let title = format!("the call that phone {} was rung for", place.phone);
        let dialog = Dialog::incoming(invite, place)?;
        let mut message = Vec::new();
        dialog.answer(invite, proxy, (180, "Ringing"), &mut message);
        mail.push(message.clone());
        let answer_at = Instant::now() + habits.ring;
        Some(Self {
            dialog,
            side: Side::Callee,
            proxy,
            state: State::Ringing { answer_at },
            habits,
            title,
            message,
            invite: invite.bytes().to_vec(),
        })
    }

    /// Number of the call that an INVITE begins, if it is one of the demo's.
    pub(super) fn call_of(invite: &Message<'_>) -> Option<usize> {
        dialog::call_of(invite.header(Name::CallId)?.value)
    }

    /// Whether a message is of this call.
    pub(super) fn owns(&self, message: &Message<'_>) -> bool {
        self.dialog.owns(message)
    }

    /// Whether nothing more is to come.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// When it has something to do.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        match &self.state {
            State::Calling(repeat)
            | State::Answered(repeat)
            | State::Leaving(repeat)
            | State::Cancelled(repeat) => Some(repeat.at()),
            State::Ringing { answer_at } => Some(*answer_at),
            State::Talking { until } | State::Proceeding { until, .. } => Some(*until),
            State::Over => None,
        }
    }

    /// A response came.
    pub(super) fn on_response(
        &mut self,
        response: &Message<'_>,
        mail: &mut Mail,
    ) -> Option<Progress> {
        let status = response.status()?;
        let method = CSeq::parse(response.header(Name::CSeq)?.value).ok()?.method;
        match (method, status, &self.state) {
            (b"BYE", 200.., State::Leaving(_)) => self.end(Progress::Ended),
            (b"INVITE", 100..200, State::Calling(_) | State::Proceeding { rings: false, .. }) => {
                let (rings, until) = (status > 100, Instant::now() + PATIENCE);
                self.state = State::Proceeding { rings, until };
                rings.then_some(Progress::Rings)
            }
            (b"INVITE", 200..300, State::Calling(_) | State::Proceeding { .. }) => {
                self.dialog.establish(response);
                self.acknowledge(mail);
                self.talk();
                Some(Progress::Answered)
            }
            (b"INVITE", 200..300, _) => {
                self.on_further_answer(response, mail);
                None
            }
            (b"INVITE", 300.., State::Calling(_) | State::Proceeding { .. }) => {
                let mut ack = Vec::new();
                if let Ok(invite) = Message::parse(&self.invite) {
                    Dialog::ack_refusal(&invite, response, &mut ack);
                    mail.push(ack);
                }
                self.fail(&format!("got a {status}"))
            }
            _ => None,
        }
    }

    /// A request came.
    pub(super) fn on_request(
        &mut self,
        request: &Message<'_>,
        mail: &mut Mail,
    ) -> Option<Progress> {
        match (request.request()?.method, &self.state) {
            (Method::Invite, State::Ringing { .. } | State::Answered(_) | State::Cancelled(_)) => {
                mail.push(self.message.clone());
                None
            }
            (Method::Ack, State::Answered(_)) => {
                self.talk();
                None
            }
            (Method::Ack, State::Cancelled(_)) => self.end(Progress::Lost),
            (Method::Cancel, State::Ringing { .. }) => {
                self.accept(request, mail);
                self.state = State::Cancelled(Repeat::begin(Instant::now()));
                self.answer_invite((487, "Request Terminated"), mail);
                None
            }
            (Method::Cancel, _) => {
                self.accept(request, mail);
                None
            }
            (Method::Bye, _) => {
                self.accept(request, mail);
                self.end(Progress::Ended)
            }
            _ => None,
        }
    }

    /// Time has passed.
    pub(super) fn on_timer(&mut self, now: Instant, mail: &mut Mail) -> Option<Progress> {
        match &mut self.state {
            State::Calling(repeat)
            | State::Answered(repeat)
            | State::Leaving(repeat)
            | State::Cancelled(repeat) => {
                if repeat.is_over(now) {
                    return self.fail("was not answered in time");
                }
                repeat.next(now);
                mail.push(self.message.clone());
                None
            }
            State::Ringing { .. } => {
                self.state = State::Answered(Repeat::begin(now));
                self.answer_invite((200, "OK"), mail);
                None
            }
            State::Talking { .. } if self.habits.talk.is_some() => {
                self.hang_up(now, mail);
                None
            }
            State::Talking { .. } => self.fail("was not hung up"),
            State::Proceeding { .. } => self.fail("was not answered"),
            State::Over => None,
        }
    }

    fn hang_up(&mut self, now: Instant, mail: &mut Mail) {
        self.message.clear();
        self.dialog.bye(&mut self.message);
        mail.push(self.message.clone());
        self.state = State::Leaving(Repeat::begin(now));
    }

    fn talk(&mut self) {
        let until = Instant::now() + self.habits.talk.unwrap_or(PATIENCE);
        self.state = State::Talking { until };
    }

    /// A 2xx again, or one of somebody who was no slower than the first: he is told that it is too
    /// late (RFC 3261 §13.2.2.4).
    fn on_further_answer(&mut self, response: &Message<'_>, mail: &mut Mail) {
        if self.dialog.is_with(response) {
            return self.acknowledge(mail);
        }
        let mut other = self.dialog.fork(response);
        let (mut ack, mut bye) = (Vec::new(), Vec::new());
        other.ack(&mut ack);
        other.bye(&mut bye);
        mail.extend([ack, bye]);
    }

    fn acknowledge(&mut self, mail: &mut Mail) {
        let mut ack = Vec::new();
        self.dialog.ack(&mut ack);
        mail.push(ack);
    }

    fn answer_invite(&mut self, status: (u16, &str), mail: &mut Mail) {
        let Ok(invite) = Message::parse(&self.invite) else {
            return;
        };
        self.message.clear();
        self.dialog
            .answer(&invite, self.proxy, status, &mut self.message);
        mail.push(self.message.clone());
    }

    fn accept(&self, request: &Message<'_>, mail: &mut Mail) {
        let mut response = Vec::new();
        let ok = (200, "OK");
        self.dialog.answer(request, self.proxy, ok, &mut response);
        mail.push(response);
    }

    fn fail(&mut self, what: &str) -> Option<Progress> {
        let title = mem::take(&mut self.title);
        self.end(Progress::Failed(format!("{title} {what}")))
    }

    /// That a call has ended is told by the one who began it.
    fn end(&mut self, progress: Progress) -> Option<Progress> {
        self.state = State::Over;
        (progress != Progress::Ended || self.side == Side::Caller).then_some(progress)
    }
}

#[cfg(test)]
mod tests;
