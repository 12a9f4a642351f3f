//! The names of AoRs (R19): what devices call themselves, to the one name under which they are kept
//! here, and on to the name that the main registrar uses.

use sip::Uri;
use sip::aor::{AorBuf, AorError};

use crate::policy::{Naming, Policy};

impl Naming {
    /// Writes the AoR that a device means by `uri` over what `out` held: in canonical form (RFC 3261
    /// §10.3 step 5), under its domain's own name.
    ///
    /// # Errors
    /// When `uri` is no SIP or SIPS URI.
    pub fn aor(&self, uri: &Uri<'_>, out: &mut AorBuf) -> Result<(), AorError> {
        sip::aor::canonical_with(uri, self.user_case, out)?;
        if self.strip_prefixes.is_empty() && self.aliases.is_empty() {
            return Ok(());
        }
        let start = domain_start(out);
        let domain: AorBuf = out.get(start..).unwrap_or_default().into();
        let name = self.domain(&domain);
        if name != domain.as_slice() {
            out.truncate(start);
            out.extend_from_slice(name);
        }
        Ok(())
    }

    /// The AoR that an operator means by `text`: `user@host`, with or without a scheme.
    #[must_use]
    pub fn written(&self, text: &str) -> Option<AorBuf> {
        let bare = text.strip_prefix("sip:").unwrap_or(text);
        let uri = format!("sip:{bare}");
        let mut canonical = AorBuf::new();
        self.aor(&Uri::parse(uri.as_bytes()).ok()?, &mut canonical)
            .ok()?;
        Some(canonical)
    }

    /// The name under which a domain is kept.
    fn domain<'a>(&'a self, domain: &'a [u8]) -> &'a [u8] {
        let stripped = self
            .strip_prefixes
            .iter()
            .find_map(|prefix| domain.strip_prefix(prefix.as_bytes()))
            .filter(|rest| !rest.is_empty())
            .unwrap_or(domain);
        let found = self
            .aliases
            .binary_search_by(|(other, _)| other.as_bytes().cmp(stripped));
        match found.ok().and_then(|at| self.aliases.get(at)) {
            Some((_, name)) => name.as_bytes(),
            None => stripped,
        }
    }
}

impl Policy {
    /// The AoR as the main registrar knows it.
    pub(crate) fn upstream_aor(&self, aor: &[u8]) -> AorBuf {
        let mut own: AorBuf = aor.into();
        if let Some(name) = &self.of(aor).upstream_name {
            own.truncate(domain_start(aor));
            own.extend_from_slice(name.as_bytes());
        }
        own
    }
}

/// Where the domain of an AoR begins.
pub(crate) fn domain_start(aor: &[u8]) -> usize {
    aor.iter()
        .rposition(|byte| *byte == b'@')
        .map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use sip::aor::UserCase;

    use super::*;
    use crate::policy::DomainPolicy;

    fn name(naming: &Naming, uri: &str) -> String {
        let mut aor = AorBuf::new();
        naming
            .aor(&Uri::parse(uri.as_bytes()).unwrap(), &mut aor)
            .unwrap();
        String::from_utf8(aor.to_vec()).unwrap()
    }

    #[test]
    fn r19_prefixes_aliases_and_case_lead_to_one_name() {
        let naming = Naming {
            strip_prefixes: vec!["sip.".into()],
            aliases: vec![("10.0.0.1".into(), "example.org".into())],
            user_case: UserCase::Fold,
        };
        for uri in [
            "sip:Alice@example.org",
            "sip:alice@SIP.example.org:5080",
            "sips:ALICE@10.0.0.1;transport=tcp",
        ] {
            assert_eq!(name(&naming, uri), "alice@example.org");
        }
        assert_eq!(name(&naming, "sip:a@sip."), "a@sip");
        assert_eq!(
            name(&Naming::default(), "sip:A@sip.Example.org"),
            "A@sip.example.org"
        );
    }

    #[test]
    fn r19_the_main_registrar_hears_its_own_name() {
        let mut policy = Policy::default();
        let domain = DomainPolicy {
            upstream_name: Some("pbx.local".into()),
            ..DomainPolicy::default()
        };
        policy.domains = vec![("example.org".into(), domain)];
        assert_eq!(
            policy.upstream_aor(b"alice@example.org").as_slice(),
            b"alice@pbx.local"
        );
        assert_eq!(
            policy.upstream_aor(b"alice@example.net").as_slice(),
            b"alice@example.net"
        );
    }
}
