//! AoR throttling on the wire: what OpenSIPS' `mid_registrar` was seen to do in its mode 2, step by
//! step, with the same phones and the same main registrar. Where midreg differs it is on purpose,
//! and each test says why:
//!
//! * a second device is asked about upstream, because the password of the first proves nothing for
//!   it (R1);
//! * the lease speaks with a Call-ID of its own, on one rising CSeq (R6), under our Via alone;
//! * the Contact upstream names the AoR with its domain, because two domains may have an `alice`
//!   (R7);
//! * of the phone's extensions `outbound` and `gruu` stay here with the Contact that they speak of.

use engine::event::ReleaseOutcome;
use engine::policy::Policy;
use midreg_sim::expect::locally;
use midreg_sim::policy::aor;
use midreg_sim::{Challenges, Packet, Phone, Temper, World};

const ALICE: &str = "alice@example.org";
const OURS: &str = "sip:alice%40example.org@192.0.2.1:5060";

/// The settings of the reference: 10 s at least, 7 200 s at most, and upstream.
fn policy() -> Policy {
    let mut policy = aor();
    policy.domain.registration.min_expires = 10;
    policy.domain.registration.max_expires = 7200;
    policy
}

/// A world whose main registrar asks nobody for a password.
fn open() -> World {
    let mut world = World::new(policy());
    world.main().personality.challenges = Challenges::Never;
    world
}

fn phone(number: u16) -> Phone {
    let at = format!("198.51.100.{number}:600{number}");
    Phone::new("alice", &at)
        .with_contacts(&[&format!("sip:alice@{at};transport=udp")])
        .with_instance(&format!(
            "urn:uuid:00000000-0000-1000-8000-00000000600{number}"
        ))
        .asking(Some(600))
        .with_header("User-Agent: phone/1.0")
        .with_header("Supported: path, outbound, gruu")
        .with_header("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS")
}

/// A world in which the first phone is registered.
fn settled() -> (World, Phone) {
    let (mut world, mut desk) = (open(), phone(1));
    world.registered(&mut desk);
    (world, desk)
}

fn line<'t>(text: &'t str, name: &str) -> &'t str {
    let mut lines = text.lines();
    let found = lines.find(|line| line.starts_with(name));
    found.unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// What the main registrar was sent since it had seen so many: Contact, Expires, CSeq.
fn asked_since(world: &mut World, before: usize) -> Vec<(String, Option<u32>, u32)> {
    let seen = world.main().seen();
    let new = seen[before..].iter().map(|seen| &seen.request);
    new.map(|request| {
        let contacts = request.all("Contact").join(", ");
        (contacts, request.number("Expires"), request.cseq())
    })
    .collect()
}

fn own_contact(expires: u32) -> String {
    format!("<{OURS}>;expires={expires}")
}

fn listed(answer: &Packet) -> Vec<(String, Option<u32>)> {
    let contacts = answer.contacts().into_iter();
    contacts.map(|c| (c.uri, c.expires)).collect()
}

// The flow `basic`

#[test]
fn basic_1_the_first_register_goes_upstream_as_the_leases() {
    let (mut world, mut desk) = (open(), phone(1));
    let bytes = desk.register();
    let answer = world.exchange(&desk, &bytes);
    assert_eq!(answer.status(), 200);
    let own = listed(&answer);
    assert_eq!(own, [(desk.contact().to_owned(), Some(600))]);
    assert!(answer.text().contains("+sip.instance"), "verbatim");

    let sent = world.main().last().clone();
    let text = sent.text();
    assert_eq!(
        text.lines().next(),
        Some("REGISTER sip:example.org SIP/2.0")
    );
    assert_eq!(sent.all("Via").len(), 1, "ours alone");
    assert!(line(&text, "Via:").starts_with("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK"));
    assert_eq!(line(&text, "Max-Forwards:"), "Max-Forwards: 69");
    assert!(line(&text, "From:").starts_with("From: <sip:alice@example.org>;tag="));
    assert_ne!(sent.tag("From"), Some(desk.from_tag.clone()));
    assert_eq!(line(&text, "To:"), "To: <sip:alice@example.org>");
    assert_ne!(sent.value("Call-ID"), Some(desk.call_id.clone()));
    assert_eq!(line(&text, "CSeq:"), "CSeq: 1 REGISTER");
    assert_eq!(sent.all("Contact"), [own_contact(7200)]);
    assert_eq!(line(&text, "Expires:"), "Expires: 7200");
    assert_eq!(line(&text, "User-Agent:"), "User-Agent: phone/1.0");
    assert_eq!(line(&text, "Supported:"), "Supported: path");
    assert_eq!(
        line(&text, "Allow:"),
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS"
    );
    assert!(text.ends_with("Content-Length: 0\r\n\r\n"));
}

#[test]
fn basic_1_the_answer_is_the_phones_own() {
    let (mut world, mut desk) = (open(), phone(1));
    world.main().personality.extra = vec!["Server: stub-main".to_owned()];
    let bytes = desk.register();
    let answer = world.exchange(&desk, &bytes);
    let text = answer.text();
    let via = "Via: SIP/2.0/UDP 198.51.100.1:6001;branch=";
    assert!(line(&text, "Via:").starts_with(via), "{text}");
    assert!(
        line(&text, "Via:").contains(";received=198.51.100.1"),
        "{text}"
    );
    assert!(line(&text, "Via:").contains(";rport=6001"), "{text}");
    assert_eq!(answer.all("Via").len(), 1);
    assert_eq!(answer.value("Call-ID"), Some(desk.call_id.clone()));
    assert_eq!(answer.tag("From"), Some(desk.from_tag.clone()));
    assert_eq!(answer.cseq(), 1);
    assert_eq!(line(&text, "Server:"), "Server: stub-main");
    assert_eq!(answer.number("Expires"), Some(600));
}

#[test]
fn basic_2_to_4_refreshes_and_repetitions_stay_here() {
    let (mut world, mut desk) = settled();
    let refresh = desk.register();
    let answer = locally(&mut world, &desk, &refresh);
    assert_eq!(listed(&answer), [(desk.contact().to_owned(), Some(600))]);
    let again = locally(&mut world, &desk, &refresh);
    assert_eq!(listed(&again), listed(&answer));
    world.wait(1);
    // The same CSeq under a new branch is a refresh, and counts from now on: OpenSIPS says 599.
    let retry = desk.retry();
    let answer = locally(&mut world, &desk, &retry);
    assert_eq!(answer.promised(desk.contact()), Some(600));
}

#[test]
fn basic_5_a_lower_cseq_is_refused_once() {
    let (mut world, mut desk) = settled();
    world.registered(&mut desk);
    desk.cseq = 0;
    let late = desk.register();
    world.mail(desk.address);
    world.send(desk.address, &late);
    let mail = world.mail(desk.address);
    // OpenSIPS sends 500 after the 400.
    let statuses: Vec<u16> = mail.iter().map(Packet::status).collect();
    assert_eq!(statuses, [400]);
}

#[test]
fn basic_6_another_lifetime_is_no_reason_to_ask() {
    let (mut world, mut desk) = settled();
    desk.expires = Some(300);
    let bytes = desk.register();
    let answer = locally(&mut world, &desk, &bytes);
    assert_eq!(listed(&answer), [(desk.contact().to_owned(), Some(300))]);
}

#[test]
fn basic_7_a_query_is_answered_with_what_there_is() {
    let (mut world, mut desk) = settled();
    let query = desk.query();
    let answer = locally(&mut world, &desk, &query);
    // OpenSIPS lists nothing here.
    assert_eq!(listed(&answer), [(desk.contact().to_owned(), Some(600))]);
}

#[test]
fn basic_8_a_reboot_stays_here() {
    let (mut world, mut desk) = settled();
    desk.reboot();
    let bytes = desk.register();
    let answer = locally(&mut world, &desk, &bytes);
    assert_eq!(listed(&answer), [(desk.contact().to_owned(), Some(600))]);
    assert_eq!(world.bound(ALICE).len(), 1);
}

#[test]
fn basic_9_to_11_leaving_twice_and_returning_is_said_in_order() {
    let (mut world, mut desk) = settled();
    let before = world.main().registers();
    for _ in 0..2 {
        let bytes = desk.say(&[&format!("<{}>", desk.contact())], Some(0));
        let answer = world.exchange(&desk, &bytes);
        assert_eq!((answer.status(), listed(&answer)), (200, Vec::new()));
    }
    assert_eq!(world.held(ALICE), []);
    let asked = asked_since(&mut world, before);
    assert_eq!(asked.len(), 2);
    for (contacts, expires, _) in &asked {
        assert_eq!((contacts, expires), (&own_contact(0), &Some(0)));
    }
    let answer = world.registered(&mut desk);
    assert_eq!(answer.promised(desk.contact()), Some(600));
    assert_eq!(world.held(ALICE).len(), 1);
}

#[test]
fn basic_9_the_end_is_the_leases_next_word() {
    let (mut world, mut desk) = settled();
    let first = world.main().last().clone();
    world.unregister(&mut desk);
    let last = world.main().last().clone();
    assert_eq!(last.value("Call-ID"), first.value("Call-ID"));
    assert_eq!(last.tag("From"), first.tag("From"));
    assert_eq!((first.cseq(), last.cseq()), (1, 2));
}

#[test]
fn basic_12_and_13_a_star_is_one_register_and_leaves_nothing() {
    let (mut world, mut desk) = settled();
    let before = world.main().registers();
    let bytes = desk.unregister_all();
    let answer = world.exchange(&desk, &bytes);
    assert_eq!((answer.status(), listed(&answer)), (200, Vec::new()));
    // OpenSIPS says it twice, under one CSeq.
    let asked = asked_since(&mut world, before);
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].0.as_str(), asked[0].1), ("*", Some(0)));
    // OpenSIPS answers a query with the contact that is gone.
    let query = desk.query();
    let answer = world.exchange(&desk, &query);
    assert_eq!((answer.status(), listed(&answer)), (200, Vec::new()));
}

// The flow `concurrent_refresh`

#[test]
fn concurrent_two_phones_that_begin_at_once_speak_one_after_the_other() {
    let (mut world, mut desk, mut cell) = (open(), phone(1), phone(2));
    world.main().personality.temper = Temper::Silent;
    let (one, two) = (desk.register(), cell.register());
    for _ in 0..2 {
        world.send(desk.address, &one);
        world.send(cell.address, &two);
    }
    world.main().personality.temper = Temper::Normal;
    world.wait(2);
    // OpenSIPS had three REGISTERs under way at once, two of them for one request.
    let asked = asked_since(&mut world, 0);
    let wanted = |cseq| (own_contact(7200), Some(7200), cseq);
    assert_eq!(asked, [wanted(1), wanted(2)]);
    let call_ids: Vec<_> = {
        let seen = world.main().seen().iter();
        seen.map(|seen| seen.request.value("Call-ID")).collect()
    };
    assert_eq!(call_ids[0], call_ids[1]);
    for phone in [&desk, &cell] {
        let finals = world.mail(phone.address);
        let finals: Vec<&Packet> = finals.iter().filter(|packet| packet.is_final()).collect();
        assert_eq!(finals.len(), 1);
        assert_eq!(finals[0].promised(phone.contact()), Some(600));
    }
    assert_eq!((world.bound(ALICE).len(), world.held(ALICE).len()), (2, 1));
}

// The flow `expiry`

#[test]
fn expiry_only_the_last_takes_the_lease_along() {
    let mut world = open();
    let mut desk = phone(1).asking(Some(12));
    let mut cell = phone(2).asking(Some(20));
    world.registered(&mut desk);
    world.registered(&mut cell);
    let first = world.main().last().clone();
    let before = world.main().registers();
    world.wait(13);
    assert_eq!(world.bound(ALICE), [cell.contact()]);
    assert_eq!(asked_since(&mut world, before), []);
    world.wait(9);
    assert_eq!(world.bound(ALICE), Vec::<String>::new());
    let asked = asked_since(&mut world, before);
    assert_eq!(asked, [(own_contact(0), Some(0), first.cseq() + 1)]);
    let last = world.main().last().clone();
    assert_eq!(last.value("Call-ID"), first.value("Call-ID"));
    assert_eq!(world.held(ALICE), []);
    desk.expires = Some(600);
    let answer = world.registered(&mut desk);
    assert_eq!(answer.promised(desk.contact()), Some(600));
}

#[test]
fn expiry_a_challenge_leaves_the_lease_to_run_out() {
    let mut world = open();
    let mut desk = phone(1).asking(Some(12));
    world.registered(&mut desk);
    world.main().personality.challenges = Challenges::Always;
    let before = world.main().registers();
    world.wait(60);
    assert_eq!(asked_since(&mut world, before).len(), 1, "said once");
    let told = world.events();
    let outcomes: Vec<ReleaseOutcome> = told
        .iter()
        .filter_map(|event| match event {
            engine::Event::LeaseReleased { outcome, .. } => Some(*outcome),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes, [ReleaseOutcome::LeftToExpire]);
}

// The flow `granted_short`

#[test]
fn granted_short_half_a_minute_is_renewed_when_it_no_longer_carries() {
    let mut world = open();
    world.main().personality.longest = 30;
    let mut desk = phone(1).asking(Some(12));
    let mut upstream = Vec::new();
    for _ in 0..5 {
        let answer = world.registered(&mut desk);
        assert_eq!(answer.promised(desk.contact()), Some(12));
        upstream.push(world.main().registers());
        world.wait(6);
    }
    assert_eq!(upstream, [1, 1, 1, 2, 2], "at 18 s, as OpenSIPS does");
}

#[test]
fn granted_short_nobody_is_promised_all_of_it() {
    let mut world = open();
    world.main().personality.longest = 30;
    let mut desk = phone(1);
    let answer = world.registered(&mut desk);
    // OpenSIPS says 30: a refresh that takes a moment comes after the lease's end.
    assert_eq!(answer.promised(desk.contact()), Some(29));
}

// The flow `main_errors`

#[test]
fn errors_are_passed_on_and_forgotten() {
    for status in [403, 404, 423, 500, 503] {
        let (mut world, mut desk) = (open(), phone(1));
        world.main().personality.temper = match status {
            503 => Temper::Overloaded(5),
            _ => Temper::Refuses(status),
        };
        let bytes = desk.register();
        let answer = world.exchange(&desk, &bytes);
        // OpenSIPS makes 500 of a 503.
        assert_eq!(answer.status(), status);
        let pause = (status == 503).then_some(5);
        assert_eq!(answer.number("Retry-After"), pause);
        assert_eq!(world.bound(ALICE), Vec::<String>::new());
        world.main().personality.temper = Temper::Normal;
        let answer = world.registered(&mut desk);
        assert_eq!(answer.promised(desk.contact()), Some(600), "{status}");
    }
}

// The flow `retransmit_pending`

#[test]
fn pending_retransmissions_ask_nothing_anew() {
    let (mut world, mut desk) = (open(), phone(1));
    world.main().personality.temper = Temper::Silent;
    let bytes = desk.register();
    for _ in 0..3 {
        world.send(desk.address, &bytes);
    }
    assert_eq!(world.rig.totals().asking, 1);
    world.main().personality.temper = Temper::Normal;
    world.wait(1);
    assert_eq!(world.main().registers(), 1);
    let mail = world.mail(desk.address);
    let finals = mail.iter().filter(|packet| packet.is_final()).count();
    assert_eq!(finals, 1);
    let again = locally(&mut world, &desk, &bytes);
    assert_eq!(again.status(), 200);
}

// The flow `two_devices`

#[test]
fn two_devices_share_a_lease_and_the_last_one_ends_it() {
    let (mut world, mut desk) = settled();
    let mut cell = phone(2);
    let before = world.main().registers();
    // OpenSIPS lets the second phone in unasked.
    let answer = world.registered(&mut cell);
    let both = |first: &Phone, second: &Phone| {
        let uris = [first, second].map(|phone| phone.contact().to_owned());
        uris.map(|uri| (uri, Some(600)))
    };
    assert_eq!(listed(&answer), both(&cell, &desk));
    assert_eq!(
        asked_since(&mut world, before),
        [(own_contact(7200), Some(7200), 2)]
    );

    let refresh = desk.register();
    let answer = locally(&mut world, &desk, &refresh);
    assert_eq!(listed(&answer), both(&desk, &cell));

    let leave = cell.unregister();
    let answer = locally(&mut world, &cell, &leave);
    assert_eq!(listed(&answer), [(desk.contact().to_owned(), Some(600))]);

    let before = world.main().registers();
    world.registered(&mut cell);
    assert_eq!(
        asked_since(&mut world, before),
        [(own_contact(7200), Some(7200), 3)]
    );

    let leave = desk.unregister();
    let answer = locally(&mut world, &desk, &leave);
    assert_eq!(listed(&answer), [(cell.contact().to_owned(), Some(600))]);

    // Its Contact alone says so: there is no Expires that would have to agree.
    let before = world.main().registers();
    let answer = world.unregister(&mut cell);
    assert_eq!((answer.status(), listed(&answer)), (200, Vec::new()));
    assert_eq!(asked_since(&mut world, before), [(own_contact(0), None, 4)]);
    assert_eq!(world.held(ALICE), []);
}
