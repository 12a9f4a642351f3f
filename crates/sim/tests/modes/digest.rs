//! Digest as midreg asks for it itself (RFC 3261 §22, RFC 7616, RFC 8760), seen from the wire.

use std::sync::Arc;

use engine::policy::{Mode, Policy};
use midreg_sim::expect::patched;
use midreg_sim::{Packet, Phone, World};
use sip::aor::UserCase;
use sip::digest::Algorithm;

use crate::users::{ALL, Proof, REALM, users, with_line};
use crate::{ALICE, alice, mode, unwatched};

/// A registrar that knows these users.
fn house(names: &[&str], algorithms: &[Algorithm]) -> World {
    let mut policy = mode(Mode::Standalone);
    policy.domain.digest = Some(users(names, algorithms));
    unwatched(policy)
}

fn challenged(world: &mut World, phone: &mut Phone) -> Packet {
    let bytes = phone.register();
    let challenge = world.exchange(phone, &bytes);
    assert_eq!(challenge.status(), 401, "{}", challenge.text());
    challenge
}

fn tried(world: &mut World, phone: &mut Phone, line: &str) -> Packet {
    let bytes = with_line(phone, line, Phone::register);
    world.exchange(phone, &bytes)
}

/// What becomes of an answer to a challenge.
fn outcome(world: &mut World, proof: Proof<'_>) -> Packet {
    let mut alice = alice();
    let challenge = challenged(world, &mut alice);
    tried(world, &mut alice, &proof.answer(&challenge))
}

fn is_stale(answer: &Packet) -> bool {
    let challenges = answer.all("WWW-Authenticate");
    !challenges.is_empty() && challenges.iter().all(|value| value.contains("stale=true"))
}

#[test]
fn rfc_8760_one_challenge_for_each_algorithm_the_most_wanted_first() {
    let names = |algorithms: &[Algorithm]| {
        let mut world = house(&["alice"], algorithms);
        let challenge = challenged(&mut world, &mut alice());
        let values = challenge.all("WWW-Authenticate");
        assert!(
            values
                .iter()
                .all(|value| value.contains(&format!("realm=\"{REALM}\"")))
        );
        assert!(values.iter().all(|value| value.contains("qop=\"auth\"")));
        assert!(values.iter().all(|value| !value.contains("stale")));
        let name = |value: &String| value.split("algorithm=").nth(1).map(str::to_owned);
        values.iter().filter_map(name).collect::<Vec<String>>()
    };
    assert_eq!(names(&ALL), ["SHA-512-256", "SHA-256", "MD5"]);
    assert_eq!(
        names(&[Algorithm::Md5, Algorithm::Sha256]),
        ["MD5", "SHA-256"]
    );
    assert_eq!(names(&[Algorithm::Sha256]), ["SHA-256"]);
}

#[test]
fn rfc_8760_every_algorithm_that_is_offered_proves() {
    for algorithm in ALL {
        let mut world = house(&["alice"], &ALL);
        let proof = Proof {
            algorithm,
            ..Proof::ALICE
        };
        assert_eq!(
            outcome(&mut world, proof).status(),
            200,
            "{}",
            algorithm.as_str()
        );
        assert_eq!(world.bound(ALICE).len(), 1);
    }
}

#[test]
fn rfc_8760_an_algorithm_that_is_not_offered_proves_nothing() {
    let mut world = house(&["alice"], &[Algorithm::Sha256]);
    let mut alice = alice();
    let challenge = challenged(&mut world, &mut alice);
    let value = challenge.value("WWW-Authenticate").unwrap_or_default();
    let nonce = value
        .split("nonce=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let line = Proof::ALICE.line(REALM, nonce.unwrap_or_default());
    assert_eq!(tried(&mut world, &mut alice, &line).status(), 401);
    assert_eq!(world.bound(ALICE), Vec::<String>::new());
}

#[test]
fn r1_a_wrong_password_an_unknown_user_and_no_hash_look_alike() {
    for proof in [
        Proof {
            password: "wrong",
            ..Proof::ALICE
        },
        Proof {
            user: "nobody",
            ..Proof::ALICE
        },
        Proof {
            uri: "sip:elsewhere.example",
            ..Proof::ALICE
        },
    ] {
        let mut world = house(&["alice"], &ALL);
        let answer = outcome(&mut world, proof);
        assert_eq!(
            (answer.status(), is_stale(&answer)),
            (401, false),
            "{proof:?}"
        );
        assert_eq!(answer.all("WWW-Authenticate").len(), 3);
        assert_eq!(world.rig.totals().records, 0);
        assert_eq!(world.rig.engine().counters().wrong_passwords, 1);
    }
}

#[test]
fn r1_a_user_registers_its_own_aor_only() {
    let mut world = house(&["alice", "bob"], &[Algorithm::Md5]);
    let bob = Proof {
        user: "bob",
        ..Proof::ALICE
    };
    let answer = outcome(&mut world, bob);
    assert_eq!((answer.status(), is_stale(&answer)), (401, false));
    assert_eq!(world.bound(ALICE), Vec::<String>::new());
    assert_eq!(world.bound("bob@example.org"), Vec::<String>::new());
}

#[test]
fn r1_case_counts_in_names_unless_it_is_folded() {
    for (user_case, status) in [(UserCase::Keep, 401), (UserCase::Fold, 200)] {
        let mut policy = mode(Mode::Standalone);
        policy.domain.digest = Some(users(&["Alice"], &[Algorithm::Md5]));
        policy.naming.user_case = user_case;
        let mut world = unwatched(policy);
        let proof = Proof {
            user: "Alice",
            ..Proof::ALICE
        };
        assert_eq!(outcome(&mut world, proof).status(), status, "{user_case:?}");
    }
}

#[test]
fn r1_an_escaped_user_is_the_same_user() {
    let mut world = house(&["alice"], &[Algorithm::Md5]);
    let mut alice = alice();
    let escaped = |bytes: Vec<u8>| patched(&bytes, "To: <sip:alice@", "To: <sip:%61lice@");
    let first = escaped(alice.register());
    let challenge = world.exchange(&alice, &first);
    let line = Proof::ALICE.answer(&challenge);
    let second = escaped(with_line(&mut alice, &line, Phone::register));
    assert_eq!(world.exchange(&alice, &second).status(), 200);
    assert_eq!(world.bound(ALICE).len(), 1);
}

#[test]
fn rfc_7616_the_same_count_again_is_refused_as_stale() {
    let mut world = house(&["alice"], &[Algorithm::Md5]);
    let mut alice = alice();
    let challenge = challenged(&mut world, &mut alice);
    let line = Proof::ALICE.answer(&challenge);
    assert_eq!(tried(&mut world, &mut alice, &line).status(), 200);
    // Somebody who heard it on the way tries to be alice.
    let mut thief = Phone::new("alice", "198.51.100.66:5062");
    let answer = tried(&mut world, &mut thief, &line);
    assert_eq!(answer.status(), 401);
    assert!(is_stale(&answer), "{}", answer.text());
    assert_eq!(world.bound(ALICE), [alice.contact()]);
}

#[test]
fn rfc_7616_a_captured_request_from_elsewhere_moves_nothing() {
    let mut world = house(&["alice"], &[Algorithm::Md5]);
    let mut alice = alice();
    let challenge = challenged(&mut world, &mut alice);
    let line = Proof::ALICE.answer(&challenge);
    let bytes = with_line(&mut alice, &line, Phone::register);
    assert_eq!(world.exchange(&alice, &bytes).status(), 200);
    let mut thief = alice.clone();
    thief.rebind("198.51.100.66:5062");
    assert_eq!(world.exchange(&thief, &bytes).status(), 401);
    assert_eq!(world.rig.bindings(ALICE)[0].remote, alice.address);
}

#[test]
fn rfc_7616_a_rising_count_needs_no_new_challenge() {
    let mut world = house(&["alice"], &[Algorithm::Md5]);
    let mut alice = alice();
    let challenge = challenged(&mut world, &mut alice);
    for count in 1..4 {
        // Each comes from another flow, so each has to be proved.
        alice.rebind(&format!("198.51.100.7:600{count}"));
        let proof = Proof {
            count,
            ..Proof::ALICE
        };
        let answer = tried(&mut world, &mut alice, &proof.answer(&challenge));
        assert_eq!(answer.status(), 200, "{count}");
    }
    assert_eq!(world.rig.engine().counters().challenges, 1);
}

#[test]
fn rfc_7616_an_old_nonce_is_stale_and_a_made_up_one_is_none() {
    let mut world = house(&["alice"], &[Algorithm::Md5]);
    let mut alice = alice();
    let challenge = challenged(&mut world, &mut alice);
    world.wait(301);
    let answer = tried(&mut world, &mut alice, &Proof::ALICE.answer(&challenge));
    assert_eq!((answer.status(), is_stale(&answer)), (401, true));
    let made_up = Proof::ALICE.line(REALM, "0123456789abcdef0123456789abcdef");
    let answer = tried(&mut world, &mut alice, &made_up);
    assert_eq!((answer.status(), is_stale(&answer)), (401, false));
    assert_eq!(world.bound(ALICE), Vec::<String>::new());
}

#[test]
fn rfc_7616_a_stale_answer_by_who_knows_no_password_is_not_called_stale() {
    let mut world = house(&["alice"], &[Algorithm::Md5]);
    let mut alice = alice();
    let challenge = challenged(&mut world, &mut alice);
    world.wait(301);
    let wrong = Proof {
        password: "wrong",
        ..Proof::ALICE
    };
    let answer = tried(&mut world, &mut alice, &wrong.answer(&challenge));
    assert_eq!((answer.status(), is_stale(&answer)), (401, false));
}

#[test]
fn rfc_3261_section_22_2_credentials_for_another_realm_are_none_of_ours() {
    let mut world = house(&["alice"], &[Algorithm::Md5]);
    let mut alice = alice();
    let challenge = challenged(&mut world, &mut alice);
    let own = Proof::ALICE.answer(&challenge);
    let other = Proof::ALICE.line("elsewhere", "n");
    assert_eq!(tried(&mut world, &mut alice, &other).status(), 401);
    assert_eq!(world.rig.engine().counters().wrong_passwords, 0);
    // Both together, the other's first.
    let both = format!("{other}\r\n{own}");
    assert_eq!(tried(&mut world, &mut alice, &both).status(), 200);
}

#[test]
fn rfc_3261_section_22_4_a_lost_200_is_repeated_though_the_nonce_is_used() {
    let mut world = house(&["alice"], &[Algorithm::Md5]);
    let mut alice = alice();
    let challenge = challenged(&mut world, &mut alice);
    let line = Proof::ALICE.answer(&challenge);
    let bytes = with_line(&mut alice, &line, Phone::register);
    for _ in 0..3 {
        assert_eq!(world.exchange(&alice, &bytes).status(), 200);
    }
    assert_eq!(world.rig.engine().counters().challenges, 1);
}

#[test]
fn rfc_3261_section_17_2_2_a_repeated_query_or_removal_is_answered_alike() {
    for request in [Phone::query, Phone::unregister] {
        let mut world = house(&["alice"], &[Algorithm::Md5]);
        let mut alice = alice();
        let bytes = request(&mut alice);
        let challenge = world.exchange(&alice, &bytes);
        let line = Proof::ALICE.answer(&challenge);
        let bytes = with_line(&mut alice, &line, request);
        assert_eq!(world.exchange(&alice, &bytes).status(), 200);
        assert_eq!(world.exchange(&alice, &bytes).status(), 200);
    }
}

#[test]
fn r19_two_domains_know_their_own_users_only() {
    let mut policy: Policy = mode(Mode::Standalone);
    let domain = |names: &[&str]| {
        let mut domain = policy.domain.clone();
        domain.digest = Some(users(names, &[Algorithm::Md5]));
        domain
    };
    policy.domains = vec![
        ("a.example".into(), domain(&["alice"])),
        ("b.example".into(), domain(&["bob"])),
    ];
    let mut world = unwatched(policy);
    for (name, status) in [("a.example", 200), ("b.example", 401)] {
        let mut alice = alice();
        let elsewhere = |bytes: Vec<u8>| {
            let text =
                String::from_utf8_lossy(&bytes).replace("sip:example.org", &format!("sip:{name}"));
            let text = text.replace("alice@example.org", &format!("alice@{name}"));
            text.into_bytes()
        };
        let first = elsewhere(alice.register());
        let challenge = world.exchange(&alice, &first);
        assert_eq!(challenge.status(), 401);
        let uri = format!("sip:{name}");
        let proof = Proof {
            uri: &uri,
            ..Proof::ALICE
        };
        let second = elsewhere(with_line(
            &mut alice,
            &proof.answer(&challenge),
            Phone::register,
        ));
        assert_eq!(world.exchange(&alice, &second).status(), status, "{name}");
    }
}

#[test]
fn r1_a_new_password_counts_from_the_next_proof_on() {
    let mut world = house(&["alice"], &[Algorithm::Md5]);
    let mut alice = alice();
    let challenge = challenged(&mut world, &mut alice);
    assert_eq!(
        tried(&mut world, &mut alice, &Proof::ALICE.answer(&challenge)).status(),
        200
    );
    let mut policy = world.rig.policy().clone();
    let mut digest = users(&["alice"], &[Algorithm::Md5]);
    Arc::make_mut(&mut digest).users.clear();
    policy.domain.digest = Some(digest);
    world.touch(|rig| rig.set_policy(policy));
    // What was proved stays so until it is asked for again.
    let refresh = alice.register();
    assert_eq!(world.exchange(&alice, &refresh).status(), 200);
    alice.rebind("198.51.100.7:7000");
    let challenge = challenged(&mut world, &mut alice);
    assert_eq!(
        tried(&mut world, &mut alice, &Proof::ALICE.answer(&challenge)).status(),
        401
    );
}
