//! The engine for those who wait for it: the command line, benchmarks, tests. A window does not; it takes events.

use super::Engine;
use super::spec::{Command, EventKind, EvidenceSpec, JobId, Loaded, Outcome, RunOutput, RunSpec};
use crate::error::{Error, Result};
use crate::job::CancelToken;
use crate::model::{Inspection, LoadRequest};
use crate::probe::evidence::Evidence;
use crate::run::ModelId;
use std::collections::HashMap;
use std::time::Duration;

/// A job that was asked for, and whose result is a `T`.
#[derive(Debug)]
#[must_use = "the result comes to whoever waits for it"]
pub struct Ticket<T> {
    job: JobId,
    cancel: Option<CancelToken>,
    result: fn(Outcome) -> Option<T>,
}

impl<T> Ticket<T> {
    /// The job.
    pub fn job(&self) -> JobId {
        self.job
    }

    /// Asks the job to stop; without effect if it has ended.
    pub fn cancel(&self) {
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }

    /// What cancels the job, for other threads (a signal handler); `None` if it had ended when it was asked for.
    pub fn cancel_token(&self) -> Option<CancelToken> {
        self.cancel.clone()
    }
}

/// An engine of one's own. Any number of jobs can be asked for before the first is waited for.
pub struct Client {
    engine: Engine,
    /// What has come of jobs that nobody has waited for yet.
    unclaimed: HashMap<JobId, Vec<EventKind>>,
    patience: Option<Duration>,
}

impl Client {
    /// Starts an engine.
    ///
    /// # Errors
    /// [`Error::Io`] if the operating system gives no thread.
    pub fn start() -> Result<Self> {
        Ok(Self::new(Engine::start(|| {})?))
    }

    /// Takes over `engine`, of which nothing has been asked yet.
    pub fn new(engine: Engine) -> Self {
        Self { engine, unclaimed: HashMap::new(), patience: None }
    }

    /// The same, but waiting is a failure once nothing has come for so long.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// Finds out what a checkpoint is.
    pub fn inspect(&mut self, request: LoadRequest) -> Ticket<Inspection> {
        self.submit(Command::Inspect { request, replaces: None }, |outcome| match outcome {
            Outcome::Inspected(inspection) => Some(*inspection),
            _ => None,
        })
    }

    /// Loads a checkpoint, in place of `replaces` if there is one. Its name can be used at once.
    pub fn load(&mut self, request: LoadRequest, replaces: Option<ModelId>) -> (ModelId, Ticket<Loaded>) {
        let model = ModelId::unique();
        let ticket = self.submit(Command::Load { model, request, replaces }, |outcome| match outcome {
            Outcome::Loaded(loaded) => Some(*loaded),
            _ => None,
        });
        (model, ticket)
    }

    /// Drops a model.
    pub fn unload(&mut self, model: ModelId) -> Ticket<()> {
        self.submit(Command::Unload(model), |outcome| matches!(outcome, Outcome::Unloaded).then_some(()))
    }

    /// Runs a model.
    pub fn run(&mut self, spec: RunSpec) -> Ticket<RunOutput> {
        self.submit(Command::Run(Box::new(spec)), |outcome| match outcome {
            Outcome::Ran(output) => Some(*output),
            _ => None,
        })
    }

    /// Measures what an answer rests on.
    pub fn evidence(&mut self, spec: EvidenceSpec) -> Ticket<Evidence> {
        self.submit(Command::Evidence(Box::new(spec)), |outcome| match outcome {
            Outcome::Measured(evidence) => Some(*evidence),
            _ => None,
        })
    }

    fn submit<T>(&mut self, command: Command, result: fn(Outcome) -> Option<T>) -> Ticket<T> {
        let job = self.engine.submit(command);
        Ticket { job, cancel: self.engine.cancel_token(job), result }
    }

    /// Waits for the end of a job.
    ///
    /// # Errors
    /// Whatever the job failed with; [`Error::Cancelled`].
    pub fn wait<T>(&mut self, ticket: Ticket<T>) -> Result<T> {
        self.watch(ticket, |_| {})
    }

    /// The same, and hands out every event of the job on the way, but for the last one. What came before anybody waited
    /// is handed out too, apart from progress.
    ///
    /// # Errors
    /// As [`Client::wait`].
    #[expect(clippy::needless_pass_by_value, reason = "a job ends once: its ticket is spent")]
    pub fn watch<T>(&mut self, ticket: Ticket<T>, mut on_event: impl FnMut(EventKind)) -> Result<T> {
        let Ticket { job, result, .. } = ticket;
        let mut known = self.unclaimed.remove(&job).unwrap_or_default().into_iter();
        loop {
            let kind = match known.next() {
                Some(kind) => kind,
                None => self.next_of(job)?,
            };
            match kind {
                EventKind::Done(outcome) => {
                    return result(outcome).ok_or_else(|| Error::Panicked("the engine did another job".into()));
                }
                EventKind::Cancelled => return Err(Error::Cancelled),
                EventKind::Failed(error) => return Err(error),
                kind => on_event(kind),
            }
        }
    }

    /// The next event of `job`; those of others are kept for whoever waits for them.
    fn next_of(&mut self, job: JobId) -> Result<EventKind> {
        loop {
            let event = match self.patience {
                Some(patience) => self.engine.events().recv_timeout(patience).ok(),
                None => self.engine.events().recv().ok(),
            };
            let event = event.ok_or_else(|| Error::Panicked("the engine thread has ended or hangs".into()))?;
            if event.job == job {
                return Ok(event.kind);
            }
            if !matches!(event.kind, EventKind::Started | EventKind::Progress(_)) {
                self.unclaimed.entry(event.job).or_default().push(event.kind);
            }
        }
    }
}
