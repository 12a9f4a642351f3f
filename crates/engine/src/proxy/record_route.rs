//! Our Record-Route (RFC 3261 §16.6 step 4, RFC 5658): one where both sides reach us by one listener
//! and one of them is the main registrar; else one for each side, each saying the device that it faces.

use sip::header::route::Route;
use sip::{Message, Method, Name};

use crate::core::Core;
use crate::flow::ListenerId;
use crate::ids::NodeId;
use crate::policy::Policy;
use crate::proxy::fork::{Fork, SenderSide};
use crate::proxy::has_to_tag;
use crate::proxy::route_token::RouteToken;
use crate::proxy::targets::Target;

/// Whether a request may begin a dialog, in which we want to stay on the way. A NOTIFY within one may
/// be what makes it known to the subscriber (RFC 6665 §4.3).
pub(crate) fn opens_dialog(message: &Message<'_>) -> bool {
    let method = message.request().map(|line| line.method);
    if method == Some(Method::Notify) {
        return has_to_tag(message);
    }
    let stays_alone = matches!(
        method,
        Some(
            Method::Message
                | Method::Options
                | Method::Publish
                | Method::Info
                | Method::Bye
                | Method::Ack
                | Method::Cancel
                | Method::Prack
                | Method::Update
        )
    );
    !stays_alone && !has_to_tag(message)
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
    let (facing_target, facing_sender) = tokens(core, fork, target, message);
    line(inner, &facing_target);
    if inner != outer || facing_target != facing_sender {
        line(outer, &facing_sender);
    }
}

/// Whether our own route lies right below: the main registrar has passed a request between two of our
/// devices on, and wants to hear no more of them.
fn is_left_alone(core: &Core, message: &Message<'_>) -> bool {
    let below = message.values(Name::RecordRoute).next();
    let below = below.and_then(|value| Route::parse(value).ok());
    let user = below.and_then(|route| route.uri.user);
    user.is_some_and(|user| RouteToken::read(&core.keys, user).is_some())
}

/// What is said to the target's side and to the sender's: the device, which in a call with the main
/// registrar is the same for both.
fn tokens(
    core: &Core,
    fork: &Fork,
    target: &Target,
    message: &Message<'_>,
) -> (RouteToken, RouteToken) {
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
        SenderSide::Upstream(_) if is_left_alone(core, message) => {
            (device(NodeId::NONE), device(NodeId::NONE))
        }
        SenderSide::Upstream(node) => (device(node), device(node)),
    }
}
