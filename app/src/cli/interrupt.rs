//! Ctrl-C: the first asks the running job to stop, the second ends the program at once.

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
    /// Takes Ctrl-C over from the system.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub fn install() -> Result<Self> {
        let interrupt = Self::default();
        let handler = interrupt.clone();
        ctrlc::set_handler(move || handler.press())
            .map_err(|error| Failure::internal(format!("Ctrl-C cannot be handled: {error}")))?;
        Ok(interrupt)
    }

    /// Names the job that is running now, if any.
    pub fn watch(&self, job: Option<CancelToken>) {
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) = job;
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
