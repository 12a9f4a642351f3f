//! Whether both sides hold the same, in whatever way the mode has the main registrar hold it.

use engine::policy::Mode;
use midreg_sim::World;

use crate::leased;

/// Both sides hold the same devices: each under its token, or all under the AoR's one contact.
pub(crate) fn agree(world: &World, aor: &str) {
    let held = world.held(aor);
    let shared = format!("sip:{}@", aor.replace('@', "%40"));
    if held.iter().any(|held| held.uri.starts_with(&shared)) {
        assert_eq!(held.len(), 1, "{held:?}");
        assert!(!world.bound(aor).is_empty(), "held for nobody: {held:?}");
    } else {
        assert_eq!(world.held_tokens(aor), world.tokens(aor));
    }
}

/// How many contacts the main registrar holds for so many devices of a user.
pub(crate) fn held_for(devices: usize) -> usize {
    match leased().domain.mode {
        Mode::Aor => devices.min(1),
        _ => devices,
    }
}
