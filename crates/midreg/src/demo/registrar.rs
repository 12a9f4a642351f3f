//! `Registrar`: the demo's main registrar, which challenges (RFC 3261 §22.4) and checks.

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use sip::digest::{self, Algorithm, Protection};
use sip::header::auth::Credentials;
use sip::header::contact::ContactAddr;
use sip::header::expires::DeltaSeconds;
use sip::header::name_addr::NameAddr;
use sip::number::parse_hex_u64;
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
    counts: Arc<Counts>,
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    reached: AtomicU64,
    contacts: AtomicUsize,
}

impl Registrar {
    /// Starts one on a free port of loopback.
    pub(super) fn start() -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let counts = Arc::<Counts>::default();
        let bell = Arc::new(Bell::new()?);
        let mut epoll = Epoll::new()?;
        epoll.add(socket.as_fd(), 0, Interest::READ)?;
        epoll.add(bell.as_fd(), 1, Interest::READ)?;
        let counted = Arc::clone(&counts);
        let work = move || {
            let mut desk = Desk::default();
            loop {
                let Ok(mut ready) = epoll.wait(None) else {
                    return;
                };
                if ready.any(|event| event.key == 1) {
                    return;
                }
                desk.serve(&socket, &counted);
            }
        };
        let thread = thread::Builder::new()
            .name("registrar".to_owned())
            .spawn(work)?;
        Ok(Self {
            address,
            counts,
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
        self.counts.reached.load(Ordering::Relaxed)
    }

    /// Contacts it holds.
    pub(super) fn contacts(&self) -> usize {
        self.counts.contacts.load(Ordering::Relaxed)
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
    issued: u64,
    /// The URIs that were accepted, of all users: each names one.
    contacts: HashSet<Vec<u8>>,
}

impl Desk {
    fn serve(&mut self, socket: &UdpSocket, counts: &Counts) {
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
            counts.reached.fetch_add(1, Ordering::Relaxed);
            answer.clear();
            self.answer(&request, from, &mut answer);
            let contacts = self.contacts.len();
            counts.contacts.store(contacts, Ordering::Relaxed);
            let _ = socket.send_to(&answer, from);
        }
    }

    fn answer(&mut self, request: &Message<'_>, from: SocketAddr, out: &mut Vec<u8>) {
        let Some(user) = user_of(request) else {
            return finish(Response::new(out, 400, "Bad Request"), request, from);
        };
        match verdict(request, &user) {
            Verdict::Accepted => {
                self.note(request);
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

    fn note(&mut self, request: &Message<'_>) {
        let contacts = request.values(Name::Contact);
        for contact in contacts.filter_map(|c| ContactAddr::parse(c).ok()) {
            self.contacts.insert(contact.addr.uri.to_vec());
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
        let mut phone = Phone::new(3, 1, from(), from());
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
        assert_eq!(desk.contacts.len(), 1);

        let text = String::from_utf8(request).expect("text");
        let wrong = text.replace("response=\"", "response=\"0");
        assert_eq!(status(&mut desk, wrong.as_bytes()).0, 403);
        let other = text.replace("nonce=\"", "nonce=\"1");
        assert_eq!(status(&mut desk, other.as_bytes()).0, 401);
    }
}
