//! What the engine has been asked to do and has not finished.

use super::{AttentionKey, ConversationId, CrossKey, EvidenceKey, EvidencePart, ExchangeId, Slot, TraceKey};
use opabinia_engine::job::Progress;
use opabinia_engine::worker::JobId;
use std::collections::BTreeMap;
use std::time::Instant;

/// What a job is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Finding out what a checkpoint is.
    Inspect(Slot),
    /// Loading a checkpoint.
    Load(Slot),
    /// Dropping a model.
    Unload(Slot),
    /// Dropping a model that was loaded for nobody: another one was asked for meanwhile.
    Discard,
    /// Answering a question.
    Answer {
        /// The conversation.
        conversation: ConversationId,
        /// The exchange in it.
        exchange: ExchangeId,
        /// The trace that comes before the answer, if one does.
        traced: Option<TraceKey>,
    },
    /// Answering a question once more, under interventions.
    Intervene {
        /// The conversation.
        conversation: ConversationId,
        /// The exchange in it, whose plain answer stands.
        exchange: ExchangeId,
        /// The run.
        key: TraceKey,
        /// Whether its trace comes before the answer.
        traced: bool,
    },
    /// The language model's attention from a token.
    Attend(AttentionKey),
    /// A trace without an answer: the maps of an earlier one.
    Trace(TraceKey),
    /// Scoring the answer of one side of a comparison on another.
    Cross {
        /// Both answers.
        key: CrossKey,
        /// Whose answer: 0 is A.
        answer: usize,
        /// On which side.
        under: usize,
    },
    /// What an answer rests on.
    Evidence(EvidenceKey, EvidencePart),
}

impl Purpose {
    /// The trace that comes of it.
    pub fn makes_trace(&self) -> Option<&TraceKey> {
        match self {
            Self::Answer { traced, .. } => traced.as_ref(),
            Self::Trace(key) | Self::Intervene { key, traced: true, .. } => Some(key),
            _ => None,
        }
    }

    /// Whether it is to answer this exchange.
    pub fn answers(&self, id: ConversationId, at: ExchangeId) -> bool {
        matches!(self, Self::Answer { conversation, exchange, .. } if (*conversation, *exchange) == (id, at))
    }
}

/// A job that has not ended.
#[derive(Debug, Clone)]
pub struct RunningJob {
    /// What it is for.
    pub purpose: Purpose,
    /// How far it is; `None` before the first report.
    pub progress: Option<Progress>,
    /// When it was asked for.
    pub asked: Instant,
    /// When its first token came.
    pub first_token: Option<Instant>,
    /// Whether it was asked to stop.
    pub cancelling: bool,
}

/// Jobs that have not ended, in the order they were asked for.
#[derive(Debug, Default)]
pub struct Jobs(BTreeMap<JobId, RunningJob>);

impl Jobs {
    /// Notes that `job` was asked for.
    pub fn begin(&mut self, job: JobId, purpose: Purpose) {
        let running =
            RunningJob { purpose, progress: None, asked: Instant::now(), first_token: None, cancelling: false };
        self.0.insert(job, running);
    }

    /// The job named `job`.
    pub fn get(&self, job: JobId) -> Option<&RunningJob> {
        self.0.get(&job)
    }

    /// The job named `job`, to be changed.
    pub fn get_mut(&mut self, job: JobId) -> Option<&mut RunningJob> {
        self.0.get_mut(&job)
    }

    /// Notes that `job` has ended, and gives what it was.
    pub fn end(&mut self, job: JobId) -> Option<RunningJob> {
        self.0.remove(&job)
    }

    /// All jobs, the one that runs first.
    pub fn iter(&self) -> impl Iterator<Item = (JobId, &RunningJob)> {
        self.0.iter().map(|(job, running)| (*job, running))
    }

    /// Whether a job that has not been asked to stop makes the trace named `key`.
    pub fn make_trace(&self, key: &TraceKey) -> bool {
        self.0.values().any(|running| !running.cancelling && running.purpose.makes_trace() == Some(key))
    }

    /// The job that runs or waits for this purpose.
    pub fn find(&self, wanted: impl Fn(&Purpose) -> bool) -> Option<(JobId, &RunningJob)> {
        self.iter().find(|(_, running)| wanted(&running.purpose))
    }
}
