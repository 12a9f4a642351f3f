//! The `echo` command: the floor by itself.

use std::time::Duration;

use crate::children::Server;
use crate::cli::EchoArgs;
use crate::echo::{Echo, SIZES};
use crate::failure::Failure;
use crate::load::{Driver, Pacing, Plan, Selection, open_sources};
use crate::measured::Measured;

/// Starts the echo process, drives it, and prints its cost.
pub fn run(args: &EchoArgs) -> Result<(), Failure> {
    let mut floor = Floor::start(args.request_bytes, args.response_bytes, args.sockets)?;
    let window = args.window.max(1);
    let time = Duration::from_secs(args.r#for);
    // A first short round fills caches and lets the clock of the CPU settle.
    floor.round(window, args.requests.min(20_000), time)?;
    let measured = floor.round(window, args.requests, time)?;
    if args.json {
        crate::print_line(&measured.json());
    } else {
        crate::print_line(&format!(
            "echo of {} bytes by {} bytes\n{}",
            args.request_bytes,
            args.response_bytes,
            measured.text().trim_end()
        ));
    }
    Ok(())
}

/// A running echo process and its driver.
pub struct Floor {
    server: Server,
    driver: Driver<Echo>,
}

/// Driven "devices" of an echo: more than any window.
const SENDERS: u32 = 100_000;

impl Floor {
    /// Starts the process; sizes in bytes.
    pub fn start(
        request_bytes: usize,
        response_bytes: usize,
        sockets: u16,
    ) -> Result<Self, Failure> {
        for size in [request_bytes, response_bytes] {
            if !SIZES.contains(&size) {
                return Err(Failure::new(format!(
                    "a size of {size} bytes is outside {SIZES:?}"
                )));
            }
        }
        let server = Server::own(&[
            "echo-server",
            "--response-bytes",
            &response_bytes.to_string(),
        ])?;
        let sources = open_sources(server.address(), sockets.into())?;
        Ok(Self {
            driver: Driver::new(sources, SENDERS, Echo::new(request_bytes))?,
            server,
        })
    }

    /// One measured round in a closed loop.
    pub fn round(
        &mut self,
        window: usize,
        requests: u64,
        time: Duration,
    ) -> Result<Measured, Failure> {
        let plan = Plan {
            name: "echo",
            pacing: Pacing::Closed { window },
            selection: Selection::Everyone,
            requests,
            time,
        };
        Measured::of(Some(self.server.process()), || self.driver.run(&plan))
    }
}
