//! `Via` (RFC 3261 §20.42; `rport` RFC 3581, `alias` RFC 5923, `keep` RFC 6223, `oc` RFC 7339).

use core::net::IpAddr;

use crate::charset::Class;
use crate::cursor::Cursor;
use crate::error::{ParseError, ParseErrorKind};
use crate::host::{Host, parse_port, read_host_port};
use crate::params::{self, Param, Params};

/// What a branch starts with when RFC 3261's rules apply to it (§8.1.1.7).
pub const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// One element of a Via header field.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, `WS`, `WSS` or anything else, as it was written.
    pub transport: &'a [u8],
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The host as it was written, brackets included.
    pub host_text: &'a [u8],
    /// The port of sent-by.
    pub port: Option<u16>,
    /// All parameters.
    pub params: Params<'a>,
    branch: Option<&'a [u8]>,
    received: Option<Option<&'a [u8]>>,
    rport: Option<Option<u16>>,
}

impl<'a> Via<'a> {
    /// Parses one element.
    ///
    /// # Errors
    /// When a part is missing or malformed, an empty parameter included.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(value);
        let transport = read_transport(&mut cursor)?;
        let (host_text, host, port) = read_host_port(&mut cursor)?;
        let mut known = Known::default();
        let params = params::read_all(&mut cursor, |param| known.see(param))?;
        let rport = match known.rport {
            None => None,
            Some(None | Some([])) => Some(None),
            Some(Some(digits)) => match parse_port(digits) {
                Some(port) => Some(Some(port)),
                None => return Err(cursor.error(ParseErrorKind::BadPort)),
            },
        };
        Ok(Self {
            transport,
            host,
            host_text,
            port,
            params,
            branch: known.branch.flatten(),
            received: known.received,
            rport,
        })
    }

    /// The branch, cookie included.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.branch
    }

    /// The branch, if it has the magic cookie and something after it (RFC 4475 §3.3.1).
    pub fn branch_3261(&self) -> Option<&'a [u8]> {
        self.branch.filter(|branch| {
            branch.len() > MAGIC_COOKIE.len()
                && branch
                    .get(..MAGIC_COOKIE.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(MAGIC_COOKIE))
        })
    }

    /// The value of `received` as it was written.
    pub fn received(&self) -> Option<&'a [u8]> {
        self.received.flatten()
    }

    /// The address in `received`; IPv6 is accepted with and without brackets (RFC 5118 §4.5).
    pub fn received_ip(&self) -> Option<IpAddr> {
        self.received().and_then(Host::parse_received)
    }

    /// `None` when there is no `rport`, `Some(None)` when it waits to be filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.rport
    }

    /// Whether the element already says, truly or not, where its request came from.
    pub(crate) fn is_stamped(&self) -> bool {
        self.received.is_some() || self.rport.is_some()
    }

    /// The value of `maddr`.
    pub fn maddr(&self) -> Option<&'a [u8]> {
        self.params.get("maddr").flatten()
    }

    /// Whether the sender offers its connection for requests (RFC 5923).
    pub fn alias(&self) -> bool {
        self.params.contains("alias")
    }

    /// `None` when there is no `keep`, `Some(None)` when the sender asks for an interval
    /// (RFC 6223).
    pub fn keep(&self) -> Option<Option<&'a [u8]>> {
        self.params.get("keep")
    }
}

/// The first parameter of each name of interest, which may be without a value.
#[derive(Default)]
struct Known<'a> {
    branch: Option<Option<&'a [u8]>>,
    received: Option<Option<&'a [u8]>>,
    rport: Option<Option<&'a [u8]>>,
}

impl<'a> Known<'a> {
    fn see(&mut self, param: Param<'a>) {
        let slot = match param.name.len() {
            6 if param.is("branch") => &mut self.branch,
            8 if param.is("received") => &mut self.received,
            5 if param.is("rport") => &mut self.rport,
            _ => return,
        };
        slot.get_or_insert(param.value);
    }
}

/// Reads `SIP / 2.0 / transport` and the white space that has to follow.
fn read_transport<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], ParseError> {
    if cursor.eat_all(b"SIP/2.0/") {
        cursor.skip_space();
    } else {
        skip_protocol(cursor)?;
    }
    let transport = cursor.expect_run(Class::TOKEN, ParseErrorKind::BadVia)?;
    let gap = cursor.at();
    cursor.skip_space();
    if cursor.at() == gap {
        return Err(cursor.error(ParseErrorKind::BadVia));
    }
    Ok(transport)
}

/// The general form of `SIP/2.0/`, with white space.
fn skip_protocol(cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
    cursor.skip_space();
    cursor.expect_run(Class::TOKEN, ParseErrorKind::BadVia)?;
    cursor.expect_spaced(b'/', ParseErrorKind::BadVia)?;
    cursor.expect_run(Class::TOKEN, ParseErrorKind::BadVia)?;
    cursor.expect_spaced(b'/', ParseErrorKind::BadVia)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(text: &str) -> Via<'_> {
        Via::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_parameters_that_route_responses_are_found() {
        let via = via("SIP/2.0/UDP 10.0.0.7:5062;rport;branch=z9hG4bK87a;alias");
        assert_eq!(via.transport, b"UDP");
        assert_eq!(via.host.ip(), "10.0.0.7".parse().ok());
        assert_eq!(via.port, Some(5062));
        assert_eq!(via.branch(), Some(&b"z9hG4bK87a"[..]));
        assert_eq!(via.rport(), Some(None));
        assert_eq!(via.received(), None);
        assert!(via.alias());
    }

    #[test]
    fn filled_in_parameters_are_read() {
        let via = via("SIP/2.0/TCP h.org;branch=z9hG4bKx;received=192.0.2.1;rport=9988");
        assert_eq!(via.received_ip(), "192.0.2.1".parse().ok());
        assert_eq!(via.rport(), Some(Some(9988)));
        assert_eq!(via.port, None);
    }

    #[test]
    fn white_space_is_allowed_nearly_everywhere() {
        let via = via("SIP  /    2.0   / UDP  [2001:db8::9:1] : 5060  ; branch=\r\n z9hG4bK30239");
        assert_eq!(via.host_text, b"[2001:db8::9:1]");
        assert_eq!(via.port, Some(5060));
        assert_eq!(via.branch_3261(), Some(&b"z9hG4bK30239"[..]));
    }

    #[test]
    fn the_first_of_two_equal_names_counts() {
        let via = via("SIP/2.0/UDP h;branch=1;branch=2;received;received=192.0.2.1;rport;rport=1");
        assert_eq!(via.branch(), Some(&b"1"[..]));
        assert_eq!((via.received(), via.rport()), (None, Some(None)));
    }

    #[test]
    fn a_bare_cookie_is_no_branch_of_rfc_3261() {
        assert_eq!(via("SIP/2.0/UDP h;branch=z9hG4bK").branch_3261(), None);
        assert_eq!(via("SIP/2.0/UDP h;branch=390skdjuw").branch_3261(), None);
    }

    #[test]
    fn malformed_elements_are_refused() {
        for text in [
            "",
            "SIP/2.0",
            "SIP/2.0/UDP",
            "SIP/2.0/UDPh",
            "SIP/2.0/UDP ;branch=x",
            "SIP/2.0/UDP h;;branch=x",
            "SIP/2.0/UDP h;rport=x",
            "SIP/2.0/UDP h:99999",
            "SIP/2.0/UDP 2001:db8::1",
            "SIP/2.0/UDP h x",
        ] {
            assert!(Via::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
