//! `Name`: the header field names that somebody here looks for.
//!
//! Names are matched without regard to case, compact forms included (RFC 3261 §7.3.1, §7.3.3).
//! Everything else is [`Name::Other`] and keeps its text in the message.

/// A header field name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "each variant is the header field of that name")]
pub enum Name {
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    MaxForwards,
    Route,
    RecordRoute,
    Path,
    ServiceRoute,
    Expires,
    MinExpires,
    Supported,
    Require,
    ProxyRequire,
    Unsupported,
    Allow,
    Authorization,
    ProxyAuthorization,
    WwwAuthenticate,
    ProxyAuthenticate,
    AuthenticationInfo,
    ContentLength,
    ContentType,
    UserAgent,
    Server,
    RetryAfter,
    Date,
    FeatureCaps,
    FlowTimer,
    PAssociatedUri,
    Warning,
    Accept,
    AllowEvents,
    Event,
    SubscriptionState,
    MaxBreadth,
    Reason,
    Timestamp,
    /// Any other name.
    Other,
}

impl Name {
    /// How many names there are, [`Name::Other`] included.
    pub const COUNT: usize = Self::Other as usize + 1;

    /// The name that `text` spells, in any case, in its long or its compact form.
    ///
    /// Length, first and last letter leave one candidate, so that one comparison settles it.
    pub fn from_bytes(text: &[u8]) -> Self {
        let (first, last) = match text {
            [_] => return from_compact(text),
            [first, .., last] => (first | 0x20, last | 0x20),
            [] => return Self::Other,
        };
        let candidate = match (text.len(), first, last) {
            (2, b't', b'o') => Self::To,
            (3, b'v', b'a') => Self::Via,
            (4, b'f', b'm') => Self::From,
            (4, b'c', b'q') => Self::CSeq,
            (4, b'p', b'h') => Self::Path,
            (4, b'd', b'e') => Self::Date,
            (5, b'r', b'e') => Self::Route,
            (5, b'a', b'w') => Self::Allow,
            (5, b'e', b't') => Self::Event,
            (6, b's', b'r') => Self::Server,
            (6, b'a', b't') => Self::Accept,
            (6, b'r', b'n') => Self::Reason,
            (7, b'c', b'd') => Self::CallId,
            (7, b'c', b't') => Self::Contact,
            (7, b'e', b's') => Self::Expires,
            (7, b'r', b'e') => Self::Require,
            (7, b'w', b'g') => Self::Warning,
            (9, b's', b'd') => Self::Supported,
            (9, b't', b'p') => Self::Timestamp,
            (10, b'u', b't') => Self::UserAgent,
            (10, b'f', b'r') => Self::FlowTimer,
            (11, b'm', b's') => Self::MinExpires,
            (11, b'u', b'd') => Self::Unsupported,
            (11, b'r', b'r') => Self::RetryAfter,
            (11, b'm', b'h') => Self::MaxBreadth,
            (12, b'm', b's') => Self::MaxForwards,
            (12, b'r', b'e') => Self::RecordRoute,
            (12, b'c', b'e') => Self::ContentType,
            (12, b'f', b's') => Self::FeatureCaps,
            (12, b'a', b's') => Self::AllowEvents,
            (13, b's', b'e') => Self::ServiceRoute,
            (13, b'p', b'e') => Self::ProxyRequire,
            (13, b'a', b'n') => Self::Authorization,
            (14, b'c', b'h') => Self::ContentLength,
            (16, b'w', b'e') => Self::WwwAuthenticate,
            (16, b'p', b'i') => Self::PAssociatedUri,
            (18, b'p', b'e') => Self::ProxyAuthenticate,
            (18, b's', b'e') => Self::SubscriptionState,
            (19, b'p', b'n') => Self::ProxyAuthorization,
            (19, b'a', b'o') => Self::AuthenticationInfo,
            _ => return Self::Other,
        };
        let spelling = candidate.as_str().as_bytes();
        // Nearly everybody writes the names as the RFCs do.
        match text == spelling || text.eq_ignore_ascii_case(spelling) {
            true => candidate,
            false => Self::Other,
        }
    }

    /// The name as the RFCs write it; empty for [`Name::Other`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Via => "Via",
            Self::From => "From",
            Self::To => "To",
            Self::CallId => "Call-ID",
            Self::CSeq => "CSeq",
            Self::Contact => "Contact",
            Self::MaxForwards => "Max-Forwards",
            Self::Route => "Route",
            Self::RecordRoute => "Record-Route",
            Self::Path => "Path",
            Self::ServiceRoute => "Service-Route",
            Self::Expires => "Expires",
            Self::MinExpires => "Min-Expires",
            Self::Supported => "Supported",
            Self::Require => "Require",
            Self::ProxyRequire => "Proxy-Require",
            Self::Unsupported => "Unsupported",
            Self::Allow => "Allow",
            Self::Authorization => "Authorization",
            Self::ProxyAuthorization => "Proxy-Authorization",
            Self::WwwAuthenticate => "WWW-Authenticate",
            Self::ProxyAuthenticate => "Proxy-Authenticate",
            Self::AuthenticationInfo => "Authentication-Info",
            Self::ContentLength => "Content-Length",
            Self::ContentType => "Content-Type",
            Self::UserAgent => "User-Agent",
            Self::Server => "Server",
            Self::RetryAfter => "Retry-After",
            Self::Date => "Date",
            Self::FeatureCaps => "Feature-Caps",
            Self::FlowTimer => "Flow-Timer",
            Self::PAssociatedUri => "P-Associated-URI",
            Self::Warning => "Warning",
            Self::Accept => "Accept",
            Self::AllowEvents => "Allow-Events",
            Self::Event => "Event",
            Self::SubscriptionState => "Subscription-State",
            Self::MaxBreadth => "Max-Breadth",
            Self::Reason => "Reason",
            Self::Timestamp => "Timestamp",
            Self::Other => "",
        }
    }

    /// The name's place in a table of [`Name::COUNT`] entries.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// The name's bit in a set of names.
    pub(crate) const fn bit(self) -> u64 {
        1 << self as u64
    }
}

fn from_compact(text: &[u8]) -> Name {
    match text.first().map(u8::to_ascii_lowercase) {
        Some(b'v') => Name::Via,
        Some(b'f') => Name::From,
        Some(b't') => Name::To,
        Some(b'i') => Name::CallId,
        Some(b'm') => Name::Contact,
        Some(b'l') => Name::ContentLength,
        Some(b'c') => Name::ContentType,
        Some(b'k') => Name::Supported,
        Some(b'o') => Name::Event,
        Some(b'u') => Name::AllowEvents,
        _ => Name::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Name; Name::COUNT - 1] = [
        Name::Via,
        Name::From,
        Name::To,
        Name::CallId,
        Name::CSeq,
        Name::Contact,
        Name::MaxForwards,
        Name::Route,
        Name::RecordRoute,
        Name::Path,
        Name::ServiceRoute,
        Name::Expires,
        Name::MinExpires,
        Name::Supported,
        Name::Require,
        Name::ProxyRequire,
        Name::Unsupported,
        Name::Allow,
        Name::Authorization,
        Name::ProxyAuthorization,
        Name::WwwAuthenticate,
        Name::ProxyAuthenticate,
        Name::AuthenticationInfo,
        Name::ContentLength,
        Name::ContentType,
        Name::UserAgent,
        Name::Server,
        Name::RetryAfter,
        Name::Date,
        Name::FeatureCaps,
        Name::FlowTimer,
        Name::PAssociatedUri,
        Name::Warning,
        Name::Accept,
        Name::AllowEvents,
        Name::Event,
        Name::SubscriptionState,
        Name::MaxBreadth,
        Name::Reason,
        Name::Timestamp,
    ];

    #[test]
    fn every_name_is_found_in_any_case() {
        for name in ALL {
            let text = name.as_str();
            assert_eq!(Name::from_bytes(text.as_bytes()), name);
            assert_eq!(Name::from_bytes(text.to_lowercase().as_bytes()), name);
            assert_eq!(Name::from_bytes(text.to_uppercase().as_bytes()), name);
            assert_eq!(Name::from_bytes(format!("{text}x").as_bytes()), Name::Other);
        }
    }

    #[test]
    fn compact_forms_are_known() {
        for (text, name) in [("v", Name::Via), ("M", Name::Contact), ("i", Name::CallId)] {
            assert_eq!(Name::from_bytes(text.as_bytes()), name);
        }
        assert_eq!(Name::from_bytes(b"s"), Name::Other);
        assert_eq!(Name::from_bytes(b""), Name::Other);
    }

    #[test]
    fn every_name_has_a_bit_of_its_own() {
        let all = ALL.iter().fold(0, |set, name| set | name.bit());
        assert_eq!(all.count_ones() as usize, ALL.len());
    }
}
