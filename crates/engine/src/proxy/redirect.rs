//! A device's 3xx (RFC 3261 §16.7 step 4): where policy says so, the main registrar is asked for the
//! addresses that it names. It knows who may call whom; we go to no foreign address ourselves.

use sip::header::contact::Contact;
use sip::{Message, Name, Uri};

use crate::core::Core;
use crate::ids::NodeId;
use crate::limits;
use crate::policy::Redirects;
use crate::proxy::best::Origin;
use crate::proxy::fork::Phase;
use crate::proxy::forks::ForkId;
use crate::proxy::next_hop;
use crate::proxy::targets::{self, Group, Plan, Target, request_uri};

/// Whether an answer was a 3xx that is followed: its addresses are tried next then, and the caller
/// hears nothing of it.
pub(super) fn follows(core: &mut Core, id: ForkId, branch: usize, message: &Message<'_>) -> bool {
    let Some(fork) = core.forks.get(id) else {
        return false;
    };
    let redirected = matches!(message.status(), Some(301 | 302 | 305));
    let planned = fork.plan.iter().map(Group::len).sum::<usize>();
    let room = limits::BRANCHES.saturating_sub(fork.branches.len() + planned);
    // What the main registrar says itself goes to the caller: to ask it again would lead nowhere.
    let by_device = fork
        .branches
        .get(branch)
        .is_some_and(|branch| branch.node == NodeId::NONE);
    let follows = fork.redirects == Redirects::Follow && by_device && redirected;
    if !follows || fork.phase != Phase::Open {
        return false;
    }
    let Some((node, flow)) = next_hop::any(core) else {
        return false;
    };
    let named = message.values(Name::Contact).filter_map(|value| {
        let Ok(Contact::Addr(contact)) = Contact::parse(value) else {
            return None;
        };
        let uri = Uri::parse(contact.addr.uri).ok()?;
        // RFC 3261 §16.6 step 4: never from sips to less.
        uri.is_sip().then(|| Target {
            uri: request_uri(contact.addr.uri).into(),
            route: Box::default(),
            flow,
            binding: None,
            node,
        })
    });
    let named: Group = named.take(room).collect();
    debug_assert!(node != NodeId::NONE);
    let Some(fork) = core.forks.get_mut(id) else {
        return false;
    };
    if named.is_empty() {
        return false;
    }
    // RFC 3261 §16.5: two devices may name the same address.
    let mut group = Group::new();
    for target in named {
        if !fork.followed.contains(&target.uri) {
            fork.followed.push(target.uri.clone());
            group.push(target);
        }
    }
    fork.on_final(branch, message.status().unwrap_or(302), Origin::Local);
    // RFC 5393 §5.3.3: what is found on the way shares the breadth that is left.
    let groups = targets::narrow(Plan::from([group]), fork.breadth as usize);
    for group in groups.into_iter().rev().filter(|group| !group.is_empty()) {
        fork.plan.push_front(group);
    }
    true
}
