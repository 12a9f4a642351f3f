//! The socket as a client meets it that means no good, or is slow, before a midreg without its command
//! line.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::Client;
use super::wire::{Contacts, Request, Status, Watched};
use super::{Control, limits};
use crate::app::App;
use crate::config::{Override, Typed, load};

/// How long anything may take before a test gives up on it.
const LIMIT: Duration = Duration::from_secs(20);

/// A registrar that takes anybody, and its socket.
struct Served {
    app: App,
    path: PathBuf,
    control: Control,
    _folder: TempDir,
}

impl Served {
    fn start(sets: &[&str]) -> Self {
        let mut overrides = vec![Override::Listen(vec!["udp://127.0.0.1:0".to_owned()])];
        let always = ["registration.accept=anybody", "mode=standalone"];
        let sets = always.iter().chain(sets);
        overrides.extend(sets.map(|set| Override::Set((*set).to_owned())));
        let typed = Typed {
            file: None,
            overrides,
        };
        let app = App::start(load(&typed).expect("good").config).expect("started");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("m.sock");
        let control = Control::start(&path, app.desk()).expect("made");
        Self {
            app,
            path,
            control,
            _folder: folder,
        }
    }

    fn server(&self) -> SocketAddr {
        self.app.listeners()[0]
    }

    fn connect(&self) -> Line {
        let stream = UnixStream::connect(&self.path).expect("somebody listens");
        stream.set_read_timeout(Some(LIMIT)).expect("set");
        Line(BufReader::new(stream))
    }

    fn client(&self) -> Client {
        Client::connect(std::slice::from_ref(&self.path)).expect("somebody listens")
    }
}

/// A bare connection.
struct Line(BufReader<UnixStream>);

impl Line {
    fn say(&mut self, bytes: &[u8]) {
        // One that was hung up on notices when it reads.
        let _ = self.0.get_mut().write_all(bytes);
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line in time");
        serde_json::from_str(&line).expect("JSON")
    }

    fn ask(&mut self, text: &str) -> Value {
        self.say(format!("{text}\n").as_bytes());
        self.hear()
    }

    fn is_over(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0) | Err(_))
    }
}

fn phone() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(LIMIT)).expect("set");
    socket
}

/// A user registers, and is told so.
fn register(phone: &UdpSocket, user: &str, cseq: u32, server: SocketAddr) {
    let local = phone.local_addr().expect("bound");
    let text = format!(
        "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{user}{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{user}@example.com>;tag=1\r\nTo: <sip:{user}@example.com>\r\n\
         Call-ID: {user}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{user}@{local}>\r\n\
         Expires: 60\r\nContent-Length: 0\r\n\r\n"
    );
    phone.send_to(text.as_bytes(), server).expect("sent");
    let mut answer = [0; 4096];
    let (length, _) = phone.recv_from(&mut answer).expect("an answer in time");
    assert!(answer[..length].starts_with(b"SIP/2.0 200"));
}

#[test]
fn garbage_gets_a_clear_error_and_the_next_request_an_answer() {
    let served = Served::start(&[]);
    let mut line = served.connect();
    for (text, hint) in [
        ("nonsense", "expected"),
        ("{}", "command"),
        ("[1,2]", ""),
        (
            r#"{"command":"statsu"}"#,
            "unknown variant `statsu`, expected one of `status`",
        ),
        (r#"{"command":"explain"}"#, "missing field `aor`"),
        (r#"{"command":"explain","aor":7}"#, "string"),
        (r#"{"command":"explain","aor":"<nonsense>"}"#, "user@host"),
        (r#"{"command":"contacts","cursor":"x"}"#, "`next`"),
        (r#"{"command":"contacts","page":1}"#, "unknown field `page`"),
        ("\u{0}\u{1}", ""),
    ] {
        let answer = line.ask(text);
        assert_eq!(answer["error"]["code"], "bad-request", "{text}: {answer}");
        let message = answer["error"]["message"].as_str().expect("words");
        assert!(message.contains(hint), "{text}: {message}");
    }
    line.say(b"\n\n");
    let answer = line.ask(r#"{"command":"status"}"#);
    assert_eq!(answer["ok"]["workers"], 1, "{answer}");
}

#[test]
fn a_request_without_an_end_is_refused() {
    let served = Served::start(&[]);
    let mut line = served.connect();
    line.say(&vec![b'['; limits::REQUEST * 4]);
    let answer = line.hear();
    assert_eq!(answer["error"]["code"], "bad-request", "{answer}");
    assert!(line.is_over());
}

#[test]
fn a_request_may_come_in_pieces_and_two_at_once() {
    let served = Served::start(&[]);
    let mut line = served.connect();
    line.say(b"{\"command\":");
    line.say(b"\"calls\"}\n{\"command\":\"status\"}\n");
    assert_eq!(line.hear()["ok"]["calls"], json!([]));
    assert_eq!(line.hear()["ok"]["bindings"], 0);
}

#[test]
fn one_client_too_many_is_told_so() {
    let served = Served::start(&[]);
    let mut lines: Vec<Line> = (0..limits::CLIENTS).map(|_| served.connect()).collect();
    for line in &mut lines {
        assert!(line.ask(r#"{"command":"status"}"#)["ok"].is_object());
    }
    let mut excess = served.connect();
    assert_eq!(excess.hear()["error"]["code"], "busy");
    assert!(excess.is_over());
    // Their places are free again once they have gone.
    drop(lines);
    let free = || {
        let mut line = served.connect();
        line.ask(r#"{"command":"status"}"#)["ok"].is_object()
    };
    assert!((0..10_000).any(|_| free()), "nobody's place is free again");
}

#[test]
fn pages_of_all_shards_make_a_whole() {
    let served = Served::start(&["workers=3"]);
    let phone = phone();
    for user in 0..700 {
        register(&phone, &format!("u{user}"), 1, served.server());
    }
    for limit in [Some(50), Some(1000), None] {
        let mut client = served.client();
        let (mut seen, mut cursor) = (HashSet::new(), None);
        loop {
            let page: Contacts = client
                .ask(&Request::Contacts {
                    aor: None,
                    cursor,
                    limit,
                })
                .expect("a page");
            assert!(page.contacts.len() <= limit.unwrap_or(usize::MAX).min(limits::CONTACTS));
            for contact in page.contacts {
                assert!(seen.insert(contact.aor.clone()), "{} twice", contact.aor);
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 700, "{limit:?}");
    }
}

#[test]
fn who_watches_and_does_not_read_holds_nobody_up() {
    let served = Served::start(&[]);
    let mut sleepy = served.connect();
    let watch = r#"{"command":"trace","aor":"alice@example.com"}"#;
    assert!(sleepy.ask(watch)["ok"]["watching"].is_object());
    let mut awake = served.client();
    let phone = phone();
    for cseq in 1..3000 {
        register(&phone, "alice", cseq, served.server());
    }
    let status: Status = awake.ask(&Request::Status {}).expect("an answer");
    assert_eq!(status.registers, 2999);
    drop(sleepy);
}

#[test]
fn who_watches_is_told_what_he_missed() {
    let served = Served::start(&[]);
    let mut client = served.client();
    let aor = "alice@example.com".to_owned();
    let first: Watched = client.ask(&Request::Trace { aor }).expect("an answer");
    let Watched::Watching { aor, upstream } = first else {
        panic!("{first:?}");
    };
    assert_eq!((aor.as_str(), upstream.len()), ("alice@example.com", 0));
    let phone = phone();
    let wanted = 4000;
    for cseq in 1..=wanted / 2 {
        register(&phone, "alice", cseq, served.server());
        register(&phone, "bob", cseq, served.server());
    }
    let mut told = 0;
    while told < u64::from(wanted) {
        match client.hear().expect("one more") {
            Watched::Datagram(seen) => {
                let text = seen.text.expect("a text");
                assert!(text.contains("alice") && !text.contains("bob"), "{text}");
                told += 1;
            }
            Watched::Lost(count) => told += count,
            Watched::Idle {} => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, u64::from(wanted));
}

#[test]
fn the_socket_goes_with_its_server() {
    let served = Served::start(&[]);
    let Served { path, control, .. } = served;
    assert!(path.exists());
    drop(control);
    assert!(!path.exists());
}
