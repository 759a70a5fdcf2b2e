//! Sends spans to a collector, as OTLP over HTTP, in batches that no request waits for.

use std::{future::Future, pin::Pin, time::Duration};

use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, resource::EnvResourceDetector, trace::SdkTracerProvider};
use reqwest::{Client, redirect};
use tokio::runtime::Handle;
use tracing::Level;
use tracing_subscriber::{Layer, filter::filter_fn};

use crate::{metadata::Metadata, subscriber::SubscriberLayer};

/// How long the collector may take for one batch.
const BATCH: Duration = Duration::from_secs(10);

/// How long the last spans may take when the process ends.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// What exports spans. It reads the standard variables: `OTEL_SERVICE_NAME`,
/// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_BSP_*`.
pub(super) struct Export(SdkTracerProvider);

impl Export {
    /// Starts the thread that exports, to `endpoint` or else where the variables say.
    pub fn start(endpoint: Option<&str>, metadata: &Metadata) -> Result<Self, String> {
        let mut builder = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new()?);
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let exporter = builder
            .build()
            .map_err(|error| format!("Traces cannot be exported: {error}."))?;
        Ok(Self(
            SdkTracerProvider::builder()
                .with_resource(resource(metadata))
                .with_batch_exporter(exporter)
                .build(),
        ))
    }

    /// The layer that exports all spans down to `info`, whatever level is logged, and no events: those are in the
    /// log.
    pub fn layer(&self) -> SubscriberLayer {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(env!("CARGO_PKG_NAME")))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(filter_fn(|metadata| {
                metadata.is_span() && *metadata.level() <= Level::INFO
            }))
            .boxed()
    }

    pub async fn end(self) {
        // It blocks until the exporting thread is done, which needs this runtime.
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(LAST_SPANS));
        if let Ok(Err(error)) = ended.await {
            tracing::warn!(%error, "the last spans may not have been exported");
        }
    }
}

/// The service's name and version, unless the variables give others.
fn resource(metadata: &Metadata) -> Resource {
    let resource = Resource::builder_empty()
        .with_service_name(metadata.name)
        .with_attribute(KeyValue::new("service.version", metadata.version))
        .with_detector(Box::new(EnvResourceDetector::new()));
    let name = std::env::var("OTEL_SERVICE_NAME").unwrap_or_default();
    match name.is_empty() {
        true => resource.build(),
        false => resource.with_service_name(name).build(),
    }
}

/// The collector, asked by a client that the service has anyway. Requests run on the service's own runtime, since the
/// exporting thread is not one of the runtime's.
#[derive(Debug)]
struct Collector {
    client: Client,
    runtime: Handle,
}

impl Collector {
    fn new() -> Result<Self, String> {
        // It fails only where the process has a TLS provider already, and then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(BATCH)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| format!("The HTTP client for traces cannot be made: {error}."))?;
        Ok(Self {
            client,
            runtime: Handle::current(),
        })
    }
}

impl HttpClient for Collector {
    // What `#[async_trait]` makes of an `async fn`.
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            let mut bare = Response::new(Bytes::new());
            *bare.status_mut() = answer.status();
            *bare.headers_mut() = answer.headers().clone();
            *bare.body_mut() = answer.bytes().await?;
            Ok(bare)
        });
        Box::pin(async move { sent.await? })
    }
}
