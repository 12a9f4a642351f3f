//! `RegisterRequest`: a REGISTER as the registrar reads it. Parse, don't validate: what cannot be
//! understood becomes a [`Refusal`] here, and what comes out is sound.
//!
//! Borrows from the receive buffer and allocates nothing.

use core::net::IpAddr;

use sip::aor::AorBuf;
use sip::header::contact::{Contact, ContactAddr};
use sip::header::cseq::CSeq;
use sip::header::expires::DeltaSeconds;
use sip::header::name_addr::NameAddr;
use sip::header::via::Via;
use sip::{Host, Message, Name, Params, Scheme, Uri};
use smallvec::SmallVec;

use crate::clock::Seconds;
use crate::flow::Flow;
use crate::ids::AorHash;
use crate::keys::Keys;
use crate::limits;
use crate::location::Stamp;
use crate::policy::{Naming, Policy};
use crate::registrar::decision::{Refusal, RefusalHeader};
use crate::registrar::heading::{Heading, ToTag};
use crate::registrar::terms::Terms;

/// What a Contact with an unreadable lifetime is taken to ask for (RFC 3261 §10.2.1.1).
pub(crate) const MALFORMED_EXPIRES: Seconds = 3600;

/// A REGISTER, understood.
#[derive(Debug)]
pub(crate) struct RegisterRequest<'a> {
    /// The message it was read from.
    pub(crate) message: &'a Message<'a>,
    /// How it came.
    pub(crate) flow: Flow,
    /// What answers take from it.
    pub(crate) heading: Heading<'a>,
    /// Whose bindings it is about: the To URI, canonical (RFC 3261 §10.3 step 5), under its domain's
    /// own name (R19).
    pub(crate) aor: AorBuf,
    /// Keyed hash of the AoR.
    pub(crate) aor_hash: AorHash,
    /// The terms of its domain.
    pub(crate) terms: Terms,
    /// What tells this request from others.
    pub(crate) stamp: Stamp,
    /// What it wants.
    pub(crate) wish: Wish<'a>,
    /// Whether it carries Authorization or Proxy-Authorization.
    pub(crate) credentials: Credentials,
    /// Where the device says it is, compared with where it is.
    pub(crate) reach: Reach,
    /// Whether the device understands Path (RFC 3327).
    pub(crate) path_support: PathSupport,
}

/// What a REGISTER wants.
#[derive(Debug)]
pub(crate) enum Wish<'a> {
    /// To know who is registered (no Contact).
    Query,
    /// To end all bindings (`Contact: *`).
    RemoveAll,
    /// To have these contacts, or to end them.
    Contacts(SmallVec<[Wanted<'a>; 2]>),
}

/// One Contact of a REGISTER.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// Its URI, verbatim.
    pub(crate) uri: &'a [u8],
    /// Its host.
    pub(crate) host: Host<'a>,
    /// Its header parameters, verbatim.
    pub(crate) params: Params<'a>,
    /// Lifetime asked for: `expires` parameter, else `Expires` header, else none.
    pub(crate) asked: Option<Seconds>,
    /// `+sip.instance`, bare.
    pub(crate) instance: Option<&'a [u8]>,
    /// `reg-id`, where there is an instance (RFC 5626 §6).
    pub(crate) reg_id: Option<u32>,
}

/// Whether a request carries credentials, for whomever they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    Absent,
    Present,
}

/// Whether a device is where it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Via and Contact name the address the request came from, or a stream makes it irrelevant.
    Direct,
    /// They name another: a NAT lies between, and its pinhole closes soon (R4).
    BehindNat,
}

/// Whether a device understands Path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathSupport {
    Unsupported,
    Supported,
}

/// How strictly option tags are taken: a proxy leaves `Require` to whoever registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// We answer for the registrar, or are it.
    Registrar,
    /// We pass on (`mirror`).
    Proxy,
}

impl<'a> RegisterRequest<'a> {
    /// Reads a REGISTER that passed the syntax check.
    pub(crate) fn read(
        message: &'a Message<'a>,
        flow: Flow,
        policy: &Policy,
        keys: &Keys,
    ) -> Result<Self, Refusal> {
        check_request_uri(message)?;
        let mut aor = AorBuf::new();
        let to_tag = read_aor(message, &policy.naming, &mut aor)?;
        let terms = Terms::of(policy.of(&aor));
        check_extensions(message, terms.role())?;
        let via = top_via(message)?;
        let wish = read_wish(message)?;
        check_contacts(&wish, terms)?;
        let heading = Heading {
            message,
            flow,
            via: Some(via),
            from_tag: read_from_tag(message)?,
            call_id: read_call_id(message)?,
            to_tag,
        };
        let aor_hash = keys.aor_hash(&aor);
        let flow = Flow {
            origin: read_origin(message, keys),
            ..flow
        };
        Ok(Self {
            message,
            flow,
            aor_hash,
            terms,
            stamp: read_stamp(&heading, &via, keys)?,
            reach: reach(&via, &wish, &flow),
            wish,
            heading,
            credentials: read_credentials(message),
            path_support: read_path_support(message),
            aor,
        })
    }

    /// What tells it from others, and where it came from.
    pub(crate) fn words(&self) -> (Stamp, Flow) {
        (self.stamp, self.flow)
    }

    /// The contacts it names; none for a query and for `Contact: *`.
    pub(crate) fn contacts(&self) -> &[Wanted<'a>] {
        match &self.wish {
            Wish::Contacts(contacts) => contacts,
            Wish::Query | Wish::RemoveAll => &[],
        }
    }

    /// Whether nothing but removals is asked for.
    pub(crate) fn only_removes(&self) -> bool {
        match &self.wish {
            Wish::Query => false,
            Wish::RemoveAll => true,
            Wish::Contacts(contacts) => contacts.iter().all(Wanted::is_removal),
        }
    }

    /// The nonces that its credentials answer.
    pub(crate) fn nonces(&self) -> impl Iterator<Item = &'a [u8]> {
        [Name::Authorization, Name::ProxyAuthorization]
            .into_iter()
            .flat_map(|name| self.message.headers_named(name))
            .filter_map(|header| {
                sip::header::auth::Credentials::parse(header.value)
                    .ok()?
                    .nonce
            })
    }
}

impl Wanted<'_> {
    /// Whether this contact is to go.
    pub(crate) fn is_removal(&self) -> bool {
        self.asked == Some(0)
    }
}

/// The From-tag of a message, empty when there is none.
pub(crate) fn from_tag<'a>(message: &Message<'a>) -> &'a [u8] {
    message
        .header(Name::From)
        .and_then(|from| NameAddr::parse(from.value).ok()?.tag())
        .unwrap_or_default()
}

/// The syntax check has parsed the Request-URI: only its scheme is left to be looked at.
pub(crate) fn check_request_uri(message: &Message<'_>) -> Result<(), Refusal> {
    let uri = message.request().map_or(&b""[..], |line| line.uri);
    let scheme = uri.split(|byte| *byte == b':').next().unwrap_or_default();
    match scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips") {
        true => Ok(()),
        false => Err(Refusal::new(416, "Unsupported URI Scheme")),
    }
}

/// RFC 3261 §8.2.2.3 and §16.3 step 5.
pub(crate) fn check_extensions(message: &Message<'_>, role: Role) -> Result<(), Refusal> {
    let required = match role {
        Role::Registrar => unknown_tags(message, Name::Require).next().is_some(),
        Role::Proxy => false,
    };
    if required || unknown_tags(message, Name::ProxyRequire).next().is_some() {
        return Err(Refusal::new(420, "Bad Extension").with(RefusalHeader::Unsupported));
    }
    Ok(())
}

/// Option tags that we are asked to understand and do not.
pub(crate) fn unknown_tags<'a>(
    message: &Message<'a>,
    name: Name,
) -> impl Iterator<Item = &'a [u8]> {
    message
        .values(name)
        .filter(move |tag| name == Name::ProxyRequire || !tag.eq_ignore_ascii_case(b"path"))
        .filter(|tag| !tag.is_empty())
}

fn read_aor(message: &Message<'_>, naming: &Naming, aor: &mut AorBuf) -> Result<ToTag, Refusal> {
    let bad = Refusal::new(400, "Bad To");
    let to = message.header(Name::To).ok_or(bad)?;
    let to = NameAddr::parse(to.value).map_err(|_| bad)?;
    let uri = Uri::parse(to.uri).map_err(|_| bad)?;
    match uri.scheme {
        Scheme::Sip | Scheme::Sips => naming.aor(&uri, aor).map_err(|_| bad)?,
        _ => return Err(Refusal::new(400, "Unsupported scheme in To")),
    }
    Ok(ToTag::of(Some(&to)))
}

/// The From must be sound, because on a lease its tag is replaced by ours; a tag may be missing (RFC
/// 2543), but not be empty.
fn read_from_tag<'a>(message: &Message<'a>) -> Result<&'a [u8], Refusal> {
    let bad = Refusal::new(400, "Bad From");
    let from = message.header(Name::From).ok_or(bad)?;
    let from = NameAddr::parse(from.value).map_err(|_| bad)?;
    Uri::parse(from.uri).map_err(|_| bad)?;
    match (from.tag(), from.param("tag")) {
        (None, None) => Ok(b""),
        (Some(tag), _) if !tag.is_empty() => Ok(tag),
        _ => Err(bad),
    }
}

fn top_via<'a>(message: &Message<'a>) -> Result<Via<'a>, Refusal> {
    message
        .values(Name::Via)
        .next()
        .and_then(|value| Via::parse(value).ok())
        .ok_or(Refusal::new(400, "Bad Via"))
}

/// RFC 3261 §25.1: `word [ "@" word ]`, which has neither space nor control characters.
fn read_call_id<'a>(message: &Message<'a>) -> Result<&'a [u8], Refusal> {
    message
        .header(Name::CallId)
        .map(|header| header.value)
        .filter(|value| !value.is_empty() && value.iter().all(u8::is_ascii_graphic))
        .ok_or(Refusal::new(400, "Bad Call-ID"))
}

fn read_stamp(heading: &Heading<'_>, via: &Via<'_>, keys: &Keys) -> Result<Stamp, Refusal> {
    let cseq = heading
        .message
        .header(Name::CSeq)
        .and_then(|header| CSeq::parse(header.value).ok())
        .ok_or(Refusal::new(400, "Bad CSeq"))?;
    Ok(Stamp {
        call_id: keys.text_hash(heading.call_id),
        from_tag: keys.text_hash(heading.from_tag) as u32,
        branch: keys.text_hash(via.branch().unwrap_or_default()) as u32,
        cseq: cseq.number,
    })
}

fn read_wish<'a>(message: &Message<'a>) -> Result<Wish<'a>, Refusal> {
    let header_expires = message
        .header(Name::Expires)
        .map(|header| DeltaSeconds::parse(header.value).map_or(MALFORMED_EXPIRES, |delta| delta.0));
    let mut wanted: SmallVec<[Wanted<'a>; 2]> = SmallVec::new();
    let mut star = false;
    for value in message.values(Name::Contact) {
        match Contact::parse(value).map_err(|_| Refusal::new(400, "Bad Contact"))? {
            Contact::Star => star = true,
            Contact::Addr(contact) => {
                if wanted.len() == limits::CONTACTS_PER_REGISTER {
                    return Err(Refusal::new(400, "Too Many Contacts in One REGISTER"));
                }
                let contact = read_contact(&contact, header_expires)?;
                if wanted.iter().any(|other| other.uri == contact.uri) {
                    return Err(Refusal::new(400, "The Same Contact Twice"));
                }
                wanted.push(contact);
            }
        }
    }
    match (star, wanted.is_empty()) {
        // RFC 3261 §10.3 step 6: `*` stands alone and with Expires 0.
        (true, true) if header_expires == Some(0) => Ok(Wish::RemoveAll),
        (true, _) => Err(Refusal::new(
            400,
            "Contact * Needs Expires 0 and Nothing Else",
        )),
        // A Contact that names nobody is no query: without one, the field is not there.
        (false, true) if message.header(Name::Contact).is_some() => {
            Err(Refusal::new(400, "Bad Contact"))
        }
        (false, true) => Ok(Wish::Query),
        (false, false) => Ok(Wish::Contacts(wanted)),
    }
}

fn read_contact<'a>(
    contact: &ContactAddr<'a>,
    header_expires: Option<Seconds>,
) -> Result<Wanted<'a>, Refusal> {
    let uri = Uri::parse(contact.addr.uri).map_err(|_| Refusal::new(400, "Bad Contact URI"))?;
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return Err(Refusal::new(400, "Unsupported scheme in Contact"));
    }
    if contact.ambiguous {
        return Err(Refusal::new(400, "A Contact Parameter Twice"));
    }
    let asked = match contact.expires {
        Some(delta) => Some(delta.0),
        None if contact.expires_malformed() => Some(MALFORMED_EXPIRES),
        None => header_expires,
    };
    Ok(Wanted {
        uri: contact.addr.uri,
        host: uri.host,
        params: contact.addr.params,
        asked,
        instance: contact.instance,
        reg_id: contact.instance.and(contact.reg_id),
    })
}

/// RFC 3327 §5.3: a Path holds for all contacts of its REGISTER, and ours leads to one device.
fn check_contacts(wish: &Wish<'_>, terms: Terms) -> Result<(), Refusal> {
    let Wish::Contacts(contacts) = wish else {
        return Ok(());
    };
    let several = contacts
        .iter()
        .filter(|wanted| !wanted.is_removal())
        .count()
        > 1;
    match several && !terms.rewrites_contact() && !terms.is_local() {
        true => Err(Refusal::new(400, "One Contact in a REGISTER, Please")),
        false => Ok(()),
    }
}

/// Who it is of those behind a proxy in front of us: what the proxies have written of the way to
/// him, which he cannot (RFC 3261 §18.2.1, RFC 3581 §4). 0 where there is no proxy.
pub(crate) fn read_origin(message: &Message<'_>, keys: &Keys) -> u32 {
    let mut below = message.values(Name::Via).skip(1).peekable();
    if below.peek().is_none() {
        return 0;
    }
    let mut way = Vec::with_capacity(128);
    for via in below {
        let Ok(via) = Via::parse(via) else {
            way.extend_from_slice(via);
            continue;
        };
        way.extend_from_slice(via.host_text);
        way.push(b';');
        way.extend_from_slice(via.received().unwrap_or_default());
        for port in [via.port, via.rport().flatten()] {
            way.push(b';');
            sip::number::push_decimal(&mut way, port.unwrap_or_default().into());
        }
    }
    (keys.text_hash(&way) as u32).max(1)
}

fn reach(via: &Via<'_>, wish: &Wish<'_>, flow: &Flow) -> Reach {
    if flow.transport.is_stream() {
        return Reach::Direct;
    }
    let source = flow.remote.ip();
    let contacts_here = match wish {
        Wish::Contacts(contacts) => contacts.iter().all(|contact| names(&contact.host, source)),
        Wish::Query | Wish::RemoveAll => true,
    };
    if contacts_here && names(&via.host, source) {
        Reach::Direct
    } else {
        Reach::BehindNat
    }
}

fn names(host: &Host<'_>, address: IpAddr) -> bool {
    match (host, address) {
        (Host::V4(host), IpAddr::V4(address)) => *host == address,
        (Host::V6(host), IpAddr::V6(address)) => *host == address,
        _ => false,
    }
}

fn read_credentials(message: &Message<'_>) -> Credentials {
    let present = [Name::Authorization, Name::ProxyAuthorization]
        .into_iter()
        .any(|name| message.header(name).is_some());
    if present {
        Credentials::Present
    } else {
        Credentials::Absent
    }
}

fn read_path_support(message: &Message<'_>) -> PathSupport {
    let supported = message
        .values(Name::Supported)
        .any(|tag| tag.eq_ignore_ascii_case(b"path"));
    if supported {
        PathSupport::Supported
    } else {
        PathSupport::Unsupported
    }
}
