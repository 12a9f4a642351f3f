//! `Fault`: something wrong, or unwise, in what the operator typed, and the place where it stands.
//!
//! Faults are gathered, never thrown at the first: one run of `midreg check` shows them all. A
//! terminal gets the offending line with a mark under it, a pipe gets one line per fault in the
//! form `file:line:column: error: …` that editors understand. Neither shows a password.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

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
    /// Colour, marks and the lines around.
    Terminal,
    /// One line per fault.
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
        self.iter().map(|fault| fault.render(look)).collect()
    }
}

impl Fault {
    fn render(&self, look: Look) -> String {
        if look == Look::Plain {
            return self.line() + "\n";
        }
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode());
        let drawing = Drawing::of(self);
        match handler.render_report(&mut text, &drawing) {
            Ok(()) => text,
            Err(_) => self.line() + "\n",
        }
    }
}

/// A fault in the shape that the drawing library wants.
#[derive(Debug)]
struct Drawing<'f> {
    fault: &'f Fault,
    source: Option<NamedSource<String>>,
}

impl<'f> Drawing<'f> {
    fn of(fault: &'f Fault) -> Self {
        let named = |spot: &Spot| NamedSource::new(&spot.source.name, masked(&spot.source.text));
        Self {
            fault,
            source: fault.spot.as_ref().map(named),
        }
    }
}

impl fmt::Display for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault.message)
    }
}

impl std::error::Error for Drawing<'_> {}

impl Diagnostic for Drawing<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.fault.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.fault
            .help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source
            .as_ref()
            .map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.fault.spot.as_ref()?.span.clone();
        let label = match self.fault.label.as_str() {
            "" => "here",
            text => text,
        };
        Some(Box::new(std::iter::once(LabeledSpan::at(span, label))))
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
    fn a_pipe_gets_one_line_with_file_line_and_column_counted_in_characters() {
        assert_eq!(
            fault_in("wörkers = 0").line(),
            "midreg.toml:2:11: error: too few workers [0] (must be 1 to 64); leave it out"
        );
    }

    #[test]
    fn a_terminal_gets_the_line_and_a_mark() {
        let mut faults = Faults::default();
        faults.push(fault_in("workers = 0"));
        let drawn = faults.render(Look::Terminal);
        for part in [
            "midreg.toml:2:11",
            "workers = ",
            "must be 1 to 64",
            "leave it out",
        ] {
            assert!(drawn.contains(part), "{part} is missing in\n{drawn}");
        }
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
        faults.push(Fault::general("wrong"));
        assert!(faults.has_errors());
    }
}
