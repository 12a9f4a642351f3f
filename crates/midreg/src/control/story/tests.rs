//! Whole explanations, word by word.

use super::*;

const NOW: u64 = 1_700_000_000_000;

fn decision(ago_s: u64, row: &str, outcome: &str, granted: u32) -> Decision {
    Decision {
        at: NOW - ago_s * 1000,
        row: row.to_owned(),
        outcome: outcome.to_owned(),
        granted,
    }
}

fn desk_phone() -> Contact {
    Contact {
        id: "5a1-0-9f31c2d4".to_owned(),
        aor: "alice@example.org".to_owned(),
        contact: "sip:alice@192.0.2.7:5062".to_owned(),
        instance: Some("urn:uuid:1".to_owned()),
        remote: "192.0.2.7:5062".to_owned(),
        transport: "udp".to_owned(),
        local: "192.0.2.1:5060".to_owned(),
        asked: 60,
        granted: 60,
        expires_in: 47,
        proved_ago: 190,
        mode: "contact".to_owned(),
        lease: Some(Lease {
            granted: 7200,
            left: 7010,
            usable: 6980,
            node: Some("sip:10.0.0.5".to_owned()),
            standing: "trusted".to_owned(),
            sharing: 1,
        }),
        history: vec![
            decision(13, "D13", "answered", 60),
            decision(190, "D4", "accepted", 60),
        ],
    }
}

#[test]
fn a_registered_user_is_explained_device_by_device() {
    let told = Explained {
        aor: "alice@example.org".to_owned(),
        mode: "contact".to_owned(),
        at: NOW,
        contacts: vec![desk_phone()],
        calls: vec![Call {
            at: NOW - 300_000,
            caller: "sip:bob@example.org".to_owned(),
            callee: "sip:alice@example.org".to_owned(),
            source: "10.0.0.5:5060".to_owned(),
            branches: 1,
            rang_after_ms: Some(120),
            answered_after_ms: Some(3250),
            ended_after_ms: Some(65_000),
            end: "caller-hung-up".to_owned(),
            status: None,
        }],
        warnings: vec![Warning {
            kind: "displacing".to_owned(),
            node: Some("sip:10.0.0.5".to_owned()),
        }],
        ..Explained::default()
    };
    assert_eq!(
        explain(&told),
        "alice@example.org is registered with one device (mode contact).\n\
         \n\
         Device 1: sip:alice@192.0.2.7:5062\n  \
           It asked for 60 s and was promised 60 s, of which 47 s are left.\n  \
           It is at 192.0.2.7:5062, by udp, and speaks with 192.0.2.1:5060.\n  \
           Behind it is a lease of 7200 s at sip:10.0.0.5; 1 h 56 min are left.\n  \
           The main registrar last accepted it 3 min 10 s ago.\n  \
           It calls itself urn:uuid:1.\n  \
           To end it alone: midreg kick 5a1-0-9f31c2d4\n  \
           Its last requests, the newest first:\n    \
             13 s ago: absorbed, with 60 s, because it was a pure refresh and the lease carries it (D13).\n    \
             3 min 10 s ago: forwarded and accepted, with 60 s, because it answered a challenge (D4).\n\
         \n\
         The last calls:\n  \
           5 min ago, sip:bob@example.org called sip:alice@example.org (from 10.0.0.5:5060): one place \
           tried, rang after 120 ms, answered after 3.2 s, the caller hung up after 1 min 5 s.\n\
         \n\
         Beware:\n  \
           sip:10.0.0.5 has never listed more than one of several devices of a user. If it keeps only \
           one, they displace each other: `mode = \"aor\"` is for that.\n\
         \n\
         Rows such as D13 are those of the decision table in docs/registration.md.\n"
    );
}

#[test]
fn who_is_not_registered_is_told_what_was_wrong() {
    let refused = |status, reason: &str, row: &str, by: Option<&str>| Refused {
        at: NOW - 4000,
        source: "192.0.2.9:5060".to_owned(),
        status,
        reason: reason.to_owned(),
        row: row.to_owned(),
        by: by.map(str::to_owned),
    };
    let told = Explained {
        aor: "bob@example.org".to_owned(),
        mode: "contact".to_owned(),
        at: NOW,
        pending: vec![Pending {
            stage: "challenged".to_owned(),
            node: Some("sip:10.0.0.5".to_owned()),
            source: Some("192.0.2.9".to_owned()),
            left: Some(28),
            waiting: 1,
            ..Pending::default()
        }],
        refusals: vec![
            refused(403, "Forbidden", "D4", Some("sip:10.0.0.5")),
            refused(401, "Unauthorized", "D7", Some("sip:10.0.0.5")),
            refused(401, "Unauthorized", "D7", None),
            refused(423, "Interval Too Brief", "D1", None),
        ],
        ..Explained::default()
    };
    assert_eq!(
        explain(&told),
        "bob@example.org is not registered (mode contact).\n\
         \n\
         Under way with the main registrar:\n  \
           sip:10.0.0.5 asked the device at 192.0.2.9 for its password; it has 28 s to answer. 1 more \
           wait for their turn.\n\
         \n\
         The last REGISTERs that were refused:\n  \
           4 s ago: 192.0.2.9:5060 was told 403 Forbidden: sip:10.0.0.5 refused it (D4).\n  \
           4 s ago: 192.0.2.9:5060 was told 401 Unauthorized: sip:10.0.0.5 did not take its user name \
           or password (D7).\n  \
           4 s ago: 192.0.2.9:5060 was told 401 Unauthorized: its user name or password was not right \
           (D7).\n  \
           4 s ago: 192.0.2.9:5060 was told 423 Interval Too Brief: it was malformed, too brief or over \
           a limit (D1).\n\
         \n\
         Rows such as D13 are those of the decision table in docs/registration.md.\n"
    );
    let nobody = Explained {
        aor: "carol@example.org".to_owned(),
        mode: "aor".to_owned(),
        ..Explained::default()
    };
    assert_eq!(
        explain(&nobody),
        "carol@example.org is not registered (mode aor), and nothing is remembered of who tried to.\n"
    );
}

#[test]
fn a_lease_is_told_as_it_stands() {
    let told = |change: &dyn Fn(&mut Lease)| {
        let mut phone = desk_phone();
        phone.lease.iter_mut().for_each(change);
        lease(&phone)
    };
    assert_eq!(
        told(&|lease| lease.sharing = 3),
        "It shares a lease of 7200 s at sip:10.0.0.5 with the user's other devices (3 in all); \
         1 h 56 min are left."
    );
    for (standing, wanted) in [
        ("old-epoch", "older epoch"),
        ("node-gone", "configured no more"),
        ("distrusted", "in doubt"),
    ] {
        let text = told(&|lease| lease.standing = standing.to_owned());
        assert!(
            text.contains(wanted) && text.ends_with("forwarded (D11)."),
            "{text}"
        );
    }
    let mut phone = desk_phone();
    phone.mode = "mirror".to_owned();
    assert!(lease(&phone).starts_with("Its own registration"));
    phone.lease = None;
    assert!(lease(&phone).contains("midreg is the registrar"));
}

#[test]
fn every_row_and_outcome_has_words() {
    for row in engine::Row::ALL {
        let text = super::decision(&decision(1, row.as_str(), "asked", 0), NOW);
        assert!(!text.contains("does not know"), "{text}");
    }
}

#[test]
fn times_are_told_as_people_say_them() {
    for (seconds, wanted) in [
        (0, "0 s"),
        (119, "1 min 59 s"),
        (60, "1 min"),
        (59, "59 s"),
        (3600, "1 h"),
        (3725, "1 h 2 min"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
    ] {
        assert_eq!(span(seconds), wanted);
    }
    assert_eq!(ago(NOW, NOW), "just now");
}
