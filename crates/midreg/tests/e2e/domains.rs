//! Domains (R19): phones and the main registrar call one thing by two names.

use crate::rig::{
    Baresip, CallScript, DOMAIN, Kamailio, Midreg, Mode, PROMPT, Phone, Settings, Verdict, aor,
    outsider,
};

use Verdict::{Authenticated, Challenged};

const PHONES: &str = "phones.test";

/// Phones of `phones.test` are users of the main registrar's own domain.
fn mapped(mode: Mode, kamailio: &Kamailio) -> Midreg {
    let name = format!("domain.0.name={PHONES}");
    let upstream = format!("domain.0.upstream_name={DOMAIN}");
    Midreg::start(mode, kamailio.address(), &[&name, &upstream])
}

#[test]
fn phones_use_another_domain_than_the_main_registrar_in_contact_mode() {
    phones_use_another_domain_than_the_main_registrar(Mode::Contact);
}

#[test]
fn phones_use_another_domain_than_the_main_registrar_in_aor_mode() {
    phones_use_another_domain_than_the_main_registrar(Mode::Aor);
}

#[test]
fn phones_use_another_domain_than_the_main_registrar_in_mirror_mode() {
    phones_use_another_domain_than_the_main_registrar(Mode::Mirror);
}

fn phones_use_another_domain_than_the_main_registrar(mode: Mode) {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = mapped(mode, &kamailio);
    let mut alice = Phone::at("alice", PHONES);

    let welcome = alice.register(60, midreg.address());

    assert_eq!(welcome.uris(), [alice.uri()]);
    for header in ["From", "To"] {
        let value = welcome.header(header).unwrap_or_default();
        assert!(
            value.starts_with(&format!("<sip:alice@{PHONES}>")),
            "the phone reads its own words: {value}"
        );
    }
    let seen = kamailio.registers();
    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated]);
    for register in &seen {
        assert_eq!(register.target, format!("sip:{DOMAIN}"));
        assert_eq!(register.domain, DOMAIN);
    }
    assert_eq!(kamailio.contacts("alice").len(), 1);

    let farewell = alice.leave(&alice.contact(0), midreg.address());
    assert_eq!(farewell.contacts(), []);
    assert_eq!(kamailio.contacts("alice"), []);
}

#[test]
fn phones_are_called_and_call_by_their_own_domain_in_contact_mode() {
    phones_are_called_and_call_by_their_own_domain(Mode::Contact);
}

#[test]
fn phones_are_called_and_call_by_their_own_domain_in_aor_mode() {
    phones_are_called_and_call_by_their_own_domain(Mode::Aor);
}

#[test]
fn phones_are_called_and_call_by_their_own_domain_in_mirror_mode() {
    phones_are_called_and_call_by_their_own_domain(Mode::Mirror);
}

fn phones_are_called_and_call_by_their_own_domain(mode: Mode) {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = mapped(mode, &kamailio);
    let mut alice = Phone::at("alice", PHONES);
    let mut bob = Phone::at("bob", PHONES);
    for phone in [&mut alice, &mut bob] {
        phone.register(600, midreg.address());
    }
    let answer = CallScript::default().pick_up().be_hung_up_on();

    let desk = alice.stand_by(&answer);
    let call = CallScript::default().invite(&aor("alice")).be_answered();
    outsider().call(&call.hang_up(), kamailio.address());
    desk.finish();

    let desk = alice.stand_by(&answer);
    let call = CallScript::default().invite_with_proof(&format!("sip:alice@{PHONES}"));
    bob.call(&call.be_answered().hang_up(), midreg.address());
    desk.finish();

    let targets: Vec<String> = kamailio
        .requests("INVITE")
        .into_iter()
        .map(|seen| seen.target)
        .collect();
    assert_eq!(targets, [aor("alice"), aor("alice"), aor("alice")]);
}

#[test]
fn baresip_uses_another_domain_than_the_main_registrar() {
    let kamailio = Kamailio::start(Settings::default());
    let name = format!("domain.0.name={DOMAIN}");
    let settings = [name.as_str(), "domain.0.upstream_name=main.test"];
    let midreg = Midreg::start(Mode::Aor, kamailio.address(), &settings);
    let phone = Baresip::start("alice", 2, midreg.address());

    phone.wait_for_registrations(3, PROMPT);

    let seen = kamailio.registers();
    assert!(
        seen.iter().all(|register| register.domain == "main.test"),
        "{seen:?}"
    );
    assert_eq!(seen.len(), 2, "refreshes are absorbed: {seen:?}");
    assert_eq!(kamailio.contacts("alice").len(), 1);
    phone.quit();
    assert_eq!(kamailio.contacts("alice"), []);
}

#[test]
fn many_names_of_a_domain_are_one() {
    let kamailio = Kamailio::start(Settings::default());
    let name = format!("domain.0.name={DOMAIN}");
    let settings = [
        name.as_str(),
        "domain.0.aliases=old.test",
        "naming.strip_prefixes=sip.",
    ];
    let midreg = Midreg::start(Mode::Aor, kamailio.address(), &settings);
    let prefixed = format!("sip.{DOMAIN}");
    let mut phones = [
        Phone::at("alice", DOMAIN),
        Phone::at("alice", "old.test"),
        Phone::at("alice", &prefixed),
    ];

    for phone in &mut phones {
        phone.register(60, midreg.address());
    }

    let [desk, ..] = &mut phones;
    let refreshed = desk.ask(&desk.contact(60), 200, midreg.address());
    assert_eq!(refreshed.contacts().len(), 3, "one user has them all");
    assert_eq!(kamailio.contacts("alice").len(), 1);
    let seen = kamailio.registers();
    assert!(
        seen.iter().all(|register| register.domain == DOMAIN),
        "{seen:?}"
    );
}
