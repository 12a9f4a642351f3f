//! `CallMix`: whether and how there are calls in a seed's world. It is drawn from a stream of its
//! own, so that the rest of a world is what it would be without calls.

use core::time::Duration;

use engine::policy::{CallPolicy, ForkOrder, Outbound, Qualify, Redirects};

use super::exchange::{Habits, Order, Proof};
use crate::rng::Rng;

/// Tells the stream of a mix from all others of its seed.
const STREAM: u64 = 0x00ca_1100;

/// How there are calls in a world.
#[derive(Clone, Debug)]
pub struct CallMix {
    /// What midreg is told about calls.
    pub policy: CallPolicy,
    /// How the main registrars go about them.
    pub habits: Habits,
    /// How often somebody calls, in percent of the steps of a story.
    pub liveliness: u64,
    /// Whether there is somebody who means harm.
    pub company: Company,
}

/// Whether there is somebody who means harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Only those who belong here.
    Good,
    /// Somebody who addresses tokens and AoRs, cancels what was never there, and forges.
    Hostile,
}

impl CallMix {
    /// The calls of this seed; none in about half of them.
    #[must_use]
    pub fn draw(seed: u64) -> Option<Self> {
        let rng = &mut Rng::new(seed ^ STREAM);
        if rng.chance(50) {
            return None;
        }
        let policy = CallPolicy {
            fork: [ForkOrder::Parallel, ForkOrder::ByQ, ForkOrder::Serial][rng.index(3)],
            ring_time: Duration::from_secs([5, 30][rng.index(2)]),
            redirects: [Redirects::Pass, Redirects::Follow][usize::from(rng.chance(30))],
            qualify: [Qualify::Edge, Qualify::Pass][usize::from(rng.chance(30))],
            outbound: match rng.below(10) {
                0 => Outbound::None,
                1 | 2 => Outbound::Any,
                _ => Outbound::Registered,
            },
        };
        Some(Self {
            policy,
            habits: Habits {
                proof: [Proof::NotAsked, Proof::Asked][rng.index(2)],
                order: [Order::Parallel, Order::Serial][usize::from(rng.chance(25))],
            },
            liveliness: [15, 40, 80][rng.index(3)],
            company: [Company::Good, Company::Hostile][rng.index(2)],
        })
    }

    /// What is special about it, for statistics.
    #[must_use]
    pub fn features(&self) -> Vec<String> {
        vec![
            "calls".to_owned(),
            format!("calls fork {:?}", self.policy.fork),
            format!("calls redirects {:?}", self.policy.redirects),
            format!("calls qualify {:?}", self.policy.qualify),
            format!("calls outbound {:?}", self.policy.outbound),
            format!("calls proof {:?}", self.habits.proof),
            format!("calls order {:?}", self.habits.order),
            format!("calls company {:?}", self.company),
        ]
    }
}
