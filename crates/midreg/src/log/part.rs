//! `Part`: what a line of the log is about, so that each may be told in another depth.

/// What a line is about. Its name is the `target` of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The process: its start and its end, settings, summaries, and what belongs nowhere else.
    Main,
    /// Registrations of devices.
    Register,
    /// The main registrar, and the leases it holds.
    Upstream,
    /// Calls and all requests that are no REGISTER.
    Call,
    /// Sockets.
    Net,
    /// What is kept of bindings.
    Store,
    /// The control socket, and what it is asked.
    Control,
}

impl Part {
    /// All of them; the place of each is its number.
    pub const ALL: [Self; 7] = [
        Self::Main,
        Self::Register,
        Self::Upstream,
        Self::Call,
        Self::Net,
        Self::Store,
        Self::Control,
    ];

    /// Its name, as operators write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Register => "register",
            Self::Upstream => "upstream",
            Self::Call => "call",
            Self::Net => "net",
            Self::Store => "store",
            Self::Control => "control",
        }
    }

    /// The part of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// The part that a line with this target belongs to; module paths count by their module.
    #[must_use]
    pub fn of_target(target: &str) -> Self {
        let name = target.strip_prefix("midreg::").unwrap_or(target);
        let name = name.split("::").next().unwrap_or_default();
        Self::named(name).unwrap_or(Self::Main)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_found_by_its_name_and_stands_at_its_number() {
        for (number, part) in Part::ALL.into_iter().enumerate() {
            assert_eq!(Part::named(part.name()), Some(part));
            assert_eq!(part as usize, number);
        }
    }

    #[test]
    fn lines_belong_where_their_target_says() {
        for (target, part) in [
            ("register", Part::Register),
            ("midreg::control::server", Part::Control),
            ("midreg::app", Part::Main),
            ("another_crate::net", Part::Main),
        ] {
            assert_eq!(Part::of_target(target), part, "{target}");
        }
    }
}
