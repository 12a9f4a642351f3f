//! Two legs that hear each other, as a proxy would have them hear each other.

use super::*;

const TALK: Duration = Duration::from_secs(1);

fn proxy() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 50))
}

fn place(phone: usize) -> Place {
    let local = SocketAddr::from(([127, 0, 0, 1], 100 + phone as u16));
    let contact = format!("sip:phone{phone}@{local}");
    Place {
        phone,
        local,
        contact,
    }
}

fn habits(talk: Option<Duration>) -> Habits {
    let ring = Duration::ZERO;
    Habits { ring, talk }
}

fn dial(talk: Option<Duration>, mail: &mut Mail) -> Leg {
    let parties = Parties {
        call: 1,
        caller: "a".to_owned(),
        callee: "b".to_owned(),
    };
    Leg::dial(&parties, place(1), proxy(), habits(talk), mail)
}

fn ring(phone: usize, talk: Option<Duration>, invite: &[u8], mail: &mut Mail) -> Leg {
    let invite = Message::parse(invite).expect("an INVITE");
    assert_eq!(Leg::call_of(&invite), Some(1));
    Leg::ring(&invite, place(phone), proxy(), habits(talk), mail).expect("a call")
}

/// Gives one side what the other has written; what it comes to.
fn deliver(to: &mut Leg, mail: &mut Mail, back: &mut Mail) -> Option<Progress> {
    let mut progress = None;
    for bytes in mail.drain(..) {
        let message = Message::parse(&bytes).expect("a message");
        assert!(to.owns(&message));
        let news = match message.status() {
            Some(_) => to.on_response(&message, back),
            None => to.on_request(&message, back),
        };
        progress = news.or(progress);
    }
    progress
}

fn first_words(mail: &Mail) -> Vec<String> {
    let line = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let lines = mail.iter().map(line);
    lines
        .map(|text| {
            text.split(" sip:")
                .next()
                .unwrap_or_default()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

/// A call that is answered, with what lies in the two mailboxes.
fn answered(talks: [Option<Duration>; 2]) -> (Leg, Leg) {
    let (mut to_callee, mut to_caller) = (Mail::new(), Mail::new());
    let mut caller = dial(talks[0], &mut to_callee);
    let mut callee = ring(2, talks[1], &to_callee.remove(0), &mut to_caller);
    let rings = deliver(&mut caller, &mut to_caller, &mut to_callee);
    assert_eq!(rings, Some(Progress::Rings));
    assert_eq!(callee.on_timer(Instant::now(), &mut to_caller), None);
    let answer = deliver(&mut caller, &mut to_caller, &mut to_callee);
    assert_eq!(answer, Some(Progress::Answered));
    assert_eq!(first_words(&to_callee), ["ACK"]);
    assert_eq!(deliver(&mut callee, &mut to_callee, &mut to_caller), None);
    (caller, callee)
}

#[test]
fn either_side_hangs_up_and_the_caller_tells_it() {
    for (talks, by_caller) in [([Some(TALK), None], true), ([None, Some(TALK)], false)] {
        let (mut caller, mut callee) = answered(talks);
        let (mut there, mut back) = (Mail::new(), Mail::new());
        let later = Instant::now() + TALK;
        let (one, other) = match by_caller {
            true => (&mut caller, &mut callee),
            false => (&mut callee, &mut caller),
        };
        assert_eq!(one.on_timer(later, &mut there), None);
        assert_eq!(first_words(&there), ["BYE"]);
        let ended = deliver(other, &mut there, &mut back);
        assert_eq!(ended.is_some(), !by_caller);
        let ended = deliver(one, &mut back, &mut there);
        assert_eq!(ended.is_some(), by_caller);
        assert!(caller.is_over() && callee.is_over());
    }
}

#[test]
fn a_lost_fork_is_acknowledged_before_it_is_over() {
    let (mut to_callee, mut to_caller) = (Mail::new(), Mail::new());
    let _caller = dial(None, &mut to_callee);
    let invite = to_callee.remove(0);
    let mut callee = ring(2, None, &invite, &mut to_caller);
    to_caller.clear();
    let request = |method: &str| {
        let text = String::from_utf8(invite.clone()).expect("text");
        let text = text.replace("1 INVITE", &format!("1 {method}"));
        vec![text.replacen("INVITE", method, 1).into_bytes()]
    };
    assert_eq!(
        deliver(&mut callee, &mut request("CANCEL"), &mut to_caller),
        None
    );
    let words = first_words(&to_caller);
    assert_eq!(words, ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
    assert!(!callee.is_over());
    let lost = deliver(&mut callee, &mut request("ACK"), &mut to_caller);
    assert_eq!(lost, Some(Progress::Lost));
    assert!(callee.is_over());
}

#[test]
fn whoever_answers_second_is_hung_up_on_at_once() {
    let (mut to_callee, mut to_caller) = (Mail::new(), Mail::new());
    let mut caller = dial(Some(TALK), &mut to_callee);
    let invite = to_callee.remove(0);
    let mut callees = [2, 3].map(|phone| ring(phone, None, &invite, &mut to_caller));
    for callee in &mut callees {
        callee.on_timer(Instant::now(), &mut to_caller);
    }
    deliver(&mut caller, &mut to_caller, &mut to_callee);
    assert_eq!(first_words(&to_callee), ["ACK", "ACK", "BYE"]);
    let bye = String::from_utf8_lossy(&to_callee[2]).into_owned();
    assert!(bye.contains("tag=d3") && !bye.contains("tag=d2"), "{bye}");
}

#[test]
fn a_refusal_is_acknowledged_and_is_a_failure() {
    let mut mail = Mail::new();
    let mut caller = dial(None, &mut mail);
    let invite = mail.remove(0);
    let message = Message::parse(&invite).expect("an INVITE");
    let dialog = Dialog::incoming(&message, place(2)).expect("a call");
    let mut refusal = Vec::new();
    dialog.answer(&message, proxy(), (486, "Busy Here"), &mut refusal);
    let news = deliver(&mut caller, &mut vec![refusal], &mut mail);
    let text = "the call from a to b got a 486".to_owned();
    assert_eq!(news, Some(Progress::Failed(text)));
    assert_eq!(first_words(&mail), ["ACK"]);
    assert!(caller.is_over());
}

#[test]
fn nobody_waits_for_ever() {
    let mut mail = Mail::new();
    let mut caller = dial(None, &mut mail);
    let start = Instant::now();
    let mut now = start;
    let news = loop {
        now = caller.wakes_at().unwrap_or(now);
        if let Some(news) = caller.on_timer(now, &mut mail) {
            break news;
        }
    };
    assert!(matches!(news, Progress::Failed(_)), "{news:?}");
    assert!(caller.is_over() && mail.len() > 5);
    assert!(now.saturating_duration_since(start) < PATIENCE);
}
