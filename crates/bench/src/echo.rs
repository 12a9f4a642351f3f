//! The bare floor: what it costs a process to take a datagram and give one back, with the same sockets, options
//! and waiting as a midreg worker and nothing in between. [`serve`] is the measured process, [`Echo`] the
//! traffic that drives it.

use std::net::SocketAddr;

use crate::failure::{Context, Failure};
use crate::json::Json;
use crate::load::{Reply, Traffic};
use crate::socket;
use crate::syscalls::{BATCH, Epoll, RecvBatch, StopSignal};
use crate::template::RequestId;

const SOCKET: usize = 0;
const STOP: usize = 1;

/// Bytes at the start of a request by which its answer is recognised.
const ID_BYTES: usize = 8;

/// Smallest and largest datagram that can be asked for, in bytes.
pub const SIZES: std::ops::RangeInclusive<usize> = ID_BYTES..=RECEIVE_BYTES;

const RECEIVE_BYTES: usize = 4096;

/// Answers every datagram on a loopback port with `response_bytes` bytes until SIGTERM. Prints one line of
/// JSON with its address first.
pub fn serve(response_bytes: usize) -> Result<(), Failure> {
    let stop = StopSignal::take()?;
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = socket::bind(listen).while_doing(|| format!("cannot listen on {listen}"))?;
    let mut epoll = Epoll::new()?;
    epoll.add(&socket, SOCKET)?;
    epoll.add(&stop, STOP)?;
    crate::print_line(&Json::object([(
        "listening",
        socket.local_addr()?.to_string().as_str().into(),
    )]));

    let mut batch = RecvBatch::new(RECEIVE_BYTES);
    loop {
        let ready = epoll.wait(None)?;
        if (0..ready).any(|index| epoll.token(index) == STOP) {
            break;
        }
        loop {
            let count = batch.receive(&socket)?;
            if count > 0 {
                // What the socket does not take is lost, as on any network; the sender repeats it.
                let _ = batch.echo(&socket, count, response_bytes);
            }
            if count < BATCH {
                break;
            }
        }
    }
    Ok(())
}

/// Requests of one size that carry nothing but their number.
pub struct Echo {
    request_bytes: usize,
}

impl Echo {
    /// Requests of this many bytes, within [`SIZES`].
    pub fn new(request_bytes: usize) -> Self {
        Self {
            request_bytes: request_bytes.max(ID_BYTES),
        }
    }
}

impl Traffic for Echo {
    fn write_request(&mut self, id: RequestId, out: &mut Vec<u8>) {
        let end = out.len() + self.request_bytes;
        out.extend_from_slice(&id.device.to_be_bytes());
        out.extend_from_slice(&id.serial.to_be_bytes());
        out.resize(end, b'.');
    }

    fn read_reply(&mut self, datagram: &[u8]) -> Reply {
        let Some((&[a, b, c, d, e, f, g, h], _)) = datagram.split_first_chunk::<ID_BYTES>() else {
            return Reply::Noise;
        };
        let (device, serial) = (
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        );
        Reply::Final {
            id: RequestId { device, serial },
            status: 200,
            retry_after: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_recognised_even_when_cut() {
        let id = RequestId {
            device: 70_000,
            serial: 3,
        };
        let mut echo = Echo::new(650);
        let mut out = Vec::new();
        echo.write_request(id, &mut out);
        assert_eq!(out.len(), 650);
        assert_eq!(
            echo.read_reply(&out[..450]),
            Reply::Final {
                id,
                status: 200,
                retry_after: 0
            }
        );
        assert_eq!(echo.read_reply(&out[..7]), Reply::Noise);
    }
}
