//! Digest arithmetic (RFC 7616 §3.4, RFC 8760): hashes of what the headers hold, nothing else.
//!
//! Nonces, policies and secrets are the caller's. `-sess` algorithms and `auth-int` are not here:
//! no SIP device needs them.

use md5::{Digest, Md5};
use sha2::{Sha256, Sha512_256};
use subtle::ConstantTimeEq as _;

use crate::number::{hex_digits, hex_value};

/// A hash function for digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `MD5`
    Md5,
    /// `SHA-256`
    Sha256,
    /// `SHA-512-256`
    Sha512_256,
}

/// What the client adds when the challenge offered a quality of protection.
#[derive(Clone, Copy, Debug)]
pub struct Protection<'a> {
    /// The nonce count, eight hexadecimal digits as they were written.
    pub nc: &'a [u8],
    /// The client's nonce.
    pub cnonce: &'a [u8],
    /// The quality, `auth`.
    pub qop: &'a [u8],
}

/// A hash in lower-case hexadecimal digits.
#[derive(Clone, Copy)]
pub struct Hex {
    digits: [u8; 64],
    len: usize,
}

impl Algorithm {
    /// The algorithm that `text` names, in any case.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        [Self::Md5, Self::Sha256, Self::Sha512_256]
            .into_iter()
            .find(|own| text.eq_ignore_ascii_case(own.as_str().as_bytes()))
    }

    /// The name as the headers write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// How many hexadecimal digits its hashes have.
    pub fn hex_len(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 | Self::Sha512_256 => 64,
        }
    }

    /// The hash of `parts` with a colon between them.
    fn hash(self, parts: &[&[u8]]) -> Hex {
        match self {
            Self::Md5 => joined::<Md5>(parts),
            Self::Sha256 => joined::<Sha256>(parts),
            Self::Sha512_256 => joined::<Sha512_256>(parts),
        }
    }
}

impl Hex {
    /// A hash of this algorithm that was written down before, in digits of any case; `None` when the
    /// text is of another length or holds anything else.
    pub fn parse(algorithm: Algorithm, text: &[u8]) -> Option<Self> {
        if text.len() != algorithm.hex_len() || !text.iter().all(|b| hex_value(*b).is_some()) {
            return None;
        }
        let mut digits = [0; 64];
        for (place, digit) in digits.iter_mut().zip(text) {
            *place = digit.to_ascii_lowercase();
        }
        Some(Self {
            digits,
            len: text.len(),
        })
    }

    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }

    fn of(hash: &[u8]) -> Self {
        let mut digits = [0; 64];
        for (place, byte) in digits.chunks_exact_mut(2).zip(hash) {
            place.copy_from_slice(&hex_digits(*byte));
        }
        Self {
            digits,
            len: hash.len() * 2,
        }
    }
}

impl AsRef<[u8]> for Hex {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Hashes are secrets or close to it, so they are not printed.
impl core::fmt::Debug for Hex {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Hex({} digits)", self.len)
    }
}

/// The hash of user, realm and password, which servers store instead of the password.
pub fn ha1(algorithm: Algorithm, user: &[u8], realm: &[u8], password: &[u8]) -> Hex {
    algorithm.hash(&[user, realm, password])
}

/// The `response` that answers a challenge. Without protection it is that of RFC 2069, which
/// RFC 3261 §22.4 still allows.
pub fn response(
    algorithm: Algorithm,
    ha1: &[u8],
    nonce: &[u8],
    nc_cnonce_qop: Option<Protection<'_>>,
    method: &[u8],
    uri: &[u8],
) -> Hex {
    let ha2 = algorithm.hash(&[method, uri]);
    match nc_cnonce_qop {
        Some(Protection { nc, cnonce, qop }) => {
            algorithm.hash(&[ha1, nonce, nc, cnonce, qop, ha2.as_bytes()])
        }
        None => algorithm.hash(&[ha1, nonce, ha2.as_bytes()]),
    }
}

/// Whether two texts are equal; the time it takes depends on their lengths only.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

fn joined<D: Digest>(parts: &[&[u8]]) -> Hex {
    let mut hasher = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    Hex::of(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: &[u8] = b"GET";
    const URI: &[u8] = b"/dir/index.html";

    fn answer(algorithm: Algorithm) -> String {
        let ha1 = ha1(
            algorithm,
            b"Mufasa",
            b"http-auth@example.org",
            b"Circle of Life",
        );
        let protection = Protection {
            nc: b"00000001",
            cnonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            qop: b"auth",
        };
        let nonce = b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let hex = response(
            algorithm,
            ha1.as_bytes(),
            nonce,
            Some(protection),
            METHOD,
            URI,
        );
        String::from_utf8(hex.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn rfc_7616_section_3_9_1() {
        assert_eq!(answer(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            answer(Algorithm::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn without_protection_it_is_rfc_2069() {
        let ha1 = ha1(
            Algorithm::Md5,
            b"Mufasa",
            b"testrealm@host.com",
            b"CircleOfLife",
        );
        let nonce = b"dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let hex = response(Algorithm::Md5, ha1.as_bytes(), nonce, None, METHOD, URI);
        // RFC 2069 §2.4 as corrected by its erratum 749.
        assert_eq!(hex.as_bytes(), b"1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn every_algorithm_has_its_length_and_name() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
            let hash = ha1(algorithm, b"a", b"b", b"c");
            assert_eq!(hash.as_bytes().len(), algorithm.hex_len());
            assert_eq!(
                Algorithm::from_bytes(algorithm.as_str().to_lowercase().as_bytes()),
                Some(algorithm)
            );
        }
        assert_eq!(Algorithm::from_bytes(b"MD5-sess"), None);
    }

    #[test]
    fn a_hash_that_was_written_down_is_the_same_hash() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
            let hash = ha1(algorithm, b"a", b"b", b"c");
            let upper = hash.as_bytes().to_ascii_uppercase();
            for text in [hash.as_bytes(), &upper] {
                let read = Hex::parse(algorithm, text).unwrap();
                assert_eq!(read.as_bytes(), hash.as_bytes());
            }
        }
    }

    #[test]
    fn what_is_no_hash_is_not_taken_for_one() {
        for (algorithm, length) in [
            (Algorithm::Md5, 31),
            (Algorithm::Md5, 33),
            (Algorithm::Md5, 64),
            (Algorithm::Md5, 0),
            (Algorithm::Sha256, 32),
            (Algorithm::Sha256, 65),
            (Algorithm::Sha512_256, 63),
        ] {
            let digits = vec![b'a'; length];
            assert!(Hex::parse(algorithm, &digits).is_none(), "{length}");
        }
        for other in [b'g', b' ', b'x', b'+', 0, 0xff] {
            let mut digits = [b'0'; 32];
            digits[31] = other;
            assert!(Hex::parse(Algorithm::Md5, &digits).is_none(), "{other}");
        }
    }

    #[test]
    fn comparison_needs_equal_bytes() {
        assert!(constant_time_eq(b"abc", b"abc"));
        assert!(!constant_time_eq(b"abc", b"abd"));
        assert!(!constant_time_eq(b"abc", b"ab"));
    }
}
