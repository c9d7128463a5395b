//! The processor's cores, and a thread whose work is shared out among them.

use crate::threads::STACK;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Makes the calling thread one of as many as there are cores, for as long as it keeps what it is given. What it computes is
/// then shared out among these threads, and it does a part itself.
///
/// A thread that is none of them only waits: it hands each operation over, and sleeps until it is done. A token takes
/// hundreds of operations, and each handing over and waking takes as long as a small one.
///
/// `None` where the system gives no threads, or the thread belongs to others already; then it works as any other thread does.
pub fn join_cores() -> Option<ThreadPool> {
    let threads = ThreadPoolBuilder::new().thread_name(|i| format!("engine {i}")).stack_size(STACK);
    threads.use_current_thread().build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn the_thread_is_one_of_them() {
        let outside = thread::spawn(rayon::current_thread_index).join().unwrap();
        assert_eq!(outside, None);
        let inside = thread::spawn(|| {
            let _cores = join_cores();
            rayon::current_thread_index()
        });
        assert_eq!(inside.join().unwrap(), Some(0));
    }
}
