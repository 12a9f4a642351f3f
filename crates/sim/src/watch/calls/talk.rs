//! What was established: what one end says reaches the other (RFC 3261 §16.4 to §16.6), and a device
//! where it is now.

use core::net::SocketAddr;

use engine::BindingId;
use engine::command::BindingView;
use engine::policy::FlowMatch;

use super::{Calls, View, is_peer};
use crate::call::Letter;
use crate::call::letter::{address_of, uri_of};
use crate::policy::us;

/// A call that was established through us.
#[derive(Debug)]
pub(super) struct Talk {
    call_id: String,
    caller: End,
    callee: End,
}

/// An end of it, as we see it.
#[derive(Clone, Debug)]
struct End {
    tag: String,
    /// The device; `None` for the main registrar.
    device: Option<Device>,
}

/// A device, as far as its bindings tell.
#[derive(Clone, Debug)]
pub(super) struct Device {
    /// The bindings under which it may have been met: some devices have several.
    bindings: Vec<Met>,
    /// Where it was at first.
    at: SocketAddr,
}

/// A binding as it was when the call began.
#[derive(Clone, Debug)]
struct Met {
    aor: String,
    id: BindingId,
    remote: SocketAddr,
}

/// Something that was said in a call and must have gone on when the instant is over.
#[derive(Debug)]
pub(super) struct Pending {
    said: Letter,
    /// Where the other end may be; nothing when nobody knows.
    to: Vec<SocketAddr>,
    went: bool,
}

impl Pending {
    pub(super) fn verdict(self) -> Result<(), String> {
        match self.went || self.to.is_empty() {
            false => Err(format!(
                "{} of {} does not reach {:?}",
                self.said.method, self.said.call_id, self.to
            )),
            true => Ok(()),
        }
    }
}

impl Calls {
    /// A 2xx to an INVITE is passed on.
    pub(super) fn begins(&mut self, view: View<'_>) {
        let letter = view.letter;
        let known = |talk: &Talk| {
            talk.call_id == letter.call_id
                && talk.callee.tag == letter.to_tag()
                && talk.caller.tag == letter.from_tag()
        };
        let Some(asked) = self.asked.get(&(letter.key(), view.packet.to.ip())) else {
            return;
        };
        let from_main = asked.caller.is_none();
        let mut same_way = self
            .talks
            .iter()
            .filter(|talk| talk.caller.device.is_none() == from_main);
        if asked.request.is_in_dialog() || same_way.any(known) {
            return;
        }
        let mut accepted = asked.accepted.iter();
        let by = accepted.find(|(tag, _)| tag == letter.to_tag());
        let Some(branch) = by.and_then(|(_, key)| self.branches.get(key)) else {
            return;
        };
        self.talks.push(Talk {
            call_id: letter.call_id.clone(),
            caller: End {
                tag: letter.from_tag().to_owned(),
                device: asked.caller.clone(),
            },
            callee: End {
                tag: letter.to_tag().to_owned(),
                device: branch.callee.clone(),
            },
        });
    }

    /// Something was said in a call.
    pub(super) fn is_said(&mut self, view: View<'_>) {
        let letter = view.letter;
        let Some((from, to)) = self.ends(view) else {
            return;
        };
        let here = from.places(view);
        // Somebody else may have heard of the call; and who refuses an INVITE is acknowledged by us.
        let strange = !here.is_empty() && !here.contains(&view.packet.from);
        let question = (letter.key(), view.packet.from.ip());
        let refused = letter.method == "ACK" && self.asked.contains_key(&question);
        if strange || refused {
            return;
        }
        let to = match &to.device {
            None => next_hop(letter).into_iter().collect(),
            Some(_) => to.places(view),
        };
        let repeated = self.asked.contains_key(&question) && letter.method != "ACK";
        if !repeated && letter.hops != Some(0) {
            self.pending.push(Pending {
                said: letter.clone(),
                to,
                went: false,
            });
        }
    }

    /// Something that was said in a call goes on.
    pub(super) fn is_passed_on(&mut self, view: View<'_>) -> Result<(), String> {
        let (letter, to) = (view.letter, view.packet.to);
        let same = |pending: &&mut Pending| {
            let said = &pending.said;
            said.call_id == letter.call_id
                && (said.cseq, &said.method) == (letter.cseq, &letter.method)
                && (&said.from, &said.to) == (&letter.from, &letter.to)
        };
        let Some(pending) = self.pending.iter_mut().find(same) else {
            return Ok(());
        };
        pending.went = true;
        match pending.to.is_empty() || pending.to.contains(&to) {
            true => Ok(()),
            false => Err(format!(
                "{} of {} goes to {to}, the other end is at {:?}",
                letter.method, letter.call_id, pending.to
            )),
        }
    }

    /// The end that a request of an established call is of, and the one that it is for.
    fn ends(&self, view: View<'_>) -> Option<(&End, &End)> {
        let letter = view.letter;
        let from_main = view.is_from_main();
        self.talks.iter().find_map(|talk| {
            let (from, to) = match letter.from_tag() == talk.caller.tag {
                true => (&talk.caller, &talk.callee),
                false => (&talk.callee, &talk.caller),
            };
            let own = letter.call_id == talk.call_id
                && (letter.from_tag(), letter.to_tag()) == (from.tag.as_str(), to.tag.as_str());
            (own && from.device.is_none() == from_main).then_some((from, to))
        })
    }
}

impl Device {
    /// The one that is at an address, and under a Contact if that tells; `None` for the main
    /// registrar.
    pub(super) fn at(view: View<'_>, at: SocketAddr, contact: Option<&str>) -> Option<Self> {
        if is_peer(view.sight.rig.policy(), at) {
            return None;
        }
        let mut bindings = Vec::new();
        for aor in view.aors {
            let own = view.sight.rig.bindings(aor).into_iter();
            // Where ports count for nothing, a device may call from another than it is bound at.
            let ports = view.sight.domain(aor).registration.flow_match == FlowMatch::Exact;
            let own = own.filter(|own| own.remote == at || !ports && own.remote.ip() == at.ip());
            bindings.extend(own.map(|own| (aor.clone(), own)));
        }
        let named = |(_, own): &(String, BindingView)| Some(own.contact.as_str()) == contact;
        if bindings.iter().any(named) {
            bindings.retain(named);
        }
        let met = |(aor, own): (String, BindingView)| Met {
            aor,
            id: own.id,
            remote: own.remote,
        };
        Some(Self {
            bindings: bindings.into_iter().map(met).collect(),
            at,
        })
    }
}

impl End {
    /// Where it may be now; nothing for the main registrar.
    fn places(&self, view: View<'_>) -> Vec<SocketAddr> {
        let Some(device) = &self.device else {
            return Vec::new();
        };
        let mut places = Vec::new();
        for met in &device.bindings {
            let bindings = view.sight.rig.bindings(&met.aor).into_iter();
            let mut own = bindings.filter(|own| own.id == met.id);
            match own.next().filter(|own| own.remote != met.remote) {
                Some(moved) => places.push(moved.remote),
                // Who is gone is met where he was.
                None => places.extend([met.remote, device.at]),
            }
        }
        match places.is_empty() {
            true => vec![device.at],
            false => places,
        }
    }
}

/// Where a request goes that has passed us.
fn next_hop(letter: &Letter) -> Option<SocketAddr> {
    let routes = letter.routes.iter().map(|route| uri_of(route));
    let mut beyond = routes.filter(|uri| address_of(uri) != Some(us()));
    address_of(beyond.next().or_else(|| letter.uri())?)
}
