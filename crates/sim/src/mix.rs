//! `Mix`: what a seed's world is made of. Each seed draws its own, so that rare things meet each
//! other: no seed has every trouble, and every pair of troubles has its seeds.

use core::fmt;
use core::time::Duration;

use engine::policy::{
    Balance, CallPolicy, ChallengePolicy, Credential, FlowMatch, Insertion, Mode, Overflow, Policy,
    TooBrief,
};

use crate::call::CallMix;
use crate::home;
use crate::main_registrar::PASSWORD;
use crate::network::Conditions;
use crate::personality::{Challenges, Keying, Listing, Personality, WrongPassword};
use crate::policy;
use crate::rng::Rng;

/// How often each mode is drawn, in percent.
const MODES: [(Mode, u64); 4] = [
    (Mode::Contact, 45),
    (Mode::Mirror, 15),
    (Mode::Aor, 30),
    (Mode::Standalone, 10),
];

/// What a seed's world is made of.
#[derive(Clone, Debug)]
pub struct Mix {
    /// The seed.
    pub seed: u64,
    /// How registrations relate to the main registrar's.
    pub mode: Mode,
    /// Nodes of the main registrar.
    pub nodes: u16,
    /// What they are.
    pub main: Main,
    /// Whom they ask for a password.
    pub challenges: Challenges,
    /// What their 2xx lists.
    pub listing: Listing,
    /// When phones show credentials.
    pub credentials: Shown,
    /// By what midreg speaks for itself.
    pub authority: Authority,
    /// The network between phones and us.
    pub devices: Conditions,
    /// The network between us and the main registrar.
    pub upstream: Conditions,
    /// Users.
    pub aors: usize,
    /// Phones.
    pub phones: Vec<Kind>,
    /// What may go wrong.
    pub troubles: Vec<Trouble>,
    /// What midreg is told.
    pub policy: Policy,
    /// Whether and how there are calls.
    pub calls: Option<CallMix>,
}

/// What a main registrar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Main {
    /// One without peculiarities.
    Plain,
    /// Kamailio.
    Kamailio,
    /// FreeSWITCH, and what it takes for one contact.
    FreeSwitch(Keying),
    /// Asterisk.
    Asterisk,
}

/// By what midreg speaks for itself to a main registrar that asks everybody for proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// By nothing.
    None,
    /// It is trusted at an address of its own.
    Address,
    /// It has credentials of its own.
    Credentials,
}

/// When phones show credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// When they are asked for them.
    WhenAsked,
    /// Whenever they know how.
    Always,
}

/// What a phone is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has an address of its own.
    Plain,
    /// It says who it is, `+sip.instance`.
    Instance,
    /// It is behind a NAT, and others with the same private address are behind theirs.
    Nat,
    /// It registers two contacts with one request.
    Two,
    /// It sleeps for long, and longer than it was promised.
    Sleeper,
}

/// What may go wrong with anything but the phones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A main registrar neither works nor answers.
    Silence,
    /// It works, and nobody hears of it.
    Muteness,
    /// 503.
    Overload,
    /// 500.
    Rejection,
    /// 403 to everybody.
    Ban,
    /// It grants less.
    Shortening,
    /// 423.
    TooBrief,
    /// It takes fewer contacts.
    Crowding,
    /// It restarts and has lost everything.
    MainRestart,
    /// A new epoch is ordered.
    Resync,
    /// An operator ends everything of an AoR.
    Kick,
    /// The store acknowledges late.
    LateStore,
    /// The store fails.
    FailingStore,
    /// Midreg crashes.
    Crash,
    /// A main registrar cannot be reached.
    Partition,
    /// Somebody repeats a phone's words from elsewhere.
    Stranger,
    /// Midreg is told other lifetimes.
    NewPolicy,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Silence,
        Self::Muteness,
        Self::Overload,
        Self::Rejection,
        Self::Ban,
        Self::Shortening,
        Self::TooBrief,
        Self::Crowding,
        Self::MainRestart,
        Self::Resync,
        Self::Kick,
        Self::LateStore,
        Self::FailingStore,
        Self::Crash,
        Self::Partition,
        Self::Stranger,
        Self::NewPolicy,
    ];

    /// Whether midreg and a main registrar may disagree because of it until the phones speak again.
    #[must_use]
    pub const fn divides(self) -> bool {
        !matches!(
            self,
            Self::Kick | Self::Stranger | Self::NewPolicy | Self::Resync
        )
    }
}

impl Mix {
    /// The mix of this seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut lot = rng.below(100);
        let drawn = MODES.into_iter().find(|(_, share)| {
            let hit = lot < *share;
            lot = lot.saturating_sub(*share);
            hit
        });
        Self::draw_from(
            seed,
            drawn.map_or(Mode::Contact, |(mode, _)| mode),
            &mut rng,
        )
    }

    /// The mix of this seed in another mode than it would draw.
    #[must_use]
    pub fn draw_in(seed: u64, mode: Mode) -> Self {
        let mut rng = Rng::new(seed);
        rng.draw();
        Self::draw_from(seed, mode, &mut rng)
    }

    fn draw_from(seed: u64, mode: Mode, rng: &mut Rng) -> Self {
        let nodes = match mode {
            Mode::Standalone => 0,
            _ => 1 + u16::from(rng.chance(15)),
        };
        let challenges = match rng.chance(65) || mode == Mode::Standalone {
            true => Challenges::Always,
            false => Challenges::Never,
        };
        let authority = match challenges {
            Challenges::Never => Authority::None,
            Challenges::Always => {
                [Authority::None, Authority::Address, Authority::Credentials][rng.index(3)]
            }
        };
        let main = main(rng, mode);
        let (aors, phones) = crowd(rng, mode, main);
        let calm = rng.chance(25);
        let troubles = Trouble::ALL.into_iter().filter(|trouble| {
            let apart = nodes > 0 || !trouble.is_upstream();
            let fit = apart && !(calm && trouble.divides());
            rng.chance(trouble.share(calm)) && fit
        });
        let troubles: Vec<Trouble> = troubles.collect();
        let listing = listing(rng, mode, main, &troubles);
        let upstream = match calm {
            true => [Conditions::PERFECT, Conditions::SLOW][rng.index(2)],
            false => conditions(rng),
        };
        let credentials = [Shown::WhenAsked, Shown::Always][rng.index(2)];
        let devices = conditions(rng);
        let calls = CallMix::draw(seed);
        let mut policy = authorised(draw_policy(rng, mode, nodes, challenges), authority);
        if let Some(calls) = &calls {
            policy.domain.calls = calls.policy.clone();
        }
        Self {
            seed,
            mode,
            nodes,
            main,
            challenges,
            listing,
            credentials,
            authority,
            devices,
            upstream,
            aors,
            phones,
            troubles,
            policy,
            calls,
        }
    }

    /// The same without calls.
    #[must_use]
    pub fn without_calls(mut self) -> Self {
        self.calls = None;
        self.policy.domain.calls = CallPolicy::default();
        self
    }

    /// Whether this may go wrong.
    #[must_use]
    pub fn has(&self, trouble: Trouble) -> bool {
        self.troubles.contains(&trouble)
    }

    /// Whether nothing can part midreg's view from the main registrar's, so that they must be the
    /// same whenever nothing is under way.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.upstream.loss == 0
            && self.upstream.echo.is_zero()
            && !self.troubles.iter().any(|trouble| trouble.divides())
            && matches!(self.mode, Mode::Contact | Mode::Aor)
            && !self.displaces()
    }

    /// Whether a stranger may put a phone out at a main registrar that holds one contact of an AoR, and
    /// asks nobody for proof.
    fn displaces(&self) -> bool {
        self.main == Main::FreeSwitch(Keying::Single)
            && self.challenges == Challenges::Never
            && self.has(Trouble::Stranger)
    }

    /// Whether midreg may take back whatever it registered, and knows of all of it, so that nothing
    /// may stay behind.
    #[must_use]
    pub fn leaves_no_ghosts(&self) -> bool {
        let free = match self.challenges {
            // An open main registrar that is mute may accept a stranger of whom nobody hears.
            Challenges::Never => self.credentials == Shown::Always && !self.has(Trouble::Muteness),
            Challenges::Always => self.authority != Authority::None,
        };
        free && self.nodes == 1
            && matches!(self.mode, Mode::Contact | Mode::Aor)
            && !self.has(Trouble::Crash)
            && !self.sends_away()
    }

    /// Whether the main registrar may refuse somebody for good whose contact it goes on holding: who
    /// is refused so is given up without another word (R16).
    fn sends_away(&self) -> bool {
        let wrong_password = self.personality().wrong_password;
        let asks = self.challenges == Challenges::Always;
        self.has(Trouble::Ban) || (asks && wrong_password == WrongPassword::Forbidden)
    }

    /// How a main registrar of this mix behaves on a good day.
    #[must_use]
    pub fn personality(&self) -> Personality {
        let personality = match self.main {
            Main::Plain => Personality::default(),
            Main::Kamailio => Personality::kamailio(),
            Main::FreeSwitch(keying) => Personality::freeswitch(keying),
            Main::Asterisk => Personality::asterisk(),
        };
        Personality {
            challenges: self.challenges,
            listing: self.listing,
            trusts: (self.authority == Authority::Address).then(policy::control),
            ..personality
        }
    }

    /// What is special about it, for statistics.
    #[must_use]
    pub fn features(&self) -> Vec<String> {
        let mut features = vec![
            format!("mode {:?}", self.mode),
            format!("nodes {}", self.nodes),
            format!("main {:?}", self.main),
            format!("challenges {:?}", self.challenges),
            format!("credentials {:?}", self.credentials),
            format!("authority {:?}", self.authority),
            format!("listing {:?}", self.listing),
            format!("phones {}", self.phones.len()),
            format!(
                "flow match {:?}",
                self.policy.domain.registration.flow_match
            ),
            format!("too brief {:?}", self.policy.domain.registration.too_brief),
            format!("challenge policy {:?}", self.policy.domain.challenge),
            format!("devices' link {}", quality(&self.devices)),
            format!("upstream link {}", quality(&self.upstream)),
        ];
        if self.is_calm() {
            features.push("calm".to_owned());
        }
        if self.leaves_no_ghosts() {
            features.push("no ghosts".to_owned());
        }
        features.extend(
            self.troubles
                .iter()
                .map(|trouble| format!("trouble {trouble:?}")),
        );
        match &self.calls {
            Some(calls) => features.extend(calls.features()),
            None => features.push("no calls".to_owned()),
        }
        let mut kinds: Vec<String> = self
            .phones
            .iter()
            .map(|kind| format!("phone {kind:?}"))
            .collect();
        kinds.sort();
        kinds.dedup();
        features.extend(kinds);
        features
    }
}

impl Trouble {
    /// How many mixes it is in, in percent. What takes rare company to do harm comes more often.
    const fn share(self, calm: bool) -> u64 {
        match self {
            Self::Muteness => 60,
            _ if calm => 20,
            _ => 35,
        }
    }

    /// Whether it is one of the main registrar.
    const fn is_upstream(self) -> bool {
        !matches!(
            self,
            Self::Kick
                | Self::LateStore
                | Self::FailingStore
                | Self::Crash
                | Self::Stranger
                | Self::NewPolicy
        )
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domain = &self.policy.domain;
        write!(
            f,
            "seed {:#x}: {}; phones {:?} of {} users; upstream.expires {}, reauth {}, jitter {} %, \
             at most {} bindings",
            self.seed,
            self.features().join(", "),
            self.phones,
            self.aors,
            domain.expires,
            domain.reauth_interval,
            domain.registration.jitter_percent,
            self.policy.limits.bindings_per_aor,
        )
    }
}

fn main(rng: &mut Rng, mode: Mode) -> Main {
    match rng.below(10) {
        0..2 => Main::Plain,
        2..5 => Main::Kamailio,
        // Where a device's Call-ID goes upstream, a reboot leaves its contact there twice.
        5 if mode != Mode::Mirror => Main::FreeSwitch(Keying::CallId),
        6 => Main::FreeSwitch(Keying::Single),
        5..8 => Main::FreeSwitch(Keying::Uri),
        _ => Main::Asterisk,
    }
}

/// Users and phones. Where the main registrar holds one contact for what are several to us, there
/// are no several.
fn crowd(rng: &mut Rng, mode: Mode, main: Main) -> (usize, Vec<Kind>) {
    let one_by_one = mode != Mode::Aor && !matches!(mode, Mode::Standalone);
    let alone = one_by_one && main == Main::FreeSwitch(Keying::Single);
    let single = one_by_one && matches!(main, Main::FreeSwitch(Keying::Single | Keying::CallId));
    let phones = 2 + rng.index(5);
    let kinds = (0..phones).map(|_| match rng.below(8) {
        0 | 1 => Kind::Instance,
        2 => Kind::Nat,
        3 if !single => Kind::Two,
        4 => Kind::Sleeper,
        _ => Kind::Plain,
    });
    let kinds = kinds.collect();
    match alone {
        true => (phones, kinds),
        false => (1 + rng.index(3), kinds),
    }
}

/// What a 2xx lists. Who grants less than was asked says so.
fn listing(rng: &mut Rng, mode: Mode, main: Main, troubles: &[Trouble]) -> Listing {
    if mode != Mode::Contact || rng.chance(75) {
        return Listing::Full;
    }
    let generous = matches!(main, Main::Plain | Main::Kamailio);
    match rng.index(3) {
        0 => Listing::ExpiresHeader,
        1 if generous && !troubles.contains(&Trouble::Shortening) => Listing::Bare,
        _ => Listing::OnlyExpiresHeader,
    }
}

fn conditions(rng: &mut Rng) -> Conditions {
    let base = [Conditions::PERFECT, Conditions::SLOW, Conditions::BAD][rng.index(3)];
    let worse = match rng.chance(30) && base.loss > 0 {
        true => Conditions { loss: 25, ..base },
        false => base,
    };
    match rng.chance(40) {
        true => Conditions {
            duplication: 15,
            echo: Duration::from_secs(20),
            ..worse
        },
        false => worse,
    }
}

fn quality(conditions: &Conditions) -> &'static str {
    match (
        conditions.loss,
        conditions.echo.is_zero(),
        conditions.farthest.is_zero(),
    ) {
        (0, true, true) => "perfect",
        (0, true, false) => "slow",
        (0, false, _) => "echoing",
        (_, true, _) => "bad",
        (_, false, _) => "bad and echoing",
    }
}

/// A policy by which midreg may speak for itself so.
fn authorised(mut policy: Policy, authority: Authority) -> Policy {
    match authority {
        Authority::None => policy,
        Authority::Address => policy::with_control(policy),
        Authority::Credentials => {
            policy.upstream.credentials.push(Credential {
                realm: Box::default(),
                user: "midreg".into(),
                password: PASSWORD.into(),
            });
            policy
        }
    }
}

fn draw_policy(rng: &mut Rng, mode: Mode, nodes: u16, challenges: Challenges) -> Policy {
    let mut policy = policy::with(mode, nodes);
    if nodes > 1 && rng.chance(50) {
        policy.upstream.balance = Balance::Aor;
    }
    let domain = &mut policy.domain;
    domain.insertion = Insertion::Parameter;
    domain.expires = [7200, 7200, 600, 120][rng.index(4)];
    domain.reauth_interval = [7200, 200][rng.index(2)];
    if challenges == Challenges::Always && rng.chance(20) {
        domain.challenge = ChallengePolicy::Require;
    }
    let registration = &mut domain.registration;
    registration.jitter_percent = [0, 10][rng.index(2)];
    registration.max_expires = 300;
    registration.default_expires = 300;
    if rng.chance(30) {
        registration.too_brief = TooBrief::Raise;
    }
    if rng.chance(20) {
        registration.flow_match = FlowMatch::Address;
    }
    if rng.chance(20) {
        policy.limits.bindings_per_aor = 2;
        policy.limits.overflow = [Overflow::Reject, Overflow::ReplaceOldest][rng.index(2)];
    }
    if mode == Mode::Standalone {
        policy.domain.digest = Some(home::users());
    }
    policy
}
