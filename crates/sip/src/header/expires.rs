//! `DeltaSeconds`: the value of Expires, Min-Expires and of `expires` in a Contact
//! (RFC 3261 §20.19, §20.23).

use crate::charset::trim;
use crate::error::{ParseError, ParseErrorKind};
use crate::number::parse_saturating;

/// A duration in whole seconds. A larger one than fits becomes 2^32-1, the largest the grammar
/// knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeltaSeconds(pub u32);

impl DeltaSeconds {
    /// Parses digits; white space around them is ignored.
    ///
    /// # Errors
    /// When there is anything but digits. RFC 3261 §10.2.1.1 takes a malformed value for 3600,
    /// which is for the registrar to do.
    pub fn parse(value: &[u8]) -> Result<Self, ParseError> {
        parse_saturating(trim(value))
            .map(Self)
            .ok_or_else(|| ParseError::new(ParseErrorKind::BadNumber, 0))
    }

    /// The number of seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_only_and_saturating() {
        assert_eq!(DeltaSeconds::parse(b" 0060 "), Ok(DeltaSeconds(60)));
        assert_eq!(
            DeltaSeconds::parse(b"280297596632815"),
            Ok(DeltaSeconds(u32::MAX))
        );
        for bad in ["", "-1", "1.5", "60s", "Thu, 01 Dec 1994 16:00:00 GMT"] {
            assert!(DeltaSeconds::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
