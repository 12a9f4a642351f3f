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
    /// The length leaves few candidates, so that one or two comparisons settle it.
    pub fn from_bytes(text: &[u8]) -> Self {
        let candidates: &[Self] = match text.len() {
            1 => return from_compact(text),
            2 => &[Self::To],
            3 => &[Self::Via],
            4 => &[Self::From, Self::CSeq, Self::Path, Self::Date],
            5 => &[Self::Route, Self::Allow, Self::Event],
            6 => &[Self::Server, Self::Accept, Self::Reason],
            7 => &[
                Self::CallId,
                Self::Contact,
                Self::Expires,
                Self::Require,
                Self::Warning,
            ],
            9 => &[Self::Supported, Self::Timestamp],
            10 => &[Self::UserAgent, Self::FlowTimer],
            11 => &[
                Self::MinExpires,
                Self::Unsupported,
                Self::RetryAfter,
                Self::MaxBreadth,
            ],
            12 => &[
                Self::MaxForwards,
                Self::RecordRoute,
                Self::ContentType,
                Self::FeatureCaps,
                Self::AllowEvents,
            ],
            13 => &[Self::ServiceRoute, Self::ProxyRequire, Self::Authorization],
            14 => &[Self::ContentLength],
            16 => &[Self::WwwAuthenticate, Self::PAssociatedUri],
            18 => &[Self::ProxyAuthenticate, Self::SubscriptionState],
            19 => &[Self::ProxyAuthorization, Self::AuthenticationInfo],
            _ => &[],
        };
        candidates
            .iter()
            .copied()
            .find(|name| text.eq_ignore_ascii_case(name.as_str().as_bytes()))
            .unwrap_or(Self::Other)
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
