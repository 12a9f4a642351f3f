//! `Allow`: the methods somebody takes (RFC 3261 §20.5).

use super::list::Elements;
use crate::charset::is_token;
use crate::error::{ParseError, ParseErrorKind};
use crate::method::Method;

/// The methods in one Allow header field.
#[derive(Clone, Copy, Debug)]
pub struct Allow<'a>(&'a [u8]);

impl<'a> Allow<'a> {
    /// Parses a comma list of tokens.
    ///
    /// # Errors
    /// When an element is no token.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let sound = Elements::of(value).all(|method| method.iter().copied().all(is_token));
        sound
            .then_some(Self(value))
            .ok_or_else(|| ParseError::new(ParseErrorKind::BadMethod, 0))
    }

    /// Whether `method` is among them. [`Method::Other`] never is.
    pub fn contains(&self, method: Method) -> bool {
        method != Method::Other && self.iter().any(|text| Method::from_bytes(text) == method)
    }

    /// The methods as they were written.
    pub fn iter(&self) -> Elements<'a> {
        Elements::of(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive() {
        let allow = Allow::parse(b"INVITE, ACK,NEW, message").unwrap();
        assert!(allow.contains(Method::Invite) && allow.contains(Method::Ack));
        assert!(!allow.contains(Method::Message) && !allow.contains(Method::Other));
        assert_eq!(allow.iter().count(), 4);
        assert!(Allow::parse(b"IN VITE").is_err());
    }
}
