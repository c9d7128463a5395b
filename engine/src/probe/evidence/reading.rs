//! What tokens of an answer attended to in the decoder: every layer and head, and rolled out through all of them.
//!
//! The rollout (Abnar and Zuidema 2020) multiplies the layers' attention, averaged over heads and with half of each position
//! staying where it is for the residual stream. It is a heuristic: values, MLPs and samplers are left out of it.

use crate::error::{Error, Result};
use crate::observe::{Observer, Site};
use crate::probe::{LastRows, TokenAttention};
use crate::sva::Frame;
use candle_core::{DType, Device, Tensor};

/// What one token of the answer attended to.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The token, counted from 0.
    pub token: usize,
    /// The attention of the position that chose it, in every layer and head.
    pub rows: TokenAttention,
    /// The rollout, as the attention of a decoder with one layer and one head.
    pub rollout: TokenAttention,
}

/// Most bytes that the attention of all layers may take.
const MOST_BYTES: u64 = 1 << 30;

/// Keeps what is needed of the self-attention of a pass that runs over everything from the image on.
pub(super) struct Attention {
    /// Places of the wanted positions, from the end of the pass: 1 for the last.
    from_end: Vec<usize>,
    layers: Vec<Layer>,
}

#[derive(Default)]
struct Layer {
    /// `[P, positions]`: sum over the heads seen so far.
    sum: Option<Tensor>,
    /// For each wanted position the rows of its heads.
    rows: Vec<Vec<Vec<f32>>>,
}

impl Attention {
    /// Of a pass that ends with the `answer` tokens but the last: the positions that chose `tokens`.
    pub fn new(answer: usize, tokens: &[usize]) -> Self {
        Self { from_end: tokens.iter().map(|token| answer.saturating_sub(*token)).collect(), layers: Vec::new() }
    }

    /// Checks that what is kept of a pass over `positions` after `before` others fits.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] with what it takes.
    pub fn check(layers: usize, positions: usize, before: usize) -> Result<()> {
        let bytes = 4 * layers as u64 * positions as u64 * (positions + before) as u64;
        if bytes <= MOST_BYTES {
            return Ok(());
        }
        Err(Error::OutOfMemory {
            what: format!(
                "the attention of {layers} layers over {positions} positions takes {}, and {} are kept at most",
                crate::checkpoint::memory::Bytes(bytes),
                crate::checkpoint::memory::Bytes(MOST_BYTES)
            ),
            help: "ask about a shorter text".into(),
        })
    }

    /// What the positions of `tokens` attended to, where the pass came after `before` others and the image stands at its
    /// beginning.
    pub fn readings(self, tokens: &[usize], frame: &Frame, before: usize) -> Result<Vec<Reading>> {
        let heads = self.layers.first().and_then(|layer| layer.rows.first()).map_or(1, Vec::len);
        let mut means = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let Some(sum) = &layer.sum else { continue };
            let (positions, total) = sum.dims2()?;
            let values = sum.affine(1.0 / heads.max(1) as f64, 0.0)?.flatten_all()?.to_vec1::<f32>()?;
            means.push((values, positions, total));
        }
        let mut readings = Vec::with_capacity(tokens.len());
        for (at, (token, from_end)) in tokens.iter().zip(&self.from_end).enumerate() {
            let rolled: Vec<f32> = rollout(&means, before, *from_end).into_iter().map(|p| p as f32).collect();
            // A row ends with the position that attends: what comes after it is no part of it.
            let cut = |row: Vec<f32>| row[..row.len().saturating_sub(from_end - 1)].to_vec();
            let cut_heads = |heads: Vec<Vec<f32>>| heads.into_iter().map(cut).collect::<Vec<_>>();
            let rows = self.layers.iter().map(|layer| cut_heads(layer.rows.get(at).cloned().unwrap_or_default()));
            readings.push(Reading {
                token: *token,
                rows: LastRows::of(rows.collect()).around(frame.clone(), before)?,
                rollout: LastRows::of(vec![vec![cut(rolled)]]).around(frame.clone(), before)?,
            });
        }
        Ok(readings)
    }
}

/// The rollout of the position that stands `from_end` from the end, through `means` `([P × total], P, total)` of each layer.
/// What reaches a position before the pass stays among those: they see nothing after them.
fn rollout(means: &[(Vec<f32>, usize, usize)], before: usize, from_end: usize) -> Vec<f64> {
    let total = means.first().map_or(0, |(_, _, total)| *total);
    let mut mass = vec![0.0; total];
    if let Some(own) = total.checked_sub(from_end).and_then(|at| mass.get_mut(at)) {
        *own = 1.0;
    }
    for (mean, positions, total) in means.iter().rev() {
        let mut next = vec![0.0; *total];
        next[..before.min(*total)].copy_from_slice(&mass[..before.min(*total)]);
        for row in 0..*positions {
            let held = mass.get(before + row).copied().unwrap_or_default();
            if held == 0.0 {
                continue;
            }
            next[before + row] += held / 2.0;
            let attention = &mean[row * total..(row + 1) * total];
            next.iter_mut().zip(attention).for_each(|(sum, p)| *sum += held / 2.0 * f64::from(*p));
        }
        mass = next;
    }
    mass
}

impl Observer for Attention {
    fn wants(&self, site: Site) -> bool {
        matches!(site, Site::SelfAttention(_))
    }

    fn observe(&mut self, site: Site, value: &Tensor) -> Result<()> {
        let Site::SelfAttention(layer) = site else { return Ok(()) };
        if self.layers.len() <= layer {
            self.layers.resize_with(layer + 1, Layer::default);
        }
        let known = &mut self.layers[layer];
        known.rows.resize(self.from_end.len(), Vec::new());
        let (_, positions, _) = value.dims3()?;
        for (rows, from_end) in known.rows.iter_mut().zip(&self.from_end) {
            let Some(at) = positions.checked_sub(*from_end) else { continue };
            let heads = value.narrow(1, at, 1)?.squeeze(1)?.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
            rows.extend(heads.to_vec2::<f32>()?);
        }
        let sum = value.to_dtype(DType::F32)?.sum(0)?.to_device(&Device::Cpu)?;
        known.sum = Some(match known.sum.take() {
            Some(so_far) => (so_far + sum)?,
            None => sum,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_the_product_of_layers_with_their_residuals() {
        // One position before the pass, two in it.
        let first = (vec![0.5, 0.5, 0.0, 0.2, 0.3, 0.5], 2, 3);
        let second = (vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0], 2, 3);
        // The last position: half stays, half goes to position 1; then each of these again.
        let got = rollout(&[first, second], 1, 1);
        let own = 0.5 * (0.5 + 0.5 * 0.5);
        let other = 0.5 * 0.5 * 0.3 + 0.5 * (0.5 + 0.5 * 0.5);
        let before = 0.5 * 0.5 * 0.2 + 0.5 * 0.5 * 0.5;
        for (got, expected) in got.iter().zip([before, other, own]) {
            assert!((got - expected).abs() < 1e-6, "{got} instead of {expected}");
        }
        assert!((got.iter().sum::<f64>() - 1.0).abs() < 1e-6);
    }
}
