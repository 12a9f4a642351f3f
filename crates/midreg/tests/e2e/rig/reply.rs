//! `Reply`: a SIP response as a phone got it.

use super::{DOMAIN, Message};

/// A SIP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Status code.
    pub(crate) status: u16,
    message: Message,
}

impl Reply {
    /// Reads a response; `None` for anything else.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::of(&Message::read(text)?)
    }

    /// The message as a response; `None` for a request.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        Some(Self {
            status: message.status()?,
            message: message.clone(),
        })
    }

    /// The value of the first header field of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.message.header(name)
    }

    /// The value of a header field that is a number of seconds.
    pub(crate) fn seconds(&self, name: &str) -> Option<u32> {
        self.header(name)?.parse().ok()
    }

    /// All Contacts: the URI, and the lifetime in seconds that its parameter or else the `Expires` header tells.
    pub(crate) fn contacts(&self) -> Vec<(String, u32)> {
        let of_header = self.seconds("Expires");
        let contacts = self.message.values("Contact").into_iter();
        contacts
            .chain(self.message.values("m"))
            .map(|contact| {
                let (uri, parameters) = contact
                    .trim_start_matches('<')
                    .split_once('>')
                    .unwrap_or((contact, ""));
                let of_contact = parameters
                    .split(';')
                    .find_map(|parameter| parameter.trim().strip_prefix("expires="));
                let lifetime = of_contact
                    .and_then(|seconds| seconds.parse().ok())
                    .or(of_header);
                (
                    uri.to_owned(),
                    lifetime.unwrap_or_else(|| panic!("a Contact without a lifetime: {contact}")),
                )
            })
            .collect()
    }

    /// The URIs of all Contacts.
    pub(crate) fn uris(&self) -> Vec<String> {
        self.contacts().into_iter().map(|(uri, _)| uri).collect()
    }

    /// True if the reply asks for digest credentials of the users' realm.
    pub(crate) fn challenges(&self) -> bool {
        self.status == 401
            && self
                .header("WWW-Authenticate")
                .is_some_and(|challenge| challenge.contains(&format!("realm=\"{DOMAIN}\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::Reply;

    #[test]
    fn reads_status_headers_and_contacts() {
        let text = "SIP/2.0 200 OK\r\nContact: <sip:a@127.0.0.1:1;x=y>;expires=60, <sip:b@127.0.0.1:2>;q=0.5;expires=30\r\n\
                    Contact: <sip:c@127.0.0.1:3>\r\nExpires: 7\r\n\r\n";
        let reply = Reply::read(text).expect("a response");
        assert_eq!(reply.status, 200);
        assert_eq!(reply.seconds("expires"), Some(7));
        let expected = [
            ("sip:a@127.0.0.1:1;x=y", 60),
            ("sip:b@127.0.0.1:2", 30),
            ("sip:c@127.0.0.1:3", 7),
        ];
        assert_eq!(
            reply.contacts(),
            expected.map(|(uri, seconds)| (uri.to_owned(), seconds))
        );
        assert_eq!(Reply::read("OPTIONS sip:x SIP/2.0\r\n\r\n"), None);
    }
}
