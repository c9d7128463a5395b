//! The tree of modules of a whole model, named as in the checkpoint.

use super::pool::PooledEncoder;
use crate::checkpoint::{CambrianConfig, Loader, Part};
use crate::error::Result;
use crate::llm::Decoder;
use crate::nn::{Activation, LayerNorm, Linear};
use crate::precision::Precision;
use crate::sva::layer::NORM_EPS;
use crate::sva::{Connector, Samplers};
use candle_core::{DType, Device, Tensor};
use std::sync::Arc;

/// `mm_projector_aux_k`: an encoder's features to SVA tokens, `LN(W₂ GELU(W₀ f + b₀) + b₂)` (docs/model.md §5).
#[derive(Debug, Clone)]
pub struct AuxProjector {
    linear_0: Linear,
    linear_2: Linear,
    norm: LayerNorm,
}

impl AuxProjector {
    fn new(input: usize, width: usize, loader: &Loader<'_>) -> Result<Self> {
        Ok(Self {
            linear_0: loader.linear("0", input, width, true)?,
            linear_2: loader.linear("2", width, width, true)?,
            norm: loader.layer_norm("3", width, NORM_EPS)?,
        })
    }

    /// What it makes of features that are all zero: `[1, C]`, the same for every token.
    pub fn of_zeros(&self, compute: DType, device: &Device) -> Result<Tensor> {
        self.forward(&Tensor::zeros((1, self.linear_0.input_size()), compute, device)?)
    }

    /// `features`: `[N, D]` → `[N, C]`.
    pub fn forward(&self, features: &Tensor) -> Result<Tensor> {
        self.norm.forward(&self.linear_2.forward(&self.linear_0.forward_then(features, Activation::Gelu)?)?)
    }
}

/// Every module whose weights the checkpoint itself holds: all but the encoders.
pub struct Core {
    /// One projector an encoder.
    pub projectors: Vec<AuxProjector>,
    /// The SVA in front of the decoder.
    pub connector: Connector,
    /// The SVA inside the decoder.
    pub samplers: Option<Samplers>,
    /// The language model.
    pub decoder: Decoder,
    /// `image_newline`, `[1, H]`.
    pub newline: Tensor,
}

impl Core {
    /// Builds the tree for encoders whose features have the given `widths`.
    ///
    /// This is the one definition of what a checkpoint has to contain: over a surveying [`Loader`] the same calls
    /// find what is missing or misshapen without reading a weight.
    pub fn new(config: &CambrianConfig, precision: Precision, widths: &[usize], loader: &Loader<'_>) -> Result<Self> {
        let model = loader.pp("model").of(Part::Exact);
        let projectors = widths
            .iter()
            .enumerate()
            .map(|(k, &width)| {
                AuxProjector::new(width, config.sva.hidden_size, &model.pp(format!("mm_projector_aux_{k}")))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            projectors,
            connector: Connector::new(config, &model)?,
            samplers: Samplers::new(config, &model)?,
            decoder: Decoder::new(&config.decoder, precision.compute, loader)?,
            newline: model.tensor("image_newline", &[config.decoder.hidden_size])?.unsqueeze(0)?,
        })
    }
}

/// Every module of a model.
pub struct Network {
    /// Vision encoders, in checkpoint order; other models may hold them too.
    pub encoders: Vec<Arc<PooledEncoder>>,
    /// The rest.
    pub core: Core,
}
