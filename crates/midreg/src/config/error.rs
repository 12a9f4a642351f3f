//! `Fault`: something wrong, or unwise, in what the operator typed, and the place where it stands.
//!
//! Faults are gathered, never thrown at the first: one run of `midreg check` shows them all, each
//! with the offending line and a mark under it (see [`draw`](super::draw)). The log gets one line
//! for each. None shows a password.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};

use super::draw::draw;
use super::mask::masked;

/// A text the operator wrote: the configuration file, or one argument of the command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// File name, or the option the argument belongs to.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// A place within a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The text.
    pub source: Arc<Source>,
    /// Bytes of it.
    pub span: Range<usize>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// midreg does not start with it.
    Error,
    /// Legal, but probably not what is wanted.
    Warning,
}

/// How a report is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// With colours.
    Terminal,
    /// Without.
    Plain,
}

/// One thing that is wrong or unwise.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Whether it stops the start.
    pub severity: Severity,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// Where; `None` when no text is to blame, as with a missing file.
    pub spot: Option<Spot>,
    /// What to write at the mark; empty for nothing.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// All faults found in one configuration.
#[derive(Clone, Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Spot {
    /// No place: of what nobody typed.
    #[must_use]
    pub fn nowhere() -> Self {
        let source = Source {
            name: "default".to_owned(),
            text: String::new(),
        };
        Self {
            source: source.into(),
            span: 0..0,
        }
    }

    /// The text it covers, without secrets.
    #[must_use]
    pub fn shown(&self) -> String {
        let text = masked(&self.source.text);
        text.get(self.span.clone()).unwrap_or_default().to_owned()
    }

    /// Line and column of its beginning, both counted from one, columns in characters.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        let before = self
            .source
            .text
            .get(..self.span.start)
            .unwrap_or(&self.source.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.source.name)
    }
}

impl Fault {
    /// An error with a place.
    #[must_use]
    pub fn error(spot: &Spot, message: impl Into<String>) -> Self {
        Self {
            spot: Some(spot.clone()),
            ..Self::general(message)
        }
    }

    /// An error without a place.
    #[must_use]
    pub fn general(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            spot: None,
            label: String::new(),
            help: None,
        }
    }

    /// A warning, at a place where there is one.
    #[must_use]
    pub fn warning(spot: Option<&Spot>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            spot: spot.cloned(),
            ..Self::general(message)
        }
    }

    /// The same with a text at the mark.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..self
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// For programs: an object with `severity`, `message` and, where there are such, `file`, `line`,
    /// `column`, `text`, `label` and `help`.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut object = json!({
            "severity": match self.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            "message": self.message,
        });
        if let Some(spot) = &self.spot {
            let (line, column) = spot.line_column();
            object["file"] = json!(spot.source.name);
            object["line"] = json!(line);
            object["column"] = json!(column);
            object["text"] = json!(spot.shown());
        }
        if !self.label.is_empty() {
            object["label"] = json!(self.label);
        }
        if let Some(help) = &self.help {
            object["help"] = json!(help);
        }
        object
    }

    /// One line: place, severity, message, what stands there, advice.
    #[must_use]
    pub fn line(&self) -> String {
        match self.severity {
            Severity::Error => self.worded("error: "),
            Severity::Warning => self.worded("warning: "),
        }
    }

    /// The same line without the severity, for a log that tells it by itself.
    #[must_use]
    pub fn text(&self) -> String {
        self.worded("")
    }

    fn worded(&self, severity: &str) -> String {
        let mut line = String::new();
        if let Some(spot) = &self.spot {
            line += &format!("{spot}: ");
        }
        line += severity;
        line += &self.message;
        let shown = self.spot.as_ref().map(Spot::shown).unwrap_or_default();
        if let Some(first) = shown.lines().next() {
            line += &format!(" [{first}]");
        }
        if !self.label.is_empty() {
            line += &format!(" ({})", self.label);
        }
        if let Some(help) = &self.help {
            line += &format!("; {help}");
        }
        line
    }
}

impl Faults {
    /// Adds one.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Puts them in the order in which they stand: the file first, then the command line, then what
    /// has no place.
    pub fn sort(&mut self) {
        let mut known: Vec<Arc<Source>> = Vec::new();
        for spot in self.0.iter().filter_map(|fault| fault.spot.as_ref()) {
            if !known.iter().any(|source| Arc::ptr_eq(source, &spot.source)) {
                known.push(Arc::clone(&spot.source));
            }
        }
        let place = |fault: &Fault| {
            let spot = fault.spot.as_ref()?;
            let of_file = !spot.source.name.starts_with("--");
            let number = known.iter().position(|s| Arc::ptr_eq(s, &spot.source));
            Some((!of_file, number, spot.span.start))
        };
        self.0
            .sort_by_cached_key(|fault| place(fault).map_or((1, None), |place| (0, Some(place))));
    }

    /// Whether any of them stops the start.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// All of them, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// All of them as text, ending in a newline unless there are none.
    #[must_use]
    pub fn render(&self, look: Look) -> String {
        self.iter().map(|fault| draw(fault, look)).collect()
    }

    /// How many there are: `2 errors, 1 warning`.
    #[must_use]
    pub fn count(&self) -> String {
        let of = |severity| {
            self.iter()
                .filter(|fault| fault.severity == severity)
                .count()
        };
        let words = |count, noun| match count {
            0 => None,
            1 => Some(format!("1 {noun}")),
            count => Some(format!("{count} {noun}s")),
        };
        let counts = [
            words(of(Severity::Error), "error"),
            words(of(Severity::Warning), "warning"),
        ];
        let counts: Vec<String> = counts.into_iter().flatten().collect();
        counts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_in(line: &str) -> Fault {
        let text = format!("mode = \"contact\"\n{line}\n");
        let at = text.find("0\n").expect("present");
        let source = Arc::new(Source {
            name: "midreg.toml".to_owned(),
            text,
        });
        let spot = Spot {
            source,
            span: at..at + 1,
        };
        Fault::error(&spot, "too few workers")
            .label("must be 1 to 64")
            .help("leave it out")
    }

    #[test]
    fn a_log_gets_one_line_with_file_line_and_column_counted_in_characters() {
        assert_eq!(
            fault_in("wörkers = 0").line(),
            "midreg.toml:2:11: error: too few workers [0] (must be 1 to 64); leave it out"
        );
    }

    #[test]
    fn people_get_the_line_and_a_mark() {
        let mut faults = Faults::default();
        faults.push(fault_in("workers = 0"));
        assert_eq!(
            faults.render(Look::Plain),
            "midreg.toml:2:11: error: too few workers\n   2 | workers = 0\n     |           ^ must be \
             1 to 64\n     = help: leave it out\n"
        );
    }

    #[test]
    fn programs_get_an_object() {
        let fault = fault_in("workers = 0").json();
        assert_eq!(
            (&fault["severity"], &fault["line"], &fault["column"]),
            (&json!("error"), &json!(2), &json!(11))
        );
        assert_eq!(fault["text"], "0");
    }

    #[test]
    fn a_fault_without_a_place_is_drawn_too() {
        let mut faults = Faults::default();
        faults.push(Fault::general("cannot read x"));
        assert!(faults.render(Look::Terminal).contains("cannot read x"));
        assert_eq!(faults.render(Look::Plain), "error: cannot read x\n");
    }

    #[test]
    fn warnings_stop_nothing() {
        let mut faults = Faults::default();
        faults.push(Fault::warning(None, "unwise"));
        assert!(!faults.has_errors());
        assert_eq!(faults.count(), "1 warning");
        faults.push(Fault::general("wrong"));
        faults.push(Fault::general("wrong too"));
        assert!(faults.has_errors());
        assert_eq!(faults.count(), "2 errors, 1 warning");
    }
}
