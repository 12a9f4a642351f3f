//! Header fields: their names, the splitting of comma lists, and one typed header per file.
//!
//! A typed header is parsed from one element of a header field's value (see [`list`]); it borrows
//! from the message and remembers nothing that was not there.

pub mod allow;
pub mod auth;
pub mod contact;
pub mod cseq;
pub mod date;
pub mod expires;
pub mod feature_caps;
pub mod list;
pub mod max_forwards;
pub mod name;
pub mod name_addr;
pub mod option_tags;
pub mod q_value;
pub mod retry_after;
pub mod route;
pub mod user_agent;
pub mod via;
