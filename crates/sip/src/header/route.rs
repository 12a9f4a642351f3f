//! `Route`: an element of Route, Record-Route, Path (RFC 3327) or Service-Route (RFC 3608).

use super::name_addr::{Brackets, NameAddr};
use crate::error::{ParseError, ParseErrorKind};
use crate::params::Params;
use crate::uri::Uri;

/// One hop.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// The hop's URI, taken apart.
    pub uri: Uri<'a>,
    /// The parameters of the header field.
    pub params: Params<'a>,
}

impl<'a> Route<'a> {
    /// Parses one element.
    ///
    /// # Errors
    /// When the angle brackets are missing (RFC 3261 §20.34) or the URI is malformed.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let addr = NameAddr::parse(value)?;
        if addr.bracketed == Brackets::Absent {
            return Err(ParseError::new(ParseErrorKind::NeedsBrackets, 0));
        }
        Ok(Self {
            uri: Uri::parse(addr.uri)?,
            params: addr.params,
        })
    }

    /// Whether the hop is a loose router (RFC 3261 §16.4).
    pub fn is_loose(&self) -> bool {
        self.uri.params.contains("lr")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loose_routers_say_so_in_the_uri() {
        let loose = |text: &'static str| Route::parse(text.as_bytes()).unwrap().is_loose();
        assert!(loose("<sip:p1.example.com;lr>"));
        assert!(loose("<sip:p1.example.com;lr=on;x>;y"));
        assert!(!loose("<sip:p1.example.com>;lr"));
    }

    #[test]
    fn brackets_are_required() {
        assert!(Route::parse(b"sip:p1.example.com;lr").is_err());
        assert!(Route::parse(b"<p1.example.com>").is_err());
    }
}
