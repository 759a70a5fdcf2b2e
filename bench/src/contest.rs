//! Contests: the same load on several servers in turn, slice by slice, so that a machine that grows slow is
//! slow for all of them.

use anyhow::Result;

use crate::{
    load::{ADA, Answers, CONNECTIONS, Load},
    programs::{AUTH_TYPES, Programs, service},
    server::{Recipe, Server},
    table::{Table, median, quartiles},
};

/// Who answers the same request at which cost. The first of the contestants is what the others are compared to.
pub struct Contest {
    pub title: &'static str,
    /// What a service's CPU time for a request may be, as a multiple of the first contestant's.
    goal: f64,
    path: &'static str,
    contestants: Vec<(String, Recipe)>,
    backend: Option<Recipe>,
}

/// The sample's request.
pub const SAMPLE: &str = "/build/time";

impl Contest {
    /// All contests.
    pub fn all(programs: &Programs, python: bool) -> Vec<Self> {
        let axum = || ["tuned-axum", "bare-axum"].map(|name| peer(programs, name));
        let mut metadata = Vec::from(axum());
        metadata.push(peer(programs, "bare-hyper"));
        let mut root = Vec::from(axum());
        let mut sample = Vec::from(axum());
        for auth in AUTH_TYPES {
            let contestant = || (service(auth), of_service(programs, auth));
            metadata.push(contestant());
            root.push(contestant());
            sample.push(contestant());
        }
        if python {
            for contestants in [&mut metadata, &mut sample] {
                contestants.push(("apikit".to_owned(), apikit(programs)));
                contestants.push(("safir".to_owned(), safir(programs)));
            }
        }
        let backend = Recipe::new([programs.path("backend")]).beside_the_load();
        vec![
            Self {
                title: "`GET /metadata`",
                goal: 1.1,
                path: "/metadata",
                contestants: metadata,
                backend: None,
            },
            Self {
                title: "`GET /`, the health check",
                goal: 1.1,
                path: "/",
                contestants: root,
                backend: None,
            },
            Self {
                title: "The sample, which asks the back-end",
                goal: 1.0,
                path: SAMPLE,
                contestants: sample,
                backend: Some(backend),
            },
        ]
    }

    /// Runs the contest and shows who came off how.
    pub fn run(&self, slices: usize, seconds: u32) -> Result<String> {
        let backend = self.backend.as_ref().map(|recipe| recipe.start("/api"));
        let backend = backend.transpose()?;
        let mut servers = Vec::new();
        for (_, recipe) in &self.contestants {
            let recipe = match &backend {
                Some(backend) => recipe.clone().with("BACKEND_URL", &backend.url()),
                None => recipe.clone(),
            };
            let server = recipe.start("/")?;
            // A session is opened before the contest.
            server.ask(self.path, &format!("{ADA}\r\n"))?;
            servers.push(server);
        }
        let load = Load {
            path: self.path,
            connections: CONNECTIONS,
            seconds,
            script: "",
        };
        let mut answers: Vec<Vec<Answers>> = vec![Vec::new(); servers.len()];
        for slice in 0..=slices {
            for (server, answers) in servers.iter().zip(&mut answers) {
                let load = if slice > 0 {
                    load
                } else {
                    Load { seconds: 1, ..load }
                };
                let answered = load.on(server)?;
                // The first slice warms up.
                if slice > 0 {
                    answers.push(answered);
                }
            }
        }
        self.show(&servers, &answers)
    }

    fn show(&self, servers: &[Server], answers: &[Vec<Answers>]) -> Result<String> {
        let first = &answers[0];
        let mut table = Table::new([
            self.title,
            "µs CPU",
            "ratio",
            "quartiles",
            "requests/s",
            "ratio",
            "p50 ms",
            "p99 ms",
            "ratio",
            "MB",
        ]);
        for (((name, _), server), answers) in self.contestants.iter().zip(servers).zip(answers) {
            let of = |figure: fn(&Answers) -> f64| median(answers.iter().map(figure));
            let ratios = |figure: fn(&Answers) -> f64| {
                let pairs = answers.iter().zip(first);
                quartiles(pairs.map(move |(own, first)| figure(own) / figure(first)))
            };
            let cpu = ratios(|answers| answers.cpu);
            table.row([
                name.clone(),
                format!("{:.2}", of(|answers| answers.cpu)),
                format!("{:.2}", cpu.median),
                format!("{:.2}–{:.2}", cpu.low, cpu.high),
                format!("{:.0}", of(|answers| answers.rate)),
                format!("{:.2}", ratios(|answers| answers.rate).median),
                format!("{:.2}", of(|answers| answers.p50)),
                format!("{:.2}", of(|answers| answers.p99)),
                format!("{:.2}", ratios(|answers| answers.p99).median),
                format!("{:.1}", server.resident()?),
            ]);
        }
        Ok(format!(
            "{table}\nGoal for services: a CPU ratio of at most {:.2}, a p99 ratio of at most 1.3.\n",
            self.goal
        ))
    }
}

fn peer(programs: &Programs, name: &str) -> (String, Recipe) {
    (name.to_owned(), Recipe::new([programs.path(name)]))
}

/// A service as it runs in production.
pub fn of_service(programs: &Programs, auth: &str) -> Recipe {
    Recipe::new([programs.path(&service(auth))])
}

/// The Flask predecessor under uWSGI, with as many processes as uWSGI's manual has for one core.
fn apikit(programs: &Programs) -> Recipe {
    let uwsgi = programs.python("apikit", "uwsgi").into_os_string();
    let services = programs.python_services().into_os_string();
    let fixed = [
        "--master",
        "--die-on-term",
        "--processes",
        "2",
        "--need-app",
        "--module",
        "apikit_service:app",
        "--http",
        "{listen}",
        "--http-keepalive",
        "--chdir",
    ];
    Recipe::new(
        [uwsgi]
            .into_iter()
            .chain(fixed.map(Into::into))
            .chain([services]),
    )
}

/// Its successor on FastAPI, under uvicorn.
fn safir(programs: &Programs) -> Recipe {
    let python = programs.python("safir", "python").into_os_string();
    let service = programs
        .python_services()
        .join("safir_service.py")
        .into_os_string();
    Recipe::new([python, service])
}
