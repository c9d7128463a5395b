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
        Ok(Self { model, cells, layers: model.config().decoder.layers, tensors: BTreeMap::new() })
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
            Site::DecoderLayer(_) => true,
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
