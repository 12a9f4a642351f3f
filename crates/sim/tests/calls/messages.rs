//! MESSAGE, OPTIONS, NOTIFY and what else is no call.

use engine::policy::Qualify;
use midreg_sim::policy::{aor, contact};
use midreg_sim::{Packet, Phone};

use crate::stage::{Ask, Stage, main_registrar, method, only, to};

fn bob(port: u16) -> Phone {
    Phone::new("bob", &format!("198.51.100.7:{port}"))
}

#[test]
fn a_message_goes_to_all_devices_and_the_first_that_takes_it_counts() {
    let mut stage = Stage::new(aor());
    let (mut one, mut two) = (bob(5062), bob(5064));
    stage.register(&mut one);
    let us = stage.register(&mut two);
    let sent = stage.ask(main_registrar(), &Ask::new("MESSAGE", &us));
    let (first, second) = (
        only(&sent, one.address).clone(),
        only(&sent, two.address).clone(),
    );
    assert_eq!(first.value("Record-Route"), None);
    assert!(to(&stage.answer(&first, 486, ""), main_registrar()).is_empty());
    assert_eq!(
        only(&stage.answer(&second, 200, ""), main_registrar()).status(),
        200
    );
    stage.ends_clean();
}

#[test]
fn r4320_silence_is_not_answered_with_408() {
    let mut stage = Stage::new(contact());
    let us = stage.register(&mut bob(5062));
    stage.ask(main_registrar(), &Ask::new("MESSAGE", &us));
    let told = stage.wait(60_000);
    let statuses: Vec<u16> = to(&told, main_registrar())
        .iter()
        .filter(|packet| method(packet) == "SIP/2.0")
        .map(|packet| packet.status())
        .collect();
    assert!(statuses.iter().all(|status| *status == 100), "{statuses:?}");
}

#[test]
fn who_is_not_there_and_who_is_unknown() {
    let mut stage = Stage::new(contact());
    let mut phone = bob(5062);
    let us = stage.register(&mut phone);
    let bytes = phone.unregister();
    stage.rig.send_from(phone.address, &bytes);
    let asked = only(&stage.rig.take_sent(), main_registrar()).clone();
    stage.answer(&asked, 200, "");
    let status = |stage: &mut Stage, uri: &str| {
        let sent = stage.ask(main_registrar(), &Ask::new("MESSAGE", uri));
        only(&sent, main_registrar()).status()
    };
    assert_eq!(status(&mut stage, &us), 480);
    assert_eq!(status(&mut stage, "sip:nobody@example.org"), 404);
    assert_eq!(
        status(
            &mut stage,
            "sip:bob@192.0.2.1:5060;mr=aaaaaaaaaaaaaaaaaaaaaaaaaa"
        ),
        404
    );
}

#[test]
fn r17_the_main_registrar_is_told_who_lives() {
    for policy in [contact(), aor()] {
        let mut stage = Stage::new(policy);
        let mut phone = bob(5062);
        let us = stage.register(&mut phone);
        let sent = stage.ask(main_registrar(), &Ask::new("OPTIONS", &us));
        assert_eq!(
            (sent.len(), only(&sent, main_registrar()).status()),
            (1, 200)
        );
        stage.rig.advance(core::time::Duration::from_secs(301));
        stage.rig.take_sent();
        let sent = stage.ask(main_registrar(), &Ask::new("OPTIONS", &us));
        assert_eq!(only(&sent, main_registrar()).status(), 480);
    }
}

#[test]
fn r17_by_policy_the_device_answers_itself() {
    let mut policy = contact();
    policy.domain.calls.qualify = Qualify::Pass;
    let mut stage = Stage::new(policy);
    let mut phone = bob(5062);
    let us = stage.register(&mut phone);
    let sent = stage.ask(main_registrar(), &Ask::new("OPTIONS", &us));
    let asked = only(&sent, phone.address).clone();
    let told = stage.answer(&asked, 200, "Allow: INVITE\r\n");
    assert_eq!(
        only(&told, main_registrar()).value("Allow").unwrap(),
        "INVITE"
    );
}

fn summary(uri: &str) -> Ask {
    Ask::new("NOTIFY", uri).with(
        "Event: message-summary\r\nSubscription-State: terminated\r\n\
         Content-Type: application/simple-message-summary\r\n",
    )
}

#[test]
fn r20_a_summary_reaches_all_devices_and_those_that_come_later() {
    let mut stage = Stage::new(aor());
    let (mut one, mut two) = (bob(5062), bob(5064));
    let us = stage.register(&mut one);
    let sent = stage.ask(main_registrar(), &summary(&us));
    let told = only(&sent, one.address).clone();
    assert_eq!(
        only(&stage.answer(&told, 200, ""), main_registrar()).status(),
        200
    );
    let bytes = two.register();
    stage.rig.send_from(two.address, &bytes);
    let asked = only(&stage.rig.take_sent(), main_registrar()).clone();
    let contact = asked.value("Contact").unwrap();
    let sent = stage.answer(&asked, 200, &format!("Contact: {contact}\r\n"));
    let theirs: Vec<&Packet> = to(&sent, two.address);
    let notify = theirs.iter().find(|packet| method(packet) == "NOTIFY");
    let notify = notify.expect("a NOTIFY for the newcomer");
    assert_eq!(notify.value("Event").unwrap(), "message-summary");
    assert_eq!(notify.all("Via").len(), 1);
    assert!(notify.text().ends_with("\r\n\r\nbody"));
}

#[test]
fn r20_a_device_that_rebooted_is_told_again() {
    let mut stage = Stage::new(contact());
    let mut phone = bob(5062);
    let us = stage.register(&mut phone);
    let sent = stage.ask(main_registrar(), &summary(&us));
    stage.answer(&only(&sent, phone.address).clone(), 200, "");
    phone.reboot();
    let bytes = phone.register();
    stage.rig.send_from(phone.address, &bytes);
    let sent = stage.rig.take_sent();
    assert!(to(&sent, main_registrar()).is_empty(), "absorbed");
    let methods: Vec<String> = to(&sent, phone.address).iter().map(|p| method(p)).collect();
    assert_eq!(methods, ["SIP/2.0", "NOTIFY"]);
    let bytes = phone.register();
    stage.rig.send_from(phone.address, &bytes);
    assert_eq!(stage.rig.take_sent().len(), 1, "told once");
}
