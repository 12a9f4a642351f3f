//! `Traffic`: the kind of messages a driver sends.

use crate::template::RequestId;

/// Writes requests and reads replies of one kind.
pub trait Traffic {
    /// Writes the request `id` at the end of `out`. Called again with the same `id` for a retransmission,
    /// it must write the same bytes.
    fn write_request(&mut self, id: RequestId, out: &mut Vec<u8>);

    /// Says what a received datagram means.
    fn read_reply(&mut self, datagram: &[u8]) -> Reply;
}

/// What a received datagram means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// Not an answer to any request of this run.
    Noise,
    /// A provisional response; the request goes on.
    Provisional,
    /// A challenge that the traffic can answer: the same device's next serial does.
    Challenged(RequestId),
    /// The request is answered for good.
    Final {
        /// Which request.
        id: RequestId,
        /// SIP status, 200 for an echo.
        status: u16,
        /// Seconds of a Retry-After header; 0 without one.
        retry_after: u32,
    },
}
