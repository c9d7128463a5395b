//! The handle every long computation carries: it reports progress and notices cancellation.

use crate::error::{Error, Result};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks a running job to stop. Cloned freely; whoever holds one may cancel, from any thread.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks the job to stop at its next step.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the job was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a job is doing right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Finding and checking files. Unit: files.
    Inspect,
    /// Reading and converting weights. Unit: bytes in memory.
    Load,
    /// Running the vision encoders. Unit: encoder layers, over all encoders.
    Encode,
    /// Running the SVA connector. Unit: SVA layers.
    Connect,
    /// Running the decoder over the prompt. Unit: decoder layers.
    Prefill,
    /// Generating tokens. Unit: tokens, of at most the total.
    Decode,
    /// Measuring an answer under interventions. Unit: runs.
    Measure,
    /// Comparing the weights of two checkpoints. Unit: bytes in their files.
    Compare,
}

/// How far a job is: `done` of `total` units of `stage` (see [`Stage`] for the unit).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Units finished.
    pub done: u64,
    /// Units in all.
    pub total: u64,
}

/// Progress out, cancellation in. Long loops call [`Job::step`] at every layer, token or tensor.
pub struct Job<'a> {
    cancel: CancelToken,
    report: Box<dyn Fn(Progress) + 'a>,
}

impl<'a> Job<'a> {
    /// A job that can be cancelled through `cancel` and hands each step to `report`.
    pub fn new(cancel: CancelToken, report: impl Fn(Progress) + 'a) -> Self {
        Self { cancel, report: Box::new(report) }
    }

    /// A job nobody watches and nobody can cancel: for tests and small tools.
    pub fn unattended() -> Self {
        Self::new(CancelToken::default(), |_| {})
    }

    /// What this job is cancelled through, for threads that work for it.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }

    /// A job that is cancelled with this one but reports nothing.
    pub fn silent(&self) -> Job<'static> {
        Job::new(self.cancel.clone(), |_| {})
    }

    /// Reports that `done` of `total` units of `stage` are finished.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the job was asked to stop.
    pub fn step(&self, stage: Stage, done: u64, total: u64) -> Result<()> {
        self.check()?;
        (self.report)(Progress { stage, done, total });
        Ok(())
    }

    /// Only looks whether the job was asked to stop.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if it was.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// Counts the units of one stage of a job.
pub struct Meter<'a> {
    job: &'a Job<'a>,
    stage: Stage,
    done: Cell<u64>,
    total: u64,
}

impl<'a> Meter<'a> {
    /// A meter at zero of `total` units of `stage`.
    pub fn new(job: &'a Job<'a>, stage: Stage, total: u64) -> Self {
        Self { job, stage, done: Cell::new(0), total }
    }

    /// A meter of which `done` units were counted before.
    pub fn resumed(job: &'a Job<'a>, stage: Stage, done: u64, total: u64) -> Self {
        Self { job, stage, done: Cell::new(done), total }
    }

    /// Counts and reports `units` more.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the job was asked to stop.
    pub fn advance(&self, units: u64) -> Result<()> {
        self.done.set(self.done.get() + units);
        self.job.step(self.stage, self.done.get(), self.total)
    }
}
