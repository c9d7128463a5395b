//! Answers: their tokens, how far they are, and how long they took.

use opabinia_engine::generate;
use opabinia_engine::intervention::Interventions;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// A token that could have been chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// Its id.
    pub id: u32,
    /// What the tokenizer calls it.
    pub text: String,
    /// Natural logarithm of its probability.
    pub log_prob: f32,
}

/// A generated token as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// Its id.
    pub id: u32,
    /// The text it completes: empty for special tokens and in the middle of a character.
    pub text: String,
    /// Natural logarithm of its probability.
    pub log_prob: f32,
    /// The most likely tokens at this place, most likely first.
    pub alternatives: Vec<Alternative>,
}

impl TokenRecord {
    /// Whether JSON has words for its numbers.
    pub fn is_finite(&self) -> bool {
        self.log_prob.is_finite() && self.alternatives.iter().all(|other| other.log_prob.is_finite())
    }
}

impl From<generate::Token> for TokenRecord {
    fn from(token: generate::Token) -> Self {
        let alternatives = token.alternatives.into_iter();
        Self {
            id: token.id,
            text: token.text,
            log_prob: token.log_prob,
            alternatives: alternatives
                .map(|other| Alternative { id: other.id, text: other.text, log_prob: other.log_prob })
                .collect(),
        }
    }
}

/// How far an answer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerStatus {
    /// It waits for its turn, or for its picture.
    Waiting,
    /// It is being made.
    Streaming,
    /// It is complete.
    Done,
    /// It was cut off at the greatest number of tokens or at the end of the model's context.
    Full,
    /// A person stopped it, or the program was closed in the middle of it.
    Stopped,
    /// It failed: why.
    Failed(String),
}

impl AnswerStatus {
    /// Whether there is more to come.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Waiting | Self::Streaming)
    }
}

/// What the question of an exchange was answered under interventions. It stands beside the plain answer and never replaces it;
/// later questions know nothing of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intervened {
    /// What was done to the pass on purpose.
    pub interventions: Interventions,
    /// The answer's text so far.
    pub answer: String,
    /// The answer's tokens so far.
    pub tokens: Vec<TokenRecord>,
    /// How far it is.
    pub status: AnswerStatus,
}

impl Intervened {
    /// One that was asked for.
    pub fn asked(interventions: Interventions) -> Self {
        Self { interventions, answer: String::new(), tokens: Vec::new(), status: AnswerStatus::Waiting }
    }
}

/// Where the time of an answer went: figures to read, of which JSON gives back every digit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AnswerTimes {
    /// From handing the question to the engine to the first token, in seconds.
    pub first_token_secs: f32,
    /// Tokens after the first one, per second; `None` for a single token.
    pub tokens_per_sec: Option<f32>,
}

impl AnswerTimes {
    /// The times of an answer of `tokens` tokens: handed over at `asked`, begun at `first`, and `decode` after that.
    pub fn new(asked: Instant, first: Instant, decode: Duration, tokens: usize) -> Self {
        let (more, decode) = (tokens.saturating_sub(1), decode.as_secs_f32());
        Self {
            first_token_secs: first.duration_since(asked).as_secs_f32(),
            tokens_per_sec: (more > 0 && decode > 0.0).then(|| more as f32 / decode),
        }
    }
}
