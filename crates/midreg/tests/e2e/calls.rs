//! Calls to and from phones, with nothing between them and Kamailio, and with midreg there in each of its modes: they are
//! the same calls.

use crate::rig::{Answer, Baresip, Between, CallScript, Message, Site, aor, everywhere, outsider};

everywhere! {
    caller_hangs_up,
    called_hangs_up,
    call_is_changed_from_both_sides,
    first_to_answer_wins,
    one_is_busy_and_one_answers,
    one_is_dead_and_one_answers,
    all_are_busy,
    one_declines_for_all,
    caller_gives_up,
    caller_gives_up_at_once,
    nobody_is_there,
    phone_calls_phone,
    soft_phone_calls_soft_phone,
    phone_watches_phone,
    call_has_requests_of_all_kinds,
    many_call_at_once,
}

fn caller_hangs_up(between: Between) {
    let site = Site::with(between);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().pick_up().be_hung_up_on());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let caller = outsider().call(&call.hang_up(), site.front());

    assert_eq!(caller.outcome("INVITE"), Some(200));
    assert!(caller.statuses("INVITE").contains(&180), "{caller:?}");
    let desk = desk.finish();
    let invite = desk.request("INVITE");
    assert_eq!(invite.target(), Some(alice.uri().as_str()), "verbatim");
    let via = invite.values("Via")[0];
    let server = format!("SIP/2.0/UDP {}", site.server());
    assert!(
        via.starts_with(&server),
        "from whom it registered at: {via}"
    );
    assert_same_ends(
        invite,
        caller.sent(|message| message.method() == Some("INVITE")),
    );
    assert_same_ends(
        caller.response(200),
        desk.sent(|message| message.status() == Some(200) && message.about() == "INVITE"),
    );
}

fn called_hangs_up(between: Between) {
    let site = Site::with(between);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().pick_up().hang_up());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let caller = outsider().call(&call.be_hung_up_on(), site.front());

    assert_eq!(desk.finish().outcome("BYE"), Some(200));
    assert!(caller.has_request("BYE"));
}

fn call_is_changed_from_both_sides(between: Between) {
    let site = Site::with(between);
    let alice = site.phone("alice");
    let called = CallScript::default().pick_up().be_changed().change();
    let desk = alice.stand_by(&called.be_hung_up_on());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let call = call.change().be_changed().hang_up();
    outsider().call(&call, site.front());

    assert_eq!(desk.finish().outcome("INVITE"), Some(200));
}

fn first_to_answer_wins(between: Between) {
    let site = Site::with(between);
    let winner = Baresip::registered("alice", Answer::AtOnce, site.server());
    let loser = Baresip::registered("alice", Answer::ByHand, site.server());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let caller = outsider().call(&call.hang_up(), site.front());

    assert_eq!(caller.outcome("INVITE"), Some(200));
    let winner = winner.wait_for_request("BYE");
    assert!(!winner.has_request("CANCEL"), "{winner:?}");
    assert_cancelled(&loser);
}

fn one_is_busy_and_one_answers(between: Between) {
    let site = Site::with(between);
    let busy = site.phone("alice");
    let busy = busy.stand_by(&CallScript::default().refuse(486));
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().pick_up().be_hung_up_on());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    outsider().call(&call.hang_up(), site.front());

    for phone in [busy, desk] {
        phone.finish();
    }
}

fn one_is_dead_and_one_answers(between: Between) {
    let site = Site::with(between);
    Baresip::registered("alice", Answer::ByHand, site.server()).vanish();
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().pick_up().be_hung_up_on());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    outsider().call(&call.hang_up(), site.front());

    desk.finish();
}

fn all_are_busy(between: Between) {
    let site = Site::with(between);
    let phones = [site.phone("alice"), site.phone("alice")];
    let phones = phones.map(|phone| phone.stand_by(&CallScript::default().refuse(486)));

    let call = CallScript::default().invite(&aor("alice")).be_refused(486);
    outsider().call(&call, site.front());

    for phone in phones {
        phone.finish();
    }
}

/// The other rings until then. A 6xx is for the whole user (RFC 3261 §16.7 step 5).
fn one_declines_for_all(between: Between) {
    let site = Site::with(between);
    let ringing = Baresip::registered("alice", Answer::ByHand, site.server());
    let other = site.phone("alice");
    let other = other.stand_by(&CallScript::default().refuse(603));

    let call = CallScript::default().invite(&aor("alice")).be_refused(603);
    outsider().call(&call, site.front());

    other.finish();
    assert_cancelled(&ringing);
}

fn caller_gives_up(between: Between) {
    let site = Site::with(between);
    let phones = [0, 1].map(|_| Baresip::registered("alice", Answer::ByHand, site.server()));

    let call = CallScript::default().invite(&aor("alice"));
    let call = call.expect(180).expect(180).give_up();
    outsider().call(&call, site.front());

    for phone in &phones {
        assert_cancelled(phone);
    }
}

/// The phone may not have rung yet; it is told all the same, once it has (RFC 3261 §9.1).
fn caller_gives_up_at_once(between: Between) {
    let site = Site::with(between);
    let phone = Baresip::registered("alice", Answer::ByHand, site.server());

    let call = CallScript::default().invite(&aor("alice")).expect(100);
    outsider().call(&call.give_up(), site.front());

    assert_cancelled(&phone);
}

fn nobody_is_there(between: Between) {
    let site = Site::with(between);
    let call = CallScript::default().invite(&aor("alice")).be_refused(404);
    outsider().call(&call, site.front());
}

fn phone_calls_phone(between: Between) {
    let site = Site::with(between);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().pick_up().be_hung_up_on());
    let mut bob = site.phone("bob");

    let call = CallScript::default().invite_with_proof(&aor("alice"));
    let caller = bob.call(&call.be_answered().hang_up(), site.server());

    assert_eq!(caller.response(407).about(), "INVITE");
    let desk = desk.finish();
    let invite = desk.request("INVITE");
    assert_eq!(invite.target(), Some(alice.uri().as_str()), "verbatim");
    assert_eq!(invite.header("Proxy-Authorization"), None);
    assert_eq!(
        site.kamailio.requests("INVITE").len(),
        2,
        "the main registrar is asked, and not passed by"
    );
}

fn soft_phone_calls_soft_phone(between: Between) {
    let site = Site::with(between);
    let alice = Baresip::registered("alice", Answer::ByHand, site.server());
    let bob = Baresip::registered("bob", Answer::ByHand, site.server());

    bob.dial(&aor("alice"));
    alice.wait_for_request("INVITE");
    bob.wait_until("alice rings", |trace| {
        trace.statuses("INVITE").contains(&180)
    });
    alice.pick_up();
    alice.wait_for_request("ACK");
    alice.hang_up();

    let bob = bob.wait_for_request("BYE");
    assert_eq!(bob.outcome("INVITE"), Some(200));
    alice.wait_until("its BYE is answered", |trace| {
        trace.outcome("BYE") == Some(200)
    });
}

/// A dialog that SUBSCRIBE makes, and a NOTIFY that goes the other way in it.
fn phone_watches_phone(between: Between) {
    let site = Site::with(between);
    let alice = site.phone("alice");
    let called = CallScript::default().accept("SUBSCRIBE").within("NOTIFY");
    let desk = alice.stand_by(&called);
    let mut bob = site.phone("bob");

    let watch = CallScript::default().request_with_proof("SUBSCRIBE", &aor("alice"));
    bob.call(&watch.expect(200).accept("NOTIFY"), site.server());

    desk.finish();
}

fn call_has_requests_of_all_kinds(between: Between) {
    const KINDS: [&str; 4] = ["INFO", "UPDATE", "REFER", "X-NEW"];
    let site = Site::with(between);
    let alice = site.phone("alice");
    let answer = CallScript::default().pick_up();
    let answer = KINDS
        .iter()
        .fold(answer, |script, kind| script.accept(kind));
    let answer = KINDS
        .iter()
        .fold(answer, |script, kind| script.within(kind));
    let desk = alice.stand_by(&answer.be_hung_up_on());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let call = KINDS.iter().fold(call, |script, kind| script.within(kind));
    let call = KINDS.iter().fold(call, |script, kind| script.accept(kind));
    outsider().call(&call.hang_up(), site.front());

    desk.finish();
}

fn many_call_at_once(between: Between) {
    const CALLS: u32 = 25;
    let site = Site::with(between);
    let alice = site.phone("alice");
    let answer = CallScript::default().pick_up().be_hung_up_on();
    let desk = alice.stand_by_for(CALLS, &answer);

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    outsider().call_often(CALLS, &call.hang_up(), site.front());

    desk.finish();
}

/// It rang, and was told that it is over.
fn assert_cancelled(phone: &Baresip) {
    let told = phone.wait_until("it is cancelled", |trace| {
        trace.has_request("CANCEL") && trace.has_request("ACK")
    });
    assert!(!told.has_request("BYE"), "{told:?}");
}

/// Who calls and who is called, and where each of them is reached, is theirs alone.
fn assert_same_ends(came: &Message, went: &Message) {
    for name in [
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Content-Type",
        "Content-Length",
    ] {
        assert_eq!(came.header(name), went.header(name), "{name}");
    }
}
