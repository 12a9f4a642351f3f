//! T14, T15 and #1314 where midreg inserts itself by Path (RFC 3327): the Contact stays the device's.

use engine::policy::{Insertion, Mode, Policy};
use midreg_sim::policy::contact;
use midreg_sim::{Packet, Personality, Phone, World};

fn policies() -> [Policy; 2] {
    [Mode::Contact, Mode::Mirror].map(|mode| {
        let mut policy = contact();
        policy.domain.mode = mode;
        policy.domain.insertion = Insertion::Path;
        policy
    })
}

fn alice() -> Phone {
    Phone::new("alice", "198.51.100.7:5062")
}

fn understands_path(request: &Packet) -> bool {
    let supported = request.all("Supported").join(",");
    supported.split(',').any(|tag| tag.trim() == "path")
}

#[test]
fn t14_our_path_goes_upstream_with_word_that_path_is_understood() {
    for policy in policies() {
        for header in [None, Some("Supported: outbound"), Some("Supported: path")] {
            let mut world = World::new(policy.clone());
            world.main().personality = Personality::asterisk();
            let mut alice = alice();
            alice.headers.extend(header.map(str::to_owned));
            assert_eq!(world.registered(&mut alice).status(), 200);
            let request = world.main().last().clone();
            assert!(understands_path(&request), "{}", request.text());
            assert_eq!(request.contacts()[0].uri, alice.contact());
        }
    }
}

#[test]
fn t15_our_path_stands_in_brackets_and_is_loose() {
    for policy in policies() {
        let mut world = World::new(policy);
        world.registered(&mut alice());
        let path = world.main().last().value("Path").unwrap_or_default();
        assert!(path.starts_with("<sip:"), "{path}");
        assert!(path.ends_with(";lr>"), "{path}");
        assert!(path.contains("@192.0.2.1:5060"), "{path}");
    }
}

#[test]
fn rank7_opensips_1314_the_phone_is_told_its_own_lifetime() {
    let [policy, _] = policies();
    let mut world = World::new(policy);
    let mut alice = alice();
    for _ in 0..2 {
        let answer = world.registered(&mut alice);
        assert_eq!(answer.promised(alice.contact()), Some(300));
        assert_eq!(answer.number("Expires"), Some(300));
    }
    assert_eq!(world.main().last().number("Expires"), Some(7200));
}
