//! The logit lens on visual tokens: what the decoder would say at each of them, layer by layer.
//!
//! Intermediate states are not trained to be read this way. It is a hint, and a blank lens is not a blank token.

use super::score::log_softmax;
use crate::error::Result;
use crate::model::Model;
use crate::observe::{Observer, Site};
use crate::sva::Frame;
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;

/// Likeliest tokens that are kept of each cell.
pub const LENS_TOKENS: usize = 5;

/// Rows of logits that are taken at once.
const ROWS_AT_ONCE: usize = 64;

/// Reads the hidden states of the image's cells, newline tokens left out, after each decoder layer: before the sampler that
/// follows it and, where there is one, after it. As `lens.LAYER.before` and `.after`: `.ids` and `.logp` `[cells, 5]`, the
/// likeliest ids and their log-probabilities.
pub struct Lens<'m> {
    model: &'m Model,
    /// Positions of the cells in the pass.
    cells: Tensor,
    layers: usize,
    /// Whether only layers that a sampler follows are read.
    at_samplers: bool,
    tensors: BTreeMap<String, Tensor>,
}

impl<'m> Lens<'m> {
    /// An observer of passes in which the image of unpadded frame `frame` starts at position `start`.
    pub fn new(model: &'m Model, frame: &Frame, start: usize) -> Result<Self> {
        let (rows, columns) = frame.size_hw();
        let cells: Vec<u32> = (0..rows)
            .flat_map(|row| (0..columns).map(move |column| (start + row * (columns + 1) + column) as u32))
            .collect();
        let cells = Tensor::new(cells, model.device())?;
        Ok(Self { model, cells, layers: model.config().decoder.layers, at_samplers: false, tensors: BTreeMap::new() })
    }

    /// The same of the layers alone that a sampler follows.
    pub fn at_samplers(self) -> Self {
        Self { at_samplers: true, ..self }
    }

    /// Everything read, by name.
    pub fn into_tensors(self) -> BTreeMap<String, Tensor> {
        self.tensors
    }

    /// Reads `hidden` `[P, H]`; `normed` if the final norm was applied already.
    fn read(&mut self, name: &str, hidden: &Tensor, normed: bool) -> Result<()> {
        let states = hidden.index_select(&self.cells, 0)?;
        let count = states.dims()[0];
        let (mut ids, mut log_probs) = (Vec::new(), Vec::new());
        for start in (0..count).step_by(ROWS_AT_ONCE) {
            let some = states.narrow(0, start, ROWS_AT_ONCE.min(count - start))?;
            let logits = if normed { self.model.logits(&some)? } else { self.model.logits_between(&some)? };
            for row in 0..logits.dims()[0] {
                let all = log_softmax(&logits.get(row)?)?;
                for id in likeliest(&all) {
                    ids.push(id as i32);
                    log_probs.push(all[id] as f32);
                }
            }
        }
        let shape = (count, ids.len() / count.max(1));
        self.tensors.insert(format!("lens.{name}.ids"), Tensor::from_vec(ids, shape, &Device::Cpu)?);
        self.tensors.insert(format!("lens.{name}.logp"), Tensor::from_vec(log_probs, shape, &Device::Cpu)?);
        Ok(())
    }

    fn is_sampled(&self, layer: usize) -> bool {
        self.model.config().sva.samplers.is_some_and(|layout| layout.after_layer(layer).is_some())
    }
}

/// The likeliest ids, likeliest first.
fn likeliest(log_probs: &[f64]) -> Vec<usize> {
    let mut ids: Vec<usize> = (0..log_probs.len()).collect();
    let order = |a: &usize, b: &usize| log_probs[*b].total_cmp(&log_probs[*a]).then(a.cmp(b));
    if ids.len() > LENS_TOKENS {
        ids.select_nth_unstable_by(LENS_TOKENS, order);
        ids.truncate(LENS_TOKENS);
    }
    ids.sort_unstable_by(order);
    ids
}

impl Observer for Lens<'_> {
    fn wants(&self, site: Site) -> bool {
        match site {
            Site::DecoderLayer(layer) => !self.at_samplers || self.is_sampled(layer),
            Site::HiddenStates(layer) => self.is_sampled(layer),
            _ => false,
        }
    }

    fn observe(&mut self, site: Site, value: &Tensor) -> Result<()> {
        match site {
            Site::DecoderLayer(layer) => self.read(&format!("{layer}.before"), value, false),
            Site::HiddenStates(layer) => self.read(&format!("{layer}.after"), value, layer + 1 == self.layers),
            _ => Ok(()),
        }
    }
}

/// The likeliest tokens of each cell before and after each sampler, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct LensMap {
    /// The cells, on the query grid.
    pub frame: Frame,
    /// Each sampler, in order.
    pub samplers: Vec<LensLayer>,
}

/// `[cells]`: tokens in words with their log-probabilities, likeliest first.
pub type LikelyTokens = Vec<Vec<(String, f32)>>;

/// What one sampler changes.
#[derive(Debug, Clone, PartialEq)]
pub struct LensLayer {
    /// The decoder layer that the sampler follows.
    pub layer: usize,
    /// Before it.
    pub before: LikelyTokens,
    /// After it.
    pub after: LikelyTokens,
}

impl LensMap {
    /// What was read into `tensors`, in the words of `model`'s tokenizer.
    pub(super) fn new(model: &Model, frame: Frame, tensors: &BTreeMap<String, Tensor>) -> Result<Self> {
        let tokens = |layer: usize, when: &str| -> Result<Option<LikelyTokens>> {
            let (Some(ids), Some(log_probs)) =
                (tensors.get(&format!("lens.{layer}.{when}.ids")), tensors.get(&format!("lens.{layer}.{when}.logp")))
            else {
                return Ok(None);
            };
            let text = |id: i32| u32::try_from(id).ok().and_then(|id| model.tokenizer().token_text(id));
            let cells = ids.to_vec2::<i32>()?.into_iter().zip(log_probs.to_vec2::<f32>()?);
            let cell = |(ids, log_probs): (Vec<i32>, Vec<f32>)| {
                ids.into_iter().map(|id| text(id).unwrap_or_default()).zip(log_probs).collect()
            };
            Ok(Some(cells.map(cell).collect()))
        };
        let layout = model.config().sva.samplers;
        let mut samplers = Vec::new();
        for layer in layout.iter().flat_map(|layout| (0..layout.count).map(|n| layout.follows(n))) {
            if let (Some(before), Some(after)) = (tokens(layer, "before")?, tokens(layer, "after")?) {
                samplers.push(LensLayer { layer, before, after });
            }
        }
        Ok(Self { frame, samplers })
    }

    /// The place of a cell of the query grid in the lists of cells, if it holds some of the image.
    pub fn cell(&self, row: usize, column: usize) -> Option<usize> {
        let columns = self.frame.columns.len();
        self.frame
            .contains(row, column)
            .then(|| (row - self.frame.rows.start) * columns + column - self.frame.columns.start)
    }
}
