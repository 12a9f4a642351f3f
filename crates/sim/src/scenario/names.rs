//! `Names`: what the names in a scenario stand for. midreg draws its own Contacts, Call-IDs and
//! nonces; the scenario names them where it first meets them, and from then on the same name must
//! stand for the same thing, and another name for another.

use std::collections::BTreeMap;

use super::cast::Cast;

/// What the names in a scenario stand for.
#[derive(Debug, Default)]
pub(super) struct Names {
    ours: BTreeMap<u32, String>,
    dialogs: BTreeMap<String, Dialog>,
    challenges: BTreeMap<String, String>,
    /// Credentials, in the order they were shown.
    credentials: BTreeMap<String, Vec<String>>,
}

/// How one end names itself in all of its REGISTERs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dialog {
    /// Call-ID.
    pub(super) call_id: String,
    /// From-tag.
    pub(super) tag: String,
}

impl Names {
    /// The names that are known from the beginning: each phone's own Call-ID.
    pub(super) fn of(cast: &Cast) -> Self {
        let mut names = Self::default();
        for phone in cast.phones() {
            names.dialog_of_phone(&phone.name);
        }
        names
    }

    /// The Call-ID and From-tag that a phone uses under this name.
    pub(super) fn dialog_of_phone(&mut self, name: &str) -> Dialog {
        let known = self.dialogs.entry(name.to_owned());
        let made = known.or_insert_with(|| Dialog {
            call_id: format!("{name}@phone.invalid"),
            tag: format!("tag-of-{name}"),
        });
        made.clone()
    }

    /// midreg uses this Call-ID and From-tag where the scenario uses this name.
    pub(super) fn meet_dialog(&mut self, name: &str, dialog: &Dialog) -> Result<(), String> {
        meet(&mut self.dialogs, name.to_owned(), dialog)
            .map_err(|known| format!("call-id={name} is {known:?}, and this is {dialog:?}"))
    }

    /// The Call-ID of this name.
    pub(super) fn call_id(&self, name: &str) -> Option<&str> {
        let dialog = self.dialogs.get(name)?;
        Some(dialog.call_id.as_str())
    }

    /// midreg uses this URI where the scenario says `ours`.
    pub(super) fn meet_ours(&mut self, number: u32, uri: &str) -> Result<(), String> {
        meet(&mut self.ours, number, &uri.to_owned())
            .map_err(|known| format!("<ours {number}> is {known}, and this is {uri}"))
    }

    /// The URI of this number.
    pub(super) fn ours(&self, number: u32) -> Option<&str> {
        self.ours.get(&number).map(String::as_str)
    }

    /// The number of this URI.
    pub(super) fn number_of(&self, uri: &str) -> Option<u32> {
        let found = self.ours.iter().find(|(_, known)| *known == uri);
        found.map(|(number, _)| *number)
    }

    /// The name of this Call-ID.
    pub(super) fn name_of(&self, call_id: &str) -> Option<&str> {
        let mut dialogs = self.dialogs.iter();
        let found = dialogs.find(|(_, dialog)| dialog.call_id == call_id);
        found.map(|(name, _)| name.as_str())
    }

    /// The challenge of this name says this.
    pub(super) fn meet_challenge(&mut self, name: &str, value: &str) -> Result<(), String> {
        meet(&mut self.challenges, name.to_owned(), &value.to_owned())
            .map_err(|known| format!("nonce={name} is of `{known}`, and this is `{value}`"))
    }

    /// What the challenge of this name says.
    pub(super) fn challenge(&self, name: &str) -> Option<&str> {
        self.challenges.get(name).map(String::as_str)
    }

    /// Credentials that answer the challenge of this name are on their way.
    pub(super) fn answer(&mut self, name: &str, credentials: &str) {
        let shown = self.credentials.entry(name.to_owned()).or_default();
        shown.push(credentials.to_owned());
    }

    /// How often the challenge of this name was answered.
    pub(super) fn uses(&self, name: &str) -> u32 {
        self.credentials.get(name).map_or(0, Vec::len) as u32
    }

    /// The last credentials that answer the challenge of this name.
    pub(super) fn credentials(&self, name: &str) -> Option<&str> {
        let last = self.credentials.get(name)?.last()?;
        Some(last.as_str())
    }
}

/// One name for one thing; what the name stood for, or the thing that has another name.
fn meet<K: Ord, V: Clone + PartialEq>(
    table: &mut BTreeMap<K, V>,
    name: K,
    thing: &V,
) -> Result<(), V> {
    let by_another_name = table
        .iter()
        .any(|(own, known)| *own != name && known == thing);
    match table.get(&name) {
        Some(known) if known != thing => Err(known.clone()),
        None if by_another_name => Err(thing.clone()),
        _ => {
            table.insert(name, thing.clone());
            Ok(())
        }
    }
}
