//! Kamailio's location table (its `usrloc` module), read over JSON-RPC on a datagram socket.

use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use serde_json::Value;

use super::PROMPT;

/// A binding in the main registrar's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    /// Contact URI.
    pub(crate) uri: String,
    /// Seconds left; 0 once it has run out and waits to be swept.
    pub(crate) expires: u32,
    /// Call-ID of the REGISTER that made or refreshed it.
    pub(crate) call_id: String,
    /// The Path that was stored with it.
    pub(crate) path: Option<String>,
}

impl Contact {
    /// The address that leads to it by way of a server: its own, or that of its Path.
    pub(crate) fn way(&self) -> &str {
        let path = self.path.as_deref().unwrap_or(&self.uri);
        path.trim_start_matches('<').trim_end_matches('>')
    }

    /// The first address on that way.
    ///
    /// # Panics
    /// If it is a name.
    pub(crate) fn first_hop(&self) -> SocketAddr {
        let way = self.way();
        let host = way.rsplit('@').next().unwrap_or_default();
        let address = host.split(';').next().unwrap_or_default();
        address
            .parse()
            .unwrap_or_else(|error| panic!("no address in {way}: {error}"))
    }
}

/// The bindings of a user that have not run out. The table must fit one datagram, which a few users do.
pub(super) fn contacts(server: &Path, user: &str) -> Vec<Contact> {
    let answer = call(server, "ul.dump");
    let domains = answer["result"]["Domains"]
        .as_array()
        .unwrap_or_else(|| panic!("no table in {answer}"));
    domains
        .iter()
        .flat_map(|domain| list(&domain["Domain"]["AoRs"]))
        .map(|record| &record["Info"])
        .filter(|record| record["AoR"] == user)
        .flat_map(|record| list(&record["Contacts"]))
        .map(|contact| read(&contact["Contact"]))
        .filter(|contact| contact.expires > 0)
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn read(contact: &Value) -> Contact {
    let text = |name: &str| {
        contact[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {contact}"))
            .to_owned()
    };
    Contact {
        uri: text("Address"),
        // A word ("expired", "deleted") stands for a lifetime that is over.
        expires: contact["Expires"]
            .as_u64()
            .and_then(|seconds| seconds.try_into().ok())
            .unwrap_or(0),
        call_id: text("Call-ID"),
        path: Some(text("Path")).filter(|path| path.starts_with('<')),
    }
}

fn call(server: &Path, method: &str) -> Value {
    // The answer goes to the address that the question comes from; the directory is new for every answer.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let socket = UnixDatagram::bind(directory.path().join("answer")).expect("a datagram socket");
    socket
        .set_read_timeout(Some(PROMPT))
        .expect("a read timeout");
    let question = format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":1}}"#);
    socket
        .send_to(question.as_bytes(), server)
        .unwrap_or_else(|error| panic!("ask Kamailio for {method}: {error}"));
    let mut answer = vec![0; 65_536];
    let octets = socket
        .recv(&mut answer)
        .unwrap_or_else(|error| panic!("{method}: no answer from Kamailio: {error}"));
    serde_json::from_slice(&answer[..octets])
        .unwrap_or_else(|error| panic!("{method}: not JSON: {error}"))
}
