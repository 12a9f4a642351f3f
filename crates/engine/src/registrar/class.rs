//! `Class`: who goes first (R15), by what a sender has shown of himself. What a stranger sends costs
//! him nothing: it must neither keep out those who are known, nor be taken for their word.

use crate::core::Core;
use crate::registrar::decide::flows_match;
use crate::registrar::joining;
use crate::registrar::proof;
use crate::registrar::request::RegisterRequest;

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// The answer to a challenge, of the main registrar (D4) or of ours.
    SecondLeg,
    /// A device that comes by the flow of one that its AoR has.
    Known,
    /// Anybody else.
    Stranger,
}

impl Class {
    /// The class of a request that is to go upstream. Where proof is had here, nothing goes there
    /// without it.
    pub(super) fn of(core: &Core, request: &RegisterRequest<'_>) -> Self {
        let domain = core.policy.of(&request.aor);
        if proof::is_had_here(domain) || joining::challenged(core, request).is_some() {
            return Self::SecondLeg;
        }
        let rule = domain.registration.flow_match;
        let mut bindings = core.table.bindings_of(request.aor_hash);
        match bindings.any(|binding| flows_match(&request.flow, &binding.flow, rule)) {
            true => Self::Known,
            false => Self::Stranger,
        }
    }

    /// How many REGISTERs may be under way upstream, of the most that policy allows, for another of
    /// this class to join them: the last quarter is kept from strangers, and half of that for those
    /// who answer a challenge.
    pub(super) const fn share(self, most: usize) -> usize {
        match self {
            Self::SecondLeg => most,
            Self::Known => most - most / 8,
            Self::Stranger => most - most / 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_places_are_kept_for_those_who_have_shown_more() {
        let shares = [Class::Stranger, Class::Known, Class::SecondLeg].map(|class| class.share(64));
        assert_eq!(shares, [48, 56, 64]);
        assert_eq!(Class::Stranger.share(1), 1, "nobody is kept out for good");
    }
}
