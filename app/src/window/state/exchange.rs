//! One question and its answers.

use super::{AnswerStatus, AnswerTimes, Intervened, PictureId, Sampling, Slot, TokenRecord};
use opabinia_engine::intervention::Interventions;
use serde::{Deserialize, Serialize};

/// Names an exchange within its conversation: its place in [`super::Conversation::exchanges`].
pub type ExchangeId = usize;

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The exchange before it.
    pub parent: Option<ExchangeId>,
    /// What was asked.
    pub question: String,
    /// The conversation's system text at that time.
    #[serde(default)]
    pub system: String,
    /// The picture it was asked about.
    pub picture: Option<PictureId>,
    /// The checkpoint that answered, as people call it.
    pub model: String,
    /// Its directory, which tells it from others of that name; empty in sessions saved before this was kept.
    #[serde(default)]
    pub directory: String,
    /// The type in which its weights were kept; empty in sessions saved before this was kept.
    #[serde(default)]
    pub weights: String,
    /// The side that is to answer, where one was named; otherwise whoever answers then. Older sessions are without it.
    #[serde(default)]
    pub asked: Option<Slot>,
    /// How the answer was chosen.
    pub sampling: Sampling,
    /// Tokens the answer had to begin with; sessions have an older name for them.
    #[serde(rename = "begin")]
    pub forced_prefix: Vec<u32>,
    /// The answer's text so far.
    pub answer: String,
    /// The answer's tokens so far.
    pub tokens: Vec<TokenRecord>,
    /// How far it is.
    pub status: AnswerStatus,
    /// Where the time went.
    pub times: Option<AnswerTimes>,
    /// What the same question was answered under interventions.
    #[serde(default)]
    pub intervened: Vec<Intervened>,
    /// Whether the answer is shown as tokens rather than as formatted text; `None` for what its text suggests.
    #[serde(default)]
    pub as_tokens: Option<bool>,
    /// Whether all of a very long question is shown.
    #[serde(default)]
    pub whole_question: bool,
}

impl Exchange {
    /// A question that waits for its answer.
    pub fn new(parent: Option<ExchangeId>, question: String, picture: Option<PictureId>, sampling: Sampling) -> Self {
        Self {
            parent,
            question,
            system: String::new(),
            picture,
            model: String::new(),
            directory: String::new(),
            weights: String::new(),
            asked: None,
            sampling,
            forced_prefix: Vec::new(),
            answer: String::new(),
            tokens: Vec::new(),
            status: AnswerStatus::Waiting,
            times: None,
            intervened: Vec::new(),
            as_tokens: None,
            whole_question: false,
        }
    }

    /// The same question about the same picture, waiting for another answer.
    pub(super) fn asked_again(&self, sampling: Sampling) -> Self {
        let again = Self::new(self.parent, self.question.clone(), self.picture, sampling);
        Self { as_tokens: self.as_tokens, ..again }
    }

    /// The tokens of its answer, and of those under interventions.
    pub(super) fn all_tokens(&self) -> impl Iterator<Item = &TokenRecord> {
        self.tokens.iter().chain(self.intervened.iter().flat_map(|known| &known.tokens))
    }

    /// Whether it has its place in the prompts of later questions: one that failed or was stopped before its first
    /// word has nothing to tell.
    pub fn is_told(&self) -> bool {
        self.status == AnswerStatus::Done || !self.answer.is_empty()
    }

    /// What was answered under `interventions`, if it was asked for.
    pub fn under(&self, interventions: &Interventions) -> Option<&Intervened> {
        self.intervened.iter().find(|known| known.interventions == *interventions)
    }
}
