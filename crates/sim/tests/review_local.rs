//! Proof that is had here, under a hostile eye: what is promised without the main registrar, what a
//! repetition is told, and what its challenges to us lead to.

use engine::policy::{Credential, Insertion, Mode, Policy};
use midreg_sim::digest::REALM;
use midreg_sim::expect::{locally, patched};
use midreg_sim::main_registrar::PASSWORD;
use midreg_sim::{Challenges, Phone, StoreMode, Temper, World, home, policy};

const USER: &str = "user0";
const AOR: &str = "user0@example.org";

fn knowing(mode: Mode) -> Policy {
    let mut policy = policy::with(mode, u16::from(mode != Mode::Standalone));
    policy.domain.digest = Some(home::users());
    policy.upstream.credentials = vec![Credential {
        realm: REALM.into(),
        user: USER.into(),
        password: PASSWORD.into(),
    }];
    policy
}

fn phone(number: u16) -> Phone {
    Phone::new(USER, &format!("198.51.100.{number}:5062"))
}

const TWO: [&str; 2] = ["sip:a@198.51.100.1:5062", "sip:b@198.51.100.1:5062"];

/// One contact leaves and the other comes, in one request.
fn one_for_another(phone: &mut Phone) -> Vec<u8> {
    let lines = [format!("<{}>;expires=0", TWO[0]), format!("<{}>", TWO[1])];
    phone.say(&[&lines[0], &lines[1]], Some(300))
}

#[test]
fn a_contact_that_comes_while_another_leaves_is_the_main_registrars_to_accept() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut world = World::new(knowing(mode));
        let mut phone = phone(1);
        let bytes = one_for_another(&mut phone);
        world.converse(&mut phone, &bytes);
        assert_eq!(world.held(AOR).len(), world.bound(AOR).len(), "{mode:?}");
    }
}

#[test]
fn a_contact_that_replaces_another_is_known_to_the_main_registrar() {
    let mut world = World::new(knowing(Mode::Contact));
    let mut phone = phone(1).with_contacts(&TWO[..1]);
    world.registered(&mut phone);
    let bytes = one_for_another(&mut phone);
    world.converse(&mut phone, &bytes);
    world.wait(10);
    assert_eq!(world.held_tokens(AOR), world.tokens(AOR));
}

#[test]
fn d2_a_request_that_removes_and_registers_is_answered_again() {
    for mode in [Mode::Standalone, Mode::Contact, Mode::Aor] {
        let mut world = World::new(knowing(mode));
        let mut phone = phone(1).with_contacts(&TWO);
        world.registered(&mut phone);
        let bytes = one_for_another(&mut phone);
        assert_eq!(world.converse(&mut phone, &bytes).status(), 200);
        let again = phone.again();
        let answer = world.exchange(&phone, &again);
        assert_eq!(answer.status(), 200, "{mode:?}");
    }
}

#[test]
fn a_423_after_our_own_credentials_is_raised_as_well() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut world = World::new(knowing(mode));
        world.main().personality.shortest = 10_000;
        let mut phone = phone(1);
        world.registered(&mut phone);
        assert_eq!(world.held(AOR).len(), 1);
    }
}

#[test]
fn a_repeated_query_with_proof_has_its_answer() {
    let mut world = World::new(knowing(Mode::Standalone));
    world.registered(&mut phone(1));
    let mut other = phone(2);
    let bytes = other.query();
    assert_eq!(world.converse(&mut other, &bytes).status(), 200);
    let again = other.again();
    assert_eq!(world.exchange(&other, &again).status(), 200);
}

#[test]
fn a_late_store_makes_no_second_binding_of_a_repetition() {
    let mut world = World::new(knowing(Mode::Standalone));
    let mut phone = phone(1);
    let bytes = phone.register();
    let challenge = world.exchange(&phone, &bytes);
    world.rig.set_store(StoreMode::Late);
    let second = phone.answer(&challenge);
    for _ in 0..3 {
        world.send(phone.address, &second);
    }
    world.touch(midreg_sim::Rig::catch_up);
    let mail = world.mail(phone.address);
    assert!(mail.iter().all(|packet| packet.status() == 200));
    assert!(!mail.is_empty());
    assert_eq!(world.bound(AOR).len(), 1);
}

#[test]
fn what_one_proved_is_no_proof_for_another_or_elsewhere() {
    let mut world = World::new(knowing(Mode::Standalone));
    let mut phone = phone(1);
    world.registered(&mut phone);
    let mut other = phone.clone();
    other.cseq += 10;
    let bytes = other.register_with_credentials();
    for (from, to) in [
        ("To: <sip:user0@", "To: <sip:user1@"),
        ("To: <sip:user0@", "To: <sip:%75ser1@"),
    ] {
        let forged = patched(&bytes, from, to);
        assert_eq!(locally(&mut world, &other, &forged).status(), 401);
    }
    assert!(world.bound("user1@example.org").is_empty());
}

#[test]
fn a_stranger_neither_learns_nor_ends_anything() {
    for mode in [Mode::Standalone, Mode::Contact, Mode::Aor] {
        let mut world = World::new(knowing(mode));
        let mut phone = phone(1);
        world.registered(&mut phone);
        let mut thief = phone.clone();
        thief.rebind("203.0.113.66:5062");
        thief.from_tag = "guess".to_owned();
        thief.password = "guess".to_owned();
        for bytes in [
            thief.register(),
            thief.query(),
            thief.unregister(),
            thief.unregister_all(),
        ] {
            let answer = world.converse(&mut thief, &bytes);
            assert_eq!(answer.status(), 401);
            assert!(answer.all("Contact").is_empty());
        }
        let replay = phone.again();
        assert_eq!(world.exchange(&thief, &replay).status(), 401);
        assert_eq!(world.bound(AOR), phone.contacts);
    }
}

#[test]
fn in_an_outage_who_proves_himself_here_may_leave() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut world = World::new(knowing(mode));
        let mut phone = phone(1);
        world.registered(&mut phone);
        world.wait(1);
        world.main().personality.temper = Temper::Silent;
        let mut other = Phone::new("user1", "198.51.100.9:5062");
        let bytes = other.register();
        let challenge = world.exchange(&other, &bytes);
        let bytes = other.answer(&challenge);
        world.send(other.address, &bytes);
        world.wait(9);
        phone.reboot();
        let bytes = phone.unregister();
        assert_eq!(world.converse(&mut phone, &bytes).status(), 200, "{mode:?}");
        assert!(world.bound(AOR).is_empty());
    }
}

#[test]
fn r18_one_address_has_its_share_however_slow_the_main_registrar_is() {
    let mut policy = policy::contact();
    policy.limits.bindings_per_source = 2;
    let mut world = World::new(policy);
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Silent;
    for user in 0..6 {
        let mut phone = Phone::new(
            &format!("user{user}"),
            &format!("203.0.113.66:{}", 7000 + user),
        );
        let bytes = phone.register();
        world.send(phone.address, &bytes);
    }
    world.main().personality.temper = Temper::Normal;
    world.wait(7);
    assert!(world.rig.totals().bindings <= 2, "{:?}", world.rig.totals());
}

// Path

fn through_path(mode: Mode) -> Policy {
    let mut policy = policy::with(mode, 1);
    policy.domain.insertion = Insertion::Path;
    policy
}

#[test]
fn r7_a_path_leads_to_one_device_so_a_request_registers_one_contact() {
    for mode in [Mode::Contact, Mode::Mirror] {
        let mut world = World::new(through_path(mode));
        let mut phone = phone(1).with_contacts(&TWO);
        let bytes = phone.register();
        assert_eq!(world.exchange(&phone, &bytes).status(), 400, "{mode:?}");
        let bytes = phone.register_some(&[0]);
        assert_eq!(world.converse(&mut phone, &bytes).status(), 200);
        let held = world.held(AOR).into_iter();
        let mut held: Vec<String> = held.map(|held| held.handle).collect();
        held.sort();
        let mut tokens = world.tokens(AOR);
        tokens.sort();
        assert_eq!(held, tokens, "{mode:?}");
    }
}

#[test]
fn t25_two_phones_of_one_private_contact_do_not_end_each_others_registration() {
    let mut world = World::new(through_path(Mode::Contact));
    let mut one = phone(1).behind_nat("10.0.0.2:5062");
    let mut two = phone(2).behind_nat("10.0.0.2:5062");
    world.registered(&mut one);
    world.registered(&mut two);
    assert_eq!(world.unregister(&mut two).status(), 200);
    world.wait(30);
    world.registered(&mut one);
    assert_eq!(world.held(AOR).len(), 1, "what was promised is so");
}
