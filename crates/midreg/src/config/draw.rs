//! Draws faults as a compiler does: place, message, the line with a mark under it, advice.
//!
//! The first line has the form `file:line:column: error: …` that editors understand. A terminal
//! gets the same with colours.

use super::error::{Fault, Look, Severity, Spot};
use super::mask::masked;

/// Longest piece of a line that is shown.
const MOST_SHOWN: usize = 120;

/// What stands before the mark where the line is cut.
const CUT: &str = "… ";

/// Characters before the mark that are kept of a line that is cut.
const KEPT_BEFORE: usize = 40;

/// A fault, ending in a newline.
#[must_use]
pub(super) fn draw(fault: &Fault, look: Look) -> String {
    let paint = Paint(look);
    let (name, style) = match fault.severity {
        Severity::Error => ("error", Style::Error),
        Severity::Warning => ("warning", Style::Warning),
    };
    let mut text = String::new();
    if let Some(spot) = &fault.spot {
        text += &paint.with(Style::Strong, &format!("{spot}: "));
    }
    text += &paint.with(style, &format!("{name}:"));
    text += &paint.with(Style::Strong, &format!(" {}", fault.message));
    text.push('\n');
    let mut margin = 4;
    if let Some(excerpt) = fault.spot.as_ref().and_then(Excerpt::of) {
        let number = excerpt
            .number
            .map_or_else(String::new, |number| number.to_string());
        margin = margin.max(number.len());
        let mark = format!("{} {}", excerpt.mark(), fault.label);
        let bar = paint.with(Style::Quiet, &format!("{number:>margin$} |"));
        text += &format!("{bar} {}\n", excerpt.line);
        let bar = paint.with(Style::Quiet, &format!("{:>margin$} |", ""));
        let (indent, mark) = (
            " ".repeat(excerpt.before),
            paint.with(style, mark.trim_end()),
        );
        text += &format!("{bar} {indent}{mark}\n");
    }
    if let Some(help) = &fault.help {
        let sign = paint.with(Style::Quiet, &format!("{:>margin$} =", ""));
        text += &format!("{sign} {} {help}\n", paint.with(Style::Help, "help:"));
    }
    text
}

/// The line that a fault stands in, without secrets.
struct Excerpt {
    /// Of the line; an argument of the command line has none.
    number: Option<usize>,
    line: String,
    /// Characters before the mark.
    before: usize,
    /// Characters under which the mark stands.
    marked: usize,
}

impl Excerpt {
    /// `None` where there is no text.
    fn of(spot: &Spot) -> Option<Self> {
        let text = masked(&spot.source.text);
        let start = spot.span.start.min(text.len());
        let from = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(from..)?.lines().next().unwrap_or_default();
        let before = text.get(from..start)?.chars().count();
        let marked = text.get(spot.span.clone()).unwrap_or_default();
        let marked = marked.lines().next().unwrap_or_default().chars().count();
        if line.is_empty() && marked == 0 && text.is_empty() {
            return None;
        }
        // A tab may be as wide as it likes, the mark would not know.
        let line: String = line
            .chars()
            .map(|c| if c == '\t' { ' ' } else { c })
            .collect();
        let (number, _) = spot.line_column();
        let whole = Self {
            number: (!spot.source.name.starts_with("--")).then_some(number),
            line,
            before,
            marked,
        };
        Some(whole.cut())
    }

    /// As much of a long line as suits a screen, with what is marked.
    fn cut(self) -> Self {
        if self.line.chars().count() <= MOST_SHOWN {
            return self;
        }
        let skipped = self.before.saturating_sub(KEPT_BEFORE);
        let mut rest = self.line.chars().skip(skipped);
        let mut line = String::from(if skipped > 0 { CUT } else { "" });
        let lead = line.chars().count();
        line.extend(rest.by_ref().take(MOST_SHOWN));
        if rest.next().is_some() {
            line.push('…');
        }
        let before = self.before - skipped + lead;
        let room = line.chars().count().saturating_sub(before);
        Self {
            line,
            before,
            marked: self.marked.min(room),
            ..self
        }
    }

    fn mark(&self) -> String {
        "^".repeat(self.marked.max(1))
    }
}

/// What a piece of text is.
#[derive(Clone, Copy)]
enum Style {
    Error,
    Warning,
    Help,
    Strong,
    Quiet,
}

struct Paint(Look);

impl Paint {
    fn with(&self, style: Style, text: &str) -> String {
        let code = match (self.0, style) {
            (Look::Plain, _) => return text.to_owned(),
            (Look::Terminal, Style::Error) => "1;31",
            (Look::Terminal, Style::Warning) => "1;33",
            (Look::Terminal, Style::Help) => "1;36",
            (Look::Terminal, Style::Strong) => "1",
            (Look::Terminal, Style::Quiet) => "34",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::Source;
    use super::*;

    fn fault(text: &str, marked: &str) -> Fault {
        let at = text.find(marked).expect("present");
        let source = Source {
            name: "midreg.toml".to_owned(),
            text: text.to_owned(),
        };
        let spot = Spot {
            source: source.into(),
            span: at..at + marked.len(),
        };
        Fault::error(&spot, "wrong")
            .label("not this")
            .help("take that")
    }

    #[test]
    fn the_mark_stands_under_what_is_meant_whatever_is_before_it() {
        assert_eq!(
            draw(&fault("a = 1\n\tbö = \"x\"\n", "\"x\""), Look::Plain),
            "midreg.toml:2:7: error: wrong\n   2 |  bö = \"x\"\n     |       ^^^ not this\n     = help: take that\n"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let text = format!("a = [{}, 9, {}]", "1, ".repeat(80), "2, ".repeat(80));
        let drawn = draw(&fault(&text, "9"), Look::Plain);
        let lines: Vec<&str> = drawn.lines().collect();
        let column = lines[2].chars().position(|c| c == '^').expect("a mark");
        assert_eq!(lines[1].chars().nth(column), Some('9'), "{drawn}");
        assert!(lines[1].chars().count() < MOST_SHOWN + 20, "{drawn}");
    }

    #[test]
    fn only_a_terminal_gets_colours() {
        let fault = fault("a = 1", "1");
        let coloured = draw(&fault, Look::Terminal);
        assert!(coloured.contains("\x1b[1;31merror:\x1b[0m"), "{coloured:?}");
        let mut plain = coloured;
        for code in ["1;31", "1;33", "1;36", "1", "34", "0"] {
            plain = plain.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(plain, draw(&fault, Look::Plain));
    }

    #[test]
    fn many_lines_are_marked_in_the_first() {
        let drawn = draw(&fault("a = [\n1,\n]", "[\n1,\n]"), Look::Plain);
        assert!(
            drawn.contains("   1 | a = [\n     |     ^ not this\n"),
            "{drawn}"
        );
    }
}
