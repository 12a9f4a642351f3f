//! `Flow`: how bytes reached us, and so the way back to whoever sent them.
//!
//! "Proved" always means the pair (flow, AoR), so flows are compared often and must be cheap.

use core::net::SocketAddr;

/// Transport protocol of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// RFC 3261 §18, datagrams.
    Udp,
    /// RFC 3261 §18, a byte stream.
    Tcp,
    /// RFC 3261 §26.2, a byte stream under TLS.
    Tls,
    /// RFC 7118 over HTTP.
    Ws,
    /// RFC 7118 over HTTPS.
    Wss,
}

impl Transport {
    /// The token for a Via `sent-protocol`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// Whether replies follow a connection rather than an address.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// Index of a listener in [`Policy::listeners`](crate::Policy::listeners).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u16);

/// Identity of a stream connection, never reused while the process lives; 0 on UDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u32);

/// Transport, local listener, remote address and connection of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Where it came from, and where an answer goes.
    pub remote: SocketAddr,
    /// The connection, on streams.
    pub connection: ConnectionId,
    /// Which of our listeners it came in by, and by which an answer leaves.
    pub listener: ListenerId,
    /// Its transport.
    pub transport: Transport,
    /// Who sent it, of those behind a proxy in front of us; 0 where there is none, or nobody has
    /// looked.
    pub origin: u32,
}

impl Flow {
    /// A UDP flow.
    #[must_use]
    pub const fn udp(listener: ListenerId, remote: SocketAddr) -> Self {
        Self {
            remote,
            connection: ConnectionId(0),
            listener,
            transport: Transport::Udp,
            origin: 0,
        }
    }
}
