//! midreg, as it is started for the demo.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use engine::policy::{DigestPolicy, DigestUser, Mode};
use sip::digest::{self, Algorithm};

use super::phone::{password, user_name};
use super::registrar::{REALM, Registrar};
use super::{DemoError, Options};
use crate::app::App;
use crate::config::{self, Config, Override, Typed, words};

/// How long a nonce may be answered where midreg gives it out: longer than a demo is watched.
const NONCE_LIFE: Duration = Duration::from_secs(86_400);

/// Starts it before this main registrar, or as the registrar itself.
pub(super) fn start(options: &Options, registrar: Option<&Registrar>) -> Result<App, DemoError> {
    let set = |text: &str| Override::Set(text.to_owned());
    let mut overrides = vec![
        Override::Mode(words::mode_name(options.mode).to_owned()),
        Override::Workers(options.workers.to_string()),
        Override::Listen(vec!["udp://127.0.0.1:0".to_owned()]),
        set("registration.min_expires=1"),
    ];
    match registrar {
        Some(registrar) => overrides.extend([
            Override::Upstream(vec![format!("sip:{}", registrar.address())]),
            set("upstream.expires=7200"),
            set("upstream.control_bind=udp://127.0.0.1:0"),
        ]),
        None => overrides.push(set("registration.accept=anybody")),
    }
    let loaded = config::load(&Typed {
        file: None,
        overrides,
    });
    let faults = |faults: config::Faults| io::Error::other(faults.render(config::Look::Plain));
    let mut config = loaded.map_err(faults)?.config;
    if options.mode == Mode::Standalone {
        give_users(&mut config, options.cast().users());
    }
    let app = App::start(config).map_err(DemoError::Start)?;
    if let (Some(registrar), Some(control)) = (registrar, app.listeners().last()) {
        registrar.trust(*control);
    }
    Ok(app)
}

/// Has midreg itself know the passwords of all users.
fn give_users(config: &mut Config, count: usize) {
    let mut users: Vec<DigestUser> = (0..count)
        .map(|user| {
            let (name, md5) = (user_name(user), Algorithm::Md5);
            let password = password(name.as_bytes());
            let ha1 = digest::ha1(md5, name.as_bytes(), REALM.as_bytes(), password.as_bytes());
            DigestUser {
                name: name.into(),
                ha1: vec![(md5, ha1)],
            }
        })
        .collect();
    users.sort_by(|a, b| a.name.cmp(&b.name));
    config.domain.digest = Some(Arc::new(DigestPolicy {
        realm: REALM.to_owned(),
        algorithms: vec![Algorithm::Md5],
        nonce_life: NONCE_LIFE,
        users,
    }));
}
