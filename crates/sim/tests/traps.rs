//! Behavioural traps that other registrars and edge proxies fell into (T), and attacks on what a
//! mid-registrar believes (S), as far as registration is concerned.

use engine::command::Command;
use engine::{Event, Row};
use midreg_sim::expect::{forwarded, locally, patched};
use midreg_sim::policy::{contact, two_nodes};
use midreg_sim::{Challenges, Listing, Packet, Phone, Temper, World};

fn alice() -> Phone {
    Phone::new("alice", "198.51.100.7:5062")
}

fn settled() -> (World, Phone) {
    let mut world = World::contact();
    let mut alice = alice();
    world.registered(&mut alice);
    (world, alice)
}

fn resync(world: &mut World) {
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
}

#[test]
fn t1_no_contact_is_stored_when_upstream_said_4xx() {
    for status in [400, 403, 404, 420, 480, 500, 600] {
        let mut world = World::contact();
        world.main().personality.temper = Temper::Refuses(status);
        let mut alice = alice();
        let bytes = alice.register();
        assert_eq!(world.exchange(&alice, &bytes).status(), status);
        assert_eq!(world.rig.totals().bindings, 0);
    }
}

#[test]
fn t2_no_new_device_is_absorbed() {
    let (mut world, _) = settled();
    let mut stranger = Phone::new("alice", "203.0.113.66:5062");
    stranger.password = "guess".to_owned();
    for _ in 0..3 {
        let bytes = stranger.register();
        assert_eq!(world.converse(&mut stranger, &bytes).status(), 401);
    }
    assert_eq!(world.bound("alice@example.org").len(), 1);
    assert_eq!(world.row(Row::D13), 0);
}

#[test]
fn t4_the_end_of_one_of_several_leaves_the_others_their_leases() {
    let mut world = World::contact();
    let mut phones: Vec<Phone> = (1..=3)
        .map(|number| Phone::new("alice", &format!("198.51.100.{number}:5062")))
        .collect();
    for phone in &mut phones {
        world.registered(phone);
    }
    world.unregister(&mut phones[1]);
    assert_eq!(world.held("alice@example.org").len(), 2);
    for at in [0, 2] {
        let bytes = phones[at].register();
        assert_eq!(locally(&mut world, &phones[at], &bytes).contacts().len(), 2);
    }
}

#[test]
fn t5_the_end_of_the_last_and_an_immediate_return() {
    let (mut world, mut alice) = settled();
    for _ in 0..3 {
        assert_eq!(world.unregister(&mut alice).status(), 200);
        assert_eq!(world.held(&alice.aor()).len(), 0);
        world.registered(&mut alice);
        assert_eq!(world.held_tokens(&alice.aor()), world.tokens(&alice.aor()));
    }
}

#[test]
fn t6_a_star_in_both_modes() {
    for mut world in [World::contact(), World::mirror()] {
        let mut one = Phone::new("alice", "198.51.100.1:5062");
        let mut two = Phone::new("alice", "198.51.100.2:5062");
        world.registered(&mut one);
        world.registered(&mut two);
        let star = one.unregister_all();
        assert_eq!(world.converse(&mut one, &star).status(), 200);
        assert!(world.bound(&one.aor()).is_empty());
        assert!(world.held(&one.aor()).is_empty());
        world.registered(&mut two);
        assert_eq!(world.bound(&one.aor()), two.contacts);
    }
}

#[test]
fn t7_both_legs_meet_the_same_node() {
    let mut policy = two_nodes();
    policy.upstream.balance = engine::policy::Balance::Aor;
    let mut world = World::new(policy);
    for number in 0..8 {
        let mut phone = Phone::new(&format!("user{number}"), "198.51.100.7:5062");
        phone.rebind(&format!("198.51.100.7:{}", 6000 + number));
        world.registered(&mut phone);
    }
    assert!(world.mains.iter().all(|main| main.registers() > 0));
    assert!(world.mains.iter().all(|main| main.registers() % 2 == 0));
}

#[test]
fn t8_a_register_repeated_during_the_upstream_transaction_is_one_register() {
    let mut world = World::contact();
    world.main().personality.temper = Temper::Silent;
    let mut alice = alice();
    let bytes = alice.register();
    for _ in 0..5 {
        world.send(alice.address, &bytes);
        world.wait(1);
    }
    world.main().personality.temper = Temper::Normal;
    world.wait(3);
    assert_eq!(world.main().registers(), 1);
    assert_eq!(
        world.mail(alice.address).last().map(Packet::status),
        Some(401)
    );
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
fn t11_an_overloaded_upstream_costs_nobody_a_running_lease() {
    let (mut world, mut alice) = settled();
    world.main().personality.temper = Temper::Overloaded(120);
    resync(&mut world);
    world.wait(60);
    let bytes = alice.register();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(300));
    assert_eq!(world.row(Row::D14), 1);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    let bytes = bob.register();
    let answer = world.exchange(&bob, &bytes);
    assert_eq!(
        (answer.status(), answer.number("Retry-After")),
        (503, Some(120))
    );
}

#[test]
fn t12_a_silent_upstream_costs_nobody_a_lease_and_the_next_node_is_asked() {
    let mut world = World::new(two_nodes());
    let mut alice = alice();
    world.registered(&mut alice);
    world.mains[0].personality.temper = Temper::Silent;
    world.wait(10);
    resync(&mut world);
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.wait(8);
    let mail = world.mail(alice.address);
    assert_eq!(mail.last().map(Packet::status), Some(200), "carried");
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
    assert_eq!(world.registered(&mut alice).status(), 200);
    assert_eq!(world.mains[1].held(world.now(), &alice.aor()).len(), 1);
    let told = world.events();
    assert!(
        told.iter()
            .any(|event| matches!(event, Event::UpstreamDown { .. }))
    );
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
fn t16_a_registrar_that_keys_by_call_id_sees_one_call_id_per_device() {
    let (mut world, mut alice) = settled();
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut desk);
    for _ in 0..3 {
        alice.reboot();
        desk.reboot();
        resync(&mut world);
        world.registered(&mut alice);
        world.registered(&mut desk);
    }
    let seen = world.main().seen().to_vec();
    let mut call_ids: Vec<String> = seen
        .iter()
        .filter_map(|s| s.request.value("Call-ID"))
        .collect();
    call_ids.sort();
    call_ids.dedup();
    assert_eq!(call_ids.len(), 2);
}

#[test]
fn t20_the_same_cseq_again_is_no_error() {
    let (mut world, mut alice) = settled();
    for _ in 0..3 {
        let retry = alice.retry();
        assert_eq!(locally(&mut world, &alice, &retry).status(), 200);
        world.wait(40);
    }
}

#[test]
fn t21_a_changed_call_id_makes_no_second_binding() {
    for instance in ["", "urn:uuid:1"] {
        let mut world = World::contact();
        let mut alice = match instance {
            "" => alice(),
            urn => alice().with_instance(urn),
        };
        for _ in 0..3 {
            world.registered(&mut alice);
            alice.reboot();
        }
        assert_eq!(world.bound(&alice.aor()).len(), 1);
        assert_eq!(world.held(&alice.aor()).len(), 1);
    }
}

#[test]
fn t22_an_instance_replaces_itself_where_only_one_is_allowed() {
    let mut policy = contact();
    policy.limits.bindings_per_aor = 1;
    let mut world = World::new(policy);
    world.main().personality.max_contacts = 1;
    let mut alice = alice().with_instance("urn:uuid:1");
    for port in 7000..7005 {
        alice.move_to(&format!("198.51.100.7:{port}"));
        alice.reboot();
        world.registered(&mut alice);
        assert_eq!(world.bound(&alice.aor()), alice.contacts);
        assert_eq!(world.held_tokens(&alice.aor()), world.tokens(&alice.aor()));
    }
}

#[test]
fn t25_two_phones_behind_one_nat_with_one_user_part_are_two_devices() {
    let mut world = World::contact();
    let mut one = Phone::new("alice", "198.51.100.7:30000").behind_nat("192.168.1.2:5060");
    let mut two = Phone::new("alice", "198.51.100.7:30001").behind_nat("192.168.1.3:5060");
    world.registered(&mut one);
    world.registered(&mut two);
    assert_eq!(world.bound(&one.aor()).len(), 2);
    for phone in [&mut one, &mut two] {
        let bytes = phone.register();
        let answer = locally(&mut world, phone, &bytes);
        assert_eq!(answer.contacts()[0].uri, phone.contact());
    }
}

#[test]
fn t26_an_ipv6_literal_is_a_contact_like_any_other() {
    let mut world = World::contact();
    let mut alice = Phone::new("alice", "[2001:db8::7]:5062");
    let answer = world.registered(&mut alice);
    assert_eq!(
        answer.promised("sip:alice@[2001:db8::7]:5062"),
        Some(300),
        "no NAT"
    );
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    let via = answer.value("Via").unwrap();
    assert!(via.contains(";received=2001:db8::7;rport=5062"), "{via}");
    let long = patched(
        &alice.register(),
        "[2001:db8::7]:5062>",
        "[2001:0DB8:0::0007]:5062>",
    );
    assert_eq!(
        world.exchange(&alice, &long).status(),
        401,
        "another spelling goes upstream"
    );
    assert_eq!(
        world.bound(&alice.aor()).len(),
        1,
        "but it is the same device"
    );
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

// Attacks

#[test]
fn s1_nobody_keeps_a_dead_binding_alive_or_turns_it_to_himself() {
    let (mut world, alice) = settled();
    let before = world.rig.bindings(&alice.aor());
    let mut thief = alice.clone();
    thief.password = "guess".to_owned();
    thief.rebind("203.0.113.66:5062");
    for cseq in [3, 100, 0x7fff_fff0] {
        thief.cseq = cseq;
        let bytes = thief.register();
        assert_eq!(world.converse(&mut thief, &bytes).status(), 401);
    }
    thief.reboot();
    let bytes = thief.register();
    assert_eq!(world.converse(&mut thief, &bytes).status(), 401);
    let after = world.rig.bindings(&alice.aor());
    assert_eq!(after[0].remote, alice.address);
    assert_eq!(after[0].expires_in, before[0].expires_in);
    world.wait(301);
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn s1_a_binding_that_is_always_being_challenged_dies_all_the_same() {
    let (mut world, alice) = settled();
    let mut thief = alice.clone();
    thief.rebind("203.0.113.66:5062");
    for _ in 0..15 {
        let bytes = thief.register();
        assert_eq!(world.exchange(&thief, &bytes).status(), 401);
        world.wait(21);
    }
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn s4_an_account_that_was_closed_is_closed_here_at_its_next_proof() {
    let mut policy = contact();
    policy.domain.reauth_interval = 600;
    let mut world = World::new(policy);
    let mut alice = alice();
    world.registered(&mut alice);
    world.main().personality.temper = Temper::Refuses(403);
    let mut refused = None;
    for round in 1..10 {
        world.wait(100);
        let bytes = alice.register();
        if world.exchange(&alice, &bytes).status() == 403 {
            refused = Some(round * 100);
            break;
        }
    }
    assert_eq!(refused, Some(600));
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn s7_a_forged_cseq_locks_nobody_out() {
    let (mut world, mut alice) = settled();
    let mut forger = alice.clone();
    forger.rebind("203.0.113.66:5062");
    forger.cseq = 0x7fff_fffe;
    let bytes = forger.register();
    assert_eq!(world.exchange(&forger, &bytes).status(), 401);
    for _ in 0..3 {
        let bytes = alice.register();
        assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    }
    resync(&mut world);
    assert_eq!(world.registered(&mut alice).status(), 200);
}

#[test]
fn s9_a_received_parameter_of_the_device_moves_nothing() {
    let mut world = World::contact();
    let mut alice = alice();
    alice.contact_params = ";received=\"sip:10.0.0.1:5060\"".to_owned();
    world.registered(&mut alice);
    assert_eq!(world.rig.bindings(&alice.aor())[0].remote, alice.address);
    let upstream = world.main().last().contacts()[0].value.clone();
    assert!(!upstream.contains("received"), "{upstream}");
    let bytes = alice.register();
    let via = locally(&mut world, &alice, &bytes).value("Via").unwrap();
    assert!(via.contains("received=198.51.100.7"), "{via}");
}

#[test]
fn s10_a_path_of_the_device_is_not_the_main_registrars_way_to_it() {
    let mut world = World::contact();
    let mut alice = alice().with_header("Path: <sip:10.0.0.1;lr>");
    world.registered(&mut alice);
    assert!(world.main().last().all("Path").is_empty());
}

#[test]
fn s12_a_token_that_we_did_not_make_names_nobody() {
    let (mut world, alice) = settled();
    let token = world.tokens(&alice.aor())[0].clone();
    let last = if token.ends_with('a') { "b" } else { "a" };
    let forged = format!("{}{last}", &token[..token.len() - 1]);
    // A main registrar that lists a forged token says nothing about the binding it imitates.
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    let soon = world.now().plus_seconds(5);
    let uri = format!("sip:alice@192.0.2.1:5060;mr={forged}");
    world.main().hold("alice@example.org", &uri, soon);
    let answer = world.registered(&mut desk);
    assert_eq!(answer.contacts().len(), 2);
    assert_eq!(world.rig.bindings(&alice.aor())[0].lease_left, 8200);
}

#[test]
fn s12_tokens_are_not_to_be_guessed_from_each_other() {
    let mut world = World::contact();
    let mut tokens = Vec::new();
    for number in 0..50 {
        let mut phone = Phone::new("alice", &format!("198.51.100.{}:5062", number / 10 + 1));
        phone.user = format!("user{number}");
        phone.reboot();
        phone.contacts = vec![format!("sip:{}@198.51.100.1:5062", phone.user)];
        world.registered(&mut phone);
        tokens.extend(world.tokens(&phone.aor()));
    }
    // Thirteen digits are the MAC.
    let mut macs: Vec<&str> = tokens.iter().map(|token| &token[13..]).collect();
    macs.sort_unstable();
    macs.dedup();
    assert_eq!(macs.len(), 50);
}

#[test]
fn s19_unanswered_challenges_of_one_aor_are_bounded_and_hurt_no_running_lease() {
    let (mut world, mut alice) = settled();
    let mut statuses = std::collections::BTreeMap::new();
    for port in 0..40 {
        let mut stranger = Phone::new("alice", &format!("203.0.113.66:{}", 7000 + port));
        let bytes = stranger.register();
        let status = world.exchange(&stranger, &bytes).status();
        *statuses.entry(status).or_insert(0) += 1;
    }
    assert!(world.rig.totals().conversations <= 16, "{statuses:?}");
    assert!(
        statuses
            .keys()
            .all(|status| [401, 403, 503].contains(status))
    );
    resync(&mut world);
    let bytes = alice.register();
    let answer = world.converse(&mut alice, &bytes);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    assert_eq!(world.registered(&mut bob).status(), 200);
    world.wait(40);
    assert_eq!(world.rig.totals().conversations, 0);
}

#[test]
fn s23_credentials_that_were_used_before_prove_nothing_here() {
    let mut world = World::contact();
    world.main().personality.nonces = midreg_sim::Nonces::OneTime;
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    let second = alice.answer(&challenge);
    assert_eq!(world.exchange(&alice, &second).status(), 200);
    let thief: std::net::SocketAddr = "203.0.113.66:5062".parse().unwrap();
    let replayed = patched(&second, ";branch=z9hG4bK", ";branch=z9hG4bKx");
    world.send(thief, &replayed);
    assert_eq!(world.mail(thief).last().map(Packet::status), Some(401));
    assert_eq!(world.rig.bindings(&alice.aor())[0].remote, alice.address);
}

#[test]
fn s24_a_flow_that_is_proved_for_one_aor_is_a_stranger_to_another() {
    let (mut world, alice) = settled();
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    world.registered(&mut bob);
    let mut cross = alice.clone();
    cross.address = bob.address;
    let bytes = cross.register();
    assert_eq!(world.exchange(&cross, &bytes).status(), 401);
    let query = cross.query();
    assert_eq!(world.exchange(&cross, &query).status(), 401);
    let leave = cross.unregister_all();
    assert_eq!(world.exchange(&cross, &leave).status(), 401);
    assert_eq!(world.rig.bindings(&alice.aor())[0].remote, alice.address);
}
