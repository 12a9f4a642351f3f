//! `Terms`: how a registration stands with the main registrar, as the few questions that the
//! registrar asks about a mode. A lease and a conversation keep the terms they began on, whatever
//! policy says later.

use crate::policy::{DomainPolicy, Insertion, Mode};
use crate::registrar::request::Role;

/// How a registration stands with the main registrar. One byte, because every binding has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Terms {
    /// `mirror`, with this insertion.
    MirrorParameter,
    /// As above.
    MirrorUser,
    /// As above.
    MirrorPath,
    /// `contact`, with this insertion.
    ContactParameter,
    /// As above.
    ContactUser,
    /// As above.
    ContactPath,
    /// `aor`.
    Aor,
    /// Standalone.
    Local,
}

impl Terms {
    /// The terms of a domain.
    #[must_use]
    pub const fn of(domain: &DomainPolicy) -> Self {
        match (domain.mode, domain.insertion) {
            (Mode::Mirror, Insertion::Parameter) => Self::MirrorParameter,
            (Mode::Mirror, Insertion::User) => Self::MirrorUser,
            (Mode::Mirror, Insertion::Path) => Self::MirrorPath,
            (Mode::Contact, Insertion::Parameter) => Self::ContactParameter,
            (Mode::Contact, Insertion::User) => Self::ContactUser,
            (Mode::Contact, Insertion::Path) => Self::ContactPath,
            (Mode::Aor, _) => Self::Aor,
            (Mode::Standalone, _) => Self::Local,
        }
    }

    /// Whether the registration at the main registrar is the device's own, which we only pass on.
    pub(crate) const fn is_proxied(self) -> bool {
        matches!(
            self,
            Self::MirrorParameter | Self::MirrorUser | Self::MirrorPath
        )
    }

    /// Whether the main registrar holds a lease of ours, which is ours to renew and to give back.
    pub(crate) const fn is_leased(self) -> bool {
        matches!(
            self,
            Self::ContactParameter | Self::ContactUser | Self::ContactPath | Self::Aor
        )
    }

    /// Whether all devices of an AoR share one lease.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self, Self::Aor)
    }

    /// Whether there is nobody upstream to be asked.
    pub(crate) const fn is_local(self) -> bool {
        matches!(self, Self::Local)
    }

    /// How the main registrar is told the way to a device.
    pub(crate) const fn insertion(self) -> Insertion {
        match self {
            Self::MirrorPath | Self::ContactPath => Insertion::Path,
            Self::MirrorUser | Self::ContactUser => Insertion::User,
            _ => Insertion::Parameter,
        }
    }

    /// Whether the device's Contact is replaced by ours.
    pub(crate) const fn rewrites_contact(self) -> bool {
        !matches!(self, Self::MirrorPath | Self::ContactPath)
    }

    /// As whom we read a REGISTER.
    pub(crate) const fn role(self) -> Role {
        match self.is_proxied() {
            true => Role::Proxy,
            false => Role::Registrar,
        }
    }
}
