//! The configuration as a whole: every key works from the file and from the command line, and
//! every kind of mistake is told with its place.

mod example;
mod keys;
mod pages;
mod rules;
mod schema;
mod values;

use engine::policy::{DigestPolicy, DomainPolicy};

use super::*;

const LEAST: &str =
    "upstream.servers = [\"sip:10.0.0.5\"]\nlisten = [{bind = \"udp://10.0.0.1\"}]\n";

/// Checks a file's text with `--set` arguments over it.
fn check(text: &str, sets: &[&str]) -> Result<Loaded, Faults> {
    let mut faults = Faults::default();
    let mut document = Document::parse("midreg.toml", text.to_owned(), &mut faults);
    for set in sets {
        Override::Set((*set).to_owned()).apply(&mut document, &mut faults);
    }
    judge(&document, faults)
}

fn lines(faults: &Faults) -> Vec<String> {
    faults.iter().map(Fault::line).collect()
}

fn errors(text: &str, sets: &[&str]) -> Vec<String> {
    lines(&check(text, sets).expect_err("an error"))
}

fn good(text: &str, sets: &[&str]) -> Config {
    check(text, sets)
        .unwrap_or_else(|faults| panic!("{:?}", lines(&faults)))
        .config
}

fn digest(policy: &DomainPolicy) -> &DigestPolicy {
    policy.digest.as_deref().expect("a digest")
}
