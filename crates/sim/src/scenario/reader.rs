//! Reads a scenario from text: the settings and the cast first, then the steps.

use core::time::Duration;

use super::Scenario;
use super::cast::Cast;
use super::fault::Fault;
use super::line::Line;
use super::message::{Message, What};
use super::settings::Settings;
use super::step::{Act, Party, Step};

/// Units of time, the longer name of two that begin alike first.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Reads a whole file.
pub(super) fn read(name: &str, text: &str) -> Result<Scenario, Fault> {
    let mut reader = Reader {
        scenario: Scenario {
            name: name.to_owned(),
            settings: Settings::default(),
            cast: Cast::default(),
            steps: Vec::new(),
        },
        now: None,
    };
    let lines = Line::all(text);
    for line in &lines {
        let understood = reader.line(line);
        understood.map_err(|complaint| Fault::new(name, line, complaint))?;
    }
    match lines.last() {
        Some(last) => reader.end().map_err(|why| Fault::new(name, last, why))?,
        None => return Err(Fault::new(name, &Line::empty(), "there is nothing in it")),
    }
    Ok(reader.scenario)
}

struct Reader {
    scenario: Scenario,
    /// The time of the present block; `None` before the first.
    now: Option<Duration>,
}

impl Reader {
    fn line(&mut self, line: &Line) -> Result<(), String> {
        let words = line.words();
        let act = match (words.as_slice(), self.now) {
            (["mode", rest @ ..], None) => return self.scenario.settings.set_mode(rest),
            (["set", rest @ ..], None) => return self.scenario.settings.set(rest),
            (["user", rest @ ..], None) => return self.scenario.settings.add_user(rest),
            (["phone", rest @ ..], None) => return self.scenario.cast.join(rest),
            (["mode" | "set" | "user" | "phone", ..], Some(_)) => {
                return Err("this belongs before the first `at`".to_owned());
            }
            (["at", time], _) => self.at(time)?,
            (_, None) => return Err("mode, set, user, phone or `at` is expected here".to_owned()),
            (["silence"], _) => Act::Silence,
            (["bound", aor, uris @ ..], _) => bound(aor, uris)?,
            ([from, "->", to, rest @ ..], _) => self.message(from, to, rest)?,
            ([name, "moves", "to", address], _) => self.moves(name, address)?,
            ([first, ..], _) => return Err(format!("`{first}` is not understood here")),
            ([], _) => return Ok(()),
        };
        let line = line.clone();
        self.scenario.steps.push(Step { line, act });
        Ok(())
    }

    fn at(&mut self, time: &str) -> Result<Act, String> {
        let time = duration(time)?;
        if self.now.is_some_and(|now| now >= time) {
            return Err("time only goes on".to_owned());
        }
        self.now = Some(time);
        Ok(Act::At(time))
    }

    fn message(&self, from: &str, to: &str, words: &[&str]) -> Result<Act, String> {
        let message = Message::parse(words)?;
        if from == "midreg" {
            let party = self.party(to)?;
            let about_registration = message.of.is_none();
            return match (&message.password, &party, message.what) {
                (Some(_), ..) => Err("a password is never to be heard".to_owned()),
                (None, Party::Main, What::Status(_)) if about_registration => {
                    Err("the main registrar does not register here".to_owned())
                }
                (None, Party::Phone(_), What::Register) => {
                    Err("nobody registers at a phone".to_owned())
                }
                _ => Ok(Act::Hear(party, message)),
            };
        }
        let party = self.party(from)?;
        if to != "midreg" {
            return Err("one end must be midreg".to_owned());
        }
        match (&party, message.what) {
            (Party::Phone(_), What::Register) if message.cseq.is_none() => {
                Err("cseq=… is missing".to_owned())
            }
            (Party::Main, What::Register) | (Party::Main, What::Again) => {
                Err(format!("this is nothing for {from} to say"))
            }
            (Party::Phone(_), What::Status(_)) if message.of.is_none() => {
                Err(format!("this is nothing for {from} to say"))
            }
            (_, What::Request(_)) if message.call_id.is_none() => {
                Err("call-id=… is missing".to_owned())
            }
            _ => Ok(Act::Say(party, message)),
        }
    }

    /// `NAME moves to ADDRESS:PORT`.
    fn moves(&self, name: &str, address: &str) -> Result<Act, String> {
        let Party::Phone(name) = self.party(name)? else {
            return Err("the main registrar stays where it is".to_owned());
        };
        match address.parse() {
            Ok(address) => Ok(Act::Move(name, address)),
            Err(_) => Err(format!("`{address}` is no address with a port")),
        }
    }

    fn party(&self, name: &str) -> Result<Party, String> {
        match (name, self.scenario.cast.named(name)) {
            ("main", _) => Ok(Party::Main),
            (_, Some(_)) => Ok(Party::Phone(name.to_owned())),
            (_, None) => Err(format!("nobody is called {name}")),
        }
    }

    fn end(&self) -> Result<(), String> {
        let ends = [
            (self.scenario.settings.has_mode(), "no `mode` was told"),
            (self.now.is_some(), "nothing happens: there is no `at`"),
        ];
        let missing = ends.iter().find(|(is_there, _)| !is_there);
        missing.map_or(Ok(()), |(_, complaint)| Err((*complaint).to_owned()))
    }
}

/// `bound AOR <URI>…`, or `bound AOR nothing`.
fn bound(aor: &str, uris: &[&str]) -> Result<Act, String> {
    let bare = |uri: &&str| {
        let inner = uri
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'));
        inner.map(str::to_owned)
    };
    let listed: Option<Vec<String>> = match uris {
        [] => None,
        ["nothing"] => Some(Vec::new()),
        uris => uris.iter().map(bare).collect(),
    };
    let listed = listed.ok_or("write: bound USER@DOMAIN <URI>…, or nothing")?;
    Ok(Act::Bound(aor.to_owned(), listed))
}

/// Numbers with units, one after the other: `1h30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time: write 0s, 500ms, 30s, 1h30m");
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|at: char| !at.is_ascii_digit())
            .ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit = UNITS.iter().find(|(unit, _)| after.starts_with(unit));
        let (unit, factor) = unit.ok_or_else(wrong)?;
        total += number * factor;
        rest = after.get(unit.len()..).unwrap_or_default();
    }
    match text.is_empty() {
        true => Err(wrong()),
        false => Ok(Duration::from_millis(total)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5_400)));
        for wrong in ["", "5", "s", "5 s", "5d", "-5s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
