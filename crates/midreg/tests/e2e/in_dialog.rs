//! What belongs to a call finds the phone where it is now, not where it was when the call began.

use crate::rig::{Between, CallScript, Dialog, Phone, Site, aor, behind_midreg, outsider};

behind_midreg! {
    bye_follows_a_phone_that_registered_from_a_new_port,
    bye_finds_a_phone_that_left,
}

fn bye_follows_a_phone_that_registered_from_a_new_port(between: Between) {
    let site = Site::with(between);
    let mut alice = site.phone("alice");
    let old_contact = alice.uri();
    let mut carol = outsider();
    let dialog = answered(&alice, &mut carol, &site);

    alice.move_on();
    alice.register(600, site.server());
    let desk = alice.stand_by(&CallScript::default().be_hung_up_on());
    carol.call(&CallScript::default().resume("BYE", &dialog), site.front());

    assert_eq!(
        desk.finish().request("BYE").target(),
        Some(old_contact.as_str()),
        "the Contact of the dialog, not that of the registration"
    );
}

/// Without a binding the flow of the time of the call is all there is.
fn bye_finds_a_phone_that_left(between: Between) {
    let site = Site::with(between);
    let mut alice = site.phone("alice");
    let mut carol = outsider();
    let dialog = answered(&alice, &mut carol, &site);

    alice.unregister(site.server());
    let desk = alice.stand_by(&CallScript::default().be_hung_up_on());
    carol.call(&CallScript::default().resume("BYE", &dialog), site.front());

    desk.finish();
}

/// A call that goes on.
fn answered(called: &Phone, caller: &mut Phone, site: &Site) -> Dialog {
    let desk = called.stand_by(&CallScript::default().pick_up());
    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let trace = caller.call(&call, site.front());
    desk.finish();
    Dialog::of_caller(&trace)
}
