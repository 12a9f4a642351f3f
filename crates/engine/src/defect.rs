//! `Defect`: a fault put in on purpose, so that a test can prove that it would be seen. Without the
//! feature `defects` none can be put in, and every question about one is answered `false` when it is
//! compiled.

/// A fault that the simulator must catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A refresh is absorbed whatever flow it comes by (D9).
    AbsorbFromNewFlow,
    /// A binding is committed before the main registrar has accepted it (R1).
    CommitOnChallenge,
    /// A lease is believed to be longer than it was granted, and so carries longer promises (R4).
    GrantBeyondLease,
    /// The lease of a dead device is not given back (R9).
    ForgetRemoval,
    /// A late duplicate raises a device from the dead (R8).
    IgnoreTombstone,
    /// A lease that was to be given back is forgotten when its device's return fails (R9).
    ForgetDeparted,
    /// Bindings outlive a `Contact: *` that was accepted (R8).
    OutliveStar,
    /// What the main registrar may have accepted without an answer is forgotten (R6).
    ForgetUnanswered,
    /// A 200 goes out before the store has what it promises.
    ReplyBeforeDurable,
    /// A definitive reject ends nothing (R16).
    KeepRejected,
    /// The CSeq of a lease does not grow (R6).
    RepeatCseq,
    /// A replayed request without credentials is taken for the device's own (R11).
    CommitReplay,
    /// One of several devices that leaves ends the lease of all (R8).
    EndSharedLease,
    /// A shared lease is renewed for whoever asked only.
    RenewOneOnly,
    /// Devices ring on after another has answered.
    LosersRingOn,
    /// The first final answer counts, not the best.
    FirstIsBest,
    /// Of several that accept an INVITE only the first is passed on (RFC 6026).
    SwallowSecond,
    /// Anybody may address a device by its token (S-12).
    TokensForAnybody,
    /// Later requests of a dialog go to where its device was at the beginning.
    DialogToOldFlow,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::AbsorbFromNewFlow,
        Self::CommitOnChallenge,
        Self::GrantBeyondLease,
        Self::ForgetRemoval,
        Self::IgnoreTombstone,
        Self::ForgetDeparted,
        Self::OutliveStar,
        Self::ForgetUnanswered,
        Self::ReplyBeforeDurable,
        Self::KeepRejected,
        Self::RepeatCseq,
        Self::CommitReplay,
        Self::EndSharedLease,
        Self::RenewOneOnly,
        Self::LosersRingOn,
        Self::FirstIsBest,
        Self::SwallowSecond,
        Self::TokensForAnybody,
        Self::DialogToOldFlow,
    ];
}

/// The defect that an engine has, if any.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seeded {
    #[cfg(feature = "defects")]
    defect: Option<Defect>,
}

impl Seeded {
    /// Puts a defect in.
    #[cfg(feature = "defects")]
    pub(crate) const fn with(defect: Defect) -> Self {
        Self {
            defect: Some(defect),
        }
    }

    /// Whether it is this one.
    #[cfg(feature = "defects")]
    pub(crate) fn is(self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Whether it is this one: there are none.
    #[cfg(not(feature = "defects"))]
    pub(crate) const fn is(self, _defect: Defect) -> bool {
        false
    }
}
