//! Rank 7: `Expires` and the Contact's `expires` contradict each other, or tell the phone the
//! lifetime that was meant for the main registrar.

use engine::policy::Mode;
use midreg_sim::policy::{contact, mirror};
use midreg_sim::{Listing, Packet, Phone, World};

use crate::{alice, resync, settled};

/// The lifetime that an answer tells a phone, wherever it looks for it.
fn told(answer: &Packet, phone: &Phone) -> Option<u32> {
    let parameter = answer.promised(phone.contact());
    let header = answer.number("Expires");
    assert!(answer.all("Expires").len() <= 1, "{}", answer.text());
    if parameter.is_some() && header.is_some() {
        assert_eq!(header, parameter, "{}", answer.text());
    }
    parameter.or(header)
}

#[test]
fn rank7_opensips_1845_no_expires_of_the_main_registrar_beside_the_phones() {
    let mut world = World::contact();
    world.main().personality.extra = vec!["Expires: 3600".to_owned()];
    let mut alice = alice().asking(Some(600));
    for _ in 0..3 {
        let answer = world.registered(&mut alice);
        assert_eq!(told(&answer, &alice), Some(600));
        resync(&mut world);
    }
}

#[test]
fn rank7_opensips_2680_header_and_parameter_agree_whatever_the_main_registrar_lists() {
    let listings = [
        Listing::Full,
        Listing::ExpiresHeader,
        Listing::OnlyExpiresHeader,
        Listing::Bare,
    ];
    for policy in [contact(), mirror()] {
        for listing in listings {
            let mut world = World::new(policy.clone());
            world.main().personality.listing = listing;
            let mut alice = alice().asking(Some(600));
            let first = world.registered(&mut alice);
            world.wait(100);
            let second = world.registered(&mut alice);
            for answer in [first, second] {
                let said = told(&answer, &alice);
                // In `mirror` a main registrar that says nothing is not contradicted.
                let silent = policy.domain.mode == Mode::Mirror && listing == Listing::Bare;
                assert_eq!(said, (!silent).then_some(600), "{listing:?}");
            }
        }
    }
}

#[test]
fn rank7_opensips_1309_the_phone_is_told_its_own_lifetime() {
    let (mut world, mut alice) = settled();
    let upstream = world.main().last().clone();
    assert_eq!(upstream.number("Expires"), Some(7200));
    assert_eq!(upstream.contacts()[0].expires, Some(7200));
    let answer = world.registered(&mut alice);
    assert_eq!(told(&answer, &alice), Some(300));
}

#[test]
fn rank7_opensips_1314_one_contact_never_shows_the_other_ones_lifetime() {
    let (mut world, alice) = settled();
    let mut desk = Phone::new("alice", "198.51.100.20:5062").asking(Some(1200));
    world.wait(50);
    let answer = world.registered(&mut desk);
    assert_eq!(told(&answer, &desk), Some(1200));
    assert_eq!(answer.promised(alice.contact()), Some(250));
}

#[test]
fn rank7_opensips_2722_a_removal_says_zero_wherever_it_says_anything() {
    let removals: [fn(&mut Phone) -> Vec<u8>; 3] = [
        Phone::unregister,
        |phone| {
            let contact = format!("<{}>", phone.contact());
            phone.say(&[&contact], Some(0))
        },
        |phone| {
            let contact = format!("<{}>;expires=0", phone.contact());
            phone.say(&[&contact], Some(3600))
        },
    ];
    for policy in [contact(), mirror()] {
        for removal in removals {
            let mut world = World::new(policy.clone());
            let mut alice = alice();
            world.registered(&mut alice);
            let bytes = removal(&mut alice);
            assert_eq!(world.converse(&mut alice, &bytes).status(), 200);
            let upstream = world.main().last().clone();
            let contact = upstream.contacts()[0].clone();
            let means = contact.expires.or_else(|| upstream.number("Expires"));
            assert_eq!(means, Some(0), "{}", upstream.text());
            assert!(world.held(&alice.aor()).is_empty());
        }
    }
}
