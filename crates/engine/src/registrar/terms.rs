//! `Terms`: how a registration stands with the main registrar, as the few questions that the
//! registrar asks about a mode. A lease and a conversation keep the terms they began on, whatever
//! policy says later.

use crate::policy::{DomainPolicy, Insertion, Mode};
use crate::registrar::request::Role;

/// How a registration stands with the main registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    mode: Mode,
    insertion: Insertion,
}

impl Terms {
    /// The terms of a domain.
    #[must_use]
    pub const fn of(domain: &DomainPolicy) -> Self {
        Self {
            mode: domain.mode,
            insertion: domain.insertion,
        }
    }

    /// Whether the registration at the main registrar is the device's own, which we only pass on.
    pub(crate) const fn is_proxied(self) -> bool {
        matches!(self.mode, Mode::Mirror)
    }

    /// Whether the main registrar holds a lease of ours, which is ours to renew and to give back.
    pub(crate) const fn is_leased(self) -> bool {
        matches!(self.mode, Mode::Contact | Mode::Aor)
    }

    /// Whether all devices of an AoR share one lease.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self.mode, Mode::Aor)
    }

    /// Whether there is nobody upstream to be asked.
    pub(crate) const fn is_local(self) -> bool {
        matches!(self.mode, Mode::Standalone)
    }

    /// How the main registrar is told the way to a device.
    pub(crate) const fn insertion(self) -> Insertion {
        self.insertion
    }

    /// Whether the device's Contact is replaced by ours.
    pub(crate) const fn rewrites_contact(self) -> bool {
        self.is_shared() || !matches!(self.insertion, Insertion::Path)
    }

    /// As whom we read a REGISTER.
    pub(crate) const fn role(self) -> Role {
        match self.mode {
            Mode::Mirror => Role::Proxy,
            Mode::Contact | Mode::Aor | Mode::Standalone => Role::Registrar,
        }
    }
}
