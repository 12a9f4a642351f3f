//! Another configuration while midreg runs: all of it is in force, or nothing.

use std::net::SocketAddr;

use crate::rig::{Kamailio, Operator, Outcome, Phone, Port, Script, Service, Settings, Verdict};

use Verdict::{Authenticated, Challenged};

/// A registrar that accepts everybody, listening there.
fn standalone(ports: &[&Port], more: &str) -> String {
    let listen: String = ports.iter().map(|port| port.listen()).collect();
    format!("{listen}\n[registration]\naccept = \"anybody\"\nmin_expires = 1\n{more}")
}

fn before(kamailio: SocketAddr, mode: &str, ports: &[&Port]) -> String {
    let listen: String = ports.iter().map(|port| port.listen()).collect();
    format!("mode = \"{mode}\"\n{listen}\n[upstream]\nservers = [\"sip:{kamailio}\"]\n")
}

fn refresh(phone: &mut Phone, server: SocketAddr) {
    phone.ask(&phone.contact(60), 200, server);
}

#[test]
fn listeners_come_and_go_without_touching_the_others() {
    let (stays, goes, comes) = (Port::reserve(), Port::reserve(), Port::reserve());
    let midreg = Service::start(&standalone(&[&goes, &stays], ""));
    let mut alice = Phone::of("alice");
    let mut bob = Phone::of("bob");
    refresh(&mut alice, stays.address());
    refresh(&mut bob, goes.address());

    assert_eq!(
        midreg.reload(&standalone(&[&comes, &stays], "")),
        Outcome::Reloaded
    );

    assert!(
        goes.is_free(),
        "a listener that is gone leaves its port to others"
    );
    let refreshed = alice.ask(&alice.contact(60), 200, stays.address());
    assert_eq!(refreshed.uris(), [alice.uri()]);
    let mut carol = Phone::of("carol");
    refresh(&mut carol, comes.address());
    // Bob comes by the other way, and is known.
    let returned = bob.ask(&bob.contact(60), 200, comes.address());
    assert_eq!(returned.uris(), [bob.uri()]);
}

/// What registered by a listener that is taken off is not lost: when the listener comes back, so do its devices, and the
/// main registrar hears nothing of it.
#[test]
fn devices_of_a_listener_that_comes_back_are_known() {
    let kamailio = Kamailio::start(Settings::default());
    let (stays, goes) = (Port::reserve(), Port::reserve());
    let both = before(kamailio.address(), "contact", &[&stays, &goes]);
    let midreg = Service::start(&both);
    let mut alice = Phone::of("alice");
    alice.register(60, goes.address());

    let one = before(kamailio.address(), "contact", &[&stays]);
    assert_eq!(midreg.reload(&one), Outcome::Reloaded);
    assert!(goes.is_free());
    assert_eq!(midreg.reload(&both), Outcome::Reloaded);
    assert!(!goes.is_free());

    refresh(&mut alice, goes.address());
    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated]);
}

#[test]
fn settings_are_those_of_the_file_that_was_read_last() {
    let port = Port::reserve();
    let midreg = Service::start(&standalone(&[&port], "max_expires = 600"));
    let mut alice = Phone::of("alice");
    let granted = |alice: &mut Phone| {
        let reply = alice.ask(&alice.contact(3600), 200, port.address());
        reply.contacts()[0].1
    };
    assert_eq!(granted(&mut alice), 600);

    assert_eq!(
        midreg.reload(&standalone(&[&port], "max_expires = 300")),
        Outcome::Reloaded
    );

    assert_eq!(granted(&mut alice), 300);
    let line = midreg.wait_for_line("reloaded");
    assert!(line.contains("registration.max_expires"), "{line}");
}

/// Half of a configuration is never in force: one that cannot be put into force changes nothing.
#[test]
fn a_bad_file_changes_nothing() {
    let (port, taken) = (Port::reserve(), Port::reserve());
    let good = standalone(&[&port], "max_expires = 600");
    let midreg = Service::start(&good);
    let mut alice = Phone::of("alice");
    refresh(&mut alice, port.address());
    let _holder = taken.swallow();

    let told = |file: &str, why: &str| {
        assert_eq!(midreg.reload(file), Outcome::Refused, "{file}");
        midreg.wait_for_line(why);
    };
    told("max_expires =", "midreg.toml:1:");
    told(
        &standalone(&[&port], "max_expires = \"soon\"\nmin_expire = 3"),
        "midreg.toml:8:1: unknown key",
    );
    // Everything is well but the last listener, which is bound before anything changes.
    let two = standalone(&[&port, &taken], "max_expires = 300");
    told(&two, &format!("cannot listen on udp://{}", taken.address()));
    let workers = format!("workers = 2\n{good}");
    told(
        &workers,
        "midreg.toml:1:11: `workers` cannot change while midreg runs (it is 1)",
    );
    let secret = format!("{good}\n[security]\nsecret_file = \"other.secret\"");
    told(
        &secret,
        "`security.secret_file` cannot change while midreg runs (it is not set)",
    );
    assert!(!midreg.path("other.secret").exists());

    let reply = alice.ask(&alice.contact(3600), 200, port.address());
    assert_eq!(reply.contacts(), [(alice.uri(), 600)]);
    assert_eq!(
        midreg.reload(&standalone(&[&port], "max_expires = 300")),
        Outcome::Reloaded
    );
}

/// From leases of single devices to one of the user and back: at no end is there anything left of the other shape.
#[test]
fn leases_change_their_shape_with_the_mode_and_leave_no_ghosts() {
    let port = Port::reserve();
    let kamailio = Kamailio::start(Settings {
        trusted: Some(port.address()),
        ..Settings::default()
    });
    let midreg = Service::start(&before(kamailio.address(), "contact", &[&port]));
    let mut desk = Phone::of("alice");
    let mut hall = Phone::of("alice");
    desk.register(60, port.address());
    hall.register(60, port.address());
    assert_eq!(kamailio.contacts("alice").len(), 2);

    assert_eq!(
        midreg.reload(&before(kamailio.address(), "aor", &[&port])),
        Outcome::Reloaded
    );

    // A refresh is absorbed as before, and the lease keeps its shape.
    let heard = kamailio.verdicts().len();
    refresh(&mut desk, port.address());
    assert_eq!(kamailio.verdicts().len(), heard);
    assert_eq!(kamailio.contacts("alice").len(), 2);
    // What is forwarded takes the new shape, and the old lease goes.
    change(&mut desk, "0.5", port.address());
    change(&mut hall, "0.5", port.address());
    let shared = wait_for_contacts(&kamailio, 1);
    assert!(!shared[0].contains("mr="), "{shared:?}");
    let both = desk.ask(&format!("{};q=0.5", desk.contact(60)), 200, port.address());
    assert_eq!(both.uris().len(), 2);

    assert_eq!(
        midreg.reload(&before(kamailio.address(), "contact", &[&port])),
        Outcome::Reloaded
    );

    change(&mut desk, "0.6", port.address());
    change(&mut hall, "0.6", port.address());
    let own = wait_for_contacts(&kamailio, 2);
    assert!(own.iter().all(|uri| uri.contains("mr=")), "{own:?}");
    // Who leaves now takes all of his with him.
    desk.unregister(port.address());
    hall.unregister(port.address());
    wait_for_contacts(&kamailio, 0);
}

/// Registers with another preference, which has to be told upstream.
fn change(phone: &mut Phone, q: &str, server: SocketAddr) {
    let contact = format!("{};q={q}", phone.contact(60));
    let script = Script::default()
        .register(&contact)
        .expect(401)
        .answer(&contact)
        .expect(200);
    phone.play(&script, server);
}

/// Waits until the main registrar has so many contacts of alice.
fn wait_for_contacts(kamailio: &Kamailio, count: usize) -> Vec<String> {
    let deadline = std::time::Instant::now() + crate::rig::PROMPT;
    loop {
        let contacts = kamailio.contacts("alice");
        if contacts.len() == count {
            return contacts.into_iter().map(|contact| contact.uri).collect();
        }
        assert!(
            std::time::Instant::now() < deadline,
            "not {count}: {contacts:?}"
        );
    }
}

#[test]
fn main_registrars_come_and_go() {
    let (first, second) = (
        Kamailio::start(Settings::default()),
        Kamailio::start(Settings::default()),
    );
    let port = Port::reserve();
    let midreg = Service::start(&before(first.address(), "contact", &[&port]));
    let mut alice = Phone::of("alice");
    alice.register(60, port.address());

    // Another one in front of it: leases stay where they are, new devices go there.
    let two = format!("\"sip:{}\", \"sip:{}\"", second.address(), first.address());
    let file = before(first.address(), "contact", &[&port]);
    let both = file.replace(&format!("\"sip:{}\"", first.address()), &two);
    assert_eq!(midreg.reload(&both), Outcome::Reloaded);
    refresh(&mut alice, port.address());
    assert_eq!(first.verdicts(), [Challenged, Authenticated]);
    let mut bob = Phone::of("bob");
    bob.register(60, port.address());
    assert_eq!(
        (second.contacts("bob").len(), first.contacts("bob").len()),
        (1, 0)
    );

    // The first one is taken off: what it holds is worth nothing any more.
    assert_eq!(
        midreg.reload(&before(second.address(), "contact", &[&port])),
        Outcome::Reloaded
    );
    alice.register(60, port.address());
    assert_eq!(second.contacts("alice").len(), 1);
}

#[test]
fn who_orders_a_reload_is_told_how_it_went() {
    let port = Port::reserve();
    let midreg = Service::start(&standalone(&[&port], "max_expires = 600"));
    let operator = Operator::at(&midreg.control());

    midreg.rewrite(&standalone(&[&port], "max_expires = 300"));
    let told = operator.ask(&["reload"]);
    // What is derived from it as well.
    let changed = "reloaded; changed: registration.default_expires, registration.max_expires\n";
    assert_eq!(told.good(), changed);
    assert_eq!(
        operator.ask(&["reload", "--json"]).json()[0]["changed"],
        serde_json::json!([])
    );

    midreg.rewrite(&standalone(&[&port], "max_expires = \"soon\""));
    let told = operator.ask(&["reload"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(
        told.errors.contains("midreg.toml:7:15: bad value"),
        "{told:?}"
    );
    let mut alice = Phone::of("alice");
    let reply = alice.ask(&alice.contact(3600), 200, port.address());
    assert_eq!(reply.contacts(), [(alice.uri(), 300)]);
}
