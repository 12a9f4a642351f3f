//! `Sample`: what was seen at one moment by all three: the phones, midreg, and the main registrar.

use std::time::Duration;

use engine::command::{Answer, BindingView};
use engine::policy::Mode;
use engine::registrar::decision::Row;
use engine::{Command, Counters};

use super::crowd::{Crowd, Figures, Seen};
use super::decisions::Told;
use super::phone::DOMAIN;
use super::registrar::Registrar;
use crate::app::App;

/// What was counted at one moment, since the beginning.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// Since the beginning.
    pub(super) elapsed: Duration,
    /// What the phones saw.
    pub(super) figures: Figures,
    /// What midreg counted.
    pub(super) counters: Counters,
    /// Bindings that midreg holds.
    pub(super) bindings: usize,
    /// REGISTERs that the main registrar saw.
    pub(super) reached: u64,
    /// Contacts that it holds.
    pub(super) contacts: usize,
    /// Different contacts that it has ever held.
    pub(super) known: usize,
    /// What midreg has decided lately, in words.
    pub(super) told: Vec<Told>,
    /// What somebody has found fault with lately.
    pub(super) faults: Vec<String>,
}

impl Sample {
    /// Looks at everything, and asks midreg about the phones that were answered lately.
    pub(super) fn take(
        elapsed: Duration,
        mode: Mode,
        app: &App,
        registrar: Option<&Registrar>,
        crowd: &Crowd,
    ) -> Self {
        let recent = crowd.take_recent();
        let told = recent.iter().filter_map(|seen| ask(app, mode, seen));
        let told = told.collect();
        let report = app.report();
        Self {
            elapsed,
            figures: crowd.figures(),
            counters: report.counters,
            bindings: report.totals.bindings,
            reached: registrar.map_or(0, Registrar::reached),
            contacts: registrar.map_or(0, Registrar::contacts),
            known: registrar.map_or(0, Registrar::known),
            told,
            faults: crowd.take_faults(),
        }
    }

    /// How often a row of the table was decided.
    pub(super) fn decided(&self, row: Row) -> u64 {
        let count = self.counters.decisions.get(row as usize);
        count.copied().unwrap_or_default()
    }

    /// REGISTERs in for each one out; the main registrar sees so many times fewer. `None` while it
    /// has seen none.
    pub(super) fn reduction(&self) -> Option<f64> {
        let out = self.counters.upstream_registers;
        (out > 0).then(|| self.counters.registers as f64 / out as f64)
    }
}

/// Asks midreg about a phone.
fn ask(app: &App, mode: Mode, seen: &Seen) -> Option<Told> {
    let aor = format!("{}@{DOMAIN}", seen.user);
    let answers = app.ask(&Command::Show { tag: 0, aor });
    let mut bindings = answers.into_iter().flat_map(|answer| match answer {
        Answer::Bindings(bindings) => bindings,
        _ => Vec::<BindingView>::new(),
    });
    let binding = bindings.find(|binding| binding.contact == seen.contact)?;
    Some(Told::of(&seen.user, &binding, mode))
}
