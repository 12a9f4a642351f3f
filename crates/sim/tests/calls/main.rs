//! Calls and messages, message by message: what goes where, header field by header field, and what
//! becomes of everything that nobody should send.

mod bad_input;
mod dialogs;
mod forks;
mod habits;
mod messages;
mod names;
mod outbound;
mod review;
mod shards;
mod sides;
mod stage;
