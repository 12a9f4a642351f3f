//! `Branch`: the Via branches we make (RFC 3261 §8.1.1.7).
//!
//! `z9hG4bK` + two hex digits of the shard + `-` + sixteen hex digits. The shard brings a response back
//! to the engine that sent the request, whichever socket it comes in by. The rest is a keyed hash of
//! a counter: unique, and not to be guessed by anyone who would forge responses.

use core::fmt;
use core::hash::Hasher;

use sip::header::via::{MAGIC_COOKIE, Via};
use siphasher::sip::SipHasher24;

use crate::ids::ShardId;

/// Length of our branches in bytes.
const LENGTH: usize = MAGIC_COOKIE.len() + 2 + 1 + 16;

/// A branch of ours; names one request on one hop.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Branch([u8; LENGTH]);

/// Makes branches, no two alike.
pub(super) struct Branches {
    secret: SipHasher24,
    shard: ShardId,
    made: u64,
}

/// The shard in a branch, if the branch has the form of ours. Anybody can write such a branch: the
/// shard may not exist, and the response may be forged.
#[must_use]
pub fn branch_shard(branch: &[u8]) -> Option<ShardId> {
    let [high, low, b'-', rest @ ..] = branch.strip_prefix(MAGIC_COOKIE)? else {
        return None;
    };
    if branch.len() != LENGTH || !rest.iter().all(|&digit| value(digit).is_some()) {
        return None;
    }
    Some(ShardId(value(*high)? << 4 | value(*low)?))
}

impl Branch {
    /// The branch of the topmost Via of a request of ours.
    pub(super) fn of(request: &[u8]) -> Option<Self> {
        let request = sip::Message::parse(request).ok()?;
        let via = Via::parse(request.values(sip::Name::Via).next()?).ok()?;
        via.branch()?.try_into().ok().map(Self)
    }

    /// The branch as it stands in a Via.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The branch as it stands in a Via.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The shard that made it.
    #[must_use]
    pub fn shard(&self) -> ShardId {
        branch_shard(&self.0).unwrap_or(ShardId(0))
    }
}

impl Branches {
    /// For one shard, under a secret that no earlier start of the process has used.
    pub(super) fn new(secret: SipHasher24, shard: ShardId) -> Self {
        Self {
            secret,
            shard,
            made: 0,
        }
    }

    /// The next one.
    pub(super) fn make(&mut self) -> Branch {
        self.made += 1;
        let mut hasher = self.secret;
        hasher.write_u64(self.made);
        let unguessable = hasher.finish().to_be_bytes();
        let text = MAGIC_COOKIE
            .iter()
            .copied()
            .chain(hex(self.shard.0))
            .chain(*b"-")
            .chain(unguessable.into_iter().flat_map(hex));
        let mut bytes = [0; LENGTH];
        for (byte, written) in bytes.iter_mut().zip(text) {
            *byte = written;
        }
        let branch = Branch(bytes);
        debug_assert_eq!(branch_shard(&bytes), Some(self.shard));
        branch
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Branch({self})")
    }
}

impl fmt::Debug for Branches {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branches")
            .field("shard", &self.shard)
            .field("made", &self.made)
            .finish()
    }
}

const fn hex(byte: u8) -> [u8; 2] {
    [digit(byte >> 4), digit(byte & 0xf)]
}

const fn digit(value: u8) -> u8 {
    match value {
        0..=9 => b'0' + value,
        _ => b'a' + value - 10,
    }
}

const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branches(secret: u8, shard: u8) -> Branches {
        Branches::new(SipHasher24::new_with_key(&[secret; 16]), ShardId(shard))
    }

    #[test]
    fn carries_its_shard() {
        for shard in 0..=u8::MAX {
            let branch = branches(1, shard).make();
            assert_eq!(branch.shard(), ShardId(shard));
            assert_eq!(branch_shard(branch.as_bytes()), Some(ShardId(shard)));
        }
    }

    #[test]
    fn has_the_form_it_promises() {
        let branch = branches(1, 0x2f).make();
        let text = branch.to_string();
        assert_eq!(text.len(), 26);
        assert!(text.starts_with("z9hG4bK2f-"), "{text}");
        assert!(
            text[10..]
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        );
    }

    #[test]
    fn no_two_are_alike_and_the_secret_decides_them() {
        let (mut ours, mut theirs) = (branches(1, 0), branches(2, 0));
        let mut seen: Vec<_> = (0..1000)
            .flat_map(|_| [ours.make().0, theirs.make().0])
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 2000);
    }

    #[test]
    fn foreign_branches_have_no_shard() {
        for foreign in [
            "",
            "z9hG4bK",
            "z9hG4bK00-",
            "z9hG4bK00-0123456789abcde",
            "z9hG4bK00-0123456789abcdef0",
            "z9hG4bK00-0123456789abcdeg",
            "z9hG4bK00_0123456789abcdef",
            "z9hG4bKx0-0123456789abcdef",
            "z9hG4bK0F-0123456789abcdef",
            "Z9hG4bK00-0123456789abcdef",
        ] {
            assert_eq!(branch_shard(foreign.as_bytes()), None, "{foreign}");
        }
        assert_eq!(
            branch_shard(b"z9hG4bK0f-0123456789abcdef"),
            Some(ShardId(15))
        );
    }
}
