//! How sensitive a token of the answer is to each attention probability.
//!
//! Exact, by a reverse pass through the SVA and the decoder: the same layers in the same forward pass, on tensors that are
//! tracked (`nn/tracked.rs`).

use crate::checkpoint::memory::{self, Bytes};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::observe::{Observer, Site, SvaLayer};
use crate::sva::HEADS;
use candle_core::{DType, Device, Tensor, Var};
use std::collections::BTreeMap;

/// Adds zeros to the probabilities of every SVA layer: the gradient with respect to them is that with respect to the
/// probabilities, what later layers do with the change included.
#[derive(Default)]
pub(super) struct Probe {
    layers: Vec<(SvaLayer, Var, Tensor)>,
}

impl Observer for Probe {
    fn wants(&self, _site: Site) -> bool {
        false
    }

    fn rewrites(&self, site: Site) -> bool {
        matches!(site, Site::SvaProbs(_))
    }

    fn rewrite(&mut self, site: Site, value: Tensor) -> Result<Tensor> {
        let Site::SvaProbs(layer) = site else { return Ok(value) };
        let zeros = Var::zeros(value.shape(), DType::F32, value.device())?;
        let out = (&value + zeros.as_tensor())?;
        self.layers.push((layer, zeros, value.detach()));
        Ok(out)
    }

    fn observe(&mut self, _site: Site, _value: &Tensor) -> Result<()> {
        Ok(())
    }
}

impl Probe {
    /// The gradients of `log_prob`, called `name`, into `tensors`: `grad.NAME.LAYER` `[cells, 16, K]`, and
    /// `gradxattn.NAME.LAYER.encoders` `[cells, n]`, gradient times probability summed over heads and each encoder's keys,
    /// signed. `sides` are those of the encoders' token grids.
    pub(super) fn read(
        &self,
        log_prob: &Tensor,
        name: &str,
        sides: &[usize],
        tensors: &mut BTreeMap<String, Tensor>,
    ) -> Result<()> {
        let gradients = log_prob.backward()?;
        for (layer, zeros, probs) in &self.layers {
            let gradient = match gradients.get(zeros.as_tensor()) {
                Some(gradient) => gradient.clone(),
                None => probs.zeros_like()?,
            };
            let products = (&gradient * probs)?.sum(1)?;
            let keys = products.dims2()?.1;
            let mut start = 0;
            let mut encoders = Vec::with_capacity(sides.len());
            for count in super::contribution::keys_of_each(sides, keys) {
                encoders.push(products.narrow(1, start, count)?.sum(1)?);
                start += count;
            }
            let host = |tensor: &Tensor| -> Result<Tensor> { Ok(tensor.to_device(&Device::Cpu)?.contiguous()?) };
            tensors.insert(format!("grad.{name}.{layer}"), host(&gradient)?);
            tensors.insert(format!("gradxattn.{name}.{layer}.encoders"), host(&Tensor::stack(&encoders, 1)?)?);
        }
        Ok(())
    }
}

/// Checks that a reverse pass over `positions` fits into memory, from `rows` of logits, where `past` others are only read.
///
/// # Errors
/// [`Error::OutOfMemory`] with what it takes and what there is.
pub(super) fn check_memory(model: &Model, positions: usize, past: usize, rows: usize) -> Result<()> {
    let needed = needed(model, positions, past, rows);
    match memory::available(model.device()) {
        Some(available) if needed > available => Err(Error::OutOfMemory {
            what: format!(
                "the gradient through {positions} positions takes {}, and {} are available",
                Bytes(needed),
                Bytes(available)
            ),
            help: "free memory, or measure with interventions instead".into(),
        }),
        _ => Ok(()),
    }
}

/// Bytes of all values between image and answer, which a reverse pass keeps: an upper estimate.
fn needed(model: &Model, positions: usize, past: usize, rows: usize) -> u64 {
    let (decoder, sva) = (&model.config().decoder, &model.config().sva);
    let (hidden, width) = (decoder.hidden_size as u64, sva.hidden_size as u64);
    let (n, total) = (positions as u64, (positions + past) as u64);
    // Counted from the operations of each layer: residuals, norms and projections; the MLP; scores and probabilities.
    let layer = n * (20 * hidden + 8 * decoder.intermediate_size as u64) + 5 * decoder.heads as u64 * n * total;
    let sides: Vec<u64> = model.config().towers.iter().map(|encoder| encoder.side() as u64).collect();
    let sampled = |side: usize, query: u64| {
        let cells = (side * side) as u64;
        let keys = sides.iter().map(|tokens| tokens * tokens).sum::<u64>();
        cells * (16 * width + 8 * query) + keys * (4 * width + 12 * HEADS as u64)
    };
    let connector: u64 = sva.query_sides.iter().map(|side| sva.connector_depth as u64 * sampled(*side, width)).sum();
    let samplers =
        sva.samplers.map_or(0, |layout| layout.count as u64) * (sampled(sva.final_side, hidden) + 6 * n * hidden);
    let head = 6 * decoder.vocab_size as u64 * rows.max(2) as u64;
    4 * (decoder.layers as u64 * layer + connector + samplers + head)
}
