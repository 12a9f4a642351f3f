//! `Offer`: which hash functions a challenge offers, so that phones can answer it (RFC 8760 §2.3).
//!
//! A phone answers the first one that it knows. If its user has no hash for that one it is refused,
//! although the password is right; so what not every user has a hash for is offered on demand only.

use engine::auth::offerable;
use engine::policy::DigestUser;
use sip::digest::Algorithm;

use super::error::{Fault, Faults};
use super::form::{Form, Kind, quoted};
use super::raw::{Node, Value};
use super::section::{Complaint, Given};
use super::user::User;
use super::value::text;

/// What passwords are hashed for where nothing is said: every phone knows it, and some that do not
/// know another give up where that comes first.
const USUAL: [Algorithm; 1] = [Algorithm::Md5];

/// What is offered of the hashes that users have, where nothing is said.
const KNOWN: [Algorithm; 3] = [Algorithm::Sha256, Algorithm::Sha512_256, Algorithm::Md5];

/// What is to be offered: `algorithms`, where that was given.
#[derive(Clone, Copy)]
pub(crate) struct Offer<'k>(pub(crate) Option<&'k Given<Vec<Algorithm>>>);

impl Offer<'_> {
    /// What passwords are hashed for.
    #[must_use]
    pub(crate) fn wanted(&self) -> &[Algorithm] {
        self.0.map_or(&USUAL, |given| &given.value)
    }

    /// What is offered to `users`, whose hashes are `hashed`, in the same order.
    pub(crate) fn settle(
        &self,
        users: &[Given<User>],
        hashed: &[DigestUser],
        faults: &mut Faults,
    ) -> Vec<Algorithm> {
        let offered = match self.0 {
            Some(given) => offerable(&given.value, hashed),
            None => unsaid(hashed),
        };
        self.tell_idle(&offered, faults);
        self.tell_useless(users, hashed, faults);
        tell_lacking(users, hashed, &offered, faults);
        offered
    }

    /// What was asked for and is not offered.
    fn tell_idle(&self, offered: &[Algorithm], faults: &mut Faults) {
        let Some(given) = self.0 else { return };
        for kind in given.value.iter().filter(|kind| !offered.contains(kind)) {
            let message = format!("{} is not offered", kind.as_str());
            let help = "no user has a hash for it";
            faults.push(Fault::warning(Some(&given.spot), message).help(help));
        }
    }

    /// Users who can prove nothing with what is to be offered.
    fn tell_useless(&self, users: &[Given<User>], hashed: &[DigestUser], faults: &mut Faults) {
        let Some(given) = self.0 else { return };
        let useless = |user: &DigestUser| !has_any(user, &given.value);
        let mut of = users.iter().zip(hashed).filter(|(_, user)| useless(user));
        if let Some((user, _)) = of.next() {
            let names: Vec<&str> = given.value.iter().map(|kind| kind.as_str()).collect();
            let (name, wanted) = (&user.value.name, names.join(" or "));
            let message = format!("`{name}` has no hash for {wanted}{}", more(of.count()));
            let help = format!("nothing else is offered, see {}", given.spot);
            faults.push(Fault::error(&user.spot, message).help(help));
        }
    }
}

/// What all users have; where that is nothing, what any has.
fn unsaid(hashed: &[DigestUser]) -> Vec<Algorithm> {
    let of_all = |kind: &Algorithm| hashed.iter().all(|user| has_any(user, &[*kind]));
    let common: Vec<Algorithm> = KNOWN.into_iter().filter(of_all).collect();
    match common.is_empty() {
        true => offerable(&KNOWN, hashed),
        false => common,
    }
}

/// Users whose phones may choose what they have no hash for.
fn tell_lacking(
    users: &[Given<User>],
    hashed: &[DigestUser],
    offered: &[Algorithm],
    faults: &mut Faults,
) {
    for kind in offered {
        let lacks = |user: &DigestUser| has_any(user, offered) && !has_any(user, &[*kind]);
        let mut of = users.iter().zip(hashed).filter(|(_, user)| lacks(user));
        if let Some((user, _)) = of.next() {
            let (name, kind) = (&user.value.name, kind.as_str());
            let message = format!("`{name}` has no hash for {kind}{}", more(of.count()));
            let help = "it is offered to all, and a phone that answers it is refused: add the hash, \
                        or leave it out of `digest.algorithms`";
            faults.push(Fault::warning(Some(&user.spot), message).help(help));
        }
    }
}

/// The names of hash functions, the most wanted first.
pub(crate) fn algorithms() -> Form<Vec<Algorithm>> {
    let names = [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256];
    let words = names.map(|kind| (kind.as_str(), "")).to_vec();
    let kind = Kind::List(Box::new(Kind::Words(words)));
    Form::new(kind, read_algorithms, |kinds| show_algorithms(kinds))
}

/// The same as TOML.
#[must_use]
pub(crate) fn show_algorithms(kinds: &[Algorithm]) -> String {
    let names: Vec<String> = kinds.iter().map(|kind| quoted(kind.as_str())).collect();
    format!("[{}]", names.join(", "))
}

fn read_algorithms(node: &Node) -> Result<Vec<Algorithm>, Complaint> {
    const HELP: &str = "choose from \"SHA-512-256\", \"SHA-256\", \"MD5\", the most wanted first";
    let items = match &node.value {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let text = text(item)?;
        let Some(algorithm) = Algorithm::from_bytes(text.as_bytes()) else {
            return Err(Complaint::new(format!("`{text}` is not known"), HELP));
        };
        if found.contains(&algorithm) {
            return Err(Complaint::new(format!("`{text}` twice"), HELP));
        }
        found.push(algorithm);
    }
    match found.is_empty() {
        true => Err(Complaint::new("empty", HELP)),
        false => Ok(found),
    }
}

fn has_any(user: &DigestUser, algorithms: &[Algorithm]) -> bool {
    user.ha1.iter().any(|(own, _)| algorithms.contains(own))
}

fn more(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => ", nor has 1 other user".to_owned(),
        count => format!(", nor have {count} other users"),
    }
}
