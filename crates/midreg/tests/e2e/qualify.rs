//! R17: OPTIONS of the main registrar to a phone is answered by midreg, truthfully.

use crate::rig::{
    Between, CallScript, Kamailio, PROMPT, Pings, Settings, Site, aor, behind_midreg, outsider,
};

behind_midreg! {
    phone_that_is_registered_is_reachable,
    phone_answers_itself_where_that_is_wanted,
}

/// Nobody listens at the phone's address: the answer is midreg's.
fn phone_that_is_registered_is_reachable(between: Between) {
    let site = Site::with(between);
    let _alice = site.phone("alice");

    ask(&site, 200);
}

fn phone_answers_itself_where_that_is_wanted(between: Between) {
    let site = Site::with_settings(between, &["calls.qualify=pass"]);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().accept("OPTIONS"));

    ask(&site, 200);

    desk.finish();
}

/// In `mirror` a phone that dies is gone from the main registrar at the same second.
macro_rules! where_leases_outlive_phones {
    ($($story:ident),* $(,)?) => {$(
        mod $story {
            use crate::rig::{Between, tests_of};

            tests_of! { $story
                in_contact_mode: Between::Contact,
                with_the_token_as_user: Between::ContactUser,
                with_a_path: Between::Path,
                in_aor_mode: Between::Aor,
            }
        }
    )*};
}

where_leases_outlive_phones! {
    phone_that_died_is_not_reachable,
    pings_of_kamailio_are_answered_truthfully,
}

/// Kamailio asks midreg to prove itself before it removes the contact; it cannot, and so Kamailio goes on believing in it.
fn phone_that_died_is_not_reachable(between: Between) {
    let site = Site::with(between);
    site.phone_for("alice", 2);

    site.kamailio
        .wait_for_register("the removal of the phone", PROMPT, |register| {
            register.is_removal()
        });

    assert_eq!(site.kamailio.contacts("alice").len(), 1);
    ask(&site, 480);
}

/// They are bare: Kamailio 5.6 puts neither Max-Forwards nor Contact into them.
fn pings_of_kamailio_are_answered_truthfully(between: Between) {
    let kamailio = Kamailio::start(Settings {
        pings: Pings::EverySecond,
        ..Settings::default()
    });
    let site = Site::before(kamailio, between);
    site.phone_for("alice", 3);

    site.kamailio.wait_for_ping("alice", 200, PROMPT);
    site.kamailio.wait_for_ping("alice", 480, PROMPT);
}

fn ask(site: &Site, status: u16) {
    let question = CallScript::default().request("OPTIONS", &aor("alice"));
    outsider().call(&question.expect(status), site.front());
    assert_eq!(site.kamailio.requests("OPTIONS").len(), 1);
}
