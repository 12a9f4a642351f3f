//! `Contact` (RFC 3261 §20.10; `+sip.instance` and `reg-id` RFC 5626 §4).

use super::expires::DeltaSeconds;
use super::name_addr::NameAddr;
use super::q_value::QValue;
use crate::error::ParseError;
use crate::number::parse_decimal;
use crate::params::{Param, unquote};

/// One element of a Contact header field.
#[derive(Clone, Copy, Debug)]
pub enum Contact<'a> {
    /// `*`: all of them (RFC 3261 §10.2.2).
    Star,
    /// One address.
    Addr(ContactAddr<'a>),
}

/// An address with the parameters that a registrar looks at.
#[derive(Clone, Copy, Debug)]
pub struct ContactAddr<'a> {
    /// The address with all its parameters.
    pub addr: NameAddr<'a>,
    /// The lifetime asked for or granted; `None` also when it is malformed.
    pub expires: Option<DeltaSeconds>,
    /// `expires` as it was written.
    pub expires_text: Option<&'a [u8]>,
    /// The preference; `None` also when it is malformed.
    pub q: Option<QValue>,
    /// The instance without quotes and angle brackets, such as `urn:uuid:…`.
    pub instance: Option<&'a [u8]>,
    /// The flow's number within the instance, at least 1.
    pub reg_id: Option<u32>,
    /// Whether one of these parameters is there more than once, which RFC 3261 §7.3.1 forbids; the
    /// first counts.
    pub ambiguous: bool,
}

impl<'a> Contact<'a> {
    /// Parses one element.
    ///
    /// # Errors
    /// As [`NameAddr::parse`].
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        if value == b"*" {
            return Ok(Self::Star);
        }
        ContactAddr::parse(value).map(Self::Addr)
    }
}

impl<'a> ContactAddr<'a> {
    /// Parses one element that is not `*`.
    ///
    /// # Errors
    /// As [`NameAddr::parse`].
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let mut known = Known::default();
        let addr = NameAddr::parse_with(value, |param| known.see(param))?;
        Ok(Self {
            addr,
            expires: known
                .expires
                .and_then(|text| DeltaSeconds::parse(text).ok()),
            expires_text: known.expires,
            q: known.q.and_then(|text| QValue::parse(text).ok()),
            instance: known.instance.map(without_angles),
            reg_id: known.reg_id.and_then(parse_reg_id),
            ambiguous: known.ambiguous,
        })
    }

    /// Whether `expires` is there and no number; RFC 3261 §10.2.1.1 takes that for 3600.
    pub fn expires_malformed(&self) -> bool {
        self.expires_text.is_some() && self.expires.is_none()
    }
}

/// The first value of each parameter of interest.
#[derive(Default)]
struct Known<'a> {
    expires: Option<&'a [u8]>,
    q: Option<&'a [u8]>,
    instance: Option<&'a [u8]>,
    reg_id: Option<&'a [u8]>,
    ambiguous: bool,
}

impl<'a> Known<'a> {
    fn see(&mut self, param: Param<'a>) {
        let slot = match param.name.len() {
            1 if param.is("q") => &mut self.q,
            6 if param.is("reg-id") => &mut self.reg_id,
            7 if param.is("expires") => &mut self.expires,
            13 if param.is("+sip.instance") => &mut self.instance,
            _ => return,
        };
        match slot {
            Some(_) => self.ambiguous = true,
            None => *slot = Some(unquote(param.value.unwrap_or_default())),
        }
    }
}

/// The bare instance within the value of a `+sip.instance` parameter.
pub fn instance_text(value: &[u8]) -> &[u8] {
    without_angles(unquote(value))
}

/// The number in the value of a `reg-id` parameter.
pub fn reg_id_number(value: &[u8]) -> Option<u32> {
    parse_reg_id(unquote(value))
}

fn without_angles(text: &[u8]) -> &[u8] {
    match text {
        [b'<', inner @ .., b'>'] => inner,
        _ => text,
    }
}

fn parse_reg_id(text: &[u8]) -> Option<u32> {
    parse_decimal(text)
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> ContactAddr<'_> {
        match Contact::parse(text.as_bytes()).unwrap() {
            Contact::Addr(addr) => addr,
            Contact::Star => panic!("{text} is an address"),
        }
    }

    #[test]
    fn the_registrars_parameters_are_read_in_one_go() {
        let contact = addr(
            "<sip:a@192.0.2.1:5070;ob>;reg-id=2;+sip.instance=\"<urn:uuid:00-01>\";q=0.7;expires=\"300\"",
        );
        assert_eq!(contact.addr.uri, b"sip:a@192.0.2.1:5070;ob");
        assert_eq!(contact.expires, Some(DeltaSeconds(300)));
        assert_eq!(contact.q, Some(QValue(700)));
        assert_eq!(contact.instance, Some(&b"urn:uuid:00-01"[..]));
        assert_eq!(contact.reg_id, Some(2));
    }

    #[test]
    fn the_instance_is_the_same_with_and_without_brackets() {
        assert_eq!(
            addr("<sip:a@b>;+sip.instance=\"urn:x\"").instance,
            addr("<sip:a@b>;+SIP.INSTANCE=\"<urn:x>\"").instance,
        );
    }

    #[test]
    fn without_brackets_expires_is_the_headers() {
        let contact = addr("sip:a@b;expires=5");
        assert_eq!(contact.addr.uri, b"sip:a@b");
        assert_eq!(contact.expires, Some(DeltaSeconds(5)));
        assert_eq!(addr("<sip:a@b;expires=5>").expires, None);
    }

    #[test]
    fn malformed_values_are_told_from_absent_ones() {
        let contact = addr("<sip:a@b>;expires=soon;q=9;reg-id=0");
        assert!(contact.expires_malformed());
        assert_eq!(
            (contact.expires, contact.q, contact.reg_id),
            (None, None, None)
        );
        assert!(!addr("<sip:a@b>").expires_malformed());
    }

    #[test]
    fn a_star_is_only_a_star() {
        assert!(matches!(Contact::parse(b"*"), Ok(Contact::Star)));
        assert!(Contact::parse(b"*;expires=0").is_err());
    }
}
