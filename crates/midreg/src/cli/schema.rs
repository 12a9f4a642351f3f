//! `midreg schema`: what can be configured, for editors, for people and as a file to begin with.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::config::keys::catalogue;
use crate::config::{manual, sample, schema};

/// What to print.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// In which form.
    #[arg(long = "as", value_enum, default_value_t = Form::Json, value_name = "FORM")]
    form: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// A JSON schema, for editors.
    Json,
    /// A manual of all keys.
    Markdown,
    /// A configuration file with every key, its default and what it does.
    Example,
}

/// Prints it on standard output.
pub(super) fn schema(options: &Options) -> ExitCode {
    let catalogue = catalogue();
    match options.form {
        Form::Json => println!("{:#}", schema::json_schema(catalogue)),
        Form::Markdown => print!("{}", manual::markdown(catalogue)),
        Form::Example => print!("{}", sample::example(catalogue)),
    }
    ExitCode::SUCCESS
}
