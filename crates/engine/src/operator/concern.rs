//! `Concern`: whether a message is about one AoR, so that its traffic can be shown.

use sip::aor::AorBuf;
use sip::header::name_addr::NameAddr;
use sip::{Message, Name, Uri};

use crate::policy::Policy;

/// An AoR whose messages are wanted.
#[derive(Clone, Debug)]
pub struct Concern {
    aor: AorBuf,
}

impl Concern {
    /// That with the AoR which an operator writes as `user@host`; `None` if it is none.
    #[must_use]
    pub fn with(policy: &Policy, aor: &str) -> Option<Self> {
        let aor = policy.naming.written(aor)?;
        Some(Self { aor })
    }

    /// Whether From or To of a message is the AoR, under the name that devices use or under that
    /// which the main registrar does (R19). What is no message is about nobody.
    #[must_use]
    pub fn has(&self, policy: &Policy, datagram: &[u8]) -> bool {
        let Ok(message) = Message::parse(datagram) else {
            return false;
        };
        let upstream = policy.upstream_aor(&self.aor);
        let mut aor = AorBuf::new();
        [Name::From, Name::To].into_iter().any(|name| {
            let header = message.header(name);
            let address = header.and_then(|header| NameAddr::parse(header.value).ok());
            let uri = address.and_then(|address| Uri::parse(address.uri).ok());
            uri.is_some_and(|uri| policy.naming.aor(&uri, &mut aor).is_ok())
                && (aor == self.aor || aor == upstream)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::DomainPolicy;

    fn policy() -> Policy {
        let mut policy = Policy::default();
        let domain = DomainPolicy {
            upstream_name: Some("pbx.local".into()),
            ..DomainPolicy::default()
        };
        policy.domains = vec![("example.org".into(), domain)];
        policy.naming.strip_prefixes = vec!["sip.".into()];
        policy
    }

    fn message(from: &str, to: &str) -> String {
        format!(
            "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{from}>;tag=1\r\nTo: <sip:{to}>\r\nCall-ID: 1\r\n\
             CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    }

    #[test]
    fn a_message_concerns_whom_it_is_from_or_to_by_any_of_his_names() {
        let policy = policy();
        let alice = Concern::with(&policy, "alice@sip.example.org").unwrap();
        for (from, to, wanted) in [
            ("alice@example.org", "bob@example.org", true),
            ("bob@example.org", "alice@EXAMPLE.org:5070", true),
            ("bob@example.org", "alice@pbx.local", true),
            ("bob@example.org", "carol@example.org", false),
            ("alice@example.net", "bob@example.org", false),
        ] {
            let message = message(from, to);
            assert_eq!(
                alice.has(&policy, message.as_bytes()),
                wanted,
                "{from} {to}"
            );
        }
        assert!(!alice.has(&policy, b"\r\n\r\n"));
        assert!(Concern::with(&policy, "<nonsense>").is_none());
    }
}
