//! The two machines of each side behind one face: what happened, in terms both kinds know, becomes the
//! event of the one at hand.

use super::action::Actions;
use super::timing::{Reliability, Timer};
use super::{Kind, client, client_invite, server, server_invite};

/// A machine that answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum ServerMachine {
    NonInvite(server::State),
    Invite(server_invite::State),
}

/// What can happen to a machine that answers.
#[derive(Clone, Copy)]
pub(super) enum ServerStep {
    /// The request came again.
    Request,
    /// An ACK came.
    Ack,
    /// The user answers with this status.
    Respond(u16),
    /// A timer fell due.
    Timer(Timer),
}

/// A machine that asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum ClientMachine {
    NonInvite(client::State),
    Invite(client_invite::State),
}

/// What can happen to a machine that asks.
#[derive(Clone, Copy)]
pub(super) enum ClientStep {
    /// A response of this status came.
    Response(u16),
    /// A timer fell due.
    Timer(Timer),
    /// The user sends a CANCEL.
    Cancel,
    /// The network refused.
    TransportError,
}

impl ServerMachine {
    /// A new one, and what is to be done first.
    pub(super) fn start(kind: Kind) -> (Self, Actions) {
        match kind {
            Kind::NonInvite => {
                let (state, actions) = server::start();
                (Self::NonInvite(state), actions)
            }
            Kind::Invite => {
                let (state, actions) = server_invite::start();
                (Self::Invite(state), actions)
            }
        }
    }

    /// Moves on; what is to be done.
    pub(super) fn step(&mut self, step: ServerStep, transport: Reliability) -> Actions {
        match self {
            Self::NonInvite(state) => {
                let event = match step {
                    ServerStep::Request => Some(server::Event::Request),
                    ServerStep::Ack => None,
                    ServerStep::Respond(status) => server::Event::from_status(status),
                    ServerStep::Timer(timer) => Some(server::Event::Timer(timer)),
                };
                let next = event.map(|event| server::step(*state, event, transport));
                settle(state, next)
            }
            Self::Invite(state) => {
                let event = match step {
                    ServerStep::Request => Some(server_invite::Event::Request),
                    ServerStep::Ack => Some(server_invite::Event::Ack),
                    ServerStep::Respond(status) => server_invite::Event::from_status(status),
                    ServerStep::Timer(timer) => Some(server_invite::Event::Timer(timer)),
                };
                let next = event.map(|event| server_invite::step(*state, event, transport));
                settle(state, next)
            }
        }
    }
}

impl ClientMachine {
    /// A new one, and what is to be done first.
    pub(super) fn start(kind: Kind, transport: Reliability) -> (Self, Actions) {
        match kind {
            Kind::NonInvite => {
                let (state, actions) = client::start(transport);
                (Self::NonInvite(state), actions)
            }
            Kind::Invite => {
                let (state, actions) = client_invite::start(transport);
                (Self::Invite(state), actions)
            }
        }
    }

    /// Moves on; what is to be done.
    pub(super) fn step(&mut self, step: ClientStep, transport: Reliability) -> Actions {
        match self {
            Self::NonInvite(state) => {
                let event = match step {
                    ClientStep::Response(status) => client::Event::from_status(status),
                    ClientStep::Timer(timer) => Some(client::Event::Timer(timer)),
                    ClientStep::Cancel => None,
                    ClientStep::TransportError => Some(client::Event::TransportError),
                };
                let next = event.map(|event| client::step(*state, event));
                settle(state, next)
            }
            Self::Invite(state) => {
                let event = match step {
                    ClientStep::Response(status) => client_invite::Event::from_status(status),
                    ClientStep::Timer(timer) => Some(client_invite::Event::Timer(timer)),
                    ClientStep::Cancel => Some(client_invite::Event::Cancel),
                    ClientStep::TransportError => Some(client_invite::Event::TransportError),
                };
                let next = event.map(|event| client_invite::step(*state, event, transport));
                settle(state, next)
            }
        }
    }

    /// Whether it may be cancelled: somebody has it and has not answered (RFC 3261 §9.1).
    pub(super) const fn may_be_cancelled(self) -> bool {
        matches!(
            self,
            Self::Invite(client_invite::State::Proceeding | client_invite::State::Cancelled)
        )
    }

    /// Whether it stays although its request need neither be sent nor acknowledged any more.
    pub(super) const fn is_answered(self) -> bool {
        matches!(self, Self::Invite(client_invite::State::Accepted))
    }
}

fn settle<S>(state: &mut S, next: Option<(S, Actions)>) -> Actions {
    let Some((next, actions)) = next else {
        return Actions::new();
    };
    *state = next;
    actions
}
