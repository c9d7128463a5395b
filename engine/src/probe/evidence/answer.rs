//! Everything that was measured about one answer, as plain values.

use super::encoders::{EncoderMeans, GradientSums};
use super::faithfulness::Curve;
use super::features::Features;
use super::finding::SeenUnder;
use super::game::Game;
use super::lens::LensMap;
use super::reading::Reading;
use super::score::{Continuation, Score};
use crate::intervention::{Anatomy, Cells, Interventions};
use crate::probe::Trace;
use crate::run::ImageId;
use crate::vision::PatchGrid;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One token of the answer that is scored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoredToken {
    /// Its id.
    pub id: u32,
    /// What the tokenizer calls it.
    pub text: String,
}

/// What one intervention did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Its name in files: that of the standard list, or as it is written.
    pub name: String,
    /// The intervention.
    pub interventions: Interventions,
    /// What the answer is worth under it.
    pub score: Score,
    /// Where the likeliest answer becomes another one, if it does.
    pub divergence: Option<usize>,
    /// The likeliest answer under it, where that was asked for.
    pub answer: Option<Continuation>,
}

/// What was measured about one answer.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The parts of the model.
    pub anatomy: Anatomy,
    /// The image.
    pub image: ImageId,
    /// The image whose features could be swapped in.
    pub other: Option<ImageId>,
    /// System text instead of the template's own.
    pub system: Option<String>,
    /// The question.
    pub question: String,
    /// The answer that was scored.
    pub answer: Vec<ScoredToken>,
    /// Its text.
    pub text: String,
    /// What it is worth without interventions.
    pub base: Score,
    /// Each intervention, in the order asked for; then the standard list.
    pub effects: Vec<Effect>,
    /// The Shapley values.
    pub games: Vec<Game>,
    /// The cells that the standard list took away.
    pub region: Option<Cells>,
    /// Runs that were made, the one without interventions included.
    pub runs: usize,
    /// What each encoder had of the attention and wrote, where that was asked for.
    pub means: Option<EncoderMeans>,
    /// The gradients that were asked for, put together for each encoder.
    pub gradients: Vec<GradientSums>,
    /// What was attended to and written under interventions, where that was asked for.
    pub seen_under: Vec<SeenUnder>,
    /// Deletion and insertion.
    pub curves: Vec<Curve>,
    /// What tokens of the answer attended to in the decoder.
    pub readings: Vec<Arc<Reading>>,
    /// Where the SVA looked, where readings were asked for.
    pub trace: Option<Arc<Trace>>,
    /// The patches of each encoder's input.
    pub patches: Vec<PatchGrid>,
    /// What encoders made of the image, where that was asked for.
    pub features: Option<Features>,
    /// The lens before and after each sampler, where that was asked for.
    pub lens: Option<LensMap>,
    /// What was left out, and why.
    pub notes: Vec<String>,
    /// With the standard list: contributions, the lens and gradients, by name.
    pub(super) seen: BTreeMap<String, Tensor>,
}
