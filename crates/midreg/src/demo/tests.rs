//! The whole demo, small, in every mode.

use std::sync::mpsc::{SyncSender, sync_channel};

use serde_json::Value;

use super::*;

const PHONES: usize = 40;

/// Keeps what is written, and tells to stop once a line says enough.
struct Audience {
    text: Vec<u8>,
    stop: SyncSender<()>,
    enough: fn(&Value) -> bool,
}

impl Write for Audience {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        let line = serde_json::from_slice(bytes).unwrap_or(Value::Null);
        if (self.enough)(&line) {
            let _ = self.stop.try_send(());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn options(mode: Mode, workers: u8, phones_per_user: usize) -> Options {
    let mut tempo = Tempo::of(Duration::from_secs(3), PHONES);
    // However slow the machine is, no phone expires that is not dead.
    tempo.expires = 60;
    Options {
        phones: PHONES,
        phones_per_user,
        tempo,
        mode,
        workers,
        style: Style::Json,
    }
}

/// Plays to the end, and gives what is said there.
fn play(options: &Options) -> (Outcome, Value, String) {
    let (stop, stopped) = sync_channel(1);
    let mut audience = Audience {
        text: Vec::new(),
        stop,
        enough: |_| false,
    };
    let outcome = run(options, &stopped, &mut audience).expect("a demo");
    let text = String::from_utf8(audience.text).expect("text");
    let last = text.lines().last().unwrap_or_default();
    let object: Value = serde_json::from_str(last).expect("an object");
    (outcome, object["summary"].clone(), text)
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// What holds in every mode.
fn check(outcome: Outcome, summary: &Value, text: &str) {
    assert!(outcome.is_good(), "{outcome:?}\n{text}");
    let living = number(&summary["registered"]) + number(&summary["died"]);
    assert_eq!(living, PHONES as u64, "{text}");
    let calls = &summary["calls"];
    assert!(number(&calls["answered"]) > 0, "{text}");
    for count in ["rang", "answered", "ended"] {
        assert_eq!(calls[count], calls["tried"], "{count}\n{text}");
    }
    assert_eq!(number(&calls["failed"]), 0, "{text}");
}

#[test]
fn refreshes_are_absorbed_in_contact_mode_by_one_worker_or_two() {
    for workers in [1, 2] {
        let (outcome, summary, text) = play(&options(Mode::Contact, workers, 1));
        check(outcome, &summary, &text);
        // The first REGISTER of each phone, and of each that restarted, and the answer to its
        // challenge.
        let asked = 2 * (PHONES as u64 + number(&summary["rebooted"]));
        assert_eq!(number(&summary["forwarded"]), asked, "{text}");
        assert!(
            number(&summary["absorbed"]) >= 3 * PHONES as u64 / 2,
            "{text}"
        );
        let contacts = &summary["main_registrar"]["contacts_ever"];
        assert_eq!(
            number(contacts),
            PHONES as u64,
            "no ghost of a restart\n{text}"
        );
    }
}

#[test]
fn the_phones_of_a_user_share_a_contact_in_aor_mode_and_ring_together() {
    for workers in [1, 2] {
        let (outcome, summary, text) = play(&options(Mode::Aor, workers, 2));
        check(outcome, &summary, &text);
        let asked = 2 * (PHONES as u64 + number(&summary["rebooted"]));
        assert_eq!(number(&summary["forwarded"]), asked, "{text}");
        let contacts = &summary["main_registrar"]["contacts_ever"];
        assert_eq!(number(contacts), PHONES as u64 / 2, "{text}");
        let calls = &summary["calls"];
        assert_eq!(calls["lost"], calls["answered"], "{text}");
    }
}

#[test]
fn everything_reaches_the_main_registrar_in_mirror_mode() {
    let (outcome, summary, text) = play(&options(Mode::Mirror, 1, 2));
    check(outcome, &summary, &text);
    assert_eq!(number(&summary["absorbed"]), 0, "{text}");
    // In contact mode it would be two for each phone, and two for each restart.
    let reached = number(&summary["main_registrar"]["registers"]);
    assert!(reached > 4 * PHONES as u64, "{text}");
}

#[test]
fn without_a_main_registrar_midreg_asks_for_passwords_and_routes_calls() {
    let (outcome, summary, text) = play(&options(Mode::Standalone, 1, 2));
    check(outcome, &summary, &text);
    assert_eq!(number(&summary["forwarded"]), 0, "{text}");
    assert_eq!(number(&summary["bindings"]), PHONES as u64, "{text}");
    assert!(number(&summary["absorbed"]) > 0, "{text}");
}

#[test]
fn who_stops_it_early_gets_the_summary_all_the_same() {
    let (stop, stopped) = sync_channel(1);
    let mut audience = Audience {
        text: Vec::new(),
        stop,
        enough: |line| line["registered"].as_u64().is_some_and(|count| count > 0),
    };
    let mut options = options(Mode::Aor, 1, 2);
    options.tempo.duration = Duration::from_secs(600);
    let outcome = run(&options, &stopped, &mut audience).expect("a demo");
    assert_eq!(outcome.end, End::Stopped);
    assert!(outcome.is_good());
    let text = String::from_utf8(audience.text).expect("text");
    assert!(
        text.lines()
            .last()
            .is_some_and(|line| line.contains("\"summary\"")),
        "{text}"
    );
}
