//! House: spans of requests, back-end calls and logins, for whoever collects them.
//!
//! They leave the process where the standard `OTEL_*` variables ask for it and the program was built
//! with the cargo feature `otlp`. Elsewhere, a request's place in a trace goes on to the back-end as
//! it came.

#[cfg(feature = "otlp")]
mod export;
#[cfg(feature = "otlp")]
mod spans;
#[cfg(not(feature = "otlp"))]
#[path = "no_spans.rs"]
mod spans;

use std::{
    env,
    pin::Pin,
    task::{Context, Poll},
};

use axum::http::{HeaderMap, Method, StatusCode};
use pin_project_lite::pin_project;
use tracing::{Dispatch, Span, dispatcher::get_default, error_span, field::Empty};

use super::{logs::Watcher, metadata::Metadata, metrics::calls::Outcome, trail::Trail};

#[cfg(feature = "otlp")]
use export::Export;

/// The variables that say where traces go.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// The target of spans that say nothing to the log: where nobody exports them, they are not made.
pub(super) const UNLOGGED: &str = "unlogged";

/// What becomes of the spans.
#[derive(Default)]
pub struct Traces {
    /// The variable that asks for them.
    asked_by: Option<&'static str>,
    #[cfg(feature = "otlp")]
    export: Option<Export>,
}

impl Traces {
    /// What the variables of the environment ask for, for the service with this metadata.
    ///
    /// # Errors
    /// One sentence, when they ask for what cannot be.
    #[cfg_attr(
        not(feature = "otlp"),
        expect(unused_variables, reason = "nobody tells who it is")
    )]
    pub fn from_environment(metadata: &Metadata) -> Result<Self, String> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let off = set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || set("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        let asked_by = ENDPOINTS.into_iter().find(|name| set(name).is_some());
        let asked_by = asked_by.filter(|_| !off);
        Ok(Self {
            asked_by,
            #[cfg(feature = "otlp")]
            export: match asked_by {
                Some(_) => Some(Export::start(None, metadata)?),
                None => None,
            },
        })
    }

    /// Traces for the collector at `endpoint`, such as `http://127.0.0.1:4318/v1/traces`.
    ///
    /// # Errors
    /// One sentence, when that is no URL.
    #[cfg(feature = "otlp")]
    pub fn to(endpoint: &str, metadata: &Metadata) -> Result<Self, String> {
        Ok(Self {
            asked_by: None,
            export: Some(Export::start(Some(endpoint), metadata)?),
        })
    }

    /// What must see all spans for them to be exported.
    pub fn watcher(&self) -> Option<Watcher> {
        #[cfg(feature = "otlp")]
        if let Some(export) = &self.export {
            return Some(export.watcher());
        }
        None
    }

    /// Says in the log what becomes of the spans, where somebody wants them.
    pub fn announce(&self) {
        match self.asked_by {
            Some(variable) if cfg!(feature = "otlp") => {
                tracing::info!(variable, "traces are exported");
            }
            Some(variable) => tracing::warn!(
                variable,
                "no traces are exported: the program was built without the cargo feature otlp"
            ),
            None => {}
        }
    }

    /// Exports the last spans, within three seconds.
    pub async fn end(self) {
        #[cfg(feature = "otlp")]
        if let Some(export) = self.export {
            export.end().await;
        }
    }
}

// Spans are at `error`, so that no level takes a request's id away from its log lines.

/// The span of a request.
pub(super) fn of_request(trail: &Trail, method: &str, route: &str, path: &str) -> Span {
    let span = error_span!(
        "request",
        otel.kind = "server",
        otel.name = Empty,
        request_id = trail.id().as_str(),
        trace_id = trail.trace_id(),
    );
    let about = [
        ("http.request.method", method),
        ("http.route", route),
        ("url.path", path),
    ];
    spans::begin(&span, Some(trail), format_args!("{method} {route}"), &about);
    span
}

/// The span of a call to the back-end on `host`, within the request's; none where nobody exports it.
pub(super) fn of_call(trail: Option<&Trail>, method: &Method, host: &str, path: &str) -> Span {
    let parent = trail.map_or_else(|| Span::current().id(), |trail| trail.span().id());
    let span = error_span!(target: UNLOGGED, parent: parent, "call", otel.kind = "client", otel.name = Empty);
    if span.is_disabled() {
        return Span::none();
    }
    let id = trail.map_or("", |trail| trail.id().as_str());
    let method = method.as_str();
    let about = [
        ("http.request.method", method),
        ("server.address", host),
        ("url.path", path),
        ("request_id", id),
    ];
    spans::begin(&span, None, format_args!("{method}"), &about);
    span
}

pin_project! {
    /// A future that goes on in a span, whoever polls it. Mostly the span is the current one, and is not entered
    /// again: that costs more than to look.
    pub(super) struct Within<'a, F> {
        span: &'a Span,
        #[pin]
        future: F,
    }
}

impl<'a, F> Within<'a, F> {
    pub fn new(span: &'a Span, future: F) -> Self {
        Self { span, future }
    }
}

impl<F: Future> Future for Within<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let is_current = |log: &Dispatch| log.current_span().id() == this.span.id().as_ref();
        let _in_span = (!get_default(is_current)).then(|| this.span.enter());
        this.future.poll(cx)
    }
}

/// The span of a login, within the request's that needs it first.
#[cfg(feature = "bitly-proxy")]
pub(super) fn of_login() -> Span {
    error_span!("login", otel.kind = "internal")
}

/// Notes the status of an answer.
pub(super) fn answered(span: &Span, status: u16) {
    spans::end(span, status);
}

/// Notes what came of a call, with the status of the back-end's own answer where there was one.
pub(super) fn called(span: &Span, status: Option<StatusCode>, outcome: Outcome) {
    spans::end_call(span, status, outcome);
}

/// Writes the place in the trace that a call has into its headers: its own span's if it has one, or else
/// the request's as it came.
pub(super) fn pass_on(span: &Span, trail: Option<&Trail>, headers: &mut HeaderMap) {
    if !span.is_disabled() {
        spans::pass_on(span, headers);
    }
    if let Some(trail) = trail {
        trail.pass_on(headers);
    }
}
