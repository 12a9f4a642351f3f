//! The table against a model that is a plain list and looks through all of it each time.

use crate::flow::{Flow, ListenerId};
use crate::ids::NodeId;
use crate::location::ContactText;
use crate::policy::{DomainPolicy, Mode};
use crate::registrar::terms::Terms;

use super::*;
use crate::clock::Seconds;
use crate::event::RemovalCause;
use crate::location::change::Stamp;

/// AoRs in play. Their slots are few, so that records are many in each and move when one goes.
const AORS: u64 = 24;
const SLOTS_IN_PLAY: u128 = 3;
const SOURCES: u64 = 3;

/// What a model knows of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    id: BindingId,
    aor: AorHash,
    source: IpAddr,
    cseq: u32,
    expires_at: Mono,
    lease: Lease,
}

impl Known {
    fn of(aor: AorHash, binding: &Binding) -> Self {
        Self {
            id: binding.id,
            aor,
            source: binding.flow.remote.ip(),
            cseq: binding.stamp.cseq,
            expires_at: binding.expires_at,
            lease: binding.lease,
        }
    }

    fn ends_at(&self) -> Mono {
        self.expires_at.min(self.lease.carries_until())
    }
}

/// A little generator, so that runs repeat (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn aor(&mut self) -> AorHash {
        let number = u128::from(self.roll(AORS));
        // Half of them share the bits that choose their place in the index.
        let short = number / 2;
        let slot = number % SLOTS_IN_PLAY;
        AorHash((short << 64) | (number * u128::from(SLOTS)) | slot)
    }

    fn source(&mut self) -> IpAddr {
        IpAddr::from([192, 0, 2, self.roll(SOURCES) as u8])
    }

    fn pick<'k>(&mut self, known: &'k mut [Known]) -> Option<&'k mut Known> {
        let sides = known.len() as u64;
        known.get_mut(self.roll(sides.max(1)) as usize)
    }
}

/// The table under test, and what it must know, in the order that bindings came.
struct Pair {
    table: Table,
    model: Vec<Known>,
    reserved: Vec<BindingId>,
    now: Mono,
    dice: Dice,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let now = Mono(5_000_000);
        Self {
            table: Table::new(now, (seed, 1), seed as u32),
            model: Vec::new(),
            reserved: Vec::new(),
            now,
            dice: Dice(seed * 2 + 1),
        }
    }

    fn step(&mut self) {
        match self.dice.roll(16) {
            0..4 => self.register_new(),
            4 => self.register_again(),
            5..8 => self.refresh(),
            8 => self.renew(),
            9..12 => self.remove(),
            12 => self.release(),
            _ => self.pass(),
        }
    }

    fn lease(&mut self, aor: AorHash) -> Lease {
        let domain = DomainPolicy {
            mode: Mode::Aor,
            ..DomainPolicy::default()
        };
        let granted = 20 + self.dice.roll(600) as Seconds;
        Lease {
            id: LeaseId(aor.short() * 2 + self.dice.roll(2)),
            cseq: 1,
            node: NodeId(0),
            terms: Terms::of(&domain),
            settings: crate::settings::SettingsId::default(),
            epoch: 1,
            granted,
            until: self.now.plus_seconds(granted),
        }
    }

    fn promise(&mut self) -> Mono {
        self.now.plus_seconds(1 + self.dice.roll(5000) as Seconds)
    }

    fn register(&mut self, known: Known) {
        let flow = Flow::udp(ListenerId(0), (known.source, 5060).into());
        let registration = Registration {
            binding: known.id,
            aor: known.aor.0.to_be_bytes().into(),
            aor_hash: known.aor,
            contact: ContactText::new(b"sip:a@192.0.2.1", b"", b"", b"").unwrap(),
            flow,
            stamp: stamp(known.cseq),
            asked: 60,
            granted: 60,
            expires_at: known.expires_at,
            proved_at: self.now,
            lease: known.lease,
            pending: PersistSeq(0),
        };
        let change = Change::of(known.id, Op::Register(Box::new(registration)));
        assert!(self.table.apply(change).is_none());
    }

    fn register_new(&mut self) {
        let aor = self.dice.aor();
        let known = Known {
            id: self.table.reserve(aor.slot()).unwrap(),
            aor,
            source: self.dice.source(),
            cseq: 1,
            expires_at: self.promise(),
            lease: self.lease(aor),
        };
        self.model.push(known);
        self.register(known);
    }

    fn register_again(&mut self) {
        let (source, expires_at) = (self.dice.source(), self.promise());
        let Some(known) = self.dice.pick(&mut self.model) else {
            return;
        };
        known.cseq += 1;
        (known.source, known.expires_at) = (source, expires_at);
        let known = *known;
        self.register(known);
    }

    fn refresh(&mut self) {
        let expires_at = self.promise();
        let Some(known) = self.dice.pick(&mut self.model) else {
            return;
        };
        known.cseq += 1;
        known.expires_at = expires_at;
        let refresh = Refresh {
            aor: known.aor,
            binding: known.id,
            stamp: stamp(known.cseq),
            asked: 60,
            granted: 60,
            expires_at,
            flow: Flow::udp(ListenerId(0), (known.source, 5061).into()),
        };
        let change = Change::of(known.id, Op::Refresh(refresh));
        assert!(self.table.apply(change).is_none());
    }

    fn renew(&mut self) {
        let Some(Known { id, aor, lease, .. }) = self.dice.pick(&mut self.model).copied() else {
            return;
        };
        let renewed = Lease {
            id: lease.id,
            ..self.lease(aor)
        };
        let shares = |known: &&mut Known| known.aor == aor && known.lease.id == lease.id;
        for known in self.model.iter_mut().filter(shares) {
            known.lease = renewed;
        }
        let op = Op::Renew {
            aor,
            lease: renewed,
        };
        assert!(self.table.apply(Change::of(id, op)).is_none());
    }

    fn remove(&mut self) {
        let Some(known) = self.dice.pick(&mut self.model).copied() else {
            return;
        };
        self.take_out(known);
    }

    fn take_out(&mut self, known: Known) {
        let op = Op::Remove {
            binding: known.id,
            cause: RemovalCause::Expired,
        };
        let removed = self.table.apply(Change::of(known.id, op.clone())).unwrap();
        assert_eq!(Known::of(known.aor, &removed), known);
        assert!(self.table.apply(Change::of(known.id, op)).is_none());
        self.model.retain(|other| other.id != known.id);
        self.reserved.push(known.id);
    }

    fn release(&mut self) {
        for id in self.reserved.drain(..) {
            self.table.release(id);
            self.table.release(id);
        }
    }

    /// Time passes: sometimes more than the wheel spans. What is due is removed or looked at later.
    fn pass(&mut self) {
        let seconds = match self.dice.roll(20) {
            0 => 9000,
            _ => self.dice.roll(100),
        };
        self.now = self.now.plus_seconds(seconds as Seconds);
        let budget = 1 + self.dice.roll(8) as usize;
        while self.table.next_due().is_some_and(|due| due <= self.now) {
            for id in self.table.take_due(self.now, budget) {
                let known = *self.model.iter().find(|known| known.id == id).unwrap();
                assert!(known.ends_at() <= self.now, "taken too early");
                match self.dice.roll(4) {
                    0 => self.table.rearm(id, self.now.plus_seconds(1)),
                    _ => self.take_out(known),
                }
            }
        }
    }

    fn check(&self) {
        assert_eq!(self.table.bindings(), self.model.len());
        assert_eq!(self.table.reserved(), self.reserved.len());
        for known in &self.model {
            let of_aor = |other: &&Known| other.aor == known.aor;
            let expected: Vec<Known> = self.model.iter().filter(of_aor).copied().collect();
            let found = self.table.bindings_of(known.aor);
            let found: Vec<Known> = found.map(|held| Known::of(known.aor, held)).collect();
            assert_eq!(
                found, expected,
                "all bindings of an AoR, in the order they came"
            );
            let held = self.table.binding(known.id).unwrap();
            assert_eq!(Known::of(known.aor, held), *known);
            assert_eq!(self.table.owner(known.id), Some(known.aor));
        }
        for id in &self.reserved {
            assert!(self.table.binding(*id).is_none() && self.table.owner(*id).is_none());
        }
        let mut aors: Vec<u128> = self.model.iter().map(|known| known.aor.0).collect();
        aors.sort_unstable();
        aors.dedup();
        assert_eq!(self.table.records(), aors.len());
        for last in 0..SOURCES as u8 {
            let source = IpAddr::from([192, 0, 2, last]);
            let from = |known: &&Known| known.source == source;
            let expected = self.model.iter().filter(from).count();
            assert_eq!(self.table.from_source(source), expected);
        }
    }
}

fn stamp(cseq: u32) -> Stamp {
    Stamp {
        call_id: 1,
        from_tag: 2,
        branch: 3,
        cseq,
    }
}

#[test]
fn the_table_is_what_a_plain_list_would_be() {
    for seed in 0..48 {
        let mut pair = Pair::new(seed);
        for step in 0..400 {
            pair.step();
            pair.check();
            // It looks at every slot there is, most of them empty here.
            if step % 16 == 0 {
                pair.table.check_invariants();
            }
        }
        while let Some(known) = pair.model.last().copied() {
            pair.take_out(known);
        }
        pair.release();
        pair.check();
        pair.table.check_invariants();
    }
}

#[test]
fn an_address_of_another_life_finds_nothing() {
    let mut pair = Pair::new(1);
    pair.register_new();
    let old = pair.model[0];
    pair.take_out(old);
    pair.release();
    let again = pair.table.reserve(old.id.slot).unwrap();
    assert_eq!(
        (again.index, again.generation),
        (old.id.index, old.id.generation + 1)
    );
    let successor = Known { id: again, ..old };
    pair.register(successor);
    assert!(pair.table.binding(old.id).is_none());
    let op = Op::Remove {
        binding: old.id,
        cause: RemovalCause::Expired,
    };
    assert!(pair.table.apply(Change::of(old.id, op)).is_none());
    assert_eq!(pair.table.owner(again), Some(old.aor));
}

#[test]
fn what_a_crowd_took_is_given_back_when_it_leaves() {
    let mut pair = Pair::new(2);
    let ids: Vec<BindingId> = (0..2000_u64)
        .map(|number| {
            let aor = AorHash(u128::from(number) << 64);
            let known = Known {
                id: pair.table.reserve(aor.slot()).unwrap(),
                aor,
                source: pair.dice.source(),
                cseq: 1,
                expires_at: pair.promise(),
                lease: pair.lease(aor),
            };
            pair.register(known);
            known.id
        })
        .collect();
    let room = |pair: &Pair| pair.table.slots[0].room();
    assert!(room(&pair).0 >= 2000 && room(&pair).1 >= 2000);
    for id in &ids[1..] {
        let op = Op::Remove {
            binding: *id,
            cause: RemovalCause::Expired,
        };
        assert!(pair.table.apply(Change::of(*id, op)).is_some());
    }
    pair.table.check_invariants();
    assert!(
        room(&pair).0 < 16 && room(&pair).1 <= 256,
        "{:?}",
        room(&pair)
    );
    assert_eq!(pair.table.owner(ids[0]), Some(AorHash(0)));
}
