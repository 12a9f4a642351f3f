//! Errors of TOML: told in words, without those that only follow from others.
//!
//! A bracket without its partner makes the parser stumble over all that comes after it; what counts
//! is the bracket. And one error in a line is enough.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::error::{Fault, Source, Spot};

/// What is wrong with a text, and where.
pub(super) struct Syntax {
    /// What to tell.
    pub(super) faults: Vec<Fault>,
    /// Where values may be other than they were meant.
    pub(super) broken: Vec<Range<usize>>,
}

impl Syntax {
    /// Makes sense of the `errors` met in `source`, of which `table` was made all the same.
    pub(super) fn of(errors: &[Error], table: &DeTable<'_>, source: &Arc<Source>) -> Self {
        let end = source.text.len();
        let mut found: Vec<(Range<usize>, &str)> = errors
            .iter()
            .map(|error| (error.span().unwrap_or(end..end), error.message()))
            .collect();
        found.sort_by_key(|(span, _)| span.start);
        let broken = found.iter().map(|(span, _)| span.clone()).collect();
        let mut faults = Vec::new();
        let unclosed = found
            .iter()
            .filter(|(_, message)| message.contains("unclosed"));
        let opened = unclosed.filter_map(|(span, _)| opened_before(table, source, span.start));
        if let Some(start) = opened.min() {
            found.retain(|(span, _)| span.start < start);
            faults.push(never_closed(start, source));
        }
        let mut line = 0;
        for (span, message) in found {
            let fault = fault(message, span, source);
            let number = fault.spot.as_ref().map_or(0, |spot| spot.line_column().0);
            if number != line {
                faults.push(fault);
            }
            line = number;
        }
        Self { faults, broken }
    }
}

/// The fault that a parser's error is.
pub(super) fn fault(message: &str, span: Range<usize>, source: &Arc<Source>) -> Fault {
    let spot = Spot {
        source: Arc::clone(source),
        span: span.clone(),
    };
    // As far as it may be shown.
    let text = spot.shown();
    let before = source.text.get(..span.start).unwrap_or_default().trim_end();
    let (message, help) = match message {
        _ if message.contains("must be quoted")
            && text.trim().is_empty()
            && before.ends_with('=') =>
        {
            (
                "no value".to_owned(),
                Some("write one behind the `=`, or take the line out".to_owned()),
            )
        }
        _ if message.contains("must be quoted") => (
            "a text without quotes".to_owned(),
            Some(format!("a text stands in quotes: \"{}\"", text.trim())),
        ),
        _ if message.contains("duplicate key") => (
            "this stands twice".to_owned(),
            Some("a key or a table is written once: put the two together".to_owned()),
        ),
        _ if message.contains("invalid basic string") => (
            "a text without its second quote".to_owned(),
            Some("a text ends in the line in which it begins".to_owned()),
        ),
        message => (message.replace('\n', ", "), None),
    };
    let fault = Fault::error(&spot, format!("not valid TOML: {message}"));
    match help {
        Some(help) => fault.help(help),
        None => fault,
    }
}

fn never_closed(start: usize, source: &Arc<Source>) -> Fault {
    let spot = Spot {
        source: Arc::clone(source),
        span: start..start + 1,
    };
    let partner = match source.text.get(start..=start) {
        Some("{") => "}",
        _ => "]",
    };
    Fault::error(&spot, "not valid TOML: this bracket is never closed")
        .label(format!("no `{partner}` belongs to it"))
        .help("what comes after it is not understood until it is")
}

/// Where the list or table was opened that is still open at the byte `end`, the outermost of them.
fn opened_before(table: &DeTable<'_>, source: &Arc<Source>, end: usize) -> Option<usize> {
    let of_entries = table.iter().filter_map(|(_, value)| {
        let inner = match value.get_ref() {
            DeValue::Table(inner) => opened_before(inner, source, end),
            DeValue::Array(items) => items
                .iter()
                .filter_map(|item| match item.get_ref() {
                    DeValue::Table(inner) => opened_before(inner, source, end),
                    _ => None,
                })
                .min(),
            _ => None,
        };
        let own = is_open(value, source, end).then_some(value.span().start);
        own.into_iter().chain(inner).min()
    });
    of_entries.min()
}

/// Whether a value is a bracket that nothing closes before `end`.
fn is_open(value: &Spanned<DeValue<'_>>, source: &Arc<Source>, end: usize) -> bool {
    let span = value.span();
    let text = source.text.get(span.start..).unwrap_or_default();
    let opens = match value.get_ref() {
        // The tables of a list with headers of their own are not in brackets.
        DeValue::Array(items) => {
            let headed = items
                .iter()
                .any(|item| matches!(item.get_ref(), DeValue::Table(_)));
            text.starts_with('[') && !headed
        }
        DeValue::Table(_) => text.starts_with('{'),
        _ => false,
    };
    let rest = source.text.get(span.end.min(end)..end).unwrap_or_default();
    opens && span.start < end && rest.trim().is_empty()
}
