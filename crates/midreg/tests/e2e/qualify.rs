//! R17: OPTIONS of the main registrar to a phone is answered by midreg, truthfully.

use crate::rig::{Between, CallScript, PROMPT, Site, aor, behind_midreg, outsider};

behind_midreg! {
    phone_that_is_registered_is_reachable,
}

/// Nobody listens at the phone's address: the answer is midreg's.
fn phone_that_is_registered_is_reachable(between: Between) {
    let site = Site::with(between);
    let _alice = site.phone("alice");

    ask(&site, 200);
}

mod phone_that_died_is_not_reachable {
    use crate::rig::{Between, tests_of};

    tests_of! { phone_that_died_is_not_reachable
        in_contact_mode: Between::Contact,
        with_the_token_as_user: Between::ContactUser,
        with_a_path: Between::Path,
        in_aor_mode: Between::Aor,
    }
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

fn ask(site: &Site, status: u16) {
    let question = CallScript::default().request("OPTIONS", &aor("alice"));
    outsider().call(&question.expect(status), site.front());
    assert_eq!(site.kamailio.requests("OPTIONS").len(), 1);
}
