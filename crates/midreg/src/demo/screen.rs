//! `Screen`: where the demo is shown: a terminal, a pipe, or a program.

use std::time::Duration;

use super::json::Json;
use super::sample::Sample;
use super::summary::Outcome;
use super::table::Table;
use super::view::View;
use super::{Options, Style};

/// Where the demo is shown. What is to be written is returned.
pub(super) trait Screen {
    /// Time between two looks.
    fn interval(&self) -> Duration;

    /// What stands before everything else.
    fn open(&mut self) -> String;

    /// A look.
    fn show(&mut self, sample: &Sample) -> String;

    /// The end.
    fn close(&mut self, sample: &Sample, outcome: &Outcome) -> String;
}

/// The screen for these options.
pub(super) fn of(options: &Options) -> Box<dyn Screen> {
    match options.style {
        Style::Terminal | Style::Monochrome => Box::new(View::new(options)),
        Style::Plain => Box::new(Table::new(options)),
        Style::Json => Box::new(Json::new(options)),
    }
}
