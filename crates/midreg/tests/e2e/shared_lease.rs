//! One lease for all devices of a user (`aor`): the main registrar sees one contact, and midreg knows who is behind it.

use crate::rig::{
    Baresip, DOMAIN, Kamailio, Midreg, Mode, PROMPT, Phone, Port, Script, Settings, Verdict,
};

use Verdict::{Authenticated, Challenged, Trusted};

const LONG: [&str; 2] = ["upstream.expires=7200", "registration.jitter=0"];

#[test]
fn two_phones_are_one_contact() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Aor, kamailio.address(), &LONG);
    let mut desk = Phone::of("alice");
    let mut hall = Phone::of("alice");

    desk.register(60, midreg.address());
    let welcome = hall.register(60, midreg.address());

    assert_eq!(
        welcome.uris(),
        [hall.uri(), desk.uri()],
        "all devices, one's own first"
    );
    assert_one_contact(&kamailio, "alice", DOMAIN, &midreg);
    let seen = kamailio.registers();
    assert_eq!(
        kamailio.verdicts(),
        [Challenged, Authenticated].repeat(2),
        "the second phone proves itself too"
    );
    assert!(
        seen.iter()
            .all(|register| register.call_id == seen[0].call_id),
        "one lease is one client: {seen:?}"
    );
    assert!(
        seen.windows(2).all(|pair| pair[0].cseq < pair[1].cseq),
        "whose CSeq grows: {seen:?}"
    );

    for phone in [&mut desk, &mut hall] {
        let refresh = Script::default().register(phone.contact(60)).expect(200);
        phone.play(&refresh.times(3), midreg.address());
    }
    assert_eq!(
        kamailio.registers().len(),
        4,
        "refreshes of both are absorbed"
    );
}

#[test]
fn second_phone_with_a_wrong_password_is_never_seen() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Aor, kamailio.address(), &LONG);
    let mut alice = Phone::of("alice");
    let mut mallory = Phone::with_password("alice", "guess");
    alice.register(60, midreg.address());
    let before = kamailio.contacts("alice");

    mallory.be_refused(60, midreg.address());

    assert_eq!(
        kamailio.verdicts(),
        [Challenged, Authenticated, Challenged, Challenged],
        "a shared lease is no proof"
    );
    let refreshed = alice.ask(&alice.contact(60), 200, midreg.address());
    assert_eq!(refreshed.uris(), [alice.uri()]);
    let after = kamailio.contacts("alice");
    assert_eq!(after.len(), 1, "{after:?}");
    assert_eq!(
        (&after[0].uri, &after[0].call_id),
        (&before[0].uri, &before[0].call_id)
    );
    // Nothing was remembered that a second try could live on.
    mallory.ask(&mallory.contact(60), 401, midreg.address());
}

#[test]
fn contact_stays_until_the_last_phone_has_left() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Aor, kamailio.address(), &LONG);
    let mut desk = Phone::of("alice");
    let mut hall = Phone::of("alice");
    desk.register(60, midreg.address());
    hall.register(60, midreg.address());

    let farewell = desk.unregister(midreg.address());

    assert_eq!(farewell.uris(), [hall.uri()]);
    assert_one_contact(&kamailio, "alice", DOMAIN, &midreg);
    let removals = |kamailio: &Kamailio| {
        kamailio
            .registers()
            .iter()
            .filter(|register| register.is_removal())
            .count()
    };
    assert_eq!(removals(&kamailio), 0, "a sibling needs the lease");

    let farewell = hall.unregister(midreg.address());

    assert_eq!(farewell.contacts(), []);
    assert_eq!(kamailio.contacts("alice"), []);
    assert!(removals(&kamailio) > 0);
}

#[test]
fn contact_stays_until_the_last_phone_has_died() {
    let address = Port::reserve();
    let kamailio = Kamailio::start(Settings {
        trusted: Some(address.address()),
        ..Settings::default()
    });
    let midreg = Midreg::start_at(address, Mode::Aor, kamailio.address(), &LONG);
    let mut desk = Phone::of("alice");
    let mut hall = Phone::of("alice");
    hall.register(600, midreg.address());
    desk.register(2, midreg.address());

    hall.refresh_until_alone(600, midreg.address());

    assert_one_contact(&kamailio, "alice", DOMAIN, &midreg);
    assert!(
        !kamailio.verdicts().contains(&Trusted),
        "nothing to tell the main registrar"
    );

    hall.ask(&hall.contact(2), 200, midreg.address());
    kamailio.wait_for_register("the removal of alice", PROMPT, |register| {
        register.verdict == Trusted
    });
    assert_eq!(kamailio.contacts("alice"), []);
    let removals = kamailio
        .verdicts()
        .iter()
        .filter(|v| **v == Trusted)
        .count();
    assert_eq!(removals, 1);
}

#[test]
fn soft_phone_and_desk_phone_share_a_lease() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Aor, kamailio.address(), &LONG);
    let mut desk = Phone::of("alice");
    desk.register(60, midreg.address());
    let soft = Baresip::start("alice", 2, midreg.address());

    soft.wait_for_registrations(3, PROMPT);

    assert_one_contact(&kamailio, "alice", DOMAIN, &midreg);
    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated].repeat(2));
    let refreshed = desk.ask(&desk.contact(60), 200, midreg.address());
    assert_eq!(refreshed.contacts().len(), 2);

    soft.quit();
    assert_one_contact(&kamailio, "alice", DOMAIN, &midreg);
    let refreshed = desk.ask(&desk.contact(60), 200, midreg.address());
    assert_eq!(refreshed.uris(), [desk.uri()]);
    desk.unregister(midreg.address());
    assert_eq!(kamailio.contacts("alice"), []);
}

#[test]
fn modes_live_side_by_side_in_one_process() {
    let kamailio = Kamailio::start(Settings::default());
    let settings = [
        "domain.0.name=contact.test",
        "domain.0.mode=contact",
        "domain.1.name=mirror.test",
        "domain.1.mode=mirror",
        "domain.2.name=lab.test",
        "domain.2.mode=standalone",
        "domain.2.digest.algorithms=MD5",
        "domain.2.digest.users.0.name=dave",
        "domain.2.digest.users.0.password=pw-dave",
    ];
    let midreg = Midreg::start(Mode::Aor, kamailio.address(), &settings);
    let register_two = |user: &str, domain: &str| {
        let mut phones = [Phone::at(user, domain), Phone::at(user, domain)];
        for phone in &mut phones {
            phone.register(60, midreg.address());
        }
        phones
    };
    let mut alices = register_two("alice", "aor.test");
    let mut bobs = register_two("bob", "contact.test");
    let [mut carol, _] = register_two("carol", "mirror.test");
    let seen = kamailio.registers().len();
    let mut daves = register_two("dave", "lab.test");
    assert_eq!(kamailio.registers().len(), seen, "nobody else hears of it");

    assert_one_contact(&kamailio, "alice", "aor.test", &midreg);
    assert_eq!(kamailio.contacts("bob").len(), 2);
    assert_eq!(kamailio.contacts("carol").len(), 2);
    let lifetimes = |user: &str| {
        let contacts = kamailio.contacts(user);
        contacts
            .iter()
            .map(|contact| contact.expires)
            .max()
            .unwrap_or(0)
    };
    assert!(lifetimes("bob") > 7000, "a lease");
    assert!(lifetimes("carol") <= 60, "the phone's own");

    let before = kamailio.registers().len();
    for phone in alices.iter_mut().chain(&mut bobs).chain(&mut daves) {
        phone.ask(&phone.contact(60), 200, midreg.address());
    }
    assert_eq!(kamailio.registers().len(), before, "absorbed");
    carol.ask(&carol.contact(60), 401, midreg.address());
    assert_eq!(kamailio.registers().len(), before + 1, "proxied");

    // A user of one domain is nobody in another.
    let mut stranger = Phone::at("dave", "aor.test");
    stranger.ask(&stranger.contact(60), 401, midreg.address());
    assert_eq!(kamailio.registers().len(), before + 2, "asked upstream");
    let mut stranger = Phone::at("alice", "lab.test");
    stranger.be_refused(60, midreg.address());
    assert_eq!(kamailio.registers().len(), before + 2, "asked here");
}

fn assert_one_contact(kamailio: &Kamailio, user: &str, domain: &str, midreg: &Midreg) {
    let contacts = kamailio.contacts(user);
    let uris: Vec<&str> = contacts
        .iter()
        .map(|contact| contact.uri.split(';').next().unwrap_or_default())
        .collect();
    assert_eq!(
        uris,
        [format!("sip:{user}%40{domain}@{}", midreg.address())]
    );
}
