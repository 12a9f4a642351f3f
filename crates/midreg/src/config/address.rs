//! Addresses as people write them: listener URLs, upstream servers, advertised names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::section::Complaint;

/// Port of SIP over UDP and TCP where none is written (RFC 3261 §19.1.2).
pub(crate) const SIP_PORT: u16 = 5060;

/// What the URL of a listener looks like.
pub(crate) const LISTEN_PATTERN: &str = r"^udp://";

/// What a main registrar looks like.
pub(crate) const SERVER_PATTERN: &str = r"^[Ss][Ii][Pp]:[^@]+$";

/// Where a main registrar is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// At a literal address.
    Address(SocketAddr),
    /// At the addresses of a name, on this port.
    Name(String, u16),
}

/// A main registrar as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    /// As it was written.
    pub text: String,
    /// What it means.
    pub target: Target,
}

/// Reads the URL of a listener, such as `udp://0.0.0.0:5060` or `udp://[::1]`.
///
/// # Errors
///
/// Another transport than UDP, no literal address, or a bad port.
pub(crate) fn listen_url(text: &str) -> Result<SocketAddr, Complaint> {
    const HELP: &str = "such as \"udp://0.0.0.0:5060\" or \"udp://[::]:5060\"";
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(Complaint::new("no transport", HELP));
    };
    match scheme {
        "udp" => {}
        "tcp" | "tls" | "ws" | "wss" => {
            return Err(Complaint::new(
                format!("`{scheme}` is not in this version"),
                "only udp:// is served so far",
            ));
        }
        _ => return Err(Complaint::new(format!("`{scheme}` is no transport"), HELP)),
    }
    let (host, port) = host_and_port(rest).ok_or_else(|| Complaint::new("bad address", HELP))?;
    match host {
        Host::Address(ip) => Ok(SocketAddr::new(ip, port.unwrap_or(SIP_PORT))),
        Host::Name(name) => Err(Complaint::new(
            format!("`{name}` is a name"),
            "a listener is bound to a literal address; 0.0.0.0 and [::] mean all",
        )),
    }
}

/// Reads a main registrar: `sip:host`, `sip:host:port`, `sip:[2001:db8::1]:5060;transport=udp`.
///
/// # Errors
///
/// Not a SIP URI of this form, or another transport than UDP.
pub(crate) fn server_uri(text: &str) -> Result<ServerName, Complaint> {
    const HELP: &str = "such as \"sip:10.0.0.5:5060\" or \"sip:pbx.example.com\"";
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err(Complaint::new("not a SIP URI", HELP));
    };
    if scheme.eq_ignore_ascii_case("sips") {
        return Err(Complaint::new("TLS is not in this version", HELP));
    }
    if !scheme.eq_ignore_ascii_case("sip") {
        return Err(Complaint::new("not a SIP URI", HELP));
    }
    let (address, parameters) = rest.split_once(';').unwrap_or((rest, ""));
    for parameter in parameters
        .split(';')
        .filter(|parameter| !parameter.is_empty())
    {
        check_parameter(parameter)?;
    }
    if address.contains('@') {
        return Err(Complaint::new("a server has no user part", HELP));
    }
    let (host, port) = host_and_port(address).ok_or_else(|| Complaint::new("bad host", HELP))?;
    let port = port.unwrap_or(SIP_PORT);
    if port == 0 {
        return Err(Complaint::new("port 0", HELP));
    }
    let target = match host {
        Host::Address(ip) if ip.is_unspecified() => {
            return Err(Complaint::new(
                "nobody can be reached at this address",
                HELP,
            ));
        }
        Host::Address(ip) => Target::Address(SocketAddr::new(ip, port)),
        Host::Name(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            Target::Name(name.to_ascii_lowercase(), port)
        }
    };
    Ok(ServerName {
        text: text.to_owned(),
        target,
    })
}

/// Checks what goes into Via and Contact: `host` or `host:port`.
///
/// # Errors
///
/// Not of this form, or an address that nobody can reach.
pub(crate) fn advertised(text: &str) -> Result<String, Complaint> {
    const HELP: &str = "such as \"sip.example.com:5060\" or \"[2001:db8::1]:5060\"";
    match host_and_port(text) {
        Some((_, Some(0))) => Err(Complaint::new("port 0", HELP)),
        Some((Host::Address(ip), _)) if ip.is_unspecified() => {
            Err(Complaint::new("nobody can reach this address", HELP))
        }
        Some(_) => Ok(text.to_owned()),
        None => Err(Complaint::new("not host[:port]", HELP)),
    }
}

/// Reads the name of a domain into the form it has in an AoR: lower case, no final dot, IPv6 in
/// brackets.
///
/// # Errors
///
/// Neither a name nor an address, or more than that.
pub(crate) fn domain_text(text: &str) -> Result<String, Complaint> {
    const HELP: &str = "a domain as in `sip:user@DOMAIN`, without a port, such as \"example.org\"";
    match host_and_port(text) {
        Some((Host::Address(IpAddr::V4(ip)), None)) => Ok(ip.to_string()),
        Some((Host::Address(IpAddr::V6(ip)), None)) => Ok(format!("[{ip}]")),
        Some((Host::Name(name), None)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            Ok(name.to_ascii_lowercase())
        }
        Some((_, Some(_))) => Err(Complaint::new("a domain has no port", HELP)),
        None => Err(Complaint::new("not a domain", HELP)),
    }
}

/// Reads the URL of an address that requests leave from, and nobody else's.
///
/// # Errors
///
/// What is no listener's URL, and addresses that stand for all.
pub(crate) fn source_url(text: &str) -> Result<SocketAddr, Complaint> {
    let address = listen_url(text)?;
    if address.ip().is_unspecified() {
        return Err(Complaint::new(
            "not one address",
            "the main registrar is to know it: one address of this machine, such as \
             \"udp://10.0.0.2:5060\"",
        ));
    }
    Ok(address)
}

/// Whether an advertised text names a port.
#[must_use]
pub(crate) fn has_port(advertised: &str) -> bool {
    matches!(host_and_port(advertised), Some((_, Some(_))))
}

/// The address that an advertised text is, if it is no name.
#[must_use]
pub(crate) fn literal(advertised: &str) -> Option<IpAddr> {
    match host_and_port(advertised) {
        Some((Host::Address(ip), _)) => Some(ip),
        _ => None,
    }
}

enum Host<'a> {
    Address(IpAddr),
    Name(&'a str),
}

fn host_and_port(text: &str) -> Option<(Host<'_>, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, rest) = rest.split_once(']')?;
        let ip: Ipv6Addr = inside.parse().ok()?;
        return Some((Host::Address(ip.into()), port_after(rest)?));
    }
    let end = text.find(':').unwrap_or(text.len());
    let (host, rest) = text.split_at(end);
    let port = port_after(rest)?;
    match host.parse::<Ipv4Addr>() {
        Ok(ip) => Some((Host::Address(ip.into()), port)),
        Err(_) if is_name(host) => Some((Host::Name(host), port)),
        Err(_) => None,
    }
}

/// `Some(None)` for nothing, `Some(Some(port))` for `:port`, `None` for anything else.
fn port_after(rest: &str) -> Option<Option<u16>> {
    if rest.is_empty() {
        return Some(None);
    }
    let digits = rest.strip_prefix(':')?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(Some)
}

/// `hostname` of RFC 3261 §25.1, with underscores tolerated; the last label is not a number, or
/// `1.2.3` would pass for a name.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253 && host.split('.').all(label) && last.bytes().any(|b| b.is_ascii_alphabetic())
}

fn check_parameter(parameter: &str) -> Result<(), Complaint> {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    if !name.eq_ignore_ascii_case("transport") {
        let help = "only ;transport=udp has a meaning here";
        return Err(Complaint::new(format!("unknown parameter `{name}`"), help));
    }
    if !value.eq_ignore_ascii_case("udp") {
        let label = format!("transport `{value}` is not in this version");
        return Err(Complaint::new(label, "only udp is spoken so far"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listener_urls() {
        for (text, wanted) in [
            ("udp://0.0.0.0:5060", Ok("0.0.0.0:5060")),
            ("udp://127.0.0.1", Ok("127.0.0.1:5060")),
            ("udp://127.0.0.1:0", Ok("127.0.0.1:0")),
            ("udp://[::1]:5070", Ok("[::1]:5070")),
            ("udp://[::]", Ok("[::]:5060")),
            ("0.0.0.0:5060", Err("no transport")),
            ("tcp://0.0.0.0:5060", Err("`tcp` is not in this version")),
            ("tls://0.0.0.0", Err("`tls` is not in this version")),
            ("ws://0.0.0.0", Err("`ws` is not in this version")),
            ("wss://0.0.0.0", Err("`wss` is not in this version")),
            ("sctp://0.0.0.0", Err("`sctp` is no transport")),
            ("udp://localhost:5060", Err("`localhost` is a name")),
            ("udp://::1:5060", Err("bad address")),
            ("udp://1.2.3:5060", Err("bad address")),
            ("udp://1.2.3.4:70000", Err("bad address")),
            ("udp://1.2.3.4:", Err("bad address")),
            ("udp://1.2.3.4:+5", Err("bad address")),
            ("udp://", Err("bad address")),
        ] {
            let got = listen_url(text).map(|address| address.to_string());
            let wanted = wanted.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(got.map_err(|complaint| complaint.label), wanted, "{text}");
        }
    }

    #[test]
    fn server_uris() {
        let address = |text: &str| Ok(Target::Address(text.parse().expect("an address")));
        let name = |host: &str, port| Ok(Target::Name(host.to_owned(), port));
        for (text, wanted) in [
            ("sip:10.0.0.5:5060", address("10.0.0.5:5060")),
            ("sip:10.0.0.5", address("10.0.0.5:5060")),
            ("SIP:10.0.0.5;transport=UDP", address("10.0.0.5:5060")),
            ("sip:[2001:db8::1]:5080", address("[2001:db8::1]:5080")),
            ("sip:pbx.example.com", name("pbx.example.com", 5060)),
            ("sip:pbx:5090", name("pbx", 5090)),
            ("10.0.0.5", Err("not a SIP URI")),
            ("http:10.0.0.5", Err("not a SIP URI")),
            ("sips:10.0.0.5", Err("TLS is not in this version")),
            ("sip:a@10.0.0.5", Err("a server has no user part")),
            (
                "sip:10.0.0.5;transport=tcp",
                Err("transport `tcp` is not in this version"),
            ),
            ("sip:10.0.0.5;lr", Err("unknown parameter `lr`")),
            ("sip:0.0.0.0", Err("nobody can be reached at this address")),
            ("sip:10.0.0.5:0", Err("port 0")),
            ("sip:", Err("bad host")),
            ("sip:A_b-c.example.", name("a_b-c.example", 5060)),
            ("sip:-a", Err("bad host")),
            ("sip:pbx example", Err("bad host")),
        ] {
            let got = server_uri(text)
                .map(|server| server.target)
                .map_err(|c| c.label);
            assert_eq!(got, wanted.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn domains() {
        for (text, wanted) in [
            ("Example.ORG.", Ok("example.org")),
            ("pbx", Ok("pbx")),
            ("10.0.0.1", Ok("10.0.0.1")),
            ("[2001:DB8:0::1]", Ok("[2001:db8::1]")),
            ("example.org:5060", Err("a domain has no port")),
            ("sip:example.org", Err("not a domain")),
            ("a@b", Err("not a domain")),
            ("", Err("not a domain")),
        ] {
            let got = domain_text(text).map_err(|complaint| complaint.label);
            let wanted = wanted.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(got, wanted, "{text}");
        }
    }

    #[test]
    fn advertised_addresses() {
        for text in [
            "sip.example.com",
            "sip.example.com:5060",
            "10.0.0.1",
            "[2001:db8::1]:5061",
        ] {
            assert_eq!(advertised(text).as_deref(), Ok(text));
        }
        for text in [
            "",
            "udp://a",
            "a b",
            "0.0.0.0:5060",
            "a:0",
            "[::]",
            "a:b",
            "a;b",
            "a>b",
        ] {
            assert!(advertised(text).is_err(), "{text}");
        }
        assert!(has_port("a:5060") && !has_port("a") && !has_port("[::1]"));
    }
}
