//! `RouteToken`: what our Record-Route says to ourselves: which device this side of a dialog is.
//!
//! It names the binding, so that the dialog follows the device when that comes back from another port;
//! the flow of the beginning, for a device that is registered no more or never was; and the node of
//! the main registrar that the other side lies behind. Sealed with a MAC: nobody can have us send to
//! an address of his own choice (RFC 3261 §16.6 step 4, RFC 5626 §5.2).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use smallvec::SmallVec;
use subtle::ConstantTimeEq;

use crate::flow::{ConnectionId, Flow, ListenerId, Transport};
use crate::ids::{BindingId, NodeId, SLOTS, Slot};
use crate::keys::{Keys, TOKEN_MAC};

/// The device at one side of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RouteToken {
    /// Slot of the AoR that the dialog is about, by which its shard is found.
    pub(crate) slot: Slot,
    /// The device's binding, if it is registered.
    pub(crate) binding: Option<BindingId>,
    /// How it was reached when the dialog began.
    pub(crate) flow: Flow,
    /// The node that the other side was reached by; [`NodeId::NONE`] where that is a device, too.
    pub(crate) node: NodeId,
}

/// Bytes of a token, in characters half as many again.
type Bytes = SmallVec<[u8; 48]>;

/// Index of a binding that is none; places are far fewer.
const NO_INDEX: u32 = (1 << 20) - 1;
const PLACE_BITS: u32 = 20;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Marks of the address family, with the transport below it.
const V6: u8 = 0x80;

impl RouteToken {
    /// As the user part of our Record-Route.
    pub(crate) fn write(&self, keys: &Keys, out: &mut Vec<u8>) {
        let mut bytes = Bytes::new();
        bytes.extend(self.packed_binding().to_be_bytes());
        bytes.extend(self.node.0.to_be_bytes());
        bytes.extend(self.flow.listener.0.to_be_bytes());
        bytes.extend(self.flow.connection.0.to_be_bytes());
        bytes.extend(self.flow.remote.port().to_be_bytes());
        let transport = transport_number(self.flow.transport);
        match self.flow.remote.ip() {
            IpAddr::V4(ip) => {
                bytes.push(transport);
                bytes.extend(ip.octets());
            }
            IpAddr::V6(ip) => {
                bytes.push(transport | V6);
                bytes.extend(ip.octets());
            }
        }
        let mac = keys.token_mac(&bytes);
        bytes.extend(mac);
        base32(&bytes, out);
    }

    /// Back from a user part; `None` when we did not write it. In constant time as to the MAC.
    pub(crate) fn read(keys: &Keys, text: &[u8]) -> Option<Self> {
        let bytes = unbase32(text)?;
        let (content, mac) = bytes.split_at_checked(bytes.len().checked_sub(TOKEN_MAC)?)?;
        if !bool::from(keys.token_mac(content).as_slice().ct_eq(mac)) {
            return None;
        }
        Self::unpack(content)
    }

    /// The slot in a user part that has the form of ours, whoever wrote it.
    pub(crate) fn slot(text: &[u8]) -> Option<Slot> {
        let bytes = unbase32(text)?;
        Self::unpack(bytes.get(..bytes.len().checked_sub(TOKEN_MAC)?)?).map(|token| token.slot)
    }

    fn packed_binding(&self) -> u64 {
        let (index, generation) = match self.binding {
            Some(id) => (id.index, id.generation),
            None => (NO_INDEX, 0),
        };
        (u64::from(self.slot.0) << 52) | (u64::from(index) << 32) | u64::from(generation)
    }

    fn unpack(content: &[u8]) -> Option<Self> {
        let mut rest = content;
        let packed = u64::from_be_bytes(take(&mut rest)?);
        let node = NodeId(u32::from_be_bytes(take(&mut rest)?));
        let listener = ListenerId(u16::from_be_bytes(take(&mut rest)?));
        let connection = ConnectionId(u32::from_be_bytes(take(&mut rest)?));
        let port = u16::from_be_bytes(take(&mut rest)?);
        let [kind] = take(&mut rest)?;
        let ip = match kind & V6 {
            0 => IpAddr::V4(Ipv4Addr::from(take::<4>(&mut rest)?)),
            _ => IpAddr::V6(Ipv6Addr::from(take::<16>(&mut rest)?)),
        };
        let transport = transport_of(kind & !V6)?;
        let slot = Slot((packed >> 52) as u16);
        let index = (packed >> 32) as u32 & ((1 << PLACE_BITS) - 1);
        if slot.0 >= SLOTS || !rest.is_empty() {
            return None;
        }
        let binding = (index != NO_INDEX).then_some(BindingId {
            slot,
            index,
            generation: packed as u32,
        });
        let remote = SocketAddr::new(ip, port);
        let flow = Flow {
            remote,
            connection,
            listener,
            transport,
            origin: 0,
        };
        Some(Self {
            slot,
            binding,
            flow,
            node,
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_at_checked(N)?;
    *rest = tail;
    head.try_into().ok()
}

const fn transport_number(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
        Transport::Ws => 3,
        Transport::Wss => 4,
    }
}

const fn transport_of(number: u8) -> Option<Transport> {
    match number {
        0 => Some(Transport::Udp),
        1 => Some(Transport::Tcp),
        2 => Some(Transport::Tls),
        3 => Some(Transport::Ws),
        4 => Some(Transport::Wss),
        _ => None,
    }
}

/// Lower case: some elements fold the user parts of routes.
fn base32(bytes: &[u8], out: &mut Vec<u8>) {
    let (mut held, mut bits) = (0u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(letter(held >> bits));
        }
    }
    if bits > 0 {
        out.push(letter(held << (5 - bits)));
    }
}

fn letter(value: u32) -> u8 {
    ALPHABET.get(value as usize & 31).copied().unwrap_or(b'a')
}

/// `None` where a letter is none of ours, or bits are left over that nobody wrote.
fn unbase32(text: &[u8]) -> Option<Bytes> {
    // 33 bytes with an IPv4 address, 45 with an IPv6 address.
    if text.len() != 53 && text.len() != 72 {
        return None;
    }
    let mut bytes = Bytes::new();
    let (mut held, mut bits) = (0u32, 0);
    for letter in text {
        let value = match letter.to_ascii_lowercase() {
            letter @ b'a'..=b'z' => letter - b'a',
            letter @ b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        held = held << 5 | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    (held & ((1 << bits) - 1) == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(remote: &str, binding: Option<BindingId>) -> RouteToken {
        RouteToken {
            slot: Slot(4095),
            binding,
            flow: Flow {
                connection: ConnectionId(7),
                ..Flow::udp(ListenerId(3), remote.parse().unwrap())
            },
            node: NodeId::of("sip:10.0.0.5"),
        }
    }

    fn both() -> [RouteToken; 2] {
        let binding = BindingId {
            slot: Slot(4095),
            index: 17,
            generation: u32::MAX,
        };
        [
            token("192.0.2.7:40000", Some(binding)),
            token("[2001:db8::9]:5062", None),
        ]
    }

    fn written(token: &RouteToken) -> Vec<u8> {
        let mut text = Vec::new();
        token.write(&Keys::derive(&[1; 32]), &mut text);
        text
    }

    #[test]
    fn a_route_token_says_what_was_written() {
        let keys = Keys::derive(&[1; 32]);
        for token in both() {
            let text = written(&token);
            assert_eq!(RouteToken::read(&keys, &text), Some(token));
            let folded = text.to_ascii_uppercase();
            assert_eq!(RouteToken::read(&keys, &folded), Some(token));
            assert_eq!(RouteToken::slot(&text), Some(Slot(4095)));
            assert_eq!(RouteToken::read(&Keys::derive(&[2; 32]), &text), None);
        }
    }

    #[test]
    fn s12_a_forged_route_token_leads_nowhere() {
        let keys = Keys::derive(&[1; 32]);
        for token in both() {
            let text = written(&token);
            for at in 0..text.len() {
                for letter in ALPHABET {
                    let mut forged = text.clone();
                    forged[at] = *letter;
                    let read = RouteToken::read(&keys, &forged);
                    assert_eq!(read.is_some(), forged == text);
                }
            }
            assert_eq!(RouteToken::read(&keys, &text[1..]), None);
            assert_eq!(RouteToken::read(&keys, &[b'!'; 53]), None);
        }
        assert_eq!(RouteToken::read(&keys, b""), None);
    }
}
