//! Who is neither a registered phone nor the main registrar gets nowhere. Strangers are at another address than Kamailio:
//! whatever comes from there is the main registrar's.

use crate::rig::{Between, CallScript, Phone, Site, aor, behind_midreg};

behind_midreg! {
    stranger_who_knows_a_phones_address_at_midreg_is_told_404,
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

fn phone_that_is_not_registered_is_told_403(between: Between) {
    let site = Site::with(between);
    let _alice = site.phone("alice");

    let call = CallScript::default().invite(&aor("alice")).be_refused(403);
    Phone::elsewhere("bob").call(&call, site.server());

    assert_eq!(site.kamailio.requests("INVITE"), []);
}

fn phone_on_an_address_that_is_not_registered_is_told_403(between: Between) {
    let site = Site::with(between);
    let mut bob = Phone::elsewhere("bob");
    bob.register(600, site.server());

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
    let mut bob = Phone::elsewhere("bob");
    bob.register(600, site.server());

    let call = CallScript::default().invite(&aor("alice")).be_refused(403);
    bob.call(&call, site.server());
}
