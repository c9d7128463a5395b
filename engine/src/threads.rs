//! Threads, of which no variable of the environment decides how large they are or whether there are too many to start.

use std::num::NonZero;
use std::thread::{Builder, available_parallelism};

/// Bytes of a thread's stack: what the standard library gives where nobody says otherwise (`RUST_MIN_STACK`).
const STACK: usize = 2 << 20;

/// The most threads for each processor that `RAYON_NUM_THREADS` gets: the stacks of thousands take what room there is for
/// addresses.
const PER_PROCESSOR: usize = 4;

/// A thread called `name`, to be started.
pub fn named(name: &str) -> Builder {
    Builder::new().name(name.to_owned()).stack_size(STACK)
}

/// Starts the threads that products and pictures are shared out to: one for each processor, or as many as
/// `RAYON_NUM_THREADS` says. Without effect after they were started.
pub fn start_pool() {
    let asked = std::env::var("RAYON_NUM_THREADS").ok();
    let threads = count(asked.as_deref(), available_parallelism().map_or(1, NonZero::get));
    if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build_global() {
        tracing::debug!("the pool of threads stays as it is: {error}");
    }
}

/// How many threads a person with so many `processors` gets who `asked` for some; 0 for one each.
fn count(asked: Option<&str>, processors: usize) -> usize {
    asked.and_then(|asked| asked.parse().ok()).map_or(0, |asked: usize| asked.min(PER_PROCESSOR * processors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_asks_for_nothing_and_too_many_are_fewer() {
        for (asked, threads) in [(None, 0), (Some("abc"), 0), (Some("-1"), 0), (Some("3"), 3), (Some("99999"), 8)] {
            assert_eq!(count(asked, 2), threads, "{asked:?}");
        }
    }
}
