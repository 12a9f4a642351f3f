//! SIP messages as bytes, and bytes as SIP messages.
//!
//! A received message is never copied: [`Message::parse`] finds its start line, its header
//! fields and its body and keeps offsets. Typed headers (one per file in [`header`]) are parsed
//! from those slices when somebody asks. [`Patch`] writes a message with some spans changed and
//! every other byte verbatim; [`Response`] and [`Request`] write new ones.
//!
//! Invariants: no I/O, no clock, no `unsafe`, no allocation while parsing an ordinary message,
//! no panic on any input. Sizes and counts are bounded by [`limits`].
//!
//! Grammar: RFC 3261 §25, with RFC 3581, 5118, 5626, 5954, 6809, 7616 and 8760.

#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable
)]

pub mod aor;
pub mod build;
mod charset;
mod cursor;
pub mod digest;
pub mod error;
pub mod escape;
mod fields;
pub mod header;
pub mod host;
pub mod limits;
pub mod message;
pub mod method;
pub mod number;
pub mod params;
pub mod patch;
pub mod scan;
pub mod start_line;
pub mod status;
pub mod stream;
pub mod uri;
pub mod validate;

pub use build::{ReceivedFrom, Request, Response};
pub use error::{ParseError, ParseErrorKind};
pub use header::name::Name;
pub use host::Host;
pub use message::{Framing, Header, Message, Span};
pub use method::Method;
pub use params::{Param, Params};
pub use patch::Patch;
pub use start_line::{RequestLine, StartLine};
pub use uri::{Scheme, Uri};
pub use validate::Fault;
