//! The house round routes of any number and answers of any size, as an author could write them.
//!
//! `/size/{bytes}` streams so many bytes in pieces of 64 KiB; the variable ROUTES says how many more routes
//! there are, `/route-0/{id}`, `/route-1/{id}` and so on.

use std::{convert::Infallible, env};

use axum::{Router, body::Body, extract::Path, routing::get};
use clap::Parser;
use futures_util::stream;
use uservice::{
    apikit::{Backend, Metrics, Readiness, Settings, Vitals, serve, settings},
    app,
    identity::{AUTH, METADATA, NAME, ROUTE},
};
use utoipa_axum::router::OpenApiRouter;

static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

#[derive(Parser)]
struct Configured {
    #[command(flatten)]
    house: Settings,
}

#[tokio::main]
async fn main() {
    let settings = settings::parse::<Configured>().house;
    let metrics = Metrics::new(&METADATA, ROUTE);
    let started = settings.logs.start(NAME, metrics.dropped_lines(), None);
    let _writing = started.expect("log lines can be written");
    let patience = settings.request_timeout;
    let backend = Backend::new(&settings.backend, AUTH, NAME, patience);
    let backend = backend.expect("it is configured").counted_in(&metrics);
    let vitals = Vitals {
        readiness: Readiness::checking(backend),
        metrics,
    };

    let count = env::var("ROUTES").map_or(0, |count| count.parse().expect("ROUTES is a number"));
    let sizes = Router::new().route("/size/{bytes}", get(size));
    let routes = (0..count).fold(sizes, |routes, number| {
        routes.route(&format!("/route-{number}/{{id}}"), get(async || "here"))
    });
    let app = app::house(&settings, &vitals, routes.into(), OpenApiRouter::new());
    let listener = serve::bind(settings.listen).await.expect("it is free");
    let stop = serve::told_to_stop();
    let served = serve::serve(listener, app, vitals.readiness, settings.stopping(), stop).await;
    served.expect("it serves");
}

async fn size(Path(bytes): Path<usize>) -> Body {
    let pieces = (0..bytes.div_ceil(PIECE.len())).map(move |number| {
        let length = PIECE.len().min(bytes - number * PIECE.len());
        Ok::<_, Infallible>(&PIECE[..length])
    });
    Body::from_stream(stream::iter(pieces))
}
