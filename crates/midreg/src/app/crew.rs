//! `Plan`: puts all shards together and starts them.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;

use engine::{Engine, EngineConfig, Policy, Router, ShardId};

use crate::clock::Clock;
use crate::log::{Redactor, Teller};
use crate::secret;
use crate::shard::core::Core;
use crate::shard::mailbox::Mailbox;
use crate::shard::report::Report;
use crate::shard::worker::{Parts, Worker};
use crate::store::memory::MemoryStore;

/// What all shards have in common.
pub(super) struct Plan {
    pub(super) secret: [u8; 32],
    pub(super) shards: u8,
    pub(super) policy: Arc<Policy>,
    pub(super) boxes: Arc<[Mailbox]>,
    pub(super) redactor: Arc<Redactor>,
}

impl Plan {
    /// Puts all shards together before the first one runs. Sockets are given to them by their
    /// mailboxes.
    pub(super) fn start_shards(&self, tell_end: &SyncSender<io::Result<Report>>) -> io::Result<()> {
        let clock = Clock::start();
        let parts = (0..self.shards).map(|number| self.parts(ShardId(number), clock));
        for (number, parts) in (0u8..).zip(parts.collect::<io::Result<Vec<_>>>()?) {
            let notice = Notice {
                tell: tell_end.clone(),
                result: None,
            };
            thread::Builder::new()
                .name(format!("shard-{number}"))
                .spawn(move || {
                    let mut notice = notice;
                    notice.result = Some(Worker::new(parts).and_then(Worker::run));
                })?;
        }
        Ok(())
    }

    fn parts(&self, shard: ShardId, clock: Clock) -> io::Result<Parts> {
        let seed = u64::from_ne_bytes(secret::random().map_err(io::Error::other)?);
        let config = EngineConfig {
            shard,
            shards: self.shards,
            secret: self.secret,
            seed,
        };
        let now = clock.now();
        let engine = Engine::new(&config, Arc::clone(&self.policy), now);
        let store = Box::new(MemoryStore::default());
        let teller = Teller::new(Arc::clone(&self.policy), Arc::clone(&self.redactor));
        Ok(Parts {
            shard,
            clock,
            core: Core::new(engine, store, teller, Arc::clone(&self.policy), now),
            boxes: Arc::clone(&self.boxes),
            router: (self.shards > 1)
                .then(|| Router::new(&self.secret, self.shards, Arc::clone(&self.policy))),
        })
    }
}

/// Tells how a shard ended, even if it was by a panic.
struct Notice {
    tell: SyncSender<io::Result<Report>>,
    result: Option<io::Result<Report>>,
}

impl Drop for Notice {
    fn drop(&mut self) {
        let result = self
            .result
            .take()
            .unwrap_or_else(|| Err(io::Error::other("a shard broke")));
        let _ = self.tell.try_send(result);
    }
}
