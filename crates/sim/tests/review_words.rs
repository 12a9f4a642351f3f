//! Odd but legal words of phones, in all modes: whatever goes upstream is a sound REGISTER about the
//! AoR that was meant, and nothing in it was written by two hands.

use engine::policy::{Credential, DomainPolicy, Insertion, Mode, Policy};
use midreg_sim::digest::REALM;
use midreg_sim::main_registrar::PASSWORD;
use midreg_sim::world::Alarm;
use midreg_sim::{Challenges, Packet, Phone, World, home, policy};

const FROMS: [&str; 5] = [
    "<sip:user0@example.org>;tag=1",
    "sip:user0@example.org",
    "<sip:user0@example.org>",
    "\"A, \\\"B\\\" <sip:x@y>;tag=9\" <sip:user0@example.org>;x=y;tag=a;z",
    "<sip:other@elsewhere.example;tag=3>;tag=1",
];

const TOS: [&str; 8] = [
    "<sip:user0@example.org>",
    "sip:user0@example.org",
    "\"To <sip:x@y>\" <sips:%75ser0:secret@EXAMPLE.org.:5061;user=phone?x=y>;z",
    "<sip:example.org>",
    "<sip:user0@[2001:DB8::1]:5060>",
    "<sip:a%40b@example.org>",
    "<sip:a;b=c?d@example.org>",
    "<sip:a%0d%0aContact:%20x@example.org>",
];

const EXTRAS: [&str; 8] = [
    "",
    "Supported: \r\nSupported: path , gruu\r\nk: outbound\r\n",
    "Path: <sip:p1.example;lr>,<sip:p2.example;lr>\r\nPath: <sip:p3.example;lr>\r\n",
    "Route: <sip:192.0.2.1;lr>\r\nRoute: <sip:x.example;lr>, <sip:y.example;lr>\r\n",
    "Authorization: Digest realm=\"a\", nonce=\"b\"\r\nAuthorization: Digest realm=\"c\"\r\n\
     Proxy-Authorization: Basic x\r\n",
    "Expires: soon\r\n",
    "Expires: 4294967296000\r\nMax-Forwards: 255\r\n",
    "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx, SIP/2.0/TCP 10.0.0.8:5061 ;branch=z9hG4bKy\r\n",
];

const CONTACTS: [&str; 6] = [
    "Contact: <sip:u@198.51.100.1>\r\n",
    "m: sip:u@198.51.100.1;q=0.5\r\n",
    "Contact: \"a,b\" <sip:u@198.51.100.1;x=1,2>;expires=600 , <sip:v@198.51.100.1>;expires=\"x\"\r\n",
    "Contact: <sip:user0@192.0.2.1:5060;mr=aaaaaaaaaaaaaaaaaaaaaaaaaa>\r\n",
    "Contact: <sip:user0%40example.org@192.0.2.1:5060>\r\nContact: <sip:w@198.51.100.1>\r\n",
    "Contact: <sip:u@[2001:db8::7]:5062;transport=tcp>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;\
     received=\"sip:1.2.3.4\"\r\n",
];

fn policies() -> Vec<(String, Policy)> {
    let mut all = Vec::new();
    for mode in [Mode::Mirror, Mode::Contact, Mode::Aor, Mode::Standalone] {
        for insertion in [Insertion::Parameter, Insertion::User, Insertion::Path] {
            for known in [false, true] {
                let mut policy = policy::with(mode, u16::from(mode != Mode::Standalone));
                policy.domain.insertion = insertion;
                if known && mode != Mode::Mirror {
                    policy.domain.digest = Some(home::users());
                    policy.upstream.credentials = vec![Credential {
                        realm: REALM.into(),
                        user: "user0".into(),
                        password: PASSWORD.into(),
                    }];
                }
                let renamed = DomainPolicy {
                    upstream_name: Some("pbx.local".into()),
                    ..policy.domain.clone()
                };
                all.push((format!("{mode:?} {insertion:?} {known}"), policy.clone()));
                policy.domains = vec![("example.org".into(), renamed)];
                all.push((format!("{mode:?} {insertion:?} {known} renamed"), policy));
            }
        }
    }
    all
}

fn written(from: &str, to: &str, extra: &str, contact: &str, number: usize) -> Vec<u8> {
    let first = extra.strip_prefix("Path").map_or("", |_| extra);
    let later = if first.is_empty() { extra } else { "" };
    let hops = if extra.contains("Max-Forwards") || number.is_multiple_of(2) {
        ""
    } else {
        "Max-Forwards: 70\r\n"
    };
    format!(
        "REGISTER sip:example.org:5060 sip/2.0\r\n{first}\
         Via: SIP/2.0/UDP 198.51.100.1:5062;branch=z9hG4bK{number};rport\r\n{later}{hops}\
         From: {from}\r\nTo: {to}\r\nCall-ID: odd{number}\r\nCSeq: 1 REGISTER\r\n{contact}\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn sound(packet: &Packet, case: &str) {
    let message = packet.message();
    let text = packet.text();
    assert!(
        sip::validate::check_request(&message).is_ok(),
        "{case}\n{text}"
    );
    assert!(
        sip::validate::check_fields(&message).is_ok(),
        "{case}\n{text}"
    );
    assert!(text.starts_with("REGISTER sip:"), "{case}\n{text}");
    assert!(message.version() == b"SIP/2.0", "{case}\n{text}");
}

#[test]
fn whatever_phones_write_goes_upstream_as_a_sound_register() {
    let mut number = 0;
    for (turn, (name, policy)) in policies().into_iter().enumerate() {
        let mut world = World::new(policy);
        world.set_alarm(Alarm::Note);
        let nodes = world.mains.len();
        if nodes > 0 {
            world.main().personality.challenges = Challenges::Never;
        }
        for from in FROMS {
            for to in TOS {
                for extra in EXTRAS {
                    number += 1;
                    if (number + turn) % 4 != 0 {
                        continue;
                    }
                    let contact = CONTACTS[number % CONTACTS.len()];
                    let seen = if nodes > 0 {
                        world.main().seen().len()
                    } else {
                        0
                    };
                    let phone = Phone::new("user0", "198.51.100.1:5062");
                    let bytes = written(from, to, extra, contact, number);
                    let case = format!("{name}\n{}", String::from_utf8_lossy(&bytes));
                    let answer = world.try_exchange(&phone, &bytes);
                    let status = answer.map_or(0, |answer| answer.status());
                    assert!((200..600).contains(&status), "{status} {case}");
                    if nodes > 0 {
                        for seen in &world.main().seen()[seen..] {
                            sound(&seen.request, &case);
                        }
                    }
                }
            }
        }
    }
}
