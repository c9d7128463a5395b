//! How much each key, encoder and layer wrote.
//!
//! Vectors add up, norms do not: never read a key's norm as a share of its cell's.

use crate::error::Result;
use crate::observe::{Observer, Site, SvaLayer};
use candle_core::{D, DType, Device, Tensor};
use std::collections::BTreeMap;

/// Takes the norms of what is written into the cells, as `contrib.LAYER.…`:
///
/// - `key_norm` `[cells, K]`: norm of what each key writes, `Σ_h P[c, h, j] · W_O,h V[c, j, h]`;
/// - `enc_norm` `[cells, n]`: norm of the sum of these vectors over an encoder's keys;
/// - `attn_norm` `[cells]`: norm of the sum over all keys;
/// - `update_norm`, `residual_norm` `[cells]`: norms of what the whole layer adds to its input, and of that input.
#[derive(Debug)]
pub struct Contributions {
    /// Side of each encoder's token grid.
    sides: Vec<usize>,
    /// Input of the layer that is being seen.
    input: Option<Tensor>,
    tensors: BTreeMap<String, Tensor>,
}

impl Contributions {
    /// An observer of a model whose encoders have token grids of these `sides`.
    pub fn new(sides: Vec<usize>) -> Self {
        Self { sides, input: None, tensors: BTreeMap::new() }
    }

    /// Everything seen, by name.
    pub fn into_tensors(self) -> BTreeMap<String, Tensor> {
        self.tensors
    }

    fn record(&mut self, layer: SvaLayer, what: &str, value: &Tensor) -> Result<()> {
        let value = value.to_device(&Device::Cpu)?.contiguous()?;
        self.tensors.insert(format!("contrib.{layer}.{what}"), value);
        Ok(())
    }

    /// Norms of `vectors` `[cells, K, C]`, and of their sums.
    fn keys(&mut self, layer: SvaLayer, vectors: &Tensor) -> Result<()> {
        let vectors = vectors.to_dtype(DType::F32)?;
        let (_, keys, _) = vectors.dims3()?;
        self.record(layer, "key_norm", &norm(&vectors)?)?;
        let mut start = 0;
        let mut norms = Vec::with_capacity(self.sides.len());
        for count in keys_of_each(&self.sides, keys) {
            norms.push(norm(&vectors.narrow(1, start, count)?.sum(1)?)?);
            start += count;
        }
        self.record(layer, "enc_norm", &Tensor::stack(&norms, 1)?)?;
        self.record(layer, "attn_norm", &norm(&vectors.sum(1)?)?)
    }
}

/// How many of a cell's `keys` belong to each encoder, by the sides of their token grids: `K = Σ r_k²` with
/// `r_k = side_k / Q` on one grid of side `Q`, so that they divide as the squares of the sides.
pub(super) fn keys_of_each(sides: &[usize], keys: usize) -> Vec<usize> {
    let whole: usize = sides.iter().map(|side| side * side).sum();
    sides.iter().map(|side| side * side * keys / whole.max(1)).collect()
}

/// Norms over the last dimension.
fn norm(vectors: &Tensor) -> Result<Tensor> {
    Ok(vectors.to_dtype(DType::F32)?.sqr()?.sum(D::Minus1)?.sqrt()?)
}

impl Observer for Contributions {
    fn wants(&self, site: Site) -> bool {
        matches!(site, Site::SvaKeyVectors(_) | Site::SvaLayerIn(_) | Site::SvaLayerOut(_))
    }

    fn observe(&mut self, site: Site, value: &Tensor) -> Result<()> {
        match site {
            Site::SvaKeyVectors(layer) => self.keys(layer, value),
            Site::SvaLayerIn(layer) => {
                self.record(layer, "residual_norm", &norm(value)?)?;
                self.input = Some(value.clone());
                Ok(())
            }
            Site::SvaLayerOut(layer) => match self.input.take() {
                Some(input) => self.record(layer, "update_norm", &norm(&(value - input)?)?),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
