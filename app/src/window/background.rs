//! Work that is neither the window's nor the engine's: decoding pictures, file dialogs, uploads, writing files.
//!
//! Each task is a closure on a thread of its own; what it gives back is applied by the window in its next frame. Tasks
//! are few and mostly wait, so threads are cheaper than a pool that one open dialog could fill.

use crossbeam_channel::{Receiver, Sender, unbounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Threads for tasks whose results are of type `T`.
pub struct Background<T> {
    sender: Sender<T>,
    results: Receiver<T>,
    wake: Arc<dyn Fn() + Send + Sync>,
    promised: Arc<Promised>,
}

/// Tasks that the program does not end before, counted.
#[derive(Debug, Default)]
struct Promised {
    count: Mutex<usize>,
    ended: Condvar,
}

/// One of them; it ends when this is dropped, whatever became of it.
struct Promise(Arc<Promised>);

impl Promise {
    fn new(promised: &Arc<Promised>) -> Self {
        *promised.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self(Arc::clone(promised))
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.ended.notify_all();
    }
}

impl<T: Send + 'static> Background<T> {
    /// `wake` is called whenever a result is there.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (sender, results) = unbounded();
        Self { sender, results, wake: Arc::new(wake), promised: Arc::default() }
    }

    /// Runs `task` beside the window. If it panics, what `failed` makes of that is its result.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn run(
        &self,
        name: &str,
        failed: impl FnOnce(String) -> T + Send + 'static,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> std::io::Result<()> {
        self.start(name, failed, task, None)
    }

    /// The same for what a person would miss, as a file that is written: [`Background::wait`] waits for it.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn promise(
        &self,
        name: &str,
        failed: impl FnOnce(String) -> T + Send + 'static,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> std::io::Result<()> {
        self.start(name, failed, task, Some(Promise::new(&self.promised)))
    }

    fn start(
        &self,
        name: &str,
        failed: impl FnOnce(String) -> T + Send + 'static,
        task: impl FnOnce() -> T + Send + 'static,
        promise: Option<Promise>,
    ) -> std::io::Result<()> {
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        opabinia_engine::threads::named(name).spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(task));
            let result = result.unwrap_or_else(|_| failed("a fault of the program; please report it".to_owned()));
            // Nobody is left to hear it while the window closes.
            let _ = sender.send(result);
            drop(promise);
            wake();
        })?;
        Ok(())
    }

    /// Waits until everything that was promised has ended, but no longer than `most`; gives whether it has.
    pub fn wait(&self, most: Duration) -> bool {
        let count = self.promised.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.promised.ended.wait_timeout_while(count, most, |count| *count > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }

    /// Results that have come in.
    pub fn results(&self) -> impl Iterator<Item = T> {
        self.results.try_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;

    #[test]
    fn only_what_was_promised_is_waited_for_whatever_becomes_of_it() {
        let background = Background::new(|| {});
        let (go, ready) = bounded::<()>(0);
        background
            .run(
                "never",
                |_| 0,
                || loop {
                    std::thread::park();
                },
            )
            .unwrap();
        assert!(background.wait(Duration::ZERO));
        background.promise("write", |_| 0, move || ready.recv().map_or(0, |()| 1)).unwrap();
        assert!(!background.wait(Duration::from_millis(20)), "it has not ended");
        go.send(()).unwrap();
        assert!(background.wait(Duration::from_secs(20)));
        assert_eq!(background.results().collect::<Vec<_>>(), [1], "its result is there before the waiting ends");
        background.promise("fault", |_| 2, || panic!("a test's panic")).unwrap();
        assert!(background.wait(Duration::from_secs(20)));
        assert_eq!(background.results().collect::<Vec<_>>(), [2]);
    }
}
