//! Names on the way to the main registrar (R19): Request-URI, To and From as it writes them. On the
//! way back the device reads what it wrote itself.

use sip::aor::AorBuf;
use sip::header::name_addr::NameAddr;
use sip::{Message, Name, Patch, Uri};

use crate::naming::domain_start;
use crate::policy::Policy;

/// Another name for the AoR of a request.
#[derive(Debug)]
pub(crate) struct Rename<'a> {
    policy: &'a Policy,
    /// Under which it is kept here.
    aor: &'a [u8],
    /// As the main registrar has it.
    upstream: AorBuf,
}

impl<'a> Rename<'a> {
    /// What is to be renamed in a request about `aor`; `None` when the main registrar uses the
    /// device's own words.
    pub(crate) fn of(policy: &'a Policy, aor: &'a [u8], message: &Message<'_>) -> Option<Self> {
        let rename = Self {
            policy,
            aor,
            upstream: policy.upstream_aor(aor),
        };
        rename.is_needed(message).then_some(rename)
    }

    /// Whether one of the three names the AoR, or its domain, in other words than the main
    /// registrar's.
    fn is_needed(&self, message: &Message<'_>) -> bool {
        let mut own = AorBuf::new();
        let mut differs =
            |uri: &Uri<'_>| sip::aor::canonical(uri, &mut own).is_ok() && own != self.upstream;
        let named = [Name::To, Name::From].into_iter().any(|name| {
            let uri = uri_of(message, name).and_then(|uri| Uri::parse(uri).ok());
            uri.is_some_and(|uri| self.names_aor(&uri) && differs(&uri))
        });
        let line = message.request().and_then(|line| Uri::parse(line.uri).ok());
        named || line.is_some_and(|uri| self.names_domain(&uri))
    }

    /// Whether a Request-URI means the AoR's domain, but does not call it as the main registrar does.
    fn names_domain(&self, uri: &Uri<'_>) -> bool {
        let (mut meant, mut written) = (AorBuf::new(), AorBuf::new());
        let domain = |aor: &[u8]| aor.get(domain_start(aor)..).map(<[u8]>::to_vec);
        self.policy.naming.aor(uri, &mut meant).is_ok()
            && sip::aor::canonical(uri, &mut written).is_ok()
            && domain(&meant) == domain(self.aor)
            && domain(&written) != domain(&self.upstream)
    }

    /// The Request-URI as it goes upstream.
    pub(crate) fn target(&self, message: &Message<'_>) -> Vec<u8> {
        let own = message.request().map_or(&b""[..], |line| line.uri);
        let mut text = Vec::new();
        match Uri::parse(own) {
            Ok(uri) => write(&uri, self.domain(), &mut text),
            Err(_) => text.extend_from_slice(own),
        }
        text
    }

    fn domain(&self) -> &[u8] {
        let start = domain_start(&self.upstream);
        self.upstream.get(start..).unwrap_or_default()
    }

    /// Renames what names the AoR or its domain. Every other From stays (third-party registration).
    pub(crate) fn apply<'m>(
        &self,
        patch: &mut Patch<'_, 'm>,
        message: &'m Message<'m>,
        text: &mut Vec<u8>,
    ) {
        if let Some(line) = message.request()
            && let Some(span) = message.span_of(line.uri)
        {
            patch.replace(span, self.target(message));
        }
        for name in [Name::To, Name::From] {
            let Some((whom, uri)) = uri_of(message, name).and_then(|whom| {
                let uri = Uri::parse(whom).ok()?;
                Some((whom, uri))
            }) else {
                continue;
            };
            if let Some(span) = message.span_of(whom)
                && self.names_aor(&uri)
            {
                text.clear();
                write(&uri, &self.upstream, text);
                patch.replace(span, &*text);
            }
        }
    }

    fn names_aor(&self, uri: &Uri<'_>) -> bool {
        let mut named = AorBuf::new();
        self.policy.naming.aor(uri, &mut named).is_ok() && named.as_slice() == self.aor
    }
}

/// A URI with another `user@host`; a port goes with the host it belonged to.
fn write(uri: &Uri<'_>, place: &[u8], text: &mut Vec<u8>) {
    let scheme = uri.text.split(|byte| *byte == b':').next();
    text.extend_from_slice(scheme.unwrap_or_default());
    text.push(b':');
    text.extend_from_slice(place);
    text.extend_from_slice(uri.params.as_bytes());
}

fn uri_of<'m>(message: &Message<'m>, name: Name) -> Option<&'m [u8]> {
    let header = message.header(name)?;
    Some(NameAddr::parse(header.value).ok()?.uri)
}
