//! Whole dialogues: challenge, answer, verdict.

use sip::digest::Algorithm;

use super::*;
use crate::auth::answer::answer;
use crate::auth::testing::{START, credential, policy_of, register, response};
use crate::clock::Wall;

const REALM: &str = "example.org";
const URI: &str = "sip:example.org";
const BOB: Verdict<'static> = Verdict::Proved { user: "bob" };

/// One engine's authenticator, its users, and the time.
struct Scene {
    own: Authenticator,
    policy: DigestPolicy,
    now: Mono,
    salt: u64,
}

impl Scene {
    fn new() -> Self {
        let users = [("bob", "pw-bob"), ("alice", "pw-alice")];
        Self {
            own: Authenticator::new(&Keys::derive(&[1; 32]), START),
            policy: policy_of(REALM, &users, &[Algorithm::Sha256, Algorithm::Md5]),
            now: START.mono,
            salt: 0,
        }
    }

    fn demand(&self) -> Demand<'_> {
        Demand {
            asker: Asker::Server,
            policy: &self.policy,
        }
    }

    fn challenge(&mut self) -> Vec<u8> {
        self.salt += 1;
        let mut lines = Vec::new();
        self.own.challenge(
            self.now,
            self.demand(),
            &Verdict::Absent,
            self.salt,
            &mut lines,
        );
        lines
    }

    /// The answer to a new challenge.
    fn answer(&mut self, user: &str, password: &str) -> Vec<u8> {
        let lines = self.challenge();
        answer_to(&lines, user, password)
    }

    /// The verdict on a REGISTER with these lines.
    fn verdict(&mut self, lines: &[u8]) -> Verdict<'_> {
        self.verdict_at(URI, lines)
    }

    fn verdict_at(&mut self, uri: &str, lines: &[u8]) -> Verdict<'_> {
        let bytes = register(uri, lines);
        let request = Message::parse(&bytes).unwrap();
        let demand = Demand {
            asker: Asker::Server,
            policy: &self.policy,
        };
        self.own.verify(self.now, demand, &request)
    }
}

fn answer_to(challenge: &[u8], user: &str, password: &str) -> Vec<u8> {
    let bytes = response(401, challenge);
    let message = Message::parse(&bytes).unwrap();
    let credentials = [credential("", user, password)];
    let answer = answer(&message, "REGISTER", URI.as_bytes(), &credentials, 7);
    answer.unwrap().line
}

/// A later answer to the same challenge, as phones that remember their nonce give it.
fn counted(line: &[u8], password: &str, count: u32) -> Vec<u8> {
    let text = core::str::from_utf8(line).unwrap();
    let value = text.strip_prefix("Authorization: ").unwrap().trim_end();
    let shown = Credentials::parse(value.as_bytes()).unwrap();
    let algorithm = Algorithm::from_bytes(shown.algorithm.unwrap()).unwrap();
    let user = shown.username.unwrap();
    let ha1 = sip::digest::ha1(algorithm, user, REALM.as_bytes(), password.as_bytes());
    let nc = format!("{count:08x}");
    let protection = sip::digest::Protection {
        nc: nc.as_bytes(),
        cnonce: shown.cnonce.unwrap(),
        qop: b"auth",
    };
    let hash = sip::digest::response(
        algorithm,
        ha1.as_bytes(),
        shown.nonce.unwrap(),
        Some(protection),
        b"REGISTER",
        URI.as_bytes(),
    );
    let old = core::str::from_utf8(shown.response.unwrap()).unwrap();
    let hash = core::str::from_utf8(hash.as_bytes()).unwrap();
    text.replace(old, hash)
        .replace("nc=00000001", &format!("nc={nc}"))
        .into_bytes()
}

#[test]
fn a_right_answer_proves_its_user() {
    let mut scene = Scene::new();
    let line = scene.answer("bob", "pw-bob");
    assert_eq!(scene.verdict(&line), BOB);
    let line = scene.answer("alice", "pw-alice");
    assert_eq!(scene.verdict(&line), Verdict::Proved { user: "alice" });
}

#[test]
fn every_algorithm_proves() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
        let mut scene = Scene::new();
        scene.policy = policy_of(REALM, &[("bob", "pw-bob")], &[algorithm]);
        let line = scene.answer("bob", "pw-bob");
        assert_eq!(scene.verdict(&line), BOB, "{algorithm:?}");
    }
}

#[test]
fn a_proxy_asks_in_its_own_headers() {
    let mut scene = Scene::new();
    let policy = scene.policy.clone();
    let demand = Demand {
        asker: Asker::Proxy,
        policy: &policy,
    };
    let mut lines = Vec::new();
    let now = scene.now;
    scene
        .own
        .challenge(now, demand, &Verdict::Absent, 1, &mut lines);
    let bytes = response(407, &lines);
    let challenged = Message::parse(&bytes).unwrap();
    let credentials = [credential(REALM, "bob", "pw-bob")];
    let line = answer(&challenged, "REGISTER", URI.as_bytes(), &credentials, 7);
    let line = line.unwrap().line;
    assert_eq!(scene.verdict(&line), Verdict::Absent, "not for a server");
    let bytes = register(URI, &line);
    let request = Message::parse(&bytes).unwrap();
    assert_eq!(scene.own.verify(now, demand, &request), BOB);
}

#[test]
fn wrong_passwords_and_unknown_users_are_wrong() {
    let mut scene = Scene::new();
    for (user, password) in [("bob", "pw-alice"), ("nobody", "pw-bob"), ("", "")] {
        let line = scene.answer(user, password);
        assert_eq!(scene.verdict(&line), Verdict::Wrong, "{user}");
    }
}

#[test]
fn without_credentials_of_our_realm_nothing_is_proved() {
    let mut scene = Scene::new();
    assert_eq!(scene.verdict(b""), Verdict::Absent);
    let foreign = b"Authorization: Digest realm=\"other\", username=\"bob\", nonce=\"n\", \
        uri=\"sip:example.org\", response=\"x\"\r\nAuthorization: Basic Ym9iOng=\r\n";
    assert_eq!(scene.verdict(foreign), Verdict::Foreign);
    let broken = b"Authorization: Digest realm=\"example.org\r\nAuthorization:\r\n";
    assert_eq!(scene.verdict(broken), Verdict::Absent);
    let mut both = foreign.to_vec();
    both.extend(scene.answer("bob", "pw-bob"));
    assert_eq!(scene.verdict(&both), BOB);
}

#[test]
fn credentials_that_answer_no_challenge_of_ours_are_no_guess() {
    let mut scene = Scene::new();
    let eager = b"Authorization: Digest username=\"bob\", realm=\"example.org\", nonce=\"\", \
        uri=\"sip:example.org\", response=\"\"\r\n";
    assert_eq!(scene.verdict(eager), Verdict::Absent);
    let line = scene.answer("bob", "pw-bob");
    scene.own = Authenticator::new(&Keys::derive(&[2; 32]), START);
    assert_eq!(scene.verdict(&line), Verdict::Absent, "another secret");
}

#[test]
fn a_nonce_of_another_realm_is_none_of_ours() {
    let mut scene = Scene::new();
    let line = scene.answer("bob", "pw-bob");
    scene.policy = policy_of("example.net", &[("bob", "pw-bob")], &[Algorithm::Sha256]);
    let text = String::from_utf8(line).unwrap();
    let moved = text.replace("realm=\"example.org\"", "realm=\"example.net\"");
    assert_eq!(scene.verdict(moved.as_bytes()), Verdict::Absent);
}

#[test]
fn a_nonce_is_stale_after_its_life_and_only_for_who_knows_the_password() {
    let mut scene = Scene::new();
    let right = scene.answer("bob", "pw-bob");
    let wrong = scene.answer("bob", "x");
    let last = scene.answer("bob", "pw-bob");
    scene.now = START.mono.plus(scene.policy.nonce_life);
    assert_eq!(scene.verdict(&last), BOB);
    scene.now = scene.now.plus_millis(1);
    assert_eq!(scene.verdict(&right), Verdict::Stale);
    assert_eq!(scene.verdict(&wrong), Verdict::Wrong);
}

#[test]
fn a_replay_is_stale() {
    let mut scene = Scene::new();
    let line = scene.answer("bob", "pw-bob");
    assert_eq!(scene.verdict(&line), BOB);
    assert_eq!(scene.verdict(&line), Verdict::Stale);
    let third = counted(&line, "pw-bob", 3);
    assert_eq!(scene.verdict(&third), BOB);
    let second = counted(&line, "pw-bob", 2);
    assert_eq!(scene.verdict(&second), Verdict::Stale);
    assert_eq!(scene.verdict(&third), Verdict::Stale);
}

#[test]
fn a_wrong_answer_uses_nothing_up() {
    let mut scene = Scene::new();
    let challenge = scene.challenge();
    let wrong = answer_to(&challenge, "bob", "x");
    assert_eq!(scene.verdict(&wrong), Verdict::Wrong);
    let right = answer_to(&challenge, "bob", "pw-bob");
    assert_eq!(scene.verdict(&right), BOB);
}

#[test]
fn without_qop_an_answer_is_taken_once() {
    let mut scene = Scene::new();
    let challenge = String::from_utf8(scene.challenge()).unwrap();
    let old = challenge.replace(", qop=\"auth\"", "");
    let line = answer_to(old.as_bytes(), "bob", "pw-bob");
    assert_eq!(scene.verdict(&line), BOB);
    assert_eq!(scene.verdict(&line), Verdict::Stale);
    let counted = answer_to(challenge.as_bytes(), "bob", "pw-bob");
    assert_eq!(scene.verdict(&counted), Verdict::Stale);
}

#[test]
fn after_a_restart_an_old_nonce_is_stale_and_a_new_one_is_not() {
    let mut scene = Scene::new();
    let used = scene.answer("bob", "pw-bob");
    assert_eq!(scene.verdict(&used), BOB);
    let restart = Now {
        mono: Mono(0),
        wall: Wall(START.wall.0 + 1_000),
    };
    scene.own = Authenticator::new(&Keys::derive(&[1; 32]), restart);
    scene.now = restart.mono;
    assert_eq!(scene.verdict(&used), Verdict::Stale);
    let line = scene.answer("bob", "pw-bob");
    assert_eq!(scene.verdict(&line), BOB);
}

#[test]
fn the_digest_has_to_cover_the_request() {
    let mut scene = Scene::new();
    let line = scene.answer("bob", "pw-bob");
    assert_eq!(scene.verdict_at("sip:example.com", &line), Verdict::Wrong);
    let near = "sip:Example.org:5060;transport=udp";
    assert_eq!(scene.verdict_at(near, &line), BOB);
    let line = scene.answer("bob", "pw-bob");
    let bytes = register(URI, &line);
    let invite = String::from_utf8(bytes)
        .unwrap()
        .replacen("REGISTER", "INVITE", 1);
    let request = Message::parse(invite.as_bytes()).unwrap();
    let policy = scene.policy.clone();
    let demand = Demand {
        asker: Asker::Server,
        policy: &policy,
    };
    let verdict = scene.own.verify(scene.now, demand, &request);
    assert_eq!(verdict, Verdict::Wrong);
}

#[test]
fn names_with_quotes_in_them_prove_too() {
    let mut scene = Scene::new();
    let user = "J\u{e4}s\u{f8}n \"Doe\" \\";
    scene.policy = policy_of("a \"realm\"", &[(user, "pw")], &[Algorithm::Sha512_256]);
    let line = scene.answer(user, "pw");
    assert_eq!(scene.verdict(&line), Verdict::Proved { user });
}

#[test]
fn only_a_right_answer_proves() {
    bolero::check!()
        .with_iterations(2_000)
        .with_type::<(u16, u8)>()
        .for_each(|(at, byte): &(u16, u8)| {
            let mut scene = Scene::new();
            let right = scene.answer("bob", "pw-bob");
            let mut changed = right.clone();
            let place = usize::from(*at) % (right.len() - 2);
            changed[place] = *byte;
            let bytes = register(URI, &changed);
            let Ok(request) = Message::parse(&bytes) else {
                return;
            };
            let demand = Demand {
                asker: Asker::Server,
                policy: &scene.policy,
            };
            if scene.own.verify(scene.now, demand, &request) == BOB {
                assert!(means_the_same(&right, &changed), "{place} {byte}");
            }
        });
}

/// Whether everything that proves something is there unchanged.
fn means_the_same(right: &[u8], changed: &[u8]) -> bool {
    let read = |line: &[u8]| {
        let bytes = register(URI, line);
        let request = Message::parse(&bytes).unwrap();
        let header = request.header(sip::Name::Authorization).unwrap();
        let shown = Credentials::parse(header.value).unwrap();
        let lower = |text: Option<&[u8]>| text.map(<[u8]>::to_ascii_lowercase);
        (
            plain(shown.username.unwrap()).into_owned(),
            shown.nonce.map(<[u8]>::to_vec),
            shown.uri.map(<[u8]>::to_vec),
            shown.response.map(<[u8]>::to_vec),
            lower(shown.algorithm),
            shown.nc.map(<[u8]>::to_vec),
            shown.cnonce.map(<[u8]>::to_vec),
        )
    };
    read(right) == read(changed)
}

#[test]
fn no_bytes_panic_or_prove() {
    let scene = Scene::new();
    let nonce = scene.own.nonces.issue(START.mono, REALM.as_bytes(), 1);
    let nonce = core::str::from_utf8(&nonce).unwrap().to_owned();
    bolero::check!()
        .with_iterations(2_000)
        .with_type::<(Vec<u8>, Vec<u8>)>()
        .for_each(|(head, tail): &(Vec<u8>, Vec<u8>)| {
            let mut scene = Scene::new();
            let mut line = b"Authorization: Digest realm=\"example.org\", nonce=\"".to_vec();
            line.extend_from_slice(nonce.as_bytes());
            line.extend_from_slice(b"\", username=\"bob\", uri=\"");
            line.extend_from_slice(head);
            line.extend_from_slice(b"\", response=\"");
            line.extend_from_slice(tail);
            line.extend_from_slice(b"\"\r\n");
            let bytes = register(URI, &line);
            if let Ok(request) = Message::parse(&bytes) {
                let demand = Demand {
                    asker: Asker::Server,
                    policy: &scene.policy,
                };
                let verdict = scene.own.verify(scene.now, demand, &request);
                assert_ne!(verdict, BOB);
            }
        });
}
