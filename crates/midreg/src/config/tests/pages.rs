//! What is told of the keys agrees with what they do: defaults, examples, and the effective
//! configuration.

use super::super::effective::{effective, effective_json};
use super::super::key::Absent;
use super::super::keys::{all, catalogue, followed};
use super::super::manual::markdown;
use super::super::record::KeyRecord;
use super::keys::{PROBES, file_with, set_path};
use super::{LEAST, check, lines};

fn records() -> impl Iterator<Item = (String, &'static KeyRecord)> {
    let of = |table: &'static super::super::record::TableRecord| {
        let keys = table.keys.iter();
        keys.map(|record| (table.path_of(record.key), record))
    };
    catalogue().tables().flat_map(of)
}

#[test]
fn every_key_and_table_is_explained() {
    for (path, record) in records() {
        let doc = record.key.doc;
        assert!(doc.ends_with('.') && doc.len() > 8, "{path}: {doc:?}");
        let words = record.key.absent.words().unwrap_or("words");
        assert!(
            !words.is_empty() && !words.ends_with('.'),
            "{path}: {words:?}"
        );
        if record.key.absent == Absent::Default {
            assert!(record.value.is_some(), "{path} tells no default");
        }
    }
    for table in catalogue().tables().skip(1) {
        assert!(table.table.doc.ends_with('.'), "{}", table.path);
    }
    let page = markdown(catalogue());
    for key in all() {
        assert!(page.contains(&format!("### `{key}`\n")), "{key}");
    }
}

#[test]
fn every_example_is_taken_at_its_place() {
    for (path, record) in records() {
        // A file of users is read from the disk, and a Path goes with no style of Contact.
        if path.ends_with("users_file") {
            continue;
        }
        let text = file_with(&path, record.key.example);
        let loaded = check(&text, &[]);
        let loaded = loaded.unwrap_or_else(|faults| panic!("{text}{:?}", lines(&faults)));
        let keys = effective_json(&loaded.effective);
        let origin = keys[&set_path(&path)]["origin"]
            .as_str()
            .unwrap_or_default();
        assert!(origin.starts_with("midreg.toml:"), "{path}: {origin}");
    }
}

#[test]
fn the_defaults_that_are_told_are_those_that_hold() {
    let keys = effective_json(&check(LEAST, &[]).expect("good").effective);
    for (path, record) in records().filter(|(_, record)| record.key.absent == Absent::Default) {
        let Some(held) = keys.get(set_path(&path)) else {
            let optional = ["listen", "upstream.credentials", "digest.users", "domain"];
            assert!(
                optional.iter().any(|table| path.starts_with(table)),
                "{path}"
            );
            continue;
        };
        assert_eq!(held["value"].as_str(), record.value.as_deref(), "{path}");
    }
}

#[test]
fn a_default_that_is_written_out_changes_nothing() {
    let plain = check(LEAST, &[]).expect("good").config;
    for (path, record) in records().filter(|(_, record)| record.key.absent == Absent::Default) {
        if path.starts_with("domain") || path.starts_with("digest") {
            continue;
        }
        let value = record.value.as_deref().unwrap_or_default();
        let set = format!("{}={value}", set_path(&path));
        let loaded = check(LEAST, &[&set]);
        let loaded = loaded.unwrap_or_else(|faults| panic!("{set}: {:?}", lines(&faults)));
        assert_eq!(
            format!("{:?}", loaded.config),
            format!("{plain:?}"),
            "{set}"
        );
        assert_eq!(lines(&loaded.warnings), [""; 0], "{set}");
    }
}

#[test]
fn a_domain_follows_the_keys_of_the_same_name() {
    for key in all().iter().filter(|key| key.starts_with("domain.")) {
        let own = ["domain.name", "domain.aliases", "domain.upstream_name"];
        let wanted = !own.contains(&key.as_str()) && !key.starts_with("domain.digest.users");
        assert_eq!(followed(key).is_some(), wanted, "{key}");
    }
    assert_eq!(
        followed("domain.expires").as_deref(),
        Some("upstream.expires")
    );
    assert_eq!(followed("domain.mode").as_deref(), Some("mode"));
}

#[test]
fn the_effective_configuration_is_a_configuration_of_the_same_meaning() {
    let domains = "[[domain]]\nname = \"a\"\nmode = \"aor\"\nexpires = 600\n\
                   domain.registration = {max_expires = 90}\n\
                   [[domain]]\nname = \"b\"\nmode = \"standalone\"\n\
                   registration.accept = \"anybody\"\n";
    let domains = domains.replace("domain.registration", "registration");
    let mut files: Vec<String> = PROBES
        .iter()
        .filter(|(key, ..)| !key.contains("digest") && !key.contains("credentials"))
        .map(|(key, value, _)| {
            // Secrets are not shown, so they stay out.
            let tables = file_with(key, value).replace("[digest]\nrealm = \"example.test\"\n", "");
            let users = "name = \"bob\"\npassword = \"secret\"\n";
            let tables = tables.replace(&format!("[[digest.users]]\n{users}"), "");
            let tables = tables.replace("[domain.digest]\n", "");
            let tables = tables.replace(&format!("[[domain.digest.users]]\n{users}"), "");
            let credentials = "user = \"midreg\"\npassword = \"secret\"\n";
            tables.replace(&format!("[[upstream.credentials]]\n{credentials}"), "")
        })
        .collect();
    files.extend([
        String::new() + LEAST + &domains,
        "mode = \"standalone\"\nregistration.accept = \"anybody\"\n".to_owned(),
        format!("{LEAST}registration.max_expires = 5\n"),
    ]);
    for file in files {
        let loaded = check(&file, &[]);
        let loaded = loaded.unwrap_or_else(|faults| panic!("{file}{:?}", lines(&faults)));
        let text = effective(&loaded.effective);
        let again = check(&text, &[]);
        let again = again.unwrap_or_else(|faults| panic!("{file}\n{text}{:?}", lines(&faults)));
        let (one, other) = (
            format!("{:?}", loaded.config),
            format!("{:?}", again.config),
        );
        assert_eq!(one, other, "{file}\n{text}");
    }
}

#[test]
fn the_effective_configuration_tells_where_values_come_from_and_no_secrets() {
    let sets = [
        "registration.max_expires=600",
        "domain.0.name=a",
        "domain.0.digest.realm=r",
        "domain.0.digest.users.0.name=bob",
        "domain.0.digest.users.0.password=open-sesame",
    ];
    let loaded = check(LEAST, &sets).expect("good");
    let text = effective(&loaded.effective);
    for part in [
        "max_expires = 600                        # --set:1:26\n",
        "servers = [\"sip:10.0.0.5\"]               # midreg.toml:1:20\n",
        "#reauth_interval = 7200                  # as long as expires\n",
        "#default_expires = 600                   # to fit the keys beside it\n",
        "#expires = 7200                          # as upstream.expires\n",
        "password = \"********\"                    # --set:1:34\n",
        "#[digest]",
    ] {
        assert!(text.contains(part), "{part}is missing in\n{text}");
    }
    let json = effective_json(&loaded.effective).to_string();
    assert!(
        !text.contains("sesame") && !json.contains("sesame"),
        "{text}"
    );
}
