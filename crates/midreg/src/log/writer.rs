//! `LineWriter`: gives lines to a thread that writes them.
//!
//! Writing must never hold a shard up: lines go through a bounded queue, and are dropped and counted
//! when the writing thread cannot keep up.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use super::dial::Dial;
use crate::config::LogFormat;

/// Lines that may wait to be written.
const QUEUE: usize = 8192;

/// How long the end of the process waits for lines still unwritten.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Keeps the writing thread going; when it is dropped, what waits is written.
#[derive(Debug)]
pub struct Guard {
    queue: SyncSender<Line>,
}

/// Starts the thread that writes to standard error.
pub(super) fn start(dial: Dial) -> io::Result<(Guard, LineWriter)> {
    let (queue, lines) = sync_channel(QUEUE);
    let dropped = Arc::new(AtomicU64::new(0));
    let writer = LineWriter {
        queue: queue.clone(),
        dropped: Arc::clone(&dropped),
    };
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_lines(&lines, &dropped, &dial, &mut io::stderr()))?;
    Ok((Guard { queue }, writer))
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Line::Last(done)).is_ok() {
            let _ = written.recv_timeout(LAST_WORDS);
        }
    }
}

#[derive(Debug)]
enum Line {
    Text(Vec<u8>),
    /// Everything before it is written when this is answered.
    Last(SyncSender<()>),
}

/// Gives each line to the writing thread, or drops it.
#[derive(Clone, Debug)]
pub(super) struct LineWriter {
    queue: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
}

impl<'w> MakeWriter<'w> for LineWriter {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Line::Text(line.to_vec())) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes until all senders are gone. Errors are ignored: there is nobody left to tell.
fn write_lines(lines: &Receiver<Line>, dropped: &AtomicU64, dial: &Dial, out: &mut impl Write) {
    for line in lines {
        match line {
            Line::Text(text) => {
                let _ = out.write_all(&text);
            }
            Line::Last(done) => {
                let _ = done.try_send(());
            }
        }
        let count = dropped.swap(0, Ordering::Relaxed);
        if count > 0 {
            let _ = match dial.format() {
                LogFormat::Human => writeln!(out, "WARN main: {count} log lines dropped"),
                LogFormat::Json => {
                    writeln!(
                        out,
                        r#"{{"level":"WARN","part":"main","message":"log lines dropped","count":{count}}}"#
                    )
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogConfig;

    fn dial(format: LogFormat) -> Dial {
        Dial::new(&LogConfig {
            format,
            ..LogConfig::default()
        })
    }

    #[test]
    fn a_full_queue_drops_and_counts_instead_of_waiting() {
        let (queue, lines) = sync_channel(2);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut writer = LineWriter {
            queue,
            dropped: Arc::clone(&dropped),
        };
        for text in ["a\n", "b\n", "c\n", "d\n"] {
            assert_eq!(writer.write(text.as_bytes()).expect("taken"), 2);
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
        drop(writer);
        let mut out = Vec::new();
        write_lines(&lines, &dropped, &dial(LogFormat::Human), &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "a\nWARN main: 2 log lines dropped\nb\n"
        );
    }

    #[test]
    fn the_last_line_is_answered_after_all_before_it() {
        let (queue, lines) = sync_channel(8);
        let (done, written) = sync_channel(1);
        queue.send(Line::Text(b"a\n".to_vec())).expect("room");
        queue.send(Line::Last(done)).expect("room");
        drop(queue);
        let mut out = Vec::new();
        let dial = dial(LogFormat::Json);
        write_lines(&lines, &AtomicU64::new(0), &dial, &mut out);
        assert_eq!(
            (written.try_recv(), out.as_slice()),
            (Ok(()), b"a\n".as_slice())
        );
    }
}
