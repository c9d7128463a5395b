//! Traces that have been recorded, and their place on the GPU.

use super::PictureId;
use crate::window::gpu::TraceOnGpu;
use opabinia_engine::probe::Trace;
use opabinia_engine::run::{ModelId, TextId};
use std::collections::HashMap;
use std::sync::Arc;

/// Names a trace.
///
/// The question is not a part of it: the SVA runs over the image before the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceKey {
    /// The model that computed it.
    pub model: ModelId,
    /// The picture.
    pub picture: PictureId,
    /// The system prompt, which stands before the picture: the maps of samplers depend on it.
    pub system: TextId,
}

impl TraceKey {
    /// The trace of `picture` by `model` under the system prompt of an exchange.
    pub fn new(model: ModelId, picture: PictureId, system: &str) -> Self {
        // Of no text but spaces the template's own becomes.
        Self { model, picture, system: TextId::of(if system.trim().is_empty() { "" } else { system }) }
    }
}

/// Whether a trace can be drawn.
#[derive(Debug, Clone)]
pub enum TraceUpload {
    /// It is on its way to the GPU.
    Uploading,
    /// It is there.
    Ready(Arc<TraceOnGpu>),
    /// It cannot be drawn: why. Its numbers can still be read.
    Failed(String),
}

/// One trace.
#[derive(Debug, Clone)]
pub struct TraceEntry {
    /// Its numbers.
    pub trace: Arc<Trace>,
    /// Short names of its encoders, in key order.
    pub encoder_names: Vec<String>,
    /// What was changed on purpose, as a SPEC, for a line of text: one that is too long for it is cut.
    pub intervened: String,
    /// Whether it can be drawn.
    pub upload: TraceUpload,
}

/// No longer SPEC is shown, in characters.
const SPEC_SHOWN: usize = 300;

impl TraceEntry {
    /// A trace that is yet to be uploaded.
    pub fn new(trace: Arc<Trace>, encoder_names: Vec<String>) -> Self {
        let spec = trace.interventions.to_spec(&trace.anatomy);
        let intervened = match spec.char_indices().nth(SPEC_SHOWN) {
            Some((end, _)) => format!("{}…", &spec[..end]),
            None => spec,
        };
        Self { trace, encoder_names, intervened, upload: TraceUpload::Uploading }
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
    pub fn remade(&self, key: TraceKey) -> Option<&Remade> {
        self.remade.get(&key)
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
        self.order.push(key);
        self.entries.insert(key, entry);
        if self.order.len() > KEPT {
            let oldest = self.order.remove(0);
            self.entries.remove(&oldest);
        }
    }

    /// The trace named `key`.
    pub fn get(&self, key: TraceKey) -> Option<&TraceEntry> {
        self.entries.get(&key)
    }

    /// Notes whether the trace named `key` can be drawn.
    pub fn set_upload(&mut self, key: TraceKey, upload: TraceUpload) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.upload = upload;
        }
    }

    /// Traces of `picture` that are on their way to the GPU, or wait for the picture to be read.
    pub fn uploading(&self, picture: PictureId) -> Vec<TraceKey> {
        let wait = |(key, entry): &(&TraceKey, &TraceEntry)| {
            key.picture == picture && matches!(entry.upload, TraceUpload::Uploading)
        };
        self.entries.iter().filter(wait).map(|(key, _)| *key).collect()
    }

    /// Everything on the GPU is gone: all traces have to be uploaded again. Gives their names.
    pub fn lose_uploads(&mut self) -> Vec<TraceKey> {
        for entry in self.entries.values_mut() {
            entry.upload = TraceUpload::Uploading;
        }
        self.order.clone()
    }
}
