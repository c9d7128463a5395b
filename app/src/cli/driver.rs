//! Drives the engine thread, one job at a time: shows progress, hands tokens on, and lets Ctrl-C stop it.

use super::console::Console;
use super::failure::{Failure, Result};
use super::interrupt::Interrupt;
use super::progress::Bars;
use crate::evaluation::{Runs, nothing_asked_for};
use opabinia_engine::generate::{Answer, Token};
use opabinia_engine::job::{CancelToken, Job};
use opabinia_engine::model::{Inspection, LoadRequest};
use opabinia_engine::probe::evidence::Evidence;
use opabinia_engine::run::ModelId;
use opabinia_engine::worker::{Client, EventKind, EvidenceSpec, RunOutput, RunSpec, Ticket};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is done with each token as it comes. A failure cancels the job.
pub type OnToken<'a> = &'a mut dyn FnMut(&Token) -> Result<()>;

/// A model that was loaded, and how long that took.
#[derive(Debug)]
pub struct Opened {
    /// Its name in the engine.
    pub model: ModelId,
    /// What was found in its files.
    pub inspection: Inspection,
    /// How long reading it took.
    pub took: Duration,
}

/// The engine as the command line uses it: one job at a time.
pub struct Driver {
    engine: Client,
    /// Runs that [`Runs::wait`] has not waited for.
    asked: VecDeque<Ticket<RunOutput>>,
    interrupt: Interrupt,
    console: Console,
    counts_tokens: bool,
    /// Whether bars are shown of each job; who runs thousands shows one of their own.
    bars: bool,
}

/// Thousands of runs, of which nobody wants to see each.
impl Runs for Driver {
    fn submit(&mut self, spec: RunSpec) {
        self.asked.push_back(self.engine.run(spec));
    }

    fn wait(&mut self) -> opabinia_engine::Result<RunOutput> {
        let ticket = self.asked.pop_front().ok_or_else(nothing_asked_for)?;
        self.interrupt.watch(ticket.cancel_token());
        let ended = self.engine.wait(ticket);
        self.interrupt.watch(None);
        if matches!(ended, Err(opabinia_engine::Error::Cancelled)) {
            // Ctrl-C is about all of them.
            self.asked.iter().for_each(Ticket::cancel);
        }
        ended
    }

    fn forget(&mut self) {
        self.asked.iter().for_each(Ticket::cancel);
        for ticket in self.asked.drain(..) {
            let _ = self.engine.wait(ticket);
        }
    }
}

impl Driver {
    /// Starts the engine. With `counts_tokens`, answers are shown as a count while they are made; without, whoever
    /// prints them shows enough.
    ///
    /// # Errors
    /// If the system gives no thread or no signal handler.
    pub fn start(console: Console, counts_tokens: bool) -> Result<Self> {
        opabinia_engine::Error::check_room_to_start()?;
        Ok(Self {
            engine: Client::start()?,
            asked: VecDeque::new(),
            interrupt: Interrupt::install()?,
            console,
            counts_tokens,
            bars: console.shows_progress(),
        })
    }

    /// Shows no bars from now on: there is one for all jobs.
    pub fn without_bars(&mut self) {
        self.bars = false;
    }

    /// Finds out what a checkpoint is.
    ///
    /// # Errors
    /// If it cannot be read at all.
    pub fn inspect(&mut self, request: LoadRequest) -> Result<Inspection> {
        let ticket = self.engine.inspect(request);
        self.follow(ticket, &mut |_| Ok(()))
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
        let (model, ticket) = self.engine.load(request, None);
        let loaded = self.follow(ticket, &mut |_| Ok(()))?;
        Ok(Opened { model, inspection: loaded.inspection, took: started.elapsed() })
    }

    /// Runs `spec`, which generates an answer.
    ///
    /// # Errors
    /// If it cannot be answered, or `on_token` fails.
    pub fn ask(&mut self, spec: RunSpec, on_token: OnToken<'_>) -> Result<Answer> {
        let ticket = self.engine.run(spec);
        Ok(self.follow(ticket, on_token)?.into_answer()?)
    }

    /// Runs `spec`, of whose tokens only the end is wanted.
    ///
    /// # Errors
    /// If it cannot be run, or what it records not be written.
    pub fn run(&mut self, spec: RunSpec) -> Result<RunOutput> {
        let ticket = self.engine.run(spec);
        self.follow(ticket, &mut |_| Ok(()))
    }

    /// Measures what an answer rests on, and writes the numbers where they are wanted.
    ///
    /// # Errors
    /// If it cannot be measured or written.
    pub fn evidence(&mut self, spec: EvidenceSpec) -> Result<Evidence> {
        let ticket = self.engine.evidence(spec);
        self.follow(ticket, &mut |_| Ok(()))
    }

    /// Does `work` here, without the engine: what needs neither models nor tensors. Ctrl-C stops it.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn compute<T>(&mut self, work: impl FnOnce(&Job<'_>) -> opabinia_engine::Result<T>) -> Result<T> {
        let cancel = CancelToken::default();
        self.interrupt.watch(Some(cancel.clone()));
        let bars = RefCell::new(Bars::new(self.console.shows_progress(), self.counts_tokens));
        let ended = work(&Job::new(cancel, |progress| bars.borrow_mut().show(progress)));
        self.interrupt.watch(None);
        Ok(ended?)
    }

    /// Waits for a job; Ctrl-C stops it.
    fn follow<T>(&mut self, ticket: Ticket<T>, on_token: OnToken<'_>) -> Result<T> {
        let cancel = ticket.cancel_token();
        self.interrupt.watch(cancel.clone());
        let mut bars = Bars::new(self.bars, self.counts_tokens);
        let mut stopped: Option<Failure> = None;
        let counts_tokens = self.counts_tokens;
        let ended = self.engine.watch(ticket, |event| match event {
            EventKind::Progress(progress) => bars.show(progress),
            EventKind::Token(token) if stopped.is_none() => {
                if !counts_tokens {
                    bars.clear();
                }
                if let Err(failure) = on_token(&token) {
                    stopped = Some(failure);
                    if let Some(cancel) = &cancel {
                        cancel.cancel();
                    }
                }
            }
            _ => {}
        });
        self.interrupt.watch(None);
        match stopped {
            Some(failure) => Err(failure),
            None => Ok(ended?),
        }
    }
}
