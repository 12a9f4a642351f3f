//! Listeners for each side: requests leave by the one of the side that they go to (RFC 5658).

use core::net::SocketAddr;

use engine::policy::{Listener, Side};
use engine::{ListenerId, Transport};
use midreg_sim::Phone;
use midreg_sim::policy::contact;

use crate::stage::{Ask, Stage, main_registrar, method, only};

const INSIDE: &str = "10.0.0.1:5070";

/// Devices reach the first listener; the last one is for the main registrar alone.
fn two_sided() -> Stage {
    let mut policy = contact();
    policy.listeners.push(Listener {
        transport: Transport::Udp,
        advertise: INSIDE.to_owned(),
        side: Side::Upstream,
    });
    let inside = ListenerId(u16::try_from(policy.listeners.len() - 1).unwrap());
    for server in &mut policy.upstream.servers {
        server.listener = inside;
    }
    Stage::new(policy)
}

#[test]
fn r5658_both_sides_find_us_where_they_know_us() {
    let mut stage = two_sided();
    let mut alice = Phone::new("alice", "198.51.100.5:5062");
    stage.register(&mut alice);
    let ask = Ask::new("INVITE", "sip:bob@example.org").from("<sip:alice@example.org>;tag=caller");
    let sent = stage.ask(alice.address, &ask);
    let asked = only(&sent, main_registrar()).clone();
    let routes = asked.all("Record-Route");
    assert!(asked.all("Via")[0].contains(INSIDE));
    assert!(routes[0].ends_with(&format!("@{INSIDE};lr>")), "{routes:?}");
    assert!(routes[1].ends_with("@192.0.2.1:5060;lr>"), "{routes:?}");
    stage.answer(&asked, 200, "Contact: <sip:bob@203.0.113.9>\r\n");

    let far: SocketAddr = main_registrar();
    let bye = Ask::new("BYE", "sip:alice@10.9.9.9:5062")
        .from("<sip:bob@example.org>;tag=of-5060")
        .to("<sip:alice@example.org>;tag=caller")
        .with(&format!("Route: {}\r\nRoute: {}\r\n", routes[0], routes[1]));
    let sent = stage.ask(far, &bye);
    let got = only(&sent, alice.address);
    assert_eq!((method(got), got.value("Route")), ("BYE".to_owned(), None));
    assert!(got.all("Via")[0].contains("192.0.2.1:5060"));

    let bye = Ask::new("BYE", "sip:bob@203.0.113.9")
        .from("<sip:alice@example.org>;tag=caller")
        .to("<sip:bob@example.org>;tag=of-5060")
        .with(&format!("Route: {}, {}\r\n", routes[1], routes[0]));
    let sent = stage.ask(alice.address, &bye);
    let got = only(&sent, far);
    assert_eq!((method(got), got.value("Route")), ("BYE".to_owned(), None));
    assert!(got.all("Via")[0].contains(INSIDE));
}
