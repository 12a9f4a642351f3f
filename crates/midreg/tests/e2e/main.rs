//! midreg between real programs: SIPp and baresip as phones, Kamailio as the main registrar, all on loopback.
//!
//! `rig` starts and reads the programs; every other module is one story. `straight` leaves midreg out and pins what the
//! programs do by themselves, so that a failure elsewhere is midreg's. The programs come from `.ci/install`;
//! docs/testing.md tells how the rig works.

mod absorption;
mod call_order;
mod calls;
mod control;
mod domains;
mod first_registration;
mod grants;
mod in_dialog;
mod ipv6;
mod leaving;
mod lifecycle;
mod local_digest;
mod logs;
mod messages;
mod outage;
mod own_requests;
mod path_insertion;
mod qualify;
mod reload;
mod rig;
mod several_contacts;
mod shared_lease;
mod softphone;
mod standalone;
mod standalone_calls;
mod standalone_registration;
mod straight;
mod strangers;
