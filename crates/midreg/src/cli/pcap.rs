//! A capture file of datagrams, for Wireshark and its kin: the classic pcap format with whole IP packets
//! (LINKTYPE_RAW), IP and UDP headers made up to fit (RFC 791, RFC 8200, RFC 768).

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// Whole IP packets of either version, without anything around.
const LINKTYPE_RAW: u32 = 101;

/// Times are in microseconds.
const MAGIC: u32 = 0xa1b2_c3d4;

/// The longest packet that a reader has to expect.
const LONGEST: u32 = 65_575;

const UDP: u8 = 17;
const HOPS: u8 = 64;

/// Writes what stands at the beginning of the file.
///
/// # Errors
///
/// It cannot be written to.
pub(super) fn write_head(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&MAGIC.to_le_bytes())?;
    out.write_all(&2u16.to_le_bytes())?;
    out.write_all(&4u16.to_le_bytes())?;
    out.write_all(&[0; 8])?;
    out.write_all(&LONGEST.to_le_bytes())?;
    out.write_all(&LINKTYPE_RAW.to_le_bytes())
}

/// Writes a datagram from one address to another; `at` is in Unix milliseconds.
///
/// # Errors
///
/// The file cannot be written to.
pub(super) fn write_datagram(
    out: &mut impl Write,
    at: u64,
    (from, to): (SocketAddr, SocketAddr),
    payload: &[u8],
) -> io::Result<()> {
    let packet = packet(from, to, payload);
    let seconds = u32::try_from(at / 1000).unwrap_or(u32::MAX);
    let micros = u32::try_from(at % 1000 * 1000).unwrap_or_default();
    let length = u32::try_from(packet.len()).unwrap_or(LONGEST);
    for field in [seconds, micros, length, length] {
        out.write_all(&field.to_le_bytes())?;
    }
    out.write_all(&packet)
}

fn packet(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let udp = udp(from, to, payload);
    let mut packet = match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let length = u16::try_from(udp.len() + 20).unwrap_or(u16::MAX);
            let mut head = vec![0x45, 0];
            head.extend(length.to_be_bytes());
            head.extend([0, 0, 0x40, 0, HOPS, UDP, 0, 0]);
            head.extend(from.octets());
            head.extend(to.octets());
            let sum = checksum(&head);
            if let Some(field) = head.get_mut(10..12) {
                field.copy_from_slice(&sum.to_be_bytes());
            }
            head
        }
        (from, to) => {
            let length = u16::try_from(udp.len()).unwrap_or(u16::MAX);
            let mut head = vec![0x60, 0, 0, 0];
            head.extend(length.to_be_bytes());
            head.extend([UDP, HOPS]);
            head.extend(six(from));
            head.extend(six(to));
            head
        }
    };
    packet.extend(udp);
    packet
}

/// The datagram. Over IPv4 its checksum may be left out, and over IPv6 it must not (RFC 8200 §8.1).
fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap_or(u16::MAX);
    let mut datagram = Vec::with_capacity(payload.len() + 8);
    datagram.extend(from.port().to_be_bytes());
    datagram.extend(to.port().to_be_bytes());
    datagram.extend(length.to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let (from, to) = (from.ip().to_canonical(), to.ip().to_canonical());
    if from.is_ipv4() && to.is_ipv4() {
        return datagram;
    }
    let mut summed = Vec::with_capacity(datagram.len() + 40);
    summed.extend(six(from));
    summed.extend(six(to));
    summed.extend(u32::from(length).to_be_bytes());
    summed.extend([0, 0, 0, UDP]);
    summed.extend(&datagram);
    let sum = match checksum(&summed) {
        0 => u16::MAX,
        sum => sum,
    };
    if let Some(field) = datagram.get_mut(6..8) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
    datagram
}

fn six(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped().octets(),
        IpAddr::V6(six) => six.octets(),
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(from: &str, to: &str) -> (SocketAddr, SocketAddr) {
        (from.parse().expect("good"), to.parse().expect("good"))
    }

    #[test]
    fn a_file_of_one_datagram() {
        let mut file = Vec::new();
        write_head(&mut file).expect("written");
        assert_eq!(file.len(), 24);
        assert_eq!(&file[20..24], [101, 0, 0, 0]);
        let way = addresses("192.0.2.1:5060", "192.0.2.2:5062");
        write_datagram(&mut file, 1_700_000_000_123, way, b"hello").expect("written");
        let record = &file[24..];
        assert_eq!(record[..4], 1_700_000_000u32.to_le_bytes());
        assert_eq!(record[4..8], 123_000u32.to_le_bytes());
        assert_eq!(record[8..12], 33u32.to_le_bytes());
        let packet = &record[16..];
        assert_eq!(packet.len(), 33);
        assert_eq!(packet[..4], [0x45, 0, 0, 33]);
        assert_eq!(packet[12..20], [192, 0, 2, 1, 192, 0, 2, 2]);
        assert_eq!(packet[20..26], [0x13, 0xc4, 0x13, 0xc6, 0, 13]);
        assert_eq!(&packet[28..], b"hello");
        // A sum over what has the right checksum in it is nothing.
        assert_eq!(checksum(&packet[..20]), 0);
    }

    #[test]
    fn over_ipv6_the_datagram_has_a_checksum() {
        let (from, to) = addresses("[2001:db8::1]:5060", "[2001:db8::2]:5060");
        let packet = packet(from, to, b"odd");
        assert_eq!((packet.len(), packet[0], packet[6]), (51, 0x60, UDP));
        let mut summed = packet[8..40].to_vec();
        summed.extend([0, 0, 0, 11, 0, 0, 0, UDP]);
        summed.extend(&packet[40..]);
        assert_eq!(checksum(&summed), 0);
    }

    #[test]
    fn the_example_of_rfc_1071() {
        let sum = checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum, !0xddf2);
    }
}
