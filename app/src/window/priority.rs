//! The thread that draws goes first: those that compute for the window give way to it.
//!
//! With as many of them as there are cores, it would otherwise be interrupted for some 4 ms at a time, half of a frame at
//! 120 Hz. Only Linux has to be told: macOS and Windows rank the thread of a window in front by themselves.

use opabinia_engine::threads;
use std::{io, thread};

/// Where a thread that draws and one that computes want the same core, they get it about 9 : 1 (`nice`).
#[cfg(target_os = "linux")]
const LOWER_BY: i32 = 10;

/// Lets the calling thread, and those that it starts from now on, give way to the one that draws.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        // On Linux no process at all means the calling thread.
        let lowered = getpriority_process(None).and_then(|now| setpriority_process(None, now + LOWER_BY));
        if let Err(error) = lowered {
            tracing::debug!("a thread keeps its priority: {error}");
        }
    }
}

/// Runs `begin`, whose threads give way to the one that draws, and waits for it.
///
/// # Errors
/// If the system gives no thread, or `begin` panics.
pub fn giving_way<T: Send>(begin: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        // A thread may lower its priority, but not raise it again: this one does so and ends.
        let begun = threads::named("beginning").spawn_scoped(scope, || {
            give_way();
            begin()
        })?;
        begun.join().map_err(|_| io::Error::other("it broke off"))
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[test]
    fn threads_give_way_and_so_do_those_that_they_start() {
        let now = || getpriority_process(None).unwrap();
        let own = now();
        let (first, second) = giving_way(|| (now(), thread::spawn(now).join().unwrap())).unwrap();
        // 19 is as low as it gets.
        let lower = (own + LOWER_BY).min(19);
        assert_eq!((first, second), (lower, lower));
        assert_eq!(now(), own);
    }
}
