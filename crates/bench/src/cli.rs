//! The command line. Every command is bounded in count and time, and keeps to loopback unless told otherwise.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand};

use crate::socket::Reach;
use crate::template::ExpiresIn;

/// Load and measuring for midreg and other SIP registrars.
#[derive(Parser, Debug)]
#[command(name = "midreg-bench", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Measure the bare floor: CPU per datagram of a process that only echoes
    Echo(EchoArgs),
    /// Be a main registrar that grants everything and keeps nothing
    Registrar(RegistrarArgs),
    /// Register many phones and refresh them, as fast as answered or at a fixed rate
    Register(RegisterArgs),
    /// Measure a midreg against the bare floor, in alternating rounds of one run
    Compare(CompareArgs),
    /// Measure what a call costs a midreg, beside a Kamailio and the bare floor, in alternating rounds
    Calls(CallsArgs),
    /// Measure what a midreg's bindings take in memory, at once and when the storm is over
    Memory(MemoryArgs),
    /// The measured process of `echo`
    #[command(hide = true)]
    EchoServer(EchoServerArgs),
}

/// Options of `echo`.
#[derive(Args, Debug)]
pub struct EchoArgs {
    /// Size of a request in bytes
    #[arg(long, default_value_t = 650)]
    pub request_bytes: usize,
    /// Size of an answer in bytes
    #[arg(long, default_value_t = 450)]
    pub response_bytes: usize,
    /// Source ports
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub sockets: u16,
    /// Requests outstanding at once
    #[arg(long, default_value_t = 256)]
    pub window: usize,
    /// Requests in all
    #[arg(long, default_value_t = 1_000_000)]
    pub requests: u64,
    /// Seconds at most
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 60)]
    pub r#for: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `echo-server`.
#[derive(Args, Debug)]
pub struct EchoServerArgs {
    /// Size of an answer in bytes
    #[arg(long)]
    pub response_bytes: usize,
}

/// How far addresses may lie.
#[derive(Args, Debug)]
pub struct ReachArgs {
    /// Allow addresses outside this machine. Only for machines that are yours
    #[arg(long)]
    pub allow_remote: bool,
}

impl ReachArgs {
    /// What the options allow.
    pub fn allowed(&self) -> Reach {
        if self.allow_remote {
            Reach::Anywhere
        } else {
            Reach::Loopback
        }
    }
}

/// Options of `registrar`.
#[derive(Args, Debug)]
pub struct RegistrarArgs {
    /// UDP address to answer on; port 0 chooses one, which is printed
    #[arg(long, default_value = "127.0.0.1:5070")]
    pub listen: SocketAddr,
    /// Most seconds granted
    #[arg(long, value_name = "SECONDS", default_value_t = 7200)]
    pub max_expires: u32,
    /// Challenge a REGISTER without Authorization; any credentials satisfy
    #[arg(long)]
    pub challenge: bool,
    /// Milliseconds before each answer
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    pub delay: u64,
    /// Print the counters every so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub stats_every: Option<u64>,
    /// Seconds at most
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 86_400)]
    pub r#for: u64,
    /// How far addresses may lie.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// The simulated phones, common to `register`, `compare` and `memory`.
#[derive(Args, Debug, Clone)]
pub struct FleetArgs {
    /// Devices of each AoR
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub devices_per_aor: u32,
    /// Source ports; each device always uses the same one
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub sockets: u16,
    /// Domain of the AoRs
    #[arg(long, default_value = "example.com", value_parser = domain)]
    pub domain: String,
    /// Size of the Contact value in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 200)]
    pub contact_bytes: usize,
    /// Where the lifetime asked for is stated
    #[arg(long, value_enum, default_value = "header")]
    pub expires_in: ExpiresIn,
    /// Password of every phone, to answer challenges with (Digest MD5; the user name is that of the AoR). In
    /// a comparison the main registrar then challenges every REGISTER
    #[arg(long)]
    pub password: Option<String>,
    /// Requests outstanding at once while preloading
    #[arg(long, value_name = "COUNT", default_value_t = 256)]
    pub preload_window: usize,
    /// First registrations per second, whatever the target does (instead of the window)
    #[arg(long, value_name = "RATE", conflicts_with = "preload_window")]
    pub preload_rate: Option<f64>,
    /// Seconds at most for preloading
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub preload_for: u64,
}

/// Options of `register`.
#[derive(Args, Debug)]
pub struct RegisterArgs {
    /// UDP address to register at
    #[arg(long, default_value = "127.0.0.1:5060")]
    pub target: SocketAddr,
    /// Addresses of record
    #[arg(long, default_value_t = 200_000, value_parser = aors())]
    pub aors: u32,
    /// The simulated phones.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Lifetime asked for, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub expires: u32,
    /// Refreshes outstanding at once (closed loop)
    #[arg(long, default_value_t = 256)]
    pub window: usize,
    /// Refreshes per second, whatever the target does (instead of the closed loop)
    #[arg(long, conflicts_with = "window")]
    pub rate: Option<f64>,
    /// Refreshes at most; 0 stops after the preload
    #[arg(long, default_value_t = 1_000_000)]
    pub requests: u64,
    /// Seconds at most for refreshing
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 60)]
    pub r#for: u64,
    /// Process to measure, on this machine
    #[arg(long)]
    pub pid: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// How far addresses may lie.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// The midreg that is started to be measured, common to `compare` and `memory`.
#[derive(Args, Debug, Clone)]
pub struct SubjectArgs {
    /// The midreg binary
    #[arg(long, value_name = "PATH")]
    pub midreg: PathBuf,
    /// Another setting for it, besides registration.min_expires=1; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// Mode it runs in
    #[arg(long, default_value = "contact")]
    pub mode: String,
}

/// Options of `compare`.
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// What is measured.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Addresses of record; several numbers, separated by commas, start a midreg for each and tell how the
    /// cost grows from the first to the last
    #[arg(long, value_delimiter = ',', default_value = "200000", value_parser = aors())]
    pub aors: Vec<u32>,
    /// The simulated phones.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Lifetime asked for, in seconds; long enough that no lease ends during the run
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub expires: u32,
    /// Requests outstanding at once
    #[arg(long, default_value_t = 256)]
    pub window: usize,
    /// Rounds of each kind
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Requests per round
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: u64,
    /// Seconds at most per round
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 60)]
    pub r#for: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `calls`.
#[derive(Args, Debug)]
pub struct CallsArgs {
    /// The midreg binary
    #[arg(long, value_name = "PATH")]
    pub midreg: PathBuf,
    /// Another setting for it, besides registration.min_expires=1; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// A Kamailio binary to compare with: registrar and stateful relay, one worker
    #[arg(long, value_name = "PATH")]
    pub kamailio: Option<PathBuf>,
    /// Devices of each user; several numbers, separated by commas, are measured in the same rounds. One device
    /// is called in mode contact, more in mode aor
    #[arg(long, value_delimiter = ',', default_value = "1,2", value_parser = clap::value_parser!(u16).range(1..=4))]
    pub devices: Vec<u16>,
    /// Users
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub users: u32,
    /// Source ports of the devices
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(4..=256))]
    pub sockets: u16,
    /// Calls under way at once (closed loop)
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub window: u16,
    /// Calls per second, whatever the target does (instead of the closed loop)
    #[arg(long, conflicts_with = "window")]
    pub rate: Option<f64>,
    /// Rounds of each kind
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Calls per round. An answered call keeps its place in a proxy for 32 s: many rounds of many fill it up
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub calls: u64,
    /// Seconds at most per round
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 60)]
    pub r#for: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `memory`.
#[derive(Args, Debug)]
pub struct MemoryArgs {
    /// What is measured.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Devices registered in all
    #[arg(long, default_value_t = 1_000_000, value_parser = aors())]
    pub bindings: u32,
    /// The simulated phones.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Lifetime asked for, in seconds; long enough that no lease ends during the run
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub expires: u32,
    /// Seconds to wait for what the preload leaves behind: transactions live up to 32 (RFC 3261 §17)
    #[arg(long, value_name = "SECONDS", default_value_t = 35, value_parser = clap::value_parser!(u64).range(..=600))]
    pub settle: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A number of AoRs, or of devices, that a run can hold.
fn aors() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=10_000_000)
}

/// A host as it may stand in a SIP URI; anything else would break the messages it is put into.
fn domain(text: &str) -> Result<String, String> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    if !text.is_empty() && text.bytes().all(legal) {
        Ok(text.to_owned())
    } else {
        Err("not a host name or address".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_comparison_takes_several_sizes() {
        let parse = |aors| {
            let line = ["midreg-bench", "compare", "--midreg", "m", "--aors", aors];
            match Cli::try_parse_from(line).map(|cli| cli.command) {
                Ok(Command::Compare(args)) => args.aors,
                _ => Vec::new(),
            }
        };
        assert_eq!(parse("10000,1000000"), [10_000, 1_000_000]);
        assert_eq!(parse("7"), [7]);
        assert_eq!(parse("7,0"), []);
    }

    #[test]
    fn closed_loop_and_fixed_rate_exclude_each_other() {
        let parse =
            |extra: &[&str]| Cli::try_parse_from([&["midreg-bench", "register"], extra].concat());
        assert!(parse(&["--rate", "8333"]).is_ok());
        assert!(parse(&["--window", "64"]).is_ok());
        assert!(parse(&["--rate", "8333", "--window", "64"]).is_err());
        assert!(parse(&["--sockets", "0"]).is_err());
        assert!(parse(&["--domain", "[2001:db8::1]"]).is_ok());
        assert!(parse(&["--domain", "a b"]).is_err());
    }
}
