//! The rig: one file per actor, and what they share.
//!
//! Invariants: every program listens on a loopback port that the system said was free, keeps its files in a temporary
//! directory of its own, and dies with the value that owns it, also when a test panics. Waiting is always for something
//! observable (a line of output, an answer on the wire, the end of a program) and always bounded.

mod baresip;
mod call_scenario;
mod call_script;
mod dialog;
mod kamailio;
mod message;
mod midreg;
mod operator;
mod phone;
mod port;
mod process;
mod program;
mod reply;
mod script;
mod service;
mod sipp;
mod site;
mod usrloc;
mod wire;

pub(crate) use baresip::{Answer, Baresip};
pub(crate) use call_script::CallScript;
pub(crate) use dialog::Dialog;
pub(crate) use kamailio::{Kamailio, Pings, RegisterSeen, Settings, Verdict, WrongPassword};
pub(crate) use message::{Message, Trace};
pub(crate) use midreg::{Midreg, Mode};
pub(crate) use operator::{Operator, Told};
pub(crate) use phone::Phone;
pub(crate) use port::Port;
pub(crate) use reply::Reply;
pub(crate) use script::Script;
pub(crate) use service::{Outcome, Service};
pub(crate) use site::{Between, Site, aor, behind_midreg, everywhere, outsider, tests_of};
pub(crate) use usrloc::Contact;

use std::time::Duration;

/// The domain of every user. It has no address: phones reach it through the server they are pointed at.
pub(crate) const DOMAIN: &str = "example.test";

/// How long a program may take for what it does at once on an idle machine: start, answer, write a line.
pub(crate) const PROMPT: Duration = Duration::from_secs(15);
