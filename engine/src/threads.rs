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

/// Has candle do all of its elementwise operations on the thread that asks for them: for a program with a window. On Linux,
/// and only before any other thread is started; without effect otherwise.
///
/// candle shares large ones out to a pool of its own, whose threads look for work for a millisecond or two after each before
/// they sleep, on the core that the window needs. The few operations still left to candle gain less than that. It reads how
/// many threads it may have from the environment alone.
pub fn keep_candle_on_its_caller() {
    const THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(THREADS).is_none() && is_only_thread() {
        #[allow(unsafe_code, reason = "candle has no other way to be told")]
        // SAFETY: nobody reads the environment meanwhile: there is no other thread, and none can come into being.
        unsafe {
            std::env::set_var(THREADS, "1");
        }
    }
}

/// Whether the calling thread is the process's only one, as Linux tells; elsewhere nobody knows.
fn is_only_thread() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}
