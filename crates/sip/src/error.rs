//! `ParseError`: what is wrong with a piece of a message, and where.

use core::fmt;

/// Why a piece of text is not what it should be, with the offset where that showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Offset in bytes, counted from the start of the text that was given to the parser.
    pub at: u16,
}

impl ParseError {
    /// An error of `kind` at byte offset `at` (saturating at 65 535).
    pub fn new(kind: ParseErrorKind, at: usize) -> Self {
        Self {
            kind,
            at: u16::try_from(at).unwrap_or(u16::MAX),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind.as_str(), self.at)
    }
}

impl core::error::Error for ParseError {}

/// The kinds of [`ParseError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ParseErrorKind {
    /// Nothing there.
    Empty,
    /// More than [`crate::limits::MAX_MESSAGE`] bytes.
    MessageTooLong,
    /// A start line over [`crate::limits::MAX_START_LINE`].
    StartLineTooLong,
    /// Neither a request line nor a status line.
    BadStartLine,
    /// Superfluous white space around the parts of the start line (RFC 3261 §7.1).
    StartLineSpacing,
    /// The method is not a token.
    BadMethod,
    /// Not a SIP version.
    BadVersion,
    /// The status code is not three digits from 100 to 699.
    BadStatus,
    /// A CR without LF or a LF without CR among the header fields.
    BareLineBreak,
    /// More than [`crate::limits::MAX_HEADERS`] header fields.
    TooManyHeaders,
    /// A header field over [`crate::limits::MAX_HEADER_LINE`].
    HeaderTooLong,
    /// A header field without a name or without a colon.
    BadHeaderField,
    /// The header fields do not end with an empty line.
    MissingEmptyLine,
    /// Content-Length is not a number.
    BadContentLength,
    /// Content-Length promises more bytes than there are.
    BodyTooShort,
    /// A URI over [`crate::limits::MAX_URI`].
    UriTooLong,
    /// A URI without a scheme.
    BadScheme,
    /// A character that the user part of a URI cannot hold.
    BadUser,
    /// A `%` that two hexadecimal digits do not follow.
    BadEscape,
    /// Not a host name or an address.
    BadHost,
    /// Not a port number.
    BadPort,
    /// A malformed parameter.
    BadParam,
    /// A malformed headers part of a URI.
    BadUriHeaders,
    /// A quoted string that does not end.
    UnbalancedQuotes,
    /// A `<` without its `>`.
    UnclosedAngle,
    /// A display name that would need quotes.
    BadDisplayName,
    /// Text after what should be the end.
    TrailingText,
    /// A malformed Via.
    BadVia,
    /// A malformed address.
    BadNameAddr,
    /// A URI that has to stand in angle brackets (RFC 3261 §20) and does not.
    NeedsBrackets,
    /// Not a number.
    BadNumber,
    /// A number over what its header field may hold.
    NumberTooLarge,
    /// A malformed CSeq.
    BadCSeq,
    /// Not a token.
    BadToken,
    /// Malformed credentials or a malformed challenge.
    BadAuth,
    /// Not a date.
    BadDate,
    /// A malformed Feature-Caps value.
    BadFeatureCaps,
}

impl ParseErrorKind {
    /// The kind in words a person can read; also fit for a reason phrase.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty Value",
            Self::MessageTooLong => "Message Too Long",
            Self::StartLineTooLong => "Start Line Too Long",
            Self::BadStartLine => "Malformed Start Line",
            Self::StartLineSpacing => "Superfluous White Space In Start Line",
            Self::BadMethod => "Malformed Method",
            Self::BadVersion => "Malformed SIP Version",
            Self::BadStatus => "Malformed Status Code",
            Self::BareLineBreak => "Bare Line Break",
            Self::TooManyHeaders => "Too Many Header Fields",
            Self::HeaderTooLong => "Header Field Too Long",
            Self::BadHeaderField => "Malformed Header Field",
            Self::MissingEmptyLine => "Missing Empty Line",
            Self::BadContentLength => "Malformed Content-Length",
            Self::BodyTooShort => "Body Shorter Than Content-Length",
            Self::UriTooLong => "URI Too Long",
            Self::BadScheme => "Malformed URI Scheme",
            Self::BadUser => "Malformed URI User",
            Self::BadEscape => "Malformed Escape",
            Self::BadHost => "Malformed Host",
            Self::BadPort => "Malformed Port",
            Self::BadParam => "Malformed Parameter",
            Self::BadUriHeaders => "Malformed URI Headers",
            Self::UnbalancedQuotes => "Unbalanced Quotes",
            Self::UnclosedAngle => "Unclosed Angle Bracket",
            Self::BadDisplayName => "Malformed Display Name",
            Self::TrailingText => "Unexpected Text",
            Self::BadVia => "Malformed Via",
            Self::BadNameAddr => "Malformed Address",
            Self::NeedsBrackets => "URI Needs Angle Brackets",
            Self::BadNumber => "Malformed Number",
            Self::NumberTooLarge => "Number Too Large",
            Self::BadCSeq => "Malformed CSeq",
            Self::BadToken => "Malformed Token",
            Self::BadAuth => "Malformed Credentials",
            Self::BadDate => "Malformed Date",
            Self::BadFeatureCaps => "Malformed Feature-Caps",
        }
    }
}
