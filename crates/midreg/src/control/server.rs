//! `Control`: serves the control socket, on threads of its own.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::desk::Desk;
use super::socket::{Socket, SocketError};
use super::{limits, session};

/// Serves the control socket while it lives.
#[derive(Debug)]
pub struct Control {
    socket: Arc<Socket>,
    ending: Arc<AtomicBool>,
}

impl Control {
    /// Listens at `path` for operators who want to ask at `desk`.
    ///
    /// # Errors
    ///
    /// The socket cannot be made there, or the system has no thread left.
    pub fn start(path: &Path, desk: Desk) -> Result<Self, SocketError> {
        let socket = Arc::new(Socket::bind(path)?);
        let ending = Arc::new(AtomicBool::new(false));
        let (own, ended) = (Arc::clone(&socket), Arc::clone(&ending));
        thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || accept(&own, &ended, &desk))
            .map_err(|error| SocketError::system(path, "no thread for it", error))?;
        Ok(Self { socket, ending })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.socket.path()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        // Wakes the thread, which then sees that it is over.
        let _ = UnixStream::connect(self.socket.path());
        self.socket.remove();
    }
}

fn accept(socket: &Socket, ending: &AtomicBool, desk: &Desk) {
    let clients = Arc::new(AtomicUsize::new(0));
    while let Ok((stream, _)) = socket.listener().accept() {
        if ending.load(Ordering::Acquire) {
            return;
        }
        let Some(seat) = Seat::take(&clients) else {
            session::turn_away(&stream);
            continue;
        };
        let desk = desk.clone();
        let served = thread::Builder::new()
            .name("control-client".to_owned())
            .spawn(move || {
                let _seat = seat;
                // Whoever goes away, or does not read, needs no answer.
                let _: io::Result<()> = session::serve(&stream, &desk);
            });
        // Without a thread the client is hung up on.
        drop(served);
    }
}

/// One of the places for clients; free again when it is dropped.
struct Seat {
    taken: Arc<AtomicUsize>,
}

impl Seat {
    fn take(taken: &Arc<AtomicUsize>) -> Option<Self> {
        let before = taken.fetch_add(1, Ordering::Relaxed);
        let seat = Self {
            taken: Arc::clone(taken),
        };
        (before < limits::CLIENTS).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
