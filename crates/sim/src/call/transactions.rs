//! `Transactions`: the transaction layer of a model (RFC 3261 §17, RFC 6026), over datagrams that
//! may be lost, repeated and overtaken.
//!
//! An end hears of each request once, of each response to its own requests as often as it tells
//! something new (each copy of a 2xx to INVITE does), and of silence. ACKs to other final responses
//! are nobody's affair but this layer's.

use core::net::SocketAddr;

use engine::Mono;

use super::letter::{Key, Letter, Start};

/// Milliseconds between the first two copies (RFC 3261 T1).
const T1: u64 = 500;
/// Longest interval between two copies (T2).
const T2: u64 = 4_000;
/// How long anything is tried (Timers B, F, H), or remembered once it is over (D, I, K, L, M).
const LIFE: u64 = 64 * T1;
/// How long an INVITE that was answered provisionally may take before its caller gives it up.
const PATIENCE: u64 = 400_000;

/// The transaction layer of a model.
#[derive(Debug)]
pub struct Transactions {
    /// How much longer than it should a cancelled INVITE is waited for: each proxy between two ends
    /// waits as long as it should.
    pub slack: u64,
    mark: String,
    count: u32,
    clients: Vec<Client>,
    servers: Vec<Server>,
    sent: Vec<(SocketAddr, Vec<u8>)>,
}

/// What the transaction layer tells.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A new request, a CANCEL or the ACK to a 2xx among them.
    Request(Letter),
    /// A response to the request with this key.
    Response(Key, Letter),
    /// The request with this key has no final answer, and will have none.
    Silence(Key),
}

#[derive(Debug)]
struct Client {
    key: Key,
    request: Letter,
    to: SocketAddr,
    state: ClientState,
    /// What is sent again, when, and after which interval.
    again: Option<(Mono, u64)>,
    until: Mono,
    cancelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientState {
    Calling,
    Proceeding,
    /// A final response other than 2xx came, or any to a request other than INVITE.
    Completed,
    /// 2xx to INVITE.
    Accepted,
}

#[derive(Debug)]
struct Server {
    key: Key,
    to: SocketAddr,
    /// The last response.
    response: Option<Vec<u8>>,
    status: u16,
    acknowledged: bool,
    again: Option<(Mono, u64)>,
    /// When it is forgotten; never while there is no final response.
    until: Mono,
}

impl Transactions {
    /// A layer whose branches bear this mark.
    #[must_use]
    pub fn new(mark: &str) -> Self {
        Self {
            slack: 0,
            mark: mark.to_owned(),
            count: 0,
            clients: Vec::new(),
            servers: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// What is to be sent since the last call.
    pub fn take_sent(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        core::mem::take(&mut self.sent)
    }

    /// Puts a Via of this end, which believes to be `here`, on top of a request.
    pub fn sign(&mut self, here: &str, request: &mut Letter) {
        self.count += 1;
        let branch = format!("z9hG4bK{}.{}", self.mark, self.count);
        let via = format!("SIP/2.0/UDP {here};rport;branch={branch}");
        request.vias.insert(0, via);
    }

    /// Sends a signed request, and repeats it until it is answered. An ACK is sent once.
    pub fn ask(&mut self, now: Mono, request: Letter, to: SocketAddr) -> Key {
        let key = request.key();
        self.sent.push((to, request.write()));
        if request.method != "ACK" {
            self.clients.push(Client {
                key: key.clone(),
                request,
                to,
                state: ClientState::Calling,
                again: Some((now.plus_millis(T1), T1)),
                until: now.plus_millis(LIFE),
                cancelled: false,
            });
        }
        key
    }

    /// Sends something that nobody waits for an answer to.
    pub fn throw(&mut self, letter: &Letter, to: SocketAddr) {
        self.sent.push((to, letter.write()));
    }

    /// Takes an INVITE back, as soon as that may be done (RFC 3261 §9.1).
    pub fn cancel(&mut self, now: Mono, key: &Key) {
        if let Some(client) = self.clients.iter_mut().find(|client| client.key == *key)
            && !client.cancelled
        {
            client.cancelled = true;
            if client.state == ClientState::Proceeding {
                self.send_cancel(now, key);
            }
        }
    }

    /// Answers a request.
    pub fn answer(&mut self, now: Mono, key: &Key, response: &Letter) {
        let bytes = response.write();
        let Some(server) = self.servers.iter_mut().find(|server| server.key == *key) else {
            return;
        };
        self.sent.push((server.to, bytes.clone()));
        if response.status() >= 200 {
            server.until = now.plus_millis(LIFE);
            if key.method == "INVITE" && response.status() >= 300 {
                server.again = Some((now.plus_millis(T1), T1));
            }
        }
        server.status = response.status();
        server.response = Some(bytes);
    }

    /// Whether a request of this end is remembered.
    #[must_use]
    pub fn knows(&self, key: &Key) -> bool {
        self.clients.iter().any(|client| client.key == *key)
    }

    /// Whether a request waits for its final answer.
    #[must_use]
    pub fn is_open(&self, key: &Key) -> bool {
        let server = self.servers.iter().find(|server| server.key == *key);
        server.is_some_and(|server| server.status < 200)
    }

    /// The INVITE that a CANCEL is about, while it waits for its final answer.
    #[must_use]
    pub fn cancelled(&self, cancel: &Letter) -> Option<Key> {
        let mut key = cancel.key();
        "INVITE".clone_into(&mut key.method);
        self.is_open(&key).then_some(key)
    }

    /// A message arrived; what it tells, if anything.
    pub fn receive(&mut self, now: Mono, from: SocketAddr, letter: Letter) -> Option<Happening> {
        match letter.start {
            Start::Request(_) => self.on_request(from, letter),
            Start::Response(_) => self.on_response(now, letter),
        }
    }

    /// When something is to be done.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let clients = self
            .clients
            .iter()
            .map(|client| (client.again, client.until));
        let servers = self
            .servers
            .iter()
            .map(|server| (server.again, server.until));
        let times = clients.chain(servers);
        times
            .map(|(again, until)| again.map_or(until, |(again, _)| again.min(until)))
            .filter(|at| *at != Mono::NEVER)
            .min()
    }

    /// Time has come: repeats, forgets, and tells of silence.
    pub fn on_time(&mut self, now: Mono) -> Vec<Happening> {
        let mut silent = Vec::new();
        self.clients.retain(|client| {
            let open = matches!(client.state, ClientState::Calling | ClientState::Proceeding);
            if client.until <= now && open {
                silent.push(Happening::Silence(client.key.clone()));
            }
            client.until > now
        });
        self.servers.retain(|server| server.until > now);
        for client in &mut self.clients {
            let longest = match client.key.method.as_str() {
                "INVITE" => u64::MAX,
                _ => T2,
            };
            if is_due(&mut client.again, now, longest) {
                self.sent.push((client.to, client.request.write()));
            }
        }
        for server in &mut self.servers {
            if is_due(&mut server.again, now, T2) {
                let response = server.response.clone();
                self.sent.extend(response.map(|bytes| (server.to, bytes)));
            }
        }
        silent
    }

    fn on_request(&mut self, from: SocketAddr, letter: Letter) -> Option<Happening> {
        let key = letter.key();
        let Some(server) = self.servers.iter_mut().find(|server| server.key == key) else {
            if letter.method != "ACK" {
                self.servers.push(Server {
                    key,
                    to: from,
                    response: None,
                    status: 0,
                    acknowledged: false,
                    again: None,
                    until: Mono::NEVER,
                });
            }
            return Some(Happening::Request(letter));
        };
        if letter.method == "ACK" {
            server.again = None;
            server.acknowledged = true;
            return None;
        }
        // What accepted an INVITE is repeated by the end that did so (RFC 6026 §7.1).
        let repeats = key.method != "INVITE" || !(200..300).contains(&server.status);
        if repeats && !server.acknowledged {
            let response = server.response.clone();
            self.sent.extend(response.map(|bytes| (from, bytes)));
        }
        None
    }

    fn on_response(&mut self, now: Mono, letter: Letter) -> Option<Happening> {
        let key = letter.key();
        let client = self.clients.iter_mut().find(|client| client.key == key)?;
        let (status, invite) = (letter.status(), key.method == "INVITE");
        let open = matches!(client.state, ClientState::Calling | ClientState::Proceeding);
        match (status, invite) {
            (..200, true) if open => {
                client.again = None;
                client.until = now.plus_millis(PATIENCE);
                let first = client.state == ClientState::Calling;
                client.state = ClientState::Proceeding;
                if first && client.cancelled {
                    self.send_cancel(now, &key);
                }
            }
            (..200, _) if open => client.state = ClientState::Proceeding,
            (200..300, true) if open || client.state == ClientState::Accepted => {
                if open {
                    client.until = now.plus_millis(LIFE);
                }
                client.again = None;
                client.state = ClientState::Accepted;
            }
            (300.., true) if client.state != ClientState::Accepted => {
                let ack = acknowledgement(&client.request, &letter);
                self.sent.push((client.to, ack.write()));
                client.again = None;
                if !open {
                    return None;
                }
                client.state = ClientState::Completed;
                client.until = now.plus_millis(LIFE);
            }
            (200.., false) if open => {
                client.again = None;
                client.state = ClientState::Completed;
                client.until = now.plus_millis(LIFE);
            }
            _ => return None,
        }
        Some(Happening::Response(key, letter))
    }

    fn send_cancel(&mut self, now: Mono, key: &Key) {
        let Some(client) = self.clients.iter_mut().find(|client| client.key == *key) else {
            return;
        };
        client.until = now.plus_millis(LIFE + self.slack);
        let (to, invite) = (client.to, &client.request);
        let cancel = Letter {
            lines: Vec::new(),
            body: String::new(),
            vias: invite.vias.iter().take(1).cloned().collect(),
            record_routes: Vec::new(),
            method: "CANCEL".to_owned(),
            hops: Some(70),
            ..invite.clone()
        };
        self.ask(now, cancel, to);
    }
}

/// The ACK to a final response other than 2xx (RFC 3261 §17.1.1.3).
fn acknowledgement(invite: &Letter, response: &Letter) -> Letter {
    Letter {
        method: "ACK".to_owned(),
        vias: invite.vias.iter().take(1).cloned().collect(),
        record_routes: Vec::new(),
        to: response.to.clone(),
        lines: Vec::new(),
        body: String::new(),
        hops: Some(70),
        ..invite.clone()
    }
}

/// Whether it is time for another copy; then the next one is due after twice the interval.
fn is_due(again: &mut Option<(Mono, u64)>, now: Mono, longest: u64) -> bool {
    match again {
        Some((at, interval)) if *at <= now => {
            *interval = (*interval * 2).min(longest);
            *at = now.plus_millis(*interval);
            true
        }
        _ => false,
    }
}
