//! Conversations with a model: prompts in, tokens out, and as little recomputed as possible between questions.
//!
//! A [`Session`] is what is kept between runs; a [`Run`] is one under way, pass by pass. What is asked for and what comes
//! back is defined here.

mod features;
mod generation;
mod prefixes;
pub mod run;
mod session;
mod state;

pub use run::{Finished, Goal, Passes, Request, Run};
pub use session::Session;

use crate::error::{Error, Result};
use crate::intervention::Interventions;
use crate::job::Job;
use crate::observe::Observer;
use crate::vision::Picture;
use candle_transformers::generation::Sampling as Rule;
use std::sync::Arc;
use std::time::Duration;

/// Below this temperature only the most likely token is left, and logits divided by it would leave the range of f32.
const COLD: f64 = 1e-6;

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 chooses the most likely token; otherwise logits are divided by this.
    pub temperature: f64,
    /// Only the most likely tokens that together reach this probability.
    pub top_p: Option<f64>,
    /// Only this many of the most likely tokens.
    pub top_k: Option<usize>,
    /// Seed of the random choice.
    pub seed: u64,
}

impl Default for Sampling {
    /// Greedy, as the reference evaluates.
    fn default() -> Self {
        Self { temperature: 0.0, top_p: None, top_k: None, seed: 0 }
    }
}

impl Sampling {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Input`] naming the setting.
    pub fn check(&self) -> Result<()> {
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return Err(Error::input(
                format!("temperature {} cannot be used", self.temperature),
                "use 0 for the most likely token, or a number up to about 2",
            ));
        }
        if self.top_p.is_some_and(|p| !(p > 0.0 && p <= 1.0)) {
            return Err(Error::input("top-p must lie above 0 and at most at 1", "leave it out to allow every token"));
        }
        if self.top_k == Some(0) {
            return Err(Error::input("top-k must be at least 1", "leave it out to allow every token"));
        }
        Ok(())
    }

    fn rule(&self) -> Rule {
        let temperature = self.temperature;
        // The rule takes p as f32, where a smaller one would be 0 and leave no token.
        let top_p = self.top_p.map(|p| p.max(f64::from(f32::MIN_POSITIVE)));
        match (self.top_k, top_p) {
            _ if temperature < COLD => Rule::ArgMax,
            (None, None) => Rule::All { temperature },
            (Some(k), None) => Rule::TopK { k, temperature },
            (None, Some(p)) => Rule::TopP { p, temperature },
            (Some(k), Some(p)) => Rule::TopKThenTopP { k, p, temperature },
        }
    }
}

/// How an answer is generated.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOptions {
    /// At most this many tokens.
    pub max_tokens: usize,
    /// How each is chosen.
    pub sampling: Sampling,
    /// Texts at which to stop, beside the template's stop ids. The answer ends before them.
    pub stop: Vec<String>,
    /// How many of the most likely tokens to report beside each chosen one.
    pub alternatives: usize,
}

impl Default for GenerateOptions {
    /// The reference's evaluation settings.
    fn default() -> Self {
        Self { max_tokens: 512, sampling: Sampling::default(), stop: Vec::new(), alternatives: 0 }
    }
}

/// One generated token.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// The text it completes: empty for special tokens and in the middle of a character. Those of an [`Answer`] joined are
    /// its text; while it is being made, they may go on into a stop text.
    pub text: String,
    /// Natural logarithm of its probability under the model, before temperature and truncation.
    pub log_prob: f32,
    /// The most likely tokens at this place, most likely first.
    pub alternatives: Vec<Alternative>,
}

/// A token that could have been chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Its id.
    pub id: u32,
    /// What the tokenizer calls it; special tokens by their names.
    pub text: String,
    /// Natural logarithm of its probability, as [`Token::log_prob`].
    pub log_prob: f32,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The model ended its turn.
    EndOfTurn,
    /// One of the stop texts appeared.
    StopText,
    /// `max_tokens` were generated.
    MaxTokens,
    /// The model's positions are used up.
    ContextFull,
}

/// Where the time of one answer went.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timings {
    /// Vision encoders and connector; zero where the picture was known.
    pub vision: Duration,
    /// The decoder over the prompt.
    pub prefill: Duration,
    /// All generated tokens after the first.
    pub decode: Duration,
    /// Positions the decoder ran over in prefill.
    pub prefill_positions: usize,
    /// Positions taken over from an earlier prompt.
    pub reused_positions: usize,
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its text, without special tokens, ends trimmed.
    pub text: String,
    /// Every generated token, the one that ended it included.
    pub tokens: Vec<Token>,
    /// Why it ended.
    pub stop: StopReason,
    /// The ids of its prompt, [`IMAGE_ID`](crate::text::IMAGE_ID) at the image.
    pub prompt_ids: Vec<i64>,
    /// Positions of the prompt, the image's included.
    pub prompt_positions: usize,
    /// Where the time went.
    pub timings: Timings,
}

/// A given text as a model sees it: teacher forcing.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Every token with its log-probability after those before it.
    pub tokens: Vec<Token>,
    /// Natural logarithms of the probabilities of all tokens in the first place, by id.
    pub first: Vec<f32>,
    /// The same in the place that was asked for; empty where none was.
    pub distribution: Vec<f32>,
    /// The ids of its prompt, [`IMAGE_ID`](crate::text::IMAGE_ID) at the image.
    pub prompt_ids: Vec<i64>,
    /// Positions of the prompt, the image's included.
    pub prompt_positions: usize,
    /// Where the time went.
    pub timings: Timings,
}

impl Scores {
    /// The log-probability of the whole text.
    #[must_use]
    pub fn log_prob(&self) -> f64 {
        self.tokens.iter().map(|token| f64::from(token.log_prob)).sum()
    }
}

/// What a question is asked about.
#[derive(Debug, Clone)]
pub struct ImageInput {
    /// The picture.
    pub picture: Arc<Picture>,
    /// What is changed on purpose while the model looks at it.
    pub interventions: Interventions,
    /// The image whose features are swapped in, where the interventions say so.
    pub other: Option<Arc<Picture>>,
}

impl ImageInput {
    /// The picture with nothing changed.
    pub fn plain(picture: Arc<Picture>) -> Self {
        Self { picture, interventions: Interventions::default(), other: None }
    }

    /// What the encoders are shown: the picture, or an even grey of its size.
    pub fn shown(&self) -> Arc<Picture> {
        let Picture { width, height, .. } = *self.picture;
        if self.interventions.blank_image() {
            Arc::new(Picture::blank(width, height))
        } else {
            Arc::clone(&self.picture)
        }
    }

    /// The other image, if the interventions want it.
    pub fn swapped_in(&self) -> Option<&Arc<Picture>> {
        self.other.as_ref().filter(|_| self.interventions.needs_other())
    }
}

/// Who looks on while an answer is made.
pub struct Watch<'a> {
    /// Progress and cancellation.
    pub job: &'a Job<'a>,
    /// Takes values from inside.
    pub observer: &'a mut dyn Observer,
    /// Gets every token as soon as it is chosen.
    pub on_token: &'a mut dyn FnMut(&Token),
}
