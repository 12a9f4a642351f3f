//! The command line. Each subcommand has a file; here is what they share.

mod calls;
mod check;
mod completions;
mod contacts;
mod demo;
mod explain;
mod kick;
mod ladder;
mod log;
mod man;
mod pcap;
mod reload;
mod remote;
mod resync;
mod run;
mod schema;
mod status;
mod table;
mod top;
mod trace;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Faults, Loaded, Look, Override, Typed};

/// Exit code when something fails while running, or what was asked for is not there.
const FAILED: u8 = 1;

/// Exit code for a bad configuration; the parser of arguments uses the same.
const BAD_CONFIG: u8 = 2;

/// Exit code when no midreg runs that could be asked.
const NOBODY: u8 = 3;

const EXIT_CODES: &str = "Exit codes: 0 all went well, 1 something failed or is not there, 2 bad \
                          configuration or command line, 3 no midreg runs that could be asked.";

/// A SIP mid-registrar: absorbs registration refreshes before a PBX or registrar.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve.
    Run(Sources),
    /// Check a configuration and tell everything that is wrong with it.
    Check(check::Options),
    /// Print what can be configured: a JSON schema for editors, a manual, or a file to begin with.
    Schema(schema::Options),
    /// Show it at work: a main registrar, midreg and a crowd of phones on loopback.
    Demo(demo::Options),
    /// Tell how a midreg that runs does.
    Status(status::Options),
    /// List who is registered.
    Contacts(contacts::Options),
    /// Explain a user: devices, leases, why requests were absorbed, forwarded or refused; calls.
    Explain(explain::Options),
    /// End registrations, here and at the main registrar.
    Kick(kick::Options),
    /// Tell the last calls.
    Calls(calls::Options),
    /// Have every device asked for anew at the main registrar.
    Resync(resync::Options),
    /// Have a midreg that runs read its configuration again.
    Reload(reload::Options),
    /// Tell how much a midreg that runs writes to its log, or change that.
    Log(log::Options),
    /// Show what a midreg that runs is doing, again and again.
    Top(top::Options),
    /// Show the messages from and to a user, live.
    Trace(trace::Options),
    /// Print completions for a shell.
    Completions(completions::Options),
    /// Print manual pages.
    Man(man::Options),
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
struct Sources {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Short for `--set mode=M`: contact, aor, mirror or standalone.
    #[arg(long, value_name = "M")]
    mode: Option<String>,
    /// An address to listen on, such as udp://0.0.0.0:5060; replaces those of the file.
    #[arg(long, value_name = "URL")]
    listen: Vec<String>,
    /// A main registrar, such as sip:10.0.0.5:5060; replaces those of the file. Without any, midreg
    /// is the registrar itself.
    #[arg(long, value_name = "URI")]
    upstream: Vec<String>,
    /// Set any key of the file, such as registration.min_expires=30.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Short for `--set workers=N`.
    #[arg(long, value_name = "N")]
    workers: Option<String>,
}

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Check(options) => check::check(&options),
        Command::Schema(options) => schema::schema(&options),
        Command::Demo(options) => demo::demo(&options),
        Command::Status(options) => remote::end(status::status(&options)),
        Command::Contacts(options) => remote::end(contacts::contacts(&options)),
        Command::Explain(options) => remote::end(explain::explain(&options)),
        Command::Kick(options) => remote::end(kick::kick(&options)),
        Command::Calls(options) => remote::end(calls::calls(&options)),
        Command::Resync(options) => remote::end(resync::resync(&options)),
        Command::Reload(options) => remote::end(reload::reload(&options)),
        Command::Log(options) => remote::end(log::log(&options)),
        Command::Top(options) => remote::end(top::top(&options)),
        Command::Trace(options) => remote::end(trace::trace(&options)),
        Command::Completions(options) => remote::end(completions::completions(&options)),
        Command::Man(options) => remote::end(man::man(&options)),
    }
}

impl Sources {
    /// The configuration as it was typed; `--set` goes over everything else.
    fn typed(&self) -> Typed {
        let mut overrides = Vec::new();
        overrides.extend(self.mode.clone().map(Override::Mode));
        overrides.extend(self.workers.clone().map(Override::Workers));
        if !self.listen.is_empty() {
            overrides.push(Override::Listen(self.listen.clone()));
        }
        if !self.upstream.is_empty() {
            overrides.push(Override::Upstream(self.upstream.clone()));
        }
        overrides.extend(self.set.iter().cloned().map(Override::Set));
        Typed {
            file: self.config.clone(),
            overrides,
        }
    }

    /// The configuration, or all that is wrong with it.
    fn load(&self) -> Result<Loaded, Faults> {
        config::load(&self.typed())
    }
}

/// The look that suits standard error: colours on a terminal, unless `NO_COLOR` says otherwise.
fn look() -> Look {
    let told = |name| std::env::var_os(name).unwrap_or_default();
    let unwanted = !told("NO_COLOR").is_empty() || told("TERM") == "dumb";
    match io::stderr().is_terminal() && !unwanted {
        true => Look::Terminal,
        false => Look::Plain,
    }
}

/// Tells faults on standard error, and how many there are.
fn tell(faults: &Faults) {
    eprint!("{}", faults.render(look()));
    let count = faults.count();
    if !count.is_empty() {
        eprintln!("{count}");
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn run_options(arguments: &[&str]) -> Sources {
        let all = ["midreg", "run"].iter().chain(arguments);
        match Cli::try_parse_from(all).expect("understood").command {
            Command::Run(options) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn set_goes_over_the_short_forms_whatever_their_order() {
        let options = run_options(&[
            "--set",
            "mode=mirror",
            "--set",
            "listen.1.bind=udp://127.0.0.1:5072",
            "--mode",
            "contact",
            "--listen",
            "udp://127.0.0.1:5070",
            "--upstream",
            "sip:127.0.0.1:5080",
            "--workers",
            "2",
        ]);
        let config = options.load().expect("good").config;
        assert_eq!(config.domain.mode, engine::policy::Mode::Mirror);
        assert_eq!(
            (config.listen.len(), config.workers, config.servers.len()),
            (2, 2, 1)
        );
    }

    #[test]
    fn a_short_form_is_checked_like_the_key_it_stands_for() {
        let faults = run_options(&["--mode", "star", "--workers", "many"])
            .load()
            .expect_err("bad");
        let lines: Vec<String> = faults.iter().map(config::Fault::line).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("--mode:1:1: error: bad value for `mode` [star]"),
            "{lines:?}"
        );
        assert!(
            lines[1].starts_with("--workers:1:1: error: bad value for `workers`"),
            "{lines:?}"
        );
    }
}
