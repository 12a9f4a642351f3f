//! `insertion = "path"` (RFC 3327): the main registrar keeps the phone's own Contact, and a Path through midreg beside it.

use crate::rig::{
    Contact, DOMAIN, Kamailio, Midreg, Mode, PROMPT, Phone, Port, Script, Settings, Verdict,
};

use Verdict::{Authenticated, Challenged, Trusted};

const PATH: &str = "upstream.insertion=path";

#[test]
fn contact_is_kept_and_the_path_leads_through_midreg_in_contact_mode() {
    let (lifetime, registers) = contact_is_kept_and_the_path_leads_through_midreg(Mode::Contact);
    assert!(lifetime > 7000, "a lease, not the phone's {lifetime} s");
    assert_eq!(registers, 0, "refreshes are absorbed");
}

#[test]
fn contact_is_kept_and_the_path_leads_through_midreg_in_mirror_mode() {
    let (lifetime, registers) = contact_is_kept_and_the_path_leads_through_midreg(Mode::Mirror);
    assert!(lifetime <= 60, "the phone's own");
    assert_eq!(registers, 2, "each refresh is proxied");
}

/// Returns the lifetime of the last Contact, and how many REGISTERs two refreshes cost.
fn contact_is_kept_and_the_path_leads_through_midreg(mode: Mode) -> (u32, usize) {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(mode, kamailio.address(), &[PATH]);
    let mut phones = [Phone::of("alice"), Phone::of("alice")];

    for phone in &mut phones {
        let welcome = phone.register(60, midreg.address());
        assert!(welcome.uris().contains(&phone.uri()), "{welcome:?}");
    }

    let [desk, hall] = &phones;
    let at_desk = contact_of(&kamailio, desk);
    let in_hall = contact_of(&kamailio, hall);
    for contact in [&at_desk, &in_hall] {
        assert_leads_through(contact, &midreg);
    }
    assert_ne!(at_desk.path, in_hall.path, "each has a token of its own");

    let before = kamailio.registers().len();
    for phone in &mut phones {
        let refresh = Script::default()
            .register(phone.contact(60))
            .expect_either(200, 401);
        phone.play(&refresh, midreg.address());
    }
    (in_hall.expires, kamailio.registers().len() - before)
}

#[test]
fn path_stays_through_a_renewal() {
    let kamailio = Kamailio::start(Settings {
        max_expires: 4,
        ..Settings::default()
    });
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &[PATH]);
    let mut alice = Phone::of("alice");
    alice.register(60, midreg.address());
    let first = contact_of(&kamailio, &alice);

    // A lease of four seconds holds no promise of sixty, and from half of it on none at all.
    let contact = alice.contact(60);
    let wait = Script::default().pause(std::time::Duration::from_millis(2500));
    let renewal = Script::default()
        .register(&contact)
        .expect(401)
        .answer(&contact)
        .expect(200);
    alice.play(&wait.and(renewal), midreg.address());

    let second = contact_of(&kamailio, &alice);
    assert_eq!((&second.uri, &second.path), (&first.uri, &first.path));
    assert_eq!(kamailio.contacts("alice").len(), 1);
}

#[test]
fn phone_that_leaves_is_removed_in_contact_mode() {
    phone_that_leaves_is_removed(Mode::Contact);
}

#[test]
fn phone_that_leaves_is_removed_in_mirror_mode() {
    phone_that_leaves_is_removed(Mode::Mirror);
}

fn phone_that_leaves_is_removed(mode: Mode) {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(mode, kamailio.address(), &[PATH]);
    let mut desk = Phone::of("alice");
    let mut hall = Phone::of("alice");
    desk.register(60, midreg.address());
    hall.register(60, midreg.address());

    let farewell = desk.leave(&desk.contact(0), midreg.address());

    assert_eq!(farewell.uris(), [hall.uri()]);
    assert_leads_through(&contact_of(&kamailio, &hall), &midreg);
    assert_eq!(kamailio.contacts("alice").len(), 1);
}

#[test]
fn phone_that_dies_is_removed() {
    let address = Port::reserve();
    let kamailio = Kamailio::start(Settings {
        trusted: Some(address.address()),
        ..Settings::default()
    });
    let midreg = Midreg::start_at(address, Mode::Contact, kamailio.address(), &[PATH]);
    let mut hall = Phone::of("alice");
    hall.register(60, midreg.address());
    let mut desk = Phone::of("alice");
    desk.register(2, midreg.address());

    let removal = kamailio.wait_for_register("the removal of the desk phone", PROMPT, |register| {
        register.verdict == Trusted
    });

    assert!(removal.contact.contains(&desk.uri()), "{removal:?}");
    contact_of(&kamailio, &hall);
    assert_eq!(kamailio.contacts("alice").len(), 1);
    assert_eq!(
        kamailio.verdicts(),
        [
            Challenged,
            Authenticated,
            Challenged,
            Authenticated,
            Trusted
        ]
    );
}

/// What the main registrar has of a phone under the phone's own URI.
fn contact_of(kamailio: &Kamailio, phone: &Phone) -> Contact {
    let contacts = kamailio.contacts("alice");
    let own = contacts.iter().find(|contact| contact.uri == phone.uri());
    own.unwrap_or_else(|| panic!("no {} at {DOMAIN}: {contacts:?}", phone.uri()))
        .clone()
}

/// One loose hop, which is midreg and has a token as its user.
fn assert_leads_through(contact: &Contact, midreg: &Midreg) {
    let path = contact.path.as_deref().unwrap_or_default();
    let inside = path
        .strip_prefix("<sip:")
        .and_then(|rest| rest.strip_suffix('>'));
    let (token, rest) = inside
        .and_then(|uri| uri.split_once('@'))
        .unwrap_or_default();
    assert!(!token.is_empty(), "{contact:?}");
    let mut parts = rest.split(';');
    assert_eq!(parts.next(), Some(midreg.address().to_string().as_str()));
    assert!(parts.any(|parameter| parameter == "lr"), "{path}");
}
