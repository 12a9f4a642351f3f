//! `Phones`: the traffic of many registering phones. Each REGISTER of a phone keeps its Call-ID and raises its
//! CSeq (RFC 3261 §10.2); a challenge is answered once per request with the next CSeq (§22.2).

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::digest::{Challenge, Credentials};
use crate::fields;
use crate::load::{Reply, Traffic};
use crate::template::{Fill, RequestId, Style, Template, write_user};

/// All phones of a run.
pub struct Phones {
    template: Template,
    sources: Vec<SocketAddr>,
    devices_per_aor: u32,
    login: Login,
    /// Challenges being answered, by device; a device leaves with its final answer.
    answering: HashMap<u32, Answering>,
}

/// What phones know to answer a challenge with. The user name is the user part of the AoR.
#[derive(Clone, Debug)]
pub struct Login {
    /// The domain; `sip:DOMAIN` is the digest URI.
    pub domain: String,
    /// The password of every phone; without one challenges count as final answers.
    pub password: Option<String>,
}

struct Answering {
    serial: u32,
    challenge: Challenge,
}

impl Phones {
    /// Phones of this style behind these source addresses; phone n uses address n modulo their number, and
    /// belongs to AoR n / `devices_per_aor`.
    pub fn new(
        style: &Style,
        sources: Vec<SocketAddr>,
        devices_per_aor: u32,
        password: Option<String>,
    ) -> Self {
        Self {
            template: Template::new(style),
            sources,
            devices_per_aor: devices_per_aor.max(1),
            login: Login {
                domain: style.domain.clone(),
                password,
            },
            answering: HashMap::new(),
        }
    }

    fn aor(&self, device: u32) -> u32 {
        device / self.devices_per_aor
    }

    /// The Authorization line of a request that answers a challenge; empty for any other.
    fn authorization(&self, id: RequestId) -> String {
        let Some(answering) = self
            .answering
            .get(&id.device)
            .filter(|a| a.serial == id.serial)
        else {
            return String::new();
        };
        let mut user = Vec::new();
        write_user(self.aor(id.device), &mut user);
        let credentials = Credentials {
            user: &String::from_utf8_lossy(&user),
            password: self.login.password.as_deref().unwrap_or_default(),
            uri: &format!("sip:{}", self.login.domain),
            cnonce: &format!("{:08x}{:08x}", id.device, id.serial),
        };
        format!(
            "Authorization: {}\r\n",
            answering.challenge.answer("REGISTER", &credentials)
        )
    }

    fn on_challenge(&mut self, id: RequestId, response: &[u8]) -> Option<Reply> {
        self.login.password.as_ref()?;
        let challenge = Challenge::parse(fields::header(response, "WWW-Authenticate")?)?;
        let serial = id.serial.wrapping_add(1);
        // A second challenge in a row is worth another try only if it says that just the nonce was too old.
        let answered = self
            .answering
            .get(&id.device)
            .is_some_and(|a| a.serial == id.serial);
        if answered && !challenge.stale {
            return None;
        }
        self.answering
            .insert(id.device, Answering { serial, challenge });
        Some(Reply::Challenged(id))
    }
}

impl Traffic for Phones {
    fn write_request(&mut self, id: RequestId, out: &mut Vec<u8>) {
        let authorization = if self.answering.is_empty() {
            String::new()
        } else {
            self.authorization(id)
        };
        let fill = Fill {
            id,
            aor: self.aor(id.device),
            source: self.sources[id.device as usize % self.sources.len()],
            authorization: authorization.as_bytes(),
        };
        self.template.write(&fill, out);
    }

    fn read_reply(&mut self, datagram: &[u8]) -> Reply {
        let Some(status) = fields::status(datagram) else {
            return Reply::Noise;
        };
        let Some(id) = self.template.recognise(datagram) else {
            return Reply::Noise;
        };
        if status < 200 {
            return Reply::Provisional;
        }
        if status == 401
            && let Some(reply) = self.on_challenge(id, datagram)
        {
            return reply;
        }
        if self
            .answering
            .get(&id.device)
            .is_some_and(|a| a.serial == id.serial)
        {
            self.answering.remove(&id.device);
        }
        let retry_after = if status < 300 {
            None
        } else {
            fields::header(datagram, "Retry-After")
        };
        Reply::Final {
            id,
            status,
            retry_after: retry_after.map_or(0, seconds),
        }
    }
}

/// The delay of a Retry-After value, which may carry a comment and parameters (RFC 3261 §20.33).
fn seconds(value: &[u8]) -> u32 {
    let digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
    fields::number(&value[..digits]).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::ExpiresIn;

    fn phones(password: Option<&str>) -> Phones {
        let style = Style {
            domain: "example.com".into(),
            expires: 60,
            expires_in: ExpiresIn::Header,
            contact_bytes: 200,
            run: 5,
        };
        let sources = ["127.0.0.1:6001", "127.0.0.1:6002"]
            .map(|a| a.parse().unwrap())
            .to_vec();
        Phones::new(&style, sources, 2, password.map(str::to_owned))
    }

    fn request(phones: &mut Phones, id: RequestId) -> String {
        let mut out = Vec::new();
        phones.write_request(id, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn respond(request: &str, status: &str, header: &str) -> Vec<u8> {
        let via = request.lines().nth(1).unwrap();
        format!("SIP/2.0 {status}\r\n{via}\r\n{header}Content-Length: 0\r\n\r\n").into_bytes()
    }

    const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"abc\"\r\n";

    #[test]
    fn devices_share_aors_and_are_pinned_to_sources() {
        let mut phones = phones(None);
        let third = request(
            &mut phones,
            RequestId {
                device: 3,
                serial: 1,
            },
        );
        assert!(third.contains("To: <sip:u0000001@example.com>"), "{third}");
        assert!(
            third.contains("Via: SIP/2.0/UDP 127.0.0.1:6002;"),
            "{third}"
        );
    }

    #[test]
    fn a_challenge_is_answered_with_the_next_cseq_and_repeated_alike() {
        let mut phones = phones(Some("secret"));
        let id = RequestId {
            device: 1,
            serial: 1,
        };
        let first = request(&mut phones, id);
        assert!(!first.contains("Authorization"));
        assert_eq!(
            phones.read_reply(&respond(&first, "401 Unauthorized", CHALLENGE)),
            Reply::Challenged(id)
        );
        let next = RequestId {
            device: 1,
            serial: 2,
        };
        let second = request(&mut phones, next);
        assert!(
            second.contains("Authorization: Digest username=\"u0000000\", realm=\"example.com\""),
            "{second}"
        );
        assert_eq!(second, request(&mut phones, next));
        let refused = phones.read_reply(&respond(&second, "401 Unauthorized", CHALLENGE));
        assert_eq!(
            refused,
            Reply::Final {
                id: next,
                status: 401,
                retry_after: 0
            }
        );
        assert!(
            !request(
                &mut phones,
                RequestId {
                    device: 1,
                    serial: 3
                }
            )
            .contains("Authorization")
        );
    }

    #[test]
    fn a_stale_nonce_is_replaced() {
        let mut phones = phones(Some("secret"));
        let first = request(
            &mut phones,
            RequestId {
                device: 1,
                serial: 1,
            },
        );
        phones.read_reply(&respond(&first, "401 Unauthorized", CHALLENGE));
        let id = RequestId {
            device: 1,
            serial: 2,
        };
        let second = request(&mut phones, id);
        let stale = CHALLENGE.replace("\"abc\"", "\"def\", stale=TRUE");
        assert_eq!(
            phones.read_reply(&respond(&second, "401 Unauthorized", &stale)),
            Reply::Challenged(id)
        );
        assert!(
            request(
                &mut phones,
                RequestId {
                    device: 1,
                    serial: 3
                }
            )
            .contains("nonce=\"def\"")
        );
    }

    #[test]
    fn answers_of_all_kinds() {
        let mut phones = phones(None);
        let id = RequestId {
            device: 0,
            serial: 9,
        };
        let sent = request(&mut phones, id);
        let done = |status, retry_after| Reply::Final {
            id,
            status,
            retry_after,
        };
        assert_eq!(
            phones.read_reply(&respond(&sent, "100 Trying", "")),
            Reply::Provisional
        );
        assert_eq!(
            phones.read_reply(&respond(&sent, "200 OK", "")),
            done(200, 0)
        );
        assert_eq!(
            phones.read_reply(&respond(&sent, "401 Unauthorized", CHALLENGE)),
            done(401, 0)
        );
        let busy = respond(
            &sent,
            "503 Service Unavailable",
            "Retry-After: 18 (busy);duration=3\r\n",
        );
        assert_eq!(phones.read_reply(&busy), done(503, 18));
        assert_eq!(
            phones.read_reply(b"OPTIONS sip:x SIP/2.0\r\n\r\n"),
            Reply::Noise
        );
        assert_eq!(phones.read_reply(b"SIP/2.0 200 OK\r\n\r\n"), Reply::Noise);
    }
}
