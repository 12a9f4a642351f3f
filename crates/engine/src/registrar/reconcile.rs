//! What did the main registrar grant? (DESIGN §2, `granted`) Pure: a 2xx and what was asked, to
//! lifetimes.

use sip::header::contact::Contact;
use sip::header::expires::DeltaSeconds;
use sip::{Message, Name, Uri};

use crate::clock::Seconds;
use crate::ids::BindingId;
use crate::keys::Keys;
use crate::token;

/// The lifetime that a 2xx gives to the contact with our token: its `expires`, else the `Expires`
/// header, else what was asked. 0 means that it holds no such contact any more.
pub(crate) fn granted(
    response: &Message<'_>,
    keys: &Keys,
    token_param: &str,
    binding: BindingId,
    asked: Seconds,
) -> Seconds {
    let own = response
        .values(Name::Contact)
        .filter_map(|value| match Contact::parse(value) {
            Ok(Contact::Addr(contact)) => Some(contact),
            _ => None,
        })
        .find(|contact| ours(contact.addr.uri, keys, token_param) == Some(binding));
    match own.and_then(|contact| contact.expires) {
        Some(delta) => delta.0,
        None => response
            .header(Name::Expires)
            .and_then(|header| DeltaSeconds::parse(header.value).ok())
            .map_or(asked, |delta| delta.0),
    }
}

/// The binding whose token a Contact URI carries.
pub(crate) fn ours(uri: &[u8], keys: &Keys, token_param: &str) -> Option<BindingId> {
    let uri = Uri::parse(uri).ok()?;
    token::decode(keys, uri.param(token_param)??)
}
