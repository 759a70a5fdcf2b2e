//! Spans of requests, back-end calls and logins.
//!
//! They are exported where the standard `OTEL_*` variables ask for it and the program was built with the cargo
//! feature `otlp`. Elsewhere, a request's trace context is passed on to the back-end unchanged.

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
use reqwest::Url;
use tracing::{Dispatch, Span, dispatcher::get_default, error_span, field::Empty};

use crate::{
    metadata::Metadata,
    metrics::calls::Outcome,
    request_context::RequestContext,
    subscriber::{SubscriberLayer, UNLOGGED},
};

#[cfg(feature = "otlp")]
use export::Export;

/// The variables that say where traces go.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// Whether spans are exported, and where to.
#[derive(Default)]
pub struct Traces {
    /// The variable that asks for the export.
    variable: Option<&'static str>,
    #[cfg(feature = "otlp")]
    export: Option<Export>,
}

impl Traces {
    /// The export that the variables of the environment ask for, for the service with this metadata.
    ///
    /// # Errors
    /// One sentence, when the exporter cannot be made from them.
    #[cfg_attr(
        not(feature = "otlp"),
        expect(unused_variables, reason = "nothing is exported")
    )]
    pub fn from_environment(metadata: &Metadata) -> Result<Self, String> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let off = set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || set("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        let variable = ENDPOINTS.into_iter().find(|name| set(name).is_some());
        let variable = variable.filter(|_| !off);
        Ok(Self {
            variable,
            #[cfg(feature = "otlp")]
            export: match variable {
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
            variable: None,
            export: Some(Export::start(Some(endpoint), metadata)?),
        })
    }

    /// The layer that exports spans; none where they are not exported.
    pub fn layer(&self) -> Option<SubscriberLayer> {
        #[cfg(feature = "otlp")]
        if let Some(export) = &self.export {
            return Some(export.layer());
        }
        None
    }

    /// Logs whether spans are exported, where a variable asks for it.
    pub fn log_start(&self) {
        match self.variable {
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

// Spans are at level `error`: a filter for a level above theirs would drop the request id from log lines.

/// The span of a request.
pub(super) fn of_request(context: &RequestContext, method: &str, route: &str, path: &str) -> Span {
    let span = error_span!(
        "request",
        otel.kind = "server",
        otel.name = Empty,
        request_id = context.id().as_str(),
        trace_id = context.trace_id(),
    );
    let about = [
        ("http.request.method", method),
        ("http.route", route),
        ("url.path", path),
    ];
    spans::begin(
        &span,
        Some(context),
        format_args!("{method} {route}"),
        &about,
    );
    span
}

/// The span of a call to the back-end of that name at `url`, a child of the request's; none where no spans are exported.
pub(super) fn of_call(
    context: Option<&RequestContext>,
    method: &Method,
    url: &Url,
    backend: Option<&str>,
) -> Span {
    let parent = context.map_or_else(|| Span::current().id(), |context| context.span().id());
    let span = error_span!(target: UNLOGGED, parent: parent, "call", otel.kind = "client", otel.name = Empty);
    if span.is_disabled() {
        return Span::none();
    }
    let id = context.map_or("", |context| context.id().as_str());
    let method = method.as_str();
    let about = [
        ("http.request.method", method),
        ("server.address", url.host_str().unwrap_or_default()),
        ("url.path", url.path()),
        ("request_id", id),
        ("peer.service", backend.unwrap_or_default()),
    ];
    let about = match backend {
        Some(_) => &about[..],
        None => &about[..about.len() - 1],
    };
    spans::begin(&span, None, format_args!("{method}"), about);
    span
}

pin_project! {
    /// A future that runs in a span, whichever task polls it. Mostly the span is the current one already, and is not
    /// entered again: entering costs more than looking.
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

/// The span of a login, a child of the first request's that needs it.
#[cfg(feature = "bitly-proxy")]
pub(super) fn of_login() -> Span {
    error_span!("login", otel.kind = "internal")
}

/// Records the status of an answer.
pub(super) fn answered(span: &Span, status: u16) {
    spans::end(span, status);
}

/// Records the outcome of a call, with the status of the back-end's own answer where there was one.
pub(super) fn called(span: &Span, status: Option<StatusCode>, outcome: Outcome) {
    spans::end_call(span, status, outcome);
}

/// Writes a call's trace context into its headers: its own span's if it has one, or else the request's as it
/// came.
pub(super) fn pass_on(span: &Span, context: Option<&RequestContext>, headers: &mut HeaderMap) {
    if !span.is_disabled() {
        spans::pass_on(span, headers);
    }
    if let Some(context) = context {
        context.pass_on(headers);
    }
}
