//! The attributes of spans, for collectors of traces.
//!
//! They are not fields of the span, since those are in every log line.

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

use crate::{metrics::calls::Outcome, request_context::RequestContext};

/// Sets the attributes of a span, and its parent in the trace of `context`. Does nothing where no spans are
/// exported.
pub fn begin(
    span: &Span,
    context: Option<&RequestContext>,
    name: Arguments<'_>,
    about: &[(&'static str, &str)],
) {
    if let Some(context) = context {
        let parent = match context.trace_id() {
            Some(_) => TraceContextPropagator::new().extract(context),
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
    if context.is_some() {
        let trace = span.context().span().span_context().trace_id();
        span.record("trace_id", display(trace));
    }
}

/// Records the status of an answer: 500 and above is an error of the service.
pub fn end(span: &Span, status: u16) {
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}

/// Records the status that the back-end answered a call with, or else why there is none. A fault of the
/// back-end is an error.
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

/// Writes the span's trace context into the headers of an outgoing request.
pub fn pass_on(span: &Span, headers: &mut HeaderMap) {
    let context = span.context();
    TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(headers));
}

impl Extractor for RequestContext {
    fn get(&self, name: &str) -> Option<&str> {
        self.header(name)
    }

    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}
