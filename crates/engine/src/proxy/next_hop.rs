//! The way to the main registrar for requests that are no REGISTER: to the node that a Route or a
//! Request-URI names, if it is one of its addresses, and to nobody else.

use core::net::{IpAddr, SocketAddr};

use sip::{Host, Uri};

use crate::core::Core;
use crate::flow::Flow;
use crate::ids::{AorHash, NodeId};
use crate::peer;
use crate::policy::{Server, UpstreamPolicy};
use crate::proxy::ourselves::names;

/// The first port that a main registrar may name of which we were not told.
const FIRST_PORT: u16 = 1024;

/// A node and the way to it.
pub(crate) type NextHop = (NodeId, Flow);

/// The way to where `uri` leads, if that is the main registrar; else to `node`, or while that is not
/// there to the one that suits the AoR.
pub(crate) fn to(
    core: &Core,
    uri: Option<&Uri<'_>>,
    node: NodeId,
    aor: AorHash,
) -> Option<NextHop> {
    let upstream = &core.policy.upstream;
    uri.and_then(|uri| named(upstream, uri, node))
        .or_else(|| reachable(core, node))
        .or_else(|| {
            let node = core.peers.choose(upstream, aor)?;
            Some((node, peer::address(upstream, node)?))
        })
}

/// The way to any node.
pub(crate) fn any(core: &Core) -> Option<NextHop> {
    let upstream = &core.policy.upstream;
    let node = core.peers.choose(upstream, AorHash(0))?;
    Some((node, peer::address(upstream, node)?))
}

/// Which node a request came from: the one of the very address, or of the host.
pub(crate) fn sender(core: &Core, flow: &Flow) -> NodeId {
    let servers = &core.policy.upstream.servers;
    let at = |wanted: &dyn Fn(SocketAddr) -> bool| {
        let mut there = servers.iter();
        there.find(|server| server.address.is_some_and(wanted))
    };
    let exact = at(&|address| address == flow.remote);
    let host = || at(&|address| address.ip() == flow.remote.ip());
    match exact.or_else(host).or_else(|| servers.first()) {
        Some(server) => server.node(),
        // From a trusted network, and no server at all: anything but none.
        None => NodeId(1),
    }
}

fn reachable(core: &Core, node: NodeId) -> Option<NextHop> {
    let flow = peer::address(&core.policy.upstream, node)?;
    core.peers.is_up(node).then_some((node, flow))
}

/// The way to where `uri` leads, if that is an address of the main registrar's. Devices say so, too:
/// nothing of theirs goes to the services of its host below [`FIRST_PORT`], unless that is its own.
fn named(upstream: &UpstreamPolicy, uri: &Uri<'_>, node: NodeId) -> Option<NextHop> {
    let listener = |server: Option<&Server>| {
        let server = server.or_else(|| upstream.server(node))?;
        Some((server.node(), server.listener))
    };
    let ip = match uri.host {
        Host::V4(ip) => IpAddr::V4(ip),
        Host::V6(ip) => IpAddr::V6(ip).to_canonical(),
        Host::Name(_) => {
            let mut servers = upstream.servers.iter();
            let server = servers.find(|server| is_host_of(server, &uri.host))?;
            return Some((server.node(), Flow::udp(server.listener, server.address?)));
        }
    };
    if !peer::is_upstream(upstream, ip) {
        return None;
    }
    let there = |server: &&Server| server.address.is_some_and(|address| address.ip() == ip);
    let (node, listener) = listener(upstream.servers.iter().find(there))?;
    let remote = SocketAddr::new(ip, uri.port.unwrap_or(5060));
    let mut servers = upstream.servers.iter();
    let is_known = servers.any(|server| server.address == Some(remote));
    (is_known || remote.port() >= FIRST_PORT).then(|| (node, Flow::udp(listener, remote)))
}

/// Whether a server is configured under this host name.
fn is_host_of(server: &Server, host: &Host<'_>) -> bool {
    let uri = Uri::parse(server.name.as_bytes()).ok();
    let Some(Host::Name(name)) = uri.map(|uri| uri.host) else {
        return false;
    };
    core::str::from_utf8(name).is_ok_and(|name| names(host, name))
}
