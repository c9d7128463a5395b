//! Threads whose stacks are as large as the program wants them, whatever the environment says (`RUST_MIN_STACK`).

use std::thread::Builder;

/// Bytes of a thread's stack: what the standard library gives where nobody says otherwise.
pub(crate) const STACK: usize = 2 << 20;

/// A thread called `name`, to be started.
pub fn named(name: &str) -> Builder {
    Builder::new().name(name.to_owned()).stack_size(STACK)
}

/// Starts the threads that products and pictures are shared out to. Without effect after they were started.
pub fn start_pool() {
    if let Err(error) = rayon::ThreadPoolBuilder::new().stack_size(STACK).build_global() {
        tracing::debug!("the pool of threads stays as it is: {error}");
    }
}
