//! `OptionTags`: the value of Supported, Require, Proxy-Require or Unsupported
//! (RFC 3261 §20.37, §20.32, §20.29, §20.40).

use super::list::Elements;
use crate::charset::is_token;
use crate::error::{ParseError, ParseErrorKind};

/// The option tags of one header field; it may have none.
#[derive(Clone, Copy, Debug)]
pub struct OptionTags<'a>(&'a [u8]);

impl<'a> OptionTags<'a> {
    /// Parses a comma list of tokens.
    ///
    /// # Errors
    /// When an element is no token.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let sound = Elements::of(value).all(|tag| tag.iter().copied().all(is_token));
        sound
            .then_some(Self(value))
            .ok_or_else(|| ParseError::new(ParseErrorKind::BadToken, 0))
    }

    /// Whether `tag` is among them, in any case.
    pub fn contains(&self, tag: &str) -> bool {
        self.iter()
            .any(|own| own.eq_ignore_ascii_case(tag.as_bytes()))
    }

    /// The tags in order.
    pub fn iter(&self) -> Elements<'a> {
        Elements::of(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_in_any_case() {
        let tags = OptionTags::parse(b"path , Outbound,gruu").unwrap();
        assert!(tags.contains("outbound") && tags.contains("PATH"));
        assert!(!tags.contains("out"));
        assert_eq!(tags.iter().count(), 3);
        assert_eq!(OptionTags::parse(b"").unwrap().iter().count(), 0);
        assert!(OptionTags::parse(b"a b").is_err());
    }
}
