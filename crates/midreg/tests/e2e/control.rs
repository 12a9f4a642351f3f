//! Operators ask a midreg that runs: every command of the control socket, as people and as programs
//! see it.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;

use crate::rig::{DOMAIN, Kamailio, Midreg, Mode, Operator, PROMPT, Phone, Settings, Told};

const ANYBODY: &str = "registration.accept=anybody";

fn alice() -> String {
    format!("alice@{DOMAIN}")
}

/// A registrar that knows alice and her password.
fn registrar() -> Midreg {
    let realm = format!("digest.realm={DOMAIN}");
    Midreg::alone(&[
        &realm,
        "digest.users.0.name=alice",
        "digest.users.0.password=pw-alice",
        "digest.algorithms=MD5",
    ])
}

fn lists(told: &Told, parts: &[&str]) {
    for part in parts {
        assert!(told.output.contains(part), "{part} is not in {told:?}");
    }
}

#[test]
fn status_tells_how_it_does() {
    let midreg = Midreg::alone(&[ANYBODY, "workers=2"]);
    let operator = Operator::of(&midreg);
    let mut phone = Phone::of("alice");
    phone.ask(&phone.contact(60), 200, midreg.address());
    phone.ask(&phone.contact(60), 200, midreg.address());

    let people = operator.ask(&["status"]);
    people.good();
    lists(
        &people,
        &[
            &format!("listens on     udp://{}\n", midreg.address()),
            "workers        2\n",
            "registered     1 devices of 1 users\n",
            "REGISTERs      2 in, 1 absorbed (50.0 %), 0 forwarded\n",
            "upstream       none: midreg is the registrar\n",
        ],
    );
    let programs = &operator.ask(&["status", "--json"]).json()[0];
    assert_eq!(programs["bindings"], 1);
    assert_eq!(programs["decisions"]["D13"], 1);
    assert_eq!(programs["silent_workers"], 0);
}

#[test]
fn contacts_lists_who_is_registered() {
    let midreg = Midreg::alone(&[ANYBODY, "workers=3"]);
    let operator = Operator::of(&midreg);
    let nobody = operator.ask(&["contacts"]);
    assert_eq!(
        (nobody.code, nobody.errors.as_str()),
        (1, "nobody is registered\n")
    );

    let mut phones: Vec<Phone> = ["alice", "alice", "bob"].map(Phone::of).into();
    for phone in &mut phones {
        phone.ask(&phone.contact(60), 200, midreg.address());
    }

    let all = operator.ask(&["contacts"]);
    let rows: Vec<&str> = all.good().lines().collect();
    assert_eq!(rows.len(), 4, "{all:?}");
    assert!(
        rows[0].starts_with("AOR ") && rows[0].ends_with("ID"),
        "{all:?}"
    );
    for phone in &phones {
        let own = |row: &&&str| row.contains(&phone.uri());
        assert_eq!(rows.iter().filter(own).count(), 1, "{all:?}");
    }
    let hers = operator.ask(&["contacts", &alice(), "--json"]).json();
    assert_eq!(hers.len(), 2);
    assert!(hers.iter().all(|one| one["aor"] == alice()), "{hers:?}");
    let few = operator.ask(&["contacts", "--limit", "2", "--json"]).json();
    assert_eq!(few.len(), 2);
    assert_eq!(operator.ask(&["contacts", "carol@example.test"]).code, 1);
}

#[test]
fn explain_tells_why_somebody_cannot_register() {
    let midreg = registrar();
    let operator = Operator::of(&midreg);
    let mut thief = Phone::with_password("alice", "guess");
    thief.be_refused(60, midreg.address());

    let told = operator.ask(&["explain", &alice()]);
    assert_eq!(told.code, 1, "{told:?}");
    lists(
        &told,
        &[
            "is not registered (mode standalone).",
            &format!("{} was told 401", thief.address()),
            "its user name or password was not right",
        ],
    );
    assert!(!told.output.contains("guess"), "{told:?}");
}

#[test]
fn explain_tells_what_is_behind_a_registration() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &[]);
    let operator = Operator::of(&midreg);
    let mut phone = Phone::of("alice");
    phone.register(60, midreg.address());
    phone.ask(&phone.contact(60), 200, midreg.address());

    let told = operator.ask(&["explain", &alice()]);
    told.good();
    let node = format!("sip:{}", kamailio.address());
    lists(
        &told,
        &[
            "is registered with one device (mode contact).",
            &format!("Device 1: {}\n", phone.uri()),
            "It asked for 60 s and was promised 60 s",
            &format!("It is at {}, by udp", phone.address()),
            &format!("at {node};"),
            "absorbed, with 60 s, because it was a pure refresh and the lease carries it (D13).",
            "forwarded and accepted, with 60 s, because it answered a challenge (D4).",
        ],
    );
    let facts = &operator.ask(&["explain", &alice(), "--json"]).json()[0];
    let device = &facts["contacts"][0];
    assert_eq!(device["lease"]["node"], node.as_str());
    assert_eq!(device["lease"]["standing"], "trusted");
    assert_eq!(device["history"][0]["row"], "D13");
    assert_eq!(device["history"][1]["outcome"], "accepted");
    assert_eq!(
        facts["warnings"].as_array().map(Vec::len),
        Some(0),
        "{facts}"
    );

    // A new epoch: the lease is not trusted any more, and the next REGISTER goes upstream.
    assert_eq!(operator.ask(&["resync", "sip:nobody"]).code, 1);
    lists(&operator.ask(&["resync"]), &[&node]);
    lists(
        &operator.ask(&["explain", &alice()]),
        &["older epoch", "(D11)"],
    );
    phone.ask(&phone.contact(60), 401, midreg.address());
    lists(
        &operator.ask(&["explain", &alice()]),
        &["forwarded and challenged, because its lease was of an older epoch"],
    );
}

#[test]
fn kick_ends_one_registration_or_all_of_a_user() {
    let midreg = Midreg::alone(&[ANYBODY]);
    let operator = Operator::of(&midreg);
    let mut phones: Vec<Phone> = ["alice", "alice", "alice"].map(Phone::of).into();
    for phone in &mut phones {
        phone.ask(&phone.contact(60), 200, midreg.address());
    }
    let listed = operator.ask(&["contacts", "--json"]).json();
    let id = listed[0]["id"].as_str().expect("an id").to_owned();

    lists(&operator.ask(&["kick", &id]), &["1 registration ended"]);
    assert_eq!(operator.ask(&["kick", &id]).code, 1);
    let rest = operator.ask(&["contacts", "--json"]).json();
    assert_eq!(rest.len(), 2);
    assert!(rest.iter().all(|one| one["id"] != id.as_str()), "{rest:?}");
    let all = operator.ask(&["kick", &alice(), "--json"]).json();
    assert_eq!(all[0]["kicked"], 2);
    assert_eq!(operator.ask(&["kick", &alice()]).code, 1);
    let nonsense = operator.ask(&["kick", "<nonsense>"]);
    assert_eq!(nonsense.code, 2, "{nonsense:?}");
}

#[test]
fn calls_tells_what_became_of_a_call() {
    let midreg = Midreg::alone(&[ANYBODY]);
    let operator = Operator::of(&midreg);
    assert_eq!(operator.ask(&["calls"]).code, 1);
    let [caller, callee] = ["alice", "bob"].map(|user| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(PROMPT)).expect("set");
        send(
            &socket,
            &request(&socket, "REGISTER", [user; 2]),
            midreg.address(),
        );
        let answer = final_answer(&socket);
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
        socket
    });
    let invite = request(&caller, "INVITE", ["alice", "bob"]);
    send(&caller, &invite, midreg.address());
    let (invite, way) = hear(&callee);
    assert!(invite.starts_with("INVITE "), "{invite}");
    send(&callee, &busy(&invite), way);
    let answer = final_answer(&caller);
    assert!(answer.starts_with("SIP/2.0 486"), "{answer}");

    let told = operator.ask(&["calls", &alice()]);
    told.good();
    lists(
        &told,
        &[
            "sip:alice@example.test called sip:bob@example.test",
            "one place tried, refused with 486",
        ],
    );
    let facts = operator.ask(&["calls", "--json"]).json();
    assert_eq!(facts.len(), 1);
    assert_eq!(facts[0]["status"], 486);
    operator.ask(&["calls", "bob@example.test"]).good();
    assert_eq!(operator.ask(&["calls", "carol@example.test"]).code, 1);
    lists(&operator.ask(&["explain", &alice()]), &["The last calls:"]);
}

#[test]
fn top_tells_again_and_again() {
    let midreg = Midreg::alone(&[ANYBODY]);
    let operator = Operator::of(&midreg);
    let mut phone = Phone::of("alice");
    phone.ask(&phone.contact(60), 200, midreg.address());

    let lines = operator
        .ask(&["top", "--for", "1s", "--interval", "200ms", "--json"])
        .json();
    assert!(lines.len() >= 2, "{lines:?}");
    assert!(lines.iter().all(|line| line["bindings"] == 1), "{lines:?}");
    let people = operator.ask(&["top", "--for", "300ms", "--interval", "100ms"]);
    assert!(people.good().contains("REGISTER/s"), "{people:?}");
    assert!(!people.output.contains('\x1b'), "{people:?}");
}

#[test]
fn trace_shows_the_messages_of_one_user() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &["workers=2"]);
    let operator = Operator::of(&midreg);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("alice.pcap");
    let pcap = file.display().to_string();
    // A challenge and its answer, from both sides: eight messages.
    let ladder = operator.start(&["trace", &alice(), "--limit", "8", "--pcap", &pcap]);
    let text = operator.start(&["trace", &alice(), "--limit", "8", "--text"]);
    for watcher in [&ladder, &text] {
        watcher.wait_for("it watches", PROMPT, |lines| {
            let told = |line: &String| line.starts_with("watching alice@");
            lines.iter().any(told).then_some(())
        });
    }

    Phone::of("bob").register(60, midreg.address());
    let mut phone = Phone::of("alice");
    phone.register(60, midreg.address());

    let (status, lines) = ladder.finish(PROMPT);
    assert!(status.success(), "{lines:?}");
    let rungs: Vec<&String> = lines.iter().filter(|line| line.contains('│')).collect();
    let words = [
        ("REGISTER, CSeq 1", "▶   │"),
        ("REGISTER, CSeq 1", "│    REGISTER"),
        ("401", "│    ◀"),
        ("401", "device 1 ◀"),
        ("REGISTER, CSeq 2", "▶   │"),
        ("REGISTER, CSeq 2", "│    REGISTER"),
        ("200 OK", "│    ◀"),
        ("200 OK", "device 1 ◀"),
    ];
    assert_eq!(rungs.len(), words.len(), "{lines:#?}");
    for (rung, (what, way)) in rungs.iter().zip(words) {
        assert!(
            rung.contains(what) && rung.contains(way),
            "{what} {way}: {lines:#?}"
        );
    }
    let (_, whole) = text.finish(PROMPT);
    assert!(
        whole
            .iter()
            .any(|line| line.starts_with("Authorization: Digest")),
        "{whole:#?}"
    );
    assert!(whole.iter().all(|line| !line.contains("bob")), "{whole:#?}");
    let capture = fs::read(&file).expect("a file");
    assert_eq!(capture[..4], 0xa1b2_c3d4_u32.to_le_bytes());
    let requests = capture.windows(9).filter(|bytes| *bytes == b"REGISTER ");
    assert!(requests.count() >= 4);
}

#[test]
fn without_a_midreg_the_places_that_were_tried_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none.sock");
    for command in ["status", "contacts", "calls", "resync", "top"] {
        let told = Operator::at(&path).ask(&[command]);
        assert_eq!((told.code, told.output.as_str()), (3, ""), "{told:?}");
        assert!(
            told.errors.contains(&path.display().to_string()),
            "{told:?}"
        );
        assert!(told.errors.contains("midreg run"), "{told:?}");
    }
    let config = folder.path().join("midreg.toml");
    let text =
        "mode = \"standalone\"\nregistration.accept = \"anybody\"\ncontrol.path = \"its.sock\"\n";
    fs::write(&config, text).expect("written");
    let told = Operator::ask_unguided(&["status", "--config", &config.display().to_string()]);
    assert_eq!(told.code, 3, "{told:?}");
    assert!(told.errors.contains("its.sock"), "{told:?}");
    let told = Operator::ask_unguided(&["status", "--nonsense"]);
    assert_eq!(told.code, 2, "{told:?}");
}

#[test]
fn the_socket_is_its_owners_and_nobody_takes_it_from_a_live_one() {
    let midreg = Midreg::alone(&[ANYBODY]);
    let operator = Operator::of(&midreg);
    operator.ask(&["status"]).good();
    let mode = fs::metadata(midreg.control())
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let path = format!("control.path={}", midreg.control().display());
    let other = Midreg::fails_alone(&[ANYBODY, &path]);
    let told = |line: &String| line.contains("another midreg listens there");
    assert!(other.iter().any(told), "{other:?}");
    operator.ask(&["status"]).good();

    let directory = midreg.kill();
    let left = directory.path().join("control.sock");
    assert!(left.exists(), "it is left behind");
    assert_eq!(Operator::at(&left).ask(&["status"]).code, 3);
    let path = format!("control.path={}", left.display());
    let _next = Midreg::alone(&[ANYBODY, &path]);
    Operator::at(&left).ask(&["status"]).good();
}

#[test]
fn shells_and_readers_are_served_without_a_midreg() {
    for shell in ["bash", "zsh", "fish"] {
        let told = Operator::ask_unguided(&["completions", shell]);
        assert!(told.good().contains("explain"), "{shell}");
    }
    let told = Operator::ask_unguided(&["man", "explain"]);
    lists(&told, &[".SH SYNOPSIS", "midreg\\-explain"]);
    assert_eq!(Operator::ask_unguided(&["man", "nonsense"]).code, 2);
}

/// A request of the first user to the second.
fn request(socket: &UdpSocket, method: &str, [from, to]: [&str; 2]) -> String {
    let local = socket.local_addr().expect("bound");
    let target = match method {
        "REGISTER" => format!("sip:{DOMAIN}"),
        _ => format!("sip:{to}@{DOMAIN}"),
    };
    format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK-{method}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{from}@{DOMAIN}>;tag=1\r\nTo: <sip:{to}@{DOMAIN}>\r\n\
         Call-ID: {method}-{local}\r\nCSeq: 1 {method}\r\nContact: <sip:{from}@{local}>\r\n\
         Expires: 60\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Who is called is busy.
fn busy(invite: &str) -> String {
    let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let lines = invite
        .lines()
        .filter(|line| kept.iter().any(|name| line.starts_with(name)));
    let lines: String = lines.map(|line| format!("{line}\r\n")).collect();
    let lines = lines.replacen(
        &format!("To: <sip:bob@{DOMAIN}>"),
        &format!("To: <sip:bob@{DOMAIN}>;tag=2"),
        1,
    );
    format!("SIP/2.0 486 Busy Here\r\n{lines}Content-Length: 0\r\n\r\n")
}

fn send(socket: &UdpSocket, text: &str, to: SocketAddr) {
    socket.send_to(text.as_bytes(), to).expect("sent");
}

fn hear(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut buffer = [0; 4096];
    let (length, from) = socket.recv_from(&mut buffer).expect("a message");
    (
        String::from_utf8_lossy(&buffer[..length]).into_owned(),
        from,
    )
}

fn final_answer(socket: &UdpSocket) -> String {
    let mut answers = std::iter::from_fn(|| Some(hear(socket).0));
    let last = answers.find(|answer| !answer.starts_with("SIP/2.0 1"));
    last.expect("an answer")
}
