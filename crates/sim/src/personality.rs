//! `Personality`: in what ways a model main registrar is peculiar.

/// How a model main registrar behaves.
#[derive(Clone, Debug)]
pub struct Personality {
    /// Whom it asks for a password.
    pub challenges: Challenges,
    /// How long a nonce is good for.
    pub nonces: Nonces,
    /// Shortest lifetime it takes; less is answered 423.
    pub shortest: u32,
    /// Longest lifetime it grants.
    pub longest: u32,
    /// Most contacts of one AoR; the oldest goes first.
    pub max_contacts: usize,
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

/// How long a nonce is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonces {
    /// For ever.
    Lasting,
    /// For one request.
    OneTime,
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

impl Default for Personality {
    fn default() -> Self {
        Self {
            challenges: Challenges::Always,
            nonces: Nonces::Lasting,
            shortest: 0,
            longest: 86_400,
            max_contacts: usize::MAX,
            temper: Temper::Normal,
            listing: Listing::Full,
            extra: Vec::new(),
        }
    }
}
