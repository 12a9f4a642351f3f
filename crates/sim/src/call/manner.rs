//! `Manner`: how a device takes a call.

use crate::rng::Rng;

/// How a device takes a call. Times are milliseconds from the INVITE on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// It rings, and answers after a while.
    Answers(u64),
    /// It answers so after a while, ringing meanwhile if that is long.
    Refuses(u16, u64),
    /// It rings until the caller gives up.
    RingsOn,
    /// It rings, and is never heard of again in this call.
    Crashes,
    /// It answers, and then a second time with another To-tag, as a fork beyond it would.
    AnswersTwice(u64),
    /// It rings until it is cancelled, and answers instead of giving up.
    AnswersCancelled,
    /// It sends the caller elsewhere.
    Redirects(u64),
    /// It says nothing at all.
    Silent,
}

impl Manner {
    /// One of them. Some time may be longer than a device is let ring.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let soon = rng.below(3_000);
        let late = rng.below(45_000);
        match rng.below(20) {
            0..5 => Self::Answers(soon),
            5..8 => Self::Answers(late),
            8 => Self::Refuses(486, soon),
            9 => Self::Refuses(486, 0),
            10 => Self::Refuses(603, late),
            11 => Self::Refuses([480, 404, 503, 500, 488][rng.index(5)], soon),
            12 | 13 => Self::RingsOn,
            14 => Self::Crashes,
            15 | 16 => Self::AnswersTwice(soon),
            17 => Self::AnswersCancelled,
            18 => Self::Redirects(soon),
            _ => Self::Silent,
        }
    }

    /// Whether it rings, and when it does something else; `None` for not by itself.
    pub(super) const fn course(self) -> (Ringing, Option<u64>) {
        match self {
            Self::Answers(after) | Self::AnswersTwice(after) => (Ringing::Rings, Some(after)),
            Self::Refuses(_, 0) => (Ringing::Mute, Some(0)),
            Self::Refuses(_, after) | Self::Redirects(after) => (Ringing::Rings, Some(after)),
            Self::RingsOn | Self::AnswersCancelled | Self::Crashes => (Ringing::Rings, None),
            Self::Silent => (Ringing::Mute, None),
        }
    }

    /// What it is called in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answers(_) => "answers",
            Self::Refuses(..) => "refuses",
            Self::RingsOn => "rings on",
            Self::Crashes => "crashes in mid-ring",
            Self::AnswersTwice(_) => "answers twice",
            Self::AnswersCancelled => "answers after CANCEL",
            Self::Redirects(_) => "redirects",
            Self::Silent => "is silent",
        }
    }
}

/// Whether a device says that it rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ringing {
    /// 180.
    Rings,
    /// Nothing.
    Mute,
}
