//! For a long time at 70 % of what it can do: no error, and no memory that grows.

use std::{
    env, thread,
    time::{Duration, Instant},
};

use crate::{
    backend::Backend,
    load::{Load, Pace},
    stage::{SAMPLE, Service, command, none},
};

/// How many minutes it takes, if not one.
const MINUTES: &str = "ENDURANCE_MINUTES";

/// Of how much of its capacity use is made.
const SHARE: f64 = 0.7;

/// A leak of 20 bytes in each request would take 32 of the allocator's.
const MAX_BYTES_PER_REQUEST: f64 = 10.0;

/// How often the memory is looked at.
const STEP: Duration = Duration::from_millis(500);

#[test]
#[ignore = "needs a minute or more: run .ci/endurance"]
fn memory_is_flat_at_seventy_percent_of_capacity() {
    let minutes = env::var(MINUTES).map_or(1.0, |minutes| minutes.parse().unwrap());
    let time = Duration::from_secs_f64(60.0 * minutes);
    let backend = Backend::start();
    let service = Service::start(command(none(), &backend.url()));
    let sample = Load {
        service: service.address,
        path: SAMPLE,
        clients: 8,
        pace: Pace::AtOnce,
    };
    let capacity = sample.run(Duration::from_secs(5)).rate(200);

    let load = sample.at(SHARE * capacity).start();
    let refused = Load {
        path: "/nowhere",
        clients: 1,
        ..sample
    };
    let refused = refused.at(50.0).start();
    let start = Instant::now();
    let mut memory = Vec::new();
    while start.elapsed() < time {
        thread::sleep(STEP);
        // What is needed at first stays out: buffers, and the pages of what runs seldom.
        if start.elapsed() > time / 3 {
            memory.push((start.elapsed().as_secs_f64(), f64::from(service.resident())));
        }
    }
    let (seen, refused) = (load.stop(), refused.stop());

    let slope = slope(&memory);
    let bytes = slope * 1024.0 / (seen.rate(200) + refused.rate(404));
    println!(
        "{minutes} min at {:.0} of {capacity:.0} samples/s: {seen}",
        seen.rate(200)
    );
    println!(
        "memory: {} kB, {:+.0} kB/min, which is {bytes:+.2} bytes per request",
        service.resident(),
        60.0 * slope
    );
    seen.assert_no_faults();
    refused.assert_no_faults();
    assert_eq!(seen.count(|status| status != 200), 0, "{seen}");
    assert_eq!(refused.count(|status| status != 404), 0, "{refused}");
    assert!(
        seen.rate(200) > 0.5 * capacity,
        "the machine is too busy to tell"
    );
    assert!(bytes < MAX_BYTES_PER_REQUEST, "memory grows");
}

/// The slope of the line that is nearest to all points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let both = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y));
    let square = points.iter().map(|(x, _)| (x - mean_x).powi(2));
    both.sum::<f64>() / square.sum::<f64>()
}
