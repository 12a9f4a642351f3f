//! R9: `upstream.credentials`, by which our own removals answer a challenge (RFC 7616, RFC 8760).

use engine::Event;
use engine::event::ReleaseOutcome;
use engine::policy::{Credential, Mode, Policy};
use midreg_sim::digest::REALM;
use midreg_sim::main_registrar::PASSWORD;
use midreg_sim::personality::{Nonces, WrongPassword};
use midreg_sim::{Phone, World};

use crate::{ALICE, alice, desk, main_registers, mode, unwatched};

const LEASED: [Mode; 2] = [Mode::Contact, Mode::Aor];

fn credential(realm: &str, user: &str, password: &str) -> Credential {
    Credential {
        realm: realm.into(),
        user: user.into(),
        password: password.into(),
    }
}

fn with(of: Mode, credentials: Vec<Credential>) -> Policy {
    let mut policy = mode(of);
    policy.upstream.credentials = credentials;
    policy
}

fn ours() -> Vec<Credential> {
    vec![credential(REALM, "midreg", PASSWORD)]
}

fn outcomes(world: &mut World) -> Vec<ReleaseOutcome> {
    let released = |event: &Event| match event {
        Event::LeaseReleased { outcome, .. } => Some(*outcome),
        _ => None,
    };
    world.events().iter().filter_map(released).collect()
}

/// A device dies; how the giving back of its lease ends.
fn death(policy: Policy, change: impl FnOnce(&mut World)) -> (World, Vec<ReleaseOutcome>) {
    let (mut world, mut alice) = (World::new(policy), alice());
    world.registered(&mut alice);
    change(&mut world);
    world.wait(301);
    let outcomes = outcomes(&mut world);
    (world, outcomes)
}

#[test]
fn r9_a_challenge_to_our_removal_is_answered() {
    for of in LEASED {
        let (mut world, outcomes) = death(with(of, ours()), |_| {});
        assert_eq!(outcomes, [ReleaseOutcome::Removed], "{of:?}");
        assert_eq!(world.held(ALICE), []);
        let seen = world.main().seen();
        let [.., first, second] = seen else {
            panic!("{seen:?}");
        };
        assert_eq!((first.status, second.status), (401, 200));
        assert_eq!(first.request.all("Authorization"), Vec::<String>::new());
        let line = second.request.value("Authorization").unwrap_or_default();
        assert!(line.contains("username=\"midreg\""), "{line}");
        assert!(line.contains("uri=\"sip:example.org\""), "{line}");
        assert!(line.contains("nc=00000001"), "{line}");
        assert_eq!(
            first.request.value("Call-ID"),
            second.request.value("Call-ID")
        );
        assert!(first.request.cseq() < second.request.cseq());
    }
}

#[test]
fn r9_nonces_of_one_use_are_no_obstacle() {
    for of in LEASED {
        let (world, outcomes) = death(with(of, ours()), |world| {
            world.main().personality.nonces = Nonces::OneTime;
        });
        assert_eq!(
            (outcomes, world.held(ALICE)),
            (vec![ReleaseOutcome::Removed], vec![])
        );
    }
}

#[test]
fn r9_a_credential_for_any_realm_will_do_and_one_for_this_realm_is_better() {
    let wrong = |realm: &str| credential(realm, "midreg", "wrong");
    let right = |realm: &str| credential(realm, "midreg", PASSWORD);
    for (known, wanted) in [
        (vec![right("")], ReleaseOutcome::Removed),
        (vec![wrong(""), right(REALM)], ReleaseOutcome::Removed),
        (vec![right(""), wrong(REALM)], ReleaseOutcome::LeftToExpire),
        (vec![right("elsewhere")], ReleaseOutcome::LeftToExpire),
        (vec![], ReleaseOutcome::LeftToExpire),
    ] {
        let (_, outcomes) = death(with(Mode::Contact, known.clone()), |_| {});
        assert_eq!(outcomes, [wanted], "{known:?}");
    }
}

#[test]
fn r9_a_password_that_is_refused_is_tried_once() {
    for (rule, wanted) in [
        (WrongPassword::Challenged, ReleaseOutcome::LeftToExpire),
        (WrongPassword::Forbidden, ReleaseOutcome::Refused(403)),
    ] {
        let known = vec![credential(REALM, "midreg", "wrong")];
        let (mut world, outcomes) = death(with(Mode::Contact, known), |world| {
            world.main().personality.wrong_password = rule;
        });
        assert_eq!(outcomes, [wanted]);
        let before = main_registers(&world);
        world.wait(600);
        assert_eq!(
            main_registers(&world),
            before,
            "fail2ban is not to be woken"
        );
    }
}

#[test]
fn r9_the_password_is_told_to_nobody() {
    let policy = with(Mode::Contact, ours());
    let text = format!("{policy:?}");
    assert!(!text.contains(PASSWORD), "{text}");
}

#[test]
fn r6_our_credentials_never_go_along_with_a_devices_request() {
    for of in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let (mut world, mut alice) = (World::new(with(of, ours())), alice());
        let bytes = alice.register();
        let challenge = world.exchange(&alice, &bytes);
        assert_eq!(
            challenge.status(),
            401,
            "{of:?}: it is the device that is asked"
        );
        let mut thief = desk();
        for request in [Phone::register, Phone::query, Phone::unregister_all] {
            let bytes = request(&mut thief);
            assert_eq!(world.exchange(&thief, &bytes).status(), 401);
        }
        let seen = world.main().seen();
        let ours = |seen: &&midreg_sim::Seen| seen.request.text().contains("username=\"midreg\"");
        assert_eq!(seen.iter().filter(ours).count(), 0);
    }
}

#[test]
fn r9_r19_the_digest_covers_the_upstream_name() {
    let mut policy = with(Mode::Contact, ours());
    policy.domain.upstream_name = Some("pbx.local".into());
    let (mut world, mut alice) = (unwatched(policy), alice());
    world.registered(&mut alice);
    world.wait(301);
    assert_eq!(world.held("alice@pbx.local"), []);
    let line = world
        .main()
        .last()
        .value("Authorization")
        .unwrap_or_default();
    assert!(line.contains("uri=\"sip:pbx.local\""), "{line}");
}

#[test]
fn r9_several_devices_that_die_together_are_all_given_back() {
    for of in LEASED {
        let mut world = World::new(with(of, ours()));
        for number in 1..6 {
            let mut phone = Phone::new("alice", &format!("198.51.100.{number}:5060"));
            world.registered(&mut phone);
        }
        world.wait(302);
        assert_eq!(
            (world.held(ALICE), world.rig.totals().conversations),
            (vec![], 0),
            "{of:?}"
        );
    }
}

#[test]
fn r9_a_device_that_returns_while_we_are_challenged_keeps_its_lease() {
    for of in LEASED {
        let (mut world, mut alice) = (World::new(with(of, ours())), alice());
        world.registered(&mut alice);
        let before = main_registers(&world);
        // The challenge to our removal is on its way when the device comes again.
        while main_registers(&world) == before {
            world.advance(core::time::Duration::from_millis(50));
        }
        world.registered(&mut alice);
        world.wait(60);
        assert_eq!(world.bound(ALICE).len(), 1);
        assert_eq!(world.held(ALICE).len(), 1, "{of:?}");
    }
}
