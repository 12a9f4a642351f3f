//! R7 by Path (RFC 3327): the device's Contact stays, and our way to it stands in a Path. And the
//! token as user part, for main registrars that lose parameters.

use engine::command::Command;
use engine::keys::Keys;
use engine::policy::{Insertion, Mode, Policy};
use engine::{Row, token};
use midreg_sim::expect::{forwarded, locally, patched};
use midreg_sim::rig::SECRET;
use midreg_sim::{Challenges, Packet, Personality, Phone, Temper, World};

use crate::{ALICE, alice, desk, mode, unwatched};

const MODES: [Mode; 2] = [Mode::Contact, Mode::Mirror];

fn inserted(of: Mode, insertion: Insertion) -> Policy {
    let mut policy = mode(of);
    policy.domain.insertion = insertion;
    policy
}

fn by_path(of: Mode) -> Policy {
    inserted(of, Insertion::Path)
}

fn settled(of: Mode) -> (World, Phone) {
    let (mut world, mut alice) = (World::new(by_path(of)), alice());
    world.registered(&mut alice);
    (world, alice)
}

/// What goes upstream of a first registration with these header lines, and one text in place of
/// another.
fn upstream(of: Mode, lines: &[&str]) -> Packet {
    let (mut world, mut alice) = (World::new(by_path(of)), alice());
    world.main().personality.challenges = Challenges::Never;
    alice.headers = lines.iter().map(|line| (*line).to_owned()).collect();
    assert_eq!(world.registered(&mut alice).status(), 200);
    world.main().last().clone()
}

/// The token in a Path of ours.
fn token_of(path: &str) -> &str {
    let after = path.strip_prefix("<sip:").unwrap_or_default();
    after.split('@').next().unwrap_or_default()
}

#[test]
fn r7_the_path_is_ours_and_its_token_names_the_binding() {
    for of in MODES {
        let (mut world, alice) = settled(of);
        let path = world.main().last().value("Path").unwrap();
        let token = token_of(&path).to_owned();
        let wanted = format!("<sip:{token}@192.0.2.1:5060;transport=udp;lr>");
        assert_eq!(path, wanted, "{of:?}");
        let named = token::decode(&Keys::derive(&SECRET), token.as_bytes());
        let bound = world.rig.bindings(ALICE);
        assert_eq!(named, Some(bound[0].id), "{of:?}");
        assert_eq!(world.held(ALICE)[0].handle, token);
        assert_eq!(world.bound(ALICE), [alice.contact()]);
    }
}

#[test]
fn r7_the_contact_is_the_devices_own_but_for_its_lifetime() {
    for (of, lifetime) in [(Mode::Contact, 7200), (Mode::Mirror, 300)] {
        let mut world = World::new(by_path(of));
        let mut alice = alice().with_instance("urn:uuid:1");
        alice.contact_params.push_str(";q=0.5;+sip.ice");
        let bytes = alice.register_for(300);
        world.converse(&mut alice, &bytes);
        let sent = world.main().last().all("Contact");
        let uri = alice.contact();
        let wanted =
            format!("<{uri}>;+sip.instance=\"<urn:uuid:1>\";q=0.5;+sip.ice;expires={lifetime}");
        assert_eq!(sent, [wanted], "{of:?}");
    }
}

#[test]
fn r7_path_is_added_to_what_is_supported() {
    for of in MODES {
        for (said, wanted) in [
            (&[][..], "path"),
            (&["Supported: timer"][..], "timer, path"),
            (&["Supported: timer, outbound, gruu"][..], "timer, path"),
            (&["k: timer"][..], "timer, path"),
            (&["Supported: outbound"][..], "path"),
            (&["Supported:"][..], "path"),
            (&["Supported: path"][..], "path"),
            (&["Supported: PATH,timer"][..], "PATH,timer"),
            (
                &["Supported: timer", "Supported: 100rel"][..],
                "timer, path+100rel",
            ),
        ] {
            let sent = upstream(of, said);
            assert_eq!(sent.all("Supported").join("+"), wanted, "{of:?} {said:?}");
        }
    }
}

#[test]
fn r7_our_path_stands_before_that_of_an_edge_before_us_and_alone_on_a_lease() {
    let edge = "Path: <sip:edge.example.net;lr>";
    // RFC 3327 §5.2: topmost is who is nearest to the registrar.
    let proxied = upstream(Mode::Mirror, &[edge, "Supported: path"]);
    let paths = proxied.all("Path");
    assert!(paths[0].contains("@192.0.2.1:5060"), "{paths:?}");
    assert_eq!(paths[1..], ["<sip:edge.example.net;lr>"]);
    // The edge is the way from us to the device, and nobody else's affair.
    let leased = upstream(Mode::Contact, &[edge, "Supported: path"]);
    assert_eq!(leased.all("Path").len(), 1);
    assert!(leased.all("Path")[0].contains("@192.0.2.1:5060"));
}

#[test]
fn r7_r12_the_device_is_told_the_path_between_it_and_us_and_not_ours() {
    let mut world = World::new(by_path(Mode::Contact));
    let edge = "<sip:edge.example.net;lr>";
    let mut alice = alice()
        .with_header(&format!("Path: {edge}"))
        .with_header("Supported: path");
    for _ in 0..2 {
        let answer = world.registered(&mut alice);
        assert_eq!(answer.all("Path"), [edge]);
    }
}

#[test]
fn r7_renewals_and_second_legs_carry_the_same_path() {
    let (mut world, mut alice) = settled(Mode::Contact);
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    world.registered(&mut alice);
    let seen = world.main().seen();
    let paths: Vec<_> = seen.iter().map(|seen| seen.request.value("Path")).collect();
    assert!(paths.len() >= 3, "{paths:?}");
    assert!(paths.iter().all(|path| *path == paths[0] && path.is_some()));
}

#[test]
fn d13_r7_refreshes_are_absorbed_as_ever() {
    let (mut world, mut alice) = settled(Mode::Contact);
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(300));
    assert_eq!(world.row(Row::D13), 1);
}

/// A world whose watch is not listened to: it takes the contacts of one request under one Path for
/// one contact.
fn two_contacts_in_one_path() -> (World, Phone) {
    (unwatched(by_path(Mode::Contact)), alice())
}

#[test]
fn d8_r7_a_changed_contact_drops_the_old_one() {
    let (mut world, mut alice) = two_contacts_in_one_path();
    world.registered(&mut alice);
    let old = alice.contact().to_owned();
    let token = world.held(ALICE)[0].handle.clone();
    alice.move_to("198.51.100.8:5070");
    let bytes = alice.register();
    let answer = forwarded(&mut world, &mut alice, &bytes, Row::D8);
    assert_eq!(answer.status(), 200);
    let own = alice.contact().to_owned();
    let sent = world.main().last().all("Contact");
    let wanted = [
        format!("<{own}>;expires=7200"),
        format!("<{old}>;expires=0"),
    ];
    assert_eq!(sent, wanted);
    let held = world.held(ALICE);
    assert_eq!((held.len(), held[0].uri.as_str()), (1, own.as_str()));
    assert_eq!(held[0].handle, token, "it is the same device");
    let listed: Vec<String> = answer.contacts().into_iter().map(|c| c.uri).collect();
    assert_eq!(listed, [own]);
}

#[test]
fn r8_r7_a_removal_names_the_devices_own_contact() {
    for of in MODES {
        let (mut world, mut alice) = settled(of);
        let answer = world.unregister(&mut alice);
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.contacts(), []);
        let sent = world.main().last().all("Contact");
        assert_eq!(sent, [format!("<{}>;expires=0", alice.contact())], "{of:?}");
        assert_eq!((world.held(ALICE), world.bound(ALICE)), (vec![], vec![]));
    }
}

#[test]
fn r9_r7_a_removal_of_our_own_names_the_devices_own_contact() {
    let (mut world, alice) = settled(Mode::Contact);
    world.main().personality.challenges = Challenges::Never;
    world.wait(301);
    let sent = world.main().last().clone();
    let wanted = format!("<{}>;expires=0", alice.contact());
    assert_eq!(sent.all("Contact"), [wanted]);
    assert_eq!((world.held(ALICE), world.bound(ALICE)), (vec![], vec![]));
}

#[test]
fn r9_r7_a_sibling_with_another_contact_stays() {
    let (mut world, _) = settled(Mode::Contact);
    world.main().personality.challenges = Challenges::Never;
    let mut desk = desk().asking(Some(600));
    world.registered(&mut desk);
    world.wait(301);
    let held: Vec<String> = world.held(ALICE).into_iter().map(|held| held.uri).collect();
    assert_eq!(held, [desk.contact()]);
    assert_eq!(world.bound(ALICE), [desk.contact()]);
}

#[test]
fn r7_a_420_from_upstream_is_told_and_binds_nobody() {
    for of in MODES {
        let (mut world, mut alice) = (World::new(by_path(of)), alice());
        world.main().personality.temper = Temper::Refuses(420);
        let bytes = alice.register();
        assert_eq!(world.exchange(&alice, &bytes).status(), 420);
        assert_eq!(world.bound(ALICE), Vec::<String>::new());
    }
}

#[test]
fn r7_asterisk_takes_our_path_and_freeswitch_believes_in_no_nat() {
    use midreg_sim::personality::Keying;
    for personality in [
        Personality::asterisk(),
        Personality::freeswitch(Keying::Uri),
    ] {
        let (mut world, mut alice) = (World::new(by_path(Mode::Contact)), alice());
        world.main().personality = personality;
        world.registered(&mut alice);
        let lease = world.held(ALICE)[0].until.seconds_after(world.now());
        assert_eq!(lease, 7200, "not the half minute of those behind a NAT");
    }
}

#[test]
fn r7_a_query_and_a_star_carry_no_path() {
    for of in MODES {
        let (mut world, _) = settled(of);
        let mut other = desk();
        for request in [Phone::query, Phone::unregister_all] {
            let bytes = request(&mut other);
            world.converse(&mut other, &bytes);
            assert_eq!(world.main().last().value("Path"), None, "{of:?}");
        }
    }
}

#[test]
fn r7_a_path_in_a_stream_devices_request_names_how_we_hear_the_main_registrar() {
    let (mut world, mut alice) = (World::new(by_path(Mode::Contact)), alice());
    alice.transport = "TCP";
    world.touch(|rig| rig.connect(alice.address));
    world.registered(&mut alice);
    let path = world.main().last().value("Path").unwrap_or_default();
    assert!(
        path.ends_with("@192.0.2.1:5060;transport=udp;lr>"),
        "{path}"
    );
}

// The token as user part

#[test]
fn r7_the_token_as_user_part_names_the_binding() {
    for of in MODES {
        let mut world = World::new(inserted(of, Insertion::User));
        let mut alice = alice().with_instance("urn:uuid:1");
        alice.contact_params.push_str(";q=0.5");
        let answer = world.registered(&mut alice);
        assert!(answer.promised(alice.contact()).is_some());
        let sent = world.main().last().contacts();
        let uri = sent[0].uri.strip_prefix("sip:").unwrap();
        let (token, host) = uri.split_once('@').unwrap();
        assert_eq!(
            host, "192.0.2.1:5060",
            "{of:?}: no parameter is left to lose"
        );
        let named = token::decode(&Keys::derive(&SECRET), token.as_bytes());
        assert_eq!(named, Some(world.rig.bindings(ALICE)[0].id));
        assert!(sent[0].value.contains("q=0.5"), "{}", sent[0].value);
        assert_eq!(world.main().last().value("Path"), None);
        world.unregister(&mut alice);
        assert_eq!(world.held(ALICE), []);
    }
}

#[test]
fn r7_what_a_device_writes_as_its_own_token_means_nothing() {
    let mut world = World::new(inserted(Mode::Contact, Insertion::User));
    let mut alice = alice();
    world.registered(&mut alice);
    let stolen = world.held_tokens(ALICE)[0].clone();
    let mut thief = Phone::new("bob", "198.51.100.66:5060");
    thief.contacts = vec![format!("sip:{stolen}@192.0.2.1:5060")];
    world.registered(&mut thief);
    let held = world.held_tokens("bob@example.org");
    assert!(!held.contains(&stolen), "{held:?}");
    assert_eq!(world.held_tokens(ALICE), [stolen]);
}

#[test]
fn r7_a_device_that_claims_our_way_in_its_own_path_is_not_believed() {
    let (mut world, _) = settled(Mode::Contact);
    let token = world.held_tokens(ALICE)[0].clone();
    let mut thief = Phone::new("bob", "198.51.100.66:5060");
    let bytes = patched(
        &thief.register(),
        "Expires:",
        &format!("Path: <sip:{token}@192.0.2.1:5060;transport=udp;lr>\r\nExpires:"),
    );
    world.converse(&mut thief, &bytes);
    let sent = world.main().last().all("Path");
    assert!(sent.iter().all(|path| !path.contains(&token)), "{sent:?}");
}

#[test]
fn r3_r9_two_devices_with_one_private_contact_do_not_take_each_others_registration_along() {
    let mut world = unwatched(by_path(Mode::Contact));
    world.main().personality.challenges = Challenges::Never;
    let mut short = alice().behind_nat("10.0.0.5:5060").asking(Some(60));
    let mut long = desk().behind_nat("10.0.0.5:5060").asking(Some(600));
    for phone in [&mut short, &mut long] {
        phone.transport = "TCP";
        world.touch(|rig| rig.connect(phone.address));
        world.registered(phone);
    }
    assert_eq!(world.bound(ALICE).len(), 2);
    world.wait(70);
    assert_eq!(world.bound(ALICE).len(), 1);
    let held: Vec<String> = world
        .held(ALICE)
        .into_iter()
        .map(|held| held.handle)
        .collect();
    assert_eq!(held, world.tokens(ALICE), "both sides agree");
}

#[test]
fn r7_in_mirror_the_way_through_us_is_not_the_devices_to_know() {
    let (mut world, mut alice) = settled(Mode::Mirror);
    world.main().personality.extra = vec![
        "Path: <sip:aaaaaaaaaaaaaaaaaaaaaaaaaa@192.0.2.1:5060;lr>, <sip:edge.example.org;lr>"
            .to_owned(),
    ];
    let answer = world.registered(&mut alice);
    let foreign = answer.all("Path").join(", ");
    assert!(foreign.contains("edge.example.org"), "{foreign}");
    let own = world.main().last().value("Path").expect("there is one");
    world.main().personality.extra = vec![format!("Path: {own}")];
    let answer = world.registered(&mut alice);
    assert!(answer.all("Path").is_empty(), "{}", answer.text());
}
