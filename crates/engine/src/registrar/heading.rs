//! `Heading`: what every answer takes from its request, read once.

use sip::header::name_addr::NameAddr;
use sip::header::via::Via;
use sip::{Message, Name};

use crate::flow::Flow;

/// What every answer takes from its request (RFC 3261 §8.2.6.2), and the way back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heading<'a> {
    /// The request.
    pub(crate) message: &'a Message<'a>,
    /// How it came.
    pub(crate) flow: Flow,
    /// Its topmost Via; `None` where that cannot be read.
    pub(crate) via: Option<Via<'a>>,
    /// Its From-tag, empty when there is none (RFC 2543).
    pub(crate) from_tag: &'a [u8],
    /// Its Call-ID.
    pub(crate) call_id: &'a [u8],
    /// Whether its To has a tag already.
    pub(crate) to_tag: ToTag,
}

/// Whether a To has a tag already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToTag {
    /// It wants ours.
    Absent,
    /// It has one, or nobody can read it: it goes back as it came.
    Present,
}

impl<'a> Heading<'a> {
    /// Reads what can be read.
    pub(crate) fn of(message: &'a Message<'a>, flow: Flow) -> Self {
        let to = message
            .header(Name::To)
            .and_then(|to| NameAddr::parse(to.value).ok());
        let from = message
            .header(Name::From)
            .and_then(|from| NameAddr::parse(from.value).ok());
        Self {
            message,
            flow,
            via: message
                .values(Name::Via)
                .next()
                .and_then(|value| Via::parse(value).ok()),
            from_tag: from.and_then(|from| from.tag()).unwrap_or_default(),
            call_id: message
                .header(Name::CallId)
                .map_or(b"", |header| header.value),
            to_tag: ToTag::of(to.as_ref()),
        }
    }

    /// Where answers go.
    ///
    /// With `rport` back to where the request came from (RFC 3581 §4); without it, to the port that
    /// the Via names (RFC 3261 §18.2.2), unless a NAT lies between, which such a port would not
    /// pass.
    pub(crate) fn way_back(&self) -> Flow {
        let Some(via) = &self.via else {
            return self.flow;
        };
        let direct = via.host.ip() == Some(self.flow.remote.ip());
        if self.flow.transport.is_stream() || via.rport().is_some() || !direct {
            return self.flow;
        }
        let mut back = self.flow;
        back.remote.set_port(via.port.unwrap_or(5060));
        back
    }
}

impl ToTag {
    /// Of a To as far as it was read.
    pub(crate) fn of(to: Option<&NameAddr<'_>>) -> Self {
        match to {
            Some(to) if to.tag().is_none() => Self::Absent,
            _ => Self::Present,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ListenerId;

    fn way_back(via: &str, remote: &str) -> String {
        let text = format!("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\n\r\n");
        let message = Message::parse(text.as_bytes()).unwrap();
        let flow = Flow::udp(ListenerId(0), remote.parse().unwrap());
        Heading::of(&message, flow).way_back().remote.to_string()
    }

    #[test]
    fn answers_go_where_rfc_3581_and_rfc_3261_say() {
        let from = "192.0.2.1:40000";
        assert_eq!(way_back("192.0.2.1:5070;branch=z9hG4bKa;rport", from), from);
        assert_eq!(
            way_back("192.0.2.1:5070;branch=z9hG4bKa", from),
            "192.0.2.1:5070"
        );
        assert_eq!(
            way_back("192.0.2.1;branch=z9hG4bKa", from),
            "192.0.2.1:5060"
        );
        // Behind a NAT the port of the Via is closed, whatever the device forgot to say.
        assert_eq!(way_back("10.0.0.1:5070;branch=z9hG4bKa", from), from);
        assert_eq!(way_back("phone.example.com;branch=z9hG4bKa", from), from);
    }
}
