//! What is wrong or unwise together is told, and what a domain does not say is inherited.

use std::path::PathBuf;

use engine::policy::{ChallengePolicy, DomainPolicy, ForkOrder, Insertion, Mode};
use sip::digest::Algorithm::{Md5, Sha256, Sha512_256};

use super::super::error::Severity;
use super::super::{Override, Typed, load};
use super::{LEAST, check, digest, errors, good, lines};

#[test]
fn lifetimes_that_were_given_must_agree() {
    let got = errors(
        &format!("{LEAST}[registration]\nmin_expires = 600\nmax_expires = 300\n"),
        &[],
    );
    assert_eq!(
        got,
        [
            "midreg.toml:4:15: error: `registration.min_expires` is longer than `max_expires` [600] \
          (600 s against 300 s)"
        ]
    );
    let got = errors(
        &format!("{LEAST}[registration]\nmin_expires=9\ndefault_expires=8\n"),
        &[],
    );
    assert!(got[0].contains("`registration.min_expires` is longer than `default_expires`"));
    let got = errors(
        &format!("{LEAST}[registration]\ndefault_expires=9\nmax_expires=8\n"),
        &[],
    );
    assert!(got[0].contains("`registration.default_expires` is longer than `max_expires`"));
}

#[test]
fn lifetimes_that_were_not_given_follow_those_that_were() {
    for (sets, wanted) in [
        (&["registration.max_expires=600"][..], (60, 600, 600)),
        (&["registration.max_expires=5"], (5, 5, 5)),
        (&["registration.min_expires=7200"], (7200, 7200, 7200)),
        (&["registration.default_expires=7200"], (60, 7200, 7200)),
        (&["registration.default_expires=30"], (30, 30, 3600)),
    ] {
        let r = good(LEAST, sets).domain.registration;
        assert_eq!(
            (r.min_expires, r.default_expires, r.max_expires),
            wanted,
            "{sets:?}"
        );
    }
    assert_eq!(
        good(LEAST, &["upstream.expires=600"])
            .domain
            .reauth_interval,
        600
    );
}

#[test]
fn what_cannot_work_together_is_an_error() {
    for (text, wanted) in [
        (
            "listen = [{bind=\"udp://10.0.0.1\"}]",
            "error: no upstream server",
        ),
        (
            "upstream.servers=[\"sip:127.0.0.1\"]\n[[listen]]\nbind=\"udp://127.0.0.1\"",
            "midreg.toml:1:19: error: the upstream is midreg itself",
        ),
        (
            "upstream.servers=[\"sip:127.0.0.1\"]\n[[listen]]\nbind=\"udp://0.0.0.0\"\nadvertise=\"a\"",
            "midreg.toml:1:19: error: the upstream is midreg itself",
        ),
        (
            "upstream.servers=[\"sip:[::1]\"]\n[[listen]]\nbind=\"udp://127.0.0.1\"",
            "midreg.toml:1:19: error: no IPv6 listener serves the upstream",
        ),
        (
            "upstream.servers=[\"sip:[::1]\"]",
            "midreg.toml:1:19: error: no IPv6 listener serves the upstream",
        ),
        (
            "upstream.servers=[\"sip:10.0.0.5\", \"sip:10.0.0.5:5060\"]\n[[listen]]\nbind=\"udp://10.0.0.1\"",
            "midreg.toml:1:35: error: this upstream server is listed twice",
        ),
        (
            "upstream.servers=[\"sip:10.0.0.5\"]\n[[listen]]\nbind=\"udp://10.0.0.1\"\n[[listen]]\nbind=\"udp://10.0.0.1:5060\"",
            "midreg.toml:5:6: error: two listeners on 10.0.0.1:5060",
        ),
        (
            "upstream.servers=[\"sip:10.0.0.5\"]\n[[listen]]\nbind=\"udp://10.0.0.1\"\nside=\"upstream\"",
            "midreg.toml:3:6: error: no listener serves devices",
        ),
    ] {
        let got = errors(text, &[]);
        assert_eq!(got.len(), 1, "{text}: {got:?}");
        assert!(got[0].starts_with(wanted), "{text}: {got:?}");
    }
    let local = "upstream.servers=[\"sip:10.0.0.5\"]\n[[listen]]\nbind=\"udp://127.0.0.1\"";
    assert!(errors(local, &[])[0].contains("error: no listener reaches this upstream server"));
    let twice = ["upstream.servers=[\"sip:PBX.example\", \"sip:pbx.example.:5060\"]"];
    assert!(errors("", &twice)[0].contains("this upstream server is listed twice"));
    let text =
        "upstream.servers=[\"sip:a\"]\n[[listen]]\nbind=\"udp://10.0.0.1\"\nside=\"devices\"";
    assert!(errors(text, &[])[0].contains("no listener serves the upstream"));
}

#[test]
fn what_belongs_to_no_mode_or_domain_is_an_error() {
    const ALONE: &str = "listen = [{bind = \"udp://10.0.0.1\"}]\n";
    const USERS: &str = "digest = {realm = \"r\", users = [{name = \"a\", password = \"p\"}]}\n";
    let with = |before: &str, lines: &str| format!("{before}{lines}\n");
    for (text, wanted) in [
        (
            with(ALONE, "mode = \"aor\""),
            "2:8: error: this mode needs a main registrar",
        ),
        (
            with(
                ALONE,
                &with(USERS, "domain = [{name = \"a\", mode = \"mirror\"}]"),
            ),
            "3:31: error: this mode needs a main registrar",
        ),
        (
            with(ALONE, "upstream.expires = 60"),
            "2:10: error: `upstream` has no `servers`",
        ),
        (
            with(LEAST, "mode = \"aor\"\nupstream.insertion = \"path\""),
            "4:22: error: `path` insertion does not go with `aor`",
        ),
        (
            with(
                LEAST,
                "upstream.insertion = \"path\"\ndomain = [{name = \"a\", mode = \"aor\"}]",
            ),
            "4:31: error: `path` insertion does not go with `aor`",
        ),
        (
            with(
                LEAST,
                "domain = [{name = \"a\", mode = \"aor\", contact_style = \"user\"}]",
            ),
            "3:54: error: `contact_style` has no effect in aor",
        ),
        (
            with(
                LEAST,
                "domain = [{name = \"a\", insertion = \"path\", contact_style = \"user\"}]",
            ),
            "3:60: error: `contact_style` has no effect with `path` insertion",
        ),
        (
            with(LEAST, "domain = [{name = \"a\"}, {name = \"A.\"}]"),
            "3:33: error: `a` is listed twice",
        ),
        (
            with(
                LEAST,
                "domain = [{name = \"a\", aliases = [\"b\"]}, {name = \"b\"}]",
            ),
            "3:35: error: `b` is listed twice",
        ),
        (
            with(
                LEAST,
                "naming.strip_prefixes = \"sip.\"\ndomain = [{name = \"sip.a\"}]",
            ),
            "4:19: error: `sip.a` is never met",
        ),
        (
            with(LEAST, "digest.realm = \"r\""),
            "3:1: error: a digest without users",
        ),
        (
            with(LEAST, "domain = [{name = \"a\", digest.realm = \"r\"}]"),
            "3:24: error: a digest without users",
        ),
        (
            with(
                LEAST,
                "domain = [{name = \"a\", mode = \"mirror\", digest.users = [{name = \"a\", password = \"p\"}]}]",
            ),
            "3:41: error: `digest` has no effect in mirror",
        ),
        (
            with(LEAST, "digest.users = [{name = \"a\", password = \"p\"}]"),
            "3:1: error: users need `digest.realm`",
        ),
        (
            with(LEAST, "upstream.control_bind = \"udp://10.0.0.1:5060\""),
            "3:25: error: `control_bind` is a listener's address",
        ),
        (
            with(LEAST, "upstream.control_bind = \"udp://[::1]\""),
            "1:21: error: `control_bind` cannot reach this upstream server",
        ),
        (
            with(LEAST, "upstream.control_bind = \"udp://10.0.0.5\""),
            "1:21: error: the upstream is midreg itself",
        ),
    ] {
        let got = errors(&text, &[]);
        assert!(
            got.iter()
                .any(|line| line.starts_with(&format!("midreg.toml:{wanted}"))),
            "{text}{got:?}"
        );
        let all = got.iter().filter(|line| line.contains(": error: "));
        assert_eq!(all.count(), 1, "{text}{got:?}");
    }
}

#[test]
fn what_a_standalone_domain_cannot_use_is_an_error() {
    for line in [
        "insertion = \"path\"",
        "contact_style = \"user\"",
        "expires = 3600",
        "require_challenge = true",
        "upstream_name = \"main.example\"",
    ] {
        let domain = "[[domain]]\nname = \"a\"\nmode = \"standalone\"\n\
                      registration.accept = \"anybody\"\n";
        let got = errors(&format!("{LEAST}{domain}{line}\n"), &[]);
        assert_eq!(got.len(), 1, "{line}: {got:?}");
        assert!(got[0].contains("has no effect in standalone"), "{got:?}");
    }
}

#[test]
fn strangers_are_let_in_on_demand_only() {
    const ALONE: &str = "listen.0.bind=udp://10.0.0.1";
    const ANYBODY: &str = "registration.accept=anybody";
    let users = |of: &str| {
        [
            format!("{of}digest.realm=r"),
            format!("{of}digest.users.0.name=alice"),
            format!("{of}digest.users.0.password=x"),
        ]
    };
    let [realm, name, password] = users("");
    let [own_realm, own_name, own_password] = users("domain.0.");
    let told = errors("", &[ALONE]);
    assert!(
        told[0].contains("no users: anybody could register"),
        "{told:?}"
    );
    assert!(
        told[0].contains("registration.accept = \"anybody\""),
        "{told:?}"
    );

    let open = check("", &[ALONE, ANYBODY, "mode=standalone"]).expect("usable");
    assert_eq!(lines(&open.warnings), [""; 0]);
    assert_eq!(open.config.domain.mode, Mode::Standalone);
    assert!(open.config.domain.digest.is_none());

    let known = good("", &[ALONE, &realm, &name, &password]);
    assert_eq!(known.domain.mode, Mode::Standalone);
    assert_eq!(digest(&known.domain).users.len(), 1);

    // Users of a domain alone: nobody registers in any other.
    let sets = [
        ALONE,
        "domain.0.name=a",
        &own_realm,
        &own_name,
        &own_password,
    ];
    let listed = good("", &sets);
    assert_eq!(listed.domains[0].1.mode, Mode::Standalone);
    assert_eq!(digest(&listed.domains[0].1).users.len(), 1);
    assert_eq!(digest(&listed.domain).users.len(), 0);
    let told = errors("", &[&sets[..], &["domain.1.name=b"]].concat());
    assert!(
        told[0].starts_with("--set:1:15: error: standalone without users"),
        "{told:?}"
    );

    // Beside a main registrar only the domain itself is in question.
    let sets = ["domain.0.name=a", "domain.0.mode=standalone"];
    let told = errors(LEAST, &sets);
    assert!(told[0].contains("standalone without users"), "{told:?}");
    let own = [&sets[..], &["domain.0.registration.accept=anybody"]].concat();
    assert!(good(LEAST, &own).domains[0].1.digest.is_none());
}

#[test]
fn a_domain_inherits_what_it_does_not_say() {
    let sets = [
        "upstream.expires=5000",
        "upstream.require_challenge=true",
        "upstream.insertion=path",
        "registration.nat_expires=30",
        "calls.fork=serial",
        "digest.realm=hall",
        "digest.nonce_life=60",
        "digest.users.0.name=alice",
        "digest.users.0.password=x",
        "domain.0.name=b.example",
        "domain.1.name=a.example",
        "domain.1.insertion=contact",
        "domain.1.require_challenge=false",
        "domain.1.registration.max_expires=600",
        "domain.1.digest.users.0.name=bob",
        "domain.1.digest.users.0.password=x",
    ];
    let config = good(LEAST, &sets);
    let names: Vec<&str> = config.domains.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["a.example", "b.example"], "sorted by name");
    assert_eq!(config.domains[1].1.calls.fork, ForkOrder::Serial);
    let [(_, own), (_, same)] = &config.domains[..] else {
        panic!("two domains")
    };
    assert_eq!(format!("{same:?}"), format!("{:?}", config.domain));
    assert_eq!(
        (own.mode, own.insertion, own.challenge),
        (Mode::Contact, Insertion::Parameter, ChallengePolicy::Warn)
    );
    assert_eq!((own.expires, own.reauth_interval), (5000, 5000));
    let registration = &own.registration;
    assert_eq!(
        (registration.max_expires, registration.nat_expires),
        (600, 30)
    );
    assert_eq!(registration.default_expires, 600, "it follows the maximum");
    let digest = digest(own);
    assert_eq!(
        (digest.realm.as_str(), digest.nonce_life.as_secs()),
        ("hall", 60)
    );
    assert_eq!(digest.users.len(), 1);
    assert_eq!(&*digest.users[0].name, "bob");
}

#[test]
fn the_realm_of_a_domain_is_its_name_unless_something_is_said() {
    let sets = [
        "domain.0.name=a.example",
        "domain.0.digest.users.0.name=bob",
        "domain.0.digest.users.0.password=x",
    ];
    assert_eq!(digest(&good(LEAST, &sets).domains[0].1).realm, "a.example");
}

#[test]
fn what_all_users_have_a_hash_for_is_offered_unless_something_is_said() {
    const MD5: &str = "digest.users.0.ha1_md5=00000000000000000000000000000000";
    let sha = |key: &str| format!("digest.users.0.{key}={}", "0".repeat(64));
    let (sha256, sha512) = (sha("ha1_sha256"), sha("ha1_sha512_256"));
    let base = ["digest.realm=r", "digest.users.0.name=a"];
    let bob = ["digest.users.1.name=bob", "digest.users.1.password=x"];
    let check = |more: &[&str]| {
        let loaded = check(LEAST, &[&base[..], more].concat());
        let loaded = loaded.unwrap_or_else(|faults| panic!("{:?}", lines(&faults)));
        let offered = digest(&loaded.config.domain).algorithms.clone();
        let mut told = lines(&loaded.warnings);
        told.retain(|line| !line.contains("MD5 is not offered to phones"));
        (offered, told)
    };
    for (sets, wanted) in [
        (&["digest.users.0.password=x"][..], &[Md5][..]),
        (&[MD5], &[Md5]),
        (&[MD5, &sha256, &sha512], &[Sha256, Sha512_256, Md5]),
        (&[&sha512], &[Sha512_256]),
        (&[MD5, bob[0], bob[1]], &[Md5]),
    ] {
        assert_eq!(check(sets), (wanted.to_vec(), vec![]), "{sets:?}");
    }

    // Nothing suits all: what a phone must not choose is told.
    let (offered, told) = check(&[&sha512, bob[0], bob[1]]);
    assert_eq!(offered, [Sha512_256, Md5]);
    let lacks = |(line, wanted): (&String, &str)| line.contains(wanted);
    let wanted = [
        "`bob` has no hash for SHA-512-256;",
        "`a` has no hash for MD5;",
    ];
    let wanted = wanted.map(|text| text.replace(';', " ["));
    assert_eq!(told.len(), wanted.len(), "{told:?}");
    assert!(
        told.iter()
            .zip(wanted.iter().map(String::as_str))
            .all(lacks),
        "{told:?}"
    );

    let both = "digest.algorithms=[\"SHA-256\",\"MD5\"]";
    let (offered, told) = check(&[MD5, both]);
    assert_eq!(offered, [Md5]);
    assert!(told[0].contains("SHA-256 is not offered"), "{told:?}");
    let told = errors(
        LEAST,
        &[
            &base[..],
            &[MD5, "digest.algorithms=SHA-256", bob[0], bob[1]],
        ]
        .concat(),
    );
    let mut told = told.iter().filter(|line| line.contains(" error: "));
    let error = told.next().map_or("", |line| line);
    assert!(
        error.contains("error: `a` has no hash for SHA-256 [a]; nothing else"),
        "{error}"
    );
    assert_eq!(told.next(), None);
}

#[test]
fn users_of_the_file_and_of_the_table_are_one_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let hash = "0".repeat(32);
    let users = format!("bob:r:{hash}\ncarol:r:{hash}\nbob:a:{hash}\n");
    std::fs::write(path("users"), users).expect("written");
    let load = |lines: &str| {
        let digest = "digest.users_file = \"users\"\ndigest.realm = \"r\"\n";
        std::fs::write(path("midreg.toml"), format!("{LEAST}{digest}{lines}")).expect("written");
        load(&Typed {
            file: Some(path("midreg.toml")),
            overrides: vec![],
        })
    };
    let names = |policy: &DomainPolicy| -> Vec<String> {
        let users = digest(policy).users.iter();
        users.map(|user| user.name.to_string()).collect()
    };
    let own = "domain = [{name = \"a\", digest.realm = \"a\", digest.users_file = \"users\"}]\n";
    let alice = |name: &str| format!("digest.users = [{{name = \"{name}\", password = \"x\"}}]\n");
    let config = load(&(alice("alice") + own)).expect("good").config;
    assert_eq!(names(&config.domain), ["alice", "bob", "carol"]);
    assert_eq!(names(&config.domains[0].1), ["bob"]);

    let told = lines(&load(&alice("bob")).expect_err("twice"));
    assert!(
        told.iter()
            .any(|line| line.contains("users:1:1: error: this user is listed twice [bob:r:*")),
        "{told:?}"
    );
    let own = own.replace("realm = \"a\"", "realm = \"b\"");
    let told = lines(&load(&own).expect_err("nobody"));
    assert!(
        told.iter()
            .any(|line| line.contains("no users of realm \"b\" in this file")),
        "{told:?}"
    );
}

#[test]
fn what_is_unwise_is_a_warning() {
    const BOB: [&str; 2] = ["digest.users.0.name=bob", "digest.realm=r"];
    const MD5: &str = "digest.users.0.ha1_md5=00000000000000000000000000000000";
    for (sets, wanted) in [
        (
            &["listen.0.bind=udp://0.0.0.0"][..],
            "this listener has no `advertise`",
        ),
        (
            &[
                "listen.0.advertise=localhost.example",
                "listen.0.advertise=127.0.0.1",
            ],
            "`advertise` is this machine's own address",
        ),
        (
            &["upstream.deadline=500ms"],
            "`upstream.deadline` is 500ms [500ms]; over UDP a lost packet",
        ),
        (
            &["upstream.resync_after=1"],
            "`upstream.resync_after` is 1 s",
        ),
        (
            &["registration.min_expires=5"],
            "`registration.min_expires` is 5 s",
        ),
        (
            &["registration.max_expires=7d"],
            "`registration.max_expires` is 604800 s",
        ),
        (
            &["upstream.reauth_interval=8000"],
            "`upstream.reauth_interval` (8000 s) is never reached",
        ),
        (
            &["upstream.balance=aor"],
            "`upstream.balance` has no effect",
        ),
        (&["upstream.at_sign=_"], "`upstream.at_sign` has no effect"),
        (
            &["upstream.token_param=tok", "upstream.contact_style=user"],
            "`upstream.token_param` has no effect",
        ),
        (
            &["upstream.contact_style=user", "upstream.insertion=path"],
            "`upstream.contact_style` has no effect",
        ),
        (
            &["upstream.expires=60", "mode=mirror"],
            "`upstream.expires` has no effect",
        ),
        (
            &["upstream.reauth_interval=60", "mode=mirror"],
            "`upstream.reauth_interval` has no effect",
        ),
        (
            &["limits.bindings_per_aor=1", "mode=aor"],
            "`aor` shares a lease among the devices of a user, who may have one only [1]",
        ),
        (
            &["limits.bindings_per_aor=5", "limits.bindings=4"],
            "`limits.bindings_per_aor` is never reached [5]",
        ),
        (
            &[
                "limits.bindings_per_source=5",
                "limits.bindings=4",
                "limits.bindings_per_aor=4",
            ],
            "`limits.bindings_per_source` is never reached [5]",
        ),
        (
            &["upstream.trusted=0.0.0.0/0"],
            "strangers are in this network, and all of it counts as the main registrar",
        ),
        (
            &["calls.fork=parallel", "calls.ring_time=5"],
            "`calls.ring_time` has no effect [5]; all devices ring at once",
        ),
        (&["log.level=debug"], "`log.level` is \"debug\""),
        (
            &[
                BOB[0],
                BOB[1],
                "digest.users.0.password=x",
                "digest.algorithms=SHA-256",
            ],
            "MD5 is not offered to phones",
        ),
        (
            &[BOB[0], BOB[1], MD5, "mode=aor"],
            "in `aor` the only user's devices are one contact",
        ),
        (
            &[
                "listen.0.bind=udp://203.0.113.5",
                "upstream.require_challenge=true",
            ],
            "the internet reaches this listener, and one source may take all places",
        ),
        (
            &[
                "listen.0.advertise=203.0.113.5",
                "limits.bindings_per_source=9",
            ],
            "the internet reaches this listener, and whom the main registrar accepts",
        ),
        (
            &["listen.0.bind=udp://10.0.0.1:5070", "listen.0.advertise=a"],
            "means 5060, not 5070",
        ),
        (&["upstream.expires=60"], "hardly longer than a refresh"),
        (
            &["upstream.reauth_interval=60"],
            "much shorter than `upstream.expires`",
        ),
        (
            &["registration.nat_expires=600"],
            "`registration.nat_expires` is 600 s",
        ),
        (&["upstream.deadline=60s"], "`upstream.deadline` is 1m"),
        (
            &["upstream.expires=60", "mode=aor"],
            "hardly longer than a refresh",
        ),
        (
            &["domain.0.name=a", "domain.0.registration.nat_expires=600"],
            "`registration.nat_expires` is 600 s",
        ),
        (
            &["naming.fold_user_case=true"],
            "changes the names of users",
        ),
        (
            &["naming.strip_prefixes=sip."],
            "`strip_prefixes` changes domains",
        ),
        (
            &["domain.0.name=a", "domain.0.aliases=b"],
            "aliases change domains",
        ),
        (
            &["domain.0.name=a", "domain.0.upstream_name=b"],
            "`upstream_name` changes a domain [b]; a digest covers",
        ),
        (
            &["registration.accept=anybody"],
            "`accept` lets nobody in that was not let in before",
        ),
        (
            &["upstream.control_bind=udp://10.0.0.1:5070"],
            "differs from a listener by its port alone",
        ),
        (
            &[
                "mode=mirror",
                "digest.realm=r",
                "digest.users.0.name=a",
                "digest.users.0.password=x",
            ],
            "`digest` has no effect in mirror",
        ),
    ] {
        let warnings = check(LEAST, sets).expect("usable").warnings;
        let told = lines(&warnings);
        assert_eq!(told.len(), 1, "{sets:?}: {told:?}");
        assert!(told[0].contains(wanted), "{told:?}");
        assert!(
            warnings
                .iter()
                .all(|fault| fault.severity == Severity::Warning)
        );
    }
    assert_eq!(lines(&check(LEAST, &[]).expect("usable").warnings), [""; 0]);
    let open = [
        "listen.0.bind=udp://203.0.113.5",
        "mode=standalone",
        "registration.accept=anybody",
        "limits.bindings_per_source=9",
    ];
    let told = lines(&check("", &open).expect("usable").warnings);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("and anybody may register"), "{told:?}");
    let told = lines(
        &check(
            LEAST,
            &[
                "listen.0.bind=udp://203.0.113.5",
                "calls.outbound=any",
                "limits.bindings_per_source=9",
                "upstream.require_challenge=true",
            ],
        )
        .expect("usable")
        .warnings,
    );
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("has it passed on"), "{told:?}");
    let alone = [
        "listen.0.bind=udp://10.0.0.1",
        "registration.accept=anybody",
    ];
    let told = lines(&check("", &alone).expect("usable").warnings);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("warning: no upstream server: midreg is the registrar"),
        "{told:?}"
    );
    let quiet = [
        "upstream.control_bind=udp://10.0.0.2",
        "domain.0.name=a",
        "domain.0.upstream_name=a",
    ];
    assert_eq!(
        lines(&check(LEAST, &quiet).expect("usable").warnings),
        [""; 0]
    );
    let one = [
        "domain.0.name=a",
        "domain.1.name=b",
        "domain.1.upstream_name=a",
    ];
    let told = lines(&check(LEAST, &one).expect("usable").warnings);
    assert!(
        told.iter()
            .any(|line| line.contains("two domains are `a` upstream")),
        "{told:?}"
    );
}

#[test]
fn without_a_listener_the_usual_port_is_taken() {
    let config = good("upstream.servers = \"sip:10.0.0.5\"", &[]);
    assert_eq!(config.listen.len(), 1);
    assert_eq!(config.listen[0].bind.to_string(), "0.0.0.0:5060");
}

#[test]
fn a_relative_secret_counts_from_the_file_but_not_on_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("midreg.toml");
    std::fs::write(&file, format!("{LEAST}security.secret_file = \"s\"\n")).expect("written");
    let typed = Typed {
        file: Some(file.clone()),
        overrides: vec![],
    };
    let config = load(&typed).expect("good").config;
    assert_eq!(config.secret_file, Some(folder.path().join("s")));
    let set = Override::Set("security.secret_file=t".to_owned());
    let config = load(&Typed {
        file: Some(file),
        overrides: vec![set],
    })
    .expect("good")
    .config;
    assert_eq!(config.secret_file, Some(PathBuf::from("t")));
}

#[test]
fn files_with_passwords_that_everybody_may_read_are_told() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("a folder");
    let [file, users] = ["midreg.toml", "users"].map(|name| folder.path().join(name));
    let digest = "digest.users_file = \"users\"\ndigest.realm = \"r\"\n";
    let alice = "digest.users = [{name = \"alice\", password = \"x\"}]\n";
    std::fs::write(&file, format!("{LEAST}{digest}{alice}")).expect("written");
    std::fs::write(&users, format!("bob:r:{}\n", "0".repeat(32))).expect("written");
    let warnings = |mode: u32| {
        for path in [&file, &users] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(path, permissions).expect("ours");
        }
        let typed = Typed {
            file: Some(file.clone()),
            overrides: vec![],
        };
        lines(&load(&typed).expect("good").warnings)
    };
    assert_eq!(warnings(0o640), [""; 0]);
    let told = warnings(0o644);
    assert_eq!(told.len(), 2, "{told:?}");
    for (line, name) in told.iter().zip(["users", "midreg.toml"]) {
        assert!(
            line.contains("everybody on this machine may read"),
            "{told:?}"
        );
        assert!(
            line.contains(&format!("{name}, with secrets in it")),
            "{told:?}"
        );
    }
}
