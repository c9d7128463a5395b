//! An engine in lock step with its test, and the runs that tests ask for.

use crate::support;
use crossbeam_channel::{Receiver, Sender, bounded};
use opabinia_engine::generate::{Answer, GenerateOptions};
use opabinia_engine::job::Stage;
use opabinia_engine::model::LoadRequest;
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::probe::Detail;
use opabinia_engine::run::ModelId;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::{
    Command, Decoding, Engine, Event, EventKind, Outcome, Prompt, Record, RunOutput, RunSpec,
};
use std::path::Path;
use std::sync::Arc;

/// An engine that stands still after every event until the test has looked at it, so that a test can cancel at an
/// exact point of the computation.
pub struct LockStep {
    pub engine: Engine,
    pub go_on: Option<Sender<()>>,
}

impl LockStep {
    pub fn new() -> Self {
        Self::waking(|| {})
    }

    /// With something that is done after every event, on the thread it came from.
    pub fn waking(also: impl Fn() + Send + 'static) -> Self {
        let (go_on, wait): (Sender<()>, Receiver<()>) = bounded(0);
        // The wait ends with an error once the test has let go of the other end.
        let wake = move || {
            also();
            wait.recv().unwrap_or_default();
        };
        Self { engine: Engine::start(wake).unwrap(), go_on: Some(go_on) }
    }

    /// The next event of any job; the engine goes on.
    pub fn next(&mut self) -> Event {
        let event = self.engine.events().recv().unwrap();
        self.go_on.as_ref().unwrap().send(()).unwrap();
        event
    }

    /// Does `command` and cancels it at the first event `at` says yes to. Returns all its events.
    pub fn command(&mut self, command: Command, at: impl Fn(&EventKind) -> bool) -> Vec<EventKind> {
        let job = self.engine.submit(command);
        let mut seen = Vec::new();
        loop {
            let Event { job: of, kind } = self.engine.events().recv().unwrap();
            assert_eq!(of, job);
            if at(&kind) {
                self.engine.cancel(job);
            }
            let terminal = kind.is_last();
            seen.push(kind);
            self.go_on.as_ref().unwrap().send(()).unwrap();
            if terminal {
                assert!(self.engine.events().try_recv().is_err(), "events after the terminal one");
                return seen;
            }
        }
    }

    /// Runs `spec` and cancels it at the first event `at` says yes to. Returns all its events.
    pub fn run(&mut self, spec: RunSpec, at: impl Fn(&EventKind) -> bool) -> Vec<EventKind> {
        self.command(Command::Run(Box::new(spec)), at)
    }

    pub fn load(&mut self, variant: &str) -> ModelId {
        let model = ModelId::unique();
        let command = Command::Load { model, request: load(variant), replaces: None };
        let mut events = self.command(command, |_| false);
        let Some(EventKind::Done(Outcome::Loaded(loaded))) = events.pop() else { panic!("not loaded: {events:?}") };
        assert_eq!(loaded.model, model);
        model
    }

    pub fn complete(&mut self, spec: RunSpec) -> RunOutput {
        output(self.run(spec, |_| false))
    }

    pub fn answer(&mut self, spec: RunSpec) -> Answer {
        self.complete(spec).into_answer().unwrap()
    }
}

impl Drop for LockStep {
    fn drop(&mut self) {
        self.go_on = None;
    }
}

/// What came of a run with these events.
pub fn output(mut events: Vec<EventKind>) -> RunOutput {
    match events.pop() {
        Some(EventKind::Done(Outcome::Ran(output))) => *output,
        other => panic!("not done: {other:?}"),
    }
}

pub fn load(variant: &str) -> LoadRequest {
    load_from(&support::goldens().join(variant).join("checkpoint"))
}

pub fn load_from(directory: &Path) -> LoadRequest {
    LoadRequest {
        source: directory.display().to_string(),
        device: "cpu".parse().unwrap(),
        weights: WeightFormat::F32.into(),
        ..LoadRequest::default()
    }
}

pub fn image(file: &str) -> Arc<Picture> {
    Arc::new(Picture::open(&support::goldens().join("images").join(file), Exif::Ignore).unwrap())
}

pub fn generate(max_tokens: usize) -> Decoding {
    Decoding::Generate(GenerateOptions { max_tokens, ..GenerateOptions::default() })
}

/// A question about the wide picture.
pub fn ask(model: ModelId, max_tokens: usize) -> RunSpec {
    RunSpec {
        image: Some(image("wide.png")),
        decoding: generate(max_tokens),
        ..RunSpec::new(model, Prompt::question("Describe this image in detail."))
    }
}

pub fn trace(model: ModelId, max_tokens: usize, detail: Detail) -> RunSpec {
    RunSpec { record: Record::Trace { detail, output: None }, ..ask(model, max_tokens) }
}

pub fn attend(model: ModelId, answer: &[u32]) -> RunSpec {
    let forced_prefix = answer.to_vec();
    RunSpec { decoding: Decoding::Nothing, record: Record::TokenAttention, forced_prefix, ..ask(model, 0) }
}

pub fn ids(answer: &Answer) -> Vec<u32> {
    answer.tokens.iter().map(|token| token.id).collect()
}

/// Says yes at the `nth` report of `stage`.
pub fn at(stage: Stage, nth: u64) -> impl Fn(&EventKind) -> bool {
    let count = std::cell::Cell::new(0);
    move |kind| {
        let hit = matches!(kind, EventKind::Progress(progress) if progress.stage == stage);
        count.set(count.get() + u64::from(hit));
        hit && count.get() == nth
    }
}

/// How many reports of `stage` are in `events`.
pub fn reports(events: &[EventKind], stage: Stage) -> usize {
    events.iter().filter(|kind| matches!(kind, EventKind::Progress(p) if p.stage == stage)).count()
}
