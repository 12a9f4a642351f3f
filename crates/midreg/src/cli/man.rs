//! `midreg man`: manual pages, made from the definition of the command line.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::Cli;
use super::remote::{Failure, Outcome, print};

/// Which page, or where to.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The command whose page is printed; that of midreg itself when left out.
    command: Option<String>,
    /// Write the pages of all commands into this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    all: Option<PathBuf>,
}

/// Prints a page, or writes all.
pub(super) fn man(options: &Options) -> Outcome {
    let pages = pages();
    if let Some(folder) = &options.all {
        for (name, page) in &pages {
            let path = folder.join(format!("{name}.1"));
            fs::write(path, page).map_err(|error| Failure::System("cannot write a page", error))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = match &options.command {
        Some(command) => format!("midreg-{command}"),
        None => "midreg".to_owned(),
    };
    let found = pages.iter().find(|(name, _)| *name == wanted);
    let Some((_, page)) = found else {
        eprintln!("error: there is no page {wanted}");
        return Ok(ExitCode::from(super::BAD_CONFIG));
    };
    print(page)?;
    Ok(ExitCode::SUCCESS)
}

/// The pages of all commands, by name. They have no date: a page is the same whenever it is made.
fn pages() -> Vec<(String, String)> {
    let mut midreg = Cli::command();
    midreg.build();
    let mut pages = vec![("midreg".to_owned(), page(midreg.clone()))];
    for command in midreg.get_subcommands() {
        let name = command.get_name();
        if name == "help" {
            continue;
        }
        pages.push((format!("midreg-{name}"), page(command.clone())));
    }
    pages
}

fn page(command: Command) -> String {
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _ = Man::new(command).manual("midreg").render(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_each_says_what_it_does() {
        let pages = pages();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for wanted in ["midreg", "midreg-run", "midreg-explain", "midreg-trace"] {
            assert!(names.contains(&wanted), "{names:?}");
        }
        for (name, page) in &pages {
            assert!(
                page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"),
                "{name}"
            );
            assert!(page.lines().count() > 10, "{name}");
        }
    }
}
