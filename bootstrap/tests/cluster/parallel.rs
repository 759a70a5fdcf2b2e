//! Work that waits for other programs, on all cores.

use std::{sync::Mutex, thread};

/// What `work` makes of each item, in their order.
pub fn map<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let items: Vec<T> = items.into_iter().collect();
    let left = Mutex::new(items.into_iter().enumerate());
    let next = || left.lock().unwrap().next();
    let work_off = || {
        let done = std::iter::from_fn(next).map(|(at, item)| (at, work(item)));
        done.collect::<Vec<_>>()
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work_off)).collect();
        let done = threads.into_iter();
        done.flat_map(|thread| thread.join().unwrap()).collect()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}
