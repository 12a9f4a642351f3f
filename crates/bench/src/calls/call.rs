//! `Call`: how far one call is, on both of its sides. All devices ring; when the caller has heard each of them,
//! one answers, and the others are to be cancelled. The caller hangs up once the device has its ACK.

use super::heads::Heads;
use super::script::FarEnd;

/// One call. The place is reused for the next when it is over.
#[derive(Default, Debug)]
pub struct Call {
    /// How many calls this place has had; tells late messages of a former one apart.
    pub serial: u32,
    /// Who is called.
    pub user: u32,
    /// When it began, in nanoseconds.
    pub began: u64,
    /// What each device heard in its INVITE.
    pub ends: Vec<Heads>,
    /// Who answered, as the caller knows him.
    pub far: FarEnd,
    phase: Phase,
    rings: usize,
    losers: usize,
}

/// How far it is for the caller.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Phase {
    /// There is none.
    #[default]
    Idle,
    /// It rings, or will.
    Calling,
    /// A device accepted.
    Answered,
    /// The BYE is on its way.
    HangingUp,
    /// The BYE was answered; losers may still have to end.
    Ended,
}

impl Call {
    /// A place for calls to so many devices each.
    pub fn place(devices: usize) -> Self {
        Self {
            ends: vec![Heads::default(); devices],
            ..Self::default()
        }
    }

    /// The next call begins.
    pub fn begin(&mut self, user: u32, now: u64) {
        self.serial = self.serial.wrapping_add(1);
        self.user = user;
        self.began = now;
        self.ends.iter_mut().for_each(Heads::clear);
        self.phase = Phase::Calling;
        self.rings = 0;
        self.losers = self.ends.len().saturating_sub(1);
    }

    /// Whether the place is free.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// The device that will answer; a different one from call to call.
    pub fn winner(&self) -> usize {
        self.serial as usize % self.ends.len().max(1)
    }

    /// The caller hears a device ring; whether all do now, so that one may answer.
    pub fn on_ringing(&mut self) -> bool {
        self.rings += 1;
        self.phase == Phase::Calling && self.rings == self.ends.len()
    }

    /// The caller hears that somebody answered; whether that is news.
    pub fn on_answer(&mut self) -> bool {
        let news = self.phase == Phase::Calling;
        if news {
            self.phase = Phase::Answered;
        }
        news
    }

    /// A device has its ACK; whether the caller is to hang up now.
    pub fn on_ack(&mut self, device: usize) -> bool {
        if device != self.winner() {
            self.losers = self.losers.saturating_sub(1);
            return false;
        }
        let first = self.phase == Phase::Answered;
        if first {
            self.phase = Phase::HangingUp;
        }
        first
    }

    /// The caller hears that the BYE is answered.
    pub fn on_hung_up(&mut self) {
        if self.phase == Phase::HangingUp {
            self.phase = Phase::Ended;
        }
    }

    /// Whether both sides are done, so that the place may be freed.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Ended && self.losers == 0
    }

    /// Frees the place.
    pub fn free(&mut self) {
        self.phase = Phase::Idle;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_to_one_device() {
        let mut call = Call::place(1);
        assert!(call.is_idle());
        call.begin(7, 100);
        assert_eq!((call.serial, call.user, call.winner()), (1, 7, 0));
        assert!(call.on_ringing() && call.on_answer() && !call.on_answer());
        assert!(call.on_ack(0) && !call.on_ack(0));
        assert!(!call.is_over());
        call.on_hung_up();
        assert!(call.is_over());
        call.free();
        assert!(call.is_idle());
    }

    #[test]
    fn of_two_devices_one_answers_when_both_ring_and_the_other_has_to_end() {
        let mut call = Call::place(2);
        call.begin(0, 0);
        let (winner, loser) = (call.winner(), 1 - call.winner());
        assert!(!call.on_ringing());
        assert!(call.on_ringing());
        assert!(call.on_answer());
        assert!(call.on_ack(winner));
        call.on_hung_up();
        assert!(!call.is_over());
        assert!(!call.on_ack(loser));
        assert!(call.is_over());
        call.begin(0, 0);
        assert_eq!(call.winner(), loser);
    }

    #[test]
    fn what_comes_too_early_changes_nothing() {
        let mut call = Call::place(1);
        call.begin(0, 0);
        call.on_hung_up();
        assert!(!call.on_ack(0));
        assert!(!call.is_over());
    }
}
