//! `CallScript`: what a SIPp phone does in a call, as the caller or the called, step by step.
//!
//! A script whose first step waits for a request belongs to the one who is called. Being cancelled is left to baresip:
//! SIPp cannot answer an INVITE once it has read the CANCEL.

use super::Dialog;

/// The steps of one party. SIPp fails the moment anything else arrives than what is expected; only 100, and 180 where a
/// script never waits for it, may come before what is expected.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallScript {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Sends a request outside of a dialog.
    Request {
        method: String,
        target: String,
        credentials: Credentials,
    },
    /// Sends a request within the dialog of this run.
    Within(String),
    /// Sends a request within the dialog of an earlier run.
    Resume(String, Dialog),
    /// Sends the CANCEL of the last request.
    Cancel,
    /// Sends the ACK to a 200.
    AcknowledgeSuccess,
    /// Sends the ACK to a refusal.
    AcknowledgeRefusal,
    /// Waits for a response.
    Expect(u16),
    /// Waits for a request.
    BeAsked(String),
    /// Sends a response to the last request.
    Reply(u16),
    /// Sends a 302 with a Contact.
    Redirect(String),
}

/// Does a request show the phone's password?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    Withheld,
    Shown,
}

/// For the caller.
impl CallScript {
    /// Sends an INVITE.
    pub(crate) fn invite(self, target: &str) -> Self {
        self.request("INVITE", target)
    }

    /// Sends an INVITE, is asked to prove itself, and does.
    pub(crate) fn invite_with_proof(self, target: &str) -> Self {
        self.invite(target).be_refused(407).prove("INVITE", target)
    }

    /// Sends a request of any method but INVITE, is asked to prove itself, and does.
    pub(crate) fn request_with_proof(self, method: &str, target: &str) -> Self {
        self.request(method, target)
            .expect(407)
            .prove(method, target)
    }

    /// Sends a request of any method, outside of a dialog.
    pub(crate) fn request(self, method: &str, target: &str) -> Self {
        self.then(Step::Request {
            method: method.to_owned(),
            target: target.to_owned(),
            credentials: Credentials::Withheld,
        })
    }

    /// Waits for a refusal of the INVITE, and acknowledges it.
    pub(crate) fn be_refused(self, status: u16) -> Self {
        self.expect(status).then(Step::AcknowledgeRefusal)
    }

    /// Waits for the 200 to the INVITE, and acknowledges it.
    pub(crate) fn be_answered(self) -> Self {
        self.expect(200).then(Step::AcknowledgeSuccess)
    }

    /// Gives up: CANCEL, its 200, and the 487 to the INVITE.
    pub(crate) fn give_up(self) -> Self {
        self.then(Step::Cancel).expect(200).be_refused(487)
    }

    /// Waits for a response.
    pub(crate) fn expect(self, status: u16) -> Self {
        self.then(Step::Expect(status))
    }
}

/// For the called.
impl CallScript {
    /// Waits for an INVITE, rings and answers.
    pub(crate) fn pick_up(self) -> Self {
        self.be_asked("INVITE")
            .reply(180)
            .reply(200)
            .be_asked("ACK")
    }

    /// Waits for an INVITE and refuses it.
    pub(crate) fn refuse(self, status: u16) -> Self {
        self.be_asked("INVITE").reply(status).be_asked("ACK")
    }

    /// Waits for an INVITE, and says where else to look.
    pub(crate) fn redirect(self, target: &str) -> Self {
        self.be_asked("INVITE")
            .then(Step::Redirect(target.to_owned()))
            .be_asked("ACK")
    }

    /// Waits for a request, and takes it well.
    pub(crate) fn accept(self, method: &str) -> Self {
        self.be_asked(method).reply(200)
    }
}

/// For both.
impl CallScript {
    /// Sends a request of any method but INVITE within the dialog, and waits for its 200.
    pub(crate) fn within(self, method: &str) -> Self {
        self.then(Step::Within(method.to_owned())).expect(200)
    }

    /// Sends an INVITE within the dialog, which is taken well.
    pub(crate) fn change(self) -> Self {
        self.then(Step::Within("INVITE".to_owned())).be_answered()
    }

    /// Is sent an INVITE within the dialog, and takes it well.
    pub(crate) fn be_changed(self) -> Self {
        self.accept("INVITE").be_asked("ACK")
    }

    /// Ends the call of an earlier run.
    pub(crate) fn hang_up_on(self, dialog: &Dialog) -> Self {
        self.resume("BYE", dialog).expect(200)
    }

    /// Sends a request within the dialog of an earlier run.
    pub(crate) fn resume(self, method: &str, dialog: &Dialog) -> Self {
        self.then(Step::Resume(method.to_owned(), dialog.clone()))
    }

    /// Ends the call.
    pub(crate) fn hang_up(self) -> Self {
        self.within("BYE")
    }

    /// Waits for the other to end the call.
    pub(crate) fn be_hung_up_on(self) -> Self {
        self.accept("BYE")
    }
}

/// For the scenario.
impl CallScript {
    /// Its steps in order.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Number of messages that it waits for.
    pub(super) fn waits(&self) -> u32 {
        let waits = self
            .steps
            .iter()
            .filter(|step| matches!(step, Step::Expect(_) | Step::BeAsked(_)));
        u32::try_from(waits.count()).expect("a script of sane length")
    }

    /// Does it begin by waiting to be called?
    pub(super) fn is_called(&self) -> bool {
        matches!(self.steps.first(), Some(Step::BeAsked(_)))
    }

    /// The Call-ID of the dialog that it goes on with.
    pub(super) fn call_id(&self) -> Option<&str> {
        match self.steps.first() {
            Some(Step::Resume(_, dialog)) => Some(dialog.call_id()),
            _ => None,
        }
    }

    fn prove(self, method: &str, target: &str) -> Self {
        self.then(Step::Request {
            method: method.to_owned(),
            target: target.to_owned(),
            credentials: Credentials::Shown,
        })
    }

    fn be_asked(self, method: &str) -> Self {
        self.then(Step::BeAsked(method.to_owned()))
    }

    fn reply(self, status: u16) -> Self {
        self.then(Step::Reply(status))
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}
