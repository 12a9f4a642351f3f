//! Numbers and addresses as text, without allocating on the way.

use core::fmt::{self, Write};
use core::net::{IpAddr, Ipv4Addr};

/// Reads `text` as a decimal number that fits 64 bits; digits only, at least one.
pub fn parse_decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// Reads `text` as a decimal number; too large a one becomes `u32::MAX`. `None` when `text` is
/// empty or holds anything but digits.
pub fn parse_saturating(text: &[u8]) -> Option<u32> {
    match leading_number(text)? {
        (number, []) => Some(number),
        _ => None,
    }
}

/// The decimal number that `text` begins with, as [`parse_saturating`] reads it, and what follows.
#[inline]
pub(crate) fn leading_number(text: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0_u64;
    let mut rest = text;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        value = (value * 10 + u64::from(digit - b'0')).min(u64::from(u32::MAX));
        rest = after;
    }
    (rest.len() < text.len()).then_some((value as u32, rest))
}

/// Appends `value` in decimal digits.
pub fn push_decimal(out: &mut Vec<u8>, value: u64) {
    let mut digits = [b'0'; 20];
    let mut rest = value;
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

/// Appends `bytes` in lower-case hexadecimal digits.
pub fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.extend_from_slice(&hex_digits(*byte));
    }
}

/// Appends `value` as 16 lower-case hexadecimal digits.
pub fn push_hex_u64(out: &mut Vec<u8>, value: u64) {
    push_hex(out, &value.to_be_bytes());
}

/// Reads hexadecimal digits of either case, one to sixteen of them.
pub fn parse_hex_u64(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    text.iter().try_fold(0, |value, byte| {
        Some(value << 4 | u64::from(hex_value(*byte)?))
    })
}

/// Appends an address: IPv6 without brackets, as `received` wants it.
pub fn push_ip(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => push_ipv4(out, v4),
        // Writing to a Vec cannot fail.
        IpAddr::V6(v6) => {
            let _ = write!(Sink(out), "{v6}");
        }
    }
}

/// Appends an address as a URI or a Via holds it: IPv6 in brackets (RFC 3261 §25.1).
pub fn push_ip_host(out: &mut Vec<u8>, address: IpAddr) {
    if address.is_ipv6() {
        out.push(b'[');
        push_ip(out, address);
        out.push(b']');
    } else {
        push_ip(out, address);
    }
}

fn push_ipv4(out: &mut Vec<u8>, address: Ipv4Addr) {
    // Room for "255.255.255.255." in which every octet starts where the one before it ended.
    let mut text = [0; 16];
    let mut slots = text.iter_mut();
    let mut put = |byte| {
        if let Some(slot) = slots.next() {
            *slot = byte;
        }
    };
    for octet in address.octets() {
        if octet > 99 {
            put(b'0' + octet / 100);
        }
        if octet > 9 {
            put(b'0' + octet / 10 % 10);
        }
        put(b'0' + octet % 10);
        put(b'.');
    }
    let unused = slots.len() + 1;
    out.extend_from_slice(text.get(..text.len() - unused).unwrap_or_default());
}

/// The two lower-case hexadecimal digits of `byte`.
pub(crate) fn hex_digits(byte: u8) -> [u8; 2] {
    [hex_digit(byte >> 4), hex_digit(byte & 0x0F)]
}

/// The value of a hexadecimal digit of either case.
pub(crate) fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'a' + value - 10
    }
}

struct Sink<'o>(&'o mut Vec<u8>);

impl Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(push: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_round_trip() {
        for value in [0, 7, 10, 65_535, u64::MAX] {
            let text = pushed(|out| push_decimal(out, value));
            assert_eq!(text, value.to_string());
            assert_eq!(parse_decimal(text.as_bytes()), Some(value));
        }
        for bad in ["", "-1", "1a", " 1", "18446744073709551616"] {
            assert_eq!(parse_decimal(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn saturating_numbers_stop_at_the_top() {
        assert_eq!(parse_saturating(b"4294967295"), Some(u32::MAX));
        assert_eq!(parse_saturating(b"4294967296"), Some(u32::MAX));
        assert_eq!(parse_saturating(&[b'9'; 200]), Some(u32::MAX));
        assert_eq!(parse_saturating(b"99999999999999999999x"), None);
        assert_eq!(parse_saturating(b""), None);
    }

    #[test]
    fn hexadecimals_round_trip() {
        for value in [0, 0xDEAD_BEEF, u64::MAX] {
            let text = pushed(|out| push_hex_u64(out, value));
            assert_eq!(text, format!("{value:016x}"));
            assert_eq!(parse_hex_u64(text.as_bytes()), Some(value));
        }
        assert_eq!(parse_hex_u64(b"00000000000000000"), None);
        assert_eq!(parse_hex_u64(b"xy"), None);
    }

    #[test]
    fn addresses_are_written_with_and_without_brackets() {
        for text in ["192.0.2.1", "0.0.0.0", "255.255.255.255"] {
            let address = text.parse().unwrap();
            assert_eq!(pushed(|out| push_ip(out, address)), text);
            assert_eq!(pushed(|out| push_ip_host(out, address)), text);
        }
        let address = "2001:db8::9:1".parse().unwrap();
        assert_eq!(pushed(|out| push_ip(out, address)), "2001:db8::9:1");
        assert_eq!(pushed(|out| push_ip_host(out, address)), "[2001:db8::9:1]");
    }
}
