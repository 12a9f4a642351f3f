//! Lines as they come out, with a subscriber of the test's own.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use engine::event::{AorText, RemovalCause};
use engine::{Event, NodeId, Policy};
use serde_json::Value;
use tracing::{Level, debug, info};
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::config::{LogFormat, Redact};

/// What was written.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Page {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// The lines that are written while `work` is done under a dial.
fn written(dial: &Dial, work: impl FnOnce()) -> Vec<String> {
    let page = Page::default();
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Form::new(dial.clone()))
        .with_ansi(false)
        .with_writer(page.clone())
        .with_filter(dial.clone());
    let subscriber = tracing_subscriber::registry().with(lines);
    tracing::subscriber::with_default(subscriber, work);
    let bytes = page.0.lock().expect("whole").clone();
    let text = String::from_utf8(bytes).expect("a text");
    text.lines().map(str::to_owned).collect()
}

fn config(format: LogFormat) -> LogConfig {
    LogConfig {
        format,
        ..LogConfig::default()
    }
}

/// A line of text without its time.
fn without_time(line: &str) -> &str {
    line.split_once(' ').map_or("", |(_, rest)| rest)
}

fn something() {
    info!(target: "upstream", upstream = "sip:pbx", after_s = 7, up = true, "upstream \"up\"");
}

#[test]
fn people_and_programs_are_told_the_same() {
    let human = written(&Dial::new(&config(LogFormat::Human)), something);
    assert_eq!(human.len(), 1);
    assert_eq!(
        without_time(&human[0]),
        " INFO upstream: upstream \"up\" upstream=\"sip:pbx\" after_s=7 up=true"
    );
    let json = written(&Dial::new(&config(LogFormat::Json)), something);
    let mut line: Value = serde_json::from_str(&json[0]).expect("JSON");
    let time = line["timestamp"].take();
    assert!(
        time.as_str().is_some_and(|time| time.ends_with('Z')),
        "{time}"
    );
    assert_eq!(
        line,
        serde_json::json!({
            "timestamp": null, "level": "INFO", "part": "upstream",
            "message": "upstream \"up\"", "upstream": "sip:pbx", "after_s": 7, "up": true,
        })
    );
}

#[test]
fn each_part_has_its_own_level_and_form_and_both_may_change() {
    let dial = Dial::new(&config(LogFormat::Human));
    let work = || {
        let both = |number: u8| {
            debug!(target: "call", number, "ring");
            debug!(target: "register", number, "phone");
        };
        both(1);
        dial.turn("call", "debug").expect("turned");
        both(2);
        dial.turn("all", "debug").expect("turned");
        both(3);
        dial.follow(&config(LogFormat::Json));
        both(4);
        info!(target: "call", "json");
    };
    let lines = written(&dial, work);
    let told: Vec<&str> = lines.iter().map(|line| without_time(line)).collect();
    let [two, three, phone, json] = told[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(
        [two, three, phone],
        [
            "DEBUG call: ring number=2",
            "DEBUG call: ring number=3",
            "DEBUG register: phone number=3"
        ]
    );
    assert_eq!(json, "", "a line of JSON has no spaces: {lines:?}");
}

/// Every event that names somebody, told at the deepest level.
#[test]
fn who_is_hidden_is_shown_in_no_event() {
    let source = SocketAddr::from(([192, 0, 2, 77], 5062));
    let aor = || AorText::from("alice@example.org");
    let binding = engine::BindingId {
        slot: engine::Slot(0),
        index: 0,
        generation: 0,
    };
    let node = NodeId(7);
    let cause = RemovalCause::Kicked;
    let events = [
        Event::ChallengeRelayed { aor: aor(), source },
        Event::BindingRemoved {
            aor: aor(),
            binding,
            cause,
        },
        Event::RegisterRejected {
            aor: aor(),
            source,
            status: 403,
        },
        Event::RegisterRefused {
            source,
            status: 400,
            reason: "x",
        },
        Event::UnchallengedRegistration { aor: aor(), source },
        Event::UpstreamWantsCredentials { source },
        Event::LeaseLost {
            aor: aor(),
            binding,
            node,
        },
        Event::SiblingsUnlisted { aor: aor(), node },
    ];
    let tell = |redact: Redact| {
        let mut config = config(LogFormat::Json);
        config.level = Level::TRACE;
        let redactor = Arc::new(Redactor::new(&[1; 32], redact));
        let mut teller = Teller::new(Arc::new(Policy::default()), redactor);
        let lines = written(&Dial::new(&config), || {
            events.iter().for_each(|event| teller.tell(event));
        });
        assert_eq!(lines.len(), events.len());
        lines.join("\n")
    };
    let hidden = tell(Redact {
        users: true,
        addresses: true,
    });
    assert!(
        !hidden.contains("alice") && !hidden.contains("192.0.2"),
        "{hidden}"
    );
    let shown = tell(Redact::default());
    let counts = [("alice@example.org", 6), ("192.0.2.77:5062", 5)];
    for (text, count) in counts {
        assert_eq!(shown.matches(text).count(), count, "{text} in {shown}");
    }
}
