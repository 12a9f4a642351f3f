//! `Asker`: who asks for credentials, which decides the status and the headers (RFC 3261 §22.2,
//! §22.3).

use sip::Name;

/// Who asks for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A registrar, or whoever else answers the request itself.
    Server,
    /// A proxy on the way.
    Proxy,
}

impl Asker {
    /// Who asks with this status; `None` when it asks for no credentials.
    #[must_use]
    pub const fn of_status(status: u16) -> Option<Self> {
        match status {
            401 => Some(Self::Server),
            407 => Some(Self::Proxy),
            _ => None,
        }
    }

    /// The status of its challenges.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Server => 401,
            Self::Proxy => 407,
        }
    }

    /// The header of its challenges.
    #[must_use]
    pub const fn challenge(self) -> Name {
        match self {
            Self::Server => Name::WwwAuthenticate,
            Self::Proxy => Name::ProxyAuthenticate,
        }
    }

    /// The header of the answers to them.
    #[must_use]
    pub const fn credentials(self) -> Name {
        match self {
            Self::Server => Name::Authorization,
            Self::Proxy => Name::ProxyAuthorization,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3261_section_22_each_asker_has_its_status() {
        for asker in [Asker::Server, Asker::Proxy] {
            assert_eq!(Asker::of_status(asker.status()), Some(asker));
        }
        assert_eq!(Asker::of_status(403), None);
    }
}
