//! `UserAgent`: what software sent a message (RFC 3261 §20.41; Server §20.35 is the same).

use crate::charset::{is_token, trim};
use crate::error::{ParseError, ParseErrorKind};

/// The value of User-Agent or Server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserAgent<'a> {
    /// The whole value.
    pub text: &'a [u8],
    /// The first product's name; empty when the value does not start with a token.
    pub product: &'a [u8],
    /// What follows the first product's slash.
    pub version: Option<&'a [u8]>,
}

impl<'a> UserAgent<'a> {
    /// Takes the first product out of the value. Vendors write what they like, so anything goes.
    ///
    /// # Errors
    /// When there is nothing.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let text = trim(value);
        if text.is_empty() {
            return Err(ParseError::new(ParseErrorKind::Empty, 0));
        }
        let token = |from: usize| {
            let rest = text.get(from..).unwrap_or_default();
            let len = rest.iter().take_while(|byte| is_token(**byte)).count();
            rest.get(..len).unwrap_or_default()
        };
        let product = token(0);
        let version = (text.get(product.len()) == Some(&b'/')).then(|| token(product.len() + 1));
        Ok(Self {
            text,
            product,
            version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_product_is_taken_apart() {
        let agent = UserAgent::parse(b" Linphone/5.2.1 (Pixel) LinphoneSDK/5.3 ").unwrap();
        assert_eq!(agent.product, b"Linphone");
        assert_eq!(agent.version, Some(&b"5.2.1"[..]));
        let odd = UserAgent::parse(b"(x) y").unwrap();
        assert_eq!((odd.product, odd.version), (&b""[..], None));
        assert!(UserAgent::parse(b" ").is_err());
    }
}
