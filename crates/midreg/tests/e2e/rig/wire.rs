//! A bare UDP socket that speaks just enough SIP to ask whether somebody answers.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::Reply;

/// How long one request is waited for before it is sent again.
const PATIENCE: Duration = Duration::from_millis(50);

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
