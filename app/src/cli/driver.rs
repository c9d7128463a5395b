//! Drives the engine thread, one job at a time: shows progress, hands tokens on, and lets Ctrl-C stop it.

use super::console::Console;
use super::failure::{Failure, Result};
use super::interrupt::Interrupt;
use super::progress::Bars;
use opabinia_engine::generate::{Answer, Token};
use opabinia_engine::model::{Inspection, LoadRequest};
use opabinia_engine::probe::evidence::{Evidence, Request};
use opabinia_engine::probe::{Detail, Trace};
use opabinia_engine::worker::{Command, Engine, EventKind, JobId, Outcome, Question, Slot, TraceFile};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is done with each token as it comes. A failure cancels the job.
pub type OnToken<'a> = &'a mut dyn FnMut(&Token) -> Result<()>;

/// A model that was loaded, and how long that took.
#[derive(Debug)]
pub struct Opened {
    /// What it is.
    pub inspection: Inspection,
    /// How long reading it took.
    pub took: Duration,
}

/// The engine as the command line uses it: one model, one job at a time.
pub struct Driver {
    engine: Engine,
    interrupt: Interrupt,
    console: Console,
    counts_tokens: bool,
}

impl Driver {
    /// Starts the engine. With `counts_tokens`, answers are shown as a count while they are made; without, whoever
    /// prints them shows enough.
    ///
    /// # Errors
    /// If the system gives no thread or no signal handler.
    pub fn start(console: Console, counts_tokens: bool) -> Result<Self> {
        opabinia_engine::Error::check_room_to_start()?;
        Ok(Self { engine: Engine::start(|| {})?, interrupt: Interrupt::install()?, console, counts_tokens })
    }

    /// Finds out what a checkpoint is.
    ///
    /// # Errors
    /// If it cannot be read at all.
    pub fn inspect(&mut self, request: LoadRequest) -> Result<Inspection> {
        match self.run(Command::Inspect { request, replaces: None }, &mut |_| Ok(()))? {
            Outcome::Inspected(inspection) => Ok(*inspection),
            other => Err(unexpected(&other)),
        }
    }

    /// Loads the checkpoint that was inspected as `inspection`, after saying what is to be known before.
    ///
    /// # Errors
    /// If it is refused or does not fit.
    pub fn load(&mut self, request: LoadRequest, inspection: &Inspection) -> Result<Opened> {
        for note in &inspection.notes {
            self.console.say(&format!("note: {note}"));
        }
        let started = Instant::now();
        match self.run(Command::Load(Slot::A, request), &mut |_| Ok(()))? {
            Outcome::Loaded(inspection) => Ok(Opened { inspection: *inspection, took: started.elapsed() }),
            other => Err(unexpected(&other)),
        }
    }

    /// Answers `question` with the loaded model.
    ///
    /// # Errors
    /// If it cannot be answered, or `on_token` fails.
    pub fn ask(&mut self, question: Question, on_token: OnToken<'_>) -> Result<Answer> {
        match self.run(Command::Ask(Slot::A, question), on_token)? {
            Outcome::Answered(answer) => Ok(*answer),
            other => Err(unexpected(&other)),
        }
    }

    /// Answers `question` with the loaded model and writes what happens inside to `output`.
    ///
    /// # Errors
    /// If it cannot be answered or written.
    pub fn trace(
        &mut self,
        question: Question,
        detail: Detail,
        output: TraceFile,
    ) -> Result<(Answer, Option<Arc<Trace>>)> {
        let command = Command::Trace { slot: Slot::A, question, detail, output: Some(output) };
        match self.run(command, &mut |_| Ok(()))? {
            Outcome::Traced(answer, trace) => Ok((*answer, trace)),
            other => Err(unexpected(&other)),
        }
    }

    /// Measures what an answer of the loaded model rests on, and writes the numbers to `output` if there is one.
    ///
    /// # Errors
    /// If it cannot be measured or written.
    pub fn evidence(&mut self, request: Request, output: Option<PathBuf>) -> Result<Evidence> {
        let command = Command::Evidence { slot: Slot::A, request: Box::new(request), output };
        match self.run(command, &mut |_| Ok(()))? {
            Outcome::Measured(evidence) => Ok(*evidence),
            other => Err(unexpected(&other)),
        }
    }

    fn run(&mut self, command: Command, on_token: OnToken<'_>) -> Result<Outcome> {
        let job = self.engine.submit(command);
        self.interrupt.watch(self.engine.cancel_token(job));
        let ended = self.follow(job, on_token);
        self.interrupt.watch(None);
        ended
    }

    fn follow(&self, job: JobId, on_token: OnToken<'_>) -> Result<Outcome> {
        let mut bars = Bars::new(self.console.shows_progress(), self.counts_tokens);
        let mut stopped = None;
        for event in self.engine.events() {
            if event.job != job {
                continue;
            }
            match event.kind {
                EventKind::Started => tracing::debug!(?job, "started"),
                EventKind::Progress(progress) => bars.show(progress),
                EventKind::Token(token) if stopped.is_none() => {
                    if !self.counts_tokens {
                        bars.clear();
                    }
                    if let Err(failure) = on_token(&token) {
                        stopped = Some(failure);
                        self.engine.cancel(job);
                    }
                }
                EventKind::Token(_) | EventKind::Trace(_) => {}
                EventKind::Done(outcome) => return stopped.map_or(Ok(outcome), Err),
                EventKind::Cancelled => {
                    return Err(stopped.unwrap_or_else(|| opabinia_engine::Error::Cancelled.into()));
                }
                EventKind::Failed(error) => return Err(stopped.unwrap_or_else(|| error.into())),
            }
        }
        Err(Failure::internal("the engine thread has ended"))
    }
}

fn unexpected(outcome: &Outcome) -> Failure {
    tracing::error!(?outcome);
    Failure::internal("the engine answered another question than it was asked")
}
