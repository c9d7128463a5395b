//! What the engine can be asked for, and what it says.

use crate::error::{Error, Result};
use crate::generate::{Answer, GenerateOptions, ImageInput, Passes, Scores, Token};
use crate::intervention::Interventions;
use crate::job::Progress;
use crate::model::{Inspection, LoadRequest};
use crate::probe::evidence::{self, Evidence, Finding};
use crate::probe::{Detail, TokenAttention, Trace};
use crate::run::{Lane, ModelId, RunKey};
use crate::text::Turn;
use crate::vision::{Exif, Picture};
use std::path::PathBuf;
use std::sync::Arc;

/// Names one job for as long as the engine lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub(super) u64);

/// What a model is told before its answer, apart from the image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// System text instead of the template's own.
    pub system: Option<String>,
    /// All turns; the last one is open.
    pub turns: Vec<Turn>,
}

impl Prompt {
    /// One question, with the template's own system text.
    pub fn question(text: impl Into<String>) -> Self {
        Self { system: None, turns: vec![Turn { question: text.into(), answer: None }] }
    }
}

/// How far a run goes beyond what is recorded of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Decoding {
    /// As far as what is recorded asks for. Where nothing is recorded either, through the encoders: the image is then
    /// ready for what is asked about it.
    #[default]
    Nothing,
    /// Through the forced prefix, which is a whole answer: how probable is it? All of its tokens are run in one pass
    /// (teacher forcing), each after the true ones before it.
    Score {
        /// How many of the most likely tokens to report at each place.
        alternatives: usize,
    },
    /// To the end of an answer, which begins with the forced prefix.
    Generate(GenerateOptions),
}

/// What is recorded of a run on the way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Record {
    /// Nothing.
    #[default]
    Nothing,
    /// Where the SVA looked.
    ///
    /// A trace sees the whole pass: connector, prefill and answer are computed again, whatever was kept of the picture.
    /// Only its encoders are spared where their features are known; with [`Detail::All`], which wants their insides, not
    /// even they. Each token of the forced prefix takes a pass of its own. Afterwards the conversation is kept like that
    /// of any question. So what is about a picture whose trace is known already is cheaper without another.
    Trace {
        /// How much to keep.
        detail: Detail,
        /// Where to write all recorded tensors, if anywhere.
        output: Option<TraceFile>,
    },
    /// What the position after prompt and forced prefix attended to, the one that chooses the next token: see
    /// [`TokenAttention`].
    ///
    /// Costs one pass over one position while the conversation is kept; otherwise as much as the prefill of what is not.
    /// What is kept stays, so that the conversation goes on as if nothing had been asked.
    TokenAttention,
}

/// A file that a trace is written to, and what it says of the picture that the picture itself does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceFile {
    /// Where it is written.
    pub path: PathBuf,
    /// How the picture was read.
    pub exif: Exif,
}

/// A run: the one thing a model is asked to do.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// Which model.
    pub model: ModelId,
    /// What it is asked.
    pub prompt: Prompt,
    /// The image it is asked about, if any.
    pub image: Option<Arc<Picture>>,
    /// What is done to the pass on purpose. Without an image nothing can be.
    pub interventions: Interventions,
    /// The image whose features are swapped in, where the interventions do that.
    pub other: Option<Arc<Picture>>,
    /// Token ids the answer begins with; none to let the model choose from the start. This is how an answer is
    /// continued from an alternative: the ids before it, then its own.
    ///
    /// They are tokens of the answer like any others: reported with the log-probabilities and alternatives the model
    /// gives them in their places, counted in `max_tokens`, and the answer ends among them where it would have ended had
    /// they been sampled. With the same seed, what was sampled before is sampled again after them. They are run
    /// together, not one by one, unless something is traced.
    pub forced_prefix: Vec<u32>,
    /// The place in the forced prefix whose whole distribution is reported with its scores ([`Decoding::Score`]), if any.
    pub place: Option<usize>,
    /// How far it goes.
    pub decoding: Decoding,
    /// What is recorded on the way.
    pub record: Record,
    /// Whether somebody waits for it.
    pub lane: Lane,
    /// In which passes its prompt is run.
    pub passes: Passes,
}

impl RunSpec {
    /// A plain run of `model` over `prompt`, of which nothing is wanted yet.
    pub fn new(model: ModelId, prompt: Prompt) -> Self {
        Self {
            model,
            prompt,
            image: None,
            interventions: Interventions::default(),
            other: None,
            forced_prefix: Vec::new(),
            place: None,
            decoding: Decoding::default(),
            record: Record::default(),
            lane: Lane::default(),
            passes: Passes::default(),
        }
    }

    /// Runs the encoders of `model` on `image`, ahead of any question.
    pub fn encode(model: ModelId, image: Arc<Picture>) -> Self {
        Self { image: Some(image), ..Self::new(model, Prompt::default()) }
    }

    /// What the model is shown: the image, unless an intervention takes it away.
    pub(super) fn image_input(&self) -> Option<ImageInput> {
        let picture = self.image.as_ref().filter(|_| !self.interventions.drop_image())?;
        let (interventions, other) = (self.interventions.clone(), self.other.clone());
        Some(ImageInput { picture: Arc::clone(picture), interventions, other })
    }
}

/// Many runs about one answer: what does it rest on?
///
/// The conversation about the image is kept like that of a question; runs under interventions are forgotten.
#[derive(Debug, Clone)]
pub struct EvidenceSpec {
    /// Which model.
    pub model: ModelId,
    /// What is to be measured.
    pub request: evidence::Request,
    /// Where to write the numbers, if anywhere.
    pub output: Option<PathBuf>,
    /// Whether somebody waits for it.
    pub lane: Lane,
}

/// What came of a run.
#[derive(Debug)]
pub struct RunOutput {
    /// What names it.
    pub key: RunKey,
    /// The answer of [`Decoding::Generate`].
    pub answer: Option<Answer>,
    /// The scores of [`Decoding::Score`].
    pub scores: Option<Scores>,
    /// Where the SVA looked, with [`Record::Trace`]: what [`EventKind::Trace`] brought. Without an image there is none.
    pub trace: Option<Arc<Trace>>,
    /// What the position attended to, with [`Record::TokenAttention`].
    pub attention: Option<TokenAttention>,
}

impl RunOutput {
    /// The answer.
    ///
    /// # Errors
    /// If the run was not to generate one.
    pub fn into_answer(self) -> Result<Answer> {
        self.answer.ok_or_else(|| missing("an answer"))
    }

    /// The scores.
    ///
    /// # Errors
    /// If the run was not to score anything.
    pub fn into_scores(self) -> Result<Scores> {
        self.scores.ok_or_else(|| missing("scores"))
    }
}

fn missing(what: &str) -> Error {
    candle_core::Error::Msg(format!("the run gave no {what}")).into()
}

/// What the engine can be asked to do.
#[derive(Debug)]
pub enum Command {
    /// Find out what a checkpoint is and what it needs, without reading its weights.
    Inspect {
        /// What would be loaded.
        request: LoadRequest,
        /// The model it would replace, whose memory then counts as free.
        replaces: Option<ModelId>,
    },
    /// Load a checkpoint.
    Load {
        /// What to call it: see [`ModelId::unique`].
        model: ModelId,
        /// What to load.
        request: LoadRequest,
        /// The model it replaces. That one is dropped first, whether or not the other can be loaded.
        replaces: Option<ModelId>,
    },
    /// Drop a model and all that was computed with it.
    Unload(ModelId),
    /// Run a model.
    Run(Box<RunSpec>),
    /// Measure what an answer rests on.
    Evidence(Box<EvidenceSpec>),
}

impl Command {
    /// Which work it goes before.
    pub(super) fn lane(&self) -> Lane {
        match self {
            Self::Run(spec) => spec.lane,
            Self::Evidence(spec) => spec.lane,
            Self::Inspect { .. } | Self::Load { .. } | Self::Unload(_) => Lane::Interactive,
        }
    }
}

/// A model that was loaded.
#[derive(Debug)]
pub struct Loaded {
    /// Its name.
    pub model: ModelId,
    /// What it is.
    pub inspection: Inspection,
}

/// What a job did.
#[derive(Debug)]
pub enum Outcome {
    /// What the checkpoint is.
    Inspected(Box<Inspection>),
    /// The model is in memory now.
    Loaded(Box<Loaded>),
    /// The model is gone now.
    Unloaded,
    /// What came of the run.
    Ran(Box<RunOutput>),
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
    /// It measured something. What was told stays true when the job is cancelled or fails.
    Found(Box<Finding>),
    /// It finished.
    Done(Outcome),
    /// It was cancelled.
    Cancelled,
    /// It failed.
    Failed(Error),
}

impl EventKind {
    /// Whether it is a job's last event.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Cancelled | Self::Failed(_))
    }
}

/// An event and the job it belongs to.
#[derive(Debug)]
pub struct Event {
    /// The job.
    pub job: JobId,
    /// What happened.
    pub kind: EventKind,
}
