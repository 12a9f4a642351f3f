//! `CallPolicy`: how calls and messages find their way, for one domain.

use core::time::Duration;

/// How calls and messages find their way, for one domain.
#[derive(Clone, Debug)]
pub struct CallPolicy {
    /// In which order the devices of a user are tried.
    pub fork: ForkOrder,
    /// How long one device, or those of one `q`, may ring before the next are tried.
    pub ring_time: Duration,
    /// What becomes of a device's 3xx.
    pub redirects: Redirects,
    /// Who answers the main registrar's OPTIONS to a device (R17).
    pub qualify: Qualify,
    /// Which devices of the domain may send requests to the main registrar, or to one another where
    /// there is none.
    pub outbound: Outbound,
}

/// In which order the devices of a user are tried (RFC 3261 §16.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkOrder {
    /// All at once.
    Parallel,
    /// One after the other, the highest `q` first and of those the one that refreshed last.
    Serial,
    /// Those of one `q` at once, the highest first.
    ByQ,
}

/// What becomes of a device's 3xx (RFC 3261 §16.7 step 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// The caller hears it.
    Pass,
    /// The main registrar is asked for the addresses it names, where there is one: it knows who may
    /// call whom.
    Follow,
}

/// Who answers the main registrar's OPTIONS to a device (R17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qualify {
    /// We do, by what we know of it.
    Edge,
    /// The device does.
    Pass,
}

/// Which devices may send requests through us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outbound {
    /// Those that are registered, from the flow that was proved.
    Registered,
    /// All of them.
    Any,
    /// None.
    None,
}

impl Default for CallPolicy {
    fn default() -> Self {
        Self {
            fork: ForkOrder::ByQ,
            ring_time: Duration::from_secs(30),
            redirects: Redirects::Pass,
            qualify: Qualify::Edge,
            outbound: Outbound::Registered,
        }
    }
}
