//! The network as the shards use it: batched UDP, readiness, and the sockets of our listeners.

pub mod epoll;
pub mod listener;
pub mod listeners;
pub mod sender;
pub mod udp_batch;
