//! `midreg contacts`: who is registered, page by page.

use std::process::ExitCode;

use clap::Args;

use super::FAILED;
use super::remote::{Outcome, Remote, print, print_json};
use super::table::{Column, Table};
use crate::control::client::{Client, ClientError};
use crate::control::story::span;
use crate::control::wire::{Contact, Contacts, Request};

/// Rows that are aligned with each other: more would have to be kept until they can be printed.
const ROWS_TOGETHER: usize = 1000;

/// Whose contacts, and how many.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Only those of this user, as user@domain.
    aor: Option<String>,
    #[command(flatten)]
    remote: Remote,
    /// At most so many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// One JSON object per contact, each on a line.
    #[arg(long)]
    json: bool,
}

/// Lists them; fails when there are none.
pub(super) fn contacts(options: &Options) -> Outcome {
    let mut client = options.remote.connect()?;
    let mut left = options.limit.unwrap_or(u64::MAX);
    let mut found = false;
    let mut rows = Vec::new();
    let mut cursor = None;
    loop {
        let page = page(&mut client, options.aor.clone(), cursor, left)?;
        for contact in page.contacts {
            if left == 0 {
                break;
            }
            left -= 1;
            found = true;
            match options.json {
                true => print_json(&contact)?,
                false => rows.push(contact),
            }
        }
        if rows.len() >= ROWS_TOGETHER {
            print(&table(&rows))?;
            rows.clear();
        }
        cursor = page.next;
        if cursor.is_none() || left == 0 {
            break;
        }
    }
    if !rows.is_empty() {
        print(&table(&rows))?;
    }
    if found {
        return Ok(ExitCode::SUCCESS);
    }
    match &options.aor {
        Some(aor) => eprintln!("{aor} is not registered; `midreg explain` may know why"),
        None => eprintln!("nobody is registered"),
    }
    Ok(ExitCode::from(FAILED))
}

fn page(
    client: &mut Client,
    aor: Option<String>,
    cursor: Option<String>,
    most: u64,
) -> Result<Contacts, ClientError> {
    client.ask(&Request::Contacts {
        aor,
        cursor,
        limit: usize::try_from(most).ok(),
    })
}

fn table(contacts: &[Contact]) -> String {
    let mut table = Table::new(&[
        Column::Left("AOR"),
        Column::Left("CONTACT"),
        Column::Left("FROM"),
        Column::Right("EXPIRES IN"),
        Column::Right("LEASE LEFT"),
        Column::Left("ID"),
    ]);
    for one in contacts {
        let lease = one.lease.as_ref();
        let lease = lease.map_or_else(|| "-".to_owned(), |lease| span(lease.left.into()));
        table.row([
            one.aor.clone(),
            one.contact.clone(),
            format!("{}/{}", one.transport, one.remote),
            span(one.expires_in.into()),
            lease,
            one.id.clone(),
        ]);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::wire::Lease;

    #[test]
    fn a_row_tells_who_is_where_and_for_how_long() {
        let alice = Contact {
            id: "5a1-0-9f31c2d4".to_owned(),
            aor: "alice@example.org".to_owned(),
            contact: "sip:alice@192.0.2.7:5062".to_owned(),
            remote: "192.0.2.7:5062".to_owned(),
            transport: "udp".to_owned(),
            expires_in: 47,
            lease: Some(Lease {
                left: 7013,
                ..Lease::default()
            }),
            ..Contact::default()
        };
        let bob = Contact {
            lease: None,
            aor: "bob@example.org".to_owned(),
            ..alice.clone()
        };
        assert_eq!(
            table(&[alice, bob]),
            "AOR                CONTACT                   FROM                EXPIRES IN  LEASE LEFT  ID\n\
             alice@example.org  sip:alice@192.0.2.7:5062  udp/192.0.2.7:5062        47 s  1 h 56 min  5a1-0-9f31c2d4\n\
             bob@example.org    sip:alice@192.0.2.7:5062  udp/192.0.2.7:5062        47 s           -  5a1-0-9f31c2d4\n"
        );
    }
}
