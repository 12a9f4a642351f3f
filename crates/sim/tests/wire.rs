//! What stands in the messages, header field by header field: nothing malformed goes upstream,
//! what is not ours passes verbatim, and answers of our own are what RFC 3261 §8.2 says.

use engine::policy::Policy;
use midreg_sim::expect::{locally, patched};
use midreg_sim::policy::{aor, contact, main_address, mirror};
use midreg_sim::{Challenges, Packet, Phone, Temper, World};

fn alice() -> Phone {
    Phone::new("alice", "198.51.100.7:5062")
}

/// A world whose main registrar asks nobody for a password.
fn open(policy: Policy) -> World {
    let mut world = World::new(policy);
    world.main().personality.challenges = Challenges::Never;
    world
}

/// What the main registrar sees of a registration with one text in place of another.
fn upstream(policy: Policy, from: &str, to: &str) -> String {
    let (mut world, mut alice) = (open(policy), alice());
    let bytes = patched(&alice.register(), from, to);
    assert_eq!(world.exchange(&alice, &bytes).status(), 200);
    world.main().last().text()
}

/// The answer to a registration with one text in place of another, which must not go upstream.
fn refused(policy: Policy, from: &str, to: &str) -> Packet {
    let (mut world, mut alice) = (open(policy), alice());
    let bytes = patched(&alice.register(), from, to);
    locally(&mut world, &alice, &bytes)
}

fn options(uri: &str, hops: u32, more: &str) -> Packet {
    let (mut world, alice) = (open(contact()), alice());
    let text = format!(
        "OPTIONS {uri} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKoptions;rport\r\n\
         Max-Forwards: {hops}\r\n\
         From: <sip:alice@example.org>;tag=1\r\n\
         To: <{uri}>\r\n\
         Call-ID: options\r\n\
         CSeq: 1 OPTIONS\r\n\
         {more}Content-Length: 0\r\n\r\n"
    );
    locally(&mut world, &alice, text.as_bytes())
}

// What goes upstream

#[test]
fn nothing_goes_upstream_that_cannot_be_read() {
    let tag = format!(";tag={}", alice().from_tag);
    let call_id = format!("Call-ID: {}", alice().call_id);
    let from = format!("From: <sip:alice@example.org>{tag}");
    let contact_line = format!("Contact: <{}>", alice().contact());
    let cases = [
        (from.as_str(), "From: <sip:;tag=1", "Bad From"),
        (from.as_str(), "From: <sip:>;tag=1", "Bad From"),
        (tag.as_str(), ";tag=", "Bad From"),
        (tag.as_str(), ";tag", "Bad From"),
        (call_id.as_str(), "Call-ID: a b", "Bad Call-ID"),
        (call_id.as_str(), "Call-ID: a\0b", "Bad Call-ID"),
        (contact_line.as_str(), "Contact: ", "Bad Contact"),
        (contact_line.as_str(), "Contact: ,", "Bad Contact"),
    ];
    for policy in [contact(), aor(), mirror()] {
        for (from, to, reason) in cases {
            let answer = refused(policy.clone(), from, to);
            assert_eq!(answer.status(), 400, "{to}: {}", answer.text());
            assert!(answer.text().contains(reason), "{to}: {}", answer.text());
        }
    }
}

#[test]
fn a_from_without_a_tag_goes_upstream_with_ours() {
    let tag = format!(";tag={}", alice().from_tag);
    for policy in [contact(), aor()] {
        let seen = upstream(policy, &tag, "");
        assert!(
            seen.contains("From: <sip:alice@example.org>;tag="),
            "{seen}"
        );
    }
    let seen = upstream(mirror(), &tag, "");
    assert!(seen.contains("From: <sip:alice@example.org>\r\n"), "{seen}");
}

#[test]
fn the_version_goes_upstream_in_upper_case() {
    for policy in [contact(), aor(), mirror()] {
        let seen = upstream(
            policy,
            "REGISTER sip:example.org SIP/2.0",
            "REGISTER sip:example.org sip/2.0",
        );
        assert!(
            seen.starts_with("REGISTER sip:example.org SIP/2.0\r\n"),
            "{seen}"
        );
    }
}

#[test]
fn unknown_header_fields_go_upstream_verbatim_and_in_order() {
    let fields = "X-A: 1\r\nx-b:   two  \r\nX-Fold: a\r\n b\r\nX-A: 3\r\nP-Foo:;;,,\r\nk: x\r\n";
    for policy in [contact(), aor(), mirror()] {
        let seen = upstream(policy, "Content-Length", &format!("{fields}Content-Length"));
        assert!(seen.contains(fields), "{seen}");
    }
}

#[test]
fn what_follows_the_body_stays_here() {
    for policy in [contact(), aor(), mirror()] {
        let seen = upstream(policy, "\r\n\r\n", "\r\n\r\nREGISTER sip:evil SIP/2.0\r\n");
        assert!(seen.ends_with("Content-Length: 0\r\n\r\n"), "{seen}");
    }
}

#[test]
fn a_line_that_ends_in_a_lone_lf_or_cr_hides_nothing() {
    for policy in [contact(), aor(), mirror()] {
        for end in ["\n", "\r"] {
            let (mut world, mut alice) = (open(policy.clone()), alice());
            let hidden = format!("X-A: 1{end}Contact: <sip:evil@h>\r\nContent-Length");
            let bytes = patched(&alice.register(), "Content-Length", &hidden);
            assert_eq!(world.try_exchange(&alice, &bytes), None);
            assert_eq!(world.main().registers(), 0);
        }
    }
}

#[test]
fn a_lifetime_that_cannot_be_read_goes_upstream_as_an_hour_or_as_the_leases() {
    for (policy, lifetime) in [(contact(), "7200"), (aor(), "7200"), (mirror(), "3600")] {
        for unreadable in ["-1", "abc", "600;x=y"] {
            let with = format!("Expires: {unreadable}\r\nContent-Length");
            let (mut world, mut alice) = (open(policy.clone()), alice().asking(None));
            let bytes = patched(&alice.register(), "Content-Length", &with);
            let answer = world.exchange(&alice, &bytes);
            assert_eq!(answer.promised(alice.contact()), Some(3600));
            let seen = world.main().last().value("Expires");
            assert_eq!(seen.as_deref(), Some(lifetime), "{unreadable}");
        }
    }
}

// What the device is told

#[test]
fn what_is_there_twice_is_there_once_in_the_answer() {
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let twice = format!("{name}: 1 REGISTER\r\n{name}: ");
        let answer = refused(contact(), &format!("{name}: "), &twice);
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.all(name).len(), 1, "{}", answer.text());
    }
}

#[test]
fn a_redirection_says_where_to() {
    for policy in [contact(), aor(), mirror()] {
        let (mut world, mut alice) = (open(policy), alice());
        world.main().personality.temper = Temper::Procrastinates;
        let bytes = alice.register();
        world.send(alice.address, &bytes);
        let asked = world.main().last().clone();
        let vias = asked.all("Via").join(", ");
        let field = |name: &str| asked.value(name).unwrap_or_default();
        let answer = format!(
            "SIP/2.0 302 Moved Temporarily\r\n\
             Via: {vias}\r\n\
             From: {}\r\n\
             To: {};tag=there\r\n\
             Call-ID: {}\r\n\
             CSeq: {}\r\n\
             Contact: <sip:192.0.2.77:5999>\r\n\
             Content-Length: 0\r\n\r\n",
            field("From"),
            field("To"),
            field("Call-ID"),
            field("CSeq"),
        );
        world.send(main_address(0), answer.as_bytes());
        let mail = world.mail(alice.address);
        let told = mail
            .last()
            .map(|packet| (packet.status(), packet.all("Contact")));
        let where_to = vec!["<sip:192.0.2.77:5999>".to_owned()];
        assert_eq!(told, Some((302, where_to)));
    }
}

#[test]
fn options_to_us_are_understood_or_refused() {
    let us = "sip:192.0.2.1";
    assert_eq!(options(us, 70, "").status(), 200);
    assert_eq!(options(us, 0, "").status(), 200);
    assert_eq!(options("http://192.0.2.1", 70, "").status(), 416);
    // A number is the main registrar's to understand, but not for those who are not registered.
    assert_eq!(options("tel:+123", 70, "").status(), 403);
    let answer = options(us, 70, "Require: path, foo\r\n");
    assert_eq!(answer.status(), 420);
    assert_eq!(answer.all("Unsupported"), ["foo"]);
}
