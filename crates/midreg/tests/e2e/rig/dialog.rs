//! `Dialog`: what one side must know to go on with a call later (RFC 3261 §12.1).

use super::{Message, Trace};

/// A dialog as one side knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialog {
    target: String,
    routes: Vec<String>,
    from: String,
    to: String,
    call_id: String,
    cseq: u32,
}

impl Dialog {
    /// The dialog that a caller's INVITE and the 200 to it have made.
    ///
    /// # Panics
    /// If there was none.
    pub(crate) fn of_caller(trace: &Trace) -> Self {
        let answer = trace.response(200);
        let mut routes = routes(answer);
        routes.reverse();
        Self {
            target: target(answer),
            routes,
            from: needed(answer, "From"),
            to: needed(answer, "To"),
            call_id: needed(answer, "Call-ID"),
            cseq: number(answer),
        }
    }

    /// The same dialog as the one who was called knows it.
    ///
    /// # Panics
    /// If there was none.
    pub(crate) fn of_called(trace: &Trace) -> Self {
        let invite = trace.request("INVITE");
        let answer = trace.sent(|message| message.status() == Some(200));
        Self {
            target: target(invite),
            routes: routes(invite),
            from: needed(answer, "To"),
            to: needed(answer, "From"),
            call_id: needed(answer, "Call-ID"),
            cseq: 0,
        }
    }

    /// As somebody may tell it who passes by the first server on the route.
    pub(crate) fn without_first_hop(mut self) -> Self {
        self.routes.remove(0);
        self
    }

    /// Request-URI of what is sent next: the Contact of the other side.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// The values of `Route`, in order.
    pub(super) fn routes(&self) -> &[String] {
        &self.routes
    }

    /// The value of `From`, tag included.
    pub(super) fn from(&self) -> &str {
        &self.from
    }

    /// The value of `To`, tag included.
    pub(super) fn to(&self) -> &str {
        &self.to
    }

    /// Call-ID.
    pub(super) fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Sequence number of what is sent next.
    pub(super) fn next_cseq(&self) -> u32 {
        self.cseq + 1
    }
}

fn routes(message: &Message) -> Vec<String> {
    let values = message.values("Record-Route");
    values.into_iter().map(str::to_owned).collect()
}

fn target(message: &Message) -> String {
    let contact = message.uri("Contact");
    contact
        .unwrap_or_else(|| panic!("no Contact in {message:?}"))
        .to_owned()
}

fn needed(message: &Message, name: &str) -> String {
    let value = message.header(name);
    value
        .unwrap_or_else(|| panic!("no {name} in {message:?}"))
        .to_owned()
}

fn number(message: &Message) -> u32 {
    let cseq = needed(message, "CSeq");
    let number = cseq.split(' ').next().unwrap_or_default();
    number.parse().expect("a sequence number")
}
