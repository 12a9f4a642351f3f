//! `Dialog`: what a caller must know to go on with a call later (RFC 3261 §12.1.2).

use super::Trace;

/// A dialog as its caller knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialog {
    target: String,
    routes: Vec<String>,
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
        let needed = |name: &str| {
            let value = answer.header(name);
            value
                .unwrap_or_else(|| panic!("no {name} in {answer:?}"))
                .to_owned()
        };
        let cseq = needed("CSeq");
        let number = cseq.split(' ').next().unwrap_or_default();
        Self {
            target: answer
                .uri("Contact")
                .expect("a Contact in the 200")
                .to_owned(),
            routes: answer
                .values("Record-Route")
                .into_iter()
                .rev()
                .map(str::to_owned)
                .collect(),
            to: needed("To"),
            call_id: needed("Call-ID"),
            cseq: number.parse().expect("a sequence number"),
        }
    }

    /// Request-URI of what is sent next: the Contact of the other side.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// The values of `Route`, in order.
    pub(super) fn routes(&self) -> &[String] {
        &self.routes
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
