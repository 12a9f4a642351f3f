//! `Fleet`: the phones of a run and the driver that moves them; preloading them all.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::cli::FleetArgs;
use crate::failure::Failure;
use crate::json::Json;
use crate::load::{Driver, Pacing, Plan, Selection, Tally, open_sources};
use crate::measured::Measured;
use crate::phones::Phones;
use crate::process::Process;
use crate::template::Style;

/// Longest wait between two passes, in seconds, whatever Retry-After says.
const LONGEST_PAUSE: u32 = 30;

/// All phones of a run, toward one target.
pub struct Fleet {
    driver: Driver<Phones>,
    devices: u32,
}

/// What preloading came to.
pub struct Preload {
    /// The passes: the first over all devices, each further one over those refused before.
    pub passes: Vec<Measured>,
    /// Devices that are registered now.
    pub registered: u64,
}

impl Preload {
    /// All of it for programs.
    pub fn json(&self) -> Json {
        Json::List(self.passes.iter().map(Measured::json).collect())
    }

    /// A paragraph for people.
    pub fn text(&self) -> String {
        let passes: String = self.passes.iter().map(Measured::text).collect();
        format!("preload\n{passes}registered {} devices\n", self.registered)
    }
}

impl Fleet {
    /// The phones of `aors` AoRs that ask for `expires` seconds, none of them registered yet.
    pub fn new(
        target: SocketAddr,
        args: &FleetArgs,
        aors: u32,
        expires: u32,
    ) -> Result<Self, Failure> {
        Self::over(
            open_sources(target, args.sockets.into())?,
            args,
            aors,
            expires,
        )
    }

    /// The same over sockets that are there, connected to the target.
    pub fn over(
        sockets: Vec<UdpSocket>,
        args: &FleetArgs,
        aors: u32,
        expires: u32,
    ) -> Result<Self, Failure> {
        let sources = sockets
            .iter()
            .map(|socket| socket.local_addr())
            .collect::<Result<_, _>>()?;
        let style = Style {
            domain: args.domain.clone(),
            expires,
            expires_in: args.expires_in,
            contact_bytes: args.contact_bytes,
            run: run_number(),
        };
        let phones = Phones::new(&style, sources, args.devices_per_aor, args.password.clone());
        let devices = aors.saturating_mul(args.devices_per_aor);
        Ok(Self {
            driver: Driver::new(sockets, devices, phones)?,
            devices,
        })
    }

    /// Registers every device once; those refused are tried again after the Retry-After they were given, as
    /// long as that helps. Measures `target` meanwhile. Fails when none could be registered.
    pub fn preload(
        &mut self,
        args: &FleetArgs,
        target: Option<Process>,
    ) -> Result<Preload, Failure> {
        let end = Instant::now() + Duration::from_secs(args.preload_for);
        let pacing = match args.preload_rate {
            Some(per_second) => Pacing::Rate { per_second },
            None => Pacing::Closed {
                window: args.preload_window.max(1),
            },
        };
        let mut passes = Vec::new();
        loop {
            let plan = Plan {
                name: "preload",
                pacing,
                selection: Selection::Unregistered,
                requests: u64::MAX,
                time: end.saturating_duration_since(Instant::now()),
            };
            let pass = Measured::of(target, || self.driver.run(&plan))?;
            let helped = pass.tally.succeeded() > 0;
            let pause = Duration::from_secs(pass.tally.retry_after.min(LONGEST_PAUSE).into());
            passes.push(pass);
            if self.driver.unregistered() == 0 || !helped || Instant::now() + pause >= end {
                break;
            }
            thread::sleep(pause);
        }
        let registered = u64::from(self.devices) - self.driver.unregistered();
        if registered == 0 {
            let last = passes
                .last()
                .map(|pass| pass.tally.text())
                .unwrap_or_default();
            return Err(Failure::new(format!(
                "not one device could be registered: {last}"
            )));
        }
        Ok(Preload { passes, registered })
    }

    /// Refreshes all devices in turn.
    pub fn refresh(
        &mut self,
        pacing: Pacing,
        requests: u64,
        time: Duration,
    ) -> Result<Tally, Failure> {
        self.driver.run(&Plan {
            name: "refresh",
            pacing,
            selection: Selection::Everyone,
            requests,
            time,
        })
    }
}

/// Differs from run to run, so that a target that still knows the last run's Call-IDs sees phones rebooted.
pub fn run_number() -> u32 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    (now.as_millis() as u32).rotate_left(16) ^ std::process::id()
}
