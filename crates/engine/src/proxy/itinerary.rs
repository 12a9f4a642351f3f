//! `Itinerary`: where a request is still to go, once what names ourselves is taken off (RFC 3261
//! §16.4).

use sip::header::route::Route;
use sip::{Message, Name, Uri};
use smallvec::SmallVec;

use crate::ids::{BindingId, NodeId};
use crate::keys::Keys;
use crate::policy::Policy;
use crate::proxy::ourselves::is_ours;
use crate::proxy::route_token::RouteToken;
use crate::registrar::decision::Refusal;
use crate::token;

/// Routes that one request may carry.
const ROUTES: usize = 32;

/// Where a request is still to go.
#[derive(Debug)]
pub(crate) struct Itinerary<'a> {
    /// Its Request-URI; of one that a strict router sent, the last of its Routes.
    pub(crate) uri: &'a [u8],
    /// What our own Routes say, the last of which faces where the request goes.
    pub(crate) own: SmallVec<[Own; 2]>,
    /// The Routes that remain.
    pub(crate) routes: SmallVec<[&'a [u8]; 4]>,
}

/// What a Route of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// Our Record-Route: a dialog with this device.
    Dialog(RouteToken),
    /// Our Path: this device (RFC 3327).
    Device(BindingId),
    /// Nothing but that it is us: an outbound proxy's address.
    Plain,
    /// It looks like ours, but we never wrote it.
    Forged,
}

impl<'a> Itinerary<'a> {
    /// Reads Request-URI and Routes.
    ///
    /// # Errors
    /// 400 for a Route that cannot be read, or too many of them.
    pub(crate) fn read(
        message: &Message<'a>,
        policy: &Policy,
        keys: &Keys,
    ) -> Result<Self, Refusal> {
        let bad = Refusal::new(400, "Bad Route");
        let mut itinerary = Self {
            uri: message.request().map_or(b"", |line| line.uri),
            own: SmallVec::new(),
            routes: SmallVec::new(),
        };
        for value in message.values(Name::Route) {
            if itinerary.routes.len() == ROUTES {
                return Err(Refusal::new(400, "Too Many Routes"));
            }
            Route::parse(value).map_err(|_| bad)?;
            itinerary.routes.push(value);
        }
        itinerary.undo_strict_routing(policy, keys);
        itinerary.take_own(policy, keys);
        Ok(itinerary)
    }

    /// A strict router has put our Record-Route into the Request-URI, and what stood there behind all
    /// Routes (RFC 3261 §16.4).
    fn undo_strict_routing(&mut self, policy: &Policy, keys: &Keys) {
        let Ok(uri) = Uri::parse(self.uri) else {
            return;
        };
        let own = match own(&uri, policy, keys) {
            Some(own @ Own::Dialog(_)) => own,
            Some(own @ (Own::Device(_) | Own::Forged)) if uri.param("lr").is_some() => own,
            _ => return,
        };
        if let Some(target) = self.routes.pop().and_then(|last| Route::parse(last).ok()) {
            self.uri = target.uri.text;
            self.own.push(own);
        }
    }

    fn take_own(&mut self, policy: &Policy, keys: &Keys) {
        let mut ours = 0;
        for value in &self.routes {
            let route = Route::parse(value).ok();
            match route.and_then(|route| own(&route.uri, policy, keys)) {
                Some(own) => self.own.push(own),
                None => break,
            }
            ours += 1;
        }
        self.routes.drain(..ours);
    }

    /// The dialog that the request belongs to.
    pub(crate) fn dialog(&self) -> Option<&RouteToken> {
        self.own.iter().rev().find_map(|own| match own {
            Own::Dialog(token) => Some(token),
            _ => None,
        })
    }

    /// Whether devices are at both sides of the dialog: the main registrar, if it was ever on the way,
    /// has recorded no route.
    pub(crate) fn is_between_devices(&self) -> bool {
        let facing_device =
            |own: &Own| matches!(own, Own::Dialog(token) if token.node == NodeId::NONE);
        self.own.iter().any(facing_device)
    }

    /// The device that our Path names.
    pub(crate) fn device(&self) -> Option<BindingId> {
        self.own.iter().rev().find_map(|own| match own {
            Own::Device(binding) => Some(*binding),
            _ => None,
        })
    }

    /// Whether somebody made up a Route of ours.
    pub(crate) fn is_forged(&self) -> bool {
        self.own.contains(&Own::Forged)
    }

    /// Where the request goes next, as its sender wants it: the first Route, or the Request-URI.
    pub(crate) fn next(&self) -> Option<Uri<'a>> {
        match self.routes.first() {
            Some(value) => Route::parse(value).ok().map(|route| route.uri),
            None => Uri::parse(self.uri).ok(),
        }
    }
}

/// What a URI says if it is one of ours.
fn own(uri: &Uri<'_>, policy: &Policy, keys: &Keys) -> Option<Own> {
    let ours = is_ours(policy, uri);
    let Some(user) = uri.user else {
        return ours.then_some(Own::Plain);
    };
    if let Some(token) = RouteToken::read(keys, user) {
        return Some(Own::Dialog(token));
    }
    match token::decode(keys, user) {
        Some(binding) => Some(Own::Device(binding)),
        None => ours.then_some(Own::Forged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Flow, ListenerId, Transport};
    use crate::ids::Slot;
    use crate::policy::{Listener, Side};

    fn policy() -> Policy {
        Policy {
            listeners: vec![Listener {
                transport: Transport::Udp,
                advertise: "192.0.2.1".to_owned(),
                side: Side::Both,
            }],
            ..Policy::default()
        }
    }

    fn token() -> (RouteToken, String) {
        let token = RouteToken {
            slot: Slot(5),
            binding: None,
            flow: Flow::udp(ListenerId(0), "198.51.100.7:5070".parse().unwrap()),
            node: NodeId(9),
        };
        let mut text = Vec::new();
        token.write(&Keys::derive(&[1; 32]), &mut text);
        (token, String::from_utf8(text).unwrap())
    }

    fn read(uri: &str, routes: &[&str]) -> Result<(String, Vec<Own>, Vec<String>), u16> {
        let mut text = format!("BYE {uri} SIP/2.0\r\n");
        for route in routes {
            text += &format!("Route: {route}\r\n");
        }
        text += "\r\n";
        let message = Message::parse(text.as_bytes()).unwrap();
        let keys = Keys::derive(&[1; 32]);
        let read = Itinerary::read(&message, &policy(), &keys).map_err(|refusal| refusal.status)?;
        let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let routes = read.routes.iter().map(|route| string(route)).collect();
        Ok((string(read.uri), read.own.to_vec(), routes))
    }

    #[test]
    fn r3261_16_09_our_own_routes_are_taken_off_together() {
        let (token, text) = token();
        let routes = [
            &format!("<sip:{text}@192.0.2.1;lr>, <sip:{text}@192.0.2.1;lr>") as &str,
            "<sip:10.0.0.9;lr>",
            &format!("<sip:{text}@192.0.2.1;lr>"),
        ];
        let (uri, own, left) = read("sip:bob@10.0.0.5", &routes).unwrap();
        assert_eq!(uri, "sip:bob@10.0.0.5");
        assert_eq!(own, [Own::Dialog(token), Own::Dialog(token)]);
        assert_eq!(left[0], "<sip:10.0.0.9;lr>");
        assert_eq!(left.len(), 2);
    }

    #[test]
    fn r3261_16_08_a_strict_routers_request_is_put_in_order() {
        let (token, text) = token();
        let uri = format!("sip:{text}@192.0.2.1;lr");
        let routes = ["<sip:10.0.0.9;lr>", "<sip:bob@198.51.100.7>"];
        let (uri, own, left) = read(&uri, &routes).unwrap();
        assert_eq!(uri, "sip:bob@198.51.100.7");
        assert_eq!(own, [Own::Dialog(token)]);
        assert_eq!(left, ["<sip:10.0.0.9;lr>"]);
    }

    #[test]
    fn plain_and_forged_routes_to_us_are_told_apart() {
        let (_, own, _) = read("sip:bob@example.org", &["<sip:192.0.2.1:5060;lr>"]).unwrap();
        assert_eq!(own, [Own::Plain]);
        let (_, own, _) = read("sip:bob@example.org", &["<sip:x@192.0.2.1;lr>"]).unwrap();
        assert_eq!(own, [Own::Forged]);
        let (_, own, left) = read("sip:bob@example.org", &["<sip:x@192.0.2.2;lr>"]).unwrap();
        assert_eq!((own.len(), left.len()), (0, 1));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert_eq!(read("sip:a@b", &["sip:192.0.2.1"]), Err(400));
        let many = vec!["<sip:10.0.0.9;lr>"; ROUTES + 1];
        assert_eq!(read("sip:a@b", &many), Err(400));
    }
}
