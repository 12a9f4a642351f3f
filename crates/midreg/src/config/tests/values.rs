//! What is wrong by itself is told with its place, and without secrets.

use std::path::PathBuf;

use super::super::error::Severity;
use super::super::{Fault, Look, Typed, load};
use super::{LEAST, check, errors, lines};

#[test]
fn every_bad_value_is_told_with_its_place() {
    for (line, wanted) in [
        (
            "mode = \"mirrored\"",
            "3:8: error: bad value for `mode` [\"mirrored\"] (not one of the choices); did you \
             mean \"mirror\"? choose from \"contact\", \"mirror\", \"aor\", \"standalone\"",
        ),
        (
            "mode = 3",
            "3:8: error: bad value for `mode` [3] (this is a number)",
        ),
        (
            "workers = 0",
            "3:11: error: bad value for `workers` [0] (out of range); from 1 to 64",
        ),
        (
            "workers = 1.5",
            "3:11: error: bad value for `workers` [1.5] (this is a fraction)",
        ),
        (
            "server_header = \"a\\nb\"",
            "3:17: error: bad value for `server_header`",
        ),
        (
            "upstream.balance = \"random\"",
            "3:20: error: bad value for `upstream.balance`",
        ),
        (
            "upstream.expires = \"1.5h\"",
            "3:20: error: bad value for `upstream.expires`",
        ),
        (
            "upstream.expires = \"1500ms\"",
            "3:20: error: bad value for `upstream.expires` [\"1500ms\"] (not whole seconds)",
        ),
        (
            "upstream.expires = -1",
            "3:20: error: bad value for `upstream.expires` [-1] (negative)",
        ),
        (
            "upstream.insertion = \"header\"",
            "3:22: error: bad value for `upstream.insertion`",
        ),
        (
            "upstream.contact_style = 1",
            "3:26: error: bad value for `upstream.contact_style`",
        ),
        (
            "upstream.at_sign = \"\"",
            "3:20: error: bad value for `upstream.at_sign` [\"\"] (empty)",
        ),
        (
            "upstream.at_sign = \"@\"",
            "3:20: error: bad value for `upstream.at_sign` [\"@\"] (not legal in the user part of a URI)",
        ),
        (
            "upstream.at_sign = \"%4\"",
            "3:20: error: bad value for `upstream.at_sign` [\"%4\"] (not legal in the user part of a URI)",
        ),
        (
            "upstream.at_sign = \"-at-\"",
            "3:20: error: bad value for `upstream.at_sign` [\"-at-\"] (a domain could hold this text too)",
        ),
        (
            "upstream.at_sign = \"_________________\"",
            "3:20: error: bad value for `upstream.at_sign` [\"_________________\"] (too long)",
        ),
        (
            "upstream.control_bind = \"udp://0.0.0.0:5070\"",
            "3:25: error: bad value for `upstream.control_bind` [\"udp://0.0.0.0:5070\"] (not one address)",
        ),
        (
            "upstream.control_bind = \"tls://10.0.0.2\"",
            "3:25: error: bad value for `upstream.control_bind`",
        ),
        (
            "upstream.resync_after = 0",
            "3:25: error: bad value for `upstream.resync_after`",
        ),
        (
            "upstream.credentials = [{user = \"u\"}]",
            "3:25: error: `upstream.credentials.password` is missing",
        ),
        (
            "upstream.credentials = [{password = \"p\"}]",
            "3:25: error: `upstream.credentials.user` is missing",
        ),
        (
            "upstream.credentials = [{realm = \"\", user = \"u\", password = \"p\"}]",
            "3:34: error: bad value for `upstream.credentials.realm` [**] (empty)",
        ),
        (
            "upstream.credentials = [{user = \"u\", password = \"p\"}, {user = \"v\", password = \"p\"}]",
            "3:55: error: two credentials for one realm",
        ),
        (
            "naming.strip_prefixes = \"sip\"",
            "3:25: error: bad value for `naming.strip_prefixes` [\"sip\"] (no dot at its end)",
        ),
        (
            "naming.strip_prefixes = [\"a b.\"]",
            "3:26: error: bad value for `naming.strip_prefixes` [\"a b.\"] (not the beginning",
        ),
        (
            "naming.strip_prefixes = [\"sip.\", \"sip.a.\"]",
            "3:34: error: this prefix is never the first that fits",
        ),
        (
            "naming.fold_user_case = \"yes\"",
            "3:25: error: bad value for `naming.fold_user_case`",
        ),
        (
            "registration.accept = \"all\"",
            "3:23: error: bad value for `registration.accept`",
        ),
        (
            "digest.realm = \"a\\\"b\"",
            "3:16: error: bad value for `digest.realm`",
        ),
        (
            "digest.algorithms = [\"SHA-1\"]",
            "3:21: error: bad value for `digest.algorithms` [[\"SHA-1\"]] (`SHA-1` is not known)",
        ),
        (
            "digest.algorithms = []",
            "3:21: error: bad value for `digest.algorithms` [[]] (empty)",
        ),
        (
            "digest.algorithms = [\"MD5\", \"md5\"]",
            "3:21: error: bad value for `digest.algorithms` [[\"MD5\", \"md5\"]] (`md5` twice)",
        ),
        (
            "digest.nonce_life = \"1s\"",
            "3:21: error: bad value for `digest.nonce_life` [\"1s\"] (out of range)",
        ),
        (
            "digest.users = [{name = \"a:b\", password = \"p\"}]",
            "3:25: error: bad value for `digest.users.name`",
        ),
        (
            "digest.users = [{name = \"a\"}]",
            "3:17: error: `digest.users.password` is missing",
        ),
        (
            "digest.users = [{name = \"a\", ha1_md5 = \"beef\"}]",
            "3:40: error: bad value for `digest.users.ha1_md5` [******] (not the hexadecimal \
             digits of this hash); the MD5 hash of `name:realm:password` has 32 of them",
        ),
        (
            "digest.users = [{name = \"a\", password = \"p\", ha1_md5 = \"7650d211d93fae2c3f56cdb1f1af23b2\"}]",
            "3:41: error: `digest.users.password` stands beside a hash [***]",
        ),
        (
            "digest.users_file = \"\"",
            "3:21: error: bad value for `digest.users_file` [\"\"] (empty)",
        ),
        (
            "digest.users_file = \"no/such/file\"",
            "3:21: error: cannot read no/such/file: No such file",
        ),
        (
            "digest = {realm = \"r\", users = [{name = \"a\", password = \"\"}]}",
            "3:57: error: bad value for `digest.users.password` [**] (empty)",
        ),
        (
            "domain = [{mode = \"aor\"}]",
            "3:11: error: `domain.name` is missing",
        ),
        (
            "domain = [{name = \"a b\"}]",
            "3:19: error: bad value for `domain.name` [\"a b\"] (not a domain)",
        ),
        (
            "domain = [{name = \"a\", aliases = [\"sip:b\"]}]",
            "3:35: error: bad value for `domain.aliases` [\"sip:b\"] (not a domain)",
        ),
        (
            "domain = [{name = \"a\", upstream_name = \"b:5060\"}]",
            "3:40: error: bad value for `domain.upstream_name` [\"b:5060\"] (a domain has no port)",
        ),
        (
            "domain = [{name = \"a\", mode = \"path\"}]",
            "3:31: error: bad value for `domain.mode`",
        ),
        (
            "upstream.reauth_interval = 0",
            "3:28: error: bad value for `upstream.reauth_interval`",
        ),
        (
            "upstream.deadline = \"1ms\"",
            "3:21: error: bad value for `upstream.deadline`",
        ),
        (
            "upstream.require_challenge = 1",
            "3:30: error: bad value for `upstream.require_challenge`",
        ),
        (
            "upstream.max_in_flight = 0",
            "3:26: error: bad value for `upstream.max_in_flight`",
        ),
        (
            "upstream.token_param = \"lr\"",
            "3:24: error: bad value for `upstream.token_param` [\"lr\"] (this parameter has a meaning in SIP)",
        ),
        (
            "upstream.token_param = \"a;b\"",
            "3:24: error: bad value for `upstream.token_param` [\"a;b\"] (not a parameter name)",
        ),
        (
            "upstream.definitive_rejects = [403, 401]",
            "3:37: error: bad value for `upstream.definitive_rejects` [401] (this status ends nothing)",
        ),
        (
            "upstream.definitive_rejects = [503]",
            "3:32: error: bad value for `upstream.definitive_rejects` [503] (not a reject)",
        ),
        (
            "upstream.trusted = [\"10.0.0.5/8\"]",
            "3:21: error: bad value for `upstream.trusted` [\"10.0.0.5/8\"] (an address within a \
             network, not the network); \"10.0.0.0/8\" is that network",
        ),
        (
            "registration.min_expires = 0",
            "3:28: error: bad value for `registration.min_expires`",
        ),
        (
            "registration.too_brief = true",
            "3:26: error: bad value for `registration.too_brief`",
        ),
        (
            "registration.jitter = 51",
            "3:23: error: bad value for `registration.jitter` [51] (out of range); from 0 to 50%",
        ),
        (
            "registration.flow_match = \"port\"",
            "3:27: error: bad value for `registration.flow_match`",
        ),
        (
            "limits.bindings_per_aor = 0",
            "3:27: error: bad value for `limits.bindings_per_aor`",
        ),
        (
            "limits.overflow = \"drop\"",
            "3:19: error: bad value for `limits.overflow`",
        ),
        (
            "limits.bindings = 1979-05-27",
            "3:19: error: bad value for `limits.bindings` [1979-05-27] (this is a date)",
        ),
        (
            "limits = 3",
            "3:10: error: bad value for `limits` [3] (this is a number); a table is wanted",
        ),
        (
            "security.secret_file = \"\"",
            "3:24: error: bad value for `security.secret_file` [\"\"] (empty)",
        ),
        (
            "log.level = \"loud\"",
            "3:13: error: bad value for `log.level` [\"loud\"] (not one of the choices)",
        ),
        (
            "log.format = \"xml\"",
            "3:14: error: bad value for `log.format`",
        ),
    ] {
        let faults = check(&format!("{LEAST}{line}\n"), &[]).expect_err(line);
        let errors = faults
            .iter()
            .filter(|fault| fault.severity == Severity::Error);
        let got: Vec<String> = errors.map(Fault::line).collect();
        assert_eq!(got.len(), 1, "{line}: {got:?}");
        let wanted = format!("midreg.toml:{wanted}");
        assert!(
            got[0].starts_with(&wanted),
            "{line}:\n{}\nwanted\n{wanted}",
            got[0]
        );
    }
}

#[test]
fn bad_addresses_are_told_with_their_place() {
    let text = "upstream.servers = [\"sip:10.0.0.5\", \"sips:10.0.0.5\"]\n\
                [[listen]]\nbind = \"tcp://0.0.0.0:5060\"\n[[listen]]\nadvertise = \"a b\"\n";
    let got = errors(text, &[]);
    assert_eq!(got.len(), 4, "{got:?}");
    for (line, wanted) in got.iter().zip([
        "1:37: error: bad value for `upstream.servers`",
        "3:8: error: bad value for `listen.bind`",
        "4:1: error: `listen.bind` is missing",
        "5:13: error: bad value for `listen.advertise`",
    ]) {
        assert!(line.starts_with(&format!("midreg.toml:{wanted}")), "{line}");
    }
    assert!(got[1].contains("`tcp` is not in this version"));
}

#[test]
fn unknown_keys_get_a_hint() {
    let text = format!("{LEAST}worker = 1\n[registration]\nmin_expire = 5\nlevel = 1\n");
    let got = errors(&text, &[]);
    assert_eq!(got.len(), 3, "{got:?}");
    for (place, hint) in [
        (
            "midreg.toml:3:1: error: unknown key `worker`",
            "did you mean `workers`?",
        ),
        (
            "midreg.toml:5:1: error: unknown key `registration.min_expire`",
            "`registration.min_expires`?",
        ),
        (
            "midreg.toml:6:1: error: unknown key `registration.level`",
            "did you mean `log.level`?",
        ),
    ] {
        assert!(
            got.iter().any(|l| l.starts_with(place) && l.contains(hint)),
            "{place}: {got:?}"
        );
    }
}

#[test]
fn what_comes_later_is_called_so() {
    let got = errors(&format!("{LEAST}[storage]\npath = \"/x\"\n"), &[]);
    assert_eq!(
        got,
        [
            "midreg.toml:3:2: error: unknown key `storage` [storage] (not in this version); \
          bindings are kept in memory only, and are gone after a restart"
        ]
    );
}

#[test]
fn syntax_and_meaning_are_both_told() {
    let got = errors(&format!("{LEAST}mode = contact\nworkers = 0\n"), &[]);
    assert!(
        got.iter()
            .any(|l| l.starts_with("midreg.toml:3:") && l.contains("not valid TOML"))
    );
    assert!(
        got.iter()
            .any(|l| l.starts_with("midreg.toml:4:11: error: bad value for `workers`"))
    );
}

#[test]
fn errors_on_the_command_line_point_into_the_argument() {
    let got = errors(LEAST, &["registration.min_expires=abc", "log.lvel=info"]);
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(got[0].starts_with("--set:1:26: error: bad value for `registration.min_expires`"));
    assert!(
        got[1].starts_with("--set:1:1: error: unknown key `log.lvel`"),
        "{got:?}"
    );
}

#[test]
fn no_password_is_ever_shown() {
    const SECRET: &str = "open-sesame";
    let all = |text: &str, sets: &[&str]| match check(text, sets) {
        Ok(loaded) => format!("{:?}", loaded.config) + &loaded.warnings.render(Look::Terminal),
        Err(faults) => faults.render(Look::Terminal) + &faults.render(Look::Plain),
    };
    let users = format!("{LEAST}[digest]\nrealm = \"r\"\n[[digest.users]]\n");
    for lines in [
        format!("name = \"a\"\npassword = \"{SECRET}\"\n"),
        format!("nam = \"a\"\npassword = \"{SECRET}\"\n"),
        format!("name = \"a\"\npasswort = \"{SECRET}\"\n"),
        format!("name = \"a\"\npassword = {SECRET}\n"),
        format!("name = \"a\"\npassword = \"{SECRET}\n"),
        format!("name = \"a\"\npassword = [\"{SECRET}\"]\n"),
        format!("name = \"a\"\npassword = \"{SECRET}\\u0007\"\n"),
        format!("name = 1\npassword = \"\"\"\n{SECRET}\"\"\"\n"),
        format!("name = \"a\"\nha1_md5 = \"{SECRET}\"\n"),
        format!("name = \"a\"\npassword = \"{SECRET}\"\nha1_md5 = \"{SECRET}\"\n"),
    ] {
        let shown = all(&format!("{users}{lines}"), &[]);
        assert!(!shown.contains("sesame"), "{lines}\n{shown}");
    }
    for set in [
        format!("digest.users.0.password={SECRET}"),
        format!("digest.users.0.pasword={SECRET}"),
        format!("digest.users=[\"{SECRET}\"]"),
        format!("digest.users={SECRET}"),
        format!("upstream.credentials.0.password={SECRET}"),
        format!("upstream.credentials=[{{user=\"u\",password=\"{SECRET}\"}}]"),
    ] {
        let shown = all(LEAST, &[&set]);
        assert!(!shown.contains("sesame"), "{set}\n{shown}");
    }
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let typed = |name: &str| Typed {
        file: Some(folder.path().join(name)),
        overrides: vec![],
    };
    let missing = lines(&load(&typed("none.toml")).expect_err("missing"));
    assert!(
        missing[0].contains("cannot read") && missing[0].contains("none.toml"),
        "{missing:?}"
    );
    std::fs::write(
        folder.path().join("latin1.toml"),
        b"mode = \"contact\"\n# caf\xe9\n",
    )
    .expect("written");
    let latin = lines(&load(&typed("latin1.toml")).expect_err("not UTF-8"));
    assert!(latin[0].contains("latin1.toml:2: not UTF-8"), "{latin:?}");
    let relative = Typed {
        file: Some(PathBuf::from("no/such.toml")),
        overrides: vec![],
    };
    let told = lines(&load(&relative).expect_err("missing"));
    assert!(told[0].contains("looked for it in /"), "{told:?}");
}
