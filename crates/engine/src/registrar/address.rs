//! `Address`: what stands for a device at the main registrar (R7), written and recognised.
//!
//! `aor`: the AoR at midreg, one for all devices. Otherwise our Contact with the device's token, in
//! a parameter or as the user part; or, with `path` insertion, the device's own Contact and a Path
//! through us that carries the token.

use sip::Uri;
use sip::aor::AorBuf;
use sip::header::name_addr::NameAddr;

use crate::ids::BindingId;
use crate::keys::Keys;
use crate::naming::domain_start;
use crate::policy::{Insertion, Policy};
use crate::registrar::identity::same_uri;
use crate::registrar::terms::Terms;
use crate::token;

/// What stands for the devices of an AoR at the main registrar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address<'a> {
    /// How they are inserted.
    pub(crate) terms: Terms,
    /// The AoR, canonical. Its user part stands in our Contacts: that of the device's own may change
    /// from start to start, and to the main registrar another user part is another contact.
    pub(crate) aor: &'a [u8],
    /// For tokens.
    pub(crate) keys: &'a Keys,
    /// Name of the URI parameter that carries a token.
    pub(crate) token_param: &'a str,
    /// What stands for `@` in the user part of an AoR's Contact.
    pub(crate) at_sign: &'a str,
}

/// Whom a Request-URI of the main registrar means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addressee {
    /// The device with this token.
    Device(BindingId),
    /// All devices of this AoR, canonical.
    Aor(AorBuf),
}

impl<'a> Address<'a> {
    /// The addresses of an AoR under a policy.
    pub(crate) fn new(policy: &'a Policy, keys: &'a Keys, terms: Terms, aor: &'a [u8]) -> Self {
        Self {
            terms,
            aor,
            keys,
            token_param: &policy.upstream.token_param,
            at_sign: &policy.upstream.at_sign,
        }
    }

    /// Appends the Contact URI, in angle brackets, of the device at `binding` that calls itself
    /// `own`; `advertise` is our `host[:port]`.
    pub(crate) fn write(
        &self,
        advertise: &str,
        (binding, own): (BindingId, &[u8]),
        out: &mut Vec<u8>,
    ) {
        out.push(b'<');
        if self.terms.is_shared() {
            out.extend_from_slice(b"sip:");
            self.write_escaped_aor(out);
            out.push(b'@');
            out.extend_from_slice(advertise.as_bytes());
        } else {
            self.write_device(advertise, (binding, own), out);
        }
        out.push(b'>');
    }

    fn write_device(&self, advertise: &str, (binding, own): (BindingId, &[u8]), out: &mut Vec<u8>) {
        match self.terms.insertion() {
            Insertion::Path => out.extend_from_slice(own),
            Insertion::User => {
                out.extend_from_slice(b"sip:");
                out.extend_from_slice(&token::encode(self.keys, binding));
                out.push(b'@');
                out.extend_from_slice(advertise.as_bytes());
            }
            Insertion::Parameter => {
                out.extend_from_slice(b"sip:");
                let user = self.aor.get(..domain_start(self.aor)).unwrap_or_default();
                out.extend_from_slice(user);
                out.extend_from_slice(advertise.as_bytes());
                out.push(b';');
                out.extend_from_slice(self.token_param.as_bytes());
                out.push(b'=');
                out.extend_from_slice(&token::encode(self.keys, binding));
            }
        }
    }

    fn write_escaped_aor(&self, out: &mut Vec<u8>) {
        let start = domain_start(self.aor);
        let (user, domain) = self.aor.split_at_checked(start).unwrap_or_default();
        if let Some(user) = user.strip_suffix(b"@") {
            out.extend_from_slice(user);
            out.extend_from_slice(self.at_sign.as_bytes());
        }
        sip::escape::escape_user_into(domain.iter().copied(), out);
    }

    /// Appends the Path header field that leads to the device at `binding` (RFC 3327), where
    /// that is how it is inserted; `transport` is the token of our Via.
    pub(crate) fn write_path(
        &self,
        (advertise, transport): (&str, &str),
        binding: BindingId,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"Path: <sip:");
        out.extend_from_slice(&token::encode(self.keys, binding));
        out.push(b'@');
        out.extend_from_slice(advertise.as_bytes());
        out.extend_from_slice(b";transport=");
        out.extend_from_slice(transport.to_ascii_lowercase().as_bytes());
        out.extend_from_slice(b";lr>\r\n");
    }

    /// Whether a Contact URI that the main registrar lists is the one that was written for this
    /// device.
    pub(crate) fn is(
        &self,
        uri: &[u8],
        advertise: &str,
        (binding, own): (BindingId, &[u8]),
    ) -> bool {
        if self.terms.is_shared() {
            return self.is_aor(uri, advertise);
        }
        match self.terms.insertion() {
            Insertion::Path => same_uri(uri, own),
            Insertion::User | Insertion::Parameter => self.device(uri) == Some(binding),
        }
    }

    /// The device whose token a Contact URI carries.
    pub(crate) fn device(&self, uri: &[u8]) -> Option<BindingId> {
        let uri = Uri::parse(uri).ok()?;
        match self.terms.insertion() {
            Insertion::User => token::decode(self.keys, uri.user?),
            _ => token::decode(self.keys, uri.param(self.token_param)??),
        }
    }

    /// Whether a Path value leads to a device by way of us.
    pub(crate) fn leads_here(&self, path: &[u8]) -> bool {
        let uri = NameAddr::parse(path).ok().map(|path| path.uri);
        let user = uri.and_then(|uri| Uri::parse(uri).ok()?.user);
        user.is_some_and(|user| token::decode(self.keys, user).is_some())
    }

    /// Main registrars write a URI their own way: what counts is user, host and port.
    fn is_aor(&self, uri: &[u8], advertise: &str) -> bool {
        let mut own = Vec::with_capacity(96);
        own.extend_from_slice(b"sip:");
        self.write_escaped_aor(&mut own);
        own.push(b'@');
        own.extend_from_slice(advertise.as_bytes());
        place(uri).is_some_and(|theirs| Some(theirs) == place(&own))
    }
}

/// User, host and port of a URI, comparable.
fn place(uri: &[u8]) -> Option<(AorBuf, u16)> {
    let uri = Uri::parse(uri).ok()?;
    let mut place = AorBuf::new();
    sip::aor::canonical(&uri, &mut place).ok()?;
    Some((place, uri.port.unwrap_or(5060)))
}

/// Whom a Request-URI means, by what we put into Contacts; `None` when it is none of ours.
pub(crate) fn addressee(policy: &Policy, keys: &Keys, uri: &Uri<'_>) -> Option<Addressee> {
    if let Some(text) = uri.param(&policy.upstream.token_param) {
        return token::decode(keys, text.unwrap_or_default()).map(Addressee::Device);
    }
    let user = uri.user?;
    if let Some(binding) = token::decode(keys, user) {
        return Some(Addressee::Device(binding));
    }
    aor_of(user, &policy.upstream.at_sign).map(Addressee::Aor)
}

/// The AoR that is written in a user part.
fn aor_of(user: &[u8], at_sign: &str) -> Option<AorBuf> {
    let sign = at_sign.as_bytes();
    let at = user
        .windows(sign.len().max(1))
        .rposition(|window| window.eq_ignore_ascii_case(sign))?;
    let mut text = b"sip:".to_vec();
    text.extend_from_slice(user.get(..at)?);
    text.push(b'@');
    let domain = user.get(at + sign.len()..)?;
    text.extend(sip::escape::unescape(domain));
    let mut aor = AorBuf::new();
    sip::aor::canonical(&Uri::parse(&text).ok()?, &mut aor).ok()?;
    Some(aor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Slot;
    use crate::policy::{DomainPolicy, Mode};

    const US: &str = "192.0.2.1:5060";

    fn binding() -> BindingId {
        BindingId {
            slot: Slot(3),
            index: 4,
            generation: 5,
        }
    }

    fn written(policy: &Policy, keys: &Keys, aor: &str, own: &str) -> String {
        let terms = Terms::of(&policy.domain);
        let address = Address::new(policy, keys, terms, aor.as_bytes());
        let mut text = Vec::new();
        let device = (binding(), own.as_bytes());
        address.write(US, device, &mut text);
        let uri = text.strip_prefix(b"<").unwrap().strip_suffix(b">").unwrap();
        assert!(address.is(uri, US, device), "it knows its own");
        String::from_utf8(uri.to_vec()).unwrap()
    }

    fn policy(mode: Mode, insertion: Insertion) -> Policy {
        let domain = DomainPolicy {
            mode,
            insertion,
            ..DomainPolicy::default()
        };
        Policy {
            domain,
            ..Policy::default()
        }
    }

    #[test]
    fn r7_every_insertion_is_written_and_known_again() {
        let keys = Keys::derive(&[1; 32]);
        let token = String::from_utf8(token::encode(&keys, binding()).to_vec()).unwrap();
        for (mode, insertion, wanted) in [
            (
                Mode::Contact,
                Insertion::Parameter,
                format!("sip:alice@{US};mr={token}"),
            ),
            (Mode::Contact, Insertion::User, format!("sip:{token}@{US}")),
            (Mode::Contact, Insertion::Path, "sip:a@10.0.0.1".to_owned()),
            (
                Mode::Aor,
                Insertion::Parameter,
                format!("sip:alice%40example.org@{US}"),
            ),
        ] {
            let policy = policy(mode, insertion);
            let uri = written(&policy, &keys, "alice@example.org", "sip:a@10.0.0.1");
            assert_eq!(uri, wanted);
        }
    }

    #[test]
    fn r7_the_sign_for_at_is_ours_to_choose() {
        let keys = Keys::derive(&[1; 32]);
        let mut policy = policy(Mode::Aor, Insertion::Parameter);
        for (sign, wanted) in [
            ("-at-", "sip:al-at-ice-at-a.example@"),
            ("=", "sip:al-at-ice=a.example@"),
        ] {
            policy.upstream.at_sign = sign.to_owned();
            let text = written(&policy, &keys, "al-at-ice@a.example", "");
            assert_eq!(text, format!("{wanted}{US}"));
            let uri = Uri::parse(text.as_bytes()).unwrap();
            let whom = AorBuf::from_slice(b"al-at-ice@a.example");
            assert_eq!(addressee(&policy, &keys, &uri), Some(Addressee::Aor(whom)));
        }
    }

    #[test]
    fn main_registrars_write_the_aors_contact_their_own_way() {
        let keys = Keys::derive(&[1; 32]);
        let policy = policy(Mode::Aor, Insertion::Parameter);
        let terms = Terms::of(&policy.domain);
        let address = Address::new(&policy, &keys, terms, b"alice@example.org");
        let is = |uri: &str, us: &str| address.is(uri.as_bytes(), us, (binding(), b""));
        assert!(is("sip:alice%40example.org@192.0.2.1;transport=udp", US));
        assert!(is(
            "sip:alice%40example.org@MID.example:5060",
            "mid.example"
        ));
        assert!(!is("sip:alice%40example.com@192.0.2.1:5060", US));
        assert!(!is("sip:alice%40example.org@192.0.2.1:5061", US));
    }

    #[test]
    fn s12_only_what_we_wrote_is_ours() {
        let keys = Keys::derive(&[1; 32]);
        let policy = policy(Mode::Contact, Insertion::User);
        for uri in [
            "sip:alice@192.0.2.1",
            "sip:192.0.2.1",
            "sip:a@192.0.2.1;mr=aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "sip:aaaaaaaaaaaaaaaaaaaaaaaaaa@192.0.2.1",
        ] {
            let uri = Uri::parse(uri.as_bytes()).unwrap();
            assert_eq!(addressee(&policy, &keys, &uri), None);
        }
    }
}
