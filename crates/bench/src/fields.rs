//! Finding the few fields of a SIP message that the harness needs. Deliberately independent of the parser
//! under test and tolerant: what is not found is `None`, nothing is ever rejected here.

/// Header fields in order, as (name, trimmed value); folded lines (RFC 3261 §7.3.1) belong to the value.
pub fn headers(message: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = after_line(message).1;
    std::iter::from_fn(move || {
        loop {
            let (field, after) = logical_line(rest);
            rest = after;
            if field.is_empty() {
                return None;
            }
            if let Some(colon) = field.iter().position(|b| *b == b':') {
                return Some((field[..colon].trim_ascii(), field[colon + 1..].trim_ascii()));
            }
        }
    })
}

/// The first line of the message without its end.
pub fn start_line(message: &[u8]) -> &[u8] {
    after_line(message).0
}

/// The value of the first field called `name` or, where it has one, its compact form (RFC 3261 §7.3.3).
pub fn header<'a>(message: &'a [u8], name: &str) -> Option<&'a [u8]> {
    headers(message)
        .find(|(found, _)| is_named(found, name))
        .map(|(_, value)| value)
}

/// Whether a field name means `name`, in long or compact form, in any case.
pub fn is_named(found: &[u8], name: &str) -> bool {
    found.eq_ignore_ascii_case(name.as_bytes())
        || (found.len() == 1 && compact(name).is_some_and(|c| found[0].eq_ignore_ascii_case(&c)))
}

/// The status of a response; `None` for anything else.
pub fn status(message: &[u8]) -> Option<u16> {
    let code = message.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
    std::str::from_utf8(code).ok()?.parse().ok()
}

/// The elements of a comma-separated value, trimmed; commas in quotes and angle brackets do not separate.
pub fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_outside(value, b',')
}

/// Splits at `separator` outside quoted strings and angle brackets; empty parts are left out.
pub fn split_outside(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = find_outside(rest, separator).unwrap_or(rest.len());
            let part = rest[..end].trim_ascii();
            rest = rest.get(end + 1..).unwrap_or_default();
            if !part.is_empty() {
                return Some(part);
            }
        }
        None
    })
}

/// Position of the first `wanted` byte outside quoted strings and angle brackets.
pub fn find_outside(value: &[u8], wanted: u8) -> Option<usize> {
    let (mut quoted, mut bracketed, mut escaped) = (false, false, false);
    for (at, byte) in value.iter().enumerate() {
        if escaped {
            escaped = false;
        } else if quoted {
            match byte {
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else if *byte == wanted && !bracketed {
            return Some(at);
        } else {
            match byte {
                b'"' => quoted = true,
                b'<' => bracketed = true,
                b'>' => bracketed = false,
                _ => {}
            }
        }
    }
    None
}

/// Whether one `;`-parameter is called `name`; its value without surrounding quotes (empty for a flag).
pub fn named_value<'a>(param: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (key, value) = match param.iter().position(|b| *b == b'=') {
        Some(at) => (&param[..at], &param[at + 1..]),
        None => (param, &param[..0]),
    };
    key.trim_ascii()
        .eq_ignore_ascii_case(name.as_bytes())
        .then(|| unquoted(value.trim_ascii()))
}

/// A decimal number that fills all of `text`.
pub fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Position of `needle` in `haystack`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn unquoted(value: &[u8]) -> &[u8] {
    value
        .strip_prefix(b"\"")
        .and_then(|v| v.strip_suffix(b"\""))
        .unwrap_or(value)
}

/// Compact forms of the fields that are looked up here.
fn compact(name: &str) -> Option<u8> {
    Some(match name {
        "Via" => b'v',
        "From" => b'f',
        "To" => b't',
        "Call-ID" => b'i',
        "Contact" => b'm',
        _ => return None,
    })
}

/// The first line without its end, and what follows it.
fn after_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|b| *b == b'\n') {
        Some(at) => (
            bytes[..at].strip_suffix(b"\r").unwrap_or(&bytes[..at]),
            &bytes[at + 1..],
        ),
        None => (bytes, &bytes[bytes.len()..]),
    }
}

/// A header line with its continuation lines, and what follows.
fn logical_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, mut rest) = after_line(bytes);
    if line.is_empty() {
        return (line, rest);
    }
    let mut end = line.len();
    while matches!(rest.first(), Some(b' ' | b'\t')) {
        let (folded, after) = after_line(rest);
        end = bytes.len() - rest.len() + folded.len();
        rest = after;
    }
    (&bytes[..end], rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a;branch=z\r\nSubject: one\r\n two\r\n\
        Contact: \"x, y\" <sip:a@b;p=1,2>;q=0.5 , <sip:c@d>\r\nCONTENT-length : 0\r\n\r\nContact: body\r\n";

    #[test]
    fn long_compact_folded_and_spaced_names() {
        assert_eq!(status(MESSAGE), Some(200));
        assert_eq!(start_line(MESSAGE), b"SIP/2.0 200 OK");
        assert_eq!(header(MESSAGE, "Via"), Some(&b"SIP/2.0/UDP a;branch=z"[..]));
        assert_eq!(header(MESSAGE, "Subject"), Some(&b"one\r\n two"[..]));
        assert_eq!(header(MESSAGE, "Content-Length"), Some(&b"0"[..]));
        assert_eq!(header(MESSAGE, "Expires"), None);
        assert_eq!(headers(MESSAGE).count(), 4, "the body is not searched");
    }

    #[test]
    fn commas_in_quotes_and_brackets_do_not_separate() {
        let parts: Vec<_> = elements(header(MESSAGE, "Contact").unwrap()).collect();
        assert_eq!(
            parts,
            [&b"\"x, y\" <sip:a@b;p=1,2>;q=0.5"[..], b"<sip:c@d>"]
        );
        assert_eq!(find_outside(br#""a\";b";c"#, b';'), Some(7));
    }

    #[test]
    fn parameters() {
        assert_eq!(named_value(b"Expires = 60", "expires"), Some(&b"60"[..]));
        assert_eq!(named_value(b"rport", "rport"), Some(&b""[..]));
        assert_eq!(named_value(b"realm=\"a b\"", "realm"), Some(&b"a b"[..]));
        assert_eq!(named_value(b"realmx=1", "realm"), None);
        assert_eq!(number(b"3600"), Some(3600));
        assert_eq!(number(b"36x"), None);
    }

    #[test]
    fn truncated_input_is_no_trouble() {
        for end in 0..MESSAGE.len() {
            let part = &MESSAGE[..end];
            assert!(headers(part).count() <= 4);
            assert_eq!(status(part).is_some(), end >= 11);
        }
    }
}
