//! House: one log line, as a JSON object.
//!
//! `{"timestamp", "level", "target", "message", …}`: the fields of the event stand beside its message,
//! and after them those of the spans around it, such as the request's id, from the inside out. A
//! name that is taken already is left out: a line has no two fields of one name.

use std::{
    fmt::{self, Debug, Display},
    io::Write,
    time::SystemTime,
};

use serde::Serialize;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{sink::Sink, syslog::Header};

/// More than most lines need.
const LENGTH: usize = 512;

/// Writes each event as one line.
pub(super) struct Lines {
    sink: Sink,
    /// What stands before the object, where lines are messages to a syslog server.
    syslog: Option<Header>,
}

impl Lines {
    pub fn new(sink: Sink, syslog: Option<Header>) -> Self {
        Self { sink, syslog }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = SpanFields::default();
        attributes.record(&mut Each(|name, value: Value<'_>| fields.put(name, value)));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<SpanFields>()
        {
            values.record(&mut Each(|name, value: Value<'_>| fields.put(name, value)));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Vec::with_capacity(LENGTH);
        // What comes from the `log` crate is an event of one kind, whose real origin is in its fields.
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let now = humantime::format_rfc3339_micros(SystemTime::now());
        if let Some(header) = &self.syslog {
            header.write(&mut line, *metadata.level(), &now);
        }

        let mut object = Object::begin(&mut line);
        object.put_plain("timestamp", &now);
        object.put("level", Value::Text(metadata.level().as_str()));
        object.put("target", Value::Text(metadata.target()));
        event.record(&mut Each(|name, value: Value<'_>| object.put(name, value)));
        let spans = context.event_scope(event).into_iter().flatten();
        for span in spans {
            if let Some(fields) = span.extensions().get::<SpanFields>() {
                for (name, value) in &fields.0 {
                    object.put_json(name, value);
                }
            }
        }
        object.end();
        self.sink.push(&line);
    }
}

/// A JSON object that is being written.
struct Object<'a> {
    line: &'a mut Vec<u8>,
    names: Vec<&'static str>,
}

impl<'a> Object<'a> {
    fn begin(line: &'a mut Vec<u8>) -> Self {
        line.push(b'{');
        Self {
            line,
            names: Vec::with_capacity(16),
        }
    }

    /// Writes a field, if its name is not taken.
    fn put(&mut self, name: &'static str, value: Value<'_>) {
        if self.name(name) {
            value.write(self.line);
        }
    }

    /// Writes a field whose value needs no escape.
    fn put_plain(&mut self, name: &'static str, value: &impl Display) {
        if self.name(name) {
            write!(self.line, "\"{value}\"").expect("a vector takes whatever is written");
        }
    }

    /// Writes a field whose value is JSON already.
    fn put_json(&mut self, name: &'static str, value: &[u8]) {
        if self.name(name) {
            self.line.extend_from_slice(value);
        }
    }

    fn name(&mut self, name: &'static str) -> bool {
        if is_internal(name) || self.names.contains(&name) {
            return false;
        }
        if !self.names.is_empty() {
            self.line.push(b',');
        }
        self.names.push(name);
        write_text(self.line, name);
        self.line.push(b':');
        true
    }

    fn end(self) {
        self.line.extend_from_slice(b"}\n");
    }
}

/// The fields of a span: names, and values in JSON.
#[derive(Default)]
struct SpanFields(Vec<(&'static str, Vec<u8>)>);

impl SpanFields {
    fn put(&mut self, name: &'static str, value: Value<'_>) {
        if is_internal(name) {
            return;
        }
        let mut json = Vec::with_capacity(40);
        value.write(&mut json);
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = json,
            None => self.0.push((name, json)),
        }
    }
}

/// Hands every field on: its name and its value.
struct Each<F>(F);

impl<F: FnMut(&'static str, Value<'_>)> Visit for Each<F> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0(field.name(), Value::Text(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0(field.name(), Value::Integer(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0(field.name(), Value::Natural(value));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0(field.name(), Value::Number(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0(field.name(), Value::Truth(value));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0(field.name(), Value::Shown(value));
    }
}

/// A field's value.
enum Value<'a> {
    Text(&'a str),
    Integer(i64),
    Natural(u64),
    Number(f64),
    Truth(bool),
    /// Whatever has a `Debug`, as a string.
    Shown(&'a dyn Debug),
}

impl Value<'_> {
    fn write(&self, line: &mut Vec<u8>) {
        match self {
            Self::Text(value) => write_text(line, value),
            Self::Integer(value) => write_json(line, value),
            Self::Natural(value) => write_json(line, value),
            Self::Number(value) => write_json(line, value),
            Self::Truth(value) => write_json(line, value),
            Self::Shown(value) => write_shown(line, value),
        }
    }
}

/// Whether a field is meant for other eyes: the exporter of traces, or the bridge from the `log` crate.
fn is_internal(name: &str) -> bool {
    name.starts_with("otel.") || name.starts_with("log.")
}

/// Writes text as a JSON string.
fn write_text(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    escape(line, text);
    line.push(b'"');
}

/// Writes the inside of a JSON string. Most texts have nothing to be escaped, and are copied.
fn escape(line: &mut Vec<u8>, text: &str) {
    let is_special = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    if !text.as_bytes().iter().any(is_special) {
        line.extend_from_slice(text.as_bytes());
        return;
    }
    let start = line.len();
    write_json(line, text);
    line.pop();
    line.remove(start);
}

fn write_json(line: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(line, value).expect("strings and numbers are always JSON");
}

/// Writes what a `Debug` says as a JSON string; the beginning of it, where it fails.
fn write_shown(line: &mut Vec<u8>, value: &dyn Debug) {
    line.push(b'"');
    let _ = fmt::write(&mut Escaped(line), format_args!("{value:?}"));
    line.push(b'"');
}

/// The inside of a JSON string.
struct Escaped<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}
