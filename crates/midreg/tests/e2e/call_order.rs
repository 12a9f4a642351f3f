//! In which order the phones of a user are tried in `aor` mode, and where a call goes that a phone sends elsewhere.

use crate::rig::{Answer, Baresip, Between, CallScript, Phone, Script, Site, aor, outsider};

/// Who says nothing of `q` has 1 (RFC 3261 §10.2.1.2).
#[test]
fn phone_of_lower_q_is_tried_when_the_others_have_rung_long_enough() {
    let site = Site::with_settings(Between::Aor, &["calls.ring_time=1s"]);
    let first = Baresip::registered("alice", Answer::ByHand, site.server());
    let second = registered_with_q("0.5", &site);
    let desk = second.stand_by(&CallScript::default().pick_up().be_hung_up_on());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    outsider().call(&call.hang_up(), site.front());

    desk.finish();
    first.wait_for_request("CANCEL");
}

#[test]
fn phone_of_lower_q_is_tried_at_once_when_the_others_are_busy() {
    let site = Site::with_settings(Between::Aor, &["calls.ring_time=5m"]);
    let first = site.phone("alice");
    let first = first.stand_by(&CallScript::default().refuse(486));
    let second = registered_with_q("0.5", &site);
    let second = second.stand_by(&CallScript::default().pick_up().be_hung_up_on());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    outsider().call(&call.hang_up(), site.front());

    for phone in [first, second] {
        phone.finish();
    }
}

#[test]
fn phones_ring_together_whatever_their_q_where_that_is_wanted() {
    let settings = ["calls.fork=parallel", "calls.ring_time=5m"];
    let site = Site::with_settings(Between::Aor, &settings);
    let first = Baresip::registered("alice", Answer::ByHand, site.server());
    let second = registered_with_q("0.5", &site);
    let desk = second.stand_by(&CallScript::default().pick_up().be_hung_up_on());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    outsider().call(&call.hang_up(), site.front());

    desk.finish();
    first.wait_for_request("CANCEL");
}

/// The phone that was heard last is the likeliest to be near its user.
#[test]
fn phones_ring_one_after_the_other_where_that_is_wanted() {
    let settings = ["calls.fork=serial", "calls.ring_time=1s"];
    let site = Site::with_settings(Between::Aor, &settings);
    let older = site.phone("alice");
    let older = older.stand_by(&CallScript::default().pick_up().be_hung_up_on());
    let newer = Baresip::registered("alice", Answer::ByHand, site.server());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let caller = outsider().call(&call.hang_up(), site.front());

    older.finish();
    newer.wait_for_request("CANCEL");
    assert_eq!(caller.outcome("INVITE"), Some(200));
}

#[test]
fn caller_hears_where_a_phone_sends_it() {
    let site = Site::with(Between::Aor);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().redirect(&aor("bob")));

    let call = CallScript::default().invite(&aor("alice")).be_refused(302);
    let caller = outsider().call(&call, site.front());

    desk.finish();
    assert_eq!(
        caller.response(302).uri("Contact"),
        Some(aor("bob").as_str())
    );
}

#[test]
fn main_registrar_is_asked_where_a_phone_sends_a_call_if_that_is_wanted() {
    let site = Site::with_settings(Between::Aor, &["calls.redirects=follow"]);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().redirect(&aor("bob")));
    let bob = site.phone("bob");
    let other = bob.stand_by(&CallScript::default().pick_up().be_hung_up_on());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    outsider().call(&call.hang_up(), site.front());

    for phone in [desk, other] {
        phone.finish();
    }
    let targets: Vec<String> = site
        .kamailio
        .requests("INVITE")
        .into_iter()
        .map(|seen| seen.target)
        .collect();
    assert_eq!(targets, [aor("alice"), aor("bob")]);
}

fn registered_with_q(q: &str, site: &Site) -> Phone {
    let mut phone = Phone::elsewhere("alice");
    let contact = format!("{};q={q}", phone.contact(600));
    let script = Script::default()
        .register(&contact)
        .expect(401)
        .answer(&contact)
        .expect(200);
    phone.play(&script, site.server());
    phone
}
