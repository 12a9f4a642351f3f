//! Date (RFC 3261 §20.17): RFC 1123 dates, always in GMT.

use crate::charset::{is_space, trim};
use crate::error::{ParseError, ParseErrorKind};
use crate::number::parse_decimal;

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const DAY: u64 = 86_400;

/// The last second of the year 9999, the latest date that has four digits.
const LAST: u64 = 253_402_300_799;

/// Formats Unix seconds, as in `Sun, 06 Nov 1994 08:49:37 GMT`. Later than the year 9999 counts
/// as its last second.
pub fn format(unix_seconds: u64) -> [u8; 29] {
    let seconds = unix_seconds.min(LAST);
    let (days, time) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = civil_from_days(days);
    let mut out = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    let mut put = |at: usize, text: &[u8]| {
        if let Some(place) = out.get_mut(at..at + text.len()) {
            place.copy_from_slice(text);
        }
    };
    put(0, DAYS.get(days as usize % 7).copied().unwrap_or(b"Thu"));
    put(5, &two_digits(day));
    put(8, MONTHS.get(month as usize - 1).copied().unwrap_or(b"Jan"));
    put(12, &two_digits(year / 100));
    put(14, &two_digits(year % 100));
    put(17, &two_digits(time / 3600));
    put(20, &two_digits(time / 60 % 60));
    put(23, &two_digits(time % 60));
    out
}

/// Reads a date back into Unix seconds. The weekday is ignored, and so is the zone: everybody
/// means GMT.
///
/// # Errors
/// When a part is missing, no number, out of range, or before 1970.
pub fn parse(value: &[u8]) -> Result<u64, ParseError> {
    read(value).ok_or_else(|| ParseError::new(ParseErrorKind::BadDate, 0))
}

fn read(value: &[u8]) -> Option<u64> {
    let rest = match memchr::memchr(b',', value) {
        Some(comma) => value.get(comma + 1..)?,
        None => value,
    };
    let mut words = trim(rest)
        .split(|byte| is_space(*byte))
        .filter(|word| !word.is_empty());
    let day = parse_decimal(words.next()?)?;
    let name = words.next()?;
    let month = 1 + MONTHS
        .iter()
        .position(|month| name.eq_ignore_ascii_case(*month))? as u64;
    let year = parse_decimal(words.next()?)?;
    let mut clock = words.next()?.split(|byte| *byte == b':').map(parse_decimal);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let in_range = (1..=days_in(year, month)).contains(&day)
        && (1970..=9999).contains(&year)
        && hour < 24
        && minute < 60
        && second <= 60
        && clock.next().is_none();
    in_range.then(|| days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

fn two_digits(value: u64) -> [u8; 2] {
    [b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of January of `year`.
fn days_before_year(year: u64) -> u64 {
    let before = year - 1;
    let leaps = |years: u64| years / 4 - years / 100 + years / 400;
    365 * (year - 1970) + leaps(before) - leaps(1969)
}

fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let months: u64 = (1..month).map(|month| days_in(year, month)).sum();
    days_before_year(year) + months + day - 1
}

fn civil_from_days(days: u64) -> (u64, u64, u64) {
    // An average year has 365.2425 days; the guess is right or one too late.
    let mut year = 1970 + days * 400 / 146_097;
    if days_before_year(year) > days {
        year -= 1;
    } else if days_before_year(year + 1) <= days {
        year += 1;
    }
    let mut rest = days - days_before_year(year);
    let mut month = 1;
    while rest >= days_in(year, month) {
        rest -= days_in(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_289_692_799, "Sat, 13 Nov 2010 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(&format(seconds)[..], text.as_bytes());
            assert_eq!(parse(text.as_bytes()), Ok(seconds));
        }
        assert_eq!(format(u64::MAX), format(LAST));
    }

    #[test]
    fn every_day_of_a_few_centuries_round_trips() {
        for day in 0..150_000 {
            let seconds = day * DAY + day % DAY;
            assert_eq!(parse(&format(seconds)), Ok(seconds));
        }
    }

    #[test]
    fn the_zone_is_not_believed() {
        let gmt = parse(b"Fri, 01 Jan 2010 16:00:00 GMT");
        assert_eq!(parse(b"Fri, 01 Jan 2010 16:00:00 EST"), gmt);
        assert_eq!(parse(b"1 jan 2010 16:00:00"), gmt);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "Fri, 01 Jan 2010",
            "Fri, 32 Jan 2010 00:00:00 GMT",
            "Fri, 29 Feb 2011 00:00:00 GMT",
            "Fri, 01 Foo 2010 00:00:00 GMT",
            "Fri, 01 Jan 1969 00:00:00 GMT",
            "Fri, 01 Jan 2010 24:00:00 GMT",
            "Fri, 01 Jan 2010 00:00 GMT",
            "Fri, 01 Jan 99999999999999 00:00:00 GMT",
            "Fri, 01 Jan 0 00:00:00 GMT",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
