//! midreg without a main registrar: whether it starts, and what it says of itself.

use crate::rig::{DOMAIN, Midreg};

#[test]
fn midreg_that_knows_its_users_starts_alone() {
    let realm = format!("digest.realm={DOMAIN}");
    let midreg = Midreg::alone(&[
        &realm,
        "digest.users.0.name=alice",
        "digest.users.0.password=pw-alice",
        "log.level=trace",
    ]);

    let log = midreg.log();
    let says = |text: &str| log.iter().any(|line| line.contains(text));
    assert!(says("mode=\"standalone\""), "{log:?}");
    assert!(!says("pw-alice"), "{log:?}");
}

#[test]
fn midreg_that_would_accept_anybody_starts_on_demand_only() {
    let why = Midreg::refuses_alone(&[]);
    assert!(
        why.iter()
            .any(|line| line.contains("anybody could register")),
        "{why:?}"
    );

    Midreg::alone(&["registration.accept=anybody"]);
}
