//! `Registrar`: the demo's main registrar, which challenges (RFC 3261 §22.4) and checks, and sends
//! calls where users have registered.
//!
//! It has an address of loopback to itself: midreg knows it by that.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use sip::digest::{self, Algorithm, Protection};
use sip::header::auth::Credentials;
use sip::header::contact::ContactAddr;
use sip::header::expires::DeltaSeconds;
use sip::header::name_addr::NameAddr;
use sip::number::parse_hex_u64;
use sip::{Message, Method, Name, Response, Uri};

use super::contacts::Contacts;
use super::phone;
use super::proxy;
use crate::net::epoll::{Bell, Epoll, Interest};
use crate::net::udp_batch::DATAGRAM;

/// Realm of its challenges.
pub(super) const REALM: &str = "demo.midreg";

/// Where it is.
const ADDRESS: &str = "127.0.0.2:0";

/// A main registrar at work; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Registrar {
    address: SocketAddr,
    board: Arc<Board>,
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

/// What both sides of the thread see.
#[derive(Debug, Default)]
struct Board {
    reached: AtomicU64,
    contacts: Mutex<Contacts>,
    /// Who needs no password: midreg itself, by an address that no phone's request comes from.
    trusted: OnceLock<SocketAddr>,
}

impl Registrar {
    /// Starts one on a free port.
    pub(super) fn start() -> io::Result<Self> {
        let socket = UdpSocket::bind(ADDRESS)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let board = Arc::<Board>::default();
        let bell = Arc::new(Bell::new()?);
        let mut epoll = Epoll::new()?;
        epoll.add(socket.as_fd(), 0, Interest::READ)?;
        epoll.add(bell.as_fd(), 1, Interest::READ)?;
        let mut desk = Desk::new(address, Arc::clone(&board));
        let work = move || {
            loop {
                let Ok(mut ready) = epoll.wait(None) else {
                    return;
                };
                if ready.any(|event| event.key == 1) {
                    return;
                }
                desk.serve(&socket);
            }
        };
        let thread = thread::Builder::new()
            .name("registrar".to_owned())
            .spawn(work)?;
        Ok(Self {
            address,
            board,
            bell,
            thread: Some(thread),
        })
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks for no passwords from there.
    pub(super) fn trust(&self, address: SocketAddr) {
        let _ = self.board.trusted.set(address);
    }

    /// REGISTERs it has seen.
    pub(super) fn reached(&self) -> u64 {
        self.board.reached.load(Ordering::Relaxed)
    }

    /// Contacts it holds.
    pub(super) fn contacts(&self) -> usize {
        self.board.contacts().count(Instant::now())
    }

    /// Different contacts that it has ever held: devices, as far as it can tell.
    pub(super) fn known(&self) -> usize {
        self.board.contacts().known()
    }
}

impl Board {
    /// They are whole between any two statements, so a panic elsewhere does not spoil them.
    fn contacts(&self) -> MutexGuard<'_, Contacts> {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner)
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
#[derive(Debug)]
struct Desk {
    own: SocketAddr,
    board: Arc<Board>,
    issued: u64,
}

impl Desk {
    fn new(own: SocketAddr, board: Arc<Board>) -> Self {
        Self {
            own,
            board,
            issued: 0,
        }
    }

    fn serve(&mut self, socket: &UdpSocket) {
        let mut buffer = vec![0; DATAGRAM];
        let mut out = Vec::new();
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let Some(message) = buffer.get(..length).and_then(|b| Message::parse(b).ok()) else {
                continue;
            };
            out.clear();
            let to = match message.request().map(|line| line.method) {
                Some(Method::Register) => {
                    self.board.reached.fetch_add(1, Ordering::Relaxed);
                    self.answer(&message, from, &mut out);
                    Some(from)
                }
                Some(method) => self.forward(&message, method, from, &mut out),
                None => proxy::back(&message, self.own, &mut out),
            };
            if let Some(to) = to {
                // What is lost here is repeated like what is lost on the way.
                let _ = socket.send_to(&out, to);
            }
        }
    }

    /// Any other request: on its way, or refused.
    fn forward(
        &self,
        request: &Message<'_>,
        method: Method,
        from: SocketAddr,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        match proxy::forward(request, self.own, &*self.board.contacts(), out) {
            Ok(to) => Some(to),
            Err(_) if method == Method::Ack => None,
            Err((status, reason)) => {
                out.clear();
                finish(Response::new(out, status, reason), request, from);
                Some(from)
            }
        }
    }

    fn answer(&mut self, request: &Message<'_>, from: SocketAddr, out: &mut Vec<u8>) {
        let Some(user) = user_of(request) else {
            return finish(Response::new(out, 400, "Bad Request"), request, from);
        };
        let trusted = self.board.trusted.get() == Some(&from);
        let verdict = match trusted {
            true => Verdict::Accepted,
            false => verdict(request, &user),
        };
        match verdict {
            Verdict::Accepted => {
                self.note(request, &user);
                accept(request, from, out);
            }
            Verdict::Refused => finish(Response::new(out, 403, "Forbidden"), request, from),
            Verdict::Unknown => {
                self.issued += 1;
                let nonce = nonce(self.issued, &user);
                let challenge = format!(
                    r#"Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5, qop="auth""#
                );
                let mut response = Response::new(out, 401, "Unauthorized");
                response.header("WWW-Authenticate", challenge);
                finish(response, request, from);
            }
        }
    }

    fn note(&self, request: &Message<'_>, user: &[u8]) {
        let (asked, mut contacts) = (asked(request), self.board.contacts());
        for value in request.values(Name::Contact) {
            if let Ok(contact) = ContactAddr::parse(value) {
                let seconds = contact.expires.map_or(asked, |expires| expires.0);
                let until = (Instant::now(), seconds);
                contacts.note(user, contact.addr.uri, until);
            }
        }
    }
}

fn verdict(request: &Message<'_>, user: &[u8]) -> Verdict {
    let header = request.header(Name::Authorization);
    let Some(credentials) = header.and_then(|h| Credentials::parse(h.value).ok()) else {
        return Verdict::Unknown;
    };
    let nonce = credentials.nonce.unwrap_or_default();
    if !is_ours(nonce, user) {
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

/// The `count`th nonce, given to this user. It tells by itself what it is, so that the phones of a
/// user don't take it from each other.
fn nonce(count: u64, user: &[u8]) -> String {
    let count = format!("{count:016x}");
    let seal = digest::ha1(Algorithm::Md5, count.as_bytes(), user, REALM.as_bytes());
    count + &String::from_utf8_lossy(seal.as_bytes())
}

fn is_ours(given: &[u8], user: &[u8]) -> bool {
    let count = given.get(..16).and_then(parse_hex_u64);
    count.is_some_and(|count| nonce(count, user).as_bytes() == given)
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

/// Lifetime for contacts that do not say one themselves.
fn asked(request: &Message<'_>) -> u32 {
    let header = request.header(Name::Expires);
    header
        .and_then(|h| DeltaSeconds::parse(h.value).ok())
        .map_or(3600, |e| e.0)
}

/// Grants what is asked for, to the contacts as they were sent.
fn accept(request: &Message<'_>, from: SocketAddr, out: &mut Vec<u8>) {
    let asked = asked(request);
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
        let mut desk = Desk::new(from(), Arc::default());
        let mut phone = Phone::new((3, 1), from(), from(), 60);
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
        assert_eq!(desk.board.contacts().count(Instant::now()), 1);

        let text = String::from_utf8(request).expect("text");
        let wrong = text.replace("response=\"", "response=\"0");
        assert_eq!(status(&mut desk, wrong.as_bytes()).0, 403);
        let other = text.replace("nonce=\"", "nonce=\"1");
        assert_eq!(status(&mut desk, other.as_bytes()).0, 401);
    }

    #[test]
    fn who_is_trusted_needs_no_password() {
        let mut desk = Desk::new(from(), Arc::default());
        let mut request = Vec::new();
        Phone::new((3, 1), from(), from(), 60).write_request(&mut request);
        assert_eq!(status(&mut desk, &request).0, 401);
        desk.board.trusted.set(from()).expect("nobody before");
        assert_eq!(status(&mut desk, &request).0, 200);
    }
}
