//! What midreg said, held against what a line says that it must.

use super::message::{ANYTHING, Contact, HEADERS, Message, Target, What, method};
use super::names::{Dialog, Names};
use super::spoken::contact_values;
use crate::call::Letter;
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
    if line.of != about(packet) {
        return Err("it is about another request".to_owned());
    }
    match &line.call_id {
        Some(name) if what == What::Register => names.meet_dialog(name, &dialog(packet))?,
        Some(name) => is_call(packet, name, names)?,
        None => {}
    }
    if !matches!(what, What::Register) {
        call(packet, line, names)?;
    }
    contacts(packet, line, names)?;
    headers(packet, line, names)?;
    challenge(packet, line, names)?;
    credentials(packet, line, names)
}

/// The message as a line would tell it.
pub(super) fn told(packet: &Packet, names: &Names) -> Message {
    let mut message = Message::new(kind(packet));
    message.cseq = Some(packet.cseq());
    let call_id = packet.value("Call-ID").unwrap_or_default();
    message.call_id = names.name_of(&call_id).map(str::to_owned);
    message.of = about(packet);
    tell_call(packet, &mut message, names);
    let values = contact_values(packet);
    let contact = |value: &String| written(value, |uri| names.number_of(uri));
    message.contacts = values.iter().map(contact).collect();
    for (word, name) in HEADERS {
        let value = packet.value(name);
        message.headers.extend(value.map(|value| (word, value)));
    }
    let challenge = challenge_of(packet);
    message.nonce = challenge.as_deref().map(nonce);
    message.stale = challenge.is_some_and(|value| value.contains("stale=true"));
    message.auth = proof_of(packet).as_deref().map(nonce);
    message
}

fn kind(packet: &Packet) -> What {
    match (packet.status(), method_of(packet).as_deref()) {
        (0, Some("REGISTER") | None) => What::Register,
        (0, Some(name)) => method(name).map_or(What::Register, What::Request),
        (status, _) => What::Status(status),
    }
}

/// The method that a response is about, where that is not REGISTER.
fn about(packet: &Packet) -> Option<&'static str> {
    match packet.status() {
        0 => None,
        _ => method(&method_of(packet)?),
    }
}

fn method_of(packet: &Packet) -> Option<String> {
    let cseq = packet.value("CSeq")?;
    cseq.split_whitespace().nth(1).map(str::to_owned)
}

fn dialog(packet: &Packet) -> Dialog {
    Dialog {
        call_id: packet.value("Call-ID").unwrap_or_default(),
        tag: packet.tag("From").unwrap_or_default(),
    }
}

fn is_call(packet: &Packet, name: &str, names: &Names) -> Result<(), String> {
    let came = packet.value("Call-ID").unwrap_or_default();
    match names.call_id(name) {
        Some(call_id) if call_id == came => Ok(()),
        _ => Err(format!(
            "its Call-ID is {came}, which is not that of {name}"
        )),
    }
}

/// What only calls have: Request-URI, routes, the callee's tag.
fn call(packet: &Packet, line: &Message, names: &mut Names) -> Result<(), String> {
    let Some(letter) = Letter::read(&packet.bytes) else {
        return Err("it is no SIP".to_owned());
    };
    if let Some(tag) = &line.tag
        && tag_text(tag) != letter.to_tag()
        && tag_text(tag) != letter.from_tag()
    {
        return Err(format!(
            "its tags are {} and {}",
            letter.from_tag(),
            letter.to_tag()
        ));
    }
    if line.body.as_ref().is_some_and(|body| *body != letter.body) {
        return Err(format!("its body is {}", letter.body));
    }
    let Some(uri) = letter.uri() else {
        return Ok(());
    };
    let uri = format!("<{uri}>");
    if let Some(told) = &line.uri {
        names_uri(&uri, told, names)?;
    }
    let own = [
        ("Route", &letter.routes, &line.routes),
        ("Record-Route", &letter.record_routes, &line.record_routes),
    ];
    for (name, came, told) in own {
        if came.len() != told.len() {
            return Err(format!("its {name} is {came:?}"));
        }
        for (came, told) in came.iter().zip(told) {
            names_uri(came, told, names)?;
        }
    }
    Ok(())
}

/// A name-addr is what a line says, and stands for it from now on if it is midreg's.
fn names_uri(came: &str, told: &Contact, names: &mut Names) -> Result<(), String> {
    let number = match told.target {
        Target::Ours(number) => Some(number),
        _ => None,
    };
    let own = written(came, |uri| number.filter(|_| uri.contains(US)));
    if own != *told {
        return Err(format!("it has {came}, not {told}"));
    }
    match (number, uri_of(came)) {
        (Some(number), Some(uri)) => names.meet_ours(number, uri),
        _ => Ok(()),
    }
}

/// What only calls have, as a line would tell it.
fn tell_call(packet: &Packet, message: &mut Message, names: &Names) {
    let letter = Letter::read(&packet.bytes).filter(|letter| letter.method != "REGISTER");
    let Some(letter) = letter else {
        return;
    };
    let own = |value: &String| written(value, |uri| names.number_of(uri));
    message.uri = letter.uri().map(|uri| own(&format!("<{uri}>")));
    let tag = letter.to_tag();
    message.tag = tag.strip_prefix("tag-").map(str::to_owned);
    message.routes = letter.routes.iter().map(own).collect();
    if letter.uri().is_some() {
        message.record_routes = letter.record_routes.iter().map(own).collect();
    }
}

/// The tag that a name of a tag stands for.
pub(super) fn tag_text(name: &str) -> String {
    format!("tag-{name}")
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

fn headers(packet: &Packet, line: &Message, names: &mut Names) -> Result<(), String> {
    for (word, name) in HEADERS {
        let came = packet.all(name).join(", ");
        match line.header(word) {
            None if !came.is_empty() => return Err(format!("it has {name}: {came}")),
            Some(_) if came.is_empty() => return Err(format!("it has no {name}")),
            Some(told) if told.starts_with("<ours ") => {
                names_uri(&came, &Contact::parse(told)?, names)?;
            }
            Some(told) if told != ANYTHING && told != came => {
                return Err(format!("its {name} is `{came}`, not `{told}`"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn challenge(packet: &Packet, line: &Message, names: &mut Names) -> Result<(), String> {
    let came = challenge_of(packet);
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
    let came = proof_of(packet);
    let sent = line.auth.as_deref().map(|nonce| names.credentials(nonce));
    match (sent, came) {
        (None, None) => Ok(()),
        (Some(Some(sent)), Some(came)) if sent == came => Ok(()),
        (Some(None), _) => Err("nobody answered that nonce".to_owned()),
        (_, Some(came)) => Err(format!("its credentials are {came}")),
        (_, None) => Err("it has no credentials".to_owned()),
    }
}

fn challenge_of(packet: &Packet) -> Option<String> {
    let asked = packet.value("WWW-Authenticate");
    asked.or_else(|| packet.value("Proxy-Authenticate"))
}

fn proof_of(packet: &Packet) -> Option<String> {
    let proof = packet.value("Authorization");
    proof.or_else(|| packet.value("Proxy-Authorization"))
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
