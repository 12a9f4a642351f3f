//! What midreg writes about itself: in which form, about whom, and what never.

use std::fs;

use serde_json::Value;

use crate::rig::{Kamailio, Operator, Outcome, Phone, Port, Service, Settings};

fn file(port: &Port, kamailio: &Kamailio, log: &str) -> String {
    let upstream = kamailio.address();
    let listen = port.listen();
    format!("{listen}\n[upstream]\nservers = [\"sip:{upstream}\"]\n\n[log]\n{log}\n")
}

/// The lines about registrations.
fn of_registrations(lines: &[String]) -> Vec<Value> {
    let json = lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok());
    json.filter(|line: &Value| line["part"] == "register")
        .collect()
}

#[test]
fn form_and_depth_change_with_a_reload() {
    let kamailio = Kamailio::start(Settings::default());
    let port = Port::reserve();
    let midreg = Service::start(&file(&port, &kamailio, ""));
    Phone::of("alice").register(60, port.address());
    assert!(of_registrations(&midreg.log()).is_empty());
    let before = midreg.log().len();

    let debug = "format = \"json\"\nparts.register = \"debug\"";
    assert_eq!(
        midreg.reload(&file(&port, &kamailio, debug)),
        Outcome::Reloaded
    );
    Phone::of("bob").register(60, port.address());

    midreg.wait_for_line("\"message\":\"registered\"");
    let messages: Vec<Value> = of_registrations(&midreg.log())
        .into_iter()
        .map(|line| line["message"].clone())
        .collect();
    assert_eq!(
        messages,
        ["forwarded", "challenged", "forwarded", "registered"]
    );
    // From the reload on, every line is JSON.
    let later = &midreg.log()[before..];
    let json = later
        .iter()
        .filter(|line| serde_json::from_str::<Value>(line).is_ok());
    assert!(json.count() + 2 >= later.len(), "{later:?}");
}

#[test]
fn an_operator_turns_one_part_up_until_the_next_reload() {
    let kamailio = Kamailio::start(Settings::default());
    let port = Port::reserve();
    let json = file(&port, &kamailio, "format = \"json\"");
    let midreg = Service::start(&json);
    let operator = Operator::at(&midreg.control());

    let told = operator.ask(&["log", "register", "debug"]);
    assert!(
        told.good().contains("register  debug\nstore     info\n"),
        "{told:?}"
    );
    Phone::of("alice").register(60, port.address());
    midreg.wait_for_line("\"message\":\"registered\"");
    let count = of_registrations(&midreg.log()).len();

    assert_eq!(midreg.reload(&json), Outcome::Reloaded);
    let levels = operator.ask(&["log", "--json"]).json();
    assert_eq!(levels[0]["levels"]["register"], "info");
    Phone::of("bob").register(60, port.address());
    assert_eq!(of_registrations(&midreg.log()).len(), count);

    for wrong in [["calls", "debug"], ["call", "loud"]] {
        let told = operator.ask(&["log", wrong[0], wrong[1]]);
        assert_eq!(told.code, 2, "{told:?}");
        assert!(told.errors.contains("choose from"), "{told:?}");
    }
}

/// Pseudonyms stand for users and addresses, the same in every line, and after a restart.
#[test]
fn users_and_addresses_are_hidden_where_that_is_wanted() {
    let kamailio = Kamailio::start(Settings::default());
    let secret = tempfile::tempdir().expect("a temporary directory");
    let log = format!(
        "format = \"json\"\nlevel = \"trace\"\nredact = [\"users\", \"addresses\"]\n\
         [security]\nsecret_file = \"{}/secret\"",
        secret.path().display()
    );
    let mut pseudonyms = Vec::new();
    for _ in 0..2 {
        let port = Port::reserve();
        let midreg = Service::start(&file(&port, &kamailio, &log));
        Phone::of("alice").register(60, port.address());
        Phone::of("bob").register(60, port.address());
        midreg.wait_for_line("\"message\":\"registered\"");

        let lines = of_registrations(&midreg.log());
        assert!(lines.len() >= 7, "{lines:?}");
        for line in &lines {
            let mut line = line.clone();
            // The operator's own.
            line["upstream"].take();
            let text = line.to_string();
            for hidden in ["alice", "bob", "127.0.0.1"] {
                assert!(!text.contains(hidden), "{text}");
            }
        }
        let mut users: Vec<String> = lines.iter().map(|line| line["aor"].to_string()).collect();
        let first = users[0].clone();
        users.sort();
        users.dedup();
        assert_eq!(users.len(), 2, "{users:?}");
        pseudonyms.push(first);
    }
    assert_eq!(pseudonyms[0], pseudonyms[1]);
}

/// Not a password, not a hash of one, not what answers a challenge, and not the secret: at the deepest level, with good
/// and bad credentials, in a file that is good and in one that is not.
#[test]
fn secrets_are_never_written() {
    let kamailio = Kamailio::start(Settings::default());
    let port = Port::reserve();
    // The MD5 of carol:lab.test:pw-carol, as any hash.
    let hash = "bec36d8a5af13de7097fc04bfe5aa38c";
    let more = format!(
        "level = \"trace\"\n[security]\nsecret_file = \"midreg.secret\"\n\
         [[upstream.credentials]]\nuser = \"mid\"\npassword = \"pw-upstream\"\n\
         [[domain]]\nname = \"lab.test\"\nmode = \"standalone\"\ndigest.algorithms = \"MD5\"\n\
         [[domain.digest.users]]\nname = \"alice\"\npassword = \"pw-alice\"\n\
         [[domain.digest.users]]\nname = \"carol\"\nha1_md5 = \"{hash}\"\n"
    );
    let good = file(&port, &kamailio, &more);
    let midreg = Service::start(&good);
    Phone::at("alice", "lab.test").register(60, port.address());
    Phone::of("bob").register(60, port.address());
    Phone::with_password("bob", "pw-guess").be_refused(60, port.address());
    assert_eq!(
        midreg.reload(&good.replace("= \"pw-alice\"", "= \"pw-alice")),
        Outcome::Refused
    );
    assert_eq!(
        midreg.reload(&good.replace("pw-alice", "pw-other")),
        Outcome::Reloaded
    );
    let secret = fs::read_to_string(midreg.path("midreg.secret")).expect("a secret");

    let log = midreg.log().join("\n");
    assert!(
        log.contains("alice@lab.test") && log.contains("bob@"),
        "{log}"
    );
    for word in [
        "pw-",
        hash,
        secret.trim(),
        "Digest ",
        "response=",
        "nonce",
        "WWW-Authenticate",
    ] {
        assert!(!log.contains(word), "{word} in\n{log}");
    }
}
