//! A bare UDP socket that speaks just enough SIP to ask whether somebody answers, or is there at all.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::Reply;

/// How long one request is waited for before it is sent again.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long the system is given to refuse a datagram; on loopback it does so before the sender goes on.
const REFUSAL: Duration = Duration::from_millis(10);

/// Sends OPTIONS until it is answered. Returns the Call-ID of the request, `None` if the time runs out first.
pub(crate) fn options(server: SocketAddr, within: Duration) -> Option<String> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP socket on loopback");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("a read timeout");
    let local = socket.local_addr().expect("a bound socket");
    let call_id = format!("probe-{}-{}", local.port(), std::process::id());
    let request = format!(
        "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{call_id}\r\nMax-Forwards: 70\r\n\
         From: <sip:probe@{local}>;tag=probe\r\nTo: <sip:{server}>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        // Nobody may be there yet: then the send or the receive reports the refusal, and the next round tries again.
        let _ = socket.send_to(request.as_bytes(), server);
        if answered(&socket, &call_id) {
            return Some(call_id);
        }
    }
    None
}

/// Waits until somebody has the address, without asking for an answer: as long as nobody does, the system refuses what is
/// sent there. False if the time runs out first.
pub(crate) fn is_taken(address: SocketAddr, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        let socket = UdpSocket::bind((address.ip(), 0)).expect("a UDP socket on loopback");
        socket
            .set_read_timeout(Some(REFUSAL))
            .expect("a read timeout");
        socket.connect(address).expect("an address on loopback");
        // The keep-alive of RFC 5626 §4.4.1, which is no message.
        let refused = socket.send(b"\r\n\r\n").and_then(|_| socket.recv(&mut [0]));
        if refused.is_err_and(|error| error.kind() != ErrorKind::ConnectionRefused) {
            return true;
        }
    }
    false
}

fn answered(socket: &UdpSocket, call_id: &str) -> bool {
    let mut buffer = [0; 2048];
    while let Ok((octets, _)) = socket.recv_from(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..octets]);
        if Reply::read(&text).is_some_and(|reply| reply.header("Call-ID") == Some(call_id)) {
            return true;
        }
    }
    false
}
