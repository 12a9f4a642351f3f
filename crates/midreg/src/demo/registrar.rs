//! `Registrar`: the demo's main registrar, which challenges (RFC 3261 §22.4) and checks.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use sip::digest::{self, Algorithm, Protection};
use sip::header::auth::Credentials;
use sip::header::expires::DeltaSeconds;
use sip::header::name_addr::NameAddr;
use sip::{Message, Method, Name, Response, Uri};

use super::phone;
use crate::net::epoll::{Bell, Epoll, Interest};
use crate::net::udp_batch::DATAGRAM;

/// Realm of its challenges.
const REALM: &str = "demo.midreg";

/// A main registrar at work; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Registrar {
    address: SocketAddr,
    reached: Arc<AtomicU64>,
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

impl Registrar {
    /// Starts one on a free port of loopback.
    pub(super) fn start() -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let reached = Arc::new(AtomicU64::new(0));
        let bell = Arc::new(Bell::new()?);
        let mut epoll = Epoll::new()?;
        epoll.add(socket.as_fd(), 0, Interest::READ)?;
        epoll.add(bell.as_fd(), 1, Interest::READ)?;
        let count = Arc::clone(&reached);
        let work = move || {
            let mut desk = Desk::default();
            loop {
                let Ok(mut ready) = epoll.wait(None) else {
                    return;
                };
                if ready.any(|event| event.key == 1) {
                    return;
                }
                desk.serve(&socket, &count);
            }
        };
        let thread = thread::Builder::new()
            .name("registrar".to_owned())
            .spawn(work)?;
        Ok(Self {
            address,
            reached,
            bell,
            thread: Some(thread),
        })
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// REGISTERs it has seen.
    pub(super) fn reached(&self) -> u64 {
        self.reached.load(Ordering::Relaxed)
    }
}

impl Drop for Registrar {
    fn drop(&mut self) {
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the main registrar knows.
#[derive(Debug, Default)]
struct Desk {
    /// The nonce each user was given last.
    nonces: HashMap<Vec<u8>, String>,
    issued: u64,
}

impl Desk {
    fn serve(&mut self, socket: &UdpSocket, count: &AtomicU64) {
        let mut buffer = vec![0; DATAGRAM];
        let mut answer = Vec::new();
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let Some(request) = buffer.get(..length).and_then(|b| Message::parse(b).ok()) else {
                continue;
            };
            if request
                .request()
                .is_none_or(|line| line.method != Method::Register)
            {
                continue;
            }
            count.fetch_add(1, Ordering::Relaxed);
            answer.clear();
            self.answer(&request, from, &mut answer);
            let _ = socket.send_to(&answer, from);
        }
    }

    fn answer(&mut self, request: &Message<'_>, from: SocketAddr, out: &mut Vec<u8>) {
        let Some(user) = user_of(request) else {
            return finish(Response::new(out, 400, "Bad Request"), request, from);
        };
        match self.verdict(request, &user) {
            Verdict::Accepted => accept(request, from, out),
            Verdict::Refused => finish(Response::new(out, 403, "Forbidden"), request, from),
            Verdict::Unknown => {
                self.issued += 1;
                let nonce = format!("{:016x}", self.issued.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let challenge = format!(
                    r#"Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5, qop="auth""#
                );
                self.nonces.insert(user, nonce);
                let mut response = Response::new(out, 401, "Unauthorized");
                response.header("WWW-Authenticate", challenge);
                finish(response, request, from);
            }
        }
    }

    fn verdict(&self, request: &Message<'_>, user: &[u8]) -> Verdict {
        let header = request.header(Name::Authorization);
        let Some(credentials) = header.and_then(|h| Credentials::parse(h.value).ok()) else {
            return Verdict::Unknown;
        };
        let nonce = credentials.nonce.unwrap_or_default();
        if self
            .nonces
            .get(user)
            .is_none_or(|issued| issued.as_bytes() != nonce)
        {
            return Verdict::Unknown;
        }
        let protection = Protection {
            nc: credentials.nc.unwrap_or_default(),
            cnonce: credentials.cnonce.unwrap_or_default(),
            qop: credentials.qop.unwrap_or_default(),
        };
        let password = phone::password(user);
        let ha1 = digest::ha1(Algorithm::Md5, user, REALM.as_bytes(), password.as_bytes());
        let expected = digest::response(
            Algorithm::Md5,
            ha1.as_bytes(),
            nonce,
            Some(protection),
            b"REGISTER",
            credentials.uri.unwrap_or_default(),
        );
        let given = credentials.response.unwrap_or_default();
        let known = credentials.username == Some(user);
        match known && digest::constant_time_eq(expected.as_bytes(), given) {
            true => Verdict::Accepted,
            false => Verdict::Refused,
        }
    }
}

enum Verdict {
    /// The password is right.
    Accepted,
    /// The password is wrong.
    Refused,
    /// There is no password, or one for another challenge.
    Unknown,
}

fn user_of(request: &Message<'_>) -> Option<Vec<u8>> {
    let to = NameAddr::parse(request.header(Name::To)?.value).ok()?;
    Uri::parse(to.uri).ok()?.user.map(<[u8]>::to_vec)
}

/// Grants what is asked for, to the contacts as they were sent.
fn accept(request: &Message<'_>, from: SocketAddr, out: &mut Vec<u8>) {
    let header = request.header(Name::Expires);
    let asked = header
        .and_then(|h| DeltaSeconds::parse(h.value).ok())
        .map_or(3600, |e| e.0);
    let mut response = Response::new(out, 200, "OK");
    for contact in request.values(Name::Contact) {
        response.header_with("Contact", |out| {
            out.extend_from_slice(contact);
            if !contact
                .windows(9)
                .any(|part| part.eq_ignore_ascii_case(b";expires="))
            {
                out.extend_from_slice(format!(";expires={asked}").as_bytes());
            }
        });
    }
    finish(response, request, from);
}

/// The headers that every response has (RFC 3261 §8.2.6.2).
fn finish(mut response: Response<'_>, request: &Message<'_>, from: SocketAddr) {
    response.vias_from(request, Some(from.into()));
    response.copy(request, Name::From);
    response.to_with_tag(request, b"main");
    response.copy(request, Name::CallId);
    response.copy(request, Name::CSeq);
    response.finish(b"");
}

#[cfg(test)]
mod tests {
    use super::super::phone::Phone;
    use super::*;

    fn from() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 9))
    }

    fn status(desk: &mut Desk, request: &[u8]) -> (u16, Vec<u8>) {
        let mut out = Vec::new();
        desk.answer(
            &Message::parse(request).expect("a request"),
            from(),
            &mut out,
        );
        let status = Message::parse(&out)
            .expect("a response")
            .status()
            .expect("a status");
        (status, out)
    }

    #[test]
    fn only_the_right_password_is_accepted() {
        let mut desk = Desk::default();
        let mut phone = Phone::new(3, from(), from());
        let mut request = Vec::new();
        phone.write_request(&mut request);
        let (code, challenge) = status(&mut desk, &request);
        assert_eq!(code, 401);
        phone
            .take_challenge(&Message::parse(&challenge).expect("a response"))
            .expect("readable");
        request.clear();
        phone.write_request(&mut request);
        let (code, accepted) = status(&mut desk, &request);
        assert_eq!(code, 200);
        assert_eq!(
            phone.check(&Message::parse(&accepted).expect("a response")),
            Ok(60)
        );

        let text = String::from_utf8(request).expect("text");
        let wrong = text.replace("response=\"", "response=\"0");
        assert_eq!(status(&mut desk, wrong.as_bytes()).0, 403);
        let other = text.replace("nonce=\"", "nonce=\"0");
        assert_eq!(status(&mut desk, other.as_bytes()).0, 401);
    }
}
