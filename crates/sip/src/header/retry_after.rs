//! `RetryAfter` (RFC 3261 §20.33).

use super::expires::DeltaSeconds;
use crate::cursor::Cursor;
use crate::error::{ParseError, ParseErrorKind};
use crate::number::parse_saturating;
use crate::params::{self, Params};

/// When to come back.
#[derive(Clone, Copy, Debug)]
pub struct RetryAfter<'a> {
    /// How long to wait.
    pub delay: DeltaSeconds,
    /// The parameters, `duration` among them.
    pub params: Params<'a>,
}

impl<'a> RetryAfter<'a> {
    /// Parses seconds, an optional comment and parameters.
    ///
    /// # Errors
    /// When there are no digits, or something else follows them.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(value);
        cursor.skip_space();
        let digits = cursor.take_while(|byte| byte.is_ascii_digit());
        let delay = parse_saturating(digits)
            .map(DeltaSeconds)
            .ok_or_else(|| cursor.error(ParseErrorKind::BadNumber))?;
        cursor.skip_space();
        if cursor.peek() == Some(b'(') {
            skip_comment(&mut cursor)?;
        }
        let params = params::read_all(&mut cursor, |_| ())?;
        Ok(Self { delay, params })
    }

    /// How long the callee will be reachable then.
    pub fn duration(&self) -> Option<DeltaSeconds> {
        let value = self.params.get("duration").flatten()?;
        DeltaSeconds::parse(value).ok()
    }
}

/// Comments nest and have escapes (RFC 3261 §25.1).
fn skip_comment(cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
    let mut depth = 0_usize;
    loop {
        match cursor.peek() {
            None => return Err(cursor.error(ParseErrorKind::UnbalancedQuotes)),
            Some(b'\\') => {
                cursor.take(1);
            }
            Some(b'(') => depth += 1,
            Some(b')') => depth -= 1,
            Some(_) => {}
        }
        cursor.take(1);
        if depth == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comment_and_duration_may_follow() {
        let after = RetryAfter::parse(b"120 (I'm (not \\)) here) ;duration=3600").unwrap();
        assert_eq!(after.delay, DeltaSeconds(120));
        assert_eq!(after.duration(), Some(DeltaSeconds(3600)));
        assert_eq!(RetryAfter::parse(b"18000").unwrap().duration(), None);
        for bad in ["", "x", "1 (x", "1 x", "1 (a))"] {
            assert!(RetryAfter::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
