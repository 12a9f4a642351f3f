//! What a value may look like: times, counts, flags, names. Each function reads one kind of value
//! or says what it wants instead.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::Seconds;

use super::raw::{Node, Value};
use super::section::Complaint;

/// Every lifetime that is one.
pub(crate) const ANY: RangeInclusive<Seconds> = 1..=Seconds::MAX;

const DURATION_HELP: &str = "write seconds as a number, or a text such as \"30s\", \"5m\", \"2h\"";

/// A lifetime in whole seconds: a number of seconds or a text with units.
///
/// # Errors
///
/// Not a duration, not whole seconds, or outside of `range`.
pub(crate) fn seconds(
    range: RangeInclusive<Seconds>,
) -> impl FnOnce(&Node) -> Result<Seconds, Complaint> {
    move |node| {
        let duration = duration(node)?;
        let whole = u32::try_from(duration.as_secs()).ok();
        match whole {
            Some(_) if duration.subsec_nanos() != 0 => Err(Complaint::new(
                "not whole seconds",
                "SIP counts lifetimes in seconds",
            )),
            Some(seconds) if range.contains(&seconds) => Ok(seconds),
            _ => Err(out_of(&range, "s")),
        }
    }
}

/// A span of time: a number of seconds or a text with units.
///
/// # Errors
///
/// Not a duration.
pub(crate) fn duration(node: &Node) -> Result<Duration, Complaint> {
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
///
/// # Errors
///
/// Not a number, or outside of `range`.
pub(crate) fn count(
    range: RangeInclusive<usize>,
) -> impl FnOnce(&Node) -> Result<usize, Complaint> {
    move |node| match &node.value {
        Value::Integer(number) => usize::try_from(*number)
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| out_of(&range, "")),
        value => Err(Complaint::kind(value, "a number")),
    }
}

/// A share in percent, as a number or a text such as "10%".
///
/// # Errors
///
/// Not a percentage, or more than `most`.
pub(crate) fn percent(most: u8) -> impl FnOnce(&Node) -> Result<u8, Complaint> {
    move |node| {
        let number = match &node.value {
            Value::Integer(number) => u8::try_from(*number).ok(),
            Value::String(text) => text.trim().strip_suffix('%').and_then(|n| n.parse().ok()),
            value => return Err(Complaint::kind(value, "a percentage")),
        };
        number
            .filter(|number| *number <= most)
            .ok_or_else(|| out_of(&(0..=most), "%"))
    }
}

/// `true` or `false`.
///
/// # Errors
///
/// Anything else.
pub(crate) fn flag(node: &Node) -> Result<bool, Complaint> {
    match &node.value {
        Value::Boolean(flag) => Ok(*flag),
        value => Err(Complaint::kind(value, "true or false")),
    }
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
///
/// # Errors
///
/// Not such a text.
pub(crate) fn name_text(node: &Node) -> Result<String, Complaint> {
    match text(node)? {
        "" => Err(Complaint::new("empty", "leave the key out instead")),
        text => fit_name(text),
    }
}

/// Checks such a name where it is not a value of its own.
///
/// # Errors
///
/// As [`name_text`].
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
///
/// # Errors
///
/// Empty, or no text.
pub(crate) fn path(node: &Node) -> Result<PathBuf, Complaint> {
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
///
/// # Errors
///
/// Empty, or no text of one line.
pub(crate) fn password(node: &Node) -> Result<String, Complaint> {
    let text = text(node)?;
    if text.is_empty() {
        return Err(Complaint::new("empty", "a password has characters"));
    }
    if text.contains(char::is_control) {
        return Err(Complaint::new("not one line", "a password is one line"));
    }
    Ok(text.to_owned())
}

/// One of several names.
///
/// # Errors
///
/// Another name, or no text at all.
pub(crate) fn choice<T: Copy>(
    choices: &'static [(&'static str, T)],
) -> impl FnOnce(&Node) -> Result<T, Complaint> {
    move |node| {
        let text = text(node)?;
        choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let names: Vec<String> = choices
                    .iter()
                    .map(|(name, _)| format!("\"{name}\""))
                    .collect();
                Complaint::new(
                    "not one of the choices",
                    format!("choose from {}", names.join(", ")),
                )
            })
    }
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
        }
    }
}
