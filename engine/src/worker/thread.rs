//! The thread itself: which job is next, and how each ends.
//!
//! There are two lanes. What is interactive runs to its end, one job after another. Batch work runs pass by pass, and
//! before each pass the thread looks whether something interactive has been asked for.

use super::active::Active;
use super::registry::{Registry, gone};
use super::spec::{Command, Event, EventKind, EvidenceSpec, JobId, Loaded, Outcome, RunSpec};
use super::{CoreLeft, Pending, lock};
use crate::cores::Cores;
use crate::error::{Error, Result};
use crate::generate::{Token, Watch};
use crate::job::{CancelToken, Job};
use crate::observe::Unobserved;
use crate::probe::evidence::Measurement;
use crate::run::{Lane, ModelId};
use crossbeam_channel::{Receiver, Sender};
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// A command on its way to the thread.
pub(super) struct Envelope {
    pub(super) job: JobId,
    pub(super) cancel: CancelToken,
    pub(super) command: Command,
    /// Who hears of it; the handle's owner where it is nobody else.
    pub(super) listener: Option<Sender<Event>>,
}

/// What comes in.
pub(super) enum Message {
    /// Somebody asks for something.
    Ask(Envelope),
    /// The handle is being dropped: what was asked for ends, and the thread with it.
    End,
}

/// A job that has not ended.
struct Task {
    job: JobId,
    cancel: CancelToken,
    listener: Option<Sender<Event>>,
    work: Work,
}

/// How far a job is.
enum Work {
    /// Not begun.
    Asked(Command),
    /// A run between two passes.
    Running(Box<Active>),
    /// A measurement between two runs.
    Measuring(Box<Measuring>),
    /// Its model has gone.
    Gone(ModelId),
    /// It has ended, or is being worked on.
    Over,
}

/// A measurement of a model.
struct Measuring {
    model: ModelId,
    measurement: Measurement,
    output: Option<PathBuf>,
}

impl Work {
    /// The model it holds on to.
    fn holds(&self) -> Option<ModelId> {
        match self {
            Self::Running(active) => Some(active.model()),
            Self::Measuring(measuring) => Some(measuring.model),
            Self::Asked(_) | Self::Gone(_) | Self::Over => None,
        }
    }
}

pub(super) struct Worker {
    registry: Registry,
    interactive: VecDeque<Task>,
    batch: VecDeque<Task>,
    outbox: Sender<Event>,
    wake: Box<dyn Fn() + Send>,
    pending: Pending,
    /// Whether the handle has gone.
    closed: bool,
}

impl Worker {
    pub(super) fn new(outbox: Sender<Event>, wake: Box<dyn Fn() + Send>, pending: Pending) -> Self {
        let (interactive, batch) = (VecDeque::new(), VecDeque::new());
        Self { registry: Registry::default(), interactive, batch, outbox, wake, pending, closed: false }
    }

    /// Works on these `cores` until nobody can ask for anything any more and all that was asked for has ended.
    pub(super) fn run(mut self, inbox: &Receiver<Message>, cores: &Cores, core_left: &CoreLeft) {
        loop {
            self.queue(inbox.try_iter());
            self.end_cancelled();
            if let Some(mut task) = self.interactive.pop_front() {
                while !self.step(&mut task) {
                    self.queue(inbox.try_iter());
                    self.end_cancelled();
                }
            } else if let Some(mut task) = self.batch.pop_front() {
                let ended = if core_left.holds() && self.is_on_processor(&task) {
                    cores.but_one(|| self.step(&mut task))
                } else {
                    self.step(&mut task)
                };
                if !ended {
                    self.batch.push_front(task);
                }
            } else if self.closed {
                return;
            } else {
                match inbox.recv() {
                    Ok(message) => self.queue([message]),
                    Err(_) => return,
                }
            }
        }
    }

    /// Whether a pass of `task` works on the processor's cores. On a graphics device it has nothing to leave, and belongs to
    /// the one thread whose stream orders its operations.
    fn is_on_processor(&mut self, task: &Task) -> bool {
        let model = match &task.work {
            Work::Asked(Command::Run(spec)) => Some(spec.model),
            Work::Asked(Command::Evidence(spec)) => Some(spec.model),
            work => work.holds(),
        };
        model.and_then(|id| self.registry.model(id).ok()).is_some_and(|(model, _)| model.device().is_cpu())
    }

    fn queue(&mut self, messages: impl IntoIterator<Item = Message>) {
        for message in messages {
            let Message::Ask(Envelope { job, cancel, command, listener }) = message else {
                self.closed = true;
                continue;
            };
            if self.closed {
                cancel.cancel();
            }
            let lane = command.lane();
            self.lane(lane).push_back(Task { job, cancel, listener, work: Work::Asked(command) });
        }
    }

    /// Ends all that wait and were cancelled: nobody is told of that only when it would have been their turn.
    fn end_cancelled(&mut self) {
        for lane in [Lane::Interactive, Lane::Batch] {
            let cancelled: Vec<Task> = {
                let waiting = self.lane(lane);
                let (cancelled, kept): (Vec<_>, Vec<_>) =
                    waiting.drain(..).partition(|task| task.cancel.is_cancelled());
                waiting.extend(kept);
                cancelled
            };
            for mut task in cancelled {
                while !self.step(&mut task) {}
            }
        }
    }

    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Task> {
        match lane {
            Lane::Interactive => &mut self.interactive,
            Lane::Batch => &mut self.batch,
        }
    }

    /// Does the next piece of `task`; whether it has ended.
    fn step(&mut self, task: &mut Task) -> bool {
        let job = task.job;
        let ended = match catch_unwind(AssertUnwindSafe(|| self.advance(task))) {
            Ok(Ok(None)) => return false,
            Ok(Ok(Some(outcome))) => EventKind::Done(outcome),
            Ok(Err(Error::Cancelled)) => EventKind::Cancelled,
            Ok(Err(error)) => EventKind::Failed(error),
            // Models are only ever read; the state of a run that was cut off goes with it.
            Err(panic) => EventKind::Failed(Error::Panicked(panic_text(panic.as_ref()))),
        };
        task.work = Work::Over;
        lock(&self.pending).remove(&job);
        self.emit(task, ended);
        true
    }

    /// Tells whoever hears of `task`.
    fn emit(&self, task: &Task, kind: EventKind) {
        let event = Event { job: task.job, kind };
        match &task.listener {
            // Who has gone does not hear it.
            Some(listener) => drop(listener.send(event)),
            None => {
                // Nobody listens while the handle is being dropped.
                let _ = self.outbox.send(event);
                // Whoever is woken may panic, but not take the thread along.
                let _ = catch_unwind(AssertUnwindSafe(|| (self.wake)()));
            }
        }
    }

    fn advance(&mut self, task: &mut Task) -> Result<Option<Outcome>> {
        // What is under way ends by itself: it keeps what is complete.
        let under_way = matches!(task.work, Work::Running(_) | Work::Measuring(_));
        if task.cancel.is_cancelled() && !under_way {
            return Err(Error::Cancelled);
        }
        let work = std::mem::replace(&mut task.work, Work::Over);
        if matches!(work, Work::Asked(_)) {
            self.emit(task, EventKind::Started);
        }
        let (id, listener) = (task.job, task.listener.clone());
        let (outbox, wake) = (&self.outbox, &self.wake);
        let emit = |kind| {
            let event = Event { job: id, kind };
            match &listener {
                Some(listener) => drop(listener.send(event)),
                None => {
                    let _ = outbox.send(event);
                    wake();
                }
            }
        };
        let job = Job::new(task.cancel.clone(), |progress| emit(EventKind::Progress(progress)));
        match work {
            Work::Asked(Command::Inspect { request, replaces }) => {
                let inspection = self.registry.inspect(&request, replaces, &job)?;
                Ok(Some(Outcome::Inspected(Box::new(inspection))))
            }
            Work::Asked(Command::Load { model, request, replaces }) => {
                replaces.iter().for_each(|id| drop_runs_of(&mut self.batch, *id));
                let inspection = self.registry.load(model, &request, replaces, &job)?;
                Ok(Some(Outcome::Loaded(Box::new(Loaded { model, inspection }))))
            }
            Work::Asked(Command::Unload(model)) => {
                drop_runs_of(&mut self.batch, model);
                self.registry.unload(model);
                Ok(Some(Outcome::Unloaded))
            }
            Work::Asked(Command::Run(spec)) => {
                let (model, session) = self.registry.model(spec.model)?;
                let spec: RunSpec = *spec;
                task.work = Work::Running(Box::new(Active::new(model, session, spec)?));
                Ok(None)
            }
            Work::Running(mut active) => {
                let (model, session) = self.registry.model(active.model())?;
                let output = active.advance(model, session, &job, &emit)?;
                task.work = Work::Running(active);
                Ok(output.map(|output| Outcome::Ran(Box::new(output))))
            }
            Work::Asked(Command::Evidence(spec)) => {
                let (model, session) = self.registry.model(spec.model)?;
                let EvidenceSpec { model: id, request, output, lane } = *spec;
                let measurement = Measurement::new(model, session, request, lane)?;
                task.work = Work::Measuring(Box::new(Measuring { model: id, measurement, output }));
                Ok(None)
            }
            Work::Measuring(mut measuring) => {
                let (model, session) = self.registry.model(measuring.model)?;
                let mut on_token = |token: &Token| emit(EventKind::Token(token.clone()));
                let mut watch = Watch { job: &job, observer: &mut Unobserved, on_token: &mut on_token };
                let evidence = measuring.measurement.advance(model, session, &mut watch)?;
                for finding in measuring.measurement.drain_findings() {
                    emit(EventKind::Found(Box::new(finding)));
                }
                if let (Some(evidence), Some(path)) = (&evidence, &measuring.output) {
                    evidence.write(model.name(), path)?;
                }
                task.work = Work::Measuring(measuring);
                Ok(evidence.map(|evidence| Outcome::Measured(Box::new(evidence))))
            }
            Work::Gone(model) => Err(gone(model)),
            Work::Over => Err(Error::Cancelled),
        }
    }
}

/// Makes batch work let go of the model `id`, which goes: it fails when it is its turn.
fn drop_runs_of(batch: &mut VecDeque<Task>, id: ModelId) {
    for task in batch.iter_mut().filter(|task| task.work.holds() == Some(id)) {
        task.work = Work::Gone(id);
    }
}

/// What a panic said.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}
