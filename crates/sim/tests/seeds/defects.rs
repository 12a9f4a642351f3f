//! The simulator's own test: each of these defects, put into the engine, is noticed within so many
//! seeds, by a story that ends well without it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::defect::Defect;
use engine::policy::Mode;
use midreg_sim::{Mix, Story};

/// Seeds within which a defect is noticed.
const SEEDS: u64 = 256;

/// What went wrong in a story, if anything did.
fn fault(mix: &Mix, defect: Option<Defect>) -> Option<String> {
    let story = Story::of(mix.clone());
    let story = match defect {
        Some(defect) => story.altered(move |engine| engine.put_in(defect)),
        None => story,
    };
    match catch_unwind(AssertUnwindSafe(|| story.tell())) {
        Ok(Ok(_)) => None,
        Ok(Err(failure)) => Some(failure.fault),
        Err(_) => Some("the engine contradicts itself".to_owned()),
    }
}

/// A defect of registration: it is looked for where nobody calls, which is faster.
fn is_noticed(defect: Defect, mode: Mode) {
    is_noticed_in(defect, |seed| Mix::draw_in(seed, mode).without_calls());
}

/// A defect of calls.
fn is_noticed_in_calls(defect: Defect, mode: Mode) {
    is_noticed_in(defect, |seed| Mix::draw_in(seed, mode));
}

fn is_noticed_in(defect: Defect, mix: impl Fn(u64) -> Mix) {
    let noticed = (0..SEEDS).find_map(|seed| {
        let mix = mix(seed);
        let fault = fault(&mix, Some(defect))?;
        self::fault(&mix, None).is_none().then_some((seed, fault))
    });
    match noticed {
        Some((seed, fault)) => println!("{defect:?}: seed {seed:#x}: {fault}"),
        None => panic!("{defect:?} goes unnoticed for {SEEDS} seeds"),
    }
}

#[test]
fn absorbing_from_a_new_flow_is_noticed() {
    is_noticed(Defect::AbsorbFromNewFlow, Mode::Contact);
}

#[test]
fn a_commit_before_the_2xx_is_noticed() {
    is_noticed(Defect::CommitOnChallenge, Mode::Contact);
}

#[test]
fn a_grant_beyond_the_lease_is_noticed() {
    is_noticed(Defect::GrantBeyondLease, Mode::Contact);
}

#[test]
fn a_forgotten_removal_is_noticed() {
    is_noticed(Defect::ForgetRemoval, Mode::Contact);
}

#[test]
fn an_ignored_tombstone_is_noticed() {
    is_noticed(Defect::IgnoreTombstone, Mode::Contact);
}

#[test]
fn a_forgotten_departure_is_noticed() {
    is_noticed(Defect::ForgetDeparted, Mode::Contact);
}

#[test]
fn bindings_that_outlive_a_star_are_noticed() {
    is_noticed(Defect::OutliveStar, Mode::Contact);
}

#[test]
fn a_forgotten_unanswered_request_is_noticed() {
    is_noticed(Defect::ForgetUnanswered, Mode::Aor);
}

#[test]
fn a_reply_before_the_store_has_it_is_noticed() {
    is_noticed(Defect::ReplyBeforeDurable, Mode::Contact);
}

#[test]
fn a_binding_that_outlives_its_rejection_is_noticed() {
    is_noticed(Defect::KeepRejected, Mode::Contact);
}

#[test]
fn a_cseq_that_does_not_grow_is_noticed() {
    is_noticed(Defect::RepeatCseq, Mode::Contact);
}

#[test]
fn a_committed_replay_is_noticed() {
    is_noticed(Defect::CommitReplay, Mode::Contact);
}

#[test]
fn the_end_of_a_shared_lease_is_noticed() {
    is_noticed(Defect::EndSharedLease, Mode::Aor);
}

#[test]
fn a_shared_lease_renewed_for_one_only_is_noticed() {
    is_noticed(Defect::RenewOneOnly, Mode::Aor);
}

#[test]
fn losers_that_ring_on_are_noticed() {
    is_noticed_in_calls(Defect::LosersRingOn, Mode::Aor);
}

#[test]
fn the_first_answer_told_as_the_best_is_noticed() {
    is_noticed_in_calls(Defect::FirstIsBest, Mode::Aor);
}

#[test]
fn a_swallowed_second_2xx_is_noticed() {
    is_noticed_in_calls(Defect::SwallowSecond, Mode::Aor);
}

#[test]
fn tokens_that_anybody_may_address_are_noticed() {
    is_noticed_in_calls(Defect::TokensForAnybody, Mode::Contact);
}

#[test]
fn a_dialog_that_stays_at_the_old_flow_is_noticed() {
    is_noticed_in_calls(Defect::DialogToOldFlow, Mode::Aor);
}
