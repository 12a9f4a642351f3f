//! `Listeners`: every address that is or was listened on, by its [`ListenerId`].
//!
//! Bindings hold these numbers, so a number means one address for good: a listener that is taken off
//! the configuration leaves its number behind, and an address that comes back gets its number back,
//! with all devices that registered by it. Only where the system chose the port, what comes back is
//! another address.

use std::net::SocketAddr;

use engine::ListenerId;

use super::listener::{BindError, Listener};
use crate::config::Config;

/// Every address that is or was listened on; the index is its number.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    seats: Vec<Seat>,
}

/// An address that is or was listened on.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// The address, with its real port.
    pub local: SocketAddr,
    /// What it is for.
    pub duty: Duty,
    /// As it was configured.
    wanted: SocketAddr,
    /// Whether our own requests leave from it.
    kind: Kind,
}

/// What an address is for at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It is the `[[listen]]` of this index.
    Listen(usize),
    /// Our own requests leave from it.
    Control,
    /// Nothing any more: it is closed.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Listen,
    Control,
}

/// Listeners as a configuration wants them, the new ones bound and the others left alone.
#[derive(Debug)]
pub struct Prepared {
    /// All of them.
    pub listeners: Listeners,
    /// Those that were not open before.
    pub opened: Vec<(ListenerId, Listener)>,
}

impl Listeners {
    /// Binds what a configuration wants and is not open yet, one socket for each of `shards`. These
    /// listeners stay as they are.
    ///
    /// # Errors
    ///
    /// An address is taken, not ours, or not allowed. Nothing is bound then.
    pub fn prepare(&self, config: &Config, shards: u8) -> Result<Prepared, BindError> {
        let mut next = self.clone();
        next.seats
            .iter_mut()
            .for_each(|seat| seat.duty = Duty::None);
        let listen = config.listen.iter().enumerate();
        let listen = listen.map(|(at, listen)| (listen.bind, Duty::Listen(at)));
        let control = config.control.map(|bind| (bind, Duty::Control));
        let mut opened = Vec::new();
        for (bind, duty) in listen.chain(control) {
            let kind = match duty {
                Duty::Control => Kind::Control,
                Duty::Listen(_) | Duty::None => Kind::Listen,
            };
            if let Some(at) = self.held(&next, bind, kind) {
                next.seats[at].duty = duty;
                continue;
            }
            let listener = Listener::bind(bind, shards)?;
            let seat = Seat {
                local: listener.local,
                duty,
                wanted: bind,
                kind,
            };
            let at = next.place(seat);
            opened.push((ListenerId(u16::try_from(at).unwrap_or(u16::MAX)), listener));
        }
        Ok(Prepared {
            listeners: next,
            opened,
        })
    }

    /// Those of a configuration at these addresses, as if they had been bound.
    #[cfg(test)]
    pub(crate) fn assumed(config: &Config, locals: &[SocketAddr]) -> Self {
        let seat = |(at, local): (usize, &SocketAddr)| {
            let (duty, kind) = match at < config.listen.len() {
                true => (Duty::Listen(at), Kind::Listen),
                false => (Duty::Control, Kind::Control),
            };
            let (local, wanted) = (*local, *local);
            Seat {
                local,
                duty,
                wanted,
                kind,
            }
        };
        Self {
            seats: locals.iter().enumerate().map(seat).collect(),
        }
    }

    /// All of them, in the order of their numbers.
    pub fn all(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter()
    }

    /// The addresses that are open: those of the configuration in its order, that of our own requests
    /// last.
    #[must_use]
    pub fn locals(&self) -> Vec<SocketAddr> {
        let rank = |seat: &&Seat| match seat.duty {
            Duty::Listen(at) => at,
            Duty::Control | Duty::None => usize::MAX,
        };
        let mut open: Vec<&Seat> = self.seats.iter().filter(|seat| seat.is_open()).collect();
        open.sort_by_key(rank);
        open.into_iter().map(|seat| seat.local).collect()
    }

    /// The seat that is open under this address now and has no duty in `next` yet.
    fn held(&self, next: &Self, bind: SocketAddr, kind: Kind) -> Option<usize> {
        let fits = |(now, then): (&Seat, &Seat)| {
            now.is_open() && now.wanted == bind && now.kind == kind && !then.is_open()
        };
        self.seats.iter().zip(&next.seats).position(fits)
    }

    /// Puts a newly bound address where it was before, or at the end.
    fn place(&mut self, seat: Seat) -> usize {
        let same = |former: &Seat| {
            !former.is_open() && former.local == seat.local && former.kind == seat.kind
        };
        if let Some(at) = self.seats.iter().position(same) {
            self.seats[at] = seat;
            return at;
        }
        self.seats.push(seat);
        self.seats.len() - 1
    }
}

impl Seat {
    /// Whether it is listened on.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.duty != Duty::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Override, Typed, load};

    fn config(urls: &[String]) -> Config {
        let overrides = vec![
            Override::Listen(urls.to_vec()),
            Override::Set("registration.accept=anybody".to_owned()),
        ];
        let typed = Typed {
            file: None,
            overrides,
        };
        load(&typed).expect("good").config
    }

    fn any() -> String {
        "udp://127.0.0.1:0".to_owned()
    }

    fn ids(prepared: &Prepared) -> Vec<u16> {
        prepared.opened.iter().map(|(id, _)| id.0).collect()
    }

    fn urls(listeners: &Listeners) -> Vec<String> {
        let locals = listeners.locals();
        locals
            .iter()
            .map(|local| format!("udp://{local}"))
            .collect()
    }

    #[test]
    fn what_stays_is_left_alone_and_what_goes_leaves_its_number() {
        let first = Listeners::default().prepare(&config(&[any(), any()]), 1);
        let first = first.expect("bound");
        assert_eq!(ids(&first), [0, 1]);
        let now = &first.listeners;
        // The first one goes, the second one stays, a third one comes.
        let wanted = config(&[any(), any()]);
        let same = now.prepare(&wanted, 1).expect("nothing to do");
        assert_eq!((ids(&same), urls(&same.listeners)), (vec![], urls(now)));
        let other = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1);
        let other = format!("udp://{}", other.expect("bound").local);
        let moved = now
            .prepare(&config(&[other.clone(), any()]), 1)
            .expect("bound");
        assert_eq!(ids(&moved), [2]);
        let duties: Vec<Duty> = moved.listeners.all().map(|seat| seat.duty).collect();
        assert_eq!(duties, [Duty::Listen(1), Duty::None, Duty::Listen(0)]);
        assert_eq!(urls(&moved.listeners), [other, urls(now)[0].clone()]);
    }

    #[test]
    fn an_address_that_comes_back_has_its_number_again() {
        let free = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1);
        let fixed = format!("udp://{}", free.expect("bound").local);
        let first = Listeners::default().prepare(&config(&[fixed.clone(), any()]), 2);
        let first = first.expect("bound");
        let without = first
            .listeners
            .prepare(&config(&[any()]), 2)
            .expect("bound");
        assert_eq!(ids(&without), [0; 0]);
        drop(first);
        let again = without.listeners.prepare(&config(&[any(), fixed]), 2);
        let again = again.expect("bound");
        assert_eq!(ids(&again), [0]);
        let duties: Vec<Duty> = again.listeners.all().map(|seat| seat.duty).collect();
        assert_eq!(duties, [Duty::Listen(1), Duty::Listen(0)]);
    }

    #[test]
    fn nothing_stays_bound_when_one_cannot_be() {
        let taken = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1);
        let taken = taken.expect("bound");
        let free = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1);
        let free = format!("udp://{}", free.expect("bound").local);
        let wanted = [free.clone(), format!("udp://{}", taken.local)];
        let error = Listeners::default().prepare(&config(&wanted), 1);
        assert_eq!(error.expect_err("taken").address, taken.local);
        Listeners::default()
            .prepare(&config(&[free]), 1)
            .expect("free again");
    }
}
