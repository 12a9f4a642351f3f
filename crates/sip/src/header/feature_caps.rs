//! `FeatureCaps`: capabilities that a proxy announces (RFC 6809; `+sip.pns` RFC 8599 §4.2).

use crate::cursor::Cursor;
use crate::error::{ParseError, ParseErrorKind};
use crate::params::{self, Params};

/// One element of a Feature-Caps header field: `*` and its indicators.
#[derive(Clone, Copy, Debug)]
pub struct FeatureCaps<'a> {
    /// The indicators, such as `+sip.pns="apns"`.
    pub params: Params<'a>,
}

impl<'a> FeatureCaps<'a> {
    /// Parses one element.
    ///
    /// # Errors
    /// When it does not start with `*` or an indicator is malformed.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(value);
        cursor.skip_space();
        if !cursor.eat(b'*') {
            return Err(cursor.error(ParseErrorKind::BadFeatureCaps));
        }
        let params = params::read_all(&mut cursor, |_| ())?;
        Ok(Self { params })
    }

    /// The value of an indicator without quotes and angle brackets; empty when it has none,
    /// `None` when it is absent.
    pub fn indicator(&self, name: &str) -> Option<&'a [u8]> {
        let param = self.params.iter().find(|param| param.is(name))?;
        Some(match param.unquoted() {
            [b'<', inner @ .., b'>'] => inner,
            plain => plain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indicators_are_read_without_their_wrapping() {
        let caps =
            FeatureCaps::parse(b"*;+sip.pns=\"apns\";+sip.pnsreg=\"130\";+g.x=\"<a b>\"").unwrap();
        assert_eq!(caps.indicator("+sip.pns"), Some(&b"apns"[..]));
        assert_eq!(caps.indicator("+SIP.PNSREG"), Some(&b"130"[..]));
        assert_eq!(caps.indicator("+g.x"), Some(&b"a b"[..]));
        assert_eq!(caps.indicator("+sip.vapid"), None);
        assert!(FeatureCaps::parse(b"+sip.pns").is_err());
    }
}
