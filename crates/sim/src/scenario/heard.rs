//! What midreg said, held against what a line says that it must.

use super::message::{ANYTHING, Contact, HEADERS, Message, Target, What};
use super::names::{Dialog, Names};
use super::spoken::contact_values;
use crate::packet::Packet;
use crate::policy::US;

/// Whether this is the message that the line demands; names that are new are learned from it.
pub(super) fn agrees(packet: &Packet, line: &Message, names: &mut Names) -> Result<(), String> {
    let what = kind(packet);
    if what != line.what {
        return Err("it is another message".to_owned());
    }
    if line.cseq.is_some_and(|cseq| cseq != packet.cseq()) {
        return Err(format!("its CSeq is {}", packet.cseq()));
    }
    if let Some(name) = &line.call_id {
        names.meet_dialog(name, &dialog(packet))?;
    }
    contacts(packet, line, names)?;
    headers(packet, line)?;
    challenge(packet, line, names)?;
    credentials(packet, line, names)
}

/// The message as a line would tell it.
pub(super) fn told(packet: &Packet, names: &Names) -> Message {
    let mut message = Message::new(kind(packet));
    message.cseq = Some(packet.cseq());
    let call_id = packet.value("Call-ID").unwrap_or_default();
    message.call_id = names.name_of(&call_id).map(str::to_owned);
    let values = contact_values(packet);
    let contact = |value: &String| written(value, |uri| names.number_of(uri));
    message.contacts = values.iter().map(contact).collect();
    for (word, name) in HEADERS {
        let value = packet.value(name);
        message.headers.extend(value.map(|value| (word, value)));
    }
    let challenge = packet.value("WWW-Authenticate");
    message.nonce = challenge.as_deref().map(nonce);
    message.stale = challenge.is_some_and(|value| value.contains("stale=true"));
    message.auth = packet.value("Authorization").as_deref().map(nonce);
    message
}

fn kind(packet: &Packet) -> What {
    match packet.status() {
        0 => What::Register,
        status => What::Status(status),
    }
}

fn dialog(packet: &Packet) -> Dialog {
    Dialog {
        call_id: packet.value("Call-ID").unwrap_or_default(),
        tag: packet.tag("From").unwrap_or_default(),
    }
}

/// All of them, in order, and verbatim but for the URIs that are ours.
fn contacts(packet: &Packet, line: &Message, names: &mut Names) -> Result<(), String> {
    let came = contact_values(packet);
    if came.len() != line.contacts.len() {
        let (came, told) = (came.len(), line.contacts.len());
        return Err(format!("it has {came} Contacts, not {told}"));
    }
    for (came, told) in came.iter().zip(&line.contacts) {
        let number = match told.target {
            Target::Ours(number) => Some(number),
            _ => None,
        };
        let own = written(came, |uri| number.filter(|_| uri.contains(US)));
        if own != *told {
            return Err(format!("its Contact is {came}, not {told}"));
        }
        if let (Some(number), Some(uri)) = (number, uri_of(came)) {
            names.meet_ours(number, uri)?;
        }
    }
    Ok(())
}

fn headers(packet: &Packet, line: &Message) -> Result<(), String> {
    for (word, name) in HEADERS {
        let came = packet.all(name).join(", ");
        match line.header(word) {
            None if !came.is_empty() => return Err(format!("it has {name}: {came}")),
            Some(_) if came.is_empty() => return Err(format!("it has no {name}")),
            Some(told) if told != ANYTHING && told != came => {
                return Err(format!("its {name} is `{came}`, not `{told}`"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn challenge(packet: &Packet, line: &Message, names: &mut Names) -> Result<(), String> {
    let came = packet.value("WWW-Authenticate");
    let (name, value) = match (&line.nonce, came) {
        (None, None) => return Ok(()),
        (Some(_), None) => return Err("it has no challenge".to_owned()),
        (None, Some(came)) => return Err(format!("it has the challenge {came}")),
        (Some(name), Some(came)) => (name, came),
    };
    if line.stale != value.contains("stale=true") {
        return Err(format!("its challenge is {value}"));
    }
    // A challenge on its way to the phone may have been marked stale; nothing else may change.
    match names.challenge(name) {
        Some(known) if value.replace(", stale=true", "") == known => Ok(()),
        _ => names.meet_challenge(name, &value),
    }
}

/// Verbatim as the phone wrote them: nobody between it and the main registrar touches them.
fn credentials(packet: &Packet, line: &Message, names: &Names) -> Result<(), String> {
    let came = packet.value("Authorization");
    let sent = line.auth.as_deref().map(|nonce| names.credentials(nonce));
    match (sent, came) {
        (None, None) => Ok(()),
        (Some(Some(sent)), Some(came)) if sent == came => Ok(()),
        (Some(None), _) => Err("nobody answered that nonce".to_owned()),
        (_, Some(came)) => Err(format!("its credentials are {came}")),
        (_, None) => Err("it has no credentials".to_owned()),
    }
}

/// A Contact value as a line would have it, `number` telling which URIs are ours.
fn written(value: &str, number: impl Fn(&str) -> Option<u32>) -> Contact {
    let Some(uri) = uri_of(value) else {
        let (target, params) = (Target::Star, String::new());
        return Contact { target, params };
    };
    let after = value.split_once('>').map(|(_, params)| params);
    Contact {
        target: match number(uri) {
            Some(number) => Target::Ours(number),
            None => Target::Uri(uri.to_owned()),
        },
        params: after.unwrap_or_default().to_owned(),
    }
}

fn uri_of(value: &str) -> Option<&str> {
    let (uri, _) = value.split_once('<')?.1.split_once('>')?;
    Some(uri)
}

fn nonce(value: &str) -> String {
    let after = value.split("nonce=\"").nth(1).unwrap_or_default();
    after.split('"').next().unwrap_or_default().to_owned()
}
