//! The `calls` command: what a whole call costs a midreg, beside a Kamailio that relays the same calls, and beside a
//! bare echo of as many datagrams of the same sizes. Rounds alternate, so that whatever else the machine does
//! hits all alike.
//!
//! A call is INVITE, 100, 180, 200, ACK, BYE and 200; with more devices than one, all ring, one answers, and each of
//! the others is cancelled: CANCEL, 200, 487, ACK. The caller stands where the main registrar stands, so the requests
//! come from it, with the Request-URI that midreg gave it for the user (R7).

pub mod call;
pub mod cast;
pub mod exchange;
pub mod heads;
pub mod lines;
pub mod outcome;
pub mod relay;
pub mod script;

use std::time::Duration;

use crate::children::free_port;
use crate::cli::{CallsArgs, FleetArgs};
use crate::echo_command::Floor;
use crate::failure::Failure;
use crate::load::Pacing;
use crate::measured::Measured;
use crate::subject::Midreg;
use crate::template::ExpiresIn;
use exchange::{Exchange, Passed, Round, Sockets};
use outcome::{Case, Costs, Outcome};
use relay::Relay;

/// Calls made to learn the sizes and to warm everything up.
const WARM_UP: u64 = 1_000;
/// Calls under way at once at a fixed rate, at most.
const PLACES: usize = 4096;
/// Datagrams of the floor under way at once: about as many as those of the calls.
const FLOOR_WINDOW: usize = 64;

/// Runs everything and prints it.
pub fn run(args: &CallsArgs) -> Result<(), Failure> {
    let round = Round {
        pacing: match args.rate {
            Some(per_second) => Pacing::Rate { per_second },
            None => Pacing::Closed {
                window: args.window.into(),
            },
        },
        calls: args.calls,
        time: Duration::from_secs(args.r#for),
    };
    let mut stages = Vec::new();
    for devices in &args.devices {
        stages.push(Stage::set(args, *devices, &round)?);
    }
    let mut cases: Vec<Case> = stages.iter().map(Stage::case).collect();
    for _ in 0..args.rounds {
        for (stage, case) in stages.iter_mut().zip(&mut cases) {
            case.rounds.push(stage.costs(&round)?);
        }
    }
    let outcome = Outcome { cases };
    if args.json {
        crate::print_line(&outcome.json());
    } else {
        crate::print_line(&outcome.text());
    }
    Ok(())
}

/// One kind of call, with all that it is measured on.
struct Stage {
    devices: u16,
    mode: &'static str,
    midreg: Played,
    kamailio: Option<Played>,
    floor: Floor,
    /// Datagrams of one call through midreg, and how many echoes are as many.
    passed: Passed,
    per_call: f64,
}

impl Stage {
    /// Starts everything, registers the devices and makes the first calls.
    fn set(args: &CallsArgs, devices: u16, round: &Round) -> Result<Self, Failure> {
        let mode = if devices == 1 { "contact" } else { "aor" };
        let warm = Round {
            calls: round.calls.min(WARM_UP),
            ..*round
        };
        let mut midreg = Played::midreg(args, devices, mode)?;
        let calls = midreg.warm_up(&warm)?;
        let passed = midreg.exchange.take_passed();
        let kamailio = match &args.kamailio {
            Some(program) => {
                let mut kamailio = Played::kamailio(args, devices, program)?;
                kamailio.warm_up(&warm)?;
                Some(kamailio)
            }
            None => None,
        };
        let mut floor = Floor::start(
            passed.into.mean_bytes(),
            passed.out.mean_bytes(),
            args.sockets,
        )?;
        floor.round(FLOOR_WINDOW, 1_000, round.time)?;
        Ok(Self {
            devices,
            mode,
            midreg,
            kamailio,
            floor,
            passed,
            per_call: (passed.into.count + passed.out.count) as f64 / 2.0 / calls.max(1) as f64,
        })
    }

    fn case(&self) -> Case {
        Case {
            devices: self.devices,
            mode: self.mode,
            passed: self.passed,
            echoes_per_call: self.per_call,
            rounds: Vec::new(),
        }
    }

    /// One round of each.
    fn costs(&mut self, round: &Round) -> Result<Costs, Failure> {
        let echoes = (round.calls as f64 * self.per_call) as u64;
        Ok(Costs {
            floor: self.floor.round(FLOOR_WINDOW, echoes, round.time)?,
            midreg: self.midreg.round(round)?,
            kamailio: match &mut self.kamailio {
                Some(kamailio) => Some(kamailio.round(round)?),
                None => None,
            },
        })
    }
}

/// A relay with its caller and devices.
struct Played {
    exchange: Exchange,
    relay: Relay,
}

impl Played {
    fn midreg(args: &CallsArgs, devices: u16, mode: &str) -> Result<Self, Failure> {
        let address = free_port()?;
        let sockets = Sockets::open(address, args.sockets.into())?;
        let midreg = Midreg {
            program: &args.midreg,
            settings: &args.settings,
            mode,
            upstream: sockets.caller()?,
        };
        let relay = Relay::midreg(&midreg, address)?;
        Self::open(args, devices, (relay, sockets))
    }

    fn kamailio(
        args: &CallsArgs,
        devices: u16,
        program: &std::path::Path,
    ) -> Result<Self, Failure> {
        let address = free_port()?;
        let relay = Relay::kamailio(program, address)?;
        let sockets = Sockets::open(address, args.sockets.into())?;
        Self::open(args, devices, (relay, sockets))
    }

    fn open(
        args: &CallsArgs,
        devices: u16,
        (relay, sockets): (Relay, Sockets),
    ) -> Result<Self, Failure> {
        let places = match args.rate {
            Some(_) => PLACES,
            None => args.window.into(),
        };
        let server = &relay.server;
        let (exchange, preload) = Exchange::open(
            sockets,
            (server.address(), server.process()),
            &fleet(args, devices),
            (args.users, places),
        )?;
        let wanted = u64::from(args.users) * u64::from(devices);
        if preload.registered < wanted {
            return Err(Failure::new(format!(
                "only {} of {wanted} devices could be registered",
                preload.registered
            )));
        }
        Ok(Self { exchange, relay })
    }

    /// The first calls; how many there were.
    fn warm_up(&mut self, round: &Round) -> Result<u64, Failure> {
        let tally = self.exchange.run(round)?;
        if tally.succeeded() == 0 {
            return Err(Failure::new(format!("no call succeeds: {}", tally.text())));
        }
        Ok(tally.sent)
    }

    fn round(&mut self, round: &Round) -> Result<Measured, Failure> {
        Measured::of(Some(self.relay.server.process()), || {
            self.exchange.run(round)
        })
    }
}

/// How the devices register.
fn fleet(args: &CallsArgs, devices: u16) -> FleetArgs {
    FleetArgs {
        devices_per_aor: devices.into(),
        sockets: args.sockets,
        domain: "example.com".to_owned(),
        contact_bytes: 0,
        expires_in: ExpiresIn::Header,
        password: None,
        preload_window: 64,
        preload_rate: None,
        preload_for: 120,
    }
}
