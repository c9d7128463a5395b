//! A request to stop when the item in hand is finished: SIGUSR1, which Slurm sends before the time is up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody asked.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens from now on.
    pub fn listen() -> Self {
        let stop = Self::default();
        #[cfg(unix)]
        if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGUSR1, Arc::clone(&stop.0)) {
            tracing::warn!("SIGUSR1 ends the program at once: {error}");
        }
        stop
    }

    /// Whether somebody asked.
    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
