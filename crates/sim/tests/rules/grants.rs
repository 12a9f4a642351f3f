//! R4 and R5: what a device is promised, and what is asked upstream.

use engine::Event;
use engine::policy::TooBrief;
use midreg_sim::expect::{forwarded, locally};
use midreg_sim::{Challenges, Listing, Nonces, Phone, World};

use crate::{alice, leased, settled_under, two_nodes};

#[test]
fn r4_too_little_is_423_with_min_expires() {
    let mut world = World::new(leased());
    let mut alice = alice();
    let bytes = alice.register_for(59);
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(
        (answer.status(), answer.number("Min-Expires")),
        (423, Some(60))
    );
    let bytes = alice.register_for(60);
    assert_eq!(world.converse(&mut alice, &bytes).status(), 200);
}

#[test]
fn r4_too_little_is_raised_where_policy_says_so() {
    let mut policy = leased();
    policy.domain.registration.too_brief = TooBrief::Raise;
    let mut world = World::new(policy);
    let mut alice = alice();
    let bytes = alice.register_for(10);
    let answer = world.converse(&mut alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(60));
}

#[test]
fn r4_mirror_leaves_423_to_the_main_registrar() {
    let mut world = World::mirror();
    let mut alice = alice();
    let bytes = alice.register_for(10);
    let answer = world.converse(&mut alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(10));
    world.main().personality.shortest = 60;
    let bytes = alice.register_for(10);
    let answer = world.converse(&mut alice, &bytes);
    assert_eq!(
        (answer.status(), answer.number("Min-Expires")),
        (423, Some(60))
    );
    assert_eq!(world.bound(&alice.aor()).len(), 1, "423 ends nothing");
}

#[test]
fn r4_too_much_is_cut_and_nothing_is_given_the_default() {
    let mut world = World::new(leased());
    let mut alice = alice();
    let bytes = alice.register_for(100_000);
    let answer = world.converse(&mut alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(3600));
    let mut alice = Phone::new("bob", "198.51.100.8:5062").asking(None);
    let answer = world.registered(&mut alice);
    assert_eq!(answer.promised(alice.contact()), Some(3600));
    assert_eq!(answer.number("Expires"), Some(3600));
}

#[test]
fn r4_the_parameter_beats_the_header() {
    let mut world = World::new(leased());
    let mut alice = alice();
    let contact = format!("<{}>;expires=120", alice.contact());
    let bytes = alice.say(&[&contact], Some(600));
    let answer = world.converse(&mut alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(120));
    assert_eq!(answer.number("Expires"), Some(120));
}

#[test]
fn r4_an_unreadable_lifetime_is_an_hour() {
    let mut world = World::new(leased());
    let mut alice = alice();
    let contact = format!("<{}>;expires=soon", alice.contact());
    let bytes = alice.say(&[&contact], None);
    let answer = world.converse(&mut alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(3600));
}

#[test]
fn r4_the_first_grant_stays_within_the_lease_and_its_margin() {
    for (granted, usable) in [(7200, 300), (300, 294), (100, 98), (30, 29), (2, 1)] {
        let mut world = World::new(leased());
        world.main().personality.longest = granted;
        let mut alice = alice();
        let answer = world.registered(&mut alice);
        assert_eq!(answer.promised(alice.contact()), Some(usable), "{granted}");
    }
}

#[test]
fn r4_a_lease_with_nothing_usable_is_refused_and_given_back() {
    let mut world = World::new(leased());
    world.main().personality.longest = 1;
    world.main().personality.challenges = Challenges::Never;
    let mut alice = alice();
    let bytes = alice.register();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!(answer.status(), 503);
    assert!(answer.number("Retry-After").is_some());
    assert!(world.bound(&alice.aor()).is_empty());
    assert!(world.held(&alice.aor()).is_empty());
}

#[test]
fn r4_no_refresh_is_promised_more_than_the_lease_holds() {
    let mut world = World::new(leased());
    world.main().personality.longest = 200;
    let mut alice = alice();
    world.registered(&mut alice);
    for _ in 0..40 {
        world.wait(7);
        let answer = world.registered(&mut alice);
        let promised = answer.promised(alice.contact()).unwrap();
        let held = world.held(&alice.aor());
        let left = held[0].until.seconds_after(world.now());
        // 2 % of 200 s are the margin.
        assert!(promised + 4 <= left, "{promised} s of {left} s");
        assert!(promised >= 96, "a device is not asked to come all the time");
    }
}

#[test]
fn r4_behind_a_nat_a_udp_device_is_kept_busy() {
    let mut world = World::new(leased());
    let mut alice = Phone::new("alice", "198.51.100.7:30000").behind_nat("192.168.1.2:5060");
    let answer = world.registered(&mut alice);
    assert_eq!(answer.promised(alice.contact()), Some(60));
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(60));
    assert_eq!(world.main().last().contacts()[0].expires, Some(7200));
}

#[test]
fn r4_a_private_via_alone_is_a_nat_too() {
    let mut world = World::new(leased());
    let mut alice = Phone::new("alice", "198.51.100.7:30000").behind_nat("192.168.1.2:5060");
    alice.contacts = vec!["sip:alice@198.51.100.7:30000".to_owned()];
    let answer = world.registered(&mut alice);
    assert_eq!(answer.promised(alice.contact()), Some(60));
}

#[test]
fn r4_a_stream_needs_no_pinhole() {
    let mut world = World::new(leased());
    let mut alice = Phone::new("alice", "198.51.100.7:30000").behind_nat("192.168.1.2:5060");
    alice.transport = "TCP";
    world.rig.connect(alice.address);
    let answer = world.registered(&mut alice);
    assert_eq!(answer.promised(alice.contact()), Some(300));
}

#[test]
fn r4_the_nat_grant_may_lie_below_the_shortest_lifetime() {
    let mut policy = leased();
    policy.domain.registration.nat_expires = 25;
    let mut world = World::new(policy);
    let mut alice = Phone::new("alice", "198.51.100.7:30000").behind_nat("192.168.1.2:5060");
    let answer = world.registered(&mut alice);
    assert_eq!(answer.promised(alice.contact()), Some(25));
}

#[test]
fn r4_jitter_only_shortens() {
    let mut policy = leased();
    policy.domain.registration.jitter_percent = 10;
    let (mut world, mut alice) = settled_under(policy);
    let mut met = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let answer = world.registered(&mut alice);
        let promised = answer.promised(alice.contact()).unwrap();
        assert!((270..=300).contains(&promised), "{promised}");
        met.insert(promised);
    }
    assert!(met.len() > 5, "{met:?}");
}

#[test]
fn r4_header_and_contact_agree_and_the_contact_is_verbatim() {
    let mut world = World::new(leased());
    let odd = "sip:alice%20x@198.51.100.7:5062;OB;Line=A1";
    let mut alice = alice().with_contacts(&[odd]);
    alice.contact_params = ";Q=0.50;+sip.Foo=\"bar\"".to_owned();
    for _ in 0..2 {
        let answer = world.registered(&mut alice);
        let own = &answer.contacts()[0];
        assert_eq!(
            own.value,
            format!("<{odd}>;Q=0.50;+sip.Foo=\"bar\";expires=300")
        );
        assert_eq!(answer.number("Expires"), own.expires);
    }
}

#[test]
fn r4_an_absorbed_200_lists_all_siblings_with_what_they_have_left() {
    let (mut world, mut alice) = settled_under(leased());
    let mut desk = Phone::new("alice", "198.51.100.20:5062").asking(Some(900));
    world.registered(&mut desk);
    world.wait(100);
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    let listed = answer.contacts();
    assert_eq!(listed[0].uri, alice.contact());
    assert_eq!(answer.promised(desk.contact()), Some(800));
    assert_eq!(answer.number("Expires"), Some(300));
}

#[test]
fn r5_upstream_is_asked_for_the_longer_of_ours_and_the_devices() {
    let mut world = World::new(leased());
    let mut alice = alice();
    world.registered(&mut alice);
    let asked = world.main().last().clone();
    assert_eq!(asked.contacts()[0].expires, Some(7200));
    assert_eq!(asked.number("Expires"), Some(7200), "both agree");
    let mut policy = leased();
    policy.domain.expires = 600;
    let mut world = World::new(policy);
    let bytes = alice.register_for(1800);
    world.converse(&mut alice, &bytes);
    assert_eq!(world.main().last().contacts()[0].expires, Some(1800));
}

#[test]
fn r5_what_is_granted_is_taken_anew_from_every_2xx() {
    let (mut world, mut alice) = settled_under(leased());
    assert_eq!(world.rig.bindings(&alice.aor())[0].lease_left, 1000 + 7200);
    world.main().personality.longest = 100;
    world.touch(|rig| rig.command(engine::command::Command::Resync { tag: 0 }));
    let answer = world.registered(&mut alice);
    assert_eq!(answer.promised(alice.contact()), Some(98));
    assert_eq!(world.rig.bindings(&alice.aor())[0].lease_left, 1000 + 100);
    world.main().personality.longest = 86_400;
    world.wait(60);
    let answer = world.registered(&mut alice);
    assert_eq!(answer.promised(alice.contact()), Some(300));
}

#[test]
fn r5_the_lease_counts_from_when_we_asked() {
    let mut world = World::new(leased());
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.longest = 100;
    world.set_conditions(midreg_sim::Conditions {
        nearest: core::time::Duration::from_secs(2),
        farthest: core::time::Duration::from_secs(2),
        ..midreg_sim::Conditions::PERFECT
    });
    let mut alice = alice();
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.wait(8);
    let mail = world.mail(alice.address);
    let ok = mail.iter().find(|mail| mail.is_final()).unwrap();
    // Two seconds up, two seconds down, two seconds of margin.
    assert_eq!(ok.promised(alice.contact()), Some(94));
}

#[test]
fn r5_granted_is_found_wherever_the_2xx_says_it() {
    for (listing, promised) in [
        (Listing::Full, 98),
        (Listing::ExpiresHeader, 98),
        (Listing::OnlyExpiresHeader, 98),
    ] {
        let mut world = World::new(leased());
        world.main().personality.longest = 100;
        world.main().personality.listing = listing;
        let far = world.now().plus_seconds(5000);
        world
            .main()
            .hold("alice@example.org", "sip:first@192.0.2.200", far);
        let mut alice = alice();
        let answer = world.registered(&mut alice);
        assert_eq!(
            answer.promised(alice.contact()),
            Some(promised),
            "{listing:?}"
        );
        assert_eq!(answer.contacts().len(), 1, "only ours are told");
    }
}

#[test]
fn r5_a_2xx_that_says_nothing_grants_what_was_asked() {
    let mut world = World::new(leased());
    world.main().personality.listing = Listing::Bare;
    let mut alice = alice();
    let answer = world.registered(&mut alice);
    assert_eq!(answer.promised(alice.contact()), Some(300));
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
}

#[test]
fn r5_a_423_is_raised_at_once_and_remembered() {
    let mut policy = leased();
    policy.domain.expires = 600;
    let mut world = World::new(policy);
    world.main().personality.shortest = 1000;
    let mut alice = alice();
    let answer = world.registered(&mut alice);
    assert_eq!(answer.promised(alice.contact()), Some(300));
    let statuses: Vec<u16> = world.main().seen().iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [401, 423, 200]);
    assert_eq!(world.main().last().contacts()[0].expires, Some(1000));
    let told = world.events();
    let learnt = |event: &&Event| {
        matches!(
            event,
            Event::UpstreamMinExpires {
                min_expires: 1000,
                ..
            }
        )
    };
    assert_eq!(told.iter().filter(learnt).count(), 1);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    world.registered(&mut bob);
    assert_eq!(world.main().registers(), 5, "nobody else is refused for it");
}

#[test]
fn r5_what_one_node_wants_is_not_asked_of_another() {
    let mut policy = two_nodes();
    policy.domain.expires = 600;
    let mut world = World::new(policy);
    world.mains[0].personality.shortest = 1000;
    let mut alice = alice();
    world.registered(&mut alice);
    world.mains[0].personality.temper = midreg_sim::Temper::Silent;
    world.wait(1);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    let bytes = bob.register();
    world.send(bob.address, &bytes);
    world.wait(9);
    world.registered(&mut bob);
    assert_eq!(world.mains[1].last().contacts()[0].expires, Some(600));
}

#[test]
fn r5_a_challenge_that_the_raised_retry_meets_is_stale() {
    let mut policy = leased();
    policy.domain.expires = 600;
    let mut world = World::new(policy);
    world.main().personality.shortest = 1000;
    world.main().personality.nonces = Nonces::OneTime;
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    assert!(
        !challenge
            .value("WWW-Authenticate")
            .unwrap()
            .contains("stale")
    );
    let second = alice.answer(&challenge);
    let again = world.exchange(&alice, &second);
    assert_eq!(again.status(), 401);
    assert!(
        again
            .value("WWW-Authenticate")
            .unwrap()
            .contains("stale=true")
    );
    let third = alice.answer(&again);
    assert_eq!(world.exchange(&alice, &third).status(), 200);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    let bytes = bob.register();
    let answer = forwarded(&mut world, &mut bob, &bytes, engine::Row::D7);
    assert_eq!(answer.status(), 200, "the next one is asked only once");
}
