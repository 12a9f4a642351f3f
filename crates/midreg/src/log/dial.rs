//! `Dial`: how much of each part is told and in which form, changed at any time by anybody.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_subscriber::layer::{Context, Filter};

use super::part::Part;
use crate::config::{LogConfig, LogFormat};

/// The least important level of each part that is still told, and the form of a line. Clones turn the
/// same one.
#[derive(Clone, Debug)]
pub struct Dial {
    marks: Arc<Marks>,
}

#[derive(Debug)]
struct Marks {
    /// By the number of the part; see [`rank`].
    levels: [AtomicU8; Part::ALL.len()],
    json: AtomicU8,
}

/// Why a dial is not turned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialError {
    /// There is no such part.
    Part(String),
    /// There is no such level.
    Level(String),
}

/// Every level by its name, the most important first; the place of each is its rank.
const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

impl Dial {
    /// A dial that stands as configured.
    #[must_use]
    pub fn new(config: &LogConfig) -> Self {
        let dial = Self {
            marks: Arc::new(Marks {
                levels: Default::default(),
                json: AtomicU8::new(0),
            }),
        };
        dial.follow(config);
        dial
    }

    /// Turns it as configured, whatever it was turned to since.
    pub fn follow(&self, config: &LogConfig) {
        for part in Part::ALL {
            self.mark(part, config.level_of(part));
        }
        let json = u8::from(config.format == LogFormat::Json);
        self.marks.json.store(json, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Turns one part, or with `all` every one, to a level, both by their names. Holds until the next
    /// reload.
    ///
    /// # Errors
    ///
    /// See [`DialError`].
    pub fn turn(&self, part: &str, level: &str) -> Result<(), DialError> {
        let named = LEVELS.iter().find(|(name, _)| *name == level);
        let level = named.ok_or_else(|| DialError::Level(level.to_owned()))?.1;
        match Part::named(part) {
            Some(part) => self.mark(part, level),
            None if part == "all" => Part::ALL.iter().for_each(|part| self.mark(*part, level)),
            None => return Err(DialError::Part(part.to_owned())),
        }
        tracing::callsite::rebuild_interest_cache();
        Ok(())
    }

    /// How it stands: each part with the name of its level.
    pub fn standing(&self) -> impl Iterator<Item = (Part, &'static str)> {
        let name = |part: Part| LEVELS[usize::from(self.rank_of(part)).min(LEVELS.len() - 1)].0;
        Part::ALL.into_iter().map(move |part| (part, name(part)))
    }

    /// The form of a line.
    #[must_use]
    pub fn format(&self) -> LogFormat {
        match self.marks.json.load(Ordering::Relaxed) {
            0 => LogFormat::Human,
            _ => LogFormat::Json,
        }
    }

    fn lets_through(&self, meta: &Metadata<'_>) -> bool {
        rank(*meta.level()) <= self.rank_of(Part::of_target(meta.target()))
    }

    fn mark(&self, part: Part, level: Level) {
        self.marks.levels[part as usize].store(rank(level), Ordering::Relaxed);
    }

    fn rank_of(&self, part: Part) -> u8 {
        self.marks.levels[part as usize].load(Ordering::Relaxed)
    }
}

impl<S> Filter<S> for Dial {
    fn enabled(&self, meta: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.lets_through(meta)
    }

    fn callsite_enabled(&self, meta: &'static Metadata<'static>) -> Interest {
        match self.lets_through(meta) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let deepest = Part::ALL.iter().map(|part| self.rank_of(*part)).max()?;
        let level = LEVELS.get(usize::from(deepest)).map(|(_, level)| *level);
        level.map(LevelFilter::from_level)
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(name) => {
                let parts = Part::ALL.map(Part::name).join(", ");
                write!(f, "no part `{name}`: choose from all, {parts}")
            }
            Self::Level(name) => {
                let levels = LEVELS.map(|(name, _)| name).join(", ");
                write!(f, "no level `{name}`: choose from {levels}")
            }
        }
    }
}

impl std::error::Error for DialError {}

/// 0 for the most important.
fn rank(level: Level) -> u8 {
    let place = LEVELS.iter().position(|(_, known)| *known == level);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(dial: &Dial) -> Vec<&'static str> {
        dial.standing().map(|(_, level)| level).collect()
    }

    #[test]
    fn one_part_is_turned_or_all_and_a_reload_turns_them_back() {
        let mut config = LogConfig::default();
        config.levels[Part::Call as usize] = Some(Level::DEBUG);
        let dial = Dial::new(&config);
        let configured = ["info", "info", "info", "debug", "info", "info", "info"];
        assert_eq!(standing(&dial), configured);
        dial.turn("register", "trace").expect("turned");
        assert_eq!(standing(&dial)[1..4], ["trace", "info", "debug"]);
        assert_eq!(
            Filter::<()>::max_level_hint(&dial),
            Some(LevelFilter::TRACE)
        );
        dial.turn("all", "error").expect("turned");
        assert_eq!(standing(&dial), ["error"; 7]);
        dial.follow(&config);
        assert_eq!(standing(&dial), configured);
    }

    #[test]
    fn what_is_not_known_is_told_with_what_is() {
        let dial = Dial::new(&LogConfig::default());
        let error = dial.turn("calls", "debug").expect_err("no such part");
        let all = "all, main, register, upstream, call, net, store, control";
        assert_eq!(
            error.to_string(),
            format!("no part `calls`: choose from {all}")
        );
        let error = dial.turn("call", "loud").expect_err("no such level");
        assert_eq!(
            error.to_string(),
            "no level `loud`: choose from error, warn, info, debug, trace"
        );
        assert_eq!(standing(&dial), ["info"; 7]);
    }
}
