//! `Order`: in which order devices have their turn. A fixed stride through all of them visits each exactly
//! once per round and neighbours far apart, so the target's caches get no easier life than with real phones.

/// An endless walk over `0..count`.
pub(super) struct Order {
    count: u32,
    stride: u32,
    next: u32,
}

impl Order {
    /// A walk over `count` devices, at least one.
    pub(super) fn new(count: u32) -> Self {
        let count = count.max(1);
        // Near the golden section, successive visits are spread evenly; coprime, they miss nobody.
        let mut stride = ((f64::from(count) * 0.618_034) as u32).clamp(1, count);
        while gcd(stride, count) != 1 {
            stride -= 1;
        }
        Self {
            count,
            stride,
            next: 0,
        }
    }

    /// Whose turn it is.
    pub(super) fn next(&mut self) -> u32 {
        let device = self.next;
        self.next = ((u64::from(device) + u64::from(self.stride)) % u64::from(self.count)) as u32;
        device
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_visits_each_device_once() {
        for count in [1, 2, 3, 7, 64, 1000, 1024] {
            let mut order = Order::new(count);
            for _ in 0..2 {
                let mut seen = vec![false; count as usize];
                for _ in 0..count {
                    let device = order.next() as usize;
                    assert!(!seen[device], "{device} of {count} twice");
                    seen[device] = true;
                }
            }
        }
    }
}
