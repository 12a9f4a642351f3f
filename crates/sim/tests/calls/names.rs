//! Names on the way to the main registrar and back (R19).

use engine::policy::{DomainPolicy, Naming};
use midreg_sim::Phone;
use midreg_sim::policy::contact;

use crate::stage::{Ask, Stage, main_registrar, only, uri};

fn stage() -> (Stage, Phone) {
    let mut policy = contact();
    let domain = DomainPolicy {
        upstream_name: Some("pbx.local".into()),
        ..policy.domain.clone()
    };
    policy.domains = vec![("example.org".into(), domain)];
    policy.naming = Naming {
        strip_prefixes: vec!["sip.".into()],
        ..Naming::default()
    };
    let mut stage = Stage::new(policy);
    let mut alice = Phone::new("alice", "198.51.100.5:5062");
    stage.register(&mut alice);
    (stage, alice)
}

#[test]
fn r19_a_call_goes_upstream_under_the_main_registrars_names_and_is_answered_under_the_devices() {
    let (mut stage, alice) = stage();
    let ask = Ask::new("INVITE", "sip:bob@sip.example.org;x=y")
        .from("Alice <sip:alice@example.org>;tag=caller")
        .to("<sip:bob@sip.example.org>");
    let sent = stage.ask(alice.address, &ask);
    let asked = only(&sent, main_registrar()).clone();
    assert_eq!(uri(&asked), "sip:bob@pbx.local;x=y");
    assert_eq!(
        asked.value("From").unwrap(),
        "Alice <sip:alice@pbx.local>;tag=caller"
    );
    assert_eq!(asked.value("To").unwrap(), "<sip:bob@pbx.local>");
    let told = stage.answer(&asked, 180, "");
    let answer = only(&told, alice.address);
    assert_eq!(
        answer.value("From").unwrap(),
        "Alice <sip:alice@example.org>;tag=caller"
    );
    assert_eq!(
        answer.value("To").unwrap(),
        "<sip:bob@sip.example.org>;tag=of-5060"
    );
}

#[test]
fn r19_a_cancel_has_the_names_of_its_invite() {
    let (mut stage, alice) = stage();
    let ask = Ask::new("INVITE", "sip:bob@example.org")
        .from("<sip:alice@example.org>;tag=caller")
        .branch("z9hG4bKthis");
    let sent = stage.ask(alice.address, &ask);
    let asked = only(&sent, main_registrar()).clone();
    stage.answer(&asked, 180, "");
    let cancel = Ask {
        method: "CANCEL",
        ..ask
    };
    let sent = stage.ask(alice.address, &cancel);
    let cancel = only(&sent, main_registrar());
    assert_eq!(uri(cancel), "sip:bob@pbx.local");
    for name in ["From", "To", "Via"] {
        assert_eq!(cancel.all(name)[0], asked.all(name)[0]);
    }
}
