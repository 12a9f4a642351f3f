//! `Newcomers`: the devices that the main registrar is just being asked about, by source address
//! (R18). Bounded by what may be under way upstream.

use std::collections::BTreeMap;

use core::net::IpAddr;

/// New devices under way, by source address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Newcomers {
    by_source: BTreeMap<IpAddr, usize>,
    total: usize,
}

impl Newcomers {
    /// So many from this address.
    pub(super) fn from(&self, source: IpAddr) -> usize {
        self.by_source.get(&source).copied().unwrap_or(0)
    }

    /// So many from anywhere.
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    /// So many more.
    pub(super) fn come(&mut self, source: IpAddr, count: usize) {
        if count > 0 {
            *self.by_source.entry(source).or_insert(0) += count;
            self.total += count;
        }
    }

    /// So many less.
    pub(super) fn go(&mut self, source: IpAddr, count: usize) {
        let Some(here) = self.by_source.get_mut(&source) else {
            return;
        };
        let gone = count.min(*here);
        *here -= gone;
        self.total -= gone;
        if *here == 0 {
            self.by_source.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;

    #[test]
    fn who_goes_is_counted_no_more() {
        let mut all = Newcomers::default();
        let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
        all.come(source, 0);
        assert_eq!(all, Newcomers::default(), "nobody came");
        all.come(source, 2);
        all.come(source, 1);
        all.go(source, 2);
        assert_eq!((all.from(source), all.total()), (1, 1));
        all.go(source, 1);
        assert_eq!(all, Newcomers::default());
    }
}
