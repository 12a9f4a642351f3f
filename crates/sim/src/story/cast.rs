//! Who takes part in a story.

use engine::Mono;

use crate::mix::{Kind, Mix, Shown};
use crate::personality::Challenges;
use crate::phone::Phone;
use crate::rng::Rng;

use super::actor::Actor;

/// Credentials that prove nothing, for a main registrar that does not look.
const NO_PROOF: &str = "Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n\", \
                        uri=\"sip:example.org\", response=\"0\"";

/// The phones of a mix.
pub(super) fn assemble(mix: &Mix, rng: &mut Rng, now: Mono) -> Vec<Actor> {
    let kinds = mix.phones.iter().enumerate();
    kinds
        .map(|(number, kind)| actor(mix, rng, (number, *kind), now))
        .collect()
}

fn actor(mix: &Mix, rng: &mut Rng, (number, kind): (usize, Kind), now: Mono) -> Actor {
    // Where there is a user for each phone, each has its own.
    let user = match mix.aors >= mix.phones.len() {
        true => number,
        false => rng.index(mix.aors),
    };
    let at = format!("198.51.100.{}:5062", number + 1);
    let mut phone = Phone::new(&format!("user{user}"), &at);
    match kind {
        Kind::Instance => phone = phone.with_instance(&format!("urn:uuid:{number}")),
        Kind::Nat => phone = phone.behind_nat("192.168.1.2:5060"),
        Kind::Two => {
            let (one, two) = (format!("sip:a@{at}"), format!("sip:b@{at}"));
            phone = phone.with_contacts(&[&one, &two]);
        }
        Kind::Plain | Kind::Sleeper => {}
    }
    if mix.challenges == Challenges::Never && mix.credentials == Shown::Always {
        phone.headers.push(NO_PROOF.to_owned());
    }
    phone.expires = [Some(60), Some(120), Some(300), None][rng.index(4)];
    let start = now.plus_millis(rng.below(5_000));
    Actor::new(phone, (kind, mix.credentials), rng.draw(), start)
}
