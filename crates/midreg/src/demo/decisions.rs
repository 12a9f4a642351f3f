//! Decisions in words: the row of the table by which a REGISTER was dealt with (docs/registration.md),
//! and the figures behind it.

use engine::command::BindingView;
use engine::policy::Mode;
use engine::registrar::decision::Row;

/// The latest decision about one phone, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Whose phone it is.
    pub(super) user: String,
    /// The row.
    pub(super) row: Row,
    /// What was done, and why.
    pub(super) words: String,
}

impl Told {
    /// The latest decision about a binding, or the one before it if that was about the answer to a
    /// challenge: it is why there was one. A binding without such a decision is new.
    pub(super) fn of(user: &str, binding: &BindingView, mode: Mode) -> Self {
        let rows = binding.history.iter().map(|explained| explained.row);
        let mut reasons = rows.filter(|row| *row != Row::D4);
        let row = reasons.next().unwrap_or(Row::D7);
        Self {
            user: user.to_owned(),
            row,
            words: words(row, mode, binding.expires_in, binding.lease_left),
        }
    }
}

/// What a row does in this mode, and when.
pub(super) fn meaning(row: Row, mode: Mode) -> String {
    let reason = match row {
        Row::D4 => "it answers a challenge",
        Row::D7 => "a new device",
        Row::D8 => "its Contact has changed",
        Row::D9 => "it comes from another address",
        Row::D10 => "its last proof is too old",
        Row::D11 => "the lease is of an older epoch",
        Row::D12 => "the lease runs short",
        Row::Mirror => "mirror mode forwards all",
        Row::D1 => return "refused: malformed, or over a limit".to_owned(),
        Row::D2 => return "answered again: the same request".to_owned(),
        Row::D3 => return "refused: out of order".to_owned(),
        Row::D5 => return "asks who is registered".to_owned(),
        Row::D6 => return "takes its registration back".to_owned(),
        Row::D13 => return "absorbed: pure refresh".to_owned(),
        Row::D14 => return "the main registrar cannot be asked".to_owned(),
    };
    match mode {
        Mode::Standalone => format!("asked for a password: {reason}"),
        Mode::Contact | Mode::Aor | Mode::Mirror => format!("forwarded: {reason}"),
    }
}

fn words(row: Row, mode: Mode, granted: u32, lease: u32) -> String {
    let meaning = meaning(row, mode);
    match (row, mode) {
        (_, Mode::Standalone | Mode::Mirror) => format!("{meaning}; granted {granted} s"),
        (Row::D13, _) => format!("{meaning}, {granted} s of {lease} s left on the lease"),
        _ => format!("{meaning}; lease of {lease} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absorbed_refresh_tells_what_the_lease_has_left() {
        assert_eq!(
            words(Row::D13, Mode::Aor, 58, 7176),
            "absorbed: pure refresh, 58 s of 7176 s left on the lease"
        );
        assert_eq!(
            words(Row::D13, Mode::Standalone, 58, u32::MAX),
            "absorbed: pure refresh; granted 58 s"
        );
    }

    #[test]
    fn others_tell_who_was_asked_and_what_came_of_it() {
        assert_eq!(
            words(Row::D8, Mode::Contact, 8, 7199),
            "forwarded: its Contact has changed; lease of 7199 s"
        );
        assert_eq!(
            words(Row::D7, Mode::Standalone, 8, u32::MAX),
            "asked for a password: a new device; granted 8 s"
        );
    }
}
