//! Users whose passwords midreg knows, before a main registrar: phones prove themselves to midreg, and midreg to the main
//! registrar with credentials of its own.

use crate::rig::{DOMAIN, Kamailio, Midreg, Mode, PROMPT, Phone, Script, Settings, Verdict};

use Verdict::{Authenticated, Challenged};

/// What the phones are asked in; the main registrar asks in another realm, and for another password.
const REALM: &str = "edge.test";

/// alice's password is here "edge-secret", there "pw-alice". SIPp answers MD5 only.
fn edge(mode: Mode, kamailio: &Kamailio) -> Midreg {
    let realm = format!("digest.realm={REALM}");
    let upstream = format!("upstream.credentials.0.realm={DOMAIN}");
    let settings = [
        realm.as_str(),
        "digest.algorithms=MD5",
        "digest.users.0.name=alice",
        "digest.users.0.password=edge-secret",
        upstream.as_str(),
        "upstream.credentials.0.user=alice",
        "upstream.credentials.0.password=pw-alice",
    ];
    Midreg::start(mode, kamailio.address(), &settings)
}

fn phone() -> Phone {
    Phone::with_password("alice", "edge-secret")
}

#[test]
fn phone_proves_itself_to_midreg_and_midreg_to_the_main_registrar_in_contact_mode() {
    phone_proves_itself_to_midreg_and_midreg_to_the_main_registrar(Mode::Contact);
}

#[test]
fn phone_proves_itself_to_midreg_and_midreg_to_the_main_registrar_in_aor_mode() {
    phone_proves_itself_to_midreg_and_midreg_to_the_main_registrar(Mode::Aor);
}

fn phone_proves_itself_to_midreg_and_midreg_to_the_main_registrar(mode: Mode) {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = edge(mode, &kamailio);
    let mut alice = phone();
    let contact = alice.contact(60);

    let challenge = alice.ask(&contact, 401, midreg.address());
    let realm = challenge.header("WWW-Authenticate").unwrap_or_default();
    assert!(realm.contains(&format!("realm=\"{REALM}\"")), "{realm}");
    assert_eq!(kamailio.registers(), [], "nobody has proved anything yet");

    let welcome = alice.register(60, midreg.address());
    assert_eq!(welcome.uris(), [alice.uri()]);
    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated]);
    assert_eq!(kamailio.contacts("alice").len(), 1);

    let refresh = Script::default().register(&contact).expect(200).times(3);
    alice.play(&refresh, midreg.address());
    assert_eq!(kamailio.registers().len(), 2, "absorbed");
}

#[test]
fn wrong_password_never_reaches_the_main_registrar() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = edge(Mode::Aor, &kamailio);
    let mut alice = phone();
    alice.register(60, midreg.address());
    let before = kamailio.registers();

    // The password for the main registrar is none here.
    for password in ["guess", "pw-alice"] {
        let mut mallory = Phone::with_password("alice", password);
        mallory.be_refused(60, midreg.address());
    }

    assert_eq!(kamailio.registers(), before);
    let refreshed = alice.ask(&alice.contact(60), 200, midreg.address());
    assert_eq!(refreshed.uris(), [alice.uri()]);
}

#[test]
fn second_phone_on_a_shared_lease_is_no_news_upstream() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = edge(Mode::Aor, &kamailio);
    let mut desk = phone();
    let mut hall = phone();
    desk.register(60, midreg.address());
    let before = kamailio.registers().len();

    let welcome = hall.register(60, midreg.address());

    assert_eq!(welcome.uris(), [hall.uri(), desk.uri()]);
    assert_eq!(kamailio.registers().len(), before);
    assert_eq!(kamailio.contacts("alice").len(), 1);

    desk.unregister(midreg.address());
    assert_eq!(kamailio.contacts("alice").len(), 1);
    hall.unregister(midreg.address());
    kamailio.wait_for_register("the removal of alice", PROMPT, |register| {
        register.verdict == Authenticated && register.is_removal()
    });
    assert_eq!(kamailio.contacts("alice"), []);
}
