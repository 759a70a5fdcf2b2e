//! House: what collectors of traces get to know about a span.
//!
//! It is no part of the span's own fields: those stand in every log line.

use std::fmt::Arguments;

use axum::http::{HeaderMap, StatusCode};
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::{Status, TraceContextExt},
};
use opentelemetry_http::HeaderInjector;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field::display};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::super::{metrics::calls::Outcome, trail::Trail};

/// Notes what a span is about, and that it goes on where `trail` came from. Nothing happens where
/// nobody exports spans.
pub fn begin(
    span: &Span,
    trail: Option<&Trail>,
    name: Arguments<'_>,
    about: &[(&'static str, &str)],
) {
    if let Some(trail) = trail {
        let parent = match trail.trace_id() {
            Some(_) => TraceContextPropagator::new().extract(trail),
            None => Context::new(),
        };
        if span.set_parent(parent).is_err() {
            return;
        }
    }
    span.record("otel.name", display(name));
    for (key, value) in about {
        span.set_attribute(*key, (*value).to_owned());
    }
    if trail.is_some() {
        let trace = span.context().span().span_context().trace_id();
        span.record("trace_id", display(trace));
    }
}

/// Notes the status of an answer. What the service is to blame for is an error.
pub fn end(span: &Span, status: u16) {
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}

/// Notes the status that the back-end answered a call with, or else why there is none. What the
/// back-end is to blame for is an error.
pub fn end_call(span: &Span, status: Option<StatusCode>, outcome: Outcome) {
    match status {
        Some(status) => {
            span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
        }
        None => span.set_attribute("error.type", outcome.label()),
    }
    if outcome.is_fault() {
        span.set_status(Status::error(""));
    }
}

/// Writes the span's place in its trace into the headers of a request to somebody else.
pub fn pass_on(span: &Span, headers: &mut HeaderMap) {
    let context = span.context();
    TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(headers));
}

impl Extractor for Trail {
    fn get(&self, name: &str) -> Option<&str> {
        self.header(name)
    }

    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}
