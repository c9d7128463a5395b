//! What a person has set once and for all.

use super::{Called, Which, kept_path};
use crate::caches;
use crate::language::LanguageChoice;
use crate::window::theme::ThemeChoice;
use opabinia_engine::checkpoint::EncoderOverride;
use opabinia_engine::generate;
use opabinia_engine::model::LoadRequest;
use opabinia_engine::printable;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How many checkpoints are remembered.
const RECENT: usize = 12;

/// How many names that people gave are remembered, and how long one may be.
const CALLED: usize = 100;
const NAME: usize = 40;

/// How small and how large everything can be drawn.
pub const SCALES: std::ops::RangeInclusive<f32> = 0.75..=2.0;

/// Settings that survive a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Which language the window speaks.
    pub language: LanguageChoice,
    /// Light or dark.
    pub theme: ThemeChoice,
    /// Size of everything; 1 is the system's.
    pub scale: f32,
    /// How answers are chosen.
    pub sampling: Sampling,
    /// Checkpoints opened before, the last one first.
    pub recent: Vec<Recent>,
    /// Checkpoint to open when the program starts: one of `recent`. Not there while one is being loaded, so that one
    /// that brings the program down is not loaded again and again.
    pub last_model: Option<String>,
    /// What a person calls checkpoints.
    pub called: Vec<Called>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            language: LanguageChoice::default(),
            theme: ThemeChoice::default(),
            scale: 1.0,
            sampling: Sampling::default(),
            recent: Vec::new(),
            last_model: None,
            called: Vec::new(),
        }
    }
}

impl Settings {
    /// Remembers that `request` was loaded.
    pub fn remember(&mut self, request: &LoadRequest) {
        self.recent.retain(|known| known.source != request.source);
        self.recent.insert(0, Recent::of(request));
        self.recent.truncate(RECENT);
        self.last_model = Some(request.source.clone());
    }

    /// What a person calls `which`, if anything.
    pub fn called(&self, which: &Which) -> Option<&str> {
        self.called.iter().find(|called| called.which == *which).map(|called| called.name.as_str())
    }

    /// Notes that a person calls `which` this; nothing is noted of an empty name.
    pub fn call(&mut self, which: Which, name: &str) {
        self.called.retain(|called| called.which != which);
        let name: String = printable::line(name).chars().take(NAME).collect();
        if !name.trim().is_empty() {
            self.called.insert(0, Called { which, name });
            self.called.truncate(CALLED);
        }
    }

    /// How to open `source`: as it was opened before, if it was.
    pub fn request(&self, source: &str) -> LoadRequest {
        let known = self.recent.iter().find(|known| known.source == source);
        let request =
            known.map_or_else(|| LoadRequest { source: source.to_owned(), ..LoadRequest::default() }, Recent::request);
        LoadRequest { cache: caches::of_this_user(), ..request }
    }

    /// Brings what a file said into its bounds.
    pub fn clamp(&mut self) {
        self.scale = if self.scale.is_finite() { self.scale.clamp(*SCALES.start(), *SCALES.end()) } else { 1.0 };
        self.recent.truncate(RECENT);
        self.called.truncate(CALLED);
        self.called
            .iter_mut()
            .for_each(|called| called.name = printable::line(&called.name).chars().take(NAME).collect());
    }
}

/// A checkpoint opened before, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Recent {
    /// Its directory, or its repository id.
    pub source: String,
    /// Encoders for which a directory was given; sessions have an older name for them.
    #[serde(with = "kept_path::named", rename = "towers")]
    pub encoders: Vec<(String, PathBuf)>,
    /// The device that was asked for, as on the command line.
    pub device: String,
    /// The format of the weights that was asked for, as on the command line. Sessions of version 1 call it by its older name.
    #[serde(alias = "dtype")]
    pub weights: String,
}

impl Recent {
    fn of(request: &LoadRequest) -> Self {
        Self {
            source: request.source.clone(),
            encoders: request.encoders.iter().map(|encoder| (encoder.name.clone(), encoder.dir.clone())).collect(),
            device: request.device.to_string(),
            weights: request.weights.to_string(),
        }
    }

    /// The request that opens it again. What a file says of devices and types that are unknown here counts as nothing.
    pub fn request(&self) -> LoadRequest {
        let encoders = self.encoders.iter();
        LoadRequest {
            source: self.source.clone(),
            encoders: encoders.map(|(name, dir)| EncoderOverride { name: name.clone(), dir: dir.clone() }).collect(),
            device: self.device.parse().unwrap_or_default(),
            weights: self.weights.parse().unwrap_or_default(),
            ..LoadRequest::default()
        }
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
