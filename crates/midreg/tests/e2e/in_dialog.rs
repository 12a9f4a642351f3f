//! What belongs to a call finds the phone where it is now, not where it was when the call began.

use crate::rig::{Between, CallScript, Dialog, Phone, Site, aor, behind_midreg, outsider};

behind_midreg! {
    bye_follows_a_phone_that_registered_from_a_new_port,
    bye_of_a_phone_that_registered_from_a_new_port_arrives,
    bye_finds_a_phone_that_left,
    bye_finds_a_phone_that_is_forgotten,
}

fn bye_follows_a_phone_that_registered_from_a_new_port(between: Between) {
    let site = Site::with(between);
    let mut alice = site.phone("alice");
    let old_contact = alice.uri();
    let mut carol = outsider();
    let [dialog, _] = answered(&alice, &mut carol, &site);

    alice.move_on();
    alice.register(600, site.server());
    let desk = alice.stand_by(&CallScript::default().be_hung_up_on());
    carol.call(&CallScript::default().hang_up_on(&dialog), site.front());

    assert_eq!(
        desk.finish().request("BYE").target(),
        Some(old_contact.as_str()),
        "the Contact of the dialog, not that of the registration"
    );
}

fn bye_of_a_phone_that_registered_from_a_new_port_arrives(between: Between) {
    let site = Site::with(between);
    let mut alice = site.phone("alice");
    let mut carol = outsider();
    let [_, dialog] = answered(&alice, &mut carol, &site);

    alice.move_on();
    alice.register(600, site.server());
    let caller = carol.stand_by(&CallScript::default().be_hung_up_on());
    alice.call(&CallScript::default().hang_up_on(&dialog), site.server());

    caller.finish();
}

/// Without a binding the flow of the time of the call is all there is.
fn bye_finds_a_phone_that_left(between: Between) {
    let site = Site::with(between);
    let mut alice = site.phone("alice");
    let mut carol = outsider();
    let [dialog, _] = answered(&alice, &mut carol, &site);

    alice.unregister(site.server());
    let desk = alice.stand_by(&CallScript::default().be_hung_up_on());
    carol.call(&CallScript::default().hang_up_on(&dialog), site.front());

    desk.finish();
}

/// midreg has no memory of the call, and none of the phone; all it has is what it wrote into the route of the call.
fn bye_finds_a_phone_that_is_forgotten(between: Between) {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = format!(
        "security.secret_file={}",
        folder.path().join("secret").display()
    );
    let site = Site::with_settings(between, &[&secret]);
    let alice = site.phone("alice");
    let mut carol = outsider();
    let [dialog, _] = answered(&alice, &mut carol, &site);

    let site = site.after_restart_of_midreg();
    let desk = alice.stand_by(&CallScript::default().be_hung_up_on());
    carol.call(&CallScript::default().hang_up_on(&dialog), site.front());

    desk.finish();
}

/// A call that goes on, as the caller knows it and as the called.
fn answered(called: &Phone, caller: &mut Phone, site: &Site) -> [Dialog; 2] {
    let desk = called.stand_by(&CallScript::default().pick_up());
    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let trace = caller.call(&call, site.front());
    [Dialog::of_caller(&trace), Dialog::of_called(&desk.finish())]
}
