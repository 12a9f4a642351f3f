//! T3, T9, T10, T13, T27 to T29: who is granted what, and for how long.

use engine::Row;
use midreg_sim::expect::forwarded;
use midreg_sim::policy::contact;
use midreg_sim::{Challenges, Listing, Phone, Temper, World};

use crate::{alice, resync, settled};

#[test]
fn t3_the_shorter_life_of_a_sibling_ends_nobody_elses_lease() {
    let mut world = World::contact();
    let mut brief = Phone::new("alice", "198.51.100.1:5062").asking(Some(60));
    let mut patient = Phone::new("alice", "198.51.100.2:5062").asking(Some(3600));
    world.registered(&mut brief);
    world.registered(&mut patient);
    world.main().personality.challenges = Challenges::Never;
    world.wait(61);
    assert_eq!(world.bound(&brief.aor()), patient.contacts);
    for _ in 0..4 {
        world.wait(1700);
        assert_eq!(world.held_tokens(&brief.aor()), world.tokens(&brief.aor()));
        assert_eq!(world.registered(&mut patient).contacts().len(), 1);
    }
}

#[test]
fn t9_granted_less_than_asked_and_more_than_asked() {
    let (mut world, alice) = settled();
    assert_eq!(world.rig.bindings(&alice.aor())[0].lease_left, 8200);
    world.main().personality.longest = 500;
    let mut bob = Phone::new("bob", "198.51.100.8:5062").asking(Some(1000));
    let answer = world.registered(&mut bob);
    assert_eq!(answer.promised(bob.contact()), Some(490));
    // More than asked, and a stranger's lifetime first: the device has what it wants.
    world.main().personality.longest = 86_400;
    let far = world.now().plus_seconds(90_000);
    world
        .main()
        .hold("carol@example.org", "sip:x@192.0.2.9", far);
    let mut carol = Phone::new("carol", "198.51.100.9:5062").asking(Some(1000));
    let answer = world.registered(&mut carol);
    assert_eq!(answer.promised(carol.contact()), Some(1000));
}

#[test]
fn t9_somebody_elses_contact_first_is_not_taken_for_ours() {
    let mut world = World::contact();
    let soon = world.now().plus_seconds(70);
    world
        .main()
        .hold("alice@example.org", "sip:x@192.0.2.9", soon);
    let mut alice = alice();
    let answer = world.registered(&mut alice);
    assert_eq!(answer.contacts()[0].uri, alice.contact());
    assert_eq!(world.rig.bindings(&alice.aor())[0].lease_left, 8200);
}

#[test]
fn t9_a_2xx_that_lists_others_but_not_ours_is_not_trusted_for_long() {
    let mut world = World::contact();
    world.main().personality.listing = Listing::WithoutOwn;
    let far = world.now().plus_seconds(9000);
    world
        .main()
        .hold("alice@example.org", "sip:x@192.0.2.9", far);
    let mut alice = alice();
    assert_eq!(world.registered(&mut alice).status(), 200);
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D11);
}

#[test]
fn t10_a_423_from_upstream_is_raised_and_remembered() {
    let mut policy = contact();
    policy.domain.expires = 300;
    let mut world = World::new(policy);
    world.main().personality.shortest = 900;
    world.main().personality.challenges = Challenges::Never;
    for user in ["alice", "bob", "carol"] {
        let mut phone = Phone::new(user, "198.51.100.7:5062");
        assert_eq!(world.registered(&mut phone).status(), 200);
    }
    assert_eq!(world.main().registers(), 4);
}

#[test]
fn t10_a_423_that_says_nothing_is_passed_on() {
    let mut world = World::contact();
    world.main().personality.temper = Temper::Refuses(423);
    let mut alice = alice();
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 423);
    assert_eq!(world.main().registers(), 1);
}

#[test]
fn t13_a_granted_half_minute_keeps_the_device_registered_without_a_storm() {
    let mut world = World::contact();
    world.main().personality.longest = 30;
    let mut alice = alice().asking(Some(3600));
    world.registered(&mut alice);
    let mut refreshes = 0;
    let before = world.main().registers();
    let end = world.now().plus_seconds(600);
    while world.now() < end {
        let answer = world.registered(&mut alice);
        let promised = answer.promised(alice.contact()).unwrap();
        assert!((14..=29).contains(&promised), "{promised}");
        refreshes += 1;
        world.wait(u64::from(promised) / 2);
        assert_eq!(world.bound(&alice.aor()).len(), 1);
        assert_eq!(world.held(&alice.aor()).len(), 1);
    }
    let upstream = world.main().registers() - before;
    assert!(upstream <= refreshes * 2, "{upstream} for {refreshes}");
}

#[test]
fn t27_without_brackets_parameters_are_the_headers() {
    let mut world = World::contact();
    let mut alice = alice();
    let bytes = alice.say(&["sip:alice@198.51.100.7:5062;expires=200"], None);
    let answer = world.converse(&mut alice, &bytes);
    assert_eq!(answer.promised("sip:alice@198.51.100.7:5062"), Some(200));
    let bytes = alice.say(&["<sip:alice@198.51.100.7:5062;expires=90>"], None);
    let answer = world.converse(&mut alice, &bytes);
    let own = &answer.contacts()[0];
    assert_eq!(
        own.uri, "sip:alice@198.51.100.7:5062;expires=90",
        "a URI parameter"
    );
    assert_eq!(own.expires, Some(3600));
}

#[test]
fn t28_the_phones_200_shows_the_phones_expiry() {
    let (mut world, mut alice) = settled();
    for _ in 0..2 {
        let answer = world.registered(&mut alice);
        assert_eq!(answer.promised(alice.contact()), Some(300));
        assert_eq!(answer.number("Expires"), Some(300));
        assert_eq!(answer.all("Expires").len(), 1);
        resync(&mut world);
    }
    assert_eq!(world.main().last().number("Expires"), Some(7200));
}

#[test]
fn t29_whatever_is_granted_no_lease_ends_before_the_phone_thinks_so() {
    for longest in [30, 61, 90, 300, 1000, 7200] {
        for asked in [60, 300, 3600] {
            let mut world = World::contact();
            world.main().personality.longest = longest;
            let mut alice = alice().asking(Some(asked));
            for round in 0..20 {
                // The main registrar changes its mind now and then.
                world.main().personality.longest = longest + 40 * (round % 3);
                let answer = world.registered(&mut alice);
                let promised = answer.promised(alice.contact()).unwrap();
                world.wait(u64::from(promised) - 1);
                assert_eq!(
                    world.held(&alice.aor()).len(),
                    1,
                    "{longest} {asked} {round}"
                );
                assert_eq!(world.bound(&alice.aor()), alice.contacts);
            }
        }
    }
}
