//! apikit round routes of any number and answers of any size, as an author could write them.
//!
//! `/size/{bytes}` streams so many bytes in pieces of 64 KiB; the variable ROUTES says how many more routes
//! there are, `/route-0/{id}`, `/route-1/{id}` and so on.

use std::{convert::Infallible, env, process::ExitCode};

use apikit::{App, Auth, Identity, Metadata, Setup, StartError};
use axum::{Router, body::Body, extract::Path, routing::get};
use clap::Args;
use futures_util::stream;
use utoipa_axum::router::OpenApiRouter;

static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

const IDENTITY: Identity = Identity {
    metadata: Metadata {
        name: "measured",
        description: env!("CARGO_PKG_DESCRIPTION"),
        repository: "https://example.org/measured",
        version: env!("CARGO_PKG_VERSION"),
        api_version: "1.0",
        auth: Auth::Basic,
    },
    route: "/measured",
    listen: "127.0.0.1:8080",
    header: ("", ""),
};

#[derive(Args)]
struct Config {}

fn main() -> ExitCode {
    App::new(IDENTITY, routes, start).run()
}

async fn start(_: &Config, _: &mut Setup) -> Result<(), StartError> {
    Ok(())
}

fn routes() -> OpenApiRouter {
    let count = env::var("ROUTES").map_or(0, |count| count.parse().expect("ROUTES is a number"));
    let sizes = Router::new().route("/size/{bytes}", get(size));
    let routes = (0..count).fold(sizes, |routes, number| {
        routes.route(&format!("/route-{number}/{{id}}"), get(async || "here"))
    });
    routes.into()
}

async fn size(Path(bytes): Path<usize>) -> Body {
    let pieces = (0..bytes.div_ceil(PIECE.len())).map(move |number| {
        let length = PIECE.len().min(bytes - number * PIECE.len());
        Ok::<_, Infallible>(&PIECE[..length])
    });
    Body::from_stream(stream::iter(pieces))
}
