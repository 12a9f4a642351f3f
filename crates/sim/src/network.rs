//! `Network`: carries packets, and under bad conditions loses, repeats and reorders them.

use core::cmp::Reverse;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeSet, BinaryHeap};

use engine::Mono;

use crate::packet::Packet;
use crate::rng::Rng;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// Packets lost, in percent.
    pub loss: u64,
    /// Packets that arrive twice, in percent.
    pub duplication: u64,
    /// Shortest way.
    pub nearest: Duration,
    /// Longest way; what lies between is chance, so packets overtake each other.
    pub farthest: Duration,
    /// How much later than the first the second copy of a packet may arrive.
    pub echo: Duration,
}

/// A part of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Between phones and us.
    Devices,
    /// Between us and the main registrars.
    Upstream,
}

impl Conditions {
    /// Everything arrives at once and in order.
    pub const PERFECT: Self = Self {
        loss: 0,
        duplication: 0,
        nearest: Duration::ZERO,
        farthest: Duration::ZERO,
        echo: Duration::ZERO,
    };

    /// A bad day on a mobile network.
    pub const BAD: Self = Self {
        loss: 10,
        duplication: 5,
        nearest: Duration::from_millis(5),
        farthest: Duration::from_millis(300),
        echo: Duration::ZERO,
    };

    /// A network that loses nothing, but takes its time.
    pub const SLOW: Self = Self {
        nearest: Duration::from_millis(5),
        farthest: Duration::from_millis(300),
        ..Self::PERFECT
    };
}

/// Carries packets.
#[derive(Debug)]
pub struct Network {
    devices: Conditions,
    upstream: Conditions,
    /// Who cannot be reached, nor reach anybody.
    cut: BTreeSet<SocketAddr>,
    rng: Rng,
    under_way: BinaryHeap<Reverse<Travelling>>,
    sent: u64,
}

#[derive(Debug)]
struct Travelling {
    arrives: Mono,
    /// What was sent first arrives first among equals.
    order: u64,
    packet: Packet,
}

impl Network {
    /// A perfect network, whose chance comes from `seed` once it is made worse.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            devices: Conditions::PERFECT,
            upstream: Conditions::PERFECT,
            cut: BTreeSet::new(),
            rng: Rng::new(seed),
            under_way: BinaryHeap::new(),
            sent: 0,
        }
    }

    /// From now on it is so everywhere.
    pub const fn set_conditions(&mut self, conditions: Conditions) {
        self.devices = conditions;
        self.upstream = conditions;
    }

    /// From now on it is so on one link.
    pub const fn set_link(&mut self, link: Link, conditions: Conditions) {
        match link {
            Link::Devices => self.devices = conditions,
            Link::Upstream => self.upstream = conditions,
        }
    }

    /// From now on nothing reaches this end or comes from it.
    pub fn cut(&mut self, end: SocketAddr) {
        self.cut.insert(end);
    }

    /// From now on everybody can be reached again.
    pub fn mend(&mut self) {
        self.cut.clear();
    }

    /// Packets on their way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Takes a packet on its way; how many of it will arrive.
    pub fn send(&mut self, now: Mono, link: Link, packet: &Packet) -> usize {
        let conditions = match link {
            Link::Devices => self.devices,
            Link::Upstream => self.upstream,
        };
        let cut = self.cut.contains(&packet.from) || self.cut.contains(&packet.to);
        if self.rng.chance(conditions.loss) || cut {
            return 0;
        }
        let copies = 1 + usize::from(self.rng.chance(conditions.duplication));
        for copy in 0..copies {
            let mut arrives = now.plus(self.between(conditions.nearest, conditions.farthest));
            if copy > 0 {
                arrives = arrives.plus(self.between(Duration::ZERO, conditions.echo));
            }
            self.sent += 1;
            self.under_way.push(Reverse(Travelling {
                arrives,
                order: self.sent,
                packet: packet.clone(),
            }));
        }
        copies
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Mono> {
        self.under_way.peek().map(|next| next.0.arrives)
    }

    /// The next packet that has arrived by now.
    pub fn receive(&mut self, now: Mono) -> Option<Packet> {
        if self.next_arrival()? > now {
            return None;
        }
        self.under_way.pop().map(|next| next.0.packet)
    }

    fn between(&mut self, nearest: Duration, farthest: Duration) -> Duration {
        let spread = farthest.saturating_sub(nearest).as_millis();
        let more = self
            .rng
            .below(u64::try_from(spread).unwrap_or(0).saturating_add(1));
        nearest + Duration::from_millis(more)
    }
}

impl Ord for Travelling {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.arrives, self.order).cmp(&(other.arrives, other.order))
    }
}

impl PartialOrd for Travelling {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Travelling {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == core::cmp::Ordering::Equal
    }
}

impl Eq for Travelling {}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(number: u8) -> Packet {
        let end = "127.0.0.1:5060".parse().unwrap();
        Packet {
            from: end,
            to: end,
            bytes: vec![number],
        }
    }

    fn arrivals(network: &mut Network) -> Vec<u8> {
        core::iter::from_fn(|| network.receive(Mono::NEVER))
            .map(|packet| packet.bytes[0])
            .collect()
    }

    #[test]
    fn a_perfect_network_keeps_everything_in_order() {
        let mut network = Network::new(1);
        (0..50).for_each(|number| {
            assert_eq!(network.send(Mono(7), Link::Devices, &packet(number)), 1)
        });
        assert_eq!(network.next_arrival(), Some(Mono(7)));
        assert_eq!(arrivals(&mut network), (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_bad_network_loses_repeats_and_reorders() {
        let mut network = Network::new(1);
        network.set_conditions(Conditions::BAD);
        let copies: Vec<usize> = (0..250)
            .map(|number| network.send(Mono(0), Link::Devices, &packet(number)))
            .collect();
        assert!(copies.contains(&0) && copies.contains(&2));
        assert!(network.receive(Mono(4)).is_none(), "nothing is that fast");
        let arrived = arrivals(&mut network);
        assert_eq!(arrived.len(), copies.iter().sum::<usize>());
        assert!(!arrived.is_sorted());
    }

    #[test]
    fn who_is_cut_off_is_neither_heard_nor_reached() {
        let mut network = Network::new(1);
        network.cut(packet(0).from);
        assert_eq!(network.send(Mono(0), Link::Upstream, &packet(1)), 0);
        network.mend();
        assert_eq!(network.send(Mono(0), Link::Upstream, &packet(2)), 1);
        assert_eq!((network.under_way(), arrivals(&mut network)), (1, vec![2]));
    }
}
