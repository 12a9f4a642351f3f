//! R14: when all leases of a node are called into question, or one of them is.

use engine::command::{Answer, Command};
use engine::event::EpochCause;
use engine::limits::{LOSS_WINDOW, LOSSES_PER_EPOCH};
use engine::policy::{Balance, Mode, Policy};
use engine::{Event, NodeId, Row};
use midreg_sim::expect::{forwarded, locally};
use midreg_sim::personality::{Keying, Listing};
use midreg_sim::policy::{self, with};
use midreg_sim::{Phone, Temper, World};

/// What lies between two REGISTERs of a user, so that it is known which came first.
const INSTANT: core::time::Duration = core::time::Duration::from_millis(1);

use crate::{ALICE, alice, desk, mode, unwatched_open};

fn phone(user: &str, number: usize) -> Phone {
    Phone::new(
        user,
        &format!("198.51.{}.{}:5062", number / 200, number % 200 + 1),
    )
}

/// The epochs that began since the last look: of which node, and why.
fn begun(world: &mut World) -> Vec<(NodeId, EpochCause)> {
    let epochs = |event: &Event| match event {
        Event::EpochBegun { node, cause, .. } => Some((*node, *cause)),
        _ => None,
    };
    world.events().iter().filter_map(epochs).collect()
}

/// The phone's refresh goes upstream once, by D11, and the one after that does not.
fn renewed_once(world: &mut World, phone: &mut Phone) {
    let bytes = phone.register();
    assert_eq!(forwarded(world, phone, &bytes, Row::D11).status(), 200);
    untouched(world, phone);
}

/// The phone's refresh stays here.
fn untouched(world: &mut World, phone: &mut Phone) {
    let bytes = phone.register();
    assert_eq!(locally(world, phone, &bytes).status(), 200);
}

/// The first node is silent for so long after midreg found out, and then speaks again.
fn outage(world: &mut World, seconds: u64) {
    world.mains[0].personality.temper = Temper::Silent;
    world.wait(1);
    let mut other = Phone::new("carol", "198.51.100.99:5062");
    let bytes = other.register();
    world.send(other.address, &bytes);
    world.wait(8);
    let told = world.events();
    let down =
        |event: &Event| matches!(event, Event::UpstreamDown { node } if *node == policy::node(0));
    assert!(told.iter().any(down), "{told:?}");
    world.wait(seconds);
    world.mains[0].personality.temper = Temper::Normal;
    world.wait(4);
}

fn two_nodes(balance: Balance) -> Policy {
    let mut policy = with(Mode::Contact, 2);
    policy.upstream.balance = balance;
    policy
}

// Outages

#[test]
fn r14_a_long_outage_begins_an_epoch_and_a_short_one_does_not() {
    for of in [Mode::Contact, Mode::Aor] {
        for (seconds, long) in [(30, false), (120, true)] {
            let (mut world, mut alice) = (World::new(mode(of)), alice());
            world.registered(&mut alice);
            outage(&mut world, seconds);
            let epochs = begun(&mut world);
            assert_eq!(
                epochs.len(),
                usize::from(long),
                "{of:?} {seconds}: {epochs:?}"
            );
            match long {
                true => renewed_once(&mut world, &mut alice),
                false => untouched(&mut world, &mut alice),
            }
        }
    }
}

#[test]
fn r14_how_long_is_long_is_policy() {
    let mut policy = mode(Mode::Contact);
    policy.upstream.resync_after = 20;
    let (mut world, mut alice) = (World::new(policy), alice());
    world.registered(&mut alice);
    outage(&mut world, 30);
    let epochs = begun(&mut world);
    let [(node, EpochCause::Outage(seconds))] = epochs[..] else {
        panic!("{epochs:?}");
    };
    assert_eq!(node, policy::node(0));
    assert!((30..45).contains(&seconds), "{seconds}");
    renewed_once(&mut world, &mut alice);
}

#[test]
fn r14_an_outage_of_one_node_concerns_nobody_on_another() {
    let mut world = World::new(two_nodes(Balance::Aor));
    let mut phones: Vec<Phone> = (1..20).map(|at| phone(&format!("user{at}"), at)).collect();
    let mut first: Vec<bool> = Vec::new();
    for phone in &mut phones {
        world.registered(phone);
        first.push(!world.mains[0].held(world.now(), &phone.aor()).is_empty());
    }
    assert!(first.contains(&true) && first.contains(&false));
    world.mains[0].personality.temper = Temper::Silent;
    // The first that notices is one of its own.
    world.wait(1);
    let at = first.iter().position(|own| *own).unwrap_or(0);
    phones[at].contact_params = ";q=0.5".to_owned();
    let bytes = phones[at].register();
    world.send(phones[at].address, &bytes);
    world.wait(100);
    world.mains[0].personality.temper = Temper::Normal;
    world.wait(4);
    assert_eq!(begun(&mut world).len(), 1);
    for (number, (phone, first)) in phones.iter_mut().zip(first).enumerate() {
        match (number == at, first) {
            (true, _) => {}
            (false, true) => renewed_once(&mut world, phone),
            (false, false) => untouched(&mut world, phone),
        }
    }
}

#[test]
fn r14_who_was_taken_over_by_another_node_meanwhile_is_not_asked_again() {
    let mut world = World::new(two_nodes(Balance::Failover));
    let (mut alice, mut bob) = (alice(), Phone::new("bob", "198.51.100.8:5062"));
    world.registered(&mut alice);
    world.mains[0].personality.temper = Temper::Silent;
    world.wait(1);
    let mut carol = Phone::new("carol", "198.51.100.9:5062");
    let bytes = carol.register();
    world.send(carol.address, &bytes);
    world.wait(20);
    world.registered(&mut bob);
    assert_eq!(world.mains[1].held(world.now(), &bob.aor()).len(), 1);
    world.wait(100);
    world.mains[0].personality.temper = Temper::Normal;
    world.wait(4);
    let epochs = begun(&mut world);
    assert!(
        matches!(epochs[..], [(node, EpochCause::Outage(_))] if node == policy::node(0)),
        "{epochs:?}"
    );
    renewed_once(&mut world, &mut alice);
    untouched(&mut world, &mut bob);
}

#[test]
fn r14_after_a_long_outage_a_carried_device_is_asked_about() {
    let (mut world, mut alice) = (World::new(mode(Mode::Contact)), alice());
    world.registered(&mut alice);
    world.mains[0].personality.temper = Temper::Silent;
    world.wait(1);
    let mut other = Phone::new("carol", "198.51.100.99:5062");
    let bytes = other.register();
    world.send(other.address, &bytes);
    world.wait(100);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    world.main().forget_all();
    world.main().personality.temper = Temper::Normal;
    world.wait(4);
    renewed_once(&mut world, &mut alice);
    assert_eq!(world.held(ALICE).len(), 1, "it had lost everything");
}

// The command

#[test]
fn r14_the_command_begins_an_epoch_of_every_node() {
    let mut world = World::new(two_nodes(Balance::Aor));
    let mut phones: Vec<Phone> = (1..10).map(|at| phone(&format!("user{at}"), at)).collect();
    for phone in &mut phones {
        world.registered(phone);
    }
    world.events();
    let answer = world.touch(|rig| rig.command(Command::Resync { tag: 7 }));
    assert!(matches!(answer, Answer::Resynced));
    let wanted = [0, 1].map(|node| (policy::node(node), EpochCause::Command));
    assert_eq!(begun(&mut world), wanted);
    for phone in &mut phones {
        renewed_once(&mut world, phone);
    }
}

#[test]
fn r14_in_aor_one_device_renews_for_all() {
    let mut world = World::new(mode(Mode::Aor));
    let (mut alice, mut desk) = (alice(), desk());
    world.registered(&mut alice);
    world.wait(1);
    world.registered(&mut desk);
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    renewed_once(&mut world, &mut alice);
    untouched(&mut world, &mut desk);
}

#[test]
fn r14_in_mirror_an_epoch_changes_nothing() {
    let (mut world, mut alice) = (World::new(mode(Mode::Mirror)), alice());
    world.registered(&mut alice);
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::Mirror);
    assert_eq!(world.row(Row::D11), 0);
}

#[test]
fn r14_an_epoch_renews_a_lease_and_keeps_its_identity() {
    let (mut world, mut alice) = (World::new(mode(Mode::Contact)), alice());
    world.registered(&mut alice);
    let before = world.main().last().clone();
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    renewed_once(&mut world, &mut alice);
    let after = world.main().last().clone();
    assert_eq!(after.value("Call-ID"), before.value("Call-ID"));
    assert!(after.cseq() > before.cseq());
    assert_eq!(after.contacts()[0].uri, before.contacts()[0].uri);
}

// What a 2xx says of the others

/// A world in which alice has two devices, at a main registrar that lists all contacts.
fn listed() -> (World, Phone, Phone) {
    let mut world = World::new(mode(Mode::Contact));
    let (mut alice, mut desk) = (alice(), desk());
    world.registered(&mut alice);
    world.wait(1);
    world.registered(&mut desk);
    world.events();
    (world, alice, desk)
}

fn lost(world: &mut World) -> usize {
    let events = world.events();
    let lost = |event: &&Event| matches!(event, Event::LeaseLost { .. });
    events.iter().filter(lost).count()
}

#[test]
fn r14_a_sibling_that_is_missing_from_the_list_is_told_and_asked_about() {
    let (mut world, mut alice, mut desk) = listed();
    let own = world.rig.bindings(ALICE);
    world.main().forget_all();
    world.wait(1);
    desk.contact_params = ";q=0.5".to_owned();
    world.registered(&mut desk);
    let told = world.events();
    let missing = told.iter().find_map(|event| match event {
        Event::LeaseLost { aor, binding, node } => Some((aor.to_string(), *binding, *node)),
        _ => None,
    });
    let alices = own.iter().find(|view| view.contact == alice.contact());
    let alices = alices.map(|view| view.id).expect("alice is bound");
    assert_eq!(missing, Some((ALICE.to_owned(), alices, policy::node(0))));
    assert_eq!(world.bound(ALICE).len(), 2, "it is bound all the same");
    renewed_once(&mut world, &mut alice);
    assert_eq!(world.held(ALICE).len(), 2);
    untouched(&mut world, &mut desk);
}

#[test]
fn r14_who_is_listed_is_left_alone() {
    let (mut world, mut alice, mut desk) = listed();
    world.wait(1);
    desk.contact_params = ";q=0.5".to_owned();
    world.registered(&mut desk);
    assert_eq!(lost(&mut world), 0);
    untouched(&mut world, &mut alice);
}

#[test]
fn r14_a_registrar_that_keeps_one_contact_is_told_of_and_nobody_is_distrusted() {
    let mut world = World::new(mode(Mode::Contact));
    world.main().personality.keying = Keying::Single;
    let (mut alice, mut desk) = (alice(), desk());
    world.registered(&mut alice);
    world.wait(1);
    world.events();
    world.registered(&mut desk);
    let told = world.events();
    let unlisted = |event: &&Event| matches!(event, Event::SiblingsUnlisted { aor, node } if (&**aor, *node) == (ALICE, policy::node(0)));
    assert_eq!(told.iter().filter(unlisted).count(), 1, "{told:?}");
    let lost = |event: &&Event| matches!(event, Event::LeaseLost { .. });
    assert_eq!(told.iter().filter(lost).count(), 0);
    // They would displace each other for ever: absorbing is all that helps.
    untouched(&mut world, &mut alice);
    untouched(&mut world, &mut desk);
}

#[test]
fn r14_a_registrar_that_lists_nothing_says_nothing_about_anybody() {
    for listing in [Listing::Bare, Listing::OnlyExpiresHeader] {
        let mut world = World::new(mode(Mode::Contact));
        world.main().personality.listing = listing;
        let (mut alice, mut desk) = (alice(), desk());
        world.registered(&mut alice);
        world.wait(1);
        world.registered(&mut desk);
        let told = world.events();
        let said = |event: &&Event| {
            matches!(
                event,
                Event::LeaseLost { .. } | Event::SiblingsUnlisted { .. }
            )
        };
        assert_eq!(told.iter().filter(said).count(), 0, "{listing:?}");
        untouched(&mut world, &mut alice);
    }
}

#[test]
fn r14_a_sibling_on_another_node_is_not_missed() {
    let mut world = World::new(two_nodes(Balance::Failover));
    let (mut alice, mut desk) = (alice(), desk());
    world.registered(&mut alice);
    world.wait(1);
    world.registered(&mut desk);
    // The first node falls silent, and the desk phone goes to the second.
    world.mains[0].personality.temper = Temper::Silent;
    world.wait(1);
    let mut carol = Phone::new("carol", "198.51.100.9:5062");
    let bytes = carol.register();
    world.send(carol.address, &bytes);
    world.wait(20);
    world.events();
    desk.contact_params = ";q=0.5".to_owned();
    world.registered(&mut desk);
    assert_eq!(world.mains[1].held(world.now(), ALICE).len(), 1);
    assert_eq!(lost(&mut world), 0);
}

#[test]
fn r14_with_path_insertion_a_missing_sibling_is_found_by_its_own_contact() {
    let mut policy = mode(Mode::Contact);
    policy.domain.insertion = engine::policy::Insertion::Path;
    let mut world = World::new(policy);
    let (mut alice, mut desk) = (alice(), desk());
    world.registered(&mut alice);
    world.wait(1);
    world.registered(&mut desk);
    world.wait(1);
    world.events();
    desk.contact_params = ";q=0.5".to_owned();
    world.registered(&mut desk);
    assert_eq!(lost(&mut world), 0);
    world.main().forget_all();
    world.wait(1);
    desk.contact_params = ";q=0.6".to_owned();
    world.registered(&mut desk);
    assert_eq!(lost(&mut world), 1);
    renewed_once(&mut world, &mut alice);
}

// Many losses

/// Users with two devices each, at a main registrar that lists all.
fn crowd(users: usize) -> (World, Vec<(Phone, Phone)>) {
    let mut world = unwatched_open(mode(Mode::Contact));
    let pair = |at: usize| {
        let user = format!("user{at}");
        let long = |phone: Phone| phone.asking(Some(3600));
        (long(phone(&user, 2 * at)), long(phone(&user, 2 * at + 1)))
    };
    let mut pairs: Vec<(Phone, Phone)> = (0..users).map(pair).collect();
    for (one, two) in &mut pairs {
        world.registered(one);
        world.advance(INSTANT);
        world.registered(two);
    }
    world.wait(1);
    world.events();
    (world, pairs)
}

/// Loses so many leases, with a pause after each.
fn lose(world: &mut World, pairs: &mut [(Phone, Phone)], pause: u64) {
    world.main().forget_all();
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    for (one, _) in pairs {
        one.contact_params = ";q=0.5".to_owned();
        world.registered(one);
        world.wait(pause);
    }
}

#[test]
fn r14_many_losses_within_a_minute_begin_an_epoch() {
    let users = LOSSES_PER_EPOCH;
    let (mut world, mut pairs) = crowd(users + 1);
    let mut last = pairs.pop().expect("a pair");
    lose(&mut world, &mut pairs, 1);
    assert_eq!(begun(&mut world), [(policy::node(0), EpochCause::Losses)]);
    // Even who was not found missing is asked about.
    renewed_once(&mut world, &mut last.1);
}

#[test]
fn r14_fewer_losses_or_slower_ones_begin_none() {
    let users = LOSSES_PER_EPOCH;
    let (mut world, mut pairs) = crowd(users);
    let mut last = pairs.pop().expect("a pair");
    lose(&mut world, &mut pairs, 1);
    assert_eq!(begun(&mut world), []);
    untouched(&mut world, &mut last.1);
    let (mut world, mut pairs) = crowd(2 * users);
    let pause = LOSS_WINDOW.as_secs() / (LOSSES_PER_EPOCH as u64 - 2);
    lose(&mut world, &mut pairs, pause);
    assert_eq!(begun(&mut world), []);
}

#[test]
fn r14_losses_of_one_node_are_not_counted_to_another() {
    let users = LOSSES_PER_EPOCH;
    let mut policy = two_nodes(Balance::Failover);
    policy.upstream.resync_after = u32::MAX;
    let mut world = unwatched_open(policy);
    let mut phones: Vec<(Phone, Phone)> = (0..users)
        .map(|at| {
            let user = format!("user{at}");
            (phone(&user, 2 * at), phone(&user, 2 * at + 1))
        })
        .collect();
    for (one, two) in &mut phones {
        world.registered(one);
        world.advance(INSTANT);
        world.registered(two);
    }
    world.wait(1);
    world.events();
    world.mains[0].forget_all();
    for (one, _) in &mut phones {
        one.contact_params = ";q=0.5".to_owned();
        world.registered(one);
    }
    assert_eq!(begun(&mut world), [(policy::node(0), EpochCause::Losses)]);
}

// A new list of nodes

#[test]
fn r9_r14_after_a_new_order_of_nodes_a_lease_is_given_back_where_it_is() {
    let mut policy = two_nodes(Balance::Failover);
    let mut world = unwatched_open(policy.clone());
    let mut alice = alice();
    world.registered(&mut alice);
    assert_eq!(world.mains[0].held(world.now(), ALICE).len(), 1);
    policy.upstream.servers.reverse();
    world.touch(|rig| rig.set_policy(policy));
    world.wait(301);
    assert_eq!(world.held(ALICE), [], "nobody holds it any more");
}
