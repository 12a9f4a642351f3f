//! Who is neither a registered phone nor the main registrar gets nowhere. Strangers are at another address than Kamailio:
//! whatever comes from there is the main registrar's.

use crate::rig::{Between, CallScript, Dialog, Phone, Site, aor, behind_midreg, outsider};

behind_midreg! {
    stranger_who_knows_a_phones_address_at_midreg_is_told_404,
    stranger_who_knows_the_route_of_a_call_does_not_reach_the_phone,
    phone_that_is_not_registered_is_told_403,
    phone_on_an_address_that_is_not_registered_is_told_403,
    trusted_network_is_the_main_registrar_too,
    phone_that_is_not_registered_may_ask_where_any_may,
    phone_that_is_registered_is_told_403_where_none_may,
}

fn stranger_who_knows_a_phones_address_at_midreg_is_told_404(between: Between) {
    let site = Site::with(between);
    let _alice = site.phone("alice");
    let contact = site.kamailio.contacts("alice").pop().expect("a contact");

    let call = CallScript::default().invite(contact.way());
    let call = call.be_refused(404);
    Phone::elsewhere("mallory").call(&call, site.server());
}

/// It reads so in every answer that a caller gets. What comes along it from elsewhere than the main registrar goes there,
/// as from the phone itself, and Kamailio has no use for it.
fn stranger_who_knows_the_route_of_a_call_does_not_reach_the_phone(between: Between) {
    let site = Site::with(between);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().pick_up().be_hung_up_on());
    let mut carol = outsider();
    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let dialog = Dialog::of_caller(&carol.call(&call, site.front()));

    let stolen = dialog.clone().without_first_hop();
    let goodbye = CallScript::default().resume("BYE", &stolen).expect(404);
    Phone::elsewhere("mallory").call(&goodbye, site.server());
    carol.call(&CallScript::default().hang_up_on(&dialog), site.front());

    desk.finish();
}

fn phone_that_is_not_registered_is_told_403(between: Between) {
    let site = Site::with(between);
    let _alice = site.phone("alice");

    let call = CallScript::default().invite(&aor("alice")).be_refused(403);
    Phone::elsewhere("bob").call(&call, site.server());

    assert_eq!(site.kamailio.requests("INVITE"), []);
}

fn phone_on_an_address_that_is_not_registered_is_told_403(between: Between) {
    let site = Site::with(between);
    let mut bob = site.phone("bob");

    let call = CallScript::default().invite_with_proof(&aor("alice"));
    bob.call(&call.be_refused(404), site.server());
    bob.move_on();
    let call = CallScript::default().invite(&aor("alice")).be_refused(403);
    bob.call(&call, site.server());

    assert_eq!(site.kamailio.requests("INVITE").len(), 2);
}

fn trusted_network_is_the_main_registrar_too(between: Between) {
    let trusted = "upstream.trusted=[\"127.0.0.2/32\"]";
    let site = Site::with_settings(between, &[trusted]);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().pick_up().be_hung_up_on());
    let contact = site.kamailio.contacts("alice").pop().expect("a contact");

    let call = CallScript::default().invite(contact.way()).be_answered();
    Phone::elsewhere("switch").call(&call.hang_up(), contact.first_hop());

    desk.finish();
}

fn phone_that_is_not_registered_may_ask_where_any_may(between: Between) {
    let site = Site::with_settings(between, &["calls.outbound=any"]);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().pick_up().be_hung_up_on());

    let call = CallScript::default().invite_with_proof(&aor("alice"));
    Phone::elsewhere("bob").call(&call.be_answered().hang_up(), site.server());

    desk.finish();
}

fn phone_that_is_registered_is_told_403_where_none_may(between: Between) {
    let site = Site::with_settings(between, &["calls.outbound=none"]);
    let mut bob = site.phone("bob");

    let call = CallScript::default().invite(&aor("alice")).be_refused(403);
    bob.call(&call, site.server());
}
