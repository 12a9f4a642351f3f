//! `UsersFile`: the file of `digest.users_file`, in the form that `htdigest` writes: a line
//! `name:realm:hash` for each user, realm and hash function.
//!
//! Hashes never leave this file in a message: what is shown of it has them blotted out.

use std::path::Path;
use std::sync::Arc;

use sip::digest::{Algorithm, Hex};

use super::error::{Fault, Faults, Source, Spot};
use super::mask::masked_fields;
use super::privacy;
use super::section::{Complaint, Given};
use super::user::{Secret, User, user_name};
use super::value::fit_name;

/// Most bad lines of one file that are told one by one.
const MOST_TOLD: usize = 5;

/// What a hash is made with is told by its length. SHA-512-256 looks like SHA-256, which nearly all
/// files of this kind mean.
const BY_LENGTH: [Algorithm; 2] = [Algorithm::Md5, Algorithm::Sha256];

/// A file of users that was read.
#[derive(Clone)]
pub(crate) struct UsersFile {
    /// Where it was named.
    spot: Spot,
    /// Sorted by name; a name's lines stand as in the file.
    lines: Vec<Line>,
}

/// A line that names a user.
#[derive(Clone)]
struct Line {
    name: String,
    realm: String,
    hash: (Algorithm, Hex),
    spot: Spot,
}

impl UsersFile {
    /// Reads the file; `None` when something is wrong with it, which is told, with the line.
    pub(crate) fn load(path: &Path, named_at: &Spot, faults: &mut Faults) -> Option<Self> {
        let name = path.display().to_string();
        let lines = match std::fs::read_to_string(path) {
            Ok(text) => read_lines(&name, &text, named_at),
            Err(error) => {
                let help = "a text with a line `name:realm:hash` for each user, as `htdigest` \
                            writes it";
                let message = format!("cannot read {name}: {error}");
                Err(vec![Fault::error(named_at, message).help(help)])
            }
        };
        match lines {
            Ok(lines) => {
                privacy::tell(path, named_at, faults);
                Some(Self {
                    spot: named_at.clone(),
                    lines,
                })
            }
            Err(wrong) => {
                wrong.into_iter().for_each(|fault| faults.push(fault));
                None
            }
        }
    }

    /// The users of a realm, sorted by name. Lines of other realms are somebody else's; that there
    /// are no others is told.
    pub(crate) fn users_of(&self, realm: &str, faults: &mut Faults) -> Vec<Given<User>> {
        let mut users: Vec<Given<User>> = Vec::new();
        for line in self.lines.iter().filter(|line| line.realm == realm) {
            match users.last_mut().map(|user| &mut user.value) {
                Some(User {
                    name,
                    secret: Secret::Hashes(hashes),
                }) if *name == line.name => hashes.push(line.hash),
                _ => users.push(Given {
                    value: User {
                        name: line.name.clone(),
                        secret: Secret::Hashes(vec![line.hash]),
                    },
                    spot: line.spot.clone(),
                }),
            }
        }
        if users.is_empty() {
            let message = format!("no users of realm \"{realm}\" in this file");
            let fault = Fault::error(&self.spot, message);
            faults.push(match self.lines.first() {
                Some(line) => fault.help(format!(
                    "it has users of realm \"{}\": set `digest.realm` to that, or have the hashes \
                     made anew",
                    line.realm
                )),
                None => fault.help("it names nobody"),
            });
        }
        users
    }
}

fn read_lines(name: &str, text: &str, named_at: &Spot) -> Result<Vec<Line>, Vec<Fault>> {
    let source = Arc::new(Source {
        name: name.to_owned(),
        text: masked_fields(text),
    });
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    let mut start = 0;
    for whole in text.split_inclusive('\n') {
        let line = whole.trim_end();
        let spot = Spot {
            source: Arc::clone(&source),
            span: start..start + line.len(),
        };
        start += whole.len();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match read_line(line, spot.clone()) {
            Ok(line) => lines.push(line),
            Err(complaint) => {
                let fault = Fault::error(&spot, "not a user");
                wrong.push(fault.label(complaint.label).help(complaint.help));
            }
        }
    }
    lines.sort_by(|a, b| a.name.cmp(&b.name));
    wrong.extend(repeated(&lines));
    if wrong.len() > MOST_TOLD {
        let message = format!("{} more lines of {name} are wrong", wrong.len() - MOST_TOLD);
        wrong.truncate(MOST_TOLD);
        wrong.push(Fault::error(named_at, message));
    }
    match wrong.is_empty() {
        true => Ok(lines),
        false => Err(wrong),
    }
}

fn read_line(line: &str, spot: Spot) -> Result<Line, Complaint> {
    const HELP: &str = "`name:realm:hash`, as `htdigest` writes it";
    let mut fields = line.split(':');
    let (Some(name), Some(realm), Some(hash), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(Complaint::new("not three fields with `:` between", HELP));
    };
    let name = user_name(name)?;
    let realm = fit_name(realm)?;
    let read = |algorithm| Some((algorithm, Hex::parse(algorithm, hash.as_bytes())?));
    let Some(hash) = BY_LENGTH.into_iter().find_map(read) else {
        let help = "32 hexadecimal digits for MD5, 64 for SHA-256";
        return Err(Complaint::new("the third field is no hash", help));
    };
    Ok(Line {
        name,
        realm,
        hash,
        spot,
    })
}

/// Two hashes of one user, realm and algorithm: one of them is old. Wants lines sorted by name.
fn repeated(lines: &[Line]) -> Vec<Fault> {
    let mut wrong = Vec::new();
    for same in lines.chunk_by(|a, b| a.name == b.name) {
        for (index, line) in same.iter().enumerate() {
            let key = |line: &Line| (line.realm.clone(), line.hash.0);
            let mut earlier = same.iter().take(index);
            if let Some(other) = earlier.find(|other| key(other) == key(line)) {
                let help = format!("the other one is at {}", other.spot);
                wrong.push(Fault::error(&line.spot, "this user is listed twice").help(help));
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "7650d211d93fae2c3f56cdb1f1af23b2";

    fn read(text: &str) -> Result<UsersFile, Vec<String>> {
        let source = Arc::new(Source {
            name: "midreg.toml".to_owned(),
            text: "users_file = \"users\"".to_owned(),
        });
        let spot = Spot {
            source,
            span: 13..20,
        };
        match read_lines("users", text, &spot) {
            Ok(lines) => Ok(UsersFile { spot, lines }),
            Err(wrong) => Err(wrong.iter().map(Fault::line).collect()),
        }
    }

    fn wrong(text: &str) -> Vec<String> {
        read(text).err().unwrap_or_default()
    }

    fn told(faults: &Faults) -> Vec<String> {
        faults.iter().map(Fault::line).collect()
    }

    fn names(users: &[Given<User>]) -> Vec<&str> {
        users.iter().map(|user| user.value.name.as_str()).collect()
    }

    #[test]
    fn a_realm_has_its_own_users_with_all_their_hashes() {
        let sha = MD5.repeat(2).to_uppercase();
        let text = format!(
            "# users\r\nbob:hall:{MD5}\r\n\r\nalice:hall:{MD5}\ncarol:other:{MD5}\nalice:hall:{sha}\n\
             alice:other:{MD5}"
        );
        let (file, mut faults) = (read(&text).expect("good"), Faults::default());
        let users = file.users_of("hall", &mut faults);
        assert_eq!(told(&faults), [""; 0]);
        assert_eq!(names(&users), ["alice", "bob"]);
        let alice = users[0].value.hashed("hall", &[]);
        let hashes: Vec<(Algorithm, &[u8])> = alice
            .ha1
            .iter()
            .map(|(kind, hash)| (*kind, hash.as_bytes()))
            .collect();
        let lower = sha.to_lowercase();
        assert_eq!(
            hashes,
            [
                (Algorithm::Md5, MD5.as_bytes()),
                (Algorithm::Sha256, lower.as_bytes())
            ]
        );
        assert_eq!(
            names(&file.users_of("other", &mut faults)),
            ["alice", "carol"]
        );
    }

    #[test]
    fn a_realm_without_users_is_told() {
        let file = read(&format!("alice:hall:{MD5}\n")).expect("good");
        let mut faults = Faults::default();
        assert!(file.users_of("lobby", &mut faults).is_empty());
        assert_eq!(
            told(&faults),
            [
                "midreg.toml:1:14: error: no users of realm \"lobby\" in this file [\"users\"]; it has \
              users of realm \"hall\": set `digest.realm` to that, or have the hashes made anew"
            ]
        );
        let file = read("# nobody yet\n").expect("good");
        let mut faults = Faults::default();
        file.users_of("hall", &mut faults);
        assert!(told(&faults)[0].ends_with("it names nobody"));
    }

    #[test]
    fn bad_lines_are_told_without_their_hashes() {
        let open = "0123456789abcdef0123456789abcdeX";
        for (line, wanted) in [
            (
                format!("a:r:{open}"),
                "users:1:1: error: not a user [a:r:********************************] (the third \
                 field is no hash)",
            ),
            (format!("a:{open}"), "users:1:1: error: not a user [a:***"),
            (open.to_owned(), "users:1:1: error: not a user [***"),
            (
                format!("a:r:{MD5}:{open}"),
                "users:1:1: error: not a user [a:r:***",
            ),
            (format!(":r:{MD5}"), "users:1:1: error: not a user [:r:***"),
            (
                format!("a@b:r:{MD5}"),
                "users:1:1: error: not a user [a@b:r:***",
            ),
            (format!("a::{MD5}"), "users:1:1: error: not a user [a::***"),
            (
                format!("a:r:é{open}"),
                "users:1:1: error: not a user [a:r:***",
            ),
        ] {
            let told = wrong(&format!("{line}\n"));
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with(wanted), "{told:?}");
            assert!(
                !told[0].contains("0123") && !told[0].contains("7650"),
                "{told:?}"
            );
        }
    }

    #[test]
    fn of_many_bad_lines_the_first_are_told() {
        let told = wrong(&"x\n".repeat(9));
        assert_eq!(told.len(), MOST_TOLD + 1);
        assert!(
            told[4].starts_with("users:5:1: error: not a user"),
            "{told:?}"
        );
        assert_eq!(
            told[5],
            "midreg.toml:1:14: error: 4 more lines of users are wrong [\"users\"]"
        );
    }

    #[test]
    fn one_hash_of_a_kind_is_enough() {
        assert_eq!(
            wrong(&format!("a:r:{MD5}\nb:r:{MD5}\na:s:{MD5}\na:r:{MD5}\n")),
            [
                "users:4:1: error: this user is listed twice [a:r:********************************]; \
              the other one is at users:1:1"
            ]
        );
    }
}
