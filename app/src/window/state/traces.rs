//! Traces that have been recorded. What lies on the GPU of them is the concern of [`crate::window::gpu`].

use super::PictureId;
use opabinia_engine::intervention::Interventions;
use opabinia_engine::probe::Trace;
use opabinia_engine::run::{ModelId, TextId};
use std::collections::HashMap;
use std::sync::Arc;

/// Names a trace: the window's form of the engine's [`opabinia_engine::run::RunKey`], with the image by the name that it has
/// here, before its pixels are known. A run under interventions has a name of its own, and so never replaces the plain one.
///
/// The question is not a part of it: the SVA runs over the image before the question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TraceKey {
    /// The model that computed it.
    pub model: ModelId,
    /// The picture.
    pub picture: PictureId,
    /// The system prompt, which stands before the picture: the maps of samplers depend on it.
    pub system: TextId,
    /// What was done to the pass on purpose.
    pub interventions: Interventions,
}

impl TraceKey {
    /// The plain run of `model` on `picture` under the system prompt of an exchange.
    pub fn new(model: ModelId, picture: PictureId, system: &str) -> Self {
        // Of no text but spaces the template's own becomes.
        let system = TextId::of(if system.trim().is_empty() { "" } else { system });
        Self { model, picture, system, interventions: Interventions::default() }
    }
}

/// One trace.
#[derive(Debug, Clone)]
pub struct TraceEntry {
    /// Its numbers.
    pub trace: Arc<Trace>,
    /// Short names of its encoders, in key order.
    pub encoder_names: Vec<String>,
}

impl TraceEntry {
    /// `trace` of a model whose encoders have these names.
    pub fn new(trace: Arc<Trace>, encoder_names: Vec<String>) -> Self {
        Self { trace, encoder_names }
    }
}

/// A trace that is made once more, of an answer given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remade {
    /// The engine was asked.
    Asked,
    /// It was stopped, or failed: why.
    Failed(String),
}

/// How many traces are kept: one has 9 MB in the 8B model, twice with its copy on the GPU.
const KEPT: usize = 16;

/// All traces that are kept.
#[derive(Debug, Default)]
pub struct Traces {
    entries: HashMap<TraceKey, TraceEntry>,
    order: Vec<TraceKey>,
    remade: HashMap<TraceKey, Remade>,
}

impl Traces {
    /// Whether the trace named `key` is being made once more; `None` if nobody asked.
    pub fn remade(&self, key: &TraceKey) -> Option<&Remade> {
        self.remade.get(key)
    }

    /// Notes how far that is; `None` lets it be asked for.
    pub fn set_remade(&mut self, key: TraceKey, remade: Option<Remade>) {
        match remade {
            Some(remade) => self.remade.insert(key, remade),
            None => self.remade.remove(&key),
        };
    }

    /// Keeps a trace; the oldest one goes when there would be too many.
    pub fn insert(&mut self, key: TraceKey, entry: TraceEntry) {
        self.order.retain(|known| *known != key);
        self.order.push(key.clone());
        self.entries.insert(key, entry);
        if self.order.len() > KEPT {
            let oldest = self.order.remove(0);
            self.entries.remove(&oldest);
        }
    }

    /// The trace named `key`.
    pub fn get(&self, key: &TraceKey) -> Option<&TraceEntry> {
        self.entries.get(key)
    }
}
