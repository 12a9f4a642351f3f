//! The demo's main registrar as a proxy: stateless (RFC 3261 §16.11), because it has one place at
//! most to send a request to, and whoever waits for an answer repeats it.

use std::net::SocketAddr;

use sip::header::max_forwards::MaxForwards;
use sip::header::route::Route;
use sip::header::via::{MAGIC_COOKIE, Via};
use sip::{Message, Name, Patch, Uri};

/// Where a user is: a Contact that the main registrar holds.
pub(super) trait Lookup {
    /// The Contact URI that was registered last for this user.
    fn contact(&self, user: &[u8]) -> Option<Vec<u8>>;
}

/// Why a request goes nowhere: status and reason.
pub(super) type Refusal = (u16, &'static str);

/// Writes a request as it goes on, and says where to.
///
/// # Errors
/// The answer when it goes nowhere.
pub(super) fn forward(
    request: &Message<'_>,
    own: SocketAddr,
    contacts: &impl Lookup,
    out: &mut Vec<u8>,
) -> Result<SocketAddr, Refusal> {
    let bad = (400, "Bad Request");
    let line = request.request().ok_or(bad)?;
    let hops = request.header(Name::MaxForwards).ok_or(bad)?;
    let left = MaxForwards::parse(hops.value).map_err(|_| bad)?.0;
    let left = left.checked_sub(1).ok_or((483, "Too Many Hops"))?;
    let top = Via::parse(request.values(Name::Via).next().ok_or(bad)?).map_err(|_| bad)?;
    let branch = top.branch_3261().ok_or(bad)?;

    let first = request.header(Name::Via).ok_or(bad)?.line.start;
    let mut patch = Patch::new(request);
    let mut routes = request.values(Name::Route).peekable();
    if routes.peek().copied().and_then(address_of) == Some(own) {
        routes.next();
    }
    let next = routes.peek().copied();
    // Several may stand in one field.
    for header in request.headers_named(Name::Route) {
        patch.remove_header(&header);
    }
    for route in routes {
        patch.insert_header(first, "Route", route);
    }
    let mut to = next.and_then(address_of);
    if to.is_none() {
        let uri = Uri::parse(line.uri).map_err(|_| bad)?;
        let contact = contacts.contact(uri.user.unwrap_or_default());
        let contact = contact.ok_or((404, "Not Found"))?;
        to = Uri::parse(&contact).ok().and_then(|uri| socket_of(&uri));
        patch.replace(request.span_of(line.uri).ok_or(bad)?, &contact);
    }
    patch.insert_with(first, |out| {
        let branch = branch.get(MAGIC_COOKIE.len()..).unwrap_or_default();
        out.extend_from_slice(format!("Via: SIP/2.0/UDP {own};branch=z9hG4bKmain").as_bytes());
        out.extend_from_slice(branch);
        out.extend_from_slice(format!("\r\nRecord-Route: <sip:{own};lr>\r\n").as_bytes());
    });
    patch.replace_value(&hops, left.to_string());
    patch.write(out);
    to.ok_or((502, "Bad Gateway"))
}

/// Writes a response as it goes on, and says where to; `None` when it is not for us.
pub(super) fn back(
    response: &Message<'_>,
    own: SocketAddr,
    out: &mut Vec<u8>,
) -> Option<SocketAddr> {
    let mut vias = response.headers_named(Name::Via);
    let ours = vias.next()?;
    let top = Via::parse(ours.value).ok()?;
    if top.host.ip() != Some(own.ip()) || top.port != Some(own.port()) {
        return None;
    }
    let next = Via::parse(vias.next()?.value).ok()?;
    let host = next.received_ip().or_else(|| next.host.ip())?;
    let port = next.rport().flatten().or(next.port)?;
    let mut patch = Patch::new(response);
    patch.remove_header(&ours);
    patch.write(out);
    Some(SocketAddr::new(host, port))
}

/// The address in an element of Route.
fn address_of(value: &[u8]) -> Option<SocketAddr> {
    socket_of(&Route::parse(value).ok()?.uri)
}

fn socket_of(uri: &Uri<'_>) -> Option<SocketAddr> {
    Some(SocketAddr::new(uri.host.ip()?, uri.port?))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Home;

    impl Lookup for Home {
        fn contact(&self, user: &[u8]) -> Option<Vec<u8>> {
            (user == b"bob").then(|| b"sip:bob@127.0.0.1:70;mr=t".to_vec())
        }
    }

    fn own() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 2], 50))
    }

    fn request(uri: &str, routes: &str) -> String {
        format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:70;rport=70;branch=z9hG4bKx\r\n\
             Max-Forwards: 9\r\n{routes}Call-ID: c\r\n\r\n"
        )
    }

    fn forwarded(text: &str) -> Result<(SocketAddr, String), Refusal> {
        let message = Message::parse(text.as_bytes()).expect("a request");
        let mut out = Vec::new();
        let to = forward(&message, own(), &Home, &mut out)?;
        Ok((to, String::from_utf8(out).expect("text")))
    }

    #[test]
    fn users_are_called_where_they_registered() {
        let (to, text) = forwarded(&request("sip:bob@demo", "")).expect("known");
        assert_eq!(to.port(), 70);
        assert!(text.starts_with("INVITE sip:bob@127.0.0.1:70;mr=t SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:50;branch=z9hG4bKmainx\r\nRecord-Route: <sip:127.0.0.2:50;lr>\r\n"), "{text}");
        assert!(text.contains("Max-Forwards: 8\r\n"), "{text}");
        let unknown = forwarded(&request("sip:eve@demo", ""));
        assert_eq!(unknown, Err((404, "Not Found")));
    }

    #[test]
    fn routes_are_followed_and_ours_is_taken_off() {
        for between in ["\r\nRoute: ", ", "] {
            let routes = ["<sip:127.0.0.2:50;lr>", "<sip:127.0.0.1:71;lr>"].join(between);
            let text = request("sip:phone1@127.0.0.1:9", &format!("Route: {routes}\r\n"));
            let (to, text) = forwarded(&text).expect("routed");
            assert_eq!(to.port(), 71);
            assert!(text.starts_with("INVITE sip:phone1@127.0.0.1:9 "), "{text}");
            let left = text.lines().filter(|line| line.starts_with("Route: "));
            assert_eq!(left.collect::<Vec<_>>(), ["Route: <sip:127.0.0.1:71;lr>"]);
        }
    }

    #[test]
    fn a_request_has_an_end() {
        let text = request("sip:bob@demo", "").replace("Max-Forwards: 9", "Max-Forwards: 0");
        assert_eq!(forwarded(&text), Err((483, "Too Many Hops")));
    }

    #[test]
    fn answers_go_back_by_the_next_via() {
        let text = "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 127.0.0.2:50;branch=z9hG4bKmainx\r\n\
                    Via: SIP/2.0/UDP h:9;received=127.0.0.1;rport=70;branch=z9hG4bKx\r\n\r\n";
        let message = Message::parse(text.as_bytes()).expect("a response");
        let mut out = Vec::new();
        let to = back(&message, own(), &mut out).expect("ours");
        assert_eq!(to, SocketAddr::from(([127, 0, 0, 1], 70)));
        let text = String::from_utf8(out).expect("text");
        assert!(
            text.starts_with("SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP h:9;"),
            "{text}"
        );
    }
}
