//! `Phone`: a desk phone, played by SIPp.
//!
//! Each script is a SIPp run of its own, but address, Call-ID, From-tag and the count of CSeq go on from run to run: to
//! the other side it is one phone, and the test can do something else in between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::script::Identity;
use super::sipp::{self, ANSWER, Sipp, finals};
use super::{CallScript, DOMAIN, PROMPT, Port, Reply, Script, Trace, call_scenario};

/// A phone of one user.
#[derive(Debug)]
pub(crate) struct Phone {
    user: String,
    domain: String,
    password: String,
    port: Port,
    call_id: String,
    tag: String,
    next_cseq: u32,
    calls: u32,
}

impl Phone {
    /// A phone with the right password.
    pub(crate) fn of(user: &str) -> Self {
        Self::at(user, DOMAIN)
    }

    /// A phone of a user of another domain, with the right password.
    pub(crate) fn at(user: &str, domain: &str) -> Self {
        Self::new(user, domain, format!("pw-{user}"))
    }

    /// A phone with a password of its own.
    pub(crate) fn with_password(user: &str, password: &str) -> Self {
        Self::new(user, DOMAIN, password.to_owned())
    }

    /// A phone at another address than 127.0.0.1, from where nothing can be taken for the main registrar's.
    pub(crate) fn elsewhere(user: &str) -> Self {
        Self::at_host(user, Ipv4Addr::new(127, 0, 0, 2).into())
    }

    /// A phone that speaks IPv6.
    pub(crate) fn over_ipv6(user: &str) -> Self {
        Self::at_host(user, Ipv6Addr::LOCALHOST.into())
    }

    fn at_host(user: &str, host: IpAddr) -> Self {
        let port = Port::reserve_on(host);
        Self::on(port, user, DOMAIN, format!("pw-{user}"))
    }

    fn new(user: &str, domain: &str, password: String) -> Self {
        Self::on(Port::reserve(), user, domain, password)
    }

    fn on(port: Port, user: &str, domain: &str, password: String) -> Self {
        let number = port.address().port();
        Self {
            user: user.to_owned(),
            domain: domain.to_owned(),
            password,
            port,
            call_id: format!("{user}-{number}-{}", std::process::id()),
            tag: format!("tag{number}"),
            next_cseq: 1,
            calls: 0,
        }
    }

    /// The address it sends from and is reached at.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its Contact URI.
    pub(crate) fn uri(&self) -> String {
        format!("sip:{}@{}", self.user, self.address())
    }

    /// Its Call-ID, which it keeps for all its REGISTERs (RFC 3261 §10.2).
    pub(crate) fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Its Contact header field, asking for so many seconds.
    pub(crate) fn contact(&self, expires: u32) -> String {
        format!("Contact: <{}>;expires={expires}", self.uri())
    }

    /// Registers from scratch: a REGISTER, a challenge, the answer to it. Returns the 200.
    ///
    /// # Panics
    /// If it goes otherwise.
    pub(crate) fn register(&mut self, expires: u32, server: SocketAddr) -> Reply {
        self.prove(&self.contact(expires), server)
    }

    /// Tries to register from scratch with a password that is not taken: a challenge, an answer, a challenge again.
    ///
    /// # Panics
    /// If it goes otherwise.
    pub(crate) fn be_refused(&mut self, expires: u32, server: SocketAddr) {
        let contact = self.contact(expires);
        let script = Script::default()
            .register(&contact)
            .expect(401)
            .answer(&contact)
            .expect(401);
        self.play(&script, server);
    }

    /// De-registers what the Contact lines say: a REGISTER, a challenge, the answer to it. Returns the 200.
    ///
    /// # Panics
    /// If it goes otherwise.
    pub(crate) fn leave(&mut self, contact_lines: &str, server: SocketAddr) -> Reply {
        self.prove(contact_lines, server)
    }

    /// De-registers itself, with its password where it is asked for one: who knows it well may not ask. Returns the 200.
    ///
    /// # Panics
    /// If it goes otherwise.
    pub(crate) fn unregister(&mut self, server: SocketAddr) -> Reply {
        let contact = self.contact(0);
        let goodbye = Script::default().register(&contact).expect_either(401, 200);
        let answer = self.play(&goodbye, server).pop().expect("an answer");
        match answer.status {
            200 => answer,
            _ => self.leave(&contact, server),
        }
    }

    /// Tries to register every half second, as long as it is told 503, until it is challenged.
    ///
    /// # Panics
    /// If that takes too long, or the answer is another.
    pub(crate) fn ask_until_challenged(&mut self, expires: u32, server: SocketAddr) {
        let attempt = Script::default()
            .register(self.contact(expires))
            .expect_either(401, 503);
        let attempt = attempt.pause(Duration::from_millis(500));
        let deadline = Instant::now() + PROMPT;
        while self
            .play(&attempt, server)
            .iter()
            .all(|reply| reply.status == 503)
        {
            assert!(
                Instant::now() < deadline,
                "{} is still told 503 after {PROMPT:?}",
                self.user
            );
        }
    }

    /// Refreshes every half second until no other phone is listed.
    ///
    /// # Panics
    /// If that takes too long, or a refresh is not answered 200.
    pub(crate) fn refresh_until_alone(&mut self, expires: u32, server: SocketAddr) {
        let refresh = Script::default()
            .register(self.contact(expires))
            .expect(200);
        let refresh = refresh.pause(Duration::from_millis(500));
        let deadline = Instant::now() + PROMPT;
        loop {
            let replies = self.play(&refresh, server);
            if replies.iter().all(|reply| reply.uris() == [self.uri()]) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the other phone does not die: {replies:?}"
            );
        }
    }

    /// Sends one REGISTER without credentials and returns the final answer, which must have this status.
    ///
    /// # Panics
    /// If it goes otherwise.
    pub(crate) fn ask(&mut self, contact_lines: &str, status: u16, server: SocketAddr) -> Reply {
        self.play(
            &Script::default().register(contact_lines).expect(status),
            server,
        )
        .pop()
        .expect("an answer")
    }

    /// Plays a script toward a server and returns the final answers in order.
    ///
    /// # Panics
    /// If anything goes otherwise than the script says.
    pub(crate) fn play(&mut self, script: &Script, server: SocketAddr) -> Vec<Reply> {
        let scenario = script.scenario(&self.identity());
        let Self {
            domain,
            call_id,
            next_cseq,
            ..
        } = self;
        let options = format!(
            "{server} {} -auth_uri {domain} -cid_str {call_id} -base_cseq {next_cseq}",
            sipp::calls(1)
        );
        let longest = script.pauses() + ANSWER * (script.requests() + 1);
        let trace = Sipp::start(self.address(), &scenario, &options, longest).finish();
        self.next_cseq += script.requests();
        finals(&trace)
    }

    /// Moves to a new address, as when its NAT forgets it; it is the same phone all the same, with the same Call-ID.
    pub(crate) fn move_on(&mut self) {
        self.port = Port::reserve_on(self.address().ip());
    }

    /// Takes its part in a call to the end.
    ///
    /// # Panics
    /// If anything goes otherwise than the script says.
    pub(crate) fn call(&mut self, script: &CallScript, server: SocketAddr) -> Trace {
        self.calls += 1;
        let new = format!("call-{}-{}", self.calls, self.call_id);
        let call_id = script.call_id().unwrap_or(&new);
        let options = format!("{server} {} -cid_str {call_id}", sipp::calls(1));
        self.start(script, &options).finish()
    }

    /// Takes its part in many calls, one soon after the other.
    ///
    /// # Panics
    /// If anything goes otherwise than the script says.
    pub(crate) fn call_often(&self, count: u32, script: &CallScript, server: SocketAddr) {
        let call_id = format!("call-%u-{}", self.call_id);
        let options = format!("{server} {} -cid_str {call_id}", sipp::calls(count));
        self.start(script, &options).finish();
    }

    /// Waits to be called, from now on and in the background, and takes its part.
    ///
    /// # Panics
    /// If the script is not one for the called.
    pub(crate) fn stand_by(&self, script: &CallScript) -> Sipp {
        self.stand_by_for(1, script)
    }

    /// The same for many calls.
    ///
    /// # Panics
    /// If the script is not one for the called.
    pub(crate) fn stand_by_for(&self, count: u32, script: &CallScript) -> Sipp {
        assert!(script.is_called(), "a caller does not stand by");
        let sipp = self.start(script, &sipp::calls(count));
        sipp.wait_until_it_listens();
        sipp
    }

    fn start(&self, script: &CallScript, options: &str) -> Sipp {
        let scenario = call_scenario::scenario(script, &self.identity());
        let options = format!("{options} -s {} -auth_uri {}", self.user, self.domain);
        let longest = ANSWER * script.waits();
        Sipp::start(self.address(), &scenario, &options, longest)
    }

    fn prove(&mut self, contact_lines: &str, server: SocketAddr) -> Reply {
        let script = Script::default()
            .register(contact_lines)
            .expect(401)
            .answer(contact_lines)
            .expect(200);
        self.play(&script, server).pop().expect("an answer")
    }

    fn identity(&self) -> Identity<'_> {
        Identity {
            user: &self.user,
            domain: &self.domain,
            tag: &self.tag,
            password: &self.password,
        }
    }
}
