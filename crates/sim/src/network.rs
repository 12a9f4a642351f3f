//! `Network`: carries packets, and under bad conditions loses, repeats and reorders them.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

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
}

impl Conditions {
    /// Everything arrives at once and in order.
    pub const PERFECT: Self = Self {
        loss: 0,
        duplication: 0,
        nearest: Duration::ZERO,
        farthest: Duration::ZERO,
    };

    /// A bad day on a mobile network.
    pub const BAD: Self = Self {
        loss: 10,
        duplication: 5,
        nearest: Duration::from_millis(5),
        farthest: Duration::from_millis(300),
    };
}

/// Carries packets.
#[derive(Debug)]
pub struct Network {
    conditions: Conditions,
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
            conditions: Conditions::PERFECT,
            rng: Rng::new(seed),
            under_way: BinaryHeap::new(),
            sent: 0,
        }
    }

    /// From now on it is so.
    pub const fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Takes a packet on its way; how many of it will arrive.
    pub fn send(&mut self, now: Mono, packet: &Packet) -> usize {
        if self.rng.chance(self.conditions.loss) {
            return 0;
        }
        let copies = 1 + usize::from(self.rng.chance(self.conditions.duplication));
        for _ in 0..copies {
            let arrives = now.plus(self.delay());
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

    fn delay(&mut self) -> Duration {
        let Conditions {
            nearest, farthest, ..
        } = self.conditions;
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
        (0..50).for_each(|number| assert_eq!(network.send(Mono(7), &packet(number)), 1));
        assert_eq!(network.next_arrival(), Some(Mono(7)));
        assert_eq!(arrivals(&mut network), (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_bad_network_loses_repeats_and_reorders() {
        let mut network = Network::new(1);
        network.set_conditions(Conditions::BAD);
        let copies: Vec<usize> = (0..250)
            .map(|number| network.send(Mono(0), &packet(number)))
            .collect();
        assert!(copies.contains(&0) && copies.contains(&2));
        assert!(network.receive(Mono(4)).is_none(), "nothing is that fast");
        let arrived = arrivals(&mut network);
        assert_eq!(arrived.len(), copies.iter().sum::<usize>());
        assert!(!arrived.is_sorted());
    }
}
