//! Work that is neither the window's nor the engine's: decoding pictures, file dialogs, uploads, writing files.
//!
//! Each task is a closure on a thread of its own; what it gives back is applied by the window in its next frame. Tasks
//! are few and mostly wait, so threads are cheaper than a pool that one open dialog could fill.

use crossbeam_channel::{Receiver, Sender, unbounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Threads for tasks whose results are of type `T`.
pub struct Background<T> {
    sender: Sender<T>,
    results: Receiver<T>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl<T: Send + 'static> Background<T> {
    /// `wake` is called whenever a result is there.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (sender, results) = unbounded();
        Self { sender, results, wake: Arc::new(wake) }
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
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(task));
            let result = result.unwrap_or_else(|_| failed("a fault of the program; please report it".to_owned()));
            // Nobody is left to hear it while the window closes.
            let _ = sender.send(result);
            wake();
        })?;
        Ok(())
    }

    /// Results that have come in.
    pub fn results(&self) -> impl Iterator<Item = T> {
        self.results.try_iter()
    }
}
