//! `Teller`: turns events into log lines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::event::{AorText, Novelty};
use engine::{CallRecord, Event, NodeId, Policy};
use tracing::{debug, error, info, warn};

use super::part::Part;
use super::redactor::Redactor;

/// Shortest time between two warnings that each phone could cause.
const WARN_EVERY: Duration = Duration::from_secs(1);

const MAIN: &str = Part::Main.name();
const REGISTER: &str = Part::Register.name();
const UPSTREAM: &str = Part::Upstream.name();
const CALL: &str = Part::Call.name();
const STORE: &str = Part::Store.name();

/// Turns events into log lines.
#[derive(Debug)]
pub struct Teller {
    policy: Arc<Policy>,
    redactor: Arc<Redactor>,
    unchallenged: Throttle,
    unlisted: Throttle,
    uncredited: Throttle,
}

impl Teller {
    /// A teller that names main registrars as this policy does, and devices as the redactor does.
    #[must_use]
    pub fn new(policy: Arc<Policy>, redactor: Arc<Redactor>) -> Self {
        Self {
            policy,
            redactor,
            unchallenged: Throttle::default(),
            unlisted: Throttle::default(),
            uncredited: Throttle::default(),
        }
    }

    /// Follows a change of policy.
    pub fn follow(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
    }

    /// Tells an event. All are listed, so that a new one is told in words and shows nobody by
    /// accident.
    pub fn tell(&mut self, event: &Event) {
        match event {
            Event::UnchallengedRegistration { .. }
            | Event::SiblingsUnlisted { .. }
            | Event::UpstreamWantsCredentials { .. } => self.warn(event),
            Event::UpstreamDown { .. }
            | Event::UpstreamUp { .. }
            | Event::UpstreamMinExpires { .. }
            | Event::EpochBegun { .. }
            | Event::LeaseLost { .. }
            | Event::LeaseReleased { .. } => self.tell_upstream(event),
            Event::PersistFailed { replies } => {
                error!(target: STORE, replies, "the store failed");
            }
            Event::InvariantBroken { site } => {
                error!(target: MAIN, site, "a state that cannot be was met");
            }
            Event::RequestRefused {
                method,
                source,
                status,
                reason,
            } => {
                let source = self.redactor.address(*source);
                let method = method.as_str();
                debug!(target: CALL, method, source, status, reason, "refused");
            }
            Event::CallBegan(call)
            | Event::CallRang(call)
            | Event::CallAnswered(call)
            | Event::CallEnded(call) => self.tell_call(event, call),
            Event::RegisterForwarded { .. }
            | Event::ChallengeRelayed { .. }
            | Event::BindingRegistered { .. }
            | Event::BindingRemoved { .. }
            | Event::RegisterRejected { .. }
            | Event::RegisterRefused { .. } => self.tell_registration(event),
        }
    }

    /// What any phone could cause, and so is told now and then only.
    fn warn(&mut self, event: &Event) {
        let now = Instant::now();
        match event {
            Event::UnchallengedRegistration { aor, source } => {
                if let Some(unsaid) = self.unchallenged.pass(now) {
                    let (aor, source) = (self.user(aor), self.redactor.address(*source));
                    warn!(target: UPSTREAM, aor, source, unsaid, "accepted upstream without a challenge");
                }
            }
            Event::SiblingsUnlisted { aor, node } => {
                if let Some(unsaid) = self.unlisted.pass(now) {
                    let (aor, upstream) = (self.user(aor), self.node(*node));
                    warn!(
                        target: UPSTREAM, aor, upstream, unsaid,
                        "the upstream lists one contact only: if it keeps no more, use mode \"aor\""
                    );
                }
            }
            Event::UpstreamWantsCredentials { source } => {
                if let Some(unsaid) = self.uncredited.pass(now) {
                    let source = self.redactor.address(*source);
                    warn!(
                        target: UPSTREAM, source, unsaid,
                        "the upstream wants credentials: upstream.credentials"
                    );
                }
            }
            _ => {}
        }
    }

    /// What happens to a main registrar and to what it holds.
    fn tell_upstream(&self, event: &Event) {
        match event {
            Event::UpstreamDown { node } => {
                warn!(target: UPSTREAM, upstream = self.node(*node), "upstream down");
            }
            Event::UpstreamUp { node, after } => {
                let upstream = self.node(*node);
                info!(target: UPSTREAM, upstream, after_s = after, "upstream up");
            }
            Event::UpstreamMinExpires { node, min_expires } => {
                let upstream = self.node(*node);
                info!(target: UPSTREAM, upstream, min_expires, "upstream wants longer lifetimes");
            }
            Event::EpochBegun { node, epoch, cause } => {
                let upstream = self.node(*node);
                info!(target: UPSTREAM, upstream, epoch, ?cause, "new epoch: leases are renewed");
            }
            Event::LeaseLost { aor, node, .. } => {
                let (aor, upstream) = (self.user(aor), self.node(*node));
                info!(target: UPSTREAM, aor, upstream, "the upstream has lost a registration");
            }
            Event::LeaseReleased { aor, outcome } => {
                debug!(target: UPSTREAM, aor = self.user(aor), ?outcome, "lease released");
            }
            _ => {}
        }
    }

    /// What happens to one call.
    fn tell_call(&self, event: &Event, call: &CallRecord) {
        let redactor = &self.redactor;
        let (caller, callee) = (redactor.user(&call.caller), redactor.user(&call.callee));
        match event {
            Event::CallBegan(_) => {
                let source = redactor.address(call.source);
                debug!(target: CALL, caller, callee, source, "call");
            }
            Event::CallRang(_) => {
                debug!(target: CALL, caller, callee, after_ms = call.rang_after, "rings");
            }
            Event::CallAnswered(_) => {
                debug!(target: CALL, caller, callee, after_ms = call.answered_after, "answered");
            }
            Event::CallEnded(_) => {
                let (after_ms, end) = (call.ended_after, call.end);
                debug!(target: CALL, caller, callee, after_ms, ?end, "call over");
            }
            _ => {}
        }
    }

    /// What happens to one registration.
    fn tell_registration(&self, event: &Event) {
        let address = |source: &std::net::SocketAddr| self.redactor.address(*source);
        match event {
            Event::RegisterForwarded {
                aor,
                reason,
                source,
                node,
            } => {
                let (aor, source, upstream) = (self.user(aor), address(source), self.node(*node));
                let reason = reason.as_str();
                debug!(target: REGISTER, aor, source, reason, upstream, "forwarded");
            }
            Event::ChallengeRelayed { aor, source } => {
                let (aor, source) = (self.user(aor), address(source));
                debug!(target: REGISTER, aor, source, "challenged");
            }
            Event::BindingRegistered {
                aor,
                source,
                granted,
                lease,
                novelty,
                ..
            } => {
                let known = *novelty == Novelty::Known;
                let (aor, source) = (self.user(aor), address(source));
                debug!(target: REGISTER, aor, source, granted, lease, known, "registered");
            }
            Event::BindingRemoved { aor, cause, .. } => {
                debug!(target: REGISTER, aor = self.user(aor), ?cause, "removed");
            }
            Event::RegisterRejected {
                aor,
                source,
                status,
            } => {
                let (aor, source) = (self.user(aor), address(source));
                info!(target: REGISTER, aor, source, status, "rejected upstream");
            }
            Event::RegisterRefused {
                source,
                status,
                reason,
            } => {
                debug!(target: REGISTER, source = address(source), status, reason, "refused");
            }
            _ => {}
        }
    }

    fn user(&self, aor: &AorText) -> String {
        self.redactor.user(aor)
    }

    fn node(&self, node: NodeId) -> &str {
        self.policy
            .upstream
            .server(node)
            .map_or("?", |server| &server.name)
    }
}

/// Lets one of many through per [`WARN_EVERY`].
#[derive(Debug, Default)]
struct Throttle {
    last: Option<Instant>,
    unsaid: u64,
}

impl Throttle {
    /// How many were held back since the last that passed; `None` holds this one back.
    fn pass(&mut self, now: Instant) -> Option<u64> {
        if self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < WARN_EVERY)
        {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_says_how_many_it_held_back() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        assert_eq!(throttle.pass(start), Some(0));
        assert_eq!(throttle.pass(start), None);
        assert_eq!(throttle.pass(start + WARN_EVERY / 2), None);
        assert_eq!(throttle.pass(start + WARN_EVERY), Some(2));
    }
}
