//! Replicas that are replaced under load, as a Deployment does it: no caller notices.

use std::{
    net::SocketAddr,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    backend::{Backend, Manner},
    client::Client,
    front_end::FrontEnd,
    load::Seen,
    stage::{SAMPLE, Service, command, none},
};

const REPLACEMENTS: usize = 20;

/// How long a replica takes requests after SIGTERM, and when those who send them hear of its end.
const DRAIN_DELAY: &str = "700ms";
const NEWS: Duration = Duration::from_millis(300);

/// How long the back-end takes, so that there is always something in flight.
const WORK: Duration = Duration::from_millis(20);

/// How many clients go through nginx, how many to the replicas, and how long each rests.
const CLIENTS: usize = 8;
const REST: Duration = Duration::from_millis(5);

/// Where the replicas are that want requests.
type Endpoints = Arc<RwLock<Vec<SocketAddr>>>;

#[test]
#[ignore = "needs nginx: run .ci/endurance"]
fn twenty_replacements_under_load_lose_no_request() {
    let backend = Backend::start();
    backend.turn(Manner::Answers(WORK));
    let mut replicas: Vec<_> = (0..2).map(|_| start(&backend)).collect();
    let endpoints: Endpoints = Arc::default();
    let publish = |replicas: &[Service]| {
        let addresses = replicas.iter().map(|replica| replica.address).collect();
        *endpoints.write().unwrap() = addresses;
    };
    publish(&replicas);
    let front_end = FrontEnd::before(&endpoints.read().unwrap());

    let stop = Arc::new(AtomicBool::new(false));
    let clients = |ask: fn(SocketAddr, &Endpoints, &AtomicBool) -> Seen| {
        let client = |_| {
            let (address, endpoints, stop) = (front_end.address(), endpoints.clone(), stop.clone());
            thread::spawn(move || ask(address, &endpoints, &stop))
        };
        (0..CLIENTS).map(client).collect::<Vec<_>>()
    };
    let (through, directly) = (clients(ask_through), clients(ask_directly));
    for number in 0..REPLACEMENTS {
        let old = std::mem::replace(&mut replicas[number % 2], start(&backend));
        // It is told to end while requests still come, as the news takes its time.
        old.terminate();
        thread::sleep(NEWS);
        publish(&replicas);
        front_end.pass_on_to(&endpoints.read().unwrap());
        assert_eq!(old.ended(), Some(0));
    }
    stop.store(true, Ordering::Relaxed);
    for (who, clients) in [("through nginx", through), ("directly", directly)] {
        let mut all = Seen::default();
        for client in clients {
            all.add(client.join().unwrap());
        }
        println!("{REPLACEMENTS} replacements, {who}: {all}");
        all.assert_no_faults();
        assert_eq!(all.count(|status| status != 200), 0, "{who}: {all}");
        assert!(all.answers.len() > 20 * REPLACEMENTS, "{who}: {all}");
    }
}

fn start(backend: &Backend) -> Service {
    let mut command = command(none(), &backend.url());
    command.env("DRAIN_DELAY", DRAIN_DELAY);
    Service::start(command)
}

/// A client of the front end, with a new connection for each request: nginx ends those that are kept when
/// it is told of other replicas, and not always between two requests.
fn ask_through(front_end: SocketAddr, _: &Endpoints, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        seen.note(&mut Client::of(front_end), SAMPLE);
        thread::sleep(REST);
    }
    seen
}

/// A client that keeps its connection, and takes its next request to another replica when that says `close`.
fn ask_directly(_: SocketAddr, endpoints: &Endpoints, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut client = None;
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return seen;
        }
        let kept = client.take().filter(Client::is_connected);
        let mut asking = kept.unwrap_or_else(|| {
            let endpoints = endpoints.read().unwrap();
            Client::of(endpoints[number % endpoints.len()])
        });
        seen.note(&mut asking, SAMPLE);
        client = Some(asking);
        thread::sleep(REST);
    }
    seen
}
