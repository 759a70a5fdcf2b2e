//! A rendered service at work in front of its example back-end.

use std::{
    fs, io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use bootstrap::{
    answers::Answers,
    render::Template,
    running::{Process, Project, backend_flags},
};

/// The name of the service, and the route below which it is served.
pub const NAME: &str = "build-times";
pub const ROUTE: &str = "/build-times";
pub const DESCRIPTION: &str = "How long builds take.";

/// A user that the example back-end knows.
pub const USER: &str = "you";
pub const PASSWORD: &str = "demo";

/// All services have one name and build into one folder, so they take turns.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A service and its back-end, if that is the example. Both end when this is dropped.
pub struct Stage {
    pub service: Process,
    _backend: Option<Process>,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// A service of this auth type, in front of the example back-end.
    pub fn with(auth: &str) -> Self {
        Self::of(auth, |project| {
            let backend = project.start_backend(backend_flags(auth)).unwrap();
            let service = project.start("127.0.0.1:0", &backend).unwrap();
            (service, Some(backend))
        })
    }

    /// A service that logs in at the OAuth2 proxy at this address.
    pub fn before(proxy: SocketAddr) -> Self {
        Self::of("bitly-proxy", |project| {
            let hosts = [("AUTH_LOGIN_HOSTS", "login.example")];
            let service = project.start_with("127.0.0.1:0", proxy, &hosts).unwrap();
            (service, None)
        })
    }

    fn of(auth: &str, start: impl Fn(&Project) -> (Process, Option<Process>)) -> Self {
        let turn = turn();
        let project = rendered(NAME, auth);
        project.build().unwrap();
        let (mut service, backend) = start(&project);
        ignore_log(&mut service);
        Self {
            service,
            _backend: backend,
            _turn: turn,
        }
    }

    /// The URL of `path` on the service's own port.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.service.address)
    }
}

/// The turn of one test. While it is held, no other test builds a rendering.
pub fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads what a service logs, or it would wait for a reader, once the pipe is full.
pub fn ignore_log(service: &mut Process) {
    let mut log = service.output().unwrap();
    thread::spawn(move || io::copy(&mut log, &mut io::sink()));
}

/// A folder below `target` for what a test leaves behind.
pub fn folder(name: &str) -> PathBuf {
    let folder = Template::here().root.join("target").join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A service of this auth type, in one folder for all, so that nothing is built twice.
pub fn rendered(name: &str, auth: &str) -> Project {
    let answers = Answers::named(name)
        .with("description", DESCRIPTION)
        .with("auth_type", auth);
    let rendered = folder("browser").join("service");
    Template::here().render_over(&answers, &rendered).unwrap();
    Project {
        folder: rendered,
        name: name.to_owned(),
        target: folder("renderings"),
    }
}
