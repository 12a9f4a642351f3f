//! `midreg-bench`: load and measuring for midreg and other SIP registrars, for sizing by operators and for the
//! project's own bars. CPU time per request is the measure, always beside that of a bare echo in the same run;
//! wall-clock rates on a machine shared with the generator say little.
//!
//! Nothing here is linked into midreg, and nothing here decides anything about SIP: messages are templates, and
//! the few fields of an answer that matter are searched for, independent of the parser under test.

pub mod calls;
pub mod children;
pub mod cli;
pub mod compare;
pub mod comparison;
pub mod digest;
pub mod echo;
pub mod echo_command;
pub mod failure;
pub mod fields;
pub mod fleet;
pub mod histogram;
pub mod json;
pub mod load;
pub mod measured;
pub mod memory;
pub mod memory_command;
pub mod phones;
pub mod process;
pub mod register;
pub mod registrar;
pub mod registrar_server;
pub mod socket;
pub mod subject;
pub mod syscalls;
pub mod template;

use std::fmt::Display;
use std::io::Write as _;

use cli::{Cli, Command};
use failure::Failure;

/// Does what the command line says.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Echo(args) => echo_command::run(args),
        Command::Registrar(args) => registrar_server::run(args),
        Command::Register(args) => register::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Calls(args) => calls::run(args),
        Command::Memory(args) => memory_command::run(args),
        Command::EchoServer(args) => echo::serve(args.response_bytes),
    }
}

/// Prints one result. A reader that has gone away is no reason to fail: its process asked only for the first lines.
fn print_line(line: &dyn Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
