//! What we sent on.

use core::net::SocketAddr;
use std::collections::BTreeSet;

use engine::Mono;

use super::asked::{Asked, Where};
use super::talk::Device;
use super::{Calls, Question, View, is_peer, question};
use crate::call::Letter;
use crate::policy::US;

/// Seconds that a request is tried for.
const TIMER_B: u32 = 32;
/// Seconds after the end of a call for which others may still answer it.
const LATE: u32 = 30;

/// A request that we sent.
#[derive(Debug)]
pub(super) struct Branch {
    /// What was asked of us for it; nothing for what we ask for ourselves.
    asked: Option<Question>,
    pub(super) to: SocketAddr,
    pub(super) uri: String,
    /// Who is asked, as far as that is a device.
    pub(super) callee: Option<Device>,
    at: Mono,
    provisional: bool,
    /// Its first final answer; 0 for none.
    ended: u16,
    cancelled: bool,
}

impl Calls {
    /// We asked something.
    pub(super) fn asks(&mut self, view: View<'_>) -> Result<(), String> {
        let (letter, key) = (view.letter, view.letter.key());
        match letter.method.as_str() {
            "CANCEL" => return self.cancels(view),
            "ACK" if self.branches.contains_key(&key) => return Ok(()),
            "ACK" => return self.is_passed_on(view),
            _ => {}
        }
        if let Some(branch) = self.branches.get(&key) {
            return match branch.to == view.packet.to {
                true => Ok(()),
                false => Err(format!("a copy of {} goes elsewhere", letter.method)),
            };
        }
        let branch = Branch {
            asked: None,
            to: view.packet.to,
            uri: letter.uri().unwrap_or_default().to_owned(),
            callee: Device::at(view, view.packet.to, letter.uri()),
            at: view.sight.rig.now(),
            provisional: false,
            ended: 0,
            cancelled: false,
        };
        if letter.vias.len() < 2 {
            self.branches.insert(key, branch);
            return is_own(view);
        }
        let Some(asked_key) = question(letter) else {
            return Err(format!("a {} of nowhere", letter.method));
        };
        let Some(asked) = self.asked.get_mut(&asked_key) else {
            return Err(format!("a {} that nobody asked for", letter.method));
        };
        let branches = asked
            .branches
            .iter()
            .filter_map(|own| self.branches.get(own));
        let mut twice = branches.filter(|own| own.to == branch.to && own.uri == branch.uri);
        if twice.next().is_some() && !asked.may_be_forgotten(view.sight.rig.now()) {
            return Err(format!("{} is sent to {} twice", letter.method, branch.uri));
        }
        if asked.is_over() {
            return Err(format!("{} is sent on, and is over", letter.method));
        }
        is_verbatim(&asked.request, letter)?;
        if !letter.is_in_dialog() {
            may_be_sent(asked, view)?;
        }
        asked.branches.push(key.clone());
        self.touched.insert(asked_key.clone());
        let asked = Some(asked_key);
        self.branches.insert(key, Branch { asked, ..branch });
        if letter.is_in_dialog() {
            return self.is_passed_on(view);
        }
        Ok(())
    }

    /// A response arrived.
    pub(super) fn is_answered(&mut self, view: View<'_>) {
        let (letter, key) = (view.letter, view.letter.key());
        let Some(branch) = self.branches.get_mut(&key) else {
            return;
        };
        // Who answers for somebody else is not listened to.
        if branch.to.ip() != view.packet.from.ip() {
            return;
        }
        let status = letter.status();
        // Who has refused says nothing more (RFC 3261 §17.1.1.2), and who speaks too late is not
        // heard (Timer B).
        let deaf = branch.at.plus_seconds(TIMER_B) <= view.sight.rig.now();
        if branch.ended >= 300 || deaf && !branch.provisional {
            return;
        }
        let again = branch.ended > 0;
        branch.provisional = true;
        if status >= 200 && !again {
            branch.ended = status;
        }
        let Some(asked_key) = branch.asked.clone() else {
            return;
        };
        let asked = self.asked.get_mut(&asked_key);
        let Some(asked) = asked.filter(|asked| asked.branches.contains(&key)) else {
            return;
        };
        self.touched.insert(asked_key.clone());
        if status < 200 || (again && status >= 300) {
            return;
        }
        asked.heard.push(status);
        if status < 300 {
            let tag = letter.to_tag().to_owned();
            asked.accepted.push((tag, key.clone()));
        }
        let refused = asked.finals.iter().any(|(status, _)| *status >= 300);
        // Who answers a call that was over long ago is not waited for (RFC 3261 §9.1, RFC 6026).
        let late = asked
            .ended
            .is_some_and(|ended| ended.plus_seconds(LATE) < view.sight.rig.now());
        let refused = refused || late;
        if key.method == "INVITE" && status < 300 && !again && !refused {
            self.answers.push((asked_key, letter.to_tag().to_owned()));
        }
    }

    /// Whoever rings for nothing is told so at once.
    pub(super) fn ends_what_is_over(&self, key: &Question) -> Result<(), String> {
        let Some(asked) = self.asked.get(key) else {
            return Ok(());
        };
        if key.0.method != "INVITE" || !asked.is_over() {
            return Ok(());
        }
        let branches = asked
            .branches
            .iter()
            .filter_map(|own| self.branches.get(own));
        let mut ringing = branches.filter(|branch| branch.provisional && branch.ended == 0);
        match ringing.find(|branch| !branch.cancelled) {
            Some(branch) => Err(format!("{} rings on, and all is over", branch.uri)),
            None => Ok(()),
        }
    }

    /// RFC 3261 §9.1: only what was answered provisionally is cancelled, and not what is over.
    fn cancels(&mut self, view: View<'_>) -> Result<(), String> {
        let mut key = view.letter.key();
        "INVITE".clone_into(&mut key.method);
        let to = view.packet.to;
        let Some(branch) = self.branches.get_mut(&key) else {
            return Err(format!("CANCEL to {to}, which was asked nothing"));
        };
        let first = !branch.cancelled;
        branch.cancelled = true;
        match () {
            () if branch.to != to => Err(format!("CANCEL to {to}, which was asked nothing")),
            () if !branch.provisional => Err(format!("CANCEL to {to}, which has said nothing yet")),
            () if first && branch.ended > 0 => Err(format!("CANCEL to {to}, which has answered")),
            () => Ok(()),
        }
    }
}

/// What goes on is what came, but for what a proxy has to change (RFC 3261 §16.6).
fn is_verbatim(asked: &Letter, sent: &Letter) -> Result<(), String> {
    let method = &sent.method;
    let heads = |letter: &Letter| {
        let own = [&letter.from, &letter.to, &letter.call_id, &letter.body];
        (own.map(String::clone), letter.cseq)
    };
    let kept: BTreeSet<&String> = sent.lines.iter().collect();
    let lost = |line: &&String| {
        let ours = ["Max-Breadth", "Proxy-Require"];
        !ours.iter().any(|own| line.starts_with(own)) && !kept.contains(line)
    };
    if heads(asked) != heads(sent) {
        return Err(format!("{method} is not sent on as it came"));
    }
    if let Some(line) = asked.lines.iter().find(lost) {
        return Err(format!("{method} is sent on without {line}"));
    }
    if asked.hops.unwrap_or(70) != sent.hops.unwrap_or(0) + 1 {
        return Err(format!(
            "{method} has {:?} hops left of {:?}",
            sent.hops, asked.hops
        ));
    }
    if sent.vias.len() != asked.vias.len() + 1 {
        return Err(format!("{method} has {} Vias", sent.vias.len()));
    }
    let ours = |route: &String| route.contains(US);
    let added = sent.record_routes.len() > asked.record_routes.len();
    let on_the_way = added && sent.record_routes.first().is_some_and(ours);
    match sent.method == "INVITE" && !sent.is_in_dialog() && !on_the_way {
        true => Err("an INVITE goes on without a Record-Route of ours".to_owned()),
        false => Ok(()),
    }
}

/// Only the main registrar reaches devices, and devices only the main registrar, if they may; where
/// there is none, devices reach devices. A device is reached under its own Contact, where it is.
fn may_be_sent(asked: &Asked, view: View<'_>) -> Result<(), String> {
    let (to, uri) = (view.packet.to, view.letter.uri().unwrap_or_default());
    let towards = match is_peer(view.sight.rig.policy(), to) {
        true => Where::Main,
        false => Where::Device,
    };
    let method = &view.letter.method;
    if !asked.is_allowed(view.sight, towards) {
        let from = asked.from;
        return Err(format!("{method} of {from}, who may not, goes to {to}"));
    }
    if towards == Where::Main {
        return Ok(());
    }
    let mut bindings = view
        .aors
        .iter()
        .flat_map(|aor| view.sight.rig.bindings(aor));
    match bindings.any(|binding| binding.contact == uri && binding.remote == to) {
        true => Ok(()),
        false => Err(format!(
            "{method} goes to {uri} at {to}, where nobody is bound"
        )),
    }
}

/// What we ask for ourselves goes to the main registrar, or to somebody who is bound.
fn is_own(view: View<'_>) -> Result<(), String> {
    let to = view.packet.to;
    let mut bindings = view
        .aors
        .iter()
        .flat_map(|aor| view.sight.rig.bindings(aor));
    let known = is_peer(view.sight.rig.policy(), to) || bindings.any(|own| own.remote == to);
    match known {
        true => Ok(()),
        false => Err(format!(
            "{} to {to}, where nobody is bound",
            view.letter.method
        )),
    }
}
