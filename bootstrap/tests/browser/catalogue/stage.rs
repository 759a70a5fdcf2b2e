//! A service of each auth type and the catalogue of all three, behind one front end.

use std::{net::SocketAddr, sync::MutexGuard, thread, time::Duration};

use bootstrap::{
    http,
    refresh::refresh,
    running::{Process, Project, backend_flags},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    front_end::{FrontEnd, below},
    made,
    stage::{folder, ignore_log, rendered, turn},
};

/// The name of each service, which is its route as well, and its auth type.
pub const SERVICES: [(&str, &str); 3] = [
    ("builds", "none"),
    ("runs", "basic"),
    ("jobs", "bitly-proxy"),
];

/// How often the catalogue is asked before a test gives up: for a minute.
const LOOKS: usize = 600;

/// The whole of it. It ends when dropped.
pub struct Stage {
    pub front_end: FrontEnd,
    catalogue: Process,
    services: Vec<Running>,
    _turn: MutexGuard<'static, ()>,
}

/// A service in front of its example back-end.
struct Running {
    project: Project,
    backend: Process,
    address: SocketAddr,
    process: Option<Process>,
}

impl Stage {
    pub fn set() -> Self {
        let turn = turn();
        let services = SERVICES.map(|(name, auth)| {
            let project = rendered(name, auth);
            project.build().unwrap();
            // The next rendering's example takes its place.
            let backend = project.start_backend(backend_flags(auth)).unwrap();
            let mut process = project.start("127.0.0.1:0", &backend).unwrap();
            ignore_log(&mut process);
            Running {
                project,
                backend,
                address: process.address,
                process: Some(process),
            }
        });
        let mut locations = Vec::new();
        let mut list = Vec::new();
        for Running {
            project, address, ..
        } in &services
        {
            let route = format!("/{}", project.name);
            locations.extend(below(&route, *address));
            list.push(format!("http://{address}{route}"));
        }
        let catalogue = catalogue(&list.join(","));
        // As kubernetes/components/catalogue-ingress has it.
        let exact = ["= /", "= /.well-known/api-catalog"];
        locations.extend(exact.map(|location| (location.to_owned(), catalogue.address)));
        locations.extend(below("/catalogue", catalogue.address));
        Self {
            front_end: FrontEnd::of(&locations),
            catalogue,
            services: services.into(),
            _turn: turn,
        }
    }

    /// Where the catalogue itself answers, with no front end before it.
    pub fn catalogue_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.catalogue.address)
    }

    /// Ends a service.
    pub fn stop(&mut self, name: &str) {
        let process = self.service(name).process.take();
        process.unwrap().stop().unwrap();
    }

    /// Starts a service again, where it was.
    pub fn start(&mut self, name: &str) {
        let service = self.service(name);
        let listen = service.address.to_string();
        let mut process = service.project.start(&listen, &service.backend).unwrap();
        ignore_log(&mut process);
        service.process = Some(process);
    }

    /// Waits until the catalogue says that a service stands so, and returns all that it tells of it.
    pub fn wait_until(&self, name: &str, status: &str) -> Value {
        let path = format!("/catalogue/services/{name}");
        let looks = (0..LOOKS).map(|_| {
            thread::sleep(Duration::from_millis(100));
            let answer = http::request(self.catalogue.address, "GET", &path, &[]).unwrap();
            serde_json::from_str::<Value>(&answer.body).unwrap()
        });
        let mut looks = looks.filter(|told| told["status"] == status);
        looks
            .next()
            .unwrap_or_else(|| panic!("{name} is never {status}"))
    }

    fn service(&mut self, name: &str) -> &mut Running {
        let mut services = self.services.iter_mut();
        services
            .find(|service| service.project.name == name)
            .unwrap()
    }
}

/// The catalogue with a list of services.
fn catalogue(list: &str) -> Process {
    let scratch = TempDir::new().unwrap();
    let rendered = folder("browser").join("catalogue");
    refresh(&rendered, &made::rendered("catalogue", scratch.path())).unwrap();
    let project = Project {
        folder: rendered,
        name: "catalogue".to_owned(),
        target: folder("renderings"),
    };
    project.build().unwrap();
    // It asks no back-end.
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let settings = [
        ("CATALOGUE_SERVICES", list),
        ("CATALOGUE_INTERVAL", "200ms"),
    ];
    let mut process = project
        .start_with("127.0.0.1:0", nobody, &settings)
        .unwrap();
    ignore_log(&mut process);
    process
}
