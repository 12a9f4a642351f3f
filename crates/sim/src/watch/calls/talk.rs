//! What was established: what one end says reaches the other (RFC 3261 §16.4 to §16.6), and a device
//! where it is now.

use core::net::SocketAddr;

use engine::BindingId;
use engine::command::BindingView;

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

#[derive(Clone, Debug)]
struct Device {
    /// The binding, if there was one.
    id: Option<BindingId>,
    aor: String,
    /// Where it was at first.
    at: SocketAddr,
}

/// Something that was said in a call and must have gone on when the instant is over.
#[derive(Debug)]
pub(super) struct Pending {
    said: Letter,
    /// Where the other end is.
    to: Option<SocketAddr>,
    went: bool,
}

impl Pending {
    pub(super) fn is_settled(self) -> Result<(), String> {
        match (self.to, self.went) {
            (Some(to), false) => Err(format!(
                "{} of {} does not reach {to}",
                self.said.method, self.said.call_id
            )),
            _ => Ok(()),
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
        let Some(asked) = self.asked.get(&letter.key()) else {
            return;
        };
        let from_main = view.sight.rig.policy();
        let Some(from) = asked.from.first().copied() else {
            return;
        };
        let from_main = is_peer(from_main, from);
        let mut same_way = self
            .talks
            .iter()
            .filter(|talk| talk.caller.device.is_none() == from_main);
        if asked.request.is_in_dialog() || same_way.any(known) {
            return;
        }
        let answered = asked
            .branches
            .iter()
            .filter_map(|key| self.branches.get(key));
        let Some(branch) = answered.last() else {
            return;
        };
        // The branch is that of the device which answers under this Contact, or else the only one.
        let contact = letter.contact().unwrap_or_default();
        let branches = asked
            .branches
            .iter()
            .filter_map(|key| self.branches.get(key));
        let mut own = branches.filter(|branch| branch.uri == contact);
        let (branch, sure) = match (own.next(), own.next()) {
            (Some(own), None) => (own, true),
            _ => (branch, asked.branches.len() == 1),
        };
        if !sure {
            return;
        }
        let caller_contact = asked.request.contact().unwrap_or_default();
        let caller = self.end(view, letter.from_tag(), (from, caller_contact));
        let callee = self.end(view, letter.to_tag(), (branch.to, &branch.uri));
        self.talks.push(Talk {
            call_id: letter.call_id.clone(),
            caller,
            callee,
        });
    }

    /// Something was said in a call.
    pub(super) fn is_said(&mut self, view: View<'_>) {
        let letter = view.letter;
        let Some(end) = self.other_end(view) else {
            return;
        };
        let to = match &end.device {
            None => next_hop(letter),
            Some(device) => {
                let bindings = view.sight.rig.bindings(&device.aor);
                let mut own = bindings.iter();
                let own = own.find(|binding| Some(binding.id) == device.id);
                Some(own.map_or(device.at, |binding| binding.remote))
            }
        };
        let repeated = self.asked.contains_key(&letter.key()) && letter.method != "ACK";
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
        match pending.to {
            Some(there) if there != to => Err(format!(
                "{} of {} goes to {to}, the other end is at {there}",
                letter.method, letter.call_id
            )),
            _ => Ok(()),
        }
    }

    /// The end that a request of an established call is for.
    fn other_end(&self, view: View<'_>) -> Option<&End> {
        let letter = view.letter;
        let from_main = view.is_from_main();
        self.talks.iter().find_map(|talk| {
            let (from, to) = match letter.from_tag() == talk.caller.tag {
                true => (&talk.caller, &talk.callee),
                false => (&talk.callee, &talk.caller),
            };
            let own = letter.call_id == talk.call_id
                && (letter.from_tag(), letter.to_tag()) == (from.tag.as_str(), to.tag.as_str());
            (own && from.device.is_none() == from_main).then_some(to)
        })
    }

    fn end(&self, view: View<'_>, tag: &str, (at, contact): (SocketAddr, &str)) -> End {
        let tag = tag.to_owned();
        if is_peer(view.sight.rig.policy(), at) {
            return End { tag, device: None };
        }
        let mut device = Device {
            id: None,
            aor: String::new(),
            at,
        };
        let is_there = |own: &BindingView| own.remote == at && own.contact == contact;
        for aor in view.aors {
            let bindings = view.sight.rig.bindings(aor);
            if let Some(own) = bindings.iter().find(|own| is_there(own)) {
                (device.id, device.aor) = (Some(own.id), aor.clone());
            }
        }
        End {
            tag,
            device: Some(device),
        }
    }
}

/// Where a request goes that has passed us.
fn next_hop(letter: &Letter) -> Option<SocketAddr> {
    let routes = letter.routes.iter().map(|route| uri_of(route));
    let mut beyond = routes.filter(|uri| address_of(uri) != Some(us()));
    address_of(beyond.next().or_else(|| letter.uri())?)
}
