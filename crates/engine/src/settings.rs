//! `Settings`: the policy in force, and those before it under which leases may still be held.
//!
//! A lease is given back under the Contact that it was made with, whatever policy calls us since.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::policy::Policy;

/// Former policies that are remembered.
const FORMER: usize = 4;

/// Number of a policy; small, because each lease carries one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettingsId(u8);

/// The number of the policy in force, and the policies before it.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    present: SettingsId,
    former: VecDeque<(SettingsId, Arc<Policy>)>,
}

impl Settings {
    /// The number of the policy in force.
    pub(crate) const fn present(&self) -> SettingsId {
        self.present
    }

    /// Another policy comes into force in place of `former`.
    pub(crate) fn change(&mut self, former: Arc<Policy>) {
        if self.former.len() >= FORMER {
            self.former.pop_front();
        }
        self.former.push_back((self.present, former));
        self.present = SettingsId(self.present.0.wrapping_add(1));
    }

    /// The policy with this number; `present`, if it is that or is not remembered.
    pub(crate) fn of<'p>(&'p self, id: SettingsId, present: &'p Arc<Policy>) -> &'p Arc<Policy> {
        let found = self.former.iter().find(|(former, _)| *former == id);
        found.map_or(present, |(_, policy)| policy)
    }
}
