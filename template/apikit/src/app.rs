//! The application: the parts of a service, and the routes and layers that apikit puts around them.

use std::pin::Pin;

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    backend::{Backend, Network},
    body_memory::BodyMemory,
    cors, docs,
    error::BackendError,
    error_layer::ErrorLayer,
    health::{self, Readiness},
    home::Home,
    identity::Identity,
    limits::{self, Places},
    links,
    metadata::{self, Metadata},
    metrics::{self, Metrics},
    observability::Observability,
    openapi,
    request_target::nothing_at,
    requested_uri::requested,
    routers::Routers,
    settings::Settings,
    setup::{Setup, StartError},
    shutdown::Shutdown,
    tasks::{Jobs, Task},
    trailing_slash,
};

/// A service: who it is, what it answers, and how it starts.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use apikit::{App, Auth, Identity, Metadata, Setup, StartError};
/// use utoipa_axum::{router::OpenApiRouter, routes};
///
/// const IDENTITY: Identity = Identity {
///     metadata: Metadata {
///         name: env!("CARGO_PKG_NAME"),
///         description: env!("CARGO_PKG_DESCRIPTION"),
///         repository: env!("CARGO_PKG_REPOSITORY"),
///         version: env!("CARGO_PKG_VERSION"),
///         api_version: "1.0",
///         auth: Auth::None,
///     },
///     route: "/hello",
///     listen: "0.0.0.0:8080",
///     header: ("", ""),
/// };
///
/// /// Settings of the service's own.
/// #[derive(clap::Args)]
/// struct Config {
///     /// Whom to greet
///     #[arg(long, env, default_value = "world")]
///     whom: String,
/// }
///
/// #[derive(Clone)]
/// struct AppState { greeting: String }
///
/// async fn start(config: &Config, _setup: &mut Setup) -> Result<AppState, StartError> {
///     Ok(AppState { greeting: format!("Hello, {}!", config.whom) })
/// }
///
/// fn routes() -> OpenApiRouter<AppState> {
///     OpenApiRouter::new().routes(routes!(hello))
/// }
///
/// #[utoipa::path(get, path = "/hello", responses((status = 200, body = String)))]
/// async fn hello(axum::extract::State(state): axum::extract::State<AppState>) -> String {
///     state.greeting
/// }
///
/// fn main() -> ExitCode {
///     App::new(IDENTITY, routes, start).run()
/// }
/// ```
pub struct App<C, S> {
    pub(crate) identity: Identity,
    routes: fn() -> OpenApiRouter<S>,
    index: fn() -> OpenApiRouter<S>,
    home: Home<S>,
    start: Start<C, S>,
}

type Start<C, S> = Box<
    dyn for<'a> FnOnce(
        &'a C,
        &'a mut Setup,
    ) -> Pin<Box<dyn Future<Output = Result<S, StartError>> + 'a>>,
>;

impl<C: 'static, S: Clone + Send + Sync + 'static> App<C, S> {
    /// The service with this identity. Its `routes` are served below `/` and below the identity's route alike.
    ///
    /// `start` makes the state of the handlers: once, when the logs have begun and before the port opens. Neither
    /// the OpenAPI document nor the metadata need it.
    pub fn new(
        identity: Identity,
        routes: fn() -> OpenApiRouter<S>,
        start: impl AsyncFnOnce(&C, &mut Setup) -> Result<S, StartError> + 'static,
    ) -> Self {
        Self {
            identity,
            routes,
            index: OpenApiRouter::new,
            home: Home {
                page: None,
                text: None,
            },
            start: Box::new(|config, setup| Box::pin(start(config, setup))),
        }
    }

    /// Serves `index` below the identity's route alone: its `/` answers at `/<route>` and `/<route>/`, as `/` itself
    /// belongs to the load balancer's health check.
    pub fn index(self, index: fn() -> OpenApiRouter<S>) -> Self {
        Self { index, ..self }
    }

    /// Serves `home` at `/` for browsers, as the page of a whole host.
    ///
    /// `/` stays the health check for whoever does not name `text/html` first in `Accept`: load balancers, and curl. The
    /// OpenAPI document has that one alone, as the page is for people.
    ///
    /// ```
    /// # use apikit::App;
    /// # use axum::{response::Html, routing::get};
    /// # fn with_home(app: App<(), ()>) -> App<(), ()> {
    /// app.home(|| get(async || Html("<!DOCTYPE html><title>Hello</title>")))
    /// # }
    /// ```
    pub fn home(self, home: fn() -> MethodRouter<S>) -> Self {
        let page = Some(home);
        let home = Home { page, ..self.home };
        Self { home, ..self }
    }

    /// Serves `text` at `/` for people at a terminal: to curl, HTTPie, Wget and xh, unless they name a media type.
    ///
    /// A health check that is made with one of them gets it, too. It has to answer 200 for that.
    pub fn text_home(self, text: fn() -> MethodRouter<S>) -> Self {
        let text = Some(text);
        let home = Home { text, ..self.home };
        Self { home, ..self }
    }

    /// What the service answers, in OpenAPI 3.1 as JSON.
    pub fn document(&self) -> String {
        let routes = (self.routes)().into_openapi();
        let index = (self.index)().into_openapi();
        openapi::document(&self.identity.metadata, self.identity.route, routes, index)
    }

    /// The routes and the index, without apikit's and without a state.
    pub(crate) fn routers(&self) -> (Router<S>, Router<S>) {
        let (routes, index) = ((self.routes)(), (self.index)());
        (routes.split_for_parts().0, index.split_for_parts().0)
    }

    /// Runs the start of the service, which makes the state of its handlers.
    ///
    /// # Errors
    /// One sentence, when its settings contradict each other or the service's own start fails.
    pub(crate) async fn start(
        self,
        settings: &Settings,
        config: &C,
        metrics: Metrics,
        network: Network,
    ) -> Result<Started<S>, StartError> {
        let Metadata { name, auth, .. } = self.identity.metadata;
        let (backend, limit) = (&settings.backend, settings.request_timeout);
        let memory = settings.body_memory();
        metrics.collect(memory.clone());
        let backend = Backend::within(network, backend, auth, name, limit)
            .map_err(StartError::configuration)?
            .counted_in(&metrics)
            .held_in(&memory);
        let mut setup = Setup {
            settings: settings.clone(),
            backend,
            backends: Vec::new(),
            memory,
            metrics,
            shutdown: Shutdown::default(),
            jobs: Jobs::default(),
            tasks: Vec::new(),
            taken: None,
        };
        let state = (self.start)(config, &mut setup).await?;
        if let Some(name) = setup.taken {
            return Err(StartError::configuration(format!(
                "Two tasks are named {name:?}: each needs a name of its own."
            )));
        }
        Ok(Started {
            identity: self.identity,
            routes: self.routes,
            index: self.index,
            home: self.home,
            state,
            setup,
        })
    }
}

/// A service that has started, and whose routes are yet to be put together.
pub(crate) struct Started<S> {
    identity: Identity,
    routes: fn() -> OpenApiRouter<S>,
    index: fn() -> OpenApiRouter<S>,
    home: Home<S>,
    state: S,
    setup: Setup,
}

/// A service that is ready to be served.
pub(crate) struct Served {
    pub routers: Routers,
    pub metrics: Metrics,
    pub shutdown: Shutdown,
    pub jobs: Jobs,
    pub tasks: Vec<Task>,
}

impl<S: Clone + Send + Sync + 'static> Started<S> {
    /// Puts the routes together.
    ///
    /// # Panics
    /// When routes contradict each other, or apikit's.
    pub fn assemble(self) -> Served {
        let Setup {
            settings,
            backend,
            memory,
            metrics,
            shutdown,
            jobs,
            tasks,
            ..
        } = self.setup;
        let readiness = Readiness::until(shutdown.clone());
        let readiness = match settings.ready_check_backend {
            true => readiness.while_up(backend),
            false => readiness,
        };
        let frame = Frame {
            identity: &self.identity,
            settings: &settings,
            readiness,
            memory,
            metrics: &metrics,
        };
        Served {
            routers: frame.around((self.routes)(), (self.index)(), self.home, self.state),
            metrics,
            shutdown,
            jobs,
            tasks,
        }
    }
}

/// apikit's routes and layers, which every service has around its own routes.
struct Frame<'a> {
    identity: &'a Identity,
    settings: &'a Settings,
    readiness: Readiness,
    memory: BodyMemory,
    metrics: &'a Metrics,
}

impl Frame<'_> {
    /// The routers of the whole service: `routes` at the root and below the route, `index` below the route alone, and
    /// `home` at `/` for people.
    fn around<S: Clone + Send + Sync + 'static>(
        self,
        routes: OpenApiRouter<S>,
        index: OpenApiRouter<S>,
        home: Home<S>,
        state: S,
    ) -> Routers {
        let Identity {
            metadata,
            route,
            header,
            ..
        } = self.identity;
        let (routes, described) = routes.split_for_parts();
        let (index, described_index) = index.split_for_parts();
        let document = openapi::document(metadata, route, described, described_index);

        let links = links::header(route);
        let described = openapi::router(document).merge(docs::router());
        let everywhere = metadata::router_with(metadata, Some(links.clone()))
            .merge(links::added_to(described, links.clone()));
        // Only the author's routes are limited: a full service still answers for health and metadata.
        let places = Places::new(self.settings.max_in_flight);
        let work = limits::Work::new(places, self.memory, self.settings.request_timeout);
        let root = home.or(health::root(), |people| {
            people.with_state(state.clone()).layer(work.clone())
        });
        let at_root = health::router_with(root, self.readiness)
            .merge(metrics::router(self.metrics.clone()))
            .merge(everywhere.clone());
        let routes = routes.with_state(state.clone());
        let index = index.with_state(state).merge(routes.clone());

        // A request passes the first layer first. One call adds them all: each call costs a box or two.
        let layers = (
            Observability::new(self.metrics), // outermost: it logs what the caller got
            ErrorLayer,                       // also for what the router and the handlers refuse
            limits::Head,                     // before any work is done
        );
        let around = |authors: Router, own: Router| {
            let own = own.fallback(unknown).layer(layers.clone());
            let app = authors.layer((layers.clone(), work.clone())).merge(own);
            let app = trailing_slash::optional(app);
            let app = with_header(app, *header);
            // Outermost, so that a page may read every refusal, too. Without the setting there is no layer.
            // `/metrics` has the headers, too: no Ingress publishes it, and an exception would be a second set of layers.
            match &self.settings.cors_allow_origin {
                Some(allowed) => app.layer(cors::layer(allowed)),
                None => app,
            }
        };
        let below = around(index, everywhere);
        let front = links::added_to(below.clone(), links);
        Routers::one(around(routes, at_root)).with(route, below, front)
    }
}

/// Adds a header to every answer of `app`. Without a name, nothing is added.
///
/// # Panics
/// When it is not a legal header, such as a name in upper case.
pub fn with_header(app: Router, (name, value): (&'static str, &'static str)) -> Router {
    if name.is_empty() {
        return app;
    }
    let header = (
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    );
    app.layer(map_response(move |mut answer: Response| {
        let (name, value) = header.clone();
        answer.headers_mut().insert(name, value);
        async { answer }
    }))
}

async fn unknown(request: Request) -> Response {
    match (request.method(), requested(&request).path()) {
        // It asks about the service as a whole.
        (&Method::OPTIONS, "*") => StatusCode::NO_CONTENT.into_response(),
        (_, path) => BackendError::not_found(nothing_at(path)).into_response(),
    }
}
