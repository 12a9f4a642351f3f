//! `Site`: a main registrar with its phones, and what stands between them.

use std::net::{IpAddr, SocketAddr};

use super::{DOMAIN, Kamailio, Midreg, Mode, Phone, Settings};

/// What stands between the phones and the main registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// Nothing: phones are pointed at the main registrar.
    Nothing,
    /// midreg in `mirror`.
    Mirror,
    /// midreg in `contact`, with the token in a parameter.
    Contact,
    /// midreg in `contact`, with the token as the user.
    ContactUser,
    /// midreg in `contact`, with a Path.
    Path,
    /// midreg in `aor`.
    Aor,
    /// midreg in `aor`, with three workers, which meets the phones at an address of theirs and the main registrar at another
    /// port.
    TwoSides(IpAddr),
}

/// A main registrar, and what stands before it.
#[derive(Debug)]
pub(crate) struct Site {
    /// The main registrar.
    pub(crate) kamailio: Kamailio,
    midreg: Option<Midreg>,
}

impl Site {
    /// Starts both.
    pub(crate) fn with(between: Between) -> Self {
        Self::before(Kamailio::start(Settings::default()), between)
    }

    /// Starts both; the settings are midreg's, as `--set` takes them.
    pub(crate) fn with_settings(between: Between, settings: &[&str]) -> Self {
        Self::of(Kamailio::start(Settings::default()), between, settings)
    }

    /// Puts what stands between before a main registrar.
    pub(crate) fn before(kamailio: Kamailio, between: Between) -> Self {
        Self::of(kamailio, between, &[])
    }

    fn of(kamailio: Kamailio, between: Between, settings: &[&str]) -> Self {
        let (mode, own): (_, &[&str]) = match between {
            Between::Nothing => {
                return Self {
                    kamailio,
                    midreg: None,
                };
            }
            Between::Mirror => (Mode::Mirror, &[]),
            Between::Contact => (Mode::Contact, &["upstream.contact_style=parameter"]),
            Between::ContactUser => (Mode::Contact, &["upstream.contact_style=user"]),
            Between::Path => (Mode::Contact, &["upstream.insertion=path"]),
            Between::Aor => (Mode::Aor, &[]),
            Between::TwoSides(_) => (Mode::Aor, &["workers=3"]),
        };
        let settings = [own, settings].concat();
        let upstream = kamailio.address();
        let midreg = if let Between::TwoSides(phones) = between {
            Midreg::start_with_two_sides(phones, mode, upstream, &settings)
        } else {
            Midreg::start(mode, upstream, &settings)
        };
        Self {
            kamailio,
            midreg: Some(midreg),
        }
    }

    /// midreg, if there is one, is killed and started again.
    pub(crate) fn after_restart_of_midreg(self) -> Self {
        Self {
            kamailio: self.kamailio,
            midreg: self.midreg.map(Midreg::restart),
        }
    }

    /// The server that phones are pointed at.
    pub(crate) fn server(&self) -> SocketAddr {
        self.midreg
            .as_ref()
            .map_or_else(|| self.kamailio.address(), Midreg::address)
    }

    /// Where callers from outside, who know the main registrar only, send their calls.
    pub(crate) fn front(&self) -> SocketAddr {
        self.kamailio.address()
    }

    /// A registered phone, at another address than the main registrar: what is sent to its Contact is not meant for that.
    ///
    /// # Panics
    /// If it is not registered.
    pub(crate) fn phone(&self, user: &str) -> Phone {
        self.phone_for(user, 600)
    }

    /// A phone that is registered for so many seconds.
    ///
    /// # Panics
    /// If it is not registered.
    pub(crate) fn phone_for(&self, user: &str, expires: u32) -> Phone {
        let mut phone = Phone::elsewhere(user);
        phone.register(expires, self.server());
        phone
    }
}

/// The address of a user.
pub(crate) fn aor(user: &str) -> String {
    format!("sip:{user}@{DOMAIN}")
}

/// Somebody who has nothing to do with the main registrar but to call its users.
pub(crate) fn outsider() -> Phone {
    Phone::at("carol", "outside.test")
}

/// Each story as a test, with the phones straight at Kamailio, and with midreg between them in each of its modes.
macro_rules! everywhere {
    ($($story:ident),* $(,)?) => {$(
        mod $story {
            use crate::rig::Between;

            $crate::rig::tests_of! { $story
                straight: Between::Nothing,
                in_mirror_mode: Between::Mirror,
                in_contact_mode: Between::Contact,
                with_the_token_as_user: Between::ContactUser,
                with_a_path: Between::Path,
                in_aor_mode: Between::Aor,
                between_two_ports: Between::TwoSides(std::net::Ipv4Addr::LOCALHOST.into()),
            }
        }
    )*};
}

/// Each story as a test, with midreg between the phones and Kamailio in each of its modes.
macro_rules! behind_midreg {
    ($($story:ident),* $(,)?) => {$(
        mod $story {
            use crate::rig::Between;

            $crate::rig::tests_of! { $story
                in_mirror_mode: Between::Mirror,
                in_contact_mode: Between::Contact,
                with_the_token_as_user: Between::ContactUser,
                with_a_path: Between::Path,
                in_aor_mode: Between::Aor,
                between_two_ports: Between::TwoSides(std::net::Ipv4Addr::LOCALHOST.into()),
            }
        }
    )*};
}

macro_rules! tests_of {
    ($story:ident $($name:ident: $between:expr),* $(,)?) => {$(
        #[test]
        fn $name() {
            super::$story($between);
        }
    )*};
}

pub(crate) use {behind_midreg, everywhere, tests_of};
