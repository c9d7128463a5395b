//! Threads, of which no variable of the environment decides how large they are or whether there are too many to start.

use std::thread::Builder;

/// Bytes of a thread's stack: what the standard library gives where nobody says otherwise (`RUST_MIN_STACK`).
const STACK: usize = 2 << 20;

/// The most threads that `RAYON_NUM_THREADS` gets.
const MOST: usize = 1024;

/// A thread called `name`, to be started.
pub fn named(name: &str) -> Builder {
    Builder::new().name(name.to_owned()).stack_size(STACK)
}

/// Starts the threads that products and pictures are shared out to: one for each processor, or as many as
/// `RAYON_NUM_THREADS` says. Without effect after they were started.
pub fn start_pool() {
    let asked = std::env::var("RAYON_NUM_THREADS").ok();
    let threads = rayon::ThreadPoolBuilder::new().num_threads(count(asked.as_deref())).stack_size(STACK);
    if let Err(error) = threads.build_global() {
        tracing::debug!("the pool of threads stays as it is: {error}");
    }
}

/// How many threads a person asked for; 0 for as many as there are processors.
fn count(asked: Option<&str>) -> usize {
    asked.and_then(|asked| asked.parse().ok()).map_or(0, |asked: usize| asked.min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_asks_for_nothing_and_too_many_are_fewer() {
        for (asked, threads) in [(None, 0), (Some("abc"), 0), (Some("-1"), 0), (Some("3"), 3), (Some("99999"), MOST)] {
            assert_eq!(count(asked), threads, "{asked:?}");
        }
    }
}
