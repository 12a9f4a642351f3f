//! R12: what an absorbed 200 repeats of what the main registrar said.

use midreg_sim::expect::locally;
use midreg_sim::{Phone, World};

use crate::{alice, leased, settled_under};

#[test]
fn r12_service_route_and_p_associated_uri_are_repeated() {
    let mut world = World::new(leased());
    let lines = [
        "Service-Route: <sip:s1.example.org;lr>, <sip:s2.example.org;lr>",
        "P-Associated-URI: <sip:alice@example.org>",
        "P-Associated-URI: <tel:+4912345>",
    ];
    world.main().personality.extra = lines.map(str::to_owned).to_vec();
    let mut alice = alice();
    let first = world.registered(&mut alice);
    let bytes = alice.register();
    let absorbed = locally(&mut world, &alice, &bytes);
    for name in ["Service-Route", "P-Associated-URI"] {
        assert_eq!(first.all(name).len(), absorbed.all(name).len());
        assert_eq!(first.all(name), absorbed.all(name));
    }
}

#[test]
fn r12_each_device_has_its_own() {
    let mut world = World::new(leased());
    let mut alice = alice();
    world.main().personality.extra = vec!["Service-Route: <sip:s1.example.org;lr>".to_owned()];
    world.registered(&mut alice);
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.main().personality.extra = vec!["Service-Route: <sip:s2.example.org;lr>".to_owned()];
    world.registered(&mut desk);
    for (phone, route) in [
        (&mut alice, "<sip:s1.example.org;lr>"),
        (&mut desk, "<sip:s2.example.org;lr>"),
    ] {
        let bytes = phone.register();
        let absorbed = locally(&mut world, phone, &bytes);
        assert_eq!(absorbed.all("Service-Route"), [route]);
    }
}

#[test]
fn r12_a_later_2xx_replaces_what_is_repeated() {
    let mut world = World::new(leased());
    world.main().personality.extra = vec!["Service-Route: <sip:s1.example.org;lr>".to_owned()];
    let mut alice = alice();
    world.registered(&mut alice);
    world.main().personality.extra.clear();
    world.touch(|rig| rig.command(engine::command::Command::Resync { tag: 0 }));
    world.registered(&mut alice);
    let bytes = alice.register();
    assert!(
        locally(&mut world, &alice, &bytes)
            .all("Service-Route")
            .is_empty()
    );
}

#[test]
fn r12_path_goes_back_to_devices_that_understand_it() {
    let mut world = World::new(leased());
    let mut alice = alice()
        .with_header("Path: <sip:e1.example.net;lr>,<sip:e2.example.net;lr>")
        .with_header("Supported: path");
    let first = world.registered(&mut alice);
    let bytes = alice.register();
    let absorbed = locally(&mut world, &alice, &bytes);
    let path = "<sip:e1.example.net;lr>,<sip:e2.example.net;lr>";
    assert_eq!(first.all("Path"), [path]);
    assert_eq!(absorbed.all("Path"), [path]);
    assert!(world.main().last().all("Path").is_empty(), "it ends here");
    alice.headers.pop();
    let bytes = alice.register();
    assert!(locally(&mut world, &alice, &bytes).all("Path").is_empty());
}

#[test]
fn r12_authentication_info_is_passed_on_once_and_never_replayed() {
    let mut world = World::new(leased());
    world.main().personality.extra = vec!["Authentication-Info: nextnonce=\"n2\"".to_owned()];
    let mut alice = alice();
    let first = world.registered(&mut alice);
    assert_eq!(first.all("Authentication-Info").len(), 1);
    let again = alice.again();
    for bytes in [alice.register(), again] {
        let answer = locally(&mut world, &alice, &bytes);
        if answer.cseq() == alice.cseq {
            assert!(answer.all("Authentication-Info").is_empty());
        }
    }
}

#[test]
fn r12_the_date_is_now() {
    let (mut world, mut alice) = settled_under(leased());
    let bytes = alice.register();
    let one = locally(&mut world, &alice, &bytes).value("Date");
    world.wait(60);
    let bytes = alice.register();
    let two = locally(&mut world, &alice, &bytes).value("Date");
    assert!(one.is_some() && one != two);
}
