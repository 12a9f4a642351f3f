//! `Guard`: whom a main registrar lets in (RFC 3261 §22, RFC 7616).

use std::collections::BTreeMap;

use engine::Mono;
use sip::header::auth::Credentials;
use sip::{Message, Name};

use super::PASSWORD;
use crate::digest;
use crate::personality::{Nonces, Personality, WrongPassword};

/// Whom a main registrar lets in.
#[derive(Debug)]
pub(super) struct Guard {
    passwords: BTreeMap<String, String>,
    nonces: BTreeMap<String, Nonce>,
    /// Tells its nonces from those of others.
    mark: u16,
    issued: u64,
}

/// A nonce that it issued.
#[derive(Debug)]
struct Nonce {
    at: Mono,
    /// The highest count that it was used with.
    count: u32,
}

/// What becomes of a request.
pub(super) enum Judgement {
    /// It is who it says.
    Welcome,
    /// It is asked for proof with this header line.
    Challenged(String),
    /// It is sent away.
    Forbidden,
}

impl Guard {
    /// One that issues nonces with this mark.
    pub(super) const fn new(mark: u16) -> Self {
        Self {
            passwords: BTreeMap::new(),
            nonces: BTreeMap::new(),
            mark,
            issued: 0,
        }
    }

    pub(super) fn set_password(&mut self, user: &str, password: &str) {
        self.passwords.insert(user.to_owned(), password.to_owned());
    }

    /// It restarts; passwords are kept elsewhere.
    pub(super) fn forget_all(&mut self) {
        self.nonces.clear();
    }

    /// Looks at what a request says of itself.
    pub(super) fn judge(
        &mut self,
        now: Mono,
        message: &Message<'_>,
        personality: &Personality,
    ) -> Judgement {
        for header in message.headers_named(Name::Authorization) {
            let Ok(own) = Credentials::parse(header.value) else {
                continue;
            };
            let text = |part: Option<&[u8]>| {
                String::from_utf8_lossy(part.unwrap_or_default()).into_owned()
            };
            let (nonce, count) = (text(own.nonce), text(own.nc));
            let count = u32::from_str_radix(&count, 16).unwrap_or(0);
            if !self.takes(now, &nonce, count, personality) {
                continue;
            }
            if self.is_right(header.value) {
                self.use_up(&nonce, count, personality.nonces);
                return Judgement::Welcome;
            }
            if personality.wrong_password == WrongPassword::Forbidden {
                return Judgement::Forbidden;
            }
        }
        Judgement::Challenged(self.challenge(now))
    }

    /// Whether a nonce may be used, and for the `count`th time.
    fn takes(&self, now: Mono, nonce: &str, count: u32, personality: &Personality) -> bool {
        let Some(issued) = self.nonces.get(nonce) else {
            return false;
        };
        let young = issued.at.plus_seconds(personality.nonce_life) > now;
        let rises = personality.nonces != Nonces::Counted || count > issued.count;
        young && rises
    }

    fn is_right(&self, value: &[u8]) -> bool {
        let password_of = |user: &str| {
            let own = self.passwords.get(user);
            own.cloned().unwrap_or_else(|| PASSWORD.to_owned())
        };
        digest::verify(value, password_of).is_some()
    }

    fn use_up(&mut self, nonce: &str, count: u32, rule: Nonces) {
        if rule == Nonces::OneTime {
            self.nonces.remove(nonce);
        } else if let Some(issued) = self.nonces.get_mut(nonce) {
            issued.count = issued.count.max(count);
        }
    }

    fn challenge(&mut self, now: Mono) -> String {
        self.issued += 1;
        let nonce = format!("{}-{}", self.mark, self.issued);
        let challenge = digest::challenge(&nonce);
        self.nonces.insert(nonce, Nonce { at: now, count: 0 });
        format!("WWW-Authenticate: {challenge}")
    }
}
