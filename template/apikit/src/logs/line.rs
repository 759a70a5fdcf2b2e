//! One log line, as a JSON object.
//!
//! `{"timestamp", "level", "target", "message", …}`: the fields of the event follow its message,
//! and then those of the spans around it, such as the request's id, from the inside out. Of two
//! fields with one name, the first stays.

use std::{
    cell::{Cell, RefCell},
    fmt::Debug,
    io::Write,
    ops::Range,
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use tracing::{
    Event, Level, Metadata, Subscriber,
    callsite::Identifier,
    field::{Field, FieldSet, Visit},
    span::{Attributes, Id, Record},
};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{
    json::{Value, write_text},
    sink::Sink,
    syslog::Header,
};

/// More bytes than nearly all lines need: the memory of a longer one is freed.
const LENGTH: usize = 4096;

/// More bytes than most fields of a span need.
const ROOM: usize = 64;

/// The fields that every line begins with.
const BEFORE: [&str; 3] = ["timestamp", "level", "target"];

/// A time such as `2026-01-31T12:00:00.123456Z`.
type Timestamp = [u8; 27];

thread_local! {
    /// The second of the last line, and its timestamp: the next one differs little.
    static LAST: Cell<(u64, Timestamp)> = const { Cell::new((0, *b"1970-01-01T00:00:00.000000Z")) };

    /// The memory of the last line, for the next one.
    static MEMORY: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Writes each event as one line.
pub(super) struct Lines {
    sink: Sink,
    /// The header before the object, where lines are messages to a syslog server.
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
        attributes.record(&mut Each(|field: &Field, value: Value<'_>| {
            fields.put(field, value)
        }));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<SpanFields>()
        {
            values.record(&mut Each(|field: &Field, value: Value<'_>| {
                fields.put(field, value)
            }));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // A thread that ends may still log.
        let mut line = MEMORY.try_with(Cell::take).unwrap_or_default();
        let now = timestamp(SystemTime::now());
        let now = str::from_utf8(&now).expect("it is ASCII");
        // Events from the `log` crate have one call site; their real origin is in their fields.
        let origin = match event.normalized_metadata() {
            Some(metadata) => Rc::new(Origin::of(&metadata, event.metadata())),
            None => Origin::known(event.metadata()),
        };
        if let Some(header) = &self.syslog {
            header.write(&mut line, origin.level, now);
        }

        line.extend_from_slice(b"{\"timestamp\":\"");
        line.extend_from_slice(now.as_bytes());
        line.extend_from_slice(&origin.head);
        event.record(&mut Each(|field: &Field, value: Value<'_>| {
            if let Some(key) = &origin.keys[field.index()] {
                line.extend_from_slice(key);
                value.write(&mut line);
            }
        }));
        let mut names = SmallVec::<[_; 8]>::new();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<SpanFields>() {
                for (name, field) in fields.iter() {
                    if !origin.has(name) && !names.contains(&name) {
                        names.push(name);
                        line.extend_from_slice(field);
                    }
                }
            }
        }
        line.extend_from_slice(b"}\n");
        self.sink.push(&line);
        line.clear();
        line.shrink_to(LENGTH);
        let _ = MEMORY.try_with(|memory| memory.set(line));
    }
}

/// What all lines of one call site have in common, made once in each thread.
struct Origin {
    level: Level,
    /// The line between the timestamp and the fields.
    head: Vec<u8>,
    names: &'static FieldSet,
    /// The name of each field as JSON, with comma and colon; none for those that are left out.
    keys: Vec<Option<Vec<u8>>>,
}

thread_local! {
    static ORIGINS: RefCell<FxHashMap<Identifier, Rc<Origin>>> = RefCell::default();
}

impl Origin {
    fn known(metadata: &'static Metadata<'static>) -> Rc<Self> {
        let origin = || Rc::new(Self::of(metadata, metadata));
        let known = ORIGINS.try_with(|origins| {
            let mut origins = origins.borrow_mut();
            let known = origins.entry(metadata.callsite());
            known.or_insert_with(origin).clone()
        });
        // A thread that ends may have lost its thread-locals.
        known.unwrap_or_else(|_| origin())
    }

    /// The origin `metadata`, of events with the fields of `event`.
    fn of(metadata: &Metadata<'_>, event: &'static Metadata<'static>) -> Self {
        let mut head = b"\"".to_vec();
        head.extend_from_slice(&key("level"));
        write_text(&mut head, metadata.level().as_str());
        head.extend_from_slice(&key("target"));
        write_text(&mut head, metadata.target());
        let mut taken = BEFORE.to_vec();
        let mut key = |field: Field| {
            let name = field.name();
            let is_free = !is_internal(name) && !taken.contains(&name);
            taken.push(name);
            is_free.then(|| key(name))
        };
        Self {
            level: *metadata.level(),
            head,
            names: event.fields(),
            keys: event.fields().iter().map(&mut key).collect(),
        }
    }

    /// Whether the event itself has a field of this name.
    fn has(&self, name: &str) -> bool {
        BEFORE.contains(&name) || self.names.iter().any(|field| field.name() == name)
    }
}

/// A name as JSON, with the comma before it and the colon behind it.
fn key(name: &str) -> Vec<u8> {
    let mut key = b",".to_vec();
    write_text(&mut key, name);
    key.push(b':');
    key
}

/// The fields of a span: their names, and their places in `fields`, which is JSON without braces.
#[derive(Default)]
struct SpanFields {
    names: SmallVec<[(&'static str, Range<usize>); 2]>,
    fields: Vec<u8>,
}

impl SpanFields {
    fn put(&mut self, field: &Field, value: Value<'_>) {
        let name = field.name();
        if is_internal(name) {
            return;
        }
        self.fields.reserve(ROOM);
        let start = self.fields.len();
        self.fields.extend_from_slice(b",");
        write_text(&mut self.fields, name);
        self.fields.push(b':');
        value.write(&mut self.fields);
        let place = start..self.fields.len();
        match self.names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = place,
            None => self.names.push((name, place)),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let field = |place: &Range<usize>| &self.fields[place.clone()];
        self.names
            .iter()
            .map(move |(name, place)| (*name, field(place)))
    }
}

/// Calls a function for every field and its value.
struct Each<F>(F);

impl<F: FnMut(&Field, Value<'_>)> Visit for Each<F> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0(field, Value::Text(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0(field, Value::Integer(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0(field, Value::Natural(value));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0(field, Value::Number(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0(field, Value::Truth(value));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0(field, Value::Shown(value));
    }
}

/// Whether a field is not for log lines, but for the exporter of traces or the bridge from the `log` crate.
fn is_internal(name: &str) -> bool {
    name.starts_with("otel.") || name.starts_with("log.")
}

/// `now` in UTC. The date is formatted once a second.
fn timestamp(now: SystemTime) -> Timestamp {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (mut second, mut text) = LAST.get();
    if since.as_secs() != second {
        second = since.as_secs();
        let date = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(second));
        let _ = write!(&mut text[..20], "{date}");
        text[19] = b'.';
        LAST.set((second, text));
    }
    let mut rest = since.subsec_micros();
    for digit in text[20..26].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    text
}
