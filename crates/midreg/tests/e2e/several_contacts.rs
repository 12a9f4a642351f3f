//! Several Contacts of one user: in one REGISTER, or from several phones.

use crate::rig::{Kamailio, Midreg, Mode, Phone, Script, Settings};

#[test]
fn two_contacts_in_one_register_in_contact_mode() {
    two_contacts_in_one_register(Mode::Contact);
}

#[test]
fn two_contacts_in_one_register_in_mirror_mode() {
    two_contacts_in_one_register(Mode::Mirror);
}

fn two_contacts_in_one_register(mode: Mode) {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(mode, kamailio.address(), &["registration.jitter=0"]);
    let mut alice = Phone::of("alice");
    let second = format!("sip:alice-2@{}", alice.address());
    let both = format!("{}\nContact: <{second}>;expires=30", alice.contact(60));

    let refresh = Script::default().answer(&both).expect(200);
    let script = Script::default()
        .register(&both)
        .expect(401)
        .answer(&both)
        .expect(200);
    let replies = alice.play(&script.and(refresh), midreg.address());

    let expected = [(alice.uri(), 60), (second.clone(), 30)];
    for reply in &replies[1..] {
        let mut contacts = reply.contacts();
        contacts.sort();
        let mut expected = expected.clone();
        expected.sort();
        assert_eq!(contacts, expected);
    }
    let upstream = match mode {
        Mode::Contact | Mode::Aor => 2,
        Mode::Mirror => 3,
    };
    assert_eq!(
        kamailio.registers().len(),
        upstream,
        "the refresh of both is absorbed in contact mode"
    );
    let bindings = kamailio.contacts("alice");
    assert_eq!(bindings.len(), 2, "{bindings:?}");
    assert!(
        bindings
            .iter()
            .all(|binding| binding.uri.contains(&midreg.address().to_string())),
        "{bindings:?}"
    );

    let farewell = alice.leave(&format!("Contact: <{second}>;expires=0"), midreg.address());
    assert_eq!(farewell.uris(), [alice.uri()]);
    assert_eq!(kamailio.contacts("alice").len(), 1);
}

#[test]
fn two_phones_of_one_user_in_contact_mode() {
    two_phones_of_one_user(Mode::Contact);
}

#[test]
fn two_phones_of_one_user_in_mirror_mode() {
    two_phones_of_one_user(Mode::Mirror);
}

fn two_phones_of_one_user(mode: Mode) {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(mode, kamailio.address(), &[]);
    let mut desk = Phone::of("alice");
    let mut hall = Phone::of("alice");

    let welcome = desk.register(60, midreg.address());
    assert_eq!(welcome.uris(), [desk.uri()]);
    let welcome = hall.register(60, midreg.address());
    assert_eq!(
        welcome.uris(),
        [hall.uri(), desk.uri()],
        "all bindings, one's own first"
    );
    assert_eq!(kamailio.contacts("alice").len(), 2);

    desk.unregister(midreg.address());
    assert_eq!(kamailio.contacts("alice").len(), 1);
}
