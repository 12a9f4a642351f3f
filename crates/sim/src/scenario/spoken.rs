//! What phones and the main registrar say: the bytes of their messages.

use sip::Name;

use super::cast::{Phone, Way};
use super::message::{Contact, HEADERS, Message, Target};
use super::names::Names;
use crate::digest::{self, Secret};
use crate::main_registrar::PASSWORD;
use crate::packet::Packet;

/// A phone's REGISTER, the `count`th request of the scenario.
pub(super) fn register(
    phone: &Phone,
    message: &Message,
    names: &mut Names,
    count: u32,
) -> Result<Vec<u8>, String> {
    let dialog = names.dialog_of_phone(message.call_id.as_deref().unwrap_or(&phone.name));
    let Phone { aor, address, .. } = phone;
    let domain = aor.split('@').next_back().unwrap_or_default();
    let transport = match phone.way {
        Way::Udp => "UDP",
        Way::Tcp => "TCP",
    };
    let mut text = format!(
        "REGISTER sip:{domain} SIP/2.0\r\n\
         Via: SIP/2.0/{transport} {address};branch=z9hG4bK{}-{count};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:{aor}>;tag={}\r\n\
         To: <sip:{aor}>\r\n\
         Call-ID: {}\r\n\
         CSeq: {} REGISTER\r\n",
        phone.name,
        dialog.tag,
        dialog.call_id,
        message.cseq.unwrap_or_default(),
    );
    text.push_str(&fields(message, names)?);
    if let Some(nonce) = &message.auth {
        let challenge = names.challenge(nonce).ok_or("no such nonce was sent")?;
        let secret = Secret {
            user: aor.split('@').next().unwrap_or_default(),
            password: message.password.as_deref().unwrap_or(&phone.password),
        };
        let value = digest::credentials(
            challenge,
            secret,
            &format!("sip:{domain}"),
            names.uses(nonce) + 1,
        );
        names.answer(nonce, &value);
        text.push_str(&format!("Authorization: {value}\r\n"));
    }
    if message.nonce.is_some() || message.stale {
        return Err("phones challenge nobody".to_owned());
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    Ok(text.into_bytes())
}

/// The main registrar's answer to a request.
pub(super) fn answer(
    request: &Packet,
    status: u16,
    message: &Message,
    names: &mut Names,
) -> Result<Vec<u8>, String> {
    let wrong = request
        .value("Authorization")
        .is_some_and(|value| digest::verify(value.as_bytes(), |_| PASSWORD.to_owned()).is_none());
    if wrong && status < 300 {
        return Err(format!(
            "no main registrar answers a wrong password with {status}"
        ));
    }
    let mut text = format!("SIP/2.0 {status} {}\r\n", reason(status));
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let tag = match name {
            "To" => ";tag=main",
            _ => "",
        };
        for value in request.all(name) {
            text.push_str(&format!("{name}: {value}{tag}\r\n"));
        }
    }
    text.push_str(&fields(message, names)?);
    if let Some(nonce) = &message.nonce {
        let mut value = digest::challenge(nonce);
        if message.stale {
            value.push_str(", stale=true");
        }
        names.meet_challenge(nonce, &value)?;
        text.push_str(&format!("WWW-Authenticate: {value}\r\n"));
    }
    if message.auth.is_some() || message.password.is_some() {
        return Err("the main registrar proves nothing".to_owned());
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    Ok(text.into_bytes())
}

/// Contact and the headers that are given as they are.
pub(super) fn fields(message: &Message, names: &Names) -> Result<String, String> {
    let mut text = String::new();
    for contact in &message.contacts {
        let value = contact_value(contact, names)?;
        text.push_str(&format!("Contact: {value}\r\n"));
    }
    for (word, name) in HEADERS {
        if let Some(value) = message.header(word) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    Ok(text)
}

pub(super) fn contact_value(contact: &Contact, names: &Names) -> Result<String, String> {
    let Contact { target, params } = contact;
    match target {
        Target::Star => Ok("*".to_owned()),
        Target::Uri(uri) => Ok(format!("<{uri}>{params}")),
        Target::Ours(number) => {
            let uri = names.ours(*number);
            let uri = uri.ok_or_else(|| format!("<ours {number}> was not seen yet"))?;
            Ok(format!("<{uri}>{params}"))
        }
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        200 => "OK",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        423 => "Interval Too Brief",
        503 => "Service Unavailable",
        _ => "As You Like It",
    }
}

/// The values of all Contacts of a message, one for each.
pub(super) fn contact_values(packet: &Packet) -> Vec<String> {
    let message = packet.message();
    let values = message.values(Name::Contact);
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    values.map(text).collect()
}
