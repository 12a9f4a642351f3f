//! A deterministic world around the production engine: its own time, its own network, model phones
//! and model main registrars, and a store that may lag or fail.
//!
//! * [`Rig`] is the engine with a clock and a store; [`World`] adds the [`Network`], the
//!   [`MainRegistrar`]s and everybody's letter box.
//! * [`Phone`] writes what a phone would send. It sends nothing itself: the test decides what is
//!   sent, lost, repeated or held back.
//! * A [`Story`] is a whole life drawn from a seed: a [`Mix`] of phones, troubles and policies, and
//!   what comes of it. The [`Watch`] looks over the engine's shoulder in every world.
//! * Nothing here reads a clock, an environment or a random device: the same calls give the same
//!   world, and a seed is all that a failure needs to be told again.
//! * A world that is dropped by a failing test prints its conversation as a [`Ladder`].

#![forbid(unsafe_code)]

pub mod call;
pub mod digest;
pub mod expect;
pub mod facts;
pub mod handle;
pub mod home;
pub mod ladder;
pub mod main_registrar;
pub mod mix;
pub mod network;
pub mod packet;
pub mod personality;
pub mod phone;
pub mod policy;
pub mod rig;
pub mod rng;
pub mod scenario;
pub mod statistics;
pub mod store;
pub mod story;
pub mod watch;
pub mod world;

pub use ladder::Ladder;
pub use main_registrar::{MainRegistrar, Seen};
pub use mix::Mix;
pub use network::{Conditions, Link, Network};
pub use packet::{Listed, Packet};
pub use personality::{Challenges, Listing, Nonces, Personality, Temper};
pub use phone::Phone;
pub use rig::Rig;
pub use rng::Rng;
pub use scenario::Scenario;
pub use statistics::Statistics;
pub use store::{Store, StoreMode};
pub use story::Story;
pub use watch::Watch;
pub use world::World;
