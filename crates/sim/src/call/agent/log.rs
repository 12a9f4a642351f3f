//! `Log`: what an agent has met, for statistics and for those who want to know what became of a
//! call.

use std::collections::{BTreeMap, BTreeSet};

/// What an agent has met.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// How often something happened.
    pub counts: BTreeMap<String, u64>,
    heard: BTreeSet<(String, String)>,
    answers: BTreeMap<(String, String), u16>,
}

impl Log {
    /// Whether a request of this method and Call-ID has arrived.
    #[must_use]
    pub fn has_heard(&self, method: &str, call_id: &str) -> bool {
        let key = (method.to_owned(), call_id.to_owned());
        self.heard.contains(&key)
    }

    /// The last status that its own request of this method and Call-ID had; 0 for none.
    #[must_use]
    pub fn answer(&self, method: &str, call_id: &str) -> u16 {
        let key = (method.to_owned(), call_id.to_owned());
        self.answers.get(&key).copied().unwrap_or(0)
    }

    pub(super) fn heard(&mut self, method: &str, call_id: &str) {
        let key = (method.to_owned(), call_id.to_owned());
        self.heard.insert(key);
        self.note(format!("devices heard {method}"));
    }

    pub(super) fn answered(&mut self, call_id: &str, method: &str, status: u16) {
        let key = (method.to_owned(), call_id.to_owned());
        self.answers.insert(key, status);
        if status >= 200 {
            let class = status / 100;
            self.note(format!("{method} was answered {class}xx"));
        }
    }

    pub(super) fn note(&mut self, what: String) {
        *self.counts.entry(what).or_default() += 1;
    }
}
