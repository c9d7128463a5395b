//! Ctrl-C: the first asks the running job to stop, the second ends the program at once. SIGTERM (`kill`, a scheduler) asks as
//! the first does, however often it comes: `timeout` and its like send it twice.

use super::failure::{Failure, Result};
use opabinia_engine::job::CancelToken;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Exit code of a cancelled program.
const CANCELLED: i32 = 130;

/// Cancels whatever job it was told of last.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    pressed: AtomicBool,
    running: Mutex<Option<CancelToken>>,
}

impl Interrupt {
    /// Takes Ctrl-C and SIGTERM over from the system. SIGHUP is left alone: `nohup` has it ignored.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub fn install() -> Result<Self> {
        let interrupt = Self::default();
        let handler = interrupt.clone();
        ctrlc::set_handler(move || handler.press())
            .map_err(|error| Failure::internal(format!("Ctrl-C cannot be handled: {error}")))?;
        #[cfg(unix)]
        interrupt.listen_for_term()?;
        Ok(interrupt)
    }

    #[cfg(unix)]
    fn listen_for_term(&self) -> Result<()> {
        let unhandled = |error: std::io::Error| Failure::internal(format!("SIGTERM cannot be handled: {error}"));
        let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM]).map_err(unhandled)?;
        let handler = self.clone();
        let waiting = opabinia_engine::threads::named("SIGTERM");
        waiting.spawn(move || signals.forever().for_each(|_| handler.ask())).map_err(unhandled)?;
        Ok(())
    }

    /// Names the job that is running now, if any.
    pub fn watch(&self, job: Option<CancelToken>) {
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) = job;
    }

    /// Asks the job that is running to stop; ends the program if there is none.
    #[cfg(unix)]
    fn ask(&self) {
        match self.0.running.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(job) => job.cancel(),
            None => std::process::exit(CANCELLED),
        }
    }

    fn press(&self) {
        let running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.as_ref() {
            Some(job) if !self.0.pressed.swap(true, Ordering::AcqRel) => job.cancel(),
            // Nothing runs that could be asked to stop, or it was asked before.
            _ => std::process::exit(CANCELLED),
        }
    }
}
