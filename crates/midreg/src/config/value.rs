//! What a value may look like: times, counts, flags, names. Each function reads one kind of value
//! or says what it wants instead.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::Seconds;

use super::form::{Form, Kind, quoted, text_of};
use super::raw::{Node, Value};
use super::section::Complaint;

/// Every lifetime that is one.
pub(crate) const ANY: RangeInclusive<Seconds> = 1..=Seconds::MAX;

/// What a name in a challenge may hold.
const NAME_PATTERN: &str = r#"^[^"\\]{1,200}$"#;

const DURATION_HELP: &str = "write seconds as a number, or a text such as \"30s\", \"5m\", \"2h\"";

/// A lifetime in whole seconds: a number of seconds or a text with units.
pub(crate) fn seconds(range: RangeInclusive<Seconds>) -> Form<Seconds> {
    let kind = Kind::Seconds {
        least: *range.start(),
        most: *range.end(),
    };
    let read = move |node: &Node| {
        let duration = duration(node)?;
        let whole = u32::try_from(duration.as_secs()).ok();
        match whole {
            Some(_) if duration.subsec_nanos() != 0 => Err(Complaint::new(
                "not whole seconds",
                "SIP counts lifetimes in seconds",
            )),
            Some(seconds) if range.contains(&seconds) => Ok(seconds),
            _ if *range.end() == Seconds::MAX && duration.as_secs() < u64::from(*range.start()) => {
                let help = format!("at least {} s", range.start());
                Err(Complaint::new("out of range", help))
            }
            _ => Err(out_of(&range, " s")),
        }
    };
    Form::new(kind, read, Seconds::to_string)
}

/// A span of time: a number of seconds or a text with units.
pub(crate) fn span(range: RangeInclusive<Duration>) -> Form<Duration> {
    let (least, most) = range.into_inner();
    let read = move |node: &Node| {
        let duration = duration(node)?;
        if (least..=most).contains(&duration) {
            return Ok(duration);
        }
        let (least, most) = (show_duration(least), show_duration(most));
        let help = format!("from {least} to {most}");
        Err(Complaint::new("out of range", help))
    };
    let show = |duration: &Duration| quoted(&show_duration(*duration));
    Form::new(Kind::Span { least, most }, read, show)
}

fn duration(node: &Node) -> Result<Duration, Complaint> {
    match &node.value {
        Value::Integer(seconds) => u64::try_from(*seconds)
            .map(Duration::from_secs)
            .map_err(|_| Complaint::new("negative", DURATION_HELP)),
        Value::String(text) => {
            parse_duration(text).ok_or_else(|| Complaint::new("not a duration", DURATION_HELP))
        }
        value => Err(Complaint::kind(value, "a duration such as 3600 or \"1h\"")),
    }
}

/// A whole number within `range`.
pub(crate) fn count(range: RangeInclusive<usize>) -> Form<usize> {
    let kind = Kind::Count {
        least: *range.start(),
        most: *range.end(),
    };
    let read = move |node: &Node| match &node.value {
        Value::Integer(number) => usize::try_from(*number)
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| out_of(&range, "")),
        Value::String(text) if text.trim().parse::<usize>().is_ok() => {
            Err(Complaint::new("this is a text", "write it without quotes"))
        }
        value => Err(Complaint::kind(value, "a number")),
    };
    Form::new(kind, read, usize::to_string)
}

/// A share in percent, as a number or a text such as "10%".
pub(crate) fn percent(most: u8) -> Form<u8> {
    let read = move |node: &Node| {
        let number = match &node.value {
            Value::Integer(number) => u8::try_from(*number).ok(),
            Value::String(text) => text.trim().strip_suffix('%').and_then(|n| n.parse().ok()),
            value => return Err(Complaint::kind(value, "a percentage")),
        };
        number
            .filter(|number| *number <= most)
            .ok_or_else(|| out_of(&(0..=most), "%"))
    };
    Form::new(Kind::Percent { most }, read, u8::to_string)
}

/// `true` or `false`.
pub(crate) fn flag() -> Form<bool> {
    flag_of([false, true])
}

/// `true` or `false`, where these stand for something: for the second and the first of `meanings`.
pub(crate) fn flag_of<T: Copy + PartialEq + 'static>(meanings: [T; 2]) -> Form<T> {
    let [off, on] = meanings;
    let read = move |node: &Node| match &node.value {
        Value::Boolean(true) => Ok(on),
        Value::Boolean(false) => Ok(off),
        Value::String(text) if matches!(text.as_str(), "true" | "false") => {
            Err(Complaint::new("this is a text", "write it without quotes"))
        }
        value => Err(Complaint::kind(value, "true or false")),
    };
    Form::new(Kind::Flag, read, move |value| (*value == on).to_string())
}

/// A text.
///
/// # Errors
///
/// Another kind of value.
pub(crate) fn text(node: &Node) -> Result<&str, Complaint> {
    match &node.value {
        Value::String(text) => Ok(text),
        value => Err(Complaint::kind(value, "a text in quotes")),
    }
}

/// A name that goes into a quoted string of a challenge or of its answer: one line, nothing in it
/// to be escaped (RFC 3261 §25.1).
pub(crate) fn name_text(what: &'static str) -> Form<String> {
    let read = |text: &str| match text {
        "" => Err(Complaint::new("empty", "leave the key out instead")),
        text => fit_name(text),
    };
    text_of(what, NAME_PATTERN, read, String::clone)
}

/// Checks such a name where it is not a value of its own.
///
/// # Errors
///
/// Not such a text.
pub(crate) fn fit_name(text: &str) -> Result<String, Complaint> {
    if text.is_empty() {
        return Err(Complaint::new("empty", "a name has characters"));
    }
    let bad = |c: char| c.is_control() || c == '"' || c == '\\';
    if text.contains(bad) || text.len() > 200 {
        let help = "one line of at most 200 bytes, without `\"` and `\\`";
        return Err(Complaint::new("not fit for a challenge", help));
    }
    Ok(text.to_owned())
}

/// The path of a file. A relative one counts from the folder of the file it is written in, or on
/// the command line from where midreg runs.
pub(crate) fn path(what: &'static str) -> Form<PathBuf> {
    let kind = Kind::Text { what, pattern: "." };
    Form::new(kind, read_path, |path| quoted(&path.display().to_string()))
}

fn read_path(node: &Node) -> Result<PathBuf, Complaint> {
    let text = text(node)?;
    if text.is_empty() {
        return Err(Complaint::new("empty", "the path of a file"));
    }
    let name = &node.spot.source.name;
    if name.starts_with("--") {
        return Ok(PathBuf::from(text));
    }
    let folder = Path::new(name).parent().unwrap_or_else(|| Path::new(""));
    Ok(folder.join(text))
}

/// A password. Complaints do not repeat it.
pub(crate) fn password() -> Form<String> {
    let read = |node: &Node| {
        let text = text(node)?;
        if text.is_empty() {
            return Err(Complaint::new("empty", "a password has characters"));
        }
        if text.contains(char::is_control) {
            return Err(Complaint::new("not one line", "a password is one line"));
        }
        Ok(text.to_owned())
    };
    Form::new(Kind::Secret { what: "password" }, read, String::clone)
}

fn out_of<N: std::fmt::Display>(range: &RangeInclusive<N>, unit: &str) -> Complaint {
    let help = format!("from {} to {}{unit}", range.start(), range.end());
    Complaint::new("out of range", help)
}

/// Numbers with units, from the largest to the smallest: `1h30m`, `8s`, `500ms`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut sum = Duration::ZERO;
    let mut previous = u64::MAX;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let millis = unit_millis(unit)?;
        if millis >= previous {
            return None;
        }
        previous = millis;
        let number: u64 = number.parse().ok()?;
        sum = sum.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = tail;
    }
    Some(sum)
}

/// The same the other way round.
#[must_use]
pub(crate) fn show_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for unit in ["d", "h", "m", "s", "ms"] {
        let Some(millis) = unit_millis(unit).map(u128::from) else {
            continue;
        };
        if rest >= millis {
            text += &format!("{}{unit}", rest / millis);
            rest %= millis;
        }
    }
    match text.is_empty() {
        true => "0s".to_owned(),
        false => text,
    }
}

fn unit_millis(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, wanted) in [
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("2h", Some(7_200_000)),
            ("1d", Some(86_400_000)),
            ("500ms", Some(500)),
            ("1h30m", Some(5_400_000)),
            (" 8s ", Some(8000)),
            ("0s", Some(0)),
            ("", None),
            ("8", None),
            ("s", None),
            ("-1s", None),
            ("1.5h", None),
            ("1 h", None),
            ("1w", None),
            ("30m1h", None),
            ("1s1s", None),
            ("99999999999999999999s", None),
            ("999999999999999999d", None),
            ("1é", None),
        ] {
            assert_eq!(
                parse_duration(text),
                wanted.map(Duration::from_millis),
                "{text:?}"
            );
            if let Some(millis) = wanted {
                let duration = Duration::from_millis(millis);
                let shown = show_duration(duration);
                assert_eq!(parse_duration(&shown), Some(duration), "{shown}");
            }
        }
    }
}
