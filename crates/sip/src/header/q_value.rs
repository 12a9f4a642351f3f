//! `QValue`: the preference of a Contact (RFC 3261 §20.10).

use crate::error::{ParseError, ParseErrorKind};

/// A preference in thousandths, 0 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QValue(pub u16);

impl QValue {
    /// The highest preference.
    pub const ONE: Self = Self(1000);

    /// Parses `0`, `1`, `0.ddd` or `1.000`. A missing zero before the point is let pass.
    ///
    /// # Errors
    /// When there is anything else, or more than three decimals.
    pub fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let bad = ParseError::new(ParseErrorKind::BadNumber, 0);
        let (whole, decimals) = match memchr::memchr(b'.', value) {
            Some(point) => (
                value.get(..point).unwrap_or_default(),
                value.get(point + 1..).unwrap_or_default(),
            ),
            None => (value, &[][..]),
        };
        let ones = match (whole, decimals) {
            (b"0", _) => 0,
            ([], [_, ..]) => 0,
            (b"1", _) => 1000,
            _ => return Err(bad),
        };
        if decimals.len() > 3 || !decimals.iter().all(u8::is_ascii_digit) {
            return Err(bad);
        }
        let places = [100, 10, 1];
        let thousandths: u16 = decimals
            .iter()
            .zip(places)
            .map(|(digit, place)| u16::from(digit - b'0') * place)
            .sum();
        match ones + thousandths {
            total @ 0..=1000 => Ok(Self(total)),
            _ => Err(bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths() {
        for (text, expected) in [
            ("0", 0),
            ("1", 1000),
            ("0.5", 500),
            ("0.33", 330),
            ("1.000", 1000),
            ("0.", 0),
            (".7", 700),
        ] {
            assert_eq!(
                QValue::parse(text.as_bytes()),
                Ok(QValue(expected)),
                "{text}"
            );
        }
        for bad in ["", ".", "2", "1.1", "0.1234", "-0.1", "0,5", "01"] {
            assert!(QValue::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
