//! baresip through midreg to Kamailio: nobody wrote it for this test.

use std::time::Duration;

use crate::rig::{Baresip, Kamailio, Midreg, Mode, PROMPT, Port, Settings, Verdict};

use Verdict::{Authenticated, Challenged, Trusted};

/// Refreshed every 1.8 s.
const LIFETIME: u32 = 2;
const REGISTRATIONS: usize = 5;
const TIME: Duration = Duration::from_secs(30);

#[test]
fn baresip_stays_registered_in_contact_mode() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(
        Mode::Contact,
        kamailio.address(),
        &["upstream.expires=7200"],
    );
    let phone = Baresip::start("alice", LIFETIME, midreg.address());

    let replies = phone.wait_for_registrations(REGISTRATIONS, TIME);

    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(
        statuses[..=REGISTRATIONS],
        [401, 200, 200, 200, 200, 200],
        "one challenge, then none"
    );
    assert_eq!(
        kamailio.verdicts(),
        [Challenged, Authenticated],
        "one registration upstream"
    );
    assert_eq!(kamailio.contacts("alice").len(), 1);

    phone.quit();
    assert_eq!(
        kamailio.verdicts(),
        [Challenged, Authenticated].repeat(2),
        "and one farewell"
    );
    assert_eq!(kamailio.contacts("alice"), []);
}

#[test]
fn baresip_stays_registered_in_mirror_mode() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Mirror, kamailio.address(), &[]);
    let phone = Baresip::start("alice", LIFETIME, midreg.address());

    phone.wait_for_registrations(REGISTRATIONS, TIME);
    assert_eq!(kamailio.contacts("alice").len(), 1);
    phone.quit();

    let verdicts = kamailio.verdicts();
    let pairs = verdicts.chunks(2);
    assert!(
        pairs.len() > REGISTRATIONS,
        "each registration and the farewell: {verdicts:?}"
    );
    assert!(
        pairs
            .clone()
            .all(|pair| pair == [Challenged, Authenticated]),
        "{verdicts:?}"
    );
    assert_eq!(kamailio.contacts("alice"), []);
}

#[test]
fn baresip_that_vanishes_is_removed() {
    let address = Port::reserve();
    let kamailio = Kamailio::start(Settings {
        trusted: Some(address.address()),
        ..Settings::default()
    });
    let midreg = Midreg::start_at(
        address,
        Mode::Contact,
        kamailio.address(),
        &["upstream.expires=7200"],
    );
    let phone = Baresip::start("alice", LIFETIME, midreg.address());
    phone.wait_for_registrations(2, TIME);

    phone.vanish();

    kamailio.wait_for_register("the removal of alice", PROMPT, |register| {
        register.verdict == Trusted
    });
    assert_eq!(kamailio.contacts("alice"), []);
}
