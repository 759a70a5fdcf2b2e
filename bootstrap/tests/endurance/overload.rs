//! Five times as many requests as it can answer: as many are answered as ever, and the rest is told so at once.

use std::time::Duration;

use crate::{
    backend::{Backend, Manner},
    load::{Load, Pace, Seen},
    stage::{METADATA, SAMPLE, Service, command, none},
};

const TIME: Duration = Duration::from_secs(5);

/// How much of the capacity must be left.
const SHARE: f64 = 0.9;

/// The bound is the back-end: each place answers ten requests in a second.
#[test]
#[ignore = "needs a release build: run .ci/endurance"]
fn places_stay_full_when_there_are_too_few() {
    const PLACES: u32 = 20;
    let backend = Backend::start();
    backend.turn(Manner::Answers(Duration::from_millis(100)));
    let service = start(&backend, PLACES);
    let load = Load {
        service: service.address,
        path: SAMPLE,
        clients: PLACES,
        pace: Pace::AtOnce,
    };
    let capacity = load.run(TIME / 2);
    let wanted = 5.0 * capacity.rate(200);
    let crowd = Load {
        clients: 6 * PLACES,
        ..load
    };
    let flood = crowd.at(wanted).run(TIME);
    let kept = kept("a slow back-end", &capacity, &flood);
    assert!(kept > SHARE, "of the capacity, the flood leaves {kept:.2}");
    let offered = flood.answers.len() as f64 / flood.took.as_secs_f64();
    assert!(
        offered > 0.8 * wanted,
        "only {offered:.0} of {wanted:.0} requests/s were sent"
    );
    let refused = flood.quantile(0.99, |status| status == 503);
    let served = flood.quantile(0.01, |status| status == 200);
    assert!(refused < served, "who is refused waits {refused:?}");
}

/// The bound is the machine: five times as many clients as there are places, who come back when they are told to.
///
/// The best of a few turns counts. What else the machine does takes from a flood as well as from what it is compared
/// with, and clients who are told nothing would leave a third in each of them.
#[test]
#[ignore = "needs a release build: run .ci/endurance"]
fn clients_who_heed_retry_after_cost_those_who_are_served_little() {
    const PLACES: u32 = 32;
    const TURNS: usize = 5;
    let backend = Backend::start();
    let service = start(&backend, PLACES);
    let load = Load {
        service: service.address,
        path: SAMPLE,
        clients: PLACES,
        pace: Pace::AtOnce,
    };
    let health = Load {
        path: METADATA,
        clients: 1,
        ..load
    };
    let crowd = Load {
        clients: 5 * PLACES,
        pace: Pace::AtOnceHeeding,
        ..load
    };
    let health = health.at(20.0).start();
    let kept = [(); TURNS].map(|()| {
        let capacity = load.run(TIME / 3);
        let flood = crowd.run(TIME / 2);
        kept("a busy machine", &capacity, &flood)
    });
    let health = health.stop();
    println!("a busy machine: who it is, meanwhile: {health}");
    health.assert_no_faults();
    assert_eq!(health.count(|status| status != 200), 0, "{health}");
    let best = kept.into_iter().fold(0.0, f64::max);
    assert!(best > SHARE, "of the capacity, the floods leave {kept:.2?}");
}

fn start(backend: &Backend, places: u32) -> Service {
    let mut command = command(none(), &backend.url());
    command.env("MAX_IN_FLIGHT", places.to_string());
    Service::start(command)
}

/// Shows what was seen at capacity and in the flood, which must be as it should, and returns the share of the capacity
/// that the flood leaves.
fn kept(what: &str, capacity: &Seen, flood: &Seen) -> f64 {
    let (usual, rate) = (capacity.rate(200), flood.rate(200));
    let kept = rate / usual;
    let percent = 100.0 * kept;
    println!("{what}: {usual:.0}/s at capacity; {rate:.0}/s served in the flood, {percent:.0} %");
    println!("{what}: capacity: {capacity}");
    println!("{what}: flood: {flood}");
    capacity.assert_no_faults();
    flood.assert_no_faults();
    assert_eq!(capacity.count(|status| status != 200), 0, "{capacity}");
    assert_eq!(
        flood.count(|status| !matches!(status, 200 | 503)),
        0,
        "{flood}"
    );
    assert!(flood.count(|status| status == 503) > 0, "{flood}");
    kept
}
