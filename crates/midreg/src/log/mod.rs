//! Logs: events and the shell's own lines, as structured `tracing` on standard error.
//!
//! What happens once per phone is told at `debug`; what happens to the platform at `info` and above.
//! Every line belongs to a [`Part`], and each part has a level of its own, which may be changed at any
//! time ([`Dial`]). Whoever tells of users and of addresses of devices does so by way of a
//! [`Redactor`]. Nothing here ever sees a password, a hash of one, or what answers a challenge: events
//! do not carry them.

mod dial;
mod form;
mod part;
mod redactor;
mod teller;
mod writer;

use std::io::{self, IsTerminal};

use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::config::LogConfig;
use form::Form;

pub use dial::{Dial, DialError};
pub use part::Part;
pub use redactor::Redactor;
pub use teller::Teller;
pub use writer::Guard;

/// Makes the process log as configured, from now on and for good. The dial changes how; when the
/// guard is dropped, what waits is written.
///
/// # Errors
///
/// Logging was set up before, or no thread can be started.
pub fn start(config: &LogConfig) -> io::Result<(Guard, Dial)> {
    let dial = Dial::new(config);
    let (guard, writer) = writer::start(dial.clone())?;
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Form::new(dial.clone()))
        .with_ansi(io::stderr().is_terminal())
        .with_writer(writer)
        .with_filter(dial.clone());
    let subscriber = tracing_subscriber::registry().with(lines);
    tracing::subscriber::set_global_default(subscriber).map_err(io::Error::other)?;
    Ok((guard, dial))
}

#[cfg(test)]
mod tests;
