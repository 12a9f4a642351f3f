//! What parsing costs: nanoseconds per message, the best of many rounds.
//!
//! `cargo bench` measures; `cargo test --benches` runs everything once to see that it works.

use std::hint::black_box;
use std::time::Instant;

use sip::aor::{AorBuf, canonical};
use sip::header::auth::Credentials;
use sip::header::contact::Contact;
use sip::header::cseq::CSeq;
use sip::header::expires::DeltaSeconds;
use sip::header::name_addr::NameAddr;
use sip::header::option_tags::OptionTags;
use sip::header::via::Via;
use sip::scan::{classify, peek_route};
use sip::validate::{check_fields, check_request};
use sip::{Message, Name, Patch, Response, Uri};

const REGISTER: &[u8] = include_bytes!("register.sip");

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--bench") {
        Rounds {
            count: 200,
            size: 5_000,
        }
    } else {
        Rounds { count: 1, size: 1 }
    };
    let message = Message::parse(REGISTER).expect("the REGISTER parses");
    let refresh = without_credentials(&message);
    println!(
        "REGISTER of {} bytes, its refresh without credentials of {}",
        REGISTER.len(),
        refresh.len()
    );
    let mut out = Vec::with_capacity(4096);

    rounds.run("classify", || {
        black_box(classify(black_box(REGISTER)));
    });
    rounds.run("peek_route", || {
        black_box(peek_route(black_box(REGISTER)));
    });
    rounds.run("Message::parse", || {
        black_box(Message::parse(black_box(REGISTER)).is_ok());
    });
    rounds.run("Message::parse and the registrar's fields", || {
        black_box(registrar_fields(black_box(REGISTER)));
    });
    rounds.run("the same of the refresh", || {
        black_box(registrar_fields(black_box(&refresh)));
    });
    typed_headers(&rounds, &message);
    rounds.run("check_request", || {
        black_box(check_request(black_box(&message)).is_ok());
    });
    rounds.run("check_fields", || {
        black_box(check_fields(black_box(&message)).is_ok());
    });
    rounds.run("Response with all its parts", || {
        out.clear();
        answer(black_box(&message), &mut out);
        black_box(&out);
    });
    rounds.run("Patch with a new Contact and a Via", || {
        out.clear();
        forward(black_box(&message), &mut out);
        black_box(&out);
    });
}

fn typed_headers(rounds: &Rounds, message: &Message<'_>) {
    let value = |name| message.header(name).map_or(&[][..], |header| header.value);
    let (via, to, contact) = (value(Name::Via), value(Name::To), value(Name::Contact));
    let (cseq, credentials) = (value(Name::CSeq), value(Name::Authorization));
    rounds.run("Via", || {
        black_box(Via::parse(black_box(via)).is_ok());
    });
    rounds.run("NameAddr", || {
        black_box(NameAddr::parse(black_box(to)).is_ok());
    });
    rounds.run("Uri and its AoR", || {
        let mut aor = AorBuf::new();
        let uri = Uri::parse(black_box(b"sip:1001@pbx.example.com"));
        black_box(uri.is_ok_and(|uri| canonical(&uri, &mut aor).is_ok()));
        black_box(&aor);
    });
    rounds.run("Contact", || {
        black_box(Contact::parse(black_box(contact)).is_ok());
    });
    rounds.run("CSeq", || {
        black_box(CSeq::parse(black_box(cseq)).is_ok());
    });
    rounds.run("Credentials", || {
        black_box(Credentials::parse(black_box(credentials)).is_ok());
    });
}

struct Rounds {
    count: usize,
    size: u32,
}

impl Rounds {
    #[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
    fn run(&self, what: &str, mut work: impl FnMut()) {
        let mut best = f64::INFINITY;
        for _ in 0..self.count {
            let start = Instant::now();
            for _ in 0..self.size {
                work();
            }
            best = best.min(start.elapsed().as_nanos() as f64 / f64::from(self.size));
        }
        println!("{best:>9.1} ns  {what}");
    }
}

fn without_credentials(message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut patch = Patch::new(message);
    for header in message.headers_named(Name::Authorization) {
        patch.remove_header(&header);
    }
    patch.write(&mut out);
    out
}

fn registrar_fields(bytes: &[u8]) -> Option<usize> {
    let message = Message::parse(bytes).ok()?;
    check_request(&message).ok()?;
    let value = |name| message.header(name).map(|header| header.value);
    let via = Via::parse(message.values(Name::Via).next()?).ok()?;
    let from = NameAddr::parse(value(Name::From)?).ok()?;
    let to = NameAddr::parse(value(Name::To)?).ok()?;
    let mut aor = AorBuf::new();
    canonical(&Uri::parse(to.uri).ok()?, &mut aor).ok()?;
    let cseq = CSeq::parse(value(Name::CSeq)?).ok()?;
    let expires = DeltaSeconds::parse(value(Name::Expires)?).ok()?;
    let tags = OptionTags::parse(value(Name::Supported)?).ok()?;
    let credentials = value(Name::Authorization).map(Credentials::parse);
    let mut contacts = 0;
    for element in message.values(Name::Contact) {
        if let Contact::Addr(contact) = Contact::parse(element).ok()? {
            contacts += contact.addr.uri.len() + contact.instance.map_or(0, <[u8]>::len);
        }
    }
    black_box((via, from, cseq, expires, tags.contains("path"), credentials));
    Some(contacts + aor.len() + value(Name::CallId)?.len())
}

fn answer(message: &Message<'_>, out: &mut Vec<u8>) {
    let from = std::net::SocketAddr::from(([192, 0, 2, 1], 5060));
    let mut response = Response::new(out, 200, "OK");
    response.vias_from(message, Some(from.into()));
    response.copy(message, Name::From);
    response.to_with_tag(message, b"0123456789abcdef");
    response.copy(message, Name::CallId);
    response.copy(message, Name::CSeq);
    response.copy(message, Name::Contact);
    response.header_number("Expires", 60);
    response.finish(b"");
}

fn forward(message: &Message<'_>, out: &mut Vec<u8>) {
    let mut patch = Patch::new(message);
    if let (Some(via), Some(contact)) = (message.header(Name::Via), message.header(Name::Contact)) {
        patch.insert_header(
            via.line.start,
            "Via",
            "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        );
        patch.replace_value(&contact, "<sip:1001@192.0.2.1;mr=0123456789>;expires=7200");
    }
    patch.write(out);
}
