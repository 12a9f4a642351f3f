//! `Lines`: the sockets of the caller and of the devices, all connected to the relay, with what went over them.

use std::io;
use std::net::UdpSocket;

use crate::syscalls::{BATCH, RecvBatch, SendBatch};

/// Number of the caller's line; those of the devices follow.
pub const CALLER: usize = 0;

/// Larger than any message here; what is beyond is cut.
const RECEIVE_BYTES: usize = 4096;

/// Datagrams and their bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Datagrams {
    /// How many.
    pub count: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl Datagrams {
    fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes as u64;
    }

    /// Mean size in bytes, rounded.
    pub fn mean_bytes(&self) -> usize {
        (self.bytes as f64 / self.count.max(1) as f64).round() as usize
    }
}

/// The sockets to send on.
pub struct Lines {
    lines: Vec<(UdpSocket, SendBatch)>,
    /// Sent to the relay.
    pub sent: Datagrams,
    /// Datagrams that our own sockets did not take.
    pub dropped: u64,
}

/// Where what arrives is taken in.
pub struct Inbox {
    batch: RecvBatch,
    /// Received from the relay.
    pub received: Datagrams,
}

impl Lines {
    /// The caller's socket and those of the devices.
    pub fn new(caller: UdpSocket, devices: Vec<UdpSocket>) -> Self {
        let sockets = std::iter::once(caller).chain(devices);
        Self {
            lines: sockets.map(|socket| (socket, SendBatch::new())).collect(),
            sent: Datagrams::default(),
            dropped: 0,
        }
    }

    /// The sockets, in order.
    pub fn sockets(&self) -> impl Iterator<Item = &UdpSocket> {
        self.lines.iter().map(|(socket, _)| socket)
    }

    /// How many lines devices have.
    pub fn of_devices(&self) -> usize {
        self.lines.len() - 1
    }

    /// Sends a datagram on a line, with the next [`flush`](Self::flush) at the latest.
    pub fn send(&mut self, line: usize, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let (socket, batch) = &mut self.lines[line];
        self.sent.add(batch.push(None, write));
        if batch.len() == BATCH {
            self.dropped += batch.flush(socket)? as u64;
        }
        Ok(())
    }

    /// Sends all that waits.
    pub fn flush(&mut self) -> io::Result<()> {
        for (socket, batch) in &mut self.lines {
            if !batch.is_empty() {
                self.dropped += batch.flush(socket)? as u64;
            }
        }
        Ok(())
    }
}

impl Inbox {
    /// Nothing received yet.
    pub fn new() -> Self {
        Self {
            batch: RecvBatch::new(RECEIVE_BYTES),
            received: Datagrams::default(),
        }
    }

    /// Takes what waits on a line, up to [`BATCH`] datagrams; how many.
    pub fn receive(&mut self, lines: &Lines, line: usize) -> io::Result<usize> {
        let count = self.batch.receive(&lines.lines[line].0)?;
        for index in 0..count {
            self.received.add(self.batch.datagram(index).0.len());
        }
        Ok(count)
    }

    /// Datagram `index` of those taken last.
    pub fn datagram(&self, index: usize) -> &[u8] {
        self.batch.datagram(index).0
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}
