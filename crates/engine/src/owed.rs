//! `Owed`: changes that the store has lost and that nobody will make again. The next batch says them
//! once more.
//!
//! A binding that the store has lost is written anew by its device's next REGISTER; but a removed one
//! has no next REGISTER, and without this a restart would bring it back. The same goes for what is
//! not to be trusted any more (R14).

use std::collections::BTreeMap;

use crate::ids::{BindingId, NodeId, Slot};
use crate::limits;
use crate::location::{Change, Op, Table};

/// Changes that the store is to be told again.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    changes: BTreeMap<Subject, Change>,
}

/// What a change is about: of two about the same, the later one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Node(NodeId),
    Binding(BindingId),
}

impl Owed {
    /// These are owed as well. With too many, what is about further bindings is forgotten: they come
    /// back after a restart, until their leases end.
    pub(crate) fn extend(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            let subject = match change.op {
                Op::Remove { binding, .. } | Op::Distrust { binding } => Subject::Binding(binding),
                Op::Epoch { node, .. } => Subject::Node(node),
                Op::Register(_) | Op::Refresh(_) | Op::Renew { .. } | Op::Spent { .. } => continue,
            };
            let due = matches!(subject, Subject::Node(_)) || self.changes.contains_key(&subject);
            if due || self.changes.len() < limits::OWED_CHANGES {
                self.changes.insert(subject, change);
            }
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether a removal is among those of a slot.
    pub(crate) fn has_removal_in(&self, slot: Slot) -> bool {
        let at = |index, generation| {
            Subject::Binding(BindingId {
                slot,
                index,
                generation,
            })
        };
        let of_slot = self.changes.range(at(0, 0)..=at(u32::MAX, u32::MAX));
        of_slot
            .map(|(_, change)| &change.op)
            .any(|op| matches!(op, Op::Remove { .. }))
    }

    /// Hands out all that still hold, for the next batch.
    pub(crate) fn pay(&mut self, table: &Table) -> Vec<Change> {
        let holds = |change: &Change| match change.op {
            // Who has come back meanwhile was written, or will be.
            Op::Remove { binding, .. } => table.binding(binding).is_none(),
            Op::Distrust { binding } => {
                let held = table.binding(binding);
                held.is_some_and(|binding| binding.lease.epoch == 0)
            }
            _ => true,
        };
        let changes = core::mem::take(&mut self.changes).into_values();
        changes.filter(holds).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Mono;
    use crate::event::RemovalCause;

    fn removal(slot: u16, index: u32) -> Change {
        let binding = BindingId {
            slot: Slot(slot),
            index,
            generation: 7,
        };
        let cause = RemovalCause::Expired;
        Change::of(binding, Op::Remove { binding, cause })
    }

    #[test]
    fn what_is_owed_is_paid_once() {
        let (mut owed, table) = (Owed::default(), Table::new(Mono(0), (1, 2), 0));
        owed.extend([removal(3, 0), removal(3, 1), removal(3, 0)]);
        assert!(owed.has_removal_in(Slot(3)));
        assert!(!owed.has_removal_in(Slot(2)));
        assert_eq!(owed.pay(&table).len(), 2);
        assert!(owed.is_empty());
    }

    #[test]
    fn an_epoch_is_owed_even_if_too_much_else_is() {
        let (mut owed, table) = (Owed::default(), Table::new(Mono(0), (1, 2), 0));
        let many = 0..=limits::OWED_CHANGES as u32;
        owed.extend(many.map(|index| removal(3, index)));
        let node = NodeId::of("main");
        let epoch = |epoch| Change {
            slot: Slot(0),
            op: Op::Epoch { node, epoch },
        };
        owed.extend([epoch(2), epoch(3)]);
        let paid = owed.pay(&table);
        assert_eq!(paid.len(), limits::OWED_CHANGES + 1);
        let epochs = paid.iter().filter_map(|change| match change.op {
            Op::Epoch { epoch, .. } => Some(epoch),
            _ => None,
        });
        assert_eq!(epochs.collect::<Vec<_>>(), [3]);
    }
}
