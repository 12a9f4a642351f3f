//! Challenges of main registrars, answered.

use sip::header::auth::Credentials;

use super::*;
use crate::auth::testing::{credential, response as challenged};

const URI: &[u8] = b"sip:example.org";

fn answered(status: u16, lines: &str, credentials: &[Credential]) -> Option<String> {
    let bytes = challenged(status, lines.as_bytes());
    let message = Message::parse(&bytes).unwrap();
    let answer = answer(&message, "REGISTER", URI, credentials, 0xc)?;
    Some(String::from_utf8(answer.line).unwrap())
}

fn any() -> [Credential; 1] {
    [credential("", "midreg", "secret")]
}

#[test]
fn rfc_7616_section_3_9_1() {
    let mufasa = credential("", "Mufasa", "Circle of Life");
    let params = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
        nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
        opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    for (algorithm, response) in [
        (
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
    ] {
        let text = format!("Digest {params}, algorithm={algorithm}");
        let task = Task::of(Challenge::parse(text.as_bytes()).unwrap()).unwrap();
        let mut out = Vec::new();
        let cnonce = b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        task.push_answer(&mut out, &mufasa, ("GET", b"/dir/index.html"), cnonce);
        let expected = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", uri=\"/dir/index.html\", \
             response=\"{response}\", algorithm={algorithm}, qop=auth, nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn rfc_8760_section_2_4_the_topmost_known_algorithm_is_taken() {
    let line = |algorithm: &str| {
        format!(
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", \
             algorithm={algorithm}\r\n"
        )
    };
    for (order, taken) in [
        (vec!["SHA-512-256", "SHA-256", "MD5"], "SHA-512-256"),
        (vec!["MD5", "SHA-256"], "MD5"),
        (vec!["AKAv1-MD5", "MD5-sess", "SHA-3", "SHA-256"], "SHA-256"),
    ] {
        let lines: String = order.into_iter().map(line).collect();
        let answer = answered(401, &lines, &any()).unwrap();
        assert!(
            answer.contains(&format!(", algorithm={taken},")),
            "{answer}"
        );
    }
    assert_eq!(answered(401, &line("SHA-256-sess"), &any()), None);
}

#[test]
fn an_old_challenge_is_answered_as_rfc_2069_has_it() {
    let lines = "Proxy-Authenticate: digest realm=r, nonce=n\r\n";
    let answer = answered(407, lines, &any()).unwrap();
    let ha1 = ha1(Algorithm::Md5, b"midreg", b"r", b"secret");
    let hash = response(Algorithm::Md5, ha1.as_bytes(), b"n", None, b"REGISTER", URI);
    let hash = core::str::from_utf8(hash.as_bytes()).unwrap();
    assert_eq!(
        answer,
        format!(
            "Proxy-Authorization: Digest username=\"midreg\", realm=\"r\", nonce=\"n\", \
             uri=\"sip:example.org\", response=\"{hash}\"\r\n"
        )
    );
}

#[test]
fn the_credential_of_the_realm_goes_before_the_one_for_any() {
    let credentials = [
        credential("", "everywhere", "a"),
        credential("r\"1", "here", "b"),
    ];
    let user = |realm: &str| {
        let lines = format!("WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"n\"\r\n");
        answered(401, &lines, &credentials).unwrap()
    };
    assert!(user("r\\\"1").contains("username=\"here\", realm=\"r\\\"1\""));
    assert!(user("r2").contains("username=\"everywhere\", realm=\"r2\""));
}

#[test]
fn a_realm_that_nobody_knows_is_passed_over() {
    let lines = "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\"\r\n\
        WWW-Authenticate: Digest realm=\"r\", nonce=\"2\"\r\n";
    let credentials = [credential("r", "midreg", "secret")];
    let answer = answered(401, lines, &credentials).unwrap();
    assert!(answer.contains("realm=\"r\", nonce=\"2\""), "{answer}");
    assert_eq!(answered(401, lines, &[]), None);
    let credentials = [credential("y", "midreg", "secret")];
    assert_eq!(answered(401, lines, &credentials), None);
}

#[test]
fn what_cannot_be_answered_is_not() {
    for lines in [
        "",
        "WWW-Authenticate: Basic realm=\"r\"\r\n",
        "WWW-Authenticate: Digest realm=\"r\"\r\n",
        "WWW-Authenticate: Digest nonce=\"n\"\r\n",
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"\r\n",
        "WWW-Authenticate: Digest realm=\"r, nonce=\"n\r\n",
        "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n",
    ] {
        assert_eq!(answered(401, lines, &any()), None, "{lines}");
    }
    let fine = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n";
    assert_eq!(answered(200, fine, &any()), None);
    assert_eq!(answered(407, fine, &any()), None);
    assert!(answered(401, fine, &any()).is_some());
}

#[test]
fn a_stale_challenge_is_worth_another_answer() {
    let hope = |params: &str| {
        let lines = format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"{params}\r\n");
        let bytes = challenged(401, lines.as_bytes());
        let message = Message::parse(&bytes).unwrap();
        answer(&message, "REGISTER", URI, &any(), 1).unwrap().hope
    };
    assert_eq!(hope(", stale=TRUE"), Hope::Again);
    assert_eq!(hope(", stale=false"), Hope::First);
    assert_eq!(hope(""), Hope::First);
}

#[test]
fn no_bytes_of_a_challenge_panic_or_break_the_line() {
    bolero::check!()
        .with_iterations(2_000)
        .with_type::<Vec<u8>>()
        .for_each(|noise: &Vec<u8>| {
            let mut lines = b"WWW-Authenticate: Digest realm=\"r\", nonce=\"".to_vec();
            lines.extend_from_slice(noise);
            lines.extend_from_slice(b"\"\r\n");
            let bytes = challenged(401, &lines);
            let Ok(message) = Message::parse(&bytes) else {
                return;
            };
            if let Some(answer) = answer(&message, "REGISTER", URI, &any(), 1) {
                let text = answer.line.strip_prefix(b"Authorization: ").unwrap();
                let value = text.strip_suffix(b"\r\n").unwrap();
                assert!(Credentials::parse(value).unwrap().response.is_some());
            }
        });
}
