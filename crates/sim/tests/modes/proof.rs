//! Local digest before a main registrar: the device proves itself here, its credentials end here, and
//! what goes upstream is ours to prove.

use engine::event::ReleaseOutcome;
use engine::policy::{Credential, Mode, Policy};
use engine::{Event, Row};
use midreg_sim::digest::REALM as THEIRS;
use midreg_sim::{Phone, Temper, World};

use crate::users::{Proof, knowing, proved, registered, with_line};
use crate::{ALICE, alice, desk, main_registers, mode, unwatched, unwatched_open};

const LEASED: [Mode; 2] = [Mode::Contact, Mode::Aor];

/// midreg knows the phones' passwords, and one that the main registrar takes.
fn trusted(of: Mode) -> Policy {
    let mut policy = knowing(mode(of));
    policy.upstream.credentials = vec![Credential {
        realm: THEIRS.into(),
        user: "midreg".into(),
        password: midreg_sim::main_registrar::PASSWORD.into(),
    }];
    policy
}

fn settled(of: Mode) -> (World, Phone) {
    let (mut world, mut alice) = (unwatched(trusted(of)), alice());
    registered(&mut world, &mut alice);
    (world, alice)
}

#[test]
fn r1_who_is_not_proved_here_is_not_asked_about_there() {
    for of in LEASED {
        let (mut world, mut alice) = (unwatched(trusted(of)), alice());
        let bytes = alice.register();
        assert_eq!(world.exchange(&alice, &bytes).status(), 401);
        assert_eq!(main_registers(&world), 0, "{of:?}");
        let wrong = Proof {
            password: "wrong",
            ..Proof::ALICE
        };
        let bytes = alice.register();
        let challenge = world.exchange(&alice, &bytes);
        let bytes = with_line(&mut alice, &wrong.answer(&challenge), Phone::register);
        assert_eq!(world.exchange(&alice, &bytes).status(), 401);
        assert_eq!(
            (main_registers(&world), world.rig.totals().bindings),
            (0, 0)
        );
    }
}

#[test]
fn r1_the_devices_credentials_end_here_and_ours_go_on() {
    for of in LEASED {
        let (mut world, alice) = settled(of);
        assert_eq!(world.bound(ALICE), [alice.contact()], "{of:?}");
        assert_eq!(world.held(ALICE).len(), 1);
        let sent: Vec<_> = world
            .main()
            .seen()
            .iter()
            .map(|seen| seen.request.clone())
            .collect();
        assert_eq!(sent.len(), 2, "challenged, and answered by us");
        assert_eq!(sent[0].all("Authorization"), Vec::<String>::new());
        let own = sent[1].all("Authorization");
        assert_eq!(own.len(), 1);
        assert!(own[0].contains("username=\"midreg\""), "{own:?}");
        assert!(own[0].contains(&format!("realm=\"{THEIRS}\"")), "{own:?}");
        assert!(own[0].contains("uri=\"sip:example.org\""), "{own:?}");
        assert_eq!(sent[0].value("Call-ID"), sent[1].value("Call-ID"));
        assert!(sent[0].cseq() < sent[1].cseq());
    }
}

#[test]
fn r1_a_main_registrar_that_asks_nobody_sees_no_credentials() {
    for of in LEASED {
        let mut world = unwatched_open(trusted(of));
        registered(&mut world, &mut alice());
        let sent = world.main().seen();
        assert_eq!(sent.len(), 1);
        assert!(!sent[0].request.text().contains("Authorization"), "{of:?}");
    }
}

#[test]
fn r1_without_credentials_of_ours_the_device_hears_502_and_nobody_asks_it() {
    for of in LEASED {
        let (mut world, mut alice) = (unwatched(knowing(mode(of))), alice());
        let answer = proved(&mut world, &mut alice, Phone::register);
        assert_eq!(answer.status(), 502, "{of:?}");
        assert_eq!(answer.all("WWW-Authenticate"), Vec::<String>::new());
        assert_eq!(world.bound(ALICE), Vec::<String>::new());
        let told = world.events();
        let wants = |event: &&Event| matches!(event, Event::UpstreamWantsCredentials { .. });
        assert_eq!(told.iter().filter(wants).count(), 1);
        assert_eq!(world.rig.totals().conversations, 0);
    }
}

#[test]
fn r1_credentials_that_are_refused_are_tried_once() {
    for (realm, password, tries) in [(THEIRS, "wrong", 2), ("elsewhere", "secret", 1)] {
        let mut policy = trusted(Mode::Contact);
        policy.upstream.credentials[0].password = password.into();
        policy.upstream.credentials[0].realm = realm.into();
        let (mut world, mut alice) = (unwatched(policy), alice());
        let answer = proved(&mut world, &mut alice, Phone::register);
        assert_eq!(answer.status(), 502, "{realm} {password}");
        assert_eq!(main_registers(&world), tries);
        assert_eq!(world.rig.totals().bindings, 0);
    }
}

#[test]
fn d13_a_refresh_on_the_proved_flow_is_absorbed() {
    for of in LEASED {
        let (mut world, mut alice) = settled(of);
        let before = main_registers(&world);
        let bytes = alice.register();
        assert_eq!(
            world.exchange(&alice, &bytes).promised(alice.contact()),
            Some(300)
        );
        assert_eq!((main_registers(&world), world.row(Row::D13)), (before, 1));
    }
}

#[test]
fn d9_a_new_flow_is_proved_here_and_the_main_registrar_need_not_know() {
    for of in LEASED {
        let (mut world, mut alice) = settled(of);
        let before = main_registers(&world);
        alice.rebind("198.51.100.7:7000");
        let answer = registered(&mut world, &mut alice);
        assert_eq!(answer.promised(alice.contact()), Some(300));
        assert_eq!(main_registers(&world), before, "{of:?}");
        let bound = world.rig.bindings(ALICE);
        assert_eq!((bound.len(), bound[0].remote), (1, alice.address));
        // From here on it is the proved flow.
        let bytes = alice.register();
        assert_eq!(world.exchange(&alice, &bytes).status(), 200);
    }
}

#[test]
fn d9_whoever_does_not_prove_a_new_flow_moves_nothing() {
    for of in LEASED {
        let (mut world, alice) = settled(of);
        let mut thief = alice.clone();
        thief.rebind("198.51.100.66:5062");
        for _ in 0..2 {
            let bytes = thief.register();
            assert_eq!(world.exchange(&thief, &bytes).status(), 401);
        }
        assert_eq!(world.rig.bindings(ALICE)[0].remote, alice.address);
    }
}

#[test]
fn d10_an_old_proof_is_renewed_here() {
    for of in LEASED {
        let mut policy = trusted(of);
        policy.domain.reauth_interval = 200;
        let (mut world, mut alice) = (unwatched(policy), alice());
        registered(&mut world, &mut alice);
        let before = main_registers(&world);
        world.wait(250);
        registered(&mut world, &mut alice);
        assert_eq!(main_registers(&world), before, "{of:?}");
        let bytes = alice.register();
        assert_eq!(world.exchange(&alice, &bytes).status(), 200);
    }
}

#[test]
fn d8_a_changed_contact_goes_upstream_without_the_devices_credentials() {
    let (mut world, mut alice) = settled(Mode::Contact);
    let before = main_registers(&world);
    alice.contact_params = ";q=0.5".to_owned();
    registered(&mut world, &mut alice);
    assert!(main_registers(&world) > before);
    let sent = world.main().seen();
    let foreign = |seen: &&midreg_sim::Seen| seen.request.text().contains("username=\"alice\"");
    assert_eq!(sent.iter().filter(foreign).count(), 0);
    assert_eq!(world.held(ALICE).len(), 1);
}

#[test]
fn d12_a_short_lease_is_renewed_with_our_credentials() {
    for of in LEASED {
        let mut policy = trusted(of);
        policy.domain.expires = 600;
        let (mut world, mut alice) = (unwatched(policy), alice());
        registered(&mut world, &mut alice);
        world.wait(290);
        let bytes = alice.register();
        world.exchange(&alice, &bytes);
        world.wait(200);
        let before = main_registers(&world);
        registered(&mut world, &mut alice);
        assert_eq!(main_registers(&world), before + 2, "{of:?}");
        let left = world.held(ALICE)[0].until.seconds_after(world.now());
        assert_eq!(left, 600);
    }
}

#[test]
fn r6_in_aor_a_second_device_is_proved_here_on_a_lease_that_runs() {
    let (mut world, alice) = settled(Mode::Aor);
    let before = main_registers(&world);
    let mut desk = desk();
    let answer = registered(&mut world, &mut desk);
    assert_eq!(main_registers(&world), before);
    let listed: Vec<String> = answer.contacts().into_iter().map(|c| c.uri).collect();
    assert_eq!(listed, [desk.contact(), alice.contact()]);
}

#[test]
fn r6_in_contact_a_second_device_is_asked_about_upstream() {
    let (mut world, _) = settled(Mode::Contact);
    registered(&mut world, &mut desk());
    assert_eq!((world.held(ALICE).len(), world.bound(ALICE).len()), (2, 2));
}

#[test]
fn r8_who_leaves_on_proof_is_gone_and_given_back_with_our_credentials() {
    for of in LEASED {
        let (mut world, alice) = settled(of);
        world.events();
        // From another flow, so that it has to be proved.
        let mut elsewhere = alice.clone();
        elsewhere.rebind("198.51.100.7:7000");
        let answer = proved(&mut world, &mut elsewhere, Phone::unregister);
        assert_eq!((answer.status(), answer.contacts()), (200, vec![]));
        assert_eq!(
            (world.bound(ALICE), world.held(ALICE)),
            (vec![], vec![]),
            "{of:?}"
        );
        let told = world.events();
        let removed = |event: &Event| {
            matches!(
                event,
                Event::LeaseReleased {
                    outcome: ReleaseOutcome::Removed,
                    ..
                }
            )
        };
        assert!(told.iter().any(removed), "{told:?}");
    }
}

#[test]
fn r8_a_star_on_proof_gives_everything_back() {
    for of in LEASED {
        let (mut world, mut alice) = settled(of);
        registered(&mut world, &mut desk());
        let answer = proved(&mut world, &mut alice, Phone::unregister_all);
        assert_eq!(answer.status(), 200);
        world.wait(1);
        assert_eq!(
            (world.bound(ALICE), world.held(ALICE)),
            (vec![], vec![]),
            "{of:?}"
        );
    }
}

#[test]
fn r8_of_two_in_aor_one_leaves_on_proof_and_the_lease_stays() {
    let (mut world, alice) = settled(Mode::Aor);
    let mut desk = desk();
    registered(&mut world, &mut desk);
    // After a reboot it is not surely itself.
    desk.reboot();
    desk.rebind("198.51.100.20:7000");
    let before = main_registers(&world);
    let answer = proved(&mut world, &mut desk, Phone::unregister);
    assert_eq!(answer.status(), 200);
    assert_eq!(main_registers(&world), before);
    assert_eq!(
        (world.bound(ALICE), world.held(ALICE).len()),
        (vec![alice.contact().to_owned()], 1)
    );
}

#[test]
fn d5_a_query_is_proved_and_answered_here() {
    for of in LEASED {
        let (mut world, alice) = settled(of);
        let before = main_registers(&world);
        let answer = proved(&mut world, &mut desk(), Phone::query);
        assert_eq!(answer.promised(alice.contact()), Some(300), "{of:?}");
        assert_eq!(main_registers(&world), before);
    }
}

#[test]
fn r4_r18_limits_hold_before_anybody_is_asked() {
    for of in LEASED {
        let mut policy = trusted(of);
        policy.limits.bindings_per_aor = 1;
        let mut world = unwatched(policy);
        registered(&mut world, &mut alice());
        let before = main_registers(&world);
        let answer = proved(&mut world, &mut desk(), Phone::register);
        assert_eq!((answer.status(), main_registers(&world)), (403, before));
        let mut brief = desk().asking(Some(59));
        let bytes = brief.register();
        assert_eq!(world.exchange(&brief, &bytes).status(), 423);
    }
}

#[test]
fn r16_a_definitive_reject_of_the_main_registrar_is_passed_on() {
    for of in LEASED {
        let (mut world, mut alice) = (unwatched(trusted(of)), alice());
        world.main().personality.temper = Temper::Refuses(403);
        let answer = proved(&mut world, &mut alice, Phone::register);
        assert_eq!(
            (answer.status(), world.rig.totals().bindings),
            (403, 0),
            "{of:?}"
        );
    }
}

#[test]
fn r1_in_mirror_proof_is_left_to_the_main_registrar() {
    let (mut world, mut alice) = (unwatched(trusted(Mode::Mirror)), alice());
    world.registered(&mut alice);
    let sent = world
        .main()
        .last()
        .value("Authorization")
        .unwrap_or_default();
    assert!(sent.contains("username=\"alice\""), "{sent}");
}

/// An outage: nobody upstream answers, and midreg has found out.
fn outage(world: &mut World) {
    world.main().personality.temper = Temper::Silent;
    world.wait(1);
    let mut bob = Phone::new("bob", "198.51.100.30:5060");
    let bytes = bob.register();
    let challenge = world.exchange(&bob, &bytes);
    let own = Proof {
        user: "bob",
        ..Proof::ALICE
    };
    let bytes = with_line(&mut bob, &own.answer(&challenge), Phone::register);
    world.send(bob.address, &bytes);
    world.wait(9);
    let told = world.events();
    let down = |event: &Event| matches!(event, Event::UpstreamDown { .. });
    assert!(told.iter().any(down), "{told:?}");
}

#[test]
fn d14_in_an_outage_a_refresh_is_carried() {
    for of in LEASED {
        let (mut world, mut alice) = settled(of);
        outage(&mut world);
        let bytes = alice.register();
        assert_eq!(world.exchange(&alice, &bytes).status(), 200, "{of:?}");
    }
}

#[test]
fn d9_in_an_outage_a_new_flow_is_proved_here_all_the_same() {
    for of in LEASED {
        let (mut world, mut alice) = settled(of);
        outage(&mut world);
        alice.rebind("198.51.100.7:7000");
        let bytes = alice.register();
        let challenge = world.exchange(&alice, &bytes);
        assert_eq!(challenge.status(), 401, "{of:?}");
        let line = Proof::ALICE.answer(&challenge);
        let bytes = with_line(&mut alice, &line, Phone::register);
        assert_eq!(world.exchange(&alice, &bytes).status(), 200);
    }
}

#[test]
fn d5_d6_in_an_outage_a_query_and_a_star_are_proved_here() {
    for request in [Phone::query, Phone::unregister_all] {
        let (mut world, _) = settled(Mode::Contact);
        outage(&mut world);
        let answer = proved(&mut world, &mut desk(), request);
        assert_eq!(answer.status(), 200);
    }
}

const ONE: &str = "sip:a@198.51.100.7:5062";
const TWO: &str = "sip:b@198.51.100.7:5062";

fn swap(phone: &mut Phone) -> Vec<u8> {
    let contacts = [format!("<{ONE}>;expires=0"), format!("<{TWO}>")];
    phone.say(&[&contacts[0], &contacts[1]], Some(300))
}

/// Some leave and some come in one request: both sides must agree afterwards.
fn swapped(of: Mode, before: &[&str]) {
    let mut world = unwatched(trusted(of));
    let mut alice = alice().with_contacts(before);
    if !before.is_empty() {
        registered(&mut world, &mut alice);
    }
    let answer = proved(&mut world, &mut alice, swap);
    assert_eq!(answer.status(), 200);
    assert_eq!(world.bound(ALICE), [TWO]);
    world.wait(10);
    let handle = world.handle(ALICE, world.rig.bindings(ALICE)[0].id);
    let held = world.held(ALICE).into_iter().map(|held| held.handle);
    assert_eq!(held.collect::<Vec<String>>(), [handle], "both sides agree");
}

#[test]
fn r1_r8_in_contact_a_new_contact_beside_one_that_leaves_is_asked_about() {
    swapped(Mode::Contact, &[ONE]);
}

#[test]
fn r1_r8_in_aor_a_new_contact_beside_one_that_leaves_is_asked_about() {
    swapped(Mode::Aor, &[ONE]);
}

#[test]
fn r1_r8_in_contact_a_new_contact_beside_one_that_nobody_knows_is_asked_about() {
    swapped(Mode::Contact, &[]);
}

#[test]
fn r1_r8_in_aor_a_new_contact_beside_one_that_nobody_knows_is_asked_about() {
    swapped(Mode::Aor, &[]);
}

// A removal that is proved here does not overtake the device's own registration, which is still
// under way upstream and commits afterwards.

fn left_before_its_answer(of: Mode) {
    let mut world = unwatched_open(trusted(of));
    let mut alice = alice();
    let bytes = alice.register();
    let challenge = world.exchange(&alice, &bytes);
    world.main().personality.temper = Temper::Silent;
    let bytes = with_line(
        &mut alice,
        &Proof::ALICE.answer(&challenge),
        Phone::register,
    );
    world.send(alice.address, &bytes);
    let second = Proof {
        count: 2,
        ..Proof::ALICE
    };
    let bytes = with_line(&mut alice, &second.answer(&challenge), Phone::unregister);
    world.send(alice.address, &bytes);
    world.main().personality.temper = Temper::Normal;
    world.wait(20);
    let mail = world.mail(alice.address);
    let mut finals = mail.iter().filter(|packet| packet.is_final());
    let left = finals.find(|packet| packet.cseq() == alice.cseq);
    assert_eq!(left.map(midreg_sim::Packet::status), Some(200));
    assert_eq!((world.bound(ALICE), world.held(ALICE)), (vec![], vec![]));
}

#[test]
fn r8_r11_in_contact_who_leaves_before_its_own_answer_is_not_bound_by_it() {
    left_before_its_answer(Mode::Contact);
}

#[test]
fn r8_r11_in_aor_who_leaves_before_its_own_answer_is_not_bound_by_it() {
    left_before_its_answer(Mode::Aor);
}
