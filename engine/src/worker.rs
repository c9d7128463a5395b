//! The engine thread: the one owner of all tensors.
//!
//! Commands go in, events come out. Each command is a job; jobs run one after another, and each ends in exactly one
//! of done, cancelled or failed. A panic inside a job is caught, reported as its failure, and survived.

use crate::checkpoint::checkpoint_name;
use crate::error::{Error, Result};
use crate::generate::{Answer, GenerateOptions, Session, Subject, Token, Watch};
use crate::job::{CancelToken, Job, Progress};
use crate::model::{Inspection, LoadRequest, Model};
use crate::observe::Unobserved;
use crate::probe::evidence::{self, Evidence};
use crate::probe::{Announcer, Detail, LastRows, Recorder, TokenAttention, Trace};
use crate::sva::{Frame, PictureSize};
use crate::text::Turn;
use crate::vision::{Exif, Picture};
use candle_core::{Device, Tensor};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Names one job for as long as the engine lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(u64);

/// Which of the two models a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The first model.
    A,
    /// The one it is compared with.
    B,
}

/// One question with all that goes with it.
#[derive(Debug, Clone)]
pub struct Question {
    /// System text instead of the template's own.
    pub system: Option<String>,
    /// All turns; the last one is open.
    pub turns: Vec<Turn>,
    /// The picture it is about, if any.
    pub subject: Option<Subject>,
    /// Token ids the answer begins with; none to let the model choose from the start. This is how an answer is
    /// continued from an alternative: the ids before it, then its own.
    ///
    /// They are tokens of the answer like any others: reported with the log-probabilities and alternatives the model
    /// gives them in their places, counted in `max_tokens`, and the answer ends among them where it would have ended had
    /// they been sampled. With the same seed, what was sampled before is sampled again after them. They are run
    /// together, not one by one, unless something is traced.
    pub begin: Vec<u32>,
    /// How to answer.
    pub options: GenerateOptions,
}

impl Question {
    /// What the model is shown: the picture, unless an intervention takes it away.
    fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref().filter(|subject| !subject.interventions.drop_image())
    }

    /// SVA layers that run: all but those that are skipped.
    fn layers(&self, model: &Model) -> usize {
        let anatomy = model.anatomy();
        let encoders = anatomy.encoders().len();
        let skipped = |layer| self.subject().is_some_and(|subject| subject.interventions.plan(layer, encoders).skip);
        anatomy.layers().filter(|layer| !skipped(*layer)).count()
    }

    /// What is asked, after all that was said before.
    fn last(&self) -> &str {
        self.turns.last().map_or("", |turn| turn.question.as_str())
    }
}

/// What the engine can be asked to do.
#[derive(Debug)]
pub enum Command {
    /// Find out what a checkpoint is and what it needs, without reading its weights.
    Inspect {
        /// What would be loaded.
        request: LoadRequest,
        /// The slot it would be loaded into, whose memory then counts as free.
        replaces: Option<Slot>,
    },
    /// Load a checkpoint into a slot. What was there before is dropped first.
    Load(Slot, LoadRequest),
    /// Drop a slot's model and all that was computed with it.
    Unload(Slot),
    /// Run the encoders on a picture ahead of any question.
    SetImage(Slot, Arc<Picture>),
    /// Answer a question.
    Ask(Slot, Question),
    /// Answer a question and record what happens inside.
    ///
    /// The trace comes as an event of its own ([`EventKind::Trace`]) as soon as the SVA is done, before the first token.
    ///
    /// A trace sees the whole pass: connector, prefill and answer are computed again, whatever was kept of the picture.
    /// Only its encoders are spared, after [`Command::SetImage`] or an earlier question about it; with [`Detail::All`],
    /// which wants their insides, not even they. Each token of [`Question::begin`] takes a pass of its own. Afterwards
    /// the conversation is kept like that of a question. So what is about a picture whose trace is known already is
    /// cheaper to [`Command::Ask`], which runs only what the last question about it did not have.
    Trace {
        /// The model.
        slot: Slot,
        /// The question.
        question: Question,
        /// What to keep.
        detail: Detail,
        /// Where to write all recorded tensors, if anywhere.
        output: Option<TraceFile>,
    },
    /// Find out what one token of an answer attended to: see [`TokenAttention`].
    ///
    /// Costs one pass over one position while the conversation is kept; otherwise as much as the prefill of what is not.
    /// What is kept stays, so that the conversation goes on as if nothing had been asked.
    Attend {
        /// The model.
        slot: Slot,
        /// The question that was answered, about a picture. Its beginning and its options make no difference.
        question: Question,
        /// The ids of the answer before the token; none for its first.
        answer: Vec<u32>,
    },
    /// Measure what an answer rests on: see [`crate::probe::evidence`].
    ///
    /// The conversation about the picture is kept like that of a question; runs under interventions are forgotten.
    Evidence {
        /// The model.
        slot: Slot,
        /// What is to be measured.
        request: Box<evidence::Request>,
        /// Where to write the numbers, if anywhere.
        output: Option<PathBuf>,
    },
}

/// A file that a trace is written to, and what it says of the picture that the picture itself does not tell.
#[derive(Debug, Clone)]
pub struct TraceFile {
    /// Where it is written.
    pub path: PathBuf,
    /// How the picture was read.
    pub exif: Exif,
}

/// What a job did.
#[derive(Debug)]
pub enum Outcome {
    /// What the checkpoint is.
    Inspected(Box<Inspection>),
    /// The slot holds the model now.
    Loaded(Box<Inspection>),
    /// The slot is empty now.
    Unloaded,
    /// The picture's features are ready.
    ImageReady,
    /// The answer.
    Answered(Box<Answer>),
    /// The answer, and where the model looked: what [`EventKind::Trace`] brought. Without a picture there is no trace.
    Traced(Box<Answer>, Option<Arc<Trace>>),
    /// What a token attended to.
    Attended(Box<TokenAttention>),
    /// What an answer rests on.
    Measured(Box<Evidence>),
}

/// What happens to a job. The last event of every job is `Done`, `Cancelled` or `Failed`, and only the last one is.
#[derive(Debug)]
pub enum EventKind {
    /// The engine began to work on it.
    Started,
    /// It is this far.
    Progress(Progress),
    /// Where the SVA looked is known; the answer is still to come, and may never come.
    Trace(Arc<Trace>),
    /// It generated a token.
    Token(Token),
    /// It finished.
    Done(Outcome),
    /// It was cancelled.
    Cancelled,
    /// It failed.
    Failed(Error),
}

/// An event and the job it belongs to.
#[derive(Debug)]
pub struct Event {
    /// The job.
    pub job: JobId,
    /// What happened.
    pub kind: EventKind,
}

struct Envelope {
    job: JobId,
    cancel: CancelToken,
    command: Command,
}

/// Jobs that have not ended, with what cancels them.
type Pending = Arc<Mutex<HashMap<JobId, CancelToken>>>;

fn lock(pending: &Pending) -> MutexGuard<'_, HashMap<JobId, CancelToken>> {
    // The map stays consistent whatever panicked while it was held: its operations are single calls.
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The handle to the engine thread. Dropping it cancels every job and waits for the thread to end.
pub struct Engine {
    commands: Option<Sender<Envelope>>,
    events: Receiver<Event>,
    pending: Pending,
    next: u64,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the thread. `wake` is called after every event, from the engine thread: a window asks for a repaint
    /// there.
    ///
    /// If `wake` panics it does so on that thread: after an event in the middle of a job (progress, a token) it is the
    /// job's failure, like any other panic inside it; after the first or last event of a job it goes no further. Tests
    /// of whoever drives the engine show in this way that a panic is survived, in the program as it is shipped: no
    /// command and no feature exists for it.
    ///
    /// # Errors
    /// [`Error::Io`] if the operating system gives no thread.
    pub fn start(wake: impl Fn() + Send + 'static) -> Result<Self> {
        let (commands, inbox) = unbounded::<Envelope>();
        let (outbox, events) = unbounded();
        let pending = Pending::default();
        let shared = Arc::clone(&pending);
        let thread = std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || Worker { models: HashMap::new(), outbox, wake: Box::new(wake), pending: shared }.run(&inbox))
            .map_err(|e| Error::io("the engine thread", e))?;
        Ok(Self { commands: Some(commands), events, pending, next: 0, thread: Some(thread) })
    }

    /// Queues `command`.
    pub fn submit(&mut self, command: Command) -> JobId {
        let job = JobId(self.next);
        self.next += 1;
        let cancel = CancelToken::default();
        lock(&self.pending).insert(job, cancel.clone());
        if let Some(commands) = &self.commands {
            // The thread ends only when this sender is dropped, so there is always a receiver.
            let _ = commands.send(Envelope { job, cancel, command });
        }
        job
    }

    /// Asks `job` to stop; without effect if it has ended.
    pub fn cancel(&self, job: JobId) {
        if let Some(cancel) = lock(&self.pending).get(&job) {
            cancel.cancel();
        }
    }

    /// The token that cancels `job`, for other threads (a signal handler); `None` if it has ended.
    pub fn cancel_token(&self, job: JobId) -> Option<CancelToken> {
        lock(&self.pending).get(&job).cloned()
    }

    /// The stream of events of all jobs.
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for cancel in lock(&self.pending).values() {
            cancel.cancel();
        }
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic on the thread was reported as its job's failure already.
            let _ = thread.join();
        }
    }
}

/// A loaded model with its working memory.
struct Loaded {
    model: Model,
    session: Session,
}

struct Worker {
    models: HashMap<Slot, Loaded>,
    outbox: Sender<Event>,
    wake: Box<dyn Fn() + Send>,
    pending: Pending,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Envelope>) {
        for Envelope { job, cancel, command } in inbox {
            let slot = command.slot();
            let ended = catch_unwind(AssertUnwindSafe(|| self.perform(job, &cancel, command)));
            let kind = match ended {
                Ok(Ok(outcome)) => EventKind::Done(outcome),
                Ok(Err(Error::Cancelled)) => EventKind::Cancelled,
                Ok(Err(error)) => EventKind::Failed(error),
                Err(panic) => {
                    // The model is only ever read; what a question left half done goes.
                    if let Some(loaded) = slot.and_then(|slot| self.models.get_mut(&slot)) {
                        loaded.session.clear();
                    }
                    EventKind::Failed(Error::Panicked(panic_text(panic.as_ref())))
                }
            };
            lock(&self.pending).remove(&job);
            self.emit(job, kind);
        }
    }

    fn emit(&self, job: JobId, kind: EventKind) {
        // Nobody listens while the handle is being dropped.
        let _ = self.outbox.send(Event { job, kind });
        // Whoever is woken may panic, but not take the thread along.
        let _ = catch_unwind(AssertUnwindSafe(|| (self.wake)()));
    }

    fn perform(&mut self, id: JobId, cancel: &CancelToken, command: Command) -> Result<Outcome> {
        let outbox = self.outbox.clone();
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        self.emit(id, EventKind::Started);
        let wake = &self.wake;
        let emit = |kind| {
            let _ = outbox.send(Event { job: id, kind });
            wake();
        };
        let job = Job::new(cancel.clone(), |progress| emit(EventKind::Progress(progress)));
        let mut on_token = |token: &Token| emit(EventKind::Token(token.clone()));
        match command {
            Command::Inspect { request, replaces } => {
                let replaced = replaces.and_then(|slot| self.models.get(&slot));
                let freed = replaced.map_or(0, |loaded| loaded.model.resident_bytes());
                Ok(Outcome::Inspected(Box::new(Inspection::new(&request, freed, &job)?)))
            }
            Command::Load(slot, request) => {
                self.models.remove(&slot);
                let (model, inspection) = Model::load(&request, &job)?;
                self.models.insert(slot, Loaded { model, session: Session::default() });
                Ok(Outcome::Loaded(Box::new(inspection)))
            }
            Command::Unload(slot) => {
                self.models.remove(&slot);
                Ok(Outcome::Unloaded)
            }
            Command::SetImage(slot, picture) => {
                let Loaded { model, session } = loaded(&mut self.models, slot)?;
                session.encode(model, &picture, &job, &mut Unobserved)?;
                Ok(Outcome::ImageReady)
            }
            Command::Ask(slot, question) => {
                let mut watch = Watch { job: &job, observer: &mut Unobserved, on_token: &mut on_token };
                let Loaded { model, session } = loaded(&mut self.models, slot)?;
                let answer = ask(model, session, &question, &mut watch)?;
                Ok(Outcome::Answered(Box::new(answer)))
            }
            Command::Trace { slot, question, detail, output } => {
                let Loaded { model, session } = loaded(&mut self.models, slot)?;
                let exif = output.as_ref().map_or(Exif::Ignore, |file| file.exif);
                let mut trace = None;
                let mut complete = |recorder: &Recorder| {
                    let made = traced(model, &question, exif, recorder)?;
                    if let Some(made) = &made {
                        emit(EventKind::Trace(Arc::clone(made)));
                    }
                    trace = made;
                    Ok(())
                };
                let mut observer = Announcer::new(Recorder::new(detail), question.layers(model), &mut complete);
                let mut watch = Watch { job: &job, observer: &mut observer, on_token: &mut on_token };
                let answer = ask(model, session, &question, &mut watch)?;
                let recorder = observer.into_recorder();
                if let Some(file) = output {
                    write(model, &question, &answer, recorder, trace.as_deref(), detail, &file.path)?;
                }
                Ok(Outcome::Traced(Box::new(answer), trace))
            }
            Command::Attend { slot, question, answer } => {
                let attention = attend(loaded(&mut self.models, slot)?, &question, &answer, &job)?;
                Ok(Outcome::Attended(Box::new(attention)))
            }
            Command::Evidence { slot, request, output } => {
                let Loaded { model, session } = loaded(&mut self.models, slot)?;
                let mut watch = Watch { job: &job, observer: &mut Unobserved, on_token: &mut on_token };
                let evidence = evidence::measure(model, session, &request, &mut watch)?;
                if let Some(path) = output {
                    evidence.write(&checkpoint_name(model.directory()), &path)?;
                }
                Ok(Outcome::Measured(Box::new(evidence)))
            }
        }
    }
}

impl Command {
    fn slot(&self) -> Option<Slot> {
        match self {
            Self::Load(slot, _) | Self::Unload(slot) | Self::SetImage(slot, _) | Self::Ask(slot, _) => Some(*slot),
            Self::Trace { slot, .. } | Self::Attend { slot, .. } | Self::Evidence { slot, .. } => Some(*slot),
            // It touches no model, so there is nothing to tidy up behind it.
            Self::Inspect { .. } => None,
        }
    }
}

fn loaded(models: &mut HashMap<Slot, Loaded>, slot: Slot) -> Result<&mut Loaded> {
    models
        .get_mut(&slot)
        .ok_or_else(|| Error::input(format!("no model is loaded in slot {slot:?}"), "open a checkpoint first"))
}

fn ask(model: &Model, session: &mut Session, question: &Question, watch: &mut Watch<'_>) -> Result<Answer> {
    let subject = question.subject();
    let prompt = model.prompt(question.system.as_deref(), &question.turns, subject.is_some())?;
    session.ask(model, &prompt, subject, &question.begin, &question.options, watch)
}

/// What the position that chose the token after `answer` attended to.
fn attend(loaded: &mut Loaded, question: &Question, answer: &[u32], job: &Job<'_>) -> Result<TokenAttention> {
    let Loaded { model, session } = loaded;
    let subject = question.subject();
    let prompt = model.prompt(question.system.as_deref(), &question.turns, subject.is_some())?;
    let (Some(subject), Some(image_start)) = (subject, prompt.image_index) else {
        return Err(Error::input(
            "the question is about no picture, so no token attended to one",
            "attach a picture and ask again",
        ));
    };
    let mut rows = LastRows::default();
    let mut watch = Watch { job, observer: &mut rows, on_token: &mut |_| {} };
    session.revisit(model, &prompt, Some(subject), answer, &mut watch)?;
    let size = PictureSize { width: subject.picture.width, height: subject.picture.height };
    rows.around(Frame::new(model.config().sva.final_side, size), image_start)
}

/// The trace in what `recorder` saw of the pass for `question`, whose picture was read as `exif` says; `None` if that is
/// about no picture.
fn traced(model: &Model, question: &Question, exif: Exif, recorder: &Recorder) -> Result<Option<Arc<Trace>>> {
    let Some(Subject { picture, interventions, .. }) = question.subject() else { return Ok(None) };
    let (layers, tensors) = (recorder.layers(), recorder.tensors());
    let trace = Trace::new(model, picture, exif, question.last(), interventions, layers, tensors)?;
    Ok(Some(Arc::new(trace)))
}

/// Writes everything that `recorder` saw to `path`.
fn write(
    model: &Model,
    question: &Question,
    answer: &Answer,
    recorder: Recorder,
    trace: Option<&Trace>,
    detail: Detail,
    path: &Path,
) -> Result<()> {
    let mut tensors = recorder.into_tensors()?;
    let ids: Vec<i64> = answer.tokens.iter().map(|token| i64::from(token.id)).collect();
    tensors.insert("generated_ids".into(), Tensor::new(ids.as_slice(), &Device::Cpu)?);
    tensors.insert("input_ids".into(), Tensor::new(answer.prompt_ids.as_slice(), &Device::Cpu)?);
    if let (Some(Subject { picture, .. }), Detail::All) = (question.subject(), detail) {
        let pixels = Tensor::from_slice(&picture.rgb, (picture.height, picture.width, 3), &Device::Cpu)?;
        tensors.insert("image.rgb_u8".into(), pixels);
    }
    match trace {
        Some(trace) => trace.write(&tensors, path),
        None => {
            let subject = question.subject.as_ref();
            let interventions = subject.map(|subject| subject.interventions.clone()).unwrap_or_default();
            Trace::write_without_picture(model, question.last(), &interventions, &tensors, path)
        }
    }
}

/// What a panic said.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(engine: &Engine, job: JobId) -> EventKind {
        loop {
            let event = engine.events().recv().unwrap();
            if event.job == job && !matches!(event.kind, EventKind::Started | EventKind::Progress(_)) {
                return event.kind;
            }
        }
    }

    #[test]
    fn a_question_without_a_model_says_so() {
        let mut engine = Engine::start(|| {}).unwrap();
        let picture = Arc::new(Picture { width: 1, height: 1, rgb: vec![0; 3] });
        let job = engine.submit(Command::SetImage(Slot::B, picture));
        let EventKind::Failed(error) = terminal(&engine, job) else { panic!("must fail") };
        assert!(error.to_string().contains("slot B"), "{error}");
    }
}
