//! `NamingKeys`: the table `[naming]`, how the names that devices use become AoRs.

use sip::aor::UserCase;

use super::address::domain_text;
use super::error::Fault;
use super::form::text_of;
use super::key::{Absent, Key, Sample, TableKey};
use super::section::{Complaint, Given, Section};
use super::value::flag;

/// The table.
pub(crate) const NAMING: TableKey = TableKey {
    name: "naming",
    doc: "How the names that devices use become those of users. A digest covers user name, realm \
          and URI as the phone computed it: where names are changed, the main registrar must take \
          it all the same.",
    sample: Sample::Live,
};

const STRIP_PREFIXES: Key = Key {
    name: "strip_prefixes",
    doc: "Beginnings of domains that do not count, the first that fits: with `\"sip.\"`, \
          `sip.example.org` and `example.org` are one.",
    absent: Absent::Default,
    example: "[\"sip.\", \"voip.\"]",
};

const FOLD_USER_CASE: Key = Key {
    name: "fold_user_case",
    doc: "Whether Bob and bob are one.",
    absent: Absent::Default,
    example: "true",
};

/// `[naming]` as it was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamingKeys {
    /// `strip_prefixes`, in lower case.
    pub(crate) strip_prefixes: Vec<Given<String>>,
    /// `fold_user_case`.
    pub(crate) fold_user_case: Option<Given<bool>>,
}

impl NamingKeys {
    /// Reads the table.
    pub(crate) fn read(section: &mut Section<'_, '_>) -> Self {
        let form = text_of(
            "beginning of a domain name, with its dot",
            r"\.$",
            prefix,
            String::clone,
        );
        let strip_prefixes = section.list(&STRIP_PREFIXES, &form, Some(&[]));
        let strip_prefixes = strip_prefixes.unwrap_or_default();
        let fold_user_case = section.given_or(&FOLD_USER_CASE, &flag(), &false);
        for (index, one) in strip_prefixes.iter().enumerate() {
            let covers = |other: &&Given<String>| one.value.starts_with(&other.value);
            if let Some(other) = strip_prefixes.iter().take(index).find(covers) {
                let message = "this prefix is never the first that fits";
                let help = format!("`{}` stands before it and fits too", other.value);
                section
                    .faults
                    .push(Fault::error(&one.spot, message).help(help));
            }
        }
        Self {
            strip_prefixes,
            fold_user_case,
        }
    }

    /// The name as it is without its prefix, if it has one.
    #[must_use]
    pub(crate) fn stripped<'n>(&self, name: &'n str) -> Option<&'n str> {
        let strip = |prefix: &Given<String>| name.strip_prefix(prefix.value.as_str());
        self.strip_prefixes
            .iter()
            .find_map(strip)
            .filter(|rest| !rest.is_empty())
    }

    /// What becomes of the case of users.
    #[must_use]
    pub(crate) fn user_case(&self) -> UserCase {
        match self.fold_user_case {
            Some(Given { value: true, .. }) => UserCase::Fold,
            _ => UserCase::Keep,
        }
    }
}

/// Whole labels only: `sip` without a dot would make `gate.example` of `sipgate.example`.
fn prefix(text: &str) -> Result<String, Complaint> {
    const HELP: &str = "the first labels of a name with their dot, such as \"sip.\"";
    match text.strip_suffix('.') {
        Some(labels) if domain_text(labels).is_ok() => Ok(text.to_ascii_lowercase()),
        Some(_) => Err(Complaint::new("not the beginning of a domain name", HELP)),
        None => Err(Complaint::new("no dot at its end", HELP)),
    }
}
