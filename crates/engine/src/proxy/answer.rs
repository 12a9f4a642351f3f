//! Answers on their way back: a branch's, with our Via off (RFC 3261 §16.7), and those that we make up
//! ourselves where there is none.

use sip::{Message, Name, Patch};

use crate::proxy::names;
use crate::proxy::outgoing;
use crate::registrar::without_first;

/// Appends a branch's answer as the caller gets it, with the names of `asked`, the request, where they
/// have to be put back. `challenges` are those of other branches, whole lines (RFC 3261 §16.7 step 7).
/// `None` when we were the one who asked: nothing is left of the Via.
pub(crate) fn write(
    answer: &Message<'_>,
    asked: Option<Message<'_>>,
    (status, challenges): (u16, &[u8]),
    out: &mut Vec<u8>,
) -> Option<()> {
    let top = answer.header(Name::Via)?;
    let mut patch = Patch::new(answer);
    match without_first(top.value) {
        Some(rest) => patch.replace_value(&top, rest),
        None => {
            answer.headers_named(Name::Via).nth(1)?;
            patch.remove_header(&top);
        }
    }
    if let Some(request) = &asked {
        names::restore(&mut patch, answer, request);
    }
    if answer.status() != Some(status) {
        status_line(&mut patch, answer, status);
    }
    if !challenges.is_empty() {
        patch.insert(answer.head_end(), challenges);
    }
    outgoing::length(&mut patch, answer);
    patch.write(out);
    Some(())
}

/// 503 speaks of the branch, not of us (RFC 3261 §16.7 step 6).
fn status_line(patch: &mut Patch<'_, '_>, answer: &Message<'_>, status: u16) {
    let first = answer.headers().next();
    let end = first.map_or_else(|| answer.head_end(), |header| header.line.start);
    let mut line = b"SIP/2.0 ".to_vec();
    sip::number::push_decimal(&mut line, status.into());
    line.extend_from_slice(b" Server Internal Error\r\n");
    patch.replace(sip::Span { start: 0, end }, line);
}

/// Appends the challenges of an answer, whole lines.
pub(crate) fn push_challenges(answer: &Message<'_>, out: &mut Vec<u8>) {
    for name in [Name::WwwAuthenticate, Name::ProxyAuthenticate] {
        for header in answer.headers_named(name) {
            out.extend_from_slice(answer.slice(header.line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answer: &str, status: u16, challenges: &str) -> Option<String> {
        let answer = answer.replace('\n', "\r\n");
        let answer = Message::parse(answer.as_bytes()).unwrap();
        let mut out = Vec::new();
        write(&answer, None, (status, challenges.as_bytes()), &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn r3261_16_25_our_via_comes_off_and_nothing_else() {
        let rest = "Record-Route: <sip:x;lr>\r\nX: y\r\nl: 4\r\n\r\nbody";
        for vias in ["Via: us, them\n", "Via: us\nv: them\n"] {
            let answer =
                format!("SIP/2.0 180 Ringing\n{vias}Record-Route: <sip:x;lr>\nX: y\nl: 4\n\nbody");
            let told = told(&answer, 180, "").unwrap();
            assert!(told.starts_with("SIP/2.0 180 Ringing\r\n"), "{told}");
            assert!(
                !told.contains("us") && told.contains(": them\r\n"),
                "{told}"
            );
            assert!(told.ends_with(rest), "{told}");
        }
        assert_eq!(told("SIP/2.0 200 OK\nVia: us\n\n", 200, ""), None);
    }

    #[test]
    fn r3261_16_30_a_503_is_told_as_500() {
        let answer = "SIP/2.0 503 Service Unavailable\nVia: us, them\nRetry-After: 5\n\n";
        let told = told(answer, 500, "").unwrap();
        assert!(
            told.starts_with("SIP/2.0 500 Server Internal Error\r\nVia: them\r\n"),
            "{told}"
        );
    }

    #[test]
    fn r3261_16_32_challenges_are_merged() {
        let one = "SIP/2.0 401 Unauthorized\nVia: us, them\nl: 0\nWWW-Authenticate: Digest a\n\n";
        let told = told(one, 401, "WWW-Authenticate: Digest b\r\n").unwrap();
        assert!(
            told.contains("Digest a\r\nWWW-Authenticate: Digest b\r\n\r\n"),
            "{told}"
        );
    }
}
