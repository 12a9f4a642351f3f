//! Every bound of the parser, in one place. What exceeds one is refused, never truncated.

/// Longest message in bytes: what a UDP datagram can hold and a `u16` offset can address.
pub const MAX_MESSAGE: usize = 65_535;

/// Most header fields in one message.
pub const MAX_HEADERS: usize = 256;

/// Longest header field in bytes, folds included. Identity tokens (RFC 8224) are the largest
/// legitimate ones, at a few kilobytes.
pub const MAX_HEADER_LINE: usize = 16_384;

/// Longest start line in bytes.
pub const MAX_START_LINE: usize = 8_192;

/// Longest URI in bytes. A web-push endpoint inside `pn-prid` (RFC 8599) stays well below.
pub const MAX_URI: usize = 4_096;

/// Most parameters or URI headers that are compared one by one; URIs with more are only equal
/// when their text is. Keeps comparison from turning quadratic.
pub const MAX_COMPARED: usize = 64;

/// Header fields that fit into a parsed message without allocating.
pub const INLINE_HEADERS: usize = 40;
