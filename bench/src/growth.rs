//! How requests per second and memory grow with connections, live sessions, the size of answers, and routes.

use anyhow::{Result, ensure};

use crate::{
    contest::{SAMPLE, of_service},
    load::{CONNECTIONS, Load},
    plot::{Plot, draw},
    programs::Programs,
    server::{Recipe, Server},
    table::Table,
};

const SECONDS: u32 = 4;

/// How many loads it may take until all sessions are open.
const ROUNDS: u32 = 20;

/// A load against something that grows: what it is, and the figures at each size of it.
struct Curve {
    what: &'static str,
    file: &'static str,
    points: Vec<Point>,
}

struct Point {
    at: u32,
    rate: f64,
    cpu: f64,
    p99: f64,
    resident: f64,
}

/// What was measured, and its plots, each under its file's name.
pub struct Grown {
    pub text: String,
    pub plots: Vec<(String, String)>,
}

/// Measures all that grows.
pub fn measure(programs: &Programs) -> Result<Grown> {
    let mut grown = Grown {
        text: String::new(),
        plots: Vec::new(),
    };
    for curve in [
        connections(programs)?,
        sessions(programs)?,
        sizes(programs)?,
        routes(programs)?,
    ] {
        grown.text += &curve.text();
        grown.plots.push((curve.file.to_owned(), curve.svg()?));
    }
    Ok(grown)
}

fn connections(programs: &Programs) -> Result<Curve> {
    let point = |connections| {
        let server = of_service(programs, "none").start("/")?;
        let load = Load {
            connections,
            ..one("/metadata")
        };
        Point::of(&server, load, u32::try_from(connections)?)
    };
    let points: Result<_> = [10, 100, 1_000, 10_000].map(point).into_iter().collect();
    Ok(Curve {
        what: "connections, `GET /metadata`",
        file: "growth-connections.svg",
        points: points?,
    })
}

fn sessions(programs: &Programs) -> Result<Curve> {
    let backend = Recipe::new([programs.path("backend")])
        .beside_the_load()
        .start("/api")?;
    let point = |sessions: u32| {
        let server = of_service(programs, "bitly-proxy")
            .with("BACKEND_URL", &backend.url())
            .with("SESSION_CAPACITY", "200000")
            .start("/")?;
        // As many requests as it takes for each caller to be logged in, within reason. A load goes on where the last one ended.
        let mut rounds = 0;
        let mut open = 0;
        while open < sessions {
            ensure!(rounds < ROUNDS, "{sessions} sessions do not stay open");
            let script = callers(sessions, open);
            let load = Load {
                script: &script,
                ..one(SAMPLE)
            };
            load.on(&server)?;
            open = logins(&server)?;
            rounds += 1;
        }
        let script = callers(sessions, 0);
        let load = Load {
            script: &script,
            ..one(SAMPLE)
        };
        Point::of(&server, load, sessions)
    };
    let points: Result<_> = [10, 1_000, 10_000, 100_000]
        .map(point)
        .into_iter()
        .collect();
    Ok(Curve {
        what: "live sessions, the sample with `bitly-proxy`",
        file: "growth-sessions.svg",
        points: points?,
    })
}

/// A script for wrk that asks as so many callers in turn, after the first ones. Names and passwords make threes of bytes, so that
/// nothing is to be padded.
fn callers(count: u32, first: u32) -> String {
    format!(
        "local alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
local function base64(text)
  local encoded = ''
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local bits = a * 65536 + b * 256 + c
    for shift = 18, 0, -6 do
      local sextet = math.floor(bits / 2 ^ shift) % 64
      encoded = encoded .. alphabet:sub(sextet + 1, sextet + 1)
    end
  end
  return encoded
end
local number = {first}
function request()
  number = (number + 1) % {count}
  local pair = string.format('caller-%06d:demo', number)
  return wrk.format(nil, nil, {{ ['Authorization'] = 'Basic ' .. base64(pair) }})
end
"
    )
}

/// How many sessions a service has open, as its figures say.
fn logins(server: &Server) -> Result<u32> {
    let figures = server.ask("/metrics", "")?;
    let line = figures
        .lines()
        .find_map(|line| line.strip_prefix("backend_sessions "));
    Ok(line.unwrap_or("0").trim().parse()?)
}

fn sizes(programs: &Programs) -> Result<Curve> {
    let server = Recipe::new([programs.path("apikit")]).start("/")?;
    let point = |bytes: u32| Point::of(&server, one(&format!("/size/{bytes}")), bytes);
    let sizes = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let points: Result<_> = sizes.map(point).into_iter().collect();
    Ok(Curve {
        what: "bytes of an answer, streamed",
        file: "growth-sizes.svg",
        points: points?,
    })
}

fn routes(programs: &Programs) -> Result<Curve> {
    let point = |routes: u32| {
        let recipe = Recipe::new([programs.path("apikit")]).with("ROUTES", &routes.to_string());
        let server = recipe.start("/")?;
        Point::of(&server, one(&format!("/route-{}/7", routes - 1)), routes)
    };
    let points: Result<_> = [1, 10, 100, 1_000].map(point).into_iter().collect();
    Ok(Curve {
        what: "routes",
        file: "growth-routes.svg",
        points: points?,
    })
}

fn one(path: &str) -> Load<'_> {
    Load {
        path,
        connections: CONNECTIONS,
        seconds: SECONDS,
        script: "",
    }
}

impl Point {
    fn of(server: &Server, load: Load<'_>, at: u32) -> Result<Self> {
        let answers = load.on(server)?;
        Ok(Self {
            at,
            rate: answers.rate,
            cpu: answers.cpu,
            p99: answers.p99,
            resident: server.resident()?,
        })
    }
}

impl Curve {
    fn text(&self) -> String {
        let mut table = Table::new([self.what, "requests/s", "µs CPU", "p99 ms", "MB"]);
        for point in &self.points {
            table.row([
                point.at.to_string(),
                format!("{:.0}", point.rate),
                format!("{:.1}", point.cpu),
                format!("{:.2}", point.p99),
                format!("{:.1}", point.resident),
            ]);
        }
        format!(
            "{table}\n![Requests per second and memory against {}](images/{})\n\n",
            self.what, self.file
        )
    }

    fn svg(&self) -> Result<String> {
        let points = |figure: fn(&Point) -> f64| -> Vec<_> {
            self.points
                .iter()
                .map(|point| (f64::from(point.at), figure(point)))
                .collect()
        };
        let (rates, memory) = (points(|point| point.rate), points(|point| point.resident));
        let across = self.what.split(',').next().unwrap_or_default();
        draw(&[
            Plot {
                title: "Requests per second",
                across,
                up: "requests/s",
                points: &rates,
            },
            Plot {
                title: "Resident memory",
                across,
                up: "MB",
                points: &memory,
            },
        ])
    }
}
