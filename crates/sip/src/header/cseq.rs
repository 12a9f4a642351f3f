//! `CSeq` (RFC 3261 §20.16, §8.1.1.5).

use crate::charset::Class;
use crate::cursor::Cursor;
use crate::error::{ParseError, ParseErrorKind};

/// A sequence number and a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// Below 2^31.
    pub number: u32,
    /// The method as it was written.
    pub method: &'a [u8],
}

impl<'a> CSeq<'a> {
    /// Parses a CSeq value.
    ///
    /// # Errors
    /// When it is no number and token, or the number is 2^31 or more.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(value);
        cursor.skip_space();
        let Some(number) = cursor.take_number() else {
            return Err(cursor.error(ParseErrorKind::BadCSeq));
        };
        if number >= 1 << 31 {
            return Err(cursor.error(ParseErrorKind::NumberTooLarge));
        }
        let gap = cursor.at();
        cursor.skip_space();
        if cursor.at() == gap {
            return Err(cursor.error(ParseErrorKind::BadCSeq));
        }
        let method = cursor.expect_run(Class::TOKEN, ParseErrorKind::BadCSeq)?;
        cursor.expect_end()?;
        Ok(Self { number, method })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_method() {
        let cseq = CSeq::parse(b"0009\r\n  INVITE").unwrap();
        assert_eq!((cseq.number, cseq.method), (9, &b"INVITE"[..]));
        assert_eq!(
            CSeq::parse(b"2147483647 X").unwrap().number,
            i32::MAX as u32
        );
    }

    #[test]
    fn two_to_the_31_is_too_much() {
        for text in ["2147483648 X", "36893488147419103232 X"] {
            let kind = CSeq::parse(text.as_bytes()).map_err(|error| error.kind);
            assert_eq!(kind, Err(ParseErrorKind::NumberTooLarge), "{text}");
        }
        for text in ["", "1", "1X", "X 1", "-1 X", "1 X Y", "1 <"] {
            assert!(CSeq::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
