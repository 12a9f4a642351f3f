//! `Form`: how a line looks, for people or for programs.
//!
//! Both say the same: time, level, part, message, and what is told beside it by name.

use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::dial::Dial;
use super::part::Part;
use crate::config::LogFormat;

/// Writes lines in the form that a dial says.
#[derive(Debug)]
pub(super) struct Form {
    dial: Dial,
}

impl Form {
    pub(super) const fn new(dial: Dial) -> Self {
        Self { dial }
    }
}

impl<S, N> FormatEvent<S, N> for Form
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (level, part) = (
            *event.metadata().level(),
            Part::of_target(event.metadata().target()),
        );
        match self.dial.format() {
            LogFormat::Human => {
                SystemTime.format_time(&mut writer)?;
                write_level(&mut writer, level)?;
                write!(writer, "{}: ", part.name())?;
                context.format_fields(writer.by_ref(), event)?;
            }
            LogFormat::Json => {
                let mut time = String::new();
                SystemTime.format_time(&mut Writer::new(&mut time))?;
                write!(writer, "{{\"timestamp\":\"{time}\",\"level\":\"{level}\",")?;
                write!(writer, "\"part\":\"{}\"", part.name())?;
                let mut fields = JsonFields {
                    writer: writer.by_ref(),
                    result: Ok(()),
                };
                event.record(&mut fields);
                fields.result?;
                writer.write_char('}')?;
            }
        }
        writeln!(writer)
    }
}

/// A level of five columns, coloured on a terminal.
fn write_level(writer: &mut Writer<'_>, level: Level) -> fmt::Result {
    if !writer.has_ansi_escapes() {
        return write!(writer, " {level:>5} ");
    }
    let colour = match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    };
    write!(writer, " \x1b[{colour}m{level:>5}\x1b[0m ")
}

/// Writes each field as a member of an object that has members already.
struct JsonFields<'w> {
    writer: Writer<'w>,
    result: fmt::Result,
}

impl JsonFields<'_> {
    fn write(&mut self, field: &Field, value: &Value) {
        let name = Value::from(field.name());
        if self.result.is_ok() {
            self.result = write!(self.writer, ",{name}:{value}");
        }
    }
}

impl Visit for JsonFields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, &Value::from(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, &Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, &Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, &Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, &Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, &Value::from(value));
    }
}
