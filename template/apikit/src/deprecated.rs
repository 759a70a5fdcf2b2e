//! A layer for routes that will go away.

use std::{
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    http::{HeaderName, HeaderValue, header::LINK},
    response::Response,
};
use futures_util::{TryFutureExt, future::MapOk};
use tower::{Layer, Service};

/// The layer that says of a route since when it is deprecated (RFC 9745), when it goes away (RFC 8594) and where callers read
/// what to do. Rust's `#[deprecated]` on the handler says so in the OpenAPI document.
///
/// ```
/// use apikit::Deprecated;
/// use utoipa_axum::{router::{OpenApiRouter, UtoipaMethodRouterExt}, routes};
///
/// #[utoipa::path(get, path = "/old", responses((status = 200, body = String)))]
/// async fn old() -> &'static str { "old" }
///
/// fn routes() -> OpenApiRouter {
///     let old_age = Deprecated::since("2026-11-01")
///         .until("2027-05-01")
///         .see("https://example.org/moving-on");
///     OpenApiRouter::new().routes(routes!(old).layer(old_age))
/// }
/// ```
///
/// Each answer of the route has `Deprecation: @1793491200`, `Sunset: Sat, 01 May 2027 00:00:00 GMT` and
/// `Link: <https://example.org/moving-on>; rel="deprecation"; type="text/html"`.
#[derive(Clone, Debug)]
pub struct Deprecated {
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Deprecated {
    /// Deprecated since the beginning of a day in UTC, which may be one to come.
    ///
    /// # Panics
    /// When `day` is no day such as `2026-11-01`.
    pub fn since(day: &str) -> Self {
        let since = beginning(day).duration_since(UNIX_EPOCH);
        let seconds = since.as_ref().map_or(0, Duration::as_secs);
        Self {
            headers: Vec::new(),
        }
        .with("deprecation", &format!("@{seconds}"))
    }

    /// The route goes away at the beginning of a day in UTC.
    ///
    /// # Panics
    /// When `day` is no day such as `2027-05-01`.
    pub fn until(self, day: &str) -> Self {
        self.with("sunset", &httpdate::fmt_http_date(beginning(day)))
    }

    /// A page that says what to do.
    ///
    /// # Panics
    /// When `url` has characters that no URL has.
    pub fn see(self, url: &str) -> Self {
        let is_url = |byte: u8| byte.is_ascii_graphic() && !b"<>\"".contains(&byte);
        assert!(url.bytes().all(is_url), "{url:?} is no URL.");
        let link = format!("<{url}>; rel=\"deprecation\"; type=\"text/html\"");
        self.with(LINK.as_str(), &link)
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::try_from(value).expect("it has no control characters");
        self.headers.push((HeaderName::from_static(name), value));
        self
    }
}

/// The beginning of a day in UTC.
fn beginning(day: &str) -> SystemTime {
    let moment = humantime::parse_rfc3339(&format!("{day}T00:00:00Z"));
    moment.unwrap_or_else(|_| panic!("{day:?} is no day such as 2026-11-01."))
}

impl<S: Clone> Layer<S> for Deprecated {
    type Service = Deprecating<S>;

    fn layer(&self, inner: S) -> Deprecating<S> {
        let headers = self.headers.clone();
        Deprecating { inner, headers }
    }
}

/// The service that [`Deprecated`] makes of another one.
#[derive(Clone, Debug)]
pub struct Deprecating<S> {
    inner: S,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<R, S: Service<R, Response = Response>> Service<R> for Deprecating<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = MapOk<S::Future, AddHeaders>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let headers = self.headers.clone();
        self.inner.call(request).map_ok(Box::new(|mut answer| {
            answer.headers_mut().extend(headers);
            answer
        }))
    }
}

type AddHeaders = Box<dyn FnOnce(Response) -> Response + Send>;
