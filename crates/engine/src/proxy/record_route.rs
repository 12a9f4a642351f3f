//! Our Record-Route (RFC 3261 §16.6 step 4, RFC 5658): one where both sides reach us by one listener
//! and one of them is the main registrar; else one for each side, each saying the device that it faces.

use sip::header::name_addr::NameAddr;
use sip::{Message, Method, Name};

use crate::core::Core;
use crate::flow::ListenerId;
use crate::ids::NodeId;
use crate::policy::Policy;
use crate::proxy::fork::{Fork, SenderSide};
use crate::proxy::route_token::RouteToken;
use crate::proxy::targets::Target;

/// Whether a request may begin a dialog, in which we want to stay on the way.
pub(crate) fn opens_dialog(message: &Message<'_>) -> bool {
    let stays_alone = matches!(
        message.request().map(|line| line.method),
        Some(
            Method::Message
                | Method::Options
                | Method::Publish
                | Method::Notify
                | Method::Info
                | Method::Bye
                | Method::Ack
                | Method::Cancel
                | Method::Prack
                | Method::Update
        )
    );
    let to = message.header(Name::To);
    let tagged = to.is_some_and(|to| NameAddr::parse(to.value).is_ok_and(|to| to.tag().is_some()));
    !stays_alone && !tagged
}

/// Appends the Record-Routes of a branch, whole lines, the one that its target sees first on top.
pub(crate) fn write(
    core: &Core,
    policy: &Policy,
    fork: &Fork,
    target: &Target,
    message: &Message<'_>,
    out: &mut Vec<u8>,
) {
    if !opens_dialog(message) {
        return;
    }
    let (inner, outer) = (target.flow.listener, fork.came_by.listener);
    let mut line = |listener: ListenerId, token: &RouteToken| {
        let Some(listener) = policy.listeners.get(usize::from(listener.0)) else {
            return;
        };
        out.extend_from_slice(b"Record-Route: <sip:");
        token.write(&core.keys, out);
        out.push(b'@');
        out.extend_from_slice(listener.advertise.as_bytes());
        if listener.transport.is_stream() {
            out.extend_from_slice(b";transport=");
            out.extend(
                listener
                    .transport
                    .as_str()
                    .bytes()
                    .map(|byte| byte.to_ascii_lowercase()),
            );
        }
        out.extend_from_slice(b";lr>\r\n");
    };
    let (facing_target, facing_sender) = tokens(fork, target);
    line(inner, &facing_target);
    if inner != outer || facing_target != facing_sender {
        line(outer, &facing_sender);
    }
}

/// What is said to the target's side and to the sender's: the device, which in a call with the main
/// registrar is the same for both.
fn tokens(fork: &Fork, target: &Target) -> (RouteToken, RouteToken) {
    let device = |node: NodeId| RouteToken {
        slot: target
            .binding
            .map(|binding| binding.slot)
            .or_else(|| fork.slot())
            .unwrap_or(crate::ids::Slot(0)),
        binding: target.binding,
        flow: target.flow,
        node,
    };
    match fork.sender {
        SenderSide::Device(sender) if target.node == NodeId::NONE => (device(NodeId::NONE), sender),
        SenderSide::Device(sender) => {
            let sender = RouteToken {
                node: target.node,
                ..sender
            };
            (sender, sender)
        }
        SenderSide::Upstream(node) => (device(node), device(node)),
    }
}
