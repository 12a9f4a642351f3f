//! `Personality`: in what ways a model main registrar is peculiar.

use core::net::SocketAddr;

/// How a model main registrar behaves.
#[derive(Clone, Debug)]
pub struct Personality {
    /// Whom it asks for a password.
    pub challenges: Challenges,
    /// Whom it never asks, by address.
    pub trusts: Option<SocketAddr>,
    /// How often a nonce is good.
    pub nonces: Nonces,
    /// Seconds that a nonce is good for.
    pub nonce_life: u32,
    /// What it says to a wrong password.
    pub wrong_password: WrongPassword,
    /// Shortest lifetime it takes; less is answered 423.
    pub shortest: u32,
    /// Longest lifetime it grants.
    pub longest: u32,
    /// Longest lifetime it grants to who has no Path, where that is less.
    pub longest_without_path: Option<u32>,
    /// Most contacts of one AoR.
    pub max_contacts: usize,
    /// What becomes of more.
    pub overflow: Overflow,
    /// Which contacts it takes for one.
    pub keying: Keying,
    /// What it says to a Path.
    pub path: PathRule,
    /// Whether it sends a NOTIFY to a contact that it just accepted.
    pub notice: Notice,
    /// Whether it answers at all.
    pub temper: Temper,
    /// What its 2xx lists.
    pub listing: Listing,
    /// More header lines of its 2xx, without line ends.
    pub extra: Vec<String>,
}

/// Whom a main registrar asks for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenges {
    /// Everybody.
    Always,
    /// Nobody.
    Never,
}

/// How often a nonce is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonces {
    /// As often as one likes.
    Lasting,
    /// As long as its count rises.
    Counted,
    /// For one request.
    OneTime,
}

/// What a wrong password is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongPassword {
    /// Another challenge.
    Challenged,
    /// 403.
    Forbidden,
}

/// What becomes of contacts beyond the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest goes.
    DropOldest,
    /// The newcomer gets 403.
    Refuse,
}

/// Which contacts count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keying {
    /// Those of one URI.
    Uri,
    /// Those of one Call-ID.
    CallId,
    /// All of an AoR: it holds no more than one.
    Single,
}

/// What is said to a Path (RFC 3327 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathRule {
    /// It is taken.
    Take,
    /// 420 without `Supported: path`.
    NeedsSupported,
}

/// Whether there is a NOTIFY after a REGISTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// None.
    Never,
    /// One, and it leaves before the 200 does.
    BeforeAnswer,
}

/// Whether a main registrar answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Temper {
    /// It does its work.
    Normal,
    /// It does nothing and says nothing.
    Silent,
    /// It does its work, but nobody hears of it.
    Mute,
    /// It answers everything with this status.
    Refuses(u16),
    /// It answers everything with 503 and this Retry-After.
    Overloaded(u32),
    /// It sends 100 and no more.
    Procrastinates,
}

/// What a 2xx lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// All contacts of the AoR, oldest first, each with its lifetime.
    Full,
    /// All contacts; those of the request without a lifetime, which `Expires` tells.
    ExpiresHeader,
    /// No contacts; `Expires` tells the lifetime.
    OnlyExpiresHeader,
    /// Nothing at all.
    Bare,
    /// All contacts but those of the request.
    WithoutOwn,
}

impl Personality {
    /// Kamailio: nonces last five minutes and as many uses, all contacts are listed.
    #[must_use]
    pub fn kamailio() -> Self {
        Self {
            nonce_life: 300,
            ..Self::default()
        }
    }

    /// FreeSWITCH, with `multiple-registrations` as said: counts how often a nonce is used, sends a
    /// wrong password away, thinks that everybody without a Path is behind a NAT, and tells of
    /// messages at once.
    #[must_use]
    pub fn freeswitch(keying: Keying) -> Self {
        Self {
            nonces: Nonces::Counted,
            wrong_password: WrongPassword::Forbidden,
            longest_without_path: Some(30),
            keying,
            notice: Notice::BeforeAnswer,
            ..Self::default()
        }
    }

    /// Asterisk: challenges each request anew, wants to hear of `path` before it takes one, and
    /// refuses who is too many.
    #[must_use]
    pub fn asterisk() -> Self {
        Self {
            nonces: Nonces::OneTime,
            nonce_life: 32,
            longest: 7_200,
            max_contacts: 10,
            overflow: Overflow::Refuse,
            path: PathRule::NeedsSupported,
            ..Self::default()
        }
    }
}

impl Default for Personality {
    fn default() -> Self {
        Self {
            challenges: Challenges::Always,
            trusts: None,
            nonces: Nonces::Lasting,
            nonce_life: u32::MAX,
            wrong_password: WrongPassword::Challenged,
            shortest: 0,
            longest: 86_400,
            longest_without_path: None,
            max_contacts: usize::MAX,
            overflow: Overflow::DropOldest,
            keying: Keying::Uri,
            path: PathRule::Take,
            notice: Notice::Never,
            temper: Temper::Normal,
            listing: Listing::Full,
            extra: Vec::new(),
        }
    }
}
