//! `Cast`: who takes part in a scenario besides midreg and the main registrar.

use core::net::SocketAddr;

use crate::main_registrar::PASSWORD;

/// The phones of a scenario.
#[derive(Debug, Default)]
pub(super) struct Cast {
    phones: Vec<Phone>,
}

/// A phone.
#[derive(Clone, Debug)]
pub(super) struct Phone {
    /// As the scenario calls it.
    pub(super) name: String,
    /// Its AoR, `user@domain`.
    pub(super) aor: String,
    /// Where it is.
    pub(super) address: SocketAddr,
    /// How its messages come.
    pub(super) way: Way,
    /// Its password.
    pub(super) password: String,
}

/// How messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As datagrams.
    Udp,
    /// On a connection of its own.
    Tcp,
}

impl Cast {
    /// Understands `NAME is USER@DOMAIN at ADDRESS [over tcp] [password WORD]`.
    pub(super) fn join(&mut self, words: &[&str]) -> Result<(), String> {
        let [name, "is", aor, "at", address, options @ ..] = words else {
            return Err("write: phone NAME is USER@DOMAIN at ADDRESS:PORT".to_owned());
        };
        let parsed = address.parse();
        let mut phone = Phone {
            name: (*name).to_owned(),
            aor: (*aor).to_owned(),
            address: parsed.map_err(|_| format!("`{address}` is no address with a port"))?,
            way: Way::Udp,
            password: PASSWORD.to_owned(),
        };
        if !aor.contains('@') {
            return Err(format!("`{aor}` is no USER@DOMAIN"));
        }
        let mut options = options;
        while let [option, value, rest @ ..] = options {
            match (*option, *value) {
                ("over", "udp") => phone.way = Way::Udp,
                ("over", "tcp") => phone.way = Way::Tcp,
                ("password", word) => phone.password = word.to_owned(),
                _ => return Err(format!("`{option} {value}` is not known of phones")),
            }
            options = rest;
        }
        if let [left] = options {
            return Err(format!("`{left}` lacks its value"));
        }
        self.admit(phone)
    }

    /// The phones in the order of the file.
    pub(super) fn phones(&self) -> &[Phone] {
        &self.phones
    }

    /// The phone of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Phone> {
        self.phones.iter().find(|phone| phone.name == name)
    }

    /// The phone at this address.
    pub(super) fn at(&self, address: SocketAddr) -> Option<&Phone> {
        self.phones.iter().find(|phone| phone.address == address)
    }

    fn admit(&mut self, phone: Phone) -> Result<(), String> {
        if ["midreg", "main"].contains(&phone.name.as_str()) {
            return Err(format!("{} is no name for a phone", phone.name));
        }
        if self.named(&phone.name).is_some() || self.at(phone.address).is_some() {
            return Err("its name or its address is another phone's".to_owned());
        }
        self.phones.push(phone);
        Ok(())
    }
}
