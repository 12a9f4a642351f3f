//! Names on the way to the main registrar (R19), in requests that are no REGISTER: Request-URI, To and
//! From say a domain as it is called there; what comes back says it as the device did.

use sip::aor::AorBuf;
use sip::header::name_addr::NameAddr;
use sip::{Message, Name, Patch, Uri};

use crate::naming::domain_start;
use crate::policy::Policy;

/// A URI under the domain name that the main registrar uses; `None` where that is the one it has.
pub(crate) fn upstream(policy: &Policy, uri: &[u8]) -> Option<Vec<u8>> {
    let uri = Uri::parse(uri).ok().filter(Uri::is_sip)?;
    let (mut own, mut written) = (AorBuf::new(), AorBuf::new());
    policy.naming.aor(&uri, &mut own).ok()?;
    sip::aor::canonical(&uri, &mut written).ok()?;
    let meant = policy.upstream_aor(&own);
    let domain = meant.get(domain_start(&meant)..)?;
    if written.get(domain_start(&written)..)? == domain {
        return None;
    }
    let scheme_end = uri.text.iter().position(|byte| *byte == b':')? + 1;
    let user_end = match uri.user {
        Some(_) => uri.text.iter().position(|byte| *byte == b'@')? + 1,
        None => scheme_end,
    };
    let mut text = uri.text.get(..user_end)?.to_vec();
    text.extend_from_slice(domain);
    text.extend_from_slice(uri.params.as_bytes());
    Some(text)
}

/// Renames To and From of a request that goes to the main registrar; whether anything was renamed.
pub(crate) fn rename<'m>(
    patch: &mut Patch<'_, 'm>,
    message: &'m Message<'m>,
    policy: &Policy,
) -> bool {
    let mut renamed = false;
    for name in [Name::To, Name::From] {
        let Some(header) = message.header(name) else {
            continue;
        };
        let Ok(whom) = NameAddr::parse(header.value) else {
            continue;
        };
        if let Some(text) = upstream(policy, whom.uri)
            && let Some(span) = message.span_of(whom.uri)
        {
            patch.replace(span, text);
            renamed = true;
        }
    }
    renamed
}

/// Gives an answer back the names that its request had.
pub(crate) fn restore<'m>(
    patch: &mut Patch<'_, 'm>,
    answer: &'m Message<'m>,
    request: &Message<'_>,
) {
    for name in [Name::To, Name::From] {
        let whom = |message: &Message<'m>| {
            let header = message.header(name)?;
            Some(NameAddr::parse(header.value).ok()?.uri)
        };
        let asked = request
            .header(name)
            .and_then(|header| Some(NameAddr::parse(header.value).ok()?.uri.to_vec()));
        let (Some(theirs), Some(own)) = (whom(answer), asked) else {
            continue;
        };
        if theirs != own.as_slice()
            && let Some(span) = answer.span_of(theirs)
        {
            patch.replace(span, own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{DomainPolicy, Naming};

    fn policy() -> Policy {
        let domain = DomainPolicy {
            upstream_name: Some("pbx.local".into()),
            ..DomainPolicy::default()
        };
        Policy {
            naming: Naming {
                strip_prefixes: vec!["sip.".into()],
                ..Naming::default()
            },
            domains: vec![("example.org".into(), domain)],
            ..Policy::default()
        }
    }

    #[test]
    fn r19_a_call_names_the_domain_as_the_main_registrar_does() {
        let renamed = |uri: &str| {
            let text = upstream(&policy(), uri.as_bytes());
            text.map(|text| String::from_utf8(text).unwrap())
        };
        assert_eq!(
            renamed("sip:+49%2030:x@sip.example.org:5070;user=phone").as_deref(),
            Some("sip:+49%2030:x@pbx.local;user=phone")
        );
        assert_eq!(renamed("sip:example.org").as_deref(), Some("sip:pbx.local"));
        assert_eq!(renamed("sip:bob@elsewhere.example"), None);
        assert_eq!(renamed("tel:+123"), None);
    }

    #[test]
    fn r19_the_answer_has_the_names_of_the_request() {
        let request = Message::parse(
            b"INVITE sip:b@example.org SIP/2.0\r\nFrom: <sip:a@example.org>;tag=1\r\n\
            To: Bob <sip:b@example.org>\r\n\r\n",
        )
        .unwrap();
        let mut patch = Patch::new(&request);
        assert!(rename(&mut patch, &request, &policy()));
        let mut sent = Vec::new();
        patch.write(&mut sent);
        let sent = String::from_utf8(sent).unwrap();
        assert!(sent.contains("From: <sip:a@pbx.local>;tag=1\r\nTo: Bob <sip:b@pbx.local>\r\n"));
        let answer = sent
            .replace("INVITE sip:b@example.org SIP/2.0", "SIP/2.0 200 OK")
            .replace("pbx.local>\r\n\r\n", "pbx.local>;tag=2\r\n\r\n");
        let answer = Message::parse(answer.as_bytes()).unwrap();
        let mut patch = Patch::new(&answer);
        restore(&mut patch, &answer, &request);
        let mut told = Vec::new();
        patch.write(&mut told);
        let told = String::from_utf8(told).unwrap();
        assert!(
            told.contains("From: <sip:a@example.org>;tag=1\r\nTo: Bob <sip:b@example.org>;tag=2")
        );
    }
}
