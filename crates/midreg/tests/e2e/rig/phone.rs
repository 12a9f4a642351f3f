//! `Phone`: a desk phone, played by SIPp.
//!
//! Each script is a SIPp run of its own, but address, Call-ID, From-tag and the count of CSeq go on from run to run: to
//! the other side it is one phone, and the test can do something else in between.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::process::Process;
use super::script::Identity;
use super::{DOMAIN, PROMPT, Port, Reply, Script, program};

/// How long SIPp waits for one answer: longer than midreg waits for the main registrar (8 s), shorter than Timer F.
const ANSWER: Duration = Duration::from_secs(20);

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

    fn new(user: &str, domain: &str, password: String) -> Self {
        let port = Port::reserve();
        let number = port.address().port();
        Self {
            user: user.to_owned(),
            domain: domain.to_owned(),
            password,
            port,
            call_id: format!("{user}-{number}-{}", std::process::id()),
            tag: format!("tag{number}"),
            next_cseq: 1,
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
    /// If anything goes otherwise than the script says; the message shows what SIPp has to say.
    pub(crate) fn play(&mut self, script: &Script, server: SocketAddr) -> Vec<Reply> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let scenario = script.scenario(&Identity {
            user: &self.user,
            domain: &self.domain,
            tag: &self.tag,
            password: &self.password,
        });
        fs::write(directory.path().join("scenario.xml"), scenario).expect("write the scenario");
        let sipp = Process::start(
            &program::installed("sipp"),
            &self.arguments(server),
            directory.path(),
        );
        let longest = script.pauses() + ANSWER * (script.requests() + 1) + PROMPT;
        let (status, _) = sipp.finish(longest);
        assert!(
            status.success(),
            "{} at {} failed ({status})\n{}",
            self.user,
            self.address(),
            told(&directory)
        );
        self.next_cseq += script.requests();
        finals(&read(directory.path(), "messages"))
    }

    fn prove(&mut self, contact_lines: &str, server: SocketAddr) -> Reply {
        let script = Script::default()
            .register(contact_lines)
            .expect(401)
            .answer(contact_lines)
            .expect(200);
        self.play(&script, server).pop().expect("an answer")
    }

    /// No value has a space in it.
    fn arguments(&self, server: SocketAddr) -> Vec<String> {
        let Self {
            domain,
            call_id,
            next_cseq,
            ..
        } = self;
        let (host, port) = (self.address().ip(), self.address().port());
        let patience = ANSWER.as_millis();
        let options = [
            // One call, and at once: the first call comes after a period of the call rate.
            format!("{server} -sf scenario.xml -m 1 -l 1 -r 100 -nostdin"),
            format!("-i {host} -bind_local -p {port} -auth_uri {domain}"),
            format!("-cid_str {call_id} -base_cseq {next_cseq}"),
            "-trace_err -error_file errors -trace_msg -message_file messages".to_owned(),
            // An unexpected answer ends the run, and no BYE is sent after it. A slow machine does not.
            format!("-recv_timeout {patience} -default_behaviors abortunexp -watchdog_interval 0"),
        ];
        options
            .iter()
            .flat_map(|group| group.split(' '))
            .map(str::to_owned)
            .collect()
    }
}

fn told(directory: &TempDir) -> String {
    let [errors, messages] = ["errors", "messages"].map(|file| read(directory.path(), file));
    format!("--- errors of SIPp ---\n{errors}\n--- messages of SIPp ---\n{messages}")
}

/// A file that SIPp may have had no reason to write.
fn read(directory: &Path, file: &str) -> String {
    fs::read_to_string(directory.join(file)).unwrap_or_default()
}

/// The final responses in SIPp's message trace, in which a line "… message received [n] bytes :" and an empty line stand
/// before each. A response that came twice (the request had been retransmitted) counts once.
fn finals(trace: &str) -> Vec<Reply> {
    let mut replies: Vec<Reply> = trace
        .split("message received [")
        .skip(1)
        .filter_map(|message| message.split_once("\n\n"))
        .filter_map(|(_, text)| Reply::read(text))
        .filter(|reply| reply.status >= 200)
        .collect();
    replies.dedup_by_key(|reply| reply.header("CSeq").map(str::to_owned));
    replies
}
