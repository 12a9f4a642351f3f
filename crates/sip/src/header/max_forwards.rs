//! `MaxForwards` (RFC 3261 §20.22).

use crate::charset::trim;
use crate::error::{ParseError, ParseErrorKind};
use crate::number::parse_saturating;

/// How many more hops a request may take. The grammar's limit of 255 is not enforced: a larger
/// number (RFC 4475 §3.1.2.4) only has to be counted down, and 255 are plenty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxForwards(pub u8);

impl MaxForwards {
    /// Parses digits; more than 255 counts as 255.
    ///
    /// # Errors
    /// When there is anything but digits.
    pub fn parse(value: &[u8]) -> Result<Self, ParseError> {
        parse_saturating(trim(value))
            .map(|hops| Self(u8::try_from(hops).unwrap_or(u8::MAX)))
            .ok_or_else(|| ParseError::new(ParseErrorKind::BadNumber, 0))
    }

    /// One hop less, or `None` when none is left and the answer is 483.
    pub fn next(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_count_down_to_nothing() {
        assert_eq!(
            MaxForwards::parse(b"0068").unwrap().next(),
            Some(MaxForwards(67))
        );
        assert_eq!(MaxForwards::parse(b"0").unwrap().next(), None);
        assert_eq!(MaxForwards::parse(b"300"), Ok(MaxForwards(255)));
        assert!(MaxForwards::parse(b"-1").is_err());
    }
}
