//! What a person has set once and for all.

use crate::window::lang::LanguageChoice;
use crate::window::theme::ThemeChoice;
use opabinia_engine::generate;
use serde::{Deserialize, Serialize};

/// How many checkpoints are remembered.
const RECENT: usize = 12;

/// Settings that survive a restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Which language the window speaks.
    pub language: LanguageChoice,
    /// Light or dark.
    pub theme: ThemeChoice,
    /// How answers are chosen.
    pub sampling: Sampling,
    /// Checkpoints opened before, the last one first: directories or repository ids.
    pub recent: Vec<String>,
    /// Checkpoint to open when the program starts.
    pub last_model: Option<String>,
}

impl Settings {
    /// Remembers that `source` was opened.
    pub fn remember(&mut self, source: &str) {
        self.recent.retain(|known| known != source);
        self.recent.insert(0, source.to_owned());
        self.recent.truncate(RECENT);
        self.last_model = Some(source.to_owned());
    }
}

/// How answers are chosen; the engine's [`generate::GenerateOptions`] as they are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// 0 takes the most likely token each time.
    pub temperature: f64,
    /// Only the most likely tokens that together reach this probability.
    pub top_p: Option<f64>,
    /// Only this many of the most likely tokens.
    pub top_k: Option<usize>,
    /// Seed of the random choice.
    pub seed: u64,
    /// At most this many tokens.
    pub max_tokens: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_p: None, top_k: None, seed: 0, max_tokens: 512 }
    }
}

impl Sampling {
    /// As the engine takes it, with `alternatives` reported beside each token.
    pub fn options(&self, alternatives: usize) -> generate::GenerateOptions {
        generate::GenerateOptions {
            max_tokens: self.max_tokens,
            sampling: generate::Sampling {
                temperature: self.temperature,
                top_p: self.top_p,
                top_k: self.top_k,
                seed: self.seed,
            },
            stop: Vec::new(),
            alternatives,
        }
    }
}
