//! The processor's cores, and a thread whose work is shared out among them.

use crate::threads::STACK;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::cell::OnceCell;

/// The threads that a thread's work is shared out to.
///
/// A thread that is none of them only waits: it hands each operation over, and sleeps until it is done. A token takes
/// hundreds of operations, and each handing over and waking takes as long as a small one.
pub struct Cores {
    /// One for each core, the thread itself among them; `None` where the system gives no threads, or the thread belongs to
    /// others already. Then it works as any other thread does.
    _all: Option<ThreadPool>,
    /// One less, without it, started when they are first asked for; `None` where there is one core only.
    but_one: OnceCell<Option<ThreadPool>>,
}

impl Cores {
    /// Makes the calling thread one of as many as there are cores, for as long as it keeps what it is given. What it computes
    /// is then shared out among these threads, and it does a part itself.
    pub fn join() -> Self {
        let threads = ThreadPoolBuilder::new().thread_name(|i| format!("engine {i}")).stack_size(STACK);
        Self { _all: threads.use_current_thread().build().ok(), but_one: OnceCell::new() }
    }

    /// Does `work` while one core is left to others. The calling thread waits.
    pub fn but_one<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let fewer = self.but_one.get_or_init(|| {
            let count = rayon::current_num_threads() - 1;
            let threads = ThreadPoolBuilder::new().thread_name(|i| format!("one-less {i}")).stack_size(STACK);
            if count > 0 { threads.num_threads(count).build().ok() } else { None }
        });
        match fewer {
            Some(threads) => threads.install(work),
            None => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn the_thread_is_one_of_them_and_can_leave_one_to_others() {
        let outside = thread::spawn(rayon::current_thread_index).join().unwrap();
        assert_eq!(outside, None);
        let inside = thread::spawn(|| {
            let cores = Cores::join();
            let fewer = cores.but_one(rayon::current_num_threads);
            (rayon::current_thread_index(), rayon::current_num_threads(), fewer)
        });
        let (index, all, fewer) = inside.join().unwrap();
        assert_eq!(index, Some(0));
        assert_eq!(fewer, (all - 1).max(1));
    }
}
